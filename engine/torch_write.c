/* The pickle is built in memory, the zip entries are streamed to a temporary file. */
#include "torch_write.h"
#include "file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ALIGNMENT = 64, LOCAL_SIZE = 30, NAME_LIMIT = 400, FOLDER_SIZE = 100 };

/* ---- A growing text of bytes ---- */

struct bytes {
    unsigned char *at;
    size_t used, room;
    int failed;
};

static void put(struct bytes *b, const void *data, size_t n)
{
    if (b->used + n > b->room && !b->failed) {
        size_t room = 2 * (b->used + n) + 4096;
        unsigned char *grown = realloc(b->at, room);
        b->failed = grown == NULL;
        if (grown) {
            b->at = grown;
            b->room = room;
        }
    }
    if (b->failed || n == 0) return;
    memcpy(b->at + b->used, data, n);
    b->used += n;
}

static void put_little(struct bytes *b, uint64_t v, int n)
{
    unsigned char out[8];
    for (int i = 0; i < n; i++) out[i] = (unsigned char)(v >> (8 * i));
    put(b, out, (size_t)n);
}

/* ---- The pickle's words ---- */

static void put_code(struct bytes *b, char code) { put(b, &code, 1); }

static void put_text(struct bytes *b, const char *text)
{
    put_code(b, 'X');
    put_little(b, strlen(text), 4);
    put(b, text, strlen(text));
}

static void put_integer(struct bytes *b, int64_t v)
{
    if (v >= 0 && v < 256) {
        put_code(b, 'K');
        put_little(b, (uint64_t)v, 1);
    } else if (v >= 0 && v < 65536) {
        put_code(b, 'M');
        put_little(b, (uint64_t)v, 2);
    } else if (v >= INT32_MIN && v <= INT32_MAX) {
        put_code(b, 'J');
        put_little(b, (uint64_t)v, 4);
    } else {
        put(b, "\x8a\x08", 2);
        put_little(b, (uint64_t)v, 8);
    }
}

/* A class or function by name: spelt out the first time, remembered under `place` afterwards. */
static void put_global(struct bytes *b, unsigned char place, int *known, const char *module_and_name)
{
    if (!*known) {
        put(b, module_and_name, strlen(module_and_name));
        put_code(b, 'q');
        put(b, &place, 1);
        *known = 1;
    } else {
        put_code(b, 'h');
        put(b, &place, 1);
    }
}

struct globals {
    int dictionary, rebuild, storage;
};

static void put_empty_dictionary(struct bytes *b, struct globals *g)
{
    put_global(b, 0, &g->dictionary, "ccollections\nOrderedDict\n");
    put(b, ")R", 2);
}

static void put_tensor(struct bytes *b, struct globals *g, const struct weight *t, int number, int half)
{
    char key[16];
    int64_t stride[8], step = 1;
    snprintf(key, sizeof key, "%d", number);
    put_global(b, 1, &g->rebuild, "ctorch._utils\n_rebuild_tensor_v2\n");
    put(b, "((", 2);
    put_text(b, "storage");
    put_global(b, 2, &g->storage, half ? "ctorch\nHalfStorage\n" : "ctorch\nFloatStorage\n");
    put_text(b, key);
    put_text(b, "cpu");
    put_integer(b, (int64_t)t->count);
    put(b, "tQK\0(", 5);                 /* the persistent name, offset 0 */
    for (int i = 0; i < t->rank; i++) put_integer(b, t->shape[i]);
    put(b, "t(", 2);
    for (int i = t->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= t->shape[i] > 0 ? t->shape[i] : 1;
    }
    for (int i = 0; i < t->rank; i++) put_integer(b, stride[i]);
    put(b, "t\x89", 2);                  /* asks for no gradient */
    put_empty_dictionary(b, g);          /* hooks: none */
    put(b, "tR", 2);
}

/* ---- What goes where ---- */

struct plan {
    struct bytes pickle;
    struct weight **tensors;             /* by entry number */
    int count;
};

static int add_section(struct plan *p, struct globals *g, const struct weights *w, const struct torch_section *s, int half,
                       const char *path, struct error *e)
{
    size_t prefix = strlen(s->prefix);
    int found = 0;
    if (s->key[0]) {
        put_text(&p->pickle, s->key);
        put_empty_dictionary(&p->pickle, g);
        put_code(&p->pickle, '(');
    }
    for (int i = 0; i < w->count; i++) {
        struct weight *t = &w->items[i];
        if (strncmp(t->name, s->prefix, prefix)) continue;
        if (strlen(t->name) > NAME_LIMIT)
            return error_set(e, ERR_INPUT, "%s: the tensor name %.40s… is longer than %d bytes", path, t->name, NAME_LIMIT);
        put_text(&p->pickle, t->name + prefix);
        put_tensor(&p->pickle, g, t, p->count, half);
        p->tensors[p->count++] = t;
        found++;
    }
    if (s->key[0]) put_code(&p->pickle, 'u');
    if (!found)
        return error_set(e, ERR_INPUT, "%s: no tensor for the part \"%s\" (names that start with \"%s\")", path, s->key, s->prefix);
    return 0;
}

static int make_plan(struct plan *p, const struct weights *w, const struct torch_section *sections, int nsections,
                     const struct torch_number *numbers, int nnumbers, int half, const char *path, struct error *e)
{
    struct globals g = {0};
    int rc = 0;
    p->tensors = calloc((size_t)w->count * (size_t)nsections + 1, sizeof *p->tensors);
    if (!p->tensors) return error_memory(e, path);
    put(&p->pickle, "\x80\2}(", 4);
    for (int i = 0; i < nsections && !rc; i++) rc = add_section(p, &g, w, &sections[i], half, path, e);
    for (int i = 0; i < nnumbers; i++) {
        put_text(&p->pickle, numbers[i].key);
        put_integer(&p->pickle, numbers[i].value);
    }
    put(&p->pickle, "u.", 2);
    if (!rc && p->count > 65000)
        rc = error_set(e, ERR_INPUT, "%s: %d tensors; the container holds 65000", path, p->count);
    if (!rc && p->pickle.failed) rc = error_memory(e, path);
    return rc;
}

/* ---- The archive ---- */

struct archive {
    FILE *out;
    const char *path;
    char folder[FOLDER_SIZE];
    struct bytes directory;
    uint64_t at;
    int entries;
};

static int write_entry(struct archive *z, const char *name, const void *data, size_t n, struct error *e)
{
    char full[FOLDER_SIZE + 40];
    struct bytes head = {0};
    static const unsigned char zeros[ALIGNMENT] = {0};
    int length = snprintf(full, sizeof full, "%s/%s", z->folder, name);
    if (z->at + n + 4096 > UINT32_MAX) return error_set(e, ERR_INPUT, "%s: the tensors need more than 4 GiB in one file", z->path);
    uint32_t checksum = (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, n);
    size_t start = (size_t)z->at + LOCAL_SIZE + (size_t)length + 4, padding = (ALIGNMENT - start % ALIGNMENT) % ALIGNMENT;
    for (int central = 0; central < 2; central++) {
        struct bytes *b = central ? &z->directory : &head;
        put(b, central ? "PK\1\2" : "PK\3\4", 4);
        if (central) put_little(b, 0, 2);              /* made by */
        put_little(b, 0, 2);                           /* version needed */
        put_little(b, 0x0800, 2);                      /* names are UTF-8 */
        put_little(b, 0, 2);                           /* stored */
        put_little(b, 0, 4);                           /* time and date: the bytes depend on the content alone */
        put_little(b, checksum, 4);
        put_little(b, n, 4);
        put_little(b, n, 4);
        put_little(b, (uint64_t)length, 2);
        put_little(b, central ? 0 : 4 + padding, 2);   /* extra field */
        if (central) {
            put_little(b, 0, 2);                       /* comment */
            put_little(b, 0, 2);                       /* disk */
            put_little(b, 0, 2);                       /* attributes */
            put_little(b, 0, 4);
            put_little(b, z->at, 4);
        }
        put(b, full, (size_t)length);
        if (!central) {
            put(b, "FB", 2);                           /* a field that readers pass over */
            put_little(b, padding, 2);
            put(b, zeros, padding);
        }
    }
    int failed = head.failed || z->directory.failed;
    if (!failed) {
        fwrite(head.at, 1, head.used, z->out);
        if (n) fwrite(data, 1, n, z->out);
        z->at += head.used + n;
        z->entries++;
    }
    free(head.at);
    return failed ? error_memory(e, z->path) : 0;
}

/* IEEE half precision, to nearest, halves to even; beyond its range infinity. */
static uint16_t half_of(float v)
{
    uint32_t bits, sign;
    memcpy(&bits, &v, sizeof bits);
    sign = bits >> 16 & 0x8000u;
    bits &= 0x7fffffffu;
    if (bits >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u);
    if (bits < 0x38800000u) {                  /* below the least normal number: multiples of 2^-24 */
        float small;
        memcpy(&small, &bits, sizeof small);
        return (uint16_t)(sign | (uint32_t)lrintf(small * 0x1p24f));
    }
    bits += 0xfffu + (bits >> 13 & 1u);
    return (uint16_t)(sign | (bits - 0x38000000u) >> 13);
}

static int write_half(struct archive *z, const char *name, const struct weight *t, const float *values, struct error *e)
{
    uint16_t *rounded = malloc(t->count * sizeof *rounded + 1);
    if (!rounded) return error_memory(e, z->path);
    int rc = 0;
    for (size_t i = 0; i < t->count && !rc; i++) {
        rounded[i] = half_of(values[i]);
        if ((rounded[i] & 0x7fffu) >= 0x7c00u)
            rc = error_set(e, ERR_INPUT, "%s: tensor %s holds %g, beyond half precision; write floats", z->path, t->name,
                           (double)values[i]);
    }
    if (!rc) rc = write_entry(z, name, rounded, t->count * sizeof *rounded, e);
    free(rounded);
    return rc;
}

static int write_archive(struct archive *z, const struct weights *w, const struct plan *p, int half, struct error *e)
{
    char name[40];
    int rc = write_entry(z, "data.pkl", p->pickle.at, p->pickle.used, e);
    for (int i = 0; i < p->count && !rc; i++) {
        struct weight *t = p->tensors[i];
        const float *values = NULL;
        snprintf(name, sizeof name, "data/%d", i);
        rc = weight_values_unchecked(w, t, &values, e);
        if (!rc) rc = half ? write_half(z, name, t, values, e) : write_entry(z, name, values, t->count * sizeof *values, e);
        weight_done(w, t);
    }
    if (!rc) rc = write_entry(z, "version", "3\n", 2, e);
    if (rc) return rc;
    struct bytes end = {0};
    put(&end, "PK\5\6", 4);
    put_little(&end, 0, 4);
    put_little(&end, (uint64_t)z->entries, 2);
    put_little(&end, (uint64_t)z->entries, 2);
    put_little(&end, z->directory.used, 4);
    put_little(&end, z->at, 4);
    put_little(&end, 0, 2);
    fwrite(z->directory.at, 1, z->directory.used, z->out);
    if (!end.failed) fwrite(end.at, 1, end.used, z->out);
    free(end.at);
    return end.failed ? error_memory(e, z->path) : 0;
}

/* "motionlcm_humanml" of "experiments/motionlcm_humanml.ckpt". */
static void folder_name(const char *path, char out[FOLDER_SIZE])
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    int n = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    snprintf(out, FOLDER_SIZE, "%.*s", n < FOLDER_SIZE - 1 ? n : FOLDER_SIZE - 1, name);
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '\\' || *c == ':') *c = '_';
    if (!out[0] || !strcmp(out, "..")) snprintf(out, FOLDER_SIZE, "archive");
}

int torch_write(const char *path, const struct weights *w, const struct torch_section *sections, int nsections,
                const struct torch_number *numbers, int nnumbers, int half, struct error *e)
{
    struct plan p = {0};
    struct file_writer out = {0};
    struct archive z = {.path = path};
    int rc = make_plan(&p, w, sections, nsections, numbers, nnumbers, half, path, e);
    folder_name(path, z.folder);
    if (!rc) rc = file_begin(&out, path, e);
    if (!rc) {
        z.out = out.stream;
        rc = write_archive(&z, w, &p, half, e);
        if (rc) file_abandon(&out);
        else rc = file_commit(&out, e);
    }
    free(z.directory.at);
    free(p.pickle.at);
    free(p.tensors);
    return rc;
}
