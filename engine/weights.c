#include "weights.h"
#include "file.h"
#include "h5.h"
#include "safetensors.h"
#include "torch_file.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t file_limit = (size_t)1 << 34;

/* ---- The list ---- */

struct weight *weights_find(const struct weights *w, const char *name)
{
    for (int i = 0; i < w->count; i++)
        if (strcmp(w->items[i].name, name) == 0)
            return &w->items[i];
    return NULL;
}

int weights_add(struct weights *w, const char *name, int rank, const int *shape, struct weight **out,
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
    item->name = strdup(name);
    item->data = calloc(count ? count : 1, sizeof *item->data);
    if (item->name == NULL || item->data == NULL) {
        free(item->name);
        free(item->data);
        return error_memory(e, path);
    }
    item->rank = rank;
    if (rank)
        memcpy(item->shape, shape, (size_t)rank * sizeof *shape);
    item->count = count;
    w->count++;
    if (out)
        *out = item;
    return 0;
}

void weights_free(struct weights *w)
{
    for (int i = 0; i < w->count; i++) {
        free(w->items[i].name);
        free(w->items[i].data);
    }
    free(w->items);
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

/* ---- Our own form: one HDF5 dataset for each tensor, in the group /weights
 * or, in files without it, at the root ---- */

static int read_dataset(struct h5 *f, const char *group, const char *name, struct weights *w, struct error *e)
{
    char full[512];
    if (snprintf(full, sizeof full, "%s%s", group, name) >= (int)sizeof full)
        return error_set(e, ERR_INPUT, "%s: a tensor name longer than %zu bytes", w->path, sizeof full - 1);
    int rank = 0, shape[8];
    float *data = NULL;
    size_t count = 0;
    struct weight *item = NULL;
    int rc = h5_shape(f, full, &rank, shape, e);
    if (rc == 0)
        rc = h5_read_float(f, full, &data, &count, e);
    if (rc == 0)
        rc = weights_add(w, name, rank, shape, &item, e);
    for (size_t i = 0; rc == 0 && i < count; i++)
        if (!isfinite(data[i]))
            rc = error_set(e, ERR_INPUT,
                           "%s: tensor '%s' holds a value that is not finite; the training that "
                           "wrote it diverged, use another checkpoint",
                           w->path, name);
    if (rc == 0)
        memcpy(item->data, data, count * sizeof *data);
    free(data);
    return rc;
}

static int read_h5(struct weights *w, struct error *e)
{
    struct h5 *f = NULL;
    char **names = NULL;
    int count = 0;
    int rc = h5_open(w->path, &f, e);
    if (rc)
        return rc;
    int grouped = h5_is_group(f, "weights");
    rc = h5_names(f, grouped ? "weights" : "/", &names, &count, e);
    for (int i = 0; rc == 0 && i < count; i++)
        if (grouped || !h5_is_group(f, names[i]))
            rc = read_dataset(f, grouped ? "weights/" : "", names[i], w, e);
    if (rc == 0 && w->count == 0)
        rc = error_set(e, ERR_INPUT, "%s: an HDF5 file without tensors; is it a data set?", w->path);
    h5_names_free(names, count);
    h5_close(f);
    return rc;
}

int weights_write(const struct weights *w, const char *path, struct error *e)
{
    struct h5 *f = NULL;
    int rc = h5_create(path, &f, e);
    if (rc)
        return rc;
    for (int i = 0; rc == 0 && i < w->count; i++) {
        const struct weight *item = &w->items[i];
        char full[512];
        if (strchr(item->name, '/') ||
            snprintf(full, sizeof full, "weights/%s", item->name) >= (int)sizeof full)
            rc = error_set(e, ERR_INTERNAL, "%s: tensor name '%.200s' is too long or has a '/'", path,
                           item->name);
        else
            rc = h5_write_float(f, full, item->rank, item->shape, item->data, e);
    }
    if (rc) {
        h5_close(f);
        return rc;
    }
    return h5_commit(f, e);
}

/* ---- Which format ---- */

static int begins(const char *data, size_t size, const char *text)
{
    size_t n = strlen(text);
    return size >= n && memcmp(data, text, n) == 0;
}

/* A file that is none of the formats, named by what it looks like. */
static int not_a_checkpoint(const char *path, const char *head, size_t n, struct error *e)
{
    size_t at = begins(head, n, "\xef\xbb\xbf") ? 3 : 0;
    while (at < n && (head[at] == ' ' || head[at] == '\n' || head[at] == '\r' || head[at] == '\t'))
        at++;
    if (n == 0)
        return error_set(e, ERR_INPUT, "%s: is empty; fetch the checkpoint again", path);
    if (at < n && head[at] == '<')
        return error_set(e, ERR_INPUT,
                         "%s: is a web page, not a checkpoint; the download was answered with HTML, "
                         "fetch the file itself",
                         path);
    if (begins(head, n, "version https://git-lfs"))
        return error_set(e, ERR_INPUT, "%s: is a git-lfs pointer, not the checkpoint; run `git lfs pull`",
                         path);
    if (begins(head, n, "\x1f\x8b"))
        return error_set(e, ERR_INPUT, "%s: is gzip-compressed; unpack it with gunzip first", path);
    if (begins(head, n, "\x93NUMPY"))
        return error_set(e, ERR_INPUT, "%s: is a NumPy array, not a checkpoint", path);
    if (n >= 262 && memcmp(head + 257, "ustar", 5) == 0)
        return error_set(e, ERR_INPUT, "%s: is a tar archive; unpack it and name the checkpoint inside",
                         path);
    return error_set(e, ERR_INPUT,
                     "%s: is not a checkpoint (PyTorch zip, PyTorch stream, safetensors or HDF5); check the "
                     "download",
                     path);
}

static int read_head(const char *path, char head[512], size_t *n, struct error *e)
{
    if (file_size(path) < 0) {
        char *unused = NULL;
        int rc = file_read(path, 0, &unused, n, e); /* for its message */
        free(unused);
        return rc ? rc : error_set(e, ERR_INPUT, "%s: is not a regular file", path);
    }
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return error_set(e, ERR_INPUT, "%s: cannot open; check its permissions", path);
    *n = fread(head, 1, 512, stream);
    fclose(stream);
    return 0;
}

static int read_torch(struct weights *w, struct error *e)
{
    char *data = NULL;
    size_t size = 0;
    int rc = file_read(w->path, file_limit, &data, &size, e);
    if (rc)
        return rc;
    sha256_bytes(data, size, w->sha256);
    const unsigned char *bytes = (const unsigned char *)data;
    rc = safetensors_begins(data, size) ? safetensors_read(bytes, size, w, e) /* its length may look like the others */
         : begins(data, size, "PK")     ? torch_read_zip(bytes, size, w, e)
                                        : torch_read_legacy(bytes, size, w, e);
    free(data);
    return rc;
}

int weights_read(const char *path, struct weights *w, struct error *e)
{
    char head[512];
    size_t n = 0;
    memset(w, 0, sizeof *w);
    if (strlen(path) >= sizeof w->path)
        return error_set(e, ERR_INPUT, "%.80s…: path is too long", path);
    snprintf(w->path, sizeof w->path, "%s", path);
    int rc = read_head(path, head, &n, e);
    if (rc == 0) {
        if (begins(head, n, "PK\3\4") || begins(head, n, "PK\5\6") || begins(head, n, "\x80") ||
            safetensors_begins(head, n))
            rc = read_torch(w, e);
        else if (begins(head, n, "\x89HDF\r\n\x1a\n"))
            rc = (rc = sha256_file(path, w->sha256, e)) ? rc : read_h5(w, e);
        else
            rc = not_a_checkpoint(path, head, n, e);
    }
    if (rc)
        weights_free(w);
    return rc;
}
