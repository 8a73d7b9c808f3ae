/* Motion control: ControlNet, its objective, masks and signals, latent tuning. */
#include "../engine/control_mask.h"
#include "../engine/control_objective.h"
#include "../engine/latent_tuning.h"
#include "../engine/sampler.h"
#include "../engine/trainer.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 3, FRAMES = 13, JOINTS = 5, FEATURES = 26, TEXT = 12, TIME = 16, GUIDANCE = 10, WIDTH = 24, SEED = 17 };

static const int lengths[BATCH] = {13, 5, 9};

/* The frozen networks, the trained ones, and one batch of data. */
struct problem {
    struct device device;
    struct vae vae;
    struct denoiser denoiser;
    struct controlnet controlnet;
    struct trajectory_encoder trajectory;
    struct control_objective objective;
    int pieces;                     /* the batch as one piece or a sample a piece */
    float latent[BATCH * 4 * WIDTH], noise[BATCH * 4 * WIDTH], text[BATCH * TEXT], motion[BATCH * FRAMES * FEATURES];
    float mean[FEATURES], std[FEATURES], raw_mean[3 * JOINTS], raw_std[3 * JOINTS];
    float hint[BATCH * FRAMES * JOINTS * 3];
    unsigned char mask[BATCH * FRAMES * JOINTS];
};

static void fill(float *x, size_t n, const char *name) { rng_fill_normal(SEED, rng_stream(name), 0, x, n); }

static void draw_signal(struct problem *p)
{
    struct rng r = rng_make(SEED, rng_stream("signal"));
    static const int joints[2] = {1, 4};
    float positions[FRAMES * JOINTS * 3];
    memset(p->mask, 0, sizeof p->mask);
    memset(p->hint, 0, sizeof p->hint);
    for (int b = 0; b < BATCH; b++) {
        fill(positions, FRAMES * JOINTS * 3, b == 0 ? "first" : b == 1 ? "second" : "third");
        unsigned char *mask = p->mask + b * FRAMES * JOINTS;
        assert_int_equal(control_mask_spatial_draw(&r, joints, 2, lengths[b], JOINTS, mask, NULL), 0);
        assert_int_equal(control_signal(positions, mask, p->raw_mean, p->raw_std, lengths[b], JOINTS,
                                        p->hint + b * FRAMES * JOINTS * 3, NULL), 0);
    }
}

/* generation 1: one latent token as wide as the transformer; 2: four narrow ones. */
static struct problem *problem_make(int generation)
{
    struct problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    int tokens = generation == 2 ? 4 : 1, width = generation == 2 ? 10 : WIDTH, projections = generation == 2;
    const struct transformer_size tr = {WIDTH, 40, 3, 4, 1e-5f};
    const struct vae_size vae = {FEATURES, tokens, width, projections, 32, tr};
    const struct denoiser_size denoiser = {tokens, width, projections, TEXT, TIME, GUIDANCE,
                                           generation == 2 ? ACT_NONE : ACT_RELU, 16, tr};
    const struct controlnet_size control = {denoiser, 14, generation == 2 ? ACT_SILU : ACT_NONE};
    const struct trajectory_encoder_size trajectory = {JOINTS, tokens, width, projections, 32, tr};
    assert_int_equal(device_open_cpu(&p->device, 1, NULL), 0);
    assert_int_equal(vae_create(&p->vae, &p->device, &vae, NULL), 0);
    assert_int_equal(denoiser_create(&p->denoiser, &p->device, &denoiser, NULL), 0);
    assert_int_equal(controlnet_create(&p->controlnet, &p->device, &control, NULL), 0);
    assert_int_equal(trajectory_encoder_create(&p->trajectory, &p->device, &trajectory, NULL), 0);
    assert_int_equal(params_initialise(&p->vae.params, SEED, NULL), 0);
    assert_int_equal(params_initialise(&p->denoiser.params, SEED, NULL), 0);
    fill(p->denoiser.guidance->x, p->denoiser.guidance->count, "guidance");
    assert_int_equal(controlnet_initialise(&p->controlnet, &p->denoiser, SEED + 1, NULL), 0);
    assert_int_equal(params_initialise(&p->trajectory.params, SEED + 2, NULL), 0);
    p->objective = (struct control_objective){.kind = CONTROL_SUM, .element = LOSS_L2, .latent_weight = 1, .control_weight = 1};
    noise_schedule_make(&p->objective.schedule, 0.00085, 0.012);
    p->pieces = 1;
    fill(p->latent, BATCH * 4 * WIDTH, "latent");
    fill(p->noise, BATCH * 4 * WIDTH, "noise");
    fill(p->text, BATCH * TEXT, "text");
    fill(p->motion, BATCH * FRAMES * FEATURES, "motion");
    fill(p->mean, FEATURES, "mean");
    fill(p->raw_mean, 3 * JOINTS, "raw mean");
    for (int i = 0; i < FEATURES; i++) p->std[i] = 0.2f;
    for (int i = 0; i < 3 * JOINTS; i++) p->raw_std[i] = 0.5f + 0.1f * (float)i;
    draw_signal(p);
    return p;
}

static void problem_free(struct problem *p)
{
    vae_free(&p->vae);
    denoiser_free(&p->denoiser);
    controlnet_free(&p->controlnet);
    trajectory_encoder_free(&p->trajectory);
    device_close(&p->device);
    free(p);
}

/* What starts at zero gets values, so that the whole network takes part. */
static void wake(struct problem *p)
{
    struct params *c = &p->controlnet.base.params;
    for (int i = 0; i < c->count; i++)
        if (c->items[i]->rule == INIT_ZERO && strcmp(c->items[i]->name, "time_embedding.cond_proj.weight")) {
            fill(c->items[i]->x, c->items[i]->count, c->items[i]->name);
            for (size_t k = 0; k < c->items[i]->count; k++) c->items[i]->x[k] *= 0.2f;
        }
}

static struct denoiser_input conditions(struct problem *p, struct tape *t)
{
    static const int timesteps[BATCH] = {7, 400, 981};
    static const float w[BATCH] = {5, 7.5f, 15};
    const struct denoiser_size *s = &p->denoiser.size;
    return (struct denoiser_input){.latent = tape_constant(t, p->latent, BATCH * s->latent_tokens, s->latent_width),
                                   .time = time_feature_rows(t, timesteps, BATCH, TIME),
                                   .guidance = guidance_feature_rows(t, w, BATCH, GUIDANCE),
                                   .text = tape_constant(t, p->text, BATCH, TEXT),
                                   .batch = BATCH,
                                   .text_tokens = 1};
}

static struct tensor *trajectory_of(struct problem *p, struct tape *t)
{
    struct tensor *hint = tape_constant(t, p->hint, BATCH * FRAMES, 3 * JOINTS);
    return trajectory_encoder_run(t, &p->trajectory, hint, p->mask, BATCH);
}

/* --- networks ------------------------------------------------------------------------------ */

/* At first the residuals are exactly zero, in one evaluation and through both samplers. */
static void a_fresh_controlnet_changes_nothing(void **state)
{
    (void)state;
    for (int generation = 1; generation <= 2; generation++) {
        struct problem *p = problem_make(generation);
        struct tape t;
        struct sampler s;
        tape_init(&t, &p->device);
        for (int awake = 0; awake < 2; awake++) {
            struct tensor *residuals[MAX_LAYERS];
            if (awake) wake(p);
            tape_start(&t, 0, 0, 0, 0);
            struct denoiser_input in = conditions(p, &t);
            struct tensor *alone = denoiser_run(&t, &p->denoiser, &in, NULL), *trajectory = trajectory_of(p, &t);
            controlnet_run(&t, &p->controlnet, &in, trajectory, residuals, NULL);
            in.residuals = residuals;
            struct tensor *led = denoiser_run(&t, &p->denoiser, &in, NULL);
            assert_int_equal(tape_failed(&t, NULL), 0);
            size_t bytes = (size_t)alone->rows * (size_t)alone->cols * sizeof(float);
            assert_int_equal(memcmp(alone->x, led->x, bytes) == 0, !awake);
            for (int lcm = 0; lcm < 2; lcm++) {
                struct error e;
                float fresh[3 * BATCH * 4 * WIDTH];
                fill(fresh, 3 * BATCH * 4 * WIDTH, "fresh");
                assert_int_equal(lcm ? sampler_lcm(&s, generation, 2, 50, 0, &e) : sampler_ddim(&s, 4, 7.5f, &e), 0);
                struct sampler_input run = {.noise = in.latent, .step_noise = fresh, .text = in.text, .text_empty = in.text,
                                            .batch = BATCH, .text_tokens = 1};
                struct tensor *free_run = sampler_run(&t, &s, &p->denoiser, &run);
                run.controlnet = &p->controlnet;
                run.trajectory = trajectory;
                struct tensor *led_run = sampler_run(&t, &s, &p->denoiser, &run);
                assert_int_equal(tape_failed(&t, NULL), 0);
                assert_int_equal(memcmp(free_run->x, led_run->x, bytes) == 0, !awake);
            }
        }
        tape_free(&t);
        problem_free(p);
    }
}

/* Classifier-free guidance controls both halves alike: with one text in both it is no guidance at all. */
static void guided_sampling_controls_both_halves(void **state)
{
    (void)state;
    struct problem *p = problem_make(2);
    struct tape t;
    struct sampler s;
    struct denoiser_size plain = p->denoiser.size;
    plain.guidance_width = 0;
    denoiser_free(&p->denoiser);
    assert_int_equal(denoiser_create(&p->denoiser, &p->device, &plain, NULL), 0);
    assert_int_equal(params_initialise(&p->denoiser.params, SEED, NULL), 0);
    wake(p);
    tape_init(&t, &p->device);
    tape_start(&t, 0, 0, 0, 0);
    struct denoiser_input in = conditions(p, &t);
    struct tensor *out[2];
    struct sampler_input run = {.noise = in.latent, .text = in.text, .text_empty = in.text, .batch = BATCH, .text_tokens = 1,
                                .controlnet = &p->controlnet, .trajectory = trajectory_of(p, &t)};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sampler_ddim(&s, 4, i ? 5.0f : 1.0f, NULL), 0);
        out[i] = sampler_run(&t, &s, &p->denoiser, &run);
        assert_non_null(out[i]);
    }
    for (int i = 0; i < out[0]->rows * out[0]->cols; i++) assert_true(fabsf(out[0]->x[i] - out[1]->x[i]) < 1e-3f);
    run.trajectory = NULL;
    assert_null(sampler_run(&t, &s, &p->denoiser, &run));
    assert_int_not_equal(tape_failed(&t, NULL), 0);
    tape_free(&t);
    problem_free(p);
}

/* Frames without a controlled joint do not matter: neither what they hold nor how many follow. */
static void uncontrolled_frames_are_not_seen(void **state)
{
    (void)state;
    struct problem *p = problem_make(2);
    struct tape t;
    float seen[FRAMES];
    tape_init(&t, &p->device);
    tape_start(&t, 0, 0, 0, 0);
    trajectory_frames(p->mask, 1, FRAMES, JOINTS, seen);
    struct tensor *before = trajectory_of(p, &t);
    int changed = 0;
    for (int i = 0; i < FRAMES; i++)
        for (int k = 0; k < 3 * JOINTS; k++)
            if (seen[i] < 0.5f) {
                p->hint[i * 3 * JOINTS + k] = 9;
                changed++;
            }
    assert_true(changed > 0);
    struct tensor *after = trajectory_of(p, &t);
    assert_non_null(after);
    for (int i = 0; i < before->rows * before->cols; i++) assert_true(fabsf(before->x[i] - after->x[i]) < 1e-6f);
    tape_free(&t);
    problem_free(p);
}

static void sizes_come_back_from_a_checkpoint(void **state)
{
    (void)state;
    for (int generation = 1; generation <= 2; generation++) {
        struct problem *p = problem_make(generation);
        struct weights w = {0};
        struct controlnet_size c;
        struct trajectory_encoder_size s;
        struct error e = {0};
        assert_int_equal(params_store(&p->controlnet.base.params, &w, "controlnet.", &e), 0);
        assert_int_equal(params_store(&p->trajectory.params, &w, "traj_encoder.", &e), 0);
        assert_int_equal(controlnet_size_from(&w, "controlnet.", 4, p->denoiser.size.text_act, &c, &e), 0);
        c.denoiser.latent_tokens = p->denoiser.size.latent_tokens;
        assert_memory_equal(&c, &p->controlnet.size, sizeof c);
        assert_int_equal(trajectory_encoder_size_from(&w, "traj_encoder.", 4, &s, &e), 0);
        assert_memory_equal(&s, &p->trajectory.size, sizeof s);
        assert_null(weights_find(&w, "controlnet.encoder.norm.weight"));
        assert_int_equal(controlnet_size_from(&w, "denoiser.", 4, ACT_NONE, &c, &e), ERR_INPUT);
        assert_int_equal(trajectory_encoder_size_from(&w, "vae.", 4, &s, &e), ERR_INPUT);
        weights_free(&w);
        struct denoiser other;
        struct denoiser_size wrong = p->denoiser.size;
        wrong.text_width++;
        assert_int_equal(denoiser_create(&other, &p->device, &wrong, NULL), 0);
        assert_int_equal(controlnet_initialise(&p->controlnet, &other, 1, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "emb_proj.1.weight"));
        denoiser_free(&other);
        problem_free(p);
    }
}

/* --- the objective ----------------------------------------------------------------------------- */

static double control_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    struct problem *p = context;
    static const int timesteps[BATCH] = {7, 400, 650};
    static const float w[BATCH] = {5, 7.5f, 15};
    const struct denoiser_size *s = &p->denoiser.size;
    int n = BATCH / p->pieces, first = piece * n, rows = n * s->latent_tokens;
    size_t frames = (size_t)first * FRAMES, latent = (size_t)(first * s->latent_tokens * s->latent_width);
    (void)step;
    const struct control_networks networks = {&p->vae, &p->denoiser, &p->controlnet, &p->trajectory};
    const struct control_input in = {
        .latent = tape_constant(t, p->latent + latent, rows, s->latent_width),
        .noise = tape_constant(t, p->noise + latent, rows, s->latent_width),
        .timesteps = timesteps + first,
        .w = w + first,
        .text = tape_constant(t, p->text + first * TEXT, n, TEXT),
        .hint = p->hint + frames * JOINTS * 3,
        .mask = p->mask + frames * JOINTS,
        .lengths = lengths + first,
        .motion = tape_constant(t, p->motion + frames * FEATURES, n * FRAMES, FEATURES),
        .mean = tape_constant(t, p->mean, 1, FEATURES),
        .std = tape_constant(t, p->std, 1, FEATURES),
        .raw_mean = p->raw_mean,
        .raw_std = p->raw_std,
        .batch = n,
        .frames = FRAMES,
        .text_tokens = 1,
        .share = (float)n / BATCH,
        .keypoints = control_keypoints(p->mask, BATCH * FRAMES, JOINTS),
        .valid_frames = lengths[0] + lengths[1] + lengths[2],
    };
    struct control_losses l = control_objective_run(t, &p->objective, &networks, &in, NULL);
    terms[0] += l.latent;
    terms[1] += l.control;
    terms[2] += l.features;
    return l.total;
}

static void open_trainer(struct problem *p, struct trainer *t, float dropout)
{
    struct trainer_config config = trainer_defaults();
    struct params *sets[2] = {&p->controlnet.base.params, &p->trajectory.params};
    config.accumulators = 1;
    config.dropout = dropout;
    config.rate = 1e-3f;
    assert_int_equal(trainer_create(t, &p->device, sets, 2, &config, NULL), 0);
}

/* Each tensor's gradient, along itself, against central differences of the loss. */
static void check_gradients(struct problem *p, const char *what)
{
    struct trainer t;
    struct error e = {0};
    const double h = 2e-3;
    int wrong = 0, silent = 0;
    open_trainer(p, &t, 0.2f);
    if (trainer_gradients(&t, 1, control_piece, p, &e)) fail_msg("%s", e.text);
    double norm = t.norm;
    assert_true(norm > 0.01 && t.terms[1] > 0);
    for (int set = 0; set < 2; set++) {
        struct params *net = t.params[set];
        float *g = malloc(net->total * sizeof *g), *keep = malloc(net->total * sizeof *keep);
        assert_true(g && keep);
        assert_int_equal(trainer_gradients(&t, 1, control_piece, p, NULL), 0);
        memcpy(g, t.gradient[0][set], net->total * sizeof *g);
        memcpy(keep, net->x, net->total * sizeof *keep);
        for (int i = 0; i < net->count; i++) {
            struct param *q = net->items[i];
            double length = 0, loss[2];
            for (size_t k = 0; k < q->count; k++) length += (double)g[q->offset + k] * (double)g[q->offset + k];
            length = sqrt(length);
            int unused = !set && !strncmp(q->name, "latent_post.", 12);
            assert_int_equal(unused && length > 0, 0);
            silent += !unused && !(length > 0);
            if (!(length > 0)) continue;
            for (int side = 0; side < 2; side++) {
                double step = (side ? -h : h) / length;
                for (size_t k = 0; k < q->count; k++) q->x[k] = (float)((double)keep[q->offset + k] + step * (double)g[q->offset + k]);
                assert_int_equal(trainer_gradients(&t, 1, control_piece, p, NULL), 0);
                loss[side] = t.loss;
            }
            memcpy(q->x, keep + q->offset, q->count * sizeof *keep);
            double slope = (loss[0] - loss[1]) / (2 * h);
            if (!(fabs(slope - length) <= 5e-4 * norm + 5e-3 * length)) {
                print_error("%s: %s: gradient of length %g, difference %g\n", what, q->name, length, slope);
                wrong++;
            }
        }
        free(g);
        free(keep);
    }
    trainer_free(&t);
    assert_int_equal(wrong, 0);
    assert_int_equal(silent, 0);
}

static void objective_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct problem *p = problem_make(i ? 2 : 1);
        wake(p);
        p->objective.kind = (enum control_kind)i;
        p->objective.element = i == 1 ? LOSS_SMOOTH_L1 : LOSS_L2;
        p->objective.metric = i == 1;
        p->objective.noise_target = i == 2;
        p->objective.latent_weight = 0.05f;
        p->objective.features_weight = i == 2 ? 0.1f : 0;
        check_gradients(p, i == 0 ? "sum" : i == 1 ? "mask, metres" : "sum_mask");
        problem_free(p);
    }
}

/* The pieces of a batch add up to the batch, whatever the kind. */
static void pieces_add_up(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct problem *p = problem_make(2);
        struct trainer t;
        double loss[2], norm[2], terms[2][3];
        wake(p);
        p->objective.kind = (enum control_kind)kind;
        p->objective.features_weight = 0.5f;
        open_trainer(p, &t, 0);
        for (int i = 0; i < 2; i++) {
            p->pieces = i ? BATCH : 1;
            assert_int_equal(trainer_gradients(&t, p->pieces, control_piece, p, NULL), 0);
            loss[i] = t.loss;
            norm[i] = t.norm;
            memcpy(terms[i], t.terms, sizeof terms[i]);
        }
        assert_true(fabs(loss[0] - loss[1]) < 1e-5 * loss[0] && fabs(norm[0] - norm[1]) < 1e-4 * norm[0]);
        for (int k = 0; k < 3; k++) assert_true(terms[0][k] > 0 && fabs(terms[0][k] - terms[1][k]) < 1e-5 * terms[0][k]);
        trainer_free(&t);
        problem_free(p);
    }
}

/* Training moves ControlNet and trajectory encoder, lowers the control term, and leaves the rest. */
static void training_leaves_the_frozen_networks(void **state)
{
    (void)state;
    struct problem *p = problem_make(2);
    struct trainer t;
    double first = 0;
    size_t vae = p->vae.params.total * sizeof(float), denoiser = p->denoiser.params.total * sizeof(float);
    size_t trained = p->trajectory.params.total * sizeof(float);
    float *before = malloc(vae + denoiser + trained);
    assert_non_null(before);
    memcpy(before, p->vae.params.x, vae);
    memcpy((char *)before + vae, p->denoiser.params.x, denoiser);
    memcpy((char *)before + vae + denoiser, p->trajectory.params.x, trained);
    open_trainer(p, &t, 0);
    t.config.steps = 40;
    t.config.warmup = 2;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(trainer_step(&t, 1, control_piece, p, NULL), 0);
        if (!i) first = t.loss;
    }
    if (!(t.loss < 0.9 * first)) fail_msg("loss %g at first, %g after 40 steps", first, t.loss);
    assert_memory_equal(before, p->vae.params.x, vae);
    assert_memory_equal((char *)before + vae, p->denoiser.params.x, denoiser);
    assert_memory_not_equal((char *)before + vae + denoiser, p->trajectory.params.x, trained);
    free(before);
    trainer_free(&t);
    problem_free(p);
}

static void bad_signals_are_errors(void **state)
{
    (void)state;
    struct problem *p = problem_make(2);
    struct trainer t;
    struct error e;
    open_trainer(p, &t, 0);
    for (int fault = 0; fault < 4; fault++) {
        draw_signal(p);
        size_t off = 0, on = 0;
        while (p->mask[off]) off++;
        while (!p->mask[on]) on++;
        if (fault == 0) p->hint[3 * on + 1] = NAN;
        if (fault == 1) p->hint[3 * off] = NAN;
        if (fault == 2) p->hint[3 * off] = 0.5f;
        if (fault == 3) {
            memset(p->mask, 0, FRAMES * JOINTS);
            memset(p->hint, 0, FRAMES * JOINTS * 3 * sizeof *p->hint);
        }
        assert_int_not_equal(trainer_gradients(&t, 1, control_piece, p, &e), 0);
        assert_non_null(strstr(e.text, fault < 2 ? "not finite" : fault == 2 ? "not controlled" : "no controlled joint"));
    }
    draw_signal(p);
    assert_int_equal(trainer_gradients(&t, 1, control_piece, p, &e), 0);
    p->raw_std[2] = 0;
    assert_int_not_equal(trainer_gradients(&t, 1, control_piece, p, &e), 0);
    trainer_free(&t);
    problem_free(p);
}

/* --- masks and signals --------------------------------------------------------------------------- */

enum { LONG = 100, ALL = 22 };

static int controlled_frames(const unsigned char *mask, int frames)
{
    float seen[LONG];
    int n = 0;
    trajectory_frames(mask, 1, frames, ALL, seen);
    for (int i = 0; i < frames; i++) n += seen[i] > 0;
    return n;
}

static void temporal_masks(void **state)
{
    unsigned char mask[LONG * ALL];
    struct error e;
    struct rng r = rng_make(SEED, 1);
    (void)state;
    memset(mask, 7, sizeof mask);
    assert_int_equal(control_mask_temporal(control_pose_joints, CONTROL_POSE_JOINTS, 25, 99, ALL, mask, &e), 0);
    assert_int_equal(control_keypoints(mask, 99, ALL), 24 * 6);   /* the floor of 24.75 */
    for (int i = 0; i < 99; i++)
        for (int j = 0; j < ALL; j++) {
            int wanted = i < 24 && (j == 0 || j == 10 || j == 11 || j == 15 || j == 20 || j == 21);
            assert_int_equal(mask[i * ALL + j], wanted);
        }
    int least = LONG, most = 0;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(control_mask_temporal_draw(&r, control_pose_joints, 6, 10, 50, LONG, ALL, mask, &e), 0);
        int n = controlled_frames(mask, LONG);
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    assert_true(least >= 10 && least < 14 && most <= 50 && most > 45);
    const int unknown[2] = {3, 22};
    assert_int_equal(control_mask_temporal(unknown, 2, 25, 99, ALL, mask, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "joint 22"));
    assert_int_equal(control_mask_temporal(unknown, 1, 101, 99, ALL, mask, &e), ERR_USAGE);
    assert_int_equal(control_mask_temporal(unknown, 1, NAN, 99, ALL, mask, &e), ERR_USAGE);
    assert_int_equal(control_mask_temporal(unknown, 1, 25, 3, ALL, mask, &e), ERR_USAGE);   /* no frame */
    assert_int_equal(control_mask_temporal(unknown, 0, 25, 99, ALL, mask, &e), ERR_USAGE);
    assert_int_equal(control_mask_temporal_draw(&r, unknown, 1, 50, 10, 99, ALL, mask, &e), ERR_USAGE);
}

static void spatial_masks(void **state)
{
    static const struct {
        double density;
        int frames, wanted;
    } rows[] = {{1, 60, 1}, {2, 60, 2}, {5, 60, 5}, {25, 99, 24}, {100, 60, 60}, {5, 5, 5}, {10, 19, 1}};
    static const int joints[2] = {0, 15};
    unsigned char mask[LONG * ALL], other[LONG * ALL];
    struct error e;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rng r = rng_make(SEED, 2), again = r;
        assert_int_equal(control_mask_spatial(&r, joints, 2, rows[i].density, rows[i].frames, ALL, mask, &e), 0);
        assert_int_equal(control_mask_spatial(&again, joints, 2, rows[i].density, rows[i].frames, ALL, other, &e), 0);
        assert_memory_equal(mask, other, (size_t)(rows[i].frames * ALL));
        assert_int_equal(controlled_frames(mask, rows[i].frames), rows[i].wanted);
        assert_int_equal(control_keypoints(mask, rows[i].frames, ALL), 2 * rows[i].wanted);
        for (int t = 0; t < rows[i].frames; t++) assert_int_equal(mask[t * ALL], mask[t * ALL + 15]);
    }
    struct rng r = rng_make(SEED, 3);
    assert_int_equal(control_mask_spatial(&r, joints, 2, 5, 4, ALL, mask, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "more frames"));
    assert_int_equal(control_mask_spatial(&r, joints, 2, 101, 60, ALL, mask, &e), ERR_USAGE);
    assert_int_equal(control_mask_spatial(&r, joints, 2, 0, 60, ALL, mask, &e), ERR_USAGE);
    assert_int_equal(control_mask_spatial(&r, joints, 2, NAN, 60, ALL, mask, &e), ERR_USAGE);
    assert_int_equal(control_mask_spatial(&r, joints, 2, 3, 20, ALL, mask, &e), ERR_USAGE);   /* 0.6 of a frame */
    const int unknown = -1;
    assert_int_equal(control_mask_spatial(&r, &unknown, 1, 1, 60, ALL, mask, &e), ERR_USAGE);
}

static void spatial_training_masks(void **state)
{
    static const int joints[3] = {0, 10, 21};
    unsigned char mask[LONG * ALL];
    struct rng r = rng_make(SEED, 4);
    int least = LONG, most = 0, seen[ALL] = {0};
    (void)state;
    for (int i = 0; i < 400; i++) {
        assert_int_equal(control_mask_spatial_draw(&r, joints, 3, 20, ALL, mask, NULL), 0);
        int n = controlled_frames(mask, 20);
        assert_int_equal(n, control_keypoints(mask, 20, ALL));    /* one joint alone */
        for (int j = 0; j < ALL; j++)
            for (int t = 0; t < 20; t++)
                if (mask[t * ALL + j]) {
                    seen[j]++;
                    break;
                }
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    assert_int_equal(least, 1);
    assert_int_equal(most, 19);                                    /* never every frame */
    assert_int_equal(seen[0] + seen[10] + seen[21], 400);
    assert_true(seen[0] > 80 && seen[10] > 80 && seen[21] > 80);
    assert_int_equal(control_mask_spatial_draw(&r, joints, 3, 1, ALL, mask, NULL), ERR_USAGE);
}

static void signals_go_both_ways(void **state)
{
    float p[2 * 3 * 3] = {1, 2, 3, 4, 5, 6, NAN, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18}, signal[18], back[18];
    const float mean[9] = {1, 1, 1, 2, 2, 2, 3, 3, 3}, std[9] = {1, 2, 4, 1, 2, 4, 1, 2, 4};
    const unsigned char mask[6] = {1, 0, 0, 0, 1, 0};
    unsigned char worse[6] = {1, 0, 1, 0, 1, 0};
    float flat[9] = {1, 2, 4, 1, 0, 4, 1, 2, 4};
    struct error e;
    (void)state;
    assert_int_equal(control_signal(p, mask, mean, std, 2, 3, signal, &e), 0);
    assert_int_equal(control_signal_check(signal, mask, 2, 3, &e), 0);
    assert_true(fabsf(signal[2] - 0.5f) < 1e-6f && fabsf(signal[13] - 6) < 1e-6f && fabsf(signal[6]) <= 0);
    assert_int_equal(control_signal_metres(signal, mask, mean, std, 2, 3, back, &e), 0);
    for (int i = 0; i < 18; i++) assert_true(fabsf(back[i] - (mask[i / 3] ? p[i] : 0)) < 1e-5f);
    assert_int_equal(control_signal(p, worse, mean, std, 2, 3, signal, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "joint 2 is not finite at frame 0"));
    assert_int_equal(control_signal(p, mask, mean, flat, 2, 3, signal, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "joint 1"));
}

/* --- latent tuning -------------------------------------------------------------------------------- */

static void correlation_gradient(void **state)
{
    float z[16 * 3];
    (void)state;
    fill(z, 16 * 3, "correlation");
    for (int tokens = 1; tokens <= 16; tokens++) {
        double g[16 * 3] = {0}, value;
        assert_int_equal(latent_correlation(z, tokens, 3, SEED, 5, 100, &value, g, NULL), 0);
        assert_true(tokens > 2 ? value > 0 : !(value > 0));
        for (int i = 0; i < tokens * 3; i++) {
            double side[2];
            for (int k = 0; k < 2; k++) {
                float keep = z[i];
                z[i] += k ? -0.01f : 0.01f;
                assert_int_equal(latent_correlation(z, tokens, 3, SEED, 5, 0, &side[k], NULL, NULL), 0);
                z[i] = keep;
            }
            assert_true(fabs(100 * (side[0] - side[1]) / 0.02 - g[i]) < 1e-2 + 1e-2 * fabs(g[i]));
        }
    }
}

struct history {
    double first, last;
    int steps;
};

static void remember(void *context, int step, const float *gradient, const float *latent, double rate, double joints,
                     double correlation)
{
    struct history *h = context;
    double squares = 0;
    (void)correlation;
    (void)latent;
    for (int i = 0; i < 40; i++) squares += (double)gradient[i] * (double)gradient[i];
    assert_true(fabs(squares - 1) < 1e-5);
    if (!step) {
        h->first = joints;
        assert_true(!(rate > 0));
    }
    h->last = joints;
    h->steps++;
}

static void tuning_brings_the_joints_to_the_signal(void **state)
{
    (void)state;
    struct problem *p = problem_make(2);
    struct tape t;
    struct error e = {0};
    struct history h = {0};
    struct latent_tuning plan = latent_tuning_defaults();
    float latent[40], again[40];
    int length = lengths[0];
    assert_true(plan.steps == 400 && plan.warmup == 50 && plan.timestep == 799);
    plan.steps = 60;
    plan.warmup = 5;
    struct latent_tuning_input in = {.noise = p->noise, .text = p->text, .hint = p->hint, .mask = p->mask, .mean = p->mean,
                                     .std = p->std, .raw_mean = p->raw_mean, .raw_std = p->raw_std, .text_tokens = 1,
                                     .joints = JOINTS, .frames = FRAMES, .lengths = &length, .batch = 1, .trace = remember,
                                     .context = &h};
    tape_init(&t, &p->device);
    if (latent_tuning_run(&t, &plan, &p->vae, &p->denoiser, &in, latent, &e)) fail_msg("%s", e.text);
    assert_int_equal(h.steps, 60);
    if (!(h.last < h.first)) fail_msg("distance %g at first, %g after tuning", h.first, h.last);
    in.trace = NULL;
    assert_int_equal(latent_tuning_run(&t, &plan, &p->vae, &p->denoiser, &in, again, &e), 0);
    assert_memory_equal(latent, again, sizeof latent);
    length = FRAMES + 1;
    assert_int_equal(latent_tuning_run(&t, &plan, &p->vae, &p->denoiser, &in, again, &e), ERR_USAGE);
    length = FRAMES;
    size_t on = 0;
    while (!p->mask[on]) on++;
    p->hint[3 * on] = NAN;
    assert_int_equal(latent_tuning_run(&t, &plan, &p->vae, &p->denoiser, &in, again, &e), ERR_INPUT);
    memset(p->mask, 0, sizeof p->mask);
    memset(p->hint, 0, sizeof p->hint);
    assert_int_equal(latent_tuning_run(&t, &plan, &p->vae, &p->denoiser, &in, again, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "controls no joint"));
    tape_free(&t);
    problem_free(p);
}

/* Samples of a batch, padded to its longest, are tuned as each would be alone. */
static void tuning_together_is_tuning_alone(void **state)
{
    (void)state;
    struct problem *p = problem_make(2);
    struct tape t;
    struct latent_tuning plan = latent_tuning_defaults();
    float together[BATCH * 40], alone[40], most = 0;
    plan.steps = 8;
    plan.warmup = 2;
    struct latent_tuning_input in = {.batch = BATCH, .noise = p->noise, .text = p->text, .hint = p->hint, .mask = p->mask,
                                     .mean = p->mean, .std = p->std, .raw_mean = p->raw_mean, .raw_std = p->raw_std,
                                     .text_tokens = 1, .joints = JOINTS, .frames = FRAMES, .lengths = lengths};
    tape_init(&t, &p->device);
    assert_int_equal(latent_tuning_run(&t, &plan, &p->vae, &p->denoiser, &in, together, NULL), 0);
    in.batch = 1;
    for (int b = 0; b < BATCH; b++) {
        in.noise = p->noise + b * 40;
        in.text = p->text + b * TEXT;
        in.hint = p->hint + b * FRAMES * JOINTS * 3;
        in.mask = p->mask + b * FRAMES * JOINTS;
        in.lengths = lengths + b;
        in.frames = lengths[b];
        assert_int_equal(latent_tuning_run(&t, &plan, &p->vae, &p->denoiser, &in, alone, NULL), 0);
        for (int i = 0; i < 40; i++) {
            if (fabsf(alone[i] - together[b * 40 + i]) > 1e-3f)
                fail_msg("sample %d, value %d: %g alone, %g together", b, i, (double)alone[i], (double)together[b * 40 + i]);
            most = fmaxf(most, fabsf(alone[i] - in.noise[i]));
        }
    }
    assert_true(most > 0.1f);
    tape_free(&t);
    problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_controlnet_changes_nothing),
        cmocka_unit_test(guided_sampling_controls_both_halves),
        cmocka_unit_test(uncontrolled_frames_are_not_seen),
        cmocka_unit_test(sizes_come_back_from_a_checkpoint),
        cmocka_unit_test(objective_gradients),
        cmocka_unit_test(pieces_add_up),
        cmocka_unit_test(training_leaves_the_frozen_networks),
        cmocka_unit_test(bad_signals_are_errors),
        cmocka_unit_test(temporal_masks),
        cmocka_unit_test(spatial_masks),
        cmocka_unit_test(spatial_training_masks),
        cmocka_unit_test(signals_go_both_ways),
        cmocka_unit_test(correlation_gradient),
        cmocka_unit_test(tuning_brings_the_joints_to_the_signal),
        cmocka_unit_test(tuning_together_is_tuning_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
