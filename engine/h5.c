#include "h5_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { NAME_LIMIT = 512, MEMBER_LIMIT = 1 << 22 };
static const size_t slack_bytes = (size_t)1 << 24; /* unwritten, filled data may be this large */
static const size_t chunk_limit = (size_t)1 << 28;
static const size_t deflate_ratio = 1100; /* deflate cannot do better than 1032 : 1 */

static int bad(struct h5 *f, const char *name, const char *rule, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: %s: %s", f->path, name, rule);
}

/* ---- Opening and closing ---- */

void h5_own_exit(void)
{
    H5dont_atexit();
}

/* The library prints no trace of its own and loads no plug-ins. */
static void quiet_library(void)
{
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0);
}

static hid_t access_list(void)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
    H5Pset_file_locking(list, 0, 1);
#endif
    return list;
}

int h5_open(const char *path, struct h5 **out, struct error *e)
{
    *out = NULL;
    if (strlen(path) >= sizeof((struct h5 *)0)->path)
        return error_set(e, ERR_INPUT, "%.80s…: path is too long", path);
    int64_t size = file_size(path);
    if (size < 0) {
        char *unused = NULL;
        size_t bytes = 0;
        int rc = file_read(path, 0, &unused, &bytes, e); /* for its message */
        free(unused);
        return rc ? rc : error_set(e, ERR_INPUT, "%s: is empty", path);
    }
    FILE *stream = fopen(path, "rb");
    char magic[8] = "";
    int ok = stream && fread(magic, 1, 8, stream) == 8 && memcmp(magic, "\x89HDF\r\n\x1a\n", 8) == 0;
    if (stream)
        fclose(stream);
    if (!ok)
        return error_set(e, ERR_INPUT, "%s: is not an HDF5 file; check what was saved under this name", path);
    struct h5 *f = calloc(1, sizeof *f);
    if (f == NULL)
        return error_memory(e, path);
    snprintf(f->path, sizeof f->path, "%s", path);
    quiet_library();
    hid_t list = access_list();
    f->id = H5Fopen(path, H5F_ACC_RDONLY, list);
    H5Pclose(list);
    if (f->id < 0) {
        free(f);
        return error_set(e, ERR_INPUT, "%s: is a damaged or truncated HDF5 file; fetch or build it again",
                         path);
    }
    *out = f;
    return 0;
}

int h5_create(const char *path, struct h5 **out, struct error *e)
{
    *out = NULL;
    struct h5 *f = calloc(1, sizeof *f);
    if (f == NULL)
        return error_memory(e, path);
    int rc = file_begin_name(&f->writer, path, e);
    if (rc) {
        free(f);
        return rc;
    }
    snprintf(f->path, sizeof f->path, "%s", path);
    f->writing = 1;
    quiet_library();
    hid_t list = access_list();
    f->id = H5Fcreate(f->writer.temporary, H5F_ACC_TRUNC, H5P_DEFAULT, list);
    H5Pclose(list);
    if (f->id < 0) {
        file_abandon(&f->writer);
        free(f);
        return error_set(e, ERR_ENV, "%s: cannot be created as an HDF5 file; check its folder", path);
    }
    *out = f;
    return 0;
}

const char *h5_why(const struct h5 *f, int why)
{
    struct statvfs disk;
    if (!why && statvfs(f->writer.temporary, &disk) == 0 && disk.f_bavail * disk.f_frsize < (1 << 20))
        why = ENOSPC;
    return why ? strerror(why) : "is the name used twice?";
}

int h5_commit(struct h5 *f, struct error *e)
{
    if (!f->writing) {
        int rc = error_set(e, ERR_INTERNAL, "%s: commit of a file opened for reading", f->path);
        h5_close(f);
        return rc;
    }
    errno = 0;
    herr_t flushed = H5Fflush(f->id, H5F_SCOPE_LOCAL), closed = H5Fclose(f->id);
    int rc, why = errno;
    if (flushed < 0 || closed < 0) {
        const char *reason = h5_why(f, why);
        file_abandon(&f->writer);
        rc = error_set(e, ERR_ENV, "%s: writing failed (%s); check the space on the disk", f->path, reason);
    } else {
        rc = file_commit(&f->writer, e);
    }
    free(f);
    return rc;
}

void h5_close(struct h5 *f)
{
    if (f == NULL)
        return;
    H5Fclose(f->id);
    if (f->writing)
        file_abandon(&f->writer);
    free(f);
}

const char *h5_path(const struct h5 *f)
{
    return f->path;
}

/* ---- Finding objects ---- */

/* 1 when every step of `name` is a hard link, 0 when absent, -1 when a step is
 * a soft, external or user-defined link, or the name is unusable. */
static int walk(struct h5 *f, const char *name)
{
    char part[NAME_LIMIT];
    size_t n = strlen(name);
    if (n == 0 || n >= sizeof part)
        return -1;
    for (size_t i = 1; i <= n; i++) {
        if ((name[i] != '/' && name[i] != '\0') || name[i - 1] == '/')
            continue;
        memcpy(part, name, i);
        part[i] = '\0';
        if (H5Lexists(f->id, part, H5P_DEFAULT) <= 0)
            return 0;
        H5L_info_t info;
        if (H5Lget_info(f->id, part, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
            return -1;
    }
    return 1;
}

int h5_has(struct h5 *f, const char *name)
{
    return walk(f, name) == 1;
}

static hid_t open_object(struct h5 *f, const char *name, struct error *e)
{
    int found = walk(f, name);
    if (found == 0) {
        bad(f, name, "no such dataset or group", e);
        return -1;
    }
    hid_t id = found == 1 ? H5Oopen(f->id, name, H5P_DEFAULT) : -1;
    if (id < 0)
        bad(f, name, "is a link elsewhere or damaged; only plain objects are read", e);
    return id;
}

static hid_t open_dataset(struct h5 *f, const char *name, struct error *e)
{
    hid_t id = open_object(f, name, e);
    if (id >= 0 && H5Iget_type(id) != H5I_DATASET) {
        H5Oclose(id);
        bad(f, name, "is not a dataset", e);
        return -1;
    }
    return id;
}

int h5_is_group(struct h5 *f, const char *name)
{
    struct error ignored;
    hid_t id = open_object(f, name, &ignored);
    int group = id >= 0 && H5Iget_type(id) == H5I_GROUP;
    if (id >= 0)
        H5Oclose(id);
    return group;
}

static int space_shape(struct h5 *f, const char *name, hid_t dataset, int *rank, int dims[8], size_t *count,
                       struct error *e)
{
    hid_t space = H5Dget_space(dataset);
    hsize_t size[H5S_MAX_RANK];
    int n = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    int ok = n >= 0 && n <= H5_RANK_LIMIT && H5Sget_simple_extent_dims(space, size, NULL) >= 0;
    H5S_class_t kind = space >= 0 ? H5Sget_simple_extent_type(space) : H5S_NO_CLASS;
    if (space >= 0)
        H5Sclose(space);
    if (!ok || (kind != H5S_SIMPLE && kind != H5S_SCALAR))
        return bad(f, name, "has no plain shape of at most 8 dimensions", e);
    size_t product = 1;
    for (int i = 0; i < n; i++) {
        if (size[i] > 0x7fffffffu)
            return bad(f, name, "has a dimension above 2^31", e);
        dims[i] = (int)size[i];
        if (size[i] != 0 && product > ((size_t)1 << 40) / size[i])
            return bad(f, name, "has more than 2^40 elements", e);
        product *= size[i];
    }
    *rank = n;
    *count = product;
    return 0;
}

int h5_shape(struct h5 *f, const char *name, int *rank, int dims[8], struct error *e)
{
    hid_t id = open_dataset(f, name, e);
    if (id < 0)
        return ERR_INPUT;
    size_t count = 0;
    int rc = space_shape(f, name, id, rank, dims, &count, e);
    H5Oclose(id);
    return rc;
}

struct names {
    char **list;
    int count, capacity, failed;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *data)
{
    (void)group;
    (void)info;
    struct names *n = data;
    if (n->count == n->capacity) {
        int capacity = n->capacity ? 2 * n->capacity : 64;
        char **grown = capacity > MEMBER_LIMIT ? NULL : realloc(n->list, (size_t)capacity * sizeof *grown);
        if (grown == NULL) {
            n->failed = 1;
            return -1;
        }
        n->list = grown;
        n->capacity = capacity;
    }
    if ((n->list[n->count] = strdup(name)) == NULL) {
        n->failed = 1;
        return -1;
    }
    n->count++;
    return 0;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int h5_names(struct h5 *f, const char *group, char ***names, int *count, struct error *e)
{
    hid_t id = strcmp(group, "/") == 0 ? H5Gopen2(f->id, "/", H5P_DEFAULT) : open_object(f, group, e);
    if (id < 0)
        return strcmp(group, "/") == 0 ? bad(f, group, "cannot be opened", e) : ERR_INPUT;
    if (H5Iget_type(id) != H5I_GROUP) {
        H5Oclose(id);
        return bad(f, group, "is not a group", e);
    }
    struct names found = {0};
    hsize_t index = 0;
    herr_t status = H5Literate(id, H5_INDEX_NAME, H5_ITER_NATIVE, &index, add_name, &found);
    H5Oclose(id);
    if (status < 0) {
        h5_names_free(found.list, found.count);
        return found.failed ? error_memory(e, f->path) : bad(f, group, "its list of members is damaged", e);
    }
    if (found.count > 1)
        qsort(found.list, (size_t)found.count, sizeof *found.list, by_bytes);
    *names = found.list;
    *count = found.count;
    return 0;
}

void h5_names_free(char **names, int count)
{
    file_list_free(names, count);
}

/* ---- Reading datasets ---- */

static int check_storage(struct h5 *f, const char *name, hid_t dataset, size_t count, size_t element,
                         struct error *e)
{
    hid_t list = H5Dget_create_plist(dataset);
    if (list < 0)
        return bad(f, name, "its storage description is damaged", e);
    const char *rule = NULL;
    int deflated = 0, filters = H5Pget_nfilters(list);
    H5D_layout_t layout = H5Pget_layout(list);
    if (H5Pget_external_count(list) != 0)
        rule = "keeps its data in another file; store them inside";
    else if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT && layout != H5D_CHUNKED)
        rule = "has a virtual layout; store plain data";
    for (int i = 0; rule == NULL && i < filters; i++) {
        unsigned int flags, config;
        size_t values = 0;
        H5Z_filter_t filter = H5Pget_filter2(list, (unsigned int)i, &flags, &values, NULL, 0, NULL, &config);
        deflated |= filter == H5Z_FILTER_DEFLATE;
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)
            rule = "uses a filter other than deflate, shuffle, fletcher32; store it without";
    }
    if (rule == NULL && layout == H5D_CHUNKED) {
        hsize_t chunk[H5S_MAX_RANK];
        int rank = H5Pget_chunk(list, H5S_MAX_RANK, chunk);
        size_t bytes = element;
        for (int i = 0; i < rank && rule == NULL; i++) {
            if (chunk[i] == 0 || bytes > chunk_limit / chunk[i])
                rule = "has chunks above 256 MiB; store smaller ones";
            else
                bytes *= chunk[i];
        }
    }
    H5Pclose(list);
    size_t stored = (size_t)H5Dget_storage_size(dataset);
    size_t most = stored < ((size_t)1 << 50) ? stored * (deflated ? deflate_ratio : 1) + slack_bytes : 0;
    if (rule == NULL && count > most / element)
        rule = "claims more data than the file holds";
    return rule ? bad(f, name, rule, e) : 0;
}

enum wanted { WANT_REAL, WANT_INTEGER };

/* The one path of numeric reads: `memory` is the native type of `size` bytes. */
static int read_numbers(struct h5 *f, const char *name, enum wanted wanted, hid_t memory, size_t size,
                        void **data, size_t *count, struct error *e)
{
    hid_t id = open_dataset(f, name, e);
    if (id < 0)
        return ERR_INPUT;
    int rank = 0, dims[8];
    size_t n = 0;
    hid_t type = H5Dget_type(id);
    H5T_class_t kind = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    size_t element = type >= 0 ? H5Tget_size(type) : 0;
    if (type >= 0)
        H5Tclose(type);
    int rc = 0;
    void *out = NULL;
    if (!(kind == H5T_INTEGER || (kind == H5T_FLOAT && wanted == WANT_REAL)) || element == 0 || element > 8)
        rc =
            bad(f, name, wanted == WANT_REAL ? "is not made of plain numbers" : "is not made of integers", e);
    if (rc == 0)
        rc = space_shape(f, name, id, &rank, dims, &n, e);
    if (rc == 0)
        rc = check_storage(f, name, id, n, element, e);
    if (rc == 0 && (out = malloc((n ? n : 1) * size)) == NULL)
        rc = error_memory(e, f->path);
    if (rc == 0 && n > 0 && H5Dread(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) < 0)
        rc = bad(f, name, "its data are damaged or truncated", e);
    H5Oclose(id);
    if (rc) {
        free(out);
        return rc;
    }
    *data = out;
    *count = n;
    return 0;
}

int h5_read_float(struct h5 *f, const char *name, float **data, size_t *count, struct error *e)
{
    void *out = NULL;
    int rc = read_numbers(f, name, WANT_REAL, H5T_NATIVE_FLOAT, sizeof(float), &out, count, e);
    if (rc == 0)
        *data = out;
    return rc;
}

int h5_read_double(struct h5 *f, const char *name, double **data, size_t *count, struct error *e)
{
    void *out = NULL;
    int rc = read_numbers(f, name, WANT_REAL, H5T_NATIVE_DOUBLE, sizeof(double), &out, count, e);
    if (rc == 0)
        *data = out;
    return rc;
}

/* Read as 64-bit first: the library would clamp silently. */
int h5_read_int(struct h5 *f, const char *name, int32_t **data, size_t *count, struct error *e)
{
    void *wide = NULL;
    size_t n = 0;
    int rc = read_numbers(f, name, WANT_INTEGER, H5T_NATIVE_INT64, sizeof(int64_t), &wide, &n, e);
    if (rc)
        return rc;
    int64_t *from = wide;
    int32_t *out = malloc((n ? n : 1) * sizeof *out);
    if (out == NULL) {
        free(wide);
        return error_memory(e, f->path);
    }
    for (size_t i = 0; i < n; i++) {
        if (from[i] < INT32_MIN || from[i] > INT32_MAX) {
            free(wide);
            free(out);
            return bad(f, name, "holds an integer outside 32 bits", e);
        }
        out[i] = (int32_t)from[i];
    }
    free(wide);
    *data = out;
    *count = n;
    return 0;
}

static char *copy_fixed(const char *text, size_t size, H5T_str_t padding)
{
    size_t n = strnlen(text, size);
    while (padding == H5T_STR_SPACEPAD && n > 0 && text[n - 1] == ' ')
        n--;
    return strndup(text, n);
}

/* Strings of `object` (a dataset, or an attribute when `attribute`) of `n`
 * elements into list[0..n). */
static int read_strings_of(struct h5 *f, const char *name, hid_t object, int attribute, hid_t type, size_t n,
                           char **list, struct error *e)
{
    int rc = 0;
    if (H5Tis_variable_str(type) > 0) {
        char **raw = calloc(n, sizeof *raw);
        hid_t memory = H5Tcopy(H5T_C_S1), space = attribute ? H5Aget_space(object) : H5Dget_space(object);
        H5Tset_size(memory, H5T_VARIABLE);
        H5Tset_cset(memory, H5Tget_cset(type));
        herr_t status = -1;
        if (raw)
            status = attribute ? H5Aread(object, memory, raw)
                               : H5Dread(object, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw);
        if (raw == NULL)
            rc = error_memory(e, f->path);
        else if (status < 0)
            rc = bad(f, name, "its strings are damaged", e);
        for (size_t i = 0; rc == 0 && i < n; i++) {
            if (raw[i] && strlen(raw[i]) > H5_STRING_LIMIT)
                rc = bad(f, name, "holds a string above 1 MiB", e);
            else if ((list[i] = strdup(raw[i] ? raw[i] : "")) == NULL)
                rc = error_memory(e, f->path);
        }
        if (status >= 0)
            H5Dvlen_reclaim(memory, space, H5P_DEFAULT, raw);
        free(raw);
        H5Sclose(space);
        H5Tclose(memory);
        return rc;
    }
    size_t size = H5Tget_size(type);
    H5T_str_t padding = H5Tget_strpad(type);
    char *raw = malloc(n * size);
    if (raw == NULL)
        return error_memory(e, f->path);
    herr_t status =
        attribute ? H5Aread(object, type, raw) : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw);
    if (status < 0)
        rc = bad(f, name, "its strings are damaged", e);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if ((list[i] = copy_fixed(raw + i * size, size, padding)) == NULL)
            rc = error_memory(e, f->path);
    free(raw);
    return rc;
}

int h5_read_strings(struct h5 *f, const char *name, char ***data, int *count, struct error *e)
{
    hid_t id = open_dataset(f, name, e);
    if (id < 0)
        return ERR_INPUT;
    int rank = 0, dims[8], rc = 0;
    size_t n = 0;
    char **list = NULL;
    hid_t type = H5Dget_type(id);
    size_t element = type >= 0 ? H5Tget_size(type) : 0;
    if (type < 0 || H5Tget_class(type) != H5T_STRING || element == 0 || element > H5_STRING_LIMIT)
        rc = bad(f, name, "is not made of strings of at most 1 MiB", e);
    if (rc == 0)
        rc = space_shape(f, name, id, &rank, dims, &n, e);
    if (rc == 0)
        rc = check_storage(f, name, id, n, element, e);
    if (rc == 0 && n > 0x7fffffff)
        rc = bad(f, name, "holds more than 2^31 strings", e);
    if (rc == 0 && (list = calloc(n ? n : 1, sizeof *list)) == NULL)
        rc = error_memory(e, f->path);
    if (rc == 0 && n > 0)
        rc = read_strings_of(f, name, id, 0, type, n, list, e);
    if (type >= 0)
        H5Tclose(type);
    H5Oclose(id);
    if (rc) {
        if (list)
            h5_names_free(list, (int)n);
        return rc;
    }
    *data = list;
    *count = (int)n;
    return 0;
}

/* ---- Attributes ---- */

/* Opens an attribute of one element; *type is its stored type. */
static hid_t open_attribute(struct h5 *f, const char *name, const char *attr, hid_t *type, struct error *e)
{
    hid_t object = strcmp(name, "/") == 0 ? H5Oopen(f->id, "/", H5P_DEFAULT) : open_object(f, name, e);
    if (object < 0) {
        if (strcmp(name, "/") == 0)
            bad(f, name, "cannot be opened", e);
        return -1;
    }
    hid_t id = H5Aexists(object, attr) > 0 ? H5Aopen(object, attr, H5P_DEFAULT) : -1;
    H5Oclose(object);
    if (id < 0) {
        error_set(e, ERR_INPUT, "%s: %s: attribute '%s' is missing", f->path, name, attr);
        return -1;
    }
    hid_t space = H5Aget_space(id);
    hssize_t n = space >= 0 ? H5Sget_simple_extent_npoints(space) : 0;
    if (space >= 0)
        H5Sclose(space);
    *type = H5Aget_type(id);
    if (n != 1 || *type < 0) {
        if (*type >= 0)
            H5Tclose(*type);
        H5Aclose(id);
        error_set(e, ERR_INPUT, "%s: %s: attribute '%s' is not a single value", f->path, name, attr);
        return -1;
    }
    return id;
}

int h5_has_attr(struct h5 *f, const char *name, const char *attr)
{
    struct error ignored;
    hid_t type, id = open_attribute(f, name, attr, &type, &ignored);
    if (id < 0)
        return 0;
    H5Tclose(type);
    H5Aclose(id);
    return 1;
}

static int attr_number(struct h5 *f, const char *name, const char *attr, enum wanted wanted, void *v,
                       struct error *e)
{
    hid_t type, id = open_attribute(f, name, attr, &type, e);
    if (id < 0)
        return ERR_INPUT;
    H5T_class_t kind = H5Tget_class(type);
    H5Tclose(type);
    herr_t status = -1;
    if (kind == H5T_INTEGER || (kind == H5T_FLOAT && wanted == WANT_REAL))
        status = H5Aread(id, wanted == WANT_REAL ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, v);
    H5Aclose(id);
    if (status < 0)
        return error_set(e, ERR_INPUT, "%s: %s: attribute '%s' is not %s", f->path, name, attr,
                         wanted == WANT_REAL ? "a number" : "an integer");
    return 0;
}

int h5_attr_double(struct h5 *f, const char *name, const char *attr, double *v, struct error *e)
{
    return attr_number(f, name, attr, WANT_REAL, v, e);
}

int h5_attr_int(struct h5 *f, const char *name, const char *attr, int64_t *v, struct error *e)
{
    return attr_number(f, name, attr, WANT_INTEGER, v, e);
}

int h5_attr_string(struct h5 *f, const char *name, const char *attr, char *v, size_t size, struct error *e)
{
    hid_t type, id = open_attribute(f, name, attr, &type, e);
    if (id < 0)
        return ERR_INPUT;
    char *text = NULL;
    int rc = H5Tget_class(type) == H5T_STRING && H5Tget_size(type) <= H5_STRING_LIMIT
                 ? read_strings_of(f, name, id, 1, type, 1, &text, e)
                 : error_set(e, ERR_INPUT, "%s: %s: attribute '%s' is not a string", f->path, name, attr);
    H5Tclose(type);
    H5Aclose(id);
    if (rc == 0 && strlen(text) >= size)
        rc = error_set(e, ERR_INPUT, "%s: %s: attribute '%s' is longer than %zu characters", f->path, name,
                       attr, size - 1);
    if (rc == 0)
        memcpy(v, text, strlen(text) + 1);
    free(text);
    return rc;
}
