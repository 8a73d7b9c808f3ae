#include "latency.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int latency_summary(const double *times, int n, struct latency *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    if (n < 1)
        return error_set(e, ERR_INPUT, "latency: no run was timed");
    for (int i = 0; i < n; i++)
        if (!isfinite(times[i]) || times[i] < 0)
            return error_set(e, ERR_INPUT, "latency: run %d took %g s", i, times[i]);
    size_t count = (size_t)n;
    double *sorted = malloc(count * sizeof *sorted);
    if (!sorted)
        return error_memory(e, "times");
    memcpy(sorted, times, count * sizeof *sorted);
    gsl_sort(sorted, 1, count);
    out->runs = n;
    out->mean = gsl_stats_mean(sorted, 1, count);
    out->std = n > 1 ? gsl_stats_sd_m(sorted, 1, count, out->mean) : 0;
    out->minimum = sorted[0];
    out->maximum = sorted[count - 1];
    out->p50 = gsl_stats_quantile_from_sorted_data(sorted, 1, count, 0.5);
    out->p90 = gsl_stats_quantile_from_sorted_data(sorted, 1, count, 0.9);
    out->p99 = gsl_stats_quantile_from_sorted_data(sorted, 1, count, 0.99);
    free(sorted);
    return 0;
}
