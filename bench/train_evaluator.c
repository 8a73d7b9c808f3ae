/* The evaluator's stage: batches from a packed set, logs, validation. */
#include "train_evaluator.h"
#include "../engine/clock.h"
#include "../engine/file.h"
#include "loss_log.h"
#include "progress.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_EVERY = 20, VALIDATION_REPEATS = 5 };

/* Where batches come from. */
struct training_data {
    const struct set *set;
    const struct evaluator_config *config;
    struct items train;
    float *padding;              /* (nfeats) what follows a clip, in evaluator space */
    int threads;
    /* stage one: starts of windows, counted clip by clip */
    int snippet_clips, *snippet_clip;
    int64_t *snippet_end;        /* windows of the clips up to and with this one */
    /* stage two: the epoch's permutation */
    int64_t epoch;
    int *order;
};

/* A frame of zeros in the generators' statistics, as the evaluator sees it. */
static float *padding_row(const struct set *s)
{
    float *row = malloc((size_t)s->nfeats * sizeof *row);
    float *zero = calloc((size_t)s->nfeats, sizeof *zero);
    if (row && zero)
        evaluator_renormalise(row, zero, 1, s->nfeats, s->mean, s->std, s->mean_eval, s->std_eval);
    else {
        free(row);
        row = NULL;
    }
    free(zero);
    return row;
}

static void data_free(struct training_data *d)
{
    items_free(&d->train);
    free(d->padding);
    free(d->snippet_clip);
    free(d->snippet_end);
    free(d->order);
}

static int data_create(struct training_data *d, const struct set *s, const struct evaluator_config *c, int threads,
                       struct error *e)
{
    *d = (struct training_data){.set = s, .config = c, .threads = threads, .epoch = -1};
    int rc = items_build(s, "train", &d->train, e);
    if (rc) return rc;
    d->padding = padding_row(s);
    d->snippet_clip = malloc((size_t)s->nclips * sizeof *d->snippet_clip);
    d->snippet_end = malloc((size_t)s->nclips * sizeof *d->snippet_end);
    d->order = malloc((size_t)(d->train.count + 1) * sizeof *d->order);
    if (!d->padding || !d->snippet_clip || !d->snippet_end || !d->order) rc = error_memory(e, "the evaluator's data");
    int64_t windows = 0;
    for (int i = 0; i < s->nclips && !rc; i++)
        if (!strcmp(s->clips[i].split, "train") && s->clips[i].length > c->window) {
            windows += s->clips[i].length - c->window;
            d->snippet_clip[d->snippet_clips] = i;
            d->snippet_end[d->snippet_clips++] = windows;
        }
    if (!rc && (d->train.count < c->batch || windows < c->snippets))
        rc = error_set(e, ERR_INPUT, "%s: the train split has %d items, a batch of the evaluator needs %d; build a larger set "
                                     "or lower evaluator.batch", s->path, d->train.count, c->batch);
    if (rc) data_free(d);
    return rc;
}

static int make_snippets(void *context, int64_t step, float *motions, struct error *e)
{
    struct training_data *d = context;
    const struct set *s = d->set;
    int window = d->config->window, nf = s->nfeats, count = d->config->snippets;
    uint64_t windows = (uint64_t)d->snippet_end[d->snippet_clips - 1];
    (void)e;
#pragma omp parallel for schedule(static) num_threads(d->threads)
    for (int i = 0; i < count; i++) {
        struct rng r = rng_make(d->config->seed ^ rng_stream("evaluator/snippets"),
                                (uint64_t)step * (uint64_t)count + (uint64_t)i);
        int64_t at = (int64_t)rng_below(&r, (uint32_t)windows);
        int low = 0, high = d->snippet_clips - 1;
        while (low < high) {
            int middle = (low + high) / 2;
            if (d->snippet_end[middle] > at) high = middle;
            else low = middle + 1;
        }
        int64_t start = at - (low ? d->snippet_end[low - 1] : 0);
        const float *x = s->clips[d->snippet_clip[low]].features + start * nf;
        float *to = motions + (size_t)i * (size_t)window * (size_t)nf;
        for (int t = 0; t < window; t++)
            for (int j = 0; j < nf; j++) to[t * nf + j] = (x[t * nf + j] - s->mean_eval[j]) / s->std_eval[j];
    }
    return 0;
}

/* One drawn item in evaluator space: motion (frames, nfeats) with four rows of padding, caption. */
struct pair_room {
    float *motion, *words, *speech;
    int *length, *sentence_length;
};

static int fill_pair(const struct set *s, const struct items *items, const struct draw *draw, const float *padding,
                     int frames, struct pair_room room, struct error *e)
{
    size_t nf = (size_t)s->nfeats;
    const struct item *item = &items->list[draw->item];
    if (draw->length > frames)
        return error_set(e, ERR_INPUT, "%s: clip %s has %d frames, the evaluator takes %d; raise evaluator.frames", s->path,
                         s->clips[item->clip].name, draw->length, frames);
    draw_motion(s, items, draw, s->mean_eval, s->std_eval, room.motion);
    for (int t = draw->length; t < draw->length + EVALUATOR_UNIT && t < frames; t++)
        memcpy(room.motion + (size_t)t * nf, padding, nf * sizeof *padding);
    *room.length = draw->length;
    return words_encode(&s->words, item->captions[draw->caption]->tokens, room.words, room.speech, room.sentence_length, e);
}

static struct pair_room room_of(float *motions, int *lengths, float *words, float *speech, int *sentence_lengths, int i,
                                int frames, int nfeats, int word_width)
{
    size_t at = (size_t)i;
    return (struct pair_room){motions + at * (size_t)frames * (size_t)nfeats,
                              words + at * (size_t)WORDS_MAX_TOKENS * (size_t)word_width,
                              speech + at * (size_t)WORDS_MAX_TOKENS * WORDS_POS, lengths + i, sentence_lengths + i};
}

static int make_pairs(void *context, int64_t step, float *motions, int *lengths, float *words, float *speech,
                      int *sentence_lengths, struct error *e)
{
    struct training_data *d = context;
    const struct evaluator_config *c = d->config;
    int64_t per = d->train.count / c->batch, epoch = step / per;   /* the incomplete last batch is dropped */
    if (epoch != d->epoch) {
        struct rng r = rng_make(c->seed ^ rng_stream("evaluator/epoch"), (uint64_t)epoch);
        for (int i = 0; i < d->train.count; i++) d->order[i] = i;
        rng_shuffle(&r, d->order, d->train.count);
        d->epoch = epoch;
    }
    int first = (int)(step % per) * c->batch, code = 0;
#pragma omp parallel for schedule(static) num_threads(d->threads)
    for (int i = 0; i < c->batch; i++) {
        struct rng r = rng_make(c->seed ^ rng_stream("evaluator/draws"),
                                (uint64_t)step * (uint64_t)c->batch + (uint64_t)i);
        struct draw draw = item_draw(d->set, &d->train, d->order[first + i], &r);
        struct error here = {0};
        if (fill_pair(d->set, &d->train, &draw, d->padding, c->frames,
                      room_of(motions, lengths, words, speech, sentence_lengths, i, c->frames, d->set->nfeats,
                              c->size.word_width), &here)) {
#pragma omp critical(train_evaluator_error)
            if (!code) {
                code = here.code;
                *e = here;
            }
        }
    }
    return code;
}

/* --- measuring ------------------------------------------------------------------- */

int evaluator_precision(const struct evaluator *ev, const struct set *set, const char *split, uint64_t seed, int repeats,
                        struct precision *out, struct error *e)
{
    struct items items;
    int rc = items_build(set, split, &items, e);
    if (rc) return rc;
    int n = items.count, frames = (set->max_length + EVALUATOR_UNIT - 1) / EVALUATOR_UNIT * EVALUATOR_UNIT;
    size_t rows = (size_t)n, width = (size_t)set->words.dim, dim = (size_t)ev->size.embedding;
    float *motions = malloc(rows * (size_t)frames * (size_t)set->nfeats * sizeof *motions + 1);
    float *words = malloc(rows * WORDS_MAX_TOKENS * (width + WORDS_POS) * sizeof *words + 1);
    float *embeddings = malloc(2 * rows * dim * sizeof *embeddings + 1), *padding = padding_row(set);
    int *lengths = malloc(2 * rows * sizeof *lengths + 1);
    if (!motions || !words || !embeddings || !padding || !lengths) rc = error_memory(e, "embeddings of real motions");
    float *speech = words ? words + rows * WORDS_MAX_TOKENS * width : NULL;
    struct rng r = rng_make(seed, rng_stream("evaluator/precision"));
    for (int i = 0; i < n && !rc; i++) {
        struct draw draw = item_draw(set, &items, i, &r);
        rc = fill_pair(set, &items, &draw, padding, frames,
                       room_of(motions, lengths, words, speech, lengths + n, i, frames, set->nfeats, set->words.dim), e);
    }
    struct evaluator_padding rule = {EVALUATOR_PADDING_FIXED, 0, frames, padding};
    if (!rc) rc = evaluator_embed_motion(ev, motions, n, frames, lengths, &rule, embeddings, e);
    if (!rc)
        rc = evaluator_embed_text(ev, words, speech, n, WORDS_MAX_TOKENS, lengths + n, embeddings + rows * dim, e);
    *out = (struct precision){0};
    for (int k = 0; k < repeats && !rc; k++) {
        struct pools pools = {0};
        struct precision p;
        rc = pools_permuted(n, POOL_SIZE, &r, &pools, e);
        if (!rc) rc = r_precision(embeddings + rows * dim, embeddings, n, (int)dim, &pools, NULL, &p, e);
        pools_free(&pools);
        if (rc) break;
        out->queries += p.queries;
        for (int i = 0; i < PRECISION_TOPS; i++) {
            out->hits[i] += p.hits[i];
            out->top[i] += p.top[i] / repeats;
        }
        out->mm_distance += p.mm_distance / repeats;
    }
    free(motions);
    free(words);
    free(embeddings);
    free(padding);
    free(lengths);
    items_free(&items);
    return rc;
}

/* --- logs ---------------------------------------------------------------------------- */

struct watch {
    const struct set *set;
    uint64_t seed;
    const char *path;
    FILE *log;                   /* of the running stage */
    char stage[20];
    double started, before;      /* seconds of this run's start, and of earlier runs */
    double sum[4];               /* since the last row */
    int count, quiet, running;
    struct progress bar;
    struct error error;          /* of writing */
};

static void log_path(const struct watch *w, const char *stage, char path[1100])
{
    snprintf(path, 1100, "%.1080s%s", w->path, strcmp(stage, "movement") ? ".csv" : ".movement.csv");
}

/* Opens a stage's log; the rows of an earlier run up to step `keep` stay. */
static int log_open(struct watch *w, const char *stage, int64_t keep, struct error *e)
{
    static const char movement[] = "step,loss,reconstruction,sparsity,smoothness,rate,seconds",
                      matching[] = "step,loss,positive,negative,norm_text,norm_motion,rate,seconds,top1,top2,top3,mm_distance";
    char path[1100];
    int first = !strcmp(stage, "movement");
    log_path(w, stage, path);
    int rc = loss_log_open(path, first ? movement : matching, keep, first ? 6 : 7, &w->log, &w->before, e);
    if (rc) return rc;
    w->started = clock_seconds();
    snprintf(w->stage, sizeof w->stage, "%s", stage);
    memset(w->sum, 0, sizeof w->sum);
    w->count = 0;
    return 0;
}

static void log_close(struct watch *w)
{
    char path[1100];
    struct error ignored = {0};
    if (w->running) progress_finish(&w->bar, w->bar.total, NULL);
    w->running = 0;
    log_path(w, w->stage, path);
    loss_log_close(w->log, path, w->error.code ? &ignored : &w->error);
    w->log = NULL;
}

static void on_step(void *context, const struct evaluator_progress *p)
{
    struct watch *w = context;
    if (w->error.code) return;
    if (strcmp(w->stage, p->stage)) {
        log_close(w);
        if (log_open(w, p->stage, p->step - 1, &w->error)) return;
        progress_start(&w->bar, p->stage, "steps", (double)p->steps, (double)(p->step - 1), w->quiet);
        w->running = 1;
    }
    const double values[4] = {p->loss, p->parts[0], p->parts[1], p->parts[2]};
    for (int i = 0; i < 4; i++) w->sum[i] += values[i];
    w->count++;
    if (p->step % LOG_EVERY && p->step != p->steps) return;
    double n = (double)w->count, mean[4];
    for (int i = 0; i < 4; i++) mean[i] = w->sum[i] / n;
    fprintf(w->log, "%lld,%.6g,%.6g,%.6g", (long long)p->step, mean[0], mean[1], mean[2]);
    if (!strcmp(p->stage, "movement")) fprintf(w->log, ",%.6g,%.6g,%.3f\n", mean[3], p->rate, w->before + clock_seconds() - w->started);
    else
        fprintf(w->log, ",%.6g,%.6g,%.6g,%.3f,,,,\n", p->norm_text, p->norm_motion, p->rate, w->before + clock_seconds() - w->started);
    fflush(w->log);
    char detail[80];
    snprintf(detail, sizeof detail, "loss %.5g", mean[0]);
    progress_update(&w->bar, (double)p->step, detail);
    memset(w->sum, 0, sizeof w->sum);
    w->count = 0;
}

static int on_validate(void *context, const struct evaluator *ev, int64_t step, struct error *e)
{
    struct watch *w = context;
    struct precision p;
    if (w->error.code) {
        *e = w->error;
        return e->code;
    }
    int rc = evaluator_precision(ev, w->set, "val", w->seed, VALIDATION_REPEATS, &p, e);
    if (rc) return rc;
    fprintf(w->log, "%lld,,,,,,,,%.4f,%.4f,%.4f,%.4f\n", (long long)step, p.top[0], p.top[1], p.top[2], p.mm_distance);
    fflush(w->log);
    if (!w->quiet) {
        progress_clear(&w->bar);
        fprintf(stderr, "matching, step %lld: R-Precision of real motions (val) %.3f %.3f %.3f, MM-Dist %.3f\n",
                (long long)step, p.top[0], p.top[1], p.top[2], p.mm_distance);
    }
    return 0;
}

/* --- training -------------------------------------------------------------------------- */

/* Whether the validation split fills a pool of R-Precision; small sets go without. */
static int can_validate(const struct set *set)
{
    struct items items;
    struct error ignored;
    if (items_build(set, "val", &items, &ignored)) return 0;
    int enough = items.count >= POOL_SIZE;
    items_free(&items);
    return enough;
}

static struct evaluator_config of_set(const struct set *set, const struct evaluator_config *config)
{
    struct evaluator_config c = *config;
    c.size.nfeats = set->nfeats;
    c.size.word_width = set->words.dim;
    c.size.parts_of_speech = WORDS_POS;
    c.tokens = WORDS_MAX_TOKENS;
    c.frames = (set->max_length + EVALUATOR_UNIT - 1) / EVALUATOR_UNIT * EVALUATOR_UNIT;
    return c;
}

/* The data's fingerprint, and the device's name behind it. */
static const char *data_fingerprint(const struct set *set, const char *on, char text[120])
{
    snprintf(text, 120, "%s%s%s", set->sha256, *on ? " " : "", on);
    return text;
}

void train_evaluator_fingerprint(const struct set *set, const struct evaluator_config *config, const char *on, char out[65])
{
    char data[120];
    struct evaluator_config c = of_set(set, config);
    evaluator_train_fingerprint(&c, &(struct evaluator_source){.fingerprint = data_fingerprint(set, on, data)}, out);
}

int train_evaluator(const struct set *set, struct device *d, const struct evaluator_config *config, const char *on, const char *path,
                    int quiet, struct error *e)
{
    char print[120];
    struct evaluator_config c = of_set(set, config);
    struct training_data data;
    struct evaluator ev;
    int rc = data_create(&data, set, &c, d->threads, e);
    if (rc) return rc;
    rc = evaluator_create(&ev, d, &c.size, e);
    if (!rc) {
        struct watch w = {.set = set, .seed = c.seed, .path = path, .quiet = quiet};
        struct evaluator_source source = {&data, data_fingerprint(set, on, print), make_snippets, make_pairs};
        struct evaluator_observer observer = {&w, on_step, can_validate(set) ? on_validate : NULL};
        rc = evaluator_train(&ev, &c, &source, &observer, path, e);
        log_close(&w);
        if (!rc && w.error.code) {
            rc = w.error.code;
            *e = w.error;
        }
        evaluator_free(&ev);
    }
    data_free(&data);
    return rc;
}
