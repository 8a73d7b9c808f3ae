/* Residual sum, dropout and layer norm on the GPU: a warp a row, the row in registers. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"

enum { WARPS = 8, SUM_ROWS = 64 };

static unsigned row_blocks(int n) { return (unsigned)((n + WARPS - 1) / WARPS); }

/* Calls a kernel template with the least number of pairs a lane that holds the row. */
#define WITH_PAIRS(need, CALL)                                                                                     \
    do {                                                                                                           \
        int needed = (need);                                                                                       \
        if (needed <= 1) CALL(1);                                                                                  \
        else if (needed <= 2) CALL(2);                                                                             \
        else if (needed <= 4) CALL(4);                                                                             \
        else if (needed <= 8) CALL(8);                                                                             \
        else CALL(17);                                                                                             \
    } while (0)

struct residual {
    const float *x, *r;      /* r NULL: none */
    size_t ldr;              /* floats between rows of r; row i reads row i / per */
    int per;
    struct dropout drop;
};

template <int PAIRS>
static __global__ void layernorm_kernel(float *y, float *sum, float *mean, float *rstd, struct residual in, const float *w,
                                        const float *b, int n, int c, float eps)
{
    int lane = (int)threadIdx.x % 32, i = (int)blockIdx.x * WARPS + (int)threadIdx.x / 32;
    if (i >= n) return;
    size_t at = (size_t)i * (size_t)c;
    const float *x = in.x + at, *r = in.r ? in.r + (size_t)(i / in.per) * in.ldr : 0;
    struct row_deal deal = cuda_deal(at, in.drop.p);
    float value[PAIRS][DROP_EACH], total = 0, squares = 0;
#pragma unroll
    for (int p = 0; p < PAIRS; p++) {
        float factor[DROP_EACH];
        int pair = lane + 32 * p, first = cuda_dealt_column(deal, pair, 0);
        if (r && in.drop.p > 0 && first < c)
            cuda_drop_factors(in.drop, deal.group + (uint64_t)(pair / DROP_LANES), (uint32_t)(pair % DROP_LANES), factor);
#pragma unroll
        for (int k = 0; k < DROP_EACH; k++) {
            int j = first + DROP_LANES * k;
            float v = 0;
            if (j >= 0 && j < c) v = x[j] + (r ? (in.drop.p > 0 ? r[j] * factor[k] : r[j]) : 0.0f);
            value[p][k] = v;
            total += v;
        }
    }
    float m = cuda_warp_sum(total) / (float)c;
    FOR_DEALT(p, k, j, deal, lane, c, PAIRS) squares += (value[p][k] - m) * (value[p][k] - m);
    float scale = 1.0f / sqrtf(cuda_warp_sum(squares) / (float)c + eps);
    FOR_DEALT(p, k, j, deal, lane, c, PAIRS)
    {
        float v = value[p][k];
        if (sum) sum[at + (size_t)j] = v;
        y[at + (size_t)j] = (v - m) * scale * w[j] + b[j];
    }
    if (mean && lane == 0) {
        mean[i] = m;
        rstd[i] = scale;
    }
}

static void layernorm(struct device *d, float *y, float *sum, float *mean, float *rstd, struct residual in, const float *w,
                      const float *b, int n, int c, float eps)
{
    if (n < 1) return;
#define CALL(pairs)                                                                                                \
    LAUNCH(d, (layernorm_kernel<pairs>), row_blocks(n), 32 * WARPS, 0, y, sum, mean, rstd, in, w, b, n, c, eps)
    WITH_PAIRS(cuda_pairs(c, in.drop.p), CALL);
#undef CALL
}

void cuda_add_layernorm(struct device *d, float *y, float *sum, float *mean, float *rstd, const float *x, const float *r,
                        const float *w, const float *b, int n, int c, float eps, struct dropout drop)
{
    if (!r) drop.p = 0;
    struct residual in = {x, r, (size_t)c, 1, drop};
    layernorm(d, y, sum, mean, rstd, in, w, b, n, c, eps);
}

void cuda_norm_rows(struct device *d, float *y, const float *x, const float *r, size_t ldr, int per, const float *w,
                    const float *b, int n, int c, float eps)
{
    struct residual in = {x, r, ldr, per, {0, 0, 0}};
    layernorm(d, y, 0, 0, 0, in, w, b, n, c, eps);
}

/* --- backward --------------------------------------------------------------------------------------- */

struct norm_back {
    float *dx, *dr;
    int add_dx, add_dr;
    const float *dy, *sum, *mean, *rstd, *w;
    struct dropout drop;
};

template <int PAIRS> static __global__ void layernorm_backward_kernel(struct norm_back g, int n, int c)
{
    int lane = (int)threadIdx.x % 32, i = (int)blockIdx.x * WARPS + (int)threadIdx.x / 32;
    if (i >= n) return;
    size_t at = (size_t)i * (size_t)c;
    float m = g.mean[i], scale = g.rstd[i], a = 0, h = 0;
    struct row_deal deal = cuda_deal(at, g.drop.p);
    float up[PAIRS][DROP_EACH], unit[PAIRS][DROP_EACH];      /* dy·w and the normalised row */
    FOR_DEALT(p, k, j, deal, lane, c, PAIRS)
    {
        float t = g.dy[at + (size_t)j] * g.w[j], v = (g.sum[at + (size_t)j] - m) * scale;
        up[p][k] = t;
        unit[p][k] = v;
        a += t;
        h += t * v;
    }
    a = cuda_warp_sum(a) / (float)c;
    h = cuda_warp_sum(h) / (float)c;
#pragma unroll
    for (int p = 0; p < PAIRS; p++) {
        float factor[DROP_EACH];
        int pair = lane + 32 * p, first = cuda_dealt_column(deal, pair, 0);
        if (g.dr && g.drop.p > 0 && first < c)
            cuda_drop_factors(g.drop, deal.group + (uint64_t)(pair / DROP_LANES), (uint32_t)(pair % DROP_LANES), factor);
#pragma unroll
        for (int k = 0; k < DROP_EACH; k++) {
            int j = first + DROP_LANES * k;
            if (j < 0 || j >= c) continue;
            size_t e = at + (size_t)j;
            float ds = scale * (up[p][k] - a - unit[p][k] * h);
            if (g.dx) g.dx[e] = g.add_dx ? g.dx[e] + ds : ds;
            if (!g.dr) continue;
            if (g.drop.p > 0) ds *= factor[k];
            g.dr[e] = g.add_dr ? g.dr[e] + ds : ds;
        }
    }
}

/* part (pieces, 2, c): sums of dw and db over SUM_ROWS rows. */
static __global__ void norm_parts_kernel(float *part, const float *dy, const float *sum, const float *mean, const float *rstd,
                                         int n, int c)
{
    int j = (int)(blockIdx.x * blockDim.x + threadIdx.x), first = (int)blockIdx.y * SUM_ROWS;
    int last = first + SUM_ROWS < n ? first + SUM_ROWS : n;
    if (j >= c) return;
    float dw = 0, db = 0;
    for (int i = first; i < last; i++) {
        size_t at = (size_t)i * (size_t)c + (size_t)j;
        float up = dy[at];
        dw += up * (sum[at] - mean[i]) * rstd[i];
        db += up;
    }
    part[(size_t)blockIdx.y * 2 * (size_t)c + (size_t)j] = dw;
    part[((size_t)blockIdx.y * 2 + 1) * (size_t)c + (size_t)j] = db;
}

void cuda_add_layernorm_backward(struct device *d, float *dx, int add_dx, float *dr, int add_dr, float *dw, float *db,
                                 const float *dy, const float *sum, const float *mean, const float *rstd, const float *w, int n,
                                 int c, struct dropout drop)
{
    if (n < 1) return;
    if (dx || dr) {
        struct norm_back g = {dx, dr, add_dx, add_dr, dy, sum, mean, rstd, w, drop};
#define CALL(pairs) LAUNCH(d, (layernorm_backward_kernel<pairs>), row_blocks(n), 32 * WARPS, 0, g, n, c)
        WITH_PAIRS(cuda_pairs(c, drop.p), CALL);
#undef CALL
    }
    if (!dw && !db) return;
    int pieces = (n + SUM_ROWS - 1) / SUM_ROWS;
    cuda_scratch_start(d);
    float *part = cuda_scratch(d, (size_t)pieces * 2 * (size_t)c);
    if (!part) return;
    for (int from = 0; from < pieces; from += 65535) {           /* a grid's limit */
        int take = pieces - from < 65535 ? pieces - from : 65535;
        size_t row = (size_t)from * SUM_ROWS, at = row * (size_t)c;
        LAUNCH(d, norm_parts_kernel, dim3((unsigned)((c + 63) / 64), (unsigned)take), 64, 0, part + (size_t)from * 2 * (size_t)c,
               dy + at, sum + at, mean + row, rstd + row, n - (int)row, c);
    }
    if (dw) cuda_column_sums(d, dw, part, 2 * (size_t)c, pieces, (size_t)c);
    if (db) cuda_column_sums(d, db, part + c, 2 * (size_t)c, pieces, (size_t)c);
}

/* --- other norms -------------------------------------------------------------------------------------- */

/* y = x·w·k, k = 1/√(mean of squares + eps), or 1/max(length, floor) where w is NULL. */
static __global__ void scale_rows_kernel(float *y, const float *x, const float *w, int n, int c, float least)
{
    int lane = (int)threadIdx.x % 32, i = (int)blockIdx.x * WARPS + (int)threadIdx.x / 32;
    if (i >= n) return;
    const float *from = x + (size_t)i * (size_t)c;
    float *to = y + (size_t)i * (size_t)c, squares = 0;
    for (int j = lane; j < c; j += 32) squares += from[j] * from[j];
    squares = cuda_warp_sum(squares);
    float length = sqrtf(squares), k = w ? 1.0f / sqrtf(squares / (float)c + least) : 1.0f / (length > least ? length : least);
    for (int j = lane; j < c; j += 32) to[j] = w ? from[j] * k * w[j] : from[j] * k;
}

void cuda_rms_norm(struct device *d, float *y, const float *x, const float *w, int n, int c, float eps)
{
    if (n > 0) LAUNCH(d, scale_rows_kernel, row_blocks(n), 32 * WARPS, 0, y, x, w, n, c, eps);
}

void cuda_unit_rows(struct device *d, float *y, const float *x, int n, int c, float floor)
{
    if (n > 0) LAUNCH(d, scale_rows_kernel, row_blocks(n), 32 * WARPS, 0, y, x, (const float *)0, n, c, floor);
}
