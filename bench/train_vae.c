/* The VAE's stage. */
#include "train_vae.h"
#include "stage.h"
#include "../engine/checkpoint.h"
#include "../engine/rng.h"
#include <stdio.h>
#include <stdlib.h>

static int prepare(void *context, int64_t step)
{
    struct vae_training *s = context;
    batches_make(&s->batches, s->stream, step);
    return (s->batches.count + s->plan->piece - 1) / s->plan->piece;
}

static double piece(void *context, struct tape *t, int64_t step, int number, double terms[8])
{
    struct vae_training *s = context;
    const struct chain *c = s->chain;
    const struct batches *b = &s->batches;
    int size = s->plan->piece, first = number * size, n = b->count - first < size ? b->count - first : size;
    int nf = c->set.nfeats, frames = b->draws[first].length, *lengths = malloc((size_t)n * sizeof *lengths);
    int width = s->vae.size.latent_tokens * s->vae.size.latent_width;
    float *x = calloc((size_t)n * (size_t)frames * (size_t)nf, sizeof *x);
    float *eps = malloc((size_t)n * (size_t)width * sizeof *eps + 64);
    struct vae_losses losses = {0};
    if (x && eps && lengths) {
        for (int i = 0; i < n; i++) {
            lengths[i] = b->draws[first + i].length;
            draw_motion(&c->set, b->items, &b->draws[first + i], c->set.mean, c->set.std,
                        x + (size_t)i * (size_t)frames * (size_t)nf);
        }
        rng_fill_normal(s->plan->trainer.seed, rng_stream("vae/noise") ^ ((uint64_t)step << 16) ^ (uint64_t)number, 0, eps,
                        (size_t)n * (size_t)width);
        struct tensor *motion = tape_constant(t, x, n * frames, nf);
        struct tensor *noise = tape_constant(t, eps, n * s->vae.size.latent_tokens, s->vae.size.latent_width);
        struct tensor *mean = tape_constant(t, c->set.mean, 1, nf), *std = tape_constant(t, c->set.std, 1, nf);
        losses = vae_objective_run(t, &s->vae, &c->x->objective, motion, lengths, n, frames, noise, mean, std, c->set.njoints,
                                   (float)n / (float)b->count, NULL);
        terms[0] = losses.features;
        terms[1] = losses.joints;
        terms[2] = losses.kl;
    } else
        tape_error(t, "out of memory");
    free(x);
    free(eps);
    free(lengths);
    return losses.total;
}

int vae_training_open(struct vae_training *s, struct chain *c, int number, const char *from, struct error *e)
{
    *s = (struct vae_training){.chain = c, .plan = number ? &c->x->vae_refinements[number - 1] : &c->x->vae_plan,
                               .stream = number ? "vae refinement" : "vae"};
    int rc = vae_create(&s->vae, &c->device, &c->x->vae, e);
    if (rc) return rc;
    struct params *sets[1] = {&s->vae.params};
    rc = from ? model_load(from, "vae.", &s->vae.params, e) : params_initialise(&s->vae.params, c->x->seed, e);
    if (!rc) rc = trainer_create(&s->trainer, &c->device, sets, 1, &s->plan->trainer, e);
    if (!rc) rc = batches_create(&s->batches, &c->set, &c->train, s->plan->batch, s->plan->trainer.seed, e);
    if (rc) vae_training_close(s);
    return rc;
}

int vae_training_step(struct vae_training *s, struct error *e)
{
    int pieces = prepare(s, s->trainer.step);
    return trainer_step(&s->trainer, pieces, piece, s, e);
}

void vae_training_close(struct vae_training *s)
{
    batches_free(&s->batches);
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
    rc = stage_run(&stage, &s.trainer, prepare, piece, NULL, &s, e);
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
