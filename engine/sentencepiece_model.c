#include "sentencepiece_model.h"
#include "file.h"
#include "unicode.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 64 << 20, MOST_PIECES = 1 << 20, LONGEST_PIECE = 1 << 12 };
enum wire { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* --- protobuf ---------------------------------------------------------------------- */

struct message {
    const unsigned char *at, *end;
};

struct field {
    uint64_t number;
    enum wire wire;
    uint64_t value;            /* varint, or the bits of a fixed number */
    struct message bytes;
};

static int broken(const struct sentencepiece_model *m, const char *rule, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: not a sound SentencePiece model: %s; fetch the file again", m->path, rule);
}

/* 0, or the rule that is broken. */
static const char *read_varint(struct message *x, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 10; i++) {
        if (x->at == x->end) return "it ends inside a number";
        unsigned char byte = *x->at++;
        if (i == 9 && byte > 1) return "a number has more than 64 bits";
        *value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) return NULL;
    }
    return "a number has more than 64 bits";
}

static const char *read_field(struct message *x, struct field *f)
{
    uint64_t key, length;
    const char *rule = read_varint(x, &key);
    if (rule) return rule;
    *f = (struct field){.number = key >> 3, .wire = (enum wire)(key & 7)};
    if (!f->number || f->number >= 1 << 29) return "a field has an impossible number";
    size_t left = (size_t)(x->end - x->at), fixed = f->wire == WIRE_64 ? 8 : 4;
    switch (f->wire) {
    case WIRE_VARINT: return read_varint(x, &f->value);
    case WIRE_64:
    case WIRE_32:
        if (left < fixed) return "it ends inside a field";
        for (size_t i = 0; i < fixed; i++) f->value |= (uint64_t)x->at[i] << (8 * i);
        x->at += fixed;
        return NULL;
    case WIRE_BYTES:
        rule = read_varint(x, &length);
        if (rule) return rule;
        if (length > (uint64_t)(x->end - x->at)) return "a field is longer than what holds it";
        f->bytes = (struct message){x->at, x->at + length};
        x->at += length;
        return NULL;
    }
    return "a field has a type that is not of this format";
}

static size_t message_size(const struct message *x) { return (size_t)(x->end - x->at); }

/* --- the messages of a model --------------------------------------------------------- */

static int add_piece(struct sentencepiece_model *m, const struct message *text, float score, uint64_t type,
                     struct error *e)
{
    size_t size = message_size(text);
    const char *s = (const char *)text->at;
    if (type < PIECE_NORMAL || type > PIECE_BYTE) return broken(m, "a piece has an unknown type", e);
    if (!size || size > LONGEST_PIECE || memchr(s, 0, size) || !utf8_valid(s, size))
        return broken(m, "a piece is empty, longer than 4096 bytes or not UTF-8", e);
    if (!isfinite(score)) return broken(m, "a piece's score is not finite", e);
    if (m->count == MOST_PIECES) return broken(m, "it has more than 1048576 pieces", e);
    if (sentencepiece_model_find(m, s, size) >= 0) return broken(m, "a piece occurs twice", e);
    if (m->count == m->capacity) {
        int capacity = m->capacity ? 2 * m->capacity : 1024;
        struct piece *pieces = realloc(m->pieces, (size_t)capacity * sizeof *pieces);
        if (!pieces) return error_memory(e, m->path);
        m->pieces = pieces;
        m->capacity = capacity;
    }
    if (m->text_capacity - m->text_size < size) {
        size_t capacity = 2 * m->text_capacity + LONGEST_PIECE;
        char *grown = realloc(m->text, capacity);
        if (!grown) return error_memory(e, m->path);
        m->text = grown;
        m->text_capacity = capacity;
    }
    memcpy(m->text + m->text_size, s, size);
    m->pieces[m->count] = (struct piece){score, (enum piece_type)type, m->text_size, size};
    m->text_size += size;
    int matched = type == PIECE_NORMAL || type == PIECE_USER_DEFINED || type == PIECE_UNUSED;
    int rc = string_table_add(matched ? &m->dictionary : &m->reserved, s, size, m->count, e);
    if (rc) return rc;
    if (type == PIECE_UNKNOWN) {
        if (m->unknown >= 0) return broken(m, "it has two unknown pieces", e);
        m->unknown = m->count;
    }
    m->count++;
    return 0;
}

static int read_piece(struct sentencepiece_model *m, struct message x, struct error *e)
{
    struct message text = {0};
    uint64_t type = PIECE_NORMAL;
    float score = 0;
    while (x.at < x.end) {
        struct field f;
        const char *rule = read_field(&x, &f);
        if (rule) return broken(m, rule, e);
        enum wire wanted = f.number == 1 ? WIRE_BYTES : f.number == 2 ? WIRE_32 : f.number == 3 ? WIRE_VARINT : f.wire;
        if (f.wire != wanted) return broken(m, "a piece has a field of the wrong type", e);
        uint32_t bits = (uint32_t)f.value;
        if (f.number == 1) text = f.bytes;
        else if (f.number == 2) memcpy(&score, &bits, sizeof score);
        else if (f.number == 3) type = f.value;
    }
    return add_piece(m, &text, score, type, e);
}

/* TrainerSpec: 3 model_type, 24 treat_whitespace_as_suffix, 35 byte_fallback. */
static int read_trainer(struct sentencepiece_model *m, struct message x, struct error *e)
{
    while (x.at < x.end) {
        struct field f;
        const char *rule = read_field(&x, &f);
        if (rule) return broken(m, rule, e);
        if (f.number != 3 && f.number != 24 && f.number != 35) continue;
        if (f.wire != WIRE_VARINT) return broken(m, "a setting of the training has the wrong type", e);
        if (f.number == 3 && f.value != 1)
            return error_set(e, ERR_INPUT, "%s: a SentencePiece model of type %llu, only unigram (1) is read; use the "
                                           "model that belongs to a T5 encoder",
                             m->path, (unsigned long long)f.value);
        if (f.number == 24) m->whitespace_as_suffix = f.value != 0;
        if (f.number == 35) m->byte_fallback = f.value != 0;
    }
    return 0;
}

/* 4 bytes: size of the trie in bytes; the trie; the pool of replacements. */
static int read_character_map(struct sentencepiece_model *m, struct message x, struct error *e)
{
    free(m->trie);
    free(m->pool);
    m->trie = NULL;
    m->pool = NULL;
    m->trie_units = m->pool_size = 0;
    size_t size = message_size(&x);
    if (!size) return 0;
    const unsigned char *b = x.at;
    if (size < 8) return broken(m, "its character map is cut off", e);
    size_t bytes = (size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
    if (!bytes || bytes % 4 || bytes > size - 4) return broken(m, "its character map's trie does not fit into it", e);
    size_t pool = size - 4 - bytes;
    if (pool && b[size - 1]) return broken(m, "its character map's last replacement lacks its end", e);
    m->trie = malloc(bytes);
    m->pool = malloc(pool + 1);
    if (!m->trie || !m->pool) return error_memory(e, m->path);
    for (size_t i = 0; i < bytes / 4; i++) {
        const unsigned char *u = b + 4 + 4 * i;
        m->trie[i] = (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
    }
    memcpy(m->pool, b + 4 + bytes, pool);
    m->pool[pool] = 0;
    m->trie_units = bytes / 4;
    m->pool_size = pool;
    return 0;
}

/* NormalizerSpec: 2 precompiled_charsmap, 3 add_dummy_prefix, 4 remove_extra_whitespaces,
 * 5 escape_whitespaces. */
static int read_normalizer(struct sentencepiece_model *m, struct message x, struct error *e)
{
    int rc = 0;
    while (!rc && x.at < x.end) {
        struct field f;
        const char *rule = read_field(&x, &f);
        if (rule) return broken(m, rule, e);
        if (f.number < 2 || f.number > 5) continue;
        if (f.wire != (f.number == 2 ? WIRE_BYTES : WIRE_VARINT))
            return broken(m, "a setting of the normalisation has the wrong type", e);
        if (f.number == 2) rc = read_character_map(m, f.bytes, e);
        else *(f.number == 3   ? &m->add_dummy_prefix
               : f.number == 4 ? &m->remove_extra_whitespaces
                               : &m->escape_whitespaces) = f.value != 0;
    }
    return rc;
}

static int find_bytes(struct sentencepiece_model *m, struct error *e)
{
    for (int i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", (unsigned)i);
        m->byte_piece[i] = string_table_find(&m->reserved, name, 6);
        if (m->byte_fallback && m->byte_piece[i] < 0) return broken(m, "it lacks one of the 256 byte pieces", e);
    }
    return 0;
}

int sentencepiece_model_parse(const char *name, const void *data, size_t size, struct sentencepiece_model *m,
                              struct error *e)
{
    struct message x = {data, (const unsigned char *)data + size};
    *m = (struct sentencepiece_model){
        .unknown = -1, .add_dummy_prefix = 1, .remove_extra_whitespaces = 1, .escape_whitespaces = 1};
    snprintf(m->path, sizeof m->path, "%s", name);
    int rc = 0;
    while (!rc && x.at < x.end) {
        struct field f;
        const char *rule = read_field(&x, &f);
        if (rule) rc = broken(m, rule, e);
        else if (f.number > 3) continue;
        else if (f.wire != WIRE_BYTES) rc = broken(m, "a part has the wrong type", e);
        else if (f.number == 1) rc = read_piece(m, f.bytes, e);
        else if (f.number == 2) rc = read_trainer(m, f.bytes, e);
        else rc = read_normalizer(m, f.bytes, e);
    }
    if (!rc && !m->dictionary.count) rc = broken(m, "it has no pieces", e);
    if (!rc && m->unknown < 0) rc = broken(m, "it has no unknown piece", e);
    if (!rc) rc = find_bytes(m, e);
    if (rc) sentencepiece_model_free(m);
    return rc;
}

int sentencepiece_model_read(const char *path, struct sentencepiece_model *m, struct error *e)
{
    char *data;
    size_t size;
    int rc = file_read(path, LARGEST_FILE, &data, &size, e);
    if (rc) return rc;
    rc = sentencepiece_model_parse(path, data, size, m, e);
    free(data);
    return rc;
}

void sentencepiece_model_free(struct sentencepiece_model *m)
{
    free(m->pieces);
    free(m->text);
    free(m->trie);
    free(m->pool);
    string_table_free(&m->dictionary);
    string_table_free(&m->reserved);
    memset(m, 0, sizeof *m);
}

int sentencepiece_model_find(const struct sentencepiece_model *m, const char *piece, size_t size)
{
    int number = string_table_find(&m->dictionary, piece, size);
    return number >= 0 ? number : string_table_find(&m->reserved, piece, size);
}
