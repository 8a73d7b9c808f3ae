/* Both training stages of the evaluator, with their state file. */
#include "evaluator_train.h"
#include "../engine/clock.h"
#include "../engine/checkpoint.h"
#include "../engine/file.h"
#include "../engine/rng.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct evaluator_config evaluator_config_defaults(void)
{
    return (struct evaluator_config){
        .size = {263, 256, 256, 256, 192, 128, 300, 15},
        .decoder_hidden = 256,
        .window = 24,
        .snippets = 64,
        .batch = 64,
        .tokens = 22,
        .frames = 200,
        .negatives = 16,
        .autoencoder_steps = 600,
        .matching_steps = 2000,
        .autoencoder_rate = 5e-4f,
        .matching_rate = 3e-4f,
        .final_rate = 0.05f,
        .margin = 10,
        .sparsity = 0.001f,
        .smoothness = 0.001f,
        .dropout = 0.2f,
        .clip = 0.5f,
        .accumulators = 4,
        .seed = 1234,
        .validate_every = 250,
        .save_every = 60,
    };
}

enum { DESCRIPTION = 1000, FINGERPRINT = 80 };

/* Everything that decides the result, as JSON text. */
static void describe(const struct evaluator_config *c, const struct evaluator_source *source, char out[DESCRIPTION])
{
    const struct evaluator_size *s = &c->size;
    snprintf(out, DESCRIPTION,
             "{\"nfeats\":%d,\"movement_hidden\":%d,\"movement_latent\":%d,\"motion_hidden\":%d,\"text_hidden\":%d,"
             "\"embedding\":%d,\"word_width\":%d,\"parts_of_speech\":%d,\"decoder_hidden\":%d,\"window\":%d,"
             "\"snippets\":%d,\"batch\":%d,\"tokens\":%d,\"frames\":%d,\"negatives\":%d,\"autoencoder_steps\":%lld,"
             "\"matching_steps\":%lld,\"autoencoder_rate\":%.9g,\"matching_rate\":%.9g,\"final_rate\":%.9g,"
             "\"margin\":%.9g,\"sparsity\":%.9g,\"smoothness\":%.9g,\"dropout\":%.9g,\"clip\":%.9g,"
             "\"accumulators\":%d,\"seed\":%llu,\"data\":\"%.100s\"}",
             s->nfeats, s->movement_hidden, s->movement_latent, s->motion_hidden, s->text_hidden, s->embedding,
             s->word_width, s->parts_of_speech, c->decoder_hidden, c->window, c->snippets, c->batch, c->tokens,
             c->frames, c->negatives, (long long)c->autoencoder_steps, (long long)c->matching_steps,
             (double)c->autoencoder_rate, (double)c->matching_rate, (double)c->final_rate, (double)c->margin,
             (double)c->sparsity, (double)c->smoothness, (double)c->dropout, (double)c->clip, c->accumulators,
             (unsigned long long)c->seed, source->fingerprint ? source->fingerprint : "");
}

void evaluator_train_fingerprint(const struct evaluator_config *config, const struct evaluator_source *source,
                                 char out[65])
{
    char text[DESCRIPTION];
    describe(config, source, text);
    sha256_bytes(text, strlen(text), out);
}

/* A run: what both stages share. */
struct run {
    struct evaluator *ev;
    const struct evaluator_config *config;
    const struct evaluator_source *source;
    const struct evaluator_observer *observer;
    char state[1100], description[DESCRIPTION], fingerprint[65];
    char movement_print[FINGERPRINT], matching_print[FINGERPRINT];   /* of the states */
    double saved;                                                    /* when the last state was written */
};

float evaluator_rate(float rate, float final, int64_t step, int64_t steps)
{
    double part = steps > 1 ? (double)step / (double)(steps - 1) : 0, cosine = 0.5 * (1 + cos(3.14159265358979323846 * part));
    return (float)((double)rate * ((double)final + (1 - (double)final) * cosine));
}

static struct trainer_config stage_config(const struct evaluator_config *c, int64_t steps, float clip, float dropout)
{
    struct trainer_config t = trainer_defaults();
    t.steps = steps;
    t.warmup = 0;
    t.weight_decay = 0;
    t.clip = clip;
    t.dropout = dropout;
    t.accumulators = c->accumulators;
    t.constant_rate = 1;
    t.seed = c->seed;
    return t;
}

/* Writes the state when it is time to, at a stage's end, and before a stop that a test asked for. */
static int keep(struct run *r, const struct trainer *t, int64_t steps, int64_t before, const char *print,
                const struct trainer_extra *extra, int extras, struct error *e)
{
    int stop = r->config->stop_at && before + t->step >= r->config->stop_at;
    if (!stop && t->step < steps && clock_seconds() - r->saved < r->config->save_every) return 0;
    int rc = trainer_save(t, r->state, print, extra, extras, e);
    r->saved = clock_seconds();
    return rc || !stop ? rc : error_set(e, ERR_CHECK, "evaluator: stopped after step %lld as asked", (long long)t->step);
}

static void report(const struct run *r, const struct evaluator_progress *p)
{
    if (r->observer && r->observer->step) r->observer->step(r->observer->context, p);
}

static int train_movement(struct run *r, const char *have, struct error *e)
{
    const struct evaluator_config *c = r->config;
    struct movement_decoder md;
    struct trainer t;
    struct trainer_config tc = stage_config(c, c->autoencoder_steps, 0, c->dropout);
    int rc = movement_decoder_create(&md, r->ev->device, &c->size, c->decoder_hidden, e);
    if (rc) return rc;
    rc = params_initialise(&md.params, c->seed ^ rng_stream("evaluator/decoder"), e);
    struct params *sets[2] = {&r->ev->movement, &md.params};
    if (!rc) rc = trainer_create(&t, r->ev->device, sets, 2, &tc, e);
    if (rc) {
        movement_decoder_free(&md);
        return rc;
    }
    float *motions = malloc((size_t)c->snippets * (size_t)c->window * (size_t)c->size.nfeats * sizeof *motions);
    if (!motions) rc = error_memory(e, "a batch of snippets");
    if (!rc && !strcmp(have, r->movement_print)) rc = trainer_load(&t, r->state, r->movement_print, NULL, 0, e);
    while (!rc && t.step < c->autoencoder_steps) {
        struct autoencoder_batch batch = {.size = c->snippets, .frames = c->window, .motions = motions,
                                          .sparsity = c->sparsity, .smoothness = c->smoothness};
        struct autoencoder_losses l;
        rc = r->source->snippets(r->source->context, t.step, motions, e);
        t.config.rate = evaluator_rate(c->autoencoder_rate, c->final_rate, t.step, c->autoencoder_steps);
        if (!rc) rc = movement_autoencoder_step(&t, r->ev, &md, &batch, &l, e);
        if (rc) break;
        report(r, &(struct evaluator_progress){"movement", t.step, c->autoencoder_steps, l.total,
                                               {l.reconstruction, l.sparsity, l.smoothness}, 0, 0, t.rate});
        rc = keep(r, &t, c->autoencoder_steps, 0, r->movement_print, NULL, 0, e);
    }
    free(motions);
    trainer_free(&t);
    movement_decoder_free(&md);
    return rc;
}

/* Buffers of one batch of pairs. */
struct pairs {
    float *motions, *words, *speech;
    int *lengths, *sentence_lengths, *shifts, *scratch;
};

static void pairs_free(struct pairs *p)
{
    free(p->motions);
    free(p->words);
    free(p->speech);
    free(p->lengths);
}

static int pairs_create(struct pairs *p, const struct evaluator_config *c, struct error *e)
{
    size_t n = (size_t)c->batch;
    *p = (struct pairs){0};
    p->motions = malloc(n * (size_t)c->frames * (size_t)c->size.nfeats * sizeof *p->motions);
    p->words = malloc(n * (size_t)c->tokens * (size_t)c->size.word_width * sizeof *p->words);
    p->speech = malloc(n * (size_t)c->tokens * (size_t)c->size.parts_of_speech * sizeof *p->speech);
    p->lengths = malloc(4 * n * sizeof *p->lengths);
    if (!p->motions || !p->words || !p->speech || !p->lengths) {
        pairs_free(p);
        return error_memory(e, "a batch of pairs");
    }
    p->sentence_lengths = p->lengths + n;
    p->shifts = p->sentence_lengths + n;
    p->scratch = p->shifts + n;
    return 0;
}

/* Different shifts of 1 … batch-1. */
static void draw_shifts(const struct evaluator_config *c, int64_t step, struct pairs *p)
{
    struct rng rng = rng_make(c->seed ^ rng_stream("evaluator/shift"), (uint64_t)step);
    rng_choose(&rng, p->shifts, c->negatives, c->batch - 1, p->scratch);
    for (int i = 0; i < c->negatives; i++) p->shifts[i]++;
}

static int validate(const struct run *r, int64_t step, struct error *e)
{
    return r->observer && r->observer->validate ? r->observer->validate(r->observer->context, r->ev, step, e) : 0;
}

static int train_matching(struct run *r, const char *have, struct error *e)
{
    const struct evaluator_config *c = r->config;
    struct trainer t;
    struct trainer_config tc = stage_config(c, c->matching_steps, c->clip, 0);
    struct params *sets[2] = {&r->ev->text, &r->ev->motion};
    const struct trainer_extra frozen = {"movement", r->ev->movement.x, r->ev->movement.total};
    struct pairs p;
    int rc = pairs_create(&p, c, e);
    if (rc) return rc;
    rc = trainer_create(&t, r->ev->device, sets, 2, &tc, e);
    if (rc) {
        pairs_free(&p);
        return rc;
    }
    if (!strcmp(have, r->matching_print)) rc = trainer_load(&t, r->state, r->matching_print, &frozen, 1, e);
    while (!rc && t.step < c->matching_steps) {
        struct matching_losses l;
        rc = r->source->pairs(r->source->context, t.step, p.motions, p.lengths, p.words, p.speech, p.sentence_lengths, e);
        if (rc) break;
        draw_shifts(c, t.step, &p);
        struct matching_batch batch = {.size = c->batch, .frames = c->frames, .tokens = c->tokens, .motions = p.motions,
                                       .lengths = p.lengths, .words = p.words, .speech = p.speech,
                                       .sentence_lengths = p.sentence_lengths, .shifts = p.shifts,
                                       .nshifts = c->negatives, .margin = c->margin};
        t.config.rate = evaluator_rate(c->matching_rate, c->final_rate, t.step, c->matching_steps);
        rc = matching_step(&t, r->ev, &batch, &l, e);
        if (rc) break;
        report(r, &(struct evaluator_progress){"matching", t.step, c->matching_steps, l.total, {l.positive, l.negative, 0},
                                               l.norm_text, l.norm_motion, t.rate});
        int last = t.step == c->matching_steps;
        if (last || (c->validate_every > 0 && t.step % c->validate_every == 0)) rc = validate(r, t.step, e);
        if (!rc) rc = keep(r, &t, c->matching_steps, c->autoencoder_steps, r->matching_print, &frozen, 1, e);
    }
    trainer_free(&t);
    pairs_free(&p);
    return rc;
}

static int run_init(struct run *r, const char *path, struct error *e)
{
    if ((size_t)snprintf(r->state, sizeof r->state, "%s.state", path) >= sizeof r->state)
        return error_set(e, ERR_INPUT, "%.80s…: the path is too long", path);
    describe(r->config, r->source, r->description);
    evaluator_train_fingerprint(r->config, r->source, r->fingerprint);
    snprintf(r->movement_print, sizeof r->movement_print, "movement:%s", r->fingerprint);
    snprintf(r->matching_print, sizeof r->matching_print, "matching:%s", r->fingerprint);
    r->saved = clock_seconds();
    return 0;
}

static int check_config(const struct evaluator_config *c, struct error *e)
{
    if (c->window < EVALUATOR_UNIT || c->window % EVALUATOR_UNIT || c->snippets < 1 || c->batch < 2 || c->tokens < 1 ||
        c->frames < EVALUATOR_UNIT || c->negatives < 1 || c->negatives > c->batch - 1)
        return error_set(e, ERR_INPUT, "evaluator training: window %d (a multiple of 4), %d snippets, batch %d (2 or more), "
                                       "%d negatives (1 … batch-1) do not fit together", c->window, c->snippets, c->batch,
                         c->negatives);
    return 0;
}

int evaluator_train(struct evaluator *ev, const struct evaluator_config *config, const struct evaluator_source *source,
                    const struct evaluator_observer *observer, const char *path, struct error *e)
{
    struct run r = {.ev = ev, .config = config, .source = source, .observer = observer};
    char have[FINGERPRINT + 28] = "";
    int rc = check_config(config, e);
    if (!rc) rc = run_init(&r, path, e);
    if (!rc && file_exists(r.state)) rc = checkpoint_fingerprint(r.state, have, sizeof have, e);
    if (rc) return rc;
    if (have[0] && strcmp(have, r.movement_print) && strcmp(have, r.matching_print))
        return error_set(e, ERR_INPUT, "%s: the state of another run; remove it to start anew, or write elsewhere", r.state);
    rc = evaluator_initialise(ev, config->seed, e);
    if (!rc && strcmp(have, r.matching_print)) rc = train_movement(&r, have, e);
    if (!rc) rc = train_matching(&r, have, e);
    return rc ? rc : evaluator_save(ev, path, r.fingerprint, r.description, e);
}
