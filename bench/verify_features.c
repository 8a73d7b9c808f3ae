/* Conformance of motion data: features both ways, mirroring, rotations, statistics, BVH. */
#include "verify.h"
#include "../datasets/archive.h"
#include "../datasets/bvh.h"
#include "../datasets/features.h"
#include "../datasets/filter.h"
#include "../datasets/rotation.h"
#include "../datasets/statistics.h"
#include "../engine/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The arrays of one case, freed together. */
enum { HELD = 64 };
struct held {
    void *item[HELD];
    int count;
};

static void *hold(struct held *h, void *p)
{
    if (p && h->count < HELD)
        h->item[h->count++] = p;
    return p;
}

static void release(struct held *h)
{
    while (h->count > 0)
        free(h->item[--h->count]);
}

static double *new_doubles(struct held *h, size_t n, struct error *e)
{
    double *p = hold(h, calloc(n ? n : 1, sizeof *p));
    if (!p)
        error_memory(e, "a conformance case");
    return p;
}

static float *new_floats(struct held *h, size_t n, struct error *e)
{
    float *p = hold(h, calloc(n ? n : 1, sizeof *p));
    if (!p)
        error_memory(e, "a conformance case");
    return p;
}

static void join(char *out, size_t size, const char *group, const char *name)
{
    snprintf(out, size, "%s/%s", group, name);
}

/* Reads a dataset that must hold `count` values. */
static double *read_doubles(struct held *h, struct h5 *f, const char *name, size_t count,
                            struct error *e)
{
    double *p = NULL;
    size_t n = 0;
    if (h5_read_double(f, name, &p, &n, e))
        return NULL;
    hold(h, p);
    if (n != count) {
        error_set(e, ERR_INPUT, "%s: %s holds %zu values, expected %zu", h5_path(f), name, n, count);
        return NULL;
    }
    return p;
}

static float *read_floats(struct held *h, struct h5 *f, const char *name, size_t count,
                          struct error *e)
{
    float *p = NULL;
    size_t n = 0;
    if (h5_read_float(f, name, &p, &n, e))
        return NULL;
    hold(h, p);
    if (n != count) {
        error_set(e, ERR_INPUT, "%s: %s holds %zu values, expected %zu", h5_path(f), name, n, count);
        return NULL;
    }
    return p;
}

/* Compares `got` with the dataset GROUP/NAME if the case has it. */
static int compare_doubles(struct verify *v, struct h5 *f, struct held *h, const char *group,
                           const char *name, const double *got, int rows, int width, double tol,
                           struct error *e)
{
    char path[256], shape[64];
    join(path, sizeof path, group, name);
    if (!h5_has(f, path))
        return 0;
    const size_t n = (size_t)rows * (size_t)width;
    const double *want = read_doubles(h, f, path, n, e);
    if (!want)
        return e->code;
    snprintf(shape, sizeof shape, "%dx%d", rows, width);
    verify_array_double(v, path, shape, got, want, n, tol);
    return 0;
}

static int compare_floats(struct verify *v, struct h5 *f, struct held *h, const char *group,
                          const char *name, const float *got, int rows, int width, double tol,
                          struct error *e)
{
    char path[256], shape[64];
    join(path, sizeof path, group, name);
    if (!h5_has(f, path))
        return 0;
    const size_t n = (size_t)rows * (size_t)width;
    const float *want = read_floats(h, f, path, n, e);
    if (!want)
        return e->code;
    snprintf(shape, sizeof shape, "%dx%d", rows, width);
    verify_array(v, path, shape, got, want, n, tol);
    return 0;
}

/* Columns [from, to) of a feature array against the expected ones. */
static int compare_columns(struct verify *v, struct held *h, const char *array, const float *got,
                           const float *want, int rows, int width, int from, int to, double tol,
                           struct error *e)
{
    const int part = to - from;
    const size_t n = (size_t)rows * (size_t)part;
    char shape[64];
    float *a = new_floats(h, n, e), *b = new_floats(h, n, e);
    if (!a || !b)
        return e->code;
    for (int t = 0; t < rows; t++) {
        memcpy(a + (size_t)t * (size_t)part, got + (size_t)t * (size_t)width + from,
               (size_t)part * sizeof *a);
        memcpy(b + (size_t)t * (size_t)part, want + (size_t)t * (size_t)width + from,
               (size_t)part * sizeof *b);
    }
    snprintf(shape, sizeof shape, "%dx%d", rows, part);
    verify_array(v, array, shape, a, b, n, tol);
    return 0;
}

/* Features against an expected array: all channels but the contacts within tol, contacts exact. */
static int compare_features(struct verify *v, struct h5 *f, struct held *h, const char *group,
                            const char *name, const float *got, int rows, int width, double tol,
                            struct error *e)
{
    char path[256], label[300];
    join(path, sizeof path, group, name);
    if (!h5_has(f, path))
        return 0;
    const float *want = read_floats(h, f, path, (size_t)rows * (size_t)width, e);
    if (!want)
        return e->code;
    int rc = compare_columns(v, h, path, got, want, rows, width, 0, width - 4, tol, e);
    snprintf(label, sizeof label, "%s contacts", path);
    return rc ? rc : compare_columns(v, h, label, got, want, rows, width, width - 4, width, 1e-12, e);
}

struct tolerances {
    double features, stage, rotation, recovered, from_rotations;
};

static int recovery(struct verify *v, struct h5 *f, struct held *h, const char *group,
                    const struct skeleton *s, int rows, const struct tolerances *tol,
                    struct error *e)
{
    const int J = skeleton_joints(s), F = skeleton_features(s);
    char path[256];
    join(path, sizeof path, group, "features_expected");
    const float *features = read_floats(h, f, path, (size_t)rows * (size_t)F, e);
    double *rotation = new_doubles(h, 4 * (size_t)rows, e);
    double *position = new_doubles(h, 3 * (size_t)rows, e);
    float *joints = new_floats(h, (size_t)(rows * J) * 3, e);
    if (!features || !rotation || !position || !joints)
        return e->code;
    root_from_features(s, features, rows, rotation, position);
    /* The references sum in float32: far from the origin their step grows with the distance. */
    double reach = 1.0;
    for (int k = 0; k < 3 * rows && s == skeleton_humanml3d(); k++)
        reach = fmax(reach, fabs(position[k]));
    const double near = tol->recovered * reach;
    int rc = compare_doubles(v, f, h, group, "recovered_root_quat", rotation, rows, 4,
                             near, e);
    rc = rc ? rc : compare_doubles(v, f, h, group, "recovered_root_pos", position, rows, 3,
                                   near, e);
    joints_from_features(s, features, rows, joints);
    rc = rc ? rc : compare_floats(v, f, h, group, "recovered_joints", joints, rows, 3 * J,
                                  near, e);
    join(path, sizeof path, group, "features_shipped");
    if (rc || !h5_has(f, path))
        return rc;
    const float *shipped = read_floats(h, f, path, (size_t)rows * (size_t)F, e);
    const double *offsets = read_doubles(h, f, "target_offsets", (size_t)J * 3, e);
    if (!shipped || !offsets)
        return e->code;
    joints_from_features(s, shipped, rows, joints);
    rc = compare_floats(v, f, h, group, "joints_shipped", joints, rows, 3 * J, near, e);
    rc = rc ? rc : joints_from_rotations(s, shipped, rows, offsets, joints, e);
    return rc ? rc : compare_floats(v, f, h, group, "recovered_joints_from_rot", joints, rows, 3 * J,
                                    tol->from_rotations, e);
}

/* The forward stages of one group, each from the joints of the case. */
static int stages(struct verify *v, struct h5 *f, struct held *h, const char *group,
                  const char *input, const struct skeleton *s, int frames, double threshold,
                  const struct tolerances *tol, struct error *e)
{
    const int J = skeleton_joints(s), F = skeleton_features(s);
    const size_t count = (size_t)frames * (size_t)J;
    char path[256];
    int rc;
    join(path, sizeof path, group, input);
    const double *joints = read_doubles(h, f, path, 3 * count, e), *reference = NULL;
    double *local = new_doubles(h, 4 * count, e), *stage = new_doubles(h, 3 * count, e);
    float *features = new_floats(h, (size_t)frames * (size_t)F, e);
    if (!joints || !local || !stage || !features)
        return e->code;
    if (h5_has(f, "target_skeleton_joints") &&
        !(reference = read_doubles(h, f, "target_skeleton_joints", (size_t)J * 3, e)))
        return e->code;

    if ((rc = skeleton_inverse(s, joints, frames, 0, local, e)))
        return rc;
    rc = compare_doubles(v, f, h, group, "stage1_ik_quat", local, frames, 4 * J, tol->rotation, e);
    rc = rc ? rc : joints_retarget(s, joints, frames, reference, stage, e);
    rc = rc ? rc : compare_doubles(v, f, h, group, "stage1_uniform_skeleton", stage, frames, 3 * J,
                                   tol->stage, e);
    rc = rc ? rc : joints_canonical(s, stage, frames, e);
    rc = rc ? rc : compare_doubles(v, f, h, group, "stage2_global_positions", stage, frames, 3 * J,
                                   tol->stage, e);
    rc = rc ? rc : skeleton_inverse(s, stage, frames, 1, local, e);
    rc = rc ? rc : compare_doubles(v, f, h, group, "stage3_ik_quat_smooth", local, frames, 4 * J,
                                   tol->rotation, e);
    if (rc)
        return rc;
    rc = threshold > 0.0 ? features_from_canonical(s, stage, frames, threshold, features, e)
                         : features_from_joints(s, joints, frames, reference, features, e);
    rc = rc ? rc : compare_features(v, f, h, group, "features_expected", features, frames - 1, F,
                                    tol->features, e);
    return rc ? rc : compare_features(v, f, h, group, "features_shipped", features, frames - 1, F,
                                      tol->features, e);
}

static int joints_of_case(struct h5 *f, const char *group, const char *input,
                          const struct skeleton **s, int *frames, struct error *e)
{
    char path[256];
    int rank, dims[8];
    join(path, sizeof path, group, input);
    const int rc = h5_shape(f, path, &rank, dims, e);
    if (rc)
        return rc;
    if (rank != 3 || dims[0] < 2 || dims[2] != 3 || !(*s = skeleton_of_joints(dims[1])))
        return error_set(e, ERR_INPUT, "%s: %s must be (frames >= 2, 22 or 21 joints, 3)",
                         h5_path(f), path);
    *frames = dims[0];
    return 0;
}

/* The case's own contact threshold, or 0 where it is the skeleton's. */
static double threshold_of_case(struct h5 *f, const struct skeleton *s)
{
    double t = 0.0;
    const double own = s == skeleton_kit() ? 0.05 : 0.002;
    if (h5_has_attr(f, "/", "feet_thre") && !h5_attr_double(f, "/", "feet_thre", &t, NULL) &&
        fabs(t - own) > 1e-12)
        return t;
    return 0.0;
}

static int verify_one_group(struct verify *v, struct h5 *f, const char *group, struct error *e)
{
    const struct skeleton *s;
    int frames;
    struct held h = {0};
    int rc = joints_of_case(f, group, "joints_in", &s, &frames, e);
    if (rc)
        return rc;
    struct tolerances tol = {4e-5, 4e-5, 4e-5, 1e-6, 4e-6};
    if (strcmp(group, "canonical") == 0)
        tol.features = tol.stage = tol.rotation = 2e-5;
    if (s == skeleton_kit()) {
        tol.features = tol.stage = 5e-3;
        tol.recovered = 5e-4;
    }
    rc = stages(v, f, &h, group, "joints_in", s, frames, threshold_of_case(f, s), &tol, e);
    rc = rc ? rc : recovery(v, f, &h, group, s, frames - 1, &tol, e);
    release(&h);
    return rc;
}

static int verify_features(struct verify *v, struct h5 *f, struct error *e)
{
    char **names, path[256];
    int count, ran = 0, rc = 0;
    struct held h = {0};
    if ((rc = h5_names(f, "/", &names, &count, e)))
        return rc;
    for (int k = 0; !rc && k < count; k++) {
        join(path, sizeof path, names[k], "joints_in");
        if (h5_is_group(f, names[k]) && h5_has(f, path)) {
            rc = verify_one_group(v, f, names[k], e);
            ran++;
        }
    }
    h5_names_free(names, count);
    if (!rc && !ran)
        return error_set(e, ERR_INPUT, "%s: no group holds joints_in", h5_path(f));
    if (!rc && h5_has(f, "target_offsets") && h5_has(f, "target_skeleton_joints")) {
        int rank, dims[8];
        const struct skeleton *s = NULL;
        rc = h5_shape(f, "target_skeleton_joints", &rank, dims, e);
        if (!rc && rank == 2 && dims[1] == 3)
            s = skeleton_of_joints(dims[0]);
        if (!rc && !s)
            rc = error_set(e, ERR_INPUT, "%s: target_skeleton_joints must be (joints, 3)", h5_path(f));
        const double *frame = s ? read_doubles(&h, f, "target_skeleton_joints",
                                               (size_t)dims[0] * 3, e) : NULL;
        double *offsets = s ? new_doubles(&h, (size_t)dims[0] * 3, e) : NULL;
        if (frame && offsets) {
            skeleton_offsets(s, frame, offsets);
            rc = compare_doubles(v, f, &h, "", "target_offsets", offsets, dims[0], 3,
                                 s == skeleton_kit() ? 1e-4 : 1e-6, e);
        } else if (!rc) {
            rc = e->code;
        }
    }
    release(&h);
    return rc;
}

static int verify_mirror(struct verify *v, struct h5 *f, struct error *e)
{
    const struct skeleton *s;
    int frames, rank, dims[8];
    struct held h = {0};
    int rc = joints_of_case(f, "mirror", "joints_original", &s, &frames, e);
    if (rc)
        return rc;
    const int J = skeleton_joints(s), F = skeleton_features(s);
    double *joints = read_doubles(&h, f, "mirror/joints_original", (size_t)(frames * J) * 3, e);
    double *offsets = joints ? read_doubles(&h, f, "target_offsets", (size_t)J * 3, e) : NULL;
    float *features = new_floats(&h, (size_t)(frames * F), e);
    if (!joints || !offsets || !features) {
        release(&h);
        return e->code;
    }
    joints_mirror(joints, frames, J);
    rc = compare_doubles(v, f, &h, "mirror", "joints_mirrored", joints, frames, 3 * J, 0.0, e);
    /* A rest pose with the offsets' bone lengths serves as the reference skeleton. */
    double *rest = new_doubles(&h, (size_t)J * 3, e);
    for (int j = 1; rest && j < J; j++)
        for (int i = 0; i < 3; i++)
            rest[3 * j + i] = rest[3 * skeleton_parent(s, j) + i] + offsets[3 * j + i];
    rc = rc ? rc : rest ? features_from_joints(s, joints, frames, rest, features, e) : e->code;
    rc = rc ? rc : compare_features(v, f, &h, "mirror", "features_expected", features, frames - 1, F,
                                    2e-5, e);
    if (!rc && h5_has(f, "swap52/joints_in")) {
        rc = h5_shape(f, "swap52/joints_in", &rank, dims, e);
        if (!rc && (rank != 3 || dims[1] != 52 || dims[2] != 3))
            rc = error_set(e, ERR_INPUT, "%s: swap52/joints_in must be (frames, 52, 3)", h5_path(f));
        double *hands = rc ? NULL : read_doubles(&h, f, "swap52/joints_in",
                                                 (size_t)dims[0] * 52 * 3, e);
        if (hands) {
            joints_mirror(hands, dims[0], 52);
            rc = compare_doubles(v, f, &h, "swap52", "joints_mirrored", hands, dims[0], 156, 0.0, e);
        } else if (!rc) {
            rc = e->code;
        }
    }
    release(&h);
    return rc;
}

static int verify_filters(struct verify *v, struct h5 *f, struct held *h, const char *group,
                          int gaussian, struct error *e)
{
    char **names, path[256], output[128];
    int count, rank, dims[8];
    if (!h5_has(f, group))
        return 0;
    int rc = h5_names(f, group, &names, &count, e);
    if (rc)
        return rc;
    for (int k = 0; !rc && k < count; k++) {
        if (strncmp(names[k], "in_", 3) != 0)
            continue;
        join(path, sizeof path, group, names[k]);
        if ((rc = h5_shape(f, path, &rank, dims, e)))
            break;
        const int width = rank == 2 ? dims[1] : 1;
        const double *in = read_doubles(h, f, path, (size_t)dims[0] * (size_t)width, e);
        double *out = new_doubles(h, (size_t)dims[0] * (size_t)width, e);
        if (!in || !out) {
            rc = e->code;
            break;
        }
        if (gaussian)
            rc = filter_gaussian(in, dims[0], width, 20.0, out, e);
        else
            filter_uniform(in, dims[0], 5, out);
        snprintf(output, sizeof output, "out_%s", names[k] + 3);
        rc = rc ? rc : compare_doubles(v, f, h, group, output, out, dims[0], width, 1e-12, e);
    }
    h5_names_free(names, count);
    return rc;
}

static int verify_rotations(struct verify *v, struct h5 *f, struct error *e)
{
    struct held h = {0};
    int rank, dims[8], rc;
    if ((rc = h5_shape(f, "in/q", &rank, dims, e)))
        return rc;
    const int n = dims[0];
    const double *q = read_doubles(&h, f, "in/q", 4 * (size_t)n, e);
    const double *r = q ? read_doubles(&h, f, "in/r", 4 * (size_t)n, e) : NULL;
    const double *u = r ? read_doubles(&h, f, "in/u", 3 * (size_t)n, e) : NULL;
    const double *w = u ? read_doubles(&h, f, "in/v", 3 * (size_t)n, e) : NULL;
    const double *d = w ? read_doubles(&h, f, "in/cont6d", 6 * (size_t)n, e) : NULL;
    double *out[7];
    int made = d != NULL;
    for (int k = 0; made && k < 7; k++)
        made = (out[k] = new_doubles(&h, 9 * (size_t)n, e)) != NULL;
    if (!made) {
        release(&h);
        return e->code;
    }
    for (int k = 0; k < n; k++) {
        quaternion_multiply(q + 4 * k, r + 4 * k, out[0] + 4 * k);
        quaternion_inverse(q + 4 * k, out[1] + 4 * k);
        quaternion_rotate(q + 4 * k, w + 3 * k, out[2] + 3 * k);
        quaternion_between(u + 3 * k, w + 3 * k, out[3] + 4 * k);
        quaternion_to_matrix(q + 4 * k, out[4] + 9 * k);
        quaternion_to_6d(q + 4 * k, out[5] + 6 * k);
        matrix_from_6d(d + 6 * k, out[6] + 9 * k);
    }
    static const struct { const char *name; int width; } table[7] = {
        {"qmul_q_r", 4}, {"qinv_q", 4}, {"qrot_q_v", 3}, {"qbetween_u_v", 4},
        {"quaternion_to_matrix_q", 9}, {"quaternion_to_cont6d_q", 6}, {"cont6d_to_matrix", 9}};
    for (int k = 0; !rc && k < 7; k++)
        rc = compare_doubles(v, f, &h, "out", table[k].name, out[k], n, table[k].width, 1e-12, e);
    if (!rc && h5_has(f, "in/qfix_seq") && !(rc = h5_shape(f, "in/qfix_seq", &rank, dims, e))) {
        double *track = read_doubles(&h, f, "in/qfix_seq", (size_t)(dims[0] * dims[1]) * 4, e);
        if (!track)
            rc = e->code;
        for (int j = 0; track && j < dims[1]; j++)
            quaternion_continue(track + 4 * j, dims[0], 4 * dims[1]);
        if (track)
            rc = compare_doubles(v, f, &h, "out", "qfix_seq", track, dims[0], 4 * dims[1], 0.0, e);
    }
    rc = rc ? rc : verify_filters(v, f, &h, "gaussian1d_sigma20_nearest", 1, e);
    rc = rc ? rc : verify_filters(v, f, &h, "uniform1d_size5_constant", 0, e);
    release(&h);
    return rc;
}

static int add_clips(struct h5 *f, struct held *h, struct statistics *s, int *nan_left_out,
                     struct error *e)
{
    char **names;
    int count, rank, dims[8];
    int rc = h5_names(f, "/", &names, &count, e);
    if (rc)
        return rc;
    *nan_left_out = 1;
    for (int k = 0; !rc && k < count; k++) {
        if (strncmp(names[k], "clip_", 5) != 0)
            continue;
        if ((rc = h5_shape(f, names[k], &rank, dims, e)))
            break;
        if (rank != 2 || dims[1] != s->nchannels)
            rc = error_set(e, ERR_INPUT, "%s: %s must be (frames, %d)", h5_path(f), names[k],
                           s->nchannels);
        const float *rows = rc ? NULL : read_floats(h, f, names[k],
                                                    (size_t)dims[0] * (size_t)dims[1], e);
        if (rows) {
            const int named = strstr(names[k], "nan") != NULL;
            if (statistics_add(s, rows, dims[0]) == named)
                *nan_left_out = 0;
        } else if (!rc) {
            rc = e->code;
        }
    }
    h5_names_free(names, count);
    return rc;
}

static int verify_statistics(struct verify *v, struct h5 *f, struct error *e)
{
    struct held h = {0};
    struct statistics s = {0};
    int rank, dims[8], nan_left_out = 0;
    double bias = 5.0;
    int rc = h5_shape(f, "Mean", &rank, dims, e);
    if (rc)
        return rc;
    const struct skeleton *skel = rank == 1 ? skeleton_of_features(dims[0]) : NULL;
    if (!skel)
        return error_set(e, ERR_INPUT, "%s: Mean must have 263 or 251 channels", h5_path(f));
    const int F = dims[0];
    if (h5_has_attr(f, "/", "feat_bias"))
        rc = h5_attr_double(f, "/", "feat_bias", &bias, e);
    double *exact = new_doubles(&h, (size_t)F, e), *deviation = new_doubles(&h, (size_t)F, e);
    float *mean = new_floats(&h, (size_t)F, e), *std = new_floats(&h, (size_t)F, e);
    if (!exact || !deviation || !mean || !std)
        rc = e->code;
    rc = rc ? rc : statistics_begin(&s, F, e);
    rc = rc ? rc : add_clips(f, &h, &s, &nan_left_out, e);
    rc = rc ? rc : statistics_exact(&s, exact, deviation, e);
    rc = rc ? rc : statistics_features(&s, skel, mean, std, e);
    if (!rc) {
        verify_check(v, "clips with non-finite values are left out, no others", nan_left_out);
        rc = compare_doubles(v, f, &h, "", "Mean_f64", exact, 1, F, 1e-11, e);
        rc = rc ? rc : compare_doubles(v, f, &h, "", "Std_ungrouped_f64", deviation, 1, F, 1e-11, e);
        rc = rc ? rc : compare_floats(v, f, &h, "", "Mean", mean, 1, F, 2e-6, e);
        rc = rc ? rc : compare_floats(v, f, &h, "", "Std", std, 1, F, 2e-6, e);
    }
    for (int k = 0; !rc && k < F; k++)
        deviation[k] = (double)std[k];
    if (!rc) {
        statistics_feat_bias_double(skel, deviation, bias, 1, exact);
        rc = compare_doubles(v, f, &h, "", "Std_feat_bias_once", exact, 1, F, 2e-6, e);
        statistics_feat_bias_double(skel, deviation, bias, 2, exact);
        rc = rc ? rc : compare_doubles(v, f, &h, "", "Std_feat_bias_twice", exact, 1, F, 2e-6, e);
    }
    statistics_free(&s);
    release(&h);
    return rc;
}

/* One clip of the Bandai Namco set: BVH text -> joints -> features. */
static int verify_clip(struct verify *v, struct h5 *f, const char *name, const char *text,
                       size_t size, const char *sha256, struct error *e)
{
    struct held h = {0};
    struct bvh b;
    struct joint_map map;
    const struct skeleton *s = skeleton_humanml3d();
    const int F = skeleton_features(s), J = skeleton_joints(s);
    char hex[65], label[300];
    double *joints = NULL;
    int frames = 0;
    int64_t want;

    sha256_bytes(text, size, hex);
    snprintf(label, sizeof label, "%s: SHA-256 of the BVH file", name);
    verify_check(v, label, strncmp(hex, sha256, 64) == 0);
    int rc = joint_map_read("bandai", s, &map, e);
    rc = rc ? rc : bvh_parse(name, text, size, &b, e);
    if (rc)
        return rc;
    if (h5_has_attr(f, name, "frames30") && !h5_attr_int(f, name, "frames30", &want, NULL)) {
        snprintf(label, sizeof label, "%s: frames in the file", name);
        verify_check(v, label, want == b.nframes);
    }
    rc = bvh_joints(&b, &map, 20.0, &joints, &frames, e);
    bvh_free(&b);
    if (rc)
        return rc;
    hold(&h, joints);
    rc = compare_doubles(v, f, &h, name, "joints22", joints, frames, 3 * J, 2e-5, e);

    char path[256];
    join(path, sizeof path, name, "features");
    const size_t count = (size_t)(frames - 1) * (size_t)F;
    float *features = new_floats(&h, count, e);
    rc = rc ? rc : features ? features_from_joints(s, joints, frames, NULL, features, e) : e->code;
    const float *expected = rc ? NULL : read_floats(&h, f, path, count, e);
    static const struct { const char *block; int from, to; double tol; } table[5] = {
        {"root", 0, 4, 1e-4}, {"positions", 4, 67, 1e-4}, {"rotations", 67, 193, 1e-3},
        {"velocities", 193, 259, 5e-5}, {"contacts", 259, 263, 1e-12}};
    for (int k = 0; expected && k < 5; k++) {
        snprintf(label, sizeof label, "%s %s", path, table[k].block);
        rc = compare_columns(v, &h, label, features, expected, frames - 1, F, table[k].from,
                             table[k].to, table[k].tol, e);
    }
    if (!rc && !expected)
        rc = e->code;
    release(&h);
    return rc;
}

/* Where the BVH files are: MLCM_BANDAI_DIR (a folder or an archive), or
 * ../data/bandai-namco beside the case. A folder that holds a .tar.xz stands for it. */
static int find_source(const struct verify *v, char *out, size_t size)
{
    const char *given = getenv("MLCM_BANDAI_DIR");
    for (int k = 0; k < 3; k++) {
        char candidate[1200], **names;
        int count;
        if (k == 0)
            snprintf(candidate, sizeof candidate, "%.1000s", given ? given : "");
        else if (k == 1)
            snprintf(candidate, sizeof candidate, "%.1000s/../data/bandai-namco",
                     v->folder && *v->folder ? v->folder : ".");
        else
            snprintf(candidate, sizeof candidate, "../shared/data/bandai-namco");
        if (!candidate[0] || !file_exists(candidate))
            continue;
        snprintf(out, size, "%s", candidate);
        if (file_size(candidate) >= 0 || file_list(candidate, &names, &count, NULL))
            return 1;
        for (int i = 0; i < count; i++) {
            const size_t n = strlen(names[i]);
            if (n > 7 && strcmp(names[i] + n - 7, ".tar.xz") == 0) {
                join(out, size, candidate, names[i]);
                break;
            }
        }
        file_list_free(names, count);
        return 1;
    }
    return 0;
}

static int verify_bandai(struct verify *v, struct h5 *f, struct error *e)
{
    char source[1600], **names = NULL, **hashes = NULL;
    int count = 0, nhashes = 0, done = 0, rc;
    struct archive *a = NULL;
    if (!find_source(v, source, sizeof source)) {
        fprintf(stderr, "%s: skipped: the BVH files are not here; set MLCM_BANDAI_DIR to their "
                "folder or .tar.xz\n", v->case_name);
        v->skipped++;
        return 0;
    }
    rc = h5_read_strings(f, "name", &names, &count, e);
    rc = rc ? rc : h5_read_strings(f, "sha256_bvh", &hashes, &nhashes, e);
    if (!rc && count != nhashes)
        rc = error_set(e, ERR_INPUT, "%s: %d names and %d hashes", h5_path(f), count, nhashes);
    rc = rc ? rc : archive_open(source, &a, e);
    while (!rc && done < count) {
        struct archive_entry entry;
        int found;
        if ((rc = archive_next(a, &entry, &found, e)) || !found)
            break;
        for (int k = 0; !rc && k < count; k++) {
            const size_t n = strlen(names[k]);
            if (strncmp(entry.name, names[k], n) != 0 || strcmp(entry.name + n, ".bvh") != 0)
                continue;
            char *text;
            size_t size;
            if ((rc = archive_read(a, BVH_MAX_BYTES, &text, &size, e)))
                break;
            rc = verify_clip(v, f, names[k], text, size, hashes[k], e);
            free(text);
            done++;
        }
    }
    if (!rc && done < count)
        rc = error_set(e, ERR_ENV, "%s holds only %d of the %d clips of the case; point "
                       "MLCM_BANDAI_DIR at the whole set", source, done, count);
    archive_close(a);
    h5_names_free(names, count);
    h5_names_free(hashes, nhashes);
    return rc;
}

const struct verify_kind verify_kinds_features[] = {
    {"features", verify_features},       {"mirror", verify_mirror},
    {"units_rotation", verify_rotations}, {"meanstd", verify_statistics},
    {"bandai_features", verify_bandai},  {0},
};
