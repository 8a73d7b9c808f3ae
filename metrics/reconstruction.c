#include "reconstruction.h"
#include "symmetric.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

static void centre(const float *x, int n, double mean[3])
{
    memset(mean, 0, 3 * sizeof *mean);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            mean[c] += (double)x[3 * i + c] / n;
}

static double determinant(const double m[9])
{
    return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
           m[2] * (m[3] * m[7] - m[4] * m[6]);
}

/* Columns of u whose singular value vanishes are undefined (points on a plane, a
 * line, a spot): replaces them by unit vectors orthogonal to those before. */
static void complete_basis(double u[9], const double s[3])
{
    for (int k = 0; k < 3; k++) {
        if (s[k] > 1e-14 * s[0])
            continue;
        double longest = 0, best[3] = {0};
        for (int axis = 0; axis < 3; axis++) {
            double x[3] = {axis == 0, axis == 1, axis == 2};
            for (int i = 0; i < k; i++)
                for (int c = 0; c < 3; c++)
                    x[c] -= u[3 * axis + i] * u[3 * c + i];
            double length = sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2]);
            if (length > longest) {
                longest = length;
                for (int c = 0; c < 3; c++)
                    best[c] = x[c] / length;
            }
        }
        for (int c = 0; c < 3; c++)
            u[3 * c + k] = best[c];
    }
}

/* rotation (3, 3) and scale of the best fit of centred a to centred b, from
 * covariance (3, 3) = sum (b - mean)(a - mean)^T and variance = sum |a - mean|². */
static int best_similarity(const double covariance[9], double variance, double rotation[9],
                           double *scale, struct error *e)
{
    double u[9], v[9], s[3];
    memcpy(u, covariance, sizeof u);
    gsl_matrix_view left = gsl_matrix_view_array(u, 3, 3), right = gsl_matrix_view_array(v, 3, 3);
    gsl_vector_view singular = gsl_vector_view_array(s, 3);
    if (gsl_linalg_SV_decomp_jacobi(&left.matrix, &right.matrix, &singular.vector) != GSL_SUCCESS)
        return error_set(e, ERR_INTERNAL, "PA-MPJPE: no singular values of a frame");
    complete_basis(u, s);
    double sign = determinant(u) * determinant(v) < 0 ? -1 : 1;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            rotation[3 * i + j] = u[3 * i] * v[3 * j] + u[3 * i + 1] * v[3 * j + 1] +
                                  sign * u[3 * i + 2] * v[3 * j + 2];
    *scale = variance > 0 ? (s[0] + s[1] + sign * s[2]) / variance : 1;
    return 0;
}

int procrustes_error(const float *a, const float *b, int n, double *error, struct error *e)
{
    gsl_return_errors();
    double mean_a[3], mean_b[3], covariance[9] = {0}, variance = 0, rotation[9], scale = 1;
    centre(a, n, mean_a);
    centre(b, n, mean_b);
    for (int i = 0; i < n; i++)
        for (int r = 0; r < 3; r++) {
            double from = (double)a[3 * i + r] - mean_a[r], to = (double)b[3 * i + r] - mean_b[r];
            variance += from * from;
            for (int c = 0; c < 3; c++)
                covariance[3 * r + c] += to * ((double)a[3 * i + c] - mean_a[c]);
        }
    if (!isfinite(variance) || !isfinite(covariance[0] + covariance[4] + covariance[8]))
        return error_set(e, ERR_INPUT, "PA-MPJPE: a joint position is not finite");
    int status = best_similarity(covariance, variance, rotation, &scale, e);
    if (status)
        return status;
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double square = 0;
        for (int r = 0; r < 3; r++) {
            double fitted = mean_b[r];
            for (int c = 0; c < 3; c++)
                fitted += scale * rotation[3 * r + c] * ((double)a[3 * i + c] - mean_a[c]);
            square += (fitted - (double)b[3 * i + r]) * (fitted - (double)b[3 * i + r]);
        }
        sum += sqrt(square);
    }
    *error = sum / n;
    return 0;
}

/* |p_j - r_j| with the roots subtracted if `aligned`. */
static double joint_error(const float *p, const float *r, int joint, int aligned)
{
    double square = 0;
    for (int c = 0; c < 3; c++) {
        double d = (double)p[3 * joint + c] - (double)r[3 * joint + c];
        if (aligned)
            d -= (double)p[c] - (double)r[c];
        square += d * d;
    }
    return sqrt(square);
}

/* Mean over joints of the distance between second differences around frame t;
 * p and r point at frame t - 1. */
static double acceleration_error(const float *p, const float *r, int njoints)
{
    int stride = 3 * njoints;
    double sum = 0;
    for (int j = 0; j < njoints; j++) {
        double square = 0;
        for (int c = 3 * j; c < 3 * j + 3; c++) {
            double d = ((double)p[c] - 2 * (double)p[c + stride] + (double)p[c + 2 * stride]) -
                       ((double)r[c] - 2 * (double)r[c + stride] + (double)r[c + 2 * stride]);
            square += d * d;
        }
        sum += sqrt(square);
    }
    return sum / njoints;
}

int reconstruction_add_joints(struct reconstruction *r, const float *joints, const float *reference,
                              int frames, int njoints, struct error *e)
{
    if (frames < 1 || njoints < 1)
        return error_set(e, ERR_INPUT, "reconstruction: a clip of %d frames and %d joints", frames,
                         njoints);
    const long stride = 3L * njoints;
    for (long i = 0; i < frames * stride; i++)
        if (!isfinite(joints[i]) || !isfinite(reference[i]))
            return error_set(e, ERR_INPUT, "reconstruction: joint %ld of frame %ld is not finite",
                             i % stride / 3, i / stride);
    for (int t = 0; t < frames; t++) {
        const float *p = joints + t * stride, *q = reference + t * stride;
        double aligned = 0, unaligned = 0, procrustes;
        for (int j = 0; j < njoints; j++) {
            aligned += joint_error(p, q, j, 1);
            unaligned += joint_error(p, q, j, 0);
        }
        int status = procrustes_error(p, q, njoints, &procrustes, e);
        if (status)
            return error_prefix(e, "frame %d", t);
        r->aligned += aligned / njoints;
        r->unaligned += unaligned / njoints;
        r->procrustes += procrustes;
        if (t + 2 < frames) {
            r->acceleration += acceleration_error(p, q, njoints);
            r->accelerations++;
        }
    }
    r->frames += frames;
    r->sequences++;
    return 0;
}

int reconstruction_add_features(struct reconstruction *r, const float *features,
                                const float *reference, int frames, int nfeats, struct error *e)
{
    double square = 0;
    for (long i = 0; i < (long)frames * nfeats; i++) {
        double d = (double)features[i] - (double)reference[i];
        square += d * d;
        if (!isfinite(d))
            return error_set(e, ERR_INPUT, "reconstruction: feature %ld of frame %ld is not finite",
                             i % nfeats, i / nfeats);
    }
    r->features += sqrt(square);
    r->feature_frames += frames;
    return 0;
}

struct reconstruction_errors reconstruction_result(const struct reconstruction *r)
{
    double frames = r->frames ? (double)r->frames : 1;
    return (struct reconstruction_errors){
        .mpjpe = r->aligned / frames,
        .mpjpe_unaligned = r->unaligned / frames,
        .pa_mpjpe = r->procrustes / frames,
        .accel = r->acceleration / (r->accelerations ? (double)r->accelerations : 1),
        .fea_error = r->features / (r->feature_frames ? (double)r->feature_frames : 1)};
}
