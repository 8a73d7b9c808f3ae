#include "tokenizer_wordpiece.h"
#include "file.h"
#include "unicode.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_FILE = 32 << 20, LONGEST_WORD = 100 /* characters */, LONGEST_PIECE = 1024 };

/* --- the vocabulary -------------------------------------------------------------------- */

static int add_line(struct wordpiece_tokenizer *w, const char *line, size_t size, struct error *e)
{
    int number = w->vocabulary.count;
    if (!size || size > LONGEST_PIECE)
        return error_set(e, ERR_INPUT, "%s:%d: a line is one piece of 1 to %d bytes; fetch the file again", w->path,
                         number + 1, LONGEST_PIECE);
    int before = string_table_find(&w->vocabulary, line, size);
    if (before >= 0)
        return error_set(e, ERR_INPUT, "%s:%d: the same piece stands on line %d; fetch the file again", w->path,
                         number + 1, before + 1);
    return string_table_add(&w->vocabulary, line, size, number, e);
}

static int find_literals(struct wordpiece_tokenizer *w, struct error *e)
{
    static const char *const names[5] = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
    int *const numbers[5] = {&w->unknown, &w->start, &w->end, &w->padding, NULL};
    for (int i = 0; i < 5; i++) {
        int number = string_table_find(&w->vocabulary, names[i], strlen(names[i]));
        if (numbers[i]) *numbers[i] = number;
        if (number < 0 && numbers[i])
            return error_set(e, ERR_INPUT, "%s: lacks the piece %s; it is not BERT's vocabulary", w->path, names[i]);
        if (number < 0) continue;
        struct token_literal *l = &w->literals[w->literal_count++];
        snprintf(l->text, sizeof l->text, "%s", names[i]);
        l->id = number;
    }
    return 0;
}

int wordpiece_tokenizer_open(const char *path, struct wordpiece_tokenizer *w, struct error *e)
{
    char *text;
    size_t size;
    memset(w, 0, sizeof *w);
    snprintf(w->path, sizeof w->path, "%s", path);
    int rc = file_read(path, LARGEST_FILE, &text, &size, e);
    if (rc) return rc;
    if (!utf8_valid(text, size) || memchr(text, 0, size))
        rc = error_set(e, ERR_INPUT, "%s: is not UTF-8 text; fetch the file again", path);
    const char *at = text, *end = text + size;
    while (!rc && at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = newline ? (size_t)(newline - at) : (size_t)(end - at);
        rc = add_line(w, at, n && at[n - 1] == '\r' ? n - 1 : n, e);
        at += n + (newline != NULL);
    }
    free(text);
    if (!rc) rc = find_literals(w, e);
    if (rc) wordpiece_tokenizer_free(w);
    return rc;
}

void wordpiece_tokenizer_free(struct wordpiece_tokenizer *w)
{
    string_table_free(&w->vocabulary);
    memset(w, 0, sizeof *w);
}

/* --- words ----------------------------------------------------------------------------- */

static int is_ideograph(uint32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
           (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b820 && c <= 0x2ceaf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

static int is_punctuation(uint32_t c)
{
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126) ||
           unicode_is_punctuation(c);
}

/* Control characters out, white space to spaces, spaces around ideographs. */
static int clean(const char *s, size_t size, struct text_buffer *out, struct error *e)
{
    int rc = text_buffer_add(out, NULL, 0, e);
    for (size_t i = 0, n; !rc && i < size; i += n) {
        uint32_t c;
        n = utf8_next(s + i, size - i, &c);
        int space = c == '\t' || c == '\n' || c == '\r' || unicode_is_space_separator(c);
        if (!c || c == 0xfffd || (!space && unicode_is_other(c))) continue;
        int alone = is_ideograph(c);
        if (space || alone) rc = text_buffer_add(out, " ", 1, e);
        if (!rc && !space) rc = text_buffer_add_character(out, c, e);
        if (!rc && alone) rc = text_buffer_add(out, " ", 1, e);
    }
    return rc;
}

/* Greedy longest pieces; a word with a rest that no piece matches is unknown as a whole. */
static int add_pieces(const struct wordpiece_tokenizer *w, const char *word, size_t size, struct token_list *out,
                      struct error *e)
{
    char key[LONGEST_PIECE] = "##";
    int rc = 0, first = out->count, characters = 0;
    for (size_t i = 0; i < size; i++) characters += ((unsigned char)word[i] & 0xc0) != 0x80;
    if (characters > LONGEST_WORD) return token_list_add(out, w->unknown, e);
    for (size_t at = 0; !rc && at < size;) {
        size_t prefix = at ? 2 : 0, n = size - at;
        if (n > LONGEST_PIECE - 2) n = LONGEST_PIECE - 2;
        memcpy(key + prefix, word + at, n);
        int found = -1;
        for (; n > 0; n--) {
            int whole = at + n == size || ((unsigned char)word[at + n] & 0xc0) != 0x80;
            if (whole) found = string_table_find(&w->vocabulary, key, prefix + n);
            if (found >= 0) break;
        }
        if (found < 0) {
            out->count = first;
            return token_list_add(out, w->unknown, e);
        }
        memcpy(key, "##", 2);
        rc = token_list_add(out, found, e);
        at += n;
    }
    return rc;
}

/* Lower case without accents, then the runs between punctuation and the punctuation itself. */
static int add_word(const struct wordpiece_tokenizer *w, const char *s, size_t size, int final_sigma,
                    struct token_list *out, struct error *e)
{
    struct text_buffer low = {0}, form = {0}, plain = {0};
    int rc = unicode_lower(s, size, final_sigma, &low, e);
    if (!rc) rc = unicode_decompose(low.data, low.size, &form, e);
    uint32_t c;
    for (size_t i = 0, n; !rc && i <= form.size; i += n) {
        int at_end = i == form.size;
        n = 1;
        if (!at_end) n = utf8_next(form.data + i, form.size - i, &c);
        if (!at_end && unicode_is_accent(c)) continue;
        int alone = !at_end && is_punctuation(c);
        if ((alone || at_end) && plain.size) {
            rc = add_pieces(w, plain.data, plain.size, out, e);
            plain.size = 0;
        }
        if (!rc && alone) rc = add_pieces(w, form.data + i, n, out, e);
        else if (!rc && !at_end) rc = text_buffer_add(&plain, form.data + i, n, e);
    }
    text_buffer_free(&low);
    text_buffer_free(&form);
    text_buffer_free(&plain);
    return rc;
}

static int add_text(const struct wordpiece_tokenizer *w, const char *s, size_t size, int final_sigma,
                    struct token_list *out, struct error *e)
{
    struct text_buffer text = {0};
    int rc = clean(s, size, &text, e);
    size_t word = 0;
    for (size_t i = 0, n; !rc && i <= text.size; i += n) {
        uint32_t c = ' ';
        n = 1;
        if (i < text.size) n = utf8_next(text.data + i, text.size - i, &c);
        if (!unicode_is_python_space(c)) continue;
        if (i > word) rc = add_word(w, text.data + word, i - word, final_sigma, out, e);
        word = i + n;
    }
    text_buffer_free(&text);
    return rc;
}

int wordpiece_encode(const struct wordpiece_tokenizer *w, const char *text, size_t size, int literals,
                     struct token_list *out, struct error *e)
{
    int rc = text_size_check(size, e);
    while (!rc && size) {
        size_t at;
        const struct token_literal *l =
            token_literal_find(w->literals, literals ? w->literal_count : 0, text, size, &at);
        rc = add_text(w, text, at, !literals, out, e);
        if (!rc && l) rc = token_list_add(out, l->id, e);
        at += l ? strlen(l->text) : 0;
        text += at;
        size -= at;
    }
    return rc;
}

int wordpiece_encode_sentence(const struct wordpiece_tokenizer *w, const char *text, size_t size, int limit,
                              struct token_list *out, struct error *e)
{
    int rc = token_list_add(out, w->start, e), first = out->count;
    if (!rc) rc = wordpiece_encode(w, text, size, 1, out, e);
    if (!rc && limit > 0 && out->count - first > limit - 2) out->count = first + (limit > 2 ? limit - 2 : 0);
    return rc ? rc : token_list_add(out, w->end, e);
}
