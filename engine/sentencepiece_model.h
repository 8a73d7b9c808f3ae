/* SentencePiece model files (spiece.model): a strict reader of the protobuf message
 * ModelProto, as far as a unigram tokenizer needs it. */
#ifndef MLCM_SENTENCEPIECE_MODEL_H
#define MLCM_SENTENCEPIECE_MODEL_H

#include "string_table.h"

enum piece_type { PIECE_NORMAL = 1, PIECE_UNKNOWN, PIECE_CONTROL, PIECE_USER_DEFINED, PIECE_UNUSED, PIECE_BYTE };

struct piece {
    float score;               /* natural logarithm of its probability */
    enum piece_type type;
    size_t offset, size;       /* its bytes in `text` */
};

struct sentencepiece_model {
    char path[1024];           /* for messages */
    struct piece *pieces;      /* number = order in the file */
    int count, capacity;
    char *text;
    size_t text_size, text_capacity;
    struct string_table dictionary; /* pieces that may be matched: normal, user defined, unused */
    struct string_table reserved;   /* control, unknown, byte */
    int unknown;               /* number of the piece of type unknown */
    int byte_piece[256];       /* with byte_fallback: the piece of each byte */
    int byte_fallback, whitespace_as_suffix;
    int add_dummy_prefix, remove_extra_whitespaces, escape_whitespaces;
    /* The precompiled character map: a double-array trie over bytes and a pool of
     * NUL-terminated replacements. No map: trie_units = 0. */
    uint32_t *trie;
    size_t trie_units;
    char *pool;
    size_t pool_size;
};

/* Reads the file at `path`; a model that is not unigram is refused. */
int sentencepiece_model_read(const char *path, struct sentencepiece_model *m, struct error *e);
/* The same from memory; `name` stands for the file. */
int sentencepiece_model_parse(const char *name, const void *data, size_t size, struct sentencepiece_model *m,
                              struct error *e);
void sentencepiece_model_free(struct sentencepiece_model *m);
/* The number of a piece of any type, -1 if it is not there. */
int sentencepiece_model_find(const struct sentencepiece_model *m, const char *piece, size_t size);

#endif
