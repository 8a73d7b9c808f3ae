/* Batches of a training run: which items, captions and windows, as a function of
 * (seed, step) alone, so that a resumed run sees what a straight one would. */
#ifndef MLCM_BATCHES_H
#define MLCM_BATCHES_H

#include "../datasets/set.h"

struct batches {
    const struct set *set;
    const struct items *items;
    uint64_t seed;
    int size;                   /* items a batch; every epoch's incomplete last batch is kept */
    /* the batch made last */
    int count;
    struct draw *draws;         /* (count), longest first */
    int64_t epoch;
    int *order;                 /* the epoch's permutation */
};

/* s and it stay the caller's and must outlive b. A split without items is an ERR_INPUT. */
int batches_create(struct batches *b, const struct set *s, const struct items *it, int size, uint64_t seed,
                   struct error *e);
void batches_free(struct batches *b);
int64_t batches_per_epoch(const struct batches *b);
/* Makes the batch of a step; `stream` names the run ("vae", "mld"). */
void batches_make(struct batches *b, const char *stream, int64_t step);

#endif
