/* Mann-Whitney and Wilcoxon: the tests of two_samples.h that look at ranks alone. */
#include "symmetric.h"
#include "two_samples.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT_PAIRS = 20, EXACT_SIGNS = 50, MOST_ORDERED = 500 };

static double *sorted_copy(const double *x, int n)
{
    double *copy = malloc((size_t)n * sizeof *copy);
    if (!copy)
        return NULL;
    memcpy(copy, x, (size_t)n * sizeof *copy);
    gsl_sort(copy, 1, (size_t)n);
    return copy;
}

/* Every m-th of n sorted values, at most MOST_ORDERED, in place; returns their number. */
static int thin(double *x, int n)
{
    int step = (n + MOST_ORDERED - 1) / MOST_ORDERED, kept = 0;
    for (int i = step / 2; i < n; i += step)
        x[kept++] = x[i];
    return kept;
}

/* The shift and its interval: of `n` sorted estimates, those `reach` from the middle of their ranks. */
static void shift_interval(const double *estimates, int n, double reach, struct sample_answer *out)
{
    int rank = (int)floor((double)n / 2 - reach);
    if (rank < 0)
        rank = 0;
    if (rank > (n - 1) / 2)
        rank = (n - 1) / 2;
    out->difference = gsl_stats_median_from_sorted_data(estimates, 1, (size_t)n);
    out->low = estimates[rank];
    out->high = estimates[n - 1 - rank];
}

/* --- Mann-Whitney ------------------------------------------------------------------------ */

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
    for (int i = 0; i <= na; i++)
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

/* The number of sorted values below x, and of those equal to it. */
static int count_below(const double *sorted, int n, double x, int *equal)
{
    int low = 0, high = n;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (sorted[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    for (*equal = 0; low + *equal < n && sorted[low + *equal] == x;)
        ++*equal;
    return low;
}

/* U of sorted b against sorted a: pairs in which b is larger, ties half; and p of "b is not
 * larger" and of "b is not smaller". Pairs of ties may be many, values in a tie are counted once a value of b. */
static int mann_whitney_sorted(const double *a, int na, const double *b, int nb, struct sample_answer *out, struct error *e)
{
    double n = (double)na + nb, product = (double)na * nb, tie_term = 0, u = 0;
    int exact = na <= EXACT_PAIRS && nb <= EXACT_PAIRS;
    for (int j = 0, equal = 0, below = 0; j < nb; j++) {
        if (!j || b[j] != b[j - 1])
            below = count_below(a, na, b[j], &equal);
        u += below + 0.5 * equal;
    }
    /* groups of equal values over both samples, by merging */
    for (int i = 0, j = 0; i < na || j < nb;) {
        double x = j == nb || (i < na && a[i] <= b[j]) ? a[i] : b[j], t = 0;
        for (; i < na && a[i] == x; i++)
            t++;
        for (; j < nb && b[j] == x; j++)
            t++;
        tie_term += t * t * t - t;
    }
    out->statistic = u;
    out->exact = exact && tie_term == 0;
    if (out->exact) {
        int status = exact_at_most(na, nb, product - u, &out->above, e);
        return status ? status : exact_at_most(na, nb, u, &out->below, e);
    }
    double variance = product / 12 * (n + 1 - tie_term / (n * (n - 1)));
    out->above = out->below = 1;
    if (variance > 0) {
        out->above = gsl_cdf_ugaussian_Q((u - product / 2 - 0.5) / sqrt(variance));
        out->below = gsl_cdf_ugaussian_Q((product / 2 - u - 0.5) / sqrt(variance));
    }
    return 0;
}

static int mann_whitney_shift(double *a, int na, double *b, int nb, double confidence, struct sample_answer *out,
                              struct error *e)
{
    na = thin(a, na);
    nb = thin(b, nb);
    size_t n = (size_t)na * (size_t)nb;
    double *d = malloc(n * sizeof *d);
    if (!d)
        return error_memory(e, "the differences of two samples");
    for (int j = 0; j < nb; j++)
        for (int i = 0; i < na; i++)
            d[(size_t)j * (size_t)na + (size_t)i] = b[j] - a[i];
    gsl_sort(d, 1, n);
    double spread = sqrt((double)na * nb * ((double)na + nb + 1) / 12);
    shift_interval(d, (int)n, gsl_cdf_ugaussian_Qinv((1 - confidence) / 2) * spread, out);
    free(d);
    return 0;
}

int mann_whitney_test(const double *a, int na, const double *b, int nb, double confidence,
                      struct sample_answer *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    int status;
    if ((status = sample_check(a, na, 1, confidence, "Mann-Whitney, first sample", e)) ||
        (status = sample_check(b, nb, 1, confidence, "Mann-Whitney, second sample", e)))
        return status;
    gsl_return_errors();
    double *x = sorted_copy(a, na), *y = sorted_copy(b, nb);
    if (!x || !y)
        status = error_memory(e, "the Mann-Whitney ranks");
    if (!status)
        status = mann_whitney_sorted(x, na, y, nb, out, e);
    if (!status)
        status = mann_whitney_shift(x, na, y, nb, confidence, out, e);
    out->p = fmin(1, 2 * fmin(out->above, out->below));
    free(x);
    free(y);
    if (status)
        memset(out, 0, sizeof *out);
    return status;
}

/* --- Wilcoxon's signed ranks ----------------------------------------------------------------- */

/* P(W >= w) for n different absolute differences: ways[v], the number of sets of ranks with sum v. */
static double signs_at_least(int n, double w)
{
    double ways[EXACT_SIGNS * (EXACT_SIGNS + 1) / 2 + 1] = {1}, above = 0;
    int top = n * (n + 1) / 2;
    for (int rank = 1; rank <= n; rank++)
        for (int v = top; v >= rank; v--)
            ways[v] += ways[v - rank];
    for (int v = 0; v <= top; v++)
        above += v >= w ? ways[v] : 0;
    return above / pow(2, n);
}

/* Sum of the ranks of the positive d among all by size (ties share their mean rank, zeros are left out), and its p.
 * order and size are scratch (n). */
static void signed_ranks(const double *d, int n, size_t *order, double *size, struct sample_answer *out)
{
    double tie_term = 0, w = 0;
    int zeros = 0;
    for (int i = 0; i < n; i++)
        size[i] = fabs(d[i]);
    gsl_sort_index(order, size, 1, (size_t)n);
    while (zeros < n && size[order[zeros]] == 0)
        zeros++;
    for (int from = zeros, to; from < n; from = to) {
        for (to = from; to < n && size[order[to]] == size[order[from]]; to++)
            ;
        double rank = (from - zeros + 1 + to - zeros) / 2.0, t = to - from;
        for (int k = from; k < to; k++)
            w += d[order[k]] > 0 ? rank : 0;
        tie_term += t * t * t - t;
    }
    double used = n - zeros, total = used * (used + 1) / 2;
    out->statistic = w;
    out->exact = used <= EXACT_SIGNS && tie_term == 0 && !zeros;
    out->above = out->below = 1;
    if (out->exact) {
        out->above = signs_at_least(n, w);
        out->below = signs_at_least(n, total - w);
        return;
    }
    double variance = used * (used + 1) * (2 * used + 1) / 24 - tie_term / 48;
    if (variance <= 0)
        return;
    out->above = gsl_cdf_ugaussian_Q((w - total / 2 - 0.5) / sqrt(variance));
    out->below = gsl_cdf_ugaussian_Q((total / 2 - w - 0.5) / sqrt(variance));
}

/* The shift from the Walsh averages of d (n), which is sorted and thinned. */
static int signed_rank_shift(double *d, int n, double confidence, struct sample_answer *out, struct error *e)
{
    gsl_sort(d, 1, (size_t)n);
    n = thin(d, n);
    size_t count = (size_t)n * ((size_t)n + 1) / 2, k = 0;
    double *walsh = malloc(count * sizeof *walsh);
    if (!walsh)
        return error_memory(e, "the Walsh averages");
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++)
            walsh[k++] = (d[i] + d[j]) / 2;
    gsl_sort(walsh, 1, count);
    double spread = sqrt((double)n * (n + 1.0) * (2.0 * n + 1) / 24);
    shift_interval(walsh, (int)count, gsl_cdf_ugaussian_Qinv((1 - confidence) / 2) * spread, out);
    free(walsh);
    return 0;
}

int signed_rank_test(const double *a, const double *b, int n, double confidence,
                     struct sample_answer *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    int status;
    if ((status = sample_check(a, n, 1, confidence, "signed ranks, first sample", e)) ||
        (status = sample_check(b, n, 1, confidence, "signed ranks, second sample", e)))
        return status;
    gsl_return_errors();
    double *d = malloc((size_t)n * sizeof *d), *size = malloc((size_t)n * sizeof *size);
    size_t *order = malloc((size_t)n * sizeof *order);
    if (!d || !size || !order)
        status = error_memory(e, "the signed ranks");
    if (!status) {
        for (int i = 0; i < n; i++)
            d[i] = b[i] - a[i];
        signed_ranks(d, n, order, size, out);
        out->p = fmin(1, 2 * fmin(out->above, out->below));
        status = signed_rank_shift(d, n, confidence, out, e);
    }
    free(d);
    free(size);
    free(order);
    if (status)
        memset(out, 0, sizeof *out);
    return status;
}
