/* cuBLAS's products on OpenBLAS; bfloat16 inputs are widened first. */
#include "cublas_v2.h"
#include <cblas.h>
#include <cstdlib>
#include <vector>

struct cublas_host {
    cudaStream_t stream;
};

cublasStatus_t cublasCreate(cublasHandle_t *h)
{
    *h = new cublas_host{nullptr};
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t h)
{
    delete h;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t h, cudaStream_t s)
{
    h->stream = s;
    return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t, void *, size_t) { return CUBLAS_STATUS_SUCCESS; }
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t, cublasAtomicsMode_t) { return CUBLAS_STATUS_SUCCESS; }
const char *cublasGetStatusString(cublasStatus_t code)
{
    return code == CUBLAS_STATUS_SUCCESS ? "success" : code == CUBLAS_STATUS_NOT_SUPPORTED ? "not supported" : "invalid value";
}

namespace {

/* A matrix of columns ld apart as floats: itself, or widened into `room`. */
const float *floats(const void *from, cudaDataType_t type, int rows, int ld, int cols, std::vector<float> &room)
{
    if (type == CUDA_R_32F) return (const float *)from;
    size_t count = (size_t)ld * (size_t)cols;
    room.resize(count);
    for (int c = 0; c < cols; c++)
        for (int r = 0; r < rows; r++) {
            size_t at = (size_t)c * (size_t)ld + (size_t)r;
            uint32_t bits = (uint32_t)((const uint16_t *)from)[at] << 16;
            memcpy(&room[at], &bits, 4);
        }
    return room.data();
}

struct product {
    cublasOperation_t ta, tb;
    int m, n, k, lda, ldb, ldc;
    float alpha, beta;
    cudaDataType_t atype, btype;

    void run(const void *a, const void *b, float *c) const
    {
        std::vector<float> wide_a, wide_b;
        const float *fa = floats(a, atype, ta == CUBLAS_OP_N ? m : k, lda, ta == CUBLAS_OP_N ? k : m, wide_a);
        const float *fb = floats(b, btype, tb == CUBLAS_OP_N ? k : n, ldb, tb == CUBLAS_OP_N ? n : k, wide_b);
        if (beta == 0)      /* what was there is not read */
            for (int j = 0; j < n; j++) memset(c + (size_t)j * (size_t)ldc, 0, (size_t)m * sizeof *c);
        cblas_sgemm(CblasColMajor, ta == CUBLAS_OP_N ? CblasNoTrans : CblasTrans, tb == CUBLAS_OP_N ? CblasNoTrans : CblasTrans,
                    m, n, k, alpha, fa, lda, fb, ldb, beta, c, ldc);
    }
};

bool valid(const product &p, cudaDataType_t ctype, cublasComputeType_t compute)
{
    if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_PEDANTIC && compute != CUBLAS_COMPUTE_32F_FAST_16BF &&
        compute != CUBLAS_COMPUTE_32F_FAST_TF32)
        return false;
    return p.m > 0 && p.n > 0 && p.k > 0 && p.lda >= (p.ta == CUBLAS_OP_N ? p.m : p.k) &&
           p.ldb >= (p.tb == CUBLAS_OP_N ? p.k : p.n) && p.ldc >= p.m && ctype == CUDA_R_32F && p.atype == p.btype;
}

}  // namespace

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                          const void *alpha, const void *a, cudaDataType_t atype, int lda, long long sa,
                                          const void *b, cudaDataType_t btype, int ldb, long long sb, const void *beta,
                                          void *c, cudaDataType_t ctype, int ldc, long long sc, int batch,
                                          cublasComputeType_t compute, cublasGemmAlgo_t)
{
    product p{ta, tb, m, n, k, lda, ldb, ldc, *(const float *)alpha, *(const float *)beta, atype, btype};
    if (!valid(p, ctype, compute) || batch < 0) return CUBLAS_STATUS_INVALID_VALUE;
    long long wa = atype == CUDA_R_32F ? 4 : 2, wb = btype == CUDA_R_32F ? 4 : 2;
    cuda_host_do(h->stream, [=] {
        for (int i = 0; i < batch; i++)
            p.run((const char *)a + i * sa * wa, (const char *)b + i * sb * wb, (float *)c + i * sc);
    });
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                            const void *alpha, const void *a, cudaDataType_t atype, int lda, const void *b,
                            cudaDataType_t btype, int ldb, const void *beta, void *c, cudaDataType_t ctype, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algo)
{
    return cublasGemmStridedBatchedEx(h, ta, tb, m, n, k, alpha, a, atype, lda, 0, b, btype, ldb, 0, beta, c, ctype, ldc, 0, 1,
                                      compute, algo);
}

cublasStatus_t cublasGemmBatchedEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k,
                                   const void *alpha, const void *const a[], cudaDataType_t atype, int lda,
                                   const void *const b[], cudaDataType_t btype, int ldb, const void *beta, void *const c[],
                                   cudaDataType_t ctype, int ldc, int batch, cublasComputeType_t compute, cublasGemmAlgo_t)
{
    product p{ta, tb, m, n, k, lda, ldb, ldc, *(const float *)alpha, *(const float *)beta, atype, btype};
    if (!valid(p, ctype, compute) || batch < 0) return CUBLAS_STATUS_INVALID_VALUE;
    cuda_host_do(h->stream, [=] {
        for (int i = 0; i < batch; i++) p.run(a[i], b[i], (float *)c[i]);
    });
    return CUBLAS_STATUS_SUCCESS;
}
