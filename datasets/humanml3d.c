#include "build.h"

#include "../engine/file.h"
#include "../engine/npy.h"
#include "published_layout.h"
#include "text_lines.h"
#include "words.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 1300 };

struct reading {
    const char *root;
    const struct published_folders *folders;
    int kit;
    const struct build_listener *listener;
    struct set_builder *builder;
    int nfeats, named, done, kept, missing, untold;   /* untold: clips without a text file */
};

static void note(const struct reading *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void note(const struct reading *r, const char *format, ...)
{
    char line[PATH_SIZE + 300];
    va_list args;
    if (!r->listener || !r->listener->note)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    r->listener->note(r->listener->context, line);
}

/* ---- statistics ---- */

/* A vector file of `count` finite values; count 0 takes any. */
static int read_vector(const char *path, int count, float **out, int *have, struct error *e)
{
    struct npy a = {0};
    int rc = npy_read(path, &a, e);
    if (rc)
        return rc;
    if (a.count < 1 || a.count > 4096 || (count && a.count != (size_t)count))
        rc = error_set(e, ERR_INPUT, "%s: holds %zu values, %d are needed: it belongs to another set",
                       path, a.count, count);
    if (!rc && !(*out = malloc(a.count * sizeof **out)))
        rc = error_memory(e, path);
    for (size_t i = 0; !rc && i < a.count; i++) {
        (*out)[i] = (float)a.data[i];
        if (!isfinite((*out)[i]))
            rc = error_set(e, ERR_INPUT, "%s: value %zu is not finite; download it again", path, i);
    }
    if (rc) {
        free(*out);
        *out = NULL;
    } else {
        *have = (int)a.count;
    }
    npy_free(&a);
    return rc;
}

static int find_file(const char *root, const char *const *patterns, char *path)
{
    for (; *patterns; patterns++) {
        snprintf(path, PATH_SIZE, "%s/%s", root, *patterns);
        if (file_exists(path))
            return 1;
    }
    return 0;
}

/* Reads a pair of vectors if both files are there; leaves NULL otherwise. */
static int read_pair(const char *root, const char *const *mean_names,
                     const char *const *std_names, int count, float *pair[2], struct error *e)
{
    char path[2][PATH_SIZE];
    int have;
    pair[0] = pair[1] = NULL;
    if (!find_file(root, mean_names, path[0]) || !find_file(root, std_names, path[1]))
        return 0;
    int rc = read_vector(path[0], count, &pair[0], &have, e);
    return rc ? rc : read_vector(path[1], count, &pair[1], &have, e);
}

static int given_statistics(struct reading *r, float *own[2], struct error *e)
{
    static const char *const t2m_mean[] = {"meta/mean.npy", "t2m_mean.npy", "../t2m_mean.npy",
                                           "../evaluator_meta/t2m_mean.npy",
                                           "../../deps/t2m/t2m/Comp_v6_KLD01/meta/mean.npy", NULL};
    static const char *const t2m_std[] = {"meta/std.npy", "t2m_std.npy", "../t2m_std.npy",
                                          "../evaluator_meta/t2m_std.npy",
                                          "../../deps/t2m/t2m/Comp_v6_KLD01/meta/std.npy", NULL};
    static const char *const kit_mean[] = {"meta/mean.npy", "kit_mean.npy", "../kit_mean.npy",
                                           "../evaluator_meta/kit_mean.npy",
                                           "../../deps/t2m/kit/Comp_v6_KLD005/meta/mean.npy", NULL};
    static const char *const kit_std[] = {"meta/std.npy", "kit_std.npy", "../kit_std.npy",
                                          "../evaluator_meta/kit_std.npy",
                                          "../../deps/t2m/kit/Comp_v6_KLD005/meta/std.npy", NULL};
    static const char *const mean_only[] = {"mean.npy", NULL}, *const std_only[] = {"std.npy", NULL};
    static const char *const raw_mean[] = {"Mean_raw.npy", "humanml_spatial_norm/Mean_raw.npy",
                                           "../humanml_spatial_norm/Mean_raw.npy", NULL};
    static const char *const raw_std[] = {"Std_raw.npy", "humanml_spatial_norm/Std_raw.npy",
                                          "../humanml_spatial_norm/Std_raw.npy", NULL};
    float *eval[2], *raw[2] = {NULL, NULL};
    const char *given = r->folders->evaluator_statistics, *spatial = r->folders->spatial_statistics;
    int rc = given ? read_pair(given, mean_only, std_only, r->nfeats, eval, e)
                   : read_pair(r->root, r->kit ? kit_mean : t2m_mean, r->kit ? kit_std : t2m_std, r->nfeats, eval, e);
    /* KIT-ML's published pair holds the means twice: the joints themselves are used. */
    if (!rc && !r->kit)
        rc = read_pair(spatial ? spatial : r->root, raw_mean, raw_std, 66, raw, e);
    if (!rc && !eval[0])
        note(r, "evaluators' mean.npy and std.npy not found: derived from Mean.npy and Std.npy "
                "(root and contacts divided by 25)");
    if (!rc)
        rc = set_builder_given(r->builder, own[0], own[1], eval[0], eval[1], raw[0], raw[1], e);
    for (int k = 0; k < 2; k++) {
        free(eval[k]);
        free(raw[k]);
    }
    return rc;
}

/* ---- clips ---- */

static int read_clip(struct reading *r, const char *name, const char *split, struct error *e)
{
    char path[PATH_SIZE];
    struct npy a = {0};
    snprintf(path, sizeof path, "%s/new_joint_vecs/%s.npy", r->root, name);
    if (!file_exists(path)) {
        if (r->missing++ < 5)
            note(r, "%s: named by %s.txt, no such file", path, split);
        return 0;
    }
    int rc = npy_read(path, &a, e);
    if (rc)
        return rc;
    if (a.rank != 2 || a.shape[1] != r->nfeats || a.shape[0] < 1) {
        npy_free(&a);
        return error_set(e, ERR_INPUT, "%s: is not (frames, %d)", path, r->nfeats);
    }
    int finite = 1;
    for (size_t i = 0; i < a.count && finite; i++)
        finite = isfinite((float)a.data[i]);
    float *features = malloc(a.count * sizeof *features);
    if (!features) {
        npy_free(&a);
        return error_memory(e, path);
    }
    for (size_t i = 0; i < a.count; i++)
        features[i] = (float)a.data[i];
    int length = a.shape[0], malformed = 0;
    npy_free(&a);
    if (!finite) {
        note(r, "%s: left out: holds non-finite values", name);
        rc = set_builder_nan(r->builder, name, e);
    } else {
        rc = set_builder_clip(r->builder, name, split, features, length, "", e);
        r->kept++;
        snprintf(path, sizeof path, "%s/texts/%s.txt", r->root, name);
        if (!rc && !file_exists(path))
            r->untold++;
        else if (!rc)
            rc = captions_read(path, 0, r->builder, &malformed, e);
        if (malformed)
            note(r, "%s: line %d is not caption#tokens#from#to; the rest is dropped", path, malformed);
    }
    free(features);
    return rc;
}

static int read_split(struct reading *r, char **names, int count, const char *split, struct error *e)
{
    int rc = 0;
    for (int i = 0; !rc && i < count; i++) {
        rc = read_clip(r, names[i], split, e);
        r->done++;
        if (r->listener && r->listener->progress && (r->done % 64 == 0 || r->done == r->named))
            r->listener->progress(r->listener->context, r->done, r->named);
    }
    return rc;
}

static int read_splits(struct reading *r, struct error *e)
{
    static const char *const splits[] = {"train", "val", "test"};
    char **names[3] = {NULL, NULL, NULL}, path[PATH_SIZE];
    int count[3] = {0, 0, 0}, rc = 0;
    for (int k = 0; !rc && k < 3; k++) {
        snprintf(path, sizeof path, "%s/%s.txt", r->root, splits[k]);
        if (file_exists(path))
            rc = names_read(path, &names[k], &count[k], e);
        else
            note(r, "%s: no such file: the split %s stays empty", path, splits[k]);
        r->named += count[k];
    }
    if (!rc && r->named == 0)
        rc = error_set(e, ERR_INPUT, "%s: no train.txt, val.txt or test.txt with names; give the folder "
                       "that holds new_joint_vecs and texts", r->root);
    for (int k = 0; !rc && k < 3; k++)
        rc = read_split(r, names[k], count[k], splits[k], e);
    for (int k = 0; k < 3; k++)
        file_list_free(names[k], count[k]);
    if (!rc && !r->kept)
        rc = error_set(e, ERR_INPUT, "%s: no clip is left of %d named ones: %d have no file in new_joint_vecs, the others "
                       "hold values that are not finite; fetch it again", r->root, r->named, r->missing);
    if (!rc && r->missing)
        note(r, "%d of %d named clips have no file in new_joint_vecs", r->missing, r->named);
    if (!rc && r->untold)
        note(r, "%d clips have no file in texts", r->untold);
    return rc;
}

/* ---- words ---- */

static int read_words(struct reading *r, const char *glove, struct error *e)
{
    static const char *const folders[] = {"glove", "../glove", "../../deps/glove", NULL};
    char path[PATH_SIZE + 40];
    struct words words;
    if (glove) {
        int rc = words_read_folder(glove, &words, e);
        if (!rc)
            set_builder_words(r->builder, &words);
        return rc;
    }
    for (int k = 0; folders[k]; k++) {
        snprintf(path, sizeof path, "%s/%s/our_vab_data.npy", r->root, folders[k]);
        if (!file_exists(path))
            continue;
        snprintf(path, sizeof path, "%s/%s", r->root, folders[k]);
        int rc = words_read_folder(path, &words, e);
        if (!rc)
            set_builder_words(r->builder, &words);
        return rc;
    }
    note(r, "our_vab_data.npy not found: word vectors are drawn; the published evaluators need the "
            "published ones, give their folder with --glove");
    return set_builder_words_from_captions(r->builder, BUILD_WORD_WIDTH, BUILD_WORD_SEED, e);
}

int build_humanml3d(const char *root, const char *glove, int kit,
                    const struct build_listener *listener, struct set_builder **out, struct error *e)
{
    const struct published_folders folders = {.data = root, .words = glove};
    return build_published(&folders, kit, listener, out, e);
}

int build_published(const struct published_folders *folders, int kit, const struct build_listener *listener,
                    struct set_builder **out, struct error *e)
{
    const char *root = folders->data;
    static const char *const mark[] = {PUBLISHED_SYNTHETIC_MARK, NULL};
    struct reading r = {.root = root, .folders = folders, .kit = kit, .listener = listener, .nfeats = kit ? 251 : 263};
    static const char *const mean_name[] = {"Mean.npy", NULL}, *const std_name[] = {"Std.npy", NULL};
    float *own[2] = {NULL, NULL};
    int rc = 0, have = 0;
    char path[PATH_SIZE];
    *out = NULL;
    /* The statistics tell the number of features; without them it is the kind's own. */
    if (find_file(root, mean_name, path))
        rc = read_vector(path, 0, &own[0], &have, e);
    if (!rc && own[0]) {
        r.nfeats = have;
        if (find_file(root, std_name, path))
            rc = read_vector(path, have, &own[1], &have, e);
    }
    for (int i = 0; !rc && own[1] && i < r.nfeats; i++)
        if (own[1][i] <= 0)
            rc = error_set(e, ERR_INPUT, "%s: value %d is not positive; a deviation is: copy the file again", path, i);
    int synthetic = find_file(root, mark, path);
    const struct set_layout layout = {
        .name = kit ? synthetic ? "kit-synthetic" : "kit" : synthetic ? "humanml3d-synthetic" : "humanml3d",
        .skeleton = skeleton_of_features(r.nfeats),
        .nfeats = r.nfeats, .njoints = kit ? 21 : 22, .fps = kit ? 12.5 : 20.0,
        .min_length = kit ? 24 : 40, .max_length = 200, .unit = 4};
    if (!rc)
        rc = set_builder_new(&layout, &r.builder, e);
    if (!rc)
        rc = read_splits(&r, e);
    if (!rc) {
        set_builder_original(r.builder, r.named);
        if (own[0] && own[1]) {
            rc = given_statistics(&r, own, e);
        } else {
            note(&r, "%s: Mean.npy and Std.npy not found: computed from the clips", root);
            rc = set_builder_statistics(r.builder, e);
        }
    }
    if (!rc)
        rc = read_words(&r, folders->words, e);
    free(own[0]);
    free(own[1]);
    if (rc) {
        set_builder_free(r.builder);
        return rc;
    }
    *out = r.builder;
    return 0;
}
