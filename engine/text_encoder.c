#include "text_encoder.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORD = 48, FIRST_WORD = 2, UNKNOWN = 1, LEADING = 0 };

/* Copies the next word of *text in lower case; 0 at the end. */
static int next_word(const char **text, char word[MAX_WORD])
{
    const char *s = *text;
    size_t n = 0;
    while (*s && !isalpha((unsigned char)*s)) s++;
    for (; isalpha((unsigned char)*s); s++)
        if (n + 1 < MAX_WORD) word[n++] = (char)tolower((unsigned char)*s);
    word[n] = 0;
    *text = s;
    return n > 0;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int vocabulary_from(struct vocabulary *v, const char *const *captions, int n, struct error *e)
{
    char word[MAX_WORD], **all = NULL;
    size_t count = 0, capacity = 0;
    *v = (struct vocabulary){0};
    for (int i = 0; i < n; i++)
        for (const char *s = captions[i]; next_word(&s, word);) {
            if (count == capacity) {
                capacity = capacity ? 2 * capacity : 4096;
                char **more = realloc(all, capacity * sizeof *more);
                if (!more) goto memory;
                all = more;
            }
            all[count] = strdup(word);
            if (!all[count]) goto memory;
            count++;
        }
    if (count) qsort(all, count, sizeof *all, by_bytes);
    v->words = calloc(count + 1, sizeof *v->words);
    if (!v->words) goto memory;
    for (size_t i = 0, j; i < count; i = j) {
        for (j = i + 1; j < count && !strcmp(all[i], all[j]); j++) {}
        if (j - i >= 2) {
            v->words[v->count++] = all[i];
            all[i] = NULL;
        }
    }
    for (size_t i = 0; i < count; i++) free(all[i]);
    free(all);
    return 0;
memory:
    for (size_t i = 0; i < count; i++) free(all[i]);
    free(all);
    vocabulary_free(v);
    return error_memory(e, "the vocabulary");
}

int vocabulary_copy(struct vocabulary *v, char *const *words, int count, struct error *e)
{
    *v = (struct vocabulary){.words = calloc((size_t)count + 1, sizeof *v->words)};
    if (!v->words) return error_memory(e, "the vocabulary");
    for (; v->count < count; v->count++)
        if (!(v->words[v->count] = strdup(words[v->count]))) {
            vocabulary_free(v);
            return error_memory(e, "the vocabulary");
        }
    return 0;
}

void vocabulary_free(struct vocabulary *v)
{
    for (int i = 0; i < v->count; i++) free(v->words[i]);
    free(v->words);
    *v = (struct vocabulary){0};
}

int vocabulary_encode(const struct vocabulary *v, const char *text, int *numbers, int limit)
{
    char word[MAX_WORD], *key = word;
    int n = 0;
    numbers[n++] = LEADING;
    while (n < limit && next_word(&text, word)) {
        char **found = v->count ? bsearch(&key, v->words, (size_t)v->count, sizeof *v->words, by_bytes) : NULL;
        numbers[n++] = found ? (int)(found - v->words) + FIRST_WORD : UNKNOWN;
    }
    return n;
}

/* Registers the parameters without memory for them. */
static int text_encoder_add(struct text_encoder *x, struct device *d, const struct text_encoder_size *size,
                            struct error *e)
{
    memset(x, 0, sizeof *x);
    const struct transformer_size *tr = &size->transformer;
    if (!transformer_size_fits(tr) || size->text_width < 1 || size->text_width > MAX_WIDTH || size->words < FIRST_WORD)
        return error_set(e, ERR_INPUT, "text encoder: sizes do not fit together (odd layers, width a multiple of heads)");
    x->size = *size;
    struct params *p = &x->params;
    params_init(p, d);
    x->table = params_add(p, INIT_NORMAL, 0.5f, "words", 2, size->words, tr->width, 1);
    x->positions = params_add(p, INIT_NORMAL, 0.1f, "positions", 2, TEXT_MAX_TOKENS, tr->width, 1);
    skip_transformer_add(p, &x->encoder, "encoder", tr, 0, 1);
    x->output = linear_add(p, "output", tr->width, size->text_width, 1);
    x->empty = params_add(p, INIT_NORMAL, 0.5f, "empty", 2, 1, size->text_width, 1);
    return 0;
}

int text_encoder_create(struct text_encoder *x, struct device *d, const struct text_encoder_size *size,
                        const struct vocabulary *v, struct error *e)
{
    int rc = text_encoder_add(x, d, size, e);
    if (!rc && size->words != v->count + FIRST_WORD)
        rc = error_set(e, ERR_INPUT, "text encoder: %d rows for %d words; it needs a row for each word", size->words,
                       v->count);
    if (!rc) rc = vocabulary_copy(&x->vocabulary, v->words, v->count, e);
    if (!rc) rc = params_allocate(&x->params, e);
    if (rc) text_encoder_free(x);
    return rc;
}

void text_encoder_free(struct text_encoder *x)
{
    params_free(&x->params);
    vocabulary_free(&x->vocabulary);
    memset(x, 0, sizeof *x);
}

struct tensor *text_encoder_run(struct tape *t, const struct text_encoder *x, const char *const *texts, int batch,
                                int *numbers)
{
    int lengths[1024], longest = 1, empty = 0, step = t->device->length_step;
    float keep[2][1024];
    if (batch < 1 || batch > 1024) {
        tape_error(t, "text encoder: a batch of %d sentences; use 1 to 1024", batch);
        return NULL;
    }
    for (int b = 0; b < batch; b++) {
        int *row = numbers + b * TEXT_MAX_TOKENS;
        lengths[b] = vocabulary_encode(&x->vocabulary, texts[b] ? texts[b] : "", row, TEXT_MAX_TOKENS);
        if (lengths[b] > longest) longest = lengths[b];
        keep[0][b] = lengths[b] > 1 ? 1.0f : 0.0f;
        keep[1][b] = 1.0f - keep[0][b];
        empty += lengths[b] == 1;
    }
    struct tensor *blank = NULL;
    if (empty) {
        blank = tape_param(t, x->empty, 0, 1);
        struct tensor *parts[1] = {blank};
        int one = 1;
        blank = op_concat(t, parts, &one, 1, batch);
        if (empty == batch) return blank;
    }
    if (step > 1) longest = (longest + step - 1) / step * step < TEXT_MAX_TOKENS ? (longest + step - 1) / step * step : TEXT_MAX_TOKENS;
    /* pack rows to the longest sentence of this batch */
    for (int b = 0; b < batch; b++) {
        int *to = numbers + b * longest, *from = numbers + b * TEXT_MAX_TOKENS;
        memmove(to, from, (size_t)(lengths[b] < longest ? lengths[b] : longest) * sizeof *to);
        for (int i = lengths[b]; i < longest; i++) to[i] = LEADING;
    }
    float *mask = calloc((size_t)batch * (size_t)longest, sizeof *mask);
    if (!mask) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < lengths[b]; i++) mask[b * longest + i] = 1;
    struct tensor *seen = tape_constant(t, mask, batch, longest);
    free(mask);
    struct tensor *s = op_gather(t, tape_param(t, x->table, 0, x->size.words), numbers, batch * longest);
    s = op_add_positions(t, s, tape_param(t, x->positions, 0, TEXT_MAX_TOKENS), batch);
    s = skip_transformer_run(t, &x->encoder, s, batch, seen ? seen->x : NULL, NULL, NULL, NULL);
    s = linear_run(t, &x->output, op_slice(t, s, batch, 0, 1), ACT_NONE);
    if (!empty || !s) return s;
    struct tensor *k = tape_constant(t, keep[0], batch, 1), *o = tape_constant(t, keep[1], batch, 1);
    return k && o ? op_combine_rows(t, k->x, s, o->x, blank) : NULL;
}

int text_encoder_size_from(const struct weights *w, const char *prefix, int heads, struct text_encoder_size *size,
                           struct error *e)
{
    char name[300];
#define FIND(key) (snprintf(name, sizeof name, "%s%s", prefix, key), weights_find(w, name))
    struct weight *table = FIND("words"), *output = FIND("output.weight"), *ff = FIND("encoder.middle_block.linear1.weight");
    if (!table || !output || !ff || table->rank != 2 || output->rank != 2 || ff->rank != 2)
        return error_set(e, ERR_INPUT, "%s: no text encoder under '%s'; use a model file of mlcm train", w->path, prefix);
#undef FIND
    *size = (struct text_encoder_size){.words = table->shape[0], .text_width = output->shape[0],
                                       .transformer = {table->shape[1], ff->shape[0], skip_transformer_layers(w, prefix), heads, 1e-5f}};
    struct text_encoder expected;
    int rc = text_encoder_add(&expected, NULL, size, e);
    rc = rc ? error_prefix(e, "%s", w->path) : params_match(&expected.params, w, prefix, e);
    text_encoder_free(&expected);
    return rc;
}
