/* HTML character references, as the HTML standard decodes them. */
#ifndef MLCM_HTML_ENTITIES_H
#define MLCM_HTML_ENTITIES_H

#include "unicode.h"

/* Appends the text with its references decoded: "&amp;", "&#39;", "&#x2019;", and the old
 * names that need no semicolon ("&ampfoo"). Numbers of no character vanish, impossible ones
 * become U+FFFD, those of 0x80 … 0x9f are read as Windows-1252. */
int html_unescape(const char *text, size_t size, struct text_buffer *out, struct error *e);

/* The named references of the HTML standard, sorted by the bytes of their names: "name=X" or
 * "name=X Y" with hexadecimal characters; "name:X" if the semicolon may lack. */
extern const char *const html_entity_table[];
extern const size_t html_entity_count;

#endif
