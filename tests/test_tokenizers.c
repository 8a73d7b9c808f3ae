/* Tokenizers of the published text encoders: what Unicode asks, small vocabularies made here,
 * damaged files, and the reference cases where they are. */
#include "../bench/verify.h"
#include "../engine/gunzip.h"
#include "../engine/html_entities.h"
#include "../engine/tokenizer_bpe.h"
#include "../engine/tokenizer_unigram.h"
#include "../engine/tokenizer_wordpiece.h"
#include "model_bytes.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_text(struct text_buffer *b, const char *want)
{
    assert_string_equal(b->data ? b->data : "", want);
    text_buffer_free(b);
}

static void assert_tokens(struct token_list *l, const int *want, int count)
{
    assert_int_equal(l->count, count);
    for (int i = 0; i < count; i++) assert_int_equal(l->ids[i], want[i]);
    token_list_free(l);
}
#define TOKENS(l, ...) assert_tokens(l, (const int[]){__VA_ARGS__}, (int)(sizeof(int[]){__VA_ARGS__} / sizeof(int)))

static void assert_refused(int rc, const struct error *e, const char *word)
{
    assert_int_equal(rc, ERR_INPUT);
    if (!strstr(e->text, word)) fail_msg("'%s' does not say '%s'", e->text, word);
}

/* --- Unicode --------------------------------------------------------------------------- */

static void utf8_is_strict(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                                        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x96", "\xff"};
    uint32_t c;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(utf8_valid(wrong[i], strlen(wrong[i])));
        assert_int_equal(utf8_next(wrong[i], strlen(wrong[i]), &c), 1);
        assert_int_equal(c, 0xfffd);
    }
    for (uint32_t want = 0; want <= 0x10ffff; want += want < 0x3000 ? 1 : 97) {
        char bytes[4];
        if (want >= 0xd800 && want <= 0xdfff) continue;
        size_t n = utf8_put(want, bytes);
        assert_int_equal(utf8_next(bytes, n, &c), n);
        assert_int_equal(c, want);
        assert_true(utf8_valid(bytes, n));
    }
}

static void lower_case_and_forms(void **state)
{
    (void)state;
    struct text_buffer b = {0};
    struct error e;
    /* sigma at the end of a word, before a letter, alone, and after what is passed over */
    const char *greek = "ΟΔΟΣ ΣΑΣΑ Σ ΑΣ' ΑΣ'Α";
    assert_int_equal(unicode_lower(greek, strlen(greek), 1, &b, &e), 0);
    assert_text(&b, "οδος σασα σ ας' ασ'α");
    assert_int_equal(unicode_lower("ΟΣ", 4, 0, &b, &e), 0);
    assert_text(&b, "οσ");
    assert_int_equal(unicode_lower("İẞǅ", 7, 1, &b, &e), 0);
    assert_text(&b, "i̇ßǆ");
    assert_int_equal(unicode_decompose("é한", 5, &b, &e), 0);
    assert_text(&b, "e\xcc\x81\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab");
    assert_int_equal(unicode_compose("e\xcc\x81", 3, &b, &e), 0);
    assert_text(&b, "é");
    const char *text = " \x1c\xe3\x80\x80" "a b\xc2\xa0\n";
    size_t size = strlen(text);
    unicode_strip(&text, &size);
    assert_int_equal(size, 3);
    assert_memory_equal(text, "a b", 3);
}

static void html_references(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a &amp; b", "a & b"},           {"&ampamp;", "&amp;"},         {"&notit; &notin;", "¬it; ∉"},
        {"&#39;&#x2019;&#X41", "'’A"},    {"&#0;&#xd800;&#x110000;", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"&#128;&#x1;", "€"},             {"&;&&x", "&;&&x"},            {"&nosuchname; &#; &#x;", "&nosuchname; &#; &#x;"},
        {"&NotEqualTilde;", "≂̸"},         {"&Aopf;&copy2", "𝔸©2"},       {"&#99999999999999999999;", "\xef\xbf\xbd"},
        {"tail &", "tail &"},             {"&amp", "&"},                 {"&alpha", "&alpha"}};
    struct error e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text_buffer b = {0};
        assert_int_equal(html_unescape(cases[i][0], strlen(cases[i][0]), &b, &e), 0);
        assert_text(&b, cases[i][1]);
    }
    for (size_t i = 1; i < html_entity_count; i++) {
        size_t a = strcspn(html_entity_table[i - 1], "=:"), b = strcspn(html_entity_table[i], "=:");
        int order = memcmp(html_entity_table[i - 1], html_entity_table[i], a < b ? a : b);
        assert_true(order < 0 || (order == 0 && a < b));
    }
}

static void string_tables(void **state)
{
    (void)state;
    struct string_table t = {0};
    struct error e;
    char key[24];
    for (int i = 0; i < 5000; i++)
        assert_int_equal(string_table_add(&t, key, (size_t)snprintf(key, sizeof key, "%d", i * 7919), i, &e), 0);
    assert_int_equal(string_table_add(&t, "", 0, 5000, &e), 0);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(string_table_find(&t, key, (size_t)snprintf(key, sizeof key, "%d", i * 7919)), i);
    assert_int_equal(string_table_find(&t, "", 0), 5000);
    assert_int_equal(string_table_find(&t, "absent", 6), -1);
    string_table_free(&t);
}

/* --- SentencePiece ------------------------------------------------------------------------ */

static struct unigram_tokenizer open_model(const struct model_bytes *m)
{
    struct sentencepiece_model model;
    struct unigram_tokenizer u;
    struct error e = {0};
    assert_int_equal(sentencepiece_model_parse("test.model", m->data, m->size, &model, &e), 0);
    assert_int_equal(unigram_tokenizer_from(&model, &u, &e), 0);
    return u;
}

static void unigram_pieces(void **state)
{
    (void)state;
    struct model_bytes m;
    struct error e;
    small_model(&m);
    struct unigram_tokenizer u = open_model(&m);
    struct token_list l = {0};
    struct text_buffer b = {0};
    assert_int_equal(unigram_normalise(&u, "  ab   a ", 9, &b, &e), 0);
    assert_text(&b, SPACE "ab" SPACE "a");
#define ENCODE(text) assert_int_equal(unigram_encode(&u, text, strlen(text), &l, &e), 0)
    ENCODE("ab aab");
    TOKENS(&l, 7, 3, 4, 6);
    ENCODE("baab"); /* the unused piece is not taken */
    TOKENS(&l, 3, 5, 4, 6);
    ENCODE("a日本b"); /* a run of unknowns is one */
    TOKENS(&l, 3, 4, 2, 5);
    ENCODE("a[x]b");
    TOKENS(&l, 3, 4, 8, 5);
    ENCODE("\xff"); /* no UTF-8: one unknown */
    TOKENS(&l, 3, 2);
    ENCODE("   ");
    assert_int_equal(l.count, 0);
#undef ENCODE
#define ENCODE(text, limit) assert_int_equal(unigram_encode_t5(&u, text, strlen(text), limit, &l, &e), 0)
    ENCODE("", 0);
    TOKENS(&l, 1);
    ENCODE(" ab </s> ab <extra_id_0><extra_id_99>", 0);
    TOKENS(&l, 7, 1, 7, 10 + 99, 10, 1);
    ENCODE("ab ab ab", 3);
    TOKENS(&l, 7, 7, 1);
#undef ENCODE
    assert_refused(unigram_encode(&u, "", TEXT_LARGEST + 1, &l, &e), &e, "shorten");
    token_list_free(&l);
    unigram_tokenizer_free(&u);
}

static void unigram_bytes_and_suffix(void **state)
{
    (void)state;
    struct model_bytes m;
    struct error e;
    struct token_list l = {0};
    struct text_buffer b = {0};
    char name[8];
    small_model(&m);
    for (unsigned i = 0; i < 256; i++) {
        snprintf(name, sizeof name, "<0x%02X>", i);
        put_piece(&m, name, 0, PIECE_BYTE);
    }
    put_setting(&m, 2, 35, 1);
    struct unigram_tokenizer u = open_model(&m);
    assert_int_equal(unigram_encode(&u, "aé", 3, &l, &e), 0);
    TOKENS(&l, 3, 4, 10 + 0xc3, 10 + 0xa9);
    unigram_tokenizer_free(&u);
    small_model(&m);
    put_setting(&m, 2, 24, 1);
    u = open_model(&m);
    assert_int_equal(unigram_normalise(&u, " a b ", 5, &b, &e), 0);
    assert_text(&b, "a" SPACE "b" SPACE);
    unigram_tokenizer_free(&u);
}

static void damaged_models(void **state)
{
    (void)state;
    struct model_bytes m;
    struct sentencepiece_model model;
    struct error e;
    small_model(&m);
    size_t whole = m.size;
    int refused = 0;
    for (size_t n = 0; n < whole; n++) { /* cut anywhere: refused, or ending between two pieces */
        e.text[0] = 0;
        int rc = sentencepiece_model_parse("cut.model", m.data, n, &model, &e);
        assert_true(rc == 0 || (rc == ERR_INPUT && strstr(e.text, "cut.model")));
        refused += rc != 0;
        if (!rc) sentencepiece_model_free(&model);
    }
    assert_true(refused > (int)whole - 10);
    for (size_t i = 0; i < whole; i++) /* any byte changed: no crash */
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            m.data[i] ^= (unsigned char)flip;
            int rc = sentencepiece_model_parse("flip.model", m.data, m.size, &model, &e);
            assert_true(rc == 0 || rc == ERR_INPUT);
            if (!rc) sentencepiece_model_free(&model);
            m.data[i] ^= (unsigned char)flip;
        }
#define REFUSED(word) assert_refused(sentencepiece_model_parse("bad.model", m.data, m.size, &model, &e), &e, word)
    put_piece(&m, "a", -1, PIECE_NORMAL);
    REFUSED("twice");
    small_model(&m);
    put_piece(&m, "c", 0.0f / 0.0f, PIECE_NORMAL);
    REFUSED("not finite");
    small_model(&m);
    put_piece(&m, "c", 0, 7);
    REFUSED("unknown type");
    small_model(&m);
    put_setting(&m, 2, 3, 2);
    REFUSED("only unigram");
    small_model(&m);
    put_setting(&m, 2, 35, 1);
    REFUSED("byte pieces");
    small_model(&m);
    put_bytes(&m, 3, "\x12\x08\x10\0\0\0abcd", 10);
    REFUSED("trie does not fit");
    m.size = 0;
    REFUSED("no pieces");
#undef REFUSED
}

/* A character map: "A" to "ab" by a trie of three units; then one that points outside. */
static void character_map(void **state)
{
    (void)state;
    struct model_bytes m, s = {.size = 0};
    struct error e;
    struct text_buffer b = {0};
    enum { UNITS = 256 };
    uint32_t trie[UNITS] = {0};
    trie[0] = 1u << 10;                          /* the root's children start at 1 */
    trie[1 ^ 'A'] = 2u << 10 | 1u << 8 | 'A';    /* has a value, at (1 ^ 'A') ^ 2 */
    trie[(1 ^ 'A') ^ 2] = 0x80000000u;           /* the pool's first string */
    for (int broken = 0; broken < 2; broken++) {
        unsigned char map[4 + sizeof trie + 3] = {(unsigned char)(sizeof trie & 255), sizeof trie >> 8};
        if (broken) trie[(1 ^ 'A') ^ 2] = 0x80000003u;
        memcpy(map + 4, trie, sizeof trie);
        memcpy(map + 4 + sizeof trie, "ab", 3);
        small_model(&m);
        s.size = 0;
        put_bytes(&s, 2, map, sizeof map);
        put_bytes(&m, 3, s.data, s.size);
        struct unigram_tokenizer u = open_model(&m);
        int rc = unigram_normalise(&u, "bAb", 3, &b, &e);
        if (broken) assert_refused(rc, &e, "points outside");
        else assert_int_equal(rc, 0);
        if (!broken) assert_string_equal(b.data, SPACE "babb");
        text_buffer_free(&b);
        unigram_tokenizer_free(&u);
    }
}

/* --- CLIP ------------------------------------------------------------------------------------ */

static const char merges_text[] = "#version\na b\nab c</w>\nd e\n";

static void clip_words(void **state)
{
    struct bpe_tokenizer b;
    struct token_list l = {0};
    struct error e = {0};
    char path[512];
    scratch_path(*state, "merges.txt", path);
    assert_int_equal(scratch_write(path, merges_text, strlen(merges_text)), 0);
    assert_int_equal(bpe_tokenizer_open_openai(path, &b, &e), 0);
    assert_int_equal(b.start, 515);
    enum { A = 'a' - 33, END = 256 };
#define ENCODE(text, cleaning) assert_int_equal(bpe_encode(&b, text, strlen(text), cleaning, &l, &e), 0)
    ENCODE("ABC ab &amp;lt; 12", CLIP_OPENAI); /* decoded twice */
    TOKENS(&l, 513, A, A + 1 + END, '<' - 33 + END, '1' - 33 + END, '2' - 33 + END);
    ENCODE("&amp;", CLIP_FAST);
    TOKENS(&l, '&' - 33 + END, A, 'm' - 33, 'p' - 33 + END, ';' - 33 + END);
    ENCODE("a's <|endoftext|>", CLIP_OPENAI);
    TOKENS(&l, A + END, '\'' - 33, 's' - 33 + END, 516);
    ENCODE("\n", CLIP_OPENAI);
    assert_int_equal(l.count, 0);
#undef ENCODE
    int ids[6];
    assert_int_equal(bpe_encode_context(&b, "abc", 3, CLIP_FAST, 5, 0, 6, ids, &e), 0);
    assert_memory_equal(ids, ((int[]){515, 513, 516, 0, 0, 0}), sizeof ids);
    assert_int_equal(bpe_encode_context(&b, "abc abc abc abc", 15, CLIP_FAST, 4, 7, 6, ids, &e), 0);
    assert_memory_equal(ids, ((int[]){515, 513, 513, 516, 7, 7}), sizeof ids);
    bpe_tokenizer_free(&b);
}

static void damaged_merges(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {{"", "no merges"},          {"#v\nab\n", "two symbols"}, {"#v\na b\na b\n", "twice"}, {"#v\nab c\n", "no line before"},
                 {"#v\na \xff\n", "UTF-8"}, {"#v\na b c\n", "one space"}, {"#v\n\na b\n", "two symbols"},
                 {"\x1f\x8b\x08junk", "gzip"}};
    struct bpe_tokenizer b;
    struct error e;
    char path[512], vocabulary[512];
    scratch_path(*state, "bad_merges.txt", path);
    scratch_path(*state, "vocab.json", vocabulary);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(scratch_write(path, cases[i].text, strlen(cases[i].text)), 0);
        assert_refused(bpe_tokenizer_open_openai(path, &b, &e), &e, cases[i].word);
        assert_non_null(strstr(e.text, "bad_merges.txt"));
    }
    static const char *const vocabularies[] = {"", "[]", "{\"a\":0,\"b\":0}", "{\"a\":5}", "{\"a\":0.5}", "{\"a\":\"0\"}", "{\"a\":0} x",
                                               "{\"a\":0,\"a\":1}", "{\"a\":0}"};
    for (size_t i = 0; i < sizeof vocabularies / sizeof *vocabularies; i++) {
        assert_int_equal(scratch_write(vocabulary, vocabularies[i], strlen(vocabularies[i])), 0);
        assert_refused(bpe_tokenizer_open_hf(vocabulary, path, &b, &e), &e, "vocab.json");
    }
    assert_refused(bpe_tokenizer_open_openai("no/such/file", &b, &e), &e, "no/such/file");
}

/* --- BERT ------------------------------------------------------------------------------------ */

static const char pieces_text[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nwalk\n##ing\n##er\nwa\n,\ncafe\n日\nσ\n##ς\n##σ\n";

static void bert_pieces(void **state)
{
    struct wordpiece_tokenizer w;
    struct token_list l = {0};
    struct error e = {0};
    char path[512], word[102];
    scratch_path(*state, "vocab.txt", path);
    assert_int_equal(scratch_write(path, pieces_text, strlen(pieces_text)), 0);
    assert_int_equal(wordpiece_tokenizer_open(path, &w, &e), 0);
#define ENCODE(text, literals) assert_int_equal(wordpiece_encode(&w, text, strlen(text), literals, &l, &e), 0)
    ENCODE("Walking, WALKER walkxx", 0);
    TOKENS(&l, 5, 6, 9, 5, 7, 1);
    ENCODE("CAFÉ\tcafe\xcc\x81日日 wa\xc2\xadlk\x07", 0); /* accents, ideographs, soft hyphen, control */
    TOKENS(&l, 10, 10, 11, 11, 5);
    ENCODE("walk[MASK]ing [mask]", 1);
    TOKENS(&l, 5, 4, 1, 1, 1, 1);
    ENCODE("ΣΣ", 0);
    TOKENS(&l, 12, 13);
    ENCODE("ΣΣ", 1);
    TOKENS(&l, 12, 14);
#undef ENCODE
    memset(word, 'a', 101); /* longer than 100 characters */
    memcpy(word, "walk", 4);
    word[101] = 0;
    assert_int_equal(wordpiece_encode(&w, word, 101, 0, &l, &e), 0);
    TOKENS(&l, 1);
    assert_int_equal(wordpiece_encode_sentence(&w, "walk walk walk", 14, 4, &l, &e), 0);
    TOKENS(&l, 2, 5, 5, 3);
    assert_int_equal(wordpiece_encode_sentence(&w, "", 0, 0, &l, &e), 0);
    TOKENS(&l, 2, 3);
    wordpiece_tokenizer_free(&w);
    static const struct {
        const char *text, *word;
    } cases[] = {{"", "lacks"}, {"a\na\n", "line 1"}, {"[PAD]\n[UNK]\n[CLS]\n", "[SEP]"}, {"a\n\nb\n", ":2:"}, {"\xff\n", "UTF-8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(scratch_write(path, cases[i].text, strlen(cases[i].text)), 0);
        assert_refused(wordpiece_tokenizer_open(path, &w, &e), &e, cases[i].word);
    }
}

/* --- reference cases --------------------------------------------------------------------------- */

static void reference_cases(void **state)
{
    (void)state;
    static const char *const folder = "../shared/golden";
    int cases = 0;
    FILE *out = tmpfile();
    assert_non_null(out);
    for (const struct verify_kind *k = verify_kinds_tokenizers; k->kind; k++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s.h5", folder, k->kind);
        if (!file_exists(path)) continue;
        struct verify v = {.case_name = k->kind, .folder = folder, .quiet = 1, .out = out};
        struct h5 *f;
        struct error e = {0};
        assert_int_equal(h5_open(path, &f, &e), 0);
        if (k->run(&v, f, &e)) fail_msg("%s: %s", k->kind, e.text);
        assert_int_equal(v.failed + v.marginal, 0);
        h5_close(f);
        cases++;
    }
    fclose(out);
    if (!cases) {
        print_message("skip: %s not here\n", folder);
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_is_strict),     cmocka_unit_test(lower_case_and_forms),
        cmocka_unit_test(html_references),    cmocka_unit_test(string_tables),
        cmocka_unit_test(unigram_pieces),     cmocka_unit_test(unigram_bytes_and_suffix),
        cmocka_unit_test(damaged_models),     cmocka_unit_test(character_map),
        cmocka_unit_test(clip_words),         cmocka_unit_test(damaged_merges),
        cmocka_unit_test(bert_pieces),        cmocka_unit_test(reference_cases),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
