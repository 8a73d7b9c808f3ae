#include "unicode.h"
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* --- growing text ------------------------------------------------------------------ */

int text_buffer_add(struct text_buffer *b, const char *bytes, size_t size, struct error *e)
{
    if (size >= b->capacity - b->size || !b->data) {
        size_t capacity = b->capacity ? b->capacity : 64;
        while (capacity - b->size <= size) {
            if (capacity > SIZE_MAX / 2) return error_memory(e, "a text");
            capacity *= 2;
        }
        char *grown = realloc(b->data, capacity);
        if (!grown) return error_memory(e, "a text");
        b->data = grown;
        b->capacity = capacity;
    }
    if (size) memcpy(b->data + b->size, bytes, size);
    b->size += size;
    b->data[b->size] = 0;
    return 0;
}

int text_buffer_add_character(struct text_buffer *b, uint32_t c, struct error *e)
{
    char bytes[4];
    size_t n = utf8_put(c, bytes);
    return text_buffer_add(b, bytes, n, e);
}

void text_buffer_free(struct text_buffer *b)
{
    free(b->data);
    *b = (struct text_buffer){0};
}

/* --- UTF-8 ------------------------------------------------------------------------- */

size_t utf8_next(const char *text, size_t left, uint32_t *c)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    *c = 0xfffd;
    if (!n || n > left) return 1;
    uint32_t v = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) return 1;
        v = v << 6 | (p[i] & 0x3fu);
    }
    if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff)) return 1;
    *c = v;
    return n;
}

size_t utf8_put(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; --i > 0; c >>= 6) out[i] = (char)(0x80u | (c & 0x3fu));
    out[0] = (char)((0xf00u >> n & 0xffu) | c);
    return n;
}

int utf8_valid(const char *p, size_t size)
{
    uint32_t c;
    for (size_t i = 0; i < size;) {
        size_t n = utf8_next(p + i, size - i, &c);
        if (n == 1 && c == 0xfffd) return 0;
        i += n;
    }
    return 1;
}

/* --- classes ----------------------------------------------------------------------- */

static int in_categories(uint32_t c, utf8proc_category_t first, utf8proc_category_t last)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k >= first && k <= last;
}

int unicode_is_letter(uint32_t c) { return in_categories(c, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO); }
int unicode_is_number(uint32_t c) { return in_categories(c, UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO); }
int unicode_is_punctuation(uint32_t c) { return in_categories(c, UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PO); }
int unicode_is_accent(uint32_t c) { return in_categories(c, UTF8PROC_CATEGORY_MN, UTF8PROC_CATEGORY_MN); }
int unicode_is_space_separator(uint32_t c) { return in_categories(c, UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_ZS); }

int unicode_is_other(uint32_t c)
{
    return in_categories(c, UTF8PROC_CATEGORY_CN, UTF8PROC_CATEGORY_CN) ||
           in_categories(c, UTF8PROC_CATEGORY_CC, UTF8PROC_CATEGORY_CO);
}

int unicode_is_white_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

int unicode_is_python_space(uint32_t c) { return unicode_is_white_space(c) || (c >= 0x1c && c <= 0x1f); }

void unicode_strip(const char **text, size_t *size)
{
    const char *s = *text;
    size_t first = *size, end = 0;
    for (size_t i = 0, n; i < *size; i += n) {
        uint32_t c;
        n = utf8_next(s + i, *size - i, &c);
        if (unicode_is_python_space(c)) continue;
        if (first == *size) first = i;
        end = i + n;
    }
    *text = s + first;
    *size = end > first ? end - first : 0;
}

/* --- case -------------------------------------------------------------------------- */

struct range {
    uint32_t first, last;
};

static int in_ranges(uint32_t c, const struct range *r, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= r[i].first && c <= r[i].last) return 1;
    return 0;
}

/* The property Cased: categories Lu, Ll, Lt and what Other_Lowercase and Other_Uppercase add. */
static int is_cased(uint32_t c)
{
    static const struct range others[] = {
        {0xaa, 0xaa},       {0xba, 0xba},       {0x2b0, 0x2b8},     {0x2c0, 0x2c1},     {0x2e0, 0x2e4},
        {0x345, 0x345},     {0x37a, 0x37a},     {0x10fc, 0x10fc},   {0x1d2c, 0x1d6a},   {0x1d78, 0x1d78},
        {0x1d9b, 0x1dbf},   {0x2071, 0x2071},   {0x207f, 0x207f},   {0x2090, 0x209c},   {0x2160, 0x217f},
        {0x24b6, 0x24e9},   {0x2c7c, 0x2c7d},   {0xa69c, 0xa69d},   {0xa770, 0xa770},   {0xa7f2, 0xa7f4},
        {0xa7f8, 0xa7f9},   {0xab5c, 0xab5f},   {0xab69, 0xab69},   {0x10780, 0x10780}, {0x10783, 0x10785},
        {0x10787, 0x107b0}, {0x107b2, 0x107ba}, {0x1e030, 0x1e06d}, {0x1f130, 0x1f149}, {0x1f150, 0x1f169},
        {0x1f170, 0x1f189}};
    return in_categories(c, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LT) ||
           in_ranges(c, others, sizeof others / sizeof *others);
}

/* The property Case_Ignorable: categories Mn, Me, Cf, Lm, Sk and the middles of words. */
static int is_case_ignorable(uint32_t c)
{
    static const struct range middles[] = {{0x27, 0x27},     {0x2e, 0x2e},     {0x3a, 0x3a},     {0xb7, 0xb7},
                                           {0x387, 0x387},   {0x55f, 0x55f},   {0x5f4, 0x5f4},   {0x2018, 0x2019},
                                           {0x2024, 0x2024}, {0x2027, 0x2027}, {0xfe13, 0xfe13}, {0xfe52, 0xfe52},
                                           {0xfe55, 0xfe55}, {0xff07, 0xff07}, {0xff0e, 0xff0e}, {0xff1a, 0xff1a}};
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return 1;
    default: return in_ranges(c, middles, sizeof middles / sizeof *middles);
    }
}

/* The character before byte `at`, and where it starts. */
static size_t previous(const char *text, size_t at, uint32_t *c)
{
    size_t start = at - 1;
    while (start > 0 && at - start < 4 && ((unsigned char)text[start] & 0xc0) == 0x80) start--;
    if (start + utf8_next(text + start, at - start, c) == at) return start;
    *c = 0xfffd;
    return at - 1;
}

/* Whether the sigma at [at, after) ends a word: a cased character before, none after. */
static int sigma_is_final(const char *text, size_t size, size_t at, size_t after)
{
    uint32_t c = 0;
    int found = 0;
    while (at > 0 && !found) {
        at = previous(text, at, &c);
        found = !is_case_ignorable(c);
    }
    if (!found || !is_cased(c)) return 0;
    while (after < size) {
        after += utf8_next(text + after, size - after, &c);
        if (!is_case_ignorable(c)) return !is_cased(c);
    }
    return 1;
}

int unicode_lower(const char *text, size_t size, int final_sigma, struct text_buffer *out, struct error *e)
{
    int rc = text_buffer_add(out, NULL, 0, e);
    for (size_t i = 0, n; !rc && i < size; i += n) {
        uint32_t c;
        n = utf8_next(text + i, size - i, &c);
        uint32_t low = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
        if (c == 0x3a3 && final_sigma && sigma_is_final(text, size, i, i + n)) low = 0x3c2;
        if (c == 0x130) low = 'i';
        rc = text_buffer_add_character(out, low, e);
        if (!rc && c == 0x130) rc = text_buffer_add_character(out, 0x307, e); /* the dot stays */
    }
    return rc;
}

/* --- normal forms ------------------------------------------------------------------ */

static int normal_form(const char *text, size_t size, utf8proc_option_t form, struct text_buffer *out, struct error *e)
{
    struct text_buffer clean = {0};
    int rc = text_buffer_add(out, NULL, 0, e);
    for (size_t i = 0, n; !rc && i < size; i += n) {
        uint32_t c;
        n = utf8_next(text + i, size - i, &c);
        rc = text_buffer_add_character(&clean, c, e);
    }
    if (!rc && clean.size) {
        utf8proc_uint8_t *formed = NULL;
        utf8proc_ssize_t count = utf8proc_map((const utf8proc_uint8_t *)clean.data, (utf8proc_ssize_t)clean.size, &formed,
                                              (utf8proc_option_t)(UTF8PROC_STABLE | form));
        if (count < 0) rc = error_memory(e, "a normal form");
        else rc = text_buffer_add(out, (const char *)formed, (size_t)count, e);
        free(formed);
    }
    text_buffer_free(&clean);
    return rc;
}

int unicode_compose(const char *text, size_t size, struct text_buffer *out, struct error *e)
{
    return normal_form(text, size, UTF8PROC_COMPOSE, out, e);
}

int unicode_decompose(const char *text, size_t size, struct text_buffer *out, struct error *e)
{
    return normal_form(text, size, UTF8PROC_DECOMPOSE, out, e);
}
