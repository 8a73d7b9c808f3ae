#include "archive.h"
#include "../engine/file.h"

#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BLOCK = 512, CHUNK = 1 << 16, PATH_MAX_BYTES = 4096, FOLDER_DEPTH = 16 };
static const uint64_t LARGEST_ENTRY = UINT64_C(1) << 40;
static const uint64_t MEMORY_LIMIT = UINT64_C(1) << 30;
static const size_t TRAILING_ZEROS = (size_t)1 << 20;

struct archive {
    char path[1024];
    /* a folder */
    char **names;
    int count, capacity, at;
    /* a stream */
    FILE *stream;
    int packed, finished;      /* xz; the decoder saw its end */
    lzma_stream xz;
    unsigned char input[CHUNK];
    uint64_t left, padding;    /* of the current entry */
    int ended;                 /* the end-of-archive mark was read */
    char entry_path[PATH_MAX_BYTES + 1];
    char long_path[PATH_MAX_BYTES + 1];
    int has_long_path, has_long_size;
    uint64_t long_size;
};

static int bad(const struct archive *a, struct error *e, const char *rule)
{
    return error_set(e, ERR_INPUT, "%s: %s", a->path, rule);
}

/* Bytes of the unpacked stream; *got < n only at its end. */
static int stream_read(struct archive *a, void *out, size_t n, size_t *got, struct error *e)
{
    if (!a->packed) {
        *got = fread(out, 1, n, a->stream);
        return *got < n && ferror(a->stream) ? bad(a, e, "reading failed; check the disk") : 0;
    }
    a->xz.next_out = out;
    a->xz.avail_out = n;
    while (a->xz.avail_out > 0 && !a->finished) {
        lzma_action action = LZMA_RUN;
        if (a->xz.avail_in == 0) {
            a->xz.next_in = a->input;
            a->xz.avail_in = fread(a->input, 1, sizeof a->input, a->stream);
            if (ferror(a->stream))
                return bad(a, e, "reading failed; check the disk");
        }
        if (feof(a->stream))
            action = LZMA_FINISH;
        const lzma_ret rc = lzma_code(&a->xz, action);
        if (rc == LZMA_STREAM_END)
            a->finished = 1;
        else if (rc == LZMA_MEMLIMIT_ERROR)
            return bad(a, e, "unpacking needs more than 1 GiB of memory; pack it with a lower level");
        else if (rc == LZMA_MEM_ERROR)
            return error_memory(e, "unpacking xz");
        else if (rc == LZMA_BUF_ERROR)
            return bad(a, e, "the xz stream is truncated; fetch the file again");
        else if (rc != LZMA_OK)
            return bad(a, e, "the xz stream is damaged; fetch the file again");
    }
    *got = n - a->xz.avail_out;
    return 0;
}

static int stream_exact(struct archive *a, void *out, size_t n, struct error *e)
{
    size_t got = 0;
    const int rc = stream_read(a, out, n, &got, e);
    if (rc)
        return rc;
    return got == n ? 0 : bad(a, e, "the tar archive is truncated; fetch the file again");
}

static int stream_skip(struct archive *a, uint64_t n, struct error *e)
{
    char scratch[1 << 14];
    int rc = 0;
    while (!rc && n > 0) {
        const size_t part = n < sizeof scratch ? (size_t)n : sizeof scratch;
        rc = stream_exact(a, scratch, part, e);
        n -= part;
    }
    return rc;
}

static int all_zero(const unsigned char *p, size_t n)
{
    while (n > 0 && *p == 0) {
        p++;
        n--;
    }
    return n == 0;
}

/* After the end mark only zeros may follow, and the stream must end whole. */
static int check_end(struct archive *a, struct error *e)
{
    unsigned char block[BLOCK];
    size_t total = 0, got = 0;
    do {
        const int rc = stream_read(a, block, sizeof block, &got, e);
        if (rc)
            return rc;
        total += got;
        if (!all_zero(block, got) || total > TRAILING_ZEROS)
            return bad(a, e, "data follow the end of the tar archive");
    } while (got == sizeof block);
    a->ended = 1;
    return 0;
}

/* A header's number: octal, or binary where the first byte says so. -1 if malformed. */
static int header_number(const unsigned char *field, size_t n, uint64_t *value)
{
    uint64_t v = 0;
    size_t k = 0;
    if (field[0] == 0x80) {
        for (k = 1; k < n; k++) {
            if (v >> 56)
                return -1;
            v = v << 8 | field[k];
        }
        *value = v;
        return 0;
    }
    while (k < n && field[k] == ' ')
        k++;
    const size_t first = k;
    for (; k < n && field[k] >= '0' && field[k] <= '7'; k++) {
        if (v >> 60)
            return -1;
        v = v << 3 | (uint64_t)(field[k] - '0');
    }
    if (k == first)
        return -1;
    for (; k < n; k++)
        if (field[k] != ' ' && field[k] != 0)
            return -1;
    *value = v;
    return 0;
}

static int header_checksum_ok(const unsigned char h[BLOCK])
{
    uint64_t stored = 0, sum = 0;
    for (int k = 0; k < BLOCK; k++)
        sum += k >= 148 && k < 156 ? ' ' : h[k];
    return header_number(h + 148, 8, &stored) == 0 && stored == sum;
}

/* Reads the body of an extension header into text (with NUL), and its padding. */
static int read_extension(struct archive *a, uint64_t size, char *text, size_t capacity,
                          struct error *e)
{
    if (size >= capacity)
        return bad(a, e, "a tar extension header is too long");
    const int rc = stream_exact(a, text, (size_t)size, e);
    text[size] = 0;
    return rc ? rc : stream_skip(a, (BLOCK - size % BLOCK) % BLOCK, e);
}

/* pax records "LENGTH key=value\n": path and size are taken. */
static int read_pax(struct archive *a, const char *text, size_t size, struct error *e)
{
    const char *p = text, *end = text + size;
    while (p < end) {
        char *after;
        if (*p < '0' || *p > '9')
            return bad(a, e, "a pax header record does not start with its length");
        const unsigned long length = strtoul(p, &after, 10);
        if (*after != ' ' || length < 5 || length > (unsigned long)(end - p) ||
            p[length - 1] != '\n' || after >= p + length)
            return bad(a, e, "a pax header record has a wrong length");
        const char *key = after + 1, *last = p + length - 1;
        const char *equal = memchr(key, '=', (size_t)(last - key));
        if (!equal)
            return bad(a, e, "a pax header record has no '='");
        const size_t nkey = (size_t)(equal - key), nvalue = (size_t)(last - equal - 1);
        if (nkey == 4 && memcmp(key, "path", 4) == 0) {
            if (nvalue > PATH_MAX_BYTES || memchr(equal + 1, 0, nvalue))
                return bad(a, e, "a pax path is too long or holds NUL");
            memcpy(a->long_path, equal + 1, nvalue);
            a->long_path[nvalue] = 0;
            a->has_long_path = 1;
        } else if (nkey == 4 && memcmp(key, "size", 4) == 0) {
            a->long_size = 0;
            for (const char *d = equal + 1; d < last; d++) {
                if (*d < '0' || *d > '9' || a->long_size > LARGEST_ENTRY)
                    return bad(a, e, "a pax size is not a number within limits");
                a->long_size = a->long_size * 10 + (uint64_t)(*d - '0');
            }
            a->has_long_size = 1;
        }
        p += length;
    }
    return 0;
}

/* The entry's path: the extension's or the header's; no way out of the archive. */
static int take_path(struct archive *a, const unsigned char h[BLOCK], struct error *e)
{
    if (a->has_long_path) {
        memcpy(a->entry_path, a->long_path, sizeof a->entry_path);
    } else {
        const int has_prefix = memcmp(h + 257, "ustar\0", 6) == 0 && h[345] != 0;
        snprintf(a->entry_path, sizeof a->entry_path, "%.*s%s%.*s", has_prefix ? 155 : 0, h + 345,
                 has_prefix ? "/" : "", 100, h);
    }
    const char *p = a->entry_path;
    int bad_path = *p == 0 || *p == '/';
    for (; *p; p++) {
        if ((unsigned char)*p < 32 || *p == 127)
            bad_path = 1;
        if ((p == a->entry_path || p[-1] == '/') && p[0] == '.' && p[1] == '.' &&
            (p[2] == '/' || p[2] == 0))
            bad_path = 1;
    }
    return bad_path ? bad(a, e, "an entry's path is absolute, empty, climbs with '..' or holds "
                          "control characters") : 0;
}

static void fill_entry(struct archive *a, struct archive_entry *entry, const char *path,
                       uint64_t size)
{
    const char *slash = strrchr(path, '/');
    entry->path = path;
    entry->name = slash ? slash + 1 : path;
    entry->size = size;
    a->left = size;
    a->padding = (BLOCK - size % BLOCK) % BLOCK;
}

static int tar_next(struct archive *a, struct archive_entry *entry, int *found, struct error *e)
{
    unsigned char h[BLOCK];
    char extension[16384];
    int rc = stream_skip(a, a->left + a->padding, e);
    a->left = a->padding = 0;
    a->has_long_path = a->has_long_size = 0;
    while (!rc && !a->ended) {
        uint64_t size;
        if ((rc = stream_exact(a, h, sizeof h, e)))
            return rc;
        if (all_zero(h, sizeof h))
            return check_end(a, e);
        if (!header_checksum_ok(h))
            return bad(a, e, "a tar header has a wrong checksum; this is not a tar archive or it is "
                       "damaged");
        if (header_number(h + 124, 12, &size) || size > LARGEST_ENTRY)
            return bad(a, e, "a tar header has a malformed size");
        const char type = (char)h[156];
        if (type == 'L') {
            if ((rc = read_extension(a, size, a->long_path, sizeof a->long_path, e)))
                return rc;
            a->has_long_path = 1;
        } else if (type == 'x') {
            if ((rc = read_extension(a, size, extension, sizeof extension, e)) ||
                (rc = read_pax(a, extension, (size_t)size, e)))
                return rc;
        } else if (type == '0' || type == 0 || type == '7') {
            if (a->has_long_size)
                size = a->long_size;
            if (size > LARGEST_ENTRY)
                return bad(a, e, "an entry is larger than 1 TiB");
            if ((rc = take_path(a, h, e)))
                return rc;
            const size_t n = strlen(a->entry_path);
            if (a->entry_path[n - 1] != '/') {
                fill_entry(a, entry, a->entry_path, size);
                *found = 1;
                return 0;
            }
        } else {
            /* Folders and links carry no bytes; global headers and the like are skipped. */
            if (!(type >= '1' && type <= '6'))
                rc = stream_skip(a, size + (BLOCK - size % BLOCK) % BLOCK, e);
            if (type != 'K' && type != 'g')
                a->has_long_path = a->has_long_size = 0;
        }
    }
    return rc;
}

static int add_name(struct archive *a, char *name, struct error *e)
{
    if (a->count == a->capacity) {
        const int capacity = a->capacity ? 2 * a->capacity : 64;
        char **more = realloc(a->names, (size_t)capacity * sizeof *more);
        if (!more) {
            free(name);
            return error_memory(e, "a folder's names");
        }
        a->names = more;
        a->capacity = capacity;
    }
    a->names[a->count++] = name;
    return 0;
}

static char *joined(const char *folder, const char *name)
{
    const size_t n = strlen(folder) + strlen(name) + 2;
    char *out = malloc(n);
    if (out)
        snprintf(out, n, "%s%s%s", folder, *folder ? "/" : "", name);
    return out;
}

static int list_folder(struct archive *a, const char *inside, int depth, struct error *e)
{
    char **names;
    int count = 0, rc = 0;
    if (depth > FOLDER_DEPTH)
        return bad(a, e, "folders nest deeper than 16");
    char *folder = *inside ? joined(a->path, inside) : strdup(a->path);
    if (!folder)
        return error_memory(e, "a folder's names");
    if ((rc = file_list(folder, &names, &count, e))) {
        free(folder);
        return rc;
    }
    for (int k = 0; !rc && k < count; k++) {
        struct stat st;
        char *full = joined(folder, names[k]), *relative = joined(inside, names[k]);
        if (!full || !relative || lstat(full, &st)) {
            rc = full && relative ? 0 : error_memory(e, "a folder's names");
            free(relative);
        } else if (S_ISDIR(st.st_mode)) {
            rc = list_folder(a, relative, depth + 1, e);
            free(relative);
        } else if (S_ISREG(st.st_mode)) {
            rc = add_name(a, relative, e);
        } else {
            free(relative);
        }
        free(full);
    }
    file_list_free(names, count);
    free(folder);
    return rc;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int open_stream(struct archive *a, struct error *e)
{
    static const unsigned char magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    unsigned char start[6] = {0};
    a->stream = fopen(a->path, "rb");
    if (!a->stream)
        return bad(a, e, "cannot be opened; check the path");
    const size_t got = fread(start, 1, sizeof start, a->stream);
    if (got < sizeof start || fseek(a->stream, 0, SEEK_SET))
        return bad(a, e, "is neither a tar nor an xz file");
    if (memcmp(start, magic, sizeof magic) == 0) {
        const lzma_stream fresh = LZMA_STREAM_INIT;
        a->xz = fresh;
        a->packed = 1;
        if (lzma_stream_decoder(&a->xz, MEMORY_LIMIT, LZMA_CONCATENATED) != LZMA_OK)
            return error_memory(e, "unpacking xz");
    }
    return 0;
}

int archive_open(const char *path, struct archive **out, struct error *e)
{
    struct stat st;
    *out = NULL;
    struct archive *a = calloc(1, sizeof *a);
    if (!a)
        return error_memory(e, "an archive");
    int rc;
    if (strlen(path) >= sizeof a->path)
        rc = error_set(e, ERR_USAGE, "a path is longer than %zu bytes", sizeof a->path - 1);
    else {
        memcpy(a->path, path, strlen(path) + 1);
        if (stat(path, &st))
            rc = bad(a, e, "does not exist; check the path");
        else if (S_ISDIR(st.st_mode)) {
            rc = list_folder(a, "", 0, e);
            if (!rc && a->count)
                qsort(a->names, (size_t)a->count, sizeof *a->names, by_bytes);
        } else if (S_ISREG(st.st_mode))
            rc = open_stream(a, e);
        else
            rc = bad(a, e, "is neither a file nor a folder");
    }
    if (rc) {
        archive_close(a);
        return rc;
    }
    *out = a;
    return 0;
}

int archive_next(struct archive *a, struct archive_entry *entry, int *found, struct error *e)
{
    *found = 0;
    *entry = (struct archive_entry){0};
    if (a->stream)
        return a->ended ? 0 : tar_next(a, entry, found, e);
    while (a->at < a->count) {
        const char *name = a->names[a->at++];
        char *full = joined(a->path, name);
        const int64_t size = full ? file_size(full) : -1;
        free(full);
        if (size < 0)
            continue;
        fill_entry(a, entry, name, (uint64_t)size);
        *found = 1;
        return 0;
    }
    return 0;
}

int archive_read(struct archive *a, size_t limit, char **data, size_t *size, struct error *e)
{
    *data = NULL;
    *size = 0;
    if (a->left > limit)
        return error_set(e, ERR_INPUT, "%s: an entry of %llu bytes is larger than %zu", a->path,
                         (unsigned long long)a->left, limit);
    if (!a->stream) {
        char *full = a->at > 0 ? joined(a->path, a->names[a->at - 1]) : NULL;
        const int rc = full ? file_read(full, limit, data, size, e)
                            : error_set(e, ERR_INTERNAL, "%s: no current entry", a->path);
        free(full);
        return rc;
    }
    const size_t n = (size_t)a->left;
    char *out = malloc(n + 1);
    if (!out)
        return error_memory(e, "an archive's entry");
    const int rc = stream_exact(a, out, n, e);
    if (rc) {
        free(out);
        return rc;
    }
    a->left = 0;
    out[n] = 0;
    *data = out;
    *size = n;
    return 0;
}

void archive_close(struct archive *a)
{
    if (!a)
        return;
    for (int k = 0; k < a->count; k++)
        free(a->names[k]);
    free(a->names);
    if (a->packed)
        lzma_end(&a->xz);
    if (a->stream)
        fclose(a->stream);
    free(a);
}
