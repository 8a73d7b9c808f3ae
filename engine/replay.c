#include "replay.h"
#include "device_calls.h"
#include <stdlib.h>
#include <string.h>

enum { KEPT = 48 };          /* works whose graphs are kept; the one that was not wanted for longest makes room */

/* AS_IS: hand on. CAPTURE: hand on while the device captures. REFILL: nothing but uploads. LOST: nothing, it is done anew. */
enum mode { AS_IS, CAPTURE, REFILL, LOST };

/* Host memory that a graph reads, in the entry's staging memory. */
struct upload {
    void *memory;
    size_t bytes;
};
/* What lies between two waits. */
struct segment {
    void *graph;             /* NULL: nothing to do */
    uint64_t hash;           /* of all operations and their arguments */
    struct upload *uploads;
    int count, capacity;
};
struct entry {
    uint64_t key, used, tried;   /* when it was done last, and tried last */
    int known;               /* 1: was done once, 2: captured */
    struct segment *segments;
    int count, capacity;
    char *staging;           /* (size) of the host and known to the device, before anything is captured */
    size_t size, taken;
};
struct replay {
    struct device base;
    struct entry entries[KEPT];
    struct entry *now;       /* in replay_run; else NULL */
    enum mode mode;
    int segment, upload;     /* where the work is */
    int capturing, in_flight;
    uint64_t hash, clock;
    struct replay_counts counts;
};

static struct replay *replay_of(const struct device *d) { return d->state; }

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9E3779B97F4A7C15u;
    return h ^ h >> 29;
}

/* --- segments ------------------------------------------------------------------------ */

static void segment_free(struct replay *r, struct segment *s)
{
    if (s->graph) r->base.graph_free(&r->base, s->graph);
    free(s->uploads);
    *s = (struct segment){0};
}

static void entry_forget(struct replay *r, struct entry *entry)
{
    if (entry->count) r->base.synchronise(&r->base);
    for (int i = 0; i < entry->count; i++) segment_free(r, &entry->segments[i]);
    free(entry->segments);
    if (entry->staging) r->base.host_release(&r->base, entry->staging);
    *entry = (struct entry){.key = entry->key, .used = entry->used, .tried = entry->tried};
}

/* Room for n things of `size` bytes; 0 when out of memory. */
static int grow(void *list, int *capacity, int n, size_t size)
{
    void *old, *more;
    if (n <= *capacity) return 1;
    memcpy(&old, list, sizeof old);
    more = realloc(old, (size_t)(2 * n + 6) * size);
    if (!more) return 0;
    memcpy(list, &more, sizeof more);
    *capacity = 2 * n + 6;
    return 1;
}

static void lose(struct replay *r)
{
    if (r->capturing) {
        void *graph = r->base.capture_end(&r->base);
        if (graph) r->base.graph_free(&r->base, graph);
    }
    r->capturing = 0;
    r->mode = LOST;
}

/* The segment that the work is in, begun if it is new. */
static struct segment *segment_now(struct replay *r)
{
    struct entry *n = r->now;
    if (r->segment < n->count) return &n->segments[r->segment];
    if (r->mode == REFILL || !grow(&n->segments, &n->capacity, n->count + 1, sizeof *n->segments)) {
        lose(r);
        return NULL;
    }
    n->segments[n->count] = (struct segment){0};
    return &n->segments[n->count++];
}

static int capture(struct replay *r)
{
    if (r->capturing) return 1;
    if (!segment_now(r)) return 0;
    if (r->base.capture_begin(&r->base)) {
        lose(r);
        return 0;
    }
    return r->capturing = 1;
}

/* One operation; 1 if it is handed on. */
static int operation(struct replay *r, int number, const uint64_t *arguments, int count)
{
    if (r->mode == AS_IS) return 1;
    if (r->mode == LOST || (r->mode == CAPTURE && !capture(r))) return 0;
    r->hash = mix(r->hash, (uint64_t)number);
    for (int i = 0; i < count; i++) r->hash = mix(r->hash, arguments[i]);
    return r->mode == CAPTURE;
}

/* Host memory as the graph reads it: a place of its own, filled anew at each run. The memory itself where nothing is captured;
 * NULL once the work is lost. */
static const void *staged(struct replay *r, const void *host, size_t bytes)
{
    size_t padded = (bytes + 15) / 16 * 16;
    if (r->mode == AS_IS) {
        if (r->now) r->now->size += padded;         /* what a capture will need */
        return host;
    }
    struct segment *s = r->mode == LOST ? NULL : segment_now(r);
    if (!s) return NULL;
    if (r->mode == CAPTURE) {
        if (r->now->size - r->now->taken < padded || !grow(&s->uploads, &s->capacity, s->count + 1, sizeof *s->uploads)) {
            lose(r);
            return NULL;
        }
        s->uploads[s->count++] = (struct upload){r->now->staging + r->now->taken, bytes};
        r->now->taken += padded;
    } else if (r->upload >= s->count || s->uploads[r->upload].bytes != bytes) {
        lose(r);
        return NULL;
    }
    if (r->in_flight) r->base.synchronise(&r->base);     /* an earlier launch may still read it */
    r->in_flight = 0;
    return memcpy(s->uploads[r->upload++].memory, host, bytes);
}

/* The end of a segment: what it holds is launched. */
static void boundary(struct replay *r)
{
    if (r->mode == AS_IS || r->mode == LOST) return;
    struct entry *n = r->now;
    if (r->mode == REFILL) {
        if (r->segment >= n->count || n->segments[r->segment].hash != r->hash || n->segments[r->segment].count != r->upload) {
            lose(r);
            return;
        }
    } else {
        struct segment *s = segment_now(r);
        if (!s) return;
        s->hash = r->hash;
        if (r->capturing) {
            r->capturing = 0;
            s->graph = r->base.capture_end(&r->base);
            if (!s->graph) {
                lose(r);
                return;
            }
        }
    }
    void *graph = n->segments[r->segment].graph;
    if (graph) {
        r->base.graph_launch(&r->base, graph);
        r->in_flight = 1;
    }
    r->segment++;
    r->upload = 0;
    r->hash = 0;
}

/* --- the table: memory ---------------------------------------------------------------- */

static struct device *enter(struct device *d)
{
    struct device *base = &replay_of(d)->base;
    base->failed = d->failed;
    return base;
}

static void leave(struct device *d)
{
    const struct device *base = &replay_of(d)->base;
    d->failed = base->failed;
    d->failure = base->failure;
}

static float *replay_alloc(struct device *d, size_t count)
{
    struct replay *r = replay_of(d);
    if (r->capturing) lose(r);          /* memory cannot come while the device captures; what is lost is done as it is */
    return r->base.alloc(&r->base, count);
}

static void replay_release(struct device *d, float *memory)
{
    struct replay *r = replay_of(d);
    if (r->capturing) lose(r);
    r->base.release(&r->base, memory);
}

static void replay_discard(struct device *d, float *memory, size_t count) { replay_of(d)->base.discard(&replay_of(d)->base, memory, count); }

#define POINTER(p) ((uint64_t)(uintptr_t)(p))
enum { UPLOAD = 1000, COPY, FILL, GATHER, TRANSFORMER };

static void replay_upload(struct device *d, float *dst, const float *host, size_t count)
{
    struct replay *r = replay_of(d);
    const void *from = staged(r, host, count * sizeof *host);
    if (operation(r, UPLOAD, (uint64_t[]){POINTER(dst), count}, 2) && from) {
        struct device *base = enter(d);
        base->upload(base, dst, from, count);
        leave(d);
    }
}

static void replay_download(struct device *d, float *host, const float *src, size_t count)
{
    struct replay *r = replay_of(d);
    boundary(r);
    if (r->mode == LOST) {
        memset(host, 0, count * sizeof *host);
        return;
    }
    struct device *base = enter(d);
    base->download(base, host, src, count);
    r->in_flight = 0;
    leave(d);
}

static void replay_synchronise(struct device *d)
{
    struct replay *r = replay_of(d);
    boundary(r);
    if (r->mode == LOST) return;
    struct device *base = enter(d);
    base->synchronise(base);
    r->in_flight = 0;
    leave(d);
}

static void replay_copy(struct device *d, float *dst, const float *src, size_t count)
{
    if (!operation(replay_of(d), COPY, (uint64_t[]){POINTER(dst), POINTER(src), count}, 3)) return;
    struct device *base = enter(d);
    base->copy(base, dst, src, count);
    leave(d);
}

static uint64_t float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static void replay_fill(struct device *d, float *dst, float value, size_t count)
{
    if (!operation(replay_of(d), FILL, (uint64_t[]){POINTER(dst), float_bits(value), count}, 3)) return;
    struct device *base = enter(d);
    base->fill(base, dst, value, count);
    leave(d);
}

static size_t replay_packed_count(struct device *d, int oc, int ic, enum weight_precision precision)
{
    return replay_of(d)->base.packed_count(&replay_of(d)->base, oc, ic, precision);
}

/* --- the table: what computes ----------------------------------------------------------- */

static uint64_t dropout_hash(const struct dropout *x) { return x->p > 0 ? mix(mix(float_bits(x->p), x->seed), x->stream) : 0; }

static uint64_t shape_hash(const struct attention_shape *s)
{
    const uint64_t all[] = {(uint64_t)s->batch, (uint64_t)s->queries, (uint64_t)s->keys, (uint64_t)s->heads, (uint64_t)s->width,
                            (uint64_t)s->ldq, (uint64_t)s->ldk, (uint64_t)s->ldv, (uint64_t)s->ldo, float_bits(s->scale),
                            POINTER(s->bias), (uint64_t)s->causal};
    uint64_t h = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) h = mix(h, all[i]);
    return h;
}

static uint64_t packed_hash(const struct packed *w)
{
    const uint64_t all[] = {POINTER(w->values), (uint64_t)w->precision, (uint64_t)w->row, (uint64_t)w->outs, (uint64_t)w->column,
                            (uint64_t)w->ins};
    uint64_t h = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) h = mix(h, all[i]);
    return h;
}

enum {
#define VOID(name, parameters, arguments) CALL_##name,
#define DOUBLE(name, parameters, arguments) CALL_##name,
    DEVICE_CALLS(VOID, DOUBLE)
#undef VOID
#undef DOUBLE
};
#define ARGUMENTS(...) __VA_ARGS__

/* First what tells one call from another … */
#define P(p) POINTER(p)
#define N(n) (uint64_t)(n)
#define R(x) float_bits(x)
#define D(x) dropout_hash(&(x))
#define S(s) shape_hash(s)
#define W(w) packed_hash(w)
#define VOID(name, parameters, arguments)                                                             \
    static int wanted_##name parameters                                                               \
    {                                                                                                 \
        const uint64_t all[] = {ARGUMENTS arguments};                                                 \
        return operation(replay_of(d), CALL_##name, all, (int)(sizeof all / sizeof *all));            \
    }
#define DOUBLE(name, parameters, arguments)
DEVICE_CALLS(VOID, DOUBLE)
#undef VOID
#undef DOUBLE
#undef P
#undef N
#undef R
#undef D
#undef S
#undef W

/* … then the call. A value for the host ends a segment and is never captured. */
#define P(p) p
#define N(n) n
#define R(x) x
#define D(x) x
#define S(s) s
#define W(w) w
#define VOID(name, parameters, arguments)                 \
    static void replay_##name parameters                  \
    {                                                     \
        if (!wanted_##name(d, ARGUMENTS arguments)) return; \
        struct device *base = enter(d);                   \
        base->name(base, ARGUMENTS arguments);            \
        leave(d);                                         \
    }
#define DOUBLE(name, parameters, arguments)                   \
    static double replay_##name parameters                    \
    {                                                         \
        boundary(replay_of(d));                               \
        if (replay_of(d)->mode == LOST) return 0;             \
        struct device *base = enter(d);                       \
        double value = base->name(base, ARGUMENTS arguments); \
        leave(d);                                             \
        return value;                                         \
    }
DEVICE_CALLS(VOID, DOUBLE)
#undef VOID
#undef DOUBLE

static void replay_gather(struct device *d, float *y, const float *table, const int *index, int n, int c)
{
    struct replay *r = replay_of(d);
    const int *from = staged(r, index, (size_t)n * sizeof *index);
    if (!operation(r, GATHER, (uint64_t[]){POINTER(y), POINTER(table), (uint64_t)n, (uint64_t)c}, 4) || !from) return;
    struct device *base = enter(d);
    base->gather(base, y, table, from, n, c);
    leave(d);
}

static void replay_gather_backward(struct device *d, float *dtable, const float *dy, const int *index, int n, int c)
{
    struct replay *r = replay_of(d);
    if (r->mode != AS_IS) lose(r);       /* a device may plan by the indices: another plan each time */
    if (r->mode == LOST) return;
    struct device *base = enter(d);
    base->gather_backward(base, dtable, dy, index, n, c);
    leave(d);
}

static uint64_t run_hash(const struct transformer *s, const struct transformer_run *run)
{
    const uint64_t all[] = {POINTER(run->y), POINTER(run->x), (uint64_t)run->batch, (uint64_t)run->frames, POINTER(run->mask),
                            POINTER(run->memory), (uint64_t)run->tokens, (uint64_t)s->layers, (uint64_t)s->heads,
                            (uint64_t)s->width, (uint64_t)s->feed_forward, (uint64_t)s->decoder, float_bits(s->eps),
                            POINTER(s->norm.weight)};
    uint64_t h = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) h = mix(h, all[i]);
    for (int i = 0; i < s->layers; i++) {
        h = mix(h, packed_hash(&s->layer[i].in.weight));
        if (run->residuals) h = mix(h, POINTER(run->residuals[i]));
        if (run->outputs) h = mix(h, POINTER(run->outputs[i]));
    }
    for (int i = 0; run->first && i < run->batch; i++) h = mix(h, POINTER(run->first[i]));
    return h;
}

/* Lengths are left out where something is captured: they only say what need not be computed, and may differ. */
static void replay_transformer(struct device *d, const struct transformer *s, const struct transformer_run *run)
{
    struct transformer_run all = *run;
    if (replay_of(d)->mode != AS_IS) all.lengths = NULL;
    if (!operation(replay_of(d), TRANSFORMER, (uint64_t[]){run_hash(s, run)}, 1)) return;
    struct device *base = enter(d);
    base->transformer(base, s, &all);
    leave(d);
}

/* --- the device itself -------------------------------------------------------------------- */

static void replay_close(struct device *d)
{
    struct replay *r = replay_of(d);
    for (int i = 0; i < KEPT; i++) entry_forget(r, &r->entries[i]);
    device_close(&r->base);
    free(r);
}

static int replay_open_lane(const struct device *d, struct device *lane, struct error *e)
{
    struct device base;
    int rc = device_lane(&replay_of(d)->base, &base, e);
    return rc ? rc : replay_open(lane, &base, e);
}

int replay_open(struct device *d, struct device *base, struct error *e)
{
    if (!base->capture_begin) {
        *d = *base;
        return 0;
    }
    struct replay *r = calloc(1, sizeof *r);
    if (!r) {
        device_close(base);
        return error_memory(e, "the replay device");
    }
    r->base = *base;
    *d = *base;
    d->state = r;
    d->capture_begin = NULL;            /* its graphs are its own business */
    d->open_lane = replay_open_lane;
    d->close = replay_close;
    d->alloc = replay_alloc;
    d->release = replay_release;
    d->discard = replay_discard;
    d->upload = replay_upload;
    d->download = replay_download;
    d->copy = replay_copy;
    d->fill = replay_fill;
    d->synchronise = replay_synchronise;
    d->packed_count = replay_packed_count;
    d->gather = replay_gather;
    d->gather_backward = replay_gather_backward;
    d->transformer = replay_transformer;
#define VOID(name, parameters, arguments) d->name = replay_##name;
#define DOUBLE(name, parameters, arguments) d->name = replay_##name;
    DEVICE_CALLS(VOID, DOUBLE)
    return 0;
}

/* --- running ---------------------------------------------------------------------------------- */

/* Of the works with this key: the one wanted last that has come as far as `known` and was not tried in this run. One key
 * may stand for several shapes (captions of other lengths), each of which is captured. */
static struct entry *entry_find(struct replay *r, uint64_t key, int known)
{
    struct entry *found = NULL;
    for (int i = 0; i < KEPT; i++) {
        struct entry *x = &r->entries[i];
        if (x->known == known && x->key == key && x->tried != r->clock && (!found || x->used > found->used)) found = x;
    }
    if (found) found->tried = r->clock;
    return found;
}

static struct entry *entry_new(struct replay *r, uint64_t key)
{
    struct entry *oldest = r->entries;
    for (int i = 0; i < KEPT; i++)
        if (r->entries[i].used < oldest->used) oldest = &r->entries[i];
    entry_forget(r, oldest);
    *oldest = (struct entry){.key = key};
    return oldest;
}

/* The work in one mode; 1 if it was done. */
static int attempt(struct replay *r, struct device *d, struct entry *entry, enum mode mode, replay_work *work, void *context)
{
    r->now = entry;
    r->segment = r->upload = 0;
    r->hash = 0;
    r->mode = mode;
    work(context);
    boundary(r);
    if (mode != AS_IS && (d->failed || (r->mode == REFILL && r->segment != entry->count))) lose(r);
    int done = r->mode != LOST;
    r->mode = AS_IS;
    r->now = NULL;
    if (!done) d->failed = 0;
    else entry->used = r->clock;
    return done;
}

void replay_run(struct device *d, uint64_t key, replay_work *work, void *context)
{
    if (d->close != replay_close || replay_of(d)->now) {
        work(context);
        return;
    }
    struct replay *r = replay_of(d);
    struct entry *entry;
    r->clock++;
    while ((entry = entry_find(r, key, 2)))
        if (attempt(r, d, entry, REFILL, work, context)) {
            r->counts.launched++;
            return;
        }
    entry = entry_find(r, key, 1);
    if (entry && (entry->staging = r->base.host_alloc(&r->base, entry->size + 1))) {
        entry->taken = 0;
        if (attempt(r, d, entry, CAPTURE, work, context)) {
            entry->known = 2;
            r->counts.captured++;
            return;
        }
        entry_forget(r, entry);
    }
    if (!entry) entry = entry_new(r, key);
    entry->size = 0;
    attempt(r, d, entry, AS_IS, work, context);
    entry->known = 1;
    r->counts.plain++;
}

struct replay_counts replay_counts(const struct device *d)
{
    return d->close == replay_close ? replay_of(d)->counts : (struct replay_counts){0};
}

uint64_t replay_key(const char *what, const void *numbers, size_t size)
{
    const unsigned char *bytes = numbers;
    uint64_t h = 0;
    for (; *what; what++) h = mix(h, (unsigned char)*what);
    for (size_t i = 0; i < size; i++) h = mix(h, bytes[i]);
    return h;
}
