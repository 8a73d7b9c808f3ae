#include "embedding.h"

#include <math.h>

int embedding_check(const float *x, int n, int dim, const char *what, struct error *e)
{
    if (n < 1 || dim < 1)
        return error_set(e, ERR_INPUT, "%s: %d rows of %d values: at least one of each is needed",
                         what, n, dim);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < dim; k++)
            if (!isfinite(embedding_row(x, i, dim)[k]))
                return error_set(e, ERR_INPUT,
                                 "%s: row %d has a non-finite value in column %d: "
                                 "mend or leave out that clip",
                                 what, i, k);
    return 0;
}

double embedding_distance(const float *a, const float *b, int dim)
{
    double sum = 0;
    for (int k = 0; k < dim; k++) {
        double d = (double)a[k] - (double)b[k];
        sum += d * d;
    }
    return sqrt(sum);
}
