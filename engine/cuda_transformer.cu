/* A whole stack of transformer layers on the GPU, for inference. Nothing here waits for the GPU, so that a
 * caller may capture it. */
#include "cuda_functions.cuh"
#include <math.h>

struct rooms {               /* scratch matrices of all rows */
    float *x, *part, *qkv, *attended, *hidden, *stack;
};
struct stack_run {
    const struct transformer *s;
    const struct transformer_run *run;
    struct rooms room;
    int rows;
    const float *now;        /* (rows, width): what the next step reads */
};

static int make_rooms(struct device *d, struct stack_run *k)
{
    size_t rows = (size_t)k->rows, width = (size_t)k->s->width;
    cuda_scratch_start(d);
    k->room.x = cuda_scratch(d, rows * width);
    k->room.part = cuda_scratch(d, rows * width);
    k->room.qkv = cuda_scratch(d, rows * 3 * width);
    k->room.attended = cuda_scratch(d, rows * width);
    k->room.hidden = cuda_scratch(d, rows * (size_t)k->s->feed_forward);
    k->room.stack = cuda_scratch(d, rows * width * (size_t)(k->s->layers / 2 + 1));
    return k->room.x && k->room.part && k->room.qkv && k->room.attended && k->room.hidden && k->room.stack;
}

static void linear(struct device *d, const struct stack_run *k, float *y, const float *x, const struct packed_layer *l,
                   enum activation act)
{
    cuda_multiply_packed(d, y, x, &l->weight, l->bias, k->rows, 0, act);
}

/* `to` = norm(now + r), and is what comes next; r as in cuda_norm_rows. */
static void norm(struct device *d, struct stack_run *k, float *to, const float *r, size_t ldr, int per,
                 const struct norm_values *w)
{
    cuda_norm_rows(d, to, k->now, r, ldr, per, w->weight, w->bias, k->rows, k->s->width, k->s->eps);
    k->now = to;
}

static void attend(struct device *d, const struct stack_run *k, const float *q, int ldq, const float *kv, int ldkv, int keys,
                   const float *mask)
{
    const struct transformer *s = k->s;
    int width = s->width / s->heads;
    struct attention_shape shape = {k->run->batch, k->run->frames, keys, s->heads, width, ldq, ldkv, ldkv, s->width,
                                    1.0f / sqrtf((float)width), 0, 0};
    struct dropout none = {0, 0, 0};
    size_t before = cuda_state_of(d)->scratch_used;
    cuda_attention_within(d, k->room.attended, 0, q, kv, kv + s->width, mask, &shape, none);
    cuda_state_of(d)->scratch_used = before;
}

static void join(struct device *d, struct stack_run *k, const struct transformer_layer_packed *l, const float *mirror)
{
    struct packed half = l->joint.weight;
    int width = k->s->width;
    half.column = 0;
    half.ins = width;
    cuda_multiply_packed(d, k->room.part, k->now, &half, 0, k->rows, 0, ACT_NONE);
    half.column = width;
    cuda_multiply_packed(d, k->room.part, mirror, &half, l->joint.bias, k->rows, 1, ACT_NONE);
    float *was = k->room.x;              /* the sum is what comes next; its room and x change names */
    k->room.x = k->room.part;
    k->room.part = was;
    k->now = k->room.x;
}

static void self_attention(struct device *d, struct stack_run *k, const struct transformer_layer_packed *l)
{
    int width = k->s->width;
    linear(d, k, k->room.qkv, k->now, &l->in, ACT_NONE);
    attend(d, k, k->room.qkv, 3 * width, k->room.qkv + width, 3 * width, k->run->frames, k->run->mask);
    linear(d, k, k->room.part, k->room.attended, &l->out, ACT_NONE);
    norm(d, k, k->room.x, k->room.part, (size_t)width, 1, &l->norm[0]);
}

static void cross_attention(struct device *d, struct stack_run *k, const struct transformer_layer_packed *l, int layer)
{
    const struct transformer_run *run = k->run;
    int width = k->s->width, layers = k->s->layers;
    if (run->tokens == 1) {              /* the same row for every frame of a sample */
        norm(d, k, k->room.x, run->memory + (size_t)layer * (size_t)width, (size_t)layers * (size_t)width, run->frames, &l->norm[1]);
        return;
    }
    linear(d, k, k->room.qkv, k->now, &l->query, ACT_NONE);
    attend(d, k, k->room.qkv, width, run->memory + (size_t)layer * 2 * (size_t)width, layers * 2 * width, run->tokens, 0);
    linear(d, k, k->room.part, k->room.attended, &l->cross_out, ACT_NONE);
    norm(d, k, k->room.x, k->room.part, (size_t)width, 1, &l->norm[1]);
}

void cuda_transformer(struct device *d, const struct transformer *s, const struct transformer_run *run)
{
    struct stack_run k = {s, run, {0, 0, 0, 0, 0, 0}, run->batch * run->frames, run->x};
    size_t count = (size_t)k.rows * (size_t)s->width, sample = (size_t)run->frames * (size_t)s->width;
    int half = s->layers / 2;
    if (run->lengths && !run->mask) {              /* here only the mask hides what lies behind a sample */
        cuda_refuse(d, "lengths of samples without the mask that says the same; give both");
        return;
    }
    if (k.rows < 1 || !make_rooms(d, &k)) return;
    if (run->first) {
        for (int b = 0; b < run->batch; b++) cuda_copy(d, k.room.x + (size_t)b * sample, run->first[b], sample);
        k.now = k.room.x;
    }
    for (int i = 0; i < s->layers; i++) {
        const struct transformer_layer_packed *l = &s->layer[i];
        float *kept = k.room.stack + (size_t)i * count, *mirror = k.room.stack + (size_t)(s->layers - 1 - i) * count;
        if (l->joint.weight.values) join(d, &k, l, mirror);
        if (i > 0 || !run->first) self_attention(d, &k, l);
        if (s->decoder) cross_attention(d, &k, l, i);
        linear(d, &k, k.room.hidden, k.now, &l->linear1, ACT_GELU);
        linear(d, &k, k.room.part, k.room.hidden, &l->linear2, ACT_NONE);
        float *to = i < half ? kept : k.room.x;
        norm(d, &k, to, k.room.part, (size_t)s->width, 1, &l->norm[s->decoder ? 2 : 1]);
        if (run->residuals) cuda_combine(d, to, 1.0f, to, 1.0f, run->residuals[i], count);
        if (run->outputs) cuda_copy(d, run->outputs[i], to, count);
    }
    if (s->norm.weight) cuda_norm_rows(d, run->y, k.now, 0, 0, 1, s->norm.weight, s->norm.bias, k.rows, s->width, s->eps);
    else cuda_copy(d, run->y, k.now, count);
}
