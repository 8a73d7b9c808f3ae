/* Conformance of single layers: convolutions, GRU with gradients, layer norm, activation, distance.
 *
 * The references are in double precision, the layers in single; tolerances are relative to the largest value. */
#include "verify_evaluator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A device, a tape and a network of the tensors that a check needs. */
struct bench {
    struct verify *v;
    struct h5 *f;
    struct device device;
    struct tape tape;
    struct params params;
    float *gradient;
};

/* Adds the dataset GROUP/NAME as a parameter. */
static int add_param(struct bench *b, const char *group, const char *name, struct error *e)
{
    char full[NAME_SIZE];
    int rank, dims[8];
    int rc = h5_shape(b->f, array_name(full, group, name), &rank, dims, e);
    if (rc) return rc;
    if (rank < 1 || rank > 3) return error_set(e, ERR_INPUT, "%s: %s has %d dimensions", h5_path(b->f), full, rank);
    params_add(&b->params, INIT_ZERO, 0, name, rank, dims[0], rank > 1 ? dims[1] : 1, rank > 2 ? dims[2] : 1);
    return 0;
}

/* Allocates the added parameters, fills them from the group, starts a recording. */
static int start(struct bench *b, const char *group, struct error *e)
{
    char full[NAME_SIZE];
    int rc = params_allocate(&b->params, e);
    for (int i = 0; i < b->params.count && !rc; i++) {
        float *x;
        size_t n;
        rc = h5_read_float(b->f, array_name(full, group, b->params.items[i]->name), &x, &n, e);
        if (rc) break;
        b->device.upload(&b->device, b->params.items[i]->x, x, n);
        free(x);
    }
    if (!rc && !(b->gradient = b->device.alloc(&b->device, b->params.total + 16))) rc = error_memory(e, "gradients");
    if (rc) return rc;
    b->device.fill(&b->device, b->gradient, 0, b->params.total);
    b->tape.trained[0] = &b->params;
    b->tape.gradient[0] = b->gradient;
    tape_start(&b->tape, 1, 0, 0, 0);
    return 0;
}

static void stop(struct bench *b)
{
    if (b->gradient) b->device.release(&b->device, b->gradient);
    b->gradient = NULL;
    params_free(&b->params);
    params_init(&b->params, &b->device);
}

static struct tensor *parameter(struct bench *b, const char *name)
{
    struct param *p = params_find(&b->params, name);
    return p ? tape_param(&b->tape, p, 0, p->shape[0]) : NULL;
}

/* Compares device memory with a dataset. */
static int compare_device(struct bench *b, const char *name, const float *x, size_t n, struct error *e)
{
    float *host = malloc((n + 1) * sizeof *host);
    if (!host) return error_memory(e, name);
    b->device.download(&b->device, host, x, n);
    int rc = array_compare(b->v, b->f, name, host, n, SINGLE_TOLERANCE, e);
    free(host);
    return rc;
}

/* Compares a tensor's values, as they lie, with GROUP/NAME. */
static int check(struct bench *b, const struct tensor *x, const char *group, const char *name, struct error *e)
{
    char full[NAME_SIZE];
    int rc = tape_failed(&b->tape, e);
    if (rc) return rc;
    if (!x) return error_set(e, ERR_INTERNAL, "%s/%s was not computed", group, name);
    return compare_device(b, array_name(full, group, name), x->x, (size_t)x->rows * (size_t)x->cols, e);
}

/* --- convolutions ---------------------------------------------------------------------- */

static int check_convolution(struct bench *b, const char *group, int transposed, const char *in, const char *out,
                             struct error *e)
{
    char full[NAME_SIZE];
    float *x = NULL, *frames = NULL, *y = NULL;
    int dims[8], rc;
    double stride, pad;
    if (!h5_has(b->f, array_name(full, group, in))) return 0;
    if ((rc = array_attribute(b->f, group, "stride", &stride, e)) || (rc = array_attribute(b->f, group, "padding", &pad, e)) ||
        (rc = array_read(b->f, full, 3, dims, &x, e)) || (rc = add_param(b, group, "weight", e)) ||
        (rc = add_param(b, group, "bias", e)) || (rc = start(b, group, e)))
        goto done;
    frames = malloc((size_t)dims[0] * (size_t)dims[1] * (size_t)dims[2] * sizeof *frames + 4);
    if (!frames) {
        rc = error_memory(e, group);
        goto done;
    }
    frames_first(frames, x, dims[0], dims[1], dims[2]);
    struct tensor *t = tape_constant(&b->tape, frames, dims[0] * dims[2], dims[1]);
    t = (transposed ? op_conv_transpose1d : op_conv1d)(&b->tape, t, b->params.items[0], b->params.items[1], dims[0],
                                                       (int)stride, (int)pad);
    if ((rc = tape_failed(&b->tape, e))) goto done;
    y = t ? channels_first(&b->tape, t, dims[0]) : NULL;
    rc = y ? array_compare(b->v, b->f, array_name(full, group, out), y, (size_t)t->rows * (size_t)t->cols, SINGLE_TOLERANCE, e)
           : error_memory(e, group);
done:
    stop(b);
    free(x);
    free(frames);
    free(y);
    return rc;
}

/* --- GRU --------------------------------------------------------------------------------- */

static const char *const gru_names[2][4] = {
    {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"},
    {"weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse", "bias_hh_l0_reverse"}};

/* Runs direction k over steps [from, from + steps) of a sequence; the last state with its gradient seeded. */
static struct tensor *run_direction(struct bench *b, struct tensor *x, struct tensor *h0, int k, int from, int steps,
                                    const float *weight)
{
    struct tensor *part = op_slice(&b->tape, x, 1, from, steps);
    struct tensor *y = op_gru(&b->tape, part, h0, parameter(b, gru_names[k][0]), parameter(b, gru_names[k][1]),
                              parameter(b, gru_names[k][2]), parameter(b, gru_names[k][3]), &steps, 1, k, NULL);
    int add;
    float *g = y ? tape_grad(&b->tape, y, &add) : NULL;
    if (g) b->device.upload(&b->device, g, weight, (size_t)y->cols);
    return y;
}

/* The case's tensors: x (n, frames, in), h0 (2, n, h), weights of the loss. */
struct gru_case {
    int n, frames, in, h;
    float *x, *h0, *weight_last, *weight_sequence;
    int *lengths;
    float *sequence, *last, *dx, *dh0;    /* results */
    double loss;
};

/* Every state of a sequence is the last state of a run that ends there, which gives the gradient of each. */
static int run_sequence(struct bench *b, struct gru_case *c, int i, struct error *e)
{
    int length = c->lengths[i];
    size_t h = (size_t)c->h, width = 2 * h, row = (size_t)i * (size_t)c->frames;
    tape_start(&b->tape, 1, 0, 0, 0);
    struct tensor *x = tape_leaf(&b->tape, c->x + row * (size_t)c->in, c->frames, c->in), *h0[2];
    for (int k = 0; k < 2; k++) {
        size_t at = (size_t)(k * c->n + i) * h;
        h0[k] = tape_leaf(&b->tape, c->h0 + at, 1, c->h);
        for (int t = -1; t < length; t++) {
            const float *weight = t < 0 ? c->weight_last + at : c->weight_sequence + (row + (size_t)t) * width + (size_t)k * h;
            int from = k && t > 0 ? t : 0, steps = t < 0 ? length : k ? length - t : t + 1;
            const struct tensor *y = run_direction(b, x, h0[k], k, from, steps, weight);
            if (!y) return tape_failed(&b->tape, e) ? e->code : ERR_INTERNAL;
            float *to = t < 0 ? c->last + at : c->sequence + (row + (size_t)t) * width + (size_t)k * h;
            b->device.download(&b->device, to, y->x, h);
            for (size_t j = 0; j < h; j++) c->loss += (double)to[j] * (double)weight[j];
        }
    }
    tape_backward(&b->tape);
    int rc = tape_failed(&b->tape, e);
    if (rc) return rc;
    if (x && x->g) b->device.download(&b->device, c->dx + row * (size_t)c->in, x->g, (size_t)(c->frames * c->in));
    for (int k = 0; k < 2; k++)
        if (h0[k] && h0[k]->g) b->device.download(&b->device, c->dh0 + (size_t)(k * c->n + i) * h, h0[k]->g, h);
    return 0;
}

static int compare_gru(struct bench *b, const struct gru_case *c, struct error *e)
{
    char full[NAME_SIZE], key[60];
    size_t rows = (size_t)c->n * (size_t)c->frames, h = (size_t)c->h, states = 2 * (size_t)c->n * h;
    int rc;
    if ((rc = array_compare(b->v, b->f, "gru/out_seq", c->sequence, rows * 2 * h, SINGLE_TOLERANCE, e)) ||
        (rc = array_compare(b->v, b->f, "gru/out_last", c->last, states, SINGLE_TOLERANCE, e)) ||
        (rc = array_compare_value(b->v, b->f, "gru", "loss", c->loss, e)) ||
        (rc = array_compare(b->v, b->f, "gru/grad/x", c->dx, rows * (size_t)c->in, SINGLE_TOLERANCE, e)) ||
        (rc = array_compare(b->v, b->f, "gru/grad/h0", c->dh0, states, SINGLE_TOLERANCE, e)))
        return rc;
    for (int i = 0; i < b->params.count && !rc; i++) {
        const struct param *p = b->params.items[i];
        snprintf(key, sizeof key, "grad/%.50s", p->name);
        rc = compare_device(b, array_name(full, "gru", key), b->gradient + p->offset, p->count, e);
    }
    return rc;
}

static int check_gru(struct bench *b, struct error *e)
{
    int x[8], h[8], l[8], s[8], rc;
    struct gru_case c = {0};
    if (!h5_has(b->f, "gru")) return 0;
    if ((rc = array_read(b->f, "gru/x", 3, x, &c.x, e)) || (rc = array_read(b->f, "gru/h0", 3, h, &c.h0, e)) ||
        (rc = array_read(b->f, "gru/loss_w_last", 3, l, &c.weight_last, e)) ||
        (rc = array_read(b->f, "gru/loss_w_seq", 3, s, &c.weight_sequence, e)) ||
        (rc = array_ints(b->f, "gru/lengths", x[0], &c.lengths, e)))
        goto done;
    c.n = x[0];
    c.frames = x[1];
    c.in = x[2];
    c.h = h[2];
    if (h[0] != 2 || h[1] != c.n || memcmp(h, l, 3 * sizeof *h) || s[0] != c.n || s[1] != c.frames || s[2] != 2 * c.h) {
        rc = error_set(e, ERR_INPUT, "%s: the arrays of gru do not fit each other", h5_path(b->f));
        goto done;
    }
    size_t rows = (size_t)c.n * (size_t)c.frames, states = 2 * (size_t)(c.n * c.h);
    c.sequence = calloc(rows * 2 * (size_t)c.h, sizeof *c.sequence);
    c.last = calloc(states, sizeof *c.last);
    c.dx = calloc(rows * (size_t)c.in, sizeof *c.dx);
    c.dh0 = calloc(states, sizeof *c.dh0);
    if (!c.sequence || !c.last || !c.dx || !c.dh0) rc = error_memory(e, "gru");
    for (int k = 0; k < 2 && !rc; k++)
        for (int i = 0; i < 4 && !rc; i++) rc = add_param(b, "gru", gru_names[k][i], e);
    if (!rc) rc = start(b, "gru", e);
    for (int i = 0; i < c.n && !rc; i++) {
        if (c.lengths[i] < 1 || c.lengths[i] > c.frames) rc = error_set(e, ERR_INPUT, "%s: gru/lengths out of range", h5_path(b->f));
        else rc = run_sequence(b, &c, i, e);
    }
    if (!rc) rc = compare_gru(b, &c, e);
done:
    stop(b);
    free(c.x);
    free(c.h0);
    free(c.weight_last);
    free(c.weight_sequence);
    free(c.lengths);
    free(c.sequence);
    free(c.last);
    free(c.dx);
    free(c.dh0);
    return rc;
}

static int check_cell(struct bench *b, struct error *e)
{
    static const char *const names[4] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    float *x = NULL, *h = NULL, *y = NULL;
    int dx[8], dh[8], rc, one = 1;
    if (!h5_has(b->f, "grucell")) return 0;
    if ((rc = array_read(b->f, "grucell/x", 2, dx, &x, e)) || (rc = array_read(b->f, "grucell/h", 2, dh, &h, e))) goto done;
    for (int i = 0; i < 4 && !rc; i++) rc = add_param(b, "grucell", names[i], e);
    if (!rc) rc = start(b, "grucell", e);
    y = malloc((size_t)dh[0] * (size_t)dh[1] * sizeof *y + 4);
    if (!rc && (!y || dx[0] != dh[0])) rc = error_set(e, ERR_INPUT, "%s: x and h of grucell differ in rows", h5_path(b->f));
    for (int i = 0; i < dx[0] && !rc; i++) {
        const struct tensor *t = op_gru(&b->tape, tape_constant(&b->tape, x + i * dx[1], 1, dx[1]),
                                        tape_constant(&b->tape, h + i * dh[1], 1, dh[1]), parameter(b, names[0]),
                                        parameter(b, names[1]), parameter(b, names[2]), parameter(b, names[3]), &one, 1, 0, NULL);
        rc = tape_failed(&b->tape, e);
        if (t && !rc) b->device.download(&b->device, y + i * dh[1], t->x, (size_t)dh[1]);
    }
    if (!rc) rc = array_compare(b->v, b->f, "grucell/out", y, (size_t)(dh[0] * dh[1]), SINGLE_TOLERANCE, e);
done:
    stop(b);
    free(x);
    free(h);
    free(y);
    return rc;
}

/* --- layer norm, activation, distance ------------------------------------------------------ */

static int check_pointwise(struct bench *b, const char *group, struct error *e)
{
    char full[NAME_SIZE];
    float *x = NULL;
    int dims[8], norm = !strcmp(group, "layernorm"), rc;
    if (!h5_has(b->f, group)) return 0;
    rc = array_read(b->f, array_name(full, group, "in"), 2, dims, &x, e);
    if (!rc && norm && !(rc = add_param(b, group, "weight", e))) rc = add_param(b, group, "bias", e);
    if (!rc) rc = start(b, group, e);
    if (!rc) {
        struct tensor *t = tape_constant(&b->tape, x, dims[0], dims[1]);
        t = norm ? op_add_layernorm(&b->tape, t, NULL, parameter(b, "weight"), parameter(b, "bias"), 1e-5f)
                 : op_activate(&b->tape, t, ACT_LEAKY);
        rc = check(b, t, group, "out", e);
    }
    stop(b);
    free(x);
    return rc;
}

static int check_distance(struct bench *b, struct error *e)
{
    float *x = NULL, *y = NULL;
    double *out = NULL;
    int a[8], c[8], rc;
    if (!h5_has(b->f, "pairwise_distance")) return 0;
    if ((rc = array_read(b->f, "pairwise_distance/a", 2, a, &x, e)) || (rc = array_read(b->f, "pairwise_distance/b", 2, c, &y, e)))
        ;
    else if (a[0] != c[0] || a[1] != c[1]) rc = error_set(e, ERR_INPUT, "%s: a and b of pairwise_distance differ in shape", h5_path(b->f));
    else if (!(out = malloc((size_t)a[0] * sizeof *out + 8))) rc = error_memory(e, "distances");
    else {
        for (int i = 0; i < a[0]; i++) out[i] = matching_distance(x + i * a[1], y + i * a[1], a[1]);
        rc = array_compare_double(b->v, b->f, "pairwise_distance/out", out, (size_t)a[0], SINGLE_TOLERANCE, e);
    }
    free(x);
    free(y);
    free(out);
    return rc;
}

int verify_units(struct verify *v, struct h5 *f, struct error *e)
{
    struct bench b = {.v = v, .f = f};
    int rc = device_open(&b.device, v->device, e);
    if (rc) return rc;
    tape_init(&b.tape, &b.device);
    params_init(&b.params, &b.device);
    if (!(rc = check_convolution(&b, "conv1d", 0, "in", "out", e)) &&
        !(rc = check_convolution(&b, "conv1d", 0, "in_odd", "out_odd", e)) &&
        !(rc = check_convolution(&b, "convtranspose1d", 1, "in", "out", e)) && !(rc = check_gru(&b, e)) &&
        !(rc = check_cell(&b, e)) && !(rc = check_pointwise(&b, "layernorm", e)) &&
        !(rc = check_pointwise(&b, "leakyrelu", e)))
        rc = check_distance(&b, e);
    tape_free(&b.tape);
    device_close(&b.device);
    return rc;
}
