/* Residual sum, dropout and layer norm in one pass over each row. */
#include "cpu_device.h"
#include "cpu_math.h"
#include <math.h>

enum { NORM_ROWS = 32, NORM_CHANNELS = 4096 };

/* row of dropout factors for elements [first, first+c): groups are aligned to 128 */
static void row_factors(float *out, size_t first, int c, struct dropout drop)
{
    float group[DROPOUT_GROUP];
    size_t at = first / DROPOUT_GROUP * DROPOUT_GROUP;
    for (int done = 0; done < c; at += DROPOUT_GROUP) {
        cpu_dropout_factors(drop.seed, drop.stream, at, drop.p, group);
        size_t skip = first + (size_t)done - at;
        int take = (int)(DROPOUT_GROUP - skip) < c - done ? (int)(DROPOUT_GROUP - skip) : c - done;
        for (int i = 0; i < take; i++) out[done + i] = group[skip + (size_t)i];
        done += take;
    }
}

void cpu_add_layernorm(struct device *d, float *y, float *sum, float *mean, float *rstd, const float *x,
                       const float *r, const float *w, const float *b, int n, int c, float eps,
                       struct dropout drop)
{
    int pieces = (n + NORM_ROWS - 1) / NORM_ROWS;
#pragma omp parallel for schedule(static) num_threads(d->threads) if ((long)n * c > 20000)
    for (int p = 0; p < pieces; p++) {
        int last = (p + 1) * NORM_ROWS < n ? (p + 1) * NORM_ROWS : n;
        float factor[NORM_CHANNELS];
        for (int i = p * NORM_ROWS; i < last; i++) {
            size_t at = (size_t)i * (size_t)c;
            float *s = sum ? sum + at : y + at;
            if (!r)
                for (int j = 0; j < c; j++) s[j] = x[at + (size_t)j];
            else if (drop.p > 0) {
                row_factors(factor, at, c, drop);
                for (int j = 0; j < c; j++) s[j] = x[at + (size_t)j] + r[at + (size_t)j] * factor[j];
            } else
                for (int j = 0; j < c; j++) s[j] = x[at + (size_t)j] + r[at + (size_t)j];
            float total = 0, squares = 0;
#pragma omp simd reduction(+ : total)
            for (int j = 0; j < c; j++) total += s[j];
            float m = total / (float)c;
#pragma omp simd reduction(+ : squares)
            for (int j = 0; j < c; j++) squares += (s[j] - m) * (s[j] - m);
            float k = 1.0f / sqrtf(squares / (float)c + eps);
            for (int j = 0; j < c; j++) y[at + (size_t)j] = (s[j] - m) * k * w[j] + b[j];
            if (mean) {
                mean[i] = m;
                rstd[i] = k;
            }
        }
    }
}

void cpu_add_layernorm_backward(struct device *d, float *dx, int add_dx, float *dr, int add_dr, float *dw,
                                float *db, const float *dy, const float *sum, const float *mean,
                                const float *rstd, const float *w, int n, int c, struct dropout drop)
{
    int pieces = (n + NORM_ROWS - 1) / NORM_ROWS;
#pragma omp parallel for schedule(static) num_threads(d->threads) if ((long)n * c > 20000)
    for (int p = 0; p < pieces; p++) {
        int last = (p + 1) * NORM_ROWS < n ? (p + 1) * NORM_ROWS : n;
        float factor[NORM_CHANNELS];
        for (int i = p * NORM_ROWS; i < last; i++) {
            size_t at = (size_t)i * (size_t)c;
            const float *g = dy + at, *s = sum + at;
            float m = mean[i], k = rstd[i], a = 0, h = 0;
#pragma omp simd reduction(+ : a, h)
            for (int j = 0; j < c; j++) {
                float t = g[j] * w[j];
                a += t;
                h += t * (s[j] - m) * k;
            }
            a /= (float)c;
            h /= (float)c;
            float *ox = dx ? dx + at : 0, *orr = dr ? dr + at : 0;
            if (orr && drop.p > 0) row_factors(factor, at, c, drop);
            else for (int j = 0; j < c; j++) factor[j] = 1.0f;
            for (int j = 0; j < c; j++) {
                float ds = k * (g[j] * w[j] - a - (s[j] - m) * k * h);
                if (ox) ox[j] = add_dx ? ox[j] + ds : ds;
                if (orr) orr[j] = add_dr ? orr[j] + ds * factor[j] : ds * factor[j];
            }
        }
    }
    /* parameters: rows in order, channels shared among threads */
    int groups = (c + 63) / 64;
#pragma omp parallel for schedule(static) num_threads(d->threads) if ((long)n * c > 20000)
    for (int p = 0; p < groups; p++) {
        int j0 = p * 64, width = c - j0 < 64 ? c - j0 : 64;
        float aw[64] = {0}, ab[64] = {0};
        for (int i = 0; i < n; i++) {
            size_t at = (size_t)i * (size_t)c + (size_t)j0;
            float m = mean[i], k = rstd[i];
            for (int j = 0; j < width; j++) {
                aw[j] += dy[at + (size_t)j] * (sum[at + (size_t)j] - m) * k;
                ab[j] += dy[at + (size_t)j];
            }
        }
        for (int j = 0; j < width; j++) {
            if (dw) dw[j0 + j] += aw[j];
            if (db) db[j0 + j] += ab[j];
        }
    }
}

void cpu_rms_norm(struct device *d, float *y, const float *x, const float *w, int n, int c, float eps)
{
#pragma omp parallel for schedule(static) num_threads(d->threads) if ((long)n * c > 20000)
    for (int i = 0; i < n; i++) {
        const float *from = x + (size_t)i * (size_t)c;
        float *to = y + (size_t)i * (size_t)c, squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int j = 0; j < c; j++) squares += from[j] * from[j];
        float k = 1.0f / sqrtf(squares / (float)c + eps);
        for (int j = 0; j < c; j++) to[j] = from[j] * k * w[j];
    }
}

void cpu_unit_rows(struct device *d, float *y, const float *x, int n, int c, float floor)
{
    (void)d;
    for (int i = 0; i < n; i++) {
        const float *from = x + (size_t)i * (size_t)c;
        float *to = y + (size_t)i * (size_t)c, squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int j = 0; j < c; j++) squares += from[j] * from[j];
        float length = sqrtf(squares), k = 1.0f / (length > floor ? length : floor);
        for (int j = 0; j < c; j++) to[j] = from[j] * k;
    }
}
