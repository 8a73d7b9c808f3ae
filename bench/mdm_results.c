#include "mdm_results.h"

#include "../engine/mapping.h"
#include "../engine/pickle.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mdm_results {
    char path[1400];
    struct mapping map;
    struct pickle pickle;
    const struct pickle_array *motion, *lengths;
    const struct pickle_node *text;
    int samples;
};

enum { LARGEST_HEADER = 4096 };
static const size_t largest_file = (size_t)1 << 36;

static int bad(const struct mdm_results *r, const char *rule, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: %s; results.npy of MDM is a dictionary with motion (N, J, 3, T), text and lengths", r->path, rule);
}

/* Where the pickle begins behind the .npy header of an object array. */
static int find_pickle(const struct mdm_results *r, size_t *at, struct error *e)
{
    const unsigned char *u = r->map.data;
    char header[LARGEST_HEADER + 1];
    if (r->map.size < 12 || memcmp(u, "\x93NUMPY", 6) != 0 || u[6] < 1 || u[6] > 3)
        return bad(r, "not a .npy file", e);
    size_t start = u[6] == 1 ? 10 : 12, length = u[8] | (size_t)u[9] << 8;
    if (u[6] >= 2)
        length |= (size_t)u[10] << 16 | (size_t)u[11] << 24;
    if (length > LARGEST_HEADER || length > r->map.size - start)
        return bad(r, "its header goes past the file", e);
    memcpy(header, u + start, length);
    header[length] = 0;
    if (!strstr(header, "'|O'") || !strstr(header, "'shape': ()"))
        return bad(r, "no array of one object", e);
    *at = start + length;
    return 0;
}

static const struct pickle_array *array_of(const struct pickle_node *node)
{
    return node && node->kind == PICKLE_OPAQUE && node->of.array && node->of.array->known ? node->of.array : NULL;
}

static int64_t length_of(const struct mdm_results *r, int i)
{
    int64_t v = 0;
    int32_t w = 0;
    if (r->lengths->type[2] == '8') {
        memcpy(&v, r->lengths->bytes + 8 * (size_t)i, 8);
        return v;
    }
    memcpy(&w, r->lengths->bytes + 4 * (size_t)i, 4);
    return w;
}

static int check_contents(struct mdm_results *r, struct error *e)
{
    const struct pickle_array *outer = array_of(r->pickle.root);
    const struct pickle_node *dict = outer && outer->list && outer->list->count == 1 ? outer->list->items[0] : NULL;
    if (!dict || dict->kind != PICKLE_DICT)
        return bad(r, "its object is no dictionary", e);
    const struct pickle_node *samples = pickle_get(dict, "num_samples");
    r->motion = array_of(pickle_get(dict, "motion"));
    r->lengths = array_of(pickle_get(dict, "lengths"));
    r->text = pickle_get(dict, "text");
    if (!r->motion || r->motion->rank != 4 || strcmp(r->motion->type, "<f4") || r->motion->shape[2] != 3 || r->motion->shape[0] < 1)
        return bad(r, "motion is no float32 array (N, J, 3, T)", e);
    int n = r->motion->shape[0];
    if (!r->lengths || r->lengths->rank != 1 || r->lengths->shape[0] != n || (strcmp(r->lengths->type, "<i8") && strcmp(r->lengths->type, "<i4")))
        return bad(r, "lengths is no integer array (N)", e);
    r->samples = samples && samples->kind == PICKLE_INT && samples->integer >= 1 && samples->integer <= n ? (int)samples->integer : n;
    if (n % r->samples || !r->text || r->text->kind != PICKLE_LIST || (r->text->count != (size_t)n && r->text->count != (size_t)r->samples))
        return bad(r, "text is no list of a caption a motion", e);
    for (size_t i = 0; i < r->text->count; i++)
        if (r->text->items[i]->kind != PICKLE_TEXT)
            return bad(r, "a caption is no text", e);
    for (int i = 0; i < n; i++)
        if (length_of(r, i) < 1 || length_of(r, i) > r->motion->shape[3])
            return bad(r, "a length is not from 1 to T", e);
    return 0;
}

int mdm_results_open(const char *path, struct mdm_results **out, struct error *e)
{
    size_t at = 0, consumed = 0;
    *out = NULL;
    struct mdm_results *r = calloc(1, sizeof *r);
    if (!r)
        return error_memory(e, path);
    r->map.fd = -1;
    snprintf(r->path, sizeof r->path, "%.1300s", path);
    int rc = mapping_open(&r->map, path, largest_file, e);
    if (!rc)
        rc = find_pickle(r, &at, e);
    if (!rc)
        rc = pickle_parse(path, (const char *)r->map.data + at, r->map.size - at, &r->pickle, &consumed, e);
    if (!rc && consumed != r->map.size - at)
        rc = bad(r, "there is more behind the pickle", e);
    if (!rc)
        rc = check_contents(r, e);
    if (rc)
        mdm_results_close(r);
    else
        *out = r;
    return rc;
}

void mdm_results_close(struct mdm_results *r)
{
    if (!r)
        return;
    pickle_free(&r->pickle);
    mapping_close(&r->map);
    free(r);
}

int mdm_results_count(const struct mdm_results *r)
{
    return r->motion->shape[0];
}

int mdm_results_samples(const struct mdm_results *r)
{
    return r->samples;
}

const char *mdm_results_caption(const struct mdm_results *r, int motion)
{
    return r->text->items[(size_t)motion % r->text->count]->text;
}

int mdm_results_motion(const struct mdm_results *r, int motion, struct npy *out, struct error *e)
{
    size_t J = (size_t)r->motion->shape[1], T = (size_t)r->motion->shape[3], n = (size_t)length_of(r, motion);
    const unsigned char *from = r->motion->bytes + (size_t)motion * J * 3 * T * 4;
    *out = (struct npy){.rank = 3, .shape = {(int)J, 3, (int)n}, .count = J * 3 * n, .type = "f4"};
    out->data = malloc((out->count + 1) * sizeof *out->data);
    if (!out->data)
        return error_memory(e, "a motion");
    for (size_t k = 0; k < J * 3; k++)
        for (size_t t = 0; t < n; t++) {
            float v;
            memcpy(&v, from + 4 * (k * T + t), sizeof v);
            out->data[k * n + t] = (double)v;
        }
    return 0;
}
