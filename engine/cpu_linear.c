/* Linear layers on the CPU: OpenBLAS for tall inputs, our own kernel for a few
 * rows (one sentence's tokens), where a GEMM spends its time on packing.
 *
 * Every BLAS call is single-threaded and covers a piece whose size depends on
 * the shapes alone; threads share the pieces, so the sums do not depend on how
 * many threads there are. */
#include "cpu_device.h"
#include "cpu_math.h"
#include <cblas.h>

enum { FEW_ROWS = 12, ROW_PIECE = 96, COLUMN_PIECE = 64, WEIGHT_PIECE = 128,
       FEW_PRODUCTS = 200000 /* below this, waking threads costs more than it saves */ };

static void bias_and_activation(float *y, float *pre, const float *b, int n, int oc, int ld, enum activation act)
{
    for (int i = 0; i < n; i++) {
        float *row = y + (size_t)i * (size_t)ld;
        if (b)
            for (int j = 0; j < oc; j++) row[j] += b[j];
        if (act == ACT_NONE) continue;
        float *keep = pre ? pre + (size_t)i * (size_t)ld : 0;
        if (keep)
            for (int j = 0; j < oc; j++) keep[j] = row[j];
        switch (act) {
        case ACT_GELU: for (int j = 0; j < oc; j++) row[j] = cpu_gelu(row[j]); break;
        case ACT_RELU: for (int j = 0; j < oc; j++) row[j] = row[j] < 0 ? 0 : row[j]; break;
        case ACT_SILU: for (int j = 0; j < oc; j++) row[j] = row[j] * cpu_sigmoid(row[j]); break;
        case ACT_LEAKY: for (int j = 0; j < oc; j++) row[j] = row[j] > 0 ? row[j] : 0.2f * row[j]; break;
        case ACT_GELU_TANH: for (int j = 0; j < oc; j++) row[j] = cpu_gelu_tanh(row[j]); break;
        case ACT_QUICK_GELU: for (int j = 0; j < oc; j++) row[j] = cpu_quick_gelu(row[j]); break;
        case ACT_TANH: for (int j = 0; j < oc; j++) row[j] = cpu_tanh(row[j]); break;
        case ACT_NONE: break;
        }
    }
}

/* y[r][o] for up to 4 rows and 4 outputs: 16 running vectors over k. */
typedef float vec __attribute__((vector_size(64), aligned(4), may_alias));

static inline float vec_sum(vec v)
{
    float s[16];
    __builtin_memcpy(s, &v, sizeof s);
    for (int w = 8; w; w /= 2)
        for (int i = 0; i < w; i++) s[i] += s[i + w];
    return s[0];
}

static inline __attribute__((always_inline)) void tile(float *y, int oc, const float *x, const float *w, int ic,
                                                       int ldw, int rows, int outs, int add)
{
    vec acc[4][4];
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < outs; o++) acc[r][o] = (vec){0};
    int k = 0;
    for (; k + 16 <= ic; k += 16) {
        vec xv[4];
        for (int r = 0; r < rows; r++) xv[r] = *(const vec *)(x + (size_t)r * (size_t)ic + k);
        for (int o = 0; o < outs; o++) {
            vec wv = *(const vec *)(w + (size_t)o * (size_t)ldw + k);
            for (int r = 0; r < rows; r++) acc[r][o] += xv[r] * wv;
        }
    }
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < outs; o++) {
            float s = vec_sum(acc[r][o]);
            for (int t = k; t < ic; t++) s += x[(size_t)r * (size_t)ic + (size_t)t] * w[(size_t)o * (size_t)ldw + (size_t)t];
            float *dst = y + (size_t)r * (size_t)oc + o;
            *dst = add ? *dst + s : s;
        }
}

static void few_rows(float *y, const float *x, const float *w, int n, int ic, int oc, int ldw, int add, int o0, int o1)
{
    for (int o = o0; o < o1; o += 4) {
        int outs = o1 - o < 4 ? o1 - o : 4;
        const float *wo = w + (size_t)o * (size_t)ldw;
        for (int r = 0; r < n; r += 4) {
            int rows = n - r < 4 ? n - r : 4;
            float *yo = y + (size_t)r * (size_t)oc + o;
            const float *xo = x + (size_t)r * (size_t)ic;
            if (outs < 4) {
                for (int i = 0; i < rows; i++)
                    for (int j = 0; j < outs; j++)
                        tile(yo + (size_t)i * (size_t)oc + j, oc, xo + (size_t)i * (size_t)ic,
                             wo + (size_t)j * (size_t)ldw, ic, ldw, 1, 1, add);
                continue;
            }
            switch (rows) {
            case 4: tile(yo, oc, xo, wo, ic, ldw, 4, 4, add); break;
            case 3: tile(yo, oc, xo, wo, ic, ldw, 3, 4, add); break;
            case 2: tile(yo, oc, xo, wo, ic, ldw, 2, 4, add); break;
            default: tile(yo, oc, xo, wo, ic, ldw, 1, 4, add); break;
            }
        }
    }
}

void cpu_linear(struct device *d, float *y, float *pre, const float *x, const float *w, const float *b, int n,
                int ic, int oc, int ldw, int add, enum activation act)
{
    if (n <= FEW_ROWS) {
        int pieces = (oc + COLUMN_PIECE - 1) / COLUMN_PIECE;
        long work = (long)n * ic * oc;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (work > FEW_PRODUCTS)
        for (int p = 0; p < pieces; p++) {
            int o0 = p * COLUMN_PIECE, o1 = o0 + COLUMN_PIECE < oc ? o0 + COLUMN_PIECE : oc;
            few_rows(y, x, w, n, ic, oc, ldw, add, o0, o1);
        }
        if (b || act) bias_and_activation(y, pre, b, n, oc, oc, act);
        return;
    }
    int pieces = (n + ROW_PIECE - 1) / ROW_PIECE;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (pieces > 1)
    for (int p = 0; p < pieces; p++) {
        int r0 = p * ROW_PIECE, rows = n - r0 < ROW_PIECE ? n - r0 : ROW_PIECE;
        float *yp = y + (size_t)r0 * (size_t)oc;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, oc, ic, 1.0f, x + (size_t)r0 * (size_t)ic, ic, w,
                    ldw, add ? 1.0f : 0.0f, yp, oc);
        if (b || act) bias_and_activation(yp, pre ? pre + (size_t)r0 * (size_t)oc : 0, b, rows, oc, oc, act);
    }
}

void cpu_linear_backward(struct device *d, float *dx, float *dw, float *db, const float *dy, const float *x,
                         const float *w, int n, int ic, int oc, int ldw, int add)
{
    long work = (long)n * ic * oc;
    if (dx) {
        int pieces = (n + ROW_PIECE - 1) / ROW_PIECE;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (pieces > 1)
        for (int p = 0; p < pieces; p++) {
            int r0 = p * ROW_PIECE, rows = n - r0 < ROW_PIECE ? n - r0 : ROW_PIECE;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, ic, oc, 1.0f, dy + (size_t)r0 * (size_t)oc,
                        oc, w, ldw, add ? 1.0f : 0.0f, dx + (size_t)r0 * (size_t)ic, ic);
        }
    }
    if (!dw && !db) return;
    int pieces = (oc + WEIGHT_PIECE - 1) / WEIGHT_PIECE;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (pieces > 1 && work > FEW_PRODUCTS)
    for (int p = 0; p < pieces; p++) {
        int o0 = p * WEIGHT_PIECE, outs = oc - o0 < WEIGHT_PIECE ? oc - o0 : WEIGHT_PIECE;
        if (dw)
            cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, outs, ic, n, 1.0f, dy + o0, oc, x, ic, 1.0f,
                        dw + (size_t)o0 * (size_t)ldw, ldw);
        if (db)
            for (int i = 0; i < n; i++) {
                const float *row = dy + (size_t)i * (size_t)oc + o0;
                for (int j = 0; j < outs; j++) db[o0 + j] += row[j];
            }
    }
}
