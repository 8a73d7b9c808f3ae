/* Linear layers, activations, dropout, layer norm, attention on the tape. */
#include "ops.h"
#include <math.h>

static void linear_back(struct tape *t, struct node *n)
{
    struct device *d = t->device;
    struct tensor *x = n->in[0], *w = n->in[1], *b = n->in[2], *y = n->out;
    enum activation act = (enum activation)n->i[0];
    int ldw = n->i[1], column = n->i[2], add;
    float *dy = y->g;
    if (act != ACT_NONE) {
        if (n->kept[0]) d->activate_backward(d, dy, dy, n->kept[0], (size_t)y->rows * (size_t)y->cols, act, 0);
    }
    float *dx = tape_grad(t, x, &add);
    float *dw = tape_grad_zeroed(t, w), *db = b ? tape_grad_zeroed(t, b) : NULL;
    d->linear_backward(d, dx, dw ? dw + column : NULL, db, dy, x->x, w->x + column, x->rows, x->cols, y->cols, ldw, add);
}

/* One half of a product: columns [column, column + x.cols) of w; adds if `into` is given. */
static struct tensor *linear_part(struct tape *t, struct tensor *into, struct tensor *x, struct tensor *w,
                                  struct tensor *b, int column, enum activation act)
{
    struct device *d = t->device;
    if (!x || !w || (b && b->rows * b->cols != w->rows) || column + x->cols > w->cols) {
        if (x && w) tape_error(t, "linear: %d columns at %d into a weight of %d x %d", x->cols, column, w->rows, w->cols);
        return NULL;
    }
    struct tensor *y = into ? into : tape_tensor(t, x->rows, w->rows);
    if (!y) return NULL;
    if (w->packed.values) {
        struct packed part = w->packed;
        part.column = column;
        part.ins = x->cols;
        d->linear_packed(d, y->x, x->x, &part, b ? b->x : NULL, x->rows, into != NULL, act);
        return y;
    }
    float *pre = NULL;
    if (act != ACT_NONE && t->recording) {
        pre = arena_take(&t->arena, (size_t)y->rows * (size_t)y->cols);
        if (!pre) {
            tape_error(t, "out of memory");
            return NULL;
        }
    }
    d->linear(d, y->x, pre, x->x, w->x + column, b ? b->x : NULL, x->rows, x->cols, w->rows, w->cols, into != NULL, act);
    struct node *n = tape_node(t, linear_back, y);
    if (n) {
        n->in[0] = x;
        n->in[1] = w;
        n->in[2] = b;
        n->kept[0] = pre;
        n->i[0] = (int)act;
        n->i[1] = w->cols;
        n->i[2] = column;
    }
    return y;
}

struct tensor *op_linear(struct tape *t, struct tensor *x, struct tensor *w, struct tensor *b, enum activation act)
{
    if (x && w && x->cols != w->cols) {
        tape_error(t, "linear: input of width %d, weight of %d x %d", x->cols, w->rows, w->cols);
        return NULL;
    }
    return linear_part(t, NULL, x, w, b, 0, act);
}

struct tensor *op_linear_pair(struct tape *t, struct tensor *x1, struct tensor *x2, struct tensor *w,
                              struct tensor *b)
{
    if (!x1 || !x2 || !w) return NULL;
    if (x1->rows != x2->rows || x1->cols + x2->cols != w->cols) {
        tape_error(t, "linear pair: widths %d + %d, weight %d x %d", x1->cols, x2->cols, w->rows, w->cols);
        return NULL;
    }
    struct tensor *y = linear_part(t, NULL, x1, w, NULL, 0, ACT_NONE);
    return y ? linear_part(t, y, x2, w, b, x1->cols, ACT_NONE) : NULL;
}

static void activate_back(struct tape *t, struct node *n)
{
    int add;
    float *dx = tape_grad(t, n->in[0], &add);
    if (dx)
        t->device->activate_backward(t->device, dx, n->out->g, n->in[0]->x,
                                     (size_t)n->out->rows * (size_t)n->out->cols, (enum activation)n->i[0], add);
}

struct tensor *op_activate(struct tape *t, struct tensor *x, enum activation act)
{
    if (!x || act == ACT_NONE) return x;
    struct tensor *y = tape_tensor(t, x->rows, x->cols);
    if (!y) return NULL;
    t->device->activate(t->device, y->x, x->x, (size_t)x->rows * (size_t)x->cols, act);
    struct node *n = tape_node(t, activate_back, y);
    if (n) {
        n->in[0] = x;
        n->i[0] = (int)act;
    }
    return y;
}

static void dropout_back(struct tape *t, struct node *n)
{
    int add;
    float *dx = tape_grad(t, n->in[0], &add);
    if (dx) t->device->dropout(t->device, dx, n->out->g, (size_t)n->out->rows * (size_t)n->out->cols, n->drop, add);
}

struct tensor *op_dropout(struct tape *t, struct tensor *x)
{
    struct dropout drop = tape_dropout(t);
    if (!x || drop.p <= 0) return x;
    struct tensor *y = tape_tensor(t, x->rows, x->cols);
    if (!y) return NULL;
    t->device->dropout(t->device, y->x, x->x, (size_t)x->rows * (size_t)x->cols, drop, 0);
    struct node *n = tape_node(t, dropout_back, y);
    if (n) {
        n->in[0] = x;
        n->drop = drop;
    }
    return y;
}

static void layernorm_back(struct tape *t, struct node *n)
{
    struct tensor *x = n->in[0], *r = n->in[1], *w = n->in[2], *b = n->in[3];
    int add_x = 0, add_r = 0;
    float *dx = tape_grad(t, x, &add_x), *dr = r ? tape_grad(t, r, &add_r) : NULL;
    t->device->add_layernorm_backward(t->device, dx, add_x, dr, add_r, tape_grad_zeroed(t, w),
                                      tape_grad_zeroed(t, b), n->out->g, n->kept[0], n->kept[1], n->kept[2], w->x,
                                      n->out->rows, n->out->cols, n->drop);
}

struct tensor *op_add_layernorm(struct tape *t, struct tensor *x, struct tensor *r, struct tensor *w,
                                struct tensor *b, float eps)
{
    if (!x || !w || !b) return NULL;
    if (w->rows * w->cols != x->cols || b->rows * b->cols != x->cols || x->cols > 4096 ||
        (r && (r->rows != x->rows || r->cols != x->cols))) {
        tape_error(t, "layer norm: width %d, parameters of %d", x->cols, w->rows * w->cols);
        return NULL;
    }
    struct dropout drop = tape_dropout(t);
    if (!r) drop.p = 0;
    struct tensor *y = tape_tensor(t, x->rows, x->cols);
    if (!y) return NULL;
    float *sum = NULL, *mean = NULL, *rstd = NULL;
    if (t->recording) {
        sum = arena_take(&t->arena, (size_t)x->rows * (size_t)x->cols);
        mean = arena_take(&t->arena, (size_t)x->rows);
        rstd = arena_take(&t->arena, (size_t)x->rows);
        if (!sum || !mean || !rstd) {
            tape_error(t, "out of memory");
            return NULL;
        }
    }
    t->device->add_layernorm(t->device, y->x, sum, mean, rstd, x->x, r ? r->x : NULL, w->x, b->x, x->rows, x->cols,
                             eps, drop);
    struct node *n = tape_node(t, layernorm_back, y);
    if (n) {
        n->in[0] = x;
        n->in[1] = r;
        n->in[2] = w;
        n->in[3] = b;
        n->kept[0] = sum;
        n->kept[1] = mean;
        n->kept[2] = rstd;
        n->drop = drop;
    }
    return y;
}

static struct attention_shape attention_shape(const struct node *n)
{
    int width = n->i[4];
    return (struct attention_shape){.batch = n->i[0], .queries = n->i[1], .keys = n->i[2], .heads = n->i[3],
                                    .width = width, .ldq = n->i[5], .ldk = n->i[6], .ldv = n->i[6],
                                    .ldo = width * n->i[3], .scale = n->f[0]};
}

static void attention_back(struct tape *t, struct node *n)
{
    struct tensor *q = n->in[0], *kv = n->in[1];
    struct attention_shape s = attention_shape(n);
    int width = s.heads * s.width, add_q, add_kv = 0;
    float *dq = tape_grad(t, q, &add_q), *dkv = kv == q ? dq : tape_grad(t, kv, &add_kv);
    if (!dq || !dkv || add_q || (kv != q && add_kv)) {
        tape_error(t, "attention must be the only reader of its projections");
        return;
    }
    int k_at = kv == q ? width : 0;
    t->device->attention_backward(t->device, dq, dkv + k_at, dkv + k_at + width, n->out->g, n->kept[0], q->x,
                                  kv->x + k_at, kv->x + k_at + width, &s, n->drop);
}

static struct tensor *attention(struct tape *t, struct tensor *q, struct tensor *kv, int batch, int heads,
                                const float *mask, const struct attention_options *options)
{
    if (!q || !kv) return NULL;
    int packed = q == kv, d = packed ? q->cols / 3 : q->cols;
    if (batch <= 0 || heads <= 0 || d % heads || q->rows % batch || kv->rows % batch ||
        kv->cols != (packed ? 3 * d : 2 * d)) {
        tape_error(t, "attention: %d x %d queries, %d x %d keys, %d heads, batch %d", q->rows, q->cols, kv->rows,
                   kv->cols, heads, batch);
        return NULL;
    }
    struct node shape = {.i = {batch, q->rows / batch, kv->rows / batch, heads, d / heads, q->cols, kv->cols}};
    shape.f[0] = options && options->scale > 0 ? options->scale : 1.0f / sqrtf((float)(d / heads));
    struct attention_shape s = attention_shape(&shape);
    s.bias = options ? options->bias : NULL;
    s.causal = options && options->causal;
    struct dropout drop = tape_dropout(t);
    struct tensor *y = tape_tensor(t, q->rows, d);
    float *probs = NULL;
    if (!y) return NULL;
    if (t->recording) {
        probs = arena_take(&t->arena, (size_t)batch * (size_t)heads * (size_t)s.queries * (size_t)s.keys);
        if (!probs) {
            tape_error(t, "out of memory for attention weights; make the batch smaller");
            return NULL;
        }
    }
    int k_at = packed ? d : 0;
    t->device->attention(t->device, y->x, probs, q->x, kv->x + k_at, kv->x + k_at + d, mask, &s, drop);
    struct node *n = tape_node(t, attention_back, y);
    if (n) {
        for (int i = 0; i < 7; i++) n->i[i] = shape.i[i];
        n->f[0] = shape.f[0];
        n->in[0] = q;
        n->in[1] = kv;
        n->kept[0] = probs;
        n->drop = drop;
    }
    return y;
}

struct tensor *op_self_attention(struct tape *t, struct tensor *qkv, int batch, int heads, const float *mask)
{
    return attention(t, qkv, qkv, batch, heads, mask, NULL);
}

struct tensor *op_self_attention_with(struct tape *t, struct tensor *qkv, int batch, int heads, const float *mask,
                                      const struct attention_options *options)
{
    return attention(t, qkv, qkv, batch, heads, mask, options);
}

struct tensor *op_cross_attention(struct tape *t, struct tensor *q, struct tensor *kv, int batch, int heads,
                                  const float *mask)
{
    return attention(t, q, kv, batch, heads, mask, NULL);
}
