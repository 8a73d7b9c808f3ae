#include "tokenizer_bpe.h"
#include "html_entities.h"
#include "unicode.h"
#include <limits.h>
#include <string.h>

/* --- cleaning ------------------------------------------------------------------------ */

/* Runs of white space become one space. */
static int join_spaces(const char *s, size_t size, struct text_buffer *out, struct error *e)
{
    int rc = text_buffer_add(out, NULL, 0, e), in_space = 0;
    for (size_t i = 0, n; !rc && i < size; i += n) {
        uint32_t c;
        n = utf8_next(s + i, size - i, &c);
        if (!unicode_is_white_space(c)) rc = text_buffer_add_character(out, c, e);
        else if (!in_space) rc = text_buffer_add(out, " ", 1, e);
        in_space = unicode_is_white_space(c);
    }
    return rc;
}

static int clean(const char *s, size_t size, enum clip_cleaning cleaning, struct text_buffer *out, struct error *e)
{
    struct text_buffer a = {0}, b = {0}, joined = {0};
    int rc = cleaning == CLIP_OPENAI ? html_unescape(s, size, &a, e) : unicode_compose(s, size, &a, e);
    if (!rc && cleaning == CLIP_OPENAI) rc = html_unescape(a.data, a.size, &b, e);
    const struct text_buffer *last = cleaning == CLIP_OPENAI ? &b : &a;
    const char *text = last->data;
    size_t left = last->size;
    if (!rc && cleaning == CLIP_OPENAI) unicode_strip(&text, &left);
    if (!rc) rc = join_spaces(text, left, &joined, e);
    if (!rc) rc = unicode_lower(joined.data, joined.size, cleaning == CLIP_OPENAI, out, e);
    text_buffer_free(&a);
    text_buffer_free(&b);
    text_buffer_free(&joined);
    return rc;
}

/* --- words ----------------------------------------------------------------------------- */

/* Bytes of `pattern` (lower case) at s; a long s counts as an s, as it does where case is ignored. */
static size_t match(const char *s, size_t left, const char *pattern)
{
    size_t i = 0;
    for (; *pattern; pattern++) {
        uint32_t c = 0;
        size_t n = i < left ? utf8_next(s + i, left - i, &c) : 0;
        if (c != (unsigned char)*pattern && !(c == 0x17f && *pattern == 's')) return 0;
        i += n;
    }
    return i;
}

static int is_symbol(uint32_t c)
{
    return !unicode_is_white_space(c) && !unicode_is_letter(c) && !unicode_is_number(c);
}

/* Where case is ignored, the iota subscript U+0345 is its letter's other case: no symbol, and, being a mark, no
 * letter either; it vanishes. */
static int is_caseless_symbol(uint32_t c) { return c != 0x345 && is_symbol(c); }

/* Bytes of the word at s, 0 if there stands none: a special token, a contraction's ending, letters, one number,
 * or a run of symbols. */
static size_t word_size(const char *s, size_t left, enum clip_cleaning cleaning)
{
    static const char *const fixed[] = {"<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        size_t n = match(s, left, fixed[i]);
        if (n) return n;
    }
    uint32_t c;
    size_t size = utf8_next(s, left, &c), n;
    if (unicode_is_number(c)) return size;
    int (*symbol)(uint32_t) = cleaning == CLIP_OPENAI ? is_caseless_symbol : is_symbol;
    int (*belongs)(uint32_t) = unicode_is_letter(c) ? unicode_is_letter : symbol;
    if (!belongs(c)) return 0;
    while (size < left) {
        n = utf8_next(s + size, left - size, &c);
        if (!belongs(c)) break;
        size += n;
    }
    return size;
}

/* --- merging --------------------------------------------------------------------------- */

static int rank_of(const struct bpe_tokenizer *b, const int *pair)
{
    return string_table_find(&b->merges, (const char *)pair, 2 * sizeof *pair);
}

/* Joins every occurrence of the pair, left to right; returns the new count. */
static int join(int *word, int count, int left, int right, int joined)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        int found = i + 1 < count && word[i] == left && word[i + 1] == right;
        word[n++] = found ? joined : word[i];
        i += found;
    }
    return n;
}

static int add_word(const struct bpe_tokenizer *b, const char *s, size_t size, struct token_list *out, struct error *e)
{
    int special = -1, rc = 0, first = out->count;
    if (size > 3 && s[0] == '<' && s[1] == '|') special = string_table_find(&b->symbols, s, size);
    if (special >= 0 && (special == b->start || special == b->end)) return token_list_add(out, special, e);
    for (size_t i = 0; !rc && i < size; i++)
        rc = token_list_add(out, b->byte_symbol[i + 1 == size][(unsigned char)s[i]], e);
    while (!rc) {
        int *word = out->ids + first, count = out->count - first, best = INT_MAX, at = 0;
        for (int i = 0; i + 1 < count; i++) {
            int rank = rank_of(b, word + i);
            if (rank < 0 || rank >= best) continue;
            best = rank;
            at = i;
        }
        if (best == INT_MAX) break;
        out->count = first + join(word, count, word[at], word[at + 1], b->merged[best]);
    }
    return rc;
}

static int encode_part(const struct bpe_tokenizer *b, const char *s, size_t size, enum clip_cleaning cleaning,
                       struct token_list *out, struct error *e)
{
    struct text_buffer text = {0};
    uint32_t c;
    int rc = clean(s, size, cleaning, &text, e);
    for (size_t i = 0; !rc && i < text.size;) {
        size_t n = word_size(text.data + i, text.size - i, cleaning);
        if (n) rc = add_word(b, text.data + i, n, out, e);
        i += n ? n : utf8_next(text.data + i, text.size - i, &c);
    }
    text_buffer_free(&text);
    return rc;
}

int bpe_encode(const struct bpe_tokenizer *b, const char *text, size_t size, enum clip_cleaning cleaning,
               struct token_list *out, struct error *e)
{
    const struct token_literal literals[2] = {{"<|startoftext|>", b->start}, {"<|endoftext|>", b->end}};
    int rc = text_size_check(size, e);
    if (!rc && cleaning == CLIP_OPENAI) return encode_part(b, text, size, cleaning, out, e);
    while (!rc && size) {
        size_t at;
        const struct token_literal *l = token_literal_find(literals, 2, text, size, &at);
        rc = encode_part(b, text, at, cleaning, out, e);
        if (!rc && l) rc = token_list_add(out, l->id, e);
        at += l ? strlen(l->text) : 0;
        text += at;
        size -= at;
    }
    return rc;
}

int bpe_encode_context(const struct bpe_tokenizer *b, const char *text, size_t size, enum clip_cleaning cleaning,
                       int context, int padding, int width, int *ids, struct error *e)
{
    struct token_list list = {0};
    if (context < 2 || context > width)
        return error_set(e, ERR_INTERNAL, "a context of %d tokens in a row of %d; it must be from 2 to the row's width",
                         context, width);
    int rc = bpe_encode(b, text, size, cleaning, &list, e);
    if (!rc) {
        int kept = list.count < context - 2 ? list.count : context - 2;
        ids[0] = b->start;
        if (kept) memcpy(ids + 1, list.ids, (size_t)kept * sizeof *ids);
        ids[kept + 1] = b->end;
        for (int i = kept + 2; i < width; i++) ids[i] = padding;
    }
    token_list_free(&list);
    return rc;
}
