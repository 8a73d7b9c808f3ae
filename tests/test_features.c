/* Properties of the motion representation: invariances, round trips, errors, statistics. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../datasets/features.h"
#include "../datasets/filter.h"
#include "../datasets/rotation.h"
#include "../datasets/statistics.h"
#include "../engine/file.h"
#include "../engine/h5.h"
#include "../engine/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { J = 22, F = 263, FRAMES = 60 };

static double largest_difference(const float *a, const float *b, size_t n)
{
    double worst = 0.0;
    for (size_t k = 0; k < n; k++) {
        const double d = fabs((double)a[k] - (double)b[k]);
        worst = d > worst || isnan(d) ? d : worst;
    }
    return worst;
}

/* A walker on a turning path whose bones have the lengths of `reference`: smooth random
 * bends about the raw directions, forward kinematics. joints (FRAMES, J, 3). */
static void synthetic_motion(const double *reference, double turn, double *joints)
{
    const struct skeleton *s = skeleton_humanml3d();
    struct rng r = rng_make(11, 3);
    static double local[FRAMES * J * 4], root[FRAMES * 3];
    double offsets[J * 3], axis[J][3], phase[J];
    skeleton_offsets(s, reference, offsets);
    for (int j = 0; j < J; j++) {
        for (int i = 0; i < 3; i++)
            axis[j][i] = rng_normal(&r);
        vector_normalise(axis[j]);
        phase[j] = 6.0 * rng_uniform(&r);
    }
    double x = 0.3, z = -0.2;
    for (int t = 0; t < FRAMES; t++) {
        const double up[3] = {0, 1, 0}, heading = turn * t;
        for (int j = 0; j < J; j++)
            quaternion_about(axis[j], 0.25 * sin(0.2 * t + phase[j]), local + 4 * (t * J + j));
        /* The hips stay level, so that the facing direction is the heading. */
        for (int j = 0; j < 4; j++)
            quaternion_identity(local + 4 * (t * J + j));
        quaternion_about(up, heading, local + 4 * t * J);
        x += 0.05 * sin(heading);
        z += 0.05 * cos(heading);
        root[3 * t] = x;
        root[3 * t + 1] = 0.9 + 0.02 * sin(0.5 * t);
        root[3 * t + 2] = z;
    }
    skeleton_forward(s, local, root, offsets, FRAMES, joints);
}

static void transform(double *joints, double angle, double scale, double dx, double dy, double dz)
{
    const double up[3] = {0, 1, 0};
    double q[4];
    quaternion_about(up, angle, q);
    for (int k = 0; k < FRAMES * J; k++) {
        double *p = joints + 3 * k;
        quaternion_rotate(q, p, p);
        p[0] = scale * p[0] + dx;
        p[1] = scale * p[1] + dy;
        p[2] = scale * p[2] + dz;
    }
}

static double joints[FRAMES * J * 3], other[FRAMES * J * 3];
static float features[FRAMES * F], features2[FRAMES * F], recovered[FRAMES * J * 3];

static void test_between(void **state)
{
    (void)state;
    struct rng r = rng_make(1, 1);
    for (int k = 0; k < 200; k++) {
        double a[3], b[3], q[4], v[3];
        for (int i = 0; i < 3; i++) {
            a[i] = rng_normal(&r);
            b[i] = k % 4 == 0 ? -2.0 * a[i] : rng_normal(&r);
        }
        assert_int_equal(quaternion_between(a, b, q), 0);
        quaternion_rotate(q, a, v);
        vector_normalise(v);
        vector_normalise(b);
        for (int i = 0; i < 3; i++)
            assert_true(fabs(v[i] - b[i]) < 1e-9);
    }
    const double zero[3] = {0, 0, 0}, up[3] = {0, 1, 0}, bad[3] = {0, NAN, 0};
    double q[4];
    assert_int_equal(quaternion_between(zero, up, q), -1);
    assert_int_equal(quaternion_between(up, bad, q), -1);
    assert_true(q[0] == 1.0 && q[1] == 0.0);
    const double down[3] = {0, -1, 0};
    double v[3];
    assert_int_equal(quaternion_between(down, up, q), 0);
    quaternion_rotate(q, down, v);
    assert_true(fabs(v[1] - 1.0) < 1e-12);
}

static void test_slerp(void **state)
{
    (void)state;
    const double axis[3] = {0, 0.6, 0.8};
    double a[4], b[4], minus[4], mid[4], want[4];
    quaternion_about(axis, 0.2, a);
    quaternion_about(axis, 1.4, b);
    quaternion_about(axis, 0.8, want);
    for (int i = 0; i < 4; i++)
        minus[i] = -b[i];
    quaternion_slerp(a, minus, 0.5, mid);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(mid[i] - want[i]) < 1e-12);
    quaternion_slerp(a, b, 0.0, mid);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(mid[i] - a[i]) < 1e-15);
    quaternion_slerp(a, a, 0.5, mid);
    for (int i = 0; i < 4; i++)
        assert_true(fabs(mid[i] - a[i]) < 1e-15);
}

static void test_6d_round_trip(void **state)
{
    (void)state;
    struct rng r = rng_make(2, 1);
    for (int k = 0; k < 50; k++) {
        double q[4], d[6], m[9], want[9], axis[3];
        for (int i = 0; i < 3; i++)
            axis[i] = rng_normal(&r);
        vector_normalise(axis);
        quaternion_about(axis, 6.0 * rng_uniform(&r) - 3.0, q);
        quaternion_to_6d(q, d);
        for (int i = 0; i < 6; i++)
            d[i] *= 1.7;
        assert_int_equal(matrix_from_6d(d, m), 0);
        quaternion_to_matrix(q, want);
        for (int i = 0; i < 9; i++)
            assert_true(fabs(m[i] - want[i]) < 1e-12);
    }
    const double parallel[6] = {1, 2, 3, 2, 4, 6};
    double m[9];
    assert_int_equal(matrix_from_6d(parallel, m), -1);
}

static void test_gaussian_keeps_constants(void **state)
{
    (void)state;
    double in[7], out[7];
    for (int t = 0; t < 7; t++)
        in[t] = 3.5;
    assert_int_equal(filter_gaussian(in, 7, 1, 20.0, out, NULL), 0);
    for (int t = 0; t < 7; t++)
        assert_true(fabs(out[t] - 3.5) < 1e-12);
}

static void test_mirror_twice(void **state)
{
    (void)state;
    double a[2 * 52 * 3], b[2 * 52 * 3];
    for (int n = 22; n <= 52; n += 30) {
        struct rng r = rng_make(3, 1);
        for (int k = 0; k < 2 * n * 3; k++)
            a[k] = b[k] = rng_normal(&r);
        joints_mirror(a, 2, n);
        assert_true(a[3 * 1] == -b[3 * 2]);      /* left hip <- right hip */
        assert_true(a[3 * 15] == -b[3 * 15]);    /* the head stays in the middle */
        assert_memory_not_equal(a, b, (size_t)(2 * n * 3) * sizeof *a);
        joints_mirror(a, 2, n);
        assert_memory_equal(a, b, (size_t)(2 * n * 3) * sizeof *a);
    }
}

/* With a skeleton that is its own mirror image, mirroring negates turning and sideways motion. */
static void test_mirror_features(void **state)
{
    (void)state;
    const struct skeleton *s = skeleton_humanml3d();
    double reference[J * 3];
    assert_int_equal(skeleton_reference(s, reference), 0);
    static const int left[] = {1, 4, 7, 10, 13, 16, 18, 20};
    for (int k = 0; k < 8; k++) {
        const int l = left[k], r = l + 1;
        const int pl = skeleton_parent(s, l), pr = skeleton_parent(s, r);
        for (int i = 0; i < 3; i++) {
            const double bone = reference[3 * l + i] - reference[3 * pl + i];
            reference[3 * r + i] = reference[3 * pr + i] + (i == 0 ? -bone : bone);
        }
    }
    synthetic_motion(reference, 0.02, joints);
    assert_int_equal(features_from_joints(s, joints, FRAMES, reference, features, NULL), 0);
    joints_mirror(joints, FRAMES, J);
    assert_int_equal(features_from_joints(s, joints, FRAMES, reference, features2, NULL), 0);
    for (int t = 0; t < FRAMES - 1; t++) {
        const float *a = features + t * F, *b = features2 + t * F;
        assert_true(fabsf(a[0] + b[0]) < 1e-5f);
        assert_true(fabsf(a[1] + b[1]) < 1e-5f);
        assert_true(fabsf(a[2] - b[2]) < 1e-5f);
        assert_true(fabsf(a[3] - b[3]) < 1e-5f);
        assert_true(a[259] == b[261] && a[260] == b[262]);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    const struct skeleton *s = skeleton_humanml3d();
    double reference[J * 3];
    skeleton_reference(s, reference);
    synthetic_motion(reference, 0.03, joints);
    assert_int_equal(features_from_joints(s, joints, FRAMES, NULL, features, NULL), 0);
    joints_from_features(s, features, FRAMES - 1, recovered);
    assert_int_equal(joints_retarget(s, joints, FRAMES, NULL, other, NULL), 0);
    assert_int_equal(joints_canonical(s, other, FRAMES, NULL), 0);
    double lowest = 1.0;
    for (int k = 0; k < (FRAMES - 1) * J * 3; k++) {
        assert_true(fabs((double)recovered[k] - other[k]) < 1e-5);
        if (k % 3 == 1)
            lowest = fmin(lowest, (double)recovered[k]);
    }
    assert_true(lowest > -1e-6 && lowest < 0.05);
    assert_true(fabsf(recovered[0]) < 1e-6f && fabsf(recovered[2]) < 1e-6f);
}

static void test_invariance(void **state)
{
    (void)state;
    const struct skeleton *s = skeleton_humanml3d();
    double reference[J * 3];
    skeleton_reference(s, reference);
    synthetic_motion(reference, 0.02, joints);
    assert_int_equal(features_from_joints(s, joints, FRAMES, NULL, features, NULL), 0);
    memcpy(other, joints, sizeof other);
    transform(other, 2.1, 1.0, 3.0, -1.0, 5.0);
    assert_int_equal(features_from_joints(s, other, FRAMES, NULL, features2, NULL), 0);
    assert_true(largest_difference(features, features2, (size_t)(FRAMES - 1) * F) < 1e-5);
    memcpy(other, joints, sizeof other);
    transform(other, 0.0, 100.0, 0.0, 0.0, 0.0);
    assert_int_equal(features_from_joints(s, other, FRAMES, NULL, features2, NULL), 0);
    assert_true(largest_difference(features, features2, (size_t)(FRAMES - 1) * F) < 1e-5);
    /* and the features do tell two motions apart */
    synthetic_motion(reference, 0.05, other);
    assert_int_equal(features_from_joints(s, other, FRAMES, NULL, features2, NULL), 0);
    assert_true(largest_difference(features, features2, (size_t)(FRAMES - 1) * F) > 1e-2);
}

static void test_errors(void **state)
{
    (void)state;
    const struct skeleton *s = skeleton_humanml3d();
    struct error e = {0};
    double reference[J * 3];
    skeleton_reference(s, reference);
    synthetic_motion(reference, 0.02, joints);
    assert_int_equal(features_from_joints(s, joints, 1, NULL, features, &e), ERR_INPUT);
    joints[3 * (17 * J + 4) + 1] = NAN;
    assert_int_equal(features_from_joints(s, joints, FRAMES, NULL, features, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "left_knee"));
    assert_non_null(strstr(e.text, "frame 17"));
    synthetic_motion(reference, 0.02, joints);
    memcpy(joints + 3 * (9 * J + 20), joints + 3 * (9 * J + 18), 3 * sizeof *joints);
    assert_int_equal(features_from_joints(s, joints, FRAMES, NULL, features, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "left_elbow-left_wrist"));
    assert_non_null(strstr(e.text, "frame 9"));
    memset(joints, 0, sizeof joints);
    assert_int_equal(features_from_joints(s, joints, FRAMES, NULL, features, &e), ERR_INPUT);
}

/* A bone that points exactly against its raw direction is a half turn, never a NaN. */
static void test_opposite_bone(void **state)
{
    (void)state;
    const struct skeleton *s = skeleton_humanml3d();
    double reference[J * 3];
    skeleton_reference(s, reference);
    synthetic_motion(reference, 0.0, joints);
    for (int t = 0; t < FRAMES; t++) {
        double *frame = joints + 3 * t * J;
        memcpy(frame + 3 * 20, frame + 3 * 18, 3 * sizeof *frame);
        frame[3 * 20 + 1] += 0.26601172;
    }
    assert_int_equal(features_from_joints(s, joints, FRAMES, NULL, features, NULL), 0);
    for (int k = 0; k < (FRAMES - 1) * F; k++)
        assert_true(isfinite(features[k]));
    joints_from_features(s, features, 1, recovered);
    assert_true(fabsf(recovered[3 * 20 + 1] - recovered[3 * 18 + 1] - 0.26601172f) < 1e-5f);
}

static void test_statistics(void **state)
{
    (void)state;
    const struct skeleton *s = skeleton_humanml3d();
    struct statistics st;
    struct error e = {0};
    float rows[4 * F], mean[F], std[F], biased[F];
    assert_int_equal(statistics_begin(&st, F, &e), 0);
    assert_int_equal(statistics_features(&st, s, mean, std, &e), ERR_INPUT);
    for (int t = 0; t < 4; t++)
        for (int c = 0; c < F; c++)
            rows[t * F + c] = (float)(1e6 + (t % 2 ? 1 : -1) * (c == 1 ? 3 : 1));
    assert_int_equal(statistics_add(&st, rows, 4), 1);
    rows[2 * F + 7] = NAN;
    assert_int_equal(statistics_add(&st, rows, 4), 0);
    assert_int_equal(statistics_features(&st, s, mean, std, &e), 0);
    assert_int_equal((int)st.rows, 4);
    assert_int_equal(st.skipped, 1);
    for (int c = 0; c < F; c++) {
        assert_true(mean[c] == 1e6f);
        assert_true(fabsf(std[c] - (c == 1 || c == 2 ? 2.0f : 1.0f)) < 1e-6f);
    }
    statistics_feat_bias(s, std, 5.0, 2, biased);
    for (int c = 0; c < F; c++)
        assert_true(fabsf(biased[c] * (c < 4 || c >= 259 ? 25.0f : 1.0f) - std[c]) < 1e-5f);
    statistics_free(&st);
}

static void test_golden(void **state)
{
    (void)state;
    static const char path[] = "../shared/golden/features_012314.h5";
    if (!file_exists(path)) {
        print_message("skip: ../shared/golden not here\n");
        skip();
    }
    const struct skeleton *s = skeleton_humanml3d();
    struct h5 *f;
    double *in = NULL;
    float *want = NULL, *got;
    size_t n = 0, count = 0;
    assert_int_equal(h5_open(path, &f, NULL), 0);
    assert_int_equal(h5_read_double(f, "canonical/joints_in", &in, &n, NULL), 0);
    assert_int_equal(h5_read_float(f, "canonical/features_shipped", &want, &count, NULL), 0);
    h5_close(f);
    const int frames = (int)(n / (J * 3));
    assert_int_equal(count, (size_t)(frames - 1) * F);
    got = malloc(count * sizeof *got);
    assert_non_null(got);
    /* the built-in bone lengths stand for the reference clip's */
    assert_int_equal(features_from_joints(s, in, frames, NULL, got, NULL), 0);
    assert_true(largest_difference(got, want, count) < 2e-5);
    free(in);
    free(want);
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between),         cmocka_unit_test(test_slerp),
        cmocka_unit_test(test_6d_round_trip),   cmocka_unit_test(test_gaussian_keeps_constants),
        cmocka_unit_test(test_mirror_twice),    cmocka_unit_test(test_mirror_features),
        cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_invariance),
        cmocka_unit_test(test_errors),          cmocka_unit_test(test_opposite_bone),
        cmocka_unit_test(test_statistics),      cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
