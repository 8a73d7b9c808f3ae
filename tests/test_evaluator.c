/* The learned evaluator: embeddings, gradients, training that resumes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench/verify.h"
#include "../engine/file.h"
#include "../engine/rng.h"
#include "../metrics/evaluator_train.h"

static const struct evaluator_size small = {19, 12, 10, 14, 9, 8, 11, 5};

static void random_fill(float *x, size_t n, uint64_t stream) { rng_fill_normal(7, stream, 0, x, n); }

/* A device of `threads` and an evaluator on it. */
struct room {
    struct device device;
    struct evaluator ev;
};

static void open_room(struct room *r, int threads)
{
    struct error e = {0};
    assert_int_equal(device_open_cpu(&r->device, threads, &e), 0);
    assert_int_equal(evaluator_create(&r->ev, &r->device, &small, &e), 0);
    assert_int_equal(evaluator_initialise(&r->ev, 3, &e), 0);
}

static void close_room(struct room *r)
{
    evaluator_free(&r->ev);
    device_close(&r->device);
}

enum { CLIPS = 70, FRAMES = 48, TOKENS = 9 };

static float largest_difference(const float *a, const float *b, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++) most = fmaxf(most, fabsf(a[i] - b[i]));
    return most;
}

/* --- embeddings ------------------------------------------------------------------- */

static void test_embedding_alone(void **state)
{
    (void)state;
    struct room r;
    struct error e = {0};
    open_room(&r, 2);
    size_t row = (size_t)(FRAMES * small.nfeats), dim = (size_t)small.embedding;
    float *x = malloc(CLIPS * row * sizeof *x), filler[32], all[CLIPS * 8], one[8];
    int lengths[CLIPS];
    random_fill(x, CLIPS * row, 1);
    random_fill(filler, (size_t)small.nfeats, 2);
    for (int i = 0; i < CLIPS; i++) lengths[i] = 4 + (i * 37) % (FRAMES - 3);
    struct evaluator_padding fixed = {EVALUATOR_PADDING_FIXED, 0, FRAMES, filler};
    assert_int_equal(evaluator_embed_motion(&r.ev, x, CLIPS, FRAMES, lengths, &fixed, all, &e), 0);
    for (int i = 0; i < CLIPS; i++) {
        assert_int_equal(evaluator_embed_motion(&r.ev, x + (size_t)i * row, 1, FRAMES, lengths + i, &fixed, one, &e), 0);
        assert_true(largest_difference(one, all + (size_t)i * dim, dim) < 1e-5f);
    }
    /* Padded to its own length, a clip meets the convolution's zeros instead of the filler. */
    struct evaluator_padding batch = {EVALUATOR_PADDING_BATCH, 1, 0, filler};
    assert_int_equal(evaluator_embed_motion(&r.ev, x, 1, FRAMES, lengths, &batch, one, &e), 0);
    assert_true(largest_difference(one, all, dim) > 1e-4f);
    /* Rows after a clip's end are read by no rule but GIVEN. */
    int length = lengths[5];
    for (size_t i = (size_t)(length * small.nfeats); i < row; i++) x[5 * row + i] = 100;
    assert_int_equal(evaluator_embed_motion(&r.ev, x + 5 * row, 1, FRAMES, lengths + 5, &fixed, one, &e), 0);
    assert_true(largest_difference(one, all + 5 * dim, dim) < 1e-5f);
    struct evaluator_padding given = {.rule = EVALUATOR_PADDING_GIVEN};
    assert_int_equal(evaluator_embed_motion(&r.ev, x + 5 * row, 1, FRAMES, lengths + 5, &given, one, &e), 0);
    assert_true(largest_difference(one, all + 5 * dim, dim) > 1e-4f);
    free(x);
    close_room(&r);
}

static void test_embedding_threads(void **state)
{
    (void)state;
    static float motion[3][CLIPS * 8], text[3][CLIPS * 8];
    struct error e = {0};
    size_t row = (size_t)(FRAMES * small.nfeats);
    float *x = malloc(CLIPS * row * sizeof *x);
    float *words = malloc((size_t)(CLIPS * TOKENS * (small.word_width + small.parts_of_speech)) * sizeof *words);
    float *speech = words + CLIPS * TOKENS * small.word_width;
    int lengths[CLIPS], tokens[CLIPS];
    random_fill(x, CLIPS * row, 1);
    random_fill(words, (size_t)(CLIPS * TOKENS * (small.word_width + small.parts_of_speech)), 4);
    for (int i = 0; i < CLIPS; i++) {
        lengths[i] = 4 + (i * 11) % (FRAMES - 3);
        tokens[i] = 1 + i % TOKENS;
    }
    for (int k = 0; k < 3; k++) {
        struct room r;
        open_room(&r, k + 1);
        struct evaluator_padding batch = {EVALUATOR_PADDING_BATCH, 32, 0, NULL};
        assert_int_equal(evaluator_embed_motion(&r.ev, x, CLIPS, FRAMES, lengths, &batch, motion[k], &e), 0);
        assert_int_equal(evaluator_embed_text(&r.ev, words, speech, CLIPS, TOKENS, tokens, text[k], &e), 0);
        close_room(&r);
    }
    for (int k = 1; k < 3; k++) {
        assert_memory_equal(motion[0], motion[k], sizeof motion[0]);
        assert_memory_equal(text[0], text[k], sizeof text[0]);
    }
    free(x);
    free(words);
}

static void test_embedding_errors(void **state)
{
    (void)state;
    struct room r;
    struct error e = {0};
    open_room(&r, 1);
    float x[8 * 19] = {0}, y[8];
    int length = 3;
    struct evaluator_padding fixed = {EVALUATOR_PADDING_FIXED, 0, 8, NULL};
    assert_int_equal(evaluator_embed_motion(&r.ev, x, 1, 8, &length, &fixed, y, &e), ERR_INPUT);
    length = 9;
    assert_int_equal(evaluator_embed_motion(&r.ev, x, 1, 8, &length, &fixed, y, &e), ERR_INPUT);
    length = 8;
    fixed.frames = 4;
    assert_int_equal(evaluator_embed_motion(&r.ev, x, 1, 8, &length, &fixed, y, &e), ERR_INPUT);
    fixed.frames = 8;
    x[5] = NAN;
    assert_int_not_equal(evaluator_embed_motion(&r.ev, x, 1, 8, &length, &fixed, y, &e), 0);
    length = 0;
    assert_int_equal(evaluator_embed_text(&r.ev, x, x, 1, 2, &length, y, &e), ERR_INPUT);
    struct evaluator_size wrong = small;
    wrong.nfeats = 4;
    struct evaluator other;
    assert_int_equal(evaluator_create(&other, &r.device, &wrong, &e), ERR_INPUT);
    close_room(&r);
}

static void test_order(void **state)
{
    (void)state;
    const int lengths[6] = {8, 20, 8, 40, 20, 4};
    int order[6];
    evaluator_order(lengths, 6, order);
    const int want[6] = {3, 4, 1, 2, 0, 5};
    assert_memory_equal(order, want, sizeof want);
}

/* --- gradients ------------------------------------------------------------------------ */

/* Σ weight · embedding of a caption or motion encoder, by a fresh run. */
struct probe {
    struct room room;
    struct tape tape;
    float x[3 * 12 * 19], speech[3 * 12 * 5], weight[3 * 8];
    int lengths[3], text;
};

static double probe_value(struct probe *p, int recording)
{
    tape_start(&p->tape, recording, 0, 0, 0);
    struct tensor *y;
    if (p->text)
        y = evaluator_text(&p->tape, &p->room.ev, tape_constant(&p->tape, p->x, 36, small.word_width),
                           tape_constant(&p->tape, p->speech, 36, small.parts_of_speech), p->lengths, 3, NULL);
    else
        y = evaluator_motion(&p->tape, &p->room.ev, tape_constant(&p->tape, p->x, 36, small.movement_latent), p->lengths, 3, NULL);
    assert_non_null(y);
    double value = 0;
    for (int i = 0; i < 24; i++) value += (double)p->weight[i] * (double)y->x[i];
    if (recording) {
        int add;
        float *g = tape_grad(&p->tape, y, &add);
        assert_non_null(g);
        memcpy(g, p->weight, sizeof p->weight);
        tape_backward(&p->tape);
    }
    assert_int_equal(tape_failed(&p->tape, NULL), 0);
    return value;
}

static void check_gradient(int text)
{
    struct probe p = {.lengths = {12, 5, 1}, .text = text};
    open_room(&p.room, 1);
    tape_init(&p.tape, &p.room.device);
    random_fill(p.x, sizeof p.x / sizeof *p.x, 11);
    random_fill(p.speech, sizeof p.speech / sizeof *p.speech, 12);
    random_fill(p.weight, 24, 13);
    struct params *params = text ? &p.room.ev.text : &p.room.ev.motion;
    float *gradient = calloc(params->total, sizeof *gradient);
    p.tape.trained[0] = params;
    p.tape.gradient[0] = gradient;
    probe_value(&p, 1);
    double error = 0, size = 0;
    for (int i = 0; i < params->count; i++) {
        struct param *t = params->items[i];
        for (size_t k = 0; k < t->count; k += t->count / 5 + 1) {
            float keep = t->x[k], step = 4e-3f;
            t->x[k] = keep + step;
            double up = probe_value(&p, 0);
            t->x[k] = keep - step;
            double down = probe_value(&p, 0), slope = (up - down) / (2 * (double)step);
            t->x[k] = keep;
            double got = (double)gradient[t->offset + k];
            assert_true(fabs(got - slope) < 5e-3 * (1 + fabs(slope)));
            error += (got - slope) * (got - slope);
            size += slope * slope;
        }
    }
    assert_true(size > 1e-2);
    assert_true(sqrt(error / size) < 3e-3);
    free(gradient);
    tape_free(&p.tape);
    close_room(&p.room);
}

static void test_gradient(void **state)
{
    (void)state;
    check_gradient(0);
    check_gradient(1);
}

/* --- training --------------------------------------------------------------------------- */

/* Batches of noise; pair i's caption and motion share a pattern. */
static int noise_snippets(void *context, int64_t step, float *motions, struct error *e)
{
    const struct evaluator_config *c = context;
    (void)e;
    random_fill(motions, (size_t)(c->snippets * c->window * c->size.nfeats), 100 + (uint64_t)step);
    return 0;
}

static int noise_pairs(void *context, int64_t step, float *motions, int *lengths, float *words, float *speech,
                       int *sentence_lengths, struct error *e)
{
    const struct evaluator_config *c = context;
    size_t row = (size_t)(c->frames * c->size.nfeats), sentence = (size_t)(c->tokens * c->size.word_width);
    (void)e;
    random_fill(motions, (size_t)c->batch * row, 1000 + (uint64_t)step);
    random_fill(words, (size_t)c->batch * sentence, 2000 + (uint64_t)step);
    memset(speech, 0, (size_t)(c->batch * c->tokens * c->size.parts_of_speech) * sizeof *speech);
    for (int i = 0; i < c->batch; i++) {
        lengths[i] = 4 * (1 + i % (c->frames / 4));
        sentence_lengths[i] = 1 + i % c->tokens;
        for (size_t k = 0; k < row; k++) motions[(size_t)i * row + k] += 2 * sinf((float)((size_t)i * 3 + k % (size_t)c->size.nfeats));
        for (size_t k = 0; k < sentence; k++) words[(size_t)i * sentence + k] += 2 * cosf((float)((size_t)i * 5 + k % (size_t)c->size.word_width));
        /* Beyond the padding of four rows a batch holds anything. */
        for (size_t k = (size_t)((lengths[i] + 4) * c->size.nfeats); k < row; k++) motions[(size_t)i * row + k] = NAN;
    }
    return 0;
}

static struct evaluator_config tiny_config(void)
{
    struct evaluator_config c = evaluator_config_defaults();
    c.size = small;
    c.decoder_hidden = 11;
    c.window = 8;
    c.snippets = 6;
    c.batch = 10;
    c.tokens = 5;
    c.frames = 16;
    c.negatives = 2;
    c.autoencoder_steps = 6;
    c.matching_steps = 6;
    c.autoencoder_rate = c.matching_rate = 1e-2f;
    c.accumulators = 3;
    c.save_every = 1e9;
    return c;
}

/* Trains from nothing or from the state, with stops; the weights of the written file. */
static void train_to(const struct evaluator_config *config, int threads, const char *path, const int64_t *stops, int count,
                     struct weights *out)
{
    struct error e = {0};
    struct device d;
    assert_int_equal(device_open_cpu(&d, threads, &e), 0);
    struct evaluator_config c = *config;
    for (int i = 0; i <= count; i++) {
        struct evaluator ev;
        struct evaluator_source source = {&c, "noise", noise_snippets, noise_pairs};
        c.stop_at = i < count ? stops[i] : 0;
        assert_int_equal(evaluator_create(&ev, &d, &c.size, &e), 0);
        assert_int_equal(evaluator_train(&ev, &c, &source, NULL, path, &e), i < count ? ERR_CHECK : 0);
        memset(out, 0, sizeof *out);
        if (i == count) {
            assert_int_equal(params_store(&ev.movement, out, "movement.", &e), 0);
            assert_int_equal(params_store(&ev.motion, out, "motion.", &e), 0);
            assert_int_equal(params_store(&ev.text, out, "text.", &e), 0);
        }
        evaluator_free(&ev);
    }
    device_close(&d);
}

static void assert_same_weights(const struct weights *a, const struct weights *b)
{
    assert_int_equal(a->count, b->count);
    for (int i = 0; i < a->count; i++) {
        assert_string_equal(a->items[i].name, b->items[i].name);
        assert_memory_equal(a->items[i].data, b->items[i].data, a->items[i].count * sizeof(float));
    }
}

static void test_resume(void **state)
{
    (void)state;
    char folder[] = "/tmp/mlcm-evaluator-XXXXXX", path[3][80], file[300];
    assert_non_null(mkdtemp(folder));
    for (int i = 0; i < 3; i++) snprintf(path[i], sizeof path[i], "%s/%d.h5", folder, i);
    struct evaluator_config c = tiny_config();
    struct weights straight, resumed, threaded;
    const int64_t stops[4] = {2, 6, 7, 10};
    train_to(&c, 1, path[0], NULL, 0, &straight);
    train_to(&c, 1, path[1], stops, 4, &resumed);
    train_to(&c, 3, path[2], NULL, 0, &threaded);
    assert_same_weights(&straight, &resumed);
    assert_same_weights(&straight, &threaded);

    /* The written file gives the same evaluator. */
    struct device d;
    struct evaluator ev;
    struct error e = {0};
    struct weights read = {0};
    assert_int_equal(device_open_cpu(&d, 1, &e), 0);
    assert_int_equal(evaluator_open(&ev, &d, path[0], &e), 0);
    assert_int_equal(memcmp(&ev.size, &small, sizeof small), 0);
    assert_int_equal(params_store(&ev.movement, &read, "movement.", &e), 0);
    assert_int_equal(params_store(&ev.motion, &read, "motion.", &e), 0);
    assert_int_equal(params_store(&ev.text, &read, "text.", &e), 0);
    assert_same_weights(&straight, &read);
    evaluator_free(&ev);

    /* A state of another configuration is refused. */
    c.margin = 5;
    struct evaluator_source source = {&c, "noise", noise_snippets, noise_pairs};
    assert_int_equal(evaluator_create(&ev, &d, &c.size, &e), 0);
    assert_int_equal(evaluator_train(&ev, &c, &source, NULL, path[0], &e), ERR_INPUT);
    evaluator_free(&ev);
    device_close(&d);
    weights_free(&straight);
    weights_free(&resumed);
    weights_free(&threaded);
    weights_free(&read);
    for (int i = 0; i < 3; i++) {
        snprintf(file, sizeof file, "%s.state", path[i]);
        unlink(file);
        unlink(path[i]);
    }
    rmdir(folder);
}

struct curve {
    double first, last;
};

static void follow(void *context, const struct evaluator_progress *p)
{
    struct curve *c = context;
    if (strcmp(p->stage, "matching")) return;
    if (p->step == 1) c->first = p->loss;
    c->last = p->loss;
}

static void test_learns(void **state)
{
    (void)state;
    char folder[] = "/tmp/mlcm-evaluator-XXXXXX", path[80], file[100];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/e.h5", folder);
    struct room r;
    struct error e = {0};
    struct curve curve = {0};
    struct evaluator_config c = tiny_config();
    c.matching_steps = 400;
    c.negatives = 9;
    c.margin = 3;
    open_room(&r, 2);
    struct evaluator_source source = {&c, "noise", noise_snippets, noise_pairs};
    struct evaluator_observer observer = {&curve, follow, NULL};
    assert_int_equal(evaluator_train(&r.ev, &c, &source, &observer, path, &e), 0);
    assert_true(curve.last < 0.5 * curve.first);
    close_room(&r);
    snprintf(file, sizeof file, "%s.state", path);
    unlink(file);
    unlink(path);
    rmdir(folder);
}

/* --- reference cases ------------------------------------------------------------------------ */

static void test_reference(void **state)
{
    (void)state;
    static const char *const cases[] = {"evaluators_small", "units_gru_conv", "evaluator_train_step",
                                        "movement_autoencoder_step", "eval_pipeline"};
    static const char folder[] = "../shared/golden";
    if (access(folder, R_OK)) {
        printf("skip: %s not here\n", folder);
        skip();
    }
    FILE *quiet = fopen("/dev/null", "w");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[100];
        struct h5 *f;
        struct error e = {0};
        struct verify v = {.case_name = cases[i], .folder = folder, .quiet = 1, .out = quiet};
        snprintf(path, sizeof path, "%s/%s.h5", folder, cases[i]);
        if (!file_exists(path)) continue;
        assert_int_equal(h5_open(path, &f, &e), 0);
        for (const struct verify_kind *k = verify_kinds_evaluators; k->kind; k++)
            if (!strncmp(k->kind, cases[i], strlen(k->kind))) assert_int_equal(k->run(&v, f, &e), 0);
        h5_close(f);
        assert_true(v.passed > 0);
        assert_int_equal(v.failed + v.marginal, 0);
    }
    fclose(quiet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embedding_alone), cmocka_unit_test(test_embedding_threads),
        cmocka_unit_test(test_embedding_errors), cmocka_unit_test(test_order), cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_resume), cmocka_unit_test(test_learns), cmocka_unit_test(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
