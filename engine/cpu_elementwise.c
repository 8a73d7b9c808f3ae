/* Element-wise functions, moves and look-ups on the CPU. */
#include "cpu_device.h"
#include "cpu_math.h"
#include <string.h>

enum { PIECE = 8192 };   /* floats a thread takes at a time; a multiple of DROPOUT_GROUP */

#define PIECES(n) (((n) + PIECE - 1) / PIECE)
#define FOR_PIECES(n)                                                                                       \
    _Pragma("omp parallel for schedule(static) num_threads(d->threads) if (n > 4 * PIECE)")                 \
    for (size_t piece = 0; piece < PIECES(n); piece++)                                                      \
        for (size_t i = piece * PIECE, end = i + PIECE < (n) ? i + PIECE : (n); i < end; i++)

void cpu_activate(struct device *d, float *y, const float *x, size_t n, enum activation act)
{
    switch (act) {
    case ACT_GELU: FOR_PIECES(n) y[i] = cpu_gelu(x[i]); break;
    case ACT_RELU: FOR_PIECES(n) y[i] = x[i] < 0 ? 0 : x[i]; break;      /* NaN stays NaN */
    case ACT_SILU: FOR_PIECES(n) y[i] = x[i] * cpu_sigmoid(x[i]); break;
    case ACT_LEAKY: FOR_PIECES(n) y[i] = x[i] > 0 ? x[i] : 0.2f * x[i]; break;
    case ACT_GELU_TANH: FOR_PIECES(n) y[i] = cpu_gelu_tanh(x[i]); break;
    case ACT_QUICK_GELU: FOR_PIECES(n) y[i] = cpu_quick_gelu(x[i]); break;
    case ACT_TANH: FOR_PIECES(n) y[i] = cpu_tanh(x[i]); break;
    case ACT_NONE: if (y != x) memmove(y, x, n * sizeof *y); break;
    }
}

static inline float slope(float x, enum activation act)
{
    switch (act) {
    case ACT_GELU: return cpu_gelu_slope(x);
    case ACT_RELU: return x > 0 ? 1.0f : 0.0f;
    case ACT_SILU: { float s = cpu_sigmoid(x); return s * (1.0f + x * (1.0f - s)); }
    case ACT_LEAKY: return x > 0 ? 1.0f : 0.2f;
    case ACT_GELU_TANH: return cpu_gelu_tanh_slope(x);
    case ACT_QUICK_GELU: return cpu_quick_gelu_slope(x);
    case ACT_TANH: { float h = cpu_tanh(x); return 1.0f - h * h; }
    case ACT_NONE: break;
    }
    return 1.0f;
}

void cpu_activate_backward(struct device *d, float *dx, const float *dy, const float *x, size_t n,
                           enum activation act, int add)
{
    if (act == ACT_GELU && !add) {
        FOR_PIECES(n) dx[i] = dy[i] * cpu_gelu_slope(x[i]);
    } else if (add) {
        FOR_PIECES(n) dx[i] += dy[i] * slope(x[i], act);
    } else {
        FOR_PIECES(n) dx[i] = dy[i] * slope(x[i], act);
    }
}

void cpu_dropout(struct device *d, float *y, const float *x, size_t n, struct dropout drop, int add)
{
    size_t groups = (n + DROPOUT_GROUP - 1) / DROPOUT_GROUP;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (n > 4 * PIECE)
    for (size_t g = 0; g < groups; g++) {
        float factor[DROPOUT_GROUP];
        size_t at = g * DROPOUT_GROUP, take = n - at < DROPOUT_GROUP ? n - at : DROPOUT_GROUP;
        cpu_dropout_factors(drop.seed, drop.stream, at, drop.p, factor);
        if (add)
            for (size_t i = 0; i < take; i++) y[at + i] += x[at + i] * factor[i];
        else
            for (size_t i = 0; i < take; i++) y[at + i] = x[at + i] * factor[i];
    }
}

void cpu_blocks(struct device *d, float *dst, size_t dst_stride, const float *src, size_t src_stride, int blocks,
                size_t count, int add)
{
    (void)d;
    for (int b = 0; b < blocks; b++) {
        float *to = dst + (size_t)b * dst_stride;
        const float *from = src + (size_t)b * src_stride;
        if (add)
            for (size_t i = 0; i < count; i++) to[i] += from[i];
        else
            memcpy(to, from, count * sizeof *to);
    }
}

void cpu_combine(struct device *d, float *y, float a, const float *x1, float b, const float *x2, size_t n)
{
    if (x2)
        FOR_PIECES(n) y[i] = a * x1[i] + b * x2[i];
    else
        FOR_PIECES(n) y[i] = a * x1[i];
}

void cpu_combine_rows(struct device *d, float *y, const float *ca, const float *x1, const float *cb,
                      const float *x2, int rows, int cols, int add)
{
    (void)d;
    for (int r = 0; r < rows; r++) {
        size_t at = (size_t)r * (size_t)cols;
        float a = ca[r], b = cb ? cb[r] : 0.0f;
        for (int j = 0; j < cols; j++) {
            float v = a * x1[at + (size_t)j] + (x2 ? b * x2[at + (size_t)j] : 0.0f);
            y[at + (size_t)j] = add ? y[at + (size_t)j] + v : v;
        }
    }
}

void cpu_multiply(struct device *d, float *y, const float *a, const float *b, size_t n, int add)
{
    if (add)
        FOR_PIECES(n) y[i] += a[i] * b[i];
    else
        FOR_PIECES(n) y[i] = a[i] * b[i];
}

void cpu_gather(struct device *d, float *y, const float *table, const int *index, int n, int c)
{
    (void)d;
    for (int i = 0; i < n; i++)
        memcpy(y + (size_t)i * (size_t)c, table + (size_t)index[i] * (size_t)c, (size_t)c * sizeof *y);
}

void cpu_gather_backward(struct device *d, float *dtable, const float *dy, const int *index, int n, int c)
{
    (void)d;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < c; j++)
            dtable[(size_t)index[i] * (size_t)c + (size_t)j] += dy[(size_t)i * (size_t)c + (size_t)j];
}

void cpu_reparameterise(struct device *d, float *z, const float *mu, const float *logvar, const float *eps,
                        size_t n)
{
    FOR_PIECES(n) z[i] = mu[i] + cpu_exp(0.5f * logvar[i]) * eps[i];
}

void cpu_reparameterise_backward(struct device *d, float *dmu, float *dlogvar, const float *dz,
                                 const float *logvar, const float *eps, size_t n)
{
    if (dmu) {
        FOR_PIECES(n) dmu[i] += dz[i];
    }
    if (dlogvar) {
        FOR_PIECES(n) dlogvar[i] += dz[i] * eps[i] * 0.5f * cpu_exp(0.5f * logvar[i]);
    }
}
