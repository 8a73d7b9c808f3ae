/* The latent diffusion model's stage: denoiser and text encoder trained together. */
#include "batches.h"
#include "chain.h"
#include "latents.h"
#include "stage.h"
#include "../engine/checkpoint.h"
#include "../engine/rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mld_stage {
    const struct chain *c;
    struct denoiser *d;
    struct text_source *text;
    struct latents latents;
    struct batches batches;
    struct noise_schedule schedule;
};

static int prepare(void *context, int64_t step)
{
    struct mld_stage *s = context;
    batches_make(&s->batches, "mld", step);
    return (s->batches.count + s->c->x->mld_plan.piece - 1) / s->c->x->mld_plan.piece;
}

static double piece(void *context, struct tape *t, int64_t step, int number, double terms[8])
{
    struct mld_stage *s = context;
    const struct chain *c = s->c;
    const struct batches *b = &s->batches;
    int size = c->x->mld_plan.piece, first = number * size, n = b->count - first < size ? b->count - first : size;
    int width = s->latents.width, timesteps[1024], rows = s->d->size.latent_tokens;
    size_t count = (size_t)n * (size_t)width;
    const char *texts[1024];
    float *z = malloc(count * sizeof *z + 64), *eps = malloc(count * sizeof *eps + 64);
    float *post = malloc(count * sizeof *post + 64);
    double loss = 0;
    uint64_t at = ((uint64_t)step << 16) ^ (uint64_t)number;
    struct rng r = rng_make(c->x->seed, rng_stream("mld/choices") ^ at);
    (void)terms;
    if (!z || !eps || !post || n > 1024) {
        tape_error(t, "out of memory");
        goto out;
    }
    rng_fill_normal(c->x->seed, rng_stream("mld/posterior") ^ at, 0, post, count);
    rng_fill_normal(c->x->seed, rng_stream("mld/noise") ^ at, 0, eps, count);
    for (int i = 0; i < n; i++) {
        const struct draw *d = &b->draws[first + i];
        int crop = (int)rng_below(&r, (uint32_t)s->latents.crops);
        size_t from = ((size_t)d->item * (size_t)s->latents.crops + (size_t)crop) * (size_t)width;
        for (int k = 0; k < width; k++)
            z[i * width + k] = s->latents.mu[from + (size_t)k] + s->latents.std[from + (size_t)k] * post[i * width + k];
        timesteps[i] = (int)rng_below(&r, TRAIN_STEPS);
        texts[i] = rng_uniform(&r) < c->x->empty_probability ? "" : b->items->list[d->item].captions[d->caption]->text;
    }
    struct tensor *latent = tape_constant(t, z, n * rows, width / rows), *noise = tape_constant(t, eps, n * rows, width / rows);
    struct tensor *text = text_source_run(t, s->text, texts, n);
    loss = diffusion_run(t, &s->schedule, s->d, latent, noise, timesteps, text, n, 1, (float)n / (float)b->count);
out:
    free(z);
    free(eps);
    free(post);
    return loss;
}

static int vocabulary_of(const struct chain *c, struct vocabulary *v, struct error *e)
{
    int n = 0, capacity = 0;
    for (int i = 0; i < c->train.count; i++) capacity += c->train.list[i].ncaptions;
    const char **texts = malloc((size_t)(capacity + 1) * sizeof *texts);
    if (!texts) return error_memory(e, "the vocabulary");
    for (int i = 0; i < c->train.count; i++)
        for (int k = 0; k < c->train.list[i].ncaptions; k++) texts[n++] = c->train.list[i].captions[k]->text;
    int rc = vocabulary_from(v, texts, n, e);
    free(texts);
    return rc;
}

int train_mld(struct chain *c, const char *path, struct error *e)
{
    struct vae v = {0};
    struct denoiser d = {0};
    struct text_source text = {0};
    struct vocabulary words = {0};
    struct trainer t = {0};
    struct mld_stage s = {.c = c, .d = &d, .text = &text};
    struct stage stage = {.name = "mld", .fingerprint = c->fingerprint[STAGE_MLD], .quiet = c->quiet, .stop_at = c->stop_at,
                          .save_every = 60};
    struct denoiser_size size = c->x->denoiser;
    struct text_encoder_size text_size = c->x->text;
    size.guidance_width = 0;
    noise_schedule_make(&s.schedule, 0.00085, 0.012);
    int rc = load_vae(c, &v, e);
    if (!rc) rc = chain_latents(c, &v, &s.latents, e);
    vae_free(&v);
    int own = !c->x->text_folder[0], sets_count = own ? 2 : 1;      /* a published encoder is not trained */
    if (!rc && own) rc = vocabulary_of(c, &words, e);
    text_size.words = words.count + 2;
    if (!rc) rc = own ? text_source_own(&text, &c->device, &text_size, &words, e) : load_text_source(c, NULL, &text, e);
    if (!rc) rc = denoiser_create(&d, &c->device, &size, e);
    if (!rc && own) rc = params_initialise(&text.own.params, c->x->seed + 1, e);
    if (!rc) rc = params_initialise(&d.params, c->x->seed + 2, e);
    struct params *sets[2] = {&d.params, &text.own.params};
    if (!rc) rc = trainer_create(&t, &c->device, sets, sets_count, &c->x->mld_plan.trainer, e);
    if (!rc) rc = batches_create(&s.batches, &c->set, &c->train, c->x->mld_plan.batch, c->x->seed, e);
    snprintf(stage.state_path, sizeof stage.state_path, "%s.state", path);
    snprintf(stage.log_path, sizeof stage.log_path, "%s.csv", path);
    if (!rc) rc = stage_run(&stage, &t, prepare, piece, NULL, &s, e);
    struct checkpoint_card card = chain_card(c, 0);
    struct checkpoint_part parts[2] = {{&d.params, "denoiser."}, {&text.own.params, "text."}};
    if (!rc) rc = checkpoint_write(path, "mld", c->fingerprint[STAGE_MLD], c->x->name, parts, sets_count, own ? &words : NULL, &card, e);
    batches_free(&s.batches);
    latents_free(&s.latents);
    vocabulary_free(&words);
    if (t.device) trainer_free(&t);
    denoiser_free(&d);
    text_source_free(&text);
    return rc;
}
