/* The VAE's stage. */
#include "train_vae.h"
#include "stage.h"
#include "../engine/checkpoint.h"
#include "../engine/rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A piece of a batch: samples [first, first + n), as long as the first. */
struct part {
    int first, n, frames;
};

static struct part part_of(const struct vae_training *s, int slot, int number)
{
    const struct batches *b = &s->batches[slot];
    int size = s->plan->piece, first = number * size;
    return (struct part){first, b->count - first < size ? b->count - first : size, b->draws[first].length};
}

static int prepare(void *context, int64_t step)
{
    struct vae_training *s = context;
    struct batches *b = &s->batches[feed_slot(step)];
    batches_make(b, s->stream, step);
    return (b->count + s->plan->piece - 1) / s->plan->piece;
}

static int fill(void *context, int64_t step, int number)
{
    struct vae_training *s = context;
    const struct set *set = &s->chain->set;
    int slot = feed_slot(step), team = s->trainer.device->apart ? 4 : 1;
    const struct batches *b = &s->batches[slot];
    struct part p = part_of(s, slot, number);
    size_t nf = (size_t)set->nfeats, width = (size_t)(s->vae.size.latent_tokens * s->vae.size.latent_width);
    float *x = s->motion[slot] + (size_t)p.first * (size_t)s->rows * nf;
#pragma omp parallel for num_threads(team) if (team > 1)
    for (int i = 0; i < p.n; i++) {
        const struct draw *d = &b->draws[p.first + i];
        float *to = x + (size_t)i * (size_t)p.frames * nf;
        s->lengths[slot][p.first + i] = d->length;
        draw_motion(set, b->items, d, set->mean, set->std, to);
        memset(to + (size_t)d->length * nf, 0, (size_t)(p.frames - d->length) * nf * sizeof *to);
    }
    rng_fill_normal(s->plan->trainer.seed, rng_stream("vae/noise") ^ ((uint64_t)step << 16) ^ (uint64_t)number, 0,
                    s->noise[slot] + (size_t)p.first * (width + 4), (size_t)p.n * width);
    return 0;
}

static double piece(void *context, struct tape *t, int64_t step, int number, double terms[8])
{
    struct vae_training *s = context;
    const struct set *set = &s->chain->set;
    int slot = feed_slot(step), nf = set->nfeats, tokens = s->vae.size.latent_tokens, wide = s->vae.size.latent_width;
    struct part p = part_of(s, slot, number);
    struct tensor *motion = tape_constant(t, s->motion[slot] + (size_t)p.first * (size_t)s->rows * (size_t)nf, p.n * p.frames, nf);
    struct tensor *noise = tape_constant(t, s->noise[slot] + (size_t)p.first * (size_t)(tokens * wide + 4), p.n * tokens, wide);
    struct tensor *mean = tape_constant(t, set->mean, 1, nf), *std = tape_constant(t, set->std, 1, nf);
    struct vae_losses losses = vae_objective_run(t, &s->vae, &s->chain->x->objective, motion, s->lengths[slot] + p.first, p.n,
                                                 p.frames, noise, mean, std, set->njoints,
                                                 (float)p.n / (float)s->batches[slot].count, NULL);
    terms[0] = losses.features;
    terms[1] = losses.joints;
    terms[2] = losses.kl;
    return losses.total;
}

static struct feed_source source_of(struct vae_training *s) { return (struct feed_source){.prepare = prepare, .fill = fill, .context = s}; }

int vae_training_open(struct vae_training *s, struct chain *c, int number, const char *from, struct error *e)
{
    *s = (struct vae_training){.chain = c, .plan = number ? &c->x->vae_refinements[number - 1] : &c->x->vae_plan,
                               .stream = number ? "vae refinement" : "vae"};
    int rc = vae_create(&s->vae, &c->device, &c->x->vae, e);
    if (rc) return rc;
    struct params *sets[1] = {&s->vae.params};
    rc = from ? model_load(from, "vae.", &s->vae.params, e) : params_initialise(&s->vae.params, c->x->seed, e);
    if (!rc) rc = trainer_create(&s->trainer, &c->device, sets, 1, &s->plan->trainer, e);
    s->rows = (c->set.max_length + c->set.unit - 1) / c->set.unit * c->set.unit;
    size_t n = (size_t)s->plan->batch, width = (size_t)(s->vae.size.latent_tokens * s->vae.size.latent_width);
    for (int i = 0; i < 2 && !rc; i++) {
        rc = batches_create(&s->batches[i], &c->set, &c->train, s->plan->batch, s->plan->trainer.seed, e);
        s->motion[i] = malloc(n * (size_t)s->rows * (size_t)c->set.nfeats * sizeof *s->motion[i]);
        s->noise[i] = malloc(n * (width + 4) * sizeof *s->noise[i]);
        s->lengths[i] = malloc(n * sizeof *s->lengths[i]);
        if (!rc && (!s->motion[i] || !s->noise[i] || !s->lengths[i])) rc = error_memory(e, "the VAE's batches");
    }
    if (rc) vae_training_close(s);
    return rc;
}

int vae_training_step(struct vae_training *s, struct error *e)
{
    const struct feed_source source = source_of(s);
    int rc = s->feed ? 0 : feed_open(&s->feed, &source, s->trainer.device->apart, e);
    return rc ? rc : feed_step(s->feed, &s->trainer, piece, e);
}

void vae_training_close(struct vae_training *s)
{
    feed_close(s->feed);
    for (int i = 0; i < 2; i++) {
        batches_free(&s->batches[i]);
        free(s->motion[i]);
        free(s->noise[i]);
        free(s->lengths[i]);
    }
    if (s->trainer.device) trainer_free(&s->trainer);
    vae_free(&s->vae);
}

/* One cycle, from fresh weights or from those of `from`, into `path`. */
static int cycle(struct chain *c, int number, const char *from, const char *path, struct error *e)
{
    struct vae_training s;
    const char *fingerprint = c->vae_cycles[number];
    char name[40] = "vae";
    if (number) snprintf(name, sizeof name, "vae, cycle %d", number + 1);
    struct stage stage = {.name = name, .fingerprint = fingerprint,
                          .terms = {"features", "joints", "kl", NULL}, .quiet = c->quiet, .stop_at = c->stop_at,
                          .save_every = 60};
    int rc = vae_training_open(&s, c, number, from, e);
    if (rc) return rc;
    snprintf(stage.state_path, sizeof stage.state_path, "%s.state", path);
    snprintf(stage.log_path, sizeof stage.log_path, "%s.csv", path);
    const struct feed_source source = source_of(&s);
    rc = stage_run(&stage, &s.trainer, &source, piece, NULL, e);
    struct checkpoint_part part = {&s.vae.params, "vae."};
    if (!rc) rc = checkpoint_write(path, "vae", fingerprint, c->x->name, &part, 1, NULL, NULL, e);
    if (!rc) remove(stage.state_path);
    vae_training_close(&s);
    return rc;
}

/* Begins after the last cycle whose model is in the cache. */
int train_vae(struct chain *c, const char *path, struct error *e)
{
    int last = c->x->vae_refinement_count, done = last;
    char paths[MAX_REFINEMENTS + 1][1100];
    for (int i = 0; i < last; i++) snprintf(paths[i], sizeof paths[i], "%.1000s/vae-%.16s.h5", c->cache, c->vae_cycles[i]);
    snprintf(paths[last], sizeof paths[last], "%s", path);
    while (done > 0 && !model_fits(paths[done - 1], c->vae_cycles[done - 1])) done--;
    int rc = 0;
    for (int i = done; i <= last && !rc; i++) rc = cycle(c, i, i ? paths[i - 1] : NULL, paths[i], e);
    return rc;
}
