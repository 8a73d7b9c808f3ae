/* The GRU step on the GPU. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"

enum { THREADS = 128 };

static __global__ void gru_kernel(float *h_new, float *gates, const float *h, const float *xg, size_t ldx, const float *hg,
                                  const float *active, size_t n, size_t w)
{
    FOR_GRID(at, n)
    {
        size_t i = at / w, j = at % w;
        const float *x = xg + i * ldx, *r = hg + i * 3 * w;
        float *g = gates ? gates + i * 4 * w : 0, before = h[at];
        if (active[i] == 0.0f) {
            h_new[at] = before;
            if (g) g[j] = g[w + j] = g[2 * w + j] = g[3 * w + j] = 0;
            continue;
        }
        float reset = cuda_sigmoid(x[j] + r[j]), update = cuda_sigmoid(x[w + j] + r[w + j]), hidden = r[2 * w + j];
        float candidate = tanhf(x[2 * w + j] + reset * hidden);
        h_new[at] = (1.0f - update) * candidate + update * before;
        if (!g) continue;
        g[j] = reset;
        g[w + j] = update;
        g[2 * w + j] = candidate;
        g[3 * w + j] = hidden;
    }
}

void cuda_gru_cell(struct device *d, float *h_new, float *gates, const float *h, const float *xg, size_t ldx, const float *hg,
                   const float *active, int n, int h_width)
{
    size_t count = (size_t)n * (size_t)h_width;
    if (count)
        LAUNCH(d, gru_kernel, cuda_blocks_for(d, count, THREADS), THREADS, 0, h_new, gates, h, xg, ldx, hg, active, count,
               (size_t)h_width);
}

static __global__ void gru_backward_kernel(float *dh, float *dxg, size_t ldx, float *dhg, const float *dh_new,
                                           const float *gates, const float *h, const float *active, size_t n, size_t w)
{
    FOR_GRID(at, n)
    {
        size_t i = at / w, j = at % w;
        float *dx = dxg + i * ldx, *dr = dhg + i * 3 * w, up = dh_new[at];
        if (active[i] == 0.0f) {
            dh[at] = up;
            dx[j] = dx[w + j] = dx[2 * w + j] = 0;
            dr[j] = dr[w + j] = dr[2 * w + j] = 0;
            continue;
        }
        const float *g = gates + i * 4 * w;
        float reset = g[j], update = g[w + j], candidate = g[2 * w + j], hidden = g[3 * w + j];
        float dn = up * (1.0f - update) * (1.0f - candidate * candidate);
        float dz = up * (h[at] - candidate) * update * (1.0f - update), back = dn * hidden * reset * (1.0f - reset);
        dh[at] = up * update;
        dx[j] = back;
        dx[w + j] = dz;
        dx[2 * w + j] = dn;
        dr[j] = back;
        dr[w + j] = dz;
        dr[2 * w + j] = dn * reset;
    }
}

void cuda_gru_cell_backward(struct device *d, float *dh, float *dxg, size_t ldx, float *dhg, const float *dh_new,
                            const float *gates, const float *h, const float *active, int n, int h_width)
{
    size_t count = (size_t)n * (size_t)h_width;
    if (count)
        LAUNCH(d, gru_backward_kernel, cuda_blocks_for(d, count, THREADS), THREADS, 0, dh, dxg, ldx, dhg, dh_new, gates, h,
               active, count, (size_t)h_width);
}
