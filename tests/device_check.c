/* A device that is strict about memory: the CPU device behind addresses that nobody else can read.
 *
 * What alloc gives has a bit set that no address of a program has: a read or write outside the device's
 * functions ends the program at once, as it would with a GPU's memory. Inside, the bit is taken off again; a
 * pointer without it, or outside of what was allocated, ends the program with a line that names the function.
 * Fresh memory is full of NaNs. Host memory that upload and gather are given is copied and the copy overwritten
 * after the call. Closing tells what was not released. */
#include "../engine/device_calls.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uintptr_t hidden = (uintptr_t)1 << 62;

struct memory {
    uintptr_t from, to;       /* as the host sees it */
};

/* What the device and its lanes share. */
struct shared {
    pthread_rwlock_t lock;
    struct memory *list;
    int count, capacity, users;
};

struct check_state {
    struct device base;
    struct shared *all;
};

static struct check_state *state_of(const struct device *d) { return d->state; }

static _Noreturn void stop(const char *function, const char *what, const void *p)
{
    fprintf(stderr, "check: %s: %s (%p)\n", function, what, p);
    abort();
}

/* The host's address of count floats; NULL stays NULL. */
static float *shown(const struct device *d, const char *function, const float *p, size_t count)
{
    struct shared *all = state_of(d)->all;
    uintptr_t at = (uintptr_t)p;
    int found = 0;
    if (!p) return NULL;
    if (!(at & hidden)) stop(function, "is given memory of the host", p);
    at -= hidden;
    pthread_rwlock_rdlock(&all->lock);
    for (int i = 0; i < all->count && !found; i++)
        found = at >= all->list[i].from && at <= all->list[i].to && count * sizeof(float) <= all->list[i].to - at;
    pthread_rwlock_unlock(&all->lock);
    if (!found) stop(function, "is given memory that is not allocated", p);
    return (float *)at;
}

/* --- memory ------------------------------------------------------------------------- */

static float *check_alloc(struct device *d, size_t count)
{
    struct shared *all = state_of(d)->all;
    float *memory = state_of(d)->base.alloc(&state_of(d)->base, count + 1);
    if (!memory) return NULL;
    memset(memory, 0xff, (count + 1) * sizeof *memory);
    pthread_rwlock_wrlock(&all->lock);
    if (all->count == all->capacity) {
        int capacity = all->capacity ? 2 * all->capacity : 256;
        struct memory *list = realloc(all->list, (size_t)capacity * sizeof *list);
        if (!list) abort();
        all->list = list;
        all->capacity = capacity;
    }
    all->list[all->count++] = (struct memory){(uintptr_t)memory, (uintptr_t)(memory + count)};
    pthread_rwlock_unlock(&all->lock);
    return (float *)((uintptr_t)memory + hidden);
}

static void check_release(struct device *d, float *memory)
{
    struct shared *all = state_of(d)->all;
    float *host = shown(d, "release", memory, 0);
    int found = -1;
    if (!memory) stop("release", "is given NULL", memory);
    pthread_rwlock_wrlock(&all->lock);
    for (int i = 0; i < all->count; i++)
        if (all->list[i].from == (uintptr_t)host) found = i;
    if (found >= 0) all->list[found] = all->list[--all->count];
    pthread_rwlock_unlock(&all->lock);
    if (found < 0) stop("release", "is given what alloc did not give", memory);
    state_of(d)->base.release(&state_of(d)->base, host);
}

static void check_discard(struct device *d, float *memory, size_t count)
{
    memset(shown(d, "discard", memory, count), 0xff, count * sizeof *memory);
}

static void host_only(const char *function, const void *host)
{
    if ((uintptr_t)host & hidden) stop(function, "is given device memory where it reads the host's", host);
}

static void check_upload(struct device *d, float *dst, const float *host, size_t count)
{
    host_only("upload", host);
    memcpy(shown(d, "upload", dst, count), host, count * sizeof *dst);
}

static void check_download(struct device *d, float *host, const float *src, size_t count)
{
    host_only("download", host);
    memcpy(host, shown(d, "download", src, count), count * sizeof *host);
}

static void check_copy(struct device *d, float *dst, const float *src, size_t count)
{
    struct device *base = &state_of(d)->base;
    base->copy(base, shown(d, "copy", dst, count), shown(d, "copy", src, count), count);
}

static void check_fill(struct device *d, float *dst, float value, size_t count)
{
    struct device *base = &state_of(d)->base;
    base->fill(base, shown(d, "fill", dst, count), value, count);
}

static void check_synchronise(struct device *d) { (void)d; }

/* --- what computes ------------------------------------------------------------------- */

static struct attention_shape show_shape(const struct device *d, const char *function, const struct attention_shape *s)
{
    struct attention_shape to = *s;
    to.bias = shown(d, function, s->bias, 0);
    return to;
}

static struct packed show_packed(const struct device *d, const char *function, const struct packed *w)
{
    struct packed to = *w;
    to.values = shown(d, function, w->values, 0);
    return to;
}

static void after(struct device *d)
{
    d->failed |= state_of(d)->base.failed;
    state_of(d)->base.failed = 0;
}

#define ARGUMENTS(...) __VA_ARGS__
#define P(p) shown(d, __func__ + 6, p, 0)
#define N(n) n
#define R(x) x
#define D(x) x
#define S(s) (const struct attention_shape[]){show_shape(d, __func__ + 6, s)}
#define W(w) (const struct packed[]){show_packed(d, __func__ + 6, w)}
#define VOID(name, parameters, arguments)             \
    static void check_##name parameters               \
    {                                                 \
        struct device *base = &state_of(d)->base;     \
        base->name(base, ARGUMENTS arguments);        \
        after(d);                                     \
    }
#define DOUBLE(name, parameters, arguments)                 \
    static double check_##name parameters                   \
    {                                                       \
        struct device *base = &state_of(d)->base;           \
        double value = base->name(base, ARGUMENTS arguments); \
        after(d);                                           \
        return value;                                       \
    }
DEVICE_CALLS(VOID, DOUBLE)
#undef VOID
#undef DOUBLE

static size_t check_packed_count(struct device *d, int oc, int ic, enum weight_precision precision)
{
    return state_of(d)->base.packed_count(&state_of(d)->base, oc, ic, precision);
}

/* The indices in memory of their own, which is spoilt afterwards. */
static int *index_copy(const int *index, int n)
{
    int *copy = malloc((size_t)(n + 1) * sizeof *copy);
    host_only("gather", index);
    if (!copy) abort();
    memcpy(copy, index, (size_t)n * sizeof *copy);
    return copy;
}

static void index_spoil(int *copy, int n)
{
    for (int i = 0; i < n; i++) copy[i] = INT32_MIN;
    free(copy);
}

static void check_gather(struct device *d, float *y, const float *table, const int *index, int n, int c)
{
    struct device *base = &state_of(d)->base;
    int *copy = index_copy(index, n);
    base->gather(base, shown(d, "gather", y, (size_t)n * (size_t)c), shown(d, "gather", table, 0), copy, n, c);
    index_spoil(copy, n);
}

static void check_gather_backward(struct device *d, float *dtable, const float *dy, const int *index, int n, int c)
{
    struct device *base = &state_of(d)->base;
    int *copy = index_copy(index, n);
    base->gather_backward(base, shown(d, "gather_backward", dtable, 0), shown(d, "gather_backward", dy, (size_t)n * (size_t)c), copy, n, c);
    index_spoil(copy, n);
}

#define SHOW(p) p = shown(d, "transformer", p, 0)
static void show_layer(struct device *d, struct packed_layer *l)
{
    l->weight = show_packed(d, "transformer", &l->weight);
    SHOW(l->bias);
}

static void show_norm(struct device *d, struct norm_values *n)
{
    SHOW(n->weight);
    SHOW(n->bias);
}

static void check_transformer(struct device *d, const struct transformer *s, const struct transformer_run *run)
{
    struct device *base = &state_of(d)->base;
    size_t layers = (size_t)s->layers, samples = run->first ? (size_t)run->batch : 0;
    struct transformer all = *s;
    struct transformer_run r = *run;
    struct transformer_layer_packed *layer = malloc(layers * sizeof *layer);
    const float **pointers = malloc((2 * layers + samples + 1) * sizeof *pointers);
    if (!layer || !pointers) abort();
    for (size_t i = 0; i < layers; i++) {
        struct transformer_layer_packed *l = &layer[i];
        *l = s->layer[i];
        show_layer(d, &l->joint);
        show_layer(d, &l->in);
        show_layer(d, &l->out);
        show_layer(d, &l->query);
        show_layer(d, &l->cross_out);
        show_layer(d, &l->linear1);
        show_layer(d, &l->linear2);
        for (int k = 0; k < 3; k++) show_norm(d, &l->norm[k]);
        if (run->residuals) pointers[i] = shown(d, "transformer", run->residuals[i], 0);
        if (run->outputs) pointers[layers + i] = shown(d, "transformer", run->outputs[i], 0);
    }
    for (size_t i = 0; i < samples; i++) pointers[2 * layers + i] = shown(d, "transformer", run->first[i], 0);
    all.layer = layer;
    show_norm(d, &all.norm);
    r.y = shown(d, "transformer", run->y, 0);
    SHOW(r.x);
    SHOW(r.mask);
    SHOW(r.memory);
    if (run->residuals) r.residuals = pointers;
    if (run->outputs) r.outputs = (float *const *)(pointers + layers);
    if (run->first) r.first = pointers + 2 * layers;
    base->transformer(base, &all, &r);
    after(d);
    free(layer);
    free(pointers);
}

/* --- the device itself ------------------------------------------------------------------ */

static void check_close(struct device *d)
{
    struct check_state *s = state_of(d);
    struct shared *all = s->all;
    pthread_rwlock_wrlock(&all->lock);
    int left = --all->users;
    pthread_rwlock_unlock(&all->lock);
    device_close(&s->base);
    free(s);
    if (left) return;
    if (all->count) fprintf(stderr, "check: %d pieces of device memory were not released\n", all->count);
    pthread_rwlock_destroy(&all->lock);
    free(all->list);
    free(all);
}

static int check_open_lane(const struct device *d, struct device *lane, struct error *e)
{
    struct check_state *s = calloc(1, sizeof *s);
    if (!s) return error_memory(e, "a lane");
    int rc = device_lane(&state_of(d)->base, &s->base, e);
    if (rc) {
        free(s);
        return rc;
    }
    s->all = state_of(d)->all;
    pthread_rwlock_wrlock(&s->all->lock);
    s->all->users++;
    pthread_rwlock_unlock(&s->all->lock);
    *lane = *d;
    lane->state = s;
    lane->threads = s->base.threads;
    lane->failed = 0;
    return 0;
}

int device_open_check(struct device *d, int threads, struct error *e);
int device_open_check(struct device *d, int threads, struct error *e)
{
    struct check_state *s = calloc(1, sizeof *s);
    struct shared *all = calloc(1, sizeof *all);
    int rc = s && all ? device_open_cpu(&s->base, threads, e) : error_memory(e, "the checking device");
    if (rc) {
        free(s);
        free(all);
        return rc;
    }
    pthread_rwlock_init(&all->lock, NULL);
    all->users = 1;
    s->all = all;
    *d = s->base;
    d->name = device_kind_names[DEVICE_CHECK];
    d->state = s;
    d->open_lane = check_open_lane;
    d->close = check_close;
    d->alloc = check_alloc;
    d->release = check_release;
    d->discard = check_discard;
    d->upload = check_upload;
    d->download = check_download;
    d->copy = check_copy;
    d->fill = check_fill;
    d->synchronise = check_synchronise;
    d->packed_count = check_packed_count;
    d->gather = check_gather;
    d->gather_backward = check_gather_backward;
    d->transformer = check_transformer;
#define VOID(name, parameters, arguments) d->name = check_##name;
#define DOUBLE(name, parameters, arguments) d->name = check_##name;
    DEVICE_CALLS(VOID, DOUBLE)
    return 0;
}
