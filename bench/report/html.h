/* Writing HTML, and JSON that stands within it. All text is hostile: names and captions come from files. */
#ifndef MLCM_HTML_H
#define MLCM_HTML_H

#include <stddef.h>
#include <stdio.h>

/* Text of an element or of a quoted attribute: & < > " ' are escaped, what is not UTF-8 becomes U+FFFD, control
 * characters become spaces; line feeds stay. */
void html_text(FILE *out, const char *text);
/* printf whose %s are escaped so. Only %s, %d and %% are known. */
void html_print(FILE *out, const char *form, ...) __attribute__((format(printf, 2, 3)));

/* A JSON string with its quotes that may stand in a <script> element: < > & and the line separators U+2028, U+2029
 * are escaped, as are quotes, backslashes and control characters. */
void json_text(FILE *out, const char *text);

/* RFC 4648 with padding, without line breaks. */
void base64_write(FILE *out, const void *data, size_t size);
/* Decodes strictly (no blanks, canonical padding) into out, which has room for 3 of 4 characters. Returns the number of
 * bytes, or -1. */
long base64_read(const char *text, size_t length, unsigned char *out);

#endif
