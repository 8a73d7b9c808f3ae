#include "build.h"

#include "archive.h"
#include "bandai_captions.h"
#include "bandai_split.h"
#include "bvh.h"
#include "../engine/file.h"
#include "lexicon.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, JOINTS = 22, FEATURES = 263, FRAME = 3 * JOINTS, NAME_MAX_LENGTH = 80 };
static const double fps = 20.0;
static const uint64_t caption_seed = 2024;

/* A clip, or one of the equal parts of a long one, with its mirrored twin. */
struct piece {
    char name[NAME_MAX_LENGTH];
    char slots[CAPTION_SLOTS];
    struct bandai_caption caption[CAPTIONS_A_CLIP];
    int length;                       /* feature frames */
    float *features[2];               /* as recorded, mirrored */
};

struct source {
    char name[NAME_MAX_LENGTH];
    struct bandai_name label;
    char *text;                       /* the BVH file until it is worked on */
    size_t size;
    struct piece *pieces;
    int npieces;
    char left_out[200];               /* why, or "" */
    int rc;                           /* a failure that ends the build */
    struct error error;
};

/* ---- one clip ---- */

static int all_finite(const float *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return 0;
    return 1;
}

/* joints (length + 1, 22, 3) -> features, slots and captions of one piece. */
static int work_piece(struct source *s, struct piece *p, const double *joints, struct error *e)
{
    const struct skeleton *skeleton = skeleton_humanml3d();
    size_t values = (size_t)p->length * FEATURES;
    int n = p->length + 1;
    struct motion_measure m;
    int rc = motion_measure(joints, n, fps, &m, e);
    if (rc)
        return rc;
    double *mirrored = malloc((size_t)n * FRAME * sizeof *mirrored);
    for (int k = 0; k < 2; k++)
        p->features[k] = malloc(values * sizeof *p->features[k]);
    if (!mirrored || !p->features[0] || !p->features[1]) {
        free(mirrored);
        return error_memory(e, s->name);
    }
    memcpy(mirrored, joints, (size_t)n * FRAME * sizeof *mirrored);
    joints_mirror(mirrored, n, JOINTS);
    rc = features_from_joints(skeleton, joints, n, NULL, p->features[0], e);
    if (!rc)
        rc = features_from_joints(skeleton, mirrored, n, NULL, p->features[1], e);
    free(mirrored);
    if (!rc && (!all_finite(p->features[0], values) || !all_finite(p->features[1], values)))
        rc = error_set(e, ERR_INPUT, "a feature is not finite");
    if (!rc && bandai_slots(&s->label, &m, p->slots, sizeof p->slots) != 0)
        rc = error_set(e, ERR_INTERNAL, "%s: no room for the slots", p->name);
    if (!rc) {
        struct rng r = rng_make(caption_seed, rng_stream(p->name));
        rc = bandai_captions(p->slots, &r, p->caption, e);
    }
    return rc;
}

/* Cuts the joints into k = ceil(F / 199) equal parts; neighbours share a frame, since
 * F features come from F + 1 frames. */
static int work_pieces(struct source *s, const double *joints, int frames, struct error *e)
{
    int total = frames - 1;
    if (total < BUILD_MIN_LENGTH) {
        snprintf(s->left_out, sizeof s->left_out, "%d frames, the least is %d", total, BUILD_MIN_LENGTH);
        return 0;
    }
    int parts = (total + BUILD_MAX_LENGTH - 2) / (BUILD_MAX_LENGTH - 1);
    s->pieces = calloc((size_t)parts, sizeof *s->pieces);
    if (!s->pieces)
        return error_memory(e, s->name);
    s->npieces = parts;
    for (int k = 0; k < parts; k++) {
        struct piece *p = &s->pieces[k];
        int first = (int)((long)total * k / parts), last = (int)((long)total * (k + 1) / parts);
        p->length = last - first;
        if (parts == 1)
            snprintf(p->name, sizeof p->name, "%s", s->name);
        else
            snprintf(p->name, sizeof p->name, "%.60s-part%d", s->name, k + 1);
        int rc = work_piece(s, p, joints + (size_t)first * FRAME, e);
        if (rc)
            return rc;
    }
    return 0;
}

static void drop_pieces(struct source *s)
{
    for (int k = 0; k < s->npieces; k++) {
        free(s->pieces[k].features[0]);
        free(s->pieces[k].features[1]);
    }
    free(s->pieces);
    s->pieces = NULL;
    s->npieces = 0;
}

static void work(struct source *s, const struct joint_map *map)
{
    struct bvh bvh;
    double *joints = NULL;
    int frames = 0;
    char path[NAME_MAX_LENGTH + 8];
    snprintf(path, sizeof path, "%s.bvh", s->name);
    s->rc = bvh_parse(path, s->text, s->size, &bvh, &s->error);
    free(s->text);
    s->text = NULL;
    if (s->rc)
        return;
    s->rc = bvh_joints(&bvh, map, fps, &joints, &frames, &s->error);
    bvh_free(&bvh);
    if (s->rc)
        return;
    struct error why = {0};
    int rc = work_pieces(s, joints, frames, &why);
    free(joints);
    if (rc == ERR_INPUT) {       /* what cannot be measured is named and left out */
        drop_pieces(s);
        snprintf(s->left_out, sizeof s->left_out, "%.190s", why.text);
    } else if (rc) {
        s->rc = rc;
        s->error = why;
    }
}

/* ---- all clips ---- */

struct list {
    struct source *sources;
    int count, capacity;
};

static int list_add(struct list *l, const struct archive_entry *entry,
                    const struct bandai_name *label, struct archive *a, struct error *e)
{
    if (l->count == l->capacity) {
        int wanted = l->capacity ? 2 * l->capacity : 1024;
        struct source *grown = realloc(l->sources, (size_t)wanted * sizeof *grown);
        if (!grown)
            return error_memory(e, "the clip list");
        l->sources = grown;
        l->capacity = wanted;
    }
    struct source *s = &l->sources[l->count];
    memset(s, 0, sizeof *s);
    snprintf(s->name, sizeof s->name, "%.*s", (int)(strlen(entry->name) - 4), entry->name);
    s->label = *label;
    int rc = archive_read(a, BVH_MAX_BYTES, &s->text, &s->size, e);
    if (!rc)
        l->count++;
    return rc;
}

static int work_batch(struct list *l, int first, const struct joint_map *map, struct error *e)
{
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = first; i < l->count; i++)
        work(&l->sources[i], map);
    for (int i = first; i < l->count; i++)
        if (l->sources[i].rc) {
            *e = l->sources[i].error;
            return l->sources[i].rc;
        }
    return 0;
}

/* "NAME.bvh" with a name of the data set. */
static int is_clip(const char *file, struct bandai_name *label)
{
    size_t length = strlen(file);
    char name[NAME_MAX_LENGTH];
    if (length < 5 || length - 4 >= sizeof name || strcmp(file + length - 4, ".bvh") != 0)
        return 0;
    snprintf(name, sizeof name, "%.*s", (int)(length - 4), file);
    return bandai_parse_name(name, label);
}

enum { CLIPS_KNOWN = 3076 };

static int read_clips(struct archive *a, const struct joint_map *map,
                      const struct build_listener *listener, struct list *l, struct error *e)
{
    int found = 1, worked = 0, rc = 0;
    while (!rc && found) {
        struct archive_entry entry;
        struct bandai_name label;
        rc = archive_next(a, &entry, &found, e);
        if (!rc && found && is_clip(entry.name, &label))
            rc = list_add(l, &entry, &label, a, e);
        if (!rc && (l->count - worked == BATCH || !found)) {
            rc = work_batch(l, worked, map, e);
            worked = l->count;
            if (listener && listener->progress)
                listener->progress(listener->context, worked, found ? CLIPS_KNOWN : worked);
        }
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct source *)a)->name, ((const struct source *)b)->name);
}

static int add_twin(struct set_builder *b, const struct piece *p, const char *split, int mirrored,
                    struct error *e)
{
    char name[NAME_MAX_LENGTH + 1], slots[CAPTION_SLOTS], text[CAPTION_TEXT + 40],
        tokens[CAPTION_TOKENS + 40], caption_slots[CAPTION_SLOTS];
    snprintf(name, sizeof name, "%s%s", mirrored ? "M" : "", p->name);
    int short_of_room = mirrored ? text_mirror(p->slots, slots, sizeof slots)
                                 : (snprintf(slots, sizeof slots, "%s", p->slots), 0);
    int rc = set_builder_clip(b, name, split, p->features[mirrored], p->length, slots, e);
    for (int k = 0; !rc && k < CAPTIONS_A_CLIP; k++) {
        const struct bandai_caption *c = &p->caption[k];
        if (!mirrored) {
            rc = set_builder_caption(b, c->text, c->tokens, c->slots, 0, 0, e);
            continue;
        }
        short_of_room |= text_mirror(c->text, text, sizeof text) |
                         text_mirror(c->tokens, tokens, sizeof tokens) |
                         text_mirror(c->slots, caption_slots, sizeof caption_slots);
        rc = set_builder_caption(b, text, tokens, caption_slots, 0, 0, e);
    }
    return !rc && short_of_room ? error_set(e, ERR_INTERNAL, "%s: no room for the mirrored caption", name)
                                : rc;
}

static void note(const struct build_listener *listener, const char *name, const char *why)
{
    if (listener && listener->note) {
        char line[NAME_MAX_LENGTH + 260];
        snprintf(line, sizeof line, "%s: left out: %s", name, why);
        listener->note(listener->context, line);
    }
}

static int add_all(struct list *l, struct set_builder *b, const struct build_listener *listener,
                   struct error *e)
{
    int rc = 0;
    for (int i = 0; !rc && i < l->count; i++) {
        struct source *s = &l->sources[i];
        const char *split = bandai_split(&s->label);
        if (i > 0 && strcmp(s->name, l->sources[i - 1].name) == 0)
            rc = error_set(e, ERR_INPUT, "%s.bvh appears twice; keep one copy", s->name);
        else if (!split)
            note(listener, s->name, "it re-cuts frames of other clips");
        else if (*s->left_out)
            note(listener, s->name, s->left_out);
        for (int k = 0; !rc && split && k < s->npieces; k++) {
            rc = add_twin(b, &s->pieces[k], split, 0, e);
            if (!rc)
                rc = add_twin(b, &s->pieces[k], split, 1, e);
        }
        drop_pieces(s);
    }
    return rc;
}

/* The archive in a folder, if there is one; else the folder itself. */
static void find_archive(const char *root, char *path, size_t size)
{
    char **names = NULL;
    int count = 0;
    snprintf(path, size, "%s", root);
    if (file_list(root, &names, &count, NULL) != 0)
        return;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (length > 7 && strcmp(names[i] + length - 7, ".tar.xz") == 0)
            snprintf(path, size, "%s/%s", root, names[i]);
    }
    file_list_free(names, count);
}

int build_bandai(const char *root, const struct build_listener *listener, struct set_builder **out,
                 struct error *e)
{
    char path[1200];
    struct archive *a = NULL;
    struct joint_map map;
    struct list l = {0};
    *out = NULL;
    find_archive(root, path, sizeof path);
    int rc = joint_map_read("bandai", skeleton_humanml3d(), &map, e);
    if (!rc)
        rc = archive_open(path, &a, e);
    if (!rc)
        rc = read_clips(a, &map, listener, &l, e);
    archive_close(a);
    if (!rc && l.count == 0)
        rc = error_set(e, ERR_INPUT,
                       "%s: no dataset-N_CONTENT_STYLE_NNN.bvh found; give the folder that holds the "
                       "archive or the unpacked files", path);
    if (!rc) {
        qsort(l.sources, (size_t)l.count, sizeof *l.sources, by_name);
        const struct set_layout layout = {"bandai", skeleton_humanml3d(), FEATURES, JOINTS, fps,
                                          BUILD_MIN_LENGTH, BUILD_MAX_LENGTH, 4};
        rc = set_builder_new(&layout, out, e);
    }
    if (!rc)
        rc = add_all(&l, *out, listener, e);
    if (!rc) {
        set_builder_original(*out, l.count);
        rc = set_builder_statistics(*out, e);
    }
    if (!rc)
        rc = set_builder_words_from_captions(*out, BUILD_WORD_WIDTH, BUILD_WORD_SEED, e);
    for (int i = 0; i < l.count; i++) {
        free(l.sources[i].text);
        drop_pieces(&l.sources[i]);
    }
    free(l.sources);
    if (rc) {
        set_builder_free(*out);
        *out = NULL;
    }
    return rc;
}
