/* Convolutions over time and the GRU on the tape. */
#include "ops.h"
#include <stdlib.h>

/* kept: columns; i: batch, t_in, t_out, kernel, stride, pad */
static void conv_back(struct tape *t, struct node *n)
{
    struct device *d = t->device;
    struct tensor *x = n->in[0], *y = n->out, *w = n->in[1], *b = n->in[2];
    int batch = n->i[0], t_in = n->i[1], t_out = n->i[2], kernel = n->i[3], add;
    int ic = x->cols, oc = y->cols, wide = ic * kernel;
    float *dx = tape_grad(t, x, &add), *dcolumns = NULL;
    if (dx) {
        dcolumns = arena_take(&t->arena, (size_t)(batch * t_out) * (size_t)wide);
        if (!dcolumns) {
            tape_error(t, "out of memory");
            return;
        }
    }
    d->linear_backward(d, dcolumns, w->constant ? NULL : w->g, b->constant ? NULL : b->g, y->g, n->kept[0], w->x,
                       batch * t_out, wide, oc, wide, 0);
    if (dx) d->fold(d, dx, dcolumns, batch, t_in, t_out, ic, kernel, n->i[4], n->i[5], add);
}

struct tensor *op_conv1d(struct tape *t, struct tensor *x, struct param *w, struct param *b, int batch, int stride,
                         int pad)
{
    if (!x || !w || !b) return NULL;
    int ic = w->shape[1], oc = w->shape[0], kernel = w->shape[2];
    if (x->cols != ic || batch <= 0 || x->rows % batch) {
        tape_error(t, "convolution: input of width %d, weight wants %d", x->cols, ic);
        return NULL;
    }
    int t_in = x->rows / batch, t_out = (t_in + 2 * pad - kernel) / stride + 1;
    if (t_in + 2 * pad < kernel) {
        tape_error(t, "convolution over %d frames, kernel %d", t_in, kernel);
        return NULL;
    }
    struct tensor *y = tape_tensor(t, batch * t_out, oc);
    float *columns = y ? arena_take(&t->arena, (size_t)(batch * t_out) * (size_t)(ic * kernel)) : NULL;
    if (!columns) {
        tape_error(t, "out of memory");
        return NULL;
    }
    struct tensor *wt = tape_param(t, w, 0, oc), *bt = tape_param(t, b, 0, b->shape[0]);
    if (!wt || !bt) return NULL;
    t->device->unfold(t->device, columns, x->x, batch, t_in, t_out, ic, kernel, stride, pad);
    t->device->linear(t->device, y->x, NULL, columns, wt->x, bt->x, batch * t_out, ic * kernel, oc, ic * kernel, 0, ACT_NONE);
    struct node *n = tape_node(t, conv_back, y);
    if (n) {
        n->in[0] = x;
        n->in[1] = wt;
        n->in[2] = bt;
        n->kept[0] = columns;
        n->i[0] = batch;
        n->i[1] = t_in;
        n->i[2] = t_out;
        n->i[3] = kernel;
        n->i[4] = stride;
        n->i[5] = pad;
    }
    return y;
}

/* Transposed convolution is the backward of a convolution: columns = x·w, folded. */
static void conv_transpose_back(struct tape *t, struct node *n)
{
    struct device *d = t->device;
    struct tensor *x = n->in[0], *y = n->out, *w = n->in[1], *b = n->in[2];
    int batch = n->i[0], t_in = n->i[1], t_out = n->i[2], kernel = n->i[3], add;
    int ic = x->cols, oc = y->cols, wide = oc * kernel;
    float *dcolumns = arena_take(&t->arena, (size_t)(batch * t_in) * (size_t)wide);
    if (!dcolumns) {
        tape_error(t, "out of memory");
        return;
    }
    d->unfold(d, dcolumns, y->g, batch, t_out, t_in, oc, kernel, n->i[4], n->i[5]);
    float *dx = tape_grad(t, x, &add);
    if (dx) d->linear(d, dx, NULL, dcolumns, w->x, NULL, batch * t_in, wide, ic, wide, add, ACT_NONE);
    if (!w->constant) d->linear_backward(d, NULL, w->g, NULL, x->x, dcolumns, w->x, batch * t_in, wide, ic, wide, 0);
    if (!b->constant) d->blocks(d, b->g, 0, y->g, (size_t)oc, batch * t_out, (size_t)oc, 1);
}

struct tensor *op_conv_transpose1d(struct tape *t, struct tensor *x, struct param *w, struct param *b, int batch,
                                   int stride, int pad)
{
    if (!x || !w || !b) return NULL;
    int ic = w->shape[0], oc = w->shape[1], kernel = w->shape[2];
    if (x->cols != ic || batch <= 0 || x->rows % batch) {
        tape_error(t, "transposed convolution: input of width %d, weight wants %d", x->cols, ic);
        return NULL;
    }
    int t_in = x->rows / batch, t_out = (t_in - 1) * stride - 2 * pad + kernel, wide = oc * kernel;
    struct tensor *y = tape_tensor(t, batch * t_out, oc);
    float *columns = y ? arena_take(&t->arena, (size_t)(batch * t_in) * (size_t)wide) : NULL;
    struct tensor *wt = tape_param(t, w, 0, ic), *bt = tape_param(t, b, 0, b->shape[0]);
    if (!columns || !wt || !bt) {
        tape_error(t, "out of memory");
        return NULL;
    }
    struct device *d = t->device;
    d->linear_backward(d, columns, NULL, NULL, x->x, NULL, wt->x, batch * t_in, wide, ic, wide, 0);
    d->fold(d, y->x, columns, batch, t_out, t_in, oc, kernel, stride, pad, 0);
    d->blocks(d, y->x, (size_t)oc, bt->x, 0, batch * t_out, (size_t)oc, 1);
    struct node *n = tape_node(t, conv_transpose_back, y);
    if (n) {
        n->in[0] = x;
        n->in[1] = wt;
        n->in[2] = bt;
        n->i[0] = batch;
        n->i[1] = t_in;
        n->i[2] = t_out;
        n->i[3] = kernel;
        n->i[4] = stride;
        n->i[5] = pad;
    }
    return y;
}

/* --- GRU ----------------------------------------------------------------------
 * Step s reads frame time(s); states (frames+1, batch, h), gates (frames, batch, 4h)
 * and recurrent gradients (frames, batch, 3h) lie in step order. */
static int gru_time(int step, int frames, int reverse) { return reverse ? frames - 1 - step : step; }

static void gru_back(struct tape *t, struct node *n)
{
    struct device *d = t->device;
    struct tensor *xg = n->in[0], *h0 = n->in[1], *w = n->in[2], *b = n->in[3];
    int batch = n->i[0], frames = n->i[1], reverse = n->i[2], h = n->out->cols;
    size_t state = (size_t)batch * (size_t)h, row = (size_t)xg->cols;
    float *states = n->kept[0], *gates = n->kept[1], *active = n->kept[2];
    float *dxg = tape_grad_zeroed(t, xg);
    float *dhg = arena_take(&t->arena, 3 * state * (size_t)frames), *dh = arena_take(&t->arena, state);
    if (!dxg || !dhg || !dh) {
        tape_error(t, "out of memory");
        return;
    }
    d->copy(d, dh, n->out->g, state);
    for (int s = frames - 1; s >= 0; s--) {
        int time = gru_time(s, frames, reverse);
        float *step_dhg = dhg + 3 * state * (size_t)s;
        d->gru_cell_backward(d, dh, dxg + (size_t)time * row, (size_t)frames * row, step_dhg, dh,
                             gates + 4 * state * (size_t)s, states + state * (size_t)s,
                             active + (size_t)time * (size_t)batch, batch, h);
        d->linear_backward(d, dh, NULL, NULL, step_dhg, NULL, w->x, batch, h, 3 * h, h, 1);
    }
    float *dw = tape_grad_zeroed(t, w), *db = tape_grad_zeroed(t, b);
    if (dw || db) d->linear_backward(d, NULL, dw, db, dhg, states, w->x, batch * frames, h, 3 * h, h, 0);
    float *dh0 = tape_grad_zeroed(t, h0);
    if (dh0) d->blocks(d, dh0, 0, dh, (size_t)h, batch, (size_t)h, 1);
}

struct tensor *op_gru(struct tape *t, struct tensor *x, struct tensor *h0, struct tensor *w_ih, struct tensor *w_hh,
                      struct tensor *b_ih, struct tensor *b_hh, const int *lengths, int batch, int reverse,
                      struct tensor **sequence)
{
    struct tensor *xg = op_linear(t, x, w_ih, b_ih, ACT_NONE);
    if (!xg || !h0 || !w_hh || !b_hh) return NULL;
    int frames = batch > 0 ? x->rows / batch : 0, h = w_hh->cols;
    if (batch <= 0 || x->rows % batch || w_hh->rows != 3 * h || h0->cols != h || w_ih->rows != 3 * h) {
        tape_error(t, "GRU: %d rows in a batch of %d, weights %d x %d for states of %d", x->rows, batch, w_hh->rows,
                   w_hh->cols, h0->cols);
        return NULL;
    }
    struct device *d = t->device;
    size_t state = (size_t)batch * (size_t)h;
    int keep = t->recording;
    float *states = arena_take(&t->arena, state * (size_t)(keep ? frames + 1 : 2));
    float *gates = keep ? arena_take(&t->arena, 4 * state * (size_t)frames) : NULL;
    float *hg = arena_take(&t->arena, 3 * state), *active = arena_take(&t->arena, (size_t)frames * (size_t)batch);
    float *host = malloc((size_t)frames * (size_t)batch * sizeof *host);
    struct tensor *y = tape_tensor(t, batch, h);
    if (sequence) *sequence = tape_tensor(t, batch * frames, h);
    if (!states || (keep && !gates) || !hg || !active || !host || !y) {
        free(host);
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int f = 0; f < frames; f++)
        for (int b = 0; b < batch; b++) host[f * batch + b] = f < lengths[b] ? 1.0f : 0.0f;
    d->upload(d, active, host, (size_t)frames * (size_t)batch);
    free(host);
    d->blocks(d, states, (size_t)h, h0->x, 0, batch, (size_t)h, 0);
    float *now = states;
    for (int s = 0; s < frames; s++) {
        int time = gru_time(s, frames, reverse);
        float *next = keep ? states + state * (size_t)(s + 1) : states + state * (size_t)((s + 1) & 1);
        d->linear(d, hg, NULL, now, w_hh->x, b_hh->x, batch, h, 3 * h, h, 0, ACT_NONE);
        d->gru_cell(d, next, keep ? gates + 4 * state * (size_t)s : NULL, now, xg->x + (size_t)time * (size_t)(3 * h),
                    (size_t)frames * (size_t)(3 * h), hg, active + (size_t)time * (size_t)batch, batch, h);
        now = next;
        if (sequence && *sequence) {
            float *to = (*sequence)->x + (size_t)time * (size_t)h;
            d->blocks(d, to, (size_t)frames * (size_t)h, now, (size_t)h, batch, (size_t)h, 0);
        }
    }
    if (sequence && *sequence) {   /* zero beyond the length, as packed sequences do */
        for (int b = 0; b < batch; b++)
            if (lengths[b] < frames)
                d->fill(d, (*sequence)->x + ((size_t)b * (size_t)frames + (size_t)lengths[b]) * (size_t)h, 0.0f,
                          (size_t)(frames - lengths[b]) * (size_t)h);
        (*sequence)->constant = 1;
    }
    d->copy(d, y->x, now, state);
    struct node *n = tape_node(t, gru_back, y);
    if (n) {
        n->in[0] = xg;
        n->in[1] = h0;
        n->in[2] = w_hh;
        n->in[3] = b_hh;
        n->kept[0] = states;
        n->kept[1] = gates;
        n->kept[2] = active;
        n->i[0] = batch;
        n->i[1] = frames;
        n->i[2] = reverse;
    }
    return y;
}
