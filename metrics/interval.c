#include "interval.h"
#include "symmetric.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_LIMIT = 20 };

static int check_values(const double *values, int n, int least, const char *what, struct error *e)
{
    if (n < least)
        return error_set(e, ERR_INPUT, "%s: %d values; at least %d are needed", what, n, least);
    for (int i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return error_set(e, ERR_INPUT, "%s: value %d is not finite", what, i);
    return 0;
}

int interval_mean(const double *values, int n, struct interval *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    int status = check_values(values, n, 1, "interval", e);
    if (status)
        return status;
    out->count = n;
    out->mean = gsl_stats_mean(values, 1, (size_t)n);
    out->ci95 = 1.96 * gsl_stats_sd_with_fixed_mean(values, 1, (size_t)n, out->mean) / sqrt(n);
    return 0;
}

int welch_test(const double *a, int na, const double *b, int nb, struct test_result *out,
               struct error *e)
{
    memset(out, 0, sizeof *out);
    int status;
    if ((status = check_values(a, na, 2, "Welch's test, first sample", e)) ||
        (status = check_values(b, nb, 2, "Welch's test, second sample", e)))
        return status;
    gsl_return_errors();
    double mean_a = gsl_stats_mean(a, 1, (size_t)na), mean_b = gsl_stats_mean(b, 1, (size_t)nb);
    double share_a = gsl_stats_variance_m(a, 1, (size_t)na, mean_a) / na;
    double share_b = gsl_stats_variance_m(b, 1, (size_t)nb, mean_b) / nb;
    double sum = share_a + share_b;
    if (sum <= 0) {
        out->p = mean_a == mean_b;
        return 0;
    }
    out->statistic = (mean_a - mean_b) / sqrt(sum);
    out->freedom = sum * sum / (share_a * share_a / (na - 1) + share_b * share_b / (nb - 1));
    out->p = 2 * gsl_cdf_tdist_Q(fabs(out->statistic), out->freedom);
    return 0;
}

/* P(U <= u) for samples of na and nb without ties: ways[i][v], the number of
 * arrangements of i of the first sample's values with statistic v, counted one
 * value of the second sample at a time. */
static int exact_at_most(int na, int nb, double u, double *p, struct error *e)
{
    int top = na * nb;
    size_t width = (size_t)top + 1;
    double *ways = calloc((size_t)(na + 1) * width, sizeof *ways);
    if (!ways)
        return error_memory(e, "the Mann-Whitney distribution");
    ways[0] = 1;
    for (int i = 1; i <= na; i++)
        ways[(size_t)i * width] = 1;
    /* f(i, j, v) = f(i - 1, j, v - j) + f(i, j - 1, v), in place over j. */
    for (int j = 1; j <= nb; j++)
        for (int i = 1; i <= na; i++)
            for (int v = j; v <= top; v++)
                ways[(size_t)i * width + (size_t)v] +=
                    ways[(size_t)(i - 1) * width + (size_t)(v - j)];
    double below = 0, total = 0;
    for (int v = 0; v <= top; v++) {
        double w = ways[(size_t)na * width + (size_t)v];
        total += w;
        below += v <= u ? w : 0;
    }
    *p = below / total;
    free(ways);
    return 0;
}

int mann_whitney_test(const double *a, int na, const double *b, int nb, struct test_result *out,
                      struct error *e)
{
    memset(out, 0, sizeof *out);
    int status;
    if ((status = check_values(a, na, 1, "Mann-Whitney, first sample", e)) ||
        (status = check_values(b, nb, 1, "Mann-Whitney, second sample", e)))
        return status;
    int ties = 0;
    double u = 0, n = (double)na + nb, tie_term = 0;
    for (int i = 0; i < na; i++)
        for (int j = 0; j < nb; j++) {
            u += a[i] > b[j] ? 1 : a[i] == b[j] ? 0.5 : 0;
            ties |= a[i] == b[j];
        }
    out->statistic = u;
    double smaller = fmin(u, (double)na * nb - u);
    if (na <= EXACT_LIMIT && nb <= EXACT_LIMIT && !ties) {
        double below = 1;
        if ((status = exact_at_most(na, nb, smaller, &below, e)))
            return status;
        out->exact = 1;
        out->p = fmin(1, 2 * below);
        return 0;
    }
    double *all = malloc((size_t)(na + nb) * sizeof *all);
    if (!all)
        return error_memory(e, "the Mann-Whitney ranks");
    memcpy(all, a, (size_t)na * sizeof *all);
    memcpy(all + na, b, (size_t)nb * sizeof *all);
    gsl_sort(all, 1, (size_t)(na + nb));
    for (int from = 0, to; from < na + nb; from = to) {
        for (to = from; to < na + nb && all[to] == all[from]; to++)
            ;
        double t = to - from;
        tie_term += t * t * t - t;
    }
    free(all);
    double variance = (double)na * nb / 12 * (n + 1 - tie_term / (n * (n - 1)));
    if (variance <= 0) {
        out->p = 1;
        return 0;
    }
    double z = ((double)na * nb / 2 - smaller - 0.5) / sqrt(variance);
    out->p = z <= 0 ? 1 : 2 * gsl_cdf_ugaussian_Q(z);
    return 0;
}

int bootstrap_mean(const double *values, int n, int resamples, struct rng *r, double *low,
                   double *high, struct error *e)
{
    int status = check_values(values, n, 1, "bootstrap", e);
    if (!status && resamples < 1)
        status = error_set(e, ERR_USAGE, "bootstrap: %d resamples", resamples);
    if (status)
        return status;
    double *means = malloc((size_t)resamples * sizeof *means);
    if (!means)
        return error_memory(e, "bootstrap resamples");
    for (int s = 0; s < resamples; s++) {
        double sum = 0;
        for (int i = 0; i < n; i++)
            sum += values[rng_below(r, (uint32_t)n)];
        means[s] = sum / n;
    }
    gsl_sort(means, 1, (size_t)resamples);
    *low = gsl_stats_quantile_from_sorted_data(means, 1, (size_t)resamples, 0.025);
    *high = gsl_stats_quantile_from_sorted_data(means, 1, (size_t)resamples, 0.975);
    free(means);
    return 0;
}
