/* Skip transformers with packed weights: one call of the device for the whole stack. */
#include "layers.h"
#include "transformer.h"
#include <stdlib.h>
#include <string.h>

int skip_transformer_packed(const struct skip_transformer *s)
{
    return s->layers > 0 && s->layer[0].self.in_weight && s->layer[0].self.in_weight->packed.values;
}

static struct packed_layer packed_layer(const struct param *weight, const struct param *bias)
{
    return (struct packed_layer){weight->packed, bias ? bias->x : NULL};
}

static struct norm_values norm_values(const struct norm_layer *l)
{
    return (struct norm_values){l->weight ? l->weight->x : NULL, l->bias ? l->bias->x : NULL};
}

static void describe(const struct skip_transformer *s, struct transformer_layer_packed *to, struct transformer *all)
{
    int half = (s->layers - 1) / 2;
    *all = (struct transformer){.layers = s->layers, .heads = s->heads, .width = s->width, .decoder = s->is_decoder,
                                .feed_forward = s->layer[0].linear1.weight->shape[0], .eps = s->eps, .layer = to,
                                .norm = norm_values(&s->norm)};
    for (int i = 0; i < s->layers; i++) {
        const struct transformer_layer *l = &s->layer[i];
        to[i] = (struct transformer_layer_packed){.in = packed_layer(l->self.in_weight, l->self.in_bias),
                                                  .out = packed_layer(l->self.out.weight, l->self.out.bias),
                                                  .linear1 = packed_layer(l->linear1.weight, l->linear1.bias),
                                                  .linear2 = packed_layer(l->linear2.weight, l->linear2.bias)};
        if (i > half) to[i].joint = packed_layer(s->joint[i - half - 1].weight, s->joint[i - half - 1].bias);
        for (int n = 0; n < 3; n++) to[i].norm[n] = norm_values(&l->norm[n]);
        if (!s->is_decoder) {
            to[i].norm[2] = to[i].norm[1];
            continue;
        }
        to[i].query = packed_layer(l->cross.in_weight, l->cross.in_bias);
        to[i].query.weight.outs = s->width;
        to[i].cross_out = packed_layer(l->cross.out.weight, l->cross.out.bias);
    }
}

/* The memory as the device wants it (transformer.h), from tokens (batch·m, d). */
static struct tensor *memory_rows(struct tape *t, const struct skip_transformer *s, struct tensor *memory, int batch)
{
    int d = s->width, one = memory->rows == batch, each = one ? d : 2 * d;
    if (s->memory.weight && s->memory.weight->shape[0] == s->layers * each) return linear_run(t, &s->memory, memory, ACT_NONE);
    struct tensor *all = tape_tensor(t, memory->rows, s->layers * each);
    for (int i = 0; i < s->layers && all; i++) {
        const struct attention_layer *a = &s->layer[i].cross;
        int row = one ? 2 * d : d;
        struct tensor *y = op_linear(t, memory, tape_param(t, a->in_weight, row, each), tape_param(t, a->in_bias, row, each), ACT_NONE);
        if (one) y = linear_run(t, &a->out, y, ACT_NONE);
        if (!y) return NULL;
        t->device->blocks(t->device, all->x + (size_t)i * (size_t)each, (size_t)(s->layers * each), y->x, (size_t)each,
                          memory->rows, (size_t)each, 0);
    }
    return all;
}

struct tensor *skip_transformer_run_packed(struct tape *t, const struct skip_transformer *s, struct tensor *x, int batch,
                                           const float *mask, struct tensor *memory, struct tensor *const *residuals,
                                           struct tensor **outputs, const float *const *first, const int *lengths)
{
    struct transformer_layer_packed layer[MAX_LAYERS];
    struct transformer all;
    const float *more[MAX_LAYERS];
    float *kept[MAX_LAYERS];
    if (!x || batch <= 0 || x->rows % batch || x->cols != s->width || (s->is_decoder && (!memory || memory->rows % batch))) {
        if (x) tape_error(t, "packed transformer: %d x %d values for a width of %d, batch %d", x->rows, x->cols, s->width, batch);
        return NULL;
    }
    if (lengths && !mask) {
        tape_error(t, "packed transformer: lengths of samples without the mask that says the same");
        return NULL;
    }
    for (int i = 0; i < s->layers; i++) {
        if (outputs && !(outputs[i] = tape_tensor(t, x->rows, x->cols))) return NULL;
        if (outputs) kept[i] = outputs[i]->x;
        if (residuals && (!residuals[i] || residuals[i]->rows != x->rows || residuals[i]->cols != x->cols)) {
            tape_error(t, "packed transformer: a residual that does not fit %d x %d values", x->rows, x->cols);
            return NULL;
        }
        if (residuals) more[i] = residuals[i]->x;
    }
    describe(s, layer, &all);
    struct tensor *y = tape_tensor(t, x->rows, x->cols);
    struct tensor *rows = y && s->is_decoder ? memory_rows(t, s, memory, batch) : NULL;
    if (!y || (s->is_decoder && !rows)) return NULL;
    struct transformer_run run = {.y = y->x, .x = x->x, .batch = batch, .frames = x->rows / batch, .mask = mask,
                                  .memory = rows ? rows->x : NULL, .tokens = rows ? rows->rows / batch : 0,
                                  .residuals = residuals ? more : NULL, .outputs = outputs ? kept : NULL, .first = first,
                                  .lengths = lengths};
    t->device->transformer(t->device, &all, &run);
    return y;
}

/* --- what a decoder prepares ------------------------------------------------------------------------ */

int skip_transformer_prepare_add(struct params *p, struct skip_transformer *s, int tokens)
{
    int d = s->width, rows = s->layers * (tokens == 1 ? d : 2 * d);
    s->memory.weight = params_add(p, INIT_ZERO, 0, "memory.weight", 2, rows, d, 1);
    s->memory.bias = params_add(p, INIT_ZERO, 0, "memory.bias", 1, rows, 1, 1);
    if (!s->memory.weight || !s->memory.bias) return 0;
    s->memory.weight->matrix = 1;
    return 1;
}

/* out (d,d) = a·b, bias (d) = a·c + e, all (d,d) and (d), sums in double. `row` (d) is scratch. */
static void compose(float *out, float *bias, const float *a, const float *b, const float *c, const float *e, int d, double *row)
{
    for (int i = 0; i < d; i++) {
        const float *ai = a + (size_t)i * (size_t)d;
        double total = (double)e[i];
        memset(row, 0, (size_t)d * sizeof *row);
        for (int k = 0; k < d; k++) {
            const float *bk = b + (size_t)k * (size_t)d;
            double f = (double)ai[k];
            total += f * (double)c[k];
            for (int j = 0; j < d; j++) row[j] += f * (double)bk[j];
        }
        for (int j = 0; j < d; j++) out[(size_t)i * (size_t)d + (size_t)j] = (float)row[j];
        bias[i] = (float)total;
    }
}

int skip_transformer_prepare_fill(const struct skip_transformer *s, struct device *dev, int tokens, struct error *e)
{
    size_t d = (size_t)s->width, each = tokens == 1 ? d : 2 * d;
    float *host = malloc((5 * d * d + 5 * d) * sizeof *host);
    double *row = malloc(d * sizeof *row);
    if (!host || !row) {
        free(host);
        free(row);
        return error_memory(e, "a prepared decoder");
    }
    float *in = host, *out = in + 2 * d * d, *made = out + d * d, *in_bias = made + 2 * d * d;
    float *out_bias = in_bias + 2 * d, *bias = out_bias + d;
    for (int i = 0; i < s->layers; i++) {
        const struct attention_layer *a = &s->layer[i].cross;
        size_t from = tokens == 1 ? 2 * d : d;
        dev->download(dev, in, a->in_weight->x + from * d, each * d);
        dev->download(dev, in_bias, a->in_bias->x + from, each);
        if (tokens == 1) {
            dev->download(dev, out, a->out.weight->x, d * d);
            dev->download(dev, out_bias, a->out.bias->x, d);
            compose(made, bias, out, in, in_bias, out_bias, s->width, row);
        }
        dev->upload(dev, s->memory.weight->x + (size_t)i * each * d, tokens == 1 ? made : in, each * d);
        dev->upload(dev, s->memory.bias->x + (size_t)i * each, tokens == 1 ? bias : in_bias, each);
    }
    free(host);
    free(row);
    return 0;
}

struct tensor *skip_transformer_first_run(struct tape *t, const struct skip_transformer *s, struct tensor *positions,
                                          struct tensor *qkv)
{
    const struct transformer_layer *l = &s->layer[0];
    struct tensor *y = op_self_attention(t, qkv, 1, s->heads, NULL);
    y = linear_run(t, &l->self.out, y, ACT_NONE);
    return y ? op_add_layernorm(t, positions, y, tape_param(t, l->norm[0].weight, 0, s->width),
                                tape_param(t, l->norm[0].bias, 0, s->width), s->eps) : NULL;
}
