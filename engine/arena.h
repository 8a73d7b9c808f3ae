/* An arena of device floats: taken piece by piece, given back all at once. */
#ifndef MLCM_ARENA_H
#define MLCM_ARENA_H

#include "device.h"

struct arena {
    struct device *device;
    struct arena_block *blocks;   /* newest first */
    size_t used_total, peak, held; /* floats; held: of all blocks, at most about twice the peak */
};

void arena_init(struct arena *a, struct device *d);
/* count floats, 64-byte aligned, uninitialised; NULL when out of memory. */
float *arena_take(struct arena *a, size_t count);
/* Marks nest: arena_return gives back what was taken since the mark. */
struct arena_mark {
    struct arena_block *block;
    size_t used, total;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_return(struct arena *a, struct arena_mark m);
void arena_reset(struct arena *a);   /* gives back everything, keeps the memory */
void arena_free(struct arena *a);

#endif
