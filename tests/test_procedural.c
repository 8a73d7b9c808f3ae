/* Procedural motions: they do what their numbers say, and the set is complete and repeatable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../datasets/build.h"
#include "../datasets/consistency.h"
#include "../datasets/motion_measure.h"
#include "../datasets/procedural_motion.h"

#include <math.h>
#include <string.h>

enum { FRAMES = 81, JOINTS = 22 };
static double joints[FRAMES * JOINTS * 3];

static void measure(const struct procedural_motion *p, struct motion_measure *m)
{
    struct error e = {0};
    procedural_motion(p, FRAMES, 20, joints);
    assert_int_equal(motion_measure(joints, FRAMES, 20, m, &e), 0);
}

static void walks_as_told(void **state)
{
    (void)state;
    struct procedural_motion p = {.speed = 1.1, .step_rate = 1.8, .arm_swing = 0.4, .stance = 0.12};
    struct motion_measure m;
    measure(&p, &m);
    assert_true(fabs(m.speed - 1.1) < 0.02 && fabs(m.turn) < 1 && fabs(m.travel) < 1);
    assert_in_range(m.steps, 6, 9);              /* 1.8 a second for four seconds */
    p.turn = -1.5;
    measure(&p, &m);
    assert_true(fabs(m.turn * M_PI / 180 + 1.5) < 0.05);
    p.turn = 0;
    p.drift = 0.5;
    measure(&p, &m);
    assert_true(fabs(m.travel * M_PI / 180 - 0.5) < 0.02);
}

/* While a foot carries the figure it stands still and on the floor. */
static void feet_are_planted(void **state)
{
    (void)state;
    const struct procedural_motion p = {.speed = 1.1, .step_rate = 1.8, .stance = 0.12};
    int still = 0;
    procedural_motion(&p, FRAMES, 20, joints);
    for (int t = 1; t < FRAMES; t++) {
        double slowest = HUGE_VAL, lowest = HUGE_VAL;
        for (int foot = 7; foot <= 8; foot++) {
            const double *a = joints + ((size_t)(t - 1) * JOINTS + (size_t)foot) * 3, *b = a + JOINTS * 3;
            slowest = fmin(slowest, hypot(hypot(b[0] - a[0], b[1] - a[1]), b[2] - a[2]));
            lowest = fmin(lowest, b[1]);
        }
        still += slowest < 1e-6;
        assert_true(slowest < 0.05);             /* the frames in which feet change over */
        assert_true(lowest > 0.05 && lowest < 0.12);
    }
    assert_true(still > FRAMES * 8 / 10);
}

/* Legs and arms keep their lengths. */
static void bones_keep_their_lengths(void **state)
{
    (void)state;
    static const int bones[][2] = {{1, 4}, {4, 7}, {2, 5}, {5, 8}, {18, 20}, {19, 21}, {12, 15}, {0, 3}};
    const struct procedural_motion p = {.speed = 1.0, .step_rate = 1.8, .stance = 0.12, .turn = 1.2, .bow = 0.6,
                                        .raise = {2.6, 2.6}, .raise_start = 0.2, .raise_end = 0.7,
                                        .wave_rate = 1.5, .wave_width = 0.7, .elbow = 0.4};
    procedural_motion(&p, FRAMES, 20, joints);
    for (size_t b = 0; b < sizeof bones / sizeof *bones; b++) {
        double first = 0;
        for (int t = 0; t < FRAMES; t++) {
            const double *j = joints + (size_t)t * JOINTS * 3, *x = j + 3 * bones[b][0], *y = j + 3 * bones[b][1];
            double length = hypot(hypot(x[0] - y[0], x[1] - y[1]), x[2] - y[2]);
            if (t == 0)
                first = length;
            assert_true(fabs(length - first) < 1e-9 && length > 0.05);
        }
    }
}

static void hands_go_up(void **state)
{
    (void)state;
    const struct procedural_motion p = {.stance = 0.15, .raise = {2.8, 0}, .raise_start = 0.2, .raise_end = 0.8,
                                        .wave_rate = 1.5, .wave_width = 0.8};
    struct motion_measure m;
    measure(&p, &m);
    assert_true(m.hand_height[HAND_LEFT] > 0.12 && m.hand_height[HAND_RIGHT] < -0.3);
    assert_true(m.hand_up[HAND_LEFT] > 1.5 && m.hand_up[HAND_RIGHT] == 0);
    assert_true(m.waves[HAND_LEFT] > 2 && m.wave_width[HAND_LEFT] > 0.15);
}

static void the_set_is_complete_and_repeatable(void **state)
{
    (void)state;
    struct error e = {0};
    struct set_builder *b;
    struct set s[2];
    for (int k = 0; k < 2; k++) {
        assert_int_equal(build_procedural(60, 3, NULL, &b, &e), 0);
        assert_int_equal(set_builder_finish(b, &s[k], &e), 0);
    }
    assert_int_equal(s[0].nclips, 120);
    assert_string_equal(s[0].statistics_sha256, s[1].statistics_sha256);
    int count[3] = {0};
    for (int c = 0; c < s[0].nclips; c++) {
        const struct clip *x = &s[0].clips[c], *y = &s[1].clips[c];
        assert_string_equal(x->name, y->name);
        assert_memory_equal(x->features, y->features, (size_t)x->length * 263 * sizeof(float));
        assert_true(x->length >= s[0].min_length && x->length < s[0].max_length);
        assert_int_equal(x->ncaptions, 4);
        for (int k = 0; k < 4; k++) {
            assert_string_equal(x->captions[k].text, y->captions[k].text);
            assert_true(caption_consistent(x->captions[k].slots, x->slots));
        }
        count[*x->split == 'v' ? 1 : x->split[1] == 'e' ? 2 : 0]++;
    }
    assert_true(count[0] > count[2] && count[2] > count[1] && count[1] > 0);
    set_free(&s[0]);
    set_free(&s[1]);
    assert_int_equal(build_procedural(0, 3, NULL, &b, &e), ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_as_told),    cmocka_unit_test(feet_are_planted),
        cmocka_unit_test(bones_keep_their_lengths), cmocka_unit_test(hands_go_up),
        cmocka_unit_test(the_set_is_complete_and_repeatable),
    };
    return cmocka_run_group_tests_name("procedural", tests, NULL, NULL);
}
