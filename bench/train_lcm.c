/* MotionLCM's stage: latent consistency distillation of the MLD. */
#include "chain.h"
#include "latent_batch.h"
#include "stage.h"
#include "../engine/checkpoint.h"
#include "../engine/distill.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lcm_stage {
    const struct chain *c;
    struct denoiser teacher, online, target;
    struct text_source text;
    struct latent_batch batch;
    struct distillation distillation;
};

static int prepare(void *context, int64_t step) { return latent_batch_prepare(&((struct lcm_stage *)context)->batch, "lcm", step); }

static int fill(void *context, int64_t step, int number)
{
    struct lcm_stage *s = context;
    const struct latent_choices choices = {.stream = "lcm", .numbers = s->distillation.points, .guided = 1,
                                           .w_low = s->c->x->lcm_w_low, .w_high = s->c->x->lcm_w_high, .empty = -1};
    latent_batch_fill(&s->batch, &choices, step, number);
    return 0;
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
    struct latent_slot *l = &s->batch.slot[feed_slot(step)];
    int first, n = latent_batch_piece(&s->batch, step, number, &first), width = s->batch.width, rows = s->online.size.latent_tokens;
    size_t from = (size_t)first * (size_t)width;
    (void)terms;
    /* the text encoder is frozen: nothing of it is recorded */
    int recording = t->recording;
    float dropout = t->dropout;
    t->recording = 0;
    t->dropout = 0;
    struct tensor *text, *none;
    text_source_run_guided(t, &s->text, l->texts + first, n, &text, &none);
    t->recording = recording;
    t->dropout = dropout;
    if (text && none) text->constant = none->constant = 1;
    struct distill_input in = {.latent = tape_constant(t, l->z + from, n * rows, width / rows),
                               .noise = tape_constant(t, l->eps + from, n * rows, width / rows),
                               .index = l->number + first, .w = l->w + first, .text = text, .text_empty = none, .batch = n,
                               .text_tokens = 1, .share = (float)n / (float)l->batches.count};
    return distill_run(t, &s->distillation, &s->teacher, &s->online, &s->target, &in, NULL);
}

int train_lcm(struct chain *c, const char *path, struct error *e)
{
    struct vae v = {0};
    struct trainer t = {0};
    struct lcm_stage s = {.c = c};
    struct stage stage = {.name = "lcm", .fingerprint = c->fingerprint[STAGE_LCM], .quiet = c->quiet, .stop_at = c->stop_at,
                          .save_every = 60};
    int rc = load_vae(c, &v, e);
    if (!rc) rc = chain_latents(c, &v, &s.batch.latents, e);
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
    if (!rc) rc = latent_batch_create(&s.batch, &c->set, &c->train, c->x->lcm_plan.batch, c->x->lcm_plan.piece, c->x->lcm_plan.trainer.seed, e);
    struct trainer_extra extra = {"target", s.target.params.x, s.target.params.total};
    stage.extra = &extra;
    stage.extras = 1;
    snprintf(stage.state_path, sizeof stage.state_path, "%s.state", path);
    snprintf(stage.log_path, sizeof stage.log_path, "%s.csv", path);
    const struct feed_source source = {.prepare = prepare, .fill = fill, .context = &s};
    if (!rc) rc = stage_run(&stage, &t, &source, piece, after, e);
    struct checkpoint_card card = chain_card(c, 1);
    struct checkpoint_part parts[2] = {{&s.online.params, "denoiser."}, {&s.text.own.params, "text."}};
    int own = s.text.kind == TEXT_SOURCE_OWN;
    if (!rc) rc = checkpoint_write(path, "motionlcm", c->fingerprint[STAGE_LCM], c->x->name, parts, own ? 2 : 1, own ? &s.text.own.vocabulary : NULL,
                                   &card, e);
    latent_batch_free(&s.batch);
    if (t.device) trainer_free(&t);
    denoiser_free(&s.teacher);
    denoiser_free(&s.online);
    denoiser_free(&s.target);
    text_source_free(&s.text);
    return rc;
}
