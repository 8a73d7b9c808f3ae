/* Sums, moves along time, look-ups and losses on the tape. */
#include "ops.h"

static size_t size_of(const struct tensor *x) { return (size_t)x->rows * (size_t)x->cols; }

static void add_back(struct tape *t, struct node *n)
{
    for (int i = 0; i < 2; i++) {
        int add;
        float *g = tape_grad(t, n->in[i], &add);
        if (g) t->device->blocks(t->device, g, 0, n->out->g, 0, 1, size_of(n->out), add);
    }
}

struct tensor *op_add(struct tape *t, struct tensor *a, struct tensor *b)
{
    if (!a || !b) return NULL;
    if (a->rows != b->rows || a->cols != b->cols) {
        tape_error(t, "sum of %d x %d and %d x %d", a->rows, a->cols, b->rows, b->cols);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, a->rows, a->cols);
    if (!y) return NULL;
    t->device->combine(t->device, y->x, 1, a->x, 1, b->x, size_of(a));
    struct node *n = tape_node(t, add_back, y);
    if (n) {
        n->in[0] = a;
        n->in[1] = b;
    }
    return y;
}

static void scale_back(struct tape *t, struct node *n)
{
    int add;
    float *g = tape_grad(t, n->in[0], &add);
    if (g) t->device->combine(t->device, g, n->f[0], n->out->g, 1, add ? g : NULL, size_of(n->out));
}

struct tensor *op_scale(struct tape *t, struct tensor *a, float factor)
{
    if (!a) return NULL;
    struct tensor *y = tape_tensor(t, a->rows, a->cols);
    if (!y) return NULL;
    t->device->combine(t->device, y->x, factor, a->x, 0, NULL, size_of(a));
    struct node *n = tape_node(t, scale_back, y);
    if (n) {
        n->in[0] = a;
        n->f[0] = factor;
    }
    return y;
}

static void multiply_back(struct tape *t, struct node *n)
{
    for (int i = 0; i < 2; i++) {
        int add;
        float *g = tape_grad(t, n->in[i], &add);
        if (g) t->device->multiply(t->device, g, n->out->g, n->in[1 - i]->x, size_of(n->out), add);
    }
}

struct tensor *op_multiply(struct tape *t, struct tensor *a, struct tensor *b)
{
    if (!a || !b) return NULL;
    if (a->rows != b->rows || a->cols != b->cols) {
        tape_error(t, "product of %d x %d and %d x %d", a->rows, a->cols, b->rows, b->cols);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, a->rows, a->cols);
    if (!y) return NULL;
    t->device->multiply(t->device, y->x, a->x, b->x, size_of(a), 0);
    struct node *n = tape_node(t, multiply_back, y);
    if (n) {
        n->in[0] = a;
        n->in[1] = b;
    }
    return y;
}

static void combine_back(struct tape *t, struct node *n)
{
    for (int i = 0; i < 2; i++) {
        int add;
        if (!n->in[i]) continue;
        float *g = tape_grad(t, n->in[i], &add);
        if (g) t->device->combine_rows(t->device, g, n->kept[i], n->out->g, NULL, NULL, n->out->rows, n->out->cols, add);
    }
}

struct tensor *op_combine_rows(struct tape *t, const float *ca, struct tensor *a, const float *cb, struct tensor *b)
{
    if (!ca || !a || (cb && !b)) return NULL;
    if (b && (!cb || b->rows != a->rows || b->cols != a->cols)) {
        tape_error(t, "row sum of %d x %d and %d x %d", a->rows, a->cols, b->rows, b->cols);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, a->rows, a->cols);
    if (!y) return NULL;
    t->device->combine_rows(t->device, y->x, ca, a->x, cb, b ? b->x : NULL, a->rows, a->cols, 0);
    struct node *n = tape_node(t, combine_back, y);
    if (n) {
        n->in[0] = a;
        n->in[1] = b;
        n->kept[0] = (float *)(uintptr_t)ca;
        n->kept[1] = (float *)(uintptr_t)cb;
    }
    return y;
}

struct tensor *op_mask_rows(struct tape *t, struct tensor *x, const float *factor)
{
    return op_combine_rows(t, factor, x, NULL, NULL);
}

/* --- along time ----------------------------------------------------------- */

static void concat_back(struct tape *t, struct node *n)
{
    struct device *d = t->device;
    int batch = n->i[0], total = n->i[1], from = n->i[2], frames = n->i[3], repeated = n->i[4], add;
    struct tensor *part = n->in[0];
    size_t c = (size_t)part->cols, count = (size_t)frames * c;
    const float *g = n->out->g + (size_t)from * c;
    if (repeated) {
        float *dst = tape_grad_zeroed(t, part);
        if (dst) d->blocks(d, dst, 0, g, (size_t)total * c, batch, count, 1);
    } else {
        float *dst = tape_grad(t, part, &add);
        if (dst) d->blocks(d, dst, count, g, (size_t)total * c, batch, count, add);
    }
}

struct tensor *op_concat(struct tape *t, struct tensor *const *parts, const int *frames, int count, int batch)
{
    int total = 0;
    for (int i = 0; i < count; i++) {
        if (!parts[i]) return NULL;
        if (parts[i]->cols != parts[0]->cols || (parts[i]->rows != frames[i] && parts[i]->rows != frames[i] * batch)) {
            tape_error(t, "concat: part %d is %d x %d for batch %d of %d", i, parts[i]->rows, parts[i]->cols, batch,
                       frames[i]);
            return NULL;
        }
        total += frames[i];
    }
    struct tensor *y = tape_tensor(t, batch * total, parts[0]->cols);
    if (!y) return NULL;
    size_t c = (size_t)y->cols;
    for (int i = 0, from = 0; i < count; from += frames[i++]) {
        int repeated = parts[i]->rows != frames[i] * batch;
        size_t n = (size_t)frames[i] * c;
        t->device->blocks(t->device, y->x + (size_t)from * c, (size_t)total * c, parts[i]->x, repeated ? 0 : n, batch, n, 0);
        struct node *node = tape_node(t, concat_back, y);
        if (node) {
            node->in[0] = parts[i];
            node->i[0] = batch;
            node->i[1] = total;
            node->i[2] = from;
            node->i[3] = frames[i];
            node->i[4] = repeated;
        }
    }
    return y;
}

static void slice_back(struct tape *t, struct node *n)
{
    int batch = n->i[0], from = n->i[1], frames = n->i[2];
    float *g = tape_grad_zeroed(t, n->in[0]);
    size_t c = (size_t)n->out->cols, count = (size_t)frames * c;
    if (g) t->device->blocks(t->device, g + (size_t)from * c, (size_t)(n->in[0]->rows / batch) * c, n->out->g, count, batch, count, 1);
}

struct tensor *op_slice(struct tape *t, struct tensor *x, int batch, int from, int n)
{
    if (!x) return NULL;
    if (batch <= 0 || x->rows % batch || from < 0 || from + n > x->rows / batch) {
        tape_error(t, "slice %d+%d of %d rows in batch %d", from, n, x->rows, batch);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, batch * n, x->cols);
    if (!y) return NULL;
    size_t c = (size_t)x->cols, count = (size_t)n * c;
    t->device->blocks(t->device, y->x, count, x->x + (size_t)from * c, (size_t)(x->rows / batch) * c, batch, count, 0);
    struct node *node = tape_node(t, slice_back, y);
    if (node) {
        node->in[0] = x;
        node->i[0] = batch;
        node->i[1] = from;
        node->i[2] = n;
    }
    return y;
}

static void columns_back(struct tape *t, struct node *n)
{
    float *g = tape_grad_zeroed(t, n->in[0]);
    if (g)
        t->device->blocks(t->device, g + n->i[0], (size_t)n->in[0]->cols, n->out->g, (size_t)n->out->cols, n->out->rows,
                          (size_t)n->out->cols, 1);
}

struct tensor *op_columns(struct tape *t, struct tensor *x, int from, int n)
{
    if (!x) return NULL;
    if (from < 0 || n <= 0 || from + n > x->cols) {
        tape_error(t, "columns %d+%d of a tensor of width %d", from, n, x->cols);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, x->rows, n);
    if (!y) return NULL;
    t->device->blocks(t->device, y->x, (size_t)n, x->x + from, (size_t)x->cols, x->rows, (size_t)n, 0);
    struct node *node = tape_node(t, columns_back, y);
    if (node) {
        node->in[0] = x;
        node->i[0] = from;
    }
    return y;
}

static void positions_back(struct tape *t, struct node *n)
{
    struct device *d = t->device;
    int batch = n->i[0], add;
    size_t count = size_of(n->out) / (size_t)batch;
    float *dx = tape_grad(t, n->in[0], &add);
    if (dx) d->blocks(d, dx, 0, n->out->g, 0, 1, size_of(n->out), add);
    float *dt = tape_grad_zeroed(t, n->in[1]);
    if (dt) d->blocks(d, dt, 0, n->out->g, count, batch, count, 1);
}

struct tensor *op_add_positions(struct tape *t, struct tensor *x, struct tensor *table, int batch)
{
    if (!x || !table) return NULL;
    if (batch <= 0 || x->rows % batch || x->rows / batch > table->rows || x->cols != table->cols) {
        tape_error(t, "positions of %d rows in a batch of %d asked of a table of %d", x->rows, batch, table->rows);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, x->rows, x->cols);
    if (!y) return NULL;
    size_t count = size_of(x) / (size_t)batch;
    t->device->blocks(t->device, y->x, count, table->x, 0, batch, count, 0);
    t->device->blocks(t->device, y->x, 0, x->x, 0, 1, size_of(x), 1);
    struct node *n = tape_node(t, positions_back, y);
    if (n) {
        n->in[0] = x;
        n->in[1] = table;
        n->i[0] = batch;
    }
    return y;
}

static void gather_back(struct tape *t, struct node *n)
{
    float *g = tape_grad_zeroed(t, n->in[0]);
    if (g) t->device->gather_backward(t->device, g, n->out->g, n->index, n->out->rows, n->out->cols);
}

struct tensor *op_gather(struct tape *t, struct tensor *table, const int *index, int n)
{
    if (!table) return NULL;
    for (int i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= table->rows) {
            tape_error(t, "row %d of a table of %d", index[i], table->rows);
            return NULL;
        }
    struct tensor *y = tape_tensor(t, n, table->cols);
    if (!y) return NULL;
    t->device->gather(t->device, y->x, table->x, index, n, table->cols);
    struct node *node = tape_node(t, gather_back, y);
    if (node) {
        node->in[0] = table;
        node->index = index;
    }
    return y;
}

/* --- latent sample, joints -------------------------------------------------- */

static void reparameterise_back(struct tape *t, struct node *n)
{
    float *dmu = tape_grad_zeroed(t, n->in[0]), *dlv = tape_grad_zeroed(t, n->in[1]);
    if (dmu || dlv)
        t->device->reparameterise_backward(t->device, dmu, dlv, n->out->g, n->in[1]->x, n->in[2]->x, size_of(n->out));
}

struct tensor *op_reparameterise(struct tape *t, struct tensor *mu, struct tensor *logvar, struct tensor *eps)
{
    if (!mu || !logvar || !eps) return NULL;
    if (size_of(logvar) != size_of(mu) || size_of(eps) != size_of(mu)) {
        tape_error(t, "latent sample of %d x %d means, %d x %d variances, %d x %d noise", mu->rows, mu->cols, logvar->rows,
                   logvar->cols, eps->rows, eps->cols);
        return NULL;
    }
    struct tensor *z = tape_tensor(t, mu->rows, mu->cols);
    if (!z) return NULL;
    t->device->reparameterise(t->device, z->x, mu->x, logvar->x, eps->x, size_of(mu));
    struct node *n = tape_node(t, reparameterise_back, z);
    if (n) {
        n->in[0] = mu;
        n->in[1] = logvar;
        n->in[2] = eps;
    }
    return z;
}

static void joints_back(struct tape *t, struct node *n)
{
    float *g = tape_grad_zeroed(t, n->in[0]);
    if (g)
        t->device->recover_joints_backward(t->device, g, n->out->g, n->in[0]->x, n->kept[0], n->in[1]->x, n->in[2]->x,
                                           n->i[0], n->out->rows / n->i[0], n->i[1], n->in[0]->cols);
}

struct tensor *op_recover_joints(struct tape *t, struct tensor *x, struct tensor *mean, struct tensor *std, int batch,
                                 int njoints)
{
    if (!x || !mean || !std) return NULL;
    if (batch <= 0 || x->rows % batch || njoints < 1 || x->cols < 4 + 3 * (njoints - 1) ||
        mean->rows * mean->cols != x->cols || std->rows * std->cols != x->cols) {
        tape_error(t, "%d joints of %d features, statistics of %d and %d", njoints, x->cols, mean->rows * mean->cols,
                   std->rows * std->cols);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, x->rows, 3 * njoints);
    float *yaw = y ? arena_take(&t->arena, (size_t)x->rows) : NULL;
    if (!yaw) {
        tape_error(t, "out of memory");
        return NULL;
    }
    t->device->recover_joints(t->device, y->x, yaw, x->x, mean->x, std->x, batch, x->rows / batch, njoints, x->cols);
    struct node *n = tape_node(t, joints_back, y);
    if (n) {
        n->in[0] = x;
        n->in[1] = mean;
        n->in[2] = std;
        n->kept[0] = yaw;
        n->i[0] = batch;
        n->i[1] = njoints;
    }
    return y;
}

/* --- losses ------------------------------------------------------------------ */

double op_loss(struct tape *t, struct tensor *a, struct tensor *b, const float *row_weight, enum element_loss kind,
               float huber_c)
{
    if (!a) return 0;
    if (b && (b->rows != a->rows || b->cols != a->cols)) {
        tape_error(t, "loss between %d x %d and %d x %d", a->rows, a->cols, b->rows, b->cols);
        return 0;
    }
    float *g = t->recording ? tape_grad_zeroed(t, a) : NULL;
    return t->device->loss(t->device, g, a->x, b ? b->x : NULL, row_weight, a->rows, a->cols, kind, huber_c);
}

double op_kl(struct tape *t, struct tensor *mu, struct tensor *logvar, float weight)
{
    if (!mu || !logvar) return 0;
    if (size_of(logvar) != size_of(mu)) {
        tape_error(t, "KL of %d x %d means and %d x %d variances", mu->rows, mu->cols, logvar->rows, logvar->cols);
        return 0;
    }
    float *dmu = t->recording ? tape_grad_zeroed(t, mu) : NULL, *dlv = t->recording ? tape_grad_zeroed(t, logvar) : NULL;
    return t->device->kl_loss(t->device, dmu, dlv, mu->x, logvar->x, weight, size_of(mu));
}

double op_abs(struct tape *t, struct tensor *x, float weight)
{
    if (!x) return 0;
    float *g = t->recording ? tape_grad_zeroed(t, x) : NULL;
    return t->device->sum_abs_loss(t->device, g, x->x, weight, size_of(x));
}
