#include "clip_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct layout {
    struct text_names names;
    const char *table, *positions, *norm, *projection;
    int transposed;            /* the projection is (width, features) */
};

static const struct layout openai = {
    .names = {.layer = "transformer.resblocks.", .packed = ".attn.in_proj", .attention_out = ".attn.out_proj",
              .feed = ".mlp.c_fc", .out = ".mlp.c_proj", .norm = {".ln_1", ".ln_2"}},
    .table = "token_embedding.weight", .positions = "positional_embedding", .norm = "ln_final",
    .projection = "text_projection", .transposed = 1};

static const struct layout hugging_face = {
    .names = {.layer = "text_model.encoder.layers.", .query = ".self_attn.q_proj", .key = ".self_attn.k_proj",
              .value = ".self_attn.v_proj", .attention_out = ".self_attn.out_proj", .feed = ".mlp.fc1", .out = ".mlp.fc2",
              .norm = {".layer_norm1", ".layer_norm2"}},
    .table = "text_model.embeddings.token_embedding.weight",
    .positions = "text_model.embeddings.position_embedding.weight", .norm = "text_model.final_layer_norm",
    .projection = "text_projection.weight"};

struct clip_settings clip_settings_default(void)
{
    return (struct clip_settings){.activation = ACT_QUICK_GELU, .eps = 1e-5f};
}

static struct weight *find(const struct weights *w, const char *prefix, const char *name)
{
    char full[300];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    struct weight *x = weights_find(w, full);
    return x && x->rank == 2 && x->shape[0] > 0 && x->shape[1] > 0 ? x : NULL;
}

static const struct layout *layout_of(const struct weights *w, const char *prefix)
{
    return find(w, prefix, openai.table) ? &openai : find(w, prefix, hugging_face.table) ? &hugging_face : NULL;
}

int clip_text_found(const struct weights *w, const char *prefix) { return layout_of(w, prefix) != NULL; }

static int describe(struct clip_text *x, const struct weights *w, const char *prefix, const struct layout *l,
                    const struct clip_settings *settings, struct error *e)
{
    struct weight *table = find(w, prefix, l->table), *positions = find(w, prefix, l->positions);
    struct weight *projection = find(w, prefix, l->projection);
    struct weight *feed = text_layer_weight(w, prefix, &l->names, 0, l->names.feed, ".weight");
    if (!positions || !feed || feed->rank != 2)
        return error_set(e, ERR_INPUT, "%s: no whole CLIP text encoder under '%s'; use a whole CLIP checkpoint", w->path,
                         prefix);
    int width = table->shape[1];
    x->vocabulary = table->shape[0];
    x->context = positions->shape[0];
    x->features = projection ? projection->shape[l->transposed ? 1 : 0] : 0;
    struct text_stack_size size = {.layers = text_layers_count(w, prefix, &l->names),
                                   .heads = settings->heads > 0 ? settings->heads : width / 64, .width = width,
                                   .inner = width, .feed_forward = feed->shape[0], .biases = 1, .norm_first = 1,
                                   .activation = settings->activation, .eps = settings->eps};
    int rc = text_stack_match(w, prefix, &size, e);
    if (rc) return rc;
    struct params *p = &x->params;
    x->table = params_add(p, INIT_ZERO, 0, "tokens", 2, x->vocabulary, width, 1);
    x->positions = params_add(p, INIT_ZERO, 0, "positions", 2, x->context, width, 1);
    rc = text_stack_add(p, &x->stack, &size, e);
    if (rc) return error_prefix(e, "%s", w->path);
    x->norm = norm_add(p, "norm", width);
    if (x->features) x->projection = linear_add(p, "projection", width, x->features, 0);
    return params_allocate(p, e);
}

int clip_text_load(struct clip_text *x, struct device *d, struct weights *w, const char *prefix,
                   const struct clip_settings *settings, struct error *e)
{
    const struct layout *l = layout_of(w, prefix);
    memset(x, 0, sizeof *x);
    params_init(&x->params, d);
    if (!l)
        return error_set(e, ERR_INPUT, "%s: no CLIP text encoder under '%s'; use a whole CLIP checkpoint", w->path, prefix);
    struct params *p = &x->params;
    int rc = describe(x, w, prefix, l, settings, e);
    if (!rc) rc = text_fill(p, x->table, 0, x->vocabulary, w, prefix, l->table, 0, e);
    if (!rc) rc = text_fill(p, x->positions, 0, x->context, w, prefix, l->positions, 0, e);
    if (!rc) rc = text_fill_norm(p, &x->norm, w, prefix, l->norm, e);
    if (!rc && x->features)
        rc = text_fill(p, x->projection.weight, 0, x->features, w, prefix, l->projection, l->transposed, e);
    if (!rc) rc = text_stack_load(p, &x->stack, w, prefix, &l->names, e);
    if (rc) clip_text_free(x);
    return rc;
}

void clip_text_free(struct clip_text *x)
{
    params_free(&x->params);
    memset(x, 0, sizeof *x);
}

struct tensor *clip_text_run(struct tape *t, const struct clip_text *x, const struct text_batch *batch,
                             struct tensor **embedded, struct tensor **states)
{
    const struct attention_options causal = {.causal = 1};
    if (text_batch_check(batch, x->vocabulary, x->context, &t->error)) return NULL;
    struct tensor *s = op_gather(t, tape_param(t, x->table, 0, x->vocabulary), batch->ids, batch->batch * batch->frames);
    s = op_add_positions(t, s, tape_param(t, x->positions, 0, batch->frames), batch->batch);
    if (embedded) *embedded = s;
    s = text_stack_run(t, &x->stack, s, batch->batch, NULL, &causal, states);
    return text_norm(t, &x->stack, &x->norm, s, NULL);
}

struct tensor *clip_text_pool(struct tape *t, struct tensor *states, const struct text_batch *batch)
{
    int *rows = malloc((size_t)batch->batch * sizeof *rows);
    if (!rows) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int b = 0; b < batch->batch; b++) {
        const int *ids = batch->ids + b * batch->frames;
        int at = 0;
        for (int i = 1; i < batch->frames; i++)
            if (ids[i] > ids[at]) at = i;
        rows[b] = b * batch->frames + at;
    }
    struct tensor *y = op_gather(t, states, rows, batch->batch);
    tape_keep(t, rows);
    return y;
}

struct tensor *clip_text_project(struct tape *t, const struct clip_text *x, struct tensor *pooled)
{
    if (pooled && !x->features) {
        tape_error(t, "this CLIP text encoder has no projection; use a checkpoint of the whole CLIP");
        return NULL;
    }
    return linear_run(t, &x->projection, pooled, ACT_NONE);
}
