/* The SentencePiece unigram tokenizer and the T5 tokenizer on top of it.
 *
 * A text is normalised by the model's character map, then cut into the pieces
 * whose scores have the largest sum (Kudo 2018, "Subword Regularization"),
 * found by the Viterbi recursion over byte positions. Sums are kept as the
 * official library keeps them, each path score rounded to float, so that ties
 * fall alike. */
#ifndef MLCM_TOKENIZER_UNIGRAM_H
#define MLCM_TOKENIZER_UNIGRAM_H

#include "sentencepiece_model.h"
#include "tokens.h"
#include "unicode.h"

enum { T5_EXTRA_TOKENS = 100 };

struct unigram_tokenizer {
    struct sentencepiece_model model;
    float unknown_score;       /* smallest score of a normal piece - 10 */
    float largest_score;
    /* The literals of the T5 tokenizer; <extra_id_99> … <extra_id_0> follow the model's pieces. */
    struct token_literal literals[T5_EXTRA_TOKENS + 3];
    int literal_count, end;    /* end: number of </s>, -1 if the model has none */
};

int unigram_tokenizer_open(const char *path, struct unigram_tokenizer *u, struct error *e);
/* From a model that was read; it is taken over, also on failure. */
int unigram_tokenizer_from(struct sentencepiece_model *model, struct unigram_tokenizer *u, struct error *e);
void unigram_tokenizer_free(struct unigram_tokenizer *u);

/* Appends the normalised text: spaces are U+2581 and one stands in front. */
int unigram_normalise(const struct unigram_tokenizer *u, const char *text, size_t size, struct text_buffer *out,
                      struct error *e);
/* Appends the pieces of a text; nothing else. */
int unigram_encode(const struct unigram_tokenizer *u, const char *text, size_t size, struct token_list *out,
                   struct error *e);
/* Appends what a T5 encoder is fed: the text is stripped, literals of special tokens become
 * these, at most limit - 1 pieces are kept (limit 0: all), </s> ends the list. */
int unigram_encode_t5(const struct unigram_tokenizer *u, const char *text, size_t size, int limit,
                      struct token_list *out, struct error *e);

#endif
