#include "interval.h"
#include "symmetric.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

int interval_student(const double *values, int n, struct interval *out, struct error *e)
{
    int status = interval_mean(values, n, out, e);
    if (status || n < 2)
        return status;
    gsl_return_errors();
    out->ci95 = gsl_cdf_tdist_Pinv(0.975, n - 1) * gsl_stats_sd_m(values, 1, (size_t)n, out->mean) / sqrt(n);
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
