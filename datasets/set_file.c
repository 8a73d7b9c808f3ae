/* The packed form of a set: one HDF5 file.
 *
 *   /                    attributes kind "mlcm motion set", version, name, nfeats, njoints, fps,
 *                        min_length, max_length, unit, noriginal
 *   /clips/name split slots    (n) strings
 *   /clips/length captions     (n) int: frames, number of captions
 *   /features/00000 …          (rows, nfeats) float: the clips' rows in order, in blocks
 *   /captions/text tokens slots, /captions/from to
 *   /statistics/mean std mean_eval std_eval raw_mean raw_std
 *   /words/word, /words/vector
 *   /nan_names                 if any
 *
 * A block holds whole clips; /features attribute "blocks" is their number and
 * /features/clips the number of clips in each. */
#include "set_builder.h"

#include "../engine/file.h"
#include "../engine/h5.h"
#include "pool.h"
#include "words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char set_kind[] = "mlcm motion set";
enum { SET_VERSION = 1, BLOCK_VALUES = 16 << 20 };

/* ---- writing ---- */

static int write_strings(struct h5 *f, const char *name, int count, const char **list,
                         struct error *e)
{
    /* h5_write_strings takes char *const *: the strings are only read. */
    char **plain = malloc(((size_t)count + 1) * sizeof *plain);
    if (!plain)
        return error_memory(e, name);
    memcpy(plain, list, (size_t)count * sizeof *plain);
    int rc = count > 0 ? h5_write_strings(f, name, count, plain, e) : 0;
    free(plain);
    return rc;
}

static int write_clips(struct h5 *f, const struct set *s, struct error *e)
{
    size_t n = (size_t)s->nclips;
    const char **text = malloc(n * sizeof *text);
    int32_t *number = malloc(n * sizeof *number);
    int rc = text && number ? 0 : error_memory(e, "/clips");
    static const char *const names[] = {"/clips/name", "/clips/split", "/clips/slots"};
    for (int k = 0; !rc && k < 3; k++) {
        for (size_t i = 0; i < n; i++)
            text[i] = k == 0 ? s->clips[i].name : k == 1 ? s->clips[i].split : s->clips[i].slots;
        rc = write_strings(f, names[k], s->nclips, text, e);
    }
    for (size_t i = 0; !rc && i < n; i++)
        number[i] = s->clips[i].length;
    if (!rc)
        rc = h5_write_int(f, "/clips/length", 1, &s->nclips, number, e);
    for (size_t i = 0; !rc && i < n; i++)
        number[i] = s->clips[i].ncaptions;
    if (!rc)
        rc = h5_write_int(f, "/clips/captions", 1, &s->nclips, number, e);
    free(text);
    free(number);
    return rc;
}

static int write_features(struct h5 *f, const struct set *s, struct error *e)
{
    size_t width = (size_t)s->nfeats;
    int32_t *clips = calloc((size_t)s->nclips, sizeof *clips);
    int blocks = 0, rc = clips ? 0 : error_memory(e, "/features");
    for (int first = 0; !rc && first < s->nclips;) {
        size_t rows = (size_t)s->clips[first].length;
        int next = first + 1;
        while (next < s->nclips && (rows + (size_t)s->clips[next].length) * width <= BLOCK_VALUES)
            rows += (size_t)s->clips[next++].length;
        float *block = malloc(rows * width * sizeof *block), *at = block;
        if (!block) {
            rc = error_memory(e, "/features");
            break;
        }
        for (int c = first; c < next; c++) {
            size_t values = (size_t)s->clips[c].length * width;
            memcpy(at, s->clips[c].features, values * sizeof *at);
            at += values;
        }
        char name[32];
        snprintf(name, sizeof name, "/features/%05d", blocks);
        const int dims[2] = {(int)rows, s->nfeats};
        rc = h5_write_float(f, name, 2, dims, block, e);
        free(block);
        clips[blocks++] = next - first;
        first = next;
    }
    if (!rc)
        rc = h5_write_int(f, "/features/clips", 1, &blocks, clips, e);
    free(clips);
    return rc;
}

static int write_captions(struct h5 *f, const struct set *s, struct error *e)
{
    int total = 0;
    for (int c = 0; c < s->nclips; c++)
        total += s->clips[c].ncaptions;
    if (total == 0)
        return 0;
    const char **text = malloc((size_t)total * sizeof *text);
    double *time = malloc((size_t)total * sizeof *time);
    int rc = text && time ? 0 : error_memory(e, "/captions");
    static const char *const names[] = {"/captions/text", "/captions/tokens", "/captions/slots",
                                        "/captions/from", "/captions/to"};
    for (int k = 0; !rc && k < 5; k++) {
        int at = 0;
        for (int c = 0; c < s->nclips; c++)
            for (int j = 0; j < s->clips[c].ncaptions; j++, at++) {
                const struct caption *caption = &s->clips[c].captions[j];
                text[at] = k == 0 ? caption->text : k == 1 ? caption->tokens : caption->slots;
                time[at] = k == 3 ? caption->from : caption->to;
            }
        rc = k < 3 ? write_strings(f, names[k], total, text, e)
                   : h5_write_double(f, names[k], 1, &total, time, e);
    }
    free(text);
    free(time);
    return rc;
}

static int write_rest(struct h5 *f, const struct set *s, struct error *e)
{
    const int spatial[2] = {s->njoints, 3}, vectors[2] = {s->words.count, s->words.dim};
    int rc = h5_write_float(f, "/statistics/mean", 1, &s->nfeats, s->mean, e);
    if (!rc) rc = h5_write_float(f, "/statistics/std", 1, &s->nfeats, s->std, e);
    if (!rc) rc = h5_write_float(f, "/statistics/mean_eval", 1, &s->nfeats, s->mean_eval, e);
    if (!rc) rc = h5_write_float(f, "/statistics/std_eval", 1, &s->nfeats, s->std_eval, e);
    if (!rc) rc = h5_write_float(f, "/statistics/raw_mean", 2, spatial, s->raw_mean, e);
    if (!rc) rc = h5_write_float(f, "/statistics/raw_std", 2, spatial, s->raw_std, e);
    if (!rc && s->words.count > 0) {
        rc = h5_write_strings(f, "/words/word", s->words.count, s->words.word, e);
        if (!rc) rc = h5_write_float(f, "/words/vector", 2, vectors, s->words.vector, e);
    }
    if (!rc && s->nnan > 0)
        rc = h5_write_strings(f, "/nan_names", s->nnan, s->nan_names, e);
    return rc;
}

int set_write(const char *path, const struct set *s, struct error *e)
{
    struct h5 *f = NULL;
    int rc = h5_create(path, &f, e);
    if (rc)
        return rc;
    rc = h5_write_attr_string(f, "/", "kind", set_kind, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "version", SET_VERSION, e);
    if (!rc) rc = h5_write_attr_string(f, "/", "name", s->name, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "nfeats", s->nfeats, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "njoints", s->njoints, e);
    if (!rc) rc = h5_write_attr_double(f, "/", "fps", s->fps, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "min_length", s->min_length, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "max_length", s->max_length, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "unit", s->unit, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "noriginal", s->noriginal, e);
    if (!rc) rc = write_clips(f, s, e);
    if (!rc) rc = write_features(f, s, e);
    if (!rc) rc = write_captions(f, s, e);
    if (!rc) rc = write_rest(f, s, e);
    if (rc) {
        h5_close(f);
        return rc;
    }
    return h5_commit(f, e);
}

/* ---- reading ---- */

struct reader {
    struct h5 *f;
    struct set *set;
    struct pool *pool;
    const char *path;
    struct error *e;
};

static int bad(struct reader *r, const char *what)
{
    return error_set(r->e, ERR_INPUT, "%s: %s: build the set again with mlcm data build", r->path,
                     what);
}

static int read_attr(struct reader *r, const char *name, int low, int high, int *out)
{
    int64_t v = 0;
    int rc = h5_attr_int(r->f, "/", name, &v, r->e);
    if (rc)
        return rc;
    if (v < low || v > high) {
        char what[96];
        snprintf(what, sizeof what, "attribute %s is outside %d … %d", name, low, high);
        return bad(r, what);
    }
    *out = (int)v;
    return 0;
}

static int read_header(struct reader *r)
{
    struct set *s = r->set;
    char kind[64] = "";
    int version = 0;
    if (!h5_has_attr(r->f, "/", "kind") ||
        h5_attr_string(r->f, "/", "kind", kind, sizeof kind, r->e) != 0 ||
        strcmp(kind, set_kind) != 0)
        return error_set(r->e, ERR_INPUT,
                         "%s: not a motion set; make one with mlcm data build", r->path);
    int rc = read_attr(r, "version", SET_VERSION, SET_VERSION, &version);
    if (!rc) rc = h5_attr_string(r->f, "/", "name", s->name, sizeof s->name, r->e);
    if (!rc) rc = read_attr(r, "nfeats", 1, 4096, &s->nfeats);
    if (!rc) rc = read_attr(r, "njoints", 1, 1024, &s->njoints);
    if (!rc) rc = h5_attr_double(r->f, "/", "fps", &s->fps, r->e);
    if (!rc) rc = read_attr(r, "min_length", 1, 1000000, &s->min_length);
    if (!rc) rc = read_attr(r, "max_length", 1, 1000000, &s->max_length);
    if (!rc) rc = read_attr(r, "unit", 1, 1000, &s->unit);
    if (!rc) rc = read_attr(r, "noriginal", 0, 1 << 30, &s->noriginal);
    if (!rc && !(s->fps > 0 && s->fps < 1e6))
        rc = bad(r, "the frame rate is not positive");
    if (!rc && s->min_length < s->unit)
        rc = bad(r, "min_length is below one unit: an item would have no frame");
    return rc;
}

/* A string dataset of `count` elements, copied to the pool. */
static int read_strings(struct reader *r, const char *name, int count, char ***out)
{
    char **list = NULL;
    int have = 0;
    int rc = h5_read_strings(r->f, name, &list, &have, r->e);
    if (rc)
        return rc;
    *out = pool_get(r->pool, ((size_t)have + 1) * sizeof **out);
    if (!*out)
        rc = error_memory(r->e, name);
    for (int i = 0; !rc && i < have; i++)
        if (!((*out)[i] = pool_text(r->pool, list[i])))
            rc = error_memory(r->e, name);
    h5_names_free(list, have);
    if (!rc && count >= 0 && have != count) {
        char what[128];
        snprintf(what, sizeof what, "%s has %d elements, not %d", name, have, count);
        rc = bad(r, what);
    }
    return rc;
}

/* A numeric dataset of `count` finite elements, owned by the pool. */
static int read_floats(struct reader *r, const char *name, size_t count, float **out)
{
    size_t have = 0;
    int rc = h5_read_float(r->f, name, out, &have, r->e);
    if (rc)
        return rc;
    if (pool_adopt(r->pool, *out) != 0) {
        free(*out);
        return error_memory(r->e, name);
    }
    char what[128];
    if (have != count) {
        snprintf(what, sizeof what, "%s has %zu elements, not %zu", name, have, count);
        return bad(r, what);
    }
    for (size_t i = 0; i < count; i++)
        if (!isfinite((*out)[i])) {
            snprintf(what, sizeof what, "%s holds a non-finite value at element %zu", name, i);
            return bad(r, what);
        }
    return 0;
}

static int read_clips(struct reader *r, int *ncaptions)
{
    struct set *s = r->set;
    int32_t *length = NULL, *captions = NULL;
    size_t n = 0, n2 = 0;
    char **name = NULL, **split = NULL, **slots = NULL;
    int rc = h5_read_int(r->f, "/clips/length", &length, &n, r->e);
    if (!rc) rc = h5_read_int(r->f, "/clips/captions", &captions, &n2, r->e);
    if (!rc && (n != n2 || n < 1 || n > (1 << 24)))
        rc = bad(r, "/clips/length and /clips/captions differ in size");
    if (!rc) rc = read_strings(r, "/clips/name", (int)n, &name);
    if (!rc) rc = read_strings(r, "/clips/split", (int)n, &split);
    if (!rc) rc = read_strings(r, "/clips/slots", (int)n, &slots);
    if (!rc && !(s->clips = pool_get(r->pool, n * sizeof *s->clips)))
        rc = error_memory(r->e, "/clips");
    int64_t total = 0;
    for (size_t i = 0; !rc && i < n; i++) {
        if (length[i] < 1 || length[i] > 1000000 || captions[i] < 0 || captions[i] > 1000000)
            rc = bad(r, "/clips holds a length or a caption count out of range");
        else if (strcmp(split[i], "train") != 0 && strcmp(split[i], "val") != 0 &&
                 strcmp(split[i], "test") != 0 && strcmp(split[i], "none") != 0)
            rc = bad(r, "/clips/split is neither train, val, test nor none");
        total += captions[i];
        s->clips[i] = (struct clip){.name = name[i], .split = split[i], .length = length[i],
                                    .slots = slots[i], .ncaptions = captions[i]};
    }
    if (!rc && total > (1 << 28))
        rc = bad(r, "/clips/captions counts too many captions");
    s->nclips = (int)n;
    *ncaptions = (int)total;
    free(length);
    free(captions);
    return rc;
}

static int read_features(struct reader *r)
{
    struct set *s = r->set;
    int32_t *clips = NULL;
    size_t blocks = 0;
    int next = 0;
    int rc = h5_read_int(r->f, "/features/clips", &clips, &blocks, r->e);
    for (size_t b = 0; !rc && b < blocks; b++) {
        if (clips[b] < 1 || clips[b] > s->nclips - next) {
            rc = bad(r, "/features/clips does not add up to the number of clips");
            break;
        }
        size_t rows = 0;
        for (int c = next; c < next + clips[b]; c++)
            rows += (size_t)s->clips[c].length;
        char name[32];
        snprintf(name, sizeof name, "/features/%05d", (int)b);
        float *block = NULL;
        rc = read_floats(r, name, rows * (size_t)s->nfeats, &block);
        for (int end = next + clips[b]; !rc && next < end; next++) {
            s->clips[next].features = block;
            block += (size_t)s->clips[next].length * (size_t)s->nfeats;
        }
    }
    if (!rc && next != s->nclips)
        rc = bad(r, "/features/clips does not add up to the number of clips");
    free(clips);
    return rc;
}

static int read_captions(struct reader *r, int total)
{
    struct set *s = r->set;
    if (total == 0)
        return 0;
    char **text = NULL, **tokens = NULL, **slots = NULL;
    double *from = NULL, *to = NULL;
    size_t nfrom = 0, nto = 0;
    int rc = read_strings(r, "/captions/text", total, &text);
    if (!rc) rc = read_strings(r, "/captions/tokens", total, &tokens);
    if (!rc) rc = read_strings(r, "/captions/slots", total, &slots);
    if (!rc) rc = h5_read_double(r->f, "/captions/from", &from, &nfrom, r->e);
    if (!rc) rc = h5_read_double(r->f, "/captions/to", &to, &nto, r->e);
    if (!rc && (nfrom != (size_t)total || nto != (size_t)total))
        rc = bad(r, "/captions/from and to do not match the number of captions");
    struct caption *list = NULL;
    if (!rc && !(list = pool_get(r->pool, (size_t)total * sizeof *list)))
        rc = error_memory(r->e, "/captions");
    for (int i = 0; !rc && i < total; i++) {
        if (!isfinite(from[i]) || !isfinite(to[i]))
            rc = bad(r, "/captions/from or to is not finite");
        list[i] = (struct caption){text[i], tokens[i], slots[i], from[i], to[i]};
    }
    for (int c = 0; !rc && c < s->nclips; c++) {
        s->clips[c].captions = list;
        list += s->clips[c].ncaptions;
    }
    free(from);
    free(to);
    return rc;
}

static int read_words(struct reader *r)
{
    if (!h5_has(r->f, "/words/word"))
        return 0;
    int rank = 0, dims[8];
    char **word = NULL;
    float *vector = NULL;
    int rc = h5_shape(r->f, "/words/vector", &rank, dims, r->e);
    if (!rc && rank != 2)
        rc = bad(r, "/words/vector is not (words, width)");
    if (!rc) rc = read_strings(r, "/words/word", dims[0], &word);
    if (!rc) rc = read_floats(r, "/words/vector", (size_t)dims[0] * (size_t)dims[1], &vector);
    if (!rc) rc = words_make(&r->set->words, dims[0], word, dims[1], vector, r->e);
    return rc;
}

static int read_statistics(struct reader *r)
{
    struct set *s = r->set;
    size_t n = (size_t)s->nfeats, spatial = 3 * (size_t)s->njoints;
    int rc = read_floats(r, "/statistics/mean", n, &s->mean);
    if (!rc) rc = read_floats(r, "/statistics/std", n, &s->std);
    if (!rc) rc = read_floats(r, "/statistics/mean_eval", n, &s->mean_eval);
    if (!rc) rc = read_floats(r, "/statistics/std_eval", n, &s->std_eval);
    if (!rc) rc = read_floats(r, "/statistics/raw_mean", spatial, &s->raw_mean);
    if (!rc) rc = read_floats(r, "/statistics/raw_std", spatial, &s->raw_std);
    for (size_t i = 0; !rc && i < n; i++)
        if (s->std[i] <= 0 || s->std_eval[i] <= 0)
            rc = bad(r, "a standard deviation is not positive: a feature never changes in it; motions must step, turn and rise");
    return rc;
}

int set_read(const char *path, struct set *s, struct error *e)
{
    *s = (struct set){0};
    struct reader r = {.set = s, .path = path, .e = e};
    int rc = h5_open(path, &r.f, e);
    if (rc)
        return rc;
    snprintf(s->path, sizeof s->path, "%s", path);
    int ncaptions = 0;
    r.pool = pool_new();
    s->memory = r.pool;
    rc = r.pool ? read_header(&r) : error_memory(e, path);
    if (!rc) rc = read_clips(&r, &ncaptions);
    if (!rc) rc = read_features(&r);
    if (!rc) rc = read_captions(&r, ncaptions);
    if (!rc) rc = read_statistics(&r);
    if (!rc) rc = read_words(&r);
    if (!rc && h5_has(r.f, "/nan_names")) {
        int rank = 0, dims[8] = {0};
        rc = h5_shape(r.f, "/nan_names", &rank, dims, e);
        if (!rc) rc = read_strings(&r, "/nan_names", dims[0], &s->nan_names);
        if (!rc) s->nnan = dims[0];
    }
    h5_close(r.f);
    if (!rc) rc = sha256_file(path, s->sha256, e);
    if (!rc) rc = set_statistics_hash(s, s->statistics_sha256, e);
    if (rc)
        set_free(s);
    return rc;
}
