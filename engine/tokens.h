/* What all tokenizers share: lists of token numbers, and literals such as "[CLS]" or
 * "</s>" that stand for one token wherever they occur in a text. */
#ifndef MLCM_TOKENS_H
#define MLCM_TOKENS_H

#include "error.h"
#include <stddef.h>

/* Zero-initialise; free with token_list_free. */
struct token_list {
    int *ids;
    int count, capacity;
};
int token_list_add(struct token_list *l, int id, struct error *e);
void token_list_free(struct token_list *l);

/* Longer texts are refused: a caption is a few hundred bytes. */
enum { TEXT_LARGEST = 1 << 16 };
int text_size_check(size_t size, struct error *e);

struct token_literal {
    char text[24];
    int id;
};
/* The first literal in text, the longest if several start there: its place goes to *at.
 * NULL if there is none; *at is `size` then. */
const struct token_literal *token_literal_find(const struct token_literal *literals, int count, const char *text,
                                               size_t size, size_t *at);

#endif
