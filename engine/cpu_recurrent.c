/* Convolution by unfolding, and the GRU step, on the CPU. */
#include "cpu_device.h"
#include "cpu_math.h"
#include <string.h>

void cpu_unfold(struct device *d, float *columns, const float *x, int batch, int t_in, int t_out, int c,
                int kernel, int stride, int pad)
{
    size_t width = (size_t)c, taps = (size_t)kernel;
    int rows = batch * t_out;
#pragma omp parallel for schedule(static) num_threads(d->threads) if ((long)rows * c > 20000)
    for (int i = 0; i < rows; i++) {
        int b = i / t_out, t = i % t_out;
        float *dst = columns + (size_t)i * taps * width;
        for (int k = 0; k < kernel; k++) {
            int from = stride * t + k - pad;
            int inside = from >= 0 && from < t_in;
            const float *src = x + ((size_t)b * (size_t)t_in + (size_t)(inside ? from : 0)) * width;
            for (size_t j = 0; j < width; j++) dst[j * taps + (size_t)k] = inside ? src[j] : 0.0f;
        }
    }
}

void cpu_fold(struct device *d, float *x, const float *columns, int batch, int t_in, int t_out, int c, int kernel,
              int stride, int pad, int add)
{
    size_t width = (size_t)c, taps = (size_t)kernel;
#pragma omp parallel for schedule(static) num_threads(d->threads) if ((long)batch * t_out * c > 20000)
    for (int b = 0; b < batch; b++) {
        float *base = x + (size_t)b * (size_t)t_in * width;
        if (!add) memset(base, 0, (size_t)t_in * width * sizeof *base);
        for (int t = 0; t < t_out; t++)
            for (int k = 0; k < kernel; k++) {
                int to = stride * t + k - pad;
                if (to < 0 || to >= t_in) continue;
                const float *src = columns + ((size_t)b * (size_t)t_out + (size_t)t) * taps * width;
                float *dst = base + (size_t)to * width;
                for (size_t j = 0; j < width; j++) dst[j] += src[j * taps + (size_t)k];
            }
    }
}

void cpu_gru_cell(struct device *d, float *h_new, float *gates, const float *h, const float *xg, size_t ldx,
                  const float *hg, const float *active, int n, int h_width)
{
    size_t w = (size_t)h_width;
#pragma omp parallel for schedule(static) num_threads(d->threads) if ((long)n * h_width > 20000)
    for (int i = 0; i < n; i++) {
        const float *hp = h + (size_t)i * w, *x = xg + (size_t)i * ldx, *r = hg + (size_t)i * 3 * w;
        float *out = h_new + (size_t)i * w, *g = gates ? gates + (size_t)i * 4 * w : 0;
        if (active[i] == 0.0f) {
            if (out != hp) memcpy(out, hp, w * sizeof *out);
            if (g) memset(g, 0, 4 * w * sizeof *g);
            continue;
        }
        for (size_t j = 0; j < w; j++) {
            float reset = cpu_sigmoid(x[j] + r[j]), update = cpu_sigmoid(x[w + j] + r[w + j]);
            float hidden = r[2 * w + j], candidate = cpu_tanh(x[2 * w + j] + reset * hidden);
            out[j] = (1.0f - update) * candidate + update * hp[j];
            if (g) {
                g[j] = reset;
                g[w + j] = update;
                g[2 * w + j] = candidate;
                g[3 * w + j] = hidden;
            }
        }
    }
}

void cpu_gru_cell_backward(struct device *d, float *dh, float *dxg, size_t ldx, float *dhg, const float *dh_new,
                           const float *gates, const float *h, const float *active, int n, int h_width)
{
    size_t w = (size_t)h_width;
#pragma omp parallel for schedule(static) num_threads(d->threads) if ((long)n * h_width > 20000)
    for (int i = 0; i < n; i++) {
        float *dp = dh + (size_t)i * w, *dx = dxg + (size_t)i * ldx, *dr = dhg + (size_t)i * 3 * w;
        const float *g = gates + (size_t)i * 4 * w, *hp = h + (size_t)i * w, *go = dh_new + (size_t)i * w;
        if (active[i] == 0.0f) {
            memmove(dp, go, w * sizeof *dp);
            memset(dx, 0, 3 * w * sizeof *dx);
            memset(dr, 0, 3 * w * sizeof *dr);
            continue;
        }
        for (size_t j = 0; j < w; j++) {
            float reset = g[j], update = g[w + j], candidate = g[2 * w + j], hidden = g[3 * w + j], up = go[j];
            float dn = up * (1.0f - update) * (1.0f - candidate * candidate);
            float dz = up * (hp[j] - candidate) * update * (1.0f - update);
            float drr = dn * hidden * reset * (1.0f - reset);
            dp[j] = up * update;
            dx[j] = drr;
            dx[w + j] = dz;
            dx[2 * w + j] = dn;
            dr[j] = drr;
            dr[w + j] = dz;
            dr[2 * w + j] = dn * reset;
        }
    }
}
