/* Means with intervals over replications. Tests between two sets of them: two_samples.h. */
#ifndef MLCM_INTERVAL_H
#define MLCM_INTERVAL_H

#include "../engine/error.h"
#include "../engine/rng.h"

struct interval {
    double mean;
    double ci95;           /* half width 1.96 s / sqrt(n), s with divisor n; 0 for n = 1 */
    int count;
};

/* The field's interval (Guo et al. 2022). values (n), n >= 1.
 * Error: a non-finite value, its number named. All functions below likewise. */
int interval_mean(const double *values, int n, struct interval *out, struct error *e);

/* Student's interval: half width t s / sqrt(n), s with divisor n - 1, t of n - 1 degrees of freedom; 0 for n = 1.
 * For a handful of values, seeds of a training for instance, of which the field's interval covers too little. */
int interval_student(const double *values, int n, struct interval *out, struct error *e);

/* Percentile bootstrap of the mean: 2.5 % and 97.5 % of `resamples` means. */
int bootstrap_mean(const double *values, int n, int resamples, struct rng *r, double *low,
                   double *high, struct error *e);

#endif
