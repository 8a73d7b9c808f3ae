#include "text_source.h"
#include "file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int text_source_open(struct text_source *s, const char *folder, struct device *d, enum weight_precision precision, int width,
                     struct error *e)
{
    memset(s, 0, sizeof *s);
    int rc = sentence_encoder_open(folder, d, &s->published, e);
    if (rc) return rc;
    s->kind = TEXT_SOURCE_PUBLISHED;
    if (width && s->published.width != width)
        rc = error_set(e, ERR_INPUT, "%s: its sentence vectors have width %d, but the denoiser reads width %d; name the encoder "
                                     "that the denoiser was trained with",
                       folder, s->published.width, width);
    if (!rc) rc = sentence_encoder_pack(&s->published, precision, e);
    if (rc) text_source_free(s);
    return rc;
}

int text_source_own(struct text_source *s, struct device *d, const struct text_encoder_size *size, const struct vocabulary *v,
                    struct error *e)
{
    memset(s, 0, sizeof *s);
    int rc = text_encoder_create(&s->own, d, size, v, e);
    if (!rc) s->kind = TEXT_SOURCE_OWN;
    return rc;
}

void text_source_free(struct text_source *s)
{
    if (s->kind == TEXT_SOURCE_OWN) text_encoder_free(&s->own);
    if (s->kind == TEXT_SOURCE_PUBLISHED) sentence_encoder_free(&s->published);
    memset(s, 0, sizeof *s);
}

int text_source_width(const struct text_source *s)
{
    return s->kind == TEXT_SOURCE_OWN ? s->own.size.text_width : s->published.width;
}

const char *text_source_name(const struct text_source *s, char name[40])
{
    if (s->kind == TEXT_SOURCE_PUBLISHED)
        snprintf(name, 40, "%s %s", sentence_encoder_name(&s->published), precision_names[s->published.precision]);
    else
        snprintf(name, 40, "%s", s->kind == TEXT_SOURCE_OWN ? "own" : "none");
    return name;
}

/* --- vectors --------------------------------------------------------------------------- */

static struct tensor *run_own(struct tape *t, const struct text_encoder *x, const char *const *texts, int n)
{
    int *numbers = n > 0 ? malloc((size_t)n * TEXT_MAX_TOKENS * sizeof *numbers) : NULL;
    if (!numbers) {
        tape_error(t, "out of memory");
        return NULL;
    }
    tape_keep(t, numbers);
    return text_encoder_run(t, x, texts, n, numbers);
}

/* Nothing of a published encoder is recorded. */
static struct tensor *run_published(struct tape *t, const struct sentence_encoder *x, const char *const *texts, int n)
{
    int recording = t->recording;
    float dropout = t->dropout;
    t->recording = 0;
    t->dropout = 0;
    struct tensor *y = sentence_encoder_run(t, x, texts, n, NULL, NULL);
    t->recording = recording;
    t->dropout = dropout;
    if (y) y->constant = 1;
    return y;
}

struct tensor *text_source_run(struct tape *t, const struct text_source *s, const char *const *texts, int n)
{
    if (s->kind == TEXT_SOURCE_OWN) return run_own(t, &s->own, texts, n);
    if (s->kind == TEXT_SOURCE_PUBLISHED) return run_published(t, &s->published, texts, n);
    tape_error(t, "no text encoder is open");
    return NULL;
}

void text_source_run_guided(struct tape *t, const struct text_source *s, const char *const *texts, int n,
                            struct tensor **text, struct tensor **empty)
{
    const char **all = calloc((size_t)n * 2 + 1, sizeof *all);
    *text = *empty = NULL;
    if (!all) {
        tape_error(t, "out of memory");
        return;
    }
    memcpy(all, texts, (size_t)n * sizeof *all);
    if (s->kind == TEXT_SOURCE_PUBLISHED) {
        struct tensor *both = run_published(t, &s->published, all, n + 1);
        int one = 1;
        if (both) {
            struct tensor *last = tape_rows(t, both, n, 1);
            *text = tape_rows(t, both, 0, n);
            if (last) *empty = op_concat(t, &last, &one, 1, n);
            if (*text && *empty) (*text)->constant = (*empty)->constant = 1;
        }
    } else {
        *text = text_source_run(t, s, texts, n);
        *empty = text_source_run(t, s, all + n, n);
    }
    free(all);
}

/* --- what a folder holds ----------------------------------------------------------------- */

static int add_folder(struct sha256 *h, const char *folder, int depth, struct error *e)
{
    char **names, path[1200], hex[65];
    int count, rc = file_list(folder, &names, &count, e);
    if (rc) return rc;
    for (int i = 0; i < count && !rc; i++) {
        if (snprintf(path, sizeof path, "%s/%s", folder, names[i]) >= (int)sizeof path) {
            rc = error_set(e, ERR_INPUT, "%.80s…: the path is too long; move the folder", path);
            break;
        }
        sha256_add(h, names[i], strlen(names[i]) + 1);
        if (file_size(path) >= 0) {
            rc = sha256_file(path, hex, e);
            if (!rc) sha256_add(h, hex, 64);
        } else if (depth == 0) {
            rc = add_folder(h, path, 1, e);
        }
    }
    file_list_free(names, count);
    return rc;
}

int text_folder_fingerprint(const char *folder, char hex[65], struct error *e)
{
    struct sha256 *h = sha256_new();
    int rc = add_folder(h, folder, 0, e);
    int failed = sha256_text(h, hex);
    return rc || !failed ? rc : error_memory(e, folder);
}
