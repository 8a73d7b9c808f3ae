/* CLIP's tokenizer: byte-level byte pair encoding of cleaned, lower-case text.
 *
 * Bytes are written as printable characters; a word's last symbol carries the
 * suffix "</w>"; the adjacent pair of the lowest rank is merged, wherever it
 * stands in the word, until no pair has a rank (Sennrich et al. 2016). */
#ifndef MLCM_TOKENIZER_BPE_H
#define MLCM_TOKENIZER_BPE_H

#include "string_table.h"
#include "tokens.h"

struct bpe_tokenizer {
    char path[1024];           /* for messages */
    struct string_table symbols;
    struct string_table merges; /* key: the two numbers, 4 bytes each; value: rank */
    int *merged;               /* by rank: the number of the joined symbol */
    int merge_count, merge_capacity;
    int byte_symbol[2][256];   /* of a byte inside a word, at its end */
    int start, end;            /* <|startoftext|>, <|endoftext|> */
};

/* How a text is cleaned before it is cut into words. */
enum clip_cleaning {
    CLIP_OPENAI, /* HTML references decoded twice, white space joined, lower case */
    CLIP_FAST    /* NFC, white space joined, lower case; special tokens where they literally stand */
};

/* OpenAI's layout: one list of merges (bpe_simple_vocab_16e6.txt, plain or gzip), from which the
 * numbers follow: 256 bytes, 256 bytes at a word's end, the merges, the two special tokens. */
int bpe_tokenizer_open_openai(const char *merges, struct bpe_tokenizer *b, struct error *e);
/* Hugging Face's layout: vocab.json (symbol -> number) and merges.txt. */
int bpe_tokenizer_open_hf(const char *vocabulary, const char *merges, struct bpe_tokenizer *b, struct error *e);
void bpe_tokenizer_free(struct bpe_tokenizer *b);

/* Appends the symbols of a text, without start and end. */
int bpe_encode(const struct bpe_tokenizer *b, const char *text, size_t size, enum clip_cleaning cleaning,
               struct token_list *out, struct error *e);
/* Fills ids[0 … width): start, the first symbols, end, then `padding`; start to end takes at
 * most `context` places (2 … width). */
int bpe_encode_context(const struct bpe_tokenizer *b, const char *text, size_t size, enum clip_cleaning cleaning,
                       int context, int padding, int width, int *ids, struct error *e);

#endif
