/* Attention in one launch: a block takes some queries of one (sample, head), a warp a query. Keys, then
 * values, pass through shared memory in tiles of 32; a lane has a key, then columns of the result. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"

enum { WARPS = 8, TILE = 32, MOST_WIDTH = 128, COLUMNS = MOST_WIDTH / 32 };
static const size_t most_shared = 48 * 1024;

struct attend {
    float *out, *probs;
    const float *q, *k, *v, *mask;
    struct attention_shape s;
    struct dropout drop;
};

/* shared: tile (TILE, width + 1), queries (WARPS, width), scores (WARPS, keys) */
static size_t shared_bytes(const struct attention_shape *s)
{
    return (TILE * ((size_t)s->width + 1) + WARPS * (size_t)s->width + WARPS * (size_t)s->keys) * sizeof(float);
}

/* Rows [first, first + TILE) of one head's keys or values. */
__device__ static void load_tile(float *tile, const float *from, int ld, int first, int keys, int width)
{
    int rows = keys - first < TILE ? keys - first : TILE;
    for (int i = (int)threadIdx.x; i < rows * width; i += (int)blockDim.x)
        tile[i / width * (width + 1) + i % width] = from[(size_t)(first + i / width) * (size_t)ld + (size_t)(i % width)];
}

static __global__ void attend_kernel(struct attend a)
{
    SHARED_DYNAMIC(float, shared);
    int width = a.s.width, keys = a.s.keys, lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32;
    int b = (int)blockIdx.y / a.s.heads, h = (int)blockIdx.y % a.s.heads, t = (int)blockIdx.x * WARPS + warp;
    int there = t < a.s.queries, sees = a.s.causal && t + 1 < keys ? t + 1 : keys;
    float *tile = shared, *q = tile + TILE * (width + 1) + warp * width, *score = tile + TILE * (width + 1) + WARPS * width + warp * keys;
    const float *k = a.k + (size_t)b * (size_t)keys * (size_t)a.s.ldk + (size_t)(h * width);
    const float *v = a.v + (size_t)b * (size_t)keys * (size_t)a.s.ldv + (size_t)(h * width);
    size_t row = (size_t)b * (size_t)a.s.queries + (size_t)t, score_row = (size_t)blockIdx.y * (size_t)a.s.queries + (size_t)t;
    const float *mask = a.mask ? a.mask + (size_t)b * (size_t)keys : 0;
    const float *bias = a.s.bias ? a.s.bias + ((size_t)h * (size_t)a.s.queries + (size_t)t) * (size_t)keys : 0;
    for (int c = lane; c < width && there; c += 32) q[c] = a.q[row * (size_t)a.s.ldq + (size_t)(h * width + c)];
    float top = -INFINITY, total = 0;
    for (int first = 0; first < keys; first += TILE) {
        __syncthreads();
        load_tile(tile, k, a.s.ldk, first, keys, width);
        __syncthreads();
        int j = first + lane;
        if (!there || j >= keys) continue;
        float dot = 0;
        for (int c = 0; c < width; c++) dot += q[c] * tile[lane * (width + 1) + c];
        dot = j < sees && (!mask || mask[j] != 0.0f) ? dot * a.s.scale + (bias ? bias[j] : 0.0f) : -INFINITY;
        score[j] = dot;
        top = dot > top ? dot : top;
    }
    top = cuda_warp_max(top);
    for (int j = lane; j < keys && there; j += 32) {
        float e = score[j];
        e = e == -INFINITY ? 0.0f : top == -INFINITY ? e : expf(e - top);     /* what is no number stays so */
        score[j] = e;
        total += e;
    }
    total = cuda_warp_sum(total);
    float inverse = top == -INFINITY ? 1.0f : 1.0f / total;
    for (int j = lane; j < keys && there; j += 32) {
        size_t at = score_row * (size_t)keys + (size_t)j;
        float p = score[j] * inverse;
        if (a.probs) a.probs[at] = p;
        score[j] = a.drop.p > 0 ? p * cuda_drop_factor(a.drop, at) : p;
    }
    float sum[COLUMNS] = {0};
    for (int first = 0; first < keys; first += TILE) {
        __syncthreads();
        load_tile(tile, v, a.s.ldv, first, keys, width);
        __syncthreads();
        int rows = keys - first < TILE ? keys - first : TILE;
        for (int i = 0; i < rows && there; i++)
#pragma unroll
            for (int c = 0; c < COLUMNS; c++)
                if (lane + 32 * c < width) sum[c] += score[first + i] * tile[i * (width + 1) + lane + 32 * c];
    }
#pragma unroll
    for (int c = 0; c < COLUMNS; c++)
        if (there && lane + 32 * c < width) a.out[row * (size_t)a.s.ldo + (size_t)(h * width + lane + 32 * c)] = sum[c];
}

int cuda_attend(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v, const float *mask,
                const struct attention_shape *s, struct dropout drop)
{
    struct attend a = {out, probs, q, k, v, mask, *s, drop};
    int samples = 65535 / s->heads;                    /* a grid's limit */
    if (s->width > MOST_WIDTH || shared_bytes(s) > most_shared) return 0;
    if (samples < 1 || s->batch > samples) return 0;
    LAUNCH(d, attend_kernel, dim3((unsigned)((s->queries + WARPS - 1) / WARPS), (unsigned)(s->batch * s->heads)), 32 * WARPS,
           shared_bytes(s), a);
    return 1;
}
