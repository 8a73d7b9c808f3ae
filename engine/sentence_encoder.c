#include "sentence_encoder.h"
#include "file.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_AT_ONCE = 16 };
static const float smallest_length = 1e-12f;

const char *sentence_encoder_name(const struct sentence_encoder *s)
{
    return s->kind == SENTENCE_T5 ? "T5" : s->kind == SENTENCE_BERT ? "BERT" : s->kind == SENTENCE_CLIP ? "CLIP" : "none";
}

void sentence_encoder_free(struct sentence_encoder *s)
{
    switch (s->kind) {
    case SENTENCE_T5:
        t5_encoder_free(&s->encoder.t5);
        unigram_tokenizer_free(&s->tokenizer.unigram);
        break;
    case SENTENCE_BERT:
        bert_encoder_free(&s->encoder.bert);
        wordpiece_tokenizer_free(&s->tokenizer.wordpiece);
        break;
    case SENTENCE_CLIP:
        clip_text_free(&s->encoder.clip);
        bpe_tokenizer_free(&s->tokenizer.bpe);
        break;
    }
    params_free(&s->params);
    memset(s, 0, sizeof *s);
}

static struct params *encoder_params(struct sentence_encoder *s)
{
    return s->kind == SENTENCE_T5 ? &s->encoder.t5.params : s->kind == SENTENCE_BERT ? &s->encoder.bert.params : &s->encoder.clip.params;
}

int sentence_encoder_pack(struct sentence_encoder *s, enum weight_precision precision, struct error *e)
{
    int rc = params_pack(encoder_params(s), precision, e);
    if (!rc && s->dense_count) rc = params_pack(&s->params, precision, e);
    s->precision = precision;
    return rc;
}

/* --- tokens -------------------------------------------------------------------------------- */

/* Without a vocabulary: a number from the bytes of each word and each mark, and the end. */
static int encode_words(const struct sentence_encoder *s, const char *text, struct token_list *out, struct error *e)
{
    enum { END = 1, FIRST = 3 };
    uint32_t count = (uint32_t)(s->encoder.t5.vocabulary - FIRST);
    int rc = 0, first = out->count;
    for (const char *p = text; *p && !rc && out->count - first < s->longest - 1;) {
        uint32_t hash = 2166136261u;
        if (*p == ' ') {
            p++;
            continue;
        }
        const char *start = p;
        do hash = (hash ^ (uint32_t)(unsigned char)*p++) * 16777619u;
        while (*p && *p != ' ' && isalnum((unsigned char)*p) && isalnum((unsigned char)*start));
        rc = token_list_add(out, FIRST + (int)(hash % count), e);
    }
    return rc ? rc : token_list_add(out, END, e);
}

static int encode_text(const struct sentence_encoder *s, const char *text, struct token_list *out, struct error *e)
{
    size_t size = strlen(text);
    if (s->kind == SENTENCE_T5 && !s->tokenizer.unigram.model.count) return encode_words(s, text, out, e);
    if (s->kind == SENTENCE_T5) return unigram_encode_t5(&s->tokenizer.unigram, text, size, s->longest, out, e);
    if (s->kind == SENTENCE_BERT)
        return wordpiece_encode_sentence(&s->tokenizer.wordpiece, text, size, s->longest, out, e);
    const struct bpe_tokenizer *b = &s->tokenizer.bpe;
    int rc = token_list_add(out, b->start, e), first = out->count;
    if (!rc) rc = bpe_encode(b, text, size, s->cleaning, out, e);
    if (!rc && out->count - first > s->longest - 2) out->count = first + s->longest - 2;
    return rc ? rc : token_list_add(out, b->end, e);
}

/* The rows of all texts in a rectangle `frames` wide. */
static int fill_rows(const struct sentence_encoder *s, const struct token_list *all, const int *starts, int n, int frames,
                     int **ids, int **mask, struct error *e)
{
    size_t count = (size_t)n * (size_t)frames;
    *ids = malloc(count * sizeof **ids);
    *mask = calloc(count, sizeof **mask);
    if (!*ids || !*mask) return error_memory(e, "the tokens of texts");
    for (size_t i = 0; i < count; i++) (*ids)[i] = s->padding;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < starts[i + 1] - starts[i]; k++) {
            size_t at = (size_t)i * (size_t)frames + (size_t)k;
            (*ids)[at] = all->ids[starts[i] + k];
            (*mask)[at] = 1;
        }
    return 0;
}

int sentence_encoder_tokens(const struct sentence_encoder *s, const char *const *texts, int n, int **ids, int **mask,
                            int *frames, struct error *e)
{
    struct token_list all = {0};
    int *starts = n > 0 ? calloc((size_t)n + 1, sizeof *starts) : NULL, rc = 0;
    *ids = *mask = NULL;
    *frames = s->kind == SENTENCE_CLIP ? s->longest : 1;
    if (!starts) return n > 0 ? error_memory(e, "the tokens of texts") : error_set(e, ERR_INTERNAL, "no text to encode");
    for (int i = 0; i < n && !rc; i++) {
        rc = encode_text(s, texts[i] ? texts[i] : "", &all, e);
        starts[i + 1] = all.count;
        if (starts[i + 1] - starts[i] > *frames) *frames = starts[i + 1] - starts[i];
    }
    int step = s->params.device ? s->params.device->length_step : 1, whole = step > 1 ? (*frames + step - 1) / step * step : *frames;
    if (whole <= s->longest) *frames = whole;
    if (!rc) rc = fill_rows(s, &all, starts, n, *frames, ids, mask, e);
    if (rc) {
        free(*ids);
        free(*mask);
        *ids = *mask = NULL;
    }
    token_list_free(&all);
    free(starts);
    return rc;
}

/* --- vectors ------------------------------------------------------------------------------- */

static struct tensor *states_run(struct tape *t, const struct sentence_encoder *s, const struct text_batch *batch)
{
    switch (s->kind) {
    case SENTENCE_T5: return t5_encoder_run(t, &s->encoder.t5, batch, NULL);
    case SENTENCE_BERT: return bert_encoder_run(t, &s->encoder.bert, batch, NULL, NULL, NULL);
    case SENTENCE_CLIP: return clip_text_run(t, &s->encoder.clip, batch, NULL, NULL);
    }
    return NULL;
}

static struct tensor *pool(struct tape *t, const struct sentence_encoder *s, struct tensor *states,
                           const struct text_batch *batch)
{
    if (s->kind == SENTENCE_CLIP) {
        struct tensor *pooled = clip_text_pool(t, states, batch);
        return s->encoder.clip.features ? clip_text_project(t, &s->encoder.clip, pooled) : pooled;
    }
    return s->first_token ? op_slice(t, states, batch->batch, 0, 1) : text_mean(t, states, batch);
}

struct tensor *sentence_encoder_run(struct tape *t, const struct sentence_encoder *s, const char *const *texts, int n,
                                    struct tensor **states, const int **mask)
{
    int *ids, *seen, frames;
    if (t->error.code || sentence_encoder_tokens(s, texts, n, &ids, &seen, &frames, &t->error)) return NULL;
    tape_keep(t, ids);
    tape_keep(t, seen);
    const struct text_batch batch = {n, frames, ids, seen};
    struct tensor *last = states_run(t, s, &batch);
    if (states) *states = last;
    if (mask) *mask = seen;
    struct tensor *x = pool(t, s, last, &batch);
    for (int i = 0; i < s->dense_count; i++) x = linear_run(t, &s->dense[i].layer, x, s->dense[i].activation);
    return s->unit_length ? op_unit_rows(t, x, smallest_length) : x;
}

int sentence_encoder_encode(const struct sentence_encoder *s, struct tape *t, const char *const *texts, int n,
                            float *out, struct error *e)
{
    for (int at = 0; at < n; at += TEXTS_AT_ONCE) {
        int count = n - at < TEXTS_AT_ONCE ? n - at : TEXTS_AT_ONCE;
        tape_start(t, 0, 0, 0, 0);
        struct tensor *x = sentence_encoder_run(t, s, texts + at, count, NULL, NULL);
        int rc = tape_failed(t, e);
        if (rc) return rc;
        t->device->download(t->device, out + (size_t)at * (size_t)s->width, x->x, (size_t)count * (size_t)s->width);
    }
    return 0;
}
