/* CUDA's execution model on the host, so that the very same .cu files compile with g++ and
 * run without a GPU: blocks one after another, the threads of a block as fibers that change
 * at barriers and warp shuffles, in an order that tests may choose.
 *
 * What is seen here that a GPU may let pass: accesses beyond an allocation (guard pages),
 * reads of memory that nobody wrote (it is filled with NaN), barriers and shuffles that not
 * all threads reach, results that depend on the order of threads (run with two orders),
 * device memory touched by the host (strict mode), synchronisation and allocation while a
 * graph is captured. The implementation is cuda_host.cpp. */
#ifndef MLCM_CUDA_HOST_RUNTIME_H
#define MLCM_CUDA_HOST_RUNTIME_H

#include "order.h"
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>

#define MLCM_CUDA_HOST 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct uint3 {
    unsigned x, y, z;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
static inline float2 make_float2(float x, float y) { return {x, y}; }

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
enum { warpSize = 32 };

/* --- threads and shared memory ------------------------------------------------------------ */

void cuda_host_barrier(void);
void *cuda_host_shared(size_t bytes, int site);
void *cuda_host_dynamic_shared(void);
/* Deposits `bytes` of this lane's value, waits for its warp, copies lane `from`'s to `out`. */
void cuda_host_exchange(unsigned mask, const void *value, void *out, size_t bytes, int from);
int cuda_host_lane(void);

static inline void __syncthreads(void) { cuda_host_barrier(); }
static inline void __syncwarp(unsigned mask = 0xffffffffu)
{
    int nothing = 0;
    cuda_host_exchange(mask, &nothing, &nothing, sizeof nothing, cuda_host_lane());
}
template <class T> static inline T __shfl_sync(unsigned mask, T value, int from)
{
    T out;
    cuda_host_exchange(mask, &value, &out, sizeof out, from & 31);
    return out;
}
template <class T> static inline T __shfl_xor_sync(unsigned mask, T value, int with)
{
    return __shfl_sync(mask, value, cuda_host_lane() ^ with);
}
template <class T> static inline T __shfl_down_sync(unsigned mask, T value, unsigned by)
{
    int from = cuda_host_lane() + (int)by;
    return __shfl_sync(mask, value, from < 32 ? from : cuda_host_lane());
}
template <class T> static inline T __ldg(const T *p) { return *p; }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline float __fdividef(float x, float y) { return x / y; }
static inline uint32_t __umulhi(uint32_t a, uint32_t b) { return (uint32_t)((uint64_t)a * b >> 32); }
static inline float __uint_as_float(unsigned x)
{
    float f;
    memcpy(&f, &x, 4);
    return f;
}
static inline unsigned __float_as_uint(float f)
{
    unsigned x;
    memcpy(&x, &f, 4);
    return x;
}

/* --- the runtime's functions ------------------------------------------------------------- */

enum cudaError_t {
    cudaSuccess = 0,
    cudaErrorInvalidValue = 1,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInvalidConfiguration = 9,
    cudaErrorNoDevice = 100,
    cudaErrorStreamCaptureUnsupported = 900
};
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrComputeCapabilityMajor = 75,
    cudaDevAttrComputeCapabilityMinor = 76
};
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed };
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaEventDefault = 0 };

typedef struct cuda_host_stream *cudaStream_t;
typedef struct cuda_host_event *cudaEvent_t;
typedef struct cuda_host_graph *cudaGraph_t;
typedef struct cuda_host_graph *cudaGraphExec_t;
struct cudaDeviceProp {
    char name[256];
    int major, minor, multiProcessorCount;
    size_t totalGlobalMem;
};

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDevice(int *id);
cudaError_t cudaSetDevice(int id);
static inline cudaError_t cudaDriverGetVersion(int *v) { *v = 13000; return cudaSuccess; }
static inline cudaError_t cudaRuntimeGetVersion(int *v) { *v = 13000; return cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int id);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr what, int id);
cudaError_t cudaMalloc(void **memory, size_t bytes);
cudaError_t cudaFree(void *memory);
cudaError_t cudaMallocHost(void **memory, size_t bytes);
cudaError_t cudaFreeHost(void *memory);
cudaError_t cudaMemGetInfo(size_t *left, size_t *total);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t s);
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t s);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags);
cudaError_t cudaStreamSynchronize(cudaStream_t s);
cudaError_t cudaStreamDestroy(cudaStream_t s);
cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus *status);
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s);
cudaError_t cudaEventSynchronize(cudaEvent_t e);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaEventDestroy(cudaEvent_t e);
cudaError_t cudaGetLastError(void);
const char *cudaGetErrorString(cudaError_t code);

/* --- launches ---------------------------------------------------------------------------- */

/* Runs the work now, or notes it if the stream is being captured. */
void cuda_host_do(cudaStream_t s, std::function<void()> work);
void cuda_host_run(const char *name, dim3 grid, dim3 threads, size_t shared, cudaStream_t s, std::function<void()> thread);

template <class... P, class... A>
static inline void cuda_host_launch(const char *name, dim3 grid, dim3 threads, size_t shared, cudaStream_t s,
                                    void (*kernel)(P...), A... args)
{
    std::tuple<std::remove_cv_t<P>...> kept(static_cast<P>(args)...);
    cuda_host_run(name, grid, threads, shared, s, [kernel, kept] { std::apply(kernel, kept); });
}

#define LAUNCH_KERNEL(kernel, grid, threads, shared, stream, ...) \
    cuda_host_launch(#kernel, grid, threads, shared, stream, kernel, __VA_ARGS__)
#define SHARED(type, name, count) type *name = (type *)cuda_host_shared(sizeof(type) * (size_t)(count), __COUNTER__)
#define SHARED_DYNAMIC(type, name) type *name = (type *)cuda_host_dynamic_shared()

#endif
