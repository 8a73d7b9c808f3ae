/* Builds SentencePiece models byte by byte, so that tests can also build wrong ones. */
#ifndef MLCM_TESTS_MODEL_BYTES_H
#define MLCM_TESTS_MODEL_BYTES_H

#include "../engine/sentencepiece_model.h"

#include <string.h>

#define SPACE "\xe2\x96\x81"

struct model_bytes {
    unsigned char data[8192];
    size_t size;
};

static inline void put_varint(struct model_bytes *m, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) m->data[m->size++] = (unsigned char)(v | 0x80);
    m->data[m->size++] = (unsigned char)v;
}

static inline void put_bytes(struct model_bytes *m, unsigned field, const void *bytes, size_t size)
{
    put_varint(m, field << 3 | 2);
    put_varint(m, size);
    memcpy(m->data + m->size, bytes, size);
    m->size += size;
}

static inline void put_piece(struct model_bytes *m, const char *text, float score, unsigned type)
{
    struct model_bytes p = {.size = 0};
    put_bytes(&p, 1, text, strlen(text));
    put_varint(&p, 2 << 3 | 5);
    memcpy(p.data + p.size, &score, 4);
    p.size += 4;
    put_varint(&p, 3 << 3);
    put_varint(&p, type);
    put_bytes(m, 1, p.data, p.size);
}

static inline void put_setting(struct model_bytes *m, unsigned part, unsigned field, unsigned value)
{
    struct model_bytes s = {.size = 0};
    put_varint(&s, field << 3);
    put_varint(&s, value);
    put_bytes(m, part, s.data, s.size);
}

/* <pad> </s> <unk> _ a b ab _ab aba and a user defined and an unused piece */
static inline void small_model(struct model_bytes *m)
{
    m->size = 0;
    put_piece(m, "<pad>", 0, PIECE_CONTROL);
    put_piece(m, "</s>", 0, PIECE_CONTROL);
    put_piece(m, "<unk>", 0, PIECE_UNKNOWN);
    put_piece(m, SPACE, -3, PIECE_NORMAL);
    put_piece(m, "a", -4, PIECE_NORMAL);
    put_piece(m, "b", -4, PIECE_NORMAL);
    put_piece(m, "ab", -5, PIECE_NORMAL);
    put_piece(m, SPACE "ab", -6, PIECE_NORMAL);
    put_piece(m, "[x]", 0, PIECE_USER_DEFINED);
    put_piece(m, "ba", 0, PIECE_UNUSED);
}

#endif
