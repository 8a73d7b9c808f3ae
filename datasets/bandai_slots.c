#include "bandai_captions.h"

#include "slots.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Our word for a style, since the two datasets name some differently. */
static const char *style_word(const char *label)
{
    static const struct {
        const char *label, *word;
    } other[] = {{"elderly", "old"},          {"exhausted", "tired"},     {"masculinity", "masculine"},
                 {"not-confident", "timid"},  {"chimpira", "thug"}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(other[i].label, label) == 0)
            return other[i].word;
    return label;
}

struct slot_writer {
    char *slots;
    size_t size;
    int failed;
};

static void add(struct slot_writer *w, const char *key, const char *value)
{
    if (value && slots_add(w->slots, w->size, key, value) != 0)
        w->failed = 1;
}

/* The word below `low`, between `from` and `to`, above `high`; NULL in between. */
static const char *word_for(double v, double low, const char *below, double from, double to,
                            const char *middle, double high, const char *above)
{
    return v < low ? below : v > high ? above : v > from && v < to ? middle : NULL;
}

static const char *side_word(int left)
{
    return left ? "left" : "right";
}

/* ---- locomotion ---- */

static void add_gait(struct slot_writer *w, const struct motion_measure *m, double lean)
{
    add(w, "lean", m->pitch > lean ? "bent" : m->pitch < -4.5 ? "back" : NULL);
    add(w, "head", m->head_pitch > 21 ? "down" : m->head_pitch < -8 ? "up" : NULL);
    add(w, "elbows", m->elbow < 98 ? "bent" : NULL);
    add(w, "swing", word_for(m->arm_swing, 0.24, "small", 0, 0, NULL, 0.54, "wide"));
}

static void add_pace(struct slot_writer *w, const struct motion_measure *m)
{
    add(w, "pace", word_for(m->speed, 0.85, "slow", 0.95, 1.20, "medium", 1.30, "fast"));
}

/* Steps can be miscounted by one: the neighbours hold, too. */
static void add_steps(struct slot_writer *w, const struct motion_measure *m)
{
    if (m->steps >= 4 && m->steps <= 8) {
        char list[24];
        snprintf(list, sizeof list, "%d,%d,%d", m->steps, m->steps - 1, m->steps + 1);
        add(w, "steps", list);
    }
}

static void walk_slots(struct slot_writer *w, const struct motion_measure *m)
{
    double turn = fabs(m->turn);
    const char *content;
    int left = m->turn > 0;
    int left_first = m->turn_left > 60 && m->turn_left - m->turn > 60;
    int right_first = m->turn_right > 60 && m->turn_right + m->turn > 60;
    if (left_first || right_first) {   /* to one side, and then back */
        content = "turnback";
        left = left_first;
    } else if (fabs(m->travel) > 130 && turn < 30) {
        content = "back";
    } else if (fabs(m->travel) > 12 && turn < 30) {
        content = "diag";
        left = m->travel > 0;
    } else {
        content = turn < 20 ? "walk" : turn < 60 ? "curve" : turn < 125 ? "turn90" : "uturn";
    }
    add(w, "content", content);
    if (strcmp(content, "walk") != 0 && strcmp(content, "back") != 0)
        add(w, "dir", side_word(left));
    add_pace(w, m);
    if (strcmp(content, "walk") == 0)
        add_steps(w, m);
    add_gait(w, m, 8.0);
}

static void run_slots(struct slot_writer *w, const struct motion_measure *m)
{
    double v = m->speed;
    add(w, "content", v < 1.9 ? "jog" : v < 2.1 ? "run,jog" : v < 2.8 ? "run"
                      : v < 3.0 ? "run,sprint" : "sprint");
    add(w, "pace", v > 2.1 && v < 2.8 ? "medium" : NULL);
    add_gait(w, m, 20.0);
}

/* ---- gestures ---- */

/* Height of the raised hand or hands relative to the head joint. */
static const char *height_word(double height)
{
    return height > 0.12 ? "above" : height < -0.09 ? "shoulder"
           : height > -0.05 && height < 0.09 ? "head" : NULL;
}

static void add_posture(struct slot_writer *w, const struct motion_measure *m)
{
    add(w, "lean", m->pitch > 5.5 ? "bent" : m->pitch < -4.5 ? "back" : NULL);
    add(w, "head", m->head_pitch > 21 ? "down" : m->head_pitch < -8 ? "up" : NULL);
    add(w, "stance", m->stance > 0.22 ? "wide" : m->stance < 0.11 ? "close" : NULL);
}

/* The hands of a gesture: one (0 left, 1 right) or both (2). */
static void hand_slots(struct slot_writer *w, const struct motion_measure *m, int hands, int waves)
{
    int a = hands == 2 ? HAND_LEFT : hands, b = hands == 2 ? HAND_RIGHT : hands;
    const char *height = height_word(m->hand_height[a]);
    add(w, "height", height && height == height_word(m->hand_height[b]) ? height : NULL);
    if (waves) {
        double count = 0.5 * (m->waves[a] + m->waves[b]), rate = 0.5 * (m->wave_rate[a] + m->wave_rate[b]);
        double width = 0.5 * (m->wave_width[a] + m->wave_width[b]);
        add(w, "count", count <= 5 ? "few" : count >= 7.5 ? "many" : NULL);
        add(w, "tempo", rate < 0.9 ? "slow" : rate > 1.9 ? "fast" : NULL);
        add(w, "size", width > 0.35 ? "wide" : width < 0.14 ? "small" : NULL);
    } else {
        double up = 0.5 * (m->hand_up[a] + m->hand_up[b]);
        add(w, "hold", up <= 0 ? NULL : up < 1.2 ? "brief" : up > 2.3 ? "long" : NULL);
    }
    if (hands != 2)
        add(w, "other", m->on_hip[!hands] > 0.5 ? "hip" : NULL);
    add_posture(w, m);
}

static int is_waving(const struct motion_measure *m, int hands, double width)
{
    int a = hands == 2 ? HAND_LEFT : hands, b = hands == 2 ? HAND_RIGHT : hands;
    return 0.5 * (m->waves[a] + m->waves[b]) >= 1.5 &&
           0.5 * (m->wave_width[a] + m->wave_width[b]) >= width;
}

static void gesture_slots(struct slot_writer *w, const struct bandai_name *n,
                          const struct motion_measure *m)
{
    int both = strstr(n->content, "both") != NULL || strcmp(n->content, "byebye") == 0;
    int hands = both ? 2 : m->hand_height[HAND_LEFT] > m->hand_height[HAND_RIGHT] ? HAND_LEFT : HAND_RIGHT;
    int waves = 0;
    const char *content;
    if (strncmp(n->content, "bye", 3) == 0) {
        waves = is_waving(m, hands, 0.06);
        content = waves ? (both ? "bye2" : "bye1") : (both ? "bye2still" : "bye1still");
    } else if (strncmp(n->content, "wave", 4) == 0) {
        waves = is_waving(m, hands, 0.09);
        /* A hand that goes up and hardly moves is also a raised hand. */
        content = waves ? (both ? "wave2" : "wave1") : (both ? "smallwave2,raise2" : "smallwave1,raise1");
    } else {
        content = both ? "raise2" : "raise1";
    }
    add(w, "content", content);
    if (!both)
        add(w, "dir", side_word(hands == HAND_LEFT));
    hand_slots(w, m, hands, waves);
}

/* ---- all contents ---- */

/* Contents of one style, whose sides were seen in the clips. */
static int special_slots(struct slot_writer *w, const struct bandai_name *n,
                         const struct motion_measure *m)
{
    static const struct {
        const char *content, *word, *dir;
        int id;                              /* 0: any */
    } special[] = {{"respond", "respond,raise1", "left", 0}, {"call", "call-001", "right", 1},
                   {"call", "call-002", "right", 2},         {"punch", "punch", "left", 1},
                   {"punch", "punch", "right", 2},           {"kick", "kick", "right", 0},
                   {"slash", "slash-001", NULL, 1},          {"slash", "slash-002", NULL, 2},
                   {"dance-short", "dance", NULL, 0},        {"dance-long", "dance", NULL, 0}};
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (strcmp(special[i].content, n->content) == 0 &&
            (special[i].id == 0 || special[i].id == n->id)) {
            add(w, "content", special[i].word);
            add(w, "dir", special[i].dir);
            if (strcmp(n->content, "respond") == 0)
                hand_slots(w, m, HAND_LEFT, 0);
            return 1;
        }
    return 0;
}

int bandai_slots(const struct bandai_name *n, const struct motion_measure *m, char *slots,
                 size_t size)
{
    struct slot_writer w = {slots, size, 0};
    if (size == 0)
        return -1;
    slots[0] = '\0';
    if (special_slots(&w, n, m)) {
        add(&w, "style", style_word(n->style));
        return w.failed ? -1 : 0;
    }
    if (strcmp(n->content, "bow") == 0) {
        add(&w, "content", "bow");
        add(&w, "depth", m->pitch_max > 50 ? "deep" : m->pitch_max < 32 ? "slight" : NULL);
    } else if (strcmp(n->content, "guide") == 0) {
        add(&w, "content", "guide");
    } else if (strncmp(n->content, "walk", 4) == 0) {
        walk_slots(&w, m);
    } else if (strcmp(n->content, "run") == 0 || strcmp(n->content, "dash") == 0) {
        run_slots(&w, m);
    } else {
        gesture_slots(&w, n, m);
    }
    add(&w, "style", style_word(n->style));
    return w.failed ? -1 : 0;
}
