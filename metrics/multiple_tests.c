#include "multiple_tests.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int adjust_p(enum correction c, const double *p, int n, double *adjusted, struct error *e)
{
    for (int i = 0; i < n; i++)
        if (!(p[i] >= 0 && p[i] <= 1))
            return error_set(e, ERR_INPUT, "correction for many tests: p %d is %g, not from 0 to 1", i, p[i]);
    if (n < 1)
        return 0;
    size_t *order = malloc((size_t)n * sizeof *order);
    double *out = malloc((size_t)n * sizeof *out);
    if (!order || !out) {
        free(order);
        free(out);
        return error_memory(e, "the correction for many tests");
    }
    gsl_sort_index(order, p, 1, (size_t)n);
    double so_far = 0;
    if (c == CORRECTION_HOLM)
        for (int k = 0; k < n; k++) { /* the smallest times n, the next times n - 1, …, never falling */
            so_far = fmax(so_far, fmin(1, (n - k) * p[order[k]]));
            out[order[k]] = so_far;
        }
    else if (c == CORRECTION_BENJAMINI_HOCHBERG) {
        so_far = 1;
        for (int k = n - 1; k >= 0; k--) { /* the largest times n/n, the next times n/(n - 1), …, never rising */
            so_far = fmin(so_far, p[order[k]] * n / (k + 1));
            out[order[k]] = so_far;
        }
    } else
        memcpy(out, p, (size_t)n * sizeof *out);
    memcpy(adjusted, out, (size_t)n * sizeof *out);
    free(order);
    free(out);
    return 0;
}

static const char *const names[] = {"holm", "bh", "none"};

const char *correction_name(enum correction c)
{
    return names[c];
}

int correction_parse(const char *name, enum correction *c)
{
    for (int i = 0; i < 3; i++)
        if (!strcmp(names[i], name)) {
            *c = (enum correction)i;
            return 0;
        }
    return -1;
}
