#include "html_entities.h"
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 32 };   /* characters after the ampersand */

struct name {
    const char *text;
    size_t size;
};

static int by_name(const void *key, const void *entry)
{
    const struct name *k = key;
    const char *s = *(const char *const *)entry;
    size_t n = strcspn(s, "=:");
    int order = memcmp(k->text, s, k->size < n ? k->size : n);
    return order ? order : (k->size > n) - (k->size < n);
}

/* What follows the name in the table, "=X Y" or ":X Y"; NULL if it is not there. */
static const char *find(const char *text, size_t size)
{
    struct name key = {text, size};
    const char *const *entry = bsearch(&key, html_entity_table, html_entity_count, sizeof *html_entity_table, by_name);
    return entry ? *entry + strcspn(*entry, "=:") : NULL;
}

static int add_value(const char *value, struct text_buffer *out, struct error *e)
{
    int rc = 0;
    for (const char *s = value; !rc && *s;) {
        char *end;
        rc = text_buffer_add_character(out, (uint32_t)strtoul(s + 1, &end, 16), e);
        s = end;
    }
    return rc;
}

/* A named reference, its name of `size` bytes perhaps with the semicolon: whole, or the longest
 * beginning that is an old name. *taken = 0: it is no reference. */
static int add_named(const char *text, size_t size, size_t *taken, struct text_buffer *out, struct error *e)
{
    int closed = text[size - 1] == ';';
    const char *value = find(text, size - (size_t)closed);
    *taken = size;
    if (value && (closed || *value == ':')) return add_value(value, out, e);
    for (size_t n = size - 1; n > 1; n--) {
        value = find(text, n);
        if (!value || *value != ':') continue;
        *taken = n;
        return add_value(value, out, e);
    }
    *taken = 0;
    return 0;
}

/* Windows-1252, 0x80 … 0x9f. */
static const uint16_t windows[32] = {
    0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160,  0x2039, 0x152, 0x8d, 0x17d, 0x8f,
    0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161,  0x203a, 0x153, 0x9d, 0x17e, 0x178};

static int add_numbered(uint32_t c, struct text_buffer *out, struct error *e)
{
    if (c >= 0x80 && c <= 0x9f) c = windows[c - 0x80];
    else if (!c || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) c = 0xfffd;
    else if ((c < 0x20 && !strchr("\t\n\f\r", (int)c)) || c == 0x7f || (c >= 0xfdd0 && c <= 0xfdef) ||
             (c & 0xfffe) == 0xfffe)
        return 0;
    return text_buffer_add_character(out, c, e);
}

static int digit(char c, unsigned base)
{
    unsigned v = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                        : 99;
    return v < base ? (int)v : -1;
}

/* The number of a reference after "#"; returns its bytes, 0 if there is none. */
static size_t read_number(const char *s, size_t left, uint32_t *value)
{
    unsigned base = left && (*s == 'x' || *s == 'X') ? 16 : 10;
    size_t first = base == 16, i = first;
    *value = 0;
    for (; i < left && digit(s[i], base) >= 0; i++)
        if (*value <= 0x10ffff) *value = *value * base + (uint32_t)digit(s[i], base);
    if (i == first) return 0;
    return i + (i < left && s[i] == ';');
}

/* Bytes of a possible name, with the semicolon if it has one. */
static size_t name_size(const char *s, size_t left)
{
    size_t i = 0;
    uint32_t c;
    for (int n = 0; n < LONGEST_NAME && i < left && (!s[i] || !strchr("\t\n\f <&#;", s[i])); n++)
        i += utf8_next(s + i, left - i, &c);
    return i ? i + (i < left && s[i] == ';') : 0;
}

int html_unescape(const char *text, size_t size, struct text_buffer *out, struct error *e)
{
    int rc = text_buffer_add(out, NULL, 0, e);
    for (size_t i = 0; !rc && i < size;) {
        size_t left = size - i - 1, taken = 0, n;
        uint32_t c;
        if (text[i] == '&' && left && text[i + 1] == '#') {
            taken = read_number(text + i + 2, left - 1, &c);
            if (taken) rc = add_numbered(c, out, e);
            taken += taken != 0;
        } else if (text[i] == '&') {
            n = name_size(text + i + 1, left);
            if (n) rc = add_named(text + i + 1, n, &taken, out, e);
        }
        if (!rc && !taken) rc = text_buffer_add(out, text + i, 1, e);
        i += 1 + taken;
    }
    return rc;
}
