#include "published_layout.h"

#include "../engine/file.h"
#include "../engine/npy.h"
#include "features.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 1400 };

/* ---- one clip ---- */

static int plain_name(const char *name)
{
    return *name && *name != '.' && !strchr(name, '/') && strlen(name) < 200;
}

static int write_texts(const struct clip *c, const char *folder, struct error *e)
{
    char path[PATH_SIZE];
    struct file_writer w;
    snprintf(path, sizeof path, "%s/texts/%s.txt", folder, c->name);
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    for (int k = 0; k < c->ncaptions; k++) {
        const struct caption *t = &c->captions[k];
        fprintf(w.stream, "%s#%s#%.9g#%.9g\n", t->text, t->tokens, t->from, t->to);
    }
    return file_commit(&w, e);
}

static int write_clip(const struct set *s, const struct clip *c, const char *folder, struct error *e)
{
    const struct skeleton *k = skeleton_of_features(s->nfeats);
    char path[PATH_SIZE];
    int shape[3] = {c->length, s->nfeats, 3};
    snprintf(path, sizeof path, "%s/new_joint_vecs/%s.npy", folder, c->name);
    int rc = npy_write_float(path, 2, shape, c->features, e);
    float *joints = rc || !k ? NULL : malloc((size_t)c->length * (size_t)s->njoints * 3 * sizeof *joints);
    if (!rc && k && !joints) rc = error_memory(e, path);
    if (!rc && k) {
        joints_from_features(k, c->features, c->length, joints);
        shape[1] = s->njoints;
        snprintf(path, sizeof path, "%s/new_joints/%s.npy", folder, c->name);
        rc = npy_write_float(path, 3, shape, joints, e);
    }
    free(joints);
    return rc ? rc : write_texts(c, folder, e);
}

/* ---- lists and statistics ---- */

/* Names of the clips whose split is one of `splits` ("train,val"). */
static int write_names(const struct set *s, const char *folder, const char *file, const char *splits, struct error *e)
{
    char path[PATH_SIZE];
    struct file_writer w;
    snprintf(path, sizeof path, "%s/%s.txt", folder, file);
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    for (int c = 0; c < s->nclips; c++)
        if (strstr(splits, s->clips[c].split)) fprintf(w.stream, "%s\n", s->clips[c].name);
    for (int i = 0; i < s->nnan && strstr(splits, "test"); i++) fprintf(w.stream, "%s\n", s->nan_names[i]);
    return file_commit(&w, e);
}

static int write_pair(const char *folder, const char *mean_name, const char *std_name, int rank, const int *shape,
                      const float *mean, const float *std, struct error *e)
{
    char path[PATH_SIZE];
    int rc = file_make_folder(folder, e);
    snprintf(path, sizeof path, "%s/%s", folder, mean_name);
    if (!rc) rc = npy_write_float(path, rank, shape, mean, e);
    snprintf(path, sizeof path, "%s/%s", folder, std_name);
    return rc ? rc : npy_write_float(path, rank, shape, std, e);
}

/* ---- words: two pickles of protocol 3 and an array ---- */

static void put_word(FILE *out, const char *word)
{
    size_t n = strlen(word);
    const unsigned char size[4] = {(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16), (unsigned char)(n >> 24)};
    fputc('X', out);
    fwrite(size, 1, 4, out);
    fwrite(word, 1, n, out);
}

/* rows: a dictionary word -> row, else the list of words. */
static int write_words(const struct words *v, const char *path, int rows, struct error *e)
{
    struct file_writer w;
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    fputs(rows ? "\x80\x03}(" : "\x80\x03](", w.stream);
    for (int i = 0; i < v->count; i++) {
        put_word(w.stream, v->word[i]);
        if (!rows) continue;
        const unsigned char number[5] = {'J', (unsigned char)i, (unsigned char)(i >> 8), (unsigned char)(i >> 16),
                                         (unsigned char)(i >> 24)};
        fwrite(number, 1, 5, w.stream);
    }
    fputs(rows ? "u." : "e.", w.stream);
    return file_commit(&w, e);
}

static int write_vocabulary(const struct words *v, const char *folder, struct error *e)
{
    char path[PATH_SIZE];
    const int shape[2] = {v->count, v->dim};
    int rc = file_make_folder(folder, e);
    snprintf(path, sizeof path, "%s/our_vab_data.npy", folder);
    if (!rc) rc = npy_write_float(path, 2, shape, v->vector, e);
    snprintf(path, sizeof path, "%s/our_vab_words.pkl", folder);
    if (!rc) rc = write_words(v, path, 0, e);
    snprintf(path, sizeof path, "%s/our_vab_idx.pkl", folder);
    return rc ? rc : write_words(v, path, 1, e);
}

int set_write_published(const struct set *s, const struct published_folders *to, struct error *e)
{
    static const char *const parts[] = {"new_joint_vecs", "new_joints", "texts"};
    static const char *const lists[][2] = {{"train", "train"}, {"val", "val"}, {"test", "test"}, {"train_val", "train,val"},
                                           {"all", "train,val,test"}};
    char path[PATH_SIZE];
    int rc = 0;
    if (strlen(to->data) > 1000) return error_set(e, ERR_USAGE, "%.80s…: the path is too long", to->data);
    for (int i = 0; i < 3 && !rc; i++) {
        snprintf(path, sizeof path, "%s/%s", to->data, parts[i]);
        rc = file_make_folder(path, e);
    }
    for (int c = 0; c < s->nclips && !rc; c++) {
        if (!plain_name(s->clips[c].name))
            rc = error_set(e, ERR_INPUT, "%s: the clip name \"%.60s\" is no plain file name; rename the clip", s->path, s->clips[c].name);
        if (!rc) rc = write_clip(s, &s->clips[c], to->data, e);
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists && !rc; i++) rc = write_names(s, to->data, lists[i][0], lists[i][1], e);
    const int features[1] = {s->nfeats}, joints[2] = {s->njoints, 3};
    if (!rc) rc = write_pair(to->data, "Mean.npy", "Std.npy", 1, features, s->mean, s->std, e);
    if (!rc && to->evaluator_statistics)
        rc = write_pair(to->evaluator_statistics, "mean.npy", "std.npy", 1, features, s->mean_eval, s->std_eval, e);
    if (!rc && to->spatial_statistics)
        rc = write_pair(to->spatial_statistics, "Mean_raw.npy", "Std_raw.npy", 2, joints, s->raw_mean, s->raw_std, e);
    if (!rc && to->words) rc = write_vocabulary(&s->words, to->words, e);
    return rc;
}
