/* The procedural set: seeded motions with captions from the same measures as real ones. */
#include "build.h"

#include "bandai_captions.h"
#include "lexicon.h"
#include "motion_measure.h"
#include "procedural_motion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOINTS = 22, FEATURES = 263, LONGEST = 120 };
static const double fps = 20.0;

/* What a style does to any motion: factors on speed and swing, posture added. */
static const struct {
    const char *name;
    double pace, swing, lean, head, stance, bend, bounce;
} styles[] = {
    {"normal", 1.0, 1.0, 0.02, 0.10, 0.15, 0.3, 0.010},
    {"active", 1.3, 1.5, 0.10, 0.15, 0.15, 1.4, 0.030},
    {"elderly", 0.6, 0.4, 0.25, 0.45, 0.15, 0.3, 0.004},
    {"exhausted", 0.8, 1.2, -0.10, 0.50, 0.14, 0.1, 0.006},
    {"proud", 0.8, 0.9, -0.12, -0.25, 0.25, 0.2, 0.008},
    {"youthful", 1.15, 1.7, 0.00, -0.05, 0.24, 0.05, 0.025}};

enum { STYLES = sizeof styles / sizeof *styles };

static const char *const contents[] = {
    "walk", "walk-turn-left", "run", "walk-back", "walk-left", "bow", "raise-up-left-hand",
    "raise-up-both-hands", "wave-left-hand", "wave-both-hands"};

enum { CONTENTS = sizeof contents / sizeof *contents };

static double between(struct rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

/* The numbers of one clip; also its length in joint frames. */
static struct procedural_motion invent(const char *content, int style, struct rng *r, int *frames)
{
    struct procedural_motion m = {
        .lean = styles[style].lean + between(r, -0.02, 0.02),
        .head = styles[style].head + between(r, -0.03, 0.03),
        .stance = styles[style].stance + between(r, -0.01, 0.01),
        .elbow = styles[style].bend, .bounce = 0, .phase = between(r, 0, 2 * M_PI)};
    *frames = 49 + 4 * (int)rng_below(r, (LONGEST - 49) / 4);
    if (strncmp(content, "walk", 4) == 0 || strcmp(content, "run") == 0) {
        int run = *content == 'r';
        m.speed = styles[style].pace * (run ? between(r, 2.0, 2.7) : between(r, 0.95, 1.2));
        m.step_rate = (run ? 2.6 : 1.8) * sqrt(styles[style].pace);
        m.arm_swing = styles[style].swing * (run ? 0.6 : 0.4);
        m.elbow += run ? 1.2 : 0;
        m.bounce = styles[style].bounce * (run ? 2 : 1);
        m.stance = 0.1 + 0.3 * (m.stance - 0.15);
        if (strcmp(content, "walk-turn-left") == 0)
            m.turn = between(r, 1.35, 1.8);
        if (strcmp(content, "walk-back") == 0)
            m.speed *= -0.7;
        if (strcmp(content, "walk-left") == 0)
            m.drift = between(r, 0.4, 0.8);
    } else if (strcmp(content, "bow") == 0) {
        m.bow = between(r, 0.4, 1.2);
    } else {
        double top = style == 2 ? between(r, 1.9, 2.2) : between(r, 2.5, 2.9);
        m.raise[HAND_LEFT] = top;
        m.raise[HAND_RIGHT] = strstr(content, "both") ? top : 0;
        m.raise_start = 0.2;
        m.raise_end = between(r, 0.5, 0.82);
        if (strncmp(content, "wave", 4) == 0) {
            m.wave_rate = 1.3 * styles[style].pace * styles[style].pace;
            m.wave_width = between(r, 0.5, 0.9);
        }
    }
    return m;
}

/* One twin of a clip into the builder. */
static int add_twin(struct set_builder *b, const char *name, const char *split, const double *joints,
                    int frames, const char *slots, const struct bandai_caption *captions, int mirrored,
                    struct error *e)
{
    static const size_t room = CAPTION_TOKENS + 64;
    float *features = malloc((size_t)frames * FEATURES * sizeof *features);
    char *text = malloc(4 * room);
    int rc = features && text ? 0 : error_memory(e, name);
    char *tokens = text + room, *asserted = tokens + room, *clip_slots = asserted + room, full[80];
    snprintf(full, sizeof full, "%s%s", mirrored ? "M" : "", name);
    if (!rc)
        rc = features_from_joints(skeleton_humanml3d(), joints, frames, NULL, features, e);
    if (!rc && mirrored && text_mirror(slots, clip_slots, room) != 0)
        rc = error_set(e, ERR_INTERNAL, "%s: no room for the mirrored slots", name);
    if (!rc)
        rc = set_builder_clip(b, full, split, features, frames - 1, mirrored ? clip_slots : slots, e);
    for (int k = 0; !rc && k < CAPTIONS_A_CLIP; k++) {
        const struct bandai_caption *c = &captions[k];
        if (!mirrored)
            rc = set_builder_caption(b, c->text, c->tokens, c->slots, 0, 0, e);
        else if (text_mirror(c->text, text, room) || text_mirror(c->tokens, tokens, room) ||
                 text_mirror(c->slots, asserted, room))
            rc = error_set(e, ERR_INTERNAL, "%s: no room for the mirrored caption", name);
        else
            rc = set_builder_caption(b, text, tokens, asserted, 0, 0, e);
    }
    free(features);
    free(text);
    return rc;
}

static int add_clip(struct set_builder *b, int index, uint64_t seed, double *joints, struct error *e)
{
    const char *content = contents[index % CONTENTS];
    int style = index / CONTENTS % STYLES, frames = 0;
    struct rng r = rng_make(seed, (uint64_t)index);
    struct procedural_motion numbers = invent(content, style, &r, &frames);
    struct bandai_name label = {.dataset = 2, .id = index + 1};
    struct bandai_caption captions[CAPTIONS_A_CLIP];
    struct motion_measure m;
    char name[64], slots[CAPTION_SLOTS];
    snprintf(label.content, sizeof label.content, "%s", content);
    snprintf(label.style, sizeof label.style, "%s", styles[style].name);
    snprintf(name, sizeof name, "procedural_%06d", index);
    procedural_motion(&numbers, frames, fps, joints);
    int rc = motion_measure(joints, frames, fps, &m, e);
    if (!rc && bandai_slots(&label, &m, slots, sizeof slots) != 0)
        rc = error_set(e, ERR_INTERNAL, "%s: no room for the slots", name);
    if (!rc)
        rc = bandai_captions(slots, &r, captions, e);
    /* Of every 20 clips of a content 16 are train, 1 val, 3 test. */
    int place = (index / CONTENTS * 3 + index % CONTENTS * 7) % 20;
    const char *split = place < 16 ? "train" : place < 17 ? "val" : "test";
    for (int mirrored = 0; !rc && mirrored < 2; mirrored++) {
        rc = add_twin(b, name, split, joints, frames, slots, captions, mirrored, e);
        joints_mirror(joints, frames, JOINTS);
    }
    return rc;
}

int build_procedural(int clips, uint64_t seed, const struct build_listener *listener,
                     struct set_builder **out, struct error *e)
{
    const struct set_layout layout = {"procedural", skeleton_humanml3d(), FEATURES, JOINTS, fps,
                                      40, BUILD_MAX_LENGTH, 4};
    *out = NULL;
    if (clips < 1 || clips > 1000000)
        return error_set(e, ERR_USAGE, "a procedural set has 1 to 1000000 clips, not %d", clips);
    double *joints = malloc((size_t)LONGEST * JOINTS * 3 * sizeof *joints);
    struct set_builder *b = NULL;
    int rc = joints ? set_builder_new(&layout, &b, e) : error_memory(e, "a motion");
    for (int i = 0; !rc && i < clips; i++) {
        rc = add_clip(b, i, seed, joints, e);
        if (listener && listener->progress)
            listener->progress(listener->context, i + 1, clips);
    }
    free(joints);
    if (!rc) {
        set_builder_original(b, clips);
        rc = set_builder_statistics(b, e);
    }
    if (!rc)
        rc = set_builder_words_from_captions(b, BUILD_WORD_WIDTH, BUILD_WORD_SEED, e);
    if (rc) {
        set_builder_free(b);
        return rc;
    }
    *out = b;
    return 0;
}
