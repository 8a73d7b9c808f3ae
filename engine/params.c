#include "params.h"
#include "rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void params_init(struct params *p, struct device *d) { *p = (struct params){.device = d}; }

struct param *params_add(struct params *p, enum init_rule rule, float scale, const char *name, int rank,
                         int d0, int d1, int d2)
{
    if (p->failed) return NULL;
    if (p->count == p->capacity) {
        int capacity = p->capacity ? 2 * p->capacity : 64;
        struct param **items = realloc(p->items, (size_t)capacity * sizeof *items);
        if (!items) {
            p->failed = 1;
            return NULL;
        }
        p->items = items;
        p->capacity = capacity;
    }
    struct param *t = calloc(1, sizeof *t);
    if (!t) {
        p->failed = 1;
        return NULL;
    }
    snprintf(t->name, sizeof t->name, "%s", name);
    t->rank = rank;
    t->shape[0] = d0;
    t->shape[1] = rank > 1 ? d1 : 1;
    t->shape[2] = rank > 2 ? d2 : 1;
    t->shape[3] = 1;
    t->count = (size_t)t->shape[0] * (size_t)t->shape[1] * (size_t)t->shape[2];
    t->rule = rule;
    t->scale = scale;
    t->offset = p->total;
    p->total += (t->count + 15) / 16 * 16;
    p->items[p->count++] = t;
    return t;
}

int params_allocate(struct params *p, struct error *e)
{
    if (p->failed) return error_memory(e, "a network's parameters");
    p->x = p->device->alloc(p->device, p->total);
    if (!p->x) return error_memory(e, "a network's parameters");
    p->device->fill(p->device, p->x, 0.0f, p->total);
    for (int i = 0; i < p->count; i++) p->items[i]->x = p->x + p->items[i]->offset;
    return 0;
}

static int pack(struct params *p, enum weight_precision precision, int keep, struct error *e)
{
    struct device *d = p->device;
    size_t packed = 0, plain = 0;
    if (p->packed) return error_set(e, ERR_INTERNAL, "a network's weights are packed once only");
    if (!d->packed_count(d, 8, 8, precision))
        return error_set(e, ERR_USAGE, "the %s device keeps no weights in %s; choose fp32 or bf16", d->name,
                         precision_names[precision]);
    for (int i = 0; i < p->count; i++) {
        const struct param *t = p->items[i];
        if (t->matrix) packed += (d->packed_count(d, t->shape[0], t->shape[1], precision) + 15) / 16 * 16;
        else plain += (t->count + 15) / 16 * 16;
    }
    if (!packed) return 0;
    float *to = d->alloc(d, packed), *rest = keep ? p->x : d->alloc(d, plain + 1);
    if (!to || !rest) {
        if (to) d->release(d, to);
        if (rest && !keep) d->release(d, rest);
        return error_memory(e, "packed weights");
    }
    p->packed = to;
    p->precision = precision;
    if (!keep) p->total = plain;
    float *old = p->x, *from = rest;
    for (int i = 0; i < p->count; i++) {
        struct param *t = p->items[i];
        if (!t->matrix) {
            if (keep) continue;
            d->copy(d, from, t->x, t->count);
            t->x = from;
            t->offset = (size_t)(from - rest);
            from += (t->count + 15) / 16 * 16;
            continue;
        }
        int rows = t->shape[0], cols = t->shape[1];
        d->pack(d, to, t->x, rows, cols, precision);
        t->packed = (struct packed){to, precision, rows, cols, 0, rows, 0, cols};
        if (!keep) {
            d->discard(d, t->x, t->count);
            t->x = NULL;
        }
        to += (d->packed_count(d, rows, cols, precision) + 15) / 16 * 16;
    }
    p->x = rest;
    d->synchronise(d);
    if (!keep) d->release(d, old);
    return 0;
}

int params_pack(struct params *p, enum weight_precision precision, struct error *e) { return pack(p, precision, 0, e); }

int params_pack_beside(struct params *p, enum weight_precision precision, struct error *e) { return pack(p, precision, 1, e); }

static int refuse_packed(const struct params *p, const char *what, struct error *e)
{
    if (!p->packed) return 0;
    return error_set(e, ERR_INTERNAL, "a network whose weights are packed for inference cannot be %s", what);
}

void params_free(struct params *p)
{
    if (p->x) p->device->release(p->device, p->x);
    if (p->packed) p->device->release(p->device, p->packed);
    for (int i = 0; i < p->count; i++) free(p->items[i]);
    free(p->items);
    *p = (struct params){.device = p->device};
}

int params_initialise(struct params *p, uint64_t seed, struct error *e)
{
    int rc = refuse_packed(p, "initialised", e);
    if (rc) return rc;
    for (int i = 0; i < p->count; i++) {
        struct param *t = p->items[i];
        float *host = malloc((t->count + 4) * sizeof *host);
        if (!host) return error_memory(e, t->name);
        uint64_t stream = rng_stream(t->twin[0] ? t->twin : t->name);
        switch (t->rule) {
        case INIT_ZERO: for (size_t k = 0; k < t->count; k++) host[k] = 0; break;
        case INIT_ONE: for (size_t k = 0; k < t->count; k++) host[k] = 1; break;
        case INIT_UNIFORM: rng_fill_uniform(seed, stream, 0, -t->scale, t->scale, host, t->count); break;
        case INIT_POSITIVE: rng_fill_uniform(seed, stream, 0, 0, t->scale, host, t->count); break;
        case INIT_NORMAL:
            rng_fill_normal(seed, stream, 0, host, t->count);
            for (size_t k = 0; k < t->count; k++) host[k] *= t->scale;
            break;
        }
        p->device->upload(p->device, t->x, host, t->count);
        free(host);
    }
    return 0;
}

static int same_shape(const struct param *t, const struct weight *w)
{
    int a[12], b[12], na = 0, nb = 0;   /* compare without dimensions of 1 */
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] != 1) a[na++] = t->shape[i];
    for (int i = 0; i < w->rank; i++)
        if (w->shape[i] != 1) b[nb++] = w->shape[i];
    if (na != nb) return 0;
    for (int i = 0; i < na; i++)
        if (a[i] != b[i]) return 0;
    return 1;
}

static void shape_text(char *out, size_t size, int rank, const int *shape)
{
    size_t used = (size_t)snprintf(out, size, "(");
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, i ? ",%d" : "%d", shape[i]);
    if (used < size) snprintf(out + used, size - used, ")");
}

int params_match(const struct params *p, const struct weights *w, const char *prefix, struct error *e)
{
    char name[400], want[80], have[80];
    if (p->failed) return error_memory(e, "a network's parameters");
    for (int i = 0; i < p->count; i++) {
        const struct param *t = p->items[i];
        snprintf(name, sizeof name, "%s%s", prefix, t->name);
        const struct weight *f = weights_find(w, name);
        if (f && same_shape(t, f)) continue;
        shape_text(want, sizeof want, t->rank, t->shape);
        if (!f)
            return error_set(e, ERR_INPUT, "%s: tensor %s is missing; the network needs it with shape %s, use a checkpoint "
                                           "of this network", w->path, name, want);
        shape_text(have, sizeof have, f->rank, f->shape);
        return error_set(e, ERR_INPUT, "%s: tensor %s has shape %s, the network needs %s; check the experiment's sizes",
                         w->path, name, have, want);
    }
    return 0;
}

int params_load(struct params *p, struct weights *w, const char *prefix, struct error *e)
{
    char name[400];
    int rc = refuse_packed(p, "loaded", e);
    if (!rc) rc = params_match(p, w, prefix, e);
    if (rc) return rc;
    for (int i = 0; i < p->count; i++) {
        struct param *t = p->items[i];
        snprintf(name, sizeof name, "%s%s", prefix, t->name);
        struct weight *f = weights_find(w, name);
        const float *values = NULL;
        rc = weight_values(w, f, &values, e);
        if (rc) return rc;
        p->device->upload(p->device, t->x, values, t->count);
        weight_done(w, f);
        f->used = 1;
    }
    const char *first = NULL;
    if (weights_untaken(w, prefix, &first) > 0)
        return error_set(e, ERR_INPUT, "%s: tensor %s is not part of this network; check its kind and sizes", w->path, first);
    return 0;
}

int params_store(const struct params *p, struct weights *w, const char *prefix, struct error *e)
{
    char name[400];
    int rc = refuse_packed(p, "stored", e);
    if (rc) return rc;
    for (int i = 0; i < p->count; i++) {
        struct param *t = p->items[i];
        struct weight *f;
        snprintf(name, sizeof name, "%s%s", prefix, t->name);
        rc = weights_add(w, name, t->rank, t->shape, &f, e);
        if (rc) return rc;
        p->device->download(p->device, f->data, t->x, t->count);
    }
    return 0;
}

struct param *params_find(const struct params *p, const char *name)
{
    for (int i = 0; i < p->count; i++)
        if (!strcmp(p->items[i]->name, name)) return p->items[i];
    return NULL;
}

int params_copy_matching(struct params *to, const struct params *from)
{
    int copied = 0;
    for (int i = 0; i < to->count; i++) {
        struct param *t = to->items[i], *f = params_find(from, t->name);
        if (!f || f->count != t->count || !f->x || !t->x) continue;
        to->device->copy(to->device, t->x, f->x, t->count);
        copied++;
    }
    return copied;
}
