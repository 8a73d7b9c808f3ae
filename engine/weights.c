#include "weights.h"
#include "weights_source.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* ---- The list ---- */

struct weight *weights_find(const struct weights *w, const char *name)
{
    for (int i = 0; i < w->count; i++)
        if (strcmp(w->items[i].name, name) == 0)
            return &w->items[i];
    return NULL;
}

/* Appends an entry without values. */
static int add_entry(struct weights *w, const char *name, int rank, const int *shape, struct weight **out,
                     struct error *e)
{
    const char *path = w->path[0] ? w->path : "weights";
    if (weights_find(w, name))
        return error_set(e, ERR_INPUT, "%s: tensor '%s' occurs twice", path, name);
    if (rank < 0 || rank > 8)
        return error_set(e, ERR_INPUT, "%s: tensor '%s' has %d dimensions; 0 to 8 are allowed", path, name,
                         rank);
    size_t count = 1;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0 || (shape[i] > 0 && count > ((size_t)1 << 40) / (size_t)shape[i]))
            return error_set(e, ERR_INPUT, "%s: tensor '%s' has an impossible shape", path, name);
        count *= (size_t)shape[i];
    }
    if (w->count == w->capacity) {
        if (w->capacity > INT_MAX / 2)
            return error_memory(e, path);
        int capacity = w->capacity ? 2 * w->capacity : 64;
        struct weight *grown = realloc(w->items, (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return error_memory(e, path);
        w->items = grown;
        w->capacity = capacity;
    }
    struct weight *item = &w->items[w->count];
    memset(item, 0, sizeof *item);
    if ((item->name = strdup(name)) == NULL)
        return error_memory(e, path);
    item->rank = rank;
    if (rank)
        memcpy(item->shape, shape, (size_t)rank * sizeof *shape);
    item->count = count;
    w->count++;
    *out = item;
    return 0;
}

/* Takes back the newest entry. */
static int forget(struct weights *w, struct error *e)
{
    free(w->items[--w->count].name);
    return error_memory(e, w->path[0] ? w->path : "weights");
}

int weights_add(struct weights *w, const char *name, int rank, const int *shape, struct weight **out, struct error *e)
{
    struct weight *item;
    int rc = add_entry(w, name, rank, shape, &item, e);
    if (rc)
        return rc;
    item->data = calloc(item->count ? item->count : 1, sizeof *item->data);
    if (item->data == NULL)
        return forget(w, e);
    if (out)
        *out = item;
    return 0;
}

int weights_add_view(struct weights *w, const char *name, const struct tensor_view *view, struct weights_part *part,
                     struct error *e)
{
    struct weight *item;
    int rc = add_entry(w, name, view->rank, view->shape, &item, e);
    if (rc)
        return rc;
    item->place = malloc(sizeof *item->place);
    if (item->place == NULL)
        return forget(w, e);
    *item->place = (struct weight_place){*view, part};
    return 0;
}

void weights_free(struct weights *w)
{
    for (int i = 0; i < w->count; i++) {
        free(w->items[i].name);
        free(w->items[i].data);
        free(w->items[i].place);
    }
    free(w->items);
    struct weights_source *source = w->source;
    if (source) {
        mapping_close(&source->map);
        h5_close(source->h5);
        free(source->parts);
        for (int i = 0; i < source->opaque_count; i++)
            free(source->opaque[i]);
        free(source->opaque);
        free(source);
    }
    memset(w, 0, sizeof *w);
}

int weights_untaken(const struct weights *w, const char *prefix, const char **first)
{
    int n = 0;
    size_t length = strlen(prefix);
    for (int i = 0; i < w->count; i++) {
        if (w->items[i].used || strncmp(w->items[i].name, prefix, length) != 0)
            continue;
        if (n++ == 0 && first)
            *first = w->items[i].name;
    }
    return n;
}

size_t weights_total(const struct weights *w, const char *prefix)
{
    size_t total = 0, length = strlen(prefix);
    for (int i = 0; i < w->count; i++)
        if (strncmp(w->items[i].name, prefix, length) == 0)
            total += w->items[i].count;
    return total;
}

/* ---- The file behind it ---- */

struct weights_source *weights_source(struct weights *w)
{
    if (w->source == NULL && (w->source = calloc(1, sizeof *w->source)) != NULL)
        w->source->map.fd = -1;
    return w->source;
}

int weights_note_opaque(struct weights *w, const char *name, struct error *e)
{
    struct weights_source *source = weights_source(w);
    for (int i = 0; source && i < source->opaque_count; i++)
        if (strcmp(source->opaque[i], name) == 0)
            return 0;
    char **grown = source ? realloc(source->opaque, ((size_t)source->opaque_count + 1) * sizeof *grown) : NULL;
    if (grown == NULL)
        return error_memory(e, w->path);
    source->opaque = grown;
    if ((grown[source->opaque_count] = strdup(name)) == NULL)
        return error_memory(e, w->path);
    source->opaque_count++;
    return 0;
}

const char *weights_opaque_name(const struct weights *w, int index)
{
    return w->source && index < w->source->opaque_count ? w->source->opaque[index] : NULL;
}

int weights_part_check(const struct weights *w, struct weights_part *part, struct error *e)
{
    const size_t piece = (size_t)4 << 20;
    if (!part->unchecked)
        return 0;
    uLong checksum = crc32_z(0, NULL, 0);
    for (size_t at = 0; at < part->size; at += piece) {
        size_t n = part->size - at < piece ? part->size - at : piece;
        checksum = crc32_z(checksum, part->bytes + at, n);
        if (part->size > piece) /* a small part is read again at once */
            mapping_touched(&w->source->map, n);
    }
    if (checksum != part->checksum)
        return error_set(e, ERR_INPUT, "%s: entry '%.*s' fails its checksum; fetch the file again", w->path,
                         part->name_size, part->name);
    part->unchecked = 0;
    return 0;
}

/* ---- Values ---- */

static int read_dataset(const struct weights *w, struct weight *item, struct error *e)
{
    char full[600];
    size_t count = 0;
    float *data = NULL;
    snprintf(full, sizeof full, "%s%s", w->source->h5_group, item->name); /* its length was checked when it was added */
    int rc = h5_read_float(w->source->h5, full, &data, &count, e);
    if (rc == 0 && count != item->count)
        rc = error_set(e, ERR_INPUT, "%s: tensor '%s' changed while being read; try again", w->path, item->name);
    if (rc)
        free(data);
    else
        item->data = data;
    return rc;
}

static int read_place(const struct weights *w, struct weight *item, const float **values, struct error *e)
{
    const struct weight_place *place = item->place;
    struct mapping *map = &w->source->map;
    int rc = map->data ? mapping_unchanged(map, w->path, e) : 0;
    if (rc == 0 && place->part)
        rc = weights_part_check(w, place->part, e);
    if (rc || item->count == 0)
        return rc;
    if ((*values = tensor_view_floats(&place->view)) != NULL)
        return 0;
    item->data = malloc(item->count * sizeof *item->data);
    if (item->data == NULL)
        return error_memory(e, w->path);
    tensor_view_gather(&place->view, item->data);
    mapping_touched(map, tensor_view_span(&place->view));
    return 0;
}

int weight_values_unchecked(const struct weights *w, struct weight *item, const float **values, struct error *e)
{
    static const float none[1];
    int rc = 0;
    *values = NULL;
    if (item->data == NULL && item->place)
        rc = item->place->view.bytes ? read_place(w, item, values, e)
             : item->count           ? read_dataset(w, item, e)
                                     : 0;
    if (rc == 0 && *values == NULL)
        *values = item->data ? item->data : none;
    return rc;
}

int weight_values(const struct weights *w, struct weight *item, const float **values, struct error *e)
{
    int rc = weight_values_unchecked(w, item, values, e);
    if (rc == 0 && !floats_are_finite(*values, item->count)) {
        weight_done(w, item);
        rc = error_set(e, ERR_INPUT,
                       "%s: tensor '%s' holds a value that is not finite; the training that wrote it diverged or "
                       "the file is damaged, use another checkpoint",
                       w->path, item->name);
    }
    return rc;
}

void weight_done(const struct weights *w, struct weight *item)
{
    if (item->place == NULL)
        return;
    if (item->data == NULL && item->place->view.bytes)
        mapping_touched(&w->source->map, tensor_view_span(&item->place->view));
    free(item->data);
    item->data = NULL;
}

const char *weight_type(const struct weight *item)
{
    return tensor_type_name(item->place ? item->place->view.type : TENSOR_FLOAT);
}
