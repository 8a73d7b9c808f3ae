/* Whole networks and the trainer: gradients with dropout on, repeatability, resume. */
#include "../engine/distill.h"
#include "../engine/rng.h"
#include "../engine/trainer.h"
#include "../engine/vae.h"
#include "scratch.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { BATCH = 3, FRAMES = 13, JOINTS = 5, FEATURES = 26, TEXT = 12, TIME = 16, GUIDANCE = 10, SEED = 11 };

static const int lengths[BATCH] = {13, 5, 9}, whole_lengths[BATCH] = {13, 13, 13};

/* A network with the data of one piece of a batch. */
struct problem {
    struct device device;
    struct vae vae;
    struct denoiser online, target, teacher;
    struct distillation plan;
    const int *lengths;
    float x[BATCH * FRAMES * FEATURES], noise[BATCH * 4 * 24], latent[BATCH * 4 * 24];
    float text[BATCH * 2 * TEXT], empty[BATCH * 2 * TEXT], mean[FEATURES], std[FEATURES];
};

static void fill(float *x, size_t n, const char *name)
{
    rng_fill_normal(SEED, rng_stream(name), 0, x, n);
}

static struct problem *problem_make(int threads)
{
    struct problem *p = calloc(1, sizeof *p);
    assert_non_null(p);
    assert_int_equal(device_open_cpu(&p->device, threads, NULL), 0);
    p->lengths = lengths;
    fill(p->x, BATCH * FRAMES * FEATURES, "x");
    for (int b = 0; b < BATCH; b++)
        for (int i = lengths[b] * FEATURES; i < FRAMES * FEATURES; i++) p->x[b * FRAMES * FEATURES + i] = 0;
    fill(p->noise, BATCH * 4 * 24, "noise");
    fill(p->latent, BATCH * 4 * 24, "latent");
    fill(p->text, BATCH * 2 * TEXT, "text");
    fill(p->empty, BATCH * 2 * TEXT, "empty");
    fill(p->mean, FEATURES, "mean");
    for (int i = 0; i < FEATURES; i++) p->std[i] = 0.2f;
    return p;
}

static void problem_free(struct problem *p)
{
    vae_free(&p->vae);
    denoiser_free(&p->online);
    denoiser_free(&p->target);
    denoiser_free(&p->teacher);
    device_close(&p->device);
    free(p);
}

static void make_vae(struct problem *p, int tokens, int width, int projections)
{
    const struct vae_size size = {FEATURES, tokens, width, projections, 32, {24, 40, 3, 4, 1e-5f}};
    assert_int_equal(vae_create(&p->vae, &p->device, &size, NULL), 0);
    assert_int_equal(params_initialise(&p->vae.params, SEED, NULL), 0);
}

static double vae_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    struct problem *p = context;
    const struct vae_objective o = {LOSS_SMOOTH_L1, LOSS_SMOOTH_L1, LOSS_SMOOTH_L1, 1, 1, 0.5f, 1e-2f, 1};
    int rows = BATCH * p->vae.size.latent_tokens, width = p->vae.size.latent_width;
    struct tensor *x = tape_constant(t, p->x, BATCH * FRAMES, FEATURES);
    (void)step;
    struct vae_losses l = vae_objective_run(t, &p->vae, &o, x, p->lengths, BATCH, FRAMES,
                                            tape_constant(t, p->noise + piece * 4, rows, width), tape_constant(t, p->mean, 1, FEATURES),
                                            tape_constant(t, p->std, 1, FEATURES), JOINTS, 0.5f, NULL);
    terms[0] += l.features;
    terms[7] += l.kl;
    return l.total;
}

static void make_denoiser(struct problem *p, struct denoiser *d, int tokens, int width, int guidance, enum activation act)
{
    const struct denoiser_size size = {tokens, width, width != 24, TEXT, TIME, guidance, act, 16, {24, 40, 3, 4, 1e-5f}};
    assert_int_equal(denoiser_create(d, &p->device, &size, NULL), 0);
    assert_int_equal(params_initialise(&d->params, SEED, NULL), 0);
    if (guidance) fill(d->guidance->x, d->guidance->count, "guidance");
}

static double diffusion_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    struct problem *p = context;
    const int timesteps[BATCH] = {7, 400, 981};
    int rows = BATCH * p->online.size.latent_tokens, width = p->online.size.latent_width;
    (void)step;
    (void)piece;
    (void)terms;
    return diffusion_run(t, &p->plan.schedule, &p->online, tape_constant(t, p->latent, rows, width),
                         tape_constant(t, p->noise, rows, width), timesteps, tape_constant(t, p->text, BATCH * 2, TEXT), BATCH, 2, 1);
}

static double distill_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    struct problem *p = context;
    static const int index[BATCH] = {0, 4, 9};
    static const float w[BATCH] = {5, 7.5f, 15};
    int rows = BATCH * p->online.size.latent_tokens, width = p->online.size.latent_width;
    (void)step;
    (void)piece;
    (void)terms;
    struct distill_input in = {
        .latent = tape_constant(t, p->latent, rows, width),
        .noise = tape_constant(t, p->noise, rows, width),
        .index = index,
        .w = w,
        .text = tape_constant(t, p->text, BATCH * 2, TEXT),
        .text_empty = tape_constant(t, p->empty, BATCH * 2, TEXT),
        .batch = BATCH,
        .text_tokens = 2,
        .share = 1,
    };
    return distill_run(t, &p->plan, &p->teacher, &p->online, &p->target, &in, NULL);
}

/* Every tensor's gradient, along itself, against central differences of the loss: the
 * masks of dropout are the same in each evaluation. `loose` covers float rounding. */
static void check_gradients(struct problem *p, struct params *net, trainer_piece *piece, const char *what)
{
    struct trainer t;
    struct trainer_config config = trainer_defaults();
    struct params *sets[1] = {net};
    const double h = 2e-3, loose = 3e-4;
    config.accumulators = 1;
    config.dropout = 0.2f;
    assert_int_equal(trainer_create(&t, &p->device, sets, 1, &config, NULL), 0);
    assert_int_equal(trainer_gradients(&t, 1, piece, p, NULL), 0);
    float *g = malloc(net->total * sizeof *g);
    assert_non_null(g);
    memcpy(g, t.gradient[0][0], net->total * sizeof *g);
    double norm = t.norm;
    assert_true(norm > 0.01);
    int wrong = 0, silent = 0;
    for (int i = 0; i < net->count; i++) {
        struct param *q = net->items[i];
        double length = 0, loss[2];
        for (size_t k = 0; k < q->count; k++) length += (double)g[q->offset + k] * (double)g[q->offset + k];
        length = sqrt(length);
        silent += length == 0;
        if (length == 0) continue;
        float *keep = malloc(q->count * sizeof *keep);
        assert_non_null(keep);
        memcpy(keep, q->x, q->count * sizeof *keep);
        for (int side = 0; side < 2; side++) {
            double step = (side ? -h : h) / length;
            for (size_t k = 0; k < q->count; k++) q->x[k] = (float)((double)keep[k] + step * (double)g[q->offset + k]);
            assert_int_equal(trainer_gradients(&t, 1, piece, p, NULL), 0);
            loss[side] = t.loss;
        }
        memcpy(q->x, keep, q->count * sizeof *keep);
        free(keep);
        double slope = (loss[0] - loss[1]) / (2 * h);
        if (!(fabs(slope - length) <= loose * norm + 5e-3 * length)) {
            print_error("%s: %s: gradient of length %g, difference %g\n", what, q->name, length, slope);
            wrong++;
        }
    }
    free(g);
    trainer_free(&t);
    assert_int_equal(wrong, 0);
    if (silent) fail_msg("%s: %d tensors without a gradient", what, silent);
}

static void vae_gradients(void **state)
{
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct problem *p = problem_make(2);
        make_vae(p, kind == 0 ? 1 : 4, kind == 0 ? 24 : 10, kind != 0);
        if (kind == 2) p->lengths = whole_lengths;
        check_gradients(p, &p->vae.params, vae_piece, kind == 0 ? "VAE" : kind == 1 ? "VAE-V2" : "VAE-V2 without padding");
        problem_free(p);
    }
}

static void denoiser_gradients(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct problem *p = problem_make(2);
        make_denoiser(p, &p->online, kind ? 4 : 1, kind ? 10 : 24, 0, kind ? ACT_NONE : ACT_RELU);
        assert_int_equal(distillation_make(&p->plan, 10, LOSS_L2, 0, NULL), 0);
        check_gradients(p, &p->online.params, diffusion_piece, kind ? "denoiser-V2" : "denoiser");
        problem_free(p);
    }
}

static void distillation_gradients(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        struct problem *p = problem_make(2);
        int tokens = kind ? 4 : 1, width = kind ? 10 : 24;
        make_denoiser(p, &p->online, tokens, width, GUIDANCE, ACT_NONE);
        make_denoiser(p, &p->target, tokens, width, GUIDANCE, ACT_NONE);
        make_denoiser(p, &p->teacher, tokens, width, 0, ACT_NONE);
        assert_int_equal(distillation_make(&p->plan, 10, LOSS_PSEUDO_HUBER, 0.5f, NULL), 0);
        p->plan.teacher_dropout = kind;
        check_gradients(p, &p->online.params, distill_piece, kind ? "distillation-V2" : "distillation");
        problem_free(p);
    }
}

/* --- trainer ------------------------------------------------------------------------------ */

static struct trainer_config short_run(void)
{
    struct trainer_config c = trainer_defaults();
    c.steps = 20;
    c.warmup = 2;
    c.rate = 1e-3f;
    c.weight_decay = 0.01f;
    c.dropout = 0.1f;
    c.accumulators = 3;
    c.seed = SEED;
    return c;
}

static struct problem *training_problem(int threads, struct trainer *t, const struct trainer_config *c)
{
    struct problem *p = problem_make(threads);
    make_vae(p, 4, 10, 1);
    struct params *sets[1] = {&p->vae.params};
    assert_int_equal(trainer_create(t, &p->device, sets, 1, c, NULL), 0);
    return p;
}

static void weights_do_not_depend_on_threads(void **state)
{
    struct trainer t[3];
    struct problem *p[3];
    struct trainer_config c = short_run();
    (void)state;
    for (int i = 0; i < 3; i++) {
        p[i] = training_problem(i + 1, &t[i], &c);
        for (int step = 0; step < 3; step++) assert_int_equal(trainer_step(&t[i], 5, vae_piece, p[i], NULL), 0);
    }
    for (int i = 1; i < 3; i++) {
        assert_memory_equal(p[0]->vae.params.x, p[i]->vae.params.x, p[0]->vae.params.total * sizeof(float));
        assert_true(t[0].loss == t[i].loss && t[0].norm == t[i].norm && t[0].terms[7] == t[i].terms[7]);
    }
    for (int i = 0; i < 3; i++) {
        trainer_free(&t[i]);
        problem_free(p[i]);
    }
}

static void training_lowers_the_loss(void **state)
{
    struct trainer t;
    struct trainer_config c = short_run();
    (void)state;
    c.steps = 60;
    c.dropout = 0;
    c.rate = 5e-3f;
    struct problem *p = training_problem(2, &t, &c);
    double first = 0;
    for (int step = 0; step < 60; step++) {
        assert_int_equal(trainer_step(&t, 2, vae_piece, p, NULL), 0);
        if (!step) first = t.loss;
        assert_true(t.norm > 0 && t.rate >= 0 && t.rate <= 5.001e-3);
    }
    assert_int_equal(t.step, 60);
    if (!(t.loss < 0.5 * first)) fail_msg("loss %g at first, %g after 60 steps", first, t.loss);
    trainer_free(&t);
    problem_free(p);
}

static void a_resumed_run_ends_with_the_same_bits(void **state)
{
    struct trainer a, b;
    struct trainer_config c = short_run();
    char path[512];
    float average[5] = {1, 2, 3, 4, 5}, other[5] = {0};
    struct trainer_extra kept = {"average", average, 5}, read = {"average", other, 5}, wrong = {"average", other, 4};
    struct error e = {0};
    scratch_path(*state, "state.h5", path);
    struct problem *p = training_problem(1, &a, &c), *q = training_problem(2, &b, &c);
    for (int step = 0; step < 2; step++) assert_int_equal(trainer_step(&a, 3, vae_piece, p, NULL), 0);
    assert_int_equal(trainer_save(&a, path, "this run", &kept, 1, &e), 0);
    for (int step = 0; step < 2; step++) assert_int_equal(trainer_step(&a, 3, vae_piece, p, NULL), 0);

    memset(q->vae.params.x, 0, q->vae.params.total * sizeof(float));
    assert_int_equal(trainer_load(&b, path, "another run", &read, 1, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "another run"));
    assert_int_equal(trainer_load(&b, path, "this run", &wrong, 1, &e), ERR_INPUT);
    int rc = trainer_load(&b, path, "this run", &read, 1, &e);
    if (rc) fail_msg("%s", e.text);
    assert_memory_equal(average, other, sizeof average);
    assert_int_equal(b.step, 2);
    for (int step = 0; step < 2; step++) assert_int_equal(trainer_step(&b, 3, vae_piece, q, NULL), 0);
    assert_memory_equal(p->vae.params.x, q->vae.params.x, p->vae.params.total * sizeof(float));
    assert_memory_equal(a.moment1[0], b.moment1[0], p->vae.params.total * sizeof(float));
    assert_memory_equal(a.moment2[0], b.moment2[0], p->vae.params.total * sizeof(float));
    trainer_free(&a);
    trainer_free(&b);
    problem_free(p);
    problem_free(q);
}

/* The step is as long as the rate allows and no longer, whatever the gradient's size. */
static void gradients_are_clipped(void **state)
{
    struct trainer t;
    struct trainer_config c = short_run();
    (void)state;
    c.clip = 1e-3f;
    c.dropout = 0;
    c.beta1 = c.beta2 = 0;       /* the moments are the clipped gradient and its square */
    struct problem *p = training_problem(2, &t, &c);
    assert_int_equal(trainer_gradients(&t, 2, vae_piece, p, NULL), 0);
    double norm = t.norm, length = 0;
    assert_true(norm > 1e-2);
    assert_int_equal(trainer_update(&t, 0, NULL), 0);
    for (size_t i = 0; i < p->vae.params.total; i++) length += (double)t.moment1[0][i] * (double)t.moment1[0][i];
    assert_true(fabs(sqrt(length) - 1e-3 * norm / (norm + 1e-6)) < 1e-8);
    trainer_free(&t);
    problem_free(p);
}

/* A diverged run stops with a message and leaves the weights as they were. */
static void values_that_are_not_finite_stop_the_run(void **state)
{
    struct trainer t;
    struct trainer_config c = short_run();
    struct error e = {0};
    (void)state;
    struct problem *p = training_problem(2, &t, &c);
    size_t size = p->vae.params.total * sizeof(float);
    float *before = malloc(size);
    assert_non_null(before);
    memcpy(before, p->vae.params.x, size);
    p->x[3] = NAN;
    assert_int_equal(trainer_step(&t, 2, vae_piece, p, &e), ERR_INTERNAL);
    assert_true(e.text[0] != 0);
    assert_memory_equal(before, p->vae.params.x, size);
    assert_int_equal(t.step, 0);
    p->x[3] = 0;
    assert_int_equal(trainer_step(&t, 2, vae_piece, p, &e), 0);
    free(before);
    trainer_free(&t);
    problem_free(p);
}

/* An op that fails inside a piece is the step's error. */
static double broken_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    if (piece == 1) tape_error(t, "piece %d", piece);
    return vae_piece(context, t, step, piece, terms);
}

static void a_failing_piece_fails_the_step(void **state)
{
    struct trainer t;
    struct trainer_config c = short_run();
    struct error e = {0};
    (void)state;
    struct problem *p = training_problem(2, &t, &c);
    assert_int_equal(trainer_step(&t, 4, broken_piece, p, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "piece 1"));
    assert_int_equal(t.step, 0);
    trainer_free(&t);
    problem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vae_gradients),
        cmocka_unit_test(denoiser_gradients),
        cmocka_unit_test(distillation_gradients),
        cmocka_unit_test(weights_do_not_depend_on_threads),
        cmocka_unit_test(training_lowers_the_loss),
        cmocka_unit_test(a_resumed_run_ends_with_the_same_bits),
        cmocka_unit_test(gradients_are_clipped),
        cmocka_unit_test(values_that_are_not_finite_stop_the_run),
        cmocka_unit_test(a_failing_piece_fails_the_step),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
