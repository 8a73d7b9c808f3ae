/* Eigenvalues of symmetric matrices and singular values, in double precision.
 *
 * GSL reduces to tridiagonal and bidiagonal form; the tridiagonal problem is
 * solved here by implicit QL steps whose rotations run along rows, which is
 * several times faster than rotating columns at the 512 dimensions of the
 * evaluators. */
#ifndef MLCM_SYMMETRIC_H
#define MLCM_SYMMETRIC_H

#include "../engine/error.h"

/* Keeps GSL from calling abort(): from here on its functions return codes.
 * Every file that calls GSL calls this first; calling it again is harmless. */
void gsl_return_errors(void);

/* a (n, n) symmetric, row-major, destroyed; only the lower triangle is read.
 * values (n) in no particular order; row k of vectors (n, n) is the unit
 * eigenvector of values[k]. vectors may be NULL. Eigenvalues are accurate to a
 * small multiple of the machine epsilon times the largest one.
 * Errors: ERR_INTERNAL for a non-finite entry or no convergence. */
int symmetric_eigen(double *a, int n, double *values, double *vectors, struct error *e);

/* Sum of the singular values of a (m, n), row-major, destroyed, m >= n: the
 * nuclear norm. Computed from the bidiagonal form, never from the squared
 * matrix, so each singular value is accurate to machine epsilon times the
 * largest one, also where the matrix is singular. */
int nuclear_norm(double *a, int m, int n, double *norm, struct error *e);

#endif
