#include "two_samples.h"
#include "symmetric.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <string.h>

int sample_check(const double *values, int n, int least, double confidence, const char *what,
                 struct error *e)
{
    if (!(confidence > 0 && confidence < 1))
        return error_set(e, ERR_USAGE, "%s: confidence %g; use a number between 0 and 1", what, confidence);
    if (n < least)
        return error_set(e, ERR_INPUT, "%s: %d values; at least %d are needed", what, n, least);
    for (int i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return error_set(e, ERR_INPUT, "%s: value %d is not finite", what, i);
    return 0;
}

/* From difference, error and freedom (0: normal): interval, statistic and p. */
static int answer_t(struct sample_answer *out, double confidence, struct error *e)
{
    double d = out->difference, s = out->error, f = out->freedom, tail = (1 - confidence) / 2;
    if (!isfinite(d) || !isfinite(s) || !isfinite(f)) {
        memset(out, 0, sizeof *out);
        return error_set(e, ERR_INPUT, "values too large for a test: their squares are not finite");
    }
    out->low = out->high = d;
    if (s <= 0) {
        out->above = d > 0 ? 0 : 1;
        out->below = d < 0 ? 0 : 1;
    } else {
        double reach = s * (f > 0 ? gsl_cdf_tdist_Qinv(tail, f) : gsl_cdf_ugaussian_Qinv(tail));
        out->low = d - reach;
        out->high = d + reach;
        out->statistic = d / s;
        out->above = f > 0 ? gsl_cdf_tdist_Q(d / s, f) : gsl_cdf_ugaussian_Q(d / s);
        out->below = f > 0 ? gsl_cdf_tdist_P(d / s, f) : gsl_cdf_ugaussian_P(d / s);
    }
    out->p = fmin(1, 2 * fmin(out->above, out->below));
    return 0;
}

int welch_test(const double *a, int na, const double *b, int nb, double confidence,
               struct sample_answer *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    int status;
    if ((status = sample_check(a, na, 2, confidence, "Welch's test, first sample", e)) ||
        (status = sample_check(b, nb, 2, confidence, "Welch's test, second sample", e)))
        return status;
    gsl_return_errors();
    double mean_a = gsl_stats_mean(a, 1, (size_t)na), mean_b = gsl_stats_mean(b, 1, (size_t)nb);
    double share_a = gsl_stats_variance_m(a, 1, (size_t)na, mean_a) / na;
    double share_b = gsl_stats_variance_m(b, 1, (size_t)nb, mean_b) / nb;
    double sum = share_a + share_b;
    out->difference = mean_b - mean_a;
    if (sum > 0) {
        out->error = sqrt(sum);
        out->freedom = sum * sum / (share_a * share_a / (na - 1) + share_b * share_b / (nb - 1));
    }
    return answer_t(out, confidence, e);
}

int paired_test(const double *a, const double *b, int n, double confidence,
                struct sample_answer *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    int status;
    if ((status = sample_check(a, n, 2, confidence, "paired test, first sample", e)) ||
        (status = sample_check(b, n, 2, confidence, "paired test, second sample", e)))
        return status;
    gsl_return_errors();
    double sum = 0, squares = 0;
    for (int i = 0; i < n; i++)
        sum += b[i] - a[i];
    out->difference = sum / n;
    for (int i = 0; i < n; i++)
        squares += (b[i] - a[i] - out->difference) * (b[i] - a[i] - out->difference);
    out->error = sqrt(squares / (n - 1) / n);
    out->freedom = n - 1;
    return answer_t(out, confidence, e);
}

int interval_test(double mean_a, double error_a, double mean_b, double error_b, double confidence,
                  struct sample_answer *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    const double values[] = {mean_a, error_a, mean_b, error_b};
    int status = sample_check(values, 4, 4, confidence, "a comparison of intervals", e);
    if (status)
        return status;
    if (error_a < 0 || error_b < 0)
        return error_set(e, ERR_INPUT, "a comparison of intervals: a negative standard error");
    out->difference = mean_b - mean_a;
    out->error = hypot(error_a, error_b);
    return answer_t(out, confidence, e);
}
