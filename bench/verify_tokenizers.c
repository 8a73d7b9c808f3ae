/* Conformance of the published text encoders' tokenizers, with their real vocabularies.
 *
 * The vocabularies are no part of the cases: they lie in the folder that the
 * environment's MLCM_TOKENIZERS names, in data/tokenizers beside the cases'
 * folder, or in ../shared/data/tokenizers. Where they are not, a case is
 * skipped and says so. */
#include "../engine/file.h"
#include "../engine/tokenizer_bpe.h"
#include "../engine/tokenizer_unigram.h"
#include "../engine/tokenizer_wordpiece.h"
#include "verify_case.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- vocabularies and texts ------------------------------------------------------------ */

/* The path of a vocabulary file, or "" after counting the case as skipped. */
static const char *vocabulary(struct verify_case *c, const char *name, char path[1200])
{
    const char *named = getenv("MLCM_TOKENIZERS");
    snprintf(path, 1200, "../shared/data/tokenizers/%s", name);
    if (named && *named) snprintf(path, 1200, "%s/%s", named, name);
    else if (file_size(path) < 0) snprintf(path, 1200, "%s/../data/tokenizers/%s", c->verify->folder, name);
    if (file_size(path) >= 0) return path;
    fprintf(c->verify->out ? c->verify->out : stdout,
            "%-28s skipped: %s is not here; let MLCM_TOKENIZERS name the folder of vocabularies\n", c->verify->case_name,
            path);
    c->verify->skipped++;
    return "";
}

/* Rows of different lengths: row i is flat[offsets[i]] … flat[offsets[i + 1] - 1]. */
struct rows {
    int count;
    const int *flat, *offsets;
};

static struct rows read_rows(struct verify_case *c, const char *name)
{
    char path[200];
    int flat[1] = {0}, offsets[1] = {0};
    struct rows r = {0};
    snprintf(path, sizeof path, "%s/flat", name);
    r.flat = case_ints(c, path, 1, flat);
    snprintf(path, sizeof path, "%s/offsets", name);
    r.offsets = case_ints(c, path, 1, offsets);
    if (c->code) return r;
    r.count = offsets[0] - 1;
    int sound = r.offsets[0] == 0 && r.offsets[r.count] == flat[0];
    for (int i = 0; i < r.count; i++) sound &= r.offsets[i] <= r.offsets[i + 1];
    if (!sound)
        case_note(c, error_set(c->error, ERR_INPUT, "%s: %s/offsets must rise from 0 to the length of flat; write the case "
                                                    "anew",
                               h5_path(c->file), name));
    return r;
}

/* The texts of a case as bytes, one after another, at the offsets of the rows. */
struct texts {
    struct rows rows;
    char *bytes;
};

static struct texts read_texts(struct verify_case *c)
{
    struct texts t = {.rows = read_rows(c, "texts_utf8")};
    size_t n = c->code ? 0 : (size_t)t.rows.offsets[t.rows.count];
    t.bytes = c->code ? NULL : (char *)case_memory(c, n / sizeof(float) + 1);
    for (size_t i = 0; t.bytes && i < n; i++) t.bytes[i] = (char)t.rows.flat[i];
    return t;
}

typedef int encode_fn(const void *tokenizer, int limit, const char *text, size_t size, struct token_list *out,
                      struct error *e);

/* Encodes every text and compares the ragged rows; `omit` marks rows left out, or is NULL. */
static void check_rows(struct verify_case *c, const char *name, const struct texts *t, const int *omit, encode_fn *encode,
                       const void *tokenizer, int limit)
{
    struct rows want = read_rows(c, name);
    struct token_list got = {0}, kept = {0};
    char shape[24];
    int right = 1;
    if (!c->code && want.count != t->rows.count)
        case_note(c, error_set(c->error, ERR_INPUT, "%s: %s has %d rows for %d texts; write the case anew",
                               h5_path(c->file), name, want.count, t->rows.count));
    for (int i = 0; !c->code && i < want.count; i++) {
        int start = t->rows.offsets[i], before = got.count, n = want.offsets[i + 1] - want.offsets[i];
        if (omit && omit[i]) continue;
        case_note(c, encode(tokenizer, limit, t->bytes + start, (size_t)(t->rows.offsets[i + 1] - start), &got, c->error));
        if (!c->code && got.count - before != n) {
            if (right)
                fprintf(c->verify->out ? c->verify->out : stdout, "%-28s %s: text %d has %d tokens, the case %d\n",
                        c->verify->case_name, name, i, got.count - before, n);
            right = 0;
        }
        for (int k = 0; !c->code && k < n; k++)
            case_note(c, token_list_add(&kept, want.flat[want.offsets[i] + k], c->error));
    }
    if (!c->code && (!right || got.count != kept.count)) verify_check(c->verify, name, 0);
    else if (!c->code) {
        snprintf(shape, sizeof shape, "%d", got.count);
        verify_ints(c->verify, name, shape, got.ids, kept.ids, (size_t)got.count);
    }
    token_list_free(&got);
    token_list_free(&kept);
}

/* --- SentencePiece ----------------------------------------------------------------------- */

static int encode_unigram(const void *u, int limit, const char *text, size_t size, struct token_list *out, struct error *e)
{
    (void)limit;
    return unigram_encode(u, text, size, out, e);
}

static int encode_t5(const void *u, int limit, const char *text, size_t size, struct token_list *out, struct error *e)
{
    return unigram_encode_t5(u, text, size, limit, out, e);
}

static int t5_unigram(struct verify *v, struct h5 *f, struct error *e)
{
    struct verify_case c;
    struct unigram_tokenizer u = {0};
    struct texts t = {0};
    char path[1200];
    if (!case_open(&c, v, f, 0, e)) t = read_texts(&c);
    if (!c.code && *vocabulary(&c, "t5_spiece.model", path) && !case_note(&c, unigram_tokenizer_open(path, &u, e))) {
        check_rows(&c, "ids_spm", &t, NULL, encode_unigram, &u, 0);
        check_rows(&c, "ids_hf_eos_stripped", &t, NULL, encode_t5, &u, 0);
        check_rows(&c, "ids_hf_eos_stripped_max256", &t, NULL, encode_t5, &u, 256);
        unigram_tokenizer_free(&u);
    }
    const char *small = "hf_test_sentencepiece_unigram1000.model";
    if (!c.code && *vocabulary(&c, small, path) && !case_note(&c, unigram_tokenizer_open(path, &u, e))) {
        check_rows(&c, "ids_spm_unigram1000", &t, NULL, encode_unigram, &u, 0);
        unigram_tokenizer_free(&u);
    }
    return case_close(&c);
}

/* --- CLIP ---------------------------------------------------------------------------------- */

static int encode_openai(const void *b, int limit, const char *text, size_t size, struct token_list *out, struct error *e)
{
    (void)limit;
    return bpe_encode(b, text, size, CLIP_OPENAI, out, e);
}

struct context {
    const char *name;
    enum clip_cleaning cleaning;
    int tokens;
    int pad_with_end;
    int without_repair;        /* rows that ftfy, which mlcm does not do, would change are left out */
};

static void check_context(struct verify_case *c, const struct context *x, const struct texts *t, const int *changed,
                          const struct bpe_tokenizer *b, const char *label)
{
    int dims[2] = {t->rows.count, 0}, n = 0;
    char shape[32];
    const int *all = case_ints(c, x->name, 2, dims);
    size_t width = (size_t)dims[1];
    int *got = all ? (int *)case_memory(c, (size_t)dims[0] * width) : NULL;
    int *want = all ? (int *)case_memory(c, (size_t)dims[0] * width) : NULL;
    for (int i = 0; want && !c->code && i < t->rows.count; i++) {
        int start = t->rows.offsets[i];
        if (x->without_repair && changed[i]) continue;
        case_note(c, bpe_encode_context(b, t->bytes + start, (size_t)(t->rows.offsets[i + 1] - start), x->cleaning,
                                        x->tokens, x->pad_with_end ? b->end : 0, dims[1], got + (size_t)n * width,
                                        c->error));
        memcpy(want + (size_t)n++ * width, all + (size_t)i * width, width * sizeof *want);
    }
    snprintf(shape, sizeof shape, "%dx%d", n, dims[1]);
    if (want && !c->code) verify_ints(c->verify, label, shape, got, want, (size_t)n * width);
}

static int clip_bpe(struct verify *v, struct h5 *f, struct error *e)
{
    static const struct context contexts[] = {{"tokens77_openai_without_ftfy", CLIP_OPENAI, 77, 0, 0},
                                              {"tokens77_openai", CLIP_OPENAI, 77, 0, 1},
                                              {"tokens22_pad77_mdm", CLIP_OPENAI, 22, 0, 1},
                                              {"tokens77_hf_fast_emulated", CLIP_FAST, 77, 1, 0}};
    struct verify_case c;
    struct bpe_tokenizer b = {0};
    struct texts t = {0};
    const int *changed = NULL;
    char merges[1200], path[1200], label[80];
    if (!case_open(&c, v, f, 0, e)) {
        t = read_texts(&c);
        changed = c.code ? NULL : case_ints(&c, "ftfy_changes_ids", 1, (int[]){t.rows.count});
    }
    for (int layout = 0; layout < 2 && !c.code; layout++) {
        const char *list = layout ? "clip_merges.txt" : "bpe_simple_vocab_16e6.txt.gz";
        if (!*vocabulary(&c, list, merges) || (layout && !*vocabulary(&c, "clip_vocab.json", path))) continue;
        if (case_note(&c, layout ? bpe_tokenizer_open_hf(path, merges, &b, e) : bpe_tokenizer_open_openai(merges, &b, e)))
            break;
        if (!layout) {
            check_rows(&c, "ids_openai_without_ftfy", &t, NULL, encode_openai, &b, 0);
            check_rows(&c, "ids_openai", &t, changed, encode_openai, &b, 0);
        }
        for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++) {
            snprintf(label, sizeof label, "%s%s", contexts[i].name, layout ? " (vocab.json)" : "");
            check_context(&c, &contexts[i], &t, changed, &b, label);
        }
        bpe_tokenizer_free(&b);
    }
    return case_close(&c);
}

/* --- BERT ------------------------------------------------------------------------------------ */

static int encode_pieces(const void *w, int limit, const char *text, size_t size, struct token_list *out, struct error *e)
{
    return wordpiece_encode(w, text, size, limit, out, e); /* limit: whether literals count */
}

static int encode_sentence(const void *w, int limit, const char *text, size_t size, struct token_list *out,
                           struct error *e)
{
    return wordpiece_encode_sentence(w, text, size, limit, out, e);
}

static int bert_wordpiece(struct verify *v, struct h5 *f, struct error *e)
{
    struct verify_case c;
    struct wordpiece_tokenizer w = {0};
    struct texts t = {0};
    char path[1200];
    if (!case_open(&c, v, f, 0, e)) t = read_texts(&c);
    if (!c.code && *vocabulary(&c, "bert_base_uncased_vocab.txt", path) &&
        !case_note(&c, wordpiece_tokenizer_open(path, &w, e))) {
        check_rows(&c, "ids_no_special", &t, NULL, encode_pieces, &w, 1);
        check_rows(&c, "ids_basic_wordpiece", &t, NULL, encode_pieces, &w, 0);
        check_rows(&c, "ids_full_max512", &t, NULL, encode_sentence, &w, 512);
        check_rows(&c, "ids_full_max256", &t, NULL, encode_sentence, &w, 256);
        wordpiece_tokenizer_free(&w);
    }
    return case_close(&c);
}

const struct verify_kind verify_kinds_tokenizers[] = {{"tokenizer_t5_unigram", t5_unigram},
                                                      {"tokenizer_clip_bpe", clip_bpe},
                                                      {"tokenizer_bert_wordpiece", bert_wordpiece},
                                                      {NULL, NULL}};
