/* The words that our captions use: lemma and universal part of speech. */
#ifndef MLCM_LEXICON_H
#define MLCM_LEXICON_H

#include "../engine/error.h"
#include <stddef.h>

/* Turns a marked sentence into a caption and its tokens.
 *
 * `marked` is plain words and commas with single spaces; a word may carry its tag
 * ("a bow/NOUN") where the lexicon's first reading is not meant. `text` receives
 * the sentence without tags, `tokens` "word/POS word/POS …": nouns and verbs as
 * lemmas except "left", everything else as it stands, commas dropped. Returns the
 * number of tokens, or -1 with an error (a word that the lexicon lacks; no room). */
int caption_from_marked(const char *marked, char *text, size_t text_size, char *tokens,
                        size_t tokens_size, struct error *e);

/* Tokens of any sentence: runs of letters in lower case, hyphens dropped; known words
 * as above, others "word/X". Returns their number, or -1 if `tokens` is too small. */
int tokens_of_text(const char *text, char *tokens, size_t size);

/* Exchanges left and right, clockwise and counterclockwise (also lefts, leftward …)
 * as whole words, at once, in a sentence, a token string or a slot string. `out`
 * may not overlap `in`. Returns 0, or -1 if `out` is too small. */
int text_mirror(const char *in, char *out, size_t size);

#endif
