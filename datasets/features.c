#include "features.h"
#include "filter.h"
#include "rotation.h"
#include "skeleton.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FACING_SIGMA = 20 };
static const double UP[3] = {0.0, 1.0, 0.0};
static const double AHEAD[3] = {0.0, 0.0, 1.0};

static void subtract(const double a[3], const double b[3], double out[3])
{
    for (int i = 0; i < 3; i++)
        out[i] = a[i] - b[i];
}

static double *doubles(size_t count)
{
    return malloc((count ? count : 1) * sizeof(double));
}

static size_t values(int n, int per_frame)
{
    return (size_t)n * (size_t)per_frame;
}

static int check_joints(const struct skeleton *s, const double *joints, int n, struct error *e)
{
    for (int t = 0; t < n; t++)
        for (int j = 0; j < s->njoints; j++)
            for (int i = 0; i < 3; i++)
                if (!isfinite(joints[3 * (values(t, s->njoints) + (size_t)j) + (size_t)i]))
                    return error_set(e, ERR_INPUT, "joint %s of frame %d is not finite; "
                                     "leave the clip out or repair it", s->joint_name[j], t);
    return 0;
}

void skeleton_offsets(const struct skeleton *s, const double *frame, double *offsets)
{
    for (int i = 0; i < 3; i++)
        offsets[i] = 0.0;
    for (int j = 1; j < s->njoints; j++) {
        double bone[3];
        subtract(frame + 3 * j, frame + 3 * s->parent[j], bone);
        const double length = sqrt(vector_dot(bone, bone));
        for (int i = 0; i < 3; i++)
            offsets[3 * j + i] = length * s->raw[j][i];
    }
}

/* The facing direction from the line across hips and shoulders; `hips` is +1 for
 * left to right as on the body, -1 for the sign of the published inverse kinematics. */
static int facing(const struct skeleton *s, const double *frame, double hips, double forward[3])
{
    const int *f = s->face;
    double hip[3], shoulder[3], across[3];
    subtract(frame + 3 * f[0], frame + 3 * f[1], hip);
    subtract(frame + 3 * f[2], frame + 3 * f[3], shoulder);
    for (int i = 0; i < 3; i++)
        across[i] = hips * hip[i] + shoulder[i];
    if (!(vector_normalise(across) > 0.0))
        return -1;
    vector_cross(UP, across, forward);
    return 0;
}

static int root_rotations(const struct skeleton *s, const double *joints, int n, int smooth,
                          double *local, struct error *e)
{
    const int J = s->njoints;
    int rc = 0;
    double *forward = doubles(values(n, 3)), *smoothed = doubles(values(n, 3));
    if (!forward || !smoothed) {
        rc = error_memory(e, "facing directions");
        goto done;
    }
    for (int t = 0; t < n; t++)
        if (facing(s, joints + values(t, 3 * J), -1.0, forward + 3 * t)) {
            rc = error_set(e, ERR_INPUT, "frame %d has no facing direction: the hip and shoulder "
                           "lines cancel; leave the clip out or repair it", t);
            goto done;
        }
    if (smooth) {
        if ((rc = filter_gaussian(forward, n, 3, FACING_SIGMA, smoothed, e)))
            goto done;
        memcpy(forward, smoothed, values(n, 3) * sizeof *forward);
    }
    for (int t = 0; t < n; t++) {
        double *q = local + values(t, 4 * J);
        if (t == 0)
            quaternion_identity(q);
        else if (quaternion_between(forward + 3 * t, AHEAD, q)) {
            rc = error_set(e, ERR_INPUT, "frame %d has no horizontal facing direction; leave the "
                           "clip out or repair it", t);
            goto done;
        }
    }
done:
    free(forward);
    free(smoothed);
    return rc;
}

int skeleton_inverse(const struct skeleton *s, const double *joints, int n, int smooth,
                     double *local, struct error *e)
{
    const int J = s->njoints;
    int rc = root_rotations(s, joints, n, smooth, local, e);
    for (int t = 0; !rc && t < n; t++) {
        const double *frame = joints + values(t, 3 * J);
        double *q = local + values(t, 4 * J);
        for (int c = 0; c < SKELETON_CHAINS; c++) {
            double so_far[4];
            memcpy(so_far, q, sizeof so_far);
            for (int k = 1; k < s->chain_length[c]; k++) {
                const int parent = s->chain[c][k - 1], child = s->chain[c][k];
                double bone[3], world[4], inverse[4];
                subtract(frame + 3 * child, frame + 3 * parent, bone);
                if (quaternion_between(s->raw[child], bone, world))
                    return error_set(e, ERR_INPUT, "the bone %s-%s has no length in frame %d; "
                                     "leave the clip out or repair it",
                                     s->joint_name[parent], s->joint_name[child], t);
                quaternion_inverse(so_far, inverse);
                quaternion_multiply(inverse, world, q + 4 * child);
                quaternion_multiply(so_far, q + 4 * child, so_far);
            }
        }
    }
    return rc;
}

void skeleton_forward(const struct skeleton *s, const double *local, const double *root,
                      const double *offsets, int n, double *joints)
{
    const int J = s->njoints;
    for (int t = 0; t < n; t++) {
        const double *q = local + values(t, 4 * J);
        double *frame = joints + values(t, 3 * J);
        memcpy(frame, root + values(t, 3), 3 * sizeof *frame);
        for (int c = 0; c < SKELETON_CHAINS; c++) {
            double so_far[4];
            memcpy(so_far, q, sizeof so_far);
            for (int k = 1; k < s->chain_length[c]; k++) {
                const int parent = s->chain[c][k - 1], child = s->chain[c][k];
                double bone[3];
                quaternion_multiply(so_far, q + 4 * child, so_far);
                quaternion_rotate(so_far, offsets + 3 * child, bone);
                for (int i = 0; i < 3; i++)
                    frame[3 * child + i] = bone[i] + frame[3 * parent + i];
            }
        }
    }
}

static double leg_length(const struct skeleton *s, const double *offsets)
{
    const double *a = offsets + 3 * s->leg[0], *b = offsets + 3 * s->leg[1];
    return sqrt(vector_dot(a, a)) + sqrt(vector_dot(b, b));
}

int joints_retarget(const struct skeleton *s, const double *joints, int n, const double *reference,
                    double *out, struct error *e)
{
    const int J = s->njoints;
    double rest[3 * SKELETON_MAX_JOINTS];
    double from[3 * SKELETON_MAX_JOINTS], to[3 * SKELETON_MAX_JOINTS];
    if (n < 1)
        return error_set(e, ERR_INPUT, "a motion needs at least one frame, this has %d", n);
    int rc = check_joints(s, joints, n, e);
    if (rc)
        return rc;
    if (!reference)
        reference = skeleton_reference(s, rest) ? joints : rest;
    else if ((rc = check_joints(s, reference, 1, e)))
        return error_prefix(e, "reference skeleton");
    skeleton_offsets(s, joints, from);
    skeleton_offsets(s, reference, to);
    if (!(leg_length(s, from) > 0.0) || !(leg_length(s, to) > 0.0))
        return error_set(e, ERR_INPUT, "the leg %s-%s has no length in frame 0 of the motion or in "
                         "the reference skeleton", s->joint_name[s->leg[0]],
                         s->joint_name[s->leg[1]]);
    const double scale = leg_length(s, to) / leg_length(s, from);

    double *local = doubles(values(n, 4 * J)), *root = doubles(values(n, 3));
    if (!local || !root)
        rc = error_memory(e, "rotations");
    else if (!(rc = skeleton_inverse(s, joints, n, 0, local, e))) {
        for (int t = 0; t < n; t++)
            for (int i = 0; i < 3; i++)
                root[values(t, 3) + (size_t)i] = scale * joints[values(t, 3 * J) + (size_t)i];
        skeleton_forward(s, local, root, to, n, out);
    }
    free(local);
    free(root);
    return rc;
}

int joints_canonical(const struct skeleton *s, double *joints, int n, struct error *e)
{
    const size_t count = values(n, s->njoints);
    double floor_height = INFINITY, forward[3], turn[4];
    for (size_t k = 0; k < count; k++)
        floor_height = fmin(floor_height, joints[3 * k + 1]);
    const double origin[3] = {joints[0], floor_height, joints[2]};
    if (facing(s, joints, 1.0, forward) || quaternion_between(forward, AHEAD, turn))
        return error_set(e, ERR_INPUT, "frame 0 has no horizontal facing direction; leave the clip "
                         "out or start it at another frame");
    for (size_t k = 0; k < count; k++) {
        subtract(joints + 3 * k, origin, joints + 3 * k);
        quaternion_rotate(turn, joints + 3 * k, joints + 3 * k);
    }
    return 0;
}

/* One feature row: frames t and t + 1 of the canonical joints, with their rotations. */
static void feature_row(const struct skeleton *s, const double *now, const double *next,
                        const double *local, const double *local_next, double contact_threshold,
                        float *row)
{
    const struct feature_layout f = feature_layout_of(s);
    double inverse[4], turn[4], v[3], d[6];

    quaternion_inverse(local, inverse);
    quaternion_multiply(local_next, inverse, turn);
    row[0] = (float)asin(fmax(-1.0, fmin(1.0, turn[2])));
    subtract(next, now, v);
    quaternion_rotate(local_next, v, v);
    row[1] = (float)v[0];
    row[2] = (float)v[2];
    row[f.height] = (float)now[1];

    for (int j = 0; j < s->njoints; j++) {
        if (j > 0) {
            const double about_root[3] = {now[3 * j] - now[0], now[3 * j + 1],
                                          now[3 * j + 2] - now[2]};
            quaternion_rotate(local, about_root, v);
            for (int i = 0; i < 3; i++)
                row[f.local + 3 * (j - 1) + i] = (float)v[i];
            quaternion_to_6d(local + 4 * j, d);
            for (int i = 0; i < 6; i++)
                row[f.rotation + 6 * (j - 1) + i] = (float)d[i];
        }
        subtract(next + 3 * j, now + 3 * j, v);
        quaternion_rotate(local, v, v);
        for (int i = 0; i < 3; i++)
            row[f.velocity + 3 * j + i] = (float)v[i];
    }
    for (int k = 0; k < 4; k++) {
        subtract(next + 3 * s->feet[k], now + 3 * s->feet[k], v);
        row[f.contact + k] = vector_dot(v, v) < contact_threshold ? 1.0f : 0.0f;
    }
}

int features_from_canonical(const struct skeleton *s, const double *joints, int n,
                            double contact_threshold, float *features, struct error *e)
{
    const int J = s->njoints;
    if (n < 2)
        return error_set(e, ERR_INPUT, "features need at least 2 frames, this motion has %d", n);
    const double threshold = contact_threshold > 0.0 ? contact_threshold : s->contact_threshold;
    double *local = doubles(values(n, 4 * J));
    if (!local)
        return error_memory(e, "rotations");
    const int rc = skeleton_inverse(s, joints, n, 1, local, e);
    for (int t = 0; !rc && t < n - 1; t++)
        feature_row(s, joints + values(t, 3 * J), joints + values(t + 1, 3 * J),
                    local + values(t, 4 * J), local + values(t + 1, 4 * J), threshold,
                    features + values(t, s->nfeatures));
    free(local);
    return rc;
}

int features_from_joints(const struct skeleton *s, const double *joints, int n,
                         const double *reference, float *features, struct error *e)
{
    if (n < 2)
        return error_set(e, ERR_INPUT, "features need at least 2 frames, this motion has %d", n);
    double *canonical = doubles(values(n, 3 * s->njoints));
    if (!canonical)
        return error_memory(e, "joints");
    int rc = joints_retarget(s, joints, n, reference, canonical, e);
    if (!rc)
        rc = joints_canonical(s, canonical, n, e);
    if (!rc)
        rc = features_from_canonical(s, canonical, n, 0.0, features, e);
    free(canonical);
    return rc;
}
