#include "tokenizer_unigram.h"
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char space_symbol[] = "\xe2\x96\x81";   /* U+2581 */
static const float unknown_penalty = 10;

int unigram_tokenizer_from(struct sentencepiece_model *model, struct unigram_tokenizer *u, struct error *e)
{
    float smallest = FLT_MAX, largest = FLT_MIN; /* never below FLT_MIN: user defined pieces win */
    int normal = 0;
    memset(u, 0, sizeof *u);
    u->model = *model;
    memset(model, 0, sizeof *model);
    const struct sentencepiece_model *m = &u->model;
    for (int i = 0; i < m->count; i++) {
        if (m->pieces[i].type != PIECE_NORMAL) continue;
        normal++;
        if (m->pieces[i].score < smallest) smallest = m->pieces[i].score;
        if (m->pieces[i].score > largest) largest = m->pieces[i].score;
    }
    if (!normal) {
        int rc = error_set(e, ERR_INPUT, "%s: a SentencePiece model without a normal piece; use a trained one", m->path);
        unigram_tokenizer_free(u);
        return rc;
    }
    u->unknown_score = smallest - unknown_penalty;
    u->largest_score = largest;
    static const char *const named[] = {"<pad>", "</s>", "<unk>"};
    for (int i = 0; i < 3; i++) {
        struct token_literal *l = &u->literals[u->literal_count];
        snprintf(l->text, sizeof l->text, "%s", named[i]);
        l->id = sentencepiece_model_find(m, named[i], strlen(named[i]));
        if (l->id >= 0) u->literal_count++;
    }
    for (int i = 0; i < T5_EXTRA_TOKENS; i++) {
        struct token_literal *l = &u->literals[u->literal_count++];
        snprintf(l->text, sizeof l->text, "<extra_id_%d>", i);
        l->id = m->count + T5_EXTRA_TOKENS - 1 - i;
    }
    u->end = sentencepiece_model_find(m, "</s>", 4);
    return 0;
}

int unigram_tokenizer_open(const char *path, struct unigram_tokenizer *u, struct error *e)
{
    struct sentencepiece_model model;
    memset(u, 0, sizeof *u);
    int rc = sentencepiece_model_read(path, &model, e);
    return rc ? rc : unigram_tokenizer_from(&model, u, e);
}

void unigram_tokenizer_free(struct unigram_tokenizer *u)
{
    sentencepiece_model_free(&u->model);
    memset(u, 0, sizeof *u);
}

/* --- normalisation ------------------------------------------------------------------- */

/* A rule's replacement for what stands at the front of a text. */
struct chunk {
    const char *text;
    size_t size, taken;        /* bytes of the replacement, bytes that it replaces */
};

/* The fields of a unit of the double-array trie. */
static uint32_t unit_label(uint32_t u) { return u & 0x800000ffu; }
static uint32_t unit_offset(uint32_t u) { return (u >> 10) << ((u & 0x200u) >> 6); }
static int unit_has_value(uint32_t u) { return (int)(u >> 8 & 1); }

/* The longest rule that matches; taken = 0 if none does. */
static int longest_rule(const struct sentencepiece_model *m, const char *s, size_t left, struct chunk *c,
                        struct error *e)
{
    c->taken = 0;
    if (!m->trie_units) return 0;
    size_t node = unit_offset(m->trie[0]);
    for (size_t i = 0; i < left; i++) {
        node ^= (unsigned char)s[i];
        if (node >= m->trie_units) return 0;
        uint32_t unit = m->trie[node];
        if (unit_label(unit) != (unsigned char)s[i]) return 0;
        node ^= unit_offset(unit);
        if (!unit_has_value(unit)) continue;
        size_t value = node < m->trie_units ? m->trie[node] & 0x7fffffffu : SIZE_MAX;
        if (value >= m->pool_size)
            return error_set(e, ERR_INPUT, "%s: its character map points outside of itself; fetch the file again",
                             m->path);
        *c = (struct chunk){m->pool + value, strlen(m->pool + value), i + 1};
    }
    return 0;
}

/* The longest user defined piece at s, which stays as it is; 0 if there is none. */
static size_t user_defined(const struct sentencepiece_model *m, const char *s, size_t left)
{
    uint64_t hash = STRING_HASH;
    size_t longest = 0;
    for (size_t i = 0; i < left && i < m->dictionary.longest; i++) {
        hash = string_hash_step(hash, s[i]);
        int piece = string_table_find_hashed(&m->dictionary, hash, s, i + 1);
        if (piece >= 0 && m->pieces[piece].type == PIECE_USER_DEFINED) longest = i + 1;
    }
    return longest;
}

static int next_chunk(const struct sentencepiece_model *m, const char *s, size_t left, struct chunk *c,
                      struct error *e)
{
    size_t kept = user_defined(m, s, left);
    if (kept) {
        *c = (struct chunk){s, kept, kept};
        return 0;
    }
    int rc = longest_rule(m, s, left, c, e);
    if (rc || c->taken) return rc;
    uint32_t character;
    size_t n = utf8_next(s, left, &character);
    *c = n == 1 && character == 0xfffd ? (struct chunk){"\xef\xbf\xbd", 3, 1} : (struct chunk){s, n, n};
    return 0;
}

static int add_space(const struct sentencepiece_model *m, struct text_buffer *out, struct error *e)
{
    return m->escape_whitespaces ? text_buffer_add(out, space_symbol, 3, e) : text_buffer_add(out, " ", 1, e);
}

static int add_chunk(const struct sentencepiece_model *m, const char *s, size_t size, struct text_buffer *out,
                     struct error *e)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < size; i++)
        rc = s[i] == ' ' ? add_space(m, out, e) : text_buffer_add(out, s + i, 1, e);
    return rc;
}

int unigram_normalise(const struct unigram_tokenizer *u, const char *text, size_t size, struct text_buffer *out,
                      struct error *e)
{
    const struct sentencepiece_model *m = &u->model;
    struct chunk c;
    int rc = text_buffer_add(out, NULL, 0, e);
    size_t start = out->size, at = 0;
    if (!rc) rc = text_size_check(size, e);
    while (!rc && m->remove_extra_whitespaces && at < size) {
        rc = next_chunk(m, text + at, size - at, &c, e);
        if (rc || c.size != 1 || *c.text != ' ') break;
        at += c.taken;
    }
    if (rc || at == size) return rc;
    if (m->add_dummy_prefix && !m->whitespace_as_suffix) rc = add_space(m, out, e);
    int after_space = m->remove_extra_whitespaces;
    while (!rc && at < size) {
        rc = next_chunk(m, text + at, size - at, &c, e);
        if (rc) break;
        at += c.taken;
        while (after_space && c.size && *c.text == ' ') {
            c.text++;
            c.size--;
        }
        if (c.size) {
            rc = add_chunk(m, c.text, c.size, out, e);
            after_space = c.text[c.size - 1] == ' ';
        }
        if (!m->remove_extra_whitespaces) after_space = 0;
    }
    size_t width = m->escape_whitespaces ? 3 : 1;
    const char *space = m->escape_whitespaces ? space_symbol : " ";
    while (m->remove_extra_whitespaces && out->size - start >= width &&
           !memcmp(out->data + out->size - width, space, width))
        out->size -= width;
    if (out->data) out->data[out->size] = 0;
    if (!rc && m->add_dummy_prefix && m->whitespace_as_suffix) rc = add_space(m, out, e);
    return rc;
}

/* --- the best path --------------------------------------------------------------------- */

struct path {                  /* the best one that ends at this byte */
    float score;
    int piece;
    size_t start;
    int reached;
};

static void offer(struct path *p, double score, int piece, size_t start)
{
    if (p->reached && !(score > (double)p->score)) return;
    *p = (struct path){(float)score, piece, start, 1};
}

static void best_paths(const struct unigram_tokenizer *u, const char *s, size_t size, struct path *paths)
{
    const struct sentencepiece_model *m = &u->model;
    size_t width;
    for (size_t at = 0; at < size; at += width) {
        uint32_t character;
        width = utf8_next(s + at, size - at, &character);
        float here = paths[at].score;
        int single = 0;
        uint64_t hash = STRING_HASH;
        for (size_t n = 1; n <= size - at && n <= m->dictionary.longest; n++) {
            hash = string_hash_step(hash, s[at + n - 1]);
            int piece = string_table_find_hashed(&m->dictionary, hash, s + at, n);
            if (piece < 0 || m->pieces[piece].type == PIECE_UNUSED) continue;
            double score = m->pieces[piece].type == PIECE_USER_DEFINED ? (double)((float)n * u->largest_score) - 0.1
                                                                       : (double)m->pieces[piece].score;
            offer(&paths[at + n], score + (double)here, piece, at);
            single |= n == width;
        }
        float unknown = u->unknown_score + here;
        if (!single) offer(&paths[at + width], (double)unknown, m->unknown, at);
    }
}

/* Appends the pieces of the best path; a run of unknown ones is one, or its bytes. */
static int add_path(const struct sentencepiece_model *m, const char *s, size_t size, struct path *paths,
                    struct token_list *out, struct error *e)
{
    size_t next = size;
    for (size_t at = size; at > 0;) { /* turn the links around */
        size_t start = paths[at].start;
        paths[at].start = next;
        next = at;
        at = start;
    }
    int rc = 0, was_unknown = 0;
    for (size_t at = 0, end = next; !rc && at < size; at = end, end = paths[end].start) {
        int piece = paths[end].piece, is_unknown = piece == m->unknown;
        if (is_unknown && m->byte_fallback) {
            for (size_t i = at; !rc && i < end; i++) rc = token_list_add(out, m->byte_piece[(unsigned char)s[i]], e);
        } else if (!is_unknown || !was_unknown) {
            rc = token_list_add(out, piece, e);
        }
        was_unknown = is_unknown;
    }
    return rc;
}

int unigram_encode(const struct unigram_tokenizer *u, const char *text, size_t size, struct token_list *out,
                   struct error *e)
{
    struct text_buffer normal = {0};
    int rc = unigram_normalise(u, text, size, &normal, e);
    if (!rc && normal.size) {
        struct path *paths = calloc(normal.size + 1, sizeof *paths);
        if (!paths) rc = error_memory(e, "a tokenizer's paths");
        else {
            best_paths(u, normal.data, normal.size, paths);
            rc = add_path(&u->model, normal.data, normal.size, paths, out, e);
        }
        free(paths);
    }
    text_buffer_free(&normal);
    return rc;
}

int unigram_encode_t5(const struct unigram_tokenizer *u, const char *text, size_t size, int limit,
                      struct token_list *out, struct error *e)
{
    int rc = text_size_check(size, e), first = out->count;
    if (!rc && u->end < 0)
        rc = error_set(e, ERR_INPUT, "%s: has no piece </s>; use the model that belongs to a T5 encoder", u->model.path);
    unicode_strip(&text, &size);
    while (!rc && size) {
        size_t at, n;
        const struct token_literal *l = token_literal_find(u->literals, u->literal_count, text, size, &at);
        const char *part = text;
        n = at;
        unicode_strip(&part, &n);
        if (n) rc = unigram_encode(u, part, n, out, e);
        if (!rc && l) rc = token_list_add(out, l->id, e);
        at += l ? strlen(l->text) : 0;
        text += at;
        size -= at;
    }
    if (!rc && limit > 0 && out->count - first > limit - 1) out->count = first + limit - 1;
    return rc ? rc : token_list_add(out, u->end, e);
}
