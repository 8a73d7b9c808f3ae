/* Linear layers on the GPU: cuBLAS, then bias and activation in one pass over the result. For a few rows
 * (one sentence's tokens) a kernel that reads each weight once. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"

enum { FEW_ROWS = 8, WARPS = 4, THREADS = 256 };

static cublasComputeType_t compute_type(const struct device *d)
{
    return d->math == MATH_TF32   ? CUBLAS_COMPUTE_32F_FAST_TF32
           : d->math == MATH_BF16 ? CUBLAS_COMPUTE_32F_FAST_16BF
                                  : CUBLAS_COMPUTE_32F;
}

/* cuBLAS counts by columns: the transposed product of the swapped operands is the same memory. */
void cuda_products(struct device *d, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, size_t sa,
                   const float *b, int ldb, size_t sb, float beta, float *c, int ldc, size_t sc, int batch)
{
    cublasStatus_t code = cublasGemmStridedBatchedEx(
        cuda_state_of(d)->blas, tb ? CUBLAS_OP_T : CUBLAS_OP_N, ta ? CUBLAS_OP_T : CUBLAS_OP_N, n, m, k, &alpha, b, CUDA_R_32F,
        ldb, (long long)sb, a, CUDA_R_32F, lda, (long long)sa, &beta, c, CUDA_R_32F, ldc, (long long)sc, batch,
        compute_type(d), CUBLAS_GEMM_DEFAULT);
    cuda_blas_well(d, code, "a batch of products");
}

void cuda_product(struct device *d, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                  int ldb, float beta, float *c, int ldc)
{
    cublasStatus_t code = cublasGemmEx(cuda_state_of(d)->blas, tb ? CUBLAS_OP_T : CUBLAS_OP_N, ta ? CUBLAS_OP_T : CUBLAS_OP_N,
                                       n, m, k, &alpha, b, CUDA_R_32F, ldb, a, CUDA_R_32F, lda, &beta, c, CUDA_R_32F, ldc,
                                       compute_type(d), CUBLAS_GEMM_DEFAULT);
    cuda_blas_well(d, code, "a product");
}

/* --- bias and activation -------------------------------------------------------------------------- */

static __global__ void finish_kernel(float *y, float *pre, const float *b, size_t n, int oc, enum activation act)
{
    FOR_GRID(i, n)
    {
        float v = y[i] + (b ? b[i % (size_t)oc] : 0.0f);
        if (pre) pre[i] = v;
        y[i] = cuda_act(v, act);
    }
}

/* The same, four at a time; oc4 = oc/4. */
static __global__ void finish_four_kernel(float4 *y, float4 *pre, const float4 *b, size_t n4, int oc4, enum activation act)
{
    FOR_GRID(i, n4)
    {
        float4 v = y[i];
        if (b) {
            float4 add = b[i % (size_t)oc4];
            v.x += add.x;
            v.y += add.y;
            v.z += add.z;
            v.w += add.w;
        }
        if (pre) pre[i] = v;
        y[i] = make_float4(cuda_act(v.x, act), cuda_act(v.y, act), cuda_act(v.z, act), cuda_act(v.w, act));
    }
}

static int by_four(const void *p) { return (uintptr_t)p % 16 == 0; }

void cuda_finish(struct device *d, float *y, float *pre, const float *b, int n, int oc, enum activation act)
{
    size_t count = (size_t)n * (size_t)oc;
    if (act == ACT_NONE) pre = 0;
    if (!count || (!b && act == ACT_NONE)) return;
    if (oc % 4 == 0 && by_four(y) && by_four(pre) && by_four(b))
        LAUNCH(d, finish_four_kernel, cuda_blocks_for(d, count / 4, THREADS), THREADS, 0, (float4 *)y, (float4 *)pre,
               (const float4 *)b, count / 4, oc / 4, act);
    else
        LAUNCH(d, finish_kernel, cuda_blocks_for(d, count, THREADS), THREADS, 0, y, pre, b, count, oc, act);
}

/* --- few rows: a warp an output, its lanes along the inputs ----------------------------------------- */

template <int ROWS>
static __global__ void few_rows_kernel(float *y, float *pre, const float *x, const float *w, const float *b, int ic, int oc,
                                       int ldw, int add, enum activation act)
{
    int lane = (int)threadIdx.x % 32, o = (int)blockIdx.x * WARPS + (int)threadIdx.x / 32;
    if (o >= oc) return;
    float sum[ROWS] = {0};
    const float *row = w + (size_t)o * (size_t)ldw;
    for (int k = lane; k < ic; k += 32) {
        float value = row[k];
#pragma unroll
        for (int r = 0; r < ROWS; r++) sum[r] += value * x[(size_t)r * (size_t)ic + (size_t)k];
    }
    float bias = b ? b[o] : 0.0f;
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        float total = cuda_warp_sum(sum[r]);
        if (lane) continue;
        size_t at = (size_t)r * (size_t)oc + (size_t)o;
        float v = (add ? y[at] + total : total) + bias;
        if (pre && act != ACT_NONE) pre[at] = v;
        y[at] = cuda_act(v, act);
    }
}

static void few_rows(struct device *d, float *y, float *pre, const float *x, const float *w, const float *b, int n, int ic,
                     int oc, int ldw, int add, enum activation act)
{
    unsigned grid = (unsigned)((oc + WARPS - 1) / WARPS);
#define CASE(rows)                                                                                                  \
    case rows: LAUNCH(d, (few_rows_kernel<rows>), grid, 32 * WARPS, 0, y, pre, x, w, b, ic, oc, ldw, add, act); break
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

void cuda_linear(struct device *d, float *y, float *pre, const float *x, const float *w, const float *b, int n, int ic,
                 int oc, int ldw, int add, enum activation act)
{
    if (n < 1 || oc < 1) return;
    if (n <= FEW_ROWS) {
        few_rows(d, y, pre, x, w, b, n, ic, oc, ldw, add, act);
        return;
    }
    cuda_product(d, 0, 1, n, oc, ic, 1.0f, x, ic, w, ldw, add ? 1.0f : 0.0f, y, oc);
    cuda_finish(d, y, pre, b, n, oc, act);
}

void cuda_linear_backward(struct device *d, float *dx, float *dw, float *db, const float *dy, const float *x, const float *w,
                          int n, int ic, int oc, int ldw, int add)
{
    if (n < 1) return;
    if (dx) cuda_product(d, 0, 0, n, ic, oc, 1.0f, dy, oc, w, ldw, add ? 1.0f : 0.0f, dx, ic);
    if (dw) cuda_product(d, 1, 0, oc, ic, n, 1.0f, dy, oc, x, ic, 1.0f, dw, ldw);
    if (!db) return;
    cuda_scratch_start(d);
    cuda_column_sums(d, db, dy, (size_t)oc, n, (size_t)oc);
}
