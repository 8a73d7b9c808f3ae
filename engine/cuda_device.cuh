/* What the CUDA files share: the device's state, checked calls, launches.
 *
 * One stream carries everything, so operations follow one another as they were called;
 * only uploads from the host, downloads and losses make the host wait. */
#ifndef MLCM_CUDA_DEVICE_CUH
#define MLCM_CUDA_DEVICE_CUH

extern "C" {
#include "device.h"
}
#include <cublas_v2.h>
#include <cuda_runtime.h>

struct cuda_block {                /* memory of the device, or of the host and known to it */
    struct cuda_block *next;
    void *memory;
    size_t size, used;
};

enum { CUDA_STAGES = 2, CUDA_SUMS = 4096 };
static const size_t CUDA_STAGE_BYTES = 4 << 20, CUDA_BLAS_BYTES = 32 << 20;

struct cuda_state {
    int users;                     /* the device and its lanes */
    int id;
    int processors;                /* streaming multiprocessors */
    cudaStream_t stream;
    cublasHandle_t blas;
    void *blas_memory;
    struct cuda_block *scratch;    /* newest first: the largest; older ones stay, a captured graph may hold them */
    struct cuda_block *pinned;     /* constants of captured graphs */
    struct cuda_block *given;      /* pinned: what host_alloc gave; graphs read it at each launch */
    size_t scratch_used;           /* bytes of the newest block that the running operation took */
    char *stage[CUDA_STAGES];      /* pinned: uploads pass through */
    cudaEvent_t staged[CUDA_STAGES];
    int stage_now;
    size_t stage_used;
    double *sums;                  /* (device) (CUDA_SUMS + 1): partial sums, then their total */
    double *total;                 /* pinned: the total on the host */
    long allocations;              /* of alloc, not yet released */
    char message[300];             /* the first failure */
};

static inline struct cuda_state *cuda_state_of(const struct device *d) { return (struct cuda_state *)d->state; }

/* 1 if the call went well; else marks the device as failed and keeps what was asked for. */
int cuda_well(struct device *d, cudaError_t code, const char *what, size_t bytes);
int cuda_blas_well(struct device *d, cublasStatus_t code, const char *what);
/* Marks the device as failed: what was asked for is not to be had on it. */
void cuda_refuse(struct device *d, const char *why);

/* count floats of scratch memory, 256-byte aligned, for the running operation; NULL (and failed) when there are
 * none. cuda_scratch_start gives back what the operation before had taken: the stream keeps them apart. */
void cuda_scratch_start(struct device *d);
float *cuda_scratch(struct device *d, size_t count);
/* Host words to the device, in the stream's order; the host's copy may go at once. */
void cuda_upload_bytes(struct device *d, void *dst, const void *host, size_t bytes);
/* Index or pointer tables of a host array in scratch memory of the running operation. */
void *cuda_upload_scratch(struct device *d, const void *host, size_t bytes);

/* --- launches ------------------------------------------------------------------- */

#ifndef LAUNCH_KERNEL
#define LAUNCH_KERNEL(kernel, grid, threads, shared, stream, ...) kernel<<<grid, threads, shared, stream>>>(__VA_ARGS__)
/* An array of a block's shared memory, of a size known to the compiler, or given at launch. */
#define SHARED(type, name, count) __shared__ type name[count]
#define SHARED_DYNAMIC(type, name) extern __shared__ float4 mlcm_shared[]; type *name = (type *)mlcm_shared
#endif

#define LAUNCH(d, kernel, grid, threads, shared, ...)                                                             \
    do {                                                                                                          \
        LAUNCH_KERNEL(kernel, grid, threads, shared, cuda_state_of(d)->stream, __VA_ARGS__);                      \
        cuda_well(d, cudaGetLastError(), "the start of " #kernel, 0);                                             \
    } while (0)

/* Blocks of `threads` for n elements, at most so many that each processor has some waiting: kernels walk on by
 * strides of the grid. */
static inline unsigned cuda_blocks_for(const struct device *d, size_t n, unsigned threads)
{
    size_t blocks = (n + threads - 1) / threads, most = (size_t)cuda_state_of(d)->processors * 16;
    return (unsigned)(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

#define FOR_GRID(i, n)                                                                                            \
    for (size_t i = (size_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += (size_t)gridDim.x * blockDim.x)

#endif
