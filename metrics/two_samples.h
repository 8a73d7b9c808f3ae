/* Two samples of one measure, a and b: by how much does b lie above a, and is that chance?
 *
 * Which test fits:
 *   welch_test         independent means of nearly normal values, variances may differ
 *   paired_test        the k-th values of both share their random draws: what they share cancels
 *   mann_whitney_test  independent, skewed: times
 *   signed_rank_test   paired, skewed
 *   interval_test      only a mean and its standard error are known of each
 * Each asks about a margin: `above` is the p of "b lies no more than the margin above a", `below` that of
 * "b lies no more than the margin below a". With margin 0 these are the usual one-sided tests. */
#ifndef MLCM_TWO_SAMPLES_H
#define MLCM_TWO_SAMPLES_H

#include "../engine/error.h"

struct sample_question {
    double margin;         /* >= 0, in the measure's unit */
    double confidence;     /* of the interval, 0.95 */
};

struct sample_answer {
    double difference;     /* b - a: of means; rank tests: the Hodges-Lehmann shift */
    double low, high;      /* its interval */
    double error, freedom; /* standard error of the difference, degrees of freedom; rank tests: 0; normal: freedom 0 */
    double statistic;      /* t or z at margin 0; Mann-Whitney: U of b; signed ranks: sum of the positive ranks */
    double above, below;   /* one-sided p, see above */
    double p;              /* two-sided: 2 min(above, below), at most 1 */
    int exact;             /* rank tests: p from the exact distribution */
};

/* All: finite values, else ERR_INPUT with the value's number; out is zeroed on an error.
 *
 * Welch's t test, na, nb >= 2. Constant samples: p is 0 or 1. */
int welch_test(const double *a, int na, const double *b, int nb, const struct sample_question *q,
               struct sample_answer *out, struct error *e);
/* t test of the n >= 2 differences b[k] - a[k]. */
int paired_test(const double *a, const double *b, int n, const struct sample_question *q,
                struct sample_answer *out, struct error *e);
/* Exact for samples of up to 20 without ties, else normal with corrections for ties and continuity. The
 * interval is that of the shift, from the ordered differences; of samples above 2000 every m-th value is
 * taken for it. */
int mann_whitney_test(const double *a, int na, const double *b, int nb, const struct sample_question *q,
                      struct sample_answer *out, struct error *e);
/* Wilcoxon's signed ranks of b[k] - a[k]; differences equal to the margin are left out. Exact for up to 50
 * without ties, else normal with the same corrections. */
int signed_rank_test(const double *a, const double *b, int n, const struct sample_question *q,
                     struct sample_answer *out, struct error *e);
/* What all of them ask of a sample: a sound question, at least `least` values, all finite; `what` is named. */
int sample_check(const double *values, int n, int least, const struct sample_question *q, const char *what,
                 struct error *e);
/* Normal test of two means with known standard errors >= 0. */
int interval_test(double mean_a, double error_a, double mean_b, double error_b, const struct sample_question *q,
                  struct sample_answer *out, struct error *e);

#endif
