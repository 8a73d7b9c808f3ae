#include "evaluation.h"
#include "control_hints.h"
#include "export_motions.h"
#include "../datasets/consistency.h"
#include "../metrics/diversity.h"
#include "../metrics/frechet.h"
#include "../metrics/kernel_distance.h"
#include "../metrics/precision.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 512, REFERENCE_BATCH = 32 };

const char *measure_name(enum measure m)
{
    static const char *const names[M_COUNT] = {
        "R_precision_top_1", "R_precision_top_2", "R_precision_top_3", "R_precision_any_top_1", "R_precision_any_top_2",
        "R_precision_any_top_3", "R_precision_distinct_top_1", "R_precision_distinct_top_2", "R_precision_distinct_top_3",
        "FID", "KID", "MM_dist", "Diversity", "MultiModality", "traj_fail_20cm", "traj_fail_50cm", "kps_fail_20cm",
        "kps_fail_50cm", "kps_mean_err", "skating_ratio"};
    return names[m];
}

/* The number of items used of `total`. */
static int items_used(const struct chain *c, int total, int limit, int *n, struct error *e)
{
    *n = limit > 0 && limit < total ? limit : total;
    if (*n >= c->x->pool) return 0;
    return error_set(e, ERR_USAGE, "%s: %d test items do not fill one pool of %d; %s", c->set.path, *n, c->x->pool,
                     *n < total ? "raise --limit" : "build a larger set or lower protocol.pool");
}

int evaluation_possible(const struct chain *c, const char *split, int limit, struct error *e)
{
    struct items items;
    int n, rc = items_build(&c->set, split, &items, e);
    if (rc) return rc;
    rc = items_used(c, items.count, limit, &n, e);
    items_free(&items);
    return rc;
}

/* Everything but the choice of items; ev->items are there already. */
static int make_room(struct evaluation *ev, struct chain *c, const struct evaluator *evaluator, int n, struct error *e)
{
    size_t rows = (size_t)n;
    ev->chain = c;
    ev->evaluator = evaluator;
    ev->dim = evaluator->size.embedding;
    ev->generated_batch = c->x->batch;
    for (int i = 0; i < c->set.nclips && !ev->described; i++) ev->described = c->set.clips[i].slots[0] != 0;
    ev->n = n;
    ev->chosen = malloc((size_t)(n > ev->items.count ? n : ev->items.count) * sizeof *ev->chosen);
    ev->draws = malloc(rows * sizeof *ev->draws);
    ev->texts = calloc(rows, sizeof *ev->texts);
    ev->text = malloc(rows * (size_t)ev->dim * sizeof(float));
    ev->real = malloc(rows * (size_t)ev->dim * sizeof(float));
    ev->pools = calloc(1, sizeof *ev->pools);
    ev->distinct = calloc(1, sizeof *ev->distinct);
    if (!ev->chosen || !ev->draws || !ev->texts || !ev->text || !ev->real || !ev->pools || !ev->distinct)
        return error_memory(e, "the evaluation");
    return 0;
}

int evaluation_open(struct evaluation *ev, struct chain *c, const struct evaluator *evaluator, const char *split,
                    int limit, struct error *e)
{
    int n = 0;
    memset(ev, 0, sizeof *ev);
    int rc = items_build(&c->set, split, &ev->items, e), total = ev->items.count;
    if (!rc) rc = items_used(c, total, limit, &n, e);
    if (!rc) rc = make_room(ev, c, evaluator, n, e);
    if (!rc) {
        struct rng r = rng_make(c->x->seed, rng_stream("limit"));
        for (int i = 0; i < total; i++) ev->chosen[i] = i;
        if (n < total) {
            rng_shuffle(&r, ev->chosen, total);
            for (int i = 1; i < n; i++)      /* insertion sort: loader order again */
                for (int k = i; k > 0 && ev->chosen[k] < ev->chosen[k - 1]; k--) {
                    int swap = ev->chosen[k];
                    ev->chosen[k] = ev->chosen[k - 1];
                    ev->chosen[k - 1] = swap;
                }
        }
    }
    if (rc) evaluation_close(ev);
    return rc;
}

int evaluation_open_items(struct evaluation *ev, struct chain *c, const struct evaluator *evaluator, const char *split,
                          const int *chosen, int n, struct error *e)
{
    memset(ev, 0, sizeof *ev);
    int rc = items_build(&c->set, split, &ev->items, e);
    if (!rc && n < c->x->pool)
        rc = error_set(e, ERR_INPUT, "%d motions do not fill one pool of %d; give more, or lower protocol.pool", n, c->x->pool);
    if (!rc) rc = make_room(ev, c, evaluator, n, e);
    if (!rc) memcpy(ev->chosen, chosen, (size_t)n * sizeof *chosen);
    if (rc) evaluation_close(ev);
    return rc;
}

static void forget_replication(struct evaluation *ev)
{
    if (ev->pools) pools_free(ev->pools);
    if (ev->distinct) pools_free(ev->distinct);
    if (ev->pools) memset(ev->pools, 0, sizeof *ev->pools);
    if (ev->distinct) memset(ev->distinct, 0, sizeof *ev->distinct);
}

void evaluation_close(struct evaluation *ev)
{
    forget_replication(ev);
    items_free(&ev->items);
    free(ev->chosen);
    free(ev->draws);
    free(ev->texts);
    free(ev->text);
    free(ev->real);
    free(ev->train);
    free(ev->pools);
    free(ev->distinct);
    memset(ev, 0, sizeof *ev);
}

/* --- embeddings --------------------------------------------------------------------- */

/* Embeds n motions of dataset-normalised features (n, frames, nfeats), padded with zeros, in place.
 * The padding rule is MotionLCM's: batches of `batch`, each as long as its longest clip. */
static int embed(const struct evaluation *ev, float *x, int n, int frames, const int *lengths, int batch, float *out,
                 struct error *e)
{
    const struct set *s = &ev->chain->set;
    float *row = calloc((size_t)s->nfeats, sizeof *row);
    if (!row) return error_memory(e, "the evaluation");
    evaluator_renormalise(row, row, 1, s->nfeats, s->mean, s->std, s->mean_eval, s->std_eval);
    evaluator_renormalise(x, x, (size_t)n * (size_t)frames, s->nfeats, s->mean, s->std, s->mean_eval, s->std_eval);
    struct evaluator_padding rule = {EVALUATOR_PADDING_BATCH, batch, 0, row};
    int rc = evaluator_embed_motion(ev->evaluator, x, n, frames, lengths, &rule, out, e);
    free(row);
    return rc;
}

static int longest(const int *lengths, int n)
{
    int most = 0;
    for (int i = 0; i < n; i++)
        if (lengths[i] > most) most = lengths[i];
    return most;
}

/* Embeds real windows, chunk by chunk. */
static int embed_draws(const struct evaluation *ev, const struct items *items, const struct draw *draws, int n, float *out,
                       struct error *e)
{
    const struct set *s = &ev->chain->set;
    int lengths[CHUNK], rc = 0;
    for (int first = 0; first < n && !rc; first += CHUNK) {
        int count = n - first < CHUNK ? n - first : CHUNK;
        for (int i = 0; i < count; i++) lengths[i] = draws[first + i].length;
        int frames = longest(lengths, count);
        size_t clip = (size_t)frames * (size_t)s->nfeats;
        float *x = calloc((size_t)count * clip, sizeof *x);
        if (!x) return error_memory(e, "the evaluation");
        for (int i = 0; i < count; i++) draw_motion(s, items, &draws[first + i], s->mean, s->std, x + (size_t)i * clip);
        rc = embed(ev, x, count, frames, lengths, REFERENCE_BATCH, out + (size_t)first * (size_t)ev->dim, e);
        free(x);
    }
    return rc;
}

static int embed_captions(const struct evaluation *ev, float *out, struct error *e)
{
    const struct words *words = &ev->chain->set.words;
    size_t n = (size_t)ev->n, tokens = WORDS_MAX_TOKENS;
    float *vectors = malloc(n * tokens * (size_t)words->dim * sizeof *vectors);
    float *speech = malloc(n * tokens * WORDS_POS * sizeof *speech);
    int *lengths = malloc(n * sizeof *lengths), rc = 0;
    if (!vectors || !speech || !lengths) rc = error_memory(e, "the evaluation");
    for (size_t i = 0; i < n && !rc; i++) {
        const struct draw *d = &ev->draws[i];
        rc = words_encode(words, ev->items.list[d->item].captions[d->caption]->tokens, vectors + i * tokens * (size_t)words->dim,
                          speech + i * tokens * WORDS_POS, &lengths[i], e);
    }
    if (!rc) rc = evaluator_embed_text(ev->evaluator, vectors, speech, ev->n, WORDS_MAX_TOKENS, lengths, out, e);
    free(vectors);
    free(speech);
    free(lengths);
    return rc;
}

/* --- measures that every row has --------------------------------------------------------- */

static int holds(const void *context, int text, int motion)
{
    const struct evaluation *ev = context;
    const struct item *a = &ev->items.list[ev->draws[text].item], *b = &ev->items.list[ev->draws[motion].item];
    return caption_consistent(a->captions[ev->draws[text].caption]->slots, ev->chain->set.clips[b->clip].slots);
}

static int score(const struct evaluation *ev, const float *motion, const float *reference, double out[M_COUNT], struct error *e)
{
    struct consistency any = {holds, ev};
    struct precision p;
    struct frechet f;
    struct rng r = rng_make(ev->chain->x->seed, rng_stream("diversity") ^ (uint64_t)ev->replication);
    for (int m = 0; m < M_COUNT; m++) out[m] = NAN;
    int rc = r_precision(ev->text, motion, ev->n, ev->dim, ev->pools, NULL, &p, e);
    if (rc) return rc;
    for (int k = 0; k < 3; k++) out[M_TOP1 + k] = p.top[k];
    out[M_DISTANCE] = p.mm_distance;
    if (ev->described) {
        rc = r_precision(ev->text, motion, ev->n, ev->dim, ev->pools, &any, &p, e);
        for (int k = 0; k < 3 && !rc; k++) out[M_ANY1 + k] = p.top[k];
    }
    if (!rc && ev->described && ev->distinct->count) {
        rc = r_precision(ev->text, motion, ev->n, ev->dim, ev->distinct, NULL, &p, e);
        for (int k = 0; k < 3 && !rc; k++) out[M_DISTINCT1 + k] = p.top[k];
    }
    if (!rc) rc = frechet_distance(reference, ev->n, motion, ev->n, ev->dim, &f, e);
    if (!rc) out[M_FID] = f.distance;
    if (!rc) rc = kernel_distance(reference, ev->n, motion, ev->n, ev->dim, &out[M_KID], e);
    int pairs = ev->chain->x->diversity_times;
    if (!rc && ev->n >= pairs) rc = diversity_drawn(motion, ev->n, ev->dim, pairs, &r, &out[M_DIVERSITY], e);
    return rc;
}

int evaluation_embed(const struct evaluation *ev, float *x, int count, int frames, const int *lengths, int batch, float *out,
                     struct error *e)
{
    return embed(ev, x, count, frames, lengths, batch, out, e);
}

int evaluation_score(const struct evaluation *ev, const float *embedded, double out[M_COUNT], struct error *e)
{
    return score(ev, embedded, ev->real, out, e);
}

void evaluation_describe(const struct evaluation *ev, const char *file, const char *split, int limit, int replications,
                         struct results *r)
{
    const struct chain *c = ev->chain;
    const struct experiment *x = c->x;
    r->host.threads_used = c->device.threads;
    snprintf(r->data.name, sizeof r->data.name, "%s", c->set.name);
    snprintf(r->data.split, sizeof r->data.split, "%s", split);
    snprintf(r->data.sha256, sizeof r->data.sha256, "%s", c->set.sha256);
    snprintf(r->data.statistics, sizeof r->data.statistics, "%s", c->set.statistics_sha256);
    r->data.n_original = ev->items.count;
    r->data.n_used = ev->n;
    if (file)
        snprintf(r->evaluator.name, sizeof r->evaluator.name, "given %.60s, embedding %d", strrchr(file, '/') ? strrchr(file, '/') + 1 : file,
                 ev->dim);
    else if (x->published.given && x->published.part[PUBLISHED_EVALUATOR][0])
        snprintf(r->evaluator.name, sizeof r->evaluator.name, "published %.50s, embedding %d",
                 x->published.part[PUBLISHED_EVALUATOR], ev->dim);
    else snprintf(r->evaluator.name, sizeof r->evaluator.name, "trained on %s, embedding %d", c->set.name, ev->dim);
    snprintf(r->evaluator.sha256, sizeof r->evaluator.sha256, "%s", ev->evaluator->sha256);
    snprintf(r->evaluator.padding_rule, sizeof r->evaluator.padding_rule,
             "MotionLCM: batches of 32 in order of length, padded to the batch's longest clip with renormalised zeros");
    r->protocol.replications = replications;
    r->protocol.pool = x->pool;
    r->protocol.diversity_times = x->diversity_times;
    r->protocol.mm_samples = x->mm_samples;
    r->protocol.mm_repeats = x->mm_repeats;
    r->protocol.mm_times = x->mm_times;
    snprintf(r->protocol.pooling, sizeof r->protocol.pooling, "one permutation of all pairs");
    snprintf(r->protocol.pairs, sizeof r->protocol.pairs, "two independent draws without replacement");
    r->protocol.limit = limit;
    r->protocol.nseeds = 1;
    r->protocol.seeds[0] = x->seed;
}

int evaluation_add_metrics(struct results *r, int row, int measures, const double *x, int stride, int n, struct error *e)
{
    int rc = 0;
    for (int m = 0; m < measures && !rc; m++) {
        const char *name = measure_name((enum measure)m);
        const double *values = x + (size_t)m * (size_t)stride;
        int there = 0;
        for (int k = 0; k < n; k++) there += isfinite(values[k]) != 0;
        if (there == n) rc = results_add_metric(r, row, name, values, n, e);
        else if (there)
            rc = results_add_note(r, e, "%s: no %s: only %d of %d replications have it.", r->rows[row].model, name, there, n);
    }
    return rc;
}

int evaluation_replicate(struct evaluation *ev, int replication, double out[M_COUNT], struct error *e)
{
    const struct chain *c = ev->chain;
    const struct set *s = &c->set;
    struct rng r = rng_make(c->x->seed, rng_stream("replication") ^ (uint64_t)replication);
    struct consistency any = {holds, ev};
    struct error lacking = {0};
    struct draw *again = malloc((size_t)ev->n * sizeof *again);
    float *second = malloc((size_t)ev->n * (size_t)ev->dim * sizeof *second);
    forget_replication(ev);
    ev->replication = replication;
    int rc = again && second ? 0 : error_memory(e, "the evaluation"), other_texts = 0;
    for (int i = 0; i < ev->n && !rc; i++) {
        ev->draws[i] = item_draw(s, &ev->items, ev->chosen[i], &r);
        if (ev->captions && ev->captions[i] >= 0) ev->draws[i].caption = ev->captions[i];
        const char *text = ev->items.list[ev->chosen[i]].captions[ev->draws[i].caption]->text;
        other_texts |= text != ev->texts[i];
        ev->texts[i] = text;
        again[i] = item_draw(s, &ev->items, ev->chosen[i], &r);
    }
    if (!rc) rc = pools_permuted(ev->n, c->x->pool, &r, ev->pools, e);
    /* pools of different meanings exist only where the split has enough classes */
    if (!rc && pools_distinct(ev->n, c->x->pool, ev->n / c->x->pool, &any, &r, ev->distinct, &lacking)) {
        memset(ev->distinct, 0, sizeof *ev->distinct);
        if (lacking.code != ERR_INPUT) rc = error_set(e, lacking.code, "%s", lacking.text);
    }
    if (!rc && other_texts) rc = embed_captions(ev, ev->text, e);
    if (!rc) rc = embed_draws(ev, &ev->items, ev->draws, ev->n, ev->real, e);
    if (!rc) rc = embed_draws(ev, &ev->items, again, ev->n, second, e);
    if (!rc) rc = score(ev, ev->real, second, out, e);
    free(again);
    free(second);
    return rc;
}

int evaluation_train_distance(struct evaluation *ev, double *fid, struct error *e)
{
    const struct chain *c = ev->chain;
    struct rng r = rng_make(c->x->seed, rng_stream("train sample") ^ (uint64_t)ev->replication);
    int n = ev->n < c->train.count ? ev->n : c->train.count, rc = 0;
    int *pick = malloc((size_t)c->train.count * sizeof *pick);
    struct draw *draws = malloc((size_t)n * sizeof *draws);
    float *x = malloc((size_t)n * (size_t)ev->dim * sizeof *x);
    struct frechet f;
    if (!pick || !draws || !x) rc = error_memory(e, "the evaluation");
    if (!rc) {
        for (int i = 0; i < c->train.count; i++) pick[i] = i;
        rng_shuffle(&r, pick, c->train.count);
        for (int i = 0; i < n; i++) draws[i] = item_draw(&c->set, &c->train, pick[i], &r);
        rc = embed_draws(ev, &c->train, draws, n, x, e);
    }
    if (!rc) rc = frechet_distance(ev->real, ev->n, x, n, ev->dim, &f, e);
    if (!rc) *fid = f.distance;
    free(pick);
    free(draws);
    free(x);
    return rc;
}

int evaluation_ceiling(struct evaluation *ev, double top[3], double *consistent, struct error *e)
{
    struct consistency any = {holds, ev};
    struct precision_ceiling ceiling;
    int rc = r_precision_ceiling(ev->n, ev->pools, &any, &ceiling, e);
    if (rc) return rc;
    memcpy(top, ceiling.top, 3 * sizeof *top);
    *consistent = ceiling.mean_consistent;
    return 0;
}

/* --- generation ------------------------------------------------------------------------------ */

/* A list of sentences to generate, cut into jobs of a few. */
struct generation {
    const struct set *set;
    const struct items *items;
    const struct system *system;
    const char *const *texts;
    const int *lengths;
    const uint64_t *sample;
    const struct draw *draws;        /* for systems that read the real motion, or NULL */
    int n, frames, batch;
    uint64_t seed, stream;
    const struct control_plan *control;   /* with draws: signals are made of them; or NULL */
    struct reached *reached;         /* (n) how near each came to its signal, or NULL */
    float *out;                      /* (n, frames, nfeats), zero beyond the lengths */
};
struct reached {
    struct control_errors errors;
    double skating;
};

/* The control signals of one job. */
struct signals {
    float *hint, *goal;
    unsigned char *mask;
};

static void signals_free(struct signals *s)
{
    free(s->hint);
    free(s->goal);
    free(s->mask);
}

/* Of sentences [first, first + n), `frames` rows each. The mask depends on (seed, stream, sample) alone. */
static int signals_make(const struct generation *g, int first, int n, int frames, struct signals *s, struct error *e)
{
    size_t rows = (size_t)frames, J = (size_t)g->set->njoints;
    float *x = malloc(rows * (size_t)g->set->nfeats * sizeof *x);
    int rc = 0;
    s->hint = calloc((size_t)n * rows * J * 3, sizeof *s->hint);
    s->goal = calloc((size_t)n * rows * J * 3, sizeof *s->goal);
    s->mask = calloc((size_t)n * rows * J, 1);
    if (!x || !s->hint || !s->goal || !s->mask) rc = error_memory(e, "the control signals");
    for (int i = 0; i < n && !rc; i++) {
        const struct draw *d = &g->draws[first + i];
        struct rng r = rng_make(g->seed, (g->stream ^ rng_stream("control mask")) + g->sample[first + i]);
        size_t from = (size_t)i * rows * J;
        draw_motion(g->set, g->items, d, g->set->mean, g->set->std, x);
        rc = control_hint(g->set, g->control, 0, &r, x, d->length, s->hint + 3 * from, s->mask + from, s->goal + 3 * from, e);
    }
    free(x);
    return rc;
}

static int generate_job(void *context, struct tape *t, int job, struct error *e)
{
    struct generation *g = context;
    int first = job * g->batch, n = g->n - first < g->batch ? g->n - first : g->batch, nf = g->set->nfeats;
    struct system_request r = {.texts = g->texts + first, .lengths = g->lengths + first, .batch = n,
                               .frames = longest(g->lengths + first, n), .seed = g->seed, .stream = g->stream,
                               .sample = g->sample + first};
    size_t clip = (size_t)r.frames * (size_t)nf;
    float *real = NULL;
    if (g->system->kind->reads_reference) {
        real = calloc((size_t)n * clip, sizeof *real);
        if (!real || !g->draws) {
            free(real);
            return error_set(e, ERR_INTERNAL, "%s needs real motions", g->system->kind->name);
        }
        for (int i = 0; i < n; i++)
            draw_motion(g->set, g->items, &g->draws[first + i], g->set->mean, g->set->std, real + (size_t)i * clip);
        r.reference = real;
    }
    struct signals told = {0};
    int signalled = g->control && g->draws && (g->system->kind->controlled || g->reached), rc = 0;
    if (signalled) rc = signals_make(g, first, n, r.frames, &told, e);
    if (g->system->kind->controlled) {
        r.hint = told.hint;
        r.mask = told.mask;
    }
    struct tensor *y = rc ? NULL : g->system->kind->generate(t, g->system, &r, NULL);
    free(real);
    if (!rc) rc = tape_failed(t, e);
    float *host = rc ? NULL : malloc((size_t)n * clip * sizeof *host);
    if (!rc && !host) rc = error_memory(e, "generated motions");
    if (rc) {
        signals_free(&told);
        return rc;
    }
    t->device->download(t->device, host, y->x, (size_t)n * clip);
    int bad = n, team = t->device->apart ? 8 : 1;   /* the CPU's lanes share the cores */
#pragma omp parallel for reduction(min : bad) num_threads(team)
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < clip && bad > i; k++)
            if (!isfinite(host[(size_t)i * clip + k])) bad = i;
    if (bad < n)
        rc = error_set(e, ERR_INTERNAL, "%s generates a non-finite motion for \"%.60s\"; train it again", g->system->kind->name,
                       r.texts[bad]);
    for (int i = 0; i < n && g->reached && signalled && !rc; i++) {
        size_t from = (size_t)i * (size_t)r.frames * (size_t)g->set->njoints;
        rc = control_reached(g->set, host + (size_t)i * clip, r.lengths[i], told.goal + 3 * from, told.mask + from,
                             &g->reached[first + i].errors, &g->reached[first + i].skating, e);
    }
    signals_free(&told);
#pragma omp parallel for num_threads(team)
    for (int i = 0; i < n; i++)
        memcpy(g->out + (size_t)(first + i) * (size_t)g->frames * (size_t)nf, host + (size_t)i * clip, clip * sizeof *host);
    free(host);
    return rc;
}

/* Generates and embeds n sentences; noise of sentence i is that of sample[i]. */
static int generate_and_embed(const struct evaluation *ev, struct generation g, int embed_batch, int chunk, float *out,
                              struct error *e)
{
    int n = g.n, rc = 0;
    const char *const *texts = g.texts;
    const int *lengths = g.lengths;
    const uint64_t *sample = g.sample;
    const struct draw *draws = g.draws;
    struct reached *reached = g.reached;
    for (int first = 0; first < n && !rc; first += chunk) {
        int count = n - first < chunk ? n - first : chunk;
        g.texts = texts + first;
        g.lengths = lengths + first;
        g.sample = sample + first;
        g.draws = draws ? draws + first : NULL;
        g.reached = reached ? reached + first : NULL;
        g.n = count;
        g.frames = longest(g.lengths, count);
        g.out = calloc((size_t)count * (size_t)g.frames * (size_t)g.set->nfeats, sizeof *g.out);
        if (!g.out) return error_memory(e, "generated motions");
        rc = lanes_run(&ev->chain->lanes, (count + g.batch - 1) / g.batch, generate_job, &g, e);
        if (!rc && draws && *ev->keep) rc = export_motions(ev, g.out, (int)(g.draws - ev->draws), count, g.frames, e);
        if (!rc) rc = embed(ev, g.out, count, g.frames, g.lengths, embed_batch, out + (size_t)first * (size_t)ev->dim, e);
        free(g.out);
    }
    return rc;
}

static int measure_multimodality(struct evaluation *ev, struct generation g, double *out,
                                 struct error *e)
{
    const struct experiment *x = ev->chain->x;
    int texts = x->mm_samples, repeats = x->mm_repeats, n = texts * repeats, rc = 0;
    struct rng r = rng_make(x->seed, rng_stream("multimodality") ^ (uint64_t)ev->replication);
    int *pick = malloc((size_t)ev->n * sizeof *pick), *lengths = malloc((size_t)n * sizeof *lengths);
    const char **words = malloc((size_t)n * sizeof *words);
    uint64_t *sample = malloc((size_t)n * sizeof *sample);
    float *embedded = malloc((size_t)n * (size_t)ev->dim * sizeof *embedded);
    if (!pick || !lengths || !words || !sample || !embedded) rc = error_memory(e, "MultiModality");
    if (!rc) {
        for (int i = 0; i < ev->n; i++) pick[i] = i;
        rng_shuffle(&r, pick, ev->n);
        for (int i = 0; i < n; i++) {
            int item = pick[i / repeats];
            lengths[i] = ev->draws[item].length;
            words[i] = ev->texts[item];
            sample[i] = (uint64_t)i;
        }
        g.texts = words;
        g.lengths = lengths;
        g.sample = sample;
        g.draws = NULL;
        g.reached = NULL;
        g.n = n;
        g.batch = repeats;
        g.stream = rng_stream("multimodality noise") ^ (uint64_t)ev->replication;
        rc = generate_and_embed(ev, g, repeats, repeats * 16, embedded, e);
    }
    if (!rc) rc = multimodality_drawn(embedded, texts, repeats, ev->dim, x->mm_times, &r, out, e);
    free(pick);
    free(lengths);
    free(words);
    free(sample);
    free(embedded);
    return rc;
}

/* Means over the motions, the measures of motion control. */
static int score_control(const struct reached *each, int n, double out[M_COUNT], struct error *e)
{
    struct control_errors *list = malloc((size_t)n * sizeof *list), mean;
    int rc = list ? 0 : error_memory(e, "the evaluation");
    double skating = 0;
    for (int i = 0; i < n && !rc; i++) {
        list[i] = each[i].errors;
        skating += each[i].skating / n;
    }
    if (!rc) rc = control_errors_mean(list, n, &mean, e);
    free(list);
    if (rc) return rc;
    out[M_TRAJECTORY_20] = mean.trajectory[0];
    out[M_TRAJECTORY_50] = mean.trajectory[1];
    out[M_LOCATION_20] = mean.location[0];
    out[M_LOCATION_50] = mean.location[1];
    out[M_KEYPOINTS] = mean.average;
    out[M_SKATING] = skating;
    return 0;
}

int evaluation_measure(struct evaluation *ev, const struct system *s, double out[M_COUNT], struct error *e)
{
    const struct experiment *x = ev->chain->x;
    size_t n = (size_t)ev->n;
    float *generated = malloc(n * (size_t)ev->dim * sizeof *generated);
    int *lengths = malloc(n * sizeof *lengths), rc = 0;
    uint64_t *sample = malloc(n * sizeof *sample);
    int control = x->control.given && s->kind->sampled;
    struct reached *reached = calloc(n, sizeof *reached);
    if (!generated || !lengths || !sample || !reached) rc = error_memory(e, "the evaluation");
    for (size_t i = 0; i < n && !rc; i++) {
        lengths[i] = ev->draws[i].length;
        sample[i] = i;
    }
    struct generation g = {.set = &ev->chain->set, .items = &ev->items, .system = s, .texts = ev->texts, .lengths = lengths,
                           .sample = sample, .draws = ev->draws, .n = ev->n, .batch = ev->generated_batch, .seed = x->seed,
                           .stream = rng_stream("generation noise") ^ (uint64_t)ev->replication,
                           .control = control ? &x->control : NULL, .reached = control ? reached : NULL};
    if (!rc) rc = generate_and_embed(ev, g, REFERENCE_BATCH, CHUNK, generated, e);
    if (!rc) rc = score(ev, generated, ev->real, out, e);
    if (!rc && control) rc = score_control(reached, ev->n, out, e);
    if (!rc && x->mm_samples > 0 && s->kind->sampled && !s->kind->controlled && x->mm_samples <= ev->n)
        rc = measure_multimodality(ev, g, &out[M_MULTIMODALITY], e);
    free(generated);
    free(lengths);
    free(sample);
    free(reached);
    return rc;
}

static struct generation shown_generation(const struct shown *w, const uint64_t *sample)
{
    return (struct generation){.set = w->set, .items = w->items, .texts = &w->text, .lengths = &w->draw->length, .sample = sample,
                               .draws = w->draw, .n = 1, .frames = w->draw->length, .batch = 1, .seed = w->seed,
                               .stream = rng_stream("generate"), .control = w->control};
}

int generate_shown(struct lanes *lanes, const struct shown *w, const struct system *s, float **features, struct error *e)
{
    uint64_t sample = 0;
    size_t nf = (size_t)w->set->nfeats, rows = (size_t)w->draw->length;
    struct generation g = shown_generation(w, &sample);
    g.system = s;
    g.out = calloc(rows * nf, sizeof *g.out);
    if (!g.out) return error_memory(e, "a generated motion");
    int rc = lanes_run(lanes, 1, generate_job, &g, e);
    for (size_t i = 0; i < rows * nf && !rc; i++) g.out[i] = g.out[i] * w->set->std[i % nf] + w->set->mean[i % nf];
    if (rc) free(g.out);
    else *features = g.out;
    return rc;
}

int shown_signal(const struct shown *w, float *goal, unsigned char *mask, struct error *e)
{
    uint64_t sample = 0;
    size_t keys = (size_t)w->draw->length * (size_t)w->set->njoints;
    struct generation g = shown_generation(w, &sample);
    struct signals told = {0};
    int rc = signals_make(&g, 0, 1, w->draw->length, &told, e);
    if (!rc) {
        memcpy(goal, told.goal, 3 * keys * sizeof *goal);
        memcpy(mask, told.mask, keys);
    }
    signals_free(&told);
    return rc;
}
