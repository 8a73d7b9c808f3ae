/* Attention on the CPU: one (sample, head) at a time, scores in this core's cache. */
#include "cpu_device.h"
#include "cpu_math.h"
#include <cblas.h>
#include <math.h>

enum { SMALL_WORK = 4096 };   /* queries·keys·width below which plain loops win */

/* c (m,n) = alpha·op(a)·op(b); plain loops when small */
static void product(int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                    int ldb, float *c, int ldc)
{
    if ((long)m * n * k > SMALL_WORK) {
        cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, alpha, a,
                    lda, b, ldb, 0.0f, c, ldc);
        return;
    }
    for (int i = 0; i < m; i++) {
        float *row = c + (size_t)i * (size_t)ldc;
        if (!ta && tb) {
            const float *x = a + (size_t)i * (size_t)lda;
            for (int j = 0; j < n; j++) {
                const float *y = b + (size_t)j * (size_t)ldb;
                float s = 0;
#pragma omp simd reduction(+ : s)
                for (int t = 0; t < k; t++) s += x[t] * y[t];
                row[j] = alpha * s;
            }
            continue;
        }
        for (int j = 0; j < n; j++) row[j] = 0;
        for (int t = 0; t < k; t++) {
            float x = ta ? a[(size_t)t * (size_t)lda + (size_t)i] : a[(size_t)i * (size_t)lda + (size_t)t];
            const float *y = tb ? b + t : b + (size_t)t * (size_t)ldb;
            size_t step = tb ? (size_t)ldb : 1;
            if (step == 1)
                for (int j = 0; j < n; j++) row[j] += x * y[j];
            else
                for (int j = 0; j < n; j++) row[j] += x * y[(size_t)j * step];
        }
        for (int j = 0; j < n; j++) row[j] *= alpha;
    }
}

/* softmax over keys of one row, masked keys get exactly 0 */
static void softmax_row(float *row, const float *mask, int n)
{
    float top = -INFINITY, total = 0;
    if (mask) {
        for (int j = 0; j < n; j++) row[j] = mask[j] != 0.0f ? row[j] : -INFINITY;
    }
#pragma omp simd reduction(max : top)
    for (int j = 0; j < n; j++) top = row[j] > top ? row[j] : top;
    if (top == -INFINITY) {          /* nothing may be seen: attend to nothing; what is no number stays so */
        for (int j = 0; j < n; j++) row[j] = row[j] == -INFINITY ? 0.0f : row[j];
        return;
    }
#pragma omp simd reduction(+ : total)
    for (int j = 0; j < n; j++) {
        float v = row[j] == -INFINITY ? 0.0f : cpu_exp(row[j] - top);
        row[j] = v;
        total += v;
    }
    float k = 1.0f / total;
    for (int j = 0; j < n; j++) row[j] *= k;
}

/* dst = src·dropout factors, elements numbered from first; also other·factors in place */
static void drop_rows(float *dst, const float *src, float *other, size_t first, size_t n, struct dropout drop)
{
    float group[DROPOUT_GROUP];
    for (size_t done = 0; done < n;) {
        size_t at = (first + done) / DROPOUT_GROUP * DROPOUT_GROUP, skip = first + done - at;
        size_t take = DROPOUT_GROUP - skip < n - done ? DROPOUT_GROUP - skip : n - done;
        cpu_dropout_factors(drop.seed, drop.stream, at, drop.p, group);
        for (size_t i = 0; i < take; i++) dst[done + i] = src[done + i] * group[skip + i];
        if (other)
            for (size_t i = 0; i < take; i++) other[done + i] *= group[skip + i];
        done += take;
    }
}

void cpu_attention(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v,
                   const float *mask, const struct attention_shape *s, struct dropout drop)
{
    size_t area = (size_t)s->queries * (size_t)s->keys;
    int pairs = s->batch * s->heads;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (area * (size_t)pairs > 20000)
    for (int i = 0; i < pairs; i++) {
        int b = i / s->heads, h = i % s->heads;
        float *scratch = cpu_scratch(d, 2 * area);
        if (!scratch) continue;
        float *p = probs ? probs + (size_t)i * area : scratch;
        const float *qh = q + (size_t)b * (size_t)s->queries * (size_t)s->ldq + h * s->width;
        const float *kh = k + (size_t)b * (size_t)s->keys * (size_t)s->ldk + h * s->width;
        const float *vh = v + (size_t)b * (size_t)s->keys * (size_t)s->ldv + h * s->width;
        float *oh = out + (size_t)b * (size_t)s->queries * (size_t)s->ldo + h * s->width;
        product(0, 1, s->queries, s->keys, s->width, s->scale, qh, s->ldq, kh, s->ldk, p, s->keys);
        const float *m = mask ? mask + (size_t)b * (size_t)s->keys : 0;
        const float *bias = s->bias ? s->bias + (size_t)h * area : 0;
        for (int t = 0; t < s->queries; t++) {
            float *row = p + (size_t)t * (size_t)s->keys;
            if (bias)
                for (int j = 0; j < s->keys; j++) row[j] += bias[(size_t)t * (size_t)s->keys + (size_t)j];
            for (int j = s->causal ? t + 1 : s->keys; j < s->keys; j++) row[j] = -INFINITY;
            softmax_row(row, m, s->keys);
        }
        const float *weights = p;
        if (drop.p > 0) {
            drop_rows(scratch + area, p, NULL, (size_t)i * area, area, drop);
            weights = scratch + area;
        }
        product(0, 0, s->queries, s->width, s->keys, 1.0f, weights, s->keys, vh, s->ldv, oh, s->ldo);
    }
}

void cpu_attention_backward(struct device *d, float *dq, float *dk, float *dv, const float *dout,
                            const float *probs, const float *q, const float *k, const float *v,
                            const struct attention_shape *s, struct dropout drop)
{
    size_t area = (size_t)s->queries * (size_t)s->keys;
    int pairs = s->batch * s->heads;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (area * (size_t)pairs > 20000)
    for (int i = 0; i < pairs; i++) {
        int b = i / s->heads, h = i % s->heads;
        float *scratch = cpu_scratch(d, 2 * area);
        if (!scratch) continue;
        size_t qat = (size_t)b * (size_t)s->queries, kat = (size_t)b * (size_t)s->keys;
        size_t column = (size_t)(h * s->width);
        const float *p = probs + (size_t)i * area;
        const float *go = dout + qat * (size_t)s->ldo + column;
        const float *qh = q + qat * (size_t)s->ldq + column, *kh = k + kat * (size_t)s->ldk + column;
        const float *vh = v + kat * (size_t)s->ldv + column;
        float *dp = scratch, *dropped = scratch + area;
        const float *weights = p;
        product(0, 1, s->queries, s->keys, s->width, 1.0f, go, s->ldo, vh, s->ldv, dp, s->keys);
        if (drop.p > 0) {
            drop_rows(dropped, p, dp, (size_t)i * area, area, drop);
            weights = dropped;
        }
        product(1, 0, s->keys, s->width, s->queries, 1.0f, weights, s->keys, go, s->ldo,
                dv + kat * (size_t)s->ldv + column, s->ldv);
        for (int t = 0; t < s->queries; t++) {
            float *g = dp + (size_t)t * (size_t)s->keys, dot = 0;
            const float *w = p + (size_t)t * (size_t)s->keys;
#pragma omp simd reduction(+ : dot)
            for (int j = 0; j < s->keys; j++) dot += g[j] * w[j];
            for (int j = 0; j < s->keys; j++) g[j] = w[j] * (g[j] - dot);
        }
        product(0, 0, s->queries, s->width, s->keys, s->scale, dp, s->keys, kh, s->ldk,
                dq + qat * (size_t)s->ldq + column, s->ldq);
        product(1, 0, s->keys, s->width, s->queries, s->scale, dp, s->keys, qh, s->ldq,
                dk + kat * (size_t)s->ldk + column, s->ldk);
    }
}
