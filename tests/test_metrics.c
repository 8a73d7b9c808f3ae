/* Metrics of joints, and what is made of numbers: intervals, tests, latency, names. */
#include "near.h"

#include <stdlib.h>
#include <string.h>

#include "../metrics/control.h"
#include "../metrics/interval.h"
#include "../metrics/latency.h"
#include "../metrics/physical.h"
#include "../metrics/reconstruction.h"
#include "../metrics/table.h"

/* ---- control, reconstruction, physical ---- */

static void test_control(void **state)
{
    (void)state;
    /* Two frames of two joints; three keypoints, off by 0.1, 0.3 and 0.6 m. */
    const float hint[12] = {0}, joints[12] = {0.1f, 0, 0, 0, 0.3f, 0, 9, 9, 9, 0, 0, 0.6f};
    const unsigned char mask[] = {1, 1, 0, 1};
    struct control_errors c[2], mean;
    double distance[4];
    struct error e;
    assert_int_equal(control_errors(joints, hint, mask, 2, 2, &c[0], distance, &e), 0);
    assert_int_equal(c[0].keypoints, 3);
    near(c[0].average, 1.0 / 3, 1e-7);
    near(c[0].location[0], 2.0 / 3, 0);
    near(c[0].location[1], 1.0 / 3, 0);
    near(c[0].trajectory[1], 1, 0);
    near(distance[2], 0, 0);
    const unsigned char first[] = {1, 0, 0, 0}, none[4] = {0};
    assert_int_equal(control_errors(joints, hint, first, 2, 2, &c[1], NULL, &e), 0);
    assert_int_equal(control_errors_mean(c, 2, &mean, &e), 0);
    near(mean.trajectory[0], 0.5, 0);
    near(mean.location[0], 1.0 / 3, 1e-15);
    near(mean.average, (1.0 / 3 + 0.1) / 2, 1e-7);    /* motions weigh the same, not keypoints */
    assert_int_equal(control_errors(joints, hint, none, 2, 2, &c[0], NULL, &e), 0);
    assert_int_equal(control_errors_mean(c, 1, &mean, &e), ERR_INPUT);
    const float bad[12] = {NAN};
    assert_int_equal(control_errors(bad, hint, first, 2, 2, &c[0], NULL, &e), ERR_INPUT);
}

static void test_skating(void **state)
{
    (void)state;
    enum { T = 11 };
    float joints[T * 22 * 3] = {0};
    struct skating_rule rule = skating_rule_humanml3d();
    double ratio, speed[2 * (T - 1)];
    struct error e;
    for (int t = 0; t < T; t++) {
        float *left = joints + 66 * t + 30;
        left[0] = 0.04f * (float)t;         /* 0.8 m/s on the floor */
        left[4] = 1;                        /* right foot in the air */
    }
    assert_int_equal(skating_ratio(joints, T, 22, &rule, &ratio, speed, &e), 0);
    /* The windows at both ends reach outside, where zeros count: 3/5 of 0.8 < 0.5. */
    near(ratio, 8.0 / 10, 1e-12);
    near(speed[0], 0.8 * 3 / 5, 1e-5);
    near(speed[10], 0.8, 1e-5);
    near(speed[11], 0, 0);
    for (int t = 0; t < T; t++)
        joints[66 * t + 31] = 0.06f;        /* now in the air as well */
    assert_int_equal(skating_ratio(joints, T, 22, &rule, &ratio, NULL, &e), 0);
    near(ratio, 0, 0);
    joints[66 * 3 + 30] = NAN;
    assert_int_equal(skating_ratio(joints, T, 22, &rule, &ratio, NULL, &e), ERR_INPUT);
    assert_int_equal(skating_ratio(joints, 1, 22, &rule, &ratio, NULL, &e), ERR_INPUT);
}

static void test_reconstruction(void **state)
{
    (void)state;
    enum { T = 5, J = 6 };
    float reference[T * J * 3], moved[T * J * 3];
    fill_integers(reference, T * J * 3, 18);
    /* A rotation by 90° around y, twice the size, shifted: only PA-MPJPE forgives. */
    for (int i = 0; i < T * J; i++) {
        moved[3 * i] = 2 * reference[3 * i + 2] + 1;
        moved[3 * i + 1] = 2 * reference[3 * i + 1] - 2;
        moved[3 * i + 2] = -2 * reference[3 * i] + 3;
    }
    struct reconstruction r = {0}, shifted = {0}, mirrored = {0};
    struct error e;
    assert_int_equal(reconstruction_add_joints(&r, moved, reference, T, J, &e), 0);
    struct reconstruction_errors m = reconstruction_result(&r);
    near(m.pa_mpjpe, 0, 1e-12);
    assert_true(m.mpjpe > 1 && m.accel > 1);
    for (int i = 0; i < T * J * 3; i++)
        moved[i] = reference[i] + (float)(i % 3 == 1 ? 3 : i % 3 == 2 ? 4 : 0);
    assert_int_equal(reconstruction_add_joints(&shifted, moved, reference, T, J, &e), 0);
    m = reconstruction_result(&shifted);
    near(m.mpjpe, 0, 1e-12);
    near(m.mpjpe_unaligned, 5, 1e-12);
    near(m.accel, 0, 1e-12);
    for (int i = 0; i < T * J * 3; i++)    /* a mirror image is no rotation */
        moved[i] = i % 3 ? reference[i] : -reference[i];
    assert_int_equal(reconstruction_add_joints(&mirrored, moved, reference, T, J, &e), 0);
    assert_true(reconstruction_result(&mirrored).pa_mpjpe > 0.5);
    /* Points on a line, turned: the third axis is free, the fit still perfect. */
    const float line[] = {0, 0, 0, 1, 0, 0, 3, 0, 0}, turned[] = {5, 0, 0, 5, 2, 0, 5, 6, 0};
    double error;
    assert_int_equal(procrustes_error(line, turned, 3, &error, &e), 0);
    near(error, 0, 1e-12);
    const float flat[] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 4, 1, 0},
                upright[] = {0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 4, 1};
    assert_int_equal(procrustes_error(flat, upright, 4, &error, &e), 0);
    near(error, 0, 1e-12);
    /* Two clips of features: norms 5 and 2 over 4 frames. */
    const float a[] = {3, 4}, b[] = {0, 0}, long_a[] = {1, 1, 1, 1, 0, 0}, long_b[6] = {0};
    assert_int_equal(reconstruction_add_features(&r, a, b, 1, 2, &e), 0);
    assert_int_equal(reconstruction_add_features(&r, long_a, long_b, 3, 2, &e), 0);
    near(reconstruction_result(&r).fea_error, 7.0 / 4, 1e-15);
    moved[7] = NAN;
    assert_int_equal(reconstruction_add_joints(&r, moved, reference, T, J, &e), ERR_INPUT);
}

static void test_physical(void **state)
{
    (void)state;
    enum { T = 6, J = 2 };
    float joints[T * J * 3] = {0};
    const int parents[J] = {-1, 0}, feet[] = {1};
    for (int t = 0; t < T; t++) {    /* x = t³: third difference 6; the foot 1 cm below the floor */
        joints[6 * t] = (float)(t * t * t);
        joints[6 * t + 1] = 1;
        joints[6 * t + 3] = joints[6 * t];
        joints[6 * t + 4] = -0.01f;
    }
    struct physical_rule rule = {.feet = feet, .nfeet = 1, .parents = parents, .fps = 2,
                                 .floor = 0, .contact = 0.05};
    struct physical p;
    struct error e;
    assert_int_equal(physical_metrics(joints, T, J, &rule, &p, &e), 0);
    near(p.jitter, 6 * 8, 1e-9);
    near(p.foot_sliding, 2 * 125 / 5.0, 1e-9);
    assert_int_equal(p.contacts, 5);
    near(p.floor_penetration, 0.01, 1e-8);
    near(p.bone_variation, 0, 1e-12);
    joints[1] = 3.02f;    /* one bone of 3.03 among five of 1.01: mean 1.3467, std 0.7528 */
    assert_int_equal(physical_metrics(joints, T, J, &rule, &p, &e), 0);
    near(p.bone_variation, 0.75281 / 1.34667, 1e-4);
    joints[8] = INFINITY;
    assert_int_equal(physical_metrics(joints, T, J, &rule, &p, &e), ERR_INPUT);
}

/* ---- intervals, tests, latency, names ---- */

static void test_interval(void **state)
{
    (void)state;
    const double values[] = {1, 2, 3, 4};
    struct interval i;
    struct error e;
    assert_int_equal(interval_mean(values, 4, &i, &e), 0);
    near(i.mean, 2.5, 1e-15);
    near(i.ci95, 1.96 * sqrt(1.25) / 2, 1e-14);
    assert_int_equal(interval_mean(values, 1, &i, &e), 0);
    near(i.ci95, 0, 0);
    /* t of 3 and of 1 degrees of freedom at 0.975, from the tables: 3.182446, 12.706205 */
    assert_int_equal(interval_student(values, 4, &i, &e), 0);
    near(i.mean, 2.5, 1e-15);
    near(i.ci95, 3.182446305 * sqrt(5.0 / 3) / 2, 1e-8);
    assert_int_equal(interval_student(values, 2, &i, &e), 0);
    near(i.ci95, 12.706204736 * 0.5, 1e-8);
    assert_int_equal(interval_student(values, 1, &i, &e), 0);
    near(i.ci95, 0, 0);
    const double bad[] = {1, NAN};
    assert_int_equal(interval_student(bad, 2, &i, &e), ERR_INPUT);
    assert_int_equal(interval_mean(bad, 2, &i, &e), ERR_INPUT);
    assert_int_equal(interval_mean(values, 0, &i, &e), ERR_INPUT);
}

static void test_bootstrap(void **state)
{
    (void)state;
    double values[100], low, high;
    struct rng r = rng_make(1, 2);
    struct error e;
    for (int i = 0; i < 100; i++)
        values[i] = rng_normal(&r);
    struct interval i;
    assert_int_equal(interval_mean(values, 100, &i, &e), 0);
    assert_int_equal(bootstrap_mean(values, 100, 2000, &r, &low, &high, &e), 0);
    near(low, i.mean - i.ci95, 0.03);
    near(high, i.mean + i.ci95, 0.03);
}

static void test_latency(void **state)
{
    (void)state;
    double times[101];
    for (int i = 0; i <= 100; i++)
        times[i] = (i * 37 % 101) / 100.0;
    struct latency l;
    struct error e;
    assert_int_equal(latency_summary(times, 101, &l, &e), 0);
    near(l.p50, 0.5, 1e-14);
    near(l.p90, 0.9, 1e-14);
    near(l.p99, 0.99, 1e-14);
    near(l.mean, 0.5, 1e-14);
    near(l.maximum, 1, 0);
    near(l.std, sqrt(101 * 102 / 12.0) / 100, 1e-12);
    times[3] = NAN;
    assert_int_equal(latency_summary(times, 101, &l, &e), ERR_INPUT);
    times[3] = -1;
    assert_int_equal(latency_summary(times, 101, &l, &e), ERR_INPUT);
    assert_int_equal(latency_summary(times, 0, &l, &e), ERR_INPUT);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < metric_count(); i++) {
        const struct metric *m = metric_at(i);
        assert_ptr_equal(metric_find(m->name), m);
        enum direction d;
        assert_int_equal(direction_parse(direction_name(m->direction), &d), 0);
        assert_int_equal(d, m->direction);
    }
    assert_null(metric_find("fid"));
    assert_null(metric_at(-1));
    assert_null(metric_at(metric_count()));
    enum direction d;
    assert_int_equal(direction_parse("sideways", &d), -1);
    assert_true(metric_better(DIRECTION_DOWN, 1, 2, 9));
    assert_true(metric_better(DIRECTION_UP, 2, 1, 9));
    assert_true(metric_better(DIRECTION_NEAR_REAL, 9.6, 9.0, 9.5));
    assert_false(metric_better(DIRECTION_UP, 1, 1, 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_skating),
        cmocka_unit_test(test_reconstruction),
        cmocka_unit_test(test_physical),
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_bootstrap),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
