/* Which format a file has, and our own form. */
#include "file.h"
#include "h5.h"
#include "safetensors.h"
#include "torch_file.h"
#include "weights_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t file_limit = (size_t)1 << 34;

/* ---- Our own form: one HDF5 dataset for each tensor, in the group /weights
 * or, in files without it, at the root ---- */

static int add_dataset(struct h5 *f, const char *group, const char *name, struct weights *w, struct error *e)
{
    char full[512];
    if (snprintf(full, sizeof full, "%s%s", group, name) >= (int)sizeof full)
        return error_set(e, ERR_INPUT, "%s: a tensor name longer than %zu bytes", w->path, sizeof full - 1);
    struct tensor_view view = {.type = TENSOR_FLOAT};
    int rc = h5_shape(f, full, &view.rank, view.shape, e);
    return rc ? rc : weights_add_view(w, name, &view, NULL, e);
}

static int read_h5(struct weights *w, struct error *e)
{
    struct h5 *f = NULL;
    char **names = NULL;
    int count = 0;
    struct weights_source *source = weights_source(w);
    int rc = source ? h5_open(w->path, &f, e) : error_memory(e, w->path);
    if (rc)
        return rc;
    source->h5 = f;
    int grouped = h5_is_group(f, "weights");
    source->h5_group = grouped ? "weights/" : "";
    rc = h5_names(f, grouped ? "weights" : "/", &names, &count, e);
    for (int i = 0; rc == 0 && i < count; i++)
        if (grouped || !h5_is_group(f, names[i]))
            rc = add_dataset(f, source->h5_group, names[i], w, e);
    if (rc == 0 && w->count == 0)
        rc = error_set(e, ERR_INPUT, "%s: an HDF5 file without tensors; is it a data set?", w->path);
    h5_names_free(names, count);
    return rc;
}

int weights_write(const struct weights *w, const char *path, struct error *e)
{
    struct h5 *f = NULL;
    int rc = h5_create(path, &f, e);
    if (rc)
        return rc;
    for (int i = 0; rc == 0 && i < w->count; i++) {
        struct weight *item = &w->items[i];
        const float *values = NULL;
        char full[512];
        if (strchr(item->name, '/') ||
            snprintf(full, sizeof full, "weights/%s", item->name) >= (int)sizeof full)
            rc = error_set(e, ERR_INTERNAL, "%s: tensor name '%.200s' is too long or has a '/'", path,
                           item->name);
        else if ((rc = weight_values_unchecked(w, item, &values, e)) == 0)
            rc = h5_write_float(f, full, item->rank, item->shape, values, e);
        weight_done(w, item);
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

static int read_mapped(struct weights *w, struct error *e)
{
    struct weights_source *source = weights_source(w);
    int rc = source ? mapping_open(&source->map, w->path, file_limit, e) : error_memory(e, w->path);
    if (rc == 0)
        rc = mapping_sha256(&source->map, w->path, w->sha256, e);
    if (rc)
        return rc;
    const unsigned char *bytes = source->map.data;
    size_t size = source->map.size;
    const char *text = (const char *)bytes;
    rc = safetensors_begins(text, size) ? safetensors_read(bytes, size, w, e) /* its length may look like the others */
         : begins(text, size, "PK")     ? torch_read_zip(bytes, size, w, e)
                                        : torch_read_legacy(bytes, size, w, e);
    mapping_give_back(&source->map); /* the directory lies all over the file */
    return rc ? rc : mapping_unchanged(&source->map, w->path, e);
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
            rc = read_mapped(w, e);
        else if (begins(head, n, "\x89HDF\r\n\x1a\n"))
            rc = (rc = sha256_file(path, w->sha256, e)) ? rc : read_h5(w, e);
        else
            rc = not_a_checkpoint(path, head, n, e);
    }
    if (rc)
        weights_free(w);
    return rc;
}
