/* Two samples of one measure, a and b: by how much does b lie above a, and is that chance?
 *
 * Which test fits:
 *   welch_test         independent means of nearly normal values, variances may differ
 *   paired_test        the k-th values of both share their random draws: what they share cancels
 *   mann_whitney_test  independent, skewed: times
 *   signed_rank_test   paired, skewed
 *   interval_test      only a mean and its standard error are known of each */
#ifndef MLCM_TWO_SAMPLES_H
#define MLCM_TWO_SAMPLES_H

#include "../engine/error.h"

struct sample_answer {
    double difference;     /* b - a: of means; rank tests: the Hodges-Lehmann shift */
    double low, high;      /* its interval */
    double error, freedom; /* standard error of the difference, degrees of freedom; rank tests: 0; normal: freedom 0 */
    double statistic;      /* t or z; Mann-Whitney: U of b; signed ranks: sum of the positive ranks */
    double above, below;   /* one-sided p: of "b lies no higher than a", of "b lies no lower than a" */
    double p;              /* two-sided: 2 min(above, below), at most 1 */
    int exact;             /* rank tests: p from the exact distribution */
};

/* All: confidence is that of the interval, between 0 and 1; finite values, else ERR_INPUT with the value's number;
 * out is zeroed on an error.
 *
 * Welch's t test, na, nb >= 2. Constant samples: p is 0 or 1. */
int welch_test(const double *a, int na, const double *b, int nb, double confidence,
               struct sample_answer *out, struct error *e);
/* t test of the n >= 2 differences b[k] - a[k]. */
int paired_test(const double *a, const double *b, int n, double confidence,
                struct sample_answer *out, struct error *e);
/* Exact for samples of up to 20 without ties, else normal with corrections for ties and continuity. The
 * interval is that of the shift, from the ordered differences; of samples above 500 every m-th value is
 * taken for it. */
int mann_whitney_test(const double *a, int na, const double *b, int nb, double confidence,
                      struct sample_answer *out, struct error *e);
/* Wilcoxon's signed ranks of b[k] - a[k]; differences of 0 are left out. Exact for up to 50
 * without ties, else normal with the same corrections. */
int signed_rank_test(const double *a, const double *b, int n, double confidence,
                     struct sample_answer *out, struct error *e);
/* What all of them ask of a sample: at least `least` values, all finite, and a sound confidence; `what` is named. */
int sample_check(const double *values, int n, int least, double confidence, const char *what,
                 struct error *e);
/* Normal test of two means with known standard errors >= 0. */
int interval_test(double mean_a, double error_a, double mean_b, double error_b, double confidence,
                  struct sample_answer *out, struct error *e);

#endif
