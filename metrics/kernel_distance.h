/* KID: the kernel inception distance, an unbiased squared maximum mean
 * discrepancy with the cubic polynomial kernel (Binkowski et al. 2018)
 *
 *   k(a, b) = (a.b / dim + 1)³
 *   KID = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean_{i,j} k(x_i, y_j)
 *
 * Direction: down; its expectation is 0 for sets from one distribution, at any
 * number of samples, so single values may be negative. Unit: none. Samples: 2
 * or more; unlike FID it compares sets of different sizes. Bias: none. */
#ifndef MLCM_KERNEL_DISTANCE_H
#define MLCM_KERNEL_DISTANCE_H

#include "../engine/error.h"
#include "../engine/rng.h"

/* x (nx, dim), y (ny, dim), all rows used.
 * Errors: fewer than 2 rows, a non-finite row (named). */
int kernel_distance(const float *x, int nx, const float *y, int ny, int dim, double *distance,
                    struct error *e);

/* Mean and standard deviation (divisor `subsets`) of the KID of random subsets
 * of `size` rows drawn without replacement from each set: the usual way to
 * print KID with a spread. size <= nx, ny. */
int kernel_distance_subsets(const float *x, int nx, const float *y, int ny, int dim, int subsets,
                            int size, struct rng *r, double *mean, double *deviation,
                            struct error *e);

#endif
