/* Motions of the published layout that break its rules, and files of quite another kind, each
 * given to every reader. */
#include "../datasets/build.h"
#include "../engine/file.h"
#include "../engine/npy.h"
#include "malformed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { BAD = ERR_INPUT, WIDTH = 263 };

/* ---- motions ---- */

struct layout {
    char root[600];
    const char *const *names;
};

static void write_array(const char *root, const char *name, int rows, int columns, float value, int spoiled)
{
    char path[1200];
    struct error e;
    const int shape[2] = {rows, columns};
    float *x = malloc((size_t)rows * (size_t)columns * sizeof *x);
    for (int i = 0; i < rows * columns; i++) x[i] = value * (float)(1 + i % 7);
    if (spoiled >= 0) x[spoiled] = NAN;
    snprintf(path, sizeof path, "%s/%s.npy", root, name);
    npy_write_float(path, rows == 1 ? 1 : 2, rows == 1 ? shape + 1 : shape, x, &e);
    free(x);
}

static void write_line(const char *root, const char *name, const char *text)
{
    char path[1200];
    struct error e;
    snprintf(path, sizeof path, "%s/%s.txt", root, name);
    file_write(path, text, strlen(text), &e);
}

/* A sound layout of two clips, 000001 for training and 007975 for testing. */
static void sound_layout(const char *root)
{
    char folder[800];
    struct error e;
    snprintf(folder, sizeof folder, "%s/new_joint_vecs", root);
    file_make_folder(folder, &e);
    write_array(folder, "000001", 60, WIDTH, 0.01f, -1);
    write_array(folder, "007975", 60, WIDTH, 0.02f, -1);
    snprintf(folder, sizeof folder, "%s/texts", root);
    file_make_folder(folder, &e);
    write_line(folder, "000001", "a walk#a/DET walk/NOUN#0.0#0.0\n");
    write_line(folder, "007975", "a hop#a/DET hop/NOUN#0.0#0.0\n");
    write_array(root, "Mean", 1, WIDTH, 0.0f, -1);
    write_array(root, "Std", 1, WIDTH, 1.0f, -1);
    write_line(root, "train", "000001\n");
    write_line(root, "test", "007975\n");
}

static void remove_layout(const char *root)
{
    static const char *const files[] = {"new_joint_vecs/000001.npy", "new_joint_vecs/007975.npy", "new_joint_vecs", "texts/000001.txt",
                                        "texts/007975.txt", "texts", "Mean.npy", "Std.npy", "train.txt", "test.txt", ""};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[800];
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        if (unlink(path) != 0) rmdir(path);
    }
}

static int open_layout(const char *root, struct error *e)
{
    struct set_builder *b;
    struct set s;
    int rc = build_humanml3d(root, NULL, 0, NULL, &b, e);
    if (!rc) rc = set_builder_finish(b, &s, e);
    if (!rc) set_free(&s);
    return rc;
}

void malformed_motions(void **state)
{
    enum { SOUND, NAN_CLIP, ALL_NAN, NARROW, WIDE, EMPTY, ZERO_STD, NAN_MEAN, SHORT_STD, TINY, LONG, NOT_LISTED, KINDS };
    static const char *const names[KINDS] = {"sound", "nan at 007975", "only nan", "251 columns", "264 columns", "no frames", "zero std",
                                             "nan mean", "std of 251", "39 frames", "300 frames", "unlisted"};
    static const char *const rules[KINDS] = {NULL, NULL, "no clip is left", "(frames, 263)", "(frames, 263)", "(frames, 263)", "not positive",
                                             "not finite", "another set", NULL, NULL, "no train.txt"};
    struct malformed m;
    (void)state;
    malformed_begin(&m, "motions");
    for (int kind = 0; kind < KINDS; kind++) {
        char root[600], vectors[700];
        malformed_name(&m, names[kind], root);
        snprintf(vectors, sizeof vectors, "%s/new_joint_vecs", root);
        sound_layout(root);
        if (kind == NAN_CLIP || kind == ALL_NAN) write_array(vectors, "007975", 60, WIDTH, 0.01f, 1000);
        if (kind == ALL_NAN) write_array(vectors, "000001", 60, WIDTH, 0.01f, 5);
        if (kind == NARROW) write_array(vectors, "000001", 60, 251, 0.01f, -1);
        if (kind == WIDE) write_array(vectors, "000001", 60, 264, 0.01f, -1);
        if (kind == EMPTY) write_array(vectors, "000001", 0, WIDTH, 0.01f, -1);
        if (kind == ZERO_STD) write_array(root, "Std", 1, WIDTH, 0.0f, -1);
        if (kind == NAN_MEAN) write_array(root, "Mean", 1, WIDTH, 0.0f, 7);
        if (kind == SHORT_STD) write_array(root, "Std", 1, 251, 1.0f, -1);
        if (kind == TINY) write_array(vectors, "000001", 39, WIDTH, 0.01f, -1);
        if (kind == LONG) write_array(vectors, "000001", 300, WIDTH, 0.01f, -1);
        if (kind == NOT_LISTED) write_line(root, "train", "\n"), write_line(root, "test", "");
        malformed_path(&m, names[kind], open_layout, rules[kind] ? BAD : 0, rules[kind] ? rules[kind] : "");
        remove_layout(root);
    }
    malformed_end(&m);
}

/* ---- files of another kind ---- */

static size_t gzip_of(const char *text, unsigned char *out, size_t room)
{
    z_stream z = {0};
    char copy[400];
    snprintf(copy, sizeof copy, "%s", text);
    z.next_in = (Bytef *)copy;
    z.avail_in = (uInt)strlen(copy);
    z.next_out = out;
    z.avail_out = (uInt)room;
    if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK) deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return z.total_out;
}

void malformed_other_files(void **state)
{
    static const struct {
        const char *name;
        malformed_open *open;
        int reads_gzip, reads_empty;
    } readers[] = {
        {"model.ckpt", open_checkpoint, 0, 0},    {"object.pkl", open_pickle, 0, 0},        {"our_vab_words.pkl", open_word_list, 0, 0},
        {"our_vab_idx.pkl", open_word_rows, 0, 0}, {"motion.npy", open_array, 0, 0},        {"data.h5", open_h5, 0, 0},
        {"set.h5", open_set, 0, 0},               {"spiece.model", open_sentencepiece, 0, 0}, {"merges.txt", open_merges, 0, 0},
        {"vocab.txt", open_pieces, 0, 0},         {"walk.bvh", open_motion_capture, 0, 0},  {"experiment.json", open_experiment, 0, 0},
        {"results.json", open_results, 0, 0},     {"train.txt", open_names, 0, 1},          {"000001.txt", open_captions, 0, 0},
        {"dataset.tar.xz", open_tar, 0, 0},       {"arrays.npz", open_archive_of_arrays, 0, 0},
    };
    static const char html[] = "<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not Found</body></html>\n";
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\n"
                                  "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    unsigned char packed[600];
    size_t n = gzip_of(pointer, packed, sizeof packed);
    struct malformed m;
    (void)state;
    malformed_begin(&m, "other files");
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        char path[600];
        const char *name = malformed_name(&m, readers[i].name, path) ? readers[i].name : "";
        malformed_open *open = readers[i].open;
        int captions = open == open_captions; /* lines without '#' end the file, as in the published readers */
        malformed_file(&m, name, html, sizeof html - 1, open, captions ? 0 : BAD, "");
        malformed_file(&m, name, pointer, sizeof pointer - 1, open, captions ? 0 : BAD, "");
        malformed_file(&m, name, packed, n, open, BAD, "");
        malformed_file(&m, name, "", 0, open, readers[i].reads_empty ? 0 : BAD, "");
        malformed_path(&m, name, open, BAD, ""); /* not there */
        mkdir(path, 0700);
        malformed_path(&m, name, open, open == open_tar ? 0 : BAD, "");
        rmdir(path);
        mkfifo(path, 0600);
        malformed_path(&m, name, open, BAD, "");
        unlink(path);
        malformed_check(&m, symlink("/dev/zero", path) == 0, "no link");
        malformed_path(&m, name, open, BAD, "");
        unlink(path);
    }
    malformed_end(&m);
}
