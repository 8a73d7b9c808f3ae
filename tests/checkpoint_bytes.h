/* Builds pickles, torch zip archives and legacy streams byte by byte, so that
 * tests can also build wrong ones. */
#ifndef MLCM_TESTS_CHECKPOINT_BYTES_H
#define MLCM_TESTS_CHECKPOINT_BYTES_H

#include <stdint.h>
#include <string.h>

struct bytes {
    unsigned char at[1 << 15];
    size_t n;
};

static inline void put(struct bytes *b, const void *data, size_t n)
{
    if (n > 0 && n <= sizeof b->at - b->n) {
        memcpy(b->at + b->n, data, n);
        b->n += n;
    }
}

/* A literal, which may have NULs inside. */
#define PUT(b, literal) put(b, literal, sizeof(literal) - 1)

static inline void put_little(struct bytes *b, uint64_t v, int n)
{
    unsigned char out[8];
    for (int i = 0; i < n; i++)
        out[i] = (unsigned char)(v >> (8 * i));
    put(b, out, (size_t)n);
}

static inline void put_text(struct bytes *b, const char *text)
{
    PUT(b, "X");
    put_little(b, strlen(text), 4);
    put(b, text, strlen(text));
}

/* A 64-bit integer as LONG1. */
static inline void put_integer(struct bytes *b, int64_t v)
{
    PUT(b, "\x8a\x08");
    put_little(b, (uint64_t)v, 8);
}

static inline void put_integers(struct bytes *b, int n, const int64_t *v)
{
    PUT(b, "(");
    for (int i = 0; i < n; i++)
        put_integer(b, v[i]);
    PUT(b, "t");
}

/* A tensor as torch.save writes it. */
struct tensor_spec {
    const char *storage, *key; /* "FloatStorage", "0" */
    int64_t held, offset;
    int rank;
    int64_t shape[9], stride[9];
};

static inline void put_tensor(struct bytes *b, const struct tensor_spec *t)
{
    PUT(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(b, "storage");
    PUT(b, "ctorch\n");
    put(b, t->storage, strlen(t->storage));
    PUT(b, "\n");
    put_text(b, t->key);
    put_text(b, "cuda:0");
    put_integer(b, t->held);
    PUT(b, "tQ");
    put_integer(b, t->offset);
    put_integers(b, t->rank, t->shape);
    put_integers(b, t->rank, t->stride);
    PUT(b, "\x89"
           "ccollections\nOrderedDict\n)RtR");
}

/* {"state_dict": OrderedDict(name: tensor …), "epoch": 3} with _metadata. */
static inline void put_checkpoint(struct bytes *b, int n, const char *const *names,
                                  const struct tensor_spec *tensors)
{
    PUT(b, "\x80\x02}(");
    put_text(b, "state_dict");
    PUT(b, "ccollections\nOrderedDict\n)R(");
    for (int i = 0; i < n; i++) {
        put_text(b, names[i]);
        put_tensor(b, &tensors[i]);
    }
    PUT(b, "u}");
    put_text(b, "_metadata");
    PUT(b, "}sb");
    put_text(b, "epoch");
    PUT(b, "K\x03u.");
}

/* ---- zip ---- */

struct zip_entry {
    char name[64];
    const void *data;
    size_t size;
    int method, flags;
    uint32_t wrong_size, wrong_checksum; /* added to the local header's fields */
    size_t header;
};

static inline uint32_t crc32_of(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    }
    return ~c;
}

struct zip_lies {
    int with_zip64;
    uint64_t entries, directory, offset; /* added to the zip64 record's fields */
};

static inline void put_zip(struct bytes *b, int n, struct zip_entry *entry, const struct zip_lies *lies)
{
    for (int i = 0; i < n; i++) {
        struct zip_entry *z = &entry[i];
        z->header = b->n;
        PUT(b, "PK\3\4");
        put_little(b, 0, 2);
        put_little(b, (uint64_t)z->flags, 2);
        put_little(b, (uint64_t)z->method, 2);
        put_little(b, 0, 4);
        put_little(b, crc32_of(z->data, z->size) + z->wrong_checksum, 4);
        put_little(b, z->size + z->wrong_size, 4);
        put_little(b, z->size + z->wrong_size, 4);
        put_little(b, strlen(z->name), 2);
        put_little(b, 9, 2);
        put(b, z->name, strlen(z->name));
        PUT(b, "FB\5\0ZZZZZ");
        put(b, z->data, z->size);
    }
    size_t directory = b->n;
    for (int i = 0; i < n; i++) {
        struct zip_entry *z = &entry[i];
        PUT(b, "PK\1\2");
        put_little(b, 0, 4);
        put_little(b, (uint64_t)z->flags, 2);
        put_little(b, (uint64_t)z->method, 2);
        put_little(b, 0, 4);
        put_little(b, crc32_of(z->data, z->size) + z->wrong_checksum, 4);
        put_little(b, z->size, 4);
        put_little(b, z->size, 4);
        put_little(b, strlen(z->name), 2);
        put_little(b, 0, 4);
        put_little(b, 0, 4);
        put_little(b, 0, 4);
        put_little(b, z->header, 4);
        put(b, z->name, strlen(z->name));
    }
    size_t size = b->n - directory;
    if (lies && lies->with_zip64) {
        size_t record = b->n;
        PUT(b, "PK\6\6");
        put_little(b, 44, 8);
        put_little(b, 0, 4);
        put_little(b, 0, 8);
        put_little(b, (uint64_t)n + lies->entries, 8);
        put_little(b, (uint64_t)n + lies->entries, 8);
        put_little(b, size + lies->directory, 8);
        put_little(b, directory + lies->offset, 8);
        PUT(b, "PK\6\7");
        put_little(b, 0, 4);
        put_little(b, record, 8);
        put_little(b, 1, 4);
    }
    PUT(b, "PK\5\6");
    put_little(b, 0, 4);
    put_little(b, (uint64_t)n, 2);
    put_little(b, (uint64_t)n, 2);
    put_little(b, size, 4);
    put_little(b, directory, 4);
    put_little(b, 0, 2);
}

/* ---- legacy stream ---- */

static inline void put_legacy_preamble(struct bytes *b, int little_endian)
{
    PUT(b, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
    PUT(b, "\x80\x02M\xe9\x03.");
    PUT(b, "\x80\x02}");
    put_text(b, "little_endian");
    put(b, little_endian ? "\x88s." : "\x89s.", 3);
}

#endif
