#include "arena.h"
#include <stdlib.h>

/* Blocks form a list in the order they were filled; spare ones stay for reuse. */
struct arena_block {
    struct arena_block *previous, *next;
    float *memory;
    size_t size, used;
};

void arena_init(struct arena *a, struct device *d) { *a = (struct arena){.device = d}; }

static struct arena_block *block_new(struct arena *a, size_t size)
{
    struct arena_block *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->memory = a->device->alloc(a->device, size);
    if (!b->memory) {
        free(b);
        return NULL;
    }
    b->size = size;
    return b;
}

/* Spare blocks that a growing shape leaves behind, too small for what comes: given back once they add up. */
static void release_small(struct arena *a, struct arena_block *after, size_t need)
{
    while (after->next && after->next->size < need && a->held + need > 2 * (a->peak + need)) {
        struct arena_block *b = after->next;
        after->next = b->next;
        if (b->next) b->next->previous = after;
        a->held -= b->size;
        a->device->release(a->device, b->memory);
        free(b);
    }
}

float *arena_take(struct arena *a, size_t count)
{
    if (count > (size_t)1 << 38) return NULL;
    size_t need = (count + 15) / 16 * 16;
    struct arena_block *b = a->blocks;
    if (!b || b->size - b->used < need) {
        if (b) release_small(a, b, need);
        struct arena_block *next = b ? b->next : NULL;
        if (next && next->size >= need) {
            next->used = 0;
        } else {
            /* a tensor with a block of its own may be a little longer the next time */
            size_t size = need > a->device->arena_floats ? need + need / 128 * 16 : a->device->arena_floats;
            struct arena_block *fresh = block_new(a, size);
            if (!fresh) return NULL;
            a->held += size;
            fresh->previous = b;
            fresh->next = next;
            if (next) next->previous = fresh;
            if (b) b->next = fresh;
            next = fresh;
        }
        a->blocks = b = next;
    }
    float *p = b->memory + b->used;
    b->used += need;
    a->used_total += need;
    if (a->used_total > a->peak) a->peak = a->used_total;
    return p;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->blocks, a->blocks ? a->blocks->used : 0, a->used_total};
}

void arena_return(struct arena *a, struct arena_mark m)
{
    if (!m.block) {
        arena_reset(a);
        return;
    }
    a->blocks = m.block;
    a->blocks->used = m.used;
    a->used_total = m.total;
}

void arena_reset(struct arena *a)
{
    if (!a->blocks) return;
    while (a->blocks->previous) a->blocks = a->blocks->previous;
    a->blocks->used = 0;
    a->used_total = 0;
}

void arena_free(struct arena *a)
{
    arena_reset(a);
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        a->device->release(a->device, b->memory);
        free(b);
    }
    a->blocks = NULL;
    a->held = 0;
}
