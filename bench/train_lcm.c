/* MotionLCM's stage: latent consistency distillation of the MLD. */
#include "batches.h"
#include "chain.h"
#include "latents.h"
#include "stage.h"
#include "../engine/checkpoint.h"
#include "../engine/distill.h"
#include "../engine/rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lcm_stage {
    const struct chain *c;
    struct denoiser teacher, online, target;
    struct text_source text;
    struct latents latents;
    struct batches batches;
    struct distillation distillation;
};

static int prepare(void *context, int64_t step)
{
    struct lcm_stage *s = context;
    batches_make(&s->batches, "lcm", step);
    return (s->batches.count + s->c->x->lcm_plan.piece - 1) / s->c->x->lcm_plan.piece;
}

static void after(void *context, int64_t step)
{
    struct lcm_stage *s = context;
    struct device *d = s->online.params.device;
    float keep = (float)s->c->x->lcm_ema;
    (void)step;
    d->combine(d, s->target.params.x, keep, s->target.params.x, 1 - keep, s->online.params.x, s->online.params.total);
}

static double piece(void *context, struct tape *t, int64_t step, int number, double terms[8])
{
    struct lcm_stage *s = context;
    const struct chain *c = s->c;
    const struct batches *b = &s->batches;
    int size = c->x->lcm_plan.piece, first = number * size, n = b->count - first < size ? b->count - first : size;
    int width = s->latents.width, rows = s->online.size.latent_tokens, index[1024];
    float w[1024];
    const char *texts[1024];
    size_t count = (size_t)n * (size_t)width;
    float *z = malloc(count * sizeof *z + 64), *eps = malloc(count * sizeof *eps + 64);
    float *post = malloc(count * sizeof *post + 64);
    uint64_t at = ((uint64_t)step << 16) ^ (uint64_t)number;
    uint64_t seed = c->x->lcm_plan.trainer.seed;
    struct rng r = rng_make(seed, rng_stream("lcm/choices") ^ at);
    double loss = 0;
    (void)terms;
    if (!z || !eps || !post || n > 1024) {
        tape_error(t, "out of memory");
        goto out;
    }
    rng_fill_normal(seed, rng_stream("lcm/posterior") ^ at, 0, post, count);
    rng_fill_normal(seed, rng_stream("lcm/noise") ^ at, 0, eps, count);
    for (int i = 0; i < n; i++) {
        const struct draw *d = &b->draws[first + i];
        int crop = (int)rng_below(&r, (uint32_t)s->latents.crops);
        size_t from = ((size_t)d->item * (size_t)s->latents.crops + (size_t)crop) * (size_t)width;
        for (int k = 0; k < width; k++)
            z[i * width + k] = s->latents.mu[from + (size_t)k] + s->latents.std[from + (size_t)k] * post[i * width + k];
        index[i] = (int)rng_below(&r, (uint32_t)s->distillation.points);
        w[i] = (float)(c->x->lcm_w_low + (c->x->lcm_w_high - c->x->lcm_w_low) * rng_uniform(&r));
        texts[i] = b->items->list[d->item].captions[d->caption]->text;
    }
    /* the text encoder is frozen: nothing of it is recorded */
    int recording = t->recording;
    float dropout = t->dropout;
    t->recording = 0;
    t->dropout = 0;
    struct tensor *text, *none;
    text_source_run_guided(t, &s->text, texts, n, &text, &none);
    t->recording = recording;
    t->dropout = dropout;
    if (text && none) text->constant = none->constant = 1;
    struct distill_input in = {.latent = tape_constant(t, z, n * rows, width / rows),
                               .noise = tape_constant(t, eps, n * rows, width / rows),
                               .index = index, .w = w, .text = text, .text_empty = none, .batch = n, .text_tokens = 1,
                               .share = (float)n / (float)b->count};
    loss = distill_run(t, &s->distillation, &s->teacher, &s->online, &s->target, &in, NULL);
out:
    free(z);
    free(eps);
    free(post);
    return loss;
}

int train_lcm(struct chain *c, const char *path, struct error *e)
{
    struct vae v = {0};
    struct trainer t = {0};
    struct lcm_stage s = {.c = c};
    struct stage stage = {.name = "lcm", .fingerprint = c->fingerprint[STAGE_LCM], .quiet = c->quiet, .stop_at = c->stop_at,
                          .save_every = 60};
    int rc = load_vae(c, &v, e);
    if (!rc) rc = chain_latents(c, &v, &s.latents, e);
    vae_free(&v);
    if (!rc) rc = load_text_source(c, c->model[STAGE_MLD], &s.text, e);
    if (!rc) rc = load_denoiser(c, c->model[STAGE_MLD], 0, &s.teacher, e);
    if (!rc) rc = denoiser_create(&s.online, &c->device, &c->x->denoiser, e);
    if (!rc) rc = denoiser_create(&s.target, &c->device, &c->x->denoiser, e);
    if (!rc) rc = distillation_make(&s.distillation, c->x->lcm_points, c->x->lcm_loss, (float)c->x->lcm_huber_c, e);
    s.distillation.teacher_dropout = c->x->lcm_teacher_dropout;
    if (!rc) {
        params_copy_matching(&s.online.params, &s.teacher.params);   /* cond_proj stays 0 */
        params_copy_matching(&s.target.params, &s.teacher.params);
    }
    struct params *sets[1] = {&s.online.params};
    if (!rc) rc = trainer_create(&t, &c->device, sets, 1, &c->x->lcm_plan.trainer, e);
    if (!rc) rc = batches_create(&s.batches, &c->set, &c->train, c->x->lcm_plan.batch, c->x->lcm_plan.trainer.seed, e);
    struct trainer_extra extra = {"target", s.target.params.x, s.target.params.total};
    stage.extra = &extra;
    stage.extras = 1;
    snprintf(stage.state_path, sizeof stage.state_path, "%s.state", path);
    snprintf(stage.log_path, sizeof stage.log_path, "%s.csv", path);
    if (!rc) rc = stage_run(&stage, &t, prepare, piece, after, &s, e);
    struct checkpoint_card card = chain_card(c, 1);
    struct checkpoint_part parts[2] = {{&s.online.params, "denoiser."}, {&s.text.own.params, "text."}};
    int own = s.text.kind == TEXT_SOURCE_OWN;
    if (!rc) rc = checkpoint_write(path, "motionlcm", c->fingerprint[STAGE_LCM], c->x->name, parts, own ? 2 : 1, own ? &s.text.own.vocabulary : NULL,
                                   &card, e);
    batches_free(&s.batches);
    latents_free(&s.latents);
    if (t.device) trainer_free(&t);
    denoiser_free(&s.teacher);
    denoiser_free(&s.online);
    denoiser_free(&s.target);
    text_source_free(&s.text);
    return rc;
}
