/* Packed weights: products against double precision, networks against their unpacked selves,
 * the same bits at 1, 2 and 3 threads. */
#include "../engine/controlnet.h"
#include "../engine/rng.h"
#include "../engine/sampler.h"
#include "../engine/text_encoder.h"
#include "../engine/vae.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 5 };

static void *must(void *p)
{
    if (!p) abort();
    return p;
}

static float *numbers(size_t n, uint64_t stream)
{
    float *x = must(malloc((n + 4) * sizeof *x));
    rng_fill_normal(SEED, stream, 0, x, n);
    return x;
}

/* --- products ----------------------------------------------------------------------------------- */

static double round_bf16(float x)
{
    int exponent;
    double m = frexp((double)x, &exponent);          /* 8 bits of mantissa, to nearest even */
    return ldexp(nearbyint(ldexp(m, 8)), exponent - 8);
}

/* Element of a row as the precision keeps it; most: the row's largest magnitude. */
static double kept(float x, float most, enum weight_precision p)
{
    if (p == PRECISION_FP32) return (double)x;
    if (p == PRECISION_BF16) return round_bf16(x);
    return most > 0 ? (double)lrintf(x * (127.0f / most)) * ((double)most / 127.0) : 0.0;
}

static float largest(const float *x, int n)
{
    float most = 0;
    for (int i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
    return most;
}

struct shape {
    int n, ins, outs;          /* of the part */
    int column, row, cols, rows;
    int add, bias;
    enum activation act;
};

static double activation(double x, enum activation act)
{
    return act == ACT_GELU ? 0.5 * x * (1 + erf(x / sqrt(2.0))) : act == ACT_RELU ? fmax(x, 0) : act == ACT_SILU ? x / (1 + exp(-x)) : x;
}

/* The largest error of one product over what the sums allow; *against: over the unrounded result's largest value. */
static double product_error(struct device *d, int devices, const struct shape *s, enum weight_precision p, double *against)
{
    size_t n = (size_t)s->n, ins = (size_t)s->ins, outs = (size_t)s->outs, cols = (size_t)s->cols;
    float *x = numbers(n * ins, 1), *w = numbers((size_t)s->rows * cols, 2), *b = numbers(outs, 3), *before = numbers(n * outs, 4);
    float *first = NULL;
    double worst = 0, apart = 0, size = 0;
    for (int k = 0; k < devices; k++) {
        float *packed = must(d[k].alloc(&d[k], d[k].packed_count(&d[k], s->rows, s->cols, p)));
        float *y = must(malloc((n * outs + 1) * sizeof *y));
        d[k].pack(&d[k], packed, w, s->rows, s->cols, p);
        memcpy(y, before, n * outs * sizeof *y);
        y[n * outs] = 42;
        struct packed part = {packed, p, s->rows, s->cols, s->row, s->outs, s->column, s->ins};
        d[k].linear_packed(&d[k], y, x, &part, s->bias ? b : NULL, s->n, s->add, s->act);
        assert_true(y[n * outs] == 42);
        d[k].release(&d[k], packed);
        if (k == 0) first = y;
        else {
            assert_memory_equal(first, y, n * outs * sizeof *y);
            free(y);
        }
    }
    for (size_t i = 0; i < n; i++) {
        float most_x = largest(x + i * ins, s->ins);
        for (size_t o = 0; o < outs; o++) {
            const float *row = w + ((size_t)s->row + o) * cols;
            float most_w = largest(row, s->cols);
            double sum = s->add ? (double)before[i * outs + o] : 0, plain = sum, allowed = fabs(sum);
            for (size_t k = 0; k < ins; k++) {
                double term = kept(x[i * ins + k], most_x, p) * kept(row[(size_t)s->column + k], most_w, p);
                sum += term;
                allowed += fabs(term);
                plain += (double)x[i * ins + k] * (double)row[(size_t)s->column + k];
            }
            double bias = s->bias ? (double)b[o] : 0, got = (double)first[i * outs + o];
            worst = fmax(worst, fabs(got - activation(sum + bias, s->act)) / (allowed + fabs(bias) + 1e-3));
            apart = fmax(apart, fabs(got - activation(plain + bias, s->act)));
            size = fmax(size, fabs(activation(plain + bias, s->act)));
            if (!isfinite(got)) worst = INFINITY;
        }
    }
    *against = apart / size;
    free(first);
    free(before);
    free(b);
    free(w);
    free(x);
    return worst;
}

static void test_products(void **state)
{
    static const struct shape others[] = {
        {98, 256, 96, 0, 0, 256, 96, 0, 1, ACT_GELU},   {196, 1024, 64, 0, 0, 1024, 64, 0, 1, ACT_NONE},
        {50, 263, 31, 0, 0, 263, 31, 1, 1, ACT_RELU},   {3, 1024, 256, 0, 0, 1024, 256, 0, 1, ACT_NONE},
        {12, 64, 128, 64, 64, 128, 192, 1, 1, ACT_SILU}, {6, 33, 40, 31, 7, 64, 47, 1, 0, ACT_NONE},
        {5, 17, 9, 5, 3, 22, 12, 0, 1, ACT_NONE},       {1, 1, 1, 0, 0, 1, 1, 0, 0, ACT_NONE},
        {49, 7, 33, 2, 30, 9, 63, 1, 1, ACT_NONE},      {200, 130, 65, 1, 31, 131, 96, 0, 1, ACT_GELU}};
    static const double bound[3] = {1e-6, 1e-6, 1e-6}, rounding[3] = {3e-6, 0.02, 0.06};
    struct device d[3];
    (void)state;
    for (int i = 0; i < 3; i++) assert_int_equal(device_open_cpu(&d[i], i + 1, NULL), 0);
    for (int p = 0; p < 3; p++) {
        double most = 0;
        for (int n = 1; n <= 33 + (int)(sizeof others / sizeof *others); n++) {
            struct shape s = n <= 33 ? (struct shape){n, 70 + n, 37 + n, 0, 0, 70 + n, 37 + n, n & 1, n % 3 != 0, ACT_NONE} : others[n - 34];
            double against, error = product_error(d, 3, &s, (enum weight_precision)p, &against);
            if (!(error <= bound[p]) || !(against <= rounding[p] || s.ins < 64))
                fail_msg("precision %d, %d rows, %d of %d -> %d of %d: error %.1e, %.1e of the unrounded result", p, s.n, s.ins,
                         s.cols, s.outs, s.rows, error, against);
            if (s.ins >= 64) most = fmax(most, against);
        }
        print_message("precision %d: largest distance from the unrounded product %.1e of its largest value\n", p, most);
    }
    for (int i = 0; i < 3; i++) device_close(&d[i]);
}

/* A row with a value that is not finite gives no finite result, in any precision; the rows beside it are as without it.
 * Inputs too small to be scaled give results as small. */
static void test_not_finite(void **state)
{
    enum { ROWS = 5, INS = 100, OUTS = 40 };
    struct device d;
    float *x = numbers(ROWS * INS, 1), *w = numbers(OUTS * INS, 2), sound[ROWS * OUTS], y[ROWS * OUTS];
    (void)state;
    assert_int_equal(device_open_cpu(&d, 2, NULL), 0);
    for (int p = 0; p < 3; p++) {
        float *packed = must(d.alloc(&d, d.packed_count(&d, OUTS, INS, (enum weight_precision)p)));
        d.pack(&d, packed, w, OUTS, INS, (enum weight_precision)p);
        const struct packed all = {packed, (enum weight_precision)p, OUTS, INS, 0, OUTS, 0, INS};
        static const float bad[3] = {NAN, INFINITY, -INFINITY};
        float kept_values[3];
        d.linear_packed(&d, sound, x, &all, NULL, ROWS, 0, ACT_NONE);
        for (int i = 0; i < 3; i++) {
            kept_values[i] = x[(i + 1) * INS + 30 * i];
            x[(i + 1) * INS + 30 * i] = bad[i];
        }
        d.linear_packed(&d, y, x, &all, NULL, ROWS, 0, ACT_NONE);
        for (int i = 0; i < ROWS * OUTS; i++) {
            int row = i / OUTS;
            if (row == 0 || row == ROWS - 1) assert_memory_equal(&y[i], &sound[i], sizeof y[i]);
            else if (isfinite(y[i])) fail_msg("precision %d, row %d: %g of a row that is not finite", p, row, (double)y[i]);
        }
        for (int i = 0; i < 3; i++) x[(i + 1) * INS + 30 * i] = kept_values[i];
        float tiny[INS];
        for (int i = 0; i < INS; i++) tiny[i] = 1e-38f * (float)(i % 3);
        d.linear_packed(&d, y, tiny, &all, NULL, 1, 0, ACT_NONE);
        for (int i = 0; i < OUTS; i++) assert_true(fabsf(y[i]) < 1e-35f);
        d.release(&d, packed);
    }
    device_close(&d);
    free(x);
    free(w);
}

/* --- networks -------------------------------------------------------------------------------------- */

static double distance(const float *a, const float *b, size_t n)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i])) return INFINITY;
        apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
        size = fmax(size, fabs((double)b[i]));
    }
    return apart / size;
}

static const double network_bound[3] = {1e-5, 0.03, 0.12};

/* A case: writes its results (count) with networks packed in `precision`, -1: unpacked. */
struct network_case {
    const char *name;
    size_t count;
    int (*run)(const struct network_case *c, struct device *d, int precision, float *out, struct error *e);
    int kind, batch, frames;
};

static const struct transformer_size plain = {64, 96, 5, 2, 1e-5f}, odd = {36, 50, 3, 3, 1e-5f}, wide = {256, 1024, 9, 4, 1e-5f};

static int fetch(struct tape *t, struct tensor *y, float *out, size_t n, struct error *e)
{
    int rc = tape_failed(t, e);
    if (!rc && (size_t)y->rows * (size_t)y->cols != n) rc = error_set(e, ERR_INTERNAL, "%d x %d values, not %zu", y->rows, y->cols, n);
    if (!rc) t->device->download(t->device, out, y->x, n);
    return rc;
}

/* kind 0: one token, 1: odd sizes and several tokens with projections, 2: the published size */
static struct vae_size vae_sizes(int kind)
{
    struct vae_size one = {20, 1, 64, 0, 210, plain}, several = {13, 5, 8, 1, 90, odd}, published = {263, 1, 256, 0, 500, wide};
    return kind == 0 ? one : kind == 1 ? several : published;
}

static int run_vae(const struct network_case *c, struct device *d, int precision, float *out, struct error *e)
{
    struct vae v;
    struct tape t;
    struct vae_size size = vae_sizes(c->kind);
    int lengths[4] = {c->frames, c->frames - 7, 3, c->frames / 2}, rc = vae_create(&v, d, &size, e);
    size_t latent = (size_t)(c->batch * size.latent_tokens * size.latent_width), motion = (size_t)(c->batch * c->frames * size.nfeats);
    if (rc) return rc;
    tape_init(&t, d);
    rc = params_initialise(&v.params, SEED, e);
    if (!rc && precision >= 0) rc = vae_prepare(&v, (enum weight_precision)precision, c->batch & 1, e);
    float *x = numbers(motion, 6), *z = numbers(latent, 7);
    tape_start(&t, 0, 0, 0, 0);
    if (!rc) {
        struct tensor *mu, *logvar;
        vae_encode(&t, &v, tape_constant(&t, x, c->batch * c->frames, size.nfeats), lengths, c->batch, &mu, &logvar);
        rc = fetch(&t, mu, out, latent, e);
        struct tensor *y = vae_decode(&t, &v, tape_constant(&t, z, c->batch * size.latent_tokens, size.latent_width), lengths, c->batch, c->frames);
        if (!rc) rc = fetch(&t, y, out + latent, motion, e);
    }
    free(x);
    free(z);
    tape_free(&t);
    vae_free(&v);
    return rc;
}

static int run_sampler(const struct network_case *c, struct device *d, int precision, float *out, struct error *e)
{
    struct denoiser_size size = {.latent_tokens = 1, .latent_width = 64, .text_width = 40, .time_width = 32, .guidance_width = 24,
                                 .text_act = ACT_RELU, .positions = 20, .transformer = plain};
    if (c->kind == 1) size = (struct denoiser_size){.latent_tokens = 5, .latent_width = 8, .projections = 1, .text_width = 40, .time_width = 32,
                                                    .text_act = ACT_NONE, .positions = 20, .transformer = odd};
    if (c->kind == 3) size.guidance_width = 0;
    struct controlnet_size control_size = {.denoiser = size, .embedding_width = 48, .embedding_act = ACT_SILU};
    struct denoiser n = {0};
    struct controlnet control = {0};
    struct tape t;
    struct sampler s;
    int rc = denoiser_create(&n, d, &size, e), with_control = c->kind == 2 || c->kind == 3, rows = c->batch * size.latent_tokens;
    tape_init(&t, d);
    if (!rc) rc = params_initialise(&n.params, SEED, e);
    if (!rc && with_control) rc = controlnet_create(&control, d, &control_size, e);
    if (!rc && with_control) rc = params_initialise(&control.base.params, SEED + 1, e);
    if (!rc && with_control)            /* its last layers start at zero: give them something to say */
        for (int i = 0; i < size.transformer.layers; i++)
            rng_fill_normal(SEED, 90 + (uint64_t)i, 0, control.residual[i].bias->x, (size_t)size.transformer.width);
    if (!rc && precision >= 0) rc = params_pack(&n.params, (enum weight_precision)precision, e);
    if (!rc && precision >= 0 && with_control) rc = params_pack(&control.base.params, (enum weight_precision)precision, e);
    if (!rc) rc = c->kind == 3 ? sampler_ddim(&s, 4, 3.0f, e) : sampler_lcm(&s, 1, 2, 50, 7.5f, e);
    size_t latent = (size_t)(rows * size.latent_width);
    float *noise = numbers(latent, 8), *more = numbers(latent, 9), *text = numbers((size_t)c->batch * 40, 10), *hint = numbers(latent, 11);
    tape_start(&t, 0, 0, 0, 0);
    if (!rc) {
        struct sampler_input in = {.noise = tape_constant(&t, noise, rows, size.latent_width), .step_noise = more, .batch = c->batch,
                                   .text = tape_constant(&t, text, c->batch, 40), .text_tokens = 1,
                                   .text_empty = tape_constant(&t, more, c->batch, 40)};
        if (with_control) {
            in.controlnet = &control;
            in.trajectory = tape_constant(&t, hint, rows, size.latent_width);
        }
        rc = fetch(&t, sampler_run(&t, &s, &n, &in), out, latent, e);
    }
    free(noise);
    free(more);
    free(text);
    free(hint);
    tape_free(&t);
    denoiser_free(&n);
    controlnet_free(&control);
    return rc;
}

static int run_text(const struct network_case *c, struct device *d, int precision, float *out, struct error *e)
{
    static const char *const captions[] = {"a person walks slowly and turns left", "", "a person a person a person walks walks"};
    struct vocabulary words;
    struct text_encoder x;
    struct tape t;
    int ids[3 * TEXT_MAX_TOKENS], rc = vocabulary_from(&words, captions, 3, e);
    struct text_encoder_size size = {words.count + 2, 40, plain};
    if (!rc) rc = text_encoder_create(&x, d, &size, &words, e);
    tape_init(&t, d);
    if (!rc) rc = params_initialise(&x.params, SEED, e);
    if (!rc && precision >= 0) rc = params_pack(&x.params, (enum weight_precision)precision, e);
    tape_start(&t, 0, 0, 0, 0);
    if (!rc) rc = fetch(&t, text_encoder_run(&t, &x, captions, 3, ids), out, c->count, e);
    tape_free(&t);
    text_encoder_free(&x);
    vocabulary_free(&words);
    return rc;
}

static void test_networks(void **state)
{
    static const struct network_case cases[] = {
        {"VAE, one token", 64 + 60 * 20, run_vae, 0, 1, 60},
        {"VAE, few rows", 2 * (64 + 20 * 20), run_vae, 0, 2, 20},
        {"VAE, batch of different lengths", 4 * (64 + 71 * 20), run_vae, 0, 4, 71},
        {"VAE, longer than what is prepared", 64 + 204 * 20, run_vae, 0, 1, 204},
        {"VAE, odd sizes, 5 tokens", 3 * (40 + 41 * 13), run_vae, 1, 3, 41},
        {"VAE, odd sizes, few rows", 2 * (40 + 11 * 13), run_vae, 1, 2, 11},
        {"VAE, published size", 256 + 196 * 263, run_vae, 2, 1, 196},
        {"MotionLCM, 2 steps", 64, run_sampler, 0, 1, 0},
        {"MotionLCM, odd sizes, 5 tokens", 4 * 40, run_sampler, 1, 4, 0},
        {"MotionLCM with ControlNet", 2 * 64, run_sampler, 2, 2, 0},
        {"MotionLCM with ControlNet, many rows", 20 * 64, run_sampler, 2, 20, 0},
        {"MLD with ControlNet, guided", 3 * 64, run_sampler, 3, 3, 0},
        {"text encoder", 3 * 40, run_text, 0, 3, 0}};
    struct device d[3];
    (void)state;
    for (int i = 0; i < 3; i++) assert_int_equal(device_open_cpu(&d[i], i + 1, NULL), 0);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct network_case *c = &cases[k];
        float *want = must(malloc(c->count * sizeof *want)), *got = must(malloc(c->count * sizeof *got));
        float *again = must(malloc(c->count * sizeof *again));
        struct error e = {0};
        double apart[3] = {0};
        if (c->run(c, &d[1], -1, want, &e)) fail_msg("%s: %s", c->name, e.text);
        for (int p = 0; p < 3; p++) {
            for (int i = 0; i < 3; i++) {
                if (i && c->kind == 2 && c->run == run_vae && p != 1) continue;      /* the large one: threads once */
                if (c->run(c, &d[i], p, i ? again : got, &e)) fail_msg("%s: %s", c->name, e.text);
                if (i && memcmp(got, again, c->count * sizeof *got)) fail_msg("%s, precision %d: other bits with %d threads", c->name, p, i + 1);
            }
            apart[p] = distance(got, want, c->count);
            if (!(apart[p] <= network_bound[p])) fail_msg("%s, precision %d: %.1e apart, bound %.0e", c->name, p, apart[p], network_bound[p]);
        }
        print_message("%-38s fp32 %.1e  bf16 %.1e  int8 %.1e\n", c->name, apart[0], apart[1], apart[2]);
        free(want);
        free(got);
        free(again);
    }
    for (int i = 0; i < 3; i++) device_close(&d[i]);
}

/* --- unequal lengths ------------------------------------------------------------------------------ */

/* A batch decodes to the same bits as each of its samples alone, and to zeros behind them; with one thread it is
 * taken through the stack in several parts. */
static void test_unequal_lengths(void **state)
{
    enum { BATCH = 7, FRAMES = 85 };
    static const int lengths[BATCH] = {FRAMES, 40, 1, 17, 84, FRAMES, FRAMES};
    (void)state;
    for (int kind = 0; kind < 2; kind++)
        for (int p = 0; p < 3; p++)
            for (int threads = 1; threads <= 3; threads += 2) {
                struct device d;
                struct vae v;
                struct tape t;
                struct error e = {0};
                struct vae_size size = vae_sizes(kind);
                size_t latent = (size_t)size.latent_tokens * (size_t)size.latent_width, row = (size_t)size.nfeats;
                float *z = numbers(BATCH * latent, 21), *together = must(malloc(BATCH * FRAMES * row * sizeof *z));
                float *alone = must(malloc(FRAMES * row * sizeof *z));
                assert_int_equal(device_open_cpu(&d, threads, NULL), 0);
                assert_int_equal(vae_create(&v, &d, &size, &e), 0);
                assert_int_equal(params_initialise(&v.params, SEED, &e), 0);
                assert_int_equal(vae_prepare(&v, (enum weight_precision)p, 0, &e), 0);
                tape_init(&t, &d);
                tape_start(&t, 0, 0, 0, 0);
                struct tensor *all = tape_constant(&t, z, BATCH * size.latent_tokens, size.latent_width);
                assert_int_equal(fetch(&t, vae_decode(&t, &v, all, lengths, BATCH, FRAMES), together, BATCH * FRAMES * row, &e), 0);
                for (int b = 0; b < BATCH; b++) {
                    size_t n = (size_t)lengths[b] * row;
                    const float *mine = together + (size_t)b * FRAMES * row;
                    struct tensor *one = tape_constant(&t, z + (size_t)b * latent, size.latent_tokens, size.latent_width);
                    assert_int_equal(fetch(&t, vae_decode(&t, &v, one, &lengths[b], 1, lengths[b]), alone, n, &e), 0);
                    if (memcmp(mine, alone, n * sizeof *mine)) fail_msg("sample %d of size %d, precision %d, %d threads: not as it is alone", b, kind, p, threads);
                    for (size_t i = n; i < FRAMES * row; i++)
                        if (mine[i] != 0) fail_msg("sample %d: %g behind its end", b, (double)mine[i]);
                }
                tape_free(&t);
                vae_free(&v);
                device_close(&d);
                free(z);
                free(together);
                free(alone);
            }
}

/* --- refusals -------------------------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    struct device d;
    struct error e = {0};
    struct vae v;
    struct vae_size size = vae_sizes(1);
    struct tape t;
    struct weights w = {0};
    int length = 9;
    (void)state;
    assert_int_equal(device_open_cpu(&d, 1, NULL), 0);
    assert_int_equal(vae_create(&v, &d, &size, &e), 0);
    assert_int_equal(params_initialise(&v.params, SEED, &e), 0);
    assert_int_equal(vae_prepare(&v, PRECISION_FP32, 0, &e), 0);
    assert_int_equal(params_pack(&v.params, PRECISION_FP32, &e), ERR_INTERNAL);
    assert_int_equal(params_initialise(&v.params, SEED, &e), ERR_INTERNAL);
    assert_int_equal(params_load(&v.params, &w, "", &e), ERR_INTERNAL);
    assert_int_equal(params_store(&v.params, &w, "", &e), ERR_INTERNAL);
    for (int i = 0; i < v.params.count; i++) assert_true(!v.params.items[i]->matrix == (v.params.items[i]->x != NULL));
    tape_init(&t, &d);
    tape_start(&t, 1, 0, 0, 0);                       /* a tape that records cannot read packed weights */
    float *z = numbers(40, 1);
    assert_null(vae_decode(&t, &v, tape_constant(&t, z, 5, 8), &length, 1, 9));
    assert_int_equal(tape_failed(&t, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "packed for inference"));
    free(z);
    tape_free(&t);
    vae_free(&v);
    device_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products), cmocka_unit_test(test_not_finite), cmocka_unit_test(test_networks), cmocka_unit_test(test_unequal_lengths),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
