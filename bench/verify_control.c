/* Conformance of motion control: ControlNet, its objective and latent tuning.
 *
 * Networks are fed with the stored sinusoidal features, whose float32 uncertainty would
 * otherwise hide the rest. */
#include "../engine/control_mask.h"
#include "../engine/control_objective.h"
#include "../engine/latent_tuning.h"
#include "../engine/noising.h"
#include "../engine/trainer.h"
#include "verify_case.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double result = 1e-5;      /* of results and losses, times max(1, largest) */
static const double gradient = 2e-5;    /* of gradients, times the case's largest */

/* --- what the cases share ------------------------------------------------------------- */

struct control_case {
    struct verify_case c;
    struct vae vae;
    struct denoiser denoiser;
    struct controlnet controlnet;
    struct trajectory_encoder trajectory;
    int batch, frames, joints, tokens;          /* tokens: of the text */
    const float *hint, *text, *guidance, *time;
    const int *lengths, *timesteps;
    unsigned char *mask;                        /* (batch, frames, joints) */
};

static void open_networks(struct control_case *k)
{
    struct verify_case *c = &k->c;
    struct controlnet_size control;
    struct trajectory_encoder_size trajectory;
    int heads = case_int(c, "num_heads", 4);
    float eps = (float)case_number(c, "norm_eps", 1e-5);
    case_denoiser(c, &k->denoiser, "denoiser.");
    if (c->code || case_note(c, controlnet_size_from(&c->weights, "controlnet.", heads, k->denoiser.size.text_act, &control, c->error)))
        return;
    control.denoiser.latent_tokens = k->denoiser.size.latent_tokens;
    control.denoiser.transformer.eps = eps;
    if (case_note(c, controlnet_create(&k->controlnet, &c->device, &control, c->error))) return;
    if (case_note(c, params_load(&k->controlnet.base.params, &c->weights, "controlnet.", c->error))) return;
    if (case_note(c, trajectory_encoder_size_from(&c->weights, "traj_encoder.", heads, &trajectory, c->error))) return;
    trajectory.transformer.eps = eps;
    if (case_note(c, trajectory_encoder_create(&k->trajectory, &c->device, &trajectory, c->error))) return;
    case_note(c, params_load(&k->trajectory.params, &c->weights, "traj_encoder.", c->error));
}

/* The signal with its mask, one byte a joint. */
static void read_signal(struct control_case *k)
{
    struct verify_case *c = &k->c;
    int dims[4] = {k->batch, 0, k->joints, 3};
    k->hint = case_floats(c, "in/hint", 4, dims);
    const float *mask = case_floats(c, "in/hint_mask", 4, dims);
    k->batch = dims[0];
    k->frames = dims[1];
    k->joints = dims[2];
    size_t keys = (size_t)k->batch * (size_t)k->frames * (size_t)k->joints;
    k->mask = (unsigned char *)case_memory(c, keys);
    for (size_t i = 0; i < keys && !c->code; i++)
        for (size_t j = 0; j < 3; j++) k->mask[i] |= mask[3 * i + j] != 0.0f;
}

/* The denoiser's inputs other than the latent. */
static void read_conditions(struct control_case *k, int time_rows)
{
    struct verify_case *c = &k->c;
    const struct denoiser_size *s = &k->denoiser.size;
    int time_dims[2] = {time_rows, s->time_width}, guidance_dims[2] = {k->batch, s->guidance_width};
    int text_dims[3] = {k->batch, 0, s->text_width};
    k->time = case_floats(c, "mid/time_proj", 2, time_dims);
    if (s->guidance_width) k->guidance = case_floats(c, "in/w_embedding", 2, guidance_dims);
    k->text = case_floats(c, "in/text_cond", 3, text_dims);
    k->tokens = text_dims[1];
}

static int close_case(struct control_case *k)
{
    vae_free(&k->vae);
    denoiser_free(&k->denoiser);
    controlnet_free(&k->controlnet);
    trajectory_encoder_free(&k->trajectory);
    return case_close(&k->c);
}

/* --- the networks ------------------------------------------------------------------------- */

static void compare_residuals(struct control_case *k, struct tensor *const *residuals)
{
    struct verify_case *c = &k->c;
    int layers = k->controlnet.base.encoder.layers;
    size_t n = residuals[0] ? (size_t)residuals[0]->rows * (size_t)residuals[0]->cols : 0;
    float *host = case_memory(c, n * (size_t)layers);
    for (int i = 0; i < layers && host; i++) case_fetch(c, residuals[i], host + (size_t)i * n, n);
    if (!c->code) case_compare(c, "out/residuals", NULL, host, n * (size_t)layers, result);
}

static void compare_frames(struct control_case *k)
{
    size_t n = (size_t)k->batch * (size_t)k->frames;
    float *host = case_memory(&k->c, n);
    if (!host) return;
    trajectory_frames(k->mask, k->batch, k->frames, k->joints, host);
    case_compare(&k->c, "mid/frame_mask", NULL, host, n, result);
}

static int controlnet(struct verify *v, struct h5 *f, struct error *e)
{
    struct control_case k = {0};
    struct verify_case *c = &k.c;
    if (!case_open(c, v, f, 1, e)) open_networks(&k);
    case_pack(c, &k.denoiser.params);
    case_pack(c, &k.controlnet.base.params);
    case_pack(c, &k.trajectory.params);
    const struct denoiser_size *s = &k.denoiser.size;
    int sample_dims[3] = {0, s->latent_tokens, s->latent_width};
    const float *sample = case_floats(c, "in/sample", 3, sample_dims);
    k.batch = sample_dims[0];
    k.joints = k.trajectory.size.joints;
    read_signal(&k);
    read_conditions(&k, k.batch);
    if (!c->code) compare_frames(&k);
    struct tape *t = &c->tape;
    struct tensor *residuals[MAX_LAYERS] = {NULL}, *embedding = NULL;
    if (c->code) return close_case(&k);
    tape_start(t, 0, 0, 0, 0);
    struct denoiser_input in = {
        .latent = tape_constant(t, sample, k.batch * s->latent_tokens, s->latent_width),
        .time = tape_constant(t, k.time, k.batch, s->time_width),
        .guidance = k.guidance ? tape_constant(t, k.guidance, k.batch, s->guidance_width) : NULL,
        .text = tape_constant(t, k.text, k.batch * k.tokens, s->text_width),
        .batch = k.batch,
        .text_tokens = k.tokens,
    };
    struct tensor *hint = tape_constant(t, k.hint, k.batch * k.frames, 3 * k.joints);
    struct tensor *trajectory = trajectory_encoder_run(t, &k.trajectory, hint, k.mask, k.batch);
    case_compare_tensor(c, "out/traj", NULL, trajectory, result);
    controlnet_run(t, &k.controlnet, &in, trajectory, residuals, &embedding);
    case_compare_tensor(c, "mid/cond_embedding", NULL, embedding, result);
    if (!c->code) compare_residuals(&k, residuals);
    case_compare_tensor(c, "out/eps_no_control", NULL, denoiser_run(t, &k.denoiser, &in, NULL), result);
    in.residuals = residuals;
    case_compare_tensor(c, "out/eps_control", NULL, denoiser_run(t, &k.denoiser, &in, NULL), result);
    return close_case(&k);
}

/* --- the training step ----------------------------------------------------------------------- */

struct step_case {
    struct control_case k;
    struct control_objective objective;
    const float *motion, *eps, *noise, *w, *mean, *std, *raw_mean, *raw_std;
    const char *folder;                /* of the expected losses */
    int results;                       /* compare the tensors too */
};

static enum control_kind control_kind(struct verify_case *c, const char *word)
{
    if (!strcmp(word, "sum")) return CONTROL_SUM;
    if (!strcmp(word, "mask")) return CONTROL_MASK;
    if (strcmp(word, "sum_mask"))
        case_note(c, error_set(c->error, ERR_INPUT, "%s: control loss '%s'; use sum, mask or sum_mask", h5_path(c->file), word));
    return CONTROL_SUM_MASK;
}

static double control_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    static const char *const names[CONTROL_OUTPUTS] = {"out/traj", "out/noise_pred", "out/sample_pred", "out/feats_rst",
                                                       "out/joints_rst"};
    struct step_case *s = context;
    struct control_case *k = &s->k;
    struct verify_case *c = &k->c;
    const struct denoiser_size *size = &k->denoiser.size;
    const struct control_networks networks = {&k->vae, &k->denoiser, &k->controlnet, &k->trajectory};
    int F = k->vae.size.nfeats, rows = k->batch * size->latent_tokens, recording = t->recording;
    struct tensor *outputs[CONTROL_OUTPUTS] = {NULL}, *mu, *logvar;
    char name[80];
    (void)step;
    (void)piece;
    (void)terms;
    struct tensor *motion = tape_constant(t, s->motion, k->batch * k->frames, F);
    t->recording = 0;
    vae_encode(t, &k->vae, motion, k->lengths, k->batch, &mu, &logvar);
    struct tensor *z = op_reparameterise(t, mu, logvar, tape_constant(t, s->eps, rows, size->latent_width));
    t->recording = recording;
    if (z) z->constant = 1;
    const struct control_input in = {
        .latent = z,
        .noise = tape_constant(t, s->noise, rows, size->latent_width),
        .timesteps = k->timesteps,
        .w = s->w,
        .guidance = k->guidance ? tape_constant(t, k->guidance, k->batch, size->guidance_width) : NULL,
        .time = tape_constant(t, k->time, k->batch, size->time_width),
        .text = tape_constant(t, k->text, k->batch * k->tokens, size->text_width),
        .hint = k->hint,
        .mask = k->mask,
        .lengths = k->lengths,
        .motion = motion,
        .mean = tape_constant(t, s->mean, 1, F),
        .std = tape_constant(t, s->std, 1, F),
        .raw_mean = s->raw_mean,
        .raw_std = s->raw_std,
        .batch = k->batch,
        .frames = k->frames,
        .text_tokens = k->tokens,
        .share = 1,
    };
    struct control_losses l = control_objective_run(t, &s->objective, &networks, &in, outputs);
    if (tape_failed(t, NULL)) return 0;
    if (s->results) case_compare_tensor(c, "out/z", NULL, z, result);
    for (int i = 0; i < CONTROL_OUTPUTS && s->results; i++) case_compare_tensor(c, names[i], NULL, outputs[i], result);
    if (!s->folder) return l.total;
#define TERM(member) (snprintf(name, sizeof name, "%.40s/%s", s->folder, member), name)
    case_compare_value(c, TERM("diff_loss"), l.latent, result);
    case_compare_value(c, TERM("cond_loss"), l.control, result);
    case_compare_value(c, TERM("rot_loss"), l.features, result);
    case_compare_value(c, TERM("loss"), l.total, result);
#undef TERM
    return l.total;
}

/* The gradients of a case lie in FOLDER/PREFIX+NAME; a parameter without one there must receive none. */
struct gradient_set {
    const struct params *params;
    const float *flat;                 /* (device) */
    const char *prefix;
};

static void compare_gradients(struct verify_case *c, const char *folder, const struct gradient_set *sets, int count)
{
    char name[300], shape[64];
    double largest = 0;
    for (int pass = 0; pass < 2; pass++)       /* the largest of the case, then the comparison */
        for (int s = 0; s < count; s++)
            for (int i = 0; i < sets[s].params->count && !c->code; i++) {
                const struct param *p = sets[s].params->items[i];
                int dims[3] = {p->shape[0], p->shape[1], p->shape[2]};
                snprintf(name, sizeof name, "%s/%s%s", folder, sets[s].prefix, p->name);
                int present = h5_has(c->file, name);
                const float *want = present ? case_floats(c, name, p->rank, dims) : case_memory(c, p->count);
                for (size_t j = 0; want && !pass && j < p->count; j++) largest = fmax(largest, fabs((double)want[j]));
                float *host = pass ? case_memory(c, p->count) : NULL;
                if (!host || !want) continue;
                c->device.download(&c->device, host, sets[s].flat + p->offset, p->count);
                snprintf(shape, sizeof shape, "%zu", p->count);
                verify_array(c->verify, name, shape, host, want, p->count, present ? gradient * largest : 0);
            }
}

/* Losses of the same forward pass under another rule. */
static void losses_of(struct step_case *s, struct trainer *t, const char *folder, enum control_kind kind,
                      enum element_loss element, int metric, double features)
{
    struct control_objective keep = s->objective;
    if (s->k.c.code || !h5_has(s->k.c.file, folder)) return;
    s->objective.kind = kind;
    s->objective.element = element;
    s->objective.metric = metric;
    s->objective.features_weight = (float)features;
    s->folder = folder;
    s->results = 0;
    case_note(&s->k.c, trainer_gradients(t, 1, control_piece, s, s->k.c.error));
    s->objective = keep;
}

static void read_step(struct step_case *s)
{
    struct control_case *k = &s->k;
    struct verify_case *c = &k->c;
    const struct denoiser_size *size = &k->denoiser.size;
    int F = k->vae.size.nfeats, motion_dims[3] = {0, 0, F}, feature_dims[1] = {F};
    s->motion = case_floats(c, "in/motion", 3, motion_dims);
    k->batch = motion_dims[0];
    k->joints = k->trajectory.size.joints;
    read_signal(k);
    int one_dims[1] = {k->batch}, latent_dims[3] = {k->batch, size->latent_tokens, size->latent_width};
    int raw_dims[2] = {k->joints, 3};
    if (!c->code && motion_dims[1] != k->frames)
        case_note(c, error_set(c->error, ERR_INPUT, "%s: motion and signal differ in frames", h5_path(c->file)));
    k->lengths = case_ints(c, "in/lengths", 1, one_dims);
    k->timesteps = case_ints(c, "in/timesteps", 1, one_dims);
    s->w = case_floats(c, "in/w", 1, one_dims);
    s->eps = case_floats(c, "in/vae_eps", 3, latent_dims);
    s->noise = case_floats(c, "in/noise", 3, latent_dims);
    s->mean = case_floats(c, "in/mean", 1, feature_dims);
    s->std = case_floats(c, "in/std", 1, feature_dims);
    s->raw_mean = case_floats(c, "in/raw_mean", 2, raw_dims);
    s->raw_std = case_floats(c, "in/raw_std", 2, raw_dims);
    read_conditions(k, k->batch);
}

static int control_train_step(struct verify *v, struct h5 *f, struct error *e)
{
    struct step_case s = {0};
    struct control_case *k = &s.k;
    struct verify_case *c = &k->c;
    struct trainer trainer = {0};
    char word[32];
    if (!case_open(c, v, f, 1, e)) case_vae(c, &k->vae);
    open_networks(k);
    read_step(&s);
    case_word(c, "vaeloss_type", word, sizeof word);
    s.objective.kind = control_kind(c, *word ? word : "sum");
    case_word(c, "control_loss_func", word, sizeof word);
    s.objective.element = case_element_loss(c, *word ? word : "l2");
    s.objective.metric = case_int(c, "use_3d", 0);
    s.objective.latent_weight = 1;
    s.objective.control_weight = case_int(c, "vaeloss", 1) ? (float)case_number(c, "cond_ratio", 1) : 0;
    s.objective.features_weight = (float)case_number(c, "rot_ratio", 0);
    noise_schedule_make(&s.objective.schedule, case_number(c, "beta_start", 0.00085), case_number(c, "beta_end", 0.012));
    struct trainer_config config = trainer_defaults();
    config.dropout = 0;
    config.accumulators = 1;
    struct params *sets[2] = {&k->controlnet.base.params, &k->trajectory.params};
    if (c->code || case_note(c, trainer_create(&trainer, &c->device, sets, 2, &config, e))) goto out;
    const struct gradient_set gradients[2] = {{sets[0], trainer.gradient[0][0], "controlnet."},
                                              {sets[1], trainer.gradient[0][1], "traj_encoder."}};
    s.folder = "out";
    s.results = 1;
    case_note(c, trainer_gradients(&trainer, 1, control_piece, &s, e));
    if (!c->code) {
        compare_gradients(c, "grad", gradients, 2);
        case_compare_value(c, "out/grad_norm", trainer.norm, result);
    }
    float whole = s.objective.latent_weight;
    s.objective.latent_weight = 0;     /* the control term alone */
    s.folder = NULL;
    s.results = 0;
    if (!c->code && h5_has(f, "grad_cond") && !case_note(c, trainer_gradients(&trainer, 1, control_piece, &s, e)))
        compare_gradients(c, "grad_cond", gradients, 2);
    s.objective.latent_weight = whole;
    losses_of(&s, &trainer, "alt_sum_mask", CONTROL_SUM_MASK, LOSS_L1, 0, 0.5);
    losses_of(&s, &trainer, "alt_mask", CONTROL_MASK, LOSS_L2, 1, 2);
    losses_of(&s, &trainer, "alt_sum", CONTROL_SUM, LOSS_SMOOTH_L1, 1, 1);
out:
    trainer_free(&trainer);
    return close_case(k);
}

/* --- latent tuning ------------------------------------------------------------------------------ */

struct tuning_case {
    struct control_case k;
    size_t latent;
    float *gradient, *latents, *rate, *joints, *correlation;    /* a row a step */
};

static void keep_step(void *context, int step, const float *unit, const float *latent, double rate, double joints,
                      double correlation)
{
    struct tuning_case *s = context;
    memcpy(s->gradient + (size_t)step * s->latent, unit, s->latent * sizeof *unit);
    memcpy(s->latents + (size_t)step * s->latent, latent, s->latent * sizeof *latent);
    s->rate[step] = (float)rate;
    s->joints[step] = (float)joints;
    s->correlation[step] = (float)correlation;
}

static int clt_steps(struct verify *v, struct h5 *f, struct error *e)
{
    struct tuning_case s = {0};
    struct control_case *k = &s.k;
    struct verify_case *c = &k->c;
    if (!case_open(c, v, f, 1, e)) case_vae(c, &k->vae);
    case_prepare(c, &k->vae);
    case_denoiser(c, &k->denoiser, "denoiser.");
    case_pack(c, &k->denoiser.params);
    const struct denoiser_size *size = &k->denoiser.size;
    int F = k->vae.size.nfeats, feature_dims[1] = {F}, noise_dims[3] = {1, size->latent_tokens, size->latent_width};
    k->batch = 1;
    k->joints = case_int(c, "njoints", 22);
    read_signal(k);
    read_conditions(k, 1);
    int raw_dims[2] = {k->joints, 3}, one_dims[1] = {1};
    k->lengths = case_ints(c, "in/lengths", 1, one_dims);
    struct latent_tuning plan = latent_tuning_defaults();
    plan.timestep = case_int(c, "timestep", plan.timestep);
    plan.w = (float)case_number(c, "w", (double)plan.w);
    plan.steps = case_int(c, "max_train_steps", plan.steps);
    plan.warmup = case_int(c, "lr_warmup_steps", plan.warmup);
    plan.rate = case_number(c, "learning_rate", plan.rate);
    plan.beta1 = case_number(c, "adam_beta1", plan.beta1);
    plan.beta2 = case_number(c, "adam_beta2", plan.beta2);
    plan.eps = case_number(c, "adam_epsilon", plan.eps);
    plan.correlation = case_number(c, "loss_correlate_penalty", plan.correlation);
    plan.distance = case_number(c, "loss_diff_penalty", plan.distance);
    struct latent_tuning_input in = {
        .noise = case_floats(c, "in/noise", 3, noise_dims),
        .text = k->text,
        .time = k->time,
        .guidance = k->guidance,
        .hint = k->hint,
        .mask = k->mask,
        .mean = case_floats(c, "in/mean", 1, feature_dims),
        .std = case_floats(c, "in/std", 1, feature_dims),
        .raw_mean = case_floats(c, "in/raw_mean", 2, raw_dims),
        .raw_std = case_floats(c, "in/raw_std", 2, raw_dims),
        .text_tokens = k->tokens,
        .frames = k->frames,
        .lengths = k->lengths,
        .batch = 1,
        .joints = k->joints,
        .trace = keep_step,
        .context = &s,
    };
    int steps_dims[4] = {plan.steps, 1, noise_dims[1], noise_dims[2]};
    case_floats(c, "out/latents", 4, steps_dims);      /* the steps of the plan are those of the case */
    size_t steps = c->code ? 0 : (size_t)plan.steps;
    s.latent = (size_t)(noise_dims[1] * noise_dims[2]);
    s.gradient = case_memory(c, steps * s.latent);
    s.latents = case_memory(c, steps * s.latent);
    s.rate = case_memory(c, steps);
    s.joints = case_memory(c, steps);
    s.correlation = case_memory(c, steps);
    float *final = case_memory(c, s.latent);
    if (!c->code && !case_note(c, latent_tuning_run(&c->tape, &plan, &k->vae, &k->denoiser, &in, final, e))) {
        case_compare(c, "out/lr", NULL, s.rate, steps, result);
        case_compare(c, "out/loss_hint", NULL, s.joints, steps, result);
        case_compare(c, "out/loss_correlate", NULL, s.correlation, steps, result);
        case_compare(c, "out/grad_unit", NULL, s.gradient, steps * s.latent, result);
        case_compare(c, "out/latents", NULL, s.latents, steps * s.latent, result);
        case_compare(c, "out/final", NULL, final, s.latent, result);
    }
    return close_case(k);
}

const struct verify_kind verify_kinds_control[] = {
    {"controlnet", controlnet}, {"control_train_step", control_train_step}, {"clt_steps", clt_steps}, {NULL, NULL},
};
