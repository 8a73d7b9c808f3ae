/* Gradients are compared with central differences of the double-precision references, along
 * random directions and along single coordinates. */
#include "op_checks.h"
#include "../engine/rng.h"
#include "op_run.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

int op_check_values(struct device *d)
{
    int failures = 0;
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        if (!op_wanted(c)) continue;
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, d);
        double *out = must(malloc((n + 1) * sizeof *out)), *extra = must(malloc((extras + 1) * sizeof *extra));
        c->family->reference(c, s.wide, out, extras ? extra : NULL);
        struct outcome o = run(d, c, &s, 1, 0), inference = run(d, c, &s, 0, 0);
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
    return failures;
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

int op_check_gradients(struct device *d)
{
    int failures = 0;
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        if (!op_wanted(c)) continue;
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, d);
        double *out = must(malloc((n + 1) * sizeof *out));
        struct outcome o = run(d, c, &s, 1, 1);
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
    return failures;
}

void op_check_accumulation(struct device *d)
{
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        if (!op_wanted(c)) continue;
        if (c->family->fresh_gradients) continue;
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, d);
        struct outcome o = run(d, c, &s, 1, 1), more = run(d, c, &s, 1, 2);
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
}

void op_check_same_bits(struct device *const *d, int devices)
{
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        if (!op_wanted(c)) continue;
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, d[0]);
        struct outcome first = run(d[0], c, &s, 1, 1);
        for (int i = 1; i < devices; i++) {
            struct outcome o = run(d[i], c, &s, 1, 1);
            int same = !memcmp(&first.value, &o.value, sizeof o.value) &&
                       (!first.out || !memcmp(first.out, o.out, n * sizeof(float))) &&
                       (!first.extra || !memcmp(first.extra, o.extra, extras * sizeof(float)));
            for (int k = 0; k < s.count; k++)
                same &= !first.grad[k] || !memcmp(first.grad[k], o.grad[k], s.size[k] * sizeof(float));
            if (!same) fail_msg("%s, %s: device %d gives other bits than the first", c->family->name, c->shape, i);
            outcome_free(&o);
        }
        outcome_free(&first);
        setup_free(&s);
    }
}

/* Three steps as Loshchilov and Hutter write them, in double. */
void op_check_adamw(struct device *const *d, int devices)
{
    enum { N = 40003, STEPS = 3 };
    const double lr = (double)2e-3f, beta1 = (double)0.9f, beta2 = (double)0.999f, eps = (double)1e-8f,
                 decay = (double)0.01f, scale = (double)0.25f;
    float *g = must(malloc(N * sizeof *g)), *start = must(malloc(N * sizeof *start)), *got[3], *first[3];
    double *want = must(malloc(N * sizeof *want)), *wm = must(calloc(N, sizeof *wm)), *wv = must(calloc(N, sizeof *wv));
    rng_fill_normal(OP_SEED, 1, 0, start, N);
    for (int k = 0; k < 3; k++) {
        got[k] = must(malloc(N * sizeof **got));
        first[k] = must(malloc(N * sizeof **first));
    }
    for (int i = 0; i < devices; i++) {
        float *x[4];                     /* values, moments, gradient */
        for (int k = 0; k < 4; k++) {
            x[k] = must(d[i]->alloc(d[i], N));
            d[i]->fill(d[i], x[k], 0, N);
        }
        d[i]->upload(d[i], x[0], start, N);
        for (int step = 1; step <= STEPS; step++) {
            rng_fill_normal(OP_SEED, 1 + (uint64_t)step, 0, g, N);
            g[7] = 0;
            d[i]->upload(d[i], x[3], g, N);
            d[i]->adamw(d[i], x[0], x[1], x[2], x[3], N, 0.25f, 2e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, step);
        }
        for (int k = 0; k < 3; k++) {
            d[i]->download(d[i], got[k], x[k], N);
            if (i == 0) memcpy(first[k], got[k], N * sizeof **got);
            assert_memory_equal(first[k], got[k], N * sizeof **got);
        }
        for (int k = 0; k < 4; k++) d[i]->release(d[i], x[k]);
    }
    for (int i = 0; i < N; i++) want[i] = (double)start[i];
    for (int step = 1; step <= STEPS; step++) {
        rng_fill_normal(OP_SEED, 1 + (uint64_t)step, 0, g, N);
        g[7] = 0;
        for (int i = 0; i < N; i++) {
            double x = (double)g[i] * scale;
            wm[i] = beta1 * wm[i] + (1 - beta1) * x;
            wv[i] = beta2 * wv[i] + (1 - beta2) * x * x;
            double hat = sqrt(wv[i] / (1 - pow(beta2, step))) + eps;
            want[i] -= lr * decay * want[i];
            want[i] -= lr * (wm[i] / (1 - pow(beta1, step))) / hat;
        }
    }
    for (int i = 0; i < N; i++) assert_true(fabs((double)first[0][i] - want[i]) <= 1e-6 * (1 + fabs(want[i])));
    for (int k = 0; k < 3; k++) {
        free(got[k]);
        free(first[k]);
    }
    free(g);
    free(start);
    free(want);
    free(wm);
    free(wv);
}

void op_check_sum_squares(struct device *d)
{
    const size_t sizes[] = {0, 1, 17, 65536, 65537, 200003, 1200007};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        float *x = must(malloc((sizes[i] + 4) * sizeof *x)), *there = must(d->alloc(d, sizes[i] + 1));
        double want = 0;
        rng_fill_normal(OP_SEED, 3, 0, x, sizes[i]);
        for (size_t k = 0; k < sizes[i]; k++) want += (double)x[k] * (double)x[k];
        d->upload(d, there, x, sizes[i]);
        assert_true(fabs(d->sum_squares(d, there, sizes[i]) - want) <= 1e-12 * want);
        d->release(d, there);
        free(x);
    }
}
