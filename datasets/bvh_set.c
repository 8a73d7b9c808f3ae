/* A set from anybody's .bvh files. */
#include "build.h"

#include "../engine/file.h"
#include "archive.h"
#include "bvh.h"
#include "text_lines.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 120, PATH_SIZE = 1300, JOINTS = 22, FEATURES = 263 };
static const double fps = 20.0;

/* The names of one split file, sorted. */
struct names {
    char **list;
    int count;
};

struct reading {
    const char *root;
    const struct build_listener *listener;
    struct joint_map map;
    struct names split[3];
    struct set_builder *builder;
    int done, untold;
};

static const char *const split_names[3] = {"train", "val", "test"};

static void note(const struct reading *r, const char *name, const char *why)
{
    if (r->listener && r->listener->note) {
        char line[PATH_SIZE + 700];
        snprintf(line, sizeof line, "%s: %s", name, why);
        r->listener->note(r->listener->context, line);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The split files of a folder; none is fine. */
static int read_splits(struct reading *r, struct error *e)
{
    char path[PATH_SIZE];
    int rc = 0;
    for (int k = 0; !rc && k < 3; k++) {
        snprintf(path, sizeof path, "%s/%s.txt", r->root, split_names[k]);
        if (!file_exists(path))
            continue;
        rc = names_read(path, &r->split[k].list, &r->split[k].count, e);
        if (!rc)
            qsort(r->split[k].list, (size_t)r->split[k].count, sizeof(char *), by_text);
    }
    return rc;
}

static const char *split_of(const struct reading *r, const char *name)
{
    int any = 0;
    for (int k = 0; k < 3; k++) {
        const struct names *s = &r->split[k];
        any |= s->list != NULL;
        if (s->count > 0 && bsearch(&name, s->list, (size_t)s->count, sizeof(char *), by_text))
            return split_names[k];
    }
    if (any)
        return "none";
    uint64_t bucket = rng_stream(name) % 100;
    return bucket < 80 ? "train" : bucket < 85 ? "val" : "test";
}

/* Captions of a clip: NAME.txt beside it, as lines of plain text or with tokens. */
static int read_captions(struct reading *r, const char *name, struct error *e)
{
    char path[PATH_SIZE];
    int malformed = 0;
    snprintf(path, sizeof path, "%s/%s.txt", r->root, name);
    if (!file_exists(path))
        snprintf(path, sizeof path, "%s/texts/%s.txt", r->root, name);
    if (!file_exists(path)) {
        r->untold++;
        return 0;
    }
    int rc = captions_read(path, 1, r->builder, &malformed, e);
    if (malformed)
        note(r, path, "a line is not caption#tokens#from#to; the rest is dropped");
    return rc;
}

static int add_clip(struct reading *r, const char *name, const char *text, size_t size,
                    struct error *e)
{
    struct bvh bvh;
    struct error why = {0};
    double *joints = NULL;
    int frames = 0;
    char file[NAME_SIZE + 4];
    snprintf(file, sizeof file, "%s.bvh", name);
    int rc = bvh_parse(file, text, size, &bvh, e);
    if (!rc) {
        rc = bvh_joints(&bvh, &r->map, fps, &joints, &frames, e);
        bvh_free(&bvh);
    }
    if (rc) {
        error_prefix(e, "%s", r->root);
        return rc;
    }
    int length = frames - 1;
    char short_clip[80];
    if (length < BUILD_MIN_LENGTH) {
        snprintf(short_clip, sizeof short_clip, "left out: %d frames, the least is %d", length,
                 BUILD_MIN_LENGTH);
        note(r, name, short_clip);
        free(joints);
        return 0;
    }
    float *features = malloc((size_t)length * FEATURES * sizeof *features);
    if (!features) {
        free(joints);
        return error_memory(e, name);
    }
    rc = features_from_joints(skeleton_humanml3d(), joints, frames, NULL, features, &why);
    free(joints);
    if (rc == ERR_INPUT) {
        note(r, name, why.text);
        rc = set_builder_nan(r->builder, name, e);
    } else if (rc) {
        *e = why;
    } else {
        rc = set_builder_clip(r->builder, name, split_of(r, name), features, length, "", e);
        if (!rc)
            rc = read_captions(r, name, e);
    }
    free(features);
    return rc;
}

static int read_all(struct reading *r, struct archive *a, struct error *e)
{
    int found = 1, rc = 0;
    while (!rc && found) {
        struct archive_entry entry;
        rc = archive_next(a, &entry, &found, e);
        size_t length = !rc && found ? strlen(entry.name) : 0;
        if (length < 5 || length - 4 >= NAME_SIZE || strcmp(entry.name + length - 4, ".bvh") != 0)
            continue;
        char name[NAME_SIZE], *text = NULL;
        size_t size = 0;
        snprintf(name, sizeof name, "%.*s", (int)(length - 4), entry.name);
        rc = archive_read(a, BVH_MAX_BYTES, &text, &size, e);
        if (!rc)
            rc = add_clip(r, name, text, size, e);
        free(text);
        r->done++;
        if (r->listener && r->listener->progress)
            r->listener->progress(r->listener->context, r->done, 0);
    }
    return rc;
}

int build_bvh(const char *root, const char *map, const struct build_listener *listener,
              struct set_builder **out, struct error *e)
{
    struct reading r = {.root = root, .listener = listener};
    struct archive *a = NULL;
    const struct set_layout layout = {"bvh", skeleton_humanml3d(), FEATURES, JOINTS, fps,
                                      BUILD_MIN_LENGTH, BUILD_MAX_LENGTH, 4};
    *out = NULL;
    int rc = joint_map_read(map ? map : "bandai", skeleton_humanml3d(), &r.map, e);
    if (!rc) rc = read_splits(&r, e);
    if (!rc) rc = archive_open(root, &a, e);
    if (!rc) rc = set_builder_new(&layout, &r.builder, e);
    if (!rc) rc = read_all(&r, a, e);
    archive_close(a);
    for (int k = 0; k < 3; k++)
        file_list_free(r.split[k].list, r.split[k].count);
    if (!rc && r.done == 0)
        rc = error_set(e, ERR_INPUT, "%s: holds no .bvh file", root);
    if (!rc) {
        if (r.untold)
            note(&r, root, "some clips have no NAME.txt and therefore no caption");
        set_builder_original(r.builder, r.done);
        rc = set_builder_statistics(r.builder, e);
    }
    if (!rc)
        rc = set_builder_words_from_captions(r.builder, BUILD_WORD_WIDTH, BUILD_WORD_SEED, e);
    if (rc) {
        set_builder_free(r.builder);
        return rc;
    }
    *out = r.builder;
    return 0;
}
