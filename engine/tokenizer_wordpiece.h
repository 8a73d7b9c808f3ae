/* The uncased WordPiece tokenizer of BERT (Devlin et al. 2019).
 *
 * Control characters vanish, ideographs and punctuation stand alone, words are
 * lower-cased and lose their accents, then each is cut greedily into the
 * longest pieces of the vocabulary. */
#ifndef MLCM_TOKENIZER_WORDPIECE_H
#define MLCM_TOKENIZER_WORDPIECE_H

#include "string_table.h"
#include "tokens.h"

struct wordpiece_tokenizer {
    char path[1024];           /* for messages */
    struct string_table vocabulary;
    int unknown, start, end, padding;   /* [UNK], [CLS], [SEP], [PAD] */
    struct token_literal literals[5];   /* these and [MASK], as far as there */
    int literal_count;
};

/* Reads vocab.txt: a piece a line, number = line, from 0. */
int wordpiece_tokenizer_open(const char *path, struct wordpiece_tokenizer *w, struct error *e);
void wordpiece_tokenizer_free(struct wordpiece_tokenizer *w);

/* Appends the pieces of a text. literals: "[CLS]", "[MASK]" … in the text become these tokens,
 * and letters are lower-cased one by one (Greek words keep no final sigma), as published
 * tokenizers do; without, the text is words only. */
int wordpiece_encode(const struct wordpiece_tokenizer *w, const char *text, size_t size, int literals,
                     struct token_list *out, struct error *e);
/* Appends what an encoder is fed: [CLS], at most limit - 2 pieces (limit 0: all), [SEP]. */
int wordpiece_encode_sentence(const struct wordpiece_tokenizer *w, const char *text, size_t size, int limit,
                              struct token_list *out, struct error *e);

#endif
