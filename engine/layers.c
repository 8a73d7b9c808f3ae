#include "layers.h"
#include <math.h>
#include <stdio.h>

static struct param *add(struct params *p, enum init_rule rule, float scale, const char *prefix, const char *name,
                         int rank, int d0, int d1)
{
    char full[160];
    int length = snprintf(full, sizeof full, "%s%s", prefix, name);
    if (length < 0 || (size_t)length >= sizeof full) {
        p->failed = 1;
        return NULL;
    }
    return params_add(p, rule, scale, full, rank, d0, d1, 1);
}

int transformer_size_fits(const struct transformer_size *size)
{
    return size->layers >= 1 && size->layers <= MAX_LAYERS && size->layers % 2 == 1 && size->heads >= 1 &&
           size->width >= 1 && size->width <= MAX_WIDTH && size->width % size->heads == 0 &&
           size->feed_forward >= 1 && size->feed_forward <= MAX_FEED_FORWARD;
}

/* Linear layers alone read it. */
static struct param *matrix(struct param *p)
{
    if (p) p->matrix = 1;
    return p;
}

struct linear_layer linear_add(struct params *p, const char *name, int in, int out, int with_bias)
{
    struct linear_layer l = {0};
    float bound = 1.0f / sqrtf((float)in);
    l.weight = matrix(add(p, INIT_UNIFORM, bound, name, ".weight", 2, out, in));
    if (with_bias) l.bias = add(p, INIT_UNIFORM, bound, name, ".bias", 1, out, 1);
    return l;
}

struct norm_layer norm_add(struct params *p, const char *name, int width)
{
    struct norm_layer l = {0};
    l.weight = add(p, INIT_ONE, 0, name, ".weight", 1, width, 1);
    l.bias = add(p, INIT_ZERO, 0, name, ".bias", 1, width, 1);
    return l;
}

static float xavier(int in, int out) { return sqrtf(6.0f / (float)(in + out)); }

static void attention_add(struct params *p, struct attention_layer *a, const char *name, int d)
{
    a->in_weight = matrix(add(p, INIT_UNIFORM, xavier(d, 3 * d), name, ".in_proj_weight", 2, 3 * d, d));
    a->in_bias = add(p, INIT_ZERO, 0, name, ".in_proj_bias", 1, 3 * d, 1);
    a->out.weight = matrix(add(p, INIT_UNIFORM, xavier(d, d), name, ".out_proj.weight", 2, d, d));
    a->out.bias = add(p, INIT_ZERO, 0, name, ".out_proj.bias", 1, d, 1);
}

/* Layers of a stack are copies of one template: their feed-forward biases start
 * equal, told by a common twin name. */
static struct linear_layer feed_forward_add(struct params *p, const char *stack, const char *layer, const char *name,
                                            int in, int out)
{
    char full[160];
    snprintf(full, sizeof full, "%s.%s", layer, name);
    struct linear_layer l = linear_add(p, full, in, out, 1);
    if (l.weight) l.weight->scale = xavier(in, out);
    if (l.bias) snprintf(l.bias->twin, sizeof l.bias->twin, "%.100s/%s.bias", stack, name);
    return l;
}

static void layer_add(struct params *p, struct transformer_layer *l, const char *stack, const char *name,
                      const struct transformer_size *size, int is_decoder)
{
    char full[200];
    snprintf(full, sizeof full, "%s.self_attn", name);
    attention_add(p, &l->self, full, size->width);
    if (is_decoder) {
        snprintf(full, sizeof full, "%s.multihead_attn", name);
        attention_add(p, &l->cross, full, size->width);
    }
    l->linear1 = feed_forward_add(p, stack, name, "linear1", size->width, size->feed_forward);
    l->linear2 = feed_forward_add(p, stack, name, "linear2", size->feed_forward, size->width);
    for (int i = 0; i < (is_decoder ? 3 : 2); i++) {
        snprintf(full, sizeof full, "%s.norm%d", name, i + 1);
        l->norm[i] = norm_add(p, full, size->width);
    }
}

void skip_transformer_add(struct params *p, struct skip_transformer *s, const char *name,
                          const struct transformer_size *size, int is_decoder, int with_norm)
{
    char full[160];
    int half = (size->layers - 1) / 2;
    *s = (struct skip_transformer){.layers = size->layers, .heads = size->heads, .width = size->width,
                                   .is_decoder = is_decoder, .eps = size->eps};
    for (int i = 0; i < half; i++) {
        snprintf(full, sizeof full, "%s.input_blocks.%d", name, i);
        layer_add(p, &s->layer[i], name, full, size, is_decoder);
    }
    snprintf(full, sizeof full, "%s.middle_block", name);
    layer_add(p, &s->layer[half], name, full, size, is_decoder);
    for (int i = 0; i < half; i++) {
        snprintf(full, sizeof full, "%s.output_blocks.%d", name, i);
        layer_add(p, &s->layer[half + 1 + i], name, full, size, is_decoder);
    }
    for (int i = 0; i < half; i++) {
        snprintf(full, sizeof full, "%s.linear_blocks.%d", name, i);
        s->joint[i] = linear_add(p, full, 2 * size->width, size->width, 1);
        if (s->joint[i].weight) s->joint[i].weight->scale = xavier(2 * size->width, size->width);
    }
    if (with_norm) {
        snprintf(full, sizeof full, "%s.norm", name);
        s->norm = norm_add(p, full, size->width);
    }
}

int skip_transformer_layers(const struct weights *w, const char *prefix)
{
    int half = 0;
    for (; half < MAX_LAYERS / 2; half++) {
        char name[300];
        snprintf(name, sizeof name, "%s%s.%d.norm1.weight", prefix, "encoder.input_blocks", half);
        if (!weights_find(w, name)) break;
    }
    return 2 * half + 1;
}

/* --- running ------------------------------------------------------------------ */

static struct tensor *whole(struct tape *t, struct param *p) { return p ? tape_param(t, p, 0, p->shape[0]) : NULL; }

struct tensor *linear_run(struct tape *t, const struct linear_layer *l, struct tensor *x, enum activation act)
{
    return op_linear(t, x, whole(t, l->weight), whole(t, l->bias), act);
}

static struct tensor *norm_run(struct tape *t, const struct norm_layer *l, struct tensor *x, struct tensor *r,
                               float eps)
{
    return op_add_layernorm(t, x, r, whole(t, l->weight), whole(t, l->bias), eps);
}

static struct tensor *self_attention_run(struct tape *t, const struct attention_layer *a, struct tensor *x, int batch,
                                         int heads, const float *mask)
{
    struct tensor *qkv = op_linear(t, x, whole(t, a->in_weight), whole(t, a->in_bias), ACT_NONE);
    return linear_run(t, &a->out, op_self_attention(t, qkv, batch, heads, mask), ACT_NONE);
}

static struct tensor *cross_attention_run(struct tape *t, const struct attention_layer *a, struct tensor *x,
                                          struct tensor *memory, int batch, int heads)
{
    if (!x || !memory || !a->in_weight) return NULL;
    int d = x->cols;
    if (memory->rows == batch && t->dropout <= 0 && !t->recording) {
        /* One memory token: its weight is exactly 1, so the answer is its value for every query. */
        struct tensor *value = op_linear(t, memory, tape_param(t, a->in_weight, 2 * d, d), tape_param(t, a->in_bias, 2 * d, d), ACT_NONE);
        struct tensor *one = linear_run(t, &a->out, value, ACT_NONE), *all = one ? tape_tensor(t, x->rows, d) : NULL;
        if (!all) return NULL;
        int frames = x->rows / batch;
        for (int b = 0; b < batch; b++)
            t->device->blocks(t->device, all->x + (size_t)b * (size_t)frames * (size_t)d, (size_t)d,
                              one->x + (size_t)b * (size_t)d, 0, frames, (size_t)d, 0);
        return all;
    }
    struct tensor *kv = op_linear(t, memory, tape_param(t, a->in_weight, d, 2 * d), tape_param(t, a->in_bias, d, 2 * d), ACT_NONE);
    struct tensor *q = op_linear(t, x, tape_param(t, a->in_weight, 0, d), tape_param(t, a->in_bias, 0, d), ACT_NONE);
    return linear_run(t, &a->out, op_cross_attention(t, q, kv, batch, heads, NULL), ACT_NONE);
}

static struct tensor *layer_run(struct tape *t, const struct skip_transformer *s, const struct transformer_layer *l,
                                struct tensor *x, int batch, const float *mask, struct tensor *memory)
{
    x = norm_run(t, &l->norm[0], x, self_attention_run(t, &l->self, x, batch, s->heads, mask), s->eps);
    if (s->is_decoder)
        x = norm_run(t, &l->norm[1], x, cross_attention_run(t, &l->cross, x, memory, batch, s->heads), s->eps);
    struct tensor *hidden = op_dropout(t, linear_run(t, &l->linear1, x, ACT_GELU));
    return norm_run(t, &l->norm[s->is_decoder ? 2 : 1], x, linear_run(t, &l->linear2, hidden, ACT_NONE), s->eps);
}

struct tensor *skip_transformer_run(struct tape *t, const struct skip_transformer *s, struct tensor *x, int batch,
                                    const float *mask, struct tensor *memory, struct tensor *const *residuals,
                                    struct tensor **outputs)
{
    if (!t->recording && skip_transformer_packed(s))
        return skip_transformer_run_packed(t, s, x, batch, mask, memory, residuals, outputs, NULL, NULL);
    struct tensor *stack[MAX_LAYERS];
    int half = (s->layers - 1) / 2;
    for (int i = 0; i < s->layers && x; i++) {
        if (i > half) {
            const struct linear_layer *joint = &s->joint[i - half - 1];
            x = op_linear_pair(t, x, stack[s->layers - 1 - i], whole(t, joint->weight), whole(t, joint->bias));
        }
        struct tensor *kept = NULL;
        struct arena_mark mark = {0};
        if (!t->recording && x) {           /* inference: only the layer's result survives it */
            kept = tape_tensor(t, x->rows, x->cols);
            mark = arena_mark(&t->arena);
        }
        x = layer_run(t, s, &s->layer[i], x, batch, mask, memory);
        if (kept && x) {
            t->device->copy(t->device, kept->x, x->x, (size_t)x->rows * (size_t)x->cols);
            arena_return(&t->arena, mark);
            x = kept;
        }
        if (residuals) x = op_add(t, x, residuals[i]);
        if (outputs) outputs[i] = x;
        if (i < half) stack[i] = x;
    }
    if (x && s->norm.weight) x = norm_run(t, &s->norm, x, NULL, s->eps);
    return x;
}
