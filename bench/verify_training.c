/* Conformance of training steps: objectives, gradients, the optimiser, averages.
 *
 * The cases run through the trainer with the whole batch as one piece. */
#include "../engine/distill.h"
#include "../engine/trainer.h"
#include "verify_case.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double result = 1e-5;      /* of results and losses, times max(1, largest) */
static const double gradient = 2e-5;    /* of gradients, times the case's largest */
static const double stepped = 2e-6;     /* of weights whose step is determined, absolute */

static enum element_loss named_loss(struct verify_case *c, const char *attr)
{
    char word[32];
    case_word(c, attr, word, sizeof word);
    return case_element_loss(c, *word ? word : "l1_smooth");
}

/* "FOLDER/MEMBER" in a buffer. */
static const char *path(char text[240], const char *folder, const char *member)
{
    snprintf(text, 240, "%.40s/%.190s", folder, member);
    return text;
}

static const float *param_reference(struct verify_case *c, const char *folder, const struct param *p)
{
    char name[240];
    int dims[3] = {p->shape[0], p->shape[1], p->shape[2]};
    return case_floats(c, path(name, folder, p->name), p->rank, dims);
}

/* Every tensor's gradient, (device) flat memory, against FOLDER/NAME. */
static void compare_gradients(struct verify_case *c, const char *folder, const struct params *p, const float *flat)
{
    char name[240], shape[64];
    double largest = 0;
    for (int i = 0; i < p->count && !c->code; i++) {
        const float *want = param_reference(c, folder, p->items[i]);
        for (size_t k = 0; want && k < p->items[i]->count; k++) largest = fmax(largest, fabs((double)want[k]));
    }
    for (int i = 0; i < p->count && !c->code; i++) {
        const struct param *t = p->items[i];
        const float *want = param_reference(c, folder, t);
        float *host = case_memory(c, t->count);
        if (!want || !host) return;
        c->device.download(&c->device, host, flat + t->offset, t->count);
        snprintf(shape, sizeof shape, "%zu", t->count);
        verify_array(c->verify, path(name, folder, t->name), shape, host, want, t->count, gradient * largest);
    }
}

/* --- the VAE's step -------------------------------------------------------------------- */

struct vae_case {
    struct verify_case c;
    struct vae net;
    struct vae_objective objective;
    const float *motion, *eps, *mean, *std;
    const int *lengths;
    int batch, frames, joints;
    const char *folder;                /* of the expected losses */
    int results;                       /* compare the tensors too */
};

static void compare_vae_tensors(struct vae_case *k, struct tape *t, struct tensor *outputs[6])
{
    static const char *const names[6] = {"out/mu", NULL, "out/z", "out/feats_rst", "out/joints_rst", "out/joints_ref"};
    struct verify_case *c = &k->c;
    int rows = outputs[1] ? outputs[1]->rows : 0, cols = outputs[1] ? outputs[1]->cols : 1;
    size_t n = (size_t)rows * (size_t)cols;
    float *zero = case_memory(c, n), *one = case_memory(c, n);
    if (!zero || !one) return;
    for (size_t i = 0; i < n; i++) one[i] = 1;
    for (int i = 0; i < 6; i++)
        if (names[i]) case_compare_tensor(c, names[i], NULL, outputs[i], result);
    case_compare_tensor(c, "out/std", NULL, op_reparameterise(t, tape_constant(t, zero, rows, cols), outputs[1],
                                                              tape_constant(t, one, rows, cols)), result);
}

static double vae_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    struct vae_case *k = context;
    struct verify_case *c = &k->c;
    struct tensor *outputs[6] = {NULL};
    int F = k->net.size.nfeats, latents = k->batch * k->net.size.latent_tokens;
    char name[240];
    (void)step;
    (void)piece;
    (void)terms;
    struct vae_losses l = vae_objective_run(
        t, &k->net, &k->objective, tape_constant(t, k->motion, k->batch * k->frames, F), k->lengths, k->batch, k->frames,
        tape_constant(t, k->eps, latents, k->net.size.latent_width), tape_constant(t, k->mean, 1, F),
        tape_constant(t, k->std, 1, F), k->joints, 1, outputs);
    if (tape_failed(t, NULL)) return 0;
    if (k->results) compare_vae_tensors(k, t, outputs);
    case_compare_value(c, path(name, k->folder, "rec_feats_loss"), l.features, result);
    case_compare_value(c, path(name, k->folder, "rec_joints_loss"), l.joints, result);
    case_compare_value(c, path(name, k->folder, "rec_velocity_loss"), l.local, result);
    case_compare_value(c, path(name, k->folder, "kl_loss"), l.kl, result);
    case_compare_value(c, path(name, k->folder, "loss"), l.total, result);
    return l.total;
}

static void vae_losses_of(struct vae_case *k, struct trainer *t, const char *folder, enum element_loss kind, double joints,
                          double local, double kl, int masked)
{
    struct vae_objective keep = k->objective;
    if (!h5_has(k->c.file, folder) || k->c.code) return;
    k->objective.features = k->objective.joints = k->objective.local = kind;
    k->objective.joints_weight = (float)joints;
    k->objective.local_weight = (float)local;
    k->objective.kl_weight = (float)kl;
    k->objective.masked = masked;
    k->folder = folder;
    k->results = 0;
    case_note(&k->c, trainer_gradients(t, 1, vae_piece, k, k->c.error));
    k->objective = keep;
}

static int vae_train_step(struct verify *v, struct h5 *f, struct error *e)
{
    struct vae_case k = {0};
    struct verify_case *c = &k.c;
    struct trainer trainer = {0};
    if (!case_open(c, v, f, 1, e)) case_vae(c, &k.net);
    k.objective = (struct vae_objective){
        .features = named_loss(c, "rec_feats_loss"),
        .joints = named_loss(c, "rec_joints_loss"),
        .local = named_loss(c, "rec_velocity_loss"),
        .features_weight = (float)case_number(c, "rec_feats_ratio", 1),
        .joints_weight = (float)case_number(c, "rec_joints_ratio", 1),
        .local_weight = (float)case_number(c, "rec_velocity_ratio", 0),
        .kl_weight = (float)case_number(c, "kl_ratio", 1e-4),
        .masked = case_int(c, "mask_loss", 1),
    };
    k.joints = case_int(c, "njoints", 22);
    int F = k.net.size.nfeats, motion_dims[3] = {0, 0, F}, one_dims[1] = {F};
    k.motion = case_floats(c, "in/motion", 3, motion_dims);
    k.batch = motion_dims[0];
    k.frames = motion_dims[1];
    int length_dims[1] = {k.batch}, eps_dims[3] = {k.batch, k.net.size.latent_tokens, k.net.size.latent_width};
    k.lengths = case_ints(c, "in/lengths", 1, length_dims);
    k.eps = case_floats(c, "in/eps", 3, eps_dims);
    k.mean = case_floats(c, "in/mean", 1, one_dims);
    k.std = case_floats(c, "in/std", 1, one_dims);
    struct trainer_config config = trainer_defaults();
    config.dropout = 0;
    config.accumulators = 1;
    struct params *sets[1] = {&k.net.params};
    if (c->code || case_note(c, trainer_create(&trainer, &c->device, sets, 1, &config, e))) goto out;
    k.folder = "out";
    k.results = 1;
    case_note(c, trainer_gradients(&trainer, 1, vae_piece, &k, e));
    if (!c->code) {
        compare_gradients(c, "grad", &k.net.params, trainer.gradient[0][0]);
        case_compare_value(c, "out/grad_norm", trainer.norm, result);
    }
    double joints = (double)k.objective.joints_weight, kl = (double)k.objective.kl_weight;
    vae_losses_of(&k, &trainer, "alt_l1", LOSS_L1, joints, 0.5, 1e-2, k.objective.masked);
    vae_losses_of(&k, &trainer, "alt_l2_unmasked", LOSS_L2, 0.25, 0.5, kl, 0);
out:
    trainer_free(&trainer);
    vae_free(&k.net);
    return case_close(c);
}

/* --- the distillation's step ----------------------------------------------------------------- */

struct distill_case {
    struct verify_case c;
    struct denoiser teacher, online, target;
    struct distillation plan;
    const float *latents, *noise, *w, *guidance, *text, *empty, *time_start, *time_end;
    const int *index;
    int batch, tokens;
    int results;
};

static double distill_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    static const char *const names[DISTILL_OUTPUTS] = {
        [DISTILL_NOISY] = "mid/noisy",          [DISTILL_ONLINE] = "mid/online_eps",
        [DISTILL_COND] = "mid/teacher_eps_cond", [DISTILL_UNCOND] = "mid/teacher_eps_uncond",
        [DISTILL_PREVIOUS] = "mid/x_prev",      [DISTILL_TARGET_NOISE] = "mid/target_eps",
        [DISTILL_PREDICTION] = "mid/model_pred", [DISTILL_TARGET] = "mid/target",
    };
    struct distill_case *k = context;
    const struct denoiser_size *s = &k->online.size;
    struct tensor *outputs[DISTILL_OUTPUTS] = {NULL};
    int rows = k->batch * s->latent_tokens, text_rows = k->batch * k->tokens;
    (void)step;
    (void)piece;
    (void)terms;
    struct distill_input in = {
        .latent = tape_constant(t, k->latents, rows, s->latent_width),
        .noise = tape_constant(t, k->noise, rows, s->latent_width),
        .index = k->index,
        .w = k->w,
        .guidance = tape_constant(t, k->guidance, k->batch, s->guidance_width),
        .time_start = tape_constant(t, k->time_start, k->batch, s->time_width),
        .time_end = tape_constant(t, k->time_end, k->batch, s->time_width),
        .text = tape_constant(t, k->text, text_rows, s->text_width),
        .text_empty = tape_constant(t, k->empty, text_rows, s->text_width),
        .batch = k->batch,
        .text_tokens = k->tokens,
        .share = 1,
    };
    double loss = distill_run(t, &k->plan, &k->teacher, &k->online, &k->target, &in, outputs);
    for (int i = 0; i < DISTILL_OUTPUTS && k->results && !tape_failed(t, NULL); i++)
        case_compare_tensor(&k->c, names[i], NULL, outputs[i], result);
    return loss;
}

/* The timesteps and boundary scalings that belong to the indices. */
static void compare_points(struct distill_case *k)
{
    struct verify_case *c = &k->c;
    int *start = (int *)case_memory(c, (size_t)k->batch), *end = (int *)case_memory(c, (size_t)k->batch);
    float *scaling[4];
    for (int i = 0; i < 4; i++) scaling[i] = case_memory(c, (size_t)k->batch);
    for (int b = 0; b < k->batch && !c->code; b++) {
        double skip, scale;
        start[b] = k->plan.timesteps[k->index[b]];
        end[b] = start[b] - TRAIN_STEPS / k->plan.points > 0 ? start[b] - TRAIN_STEPS / k->plan.points : 0;
        boundary_scalings(start[b], &skip, &scale);
        scaling[0][b] = (float)skip;
        scaling[1][b] = (float)scale;
        boundary_scalings(end[b], &skip, &scale);
        scaling[2][b] = (float)skip;
        scaling[3][b] = (float)scale;
    }
    if (c->code) return;
    case_compare_ints(c, "mid/start_timesteps", start, (size_t)k->batch);
    case_compare_ints(c, "mid/end_timesteps", end, (size_t)k->batch);
    case_compare(c, "mid/c_skip_start", NULL, scaling[0], (size_t)k->batch, result);
    case_compare(c, "mid/c_out_start", NULL, scaling[1], (size_t)k->batch, result);
    case_compare(c, "mid/c_skip_end", NULL, scaling[2], (size_t)k->batch, result);
    case_compare(c, "mid/c_out_end", NULL, scaling[3], (size_t)k->batch, result);
}

/* Weights after the step against FOLDER/NAME. The first step divides each gradient by its own
 * size, so a weight whose clipped gradient is rounding noise may move by up to the rate:
 * determined weights (gradient > 1e-5, or exactly 0 in both runs) are compared tightly, the others
 * at `loose`. `own`: the gradients computed here, (device). */
static void compare_weights(struct verify_case *c, const char *folder, const char *gradients, const struct params *p,
                            const float *flat, const float *own, double factor, double loose)
{
    char name[240], label[300], shape[64];
    for (int i = 0; i < p->count && !c->code; i++) {
        const struct param *t = p->items[i];
        const float *want = param_reference(c, folder, t), *g = param_reference(c, gradients, t);
        float *host = case_memory(c, t->count), *gradients_here = case_memory(c, t->count), *got[2], *reference[2];
        size_t n[2] = {0, 0};
        for (int part = 0; part < 2; part++) {
            got[part] = case_memory(c, t->count);
            reference[part] = case_memory(c, t->count);
        }
        if (c->code) return;
        c->device.download(&c->device, host, flat + t->offset, t->count);
        c->device.download(&c->device, gradients_here, own + t->offset, t->count);
        for (size_t k = 0; k < t->count; k++) {
            double size = fabs((double)(g[k] != 0.0f ? g[k] : gradients_here[k])) * factor;
            int part = size > 0 && size <= 1e-5;
            got[part][n[part]] = host[k];
            reference[part][n[part]++] = want[k];
        }
        for (int part = 0; part < 2; part++) {
            if (!n[part]) continue;
            snprintf(shape, sizeof shape, "%zu", n[part]);
            snprintf(label, sizeof label, "%s%s", path(name, folder, t->name), part ? " (undetermined)" : "");
            verify_array(c->verify, label, shape, got[part], reference[part], n[part], part ? loose : stepped);
        }
    }
}

/* One optimiser step from the state of the checkpoint, with one kind of loss. */
static void distill_kind(struct distill_case *k, const char *kind, enum element_loss loss)
{
    struct verify_case *c = &k->c;
    struct trainer trainer = {0};
    char name[240], gradients[40], attr[60];
    if (c->code || !h5_has(c->file, kind)) return;
    case_note(c, params_load(&k->online.params, &c->weights, "denoiser.", c->error));
    case_note(c, params_load(&k->target.params, &c->weights, "target.", c->error));
    struct trainer_config config = trainer_defaults();
    snprintf(attr, sizeof attr, "%s_weight_decay", kind);
    double rate = case_number(c, "learning_rate", 2e-4);
    config.dropout = 0;
    config.accumulators = 1;
    config.weight_decay = (float)case_number(c, attr, 0);
    config.clip = (float)case_number(c, "max_grad_norm", 1);
    config.beta1 = (float)case_number(c, "adam_beta1", 0.9);
    config.beta2 = (float)case_number(c, "adam_beta2", 0.999);
    config.eps = (float)case_number(c, "adam_epsilon", 1e-8);
    k->plan.loss = loss;
    struct params *sets[1] = {&k->online.params};
    if (c->code || case_note(c, trainer_create(&trainer, &c->device, sets, 1, &config, c->error))) return;
    if (!case_note(c, trainer_gradients(&trainer, 1, distill_piece, k, c->error)) && !c->code) {
        snprintf(gradients, sizeof gradients, "%s/grad", kind);
        case_compare_value(c, path(name, kind, "loss"), trainer.loss, result);
        case_compare_value(c, path(name, kind, "grad_norm"), trainer.norm, result);
        compare_gradients(c, gradients, &k->online.params, trainer.gradient[0][0]);
        case_note(c, trainer_update(&trainer, rate, c->error));
        double factor = fmin(1, (double)config.clip / (trainer.norm + 1e-6));
        const float *own = trainer.gradient[0][0];
        snprintf(attr, sizeof attr, "%s/param_after", kind);
        compare_weights(c, attr, gradients, &k->online.params, k->online.params.x, own, factor, 2 * rate);
        snprintf(attr, sizeof attr, "%s/target_after", kind);
        if (h5_has(c->file, attr)) {
            float keep = (float)case_number(c, "ema_decay", 0.95), *average = k->target.params.x;
            c->device.combine(&c->device, average, keep, average, 1 - keep, k->online.params.x, k->online.params.total);
            compare_weights(c, attr, gradients, &k->target.params, average, own, factor, 2 * rate);
        }
    }
    trainer_free(&trainer);
}

static int lcm_distill_step(struct verify *v, struct h5 *f, struct error *e)
{
    struct distill_case k = {.results = 1};
    struct verify_case *c = &k.c;
    if (!case_open(c, v, f, 1, e)) {
        case_denoiser(c, &k.online, "denoiser.");
        case_denoiser(c, &k.target, "target.");
        case_denoiser(c, &k.teacher, "teacher.");
    }
    int points = case_int(c, "num_ddim_timesteps", 50);
    float huber_c = (float)case_number(c, "huber_c", 0.001);
    if (!c->code) case_note(c, distillation_make(&k.plan, points, LOSS_PSEUDO_HUBER, huber_c, e));
    if (!c->code) {
        noise_schedule_make(&k.plan.schedule, case_number(c, "beta_start", 0.00085), case_number(c, "beta_end", 0.012));
        solver_grid(&k.plan.schedule, points, k.plan.timesteps, k.plan.alpha_previous);
    }
    const struct denoiser_size *s = &k.online.size;
    int latent_dims[3] = {0, s->latent_tokens, s->latent_width};
    k.latents = case_floats(c, "in/latents", 3, latent_dims);
    k.batch = latent_dims[0];
    int one_dims[1] = {k.batch}, text_dims[3] = {k.batch, 0, s->text_width};
    int time_dims[2] = {k.batch, s->time_width}, guidance_dims[2] = {k.batch, s->guidance_width};
    k.noise = case_floats(c, "in/noise", 3, latent_dims);
    k.index = case_ints(c, "in/index", 1, one_dims);
    k.w = case_floats(c, "in/w", 1, one_dims);
    k.guidance = case_floats(c, "in/w_embedding", 2, guidance_dims);
    k.text = case_floats(c, "in/text_cond", 3, text_dims);
    k.empty = case_floats(c, "in/text_uncond", 3, text_dims);
    k.time_start = case_floats(c, "mid/time_proj_start", 2, time_dims);
    k.time_end = case_floats(c, "mid/time_proj_end", 2, time_dims);
    k.tokens = text_dims[1];
    for (int b = 0; b < k.batch && !c->code; b++)
        if (k.index[b] < 0 || k.index[b] >= points)
            case_note(c, error_set(e, ERR_INPUT, "%s: in/index %d on a grid of %d points", h5_path(f), k.index[b], points));
    if (!c->code) compare_points(&k);
    distill_kind(&k, "huber", LOSS_PSEUDO_HUBER);
    k.results = 0;
    distill_kind(&k, "l2", LOSS_L2);
    denoiser_free(&k.online);
    denoiser_free(&k.target);
    denoiser_free(&k.teacher);
    return case_close(c);
}

const struct verify_kind verify_kinds_training[] = {
    {"vae_train_step", vae_train_step}, {"lcm_distill_step", lcm_distill_step}, {NULL, NULL},
};
