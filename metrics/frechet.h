/* FID: the Fréchet distance between Gaussians fitted to two sets of embeddings.
 *
 *   FID = |mean_x - mean_y|² + tr C_x + tr C_y - 2 tr (C_x C_y)^{1/2}
 *
 * with covariances divided by n - 1 (Heusel et al. 2017, eq. 6).
 * Direction: down; 0 for equal moments. Unit: squared embedding units.
 * Samples: more than the dimension, better ten times that. Below, covariances
 * are rank-deficient. Bias: upwards by about 1/n at every n, so only sets of
 * the same sizes compare; two halves of the real set show the size of it. */
#ifndef MLCM_FRECHET_H
#define MLCM_FRECHET_H

#include "../engine/error.h"

/* A Gaussian fitted to embeddings. Owns its arrays; gaussian_free them. */
struct gaussian {
    int dim, count, rank;
    double *mean;          /* (dim) */
    double *covariance;    /* (dim, dim), divisor count - 1 */
    double *factor;        /* (rank, dim): covariance = factor^T factor */
    double trace;          /* of the covariance */
    double clamped_mass;   /* sum of |eigenvalues| set to 0: negative, or noise */
};

/* x (n, dim), n >= 2, finite. Eigenvalues below dim * epsilon * the largest are
 * rounding noise and become 0. Fit the real set once, compare many to it. */
int gaussian_fit(const float *x, int n, int dim, struct gaussian *g, struct error *e);
/* From stored moments: mean (dim), covariance (dim, dim) symmetric, both copied. */
int gaussian_from_moments(const double *mean, const double *covariance, int count, int dim,
                          struct gaussian *g, struct error *e);
void gaussian_free(struct gaussian *g);

struct frechet {
    double distance;       /* the FID; may be about -1e-13 for equal sets */
    double mean_term;      /* |mean_x - mean_y|² */
    double trace_term;     /* the rest */
    double clamped_mass;   /* of both covariances */
    int rank_x, rank_y;    /* of the covariances: below dim, the sets are small */
};

/* tr (C_x C_y)^{1/2} is the sum of the singular values of F_x F_y^T, F the
 * factors above: eigenvalues of symmetric matrices only, no complex roots, no
 * epsilon added to a diagonal, and exact for singular covariances. */
int frechet_between(const struct gaussian *x, const struct gaussian *y, struct frechet *out,
                    struct error *e);

/* x (nx, dim), y (ny, dim). Errors: fewer than 2 rows, a non-finite row (named). */
int frechet_distance(const float *x, int nx, const float *y, int ny, int dim, struct frechet *out,
                     struct error *e);

#endif
