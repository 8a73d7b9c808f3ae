/* The ControlNets' stages: motion control on top of the frozen MotionLCM or MLD. */
#include "batches.h"
#include "chain.h"
#include "control_hints.h"
#include "stage.h"
#include "../engine/checkpoint.h"
#include "../engine/control_mask.h"
#include "../engine/rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct control_stage {
    const struct chain *c;
    const struct control_plan *plan;       /* of the stage's variant */
    int base_mld;                          /* the base is the MLD: no guidance features, the noise is the target */
    struct vae vae;
    struct denoiser denoiser;
    struct text_source text;
    struct controlnet controlnet;
    struct trajectory_encoder trajectory;
    struct control_objective objective;
    struct batches batches;
    /* the batch made last: the samples of a piece one after another, as long as its longest */
    int valid_frames, keypoints;
    size_t *row;                           /* (batch) first row of each sample */
    float *motion, *hint;                  /* (rows, nfeats), (rows, J, 3) */
    unsigned char *mask;                   /* (rows, J) */
    struct error error;                    /* of prepare */
};

/* Windows and signals of the whole batch: the sum over its controlled joints is part of the loss. */
static int prepare(void *context, int64_t step)
{
    struct control_stage *s = context;
    const struct chain *c = s->c;
    const struct set *set = &c->set;
    struct batches *b = &s->batches;
    batches_make(b, "control", step);
    s->valid_frames = 0;
    int size = s->plan->plan.piece;
    size_t rows = 0, nf = (size_t)set->nfeats, J = (size_t)set->njoints;
    for (int i = 0; i < b->count; i++) {
        s->row[i] = rows;
        rows += (size_t)b->draws[i / size * size].length;     /* a piece's first sample is its longest */
    }
    memset(s->motion, 0, rows * nf * sizeof *s->motion);
    memset(s->hint, 0, rows * J * 3 * sizeof *s->hint);
    memset(s->mask, 0, rows * J);
    for (int i = 0; i < b->count && !s->error.code; i++) {
        float *x = s->motion + s->row[i] * nf;
        struct rng r = rng_make(c->x->seed, rng_stream("control/mask") ^ ((uint64_t)step << 16) ^ (uint64_t)i);
        draw_motion(set, b->items, &b->draws[i], set->mean, set->std, x);
        control_hint(set, s->plan, 1, &r, x, b->draws[i].length, s->hint + s->row[i] * J * 3,
                     s->mask + s->row[i] * J, NULL, &s->error);
        s->valid_frames += b->draws[i].length;
    }
    s->keypoints = control_keypoints(s->mask, (int)rows, set->njoints);
    return (b->count + size - 1) / size;
}

/* What is drawn for a sample: noise of posterior and diffusion, timestep, guidance. */
struct draws {
    float *posterior, *noise, w[1024];
    int timesteps[1024];
};

static void draw(const struct control_stage *s, int64_t step, int number, int n, size_t count, struct draws *d)
{
    const struct experiment *x = s->c->x;
    uint64_t at = ((uint64_t)step << 16) ^ (uint64_t)number;
    struct rng r = rng_make(x->seed, rng_stream("control/choices") ^ at);
    int grid = !s->base_mld && x->lcm_generation == 2 ? x->lcm_points : TRAIN_STEPS;
    rng_fill_normal(x->seed, rng_stream("control/posterior") ^ at, 0, d->posterior, count);
    rng_fill_normal(x->seed, rng_stream("control/noise") ^ at, 0, d->noise, count);
    for (int i = 0; i < n; i++) {
        d->timesteps[i] = TRAIN_STEPS / grid * (1 + (int)rng_below(&r, (uint32_t)grid)) - 1;
        d->w[i] = (float)(s->plan->w_low + (s->plan->w_high - s->plan->w_low) * rng_uniform(&r));
    }
}

/* The frozen parts: text features and the posterior's sample. Nothing of it is recorded. */
static void frozen(struct control_stage *s, struct tape *t, int first, int n, const int *lengths, const struct draws *d,
                   struct control_input *in)
{
    const struct batches *b = &s->batches;
    const struct vae_size *v = &s->vae.size;
    const char *texts[1024];
    struct tensor *mu, *logvar;
    int recording = t->recording;
    float dropout = t->dropout;
    for (int i = 0; i < n; i++) texts[i] = b->items->list[b->draws[first + i].item].captions[b->draws[first + i].caption]->text;
    t->recording = 0;
    t->dropout = 0;
    in->text = text_source_run(t, &s->text, texts, n);
    vae_encode(t, &s->vae, in->motion, lengths, n, &mu, &logvar);
    in->latent = op_reparameterise(t, mu, logvar, tape_constant(t, d->posterior, n * v->latent_tokens, v->latent_width));
    t->recording = recording;
    t->dropout = dropout;
    if (in->text && in->latent) in->text->constant = in->latent->constant = 1;
}

static double piece(void *context, struct tape *t, int64_t step, int number, double terms[8])
{
    struct control_stage *s = context;
    const struct chain *c = s->c;
    const struct set *set = &c->set;
    const struct batches *b = &s->batches;
    const struct vae_size *v = &s->vae.size;
    int size = s->plan->plan.piece, first = number * size, n = b->count - first < size ? b->count - first : size;
    int lengths[1024], nf = set->nfeats, frames = b->draws[first].length;
    size_t count = (size_t)(n * v->latent_tokens * v->latent_width), from = s->row[first];
    struct draws *d = malloc(sizeof *d);
    float *noise = malloc(2 * count * sizeof *noise + 64);
    struct control_losses l = {0};
    if (s->error.code) tape_error(t, "%s", s->error.text);
    if (!d || !noise || n > 1024) tape_error(t, "out of memory");
    if (tape_failed(t, NULL)) goto out;
    d->posterior = noise;
    d->noise = noise + count;
    draw(s, step, number, n, count, d);
    for (int i = 0; i < n; i++) lengths[i] = b->draws[first + i].length;
    struct control_input in = {
        .timesteps = d->timesteps,
        .w = d->w,
        .hint = s->hint + from * (size_t)set->njoints * 3,
        .mask = s->mask + from * (size_t)set->njoints,
        .lengths = lengths,
        .motion = tape_constant(t, s->motion + from * (size_t)nf, n * frames, nf),
        .noise = tape_constant(t, d->noise, n * v->latent_tokens, v->latent_width),
        .mean = tape_constant(t, set->mean, 1, nf),
        .std = tape_constant(t, set->std, 1, nf),
        .raw_mean = set->raw_mean,
        .raw_std = set->raw_std,
        .batch = n,
        .frames = frames,
        .text_tokens = 1,
        .share = (float)n / (float)b->count,
        .keypoints = s->keypoints,
        .valid_frames = s->valid_frames,
    };
    frozen(s, t, first, n, lengths, d, &in);
    const struct control_networks networks = {&s->vae, &s->denoiser, &s->controlnet, &s->trajectory};
    l = control_objective_run(t, &s->objective, &networks, &in, NULL);
    terms[0] = l.latent;
    terms[1] = l.control;
out:
    free(d);
    free(noise);
    return l.total;
}

static int open_stage(struct control_stage *s, struct chain *c, enum stage_kind stage, struct error *e)
{
    const struct control_plan *p = s->plan;
    const struct set *set = &c->set;
    const char *base = c->model[s->base_mld ? STAGE_MLD : STAGE_LCM];
    size_t rows = (size_t)p->plan.batch * (size_t)(set->max_length + set->unit);
    s->objective = (struct control_objective){.kind = p->kind, .element = p->element, .metric = p->metric,
                                              .noise_target = s->base_mld, .latent_weight = 1,
                                              .control_weight = (float)p->weight};
    noise_schedule_make(&s->objective.schedule, 0.00085, 0.012);
    int rc = 0;
    for (int i = 0; i < p->joint_count && !rc; i++)
        if (p->joints[i] >= set->njoints)
            rc = error_set(e, ERR_INPUT, "%s: control.joints: joint %d is unknown; the set's skeleton has joints 0 to %d",
                           c->x->path, p->joints[i], set->njoints - 1);
    if (!rc) rc = load_vae(c, &s->vae, e);
    if (!rc) rc = load_text_source(c, base, &s->text, e);
    if (!rc) rc = load_denoiser(c, base, !s->base_mld, &s->denoiser, e);
    if (!rc) rc = load_control(c, stage, NULL, &s->controlnet, &s->trajectory, e);
    if (!rc) rc = controlnet_initialise(&s->controlnet, &s->denoiser, c->x->seed + 3, e);
    if (!rc) rc = params_initialise(&s->trajectory.params, c->x->seed + 4, e);
    if (!rc) rc = batches_create(&s->batches, set, &c->train, p->plan.batch, c->x->seed, e);
    s->motion = malloc(rows * (size_t)set->nfeats * sizeof *s->motion);
    s->hint = malloc(rows * (size_t)set->njoints * 3 * sizeof *s->hint);
    s->mask = malloc(rows * (size_t)set->njoints);
    s->row = malloc((size_t)p->plan.batch * sizeof *s->row);
    if (!rc && (!s->row || !s->motion || !s->hint || !s->mask)) rc = error_memory(e, "the control signals");
    return rc;
}

static void close_stage(struct control_stage *s)
{
    batches_free(&s->batches);
    vae_free(&s->vae);
    denoiser_free(&s->denoiser);
    text_source_free(&s->text);
    controlnet_free(&s->controlnet);
    trajectory_encoder_free(&s->trajectory);
    free(s->row);
    free(s->motion);
    free(s->hint);
    free(s->mask);
}

int train_control(struct chain *c, enum stage_kind kind, const char *path, struct error *e)
{
    struct control_stage s = {.c = c, .plan = stage_control(c, kind), .base_mld = stage_on_mld(kind)};
    struct trainer t = {0};
    struct stage_label label = stage_label(c, kind);
    struct stage stage = {.name = label.text, .fingerprint = c->fingerprint[kind], .terms = {"latent", "control", NULL},
                          .quiet = c->quiet, .stop_at = c->stop_at, .save_every = 60};
    int rc = open_stage(&s, c, kind, e);
    struct params *sets[2] = {&s.controlnet.base.params, &s.trajectory.params};
    if (!rc) rc = trainer_create(&t, &c->device, sets, 2, &s.plan->plan.trainer, e);
    snprintf(stage.state_path, sizeof stage.state_path, "%s.state", path);
    snprintf(stage.log_path, sizeof stage.log_path, "%s.csv", path);
    const struct feed_source source = {.prepare = prepare, .context = &s, .single = 1};
    if (!rc) rc = stage_run(&stage, &t, &source, piece, NULL, e);
    struct checkpoint_part parts[2] = {{sets[0], "controlnet."}, {sets[1], "traj_encoder."}};
    struct checkpoint_card card = chain_card(c, !s.base_mld);
    snprintf(card.base, sizeof card.base, "%s", c->fingerprint[s.base_mld ? STAGE_MLD : STAGE_LCM]);
    card.raw_mean = c->set.raw_mean;
    card.raw_std = c->set.raw_std;
    card.control_joint_count = s.plan->joint_count;
    memcpy(card.control_joints, s.plan->joints, (size_t)s.plan->joint_count * sizeof *s.plan->joints);
    card.control_spatial = s.plan->spatial;
    card.control_share = s.plan->high;
    if (!rc) rc = checkpoint_write(path, "control", c->fingerprint[kind], c->x->name, parts, 2, NULL, &card, e);
    if (t.device) trainer_free(&t);
    close_stage(&s);
    return rc;
}
