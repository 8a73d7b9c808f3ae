/* Memory, tape, parameters, lanes, schedules: the engine below its networks. */
#include "../engine/denoiser.h"
#include "../engine/lanes.h"
#include "../engine/rng.h"
#include "../engine/sampler.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct device device;

static int open_device(void **state)
{
    (void)state;
    return device_open_cpu(&device, 2, NULL);
}

static int close_device(void **state)
{
    (void)state;
    device_close(&device);
    return 0;
}

/* --- arena ------------------------------------------------------------------------- */

static void arena_marks_nest(void **state)
{
    struct arena a;
    (void)state;
    arena_init(&a, &device);
    struct arena_mark empty = arena_mark(&a);
    float *first = arena_take(&a, 100);
    struct arena_mark outer = arena_mark(&a);
    float *second = arena_take(&a, 17);
    struct arena_mark inner = arena_mark(&a);
    float *third = arena_take(&a, 1);
    assert_true(first && second && third && second >= first + 100 && third >= second + 17);
    assert_int_equal((uintptr_t)second % 64, 0);
    assert_int_equal((uintptr_t)third % 64, 0);
    arena_return(&a, inner);
    assert_ptr_equal(arena_take(&a, 5), third);
    arena_return(&a, outer);
    assert_ptr_equal(arena_take(&a, 5), second);
    arena_return(&a, empty);
    assert_ptr_equal(arena_take(&a, 5), first);
    arena_free(&a);
}

/* Pieces larger than a block, marks across blocks, the same memory on the second round. */
static void arena_blocks_are_kept(void **state)
{
    enum { BIG = 5000000 };
    struct arena a;
    float *round[2][3];
    (void)state;
    arena_init(&a, &device);
    for (int r = 0; r < 2; r++) {
        round[r][0] = arena_take(&a, 64);
        struct arena_mark m = arena_mark(&a);
        round[r][1] = arena_take(&a, BIG);
        assert_non_null(round[r][1]);
        round[r][1][BIG - 1] = 1;
        round[r][2] = arena_take(&a, BIG);
        assert_non_null(round[r][2]);
        round[r][2][BIG - 1] = 2;
        assert_true(round[r][1][BIG - 1] == 1.0f);
        arena_return(&a, m);
        assert_int_equal(a.used_total, 64);
        assert_ptr_equal(arena_take(&a, 16), round[r][0] + 64);
        assert_ptr_equal(arena_take(&a, BIG), round[r][1]);
        arena_reset(&a);
        assert_int_equal(a.used_total, 0);
    }
    assert_memory_equal(round[0], round[1], sizeof round[0]);
    assert_true(a.peak >= 2 * (size_t)BIG);
    assert_null(arena_take(&a, SIZE_MAX / 8));
    assert_non_null(arena_take(&a, 0));
    arena_free(&a);
}

/* --- tape ---------------------------------------------------------------------------- */

static void errors_stick(void **state)
{
    struct tape t;
    struct error e = {0};
    const float values[6] = {1, 2, 3, 4, 5, 6};
    (void)state;
    tape_init(&t, &device);
    tape_start(&t, 1, 0, 1, 1);
    struct tensor *a = tape_leaf(&t, values, 2, 3), *b = tape_leaf(&t, values, 3, 2);
    assert_int_equal(tape_failed(&t, &e), 0);
    assert_null(op_add(&t, a, b));
    assert_int_equal(tape_failed(&t, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "sum of 2 x 3 and 3 x 2"));
    assert_null(op_columns(&t, a, 7, 9));        /* another error: the first one stays */
    assert_null(op_scale(&t, a, 2));             /* nothing more is computed */
    assert_null(op_add(&t, NULL, b));
    assert_null(tape_tensor(&t, 1, 1));
    tape_backward(&t);
    tape_failed(&t, &e);
    assert_non_null(strstr(e.text, "sum of 2 x 3 and 3 x 2"));
    tape_start(&t, 1, 0, 1, 1);
    assert_int_equal(tape_failed(&t, &e), 0);
    assert_non_null(op_scale(&t, tape_leaf(&t, values, 2, 3), 2));
    tape_free(&t);
}

#define REFUSED(call)                             \
    do {                                          \
        tape_start(&t, 1, 0, 1, 1);               \
        x = tape_leaf(&t, values, 4, 6);          \
        y = tape_leaf(&t, values, 2, 6);          \
        one = tape_leaf(&t, values, 1, 5);        \
        assert_null(call);                        \
        assert_true(tape_failed(&t, &e));         \
        assert_true(e.text[0] != 0);              \
    } while (0)

/* Shapes that do not fit are errors, whatever the operation. */
static void shapes_are_checked(void **state)
{
    struct tape t;
    struct error e;
    struct tensor *x, *y, *one;
    float values[24] = {0};
    const int index[2] = {0, 4}, counts[2] = {2, 1}, lengths[2] = {1, 1};
    (void)state;
    tape_init(&t, &device);
    REFUSED(tape_tensor(&t, -1, 3));
    REFUSED(tape_tensor(&t, 1, 0));
    REFUSED(tape_rows(&t, x, 3, 2));
    REFUSED(tape_reshape(&t, x, 5, 5));
    REFUSED(op_linear(&t, x, one, NULL, ACT_NONE));
    REFUSED(op_linear(&t, x, y, one, ACT_NONE));
    REFUSED(op_linear_pair(&t, x, y, x, NULL));
    REFUSED(op_add_layernorm(&t, x, NULL, one, one, 1e-5f));
    REFUSED(op_add_layernorm(&t, x, y, tape_leaf(&t, values, 1, 6), tape_leaf(&t, values, 1, 6), 1e-5f));
    REFUSED(op_self_attention(&t, x, 3, 1, NULL));
    REFUSED(op_self_attention(&t, x, 2, 4, NULL));
    REFUSED(op_cross_attention(&t, x, y, 2, 2, NULL));
    REFUSED(op_multiply(&t, x, y));
    REFUSED(op_combine_rows(&t, values, x, values, y));
    REFUSED(op_concat(&t, (struct tensor *[]){x, one}, counts, 2, 2));
    REFUSED(op_slice(&t, x, 2, 1, 2));
    REFUSED(op_columns(&t, x, 5, 2));
    REFUSED(op_add_positions(&t, x, y, 1));
    REFUSED(op_gather(&t, x, index, 2));
    REFUSED(op_reparameterise(&t, x, y, x));
    REFUSED(op_recover_joints(&t, x, y, y, 2, 22));
    REFUSED(op_gru(&t, x, one, y, y, one, one, lengths, 2, 0, NULL));
    REFUSED(op_gru(&t, x, one, x, x, one, one, lengths, 0, 0, NULL));
    REFUSED(op_add_positions(&t, x, x, 0));
    REFUSED(op_recover_joints(&t, x, tape_leaf(&t, values, 1, 6), tape_leaf(&t, values, 1, 6), 0, 1));
    REFUSED(op_recover_joints(&t, x, tape_leaf(&t, values, 1, 6), one, 2, 1));
    tape_free(&t);
}

/* A query whose scores are all NaN does not look like one that may see nothing. */
static void attention_keeps_what_is_no_number(void **state)
{
    struct tape t;
    const float values[6] = {NAN, 1, 1, 1, 1, 1}, hidden[2] = {0, 0};
    (void)state;
    tape_init(&t, &device);
    tape_start(&t, 0, 0, 0, 0);
    struct tensor *x = tape_constant(&t, values, 2, 3), *y = op_self_attention(&t, x, 1, 1, NULL);
    assert_non_null(y);
    assert_true(isnan(y->x[0]) && y->x[1] == 1.0f);
    y = op_self_attention(&t, x, 1, 1, tape_constant(&t, hidden, 1, 2)->x);
    assert_true(y->x[0] == 0.0f && y->x[1] == 0.0f);
    tape_free(&t);
}

static void constants_get_no_gradient(void **state)
{
    struct tape t;
    const float values[4] = {1, -2, 3, -4};
    const float weight[2] = {1, 1};
    (void)state;
    tape_init(&t, &device);
    tape_start(&t, 1, 0, 1, 1);
    struct tensor *c = tape_constant(&t, values, 2, 2), *x = tape_leaf(&t, values, 2, 2);
    struct tensor *unread = tape_leaf(&t, values, 2, 2);
    struct tensor *y = op_multiply(&t, c, x);
    op_scale(&t, unread, 3);                     /* no loss hangs on it */
    op_loss(&t, y, NULL, weight, LOSS_L2, 0);
    tape_backward(&t);
    assert_int_equal(tape_failed(&t, NULL), 0);
    assert_null(c->g);
    assert_null(unread->g);
    for (int i = 0; i < 4; i++) assert_true(fabsf(x->g[i] - 2 * values[i] * values[i] * values[i]) < 1e-4f);
    tape_start(&t, 0, 0, 1, 1);                  /* without recording nothing is noted */
    x = tape_leaf(&t, values, 2, 2);
    op_loss(&t, op_multiply(&t, x, x), NULL, weight, LOSS_L2, 0);
    assert_int_equal(t.node_count, 0);
    assert_null(x->g);
    tape_free(&t);
}

/* More tensors and nodes than one page holds. */
static void tapes_grow(void **state)
{
    struct tape t;
    const float one = 1;
    (void)state;
    tape_init(&t, &device);
    for (int round = 0; round < 2; round++) {
        tape_start(&t, 1, 0, 1, 1);
        struct tensor *x = tape_leaf(&t, &one, 1, 1), *y = x;
        for (int i = 0; i < 3000; i++) y = op_scale(&t, y, i % 2 ? 2.0f : 0.5f);
        op_loss(&t, y, NULL, tape_constant(&t, &one, 1, 1)->x, LOSS_L2, 0);
        tape_backward(&t);
        assert_int_equal(tape_failed(&t, NULL), 0);
        assert_true(y->x[0] == 1.0f && x->g[0] == 2.0f);
    }
    tape_free(&t);
}

/* Masks depend on seed, stream and the op's number; about p of the elements go. */
static void dropout_is_addressed(void **state)
{
    enum { N = 20000 };
    struct tape t;
    float *ones = malloc(N * sizeof *ones), *kept = malloc(N * sizeof *kept);
    (void)state;
    assert_true(ones && kept);
    for (int i = 0; i < N; i++) ones[i] = 1;
    tape_init(&t, &device);
    tape_start(&t, 0, 0.25f, 7, 9);
    struct tensor *x = tape_constant(&t, ones, 1, N), *a = op_dropout(&t, x), *b = op_dropout(&t, x);
    int zeros = 0;
    for (int i = 0; i < N; i++) {
        assert_true(a->x[i] == 0.0f || fabsf(a->x[i] - 4.0f / 3) < 1e-6f);
        zeros += a->x[i] == 0.0f;
    }
    assert_in_range(zeros, N / 4 - 300, N / 4 + 300);   /* five standard deviations */
    assert_memory_not_equal(a->x, b->x, N * sizeof(float));
    memcpy(kept, a->x, N * sizeof *kept);
    tape_start(&t, 1, 0.25f, 7, 9);
    assert_memory_equal(op_dropout(&t, tape_constant(&t, ones, 1, N))->x, kept, N * sizeof(float));
    tape_start(&t, 1, 0.25f, 8, 9);
    assert_memory_not_equal(op_dropout(&t, tape_constant(&t, ones, 1, N))->x, kept, N * sizeof(float));
    tape_start(&t, 1, 0.25f, 7, 10);
    assert_memory_not_equal(op_dropout(&t, tape_constant(&t, ones, 1, N))->x, kept, N * sizeof(float));
    tape_free(&t);
    free(ones);
    free(kept);
}

/* --- parameters ------------------------------------------------------------------------ */

static void add_some(struct params *p, int reversed)
{
    params_init(p, &device);
    for (int i = 0; i < 4; i++) {
        int k = reversed ? 3 - i : i;
        if (k == 0) params_add(p, INIT_UNIFORM, 0.5f, "a.weight", 2, 7, 5, 1);
        if (k == 1) params_add(p, INIT_NORMAL, 2, "b", 1, 1001, 1, 1);
        if (k == 2) params_add(p, INIT_POSITIVE, 1, "c.pe", 3, 9, 1, 4);
        if (k == 3) params_add(p, INIT_ONE, 0, "d", 1, 3, 1, 1);
    }
    assert_int_equal(params_allocate(p, NULL), 0);
}

static void initial_values_depend_on_the_name(void **state)
{
    struct params p, q;
    (void)state;
    add_some(&p, 0);
    add_some(&q, 1);
    assert_int_equal(params_initialise(&p, 5, NULL), 0);
    assert_int_equal(params_initialise(&q, 5, NULL), 0);
    for (int i = 0; i < p.count; i++) {
        struct param *a = p.items[i], *b = params_find(&q, a->name);
        assert_non_null(b);
        assert_memory_equal(a->x, b->x, a->count * sizeof(float));
        assert_int_equal((uintptr_t)a->x % 64, 0);
    }
    assert_int_equal(params_initialise(&q, 6, NULL), 0);
    assert_memory_not_equal(params_find(&p, "b")->x, params_find(&q, "b")->x, 1001 * sizeof(float));
    double sum = 0, squares = 0;
    for (int i = 0; i < 1001; i++) {
        double x = (double)params_find(&p, "b")->x[i];
        sum += x / 1001;
        squares += x * x / 1001;
    }
    assert_true(fabs(sum) < 0.4 && fabs(squares - 4) < 1);
    for (int i = 0; i < 35; i++) assert_true(fabsf(params_find(&p, "a.weight")->x[i]) <= 0.5f);
    for (int i = 0; i < 36; i++) assert_true(params_find(&p, "c.pe")->x[i] >= 0 && params_find(&p, "c.pe")->x[i] < 1);
    assert_int_equal(params_copy_matching(&q, &p), 4);
    assert_memory_equal(params_find(&p, "b")->x, params_find(&q, "b")->x, 1001 * sizeof(float));
    params_free(&p);
    params_free(&q);
}

/* Layers of one stack start with equal feed-forward biases, but different weights. */
static void layers_start_as_copies(void **state)
{
    struct params p;
    struct skip_transformer s;
    const struct transformer_size size = {16, 24, 3, 2, 1e-5f};
    (void)state;
    params_init(&p, &device);
    skip_transformer_add(&p, &s, "encoder", &size, 0, 1);
    assert_int_equal(params_allocate(&p, NULL), 0);
    assert_int_equal(params_initialise(&p, 1, NULL), 0);
    assert_memory_equal(s.layer[0].linear1.bias->x, s.layer[2].linear1.bias->x, 24 * sizeof(float));
    assert_memory_not_equal(s.layer[0].linear1.bias->x, s.layer[0].linear2.bias->x, 16 * sizeof(float));
    assert_memory_not_equal(s.layer[0].linear1.weight->x, s.layer[2].linear1.weight->x, 24 * 16 * sizeof(float));
    params_free(&p);
}

static void parameters_go_through_weights(void **state)
{
    struct params p, q;
    struct weights w = {.path = "list"};
    struct error e = {0};
    struct weight *extra;
    const int three[1] = {3};
    (void)state;
    add_some(&p, 0);
    add_some(&q, 1);
    assert_int_equal(params_initialise(&p, 5, NULL), 0);
    assert_int_equal(params_store(&p, &w, "net.", NULL), 0);
    assert_int_not_equal(params_store(&p, &w, "net.", &e), 0);      /* twice the same names */
    assert_int_equal(weights_add(&w, "other.x", 1, three, &extra, &e), 0);
    int rc = params_load(&q, &w, "net.", &e);
    if (rc) fail_msg("%s", e.text);
    for (int i = 0; i < p.count; i++)
        assert_memory_equal(p.items[i]->x, params_find(&q, p.items[i]->name)->x, p.items[i]->count * sizeof(float));
    assert_int_equal(params_load(&q, &w, "missing.", &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "missing."));

    weights_find(&w, "net.b")->data[1000] = NAN;
    assert_int_equal(params_load(&q, &w, "net.", &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "net.b"));
    weights_find(&w, "net.b")->data[1000] = 0;
    weights_find(&w, "net.a.weight")->shape[0] = 5;
    weights_find(&w, "net.a.weight")->shape[1] = 7;
    assert_int_equal(params_load(&q, &w, "net.", &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "(5,7)"));
    weights_find(&w, "net.a.weight")->shape[0] = 7;
    weights_find(&w, "net.a.weight")->shape[1] = 5;
    assert_int_equal(weights_add(&w, "net.unknown", 1, three, &extra, &e), 0);
    assert_int_equal(params_load(&q, &w, "net.", &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "net.unknown"));
    weights_free(&w);
    params_free(&p);
    params_free(&q);
}

static void sizes_that_do_not_fit_are_refused(void **state)
{
    struct denoiser d;
    struct error e;
    const struct denoiser_size good = {1, 16, 0, 8, 8, 0, ACT_NONE, 20, {16, 24, 3, 2, 1e-5f}};
    (void)state;
    assert_int_equal(denoiser_create(&d, &device, &good, &e), 0);
    denoiser_free(&d);
    struct denoiser_size bad[8] = {good, good, good, good, good, good, good, good};
    bad[0].transformer.layers = 4;
    bad[1].transformer.heads = 3;
    bad[2].latent_width = 12;
    bad[3].transformer.layers = 35;
    bad[4].transformer.width = bad[4].latent_width = 0;
    bad[5].transformer.feed_forward = 0;
    bad[6].positions = 0;
    bad[7].text_width = 1 << 30;
    for (int i = 0; i < 8; i++) assert_int_equal(denoiser_create(&d, &device, &bad[i], &e), ERR_INPUT);
}

/* --- lanes ------------------------------------------------------------------------------- */

struct lane_results {
    float x[40];
    int fail_from;
};

static int square_job(void *context, struct tape *t, int job, struct error *e)
{
    struct lane_results *r = context;
    float v = (float)job;
    struct tensor *x = tape_constant(t, &v, 1, 1), *y = op_multiply(t, x, x);
    if (job >= r->fail_from) {
        if (job % 2) tape_error(t, "job %d", job);                 /* by the tape */
        else return error_set(e, ERR_INPUT, "job %d", job);        /* by the return code */
    }
    if (y) t->device->download(t->device, &r->x[job], y->x, 1);
    return 0;
}

static void lanes_share_jobs(void **state)
{
    struct lanes l;
    struct error e = {0};
    (void)state;
    assert_int_equal(lanes_create(&l, &device, NULL), 0);
    struct lane_results r = {.fail_from = 100};
    assert_int_equal(lanes_run(&l, 40, square_job, &r, &e), 0);
    for (int i = 0; i < 40; i++) assert_true(r.x[i] == (float)(i * i));
    r.fail_from = 11;
    assert_int_equal(lanes_run(&l, 40, square_job, &r, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "job 11"));
    r.fail_from = 12;
    assert_int_equal(lanes_run(&l, 40, square_job, &r, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "job 12"));
    r.fail_from = 100;
    assert_int_equal(lanes_run(&l, 40, square_job, &r, &e), 0);     /* the error is gone */
    assert_int_equal(lanes_run(&l, 0, square_job, &r, &e), 0);
    lanes_free(&l);
}

/* --- schedules ------------------------------------------------------------------------------ */

static void schedules_keep_their_rules(void **state)
{
    struct noise_schedule s;
    struct sampler sampler;
    struct error e;
    int timesteps[TRAIN_STEPS];
    double skip, out;
    (void)state;
    noise_schedule_make(&s, 0.00085, 0.012);
    assert_true(fabs(s.beta[0] - 0.00085) < 1e-15 && fabs(s.beta[TRAIN_STEPS - 1] - 0.012) < 1e-15);
    for (int t = 1; t < TRAIN_STEPS; t++)
        assert_true(s.beta[t] > s.beta[t - 1] && s.alpha_bar[t] < s.alpha_bar[t - 1] && s.alpha_bar[t] > 0);
    for (int steps = 1; steps <= 50; steps++) {
        assert_int_equal(lcm_timesteps_v1(steps, 50, timesteps, &e), 0);
        assert_int_equal(timesteps[0], 999);
        for (int i = 1; i < steps; i++) assert_true(timesteps[i] < timesteps[i - 1] && timesteps[i] > 0);
    }
    assert_int_equal(lcm_timesteps_v1(51, 50, timesteps, &e), ERR_USAGE);
    assert_int_equal(lcm_timesteps_v1(0, 50, timesteps, &e), ERR_USAGE);
    assert_int_equal(lcm_timesteps_v1(1, 0, timesteps, &e), ERR_USAGE);
    assert_int_equal(lcm_timesteps_v1(1, 33, timesteps, &e), ERR_USAGE);
    assert_int_equal(lcm_timesteps_v2(3, timesteps, &e), ERR_USAGE);
    assert_int_equal(sampler_ddim(&sampler, 0, 7.5f, &e), ERR_USAGE);
    assert_int_equal(sampler_ddim(&sampler, TRAIN_STEPS + 1, 7.5f, &e), ERR_USAGE);
    for (int steps = 1; steps <= TRAIN_STEPS; steps++) {
        assert_int_equal(sampler_ddim(&sampler, steps, 7.5f, &e), 0);
        for (int i = 0; i < steps; i++) {
            assert_in_range(sampler.timesteps[i], 0, TRAIN_STEPS - 1);
            if (i) assert_true(sampler.timesteps[i] < sampler.timesteps[i - 1]);
        }
    }
    boundary_scalings(0, &skip, &out);            /* at 0 the estimate is the latent itself */
    assert_true(fabs(skip - 1) < 1e-15 && fabs(out) < 1e-15);
    assert_true(learning_rate_factor(0, 10, 100) <= 0 && fabs(learning_rate_factor(10, 10, 100) - 1) < 1e-12);
    assert_true(learning_rate_factor(100, 10, 100) < 1e-12 && learning_rate_factor(1000, 10, 100) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_marks_nest),
        cmocka_unit_test(arena_blocks_are_kept),
        cmocka_unit_test(errors_stick),
        cmocka_unit_test(shapes_are_checked),
        cmocka_unit_test(attention_keeps_what_is_no_number),
        cmocka_unit_test(constants_get_no_gradient),
        cmocka_unit_test(tapes_grow),
        cmocka_unit_test(dropout_is_addressed),
        cmocka_unit_test(initial_values_depend_on_the_name),
        cmocka_unit_test(layers_start_as_copies),
        cmocka_unit_test(parameters_go_through_weights),
        cmocka_unit_test(sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(lanes_share_jobs),
        cmocka_unit_test(schedules_keep_their_rules),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
