#include "npy.h"
#include "file.h"
#include "mapping.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_LIMIT = 65536, DIM_LIMIT = 1 << 30 };
static const size_t file_limit = (size_t)1 << 36;

static int bad(const char *path, const char *rule, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: not a usable .npy array: %s", path, rule);
}

/* ---- The header: a Python dictionary of exactly three keys. ---- */

struct cursor {
    const char *at, *end;
};

static void skip_spaces(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\t'))
        c->at++;
}

static int accept(struct cursor *c, char wanted)
{
    skip_spaces(c);
    if (c->at < c->end && *c->at == wanted) {
        c->at++;
        return 1;
    }
    return 0;
}

/* A quoted text without escapes, into `out` of `size` bytes. */
static int quoted(struct cursor *c, char *out, size_t size)
{
    skip_spaces(c);
    if (c->at >= c->end || (*c->at != '\'' && *c->at != '"'))
        return 0;
    char quote = *c->at++;
    size_t n = 0;
    while (c->at < c->end && *c->at != quote) {
        if (n + 1 >= size || *c->at == '\\')
            return 0;
        out[n++] = *c->at++;
    }
    if (c->at >= c->end)
        return 0;
    c->at++;
    out[n] = '\0';
    return 1;
}

static int word(struct cursor *c, const char *text)
{
    skip_spaces(c);
    size_t n = strlen(text);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n) != 0)
        return 0;
    c->at += n;
    return 1;
}

/* "(2, 3)", "(5,)", "()"; returns 0 when malformed or too large. */
static int shape_tuple(struct cursor *c, struct npy *out)
{
    if (!accept(c, '('))
        return 0;
    out->rank = 0;
    int comma = 1;
    while (!accept(c, ')')) {
        if (!comma || out->rank == 8)
            return 0;
        skip_spaces(c);
        long value = 0;
        int digits = 0;
        while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
            value = 10 * value + (*c->at++ - '0');
            if (value > DIM_LIMIT)
                return 0;
            digits++;
        }
        if (digits == 0)
            return 0;
        out->shape[out->rank++] = (int)value;
        comma = accept(c, ',');
    }
    return !(out->rank == 1 && !comma);
}

static int header_dictionary(const char *path, struct cursor c, struct npy *out, char descr[16],
                             struct error *e)
{
    int have_descr = 0, have_order = 0, have_shape = 0, comma = 1;
    if (!accept(&c, '{'))
        return bad(path, "the header is not a dictionary", e);
    while (!accept(&c, '}')) {
        char key[24];
        if (!comma || !quoted(&c, key, sizeof key) || !accept(&c, ':'))
            return bad(path, "the header dictionary is malformed", e);
        if (strcmp(key, "descr") == 0 && !have_descr) {
            have_descr = 1;
            if (!quoted(&c, descr, 16))
                return bad(path, "structured or malformed element type; save plain numbers", e);
        } else if (strcmp(key, "fortran_order") == 0 && !have_order) {
            have_order = 1;
            if (word(&c, "True"))
                return bad(path, "Fortran order; save with numpy.ascontiguousarray", e);
            if (!word(&c, "False"))
                return bad(path, "fortran_order is neither True nor False", e);
        } else if (strcmp(key, "shape") == 0 && !have_shape) {
            have_shape = 1;
            if (!shape_tuple(&c, out))
                return bad(path, "malformed shape, more than 8 dimensions, or one above 2^30", e);
        } else {
            return bad(path, "unknown or repeated header key", e);
        }
        comma = accept(&c, ',');
    }
    skip_spaces(&c);
    if (c.at != c.end)
        return bad(path, "text after the header dictionary", e);
    if (!have_descr || !have_order || !have_shape)
        return bad(path, "a header key is missing (descr, fortran_order, shape)", e);
    return 0;
}

/* ---- Elements ---- */

static double half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = exponent == 31  ? (fraction ? (double)NAN : (double)INFINITY)
                       : exponent == 0 ? ldexp(fraction, -24)
                                       : ldexp(1024 + fraction, exponent - 25);
    return bits >> 15 ? -magnitude : magnitude;
}

static void convert(const char *data, const char *type, size_t count, double *out)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(type, "f4") == 0) {
            float v;
            memcpy(&v, data + 4 * i, sizeof v);
            out[i] = (double)v;
        } else if (strcmp(type, "f8") == 0) {
            memcpy(&out[i], data + 8 * i, sizeof out[i]);
        } else if (strcmp(type, "f2") == 0) {
            uint16_t v;
            memcpy(&v, data + 2 * i, sizeof v);
            out[i] = half_value(v);
        } else if (strcmp(type, "i4") == 0) {
            int32_t v;
            memcpy(&v, data + 4 * i, sizeof v);
            out[i] = v;
        } else {
            int64_t v;
            memcpy(&v, data + 8 * i, sizeof v);
            out[i] = (double)v;
        }
    }
}

/* The header: shape, type, count, and where the values start. */
static int parse(const char *path, const unsigned char *u, size_t size, struct npy *out, size_t *start_of_values,
                 struct error *e)
{
    if (size < 10 || memcmp(u, "\x93NUMPY", 6) != 0)
        return bad(path, "the file does not begin with the .npy magic", e);
    if (u[6] < 1 || u[6] > 3 || u[7] != 0)
        return bad(path, "format version is not 1.0, 2.0 or 3.0", e);
    size_t start = u[6] == 1 ? 10 : 12;
    if (size < start)
        return bad(path, "truncated header", e);
    size_t length = u[8] | (size_t)u[9] << 8;
    if (u[6] >= 2)
        length |= (size_t)u[10] << 16 | (size_t)u[11] << 24;
    if (length > HEADER_LIMIT || length > size - start)
        return bad(path, "the header length goes past the file or 64 KiB", e);
    const char *text = (const char *)u + start;
    struct cursor c = {text, text + length};
    char descr[16] = "";
    int rc = header_dictionary(path, c, out, descr, e);
    if (rc)
        return rc;
    static const char *const types[] = {"<f2", "<f4", "<f8", "<i4", "<i8"};
    size_t element = 0;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(descr, types[i]) == 0)
            element = (size_t)(descr[2] - '0');
    if (element == 0)
        return error_set(e, ERR_INPUT,
                         "%s: element type '%s' is not one of <f2 <f4 <f8 <i4 <i8; save as float32", path,
                         descr);
    memcpy(out->type, descr + 1, 3);
    size_t held = (size - start - length) / element;
    out->count = 1;
    for (int i = 0; i < out->rank; i++) {
        size_t dim = (size_t)out->shape[i];
        if (dim != 0 && out->count > held / dim)
            return bad(path, "the shape needs more values than the file holds", e);
        out->count *= dim;
    }
    if (out->count * element != size - start - length)
        return bad(path, "the file does not end where the shape says", e);
    *start_of_values = start + length;
    return 0;
}

int npy_from_bytes(const char *name, const unsigned char *bytes, size_t size, struct npy *out, struct error *e)
{
    size_t start = 0;
    memset(out, 0, sizeof *out);
    int rc = parse(name, bytes, size, out, &start, e);
    if (rc == 0 && (out->data = malloc((out->count ? out->count : 1) * sizeof *out->data)) == NULL)
        rc = error_memory(e, name);
    if (rc == 0)
        convert((const char *)bytes + start, out->type, out->count, out->data);
    else
        npy_free(out);
    return rc;
}

/* An empty file maps to no memory; the parser wants an address all the same. */
static const unsigned char *bytes_of(const struct mapping *m)
{
    return m->data ? m->data : (const unsigned char *)"";
}

int npy_read(const char *path, struct npy *out, struct error *e)
{
    struct mapping m;
    memset(out, 0, sizeof *out);
    int rc = mapping_open(&m, path, file_limit, e);
    if (rc)
        return rc;
    rc = npy_from_bytes(path, bytes_of(&m), m.size, out, e);
    mapping_close(&m);
    return rc;
}

void npy_free(struct npy *a)
{
    free(a->data);
    memset(a, 0, sizeof *a);
}

/* Converts piece by piece, giving the file's pages back in between. */
static int convert_floats(const char *path, struct mapping *m, size_t start, const struct npy *a, float *out,
                          struct error *e)
{
    enum { PIECE = 4096 };
    double piece[PIECE];
    size_t element = (size_t)(a->type[1] - '0');
    for (size_t at = 0; at < a->count; at += PIECE) {
        size_t n = a->count - at < PIECE ? a->count - at : PIECE;
        convert((const char *)m->data + start + at * element, a->type, n, piece);
        for (size_t i = 0; i < n; i++) {
            out[at + i] = (float)piece[i];
            if (!isfinite(out[at + i]))
                return error_set(e, ERR_INPUT, "%s: value %zu is not a finite float; repair or leave out the file",
                                 path, at + i);
        }
        mapping_touched(m, n * element);
    }
    return 0;
}

int npy_read_float(const char *path, int rank, int shape[8], float **data, struct error *e)
{
    struct npy a = {0};
    struct mapping m;
    size_t start = 0;
    float *out = NULL;
    int rc = mapping_open(&m, path, file_limit, e);
    if (rc)
        return rc;
    rc = parse(path, bytes_of(&m), m.size, &a, &start, e);
    if (rc == 0 && rank >= 0 && a.rank != rank)
        rc = error_set(e, ERR_INPUT, "%s: array of %d dimensions where %d are expected; is this the file that was meant?", path, a.rank, rank);
    if (rc == 0 && (out = malloc((a.count ? a.count : 1) * sizeof *out)) == NULL)
        rc = error_memory(e, path);
    if (rc == 0)
        rc = convert_floats(path, &m, start, &a, out, e);
    mapping_close(&m);
    if (rc) {
        free(out);
        return rc;
    }
    memcpy(shape, a.shape, sizeof a.shape);
    *data = out;
    return 0;
}

int npy_write_float(const char *path, int rank, const int *shape, const float *data, struct error *e)
{
    char header[512];
    size_t count = 1;
    if (rank < 0 || rank > 8)
        return error_set(e, ERR_INTERNAL, "%s: %d dimensions; .npy files here have 0 to 8", path, rank);
    int n = snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return error_set(e, ERR_INTERNAL, "%s: negative dimension", path);
        count *= (size_t)shape[i];
        n += snprintf(header + n, sizeof header - (size_t)n,
                      i + 1 < rank ? "%d, "
                      : rank == 1  ? "%d,"
                                   : "%d",
                      shape[i]);
    }
    n += snprintf(header + n, sizeof header - (size_t)n, "), }");
    while ((10 + n + 1) % 64 != 0)
        header[n++] = ' ';
    header[n++] = '\n';
    unsigned char start[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(n & 255), (unsigned char)(n >> 8)};
    struct file_writer w;
    int rc = file_begin(&w, path, e);
    if (rc)
        return rc;
    if (fwrite(start, 1, sizeof start, w.stream) != sizeof start ||
        fwrite(header, 1, (size_t)n, w.stream) != (size_t)n ||
        fwrite(data, sizeof *data, count, w.stream) != count) {
        int why = errno;
        file_abandon(&w);
        return error_set(e, ERR_ENV, "%s: writing failed (%s); check the space on the disk", path, strerror(why));
    }
    return file_commit(&w, e);
}
