/* Packed weights on the GPU: rows as they are, each beginning at a multiple of 16 bytes, in float or bfloat16.
 * A few rows of inputs meet a kernel that reads each weight once; many go through cuBLAS. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"

enum { FEW_ROWS = 8, WARPS = 4, THREADS = 256, WARP_INPUTS = 256 /* that one warp sums, at most, before others help it */ };

static size_t row_values(int ic, enum weight_precision p)
{
    size_t each = p == PRECISION_FP32 ? 4 : 8;
    return ((size_t)ic + each - 1) / each * each;
}

size_t cuda_packed_count(struct device *, int oc, int ic, enum weight_precision precision)
{
    size_t values = (size_t)oc * row_values(ic, precision);
    return precision == PRECISION_FP32 ? values : precision == PRECISION_BF16 ? values / 2 : 0;
}

__device__ __forceinline__ uint32_t bf16_bits(float x)
{
    uint32_t bits = __float_as_uint(x);
    if (x != x) return bits >> 16 | 0x40u;              /* rounding could carry it to infinity or zero */
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}
__device__ __forceinline__ float bf16_value(uint32_t bits) { return __uint_as_float(bits << 16); }

static __global__ void pack_float_kernel(float *packed, const float *w, size_t n, int ic, size_t ld)
{
    FOR_GRID(i, n) packed[i] = i % ld < (size_t)ic ? w[i / ld * (size_t)ic + i % ld] : 0.0f;
}
/* Rows of floats, ic of them, to bfloat16 rows of ld, the rest 0. */
static __global__ void to_bf16_kernel(uint16_t *to, const float *from, size_t n, int ic, size_t ld)
{
    FOR_GRID(i, n) to[i] = i % ld < (size_t)ic ? (uint16_t)bf16_bits(from[i / ld * (size_t)ic + i % ld]) : (uint16_t)0;
}

void cuda_pack(struct device *d, float *packed, const float *w, int oc, int ic, enum weight_precision precision)
{
    size_t ld = row_values(ic, precision), n = (size_t)oc * ld;
    if (precision == PRECISION_FP32)
        LAUNCH(d, pack_float_kernel, cuda_blocks_for(d, n, THREADS), THREADS, 0, packed, w, n, ic, ld);
    else if (precision == PRECISION_BF16)
        LAUNCH(d, to_bf16_kernel, cuda_blocks_for(d, n, THREADS), THREADS, 0, (uint16_t *)packed, w, n, ic, ld);
    else
        cuda_refuse(d, "weights of 8 bits are for the cpu device; choose fp32 or bf16");
}

/* --- few rows ------------------------------------------------------------------------------------------------ */

struct few {
    float *y;
    const float *x, *b;
    const void *w;           /* the part's first value */
    size_t ld;               /* values between rows of w */
    int ins, outs, add, split;
    enum activation act;
};

/* Sums over inputs [k0, k1) of one output's weights and each row of x, the lanes side by side: PER values a lane and
 * step in one load where FOUR says that everything lies at multiples of 16 bytes, else one. */
template <int ROWS, bool BF16, bool FOUR>
__device__ __forceinline__ void sum_inputs(float sum[ROWS], const struct few &f, const void *row, int k0, int k1, int lane)
{
    const int PER = BF16 ? 8 : 4;
    if constexpr (!FOUR) {
        for (int k = k0 + lane; k < k1; k += 32) {
            float w = BF16 ? bf16_value(((const uint16_t *)row)[k]) : ((const float *)row)[k];
#pragma unroll
            for (int r = 0; r < ROWS; r++) {
                float x = f.x[(size_t)r * (size_t)f.ins + (size_t)k];
                sum[r] += w * (BF16 ? bf16_value(bf16_bits(x)) : x);
            }
        }
    } else {
#pragma unroll 4
        for (int k = k0 + PER * lane; k < k1; k += 32 * PER) {
            float w[8];
            if constexpr (BF16) {
                uint4 four = __ldg((const uint4 *)((const uint16_t *)row + k));
                const unsigned word[4] = {four.x, four.y, four.z, four.w};
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    w[2 * i] = __uint_as_float(word[i] << 16);
                    w[2 * i + 1] = __uint_as_float(word[i] & 0xffff0000u);
                }
            } else {
                float4 four = __ldg((const float4 *)((const float *)row + k));
                w[0] = four.x;
                w[1] = four.y;
                w[2] = four.z;
                w[3] = four.w;
            }
#pragma unroll
            for (int r = 0; r < ROWS; r++)
#pragma unroll
                for (int i = 0; i < PER / 4; i++) {
                    float4 x = *(const float4 *)(f.x + (size_t)r * (size_t)f.ins + (size_t)(k + 4 * i));
                    if (BF16)
                        x = make_float4(bf16_value(bf16_bits(x.x)), bf16_value(bf16_bits(x.y)), bf16_value(bf16_bits(x.z)),
                                        bf16_value(bf16_bits(x.w)));
                    sum[r] += w[4 * i] * x.x + w[4 * i + 1] * x.y + w[4 * i + 2] * x.z + w[4 * i + 3] * x.w;
                }
        }
    }
}

/* `split` neighbouring warps share an output. */
template <int ROWS, bool BF16, bool FOUR> static __global__ void few_kernel(struct few f)
{
    SHARED(float, parts, WARPS * FEW_ROWS);
    int lane = (int)threadIdx.x % 32, warp = (int)threadIdx.x / 32, each = WARPS / f.split;
    int o = (int)blockIdx.x * each + warp / f.split, part = warp % f.split;
    int take = (f.ins + f.split - 1) / f.split, k0, k1;
    float sum[ROWS] = {0};
    take = (take + 255) / 256 * 256;                    /* of 16-byte loads by all lanes */
    k0 = part * take;
    k1 = k0 + take < f.ins ? k0 + take : f.ins;
    if (o < f.outs)
        sum_inputs<ROWS, BF16, FOUR>(sum, f, (const char *)f.w + (size_t)o * f.ld * (BF16 ? 2 : 4), k0, k1, lane);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        float total = cuda_warp_sum(sum[r]);
        if (lane == 0) parts[warp * ROWS + r] = total;
    }
    __syncthreads();
    int r = (int)threadIdx.x % ROWS, which = (int)threadIdx.x / ROWS;
    o = (int)blockIdx.x * each + which;
    if (which >= each || o >= f.outs) return;
    float total = 0;
    for (int i = 0; i < f.split; i++) total += parts[(which * f.split + i) * ROWS + r];
    size_t at = (size_t)r * (size_t)f.outs + (size_t)o;
    f.y[at] = cuda_act((f.add ? f.y[at] + total : total) + (f.b ? f.b[o] : 0.0f), f.act);
}

template <bool BF16, bool FOUR> static void few_rows(struct device *d, const struct few &f, int n)
{
    unsigned each = (unsigned)(WARPS / f.split), grid = ((unsigned)f.outs + each - 1) / each;
#define CASE(rows)                                                                                                 \
    case rows: LAUNCH(d, (few_kernel<rows, BF16, FOUR>), grid, 32 * WARPS, 0, f); break
    switch (n) {
        CASE(1);
        CASE(2);
        CASE(3);
        CASE(4);
        CASE(5);
        CASE(6);
        CASE(7);
        CASE(8);
    }
#undef CASE
}

/* --- products ---------------------------------------------------------------------------------------------------- */

static void many_rows_bf16(struct device *d, float *y, const float *x, const uint16_t *w, size_t ld, int n, int ins, int outs,
                           int add)
{
    struct cuda_state *s = cuda_state_of(d);
    size_t before = s->scratch_used, ldx = row_values(ins, PRECISION_BF16), count = (size_t)n * ldx;
    uint16_t *half = (uint16_t *)cuda_scratch(d, count / 2);
    float alpha = 1, beta = add ? 1.0f : 0.0f;
    if (!half) return;
    LAUNCH(d, to_bf16_kernel, cuda_blocks_for(d, count, THREADS), THREADS, 0, half, x, count, ins, ldx);
    cuda_blas_well(d, cublasGemmEx(s->blas, CUBLAS_OP_T, CUBLAS_OP_N, outs, n, ins, &alpha, w, CUDA_R_16BF, (int)ld, half,
                                   CUDA_R_16BF, (int)ldx, &beta, y, CUDA_R_32F, outs, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
                   "a product with packed weights");
    s->scratch_used = before;             /* the stream keeps the next user waiting */
}

void cuda_multiply_packed(struct device *d, float *y, const float *x, const struct packed *w, const float *b, int n, int add,
                          enum activation act)
{
    int bf16 = w->precision == PRECISION_BF16;
    size_t ld = row_values(w->cols, w->precision), first = (size_t)w->row * ld + (size_t)w->column;
    if (n < 1 || w->outs < 1) return;
    if (w->precision == PRECISION_INT8) {
        cuda_refuse(d, "weights of 8 bits are for the cpu device; choose fp32 or bf16");
        return;
    }
    if (n <= FEW_ROWS) {
        const void *values = bf16 ? (const void *)((const uint16_t *)w->values + first) : (const void *)(w->values + first);
        int split = (w->ins + WARP_INPUTS - 1) / WARP_INPUTS, whole = bf16 ? 8 : 4;
        struct few f = {y, x, b, values, ld, w->ins, w->outs, add, split >= 4 ? 4 : split >= 2 ? 2 : 1, act};
        int four = w->ins % whole == 0 && w->column % whole == 0 && (uintptr_t)values % 16 == 0 && (uintptr_t)x % 16 == 0;
        if (bf16 && four) few_rows<true, true>(d, f, n);
        else if (bf16) few_rows<true, false>(d, f, n);
        else if (four) few_rows<false, true>(d, f, n);
        else few_rows<false, false>(d, f, n);
        return;
    }
    if (bf16) many_rows_bf16(d, y, x, (const uint16_t *)w->values + first, ld, n, w->ins, w->outs, add);
    else cuda_product(d, 0, 1, n, w->outs, w->ins, 1.0f, x, w->ins, w->values + first, (int)ld, add ? 1.0f : 0.0f, y, w->outs);
    cuda_finish(d, y, 0, b, n, w->outs, act);
}

void cuda_linear_packed(struct device *d, float *y, const float *x, const struct packed *w, const float *b, int n, int add,
                        enum activation act)
{
    cuda_scratch_start(d);
    cuda_multiply_packed(d, y, x, w, b, n, add, act);
}
