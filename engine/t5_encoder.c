#include "t5_encoder.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char bias_name[] = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";

static struct text_names names_of(int gated)
{
    return (struct text_names){.layer = "encoder.block.",
                               .query = ".layer.0.SelfAttention.q",
                               .key = ".layer.0.SelfAttention.k",
                               .value = ".layer.0.SelfAttention.v",
                               .attention_out = ".layer.0.SelfAttention.o",
                               .feed = gated ? ".layer.1.DenseReluDense.wi_0" : ".layer.1.DenseReluDense.wi",
                               .gate = ".layer.1.DenseReluDense.wi_1",
                               .out = ".layer.1.DenseReluDense.wo",
                               .norm = {".layer.0.layer_norm", ".layer.1.layer_norm"}};
}

struct t5_settings t5_settings_default(void)
{
    return (struct t5_settings){.activation = ACT_NONE, .eps = 1e-6f, .farthest = 128};
}

static struct weight *find(const struct weights *w, const char *prefix, const char *name)
{
    char full[300];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    struct weight *x = weights_find(w, full);
    return x && x->rank == 2 && x->shape[0] > 0 && x->shape[1] > 0 ? x : NULL;
}

int t5_encoder_found(const struct weights *w, const char *prefix) { return find(w, prefix, bias_name) != NULL; }

static int incomplete(const struct weights *w, const char *prefix, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: no whole T5 encoder under '%s'; use the checkpoint of a T5 or sentence-T5 model",
                     w->path, prefix);
}

int t5_encoder_create(struct t5_encoder *x, struct device *d, const struct text_stack_size *size, int vocabulary, int buckets,
                      int farthest, struct error *e)
{
    memset(x, 0, sizeof *x);
    params_init(&x->params, d);
    if (vocabulary < 1 || buckets < 4 || buckets % 4 || farthest <= buckets / 4)
        return error_set(e, ERR_INPUT, "%d buckets of relative positions up to %d do not fit together; check the model's config.json",
                         buckets, farthest);
    x->vocabulary = vocabulary;
    x->buckets = buckets;
    x->farthest = farthest;
    x->table = params_add(&x->params, INIT_UNIFORM, 1, "tokens", 2, vocabulary, size->width, 1);
    int rc = text_stack_add(&x->params, &x->stack, size, e);
    if (rc) return rc;
    x->norm.weight = params_add(&x->params, INIT_ONE, 0, "norm.weight", 1, size->width, 1, 1);
    x->bias = calloc((size_t)buckets * (size_t)size->heads, sizeof *x->bias);
    return x->bias ? params_allocate(&x->params, e) : error_memory(e, "a T5 encoder");
}

/* Registers the parameters by the sizes of the tensors. */
static int describe(struct t5_encoder *x, const struct weights *w, const char *prefix, const struct text_names *n,
                    const struct t5_settings *settings, const struct weight *table, struct error *e)
{
    struct weight *bias = find(w, prefix, bias_name);
    struct weight *q = text_layer_weight(w, prefix, n, 0, n->query, ".weight");
    struct weight *feed = text_layer_weight(w, prefix, n, 0, n->feed, ".weight");
    int gated = text_layer_weight(w, prefix, n, 0, n->gate, ".weight") != NULL;
    if (!bias || !q || !feed || q->rank != 2 || feed->rank != 2) return incomplete(w, prefix, e);
    struct text_stack_size size = {
        .layers = text_layers_count(w, prefix, n), .heads = bias->shape[1], .width = table->shape[1],
        .inner = q->shape[0], .feed_forward = feed->shape[0], .gated = gated, .norm_first = 1, .root_mean_square = 1,
        .activation = settings->activation != ACT_NONE ? settings->activation : gated ? ACT_GELU_TANH : ACT_RELU,
        .eps = settings->eps};
    int rc = text_stack_match(w, prefix, &size, e);
    if (rc) return rc;
    rc = t5_encoder_create(x, x->params.device, &size, table->shape[0], bias->shape[0], settings->farthest, e);
    return rc ? error_prefix(e, "%s", w->path) : 0;
}

static int keep_bias(struct t5_encoder *x, struct weights *w, const char *prefix, struct error *e)
{
    struct weight *from = find(w, prefix, bias_name);
    const float *values = NULL;
    int rc = weight_values(w, from, &values, e);
    if (rc) return rc;
    memcpy(x->bias, values, from->count * sizeof *x->bias);
    weight_done(w, from);
    from->used = 1;
    return 0;
}

int t5_encoder_load(struct t5_encoder *x, struct device *d, struct weights *w, const char *prefix,
                    const struct t5_settings *settings, struct error *e)
{
    memset(x, 0, sizeof *x);
    params_init(&x->params, d);
    struct text_names plain = names_of(0);
    struct text_names names = names_of(text_layer_weight(w, prefix, &plain, 0, plain.gate, ".weight") != NULL);
    const char *table_name = "shared.weight";
    struct weight *table = find(w, prefix, table_name), *copy = find(w, prefix, "encoder.embed_tokens.weight");
    if (!table) {
        table = copy;
        table_name = "encoder.embed_tokens.weight";
    }
    int rc = table ? describe(x, w, prefix, &names, settings, table, e) : incomplete(w, prefix, e);
    if (!rc) rc = text_fill(&x->params, x->table, 0, x->vocabulary, w, prefix, table_name, 0, e);
    if (!rc) rc = text_fill_norm(&x->params, &x->norm, w, prefix, "encoder.final_layer_norm", e);
    if (!rc) rc = keep_bias(x, w, prefix, e);
    if (!rc) rc = text_stack_load(&x->params, &x->stack, w, prefix, &names, e);
    if (!rc && copy) copy->used = 1;
    if (rc) t5_encoder_free(x);
    return rc;
}

void t5_encoder_free(struct t5_encoder *x)
{
    params_free(&x->params);
    free(x->bias);
    memset(x, 0, sizeof *x);
}

/* Half of the buckets are for keys before the query, half for those after it; of each half the
 * first half hold one distance each, the others grow with its logarithm. */
int t5_bucket(int relative, int buckets, int farthest)
{
    int half = buckets / 2, exact = half / 2, distance = abs(relative), base = relative > 0 ? half : 0;
    if (distance < exact) return base + distance;
    float share = logf((float)distance / (float)exact) / (float)log((double)farthest / (double)exact);
    int bucket = exact + (int)(share * (float)(half - exact));
    return base + (bucket < half - 1 ? bucket : half - 1);
}

float *t5_position_bias(const struct t5_encoder *x, int frames)
{
    size_t n = (size_t)frames, heads = (size_t)x->stack.size.heads;
    float *bias = malloc(heads * n * n * sizeof *bias);
    if (!bias) return NULL;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const float *row = x->bias + (size_t)t5_bucket((int)j - (int)i, x->buckets, x->farthest) * heads;
            for (size_t h = 0; h < heads; h++) bias[(h * n + i) * n + j] = row[h];
        }
    return bias;
}

struct tensor *t5_encoder_run(struct tape *t, const struct t5_encoder *x, const struct text_batch *batch,
                              struct tensor **states)
{
    if (text_batch_check(batch, x->vocabulary, 0, &t->error)) return NULL;
    float *host = t5_position_bias(x, batch->frames);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    struct tensor *bias = tape_constant(t, host, x->stack.size.heads * batch->frames, batch->frames);
    free(host);
    if (!bias) return NULL;
    struct attention_options options = {.bias = bias->x, .scale = 1};
    struct tensor *s = op_gather(t, tape_param(t, x->table, 0, x->vocabulary), batch->ids, batch->batch * batch->frames);
    s = text_stack_run(t, &x->stack, s, batch->batch, text_batch_mask(t, batch), &options, states);
    return text_norm(t, &x->stack, &x->norm, s, NULL);
}
