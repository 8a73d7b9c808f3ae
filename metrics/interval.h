/* Means with intervals over replications, and tests between two sets of them. */
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

struct test_result {
    double statistic;      /* Welch: t; Mann-Whitney: U of the first sample */
    double freedom;        /* Welch: degrees of freedom; else 0 */
    double p;              /* two-sided */
    int exact;             /* Mann-Whitney: p from the exact distribution */
};

/* Welch's t test: do two samples with unequal variances have equal means?
 * na, nb >= 2. Two constant samples give p = 1 if equal, else 0. */
int welch_test(const double *a, int na, const double *b, int nb, struct test_result *out,
               struct error *e);

/* Mann-Whitney U: is one sample shifted against the other? Exact for samples of
 * up to 20 without ties, else normal with corrections for ties and continuity. */
int mann_whitney_test(const double *a, int na, const double *b, int nb, struct test_result *out,
                      struct error *e);

/* Percentile bootstrap of the mean: 2.5 % and 97.5 % of `resamples` means. */
int bootstrap_mean(const double *values, int n, int resamples, struct rng *r, double *low,
                   double *high, struct error *e);

#endif
