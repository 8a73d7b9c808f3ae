#include "bert_encoder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct text_names bert_names = {.layer = "encoder.layer.",
                                             .query = ".attention.self.query",
                                             .key = ".attention.self.key",
                                             .value = ".attention.self.value",
                                             .attention_out = ".attention.output.dense",
                                             .feed = ".intermediate.dense",
                                             .out = ".output.dense",
                                             .norm = {".attention.output.LayerNorm", ".output.LayerNorm"}};

static const struct text_names distilbert_names = {.layer = "transformer.layer.",
                                                   .query = ".attention.q_lin",
                                                   .key = ".attention.k_lin",
                                                   .value = ".attention.v_lin",
                                                   .attention_out = ".attention.out_lin",
                                                   .feed = ".ffn.lin1",
                                                   .out = ".ffn.lin2",
                                                   .norm = {".sa_layer_norm", ".output_layer_norm"}};

static const char words_name[] = "embeddings.word_embeddings.weight";
static const char positions_name[] = "embeddings.position_embeddings.weight";
static const char types_name[] = "embeddings.token_type_embeddings.weight";

struct bert_settings bert_settings_default(void)
{
    return (struct bert_settings){.activation = ACT_GELU, .eps = 1e-12f};
}

static struct weight *find(const struct weights *w, const char *prefix, const char *name)
{
    char full[300];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    struct weight *x = weights_find(w, full);
    return x && x->rank == 2 && x->shape[0] > 0 && x->shape[1] > 0 ? x : NULL;
}

/* The prefix under which the tables lie: prefix itself or with the model's name; 0 if nowhere. */
static int place(const struct weights *w, const char *prefix, char full[200])
{
    static const char *const models[] = {"", "bert.", "distilbert."};
    for (int i = 0; i < 3; i++) {
        snprintf(full, 200, "%s%s", prefix, models[i]);
        if (find(w, full, words_name)) return 1;
    }
    return 0;
}

int bert_encoder_found(const struct weights *w, const char *prefix)
{
    char full[200];
    return place(w, prefix, full);
}

static int describe(struct bert_encoder *x, const struct weights *w, const char *prefix, const struct text_names *n,
                    const struct bert_settings *settings, struct error *e)
{
    struct weight *words = find(w, prefix, words_name), *positions = find(w, prefix, positions_name);
    struct weight *types = find(w, prefix, types_name), *pooler = find(w, prefix, "pooler.dense.weight");
    struct weight *feed = text_layer_weight(w, prefix, n, 0, n->feed, ".weight");
    if (!positions || !feed || feed->rank != 2)
        return error_set(e, ERR_INPUT, "%s: no whole BERT or DistilBERT under '%s'; use the whole checkpoint", w->path,
                         prefix);
    int width = words->shape[1];
    x->vocabulary = words->shape[0];
    x->position_count = positions->shape[0];
    x->type_count = types ? types->shape[0] : 0;
    struct text_stack_size size = {.layers = text_layers_count(w, prefix, n), .heads = settings->heads, .width = width,
                                   .inner = width, .feed_forward = feed->shape[0], .biases = 1,
                                   .activation = settings->activation, .eps = settings->eps};
    int rc = text_stack_match(w, prefix, &size, e);
    if (rc) return rc;
    struct params *p = &x->params;
    x->words = params_add(p, INIT_ZERO, 0, "words", 2, x->vocabulary, width, 1);
    x->positions = params_add(p, INIT_ZERO, 0, "positions", 2, x->position_count, width, 1);
    if (types) x->types = params_add(p, INIT_ZERO, 0, "types", 2, x->type_count, width, 1);
    x->norm = norm_add(p, "norm", width);
    rc = text_stack_add(p, &x->stack, &size, e);
    if (rc) return error_prefix(e, "%s", w->path);
    if (pooler) x->pooler = linear_add(p, "pooler", width, width, 1);
    return params_allocate(p, e);
}

int bert_encoder_load(struct bert_encoder *x, struct device *d, struct weights *w, const char *prefix,
                      const struct bert_settings *settings, struct error *e)
{
    char at[200];
    memset(x, 0, sizeof *x);
    params_init(&x->params, d);
    if (!place(w, prefix, at))
        return error_set(e, ERR_INPUT, "%s: no BERT or DistilBERT under '%s'; use the whole checkpoint", w->path, prefix);
    struct params *p = &x->params;
    const struct text_names *n = text_layers_count(w, at, &distilbert_names) ? &distilbert_names : &bert_names;
    int rc = describe(x, w, at, n, settings, e);
    if (!rc) rc = text_fill(p, x->words, 0, x->vocabulary, w, at, words_name, 0, e);
    if (!rc) rc = text_fill(p, x->positions, 0, x->position_count, w, at, positions_name, 0, e);
    if (!rc && x->types) rc = text_fill(p, x->types, 0, x->type_count, w, at, types_name, 0, e);
    if (!rc) rc = text_fill_norm(p, &x->norm, w, at, "embeddings.LayerNorm", e);
    if (!rc) rc = text_stack_load(p, &x->stack, w, at, n, e);
    if (!rc && x->pooler.weight) {
        int width = x->stack.size.width;
        rc = text_fill(p, x->pooler.weight, 0, width, w, at, "pooler.dense.weight", 0, e);
        if (!rc) rc = text_fill(p, x->pooler.bias, 0, width, w, at, "pooler.dense.bias", 0, e);
    }
    if (rc) bert_encoder_free(x);
    return rc;
}

void bert_encoder_free(struct bert_encoder *x)
{
    params_free(&x->params);
    memset(x, 0, sizeof *x);
}

/* Rows of the table of segments; all of them are row 0 if `types` is NULL. */
static struct tensor *segments(struct tape *t, const struct bert_encoder *x, const int *types, int n)
{
    int *rows = calloc((size_t)n, sizeof *rows);
    if (!rows) {
        tape_error(t, "out of memory");
        return NULL;
    }
    if (types) memcpy(rows, types, (size_t)n * sizeof *rows);
    struct tensor *y = op_gather(t, tape_param(t, x->types, 0, x->type_count), rows, n);
    tape_keep(t, rows);
    return y;
}

struct tensor *bert_encoder_run(struct tape *t, const struct bert_encoder *x, const struct text_batch *batch,
                                const int *types, struct tensor **embedded, struct tensor **states)
{
    if (text_batch_check(batch, x->vocabulary, x->position_count, &t->error)) return NULL;
    int n = batch->batch * batch->frames;
    struct tensor *s = op_gather(t, tape_param(t, x->words, 0, x->vocabulary), batch->ids, n);
    if (x->types) s = op_add(t, s, segments(t, x, types, n));
    s = op_add_positions(t, s, tape_param(t, x->positions, 0, batch->frames), batch->batch);
    s = text_norm(t, &x->stack, &x->norm, s, NULL);
    if (embedded) *embedded = s;
    return text_stack_run(t, &x->stack, s, batch->batch, text_batch_mask(t, batch), NULL, states);
}

struct tensor *bert_encoder_pool(struct tape *t, const struct bert_encoder *x, struct tensor *states, int batch)
{
    if (!states || !x->pooler.weight) {
        if (states) tape_error(t, "this BERT has no pooler; use the mean of its states");
        return NULL;
    }
    return linear_run(t, &x->pooler, op_slice(t, states, batch, 0, 1), ACT_TANH);
}
