/* The latent diffusion model's stage: denoiser and text encoder trained together. */
#include "chain.h"
#include "latent_batch.h"
#include "stage.h"
#include "../engine/checkpoint.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mld_stage {
    const struct chain *c;
    struct denoiser *d;
    struct text_source *text;
    struct latent_batch batch;
    struct noise_schedule schedule;
};

static int prepare(void *context, int64_t step) { return latent_batch_prepare(&((struct mld_stage *)context)->batch, "mld", step); }

static int fill(void *context, int64_t step, int number)
{
    struct mld_stage *s = context;
    const struct latent_choices choices = {.stream = "mld", .numbers = TRAIN_STEPS, .empty = s->c->x->empty_probability};
    latent_batch_fill(&s->batch, &choices, step, number);
    return 0;
}

static double piece(void *context, struct tape *t, int64_t step, int number, double terms[8])
{
    struct mld_stage *s = context;
    struct latent_slot *l = &s->batch.slot[feed_slot(step)];
    int first, n = latent_batch_piece(&s->batch, step, number, &first), width = s->batch.width, rows = s->d->size.latent_tokens;
    size_t from = (size_t)first * (size_t)width;
    (void)terms;
    struct tensor *latent = tape_constant(t, l->z + from, n * rows, width / rows);
    struct tensor *noise = tape_constant(t, l->eps + from, n * rows, width / rows);
    struct tensor *text = text_source_run(t, s->text, l->texts + first, n);
    return diffusion_run(t, &s->schedule, s->d, latent, noise, l->number + first, text, n, 1, (float)n / (float)l->batches.count);
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
    if (!rc) rc = chain_latents(c, &v, &s.batch.latents, e);
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
    if (!rc) rc = latent_batch_create(&s.batch, &c->set, &c->train, c->x->mld_plan.batch, c->x->mld_plan.piece, c->x->seed, e);
    snprintf(stage.state_path, sizeof stage.state_path, "%s.state", path);
    snprintf(stage.log_path, sizeof stage.log_path, "%s.csv", path);
    const struct feed_source source = {.prepare = prepare, .fill = fill, .context = &s};
    if (!rc) rc = stage_run(&stage, &t, &source, piece, NULL, e);
    struct checkpoint_card card = chain_card(c, 0);
    struct checkpoint_part parts[2] = {{&d.params, "denoiser."}, {&text.own.params, "text."}};
    if (!rc) rc = checkpoint_write(path, "mld", c->fingerprint[STAGE_MLD], c->x->name, parts, sets_count, own ? &words : NULL, &card, e);
    latent_batch_free(&s.batch);
    vocabulary_free(&words);
    if (t.device) trainer_free(&t);
    denoiser_free(&d);
    text_source_free(&text);
    return rc;
}
