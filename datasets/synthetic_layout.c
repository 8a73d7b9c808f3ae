/* Procedural motions in the published layout. */
#include "published_layout.h"

#include "../engine/file.h"
#include "../engine/npy.h"
#include "build.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JOINTS = 22, KIT_JOINTS = 21, LONGEST = 199, NAN_FRAMES = 84 };
static const double fps = 20, kit_fps = 12.5;

/* Joints (n, 22, 3) at `rate` frames for each one wanted -> (m, 22, 3), by linear interpolation. */
static int resample(const float *x, int n, double rate, double *out)
{
    int m = (int)((n - 1) / rate) + 1;
    if (m > LONGEST + 1) m = LONGEST + 1;
    for (int t = 0; t < m; t++) {
        double at = t * rate;
        int from = (int)at < n - 2 ? (int)at : n - 2;
        for (size_t k = 0; k < JOINTS * 3; k++) {
            double a = (double)x[(size_t)from * JOINTS * 3 + k], b = (double)x[(size_t)(from + 1) * JOINTS * 3 + k];
            out[(size_t)t * JOINTS * 3 + k] = a + (at - from) * (b - a);
        }
    }
    return m;
}

/* In place: KIT-ML's 21 joints in millimetres from the 22. The middle of the foot is half way from ankle to toe. */
static void to_kit(double *x, int n)
{
    static const int from[KIT_JOINTS][2] = {{0, 0},   {3, 3},   {9, 9},   {12, 12}, {15, 15}, {16, 16}, {18, 18},
                                            {20, 20}, {17, 17}, {19, 19}, {21, 21}, {1, 1},   {4, 4},   {7, 7},
                                            {7, 10},  {10, 10}, {2, 2},   {5, 5},   {8, 8},   {8, 11},  {11, 11}};
    for (int t = 0; t < n; t++) {
        double frame[JOINTS * 3];
        memcpy(frame, x + (size_t)t * JOINTS * 3, sizeof frame);
        for (int j = 0; j < KIT_JOINTS; j++)
            for (int k = 0; k < 3; k++)
                x[((size_t)t * KIT_JOINTS + (size_t)j) * 3 + (size_t)k] =
                    500 * (frame[3 * from[j][0] + k] + frame[3 * from[j][1] + k]);
    }
}

/* Clip c of the source into the builder, under a published kind of name. */
static int add(struct set_builder *b, const struct set *s, int c, int kit, double *joints, float *source, float *features,
               struct error *e)
{
    const struct clip *clip = &s->clips[c];
    const struct skeleton *k = kit ? skeleton_kit() : skeleton_humanml3d();
    int number = c / 2, slow = number % 8;
    double rate = (kit ? fps / kit_fps : 1) / (1 + 0.08 * slow);
    char name[32];
    snprintf(name, sizeof name, "%s%06d", *clip->name == 'M' ? "M" : "", number);
    joints_from_features(skeleton_humanml3d(), clip->features, clip->length, source);
    int n = resample(source, clip->length, rate, joints);
    if (kit) to_kit(joints, n);
    int rc = features_from_joints(k, joints, n, NULL, features, e);
    if (!rc) rc = set_builder_clip(b, name, clip->split, features, n - 1, "", e);
    for (int i = 0; i < clip->ncaptions && !rc; i++)
        rc = set_builder_caption(b, clip->captions[i].text, clip->captions[i].tokens, "", 0, 0, e);
    /* the tags are seconds of 20 frames, in KIT-ML too */
    if (!rc && number % 5 == 0 && n > 64 && clip->ncaptions)
        rc = set_builder_caption(b, clip->captions[0].text, clip->captions[0].tokens, "", 0.5, 2.9, e);
    return rc;
}

static int convert(const struct set *s, int kit, struct set *out, struct error *e)
{
    const struct set_layout layout = {.name = kit ? "kit-synthetic" : "humanml3d-synthetic",
                                      .skeleton = kit ? skeleton_kit() : skeleton_humanml3d(),
                                      .nfeats = kit ? 251 : 263, .njoints = kit ? KIT_JOINTS : JOINTS,
                                      .fps = kit ? kit_fps : fps, .min_length = kit ? 24 : 40, .max_length = 200, .unit = 4};
    struct set_builder *b = NULL;
    size_t most = LONGEST + 1;
    double *joints = malloc(most * JOINTS * 3 * sizeof *joints);
    float *source = malloc(most * JOINTS * 3 * sizeof *source), *features = malloc(most * 263 * sizeof *features);
    int rc = joints && source && features ? set_builder_new(&layout, &b, e) : error_memory(e, "a synthetic set");
    for (int c = 0; c < s->nclips && !rc; c++) rc = add(b, s, c, kit, joints, source, features, e);
    free(joints);
    free(source);
    free(features);
    if (!rc) rc = set_builder_nan(b, "007975", e);
    if (!rc) rc = set_builder_nan(b, "M007975", e);
    if (!rc) rc = set_builder_statistics(b, e);
    if (!rc) rc = set_builder_words_from_captions(b, BUILD_WORD_WIDTH, BUILD_WORD_SEED, e);
    if (!rc) return set_builder_finish(b, out, e);
    if (b) set_builder_free(b);
    return rc;
}

/* The clips that hold no numbers, with a caption each. */
static int write_nan_clips(const struct set *s, const char *folder, struct error *e)
{
    static const char text[] = "a person walks.#a/DET person/NOUN walk/VERB#0.0#0.0\n";
    const int shape[2] = {NAN_FRAMES, s->nfeats};
    size_t count = (size_t)NAN_FRAMES * (size_t)s->nfeats;
    char path[1400];
    float *x = malloc(count * sizeof *x);
    int rc = x ? 0 : error_memory(e, "a clip");
    for (size_t i = 0; i < count && !rc; i++) x[i] = i % 7 ? 0 : NAN;
    for (int i = 0; i < s->nnan && !rc; i++) {
        snprintf(path, sizeof path, "%s/new_joint_vecs/%s.npy", folder, s->nan_names[i]);
        rc = npy_write_float(path, 2, shape, x, e);
        snprintf(path, sizeof path, "%s/texts/%s.txt", folder, s->nan_names[i]);
        if (!rc) rc = file_write(path, text, sizeof text - 1, e);
    }
    free(x);
    return rc;
}

int set_write_synthetic(const struct published_folders *to, int kit, int clips, uint64_t seed, struct error *e)
{
    static const char mark[] = "Motions of a procedural stick figure in a published layout, written by mlcm data synthetic.\n"
                               "Values measured on them say nothing about HumanML3D or KIT-ML.\n";
    struct set_builder *b;
    struct set source, set;
    char path[1400];
    if (clips > 7975) return error_set(e, ERR_USAGE, "a synthetic set has at most 7975 clips, not %d", clips);
    int rc = build_procedural(clips, seed, NULL, &b, e);
    if (!rc) rc = set_builder_finish(b, &source, e);
    if (rc) return rc;
    rc = convert(&source, kit, &set, e);
    set_free(&source);
    if (rc) return rc;
    rc = set_write_published(&set, to, e);
    if (!rc) rc = write_nan_clips(&set, to->data, e);
    snprintf(path, sizeof path, "%s/%s", to->data, PUBLISHED_SYNTHETIC_MARK);
    if (!rc) rc = file_write(path, mark, sizeof mark - 1, e);
    set_free(&set);
    return rc;
}
