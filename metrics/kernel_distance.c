#include "kernel_distance.h"
#include "embedding.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS_AT_ONCE = 256 };

static double *widen(const float *x, int n, int dim)
{
    size_t count = (size_t)n * (size_t)dim;
    double *wide = malloc(count * sizeof *wide);
    for (size_t i = 0; wide && i < count; i++)
        wide[i] = (double)x[i];
    return wide;
}

/* Sum of k(x_i, y_j) over all pairs, or over i ≠ j when y is x. */
static int kernel_sum(const double *x, int nx, const double *y, int ny, int dim, double *sum,
                      struct error *e)
{
    double *products = malloc((size_t)ROWS_AT_ONCE * (size_t)ny * sizeof *products);
    if (!products)
        return error_memory(e, "KID's kernel");
    *sum = 0;
    for (int from = 0; from < nx; from += ROWS_AT_ONCE) {
        int rows = nx - from < ROWS_AT_ONCE ? nx - from : ROWS_AT_ONCE;
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, ny, dim, 1.0 / dim,
                    x + (long)from * dim, dim, y, dim, 0, products, ny);
        for (int i = 0; i < rows; i++) {
            double row = 0;
            for (int j = 0; j < ny; j++) {
                double base = products[(long)i * ny + j] + 1;
                if (x != y || from + i != j)
                    row += base * base * base;
            }
            *sum += row;
        }
    }
    free(products);
    return 0;
}

static int unbiased(const double *x, int nx, const double *y, int ny, int dim, double *distance,
                    struct error *e)
{
    double xx, yy, xy;
    int status;
    if ((status = kernel_sum(x, nx, x, nx, dim, &xx, e)) ||
        (status = kernel_sum(y, ny, y, ny, dim, &yy, e)) ||
        (status = kernel_sum(x, nx, y, ny, dim, &xy, e)))
        return status;
    double m = nx, n = ny;
    *distance = xx / (m * (m - 1)) + yy / (n * (n - 1)) - 2 * xy / (m * n);
    if (!isfinite(*distance))
        return error_set(e, ERR_INTERNAL, "KID: the result is not finite: the embeddings overflow");
    return 0;
}

static int check_sets(const float *x, int nx, const float *y, int ny, int dim, struct error *e)
{
    int status = embedding_check(x, nx, dim, "first set of embeddings for KID", e);
    if (!status)
        status = embedding_check(y, ny, dim, "second set of embeddings for KID", e);
    if (!status && (nx < 2 || ny < 2))
        status = error_set(e, ERR_INPUT, "KID: each set needs at least 2 rows, here are %d and %d",
                           nx, ny);
    return status;
}

int kernel_distance(const float *x, int nx, const float *y, int ny, int dim, double *distance,
                    struct error *e)
{
    int status = check_sets(x, nx, y, ny, dim, e);
    if (status)
        return status;
    double *wide_x = widen(x, nx, dim), *wide_y = widen(y, ny, dim);
    status = wide_x && wide_y ? unbiased(wide_x, nx, wide_y, ny, dim, distance, e)
                              : error_memory(e, "KID's embeddings");
    free(wide_x);
    free(wide_y);
    return status;
}

/* out (size, dim) <- `size` different rows of x (n, dim). */
static void draw_rows(const float *x, int n, int dim, int size, struct rng *r, int *chosen,
                      int *scratch, double *out)
{
    rng_choose(r, chosen, size, n, scratch);
    for (int i = 0; i < size; i++)
        for (int k = 0; k < dim; k++)
            out[(long)i * dim + k] = (double)embedding_row(x, chosen[i], dim)[k];
}

int kernel_distance_subsets(const float *x, int nx, const float *y, int ny, int dim, int subsets,
                            int size, struct rng *r, double *mean, double *deviation,
                            struct error *e)
{
    int status = check_sets(x, nx, y, ny, dim, e);
    if (status)
        return status;
    if (subsets < 1 || size < 2 || size > nx || size > ny)
        return error_set(e, ERR_USAGE, "KID: %d subsets of %d rows do not fit sets of %d and %d",
                         subsets, size, nx, ny);
    size_t cells = (size_t)size * (size_t)dim;
    int *chosen = malloc((size_t)size * sizeof *chosen);
    int *scratch = malloc((size_t)(nx > ny ? nx : ny) * sizeof *scratch);
    double *a = malloc(cells * sizeof *a), *b = malloc(cells * sizeof *b);
    if (!chosen || !scratch || !a || !b)
        status = error_memory(e, "KID's subsets");
    double average = 0, squares = 0;
    for (int s = 0; s < subsets && !status; s++) {
        double value = 0;
        draw_rows(x, nx, dim, size, r, chosen, scratch, a);
        draw_rows(y, ny, dim, size, r, chosen, scratch, b);
        status = unbiased(a, size, b, size, dim, &value, e);
        /* Welford's update of the mean and the sum of squared deviations. */
        double delta = value - average;
        average += delta / (s + 1);
        squares += delta * (value - average);
    }
    *mean = average;
    *deviation = sqrt(squares / subsets);
    free(chosen);
    free(scratch);
    free(a);
    free(b);
    return status;
}
