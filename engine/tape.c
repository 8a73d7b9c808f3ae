#include "tape.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_TENSORS = 512 };

/* Tensor headers live in pages, so that their addresses never move. */
struct tensor_page {
    struct tensor_page *next;
    int used;
    struct tensor items[PAGE_TENSORS];
};

int tape_init(struct tape *t, struct device *d)
{
    memset(t, 0, sizeof *t);
    t->device = d;
    arena_init(&t->arena, d);
    return 0;
}

static void release_kept(struct tape *t)
{
    for (int i = 0; i < t->kept_count; i++) free(t->kept[i]);
    t->kept_count = 0;
}

void tape_keep(struct tape *t, void *memory)
{
    if (t->kept_count == t->kept_capacity) {
        int capacity = t->kept_capacity ? 2 * t->kept_capacity : 16;
        void **kept = realloc(t->kept, (size_t)capacity * sizeof *kept);
        if (!kept) {
            tape_error(t, "out of memory");
            return;              /* the block leaks; backward may still read it */
        }
        t->kept = kept;
        t->kept_capacity = capacity;
    }
    t->kept[t->kept_count++] = memory;
}

void tape_free(struct tape *t)
{
    release_kept(t);
    free(t->kept);
    arena_free(&t->arena);
    for (struct tensor_page *p = t->pages, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    free(t->nodes);
    memset(t, 0, sizeof *t);
}

void tape_start(struct tape *t, int recording, float dropout, uint64_t seed, uint64_t stream)
{
    arena_reset(&t->arena);
    release_kept(t);
    for (struct tensor_page *p = t->pages; p; p = p->next) p->used = 0;
    t->recording = recording;
    t->dropout = dropout;
    t->seed = seed;
    t->stream = stream;
    t->node_count = 0;
    t->op_number = 0;
    t->error.code = 0;
    t->device->failed = 0;
    t->device->failure = NULL;
}

int tape_error(struct tape *t, const char *fmt, ...)
{
    if (t->error.code) return t->error.code;
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return error_set(&t->error, ERR_INTERNAL, "tape: %s", text);
}

int tape_failed(struct tape *t, struct error *e)
{
    if (!t->error.code && t->device->failed)
        tape_error(t, "%s", t->device->failure ? t->device->failure : "out of scratch memory; make the batch smaller");
    if (!t->error.code) return 0;
    if (e) *e = t->error;
    return t->error.code;
}

static struct tensor *header(struct tape *t)
{
    if (t->error.code) return NULL;
    struct tensor_page *p = t->pages;
    while (p && p->used == PAGE_TENSORS) p = p->next;
    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p) {
            tape_error(t, "out of memory");
            return NULL;
        }
        p->next = t->pages;
        t->pages = p;
    }
    struct tensor *x = &p->items[p->used++];
    memset(x, 0, sizeof *x);
    return x;
}

struct tensor *tape_tensor(struct tape *t, int rows, int cols)
{
    if (rows < 0 || cols <= 0) {
        tape_error(t, "a tensor of %d x %d was asked for", rows, cols);
        return NULL;
    }
    struct tensor *x = header(t);
    if (!x) return NULL;
    x->rows = rows;
    x->cols = cols;
    x->x = arena_take(&t->arena, (size_t)rows * (size_t)cols);
    if (!x->x) {
        tape_error(t, "out of memory for a tensor of %d x %d; make the batch smaller", rows, cols);
        return NULL;
    }
    return x;
}

struct tensor *tape_leaf(struct tape *t, const float *host, int rows, int cols)
{
    struct tensor *x = tape_tensor(t, rows, cols);
    if (x) t->device->upload(t->device, x->x, host, (size_t)rows * (size_t)cols);
    return x;
}

struct tensor *tape_constant(struct tape *t, const float *host, int rows, int cols)
{
    struct tensor *x = tape_leaf(t, host, rows, cols);
    if (x) x->constant = 1;
    return x;
}

struct tensor *tape_borrow(struct tape *t, float *device_values, int rows, int cols)
{
    struct tensor *x = header(t);
    if (!x) return NULL;
    x->x = device_values;
    x->rows = rows;
    x->cols = cols;
    x->constant = 1;
    return x;
}

struct tensor *tape_param(struct tape *t, struct param *p, int row0, int rows)
{
    if (!p) {
        tape_error(t, "a parameter is missing");
        return NULL;
    }
    int cols = (int)(p->count / (size_t)p->shape[0]);
    if (row0 < 0 || rows <= 0 || row0 + rows > p->shape[0]) {
        tape_error(t, "rows %d+%d of parameter %s of %d rows", row0, rows, p->name, p->shape[0]);
        return NULL;
    }
    if (p->packed.values && t->recording && !p->x) {
        tape_error(t, "parameter %s is packed for inference; a tape that records cannot read it", p->name);
        return NULL;
    }
    if (p->packed.values && !t->recording) {
        struct tensor *w = tape_borrow(t, NULL, rows, cols);
        if (!w) return NULL;
        w->packed = p->packed;
        w->packed.row = row0;
        w->packed.outs = rows;
        return w;
    }
    struct tensor *x = tape_borrow(t, p->x + (size_t)row0 * (size_t)cols, rows, cols);
    if (!x || !t->recording) return x;
    for (int i = 0; i < 3; i++)
        if (t->trained[i] && p->x >= t->trained[i]->x && p->x < t->trained[i]->x + t->trained[i]->total) {
            x->g = t->gradient[i] + p->offset + (size_t)row0 * (size_t)cols;
            x->constant = 0;
        }
    return x;
}

/* Views share memory, so a view's gradient must exist before the view is made. */
static struct tensor *view(struct tape *t, struct tensor *x, size_t offset, int rows, int cols)
{
    if (!x) return NULL;
    if (t->recording && !x->constant && !tape_grad_zeroed(t, x)) return NULL;
    struct tensor *y = header(t);
    if (!y) return NULL;
    *y = *x;
    y->x += offset;
    if (y->g) y->g += offset;
    y->rows = rows;
    y->cols = cols;
    return y;
}

struct tensor *tape_rows(struct tape *t, struct tensor *x, int row0, int rows)
{
    if (x && (row0 < 0 || rows < 0 || row0 + rows > x->rows)) {
        tape_error(t, "rows %d+%d of a tensor of %d", row0, rows, x->rows);
        return NULL;
    }
    return x ? view(t, x, (size_t)row0 * (size_t)x->cols, rows, x->cols) : NULL;
}

struct tensor *tape_reshape(struct tape *t, struct tensor *x, int rows, int cols)
{
    if (x && (size_t)rows * (size_t)cols != (size_t)x->rows * (size_t)x->cols) {
        tape_error(t, "%d x %d seen as %d x %d", x->rows, x->cols, rows, cols);
        return NULL;
    }
    return view(t, x, 0, rows, cols);
}

float *tape_grad(struct tape *t, struct tensor *x, int *add)
{
    *add = 1;
    if (x->constant) return NULL;
    if (x->g) return x->g;
    *add = 0;
    x->g = arena_take(&t->arena, (size_t)x->rows * (size_t)x->cols);
    if (!x->g) tape_error(t, "out of memory for a gradient of %d x %d", x->rows, x->cols);
    return x->g;
}

float *tape_grad_zeroed(struct tape *t, struct tensor *x)
{
    int add;
    float *g = tape_grad(t, x, &add);
    if (g && !add) t->device->fill(t->device, g, 0.0f, (size_t)x->rows * (size_t)x->cols);
    return g;
}

void tape_backward(struct tape *t)
{
    for (int i = t->node_count - 1; i >= 0 && !t->error.code; i--) {
        struct node *n = &t->nodes[i];
        if (n->out->g) n->backward(t, n);   /* no gradient arrived: nothing to pass on */
    }
}

struct node *tape_node(struct tape *t, void (*backward)(struct tape *, struct node *), struct tensor *out)
{
    if (!t->recording || !out) return NULL;
    if (t->node_count == t->node_capacity) {
        int capacity = t->node_capacity ? 2 * t->node_capacity : 256;
        struct node *nodes = realloc(t->nodes, (size_t)capacity * sizeof *nodes);
        if (!nodes) {
            tape_error(t, "out of memory");
            return NULL;
        }
        t->nodes = nodes;
        t->node_capacity = capacity;
    }
    struct node *n = &t->nodes[t->node_count++];
    memset(n, 0, sizeof *n);
    n->backward = backward;
    n->out = out;
    return n;
}

struct dropout tape_dropout(struct tape *t)
{
    struct dropout d = {t->dropout, t->seed, t->stream + (uint64_t)(++t->op_number)};
    return d;
}
