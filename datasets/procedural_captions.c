#include "procedural_captions.h"

#include "lexicon.h"
#include "slots.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CHOICES = 6, TRIES = 40, TOKENS_MAX = 20 };

/* --- slots ------------------------------------------------------------------------- */

static const char *const numbers[] = {"none", "one", "two", "three", "four", "five"};
static const char *const sides[] = {"left", "right", "both"};

static int gait_slots(const struct procedural_motion *m, char *slots, size_t size)
{
    static const char *const contents[] = {"walk", "run", "sneak", "march"};
    double angle = remainder(m->direction, 2 * M_PI), degrees = fabs(m->turn) * 180 / M_PI;
    const char *path = degrees < 15 ? "straight" : m->evenly ? "circle" : degrees < 130 ? "curve" : "around";
    int failed = slots_add(slots, size, "content", contents[m->kind]);
    failed |= slots_add(slots, size, "dir",
                        fabs(angle) < 0.5 ? "forward" : fabs(angle) > 2.6 ? "backward" : angle > 0 ? "left" : "right");
    failed |= slots_add(slots, size, "path", path);
    if (degrees >= 15)
        failed |= slots_add(slots, size, "turn", m->turn > 0 ? "left" : "right");
    double slow = m->kind == MOTION_WALK ? 0.85 : m->kind == MOTION_RUN ? 2.3 : 0;
    double fast = m->kind == MOTION_WALK ? 1.45 : m->kind == MOTION_RUN ? 3.0 : HUGE_VAL;
    if (fabs(angle) < 0.5 && (m->speed < slow || m->speed > fast))
        failed |= slots_add(slots, size, "pace", m->speed < slow ? "slow" : "fast");
    return failed;
}

int procedural_slots(const struct procedural_motion *m, char *slots, size_t size)
{
    static const struct {
        const char *content;
        int counted, sided;
        double little, much;                       /* of the size; 0: not said */
    } rows[MOTION_KINDS] = {
        [MOTION_JUMP] = {"jump", 1, 0, 0, 0.36},     [MOTION_SQUAT] = {"squat", 1, 0, 0.27, 0.42},
        [MOTION_KICK] = {"kick", 1, 1, 0, 0},        [MOTION_SIDE_KICK] = {"kick", 1, 1, 0, 0},
        [MOTION_PUNCH] = {"punch", 1, 1, 0, 0},      [MOTION_WAVE] = {"wave", 0, 1, 0, 0},
        [MOTION_BOW] = {"bow", 1, 0, 0.6, 1.0},      [MOTION_SIT] = {"sit", 0, 0, 0, 0},
        [MOTION_STAND_UP] = {"stand", 0, 0, 0, 0},   [MOTION_SIT_AND_STAND] = {"sit-stand", 0, 0, 0, 0}};
    slots[0] = '\0';
    if (m->kind <= MOTION_MARCH)
        return gait_slots(m, slots, size);
    int failed = slots_add(slots, size, "content", rows[m->kind].content);
    if (m->kind == MOTION_JUMP)
        failed |= slots_add(slots, size, "dir", m->travel > 0.2 ? "forward" : "up");
    if (m->kind == MOTION_KICK || m->kind == MOTION_SIDE_KICK)
        failed |= slots_add(slots, size, "dir", m->kind == MOTION_KICK ? "forward" : "aside");
    if (rows[m->kind].sided)
        failed |= slots_add(slots, size, "side", sides[m->side]);
    if (rows[m->kind].counted)
        failed |= slots_add(slots, size, "count", numbers[m->count]);
    if (rows[m->kind].much > 0 && m->size > rows[m->kind].much)
        failed |= slots_add(slots, size, "degree", "much");
    else if (rows[m->kind].little > 0 && m->size < rows[m->kind].little)
        failed |= slots_add(slots, size, "degree", "little");
    return failed;
}

/* --- phrases ----------------------------------------------------------------------- */

static const char *const subjects[] = {"a person", "a person", "someone", "a figure", "the person"};

/* By content: what is done. "<dir>" and other marks stand for a phrase of the table below; a
 * word may carry a tag (lexicon.h). <n> is "twice", <N> "two", <s> the plural's ending. */
static const struct {
    const char *content, *phrase[CHOICES];
} deeds[] = {
    {"walk", {"walks <dir> <path> <pace>", "is walking <dir> <path> <pace>", "moves <dir> by walking <path> <pace>",
              "walks <pace> <dir> <path>"}},
    {"run", {"runs <dir> <path> <pace>", "is running <dir> <path> <pace>", "moves <dir> by running <path> <pace>",
             "runs <pace> <dir> <path>"}},
    {"sneak", {"sneaks <dir> <path>", "is sneaking <dir> <path>", "creeps <dir> <path>",
               "creeps <dir> with bent knees <path>", "sneaks <dir> with quiet steps/NOUN <path>"}},
    {"march", {"marches <dir> <path>", "is marching <dir> <path>", "marches <dir> with high knees <path>",
               "marches <dir> like a soldier <path>"}},
    {"jump", {"jumps <dir> <degree> <n>", "is jumping <dir> <degree> <n>", "hops <dir> <degree> <n>",
              "makes <N> jump<s>/NOUN <dir> <degree>", "does <N> jump<s>/NOUN <dir> <degree>"}},
    {"squat", {"squats down <degree> <n>", "squats <degree> <n>", "does <N> <degree!> squat<s>/NOUN",
               "bends the knees in a <degree!> squat/NOUN <n>", "performs <N> <degree!> squat<s>/NOUN"}},
    {"kick", {"kicks <dir> with the <side> leg <n>", "kicks <dir> with the <side> foot <n>",
              "gives <N> kick<s>/NOUN <dir> with the <side> foot", "does <N> kick<s>/NOUN <dir> with the <side> leg"}},
    {"punch", {"punches with <side:hand> <n>", "throws <N> punch<es>/NOUN with <side:fist>",
               "strikes forward with <side:fist> <n>", "does <N> punch<es>/NOUN with <side:hand>"}},
    {"wave", {"waves with <side:hand>", "waves <side:hand>", "raises <side:hand> and waves", "is waving <side:hand>",
              "greets someone by waving <side:hand>"}},
    {"bow", {"bows <degree> <n>", "bows down <degree> <n>", "takes <N> <degree!> bow<s>/NOUN",
             "bends forward in a <degree!> bow/NOUN <n>"}},
    {"sit", {"sits down", "takes a seat", "sits down on a chair", "lowers the body onto a seat"}},
    {"stand", {"stands up", "stands up from a chair", "rises from a seat", "gets up from a chair"}},
    {"sit-stand", {"sits down and then stands up", "takes a seat and then rises again",
                   "sits down on a chair and stands up again", "sits down, then gets up again"}}};

/* By mark and value, with the content where it matters. <T> is the side of a turn. */
static const struct {
    const char *mark, *content, *value, *phrase[CHOICES];
} phrases[] = {
    {"dir", "jump", "up", {"in place", "on the spot", "straight up"}},
    {"dir", "kick", "forward", {"forward", "to the front"}},
    {"dir", "kick", "aside", {"to the side", "sideways"}},
    {"dir", NULL, "forward", {"forward", "ahead", "forward"}},
    {"dir", NULL, "backward", {"backward", "back", "backward"}},
    {"dir", NULL, "left", {"to the left", "sideways to the left", "toward the left side"}},
    {"dir", NULL, "right", {"to the right", "sideways to the right", "toward the right side"}},
    {"path", NULL, "straight", {"", "", "in a straight line"}},
    {"path", NULL, "curve", {"and turns <T>", "and then turns to the <T>", "turning <T>", "in a curve to the <T>"}},
    {"path", NULL, "around", {"and turns around to the <T>", "and then turns around to the <T>",
                              "turning around to the <T>"}},
    {"path", NULL, "circle", {"in a circle to the <T>", "in a <C> circle", "around in a full circle to the <T>"}},
    {"pace", NULL, "slow", {"slowly", "at a slow pace"}},
    {"pace", NULL, "fast", {"quickly", "fast", "at a quick pace"}},
    {"degree", "jump", "much", {"high into the air", "very high"}},
    {"degree", NULL, "much", {"deeply", "very low"}},
    {"degree", NULL, "little", {"slightly", "just a little"}},
    {"degree!", NULL, "much", {"deep"}},
    {"degree!", NULL, "little", {"slight", "small"}},
    {"side", NULL, "left", {"left"}},
    {"side", NULL, "right", {"right"}},
    {"side:hand", "punch", "both", {"both hands in turn/NOUN", "the left and the right hand in turn/NOUN"}},
    {"side:hand", NULL, "both", {"both hands"}},
    {"side:hand", NULL, "left", {"the left hand"}},
    {"side:hand", NULL, "right", {"the right hand"}},
    {"side:fist", NULL, "both", {"both fists in turn/NOUN"}},
    {"side:fist", NULL, "left", {"the left fist"}},
    {"side:fist", NULL, "right", {"the right fist"}},
    {"n", NULL, "one", {"once", "one time"}},
    {"n", NULL, "two", {"twice", "two times"}},
    {"n", NULL, "three", {"three times"}},
    {"n", NULL, "four", {"four times"}},
    {"N", NULL, "one", {"one", "a single"}},
    {"N", NULL, "two", {"two"}},
    {"N", NULL, "three", {"three"}},
    {"N", NULL, "four", {"four"}},
    {"T", NULL, "left", {"left"}},
    {"T", NULL, "right", {"right"}},
    {"C", NULL, "left", {"counterclockwise"}},
    {"C", NULL, "right", {"clockwise"}}};

/* The slot that a mark speaks of. */
static const char *slot_of(const char *mark)
{
    static const char *const special[][2] = {{"n", "count"}, {"N", "count"}, {"s", "count"}, {"es", "count"},
                                             {"T", "turn"},  {"C", "turn"},  {"degree!", "degree"},
                                             {"side:hand", "side"}, {"side:fist", "side"}};
    for (size_t k = 0; k < sizeof special / sizeof *special; k++)
        if (strcmp(mark, special[k][0]) == 0)
            return special[k][1];
    return mark;
}

static const char *pick(const char *const phrase[CHOICES], struct rng *r)
{
    uint32_t n = 0;
    while (n < CHOICES && phrase[n])
        n++;
    return phrase[rng_below(r, n)];
}

/* A sentence under way. */
struct writer {
    const char *slots, *content;
    int all;                                       /* pace, depth and height are said too */
    char text[PROCEDURAL_TEXT], asserted[PROCEDURAL_SLOTS];
    int failed;
};

static int is_extra(const char *slot)
{
    return strcmp(slot, "pace") == 0 || strcmp(slot, "degree") == 0;
}

static void add(struct writer *w, const char *text, size_t length)
{
    size_t used = strlen(w->text);
    if (length > 0 && *text == ' ' && (used == 0 || w->text[used - 1] == ' '))
        text++, length--;
    if (used + length + 1 > sizeof w->text) {
        w->failed = 1;
        return;
    }
    memcpy(w->text + used, text, length);
    w->text[used + length] = '\0';
}

static void add_phrase(struct writer *w, const char *phrase, struct rng *r, int depth);

static void add_mark(struct writer *w, const char *mark, struct rng *r, int depth)
{
    const char *slot = slot_of(mark), *chosen = NULL;
    char value[24];
    if (!slots_value(w->slots, slot, value, sizeof value) || (is_extra(slot) && !w->all))
        return;
    if (strcmp(mark, "s") == 0 || strcmp(mark, "es") == 0) {
        if (strcmp(value, "one") != 0)
            add(w, mark, strlen(mark));
        return;
    }
    for (size_t k = 0; k < sizeof phrases / sizeof *phrases && !chosen; k++)
        if (strcmp(phrases[k].mark, mark) == 0 && strcmp(phrases[k].value, value) == 0 &&
            (!phrases[k].content || strcmp(phrases[k].content, w->content) == 0))
            chosen = pick(phrases[k].phrase, r);
    if (!chosen || depth > 2)
        w->failed = 1;
    else
        add_phrase(w, chosen, r, depth + 1);
}

static void add_phrase(struct writer *w, const char *phrase, struct rng *r, int depth)
{
    while (*phrase) {
        size_t plain = strcspn(phrase, "<");
        add(w, phrase, plain);
        phrase += plain;
        if (!*phrase)
            break;
        char mark[16];
        size_t length = strcspn(phrase, ">");
        snprintf(mark, sizeof mark, "%.*s", (int)(length - 1), phrase + 1);
        add_mark(w, mark, r, depth);
        phrase += length + (phrase[length] == '>');
    }
}

/* What the sentence asserts: the motion's slots, without the extras that are not said. */
static void assert_slots(struct writer *w)
{
    static const char *const keys[] = {"content", "dir", "path", "turn", "side", "count", "pace", "degree"};
    char value[24];
    w->asserted[0] = '\0';
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (slots_value(w->slots, keys[k], value, sizeof value) && (w->all || !is_extra(keys[k])))
            w->failed |= slots_add(w->asserted, sizeof w->asserted, keys[k], value) != 0;
}

static void write_sentence(struct writer *w, const char *deed, struct rng *r)
{
    const char *subject = subjects[rng_below(r, sizeof subjects / sizeof *subjects)];
    if (strstr(deed, "someone") && strcmp(subject, "someone") == 0)
        subject = subjects[0];
    w->failed = 0;
    w->text[0] = '\0';
    add(w, subject, strlen(subject));
    add(w, " ", 1);
    add_phrase(w, deed, r, 0);
    size_t used = strlen(w->text);
    while (used > 0 && w->text[used - 1] == ' ')
        w->text[--used] = '\0';
    assert_slots(w);
}

/* The number of the content's row of deeds, or -1. */
static int deeds_find(const char *content)
{
    for (size_t k = 0; k < sizeof deeds / sizeof *deeds; k++)
        if (strcmp(deeds[k].content, content) == 0)
            return (int)k;
    return -1;
}

int procedural_captions(const char *slots, struct rng *r, struct procedural_caption *out, struct error *e)
{
    char content[24] = "";
    slots_value(slots, "content", content, sizeof content);
    int row = deeds_find(content), order[CHOICES], n = 0;
    if (row < 0)
        return error_set(e, ERR_INTERNAL, "no captions for \"%s\"", slots);
    for (; n < CHOICES && deeds[row].phrase[n]; n++)
        order[n] = n;
    rng_shuffle(r, order, n);
    for (int k = 0; k < PROCEDURAL_CAPTIONS; k++) {
        struct writer w = {.slots = slots, .content = content, .all = k % 2 == 1};
        for (int attempt = 0, settled = 0; !settled && attempt < TRIES; attempt++) {
            write_sentence(&w, deeds[row].phrase[order[(k + attempt / 8) % n]], r);
            int tokens = w.failed ? -1 : caption_from_marked(w.text, out[k].text, sizeof out[k].text, out[k].tokens,
                                                             sizeof out[k].tokens, e);
            if (tokens < 0)
                return w.failed ? error_set(e, ERR_INTERNAL, "a caption for \"%s\" lacks a phrase or room", slots)
                                : ERR_INTERNAL;
            settled = tokens <= TOKENS_MAX;
            for (int i = 0; i < k; i++)
                settled &= attempt == TRIES - 1 || strcmp(out[i].text, out[k].text) != 0;
        }
        snprintf(out[k].slots, sizeof out[k].slots, "%s", w.asserted);
    }
    return 0;
}
