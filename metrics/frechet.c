#include "frechet.h"
#include "embedding.h"
#include "symmetric.h"

#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 256, MOST_DIMENSIONS = 8192 };

static int gaussian_alloc(struct gaussian *g, int count, int dim, struct error *e)
{
    memset(g, 0, sizeof *g);
    if (count < 2)
        return error_set(e, ERR_INPUT, "FID: a covariance needs at least 2 rows, here are %d", count);
    if (dim < 1 || dim > MOST_DIMENSIONS)
        return error_set(e, ERR_INPUT, "FID: embeddings of %d values: 1 to %d are allowed", dim,
                         MOST_DIMENSIONS);
    size_t n = (size_t)dim;
    g->dim = dim;
    g->count = count;
    g->mean = calloc(n, sizeof *g->mean);
    g->covariance = calloc(n * n, sizeof *g->covariance);
    g->factor = calloc(n * n, sizeof *g->factor);
    if (g->mean && g->covariance && g->factor)
        return 0;
    gaussian_free(g);
    return error_memory(e, "a covariance");
}

void gaussian_free(struct gaussian *g)
{
    free(g->mean);
    free(g->covariance);
    free(g->factor);
    memset(g, 0, sizeof *g);
}

/* mean and covariance of x (n, dim); the covariance in blocks of centred rows. */
static int accumulate(const float *x, struct gaussian *g, struct error *e)
{
    size_t dim = (size_t)g->dim;
    double *centred = malloc(ROWS_AT_ONCE * dim * sizeof *centred);
    if (!centred)
        return error_memory(e, "a covariance");
    for (int i = 0; i < g->count; i++)
        for (size_t k = 0; k < dim; k++)
            g->mean[k] += (double)embedding_row(x, i, g->dim)[k];
    for (size_t k = 0; k < dim; k++)
        g->mean[k] /= g->count;
    for (int from = 0; from < g->count; from += ROWS_AT_ONCE) {
        int rows = g->count - from < ROWS_AT_ONCE ? g->count - from : ROWS_AT_ONCE;
        for (int i = 0; i < rows; i++)
            for (size_t k = 0; k < dim; k++)
                centred[(size_t)i * dim + k] =
                    (double)embedding_row(x, from + i, g->dim)[k] - g->mean[k];
        cblas_dsyrk(CblasRowMajor, CblasLower, CblasTrans, g->dim, rows, 1.0 / (g->count - 1),
                    centred, g->dim, 1, g->covariance, g->dim);
    }
    for (size_t i = 0; i < dim; i++)
        for (size_t j = 0; j < i; j++)
            g->covariance[j * dim + i] = g->covariance[i * dim + j];
    free(centred);
    return 0;
}

/* The factor: rows sqrt(lambda_k) v_k of the eigenvalues that count. */
static int factorise(struct gaussian *g, struct error *e)
{
    size_t dim = (size_t)g->dim;
    double *values = malloc(dim * sizeof *values);
    double *vectors = malloc(dim * dim * sizeof *vectors);
    double *copy = malloc(dim * dim * sizeof *copy);
    int status = 0;
    if (!values || !vectors || !copy) {
        status = error_memory(e, "a covariance's eigenvalues");
        goto done;
    }
    memcpy(copy, g->covariance, dim * dim * sizeof *copy);
    status = symmetric_eigen(copy, g->dim, values, vectors, e);
    if (status)
        goto done;
    double largest = 0;
    for (size_t k = 0; k < dim; k++) {
        g->trace += g->covariance[k * dim + k];
        largest = fmax(largest, values[k]);
    }
    for (size_t k = 0; k < dim; k++) {
        if (values[k] <= (double)dim * DBL_EPSILON * largest) {
            g->clamped_mass += fabs(values[k]);
            continue;
        }
        double root = sqrt(values[k]);
        for (size_t j = 0; j < dim; j++)
            g->factor[(size_t)g->rank * dim + j] = root * vectors[k * dim + j];
        g->rank++;
    }
done:
    free(values);
    free(vectors);
    free(copy);
    return status;
}

int gaussian_fit(const float *x, int n, int dim, struct gaussian *g, struct error *e)
{
    int status = gaussian_alloc(g, n, dim, e);
    if (status)
        return status;
    if ((status = embedding_check(x, n, dim, "embeddings for FID", e)) ||
        (status = accumulate(x, g, e)) || (status = factorise(g, e)))
        gaussian_free(g);
    return status;
}

int gaussian_from_moments(const double *mean, const double *covariance, int count, int dim,
                          struct gaussian *g, struct error *e)
{
    int status = gaussian_alloc(g, count, dim, e);
    if (status)
        return status;
    size_t n = (size_t)dim;
    for (size_t k = 0; k < n && !status; k++)
        if (!isfinite(mean[k]))
            status = error_set(e, ERR_INPUT, "FID: the mean has a non-finite value in column %zu", k);
    if (!status) {
        memcpy(g->mean, mean, n * sizeof *mean);
        memcpy(g->covariance, covariance, n * n * sizeof *covariance);
        status = factorise(g, e);
    }
    if (status)
        gaussian_free(g);
    return status;
}

/* tr (C_x C_y)^{1/2}. */
static int trace_of_root(const struct gaussian *x, const struct gaussian *y, double *trace,
                         struct error *e)
{
    /* The taller product, as the bidiagonal reduction wants it. */
    const struct gaussian *tall = x->rank >= y->rank ? x : y, *wide = tall == x ? y : x;
    *trace = 0;
    if (!wide->rank)
        return 0;
    double *product = malloc((size_t)tall->rank * (size_t)wide->rank * sizeof *product);
    if (!product)
        return error_memory(e, "the product of two covariances");
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, tall->rank, wide->rank, x->dim, 1,
                tall->factor, x->dim, wide->factor, x->dim, 0, product, wide->rank);
    int status = nuclear_norm(product, tall->rank, wide->rank, trace, e);
    free(product);
    return status;
}

int frechet_between(const struct gaussian *x, const struct gaussian *y, struct frechet *out,
                    struct error *e)
{
    memset(out, 0, sizeof *out);
    if (x->dim != y->dim)
        return error_set(e, ERR_INPUT, "FID: embeddings of %d and of %d values do not compare",
                         x->dim, y->dim);
    double root;
    int status = trace_of_root(x, y, &root, e);
    if (status)
        return status;
    for (int k = 0; k < x->dim; k++) {
        double d = x->mean[k] - y->mean[k];
        out->mean_term += d * d;
    }
    out->trace_term = x->trace + y->trace - 2 * root;
    out->distance = out->mean_term + out->trace_term;
    out->clamped_mass = x->clamped_mass + y->clamped_mass;
    out->rank_x = x->rank;
    out->rank_y = y->rank;
    if (!isfinite(out->distance))
        return error_set(e, ERR_INTERNAL, "FID: the result is not finite: the embeddings overflow");
    return 0;
}

int frechet_distance(const float *x, int nx, const float *y, int ny, int dim, struct frechet *out,
                     struct error *e)
{
    struct gaussian gx = {0}, gy = {0};
    int status = gaussian_fit(x, nx, dim, &gx, e);
    if (status)
        error_prefix(e, "first set");
    else if ((status = gaussian_fit(y, ny, dim, &gy, e)))
        error_prefix(e, "second set");
    else
        status = frechet_between(&gx, &gy, out, e);
    gaussian_free(&gx);
    gaussian_free(&gy);
    return status;
}
