/* Procedural motions are possible, and do what their captions say: read off the joints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../datasets/build.h"
#include "../datasets/consistency.h"
#include "../datasets/figure.h"
#include "../datasets/lexicon.h"
#include "../datasets/procedural_motion.h"
#include "../datasets/skeleton.h"
#include "../metrics/physical.h"
#include "../metrics/control.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIPS = 240, LONGEST = 200 };

static struct set set;                 /* CLIPS seeded clips and their twins */

static int make_set(int clips, uint64_t seed, struct set *s)
{
    struct error e = {0};
    struct set_builder *b;
    int rc = build_procedural(clips, seed, NULL, &b, &e);
    return rc ? rc : set_builder_finish(b, s, &e);
}

static int set_up(void **state)
{
    (void)state;
    return make_set(CLIPS, 3, &set);
}

static int tear_down(void **state)
{
    (void)state;
    set_free(&set);
    return 0;
}

/* --- what a motion is seen to do ------------------------------------------------------ */

static float places[LONGEST * 66];

static const float *joints_of(const struct clip *c)
{
    joints_from_features(skeleton_humanml3d(), c->features, c->length, places);
    return places;
}

static const float *at(const float *x, int t, int joint) { return x + ((size_t)t * 22 + (size_t)joint) * 3; }

static double heading(const float *x, int t)
{
    const float *l = at(x, t, 1), *r = at(x, t, 2);
    return atan2(-(double)(l[2] - r[2]), (double)(l[0] - r[0]));
}

/* How often a curve goes above a level and comes down again; a rise at the end counts. */
static int rises(const double *curve, int n, double level)
{
    int count = 0;
    for (int t = 1; t < n; t++) count += curve[t] > level && curve[t - 1] <= level;
    return count;
}

/* The way of one joint from another in the body's axes: left, up, forward. */
static void relative(const float *x, int t, int joint, int from, double out[3])
{
    double h = heading(x, t), dx = (double)(at(x, t, joint)[0] - at(x, t, from)[0]),
           dz = (double)(at(x, t, joint)[2] - at(x, t, from)[2]);
    out[0] = dx * cos(h) - dz * sin(h);
    out[1] = (double)(at(x, t, joint)[1] - at(x, t, from)[1]);
    out[2] = dx * sin(h) + dz * cos(h);
}

struct seen {
    double turn, speed, forward, left;             /* degrees, m/s, metres gone */
    double rise, drop;                             /* of the pelvis from the first frame, greatest */
    double starts, ends;                           /* height of the pelvis */
    int flights, squats, bows, kicks[2], punches[2];
    double lean, kicked_aside, kicked_forward;     /* greatest lean of the trunk, radians; reach of the kicks */
    double raised[2];                              /* seconds that a wrist is above the shoulder */
};

static struct seen look(const float *x, int n)
{
    struct seen s = {0};
    static double up[LONGEST], low[LONGEST], lean[LONGEST], foot[2][LONGEST], fist[2][LONGEST];
    double length = 0, r[3], smooth = heading(x, 0), first = smooth;
    for (int t = 0; t < n; t++) {
        const float *p = at(x, t, 0);
        up[t] = fmin((double)at(x, t, 10)[1], (double)at(x, t, 11)[1]);
        low[t] = (double)(at(x, 0, 0)[1] - p[1]);
        relative(x, t, 12, 0, r);
        lean[t] = atan2(r[2], r[1]);
        s.lean = fmax(s.lean, lean[t]);
        s.rise = fmax(s.rise, -low[t]);
        s.drop = fmax(s.drop, low[t]);
        for (int k = 0; k < 2; k++) {
            foot[k][t] = (double)at(x, t, 7 + k)[1];
            relative(x, t, 20 + k, 16 + k, r);
            fist[k][t] = r[2];
            s.raised[k] += r[1] > 0.15 ? 0.05 : 0;
            relative(x, t, 7 + k, 1 + k, r);
            if (foot[k][t] > 0.38) {
                s.kicked_aside = fmax(s.kicked_aside, fabs(r[0]));
                s.kicked_forward = fmax(s.kicked_forward, r[2]);
            }
        }
        if (t == 0) continue;
        smooth += remainder(heading(x, t) - smooth, 2 * M_PI);
        double dx = (double)(p[0] - at(x, t - 1, 0)[0]), dz = (double)(p[2] - at(x, t - 1, 0)[2]);
        length += hypot(dx, dz);
        s.forward += dx * sin(smooth) + dz * cos(smooth);
        s.left += dx * cos(smooth) - dz * sin(smooth);
    }
    s.turn = (smooth - first) * 180 / M_PI;
    s.speed = length * 20 / (n - 1);
    s.starts = (double)at(x, 0, 0)[1];
    s.ends = (double)at(x, n - 1, 0)[1];
    s.flights = rises(up, n, 0.008);
    s.squats = rises(low, n, 0.12);
    s.bows = rises(lean, n, 0.21);
    for (int k = 0; k < 2; k++) {
        s.kicks[k] = rises(foot[k], n, 0.38);
        s.punches[k] = rises(fist[k], n, 0.36);
    }
    return s;
}

/* --- what a caption says --------------------------------------------------------------- */

/* Whether the text holds one of the words, which are separated by spaces, as a whole word. */
static int says(const char *text, const char *words)
{
    char word[32];
    while (sscanf(words, "%31s", word) == 1) {
        size_t length = strlen(word);
        for (const char *p = text; (p = strstr(p, word)); p++) {
            int before = p == text || p[-1] == ' ', after = p[length] == '\0' || p[length] == ' ' || p[length] == ',';
            if (before && after) return 1;
        }
        words = strstr(words, word) + length;
    }
    return 0;
}

static int number_said(const char *text)
{
    return says(text, "once one single") ? 1 : says(text, "twice two") ? 2 : says(text, "three") ? 3 : says(text, "four") ? 4 : -1;
}

#define CLAIM(holds)                      \
    do {                                  \
        if (!(holds)) return #holds;      \
    } while (0)

static const char *gait_contradicts(const char *text, const struct seen *s)
{
    double way = atan2(s->left, s->forward) * 180 / M_PI, turned = fabs(s->turn), side = says(text, "left counterclockwise") ? 1 : -1;
    int running = says(text, "runs running"), turns = says(text, "turns turning curve"), circle = says(text, "circle");
    CLAIM(hypot(s->left, s->forward) > 0.3);
    CLAIM(running == (s->flights > 1));
    if (circle || turns) {
        CLAIM(says(text, "left right clockwise counterclockwise"));
        CLAIM(s->turn * side > 0);
        CLAIM(circle ? turned > 290 : says(text, "around") ? turned > 140 && turned < 220 : turned > 50 && turned < 130);
    } else {
        CLAIM(turned < 20);
        if (says(text, "left right")) CLAIM(fabs(way - 90 * side) < 20);
    }
    if (says(text, "forward ahead")) CLAIM(fabs(way) < 25);
    else if (says(text, "backward back")) CLAIM(fabs(way) > 155);
    else CLAIM(says(text, "left right"));
    if (says(text, "slowly slow")) CLAIM(s->speed < (running ? 2.35 : 0.9));
    if (says(text, "quickly quick fast")) CLAIM(s->speed > (running ? 2.9 : 1.4));
    if (says(text, "sneaks sneaking creeps")) CLAIM(s->starts < 0.86 && s->lean > 0.3);
    else CLAIM(s->lean < 0.3);
    return NULL;
}

/* Why a caption is not true of what is seen, or NULL. */
static const char *contradicts(const char *text, const struct seen *s)
{
    int n = number_said(text), left = says(text, "left"), both = says(text, "both") || (left && says(text, "right"));
    if (says(text, "walks walking runs running sneaks sneaking creeps marches marching")) return gait_contradicts(text, s);
    CLAIM(fabs(s->turn) < 15);
    if (says(text, "jumps jumping hops jump")) {
        CLAIM(s->flights == n);
        CLAIM(says(text, "forward ahead") ? s->forward > 0.35 * n : fabs(s->forward) < 0.1);
        if (says(text, "high")) CLAIM(s->rise > 0.33);
    } else if (says(text, "squats squat")) {
        CLAIM(s->squats == n && s->flights == 0);
        if (says(text, "deep deeply low")) CLAIM(s->drop > 0.4);
        if (says(text, "slight slightly small little")) CLAIM(s->drop < 0.28);
    } else if (says(text, "kicks kick")) {
        CLAIM(says(text, "left right"));
        CLAIM(s->kicks[left ? 0 : 1] == n && s->kicks[left ? 1 : 0] == 0);
        CLAIM(says(text, "forward front") ? s->kicked_forward > 0.5 : says(text, "side sideways") && s->kicked_aside > 0.45);
    } else if (says(text, "punches punch strikes")) {
        CLAIM(both || says(text, "left right"));
        CLAIM(s->punches[0] + s->punches[1] == n && s->kicks[0] + s->kicks[1] == 0);
        CLAIM(both ? abs(s->punches[0] - s->punches[1]) <= 1 : s->punches[left ? 0 : 1] == n);
    } else if (says(text, "waves waving")) {
        CLAIM(both || says(text, "left right"));
        CLAIM((s->raised[0] > 0.5) == (both || left) && (s->raised[1] > 0.5) == (both || !left));
    } else if (says(text, "bows bow")) {
        CLAIM(s->bows == n && s->drop < 0.15);
        if (says(text, "deep deeply low")) CLAIM(s->lean > 0.75);
        if (says(text, "slight slightly small little")) CLAIM(s->lean < 0.6);
    } else {
        int down = says(text, "sits takes lowers"), up = says(text, "stands rises gets");
        CLAIM(down || up);
        CLAIM((s->starts > 0.8) == down && (s->ends > 0.8) == up);
        CLAIM(s->lean < 1.2 && s->flights == 0);
    }
    return NULL;
}

static void captions_are_true(void **state)
{
    (void)state;
    for (int c = 0; c < set.nclips; c++) {
        const struct clip *clip = &set.clips[c];
        struct seen s = look(joints_of(clip), clip->length);
        for (int k = 0; k < clip->ncaptions; k++) {
            const char *why = contradicts(clip->captions[k].text, &s);
            if (why) fail_msg("%s: \"%s\" is not true: %s", clip->name, clip->captions[k].text, why);
        }
    }
}

/* Puts `now` where `then` stands as a word; 0 where it does not. */
static int exchange(const char *text, const char *then, const char *now, char *out, size_t size)
{
    const char *p = strstr(text, then);
    size_t length = strlen(then);
    if (!p || (p > text && p[-1] != ' ') || (p[length] && p[length] != ' ' && p[length] != ',')) return 0;
    snprintf(out, size, "%.*s%s%s", (int)(p - text), text, now, p + length);
    return 1;
}

/* The test above can fail: captions with one thing changed are found out. */
static void changed_captions_are_found_out(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"once", "twice"}, {"twice", "three times"}, {"two", "three"}, {"three", "two"}, {"four", "three"}, {"one", "four"},
        {"forward", "backward"}, {"backward", "forward"}, {"ahead", "back"}, {"in place", "forward"}, {"slowly", "quickly"},
        {"quickly", "slowly"}, {"deeply", "slightly"}, {"slightly", "deeply"}, {"runs", "walks"}, {"walks", "runs"},
        {"sneaks", "marches"}, {"kicks", "punches"}, {"punches", "kicks"}, {"waves", "bows once"}, {"jumps", "squats"},
        {"squats", "bows"}, {"sits down", "stands up"}, {"circle", "curve"}, {"around to the", "to the"}, {"sideways", "forward"}};
    enum { CHANGES = sizeof changes / sizeof *changes };
    int tried[CHANGES + 1] = {0}, missed = 0;
    char text[400];
    for (int c = 0; c < set.nclips; c++) {
        const struct clip *clip = &set.clips[c];
        struct seen s = look(joints_of(clip), clip->length);
        for (int k = 0; k < clip->ncaptions; k++) {
            const char *caption = clip->captions[k].text;
            for (int i = 0; i <= CHANGES; i++) {
                if (i < CHANGES) {
                    /* "bends forward in a bow" and "strikes forward" go nowhere: forward says no direction. */
                    if (!strcmp(changes[i][0], "forward") && says(caption, "bow bows strikes jumps jump hops kicks kick jumping")) continue;
                    if (!exchange(caption, changes[i][0], changes[i][1], text, sizeof text)) continue;
                } else {
                    if (says(caption, "both") || (says(caption, "left") && says(caption, "right"))) continue;
                    assert_int_equal(text_mirror(caption, text, sizeof text), 0);
                    if (!strcmp(caption, text)) continue;
                }
                tried[i]++;
                if (contradicts(text, &s)) continue;
                missed++;
                print_message("not found out: %s: \"%s\", changed from \"%s\"\n", clip->name, text, caption);
            }
        }
    }
    for (int i = 0; i <= CHANGES; i++)
        if (!tried[i]) fail_msg("no caption to change: %s", i < CHANGES ? changes[i][0] : "left and right");
    assert_int_equal(missed, 0);
}

/* --- possible motions ------------------------------------------------------------------- */

static void bones_keep_their_lengths(void **state)
{
    (void)state;
    double rest[66];
    figure_reference(rest);
    for (int c = 0; c < set.nclips; c++) {
        const float *x = joints_of(&set.clips[c]);
        for (int t = 0; t < set.clips[c].length; t++)
            for (int j = 1; j < 22; j++) {
                int parent = skeleton_humanml3d()->parent[j];
                const float *a = at(x, t, j), *b = at(x, t, parent);
                double length = hypot(hypot((double)(a[0] - b[0]), (double)(a[1] - b[1])), (double)(a[2] - b[2])), wanted = 0;
                for (int k = 0; k < 3; k++) wanted += (rest[3 * j + k] - rest[3 * parent + k]) * (rest[3 * j + k] - rest[3 * parent + k]);
                assert_true(fabs(length - sqrt(wanted)) < 2e-5);
            }
    }
}

static void feet_neither_slide_nor_sink(void **state)
{
    (void)state;
    double ratios = 0;
    const struct skating_rule rule = skating_rule_humanml3d();
    for (int c = 0; c < set.nclips; c++) {
        const struct clip *clip = &set.clips[c];
        const float *x = joints_of(clip);
        double lowest = HUGE_VAL, ratio;
        struct error e = {0};
        int airborne = strstr(clip->slots, "content=run") || strstr(clip->slots, "content=jump");
        for (int t = 0; t < clip->length; t++) {
            double foot = fmin((double)at(x, t, 10)[1], (double)at(x, t, 11)[1]);
            for (int j = 0; j < 22; j++) lowest = fmin(lowest, (double)at(x, t, j)[1]);
            if (!airborne && foot > 1e-3) fail_msg("%s, %s: no foot on the floor in frame %d", clip->name, clip->slots, t);
            for (int k = 10; k < 12 && t; k++) {
                const float *a = at(x, t - 1, k), *b = at(x, t, k);
                /* The representation's angular velocity has the wrong sign in the frame that passes half a turn. */
                if (fabs(heading(x, t - 1)) > M_PI - 0.5) continue;
                if (a[1] < 0.0005f && b[1] < 0.0005f) {
                    double slide = hypot((double)(a[0] - b[0]), (double)(a[2] - b[2]));
                    if (slide > 0.001) fail_msg("%s, %s: a standing foot slides %.4f m into frame %d", clip->name, clip->slots, slide, t);
                }
            }
        }
        assert_true(lowest > -1e-4 && lowest < 1e-3);
        assert_int_equal(skating_ratio(x, clip->length, 22, &rule, &ratio, NULL, &e), 0);
        ratios += ratio / set.nclips;
    }
    if (ratios > 0.01) fail_msg("skating ratio %.4f", ratios);
}

static void motions_are_smooth(void **state)
{
    (void)state;
    static double jerk[LONGEST];
    for (int c = 0; c < set.nclips; c++) {
        const struct clip *clip = &set.clips[c];
        double most = 0;
        joint_jerk(joints_of(clip), clip->length, 22, 20, jerk);
        for (int t = 0; t < clip->length - 3; t++) most = fmax(most, jerk[t]);
        if (most > 2600) fail_msg("%s: jerk %.0f m/s3", clip->name, most);
    }
}

/* What cannot be walked is refused, not drawn with torn legs. */
static void impossible_strides_are_refused(void **state)
{
    (void)state;
    static double joints[61 * 66];
    struct error e = {0};
    struct procedural_motion m = {.kind = MOTION_WALK, .frames = 61, .speed = 1.2, .step_rate = 1.8, .stance = 0.17};
    assert_int_equal(procedural_motion(&m, 20, joints, &e), 0);
    m.step_rate = 0.4;
    assert_int_equal(procedural_motion(&m, 20, joints, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "leg"));
}

/* --- the set ----------------------------------------------------------------------------- */

static void the_set_is_complete_and_repeatable(void **state)
{
    (void)state;
    struct set again, other;
    assert_int_equal(make_set(CLIPS, 3, &again), 0);
    assert_int_equal(make_set(CLIPS, 4, &other), 0);
    assert_int_equal(set.nclips, 2 * CLIPS);
    assert_string_equal(set.statistics_sha256, again.statistics_sha256);
    assert_string_not_equal(set.statistics_sha256, other.statistics_sha256);
    int count[3] = {0}, alike = 0;
    for (int c = 0; c < set.nclips; c++) {
        const struct clip *x = &set.clips[c], *y = &again.clips[c];
        assert_string_equal(x->name, y->name);
        assert_memory_equal(x->features, y->features, (size_t)x->length * 263 * sizeof(float));
        assert_true(x->length >= set.min_length && x->length < set.max_length && x->length % 4 == 0);
        assert_int_equal(x->ncaptions, 4);
        for (int k = 0; k < 4; k++) {
            assert_string_equal(x->captions[k].text, y->captions[k].text);
            assert_true(caption_consistent(x->captions[k].slots, x->slots));
            for (int i = 0; i < k; i++) alike += !strcmp(x->captions[i].text, x->captions[k].text);
        }
        count[*x->split == 'v' ? 1 : x->split[1] == 'e' ? 2 : 0]++;
    }
    assert_true(alike < set.nclips / 20);                             /* paraphrases differ */
    assert_true(count[0] > count[2] && count[2] > count[1] && count[1] > 0);
    set_free(&again);
    set_free(&other);
    struct error e = {0};
    struct set_builder *b;
    assert_int_equal(build_procedural(0, 3, NULL, &b, &e), ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_are_true),           cmocka_unit_test(changed_captions_are_found_out),
        cmocka_unit_test(bones_keep_their_lengths),    cmocka_unit_test(feet_neither_slide_nor_sink),
        cmocka_unit_test(motions_are_smooth),          cmocka_unit_test(impossible_strides_are_refused),
        cmocka_unit_test(the_set_is_complete_and_repeatable),
    };
    return cmocka_run_group_tests_name("procedural", tests, set_up, tear_down);
}
