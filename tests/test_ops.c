/* Every operation of the tape: values, gradients, repeatability.
 *
 *   test_ops          the tests
 *   test_ops speed    a line a case: time and rate, forward and with backward
 *
 * Gradients are compared with central differences of the double-precision
 * references, along random directions and along single coordinates. */
#include "../engine/rng.h"
#include "op_cases.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static const float prefilled = 0.5f;

struct outcome {
    float *out, *extra, *grad[OP_INPUTS];
    size_t out_count, extra_count;
    double value;
};

struct setup {
    int count;
    struct op_input shape[OP_INPUTS];
    size_t size[OP_INPUTS];
    float *in[OP_INPUTS], *seed;      /* seed: weights of the outputs, the upstream gradient */
    double *wide[OP_INPUTS];
};

static void *must(void *p)
{
    if (!p) abort();
    return p;
}

static float *host_copy(struct device *d, const float *from, size_t n)
{
    float *to = must(malloc((n + 1) * sizeof *to));
    d->download(d, to, from, n);
    return to;
}

static void outcome_free(struct outcome *o)
{
    free(o->out);
    free(o->extra);
    for (int i = 0; i < OP_INPUTS; i++) free(o->grad[i]);
    memset(o, 0, sizeof *o);
}

/* Puts the inputs on the tape; parameters into p. */
static void place(struct tape *t, struct device *d, const struct setup *s, struct params *p, struct tensor **in,
                  struct param **params, float **gradient)
{
    params_init(p, d);
    for (int i = 0; i < s->count; i++) {
        const struct op_input *x = &s->shape[i];
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        if (x->param) params[i] = params_add(p, INIT_ZERO, 0, name, x->rank, x->dims[0], x->dims[1], x->dims[2]);
    }
    if (p->total) {
        assert_int_equal(params_allocate(p, NULL), 0);
        *gradient = must(d->alloc(d, p->total));
        d->fill(d, *gradient, 0, p->total);
        t->trained[0] = p;
        t->gradient[0] = *gradient;
    }
    for (int i = 0; i < s->count; i++) {
        const struct op_input *x = &s->shape[i];
        if (x->param) d->upload(d, params[i]->x, s->in[i], s->size[i]);
        else in[i] = (x->constant ? tape_constant : tape_leaf)(t, s->in[i], x->dims[0], x->dims[1]);
    }
}

/* backward 0: values only; 1: gradients; 2: gradients on top of prefilled ones. */
static struct outcome run(struct device *d, const struct op_case *c, const struct setup *s, int recording, int backward)
{
    struct outcome o = {0};
    struct tape t;
    struct params p;
    struct tensor *in[OP_INPUTS] = {0};
    struct param *params[OP_INPUTS] = {0};
    struct op_result r = {0};
    struct error e = {0};
    float *gradient = NULL;
    tape_init(&t, d);
    tape_start(&t, recording, c->dropout, OP_SEED, OP_STREAM);
    place(&t, d, s, &p, in, params, &gradient);
    for (int i = 0; i < s->count && backward == 2; i++) {
        if (params[i]) d->fill(d, gradient + params[i]->offset, prefilled, s->size[i]);
        else if (!s->shape[i].constant) d->fill(d, tape_grad_zeroed(&t, in[i]), prefilled, s->size[i]);
    }
    c->family->run(&t, c, in, params, &r);
    if (backward) {
        size_t n = r.out ? (size_t)r.out->rows * (size_t)r.out->cols : 0;
        float *g = r.out ? tape_grad_zeroed(&t, r.out) : NULL, *seed = must(d->alloc(d, n + 1));
        d->upload(d, seed, s->seed, n);
        if (g) d->blocks(d, g, 0, seed, 0, 1, n, 1);   /* adds: the result may be the input itself */
        d->release(d, seed);
        tape_backward(&t);
    }
    if (tape_failed(&t, &e)) fail_msg("%s %s: %s", c->family->name, c->shape, e.text);
    o.value = r.value;
    if (r.out) {
        o.out_count = (size_t)r.out->rows * (size_t)r.out->cols;
        o.out = host_copy(d, r.out->x, o.out_count);
    }
    if (r.extra) {
        o.extra_count = (size_t)r.extra->rows * (size_t)r.extra->cols;
        o.extra = host_copy(d, r.extra->x, o.extra_count);
    }
    for (int i = 0; i < s->count && backward; i++) {
        if (s->shape[i].constant) continue;
        float *g = params[i] ? gradient + params[i]->offset : in[i]->g;
        if (!g) fail_msg("%s %s: no gradient reached input %d", c->family->name, c->shape, i);
        o.grad[i] = host_copy(d, g, s->size[i]);
    }
    free(r.memory);
    if (gradient) d->release(d, gradient);
    params_free(&p);
    tape_free(&t);
    return o;
}

/* Input values of a case; the number of outputs comes from a first run. */
static void setup_make(struct setup *s, const struct op_case *c, size_t *outputs, size_t *extras, struct device *d)
{
    memset(s, 0, sizeof *s);
    s->count = c->family->inputs(c, s->shape);
    for (int i = 0; i < s->count; i++) {
        const int *dims = s->shape[i].dims;
        s->size[i] = (size_t)dims[0] * (size_t)dims[1] * (size_t)dims[2];
        s->in[i] = must(malloc(s->size[i] * sizeof(float)));
        s->wide[i] = must(malloc(s->size[i] * sizeof(double)));
        rng_fill_normal(OP_SEED, 1000 + (uint64_t)(c - op_cases) * 16 + (uint64_t)i, 0, s->in[i], s->size[i]);
        for (size_t k = 0; k < s->size[i]; k++) s->wide[i][k] = (double)s->in[i][k];
    }
    struct outcome o = run(d, c, s, 0, 0);
    *outputs = o.out ? o.out_count : 1;
    *extras = o.extra_count;
    s->seed = must(malloc((*outputs + 4) * sizeof(float)));
    rng_fill_normal(OP_SEED, 999 + (uint64_t)(c - op_cases) * 16, 0, s->seed, *outputs);
    outcome_free(&o);
}

static void setup_free(struct setup *s)
{
    for (int i = 0; i < s->count; i++) {
        free(s->in[i]);
        free(s->wide[i]);
    }
    free(s->seed);
}

/* Squared error over squared reference; not a number fails every bound. */
static double nmse(const float *got, const double *want, size_t n)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        apart += ((double)got[i] - want[i]) * ((double)got[i] - want[i]);
        size += want[i] * want[i];
    }
    return apart == 0 ? 0 : apart / size;
}

static void test_values(void **state)
{
    struct device d;
    (void)state;
    assert_int_equal(device_open_cpu(&d, 2, NULL), 0);
    int failures = 0;
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, &d);
        double *out = must(malloc((n + 1) * sizeof *out)), *extra = must(malloc((extras + 1) * sizeof *extra));
        c->family->reference(c, s.wide, out, extras ? extra : NULL);
        struct outcome o = run(&d, c, &s, 1, 0), inference = run(&d, c, &s, 0, 0);
        double error = o.out ? nmse(o.out, out, n) : (o.value - *out) * (o.value - *out) / (*out * *out);
        double extra_error = extras ? nmse(o.extra, extra, extras) : 0;
        if (!(error <= c->forward) || !(extra_error <= c->forward)) {
            print_error("%s, %s: NMSE %.1e %.1e, bound %.0e\n", c->family->name, c->shape, error, extra_error, c->forward);
            failures++;
        }
        if (o.out && memcmp(o.out, inference.out, n * sizeof(float))) {
            print_error("%s, %s: a recording tape gives other values\n", c->family->name, c->shape);
            failures++;
        }
        outcome_free(&o);
        outcome_free(&inference);
        free(out);
        free(extra);
        setup_free(&s);
    }
    device_close(&d);
    assert_int_equal(failures, 0);
}

/* Σ seed·reference(inputs with input i moved by h·direction) */
static double moved(const struct op_case *c, const struct setup *s, int i, const double *direction, double h,
                    double *out, size_t n, int is_loss)
{
    double sum = 0;
    for (size_t k = 0; k < s->size[i]; k++) s->wide[i][k] = (double)s->in[i][k] + h * direction[k];
    c->family->reference(c, s->wide, out, NULL);
    for (size_t k = 0; k < s->size[i]; k++) s->wide[i][k] = (double)s->in[i][k];
    if (is_loss) return *out;
    for (size_t k = 0; k < n; k++) sum += (double)s->seed[k] * out[k];
    return sum;
}

/* Largest error of input i's gradient, over the size of gradient and direction. Directions:
 * two random ones; then single coordinates, all of a small input, a sample of a large one. */
static double gradient_error(const struct op_case *c, const struct setup *s, const struct outcome *o, int i, double *out,
                             size_t n)
{
    enum { RANDOM = 2, COORDINATES = 24 };
    size_t size = s->size[i];
    double *v = must(malloc(size * sizeof *v)), worst = 0, length = 0, largest = 0;
    float *noise = must(malloc((size + 4) * sizeof *noise));
    for (size_t k = 0; k < size; k++) {
        double g = (double)o->grad[i][k];
        length += g * g;
        if (fabs(g) > largest) largest = fabs(g);
        if (!isfinite(g)) worst = INFINITY;
    }
    int probes = size < COORDINATES ? (int)size : COORDINATES;
    struct rng r = rng_make(OP_SEED, 5);
    for (int probe = 0; probe < RANDOM + probes; probe++) {
        double slope = 0, norm = 1, scale = largest;
        if (probe < RANDOM) {
            rng_fill_normal(OP_SEED, 6 + (uint64_t)probe, 0, noise, size);
            norm = 0;
            for (size_t k = 0; k < size; k++) {
                v[k] = (double)noise[k];
                norm += v[k] * v[k];
            }
            norm = sqrt(norm);
            scale = sqrt(length);
        } else {
            size_t at = size <= COORDINATES ? (size_t)(probe - RANDOM) : (size_t)rng_below(&r, (uint32_t)size);
            if (size > COORDINATES && probe == RANDOM) at = 0;
            if (size > COORDINATES && probe == RANDOM + 1) at = size - 1;
            memset(v, 0, size * sizeof *v);
            v[at] = 1;
        }
        for (size_t k = 0; k < size; k++) slope += (double)o->grad[i][k] * v[k];
        double h = 1e-6;
        double difference = (moved(c, s, i, v, h, out, n, !o->out) - moved(c, s, i, v, -h, out, n, !o->out)) / (2 * h);
        double apart = fabs(slope - difference);
        if (apart < 1e-8) continue;              /* rounding of the differences themselves */
        double error = apart / (scale * norm);
        if (!(error <= worst)) worst = error;
    }
    free(v);
    free(noise);
    return worst;
}

static void test_gradients(void **state)
{
    struct device d;
    (void)state;
    assert_int_equal(device_open_cpu(&d, 2, NULL), 0);
    int failures = 0;
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, &d);
        double *out = must(malloc((n + 1) * sizeof *out));
        struct outcome o = run(&d, c, &s, 1, 1);
        for (int i = 0; i < s.count; i++) {
            if (s.shape[i].constant) continue;
            double error = gradient_error(c, &s, &o, i, out, n);
            if (error <= c->gradient) continue;
            print_error("%s, %s: gradient of input %d off by %.1e, bound %.0e\n", c->family->name, c->shape, i, error,
                        c->gradient);
            failures++;
        }
        outcome_free(&o);
        free(out);
        setup_free(&s);
    }
    device_close(&d);
    assert_int_equal(failures, 0);
}

/* Gradients are added to those that other readers of an input left. */
static void test_accumulation(void **state)
{
    struct device d;
    (void)state;
    assert_int_equal(device_open_cpu(&d, 2, NULL), 0);
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        if (c->family->fresh_gradients) continue;
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, &d);
        struct outcome o = run(&d, c, &s, 1, 1), more = run(&d, c, &s, 1, 2);
        for (int i = 0; i < s.count; i++) {
            double largest = 1;
            for (size_t k = 0; k < s.size[i] && o.grad[i]; k++) largest = fmax(largest, fabs((double)o.grad[i][k]));
            for (size_t k = 0; k < s.size[i] && o.grad[i]; k++)
                if (!(fabs((double)(more.grad[i][k] - o.grad[i][k] - prefilled)) <= 3e-6 * largest))
                    fail_msg("%s, %s: input %d, element %zu: %g without, %g with %g there before", c->family->name,
                             c->shape, i, k, (double)o.grad[i][k], (double)more.grad[i][k], (double)prefilled);
        }
        outcome_free(&o);
        outcome_free(&more);
        setup_free(&s);
    }
    device_close(&d);
}

/* The same bits with 1, 2 and 3 threads, and in a lane. */
static void test_threads(void **state)
{
    struct device d[4];
    (void)state;
    for (int i = 0; i < 3; i++) assert_int_equal(device_open_cpu(&d[i], i + 1, NULL), 0);
    assert_int_equal(device_lane(&d[1], &d[3], NULL), 0);
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, &d[0]);
        struct outcome o[4];
        for (int i = 0; i < 4; i++) o[i] = run(&d[i], c, &s, 1, 1);
        for (int i = 1; i < 4; i++) {
            int same = !memcmp(&o[0].value, &o[i].value, sizeof o[0].value) &&
                       (!o[0].out || !memcmp(o[0].out, o[i].out, n * sizeof(float))) &&
                       (!o[0].extra || !memcmp(o[0].extra, o[i].extra, extras * sizeof(float)));
            for (int k = 0; k < s.count; k++)
                same &= !o[0].grad[k] || !memcmp(o[0].grad[k], o[i].grad[k], s.size[k] * sizeof(float));
            if (!same) fail_msg("%s, %s: device %d gives other bits than one thread", c->family->name, c->shape, i);
        }
        for (int i = 0; i < 4; i++) outcome_free(&o[i]);
        setup_free(&s);
    }
    for (int i = 3; i >= 0; i--) device_close(&d[i]);
}

/* AdamW as Loshchilov and Hutter write it, three steps in double. */
static void test_adamw(void **state)
{
    enum { N = 40003, STEPS = 3 };
    const double lr = (double)2e-3f, beta1 = (double)0.9f, beta2 = (double)0.999f, eps = (double)1e-8f,
                 decay = (double)0.01f, scale = (double)0.25f;
    (void)state;
    float *g = must(malloc(N * sizeof *g)), *p[3], *m[3], *v[3];
    double *want = must(malloc(N * sizeof *want)), *wm = must(calloc(N, sizeof *wm)), *wv = must(calloc(N, sizeof *wv));
    struct device d[3];
    for (int i = 0; i < 3; i++) {
        assert_int_equal(device_open_cpu(&d[i], i + 1, NULL), 0);
        p[i] = must(malloc(N * sizeof **p));
        m[i] = must(calloc(N, sizeof **m));
        v[i] = must(calloc(N, sizeof **v));
        rng_fill_normal(OP_SEED, 1, 0, p[i], N);
    }
    for (int i = 0; i < N; i++) want[i] = (double)p[0][i];
    for (int step = 1; step <= STEPS; step++) {
        rng_fill_normal(OP_SEED, 1 + (uint64_t)step, 0, g, N);
        g[7] = 0;
        for (int i = 0; i < 3; i++)
            d[i].adamw(&d[i], p[i], m[i], v[i], g, N, 0.25f, 2e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, step);
        for (int i = 0; i < N; i++) {
            double x = (double)g[i] * scale;
            wm[i] = beta1 * wm[i] + (1 - beta1) * x;
            wv[i] = beta2 * wv[i] + (1 - beta2) * x * x;
            double hat = sqrt(wv[i] / (1 - pow(beta2, step))) + eps;
            want[i] -= lr * decay * want[i];
            want[i] -= lr * (wm[i] / (1 - pow(beta1, step))) / hat;
        }
    }
    for (int i = 0; i < N; i++) assert_true(fabs((double)p[0][i] - want[i]) <= 1e-6 * (1 + fabs(want[i])));
    for (int i = 1; i < 3; i++) {
        assert_memory_equal(p[0], p[i], N * sizeof(float));
        assert_memory_equal(m[0], m[i], N * sizeof(float));
        assert_memory_equal(v[0], v[i], N * sizeof(float));
    }
    for (int i = 0; i < 3; i++) {
        device_close(&d[i]);
        free(p[i]);
        free(m[i]);
        free(v[i]);
    }
    free(g);
    free(want);
    free(wm);
    free(wv);
}

static void test_sum_squares(void **state)
{
    (void)state;
    struct device d;
    assert_int_equal(device_open_cpu(&d, 2, NULL), 0);
    const size_t sizes[] = {0, 1, 17, 65536, 65537, 200003};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float *x = must(malloc((sizes[i] + 4) * sizeof *x));
        double want = 0;
        rng_fill_normal(OP_SEED, 3, 0, x, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++) want += (double)x[k] * (double)x[k];
        assert_true(fabs(d.sum_squares(&d, x, sizes[i]) - want) <= 1e-12 * want);
        free(x);
    }
    device_close(&d);
}

/* --- speed --------------------------------------------------------------------------- */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one run of the case on a warm tape, with its backward pass if asked. */
static double seconds(struct device *d, const struct op_case *c, const struct setup *s, int backward)
{
    struct tape t;
    tape_init(&t, d);
    double spent = 0;
    int runs = 0, warm = 0;
    while (spent < 0.05 || runs < 3) {
        struct params p;
        struct tensor *in[OP_INPUTS] = {0};
        struct param *params[OP_INPUTS] = {0};
        struct op_result r = {0};
        float *gradient = NULL;
        tape_start(&t, backward, c->dropout, OP_SEED, OP_STREAM);
        place(&t, d, s, &p, in, params, &gradient);
        double start = now();
        c->family->run(&t, c, in, params, &r);
        if (backward) {
            if (r.out) d->fill(d, tape_grad_zeroed(&t, r.out), 1, (size_t)r.out->rows * (size_t)r.out->cols);
            tape_backward(&t);
        }
        d->synchronise(d);
        if (warm++) {
            spent += now() - start;
            runs++;
        }
        free(r.memory);
        if (gradient) d->release(d, gradient);
        params_free(&p);
    }
    tape_free(&t);
    return spent / runs;
}

static int speed(void)
{
    struct device d;
    struct error e = {0};
    if (device_open_cpu(&d, 0, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return e.code;
    }
    printf("%s, %d threads; backward counts twice the work of forward\n", d.name, d.threads);
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, &d);
        double forward = seconds(&d, c, &s, 0), both = seconds(&d, c, &s, 1), work = c->family->work(c) * 1e-9;
        printf("%-18s %-46s %10.1f us %8.2f %-7s  with backward %10.1f us %8.2f\n", c->family->name, c->shape,
               forward * 1e6, work / forward, c->family->bytes ? "GB/s" : "GFLOP/s", both * 1e6, 3 * work / both);
        setup_free(&s);
    }
    device_close(&d);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "speed")) return speed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_gradients), cmocka_unit_test(test_accumulation),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_adamw), cmocka_unit_test(test_sum_squares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
