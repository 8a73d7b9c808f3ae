#include "op_run.h"
#include "../engine/rng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void *must(void *p)
{
    if (!p) abort();
    return p;
}

int op_wanted(const struct op_case *c)
{
    const char *only = getenv("MLCM_OP_FAMILIES");
    size_t n = strlen(c->family->name);
    for (const char *at = only; at && (at = strstr(at, c->family->name)); at++)
        if ((at == only || at[-1] == ' ') && (!at[n] || at[n] == ' ')) return 1;
    return !only;
}

/* Streams of random numbers of a case: 16 from here on. */
static uint64_t streams(const struct op_case *c)
{
    int listed = c >= op_cases && c < op_cases + op_case_count;
    return 1000 + 16 * (uint64_t)(listed ? c - op_cases : 4096 + (c - op_speed_cases));
}

static float *host_copy(struct device *d, const float *from, size_t n)
{
    float *to = must(malloc((n + 1) * sizeof *to));
    d->download(d, to, from, n);
    return to;
}

void outcome_free(struct outcome *o)
{
    free(o->out);
    free(o->extra);
    for (int i = 0; i < OP_INPUTS; i++) free(o->grad[i]);
    memset(o, 0, sizeof *o);
}

void place(struct tape *t, struct device *d, const struct setup *s, struct params *p, struct tensor **in,
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

struct outcome run(struct device *d, const struct op_case *c, const struct setup *s, int recording, int backward)
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
void setup_make(struct setup *s, const struct op_case *c, size_t *outputs, size_t *extras, struct device *d)
{
    memset(s, 0, sizeof *s);
    s->count = c->family->inputs(c, s->shape);
    for (int i = 0; i < s->count; i++) {
        const int *dims = s->shape[i].dims;
        s->size[i] = (size_t)dims[0] * (size_t)dims[1] * (size_t)dims[2];
        s->in[i] = must(malloc(s->size[i] * sizeof(float)));
        s->wide[i] = must(malloc(s->size[i] * sizeof(double)));
        rng_fill_normal(OP_SEED, streams(c) + (uint64_t)i, 0, s->in[i], s->size[i]);
        for (size_t k = 0; k < s->size[i] && s->shape[i].scale != 0; k++) s->in[i][k] *= (float)s->shape[i].scale;
        if (s->shape[i].zero) s->in[i][0] = 0;
        for (size_t k = 0; k < s->size[i]; k++) s->wide[i][k] = (double)s->in[i][k];
    }
    struct outcome o = run(d, c, s, 0, 0);
    *outputs = o.out ? o.out_count : 1;
    *extras = o.extra_count;
    s->seed = must(malloc((*outputs + 4) * sizeof(float)));
    rng_fill_normal(OP_SEED, streams(c) - 1, 0, s->seed, *outputs);
    outcome_free(&o);
}

void setup_free(struct setup *s)
{
    for (int i = 0; i < s->count; i++) {
        free(s->in[i]);
        free(s->wide[i]);
    }
    free(s->seed);
}

