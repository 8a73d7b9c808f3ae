/* Captions: phrases, tokens, slots, mirroring, measures, the published split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../datasets/bandai_captions.h"
#include "../datasets/bandai_phrases.h"
#include "../datasets/consistency.h"
#include "../datasets/features.h"
#include "../datasets/lexicon.h"
#include "../datasets/slots.h"
#include "scratch.h"

#include <ctype.h>
#include <math.h>

static const char shared_split[] = "../shared/data/bandai-namco/bnr_split.tsv";

static int has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = text; (p = strstr(p, word)) != NULL; p += n)
        if ((p == text || !isalpha((unsigned char)p[-1])) && !isalpha((unsigned char)p[n]))
            return 1;
    return 0;
}

/* ---- measures ---- */

enum { FRAMES = 80, JOINTS = 22 };

/* A stick figure on its feet facing +Z: pelvis at `x`, `z`; hands hang. */
static void stand(double *j, double x, double z, double heading)
{
    static const double body[JOINTS][3] = {
        {0, 0.95, 0},      {0.06, 0.87, 0},  {-0.06, 0.87, 0},  {0, 1.08, 0},   {0.07, 0.48, 0},
        {-0.07, 0.48, 0},  {0, 1.2, 0},      {0.07, 0.08, 0},   {-0.07, 0.08, 0}, {0, 1.27, 0},
        {0.07, 0.02, 0.1}, {-0.07, 0.02, 0.1}, {0, 1.48, 0},    {0.08, 1.4, 0}, {-0.08, 1.4, 0},
        {0, 1.58, 0.02},   {0.19, 1.42, 0},  {-0.19, 1.42, 0},  {0.2, 1.16, 0}, {-0.2, 1.16, 0},
        {0.2, 0.9, 0},     {-0.2, 0.9, 0}};
    for (int k = 0; k < JOINTS; k++) {
        double c = cos(heading), s = sin(heading);
        j[3 * k] = x + body[k][0] * c + body[k][2] * s;
        j[3 * k + 1] = body[k][1];
        j[3 * k + 2] = z - body[k][0] * s + body[k][2] * c;
    }
}

/* Walks at `speed` and turns by `turn` radians to the left over the clip. */
static void walker(double *joints, double speed, double turn)
{
    double x = 0, z = 0;
    for (int t = 0; t < FRAMES; t++) {
        double *j = joints + (size_t)t * JOINTS * 3, heading = turn * t / (FRAMES - 1);
        stand(j, x, z, heading);
        double swing = 0.3 * sin(2 * M_PI * t / 20.0);      /* one step every ten frames */
        for (int side = 0; side < 2; side++) {
            double along = side ? -swing : swing;
            j[3 * (7 + side)] += along * sin(heading);
            j[3 * (7 + side) + 2] += along * cos(heading);
        }
        x += speed / 20 * sin(heading);
        z += speed / 20 * cos(heading);
    }
}

/* Lifts the left hand to `top` metres between frames 20 and 60, waving if asked. */
static void waver(double *joints, double top, double width)
{
    for (int t = 0; t < FRAMES; t++) {
        double *j = joints + (size_t)t * JOINTS * 3;
        stand(j, 0, 0, 0);
        if (t >= 20 && t < 60) {
            j[3 * 20 + 1] = top;
            j[3 * 20] = 0.3 + 0.5 * width * sin(2 * M_PI * t / 10.0);
            j[3 * 18 + 1] = 0.5 * (top + 1.42);
        }
    }
}

static void measures_are_right(void **state)
{
    (void)state;
    static double joints[FRAMES * JOINTS * 3];
    struct error e = {0};
    struct motion_measure m;
    walker(joints, 1.1, 0);
    assert_int_equal(motion_measure(joints, FRAMES, 20, &m, &e), 0);
    assert_true(fabs(m.speed - 1.1) < 0.02);
    assert_true(fabs(m.turn) < 1 && fabs(m.travel) < 2);
    assert_in_range(m.steps, 8, 9);   /* eight, and the one under way at the start */
    walker(joints, 1.1, 1.6);
    assert_int_equal(motion_measure(joints, FRAMES, 20, &m, &e), 0);
    assert_true(m.turn > 70 && m.turn < 95 && m.turn_left > 70 && m.turn_right < 5);
    walker(joints, -0.8, 0);
    assert_int_equal(motion_measure(joints, FRAMES, 20, &m, &e), 0);
    assert_true(fabs(m.travel) > 170);
    waver(joints, 1.8, 0.3);
    assert_int_equal(motion_measure(joints, FRAMES, 20, &m, &e), 0);
    assert_true(fabs(m.hand_height[HAND_LEFT] - 0.22) < 1e-9);
    assert_true(m.hand_height[HAND_RIGHT] < -0.5);
    assert_true(fabs(m.hand_up[HAND_LEFT] - 2.0) < 1e-9 && m.hand_up[HAND_RIGHT] == 0);
    assert_true(m.waves[HAND_LEFT] >= 3.5 && m.waves[HAND_LEFT] <= 4.5);
    assert_true(fabs(m.wave_width[HAND_LEFT] - 0.3) < 0.03);
    joints[77] = NAN;
    assert_int_equal(motion_measure(joints, FRAMES, 20, &m, &e), ERR_INPUT);
    assert_int_equal(motion_measure(joints, 2, 20, &m, &e), ERR_INPUT);
}

/* What holds for a motion, mirrored, holds for the mirrored motion. */
static void measures_mirror(void **state)
{
    (void)state;
    static double joints[FRAMES * JOINTS * 3];
    static const char *const names[] = {"dataset-2_walk-turn-left_active_001", "dataset-2_wave-left-hand_normal_001",
                                        "dataset-2_raise-up-right-hand_old_001"};
    for (int k = 0; k < 3; k++) {
        struct error e = {0};
        struct motion_measure m;
        struct bandai_name name;
        char slots[2][CAPTION_SLOTS], mirrored[CAPTION_SLOTS];
        if (k == 0)
            walker(joints, 1.5, 1.6);
        else
            waver(joints, 1.8, k == 1 ? 0.4 : 0);
        assert_true(bandai_parse_name(names[k], &name));
        for (int twin = 0; twin < 2; twin++) {
            assert_int_equal(motion_measure(joints, FRAMES, 20, &m, &e), 0);
            assert_int_equal(bandai_slots(&name, &m, slots[twin], CAPTION_SLOTS), 0);
            joints_mirror(joints, FRAMES, JOINTS);
        }
        assert_int_equal(text_mirror(slots[0], mirrored, sizeof mirrored), 0);
        assert_string_equal(mirrored, slots[1]);
        assert_string_not_equal(slots[0], slots[1]);
        assert_true(slots_hold(slots[0], "dir", 3, "left", 4));
    }
}

/* ---- phrases ---- */

/* A content or attribute phrase with its marks filled in. */
static void fill(const char *phrase, char *out)
{
    if (*phrase == '*')
        phrase++;
    while (*phrase) {
        if (strncmp(phrase, "<D>", 3) == 0) {
            out += sprintf(out, "left");
            phrase += 3;
        } else if (strncmp(phrase, "<it>", 4) == 0) {
            out += sprintf(out, "them");
            phrase += 4;
        } else if (strncmp(phrase, "<v>", 3) == 0 || strncmp(phrase, "<A>", 3) == 0) {
            phrase += phrase[3] == ' ' ? 4 : 3;
        } else {
            *out++ = *phrase++;
        }
    }
    *out = '\0';
}

static void the_lexicon_knows_every_word(void **state)
{
    (void)state;
    const struct phrase_list *const tables[] = {phrase_contents, phrase_manners, phrase_attributes};
    for (int k = 0; k < 3; k++)
        for (const struct phrase_list *l = tables[k]; l->key; l++) {
            assert_true(phrases_count(l) >= 2);
            for (int i = 0; i < phrases_count(l); i++) {
                char marked[300], text[300], tokens[600];
                struct error e = {0};
                fill(l->phrase[i], marked);
                if (caption_from_marked(marked, text, sizeof text, tokens, sizeof tokens, &e) < 0)
                    fail_msg("%s", e.text);
                assert_null(strchr(text, '/'));
                assert_null(strchr(text, '<'));
                for (int j = 0; j < i; j++)
                    assert_string_not_equal(l->phrase[i], l->phrase[j]);
            }
        }
}

/* The length is given to generators: a caption that told it would be a free match. */
static void no_phrase_tells_the_duration(void **state)
{
    (void)state;
    static const char *const words[] = {"second", "seconds", "minute", "minutes", "frame", "frames",
                                        "length", "duration", "lasts"};
    const struct phrase_list *const tables[] = {phrase_contents, phrase_manners, phrase_attributes};
    for (int k = 0; k < 3; k++)
        for (const struct phrase_list *l = tables[k]; l->key; l++)
            for (int i = 0; i < phrases_count(l); i++)
                for (size_t w = 0; w < sizeof words / sizeof *words; w++)
                    if (has_word(l->phrase[i], words[w]))
                        fail_msg("\"%s\" tells the duration", l->phrase[i]);
}

static void tokens_are_lemmas(void **state)
{
    (void)state;
    struct error e = {0};
    char text[200], tokens[400];
    assert_int_equal(caption_from_marked("someone makes a bow/NOUN, then waves both hands to say goodbye",
                                         text, sizeof text, tokens, sizeof tokens, &e), 11);
    assert_string_equal(text, "someone makes a bow, then waves both hands to say goodbye");
    assert_string_equal(tokens, "someone/PRON make/VERB a/DET bow/NOUN then/ADV wave/VERB both/DET "
                                "hand/NOUN to/PART say/VERB goodbye/NOUN");
    assert_int_equal(caption_from_marked("a zebra", text, sizeof text, tokens, sizeof tokens, &e), -1);
    assert_int_equal(caption_from_marked("a person", text, 5, tokens, sizeof tokens, &e), -1);
    assert_int_equal(tokens_of_text("A Zebra walks, sky-high!", tokens, sizeof tokens), 4);
    assert_string_equal(tokens, "a/DET zebra/X walk/VERB skyhigh/X");
}

static void mirroring_words(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a person turns left, then right.", "a person turns right, then left."},
        {"Left leftover bright lefts clockwise", "Right leftover bright rights counterclockwise"},
        {"left/ADJ hand/NOUN", "right/ADJ hand/NOUN"},
        {"content=turn90;dir=right;pace=slow", "content=turn90;dir=left;pace=slow"},
        {"", ""}};
    char out[100], back[100];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        assert_int_equal(text_mirror(pairs[i][0], out, sizeof out), 0);
        assert_string_equal(out, pairs[i][1]);
        assert_int_equal(text_mirror(out, back, sizeof back), 0);
        assert_string_equal(back, pairs[i][0]);
    }
    assert_int_equal(text_mirror("left", out, 5), -1);
}

/* ---- captions ---- */

static const char *const some_slots[] = {
    "content=walk;pace=slow;steps=6,5,7;lean=bent;head=down;swing=small;style=old",
    "content=turn90;dir=left;pace=fast;elbows=bent;style=active",
    "content=run,sprint;swing=wide;style=youthful",
    "content=jog;style=tired",
    "content=raise1;dir=right;height=above;hold=long;other=hip;stance=wide;style=masculine",
    "content=raise2;height=head;hold=brief;lean=bent;head=down;style=old",
    "content=wave1;dir=left;height=above;count=many;tempo=fast;size=wide;style=active",
    "content=smallwave2,raise2;height=shoulder;hold=long;stance=close;style=feminine",
    "content=bow;depth=deep;style=proud",
    "content=diag;dir=right;pace=medium;style=sad",
    "content=respond,raise1;dir=left;height=above;hold=long;style=normal",
    "content=kick;dir=right;style=normal",
    "content=dance;style=normal",
    "content=turnback;dir=right;pace=medium;style=normal",
    "content=bye1still;dir=right;height=head;style=timid"};

static int count_tokens(const char *tokens)
{
    int n = *tokens != '\0';
    for (; *tokens; tokens++)
        n += *tokens == ' ';
    return n;
}

static void captions_hold_for_their_clip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof some_slots / sizeof *some_slots; i++)
        for (uint64_t seed = 0; seed < 200; seed++) {
            struct rng r = rng_make(seed, 5), again = r;
            struct bandai_caption c[CAPTIONS_A_CLIP], same[CAPTIONS_A_CLIP];
            struct error e = {0};
            char mirrored[CAPTION_SLOTS], mirrored_caption[CAPTION_SLOTS];
            if (bandai_captions(some_slots[i], &r, c, &e))
                fail_msg("%s", e.text);
            assert_int_equal(bandai_captions(some_slots[i], &again, same, &e), 0);
            assert_int_equal(text_mirror(some_slots[i], mirrored, sizeof mirrored), 0);
            for (int k = 0; k < CAPTIONS_A_CLIP; k++) {
                assert_string_equal(c[k].text, same[k].text);
                assert_true(caption_consistent(c[k].slots, some_slots[i]));
                assert_in_range(count_tokens(c[k].tokens), 2, 20);
                assert_null(strstr(c[k].text, "  "));
                assert_null(strchr(c[k].text, '<'));
                assert_int_equal(text_mirror(c[k].slots, mirrored_caption, sizeof mirrored_caption), 0);
                assert_true(caption_consistent(mirrored_caption, mirrored));
                for (int j = 0; j < k; j++)
                    assert_string_not_equal(c[j].text, c[k].text);
            }
            /* A side is said exactly where it is asserted. */
            if (!strstr(some_slots[i], "dir="))
                for (int k = 0; k < CAPTIONS_A_CLIP; k++)
                    assert_false(has_word(c[k].text, "left") || has_word(c[k].text, "right"));
        }
}

static void captions_vary(void **state)
{
    (void)state;
    enum { DRAWS = 400 };
    static char text[DRAWS][CAPTION_TEXT];
    int distinct = 0;
    for (int k = 0; k < DRAWS; k++) {
        struct rng r = rng_make(9, (uint64_t)k);
        struct bandai_caption c[CAPTIONS_A_CLIP];
        struct error e = {0};
        int again = 0;
        assert_int_equal(bandai_captions(some_slots[4], &r, c, &e), 0);
        memcpy(text[k], c[k % CAPTIONS_A_CLIP].text, CAPTION_TEXT);
        for (int j = 0; j < k && !again; j++)
            again = strcmp(text[j], text[k]) == 0;
        distinct += !again;
    }
    assert_true(distinct > DRAWS / 2);
}

static void consistency(void **state)
{
    (void)state;
    const char *clip = "content=run,sprint;dir=left;style=old;steps=6,5,7";
    assert_true(caption_consistent("content=run", clip));
    assert_true(caption_consistent("content=sprint;style=old", clip));
    assert_true(caption_consistent("steps=7;content=run", clip));
    assert_false(caption_consistent("content=jog", clip));
    assert_false(caption_consistent("content=run;dir=right", clip));
    assert_false(caption_consistent("content=run;pace=fast", clip));
    assert_false(caption_consistent("content=spri", clip));
    assert_false(caption_consistent("tent=run", clip));
    assert_false(caption_consistent("", clip));
    assert_false(caption_consistent("content", clip));
}

/* ---- names and the split ---- */

static void names(void **state)
{
    (void)state;
    struct bandai_name n;
    assert_true(bandai_parse_name("dataset-1_walk-left_not-confident_001", &n));
    assert_string_equal(n.content, "walk-left");
    assert_string_equal(n.style, "not-confident");
    assert_int_equal(n.id, 1);
    static const char *const bad[] = {"dataset-3_walk_old_001", "dataset-1_walk_old", "walk_old_001",
                                      "dataset-1_walk_old_001x", "", "dataset-1__old_001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(bandai_parse_name(bad[i], &n));
    assert_true(bandai_parse_name("dataset-2_walk-turn-left_normal_031", &n));
    assert_null(bandai_split(&n));
    /* A take is in one split, or in val and test: never in train and elsewhere. */
    for (int id = 1; id <= 104; id++) {
        n.id = id;
        strcpy(n.content, "raise-up-left-hand");
        strcpy(n.style, "active");
        assert_int_equal(bandai_take(&n) == 1, strcmp(bandai_split(&n), "train") != 0);
    }
}

static void the_published_split(void **state)
{
    (void)state;
    struct error e = {0};
    char *text = NULL;
    size_t size = 0;
    if (!file_exists(shared_split)) {
        print_message("skip: %s not here\n", shared_split);
        skip();
    }
    assert_int_equal(file_read(shared_split, 1 << 24, &text, &size, &e), 0);
    int rows = 0, count[4] = {0};
    char *line = strchr(text, '\n');
    while (line && line[1]) {
        char name[100], split[20], *next = strchr(++line, '\n');
        struct bandai_name n;
        assert_int_equal(sscanf(line, "%99[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%*[^\t]\t%19[^\t]",
                                name, split), 2);
        assert_true(bandai_parse_name(name, &n));
        const char *ours = bandai_split(&n);
        if (strcmp(ours ? ours : "excluded", split) != 0)
            fail_msg("%s: ours %s, published %s", name, ours ? ours : "excluded", split);
        count[!ours ? 3 : *ours == 'v' ? 1 : ours[1] == 'e' ? 2 : 0]++;
        rows++;
        line = next;
    }
    free(text);
    assert_int_equal(rows, 3076);
    assert_int_equal(count[0], 2284);
    assert_int_equal(count[1], 254);
    assert_int_equal(count[2], 530);
    assert_int_equal(count[3], 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_are_right),
        cmocka_unit_test(measures_mirror),
        cmocka_unit_test(the_lexicon_knows_every_word),
        cmocka_unit_test(no_phrase_tells_the_duration),
        cmocka_unit_test(tokens_are_lemmas),
        cmocka_unit_test(mirroring_words),
        cmocka_unit_test(captions_hold_for_their_clip),
        cmocka_unit_test(captions_vary),
        cmocka_unit_test(consistency),
        cmocka_unit_test(names),
        cmocka_unit_test(the_published_split),
    };
    return cmocka_run_group_tests_name("captions", tests, NULL, NULL);
}
