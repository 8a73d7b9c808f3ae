/* Features back to joints, and mirroring: the other direction of features.c. */
#include "features.h"
#include "rotation.h"
#include "skeleton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The root's path, one row after the other: row t's velocities act on frame t + 1. */
struct root {
    double angle, position[3], rotation[4];
};

static void root_start(struct root *r, const float *row)
{
    r->angle = 0.0;
    r->position[0] = r->position[2] = 0.0;
    r->position[1] = (double)row[3];
    quaternion_identity(r->rotation);
}

static void root_advance(struct root *r, const float *before, const float *row)
{
    double step[3] = {(double)before[1], 0.0, (double)before[2]}, inverse[4];
    r->angle += (double)before[0];
    r->rotation[0] = cos(r->angle);
    r->rotation[1] = r->rotation[3] = 0.0;
    r->rotation[2] = sin(r->angle);
    quaternion_inverse(r->rotation, inverse);
    quaternion_rotate(inverse, step, step);
    r->position[0] += step[0];
    r->position[2] += step[2];
    r->position[1] = (double)row[3];
}

static void root_at(struct root *r, const float *features, int t, int nfeatures)
{
    const float *row = features + (size_t)t * (size_t)nfeatures;
    if (t == 0)
        root_start(r, row);
    else
        root_advance(r, row - nfeatures, row);
}

void root_from_features(const struct skeleton *s, const float *features, int n,
                        double *rotation, double *position)
{
    struct root r;
    for (int t = 0; t < n; t++) {
        root_at(&r, features, t, s->nfeatures);
        memcpy(rotation + 4 * (size_t)t, r.rotation, sizeof r.rotation);
        memcpy(position + 3 * (size_t)t, r.position, sizeof r.position);
    }
}

void joints_from_features(const struct skeleton *s, const float *features, int n, float *joints)
{
    const struct feature_layout f = feature_layout_of(s);
    struct root r;
    for (int t = 0; t < n; t++) {
        const float *row = features + (size_t)t * (size_t)s->nfeatures;
        float *frame = joints + (size_t)t * (size_t)(3 * s->njoints);
        double inverse[4];
        root_at(&r, features, t, s->nfeatures);
        quaternion_inverse(r.rotation, inverse);
        for (int i = 0; i < 3; i++)
            frame[i] = (float)r.position[i];
        for (int j = 1; j < s->njoints; j++) {
            const float *local = row + f.local + 3 * (j - 1);
            double v[3] = {(double)local[0], (double)local[1], (double)local[2]};
            quaternion_rotate(inverse, v, v);
            frame[3 * j] = (float)(v[0] + r.position[0]);
            frame[3 * j + 1] = (float)v[1];
            frame[3 * j + 2] = (float)(v[2] + r.position[2]);
        }
    }
}

int joints_from_rotations(const struct skeleton *s, const float *features, int n,
                          const double *offsets, float *joints, struct error *e)
{
    const struct feature_layout f = feature_layout_of(s);
    struct root r;
    for (int t = 0; t < n; t++) {
        const float *row = features + (size_t)t * (size_t)s->nfeatures;
        double position[3 * SKELETON_MAX_JOINTS], first[9];
        root_at(&r, features, t, s->nfeatures);
        memcpy(position, r.position, sizeof r.position);
        quaternion_to_matrix(r.rotation, first);
        for (int c = 0; c < SKELETON_CHAINS; c++) {
            double so_far[9];
            memcpy(so_far, first, sizeof so_far);
            for (int k = 1; k < s->chain_length[c]; k++) {
                const int parent = s->chain[c][k - 1], child = s->chain[c][k];
                double d[6], m[9], bone[3];
                for (int i = 0; i < 6; i++)
                    d[i] = (double)row[f.rotation + 6 * (child - 1) + i];
                if (matrix_from_6d(d, m))
                    return error_set(e, ERR_INPUT, "the 6D rotation of %s in frame %d is not a "
                                     "rotation", s->joint_name[child], t);
                matrix_multiply(so_far, m, so_far);
                matrix_rotate(so_far, offsets + 3 * child, bone);
                for (int i = 0; i < 3; i++)
                    position[3 * child + i] = bone[i] + position[3 * parent + i];
            }
        }
        for (int i = 0; i < 3 * s->njoints; i++)
            joints[(size_t)t * (size_t)(3 * s->njoints) + (size_t)i] = (float)position[i];
    }
    return 0;
}

static void swap_joints(double *frame, int a, int b)
{
    for (int i = 0; i < 3; i++) {
        const double keep = frame[3 * a + i];
        frame[3 * a + i] = frame[3 * b + i];
        frame[3 * b + i] = keep;
    }
}

void joints_mirror(double *joints, int n, int njoints)
{
    static const int left[] = {1, 4, 7, 10, 13, 16, 18, 20};
    static const int right[] = {2, 5, 8, 11, 14, 17, 19, 21};
    static const int left_hand[] = {22, 23, 24, 34, 35, 36, 25, 26, 27, 31, 32, 33, 28, 29, 30};
    static const int right_hand[] = {43, 44, 45, 46, 47, 48, 40, 41, 42, 37, 38, 39, 49, 50, 51};
    for (int t = 0; t < n; t++) {
        double *frame = joints + (size_t)t * (size_t)(3 * njoints);
        for (int j = 0; j < njoints; j++)
            frame[3 * j] = -frame[3 * j];
        for (size_t k = 0; k < sizeof left / sizeof *left; k++)
            swap_joints(frame, left[k], right[k]);
        for (size_t k = 0; njoints > 24 && k < sizeof left_hand / sizeof *left_hand; k++)
            swap_joints(frame, left_hand[k], right_hand[k]);
    }
}
