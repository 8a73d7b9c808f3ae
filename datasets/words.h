/* The vocabulary: words, their vectors, and the part-of-speech slots. */
#ifndef MLCM_WORDS_H
#define MLCM_WORDS_H

#include "set.h"

/* Copies `count` words and their vectors (count, dim) and builds the hash. The
 * words must be distinct and not empty. On success the caller calls words_free. */
int words_make(struct words *w, int count, char *const *word, int dim, const float *vector,
               struct error *e);
void words_free(struct words *w);

/* Row of a word of `length` bytes (case counts), or -1. */
int words_find(const struct words *w, const char *word, size_t length);

/* Reads the published vocabulary of `folder`: our_vab_words.pkl (a list of words),
 * our_vab_idx.pkl (word -> row of the array, which need not be the place in the
 * list) and our_vab_data.npy (V, dim). "sos", "eos" and "unk" must be there. */
int words_read_folder(const char *folder, struct words *w, struct error *e);

/* A vocabulary without trained vectors: sos, eos, unk, then the words of `tokens`
 * ("word/POS word/POS …", `count` strings) sorted by bytes; each word's vector is
 * N(0,1) numbers that depend on (seed, word) alone, so that sets that share words
 * share vectors. */
int words_from_tokens(struct words *w, const char *const *tokens, int count, int dim,
                      uint64_t seed, struct error *e);

/* The slot (0 … WORDS_POS-1) of a known word with its universal part-of-speech
 * tag: the VIP lists come first (location, body, object, action, description). */
int words_slot(const char *word, size_t word_length, const char *tag, size_t tag_length);
/* Name of a slot, "VERB" … "OTHER". */
const char *words_slot_name(int slot);

#endif
