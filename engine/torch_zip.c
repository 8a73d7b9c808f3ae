/* A zip reader for what torch.save writes, and nothing else: stored entries,
 * no comment, one folder. Central directory and local headers must agree. */
#include "torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    END_SIZE = 22,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    ENTRY_LIMIT = 1 << 17,
    NAME_LIMIT = 512
};

struct entry {
    const char *name; /* not NUL-terminated */
    size_t name_size, start, size, header;
    uint32_t checksum;
    int verified;
};

struct archive {
    const unsigned char *data;
    size_t size, directory, directory_size;
    struct entry *entries; /* sorted by name */
    size_t count;
    const char *path;
    char folder[NAME_LIMIT];
    uint32_t table[8][256];
};

static int bad(const struct archive *z, const char *rule, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: not a usable torch zip archive: %s", z->path, rule);
}

static uint64_t little(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

/* ---- CRC-32, eight bytes a step ---- */

static void make_table(uint32_t table[8][256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t v = i;
        for (int bit = 0; bit < 8; bit++)
            v = v & 1 ? v >> 1 ^ 0xedb88320u : v >> 1;
        table[0][i] = v;
    }
    for (int k = 1; k < 8; k++)
        for (int i = 0; i < 256; i++)
            table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 255];
}

static uint32_t checksum_of(const uint32_t table[8][256], const unsigned char *p, size_t n)
{
    uint32_t c = 0xffffffffu;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t low = (uint32_t)little(p, 4) ^ c, high = (uint32_t)little(p + 4, 4);
        c = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
            table[3][high & 255] ^ table[2][high >> 8 & 255] ^ table[1][high >> 16 & 255] ^
            table[0][high >> 24];
    }
    for (; n > 0; n--)
        c = c >> 8 ^ table[0][(c ^ *p++) & 255];
    return ~c;
}

/* ---- The end records ---- */

/* Without a comment the end record is the last 22 bytes; a zip64 record, when
 * present, must agree with every field that is not saturated. */
static int read_end(struct archive *z, size_t *count, struct error *e)
{
    if (z->size < END_SIZE || memcmp(z->data + z->size - END_SIZE, "PK\5\6", 4) != 0)
        return bad(z, "no end record in the last 22 bytes; the download is incomplete or has a comment", e);
    size_t end = z->size - END_SIZE;
    const unsigned char *p = z->data + end;
    uint64_t disk = little(p + 4, 2), start_disk = little(p + 6, 2), here = little(p + 8, 2);
    uint64_t entries = little(p + 10, 2), bytes = little(p + 12, 4), offset = little(p + 16, 4);
    if (little(p + 20, 2) != 0)
        return bad(z, "the end record has a comment", e);
    if ((disk != 0 && disk != 0xffff) || (start_disk != 0 && start_disk != 0xffff) || here != entries)
        return bad(z, "it is one part of several", e);
    if (end >= LOCATOR_SIZE && memcmp(p - LOCATOR_SIZE, "PK\6\7", 4) == 0) {
        uint64_t at = little(p - LOCATOR_SIZE + 8, 8);
        if (end < LOCATOR_SIZE + END64_SIZE || at != end - LOCATOR_SIZE - END64_SIZE ||
            memcmp(z->data + at, "PK\6\6", 4) != 0)
            return bad(z, "the zip64 locator points elsewhere", e);
        const unsigned char *q = z->data + at;
        uint64_t entries64 = little(q + 32, 8), bytes64 = little(q + 40, 8), offset64 = little(q + 48, 8);
        if (little(q + 4, 8) != END64_SIZE - 12 || little(q + 16, 4) != 0 || little(q + 20, 4) != 0 ||
            little(q + 24, 8) != entries64 || (entries != 0xffff && entries != entries64) ||
            (bytes != 0xffffffff && bytes != bytes64) || (offset != 0xffffffff && offset != offset64))
            return bad(z, "the zip64 record disagrees with the end record", e);
        entries = entries64;
        bytes = bytes64;
        offset = offset64;
        end = (size_t)at;
    } else if (entries == 0xffff || bytes == 0xffffffff || offset == 0xffffffff) {
        return bad(z, "the zip64 record is missing", e);
    }
    if (offset > end || bytes != end - offset)
        return bad(z, "the central directory is not where the end record says", e);
    if (entries == 0 || entries > ENTRY_LIMIT || entries > bytes / ENTRY_SIZE)
        return bad(z, "an impossible number of entries", e);
    z->directory = (size_t)offset;
    z->directory_size = (size_t)bytes;
    *count = (size_t)entries;
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
static int read_local(const struct archive *z, struct entry *entry, uint64_t flags, struct error *e)
{
    if (entry->header > z->directory || z->directory - entry->header < LOCAL_SIZE)
        return bad(z, "a local header outside the file", e);
    const unsigned char *p = z->data + entry->header;
    size_t name_size = (size_t)little(p + 26, 2), extra_size = (size_t)little(p + 28, 2);
    size_t room = z->directory - entry->header - LOCAL_SIZE;
    if (memcmp(p, "PK\3\4", 4) != 0 || name_size + extra_size > room)
        return bad(z, "a damaged local header", e);
    if (name_size != entry->name_size || memcmp(p + LOCAL_SIZE, entry->name, name_size) != 0)
        return bad(z, "a local header with another name than the central directory", e);
    uint64_t packed = little(p + 18, 4), plain = little(p + 22, 4);
    uint64_t *values[2] = {&plain, &packed};
    int saturated[2] = {plain == 0xffffffff, packed == 0xffffffff};
    if (little(p + 8, 2) != 0 || little(p + 6, 2) != flags ||
        !extend(p + LOCAL_SIZE + name_size, extra_size, values, saturated, 2))
        return bad(z, "a local header that disagrees with the central directory", e);
    int later = (flags & 8) && packed == 0 && plain == 0 && little(p + 14, 4) == 0; /* in a data descriptor */
    if (!later && (packed != entry->size || plain != entry->size || little(p + 14, 4) != entry->checksum))
        return bad(z, "a local header with another size or checksum than the central directory", e);
    entry->start = entry->header + LOCAL_SIZE + name_size + extra_size;
    if (entry->size > z->directory - entry->start)
        return bad(z, "an entry that goes past the central directory", e);
    return 0;
}

static int read_entry(const struct archive *z, size_t *at, struct entry *entry, struct error *e)
{
    size_t left = z->directory + z->directory_size - *at;
    const unsigned char *p = z->data + *at;
    if (left < ENTRY_SIZE || memcmp(p, "PK\1\2", 4) != 0)
        return bad(z, "a damaged central directory", e);
    uint64_t flags = little(p + 8, 2), method = little(p + 10, 2);
    uint64_t packed = little(p + 20, 4), plain = little(p + 24, 4), header = little(p + 42, 4);
    size_t name_size = (size_t)little(p + 28, 2), extra_size = (size_t)little(p + 30, 2);
    size_t comment_size = (size_t)little(p + 32, 2);
    if (name_size + extra_size + comment_size > left - ENTRY_SIZE)
        return bad(z, "a damaged central directory", e);
    uint64_t *values[3] = {&plain, &packed, &header};
    int saturated[3] = {plain == 0xffffffff, packed == 0xffffffff, header == 0xffffffff};
    if (!extend(p + ENTRY_SIZE + name_size, extra_size, values, saturated, 3))
        return bad(z, "a damaged zip64 field", e);
    if (flags & 0x2041)
        return bad(z, "an encrypted entry", e);
    if (method != 0 || packed != plain)
        return bad(z, "a compressed entry; save again with torch.save, which stores", e);
    if (little(p + 34, 2) != 0 || header > z->size || plain > z->size)
        return bad(z, "an entry outside the file", e);
    entry->name = (const char *)p + ENTRY_SIZE;
    entry->name_size = name_size;
    if (!name_is_plain(entry->name, name_size))
        return bad(z, "an entry name that is absolute, a folder, has '..' or is too long", e);
    entry->size = (size_t)plain;
    entry->header = (size_t)header;
    entry->checksum = (uint32_t)little(p + 16, 4);
    *at += ENTRY_SIZE + name_size + extra_size + comment_size;
    return read_local(z, entry, flags, e);
}

static int by_header(const void *a, const void *b)
{
    size_t x = ((const struct entry *)a)->header, y = ((const struct entry *)b)->header;
    return (x > y) - (x < y);
}

static int compare_name(const struct entry *entry, const char *name, size_t n)
{
    size_t both = entry->name_size < n ? entry->name_size : n;
    int order = memcmp(entry->name, name, both);
    return order ? order : (entry->name_size > n) - (entry->name_size < n);
}

static int by_name(const void *a, const void *b)
{
    const struct entry *y = b;
    return compare_name(a, y->name, y->name_size);
}

static int read_directory(struct archive *z, struct error *e)
{
    size_t at = z->directory, count = 0;
    int rc = read_end(z, &count, e);
    if (rc)
        return rc;
    if ((z->entries = calloc(count, sizeof *z->entries)) == NULL)
        return error_memory(e, z->path);
    z->count = count;
    at = z->directory;
    for (size_t i = 0; i < count; i++)
        if ((rc = read_entry(z, &at, &z->entries[i], e)) != 0)
            return rc;
    if (at != z->directory + z->directory_size)
        return bad(z, "bytes after the last entry of the central directory", e);
    qsort(z->entries, count, sizeof *z->entries, by_header);
    for (size_t i = 1; i < count; i++)
        if (z->entries[i].header < z->entries[i - 1].start + z->entries[i - 1].size)
            return bad(z, "two entries overlap", e);
    qsort(z->entries, count, sizeof *z->entries, by_name);
    for (size_t i = 1; i < count; i++)
        if (by_name(&z->entries[i - 1], &z->entries[i]) == 0)
            return bad(z, "two entries of the same name", e);
    return 0;
}

static struct entry *find_entry(const struct archive *z, const char *name)
{
    size_t low = 0, high = z->count, n = strlen(name);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_name(&z->entries[middle], name, n);
        if (order == 0)
            return &z->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int verify_entry(const struct archive *z, struct entry *entry, struct error *e)
{
    if (!entry->verified && checksum_of(z->table, z->data + entry->start, entry->size) != entry->checksum)
        return error_set(e, ERR_INPUT, "%s: entry '%.*s' fails its checksum; fetch the file again", z->path,
                         (int)entry->name_size, entry->name);
    entry->verified = 1;
    return 0;
}

/* The one entry FOLDER/data.pkl names the folder. */
static int find_folder(struct archive *z, struct entry **pickle, struct error *e)
{
    static const char tail[] = "/data.pkl";
    size_t n = sizeof tail - 1;
    *pickle = NULL;
    for (size_t i = 0; i < z->count; i++) {
        struct entry *entry = &z->entries[i];
        if (entry->name_size <= n || memcmp(entry->name + entry->name_size - n, tail, n) != 0)
            continue;
        if (*pickle)
            return bad(z, "two data.pkl", e);
        *pickle = entry;
    }
    if (*pickle == NULL)
        return bad(z, "no FOLDER/data.pkl in it; it is some other zip file", e);
    memcpy(z->folder, (*pickle)->name, (*pickle)->name_size - n);
    z->folder[(*pickle)->name_size - n] = '\0';
    return 0;
}

static int check_byte_order(const struct archive *z, struct error *e)
{
    char name[NAME_LIMIT + 16];
    snprintf(name, sizeof name, "%s/byteorder", z->folder);
    const struct entry *entry = find_entry(z, name);
    if (entry && (entry->size != 6 || memcmp(z->data + entry->start, "little", 6) != 0))
        return bad(z, "big-endian tensors; save on a little-endian machine", e);
    return 0;
}

static int storage_bytes(void *context, const struct pickle_storage *storage, const unsigned char **bytes,
                         struct error *e)
{
    struct archive *z = context;
    char name[NAME_LIMIT + 80];
    snprintf(name, sizeof name, "%s/data/%s", z->folder, storage->key);
    struct entry *entry = find_entry(z, name);
    if (entry == NULL)
        return error_set(e, ERR_INPUT, "%s: storage '%s' is not in the archive; the file is damaged", z->path,
                         storage->key);
    if (entry->size != (size_t)storage->count * storage->element)
        return error_set(e, ERR_INPUT, "%s: storage '%s' has %zu bytes where the pickle says %zu", z->path,
                         storage->key, entry->size, (size_t)storage->count * storage->element);
    *bytes = z->data + entry->start;
    return verify_entry(z, entry, e);
}

int torch_read_zip(const unsigned char *data, size_t size, struct weights *w, struct error *e)
{
    struct archive *z = calloc(1, sizeof *z);
    if (z == NULL)
        return error_memory(e, w->path);
    z->data = data;
    z->size = size;
    z->path = w->path;
    make_table(z->table);
    struct entry *object = NULL;
    struct pickle p = {0};
    size_t consumed = 0;
    int rc = read_directory(z, e);
    if (rc == 0)
        rc = find_folder(z, &object, e);
    if (rc == 0)
        rc = check_byte_order(z, e);
    if (rc == 0)
        rc = verify_entry(z, object, e);
    if (rc == 0)
        rc = pickle_parse(z->path, data + object->start, object->size, &p, &consumed, e);
    if (rc == 0 && consumed != object->size)
        rc = bad(z, "bytes after the end of data.pkl", e);
    if (rc == 0)
        rc = torch_collect(p.root, storage_bytes, z, size, w, e);
    pickle_free(&p);
    free(z->entries);
    free(z);
    return rc;
}
