#include "torch_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_LIMIT = 64, STEP_LIMIT = 1 << 21, TENSOR_LIMIT = 1 << 14, NAME_SIZE = 512 };

struct walk {
    torch_bytes_fn *find;
    void *context;
    struct weights *w;
    struct error *e;
    size_t budget; /* elements that may still be asked for */
    long steps;
    char name[NAME_SIZE];
};

/* ---- Elements ---- */

static float from_half(const unsigned char *p)
{
    uint32_t h = (uint32_t)p[0] | (uint32_t)p[1] << 8;
    uint32_t exponent = h >> 10 & 31, fraction = h & 1023, bits;
    if (exponent == 0) {
        float v = (float)fraction * 0x1p-24f;
        return h >> 15 ? -v : v;
    }
    bits = exponent == 31 ? 0x7f800000u | fraction << 13 : (exponent + 112) << 23 | fraction << 13;
    bits |= (h & 0x8000u) << 16;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static float from_bfloat16(const unsigned char *p)
{
    uint32_t bits = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 24;
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

float torch_element(enum tensor_type type, const unsigned char *p)
{
    switch (type) {
    case TENSOR_FLOAT: {
        float v;
        memcpy(&v, p, sizeof v);
        return v;
    }
    case TENSOR_DOUBLE: {
        double v;
        memcpy(&v, p, sizeof v);
        return (float)v;
    }
    case TENSOR_HALF:
        return from_half(p);
    case TENSOR_BFLOAT16:
        return from_bfloat16(p);
    case TENSOR_INT: {
        int32_t v;
        memcpy(&v, p, sizeof v);
        return (float)v;
    }
    case TENSOR_LONG: {
        int64_t v;
        memcpy(&v, p, sizeof v);
        return (float)v;
    }
    case TENSOR_SHORT: {
        int16_t v;
        memcpy(&v, p, sizeof v);
        return (float)v;
    }
    case TENSOR_CHAR:
        return (float)(signed char)*p;
    case TENSOR_BYTE:
        return (float)*p;
    case TENSOR_BOOL:
        return *p ? 1.0f : 0.0f;
    }
    return 0.0f;
}

static int is_contiguous(const struct pickle_tensor *t)
{
    int64_t expected = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        if (t->shape[i] != 1 && t->stride[i] != expected)
            return 0;
        expected *= t->shape[i];
    }
    return 1;
}

/* out[0 .. t->count) in C order. */
static void gather(const struct pickle_tensor *t, const unsigned char *bytes, float *out)
{
    size_t element = t->storage->element;
    const unsigned char *start = bytes + (size_t)t->offset * element;
    if (is_contiguous(t)) {
        if (t->storage->type == TENSOR_FLOAT) {
            memcpy(out, start, t->count * sizeof *out);
        } else if (t->storage->type == TENSOR_HALF) {
            for (size_t i = 0; i < t->count; i++)
                out[i] = from_half(start + 2 * i);
        } else {
            for (size_t i = 0; i < t->count; i++)
                out[i] = torch_element(t->storage->type, start + i * element);
        }
        return;
    }
    int index[8] = {0};
    int64_t at = 0;
    for (size_t i = 0; i < t->count; i++) {
        out[i] = torch_element(t->storage->type, start + (size_t)at * element);
        for (int d = t->rank - 1; d >= 0; d--) {
            at += t->stride[d];
            if (++index[d] < t->shape[d])
                break;
            at -= t->stride[d] * t->shape[d];
            index[d] = 0;
        }
    }
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static int check_values(const struct walk *s, const struct weight *item)
{
    int mask = ends_with(item->name, "mask");
    for (size_t i = 0; i < item->count; i++)
        if (!isfinite(item->data[i]) && !(mask && !isnan(item->data[i])))
            return error_set(s->e, ERR_INPUT,
                             "%s: tensor '%s' holds a value that is not finite; the training "
                             "that wrote it diverged, use another checkpoint",
                             s->w->path, item->name);
    return 0;
}

/* ---- The walk ---- */

static int add_tensor(struct walk *s, const struct pickle_tensor *t)
{
    const char *name = s->name[0] ? s->name : "tensor";
    if (strncmp(name, "state_dict.", 11) == 0 && name[11])
        name += 11;
    if (s->w->count >= TENSOR_LIMIT)
        return error_set(s->e, ERR_INPUT, "%s: more than %d tensors", s->w->path, TENSOR_LIMIT);
    if (t->count > s->budget)
        return error_set(s->e, ERR_INPUT,
                         "%s: tensor '%s': the tensors together are far larger than the file", s->w->path,
                         name);
    s->budget -= t->count;
    const unsigned char *bytes = NULL;
    int rc = s->find(s->context, t->storage, &bytes, s->e);
    if (rc)
        return rc;
    struct weight *item = NULL;
    rc = weights_add(s->w, name, t->rank, t->shape, &item, s->e);
    if (rc)
        return rc;
    if (t->count)
        gather(t, bytes, item->data);
    return check_values(s, item);
}

/* Appends ".key" to the name; returns 0 when it does not fit. */
static int enter(struct walk *s, size_t length, const struct pickle_node *key, size_t position)
{
    char *at = s->name + length;
    size_t left = NAME_SIZE - length;
    const char *dot = length ? "." : "";
    int n = key == NULL               ? snprintf(at, left, "%s%zu", dot, position)
            : key->kind == PICKLE_INT ? snprintf(at, left, "%s%lld", dot, (long long)key->integer)
                                      : snprintf(at, left, "%s%s", dot, key->text);
    return n >= 0 && (size_t)n < left;
}

static int visit(struct walk *s, const struct pickle_node *node, size_t length, int depth);

static int visit_children(struct walk *s, const struct pickle_node *node, size_t length, int depth)
{
    int pairs = node->kind == PICKLE_DICT, rc = 0;
    for (size_t i = 0; rc == 0 && i + (size_t)pairs < node->count; i += 1 + (size_t)pairs) {
        const struct pickle_node *key = pairs ? node->items[i] : NULL;
        const struct pickle_node *value = node->items[i + (size_t)pairs];
        int leaf = value->kind != PICKLE_TENSOR && value->kind != PICKLE_DICT && value->kind != PICKLE_LIST &&
                   value->kind != PICKLE_TUPLE;
        if (++s->steps > STEP_LIMIT)
            return error_set(s->e, ERR_INPUT, "%s: its values refer to each other too often", s->w->path);
        if (leaf || (key && key->kind != PICKLE_TEXT && key->kind != PICKLE_INT))
            continue;
        if (!enter(s, length, key, i))
            return error_set(s->e, ERR_INPUT, "%s: a tensor name longer than %d bytes", s->w->path,
                             NAME_SIZE - 1);
        rc = visit(s, value, strlen(s->name), depth + 1);
        s->name[length] = '\0';
    }
    return rc;
}

static int visit(struct walk *s, const struct pickle_node *node, size_t length, int depth)
{
    if (depth > DEPTH_LIMIT)
        return error_set(s->e, ERR_INPUT, "%s: nested deeper than %d, or containing itself", s->w->path,
                         DEPTH_LIMIT);
    if (node->kind == PICKLE_TENSOR)
        return add_tensor(s, node->of.tensor);
    if (node->kind == PICKLE_DICT || node->kind == PICKLE_LIST || node->kind == PICKLE_TUPLE)
        return visit_children(s, node, length, depth);
    return 0;
}

int torch_collect(const struct pickle_node *root, torch_bytes_fn *find, void *context, size_t file_size,
                  struct weights *w, struct error *e)
{
    struct walk s = {.find = find, .context = context, .w = w, .e = e};
    s.budget = 8 * file_size + (1 << 20);
    int rc = visit(&s, root, 0, 0);
    if (rc == 0 && w->count == 0)
        rc = error_set(e, ERR_INPUT, "%s: holds no tensors; is it a checkpoint?", w->path);
    return rc;
}
