#include "batches.h"
#include <stdlib.h>
#include <string.h>

int batches_create(struct batches *b, const struct set *s, const struct items *it, int size, uint64_t seed,
                   struct error *e)
{
    *b = (struct batches){.set = s, .items = it, .seed = seed, .size = size, .epoch = -1};
    if (it->count == 0) return error_set(e, ERR_INPUT, "%s: the train split has no items; build the set again", s->path);
    b->draws = calloc((size_t)size, sizeof *b->draws);
    b->order = calloc((size_t)it->count, sizeof *b->order);
    if (b->draws && b->order) return 0;
    batches_free(b);
    return error_memory(e, "the batches");
}

void batches_free(struct batches *b)
{
    free(b->draws);
    free(b->order);
    memset(b, 0, sizeof *b);
}

int64_t batches_per_epoch(const struct batches *b) { return (b->items->count + b->size - 1) / b->size; }

static int longest_first(const void *pa, const void *pb)
{
    const struct draw *a = pa, *b = pb;
    if (a->length != b->length) return a->length > b->length ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item;
}

void batches_make(struct batches *b, const char *stream, int64_t step)
{
    int64_t per = batches_per_epoch(b), epoch = step / per;
    uint64_t name = rng_stream(stream);
    if (epoch != b->epoch) {
        struct rng r = rng_make(b->seed, name ^ rng_stream("epoch") ^ (uint64_t)epoch);
        for (int i = 0; i < b->items->count; i++) b->order[i] = i;
        rng_shuffle(&r, b->order, b->items->count);
        b->epoch = epoch;
    }
    int64_t first = (step % per) * b->size, left = b->items->count - first;
    b->count = left < b->size ? (int)left : b->size;
    struct rng r = rng_make(b->seed, name ^ rng_stream("draws") ^ ((uint64_t)step << 8));
    for (int i = 0; i < b->count; i++) b->draws[i] = item_draw(b->set, b->items, b->order[first + i], &r);
    qsort(b->draws, (size_t)b->count, sizeof *b->draws, longest_first);
}
