#include "symmetric.h"

#include <float.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>

void gsl_return_errors(void)
{
    gsl_set_error_handler_off();
}

/* [upper; lower] <- [c -s; s c] [upper; lower], both rows of length n. */
static void rotate_rows(double *upper, double *lower, int n, double c, double s)
{
    for (int k = 0; k < n; k++) {
        double u = upper[k], l = lower[k];
        upper[k] = c * u - s * l;
        lower[k] = s * u + c * l;
    }
}

/* One implicit QL sweep on the unreduced block first … last with Wilkinson's
 * shift. rows (n, n) collects the rotations, or is NULL. */
static void ql_sweep(double *diagonal, double *off, int first, int last, double *rows, int n)
{
    double g = (diagonal[first + 1] - diagonal[first]) / (2 * off[first]);
    g = diagonal[last] - diagonal[first] + off[first] / (g + copysign(hypot(g, 1), g));
    double c = 1, s = 1, carried = 0;
    for (int i = last - 1; i >= first; i--) {
        double f = s * off[i], b = c * off[i];
        double r = hypot(f, g);
        off[i + 1] = r;
        if (r == 0) { /* the bulge vanished: the block splits at i + 1 */
            diagonal[i + 1] -= carried;
            off[last] = 0;
            return;
        }
        s = f / r;
        c = g / r;
        g = diagonal[i + 1] - carried;
        r = (diagonal[i] - g) * s + 2 * c * b;
        carried = s * r;
        diagonal[i + 1] = g + carried;
        g = c * r - b;
        if (rows)
            rotate_rows(rows + (size_t)i * (size_t)n, rows + (size_t)(i + 1) * (size_t)n, n, c, s);
    }
    diagonal[first] -= carried;
    off[first] = g;
    off[last] = 0;
}

/* Diagonalises the tridiagonal matrix (diagonal (n), off (n), off[n-1] unused)
 * in place. rows (n, n), if given, starts as the transposed transformation to
 * tridiagonal form and ends with the eigenvectors as rows. */
static int tridiagonal_eigen(double *diagonal, double *off, int n, double *rows, struct error *e)
{
    double scale = 0;
    off[n - 1] = 0;
    for (int i = 0; i < n; i++) {
        double sum = fabs(diagonal[i]) + fabs(off[i]);
        if (!isfinite(sum))
            return error_set(e, ERR_INTERNAL, "eigenvalues: the matrix holds a non-finite value");
        scale = sum > scale ? sum : scale;
    }
    for (int first = 0; first < n; first++) {
        for (int sweeps = 0;; sweeps++) {
            int last = first;
            while (last < n - 1 &&
                   fabs(off[last]) > DBL_EPSILON * (fabs(diagonal[last]) + fabs(diagonal[last + 1]) +
                                                    scale / 32))
                last++;
            if (last == first)
                break;
            if (sweeps == 80)
                return error_set(e, ERR_INTERNAL, "eigenvalues: no convergence in a matrix of %d", n);
            ql_sweep(diagonal, off, first, last, rows, n);
        }
    }
    return 0;
}

static int all_finite(const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return 0;
    return 1;
}

int symmetric_eigen(double *a, int n, double *values, double *vectors, struct error *e)
{
    gsl_return_errors();
    if (n < 1)
        return error_set(e, ERR_INTERNAL, "eigenvalues: a matrix of size %d", n);
    size_t size = (size_t)n;
    if (!all_finite(a, size * size))
        return error_set(e, ERR_INTERNAL, "eigenvalues: the matrix holds a non-finite value");
    if (n == 1) {
        values[0] = a[0];
        if (vectors)
            vectors[0] = 1;
        return 0;
    }
    int status = 0;
    gsl_vector *tau = gsl_vector_alloc(size - 1);
    gsl_matrix *q = vectors ? gsl_matrix_alloc(size, size) : NULL;
    double *off = calloc(size, sizeof *off);
    if (!tau || !off || (vectors && !q)) {
        status = error_memory(e, "an eigenvalue problem");
        goto done;
    }
    gsl_matrix_view matrix = gsl_matrix_view_array(a, size, size);
    gsl_vector_view diagonal = gsl_vector_view_array(values, size);
    gsl_vector_view below = gsl_vector_view_array(off, size - 1);
    if (gsl_linalg_symmtd_decomp(&matrix.matrix, tau) != GSL_SUCCESS ||
        (vectors ? gsl_linalg_symmtd_unpack(&matrix.matrix, tau, q, &diagonal.vector, &below.vector)
                 : gsl_linalg_symmtd_unpack_T(&matrix.matrix, &diagonal.vector, &below.vector)) !=
            GSL_SUCCESS) {
        status = error_set(e, ERR_INTERNAL, "eigenvalues: reduction to tridiagonal form failed");
        goto done;
    }
    if (vectors)
        for (size_t i = 0; i < size; i++)
            for (size_t j = 0; j < size; j++)
                vectors[j * size + i] = gsl_matrix_get(q, i, j);
    status = tridiagonal_eigen(values, off, n, vectors, e);
done:
    gsl_vector_free(tau);
    gsl_matrix_free(q);
    free(off);
    return status;
}

int nuclear_norm(double *a, int m, int n, double *norm, struct error *e)
{
    gsl_return_errors();
    if (n < 1 || m < n)
        return error_set(e, ERR_INTERNAL, "singular values: a matrix of %d x %d", m, n);
    size_t rows = (size_t)m, columns = (size_t)n;
    if (!all_finite(a, rows * columns))
        return error_set(e, ERR_INTERNAL, "singular values: the matrix holds a non-finite value");
    if (n == 1) {
        double scale = 0, sum = 0;
        for (size_t i = 0; i < rows; i++)
            scale = fmax(scale, fabs(a[i]));
        for (size_t i = 0; i < rows && scale > 0; i++)
            sum += (a[i] / scale) * (a[i] / scale);
        *norm = scale * sqrt(sum);
        return 0;
    }
    int status = 0;
    gsl_vector *left = gsl_vector_alloc(columns), *right = gsl_vector_alloc(columns - 1);
    double *diagonal = calloc(2 * columns, sizeof *diagonal);
    double *off = calloc(2 * columns, sizeof *off);
    if (!left || !right || !diagonal || !off) {
        status = error_memory(e, "singular values");
        goto done;
    }
    gsl_matrix_view matrix = gsl_matrix_view_array(a, rows, columns);
    if (gsl_linalg_bidiag_decomp(&matrix.matrix, left, right) != GSL_SUCCESS) {
        status = error_set(e, ERR_INTERNAL, "singular values: reduction to bidiagonal form failed");
        goto done;
    }
    /* Golub and Kahan: the tridiagonal matrix with zero diagonal and the
     * bidiagonal's entries d1 e1 d2 e2 … beside it has eigenvalues ±sigma. */
    for (size_t i = 0; i < columns; i++) {
        off[2 * i] = gsl_matrix_get(&matrix.matrix, i, i);
        off[2 * i + 1] = i + 1 < columns ? gsl_matrix_get(&matrix.matrix, i, i + 1) : 0;
    }
    status = tridiagonal_eigen(diagonal, off, 2 * n, NULL, e);
    if (!status) {
        double sum = 0;
        for (size_t i = 0; i < 2 * columns; i++)
            sum += fabs(diagonal[i]);
        *norm = sum / 2;
    }
done:
    gsl_vector_free(left);
    gsl_vector_free(right);
    free(diagonal);
    free(off);
    return status;
}
