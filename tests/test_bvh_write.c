/* Writing BVH: what our own reader gets back, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../datasets/bvh.h"
#include "../datasets/bvh_write.h"
#include "../datasets/rotation.h"
#include "../datasets/skeleton.h"
#include "../engine/rng.h"
#include "scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES = 90, MOST = SKELETON_MAX_JOINTS };

/* A motion of a rigid skeleton: smooth random rotations of every joint, wide ones, from offsets that are not those of
 * the writer's rest pose. scale 1: rotations up to about a half turn. */
static double *rigid_motion(const struct skeleton *s, double scale, uint64_t seed)
{
    const int J = s->njoints;
    double *joints = calloc((size_t)FRAMES * (size_t)J * 3, sizeof *joints), axis[MOST][3], rate[MOST], offset[MOST][3];
    struct rng r = rng_make(seed, rng_stream("bvh test"));
    assert_non_null(joints);
    for (int j = 0; j < J; j++) {
        rate[j] = 0.05 + 0.1 * rng_uniform(&r);
        for (int i = 0; i < 3; i++) {
            axis[j][i] = rng_normal(&r);
            offset[j][i] = 0.15 * rng_normal(&r) + 0.2 * s->raw[j][i];
        }
        vector_normalise(axis[j]);
    }
    for (int t = 0; t < FRAMES; t++) {
        double world[MOST][4], turn[4], v[3];
        double *p = joints + (size_t)t * (size_t)J * 3;
        for (int j = 0; j < J; j++) {
            quaternion_about(axis[j], scale * 3.0 * sin(rate[j] * t), turn);
            if (!j) {
                memcpy(world[0], turn, sizeof turn);
                p[0] = 0.02 * t;
                p[1] = 0.9;
                p[2] = 0.3 * sin(0.1 * t);
                continue;
            }
            quaternion_rotate(world[s->parent[j]], offset[j], v);
            for (int i = 0; i < 3; i++) p[3 * j + i] = p[3 * s->parent[j] + i] + v[i];
            quaternion_multiply(world[s->parent[j]], turn, world[j]);
        }
    }
    return joints;
}

/* Writes, reads with our reader, and returns the largest distance; *fit is what the writer said. */
static double round_trip(void **state, const struct skeleton *s, const double *joints, int frames, double fps, struct bvh_fit *fit)
{
    char path[512];
    scratch_path(*state, "out.bvh", path);
    struct error e = {0};
    struct bvh b;
    double *back, largest = 0;
    int n;
    if (bvh_write(path, s, joints, frames, fps, fit, &e)) fail_msg("%s", e.text);
    if (bvh_read(path, &b, &e)) fail_msg("%s", e.text);
    assert_int_equal(b.njoints, s->njoints);
    assert_int_equal(b.nframes, frames);
    assert_true(fabs(bvh_rate(&b) - fps) < 1e-9 * fps);
    assert_int_equal(bvh_positions(&b, 0, &back, &n, &e), 0);
    for (int j = 0; j < s->njoints; j++) {
        const int k = bvh_find(&b, s->joint_name[j]);
        assert_true(k >= 0);
        assert_int_equal(b.joint[k].nchannels, j ? 3 : 6);     /* rotations alone: bones are constant */
        assert_true(j ? !strcmp(b.joint[b.joint[k].parent].name, s->joint_name[s->parent[j]]) : b.joint[k].parent == -1);
        for (int t = 0; t < frames; t++) {
            const double *p = joints + 3 * ((size_t)t * (size_t)s->njoints + (size_t)j);
            const double *q = back + 3 * ((size_t)t * (size_t)b.njoints + (size_t)k);
            largest = fmax(largest, hypot(hypot(p[0] - q[0], p[1] - q[1]), p[2] - q[2]));
        }
    }
    free(back);
    bvh_free(&b);
    remove(path);
    return largest;
}

static void test_rigid(void **state)
{
    const struct skeleton *skeletons[] = {skeleton_humanml3d(), skeleton_kit()};
    for (int k = 0; k < 2; k++)
        for (uint64_t seed = 1; seed <= 6; seed++) {
            struct bvh_fit fit;
            double *joints = rigid_motion(skeletons[k], seed < 4 ? 0.3 : 1.0, seed);
            const double largest = round_trip(state, skeletons[k], joints, FRAMES, seed < 4 ? 20 : 12.5, &fit);
            print_message("%s, motion %d: %.2g m\n", skeletons[k]->name, (int)seed, largest);
            assert_true(largest < 1e-5);
            assert_true(fit.largest < 1e-5 && fit.stretch < 1e-9);
            free(joints);
        }
}

/* Bones that vary: what the writer says is what the reader finds, and it is of the size of the variation. */
static void test_varying(void **state)
{
    const struct skeleton *s = skeleton_humanml3d();
    double *joints = rigid_motion(s, 0.3, 9);
    struct bvh_fit fit;
    struct rng r = rng_make(1, rng_stream("noise"));
    for (size_t i = 0; i < (size_t)FRAMES * 66; i++) joints[i] += 0.003 * rng_normal(&r);
    const double largest = round_trip(state, s, joints, FRAMES, 20, &fit);
    print_message("3 mm of noise: %.4f m, said %.4f\n", largest, fit.largest);
    assert_true(fabs(largest - fit.largest) < 1e-6);
    assert_true(largest > 0.003 && largest < 0.03);
    assert_true(fit.mean < 0.006 && fit.stretch > 0.005);
    free(joints);
}

/* Angles go on from frame to frame without jumps of whole turns. */
static void test_continuous(void **state)
{
    const struct skeleton *s = skeleton_humanml3d();
    double *joints = rigid_motion(s, 0.0, 3);
    struct bvh b;
    struct error e = {0};
    char path[512];
    scratch_path(*state, "turn.bvh", path);
    for (int t = 0; t < FRAMES; t++)                 /* the whole figure turns about the vertical, three times */
        for (int j = 0; j < 22; j++) {
            static const double up[3] = {0, 1, 0};
            double q[4], *p = joints + 3 * ((size_t)t * 22 + (size_t)j);
            quaternion_about(up, 6.0 * acos(-1.0) * t / (FRAMES - 1), q);
            quaternion_rotate(q, p, p);
        }
    assert_int_equal(bvh_write(path, s, joints, FRAMES, 20, NULL, &e), 0);
    assert_int_equal(bvh_read(path, &b, &e), 0);
    double travelled = 0;
    for (int t = 1; t < FRAMES; t++)
        for (int v = 0; v < b.nvalues; v++) {
            const double step = b.values[(size_t)t * (size_t)b.nvalues + (size_t)v] - b.values[(size_t)(t - 1) * (size_t)b.nvalues + (size_t)v];
            assert_true(fabs(step) < 90);
            if (v == 5) travelled += step;
        }
    assert_true(fabs(fabs(travelled) - 1080) < 1);
    bvh_free(&b);
    remove(path);
    free(joints);
}

/* Limbs straight against the rest pose, and single poses. */
static void test_corners(void **state)
{
    const struct skeleton *s = skeleton_humanml3d();
    double joints[66] = {0};
    struct bvh_fit fit;
    for (int j = 1; j < 22; j++)
        for (int i = 0; i < 3; i++) joints[3 * j + i] = joints[3 * s->parent[j] + i] + 0.2 * s->raw[j][i];
    assert_true(round_trip(state, s, joints, 1, 20, &fit) < 1e-5);
    for (int j = 16; j < 22; j++)                    /* arms across the body: a half turn from the T-pose */
        for (int i = 0; i < 3; i++)
            joints[3 * j + i] = joints[3 * s->parent[j] + i] + (i ? 0 : skeleton_side(s, j) == 'l' ? -0.2 : 0.2);
    assert_true(round_trip(state, s, joints, 1, 20, &fit) < 1e-5);
}

static void refused(void **state, const double *joints, int frames, double fps, const char *words)
{
    struct error e = {0};
    char path[512];
    const int rc = bvh_write(scratch_path(*state, "no.bvh", path), skeleton_humanml3d(), joints, frames, fps, NULL, &e);
    FILE *f = fopen(path, "r");
    assert_int_equal(rc, ERR_INPUT);
    assert_null(f);
    if (!strstr(e.text, words)) fail_msg("no \"%s\" in: %s", words, e.text);
}

static void test_refused(void **state)
{
    double *joints = rigid_motion(skeleton_humanml3d(), 0.3, 1);
    struct error e = {0};
    refused(state, joints, 0, 20, "no motion");
    refused(state, joints, FRAMES, 0, "no motion");
    refused(state, joints, FRAMES, NAN, "no motion");
    joints[66 * 7 + 3 * 15 + 1] = NAN;
    refused(state, joints, FRAMES, 20, "frame 7, joint head");
    joints[66 * 7 + 3 * 15 + 1] = INFINITY;
    refused(state, joints, FRAMES, 20, "frame 7, joint head");
    joints[66 * 7 + 3 * 15 + 1] = 0;
    for (int t = 0; t < FRAMES; t++) memcpy(joints + 66 * t + 3 * 21, joints + 66 * t + 3 * 19, 3 * sizeof *joints);
    refused(state, joints, FRAMES, 20, "right_elbow to right_wrist");
    free(joints);
    joints = rigid_motion(skeleton_humanml3d(), 0.3, 1);
    assert_int_equal(bvh_write("/proc/no/such/x.bvh", skeleton_humanml3d(), joints, FRAMES, 20, NULL, &e), ERR_ENV);
    free(joints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rigid),   cmocka_unit_test(test_varying), cmocka_unit_test(test_continuous),
        cmocka_unit_test(test_corners), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
