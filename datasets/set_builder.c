#include "set_builder.h"

#include "../engine/file.h"
#include "pool.h"
#include "statistics.h"
#include "words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct set_builder {
    struct set set;
    struct pool *pool;
    const struct skeleton *skeleton;
    int clip_capacity, caption_capacity, nan_capacity;
    int ncaptions;
    struct caption *captions;    /* of all clips, in order; clips hold only counts until the end */
};

/* Room for one more element of an array that doubles. */
static int make_room(void **array, int *capacity, int count, size_t size, struct error *e)
{
    if (count < *capacity)
        return 0;
    int wanted = *capacity > 0 ? 2 * *capacity : 256;
    void *grown = realloc(*array, (size_t)wanted * size);
    if (!grown)
        return error_memory(e, "a motion set");
    *array = grown;
    *capacity = wanted;
    return 0;
}

int set_builder_new(const struct set_layout *layout, struct set_builder **out, struct error *e)
{
    *out = NULL;
    struct set_builder *b = calloc(1, sizeof *b);
    if (!b || !(b->pool = pool_new())) {
        free(b);
        return error_memory(e, "a motion set");
    }
    struct set *s = &b->set;
    snprintf(s->name, sizeof s->name, "%s", layout->name);
    s->nfeats = layout->nfeats;
    s->njoints = layout->njoints;
    s->fps = layout->fps;
    s->min_length = layout->min_length;
    s->max_length = layout->max_length;
    s->unit = layout->unit;
    b->skeleton = layout->skeleton;
    *out = b;
    return 0;
}

void set_builder_free(struct set_builder *b)
{
    if (!b)
        return;
    pool_free(b->pool);
    words_free(&b->set.words);
    free(b->set.clips);
    free(b->set.nan_names);
    free(b->captions);
    free(b);
}

int set_builder_clip(struct set_builder *b, const char *name, const char *split,
                     const float *features, int length, const char *slots, struct error *e)
{
    struct set *s = &b->set;
    if (length < 1)
        return error_set(e, ERR_INPUT, "%s: a clip needs at least one frame", name);
    size_t count = (size_t)length * (size_t)s->nfeats;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(features[i]))
            return error_set(e, ERR_INPUT, "%s: frame %d, channel %d is not finite", name,
                             (int)(i / (size_t)s->nfeats), (int)(i % (size_t)s->nfeats));
    void *list = s->clips;
    int rc = make_room(&list, &b->clip_capacity, s->nclips, sizeof *s->clips, e);
    s->clips = list;
    if (rc)
        return rc;
    float *copy = pool_get(b->pool, count * sizeof *copy);
    struct clip clip = {.name = pool_text(b->pool, name), .split = pool_text(b->pool, split),
                        .length = length, .features = copy, .slots = pool_text(b->pool, slots)};
    if (!copy || !clip.name || !clip.split || !clip.slots)
        return error_memory(e, "a motion set");
    memcpy(copy, features, count * sizeof *copy);
    s->clips[s->nclips++] = clip;
    return 0;
}

int set_builder_caption(struct set_builder *b, const char *text, const char *tokens,
                        const char *slots, double from, double to, struct error *e)
{
    if (b->set.nclips == 0)
        return error_set(e, ERR_INTERNAL, "a caption before any clip");
    void *list = b->captions;
    int rc = make_room(&list, &b->caption_capacity, b->ncaptions, sizeof *b->captions, e);
    b->captions = list;
    if (rc)
        return rc;
    struct caption c = {pool_text(b->pool, text), pool_text(b->pool, tokens),
                        pool_text(b->pool, slots), from, to};
    if (!c.text || !c.tokens || !c.slots)
        return error_memory(e, "a motion set");
    b->captions[b->ncaptions++] = c;
    b->set.clips[b->set.nclips - 1].ncaptions++;
    return 0;
}

int set_builder_nan(struct set_builder *b, const char *name, struct error *e)
{
    struct set *s = &b->set;
    void *list = s->nan_names;
    int rc = make_room(&list, &b->nan_capacity, s->nnan, sizeof *s->nan_names, e);
    s->nan_names = list;
    if (rc)
        return rc;
    if (!(s->nan_names[s->nnan] = pool_text(b->pool, name)))
        return error_memory(e, "a motion set");
    s->nnan++;
    return 0;
}

void set_builder_original(struct set_builder *b, int count)
{
    b->set.noriginal = count;
}

void set_builder_words(struct set_builder *b, struct words *w)
{
    words_free(&b->set.words);
    b->set.words = *w;
    *w = (struct words){0};
}

int set_builder_words_from_captions(struct set_builder *b, int dim, uint64_t seed, struct error *e)
{
    const char **tokens = malloc(((size_t)b->ncaptions + 1) * sizeof *tokens);
    if (!tokens)
        return error_memory(e, "the vocabulary");
    int n = 0, at = 0;
    for (int c = 0; c < b->set.nclips; c++)
        for (int k = 0; k < b->set.clips[c].ncaptions; k++, at++)
            if (strcmp(b->set.clips[c].split, "train") == 0)
                tokens[n++] = b->captions[at].tokens;
    struct words w;
    int rc = words_from_tokens(&w, tokens, n, dim, seed, e);
    free(tokens);
    if (!rc)
        set_builder_words(b, &w);
    return rc;
}

/* ---- statistics ---- */

static int need_statistics(struct set_builder *b, struct error *e)
{
    struct set *s = &b->set;
    size_t features = (size_t)s->nfeats, spatial = 3 * (size_t)s->njoints;
    if (s->mean)
        return 0;
    float *all = pool_get(b->pool, (4 * features + 2 * spatial) * sizeof *all);
    if (!all)
        return error_memory(e, "statistics");
    s->mean = all;
    s->std = s->mean + features;
    s->mean_eval = s->std + features;
    s->std_eval = s->mean_eval + features;
    s->raw_mean = s->std_eval + features;
    s->raw_std = s->raw_mean + spatial;
    for (size_t i = 0; i < features; i++) {
        s->mean[i] = s->mean_eval[i] = 0.0f;
        s->std[i] = s->std_eval[i] = 1.0f;
    }
    for (size_t i = 0; i < spatial; i++) {
        s->raw_mean[i] = 0.0f;
        s->raw_std[i] = 1.0f;
    }
    return 0;
}

static void evaluator_statistics(struct set_builder *b)
{
    struct set *s = &b->set;
    memcpy(s->mean_eval, s->mean, (size_t)s->nfeats * sizeof *s->mean);
    if (b->skeleton)
        statistics_feat_bias(b->skeleton, s->std, 5.0, 2, s->std_eval);
    else
        memcpy(s->std_eval, s->std, (size_t)s->nfeats * sizeof *s->std);
}

static int spatial_statistics(struct set_builder *b, struct error *e)
{
    struct set *s = &b->set;
    if (!b->skeleton)
        return 0;
    struct statistics spatial;
    int rc = statistics_begin(&spatial, 3 * s->njoints, e);
    for (int c = 0; !rc && c < s->nclips; c++)
        if (statistics_add_joints(&spatial, b->skeleton, s->clips[c].features,
                                  s->clips[c].length) < 0)
            rc = error_memory(e, "statistics");
    if (!rc)
        rc = statistics_spatial(&spatial, s->raw_mean, s->raw_std, e);
    statistics_free(&spatial);
    return rc;
}

int set_builder_statistics(struct set_builder *b, struct error *e)
{
    struct set *s = &b->set;
    if (!b->skeleton)
        return error_set(e, ERR_INTERNAL, "%s: statistics need a skeleton", s->name);
    struct statistics sums;
    int rc = statistics_begin(&sums, s->nfeats, e);
    if (!rc)
        rc = need_statistics(b, e);
    for (int c = 0; !rc && c < s->nclips; c++)
        statistics_add(&sums, s->clips[c].features, s->clips[c].length);
    if (!rc)
        rc = statistics_features(&sums, b->skeleton, s->mean, s->std, e);
    statistics_free(&sums);
    if (!rc) {
        evaluator_statistics(b);
        rc = spatial_statistics(b, e);
    }
    return rc;
}

static void keep(float *to, const float *from, int count)
{
    if (from)
        memcpy(to, from, (size_t)count * sizeof *to);
}

int set_builder_given(struct set_builder *b, const float *mean, const float *std,
                      const float *mean_eval, const float *std_eval, const float *raw_mean,
                      const float *raw_std, struct error *e)
{
    struct set *s = &b->set;
    int rc = need_statistics(b, e);
    if (rc)
        return rc;
    keep(s->mean, mean, s->nfeats);
    keep(s->std, std, s->nfeats);
    evaluator_statistics(b);
    keep(s->mean_eval, mean_eval, s->nfeats);
    keep(s->std_eval, std_eval, s->nfeats);
    if (!raw_mean || !raw_std)
        rc = spatial_statistics(b, e);
    keep(s->raw_mean, raw_mean, 3 * s->njoints);
    keep(s->raw_std, raw_std, 3 * s->njoints);
    return rc;
}

/* ---- the end ---- */

static int hand_over(struct set_builder *b, struct error *e)
{
    struct set *s = &b->set;
    if (s->nclips == 0)
        return error_set(e, ERR_INPUT, "%s: no clip was found; look at the folder's layout", s->name);
    int rc = need_statistics(b, e);
    if (rc)
        return rc;
    const struct caption *next = b->captions;
    for (int c = 0; c < s->nclips; c++) {
        s->clips[c].captions = next;
        if (next)
            next += s->clips[c].ncaptions;
    }
    if (b->captions && pool_adopt(b->pool, b->captions) != 0)
        return error_memory(e, "a motion set");
    b->captions = NULL;
    if (pool_adopt(b->pool, s->clips) != 0) {
        return error_memory(e, "a motion set");
    }
    struct clip *clips = s->clips;
    s->clips = NULL;               /* from here on the pool's */
    if (s->nan_names && pool_adopt(b->pool, s->nan_names) != 0)
        return error_memory(e, "a motion set");
    s->clips = clips;
    return 0;
}

int set_builder_finish(struct set_builder *b, struct set *out, struct error *e)
{
    *out = (struct set){0};
    int rc = hand_over(b, e);
    if (rc) {
        set_builder_free(b);
        return rc;
    }
    if (b->set.noriginal == 0)
        b->set.noriginal = b->set.nclips + b->set.nnan;
    *out = b->set;
    out->memory = b->pool;
    free(b);
    rc = set_statistics_hash(out, out->statistics_sha256, e);
    if (rc)
        set_free(out);
    return rc;
}

void set_free(struct set *s)
{
    words_free(&s->words);
    pool_free(s->memory);
    *s = (struct set){0};
}

int set_statistics_hash(const struct set *s, char hex[65], struct error *e)
{
    struct sha256 *h = sha256_new();
    sha256_add(h, s->mean, (size_t)s->nfeats * sizeof *s->mean);
    sha256_add(h, s->std, (size_t)s->nfeats * sizeof *s->std);
    return sha256_text(h, hex) ? error_memory(e, "a motion set") : 0;
}
