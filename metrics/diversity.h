/* Diversity and MultiModality: how far generated motions lie apart.
 *
 * Diversity: mean distance of `count` random pairs of motions over all captions
 * (300 in the field). Direction: near the value of real motions, not up.
 * MultiModality: the same among repeats of one caption (100 captions, 30
 * repeats, 10 pairs). Direction: up, as long as the motions fit the caption.
 * Unit: embedding units. Bias: none, but a single estimate of Diversity from
 * 300 pairs moves by 0.05 to 0.1; compare means over replications. */
#ifndef MLCM_DIVERSITY_H
#define MLCM_DIVERSITY_H

#include "../engine/error.h"
#include "../engine/rng.h"

/* Draws first (count) and second (count) out of 0 … n-1, each without
 * replacement and independently of the other, so a pair may coincide.
 * Needs n >= count (ERR_INPUT). Store the seed, not the numbers. */
int draw_pairs(int n, int count, struct rng *r, int *first, int *second, struct error *e);

/* x (n, dim); mean over k of |x_first[k] - x_second[k]|.
 * Errors: a non-finite row (named), an index outside 0 … n-1. */
int diversity(const float *x, int n, int dim, const int *first, const int *second, int count,
              double *out, struct error *e);

/* x (texts, repeats, dim); the same `count` pairs of repeats for every text. */
int multimodality(const float *x, int texts, int repeats, int dim, const int *first,
                  const int *second, int count, double *out, struct error *e);

/* The same with indices drawn from r. */
int diversity_drawn(const float *x, int n, int dim, int count, struct rng *r, double *out,
                    struct error *e);
int multimodality_drawn(const float *x, int texts, int repeats, int dim, int count, struct rng *r,
                        double *out, struct error *e);

#endif
