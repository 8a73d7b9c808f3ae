/* The procedural set: seeded motions with captions that are true by construction. */
#include "build.h"

#include "figure.h"
#include "lexicon.h"
#include "procedural_captions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { JOINTS = FIGURE_JOINTS, FEATURES = 263, LONGEST = 200, SHORTEST = 41 };
static const double fps = 20.0;

static double between(struct rng *r, double low, double high)
{
    return low + (high - low) * rng_uniform(r);
}

static double either(struct rng *r, double value)
{
    return rng_below(r, 2) ? value : -value;
}

/* --- inventing numbers ------------------------------------------------------------- */

static void invent_path(struct procedural_motion *m, uint32_t which, double seconds, struct rng *r)
{
    if (which == 1)
        m->turn = either(r, between(r, 1.15, 1.9));                 /* a curve */
    else if (which == 2)
        m->turn = either(r, between(r, 2.7, 3.4));                  /* around */
    else if (which == 3) {
        m->evenly = 1;                                              /* a circle, nearly closed or a little more */
        m->turn = either(r, between(r, 5.6, 6.8));
    }
    /* No sharper than a body turns, and the features follow: their facing direction is smoothed over a second. */
    double sharpest = m->evenly ? fabs(m->turn) / 1.5 : fabs(m->turn) * 1.875 / 0.55 / 2.2;
    m->frames = (int)(fmax(seconds, sharpest) * fps);
}

static void invent_gait(struct procedural_motion *m, struct rng *r)
{
    static const struct {
        double slow[2], usual[2], fast[2], swing, elbow, lean, step, stretch, stance;   /* step = step + stretch · speed */
    } row[] = {[MOTION_WALK] = {{0.55, 0.8}, {0.95, 1.3}, {1.5, 1.75}, 0.42, 0.30, 0.04, 0.42, 0.22, 0.17},
               [MOTION_RUN] = {{1.8, 2.2}, {2.45, 2.85}, {3.1, 3.5}, 0.62, 1.45, 0.20, 0.45, 0.20, 0.13},
               [MOTION_SNEAK] = {{0.4, 0.5}, {0.4, 0.6}, {0.5, 0.65}, 0.14, 1.10, 0.45, 0.30, 0.15, 0.22},
               [MOTION_MARCH] = {{0.8, 1.0}, {0.8, 1.05}, {0.9, 1.1}, 0.62, 0.10, -0.02, 0.33, 0.22, 0.16}};
    const double(*range)[2] = rng_below(r, 2) ? &row[m->kind].usual : rng_below(r, 2) ? &row[m->kind].slow : &row[m->kind].fast;
    m->speed = between(r, (*range)[0], (*range)[1]);
    /* Half of the gaits go straight ahead, a third turn, the others go back or aside. */
    uint32_t way = rng_below(r, 12);
    double seconds = between(r, 2.4, 5.0);
    int aside = way >= 10 && m->kind != MOTION_RUN && m->kind != MOTION_MARCH;
    if (aside) {
        m->direction = rng_below(r, 5) < 2 ? M_PI : either(r, M_PI / 2);
        m->speed = cos(m->direction) < -0.5 ? between(r, 0.45, 0.65) : between(r, 0.28, 0.42);   /* feet do not cross */
    }
    invent_path(m, !aside && way >= 5 ? 1 + (way - 5) % 3 : 0, seconds, r);
    m->stance = row[m->kind].stance + between(r, -0.02, 0.02) + 0.12 * fabs(sin(m->direction));
    m->step_rate = m->speed / (row[m->kind].step + row[m->kind].stretch * m->speed) * between(r, 0.95, 1.05);
    if (aside)
        m->step_rate = between(r, 1.5, 1.9);
    m->phase = between(r, 0, 2);
    m->lean = row[m->kind].lean + between(r, -0.04, 0.04);
    m->swing = row[m->kind].swing * between(r, 0.8, 1.2) * (aside ? 0.4 : fmin(1.2, 0.5 + 0.5 * m->speed));
    m->elbow = row[m->kind].elbow + between(r, -0.1, 0.15);
}

static void invent_count(struct procedural_motion *m, int least, int most, double low, double high, struct rng *r)
{
    m->count = least + (int)rng_below(r, (uint32_t)(most - least + 1));
    m->period = between(r, low, high);
}

static void invent_action(struct procedural_motion *m, struct rng *r)
{
    m->count = 1;
    m->start = between(r, 0.25, 0.7);
    m->stance = between(r, 0.17, 0.26);
    m->phase = rng_uniform(r);
    m->elbow = between(r, 0.1, 0.35);
    m->lean = between(r, -0.02, 0.05);
    m->side = (enum procedural_side)rng_below(r, 2);
    switch (m->kind) {
    case MOTION_JUMP:
        invent_count(m, 1, 3, 1.25, 1.5, r);
        m->size = rng_below(r, 2) ? between(r, 0.20, 0.32) : between(r, 0.38, 0.46);
        if (rng_below(r, 2)) {
            m->travel = between(r, 0.45, 0.95);
            m->size = between(r, 0.22, 0.32);
        }
        break;
    case MOTION_SQUAT:
        invent_count(m, 1, 3, 1.6, 2.3, r);
        m->size = rng_below(r, 3) ? between(r, 0.44, 0.52) : between(r, 0.19, 0.25);
        m->stance += 0.08;
        break;
    case MOTION_KICK:
        invent_count(m, 1, 3, 1.3, 1.6, r);
        m->size = between(r, 0.50, 0.95);
        break;
    case MOTION_SIDE_KICK:
        invent_count(m, 1, 3, 1.35, 1.65, r);
        m->size = between(r, 0.50, 0.80);
        break;
    case MOTION_PUNCH:
        m->side = (enum procedural_side)rng_below(r, 3);
        invent_count(m, m->side == SIDE_BOTH ? 2 : 1, 4, 0.62, 0.85, r);
        m->stance += 0.08;
        break;
    case MOTION_WAVE:
        m->side = (enum procedural_side)rng_below(r, 3);
        m->period = between(r, 2.6, 4.6);
        m->rate = between(r, 1.1, 1.8);
        m->size = between(r, 2.0, 2.4);
        break;
    case MOTION_BOW:
        invent_count(m, 1, 2, 1.9, 2.7, r);
        m->size = rng_below(r, 2) ? between(r, 0.38, 0.55) : between(r, 1.05, 1.35);
        break;
    default:                                       /* sitting and standing up */
        m->period = between(r, 1.1, 1.6);
        m->size = between(r, 0.42, 0.48);
        m->rate = between(r, 0.4, 1.2);
        if (m->kind == MOTION_SIT_AND_STAND)
            m->count = 2;
    }
    double rest = between(r, 0.3, 0.8) + (m->kind == MOTION_SIT_AND_STAND ? m->rate : 0);
    m->frames = (int)((m->start + m->count * m->period + rest) * fps);
    if (m->kind == MOTION_SIT_AND_STAND)
        m->count = 1;
}

/* The numbers of one clip. */
static struct procedural_motion invent(enum procedural_kind kind, struct rng *r)
{
    struct procedural_motion m = {.kind = kind, .nod = 0};
    if (kind <= MOTION_MARCH)
        invent_gait(&m, r);
    else
        invent_action(&m, r);
    m.nod += between(r, -0.08, 0.12);
    /* Whole units of four features, of which there is one less than joints. */
    m.frames = 4 * ((m.frames + 2) / 4) + 1;
    m.frames = m.frames < SHORTEST ? SHORTEST : m.frames >= LONGEST ? LONGEST - 3 : m.frames;
    return m;
}

/* --- into the set ------------------------------------------------------------------ */

/* A clip as invented: its joints and what is said of it. */
struct invention {
    char name[64];
    const char *split;
    double joints[LONGEST * JOINTS * 3];
    int frames;
    char slots[PROCEDURAL_SLOTS];
    struct procedural_caption captions[PROCEDURAL_CAPTIONS];
};

/* One twin of a clip into the builder. */
static int add_twin(struct set_builder *b, const struct invention *v, int mirrored, float *features, struct error *e)
{
    char full[80], text[PROCEDURAL_TEXT], tokens[PROCEDURAL_TOKENS], asserted[PROCEDURAL_SLOTS], slots[PROCEDURAL_SLOTS];
    double reference[JOINTS * 3];
    figure_reference(reference);
    snprintf(full, sizeof full, "%s%s", mirrored ? "M" : "", v->name);
    int rc = features_from_joints(skeleton_humanml3d(), v->joints, v->frames, reference, features, e);
    if (!rc && text_mirror(v->slots, slots, sizeof slots))
        rc = error_set(e, ERR_INTERNAL, "%s: no room for the mirrored slots", v->name);
    if (!rc)
        rc = set_builder_clip(b, full, v->split, features, v->frames - 1, mirrored ? slots : v->slots, e);
    for (int k = 0; !rc && k < PROCEDURAL_CAPTIONS; k++) {
        const struct procedural_caption *c = &v->captions[k];
        if (!mirrored)
            rc = set_builder_caption(b, c->text, c->tokens, c->slots, 0, 0, e);
        else if (text_mirror(c->text, text, sizeof text) || text_mirror(c->tokens, tokens, sizeof tokens) ||
                 text_mirror(c->slots, asserted, sizeof asserted))
            rc = error_set(e, ERR_INTERNAL, "%s: no room for the mirrored caption", v->name);
        else
            rc = set_builder_caption(b, text, tokens, asserted, 0, 0, e);
    }
    return rc;
}

/* What clips are of, in turn: gaits are the richest kinds, and so the commonest. */
static const enum procedural_kind kinds[] = {
    MOTION_WALK, MOTION_JUMP, MOTION_RUN, MOTION_KICK, MOTION_WALK, MOTION_PUNCH, MOTION_SQUAT, MOTION_WAVE,
    MOTION_WALK, MOTION_SNEAK, MOTION_JUMP, MOTION_SIT, MOTION_RUN, MOTION_SIDE_KICK, MOTION_WALK, MOTION_BOW,
    MOTION_MARCH, MOTION_STAND_UP, MOTION_PUNCH, MOTION_SIT_AND_STAND};

enum { KINDS = sizeof kinds / sizeof *kinds };

static int invent_clip(int index, uint64_t seed, struct invention *v, struct error *e)
{
    struct rng r = rng_make(seed, (uint64_t)index);
    struct procedural_motion m = invent(kinds[index % KINDS], &r);
    /* Of every 20 clips of a place in the turn 16 are train, 1 val, 3 test. */
    int place = (index / KINDS * 3 + index % KINDS * 7) % 20;
    v->split = place < 16 ? "train" : place < 17 ? "val" : "test";
    v->frames = m.frames;
    snprintf(v->name, sizeof v->name, "procedural_%06d", index);
    int rc = procedural_motion(&m, fps, v->joints, e);
    if (!rc && procedural_slots(&m, v->slots, sizeof v->slots))
        rc = error_set(e, ERR_INTERNAL, "%s: no room for the slots", v->name);
    return rc ? rc : procedural_captions(v->slots, &r, v->captions, e);
}

int build_procedural(int clips, uint64_t seed, const struct build_listener *listener,
                     struct set_builder **out, struct error *e)
{
    const struct set_layout layout = {"procedural", skeleton_humanml3d(), FEATURES, JOINTS, fps,
                                      SHORTEST - 1, LONGEST, 4};
    *out = NULL;
    if (clips < 1 || clips > 1000000)
        return error_set(e, ERR_USAGE, "a procedural set has 1 to 1000000 clips, not %d", clips);
    struct invention *v = malloc(sizeof *v);
    float *features = malloc((size_t)LONGEST * FEATURES * sizeof *features);
    struct set_builder *b = NULL;
    int rc = v && features ? set_builder_new(&layout, &b, e) : error_memory(e, "a motion");
    for (int i = 0; !rc && i < clips; i++) {
        rc = invent_clip(i, seed, v, e);
        for (int mirrored = 0; !rc && mirrored < 2; mirrored++) {
            rc = add_twin(b, v, mirrored, features, e);
            joints_mirror(v->joints, v->frames, JOINTS);
        }
        if (listener && listener->progress)
            listener->progress(listener->context, i + 1, clips);
    }
    free(v);
    free(features);
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
