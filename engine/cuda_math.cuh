/* Device functions of several kernels: activations, sums over a warp or block, dropout factors. */
#ifndef MLCM_CUDA_MATH_CUH
#define MLCM_CUDA_MATH_CUH

#include "cuda_device.cuh"

static const unsigned WHOLE_WARP = 0xffffffffu;

__device__ __forceinline__ float cuda_sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
__device__ __forceinline__ float cuda_inner_gelu(float x) { return 1.595769122f * (x + 0.044715f * x * x * x); }

__device__ __forceinline__ float cuda_act(float x, enum activation act)
{
    switch (act) {
    case ACT_GELU: return 0.5f * x * (1.0f + erff(x * 0.707106781f));
    case ACT_RELU: return x < 0 ? 0 : x;             /* NaN stays NaN */
    case ACT_SILU: return x * cuda_sigmoid(x);
    case ACT_LEAKY: return x > 0 ? x : 0.2f * x;
    case ACT_GELU_TANH: return x * cuda_sigmoid(cuda_inner_gelu(x));
    case ACT_QUICK_GELU: return x * cuda_sigmoid(1.702f * x);
    case ACT_TANH: return tanhf(x);
    case ACT_NONE: break;
    }
    return x;
}

__device__ __forceinline__ float cuda_slope(float x, enum activation act)
{
    float s;
    switch (act) {
    case ACT_GELU: return 0.5f * (1.0f + erff(x * 0.707106781f)) + x * 0.398942280f * expf(-0.5f * x * x);
    case ACT_RELU: return x > 0 ? 1.0f : 0.0f;
    case ACT_SILU: s = cuda_sigmoid(x); return s * (1.0f + x * (1.0f - s));
    case ACT_LEAKY: return x > 0 ? 1.0f : 0.2f;
    case ACT_GELU_TANH:
        s = cuda_sigmoid(cuda_inner_gelu(x));
        return s + x * s * (1.0f - s) * 1.595769122f * (1.0f + 0.134145f * x * x);
    case ACT_QUICK_GELU: s = cuda_sigmoid(1.702f * x); return s + 1.702f * x * s * (1.0f - s);
    case ACT_TANH: s = tanhf(x); return 1.0f - s * s;
    case ACT_NONE: break;
    }
    return 1.0f;
}

/* --- sums: every lane gets the result; the order is fixed ---------------------------- */

template <class T> __device__ __forceinline__ T cuda_warp_sum(T x)
{
    for (int with = 16; with; with /= 2) x += __shfl_xor_sync(WHOLE_WARP, x, with);
    return x;
}
__device__ __forceinline__ float cuda_warp_max(float x)
{
    for (int with = 16; with; with /= 2) {
        float y = __shfl_xor_sync(WHOLE_WARP, x, with);
        x = y > x ? y : x;
    }
    return x;
}
/* Sum over a block of at most 1024 threads, whole warps; room: 32 shared values, free again after the next barrier. */
template <class T> __device__ __forceinline__ T cuda_block_sum(T x, T *room)
{
    int warps = (int)blockDim.x / 32, lane = (int)threadIdx.x % 32;
    x = cuda_warp_sum(x);
    __syncthreads();
    if (lane == 0) room[threadIdx.x / 32] = x;
    __syncthreads();
    T total = 0;
    for (int i = 0; i < warps; i++) total += room[i];
    return total;
}

/* --- dropout: struct dropout says which bits decide --------------------------------------- */

__device__ __forceinline__ void cuda_philox(uint64_t seed, uint64_t stream, uint64_t block, uint32_t c[4])
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
    c[0] = (uint32_t)block;
    c[1] = (uint32_t)(block >> 32);
    c[2] = (uint32_t)stream;
    c[3] = (uint32_t)(stream >> 32);
    for (int round = 0; round < 10; round++) {
        uint32_t high0 = __umulhi(0xD2511F53u, c[0]), low0 = 0xD2511F53u * c[0];
        uint32_t high1 = __umulhi(0xCD9E8D57u, c[2]), low1 = 0xCD9E8D57u * c[2];
        c[0] = high1 ^ c[1] ^ k0;
        c[1] = low1;
        c[2] = high0 ^ c[3] ^ k1;
        c[3] = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

/* Eight elements share a counter: 128·group + r + 16k, k < 8, for lane r < 16 of a group. Their factors. */
enum { DROP_GROUP = 128, DROP_LANES = 16, DROP_EACH = 8 };
__device__ __forceinline__ void cuda_drop_factors(const struct dropout &drop, uint64_t group, uint32_t r, float factor[DROP_EACH])
{
    uint32_t word[4], limit = (uint32_t)(drop.p * 65536.0f);
    float keep = 1.0f / (1.0f - drop.p);
    cuda_philox(drop.seed, drop.stream, DROP_LANES * group + r, word);
    for (int k = 0; k < DROP_EACH; k++) {
        uint32_t bits = k & 1 ? word[k / 2] >> 16 : word[k / 2] & 0xffffu;
        factor[k] = bits >= limit ? keep : 0.0f;
    }
}
/* The factor of one element by itself. */
__device__ __forceinline__ float cuda_drop_factor(const struct dropout &drop, uint64_t i)
{
    uint32_t word[4], e = (uint32_t)(i % DROP_GROUP), k = e / DROP_LANES;
    cuda_philox(drop.seed, drop.stream, DROP_LANES * (i / DROP_GROUP) + e % DROP_LANES, word);
    uint32_t bits = k & 1 ? word[k / 2] >> 16 : word[k / 2] & 0xffffu;
    return bits >= (uint32_t)(drop.p * 65536.0f) ? 1.0f / (1.0f - drop.p) : 0.0f;
}

/* --- a row walked by one warp ------------------------------------------------------------
 * The elements of a row dealt to lanes as dropout deals its counters: number p of a lane is
 * pair lane + 32p, a pair being (group, r), and holds up to 8 elements. Columns outside
 * [0, c) are none. Without dropout rows are dealt as if they began at element 0, so that a
 * row's sums do not depend on where it lies. */
struct row_deal {
    uint64_t group;     /* of pair 0 */
    int shift;          /* column of that group's first element, 0 … -127 */
};
__device__ __forceinline__ struct row_deal cuda_deal(uint64_t first, float p)
{
    struct row_deal w;
    w.group = p > 0 ? first / DROP_GROUP : 0;
    w.shift = p > 0 ? -(int)(first % DROP_GROUP) : 0;
    return w;
}
__device__ __forceinline__ int cuda_dealt_column(const struct row_deal &w, int pair, int k)
{
    return w.shift + pair / DROP_LANES * DROP_GROUP + pair % DROP_LANES + DROP_LANES * k;
}
/* Pairs a lane needs for rows of c elements wherever they lie. */
static inline int cuda_pairs(int c, float p)
{
    int groups = p > 0 && c % DROP_GROUP ? (c + DROP_GROUP - 1) / DROP_GROUP + 1 : (c + DROP_GROUP - 1) / DROP_GROUP;
    return (groups * DROP_LANES + 31) / 32;
}
#define FOR_DEALT(p, k, column, deal, lane, c, pairs)                                                              \
    _Pragma("unroll") for (int p = 0; p < (pairs); p++)                                                            \
        _Pragma("unroll") for (int k = 0, column; k < DROP_EACH; k++)                                              \
            if ((column = cuda_dealt_column(deal, (lane) + 32 * p, k)) >= 0 && column < (c))

#endif
