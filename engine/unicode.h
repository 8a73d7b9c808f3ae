/* Unicode for the tokenizers: UTF-8, character classes, case, normal forms.
 *
 * Classes, case and normal forms come from utf8proc (Unicode 15). Text is
 * bytes with a length; where it is not UTF-8, each wrong byte reads as U+FFFD. */
#ifndef MLCM_UNICODE_H
#define MLCM_UNICODE_H

#include "error.h"
#include <stddef.h>
#include <stdint.h>

/* Text that grows; zero-initialise, free with text_buffer_free. `data` ends in a NUL
 * that `size` does not count, and is NULL before the first addition. */
struct text_buffer {
    char *data;
    size_t size, capacity;
};
int text_buffer_add(struct text_buffer *b, const char *bytes, size_t size, struct error *e);
int text_buffer_add_character(struct text_buffer *b, uint32_t c, struct error *e);
void text_buffer_free(struct text_buffer *b);

/* Reads the character at p (left > 0 bytes). Returns the bytes it takes. Overlong forms,
 * surrogates and values above U+10FFFF are not UTF-8: 1 and U+FFFD then. */
size_t utf8_next(const char *p, size_t left, uint32_t *c);
/* Writes c as UTF-8; returns 1 to 4, the bytes written. */
size_t utf8_put(uint32_t c, char out[4]);
int utf8_valid(const char *p, size_t size);

int unicode_is_letter(uint32_t c);        /* general category L */
int unicode_is_number(uint32_t c);        /* N */
int unicode_is_punctuation(uint32_t c);   /* P */
int unicode_is_other(uint32_t c);         /* C: control, format, private, unassigned */
int unicode_is_accent(uint32_t c);        /* Mn */
int unicode_is_space_separator(uint32_t c); /* Zs */
int unicode_is_white_space(uint32_t c);   /* the property White_Space */
/* White_Space and the four separators U+001C … U+001F, which Python counts as space. */
int unicode_is_python_space(uint32_t c);

/* Moves *text and *size past leading and trailing python spaces. */
void unicode_strip(const char **text, size_t *size);
/* Appends the lower case. final_sigma: a capital sigma at the end of a word becomes ς as
 * the Unicode standard's SpecialCasing has it; without, each character stands alone. */
int unicode_lower(const char *text, size_t size, int final_sigma, struct text_buffer *out, struct error *e);
/* Appends the canonical composition (NFC) or decomposition (NFD). */
int unicode_compose(const char *text, size_t size, struct text_buffer *out, struct error *e);
int unicode_decompose(const char *text, size_t size, struct text_buffer *out, struct error *e);

#endif
