/* R-Precision and MM-Dist: does a motion match its caption, as the evaluator
 * sees it (Guo et al. 2022).
 *
 * In each pool of 32 matched pairs the motions are ranked by Euclidean distance
 * to each caption. R-Precision top k is the share of captions whose own motion
 * is among the k nearest; MM-Dist the mean distance of a caption to its own.
 * Direction: R-Precision up, MM-Dist down. Unit: none; embedding units.
 * Samples: one full pool, better a thousand pairs. Known bias: depends on the
 * pool's size and grouping; pairs with the same meaning lower the attainable
 * value (r_precision_ceiling); a generator may exceed real motions. Chance is
 * k / pool. */
#ifndef MLCM_PRECISION_H
#define MLCM_PRECISION_H

#include "../engine/error.h"
#include "pools.h"

enum { PRECISION_TOPS = 3 };

struct precision {
    long queries;                  /* captions ranked = pools * pool size */
    long hits[PRECISION_TOPS];     /* top 1, 2, 3 */
    double top[PRECISION_TOPS];    /* hits / queries */
    double mm_distance;            /* MM-Dist over the same pairs */
};

/* text (n, dim), motion (n, dim): row i of each is one pair; pools name rows.
 * Distances are summed in double. Equal distances rank in the pool's order, so
 * a generator that collapses to one motion scores chance, not 1.
 * any: NULL, or a consistency: then any motion the caption is true of counts as
 * its own (MM-Dist is unchanged).
 * Errors: a non-finite embedding (named), a pool entry outside 0 … n-1. */
int r_precision(const float *text, const float *motion, int n, int dim, const struct pools *pools,
                const struct consistency *any, struct precision *out, struct error *e);

struct precision_ceiling {
    long queries;
    double top[PRECISION_TOPS];    /* expected top 1, 2, 3 */
    double mean_consistent;        /* motions a caption is true of, its own included */
    double ambiguous;              /* share of captions true of more than one */
};

/* What a reader attains who knows exactly which motions a caption is true of
 * and guesses among those: a caption true of m motions of its pool adds
 * min(k, m) / m. */
int r_precision_ceiling(int n, const struct pools *pools, const struct consistency *c,
                        struct precision_ceiling *out, struct error *e);

#endif
