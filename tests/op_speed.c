#include "op_speed.h"
#include "op_run.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of one run of the case on a warm tape. Forward alone: of many in a row, so that a device which works behind
 * the caller's back is kept busy; with the backward pass: of one, waited for. */
static double seconds(struct device *d, const struct op_case *c, const struct setup *s, int backward)
{
    struct tape t;
    double spent = 0;
    int runs = 0, warm = 0, each = backward ? 1 : 20;
    tape_init(&t, d);
    while (spent < 0.05 || runs < 3) {
        struct params p;
        struct tensor *in[OP_INPUTS] = {0};
        struct param *params[OP_INPUTS] = {0};
        struct op_result r = {0};
        float *gradient = NULL;
        tape_start(&t, backward, c->dropout, OP_SEED, OP_STREAM);
        place(&t, d, s, &p, in, params, &gradient);
        d->synchronise(d);
        double start = now();
        for (int i = 0; i < each; i++) {
            struct arena_mark mark = arena_mark(&t.arena);
            free(r.memory);
            r.memory = NULL;
            c->family->run(&t, c, in, params, &r);
            if (!backward) arena_return(&t.arena, mark);
        }
        if (backward) {
            if (r.out) d->fill(d, tape_grad_zeroed(&t, r.out), 1, (size_t)r.out->rows * (size_t)r.out->cols);
            tape_backward(&t);
        }
        d->synchronise(d);
        if (warm++) {
            spent += now() - start;
            runs += each;
        }
        struct error e;
        if (tape_failed(&t, &e)) {
            fprintf(stderr, "%s, %s: %s\n", c->family->name, c->shape, e.text);
            spent = 1e9;
            runs = 3;
        }
        free(r.memory);
        if (gradient) d->release(d, gradient);
        params_free(&p);
    }
    tape_free(&t);
    return spent / runs;
}

void op_speed(struct device *d, const struct op_case *cases, int count)
{
    printf("%s, %d threads; backward counts twice the work of forward\n", d->name, d->threads);
    for (const struct op_case *c = cases; c < cases + count; c++) {
        struct setup s;
        size_t n, extras;
        setup_make(&s, c, &n, &extras, d);
        double forward = seconds(d, c, &s, 0), both = seconds(d, c, &s, 1), work = c->family->work(c) * 1e-9;
        printf("%-16s %-50s %10.1f us %9.2f %-7s  with backward %10.1f us %9.2f\n", c->family->name, c->shape,
               forward * 1e6, work / forward, c->family->bytes ? "GB/s" : "GFLOP/s", both * 1e6, 3 * work / both);
        fflush(stdout);
        setup_free(&s);
    }
}
