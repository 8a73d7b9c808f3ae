#include "zip.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    ENTRY_LIMIT = 1 << 17,
    NAME_LIMIT = 512,
    DEFLATE_RATIO = 1032 /* the most that deflate can expand */
};

/* Where the central directory lies. */
struct directory {
    size_t start, size, count;
};

int zip_bad(const struct zip *z, const char *rule, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: not a usable %s: %s", z->path, z->kind, rule);
}

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* ---- The end records ---- */

/* Without a comment the end record is the last 22 bytes; a zip64 record, when
 * present, must agree with every field that is not saturated. */
static int read_end(const struct zip *z, struct directory *d, struct error *e)
{
    if (z->size < END_SIZE || memcmp(z->data + z->size - END_SIZE, "PK\5\6", 4) != 0)
        return zip_bad(z, "no end record in the last 22 bytes; the download is incomplete or has a comment", e);
    size_t end = z->size - END_SIZE;
    const unsigned char *p = z->data + end;
    uint64_t disk = little(p + 4, 2), start_disk = little(p + 6, 2), here = little(p + 8, 2);
    uint64_t entries = little(p + 10, 2), bytes = little(p + 12, 4), offset = little(p + 16, 4);
    if (little(p + 20, 2) != 0)
        return zip_bad(z, "the end record has a comment", e);
    if ((disk != 0 && disk != 0xffff) || (start_disk != 0 && start_disk != 0xffff) || here != entries)
        return zip_bad(z, "it is one part of several", e);
    if (end >= LOCATOR_SIZE && memcmp(p - LOCATOR_SIZE, "PK\6\7", 4) == 0) {
        uint64_t at = little(p - LOCATOR_SIZE + 8, 8);
        if (end < LOCATOR_SIZE + END64_SIZE || at != end - LOCATOR_SIZE - END64_SIZE ||
            memcmp(z->data + at, "PK\6\6", 4) != 0)
            return zip_bad(z, "the zip64 locator points elsewhere", e);
        const unsigned char *q = z->data + at;
        uint64_t entries64 = little(q + 32, 8), bytes64 = little(q + 40, 8), offset64 = little(q + 48, 8);
        if (little(q + 4, 8) != END64_SIZE - 12 || little(q + 16, 4) != 0 || little(q + 20, 4) != 0 ||
            little(q + 24, 8) != entries64 || (entries != 0xffff && entries != entries64) ||
            (bytes != 0xffffffff && bytes != bytes64) || (offset != 0xffffffff && offset != offset64))
            return zip_bad(z, "the zip64 record disagrees with the end record", e);
        entries = entries64;
        bytes = bytes64;
        offset = offset64;
        end = (size_t)at;
    } else if (entries == 0xffff || bytes == 0xffffffff || offset == 0xffffffff) {
        return zip_bad(z, "the zip64 record is missing", e);
    }
    if (offset > end || bytes != end - offset)
        return zip_bad(z, "the central directory is not where the end record says", e);
    if (entries == 0 || entries > ENTRY_LIMIT || entries > bytes / ENTRY_SIZE)
        return zip_bad(z, "an impossible number of entries", e);
    d->start = (size_t)offset;
    d->size = (size_t)bytes;
    d->count = (size_t)entries;
    return 0;
}

/* ---- Entries ---- */

static int name_is_plain(const char *name, size_t n)
{
    if (n == 0 || n >= NAME_LIMIT || name[0] == '/' || name[n - 1] == '/')
        return 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == '\\' || c == ':')
            return 0;
        if ((i == 0 || name[i - 1] == '/') && n - i >= 2 && name[i] == '.' && name[i + 1] == '.' &&
            (n - i == 2 || name[i + 2] == '/'))
            return 0;
    }
    return 1;
}

/* Replaces saturated values by those of the zip64 extra field (id 1). */
static int extend(const unsigned char *extra, size_t n, uint64_t *values[], const int saturated[],
                  int nvalues)
{
    int wanted = 0;
    for (int i = 0; i < nvalues; i++)
        wanted |= saturated[i];
    for (size_t at = 0; wanted && n - at >= 4;) {
        size_t id = (size_t)little(extra + at, 2), size = (size_t)little(extra + at + 2, 2);
        if (size > n - at - 4)
            return 0;
        if (id == 1) {
            size_t used = 0;
            for (int i = 0; i < nvalues; i++) {
                if (!saturated[i])
                    continue;
                if (size - used < 8)
                    return 0;
                *values[i] = little(extra + at + 4 + used, 8);
                used += 8;
            }
            return 1;
        }
        at += 4 + size;
    }
    return !wanted;
}

/* Checks the local header of an entry and finds where its bytes start. */
static int read_local(const struct zip *z, const struct directory *d, struct zip_member *entry, uint64_t flags,
                      struct error *e)
{
    if (entry->header > d->start || d->start - entry->header < LOCAL_SIZE)
        return zip_bad(z, "a local header outside the file", e);
    const unsigned char *p = z->data + entry->header;
    size_t name_size = (size_t)little(p + 26, 2), extra_size = (size_t)little(p + 28, 2);
    size_t room = d->start - entry->header - LOCAL_SIZE;
    if (memcmp(p, "PK\3\4", 4) != 0 || name_size + extra_size > room)
        return zip_bad(z, "a damaged local header", e);
    if (name_size != entry->name_size || memcmp(p + LOCAL_SIZE, entry->name, name_size) != 0)
        return zip_bad(z, "a local header with another name than the central directory", e);
    uint64_t packed = little(p + 18, 4), plain = little(p + 22, 4);
    uint64_t *values[2] = {&plain, &packed};
    int saturated[2] = {plain == 0xffffffff, packed == 0xffffffff};
    if (little(p + 8, 2) != (uint64_t)entry->method || little(p + 6, 2) != flags ||
        !extend(p + LOCAL_SIZE + name_size, extra_size, values, saturated, 2))
        return zip_bad(z, "a local header that disagrees with the central directory", e);
    int later = (flags & 8) && packed == 0 && plain == 0 && little(p + 14, 4) == 0; /* in a data descriptor */
    if (!later && (packed != entry->packed || plain != entry->size || little(p + 14, 4) != entry->checksum))
        return zip_bad(z, "a local header with another size or checksum than the central directory", e);
    entry->start = entry->header + LOCAL_SIZE + name_size + extra_size;
    if (entry->packed > d->start - entry->start)
        return zip_bad(z, "an entry that goes past the central directory", e);
    return 0;
}

static int read_entry(const struct zip *z, const struct directory *d, int deflated, size_t *at, struct zip_member *entry,
                      struct error *e)
{
    size_t left = d->start + d->size - *at;
    const unsigned char *p = z->data + *at;
    if (left < ENTRY_SIZE || memcmp(p, "PK\1\2", 4) != 0)
        return zip_bad(z, "a damaged central directory", e);
    uint64_t flags = little(p + 8, 2), method = little(p + 10, 2);
    uint64_t packed = little(p + 20, 4), plain = little(p + 24, 4), header = little(p + 42, 4);
    size_t name_size = (size_t)little(p + 28, 2), extra_size = (size_t)little(p + 30, 2);
    size_t comment_size = (size_t)little(p + 32, 2);
    if (name_size + extra_size + comment_size > left - ENTRY_SIZE)
        return zip_bad(z, "a damaged central directory", e);
    uint64_t *values[3] = {&plain, &packed, &header};
    int saturated[3] = {plain == 0xffffffff, packed == 0xffffffff, header == 0xffffffff};
    if (!extend(p + ENTRY_SIZE + name_size, extra_size, values, saturated, 3))
        return zip_bad(z, "a damaged zip64 field", e);
    if (flags & 0x2041)
        return zip_bad(z, "an encrypted entry", e);
    if (method != ZIP_STORED && !(deflated && method == ZIP_DEFLATED))
        return zip_bad(z, deflated ? "an entry compressed by another method than deflate"
                                   : "a compressed entry; save again with torch.save, which stores", e);
    if (method == ZIP_STORED && packed != plain)
        return zip_bad(z, "a stored entry of two sizes", e);
    if (little(p + 34, 2) != 0 || header > z->size || packed > z->size)
        return zip_bad(z, "an entry outside the file", e);
    if (plain / DEFLATE_RATIO > packed)
        return zip_bad(z, "an entry that claims to unpack to more than deflate can hold", e);
    entry->name = (const char *)p + ENTRY_SIZE;
    entry->name_size = name_size;
    if (!name_is_plain(entry->name, name_size))
        return zip_bad(z, "an entry name that is absolute, a folder, has '..' or is too long", e);
    entry->size = (size_t)plain;
    entry->packed = (size_t)packed;
    entry->method = (enum zip_method)method;
    entry->header = (size_t)header;
    entry->checksum = (uint32_t)little(p + 16, 4);
    *at += ENTRY_SIZE + name_size + extra_size + comment_size;
    return read_local(z, d, entry, flags, e);
}

static int by_header(const void *a, const void *b)
{
    size_t x = ((const struct zip_member *)a)->header, y = ((const struct zip_member *)b)->header;
    return (x > y) - (x < y);
}

static int compare_name(const struct zip_member *entry, const char *name, size_t n)
{
    size_t both = entry->name_size < n ? entry->name_size : n;
    int order = memcmp(entry->name, name, both);
    return order ? order : (entry->name_size > n) - (entry->name_size < n);
}

static int by_name(const void *a, const void *b)
{
    const struct zip_member *y = b;
    return compare_name(a, y->name, y->name_size);
}

int zip_open(struct zip *z, const char *path, const char *kind, const unsigned char *data, size_t size, int deflated,
             struct error *e)
{
    struct directory found = {0}, *d = &found;
    *z = (struct zip){.path = path, .kind = kind, .data = data, .size = size};
    int rc = read_end(z, d, e);
    if (rc)
        return rc;
    size_t at = d->start, count = d->count;
    if ((z->members = calloc(count, sizeof *z->members)) == NULL)
        return error_memory(e, z->path);
    z->count = count;
    for (size_t i = 0; i < count; i++)
        if ((rc = read_entry(z, d, deflated, &at, &z->members[i], e)) != 0)
            return rc;
    if (at != d->start + d->size)
        return zip_bad(z, "bytes after the last entry of the central directory", e);
    qsort(z->members, count, sizeof *z->members, by_header);
    for (size_t i = 1; i < count; i++)
        if (z->members[i].header < z->members[i - 1].start + z->members[i - 1].packed)
            return zip_bad(z, "two entries overlap", e);
    qsort(z->members, count, sizeof *z->members, by_name);
    for (size_t i = 1; i < count; i++)
        if (by_name(&z->members[i - 1], &z->members[i]) == 0)
            return zip_bad(z, "two entries of the same name", e);
    return 0;
}

struct zip_member *zip_find(const struct zip *z, const char *name)
{
    size_t low = 0, high = z->count, n = strlen(name);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(&z->members[middle], name, n);
        if (order == 0)
            return &z->members[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void zip_close(struct zip *z)
{
    free(z->members);
    z->members = NULL;
    z->count = 0;
}

int zip_name_ends(const struct zip_member *member, const char *tail)
{
    size_t n = strlen(tail);
    return member->name_size > n && memcmp(member->name + member->name_size - n, tail, n) == 0;
}

/* ---- Contents ---- */

static int damaged(const struct zip *z, const struct zip_member *member, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: entry '%.*s' fails its checksum; fetch the file again", z->path,
                     (int)member->name_size, member->name);
}

/* Unpacks exactly member->size bytes; 0 when the packed bytes hold something else. */
static int inflate_member(const struct zip *z, const struct zip_member *member, unsigned char *out)
{
    z_stream stream = {0};
    const unsigned char *in = z->data + member->start;
    size_t in_left = member->packed, out_left = member->size;
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return 0;
    int status = Z_OK;
    while (status == Z_OK) {
        uInt in_part = in_left < UINT_MAX ? (uInt)in_left : UINT_MAX;
        uInt out_part = out_left < UINT_MAX ? (uInt)out_left : UINT_MAX;
        stream.next_in = (unsigned char *)(uintptr_t)in;
        stream.avail_in = in_part;
        stream.next_out = out;
        stream.avail_out = out_part;
        status = inflate(&stream, Z_NO_FLUSH);
        size_t taken = in_part - stream.avail_in, given = out_part - stream.avail_out;
        in += taken;
        in_left -= taken;
        out += given;
        out_left -= given;
        if (status == Z_OK && taken == 0 && given == 0)
            status = Z_DATA_ERROR;
    }
    inflateEnd(&stream);
    return status == Z_STREAM_END && in_left == 0 && out_left == 0;
}

int zip_read(const struct zip *z, const struct zip_member *member, const unsigned char **bytes, unsigned char **owned,
             struct error *e)
{
    *owned = NULL;
    *bytes = z->data + member->start;
    if (member->method == ZIP_DEFLATED) {
        *owned = malloc(member->size ? member->size : 1);
        if (*owned == NULL)
            return error_memory(e, z->path);
        *bytes = *owned;
        if (!inflate_member(z, member, *owned)) {
            free(*owned);
            *owned = NULL;
            return zip_bad(z, "a compressed entry that does not unpack to the size it claims", e);
        }
    }
    if (crc32_z(crc32_z(0, NULL, 0), *bytes, member->size) == member->checksum)
        return 0;
    free(*owned);
    *owned = NULL;
    return damaged(z, member, e);
}
