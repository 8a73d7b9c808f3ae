/* Memory, streams and graphs of the host's stand-in for the CUDA runtime. Threads: fibers.cpp. */
#include "cuda_host.h"
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sys/mman.h>
#include <vector>

namespace {

constexpr size_t PAGE = 4096;
constexpr unsigned char POISON = 0xff, CANARY = 0xa5;    /* four bytes of poison are a NaN */

/* An allocation ends at a page that nobody may touch; between its page's start and itself, and in the few bytes
 * after it, lie canaries. */
struct allocation {
    char *pages, *memory;
    size_t mapped, bytes;
    bool pinned;
};
std::vector<allocation> live;
cudaError_t last = cudaSuccess;
bool capturing_anywhere = false;
size_t limit = 0;
long streams = 0, graphs = 0, leaks = 0;

/* With the last stream the last device is closed: what lives on was not released. */
void tell_leaks()
{
    size_t bytes = 0;
    for (const allocation &a : live) bytes += a.bytes;
    if (!live.empty()) fprintf(stderr, "cuda host: %zu allocations (%zu bytes) were not released\n", live.size(), bytes);
    if (graphs) fprintf(stderr, "cuda host: %ld graphs were not released\n", graphs);
    leaks += (long)live.size() + graphs;
}

bool strict()
{
    static const bool on = getenv("MLCM_CUDA_HOST_STRICT") != nullptr;
    return on;
}

void protect(int rights)
{
    if (!strict()) return;
    for (const allocation &a : live)
        if (!a.pinned) mprotect(a.pages, a.mapped - PAGE, rights);
}

cudaError_t fail(cudaError_t code) { return last = code; }

[[noreturn]] void die(const char *what)
{
    fprintf(stderr, "cuda host: %s\n", what);
    abort();
}

cudaError_t allocate(void **out, size_t bytes, bool pinned)
{
    *out = nullptr;
    if (capturing_anywhere) return fail(cudaErrorStreamCaptureUnsupported);
    size_t held = bytes;
    for (const allocation &a : live) held += a.bytes;
    if (bytes > (size_t)1 << 36 || (limit && held > limit)) return fail(cudaErrorMemoryAllocation);
    size_t padded = (bytes + 15) / 16 * 16, mapped = (padded + PAGE - 1) / PAGE * PAGE + PAGE;
    void *pages = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return fail(cudaErrorMemoryAllocation);
    allocation a{(char *)pages, (char *)pages + mapped - PAGE - padded, mapped, bytes, pinned};
    mprotect((char *)pages + mapped - PAGE, PAGE, PROT_NONE);
    memset(pages, CANARY, mapped - PAGE);
    memset(a.memory, POISON, bytes);
    live.push_back(a);
    if (strict() && !pinned) mprotect(a.pages, a.mapped - PAGE, PROT_NONE);
    *out = a.memory;
    return cudaSuccess;
}

cudaError_t release(void *memory, bool pinned)
{
    if (!memory) return cudaSuccess;
    if (capturing_anywhere) return fail(cudaErrorStreamCaptureUnsupported);
    for (size_t i = 0; i < live.size(); i++) {
        allocation a = live[i];
        if (a.memory != memory || a.pinned != pinned) continue;
        if (strict()) mprotect(a.pages, a.mapped - PAGE, PROT_READ | PROT_WRITE);
        for (char *p = a.pages; p < a.memory; p++)
            if ((unsigned char)*p != CANARY) die("something was written before an allocation");
        for (char *p = a.memory + a.bytes; p < a.pages + a.mapped - PAGE; p++)
            if ((unsigned char)*p != CANARY) die("something was written after an allocation");
        munmap(a.pages, a.mapped);
        live.erase(live.begin() + (long)i);
        return cudaSuccess;
    }
    die("memory is freed that was never allocated, or twice");
}

double now()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

}  // namespace

struct cuda_host_graph {
    std::vector<std::function<void()>> work;
};
struct cuda_host_stream {
    cuda_host_graph *capture;
};
struct cuda_host_event {
    double at;
};

extern "C" long cuda_host_allocations(void) { return (long)live.size(); }

extern "C" long cuda_host_leaks(void) { return leaks; }

extern "C" void cuda_host_limit(unsigned long bytes) { limit = bytes; }

void cuda_host_do(cudaStream_t s, std::function<void()> work)
{
    if (s && s->capture) {
        s->capture->work.push_back(std::move(work));
        return;
    }
    protect(PROT_READ | PROT_WRITE);
    work();
    protect(PROT_NONE);
}

void cuda_host_run(const char *name, dim3 grid, dim3 threads, size_t shared, cudaStream_t s, std::function<void()> thread)
{
    unsigned count = threads.x * threads.y * threads.z;
    if (!grid.x || !grid.y || !grid.z || grid.y > 65535 || grid.z > 65535 || grid.x > 0x7fffffffu || !count || count > 1024 ||
        threads.z > 64 || shared > 48 * 1024) {
        fail(cudaErrorInvalidConfiguration);
        return;
    }
    cuda_host_do(s, [=] { cuda_host_blocks(name, grid, threads, shared, thread); });
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = getenv("MLCM_CUDA_HOST_NONE") ? 0 : 1;
    return *count ? cudaSuccess : fail(cudaErrorNoDevice);
}
cudaError_t cudaGetDevice(int *id) { *id = 0; return cudaSuccess; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int)
{
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "the host in place of a GPU");
    p->major = 9;
    p->multiProcessorCount = 4;
    p->totalGlobalMem = (size_t)1 << 34;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr what, int)
{
    *value = what == cudaDevAttrComputeCapabilityMajor ? 9 : what == cudaDevAttrComputeCapabilityMinor ? 0 : 4;
    return cudaSuccess;
}
cudaError_t cudaMalloc(void **memory, size_t bytes) { return allocate(memory, bytes, false); }
cudaError_t cudaFree(void *memory) { return release(memory, false); }
cudaError_t cudaMallocHost(void **memory, size_t bytes) { return allocate(memory, bytes, true); }
cudaError_t cudaFreeHost(void *memory) { return release(memory, true); }
cudaError_t cudaMemGetInfo(size_t *left, size_t *total)
{
    size_t used = 0;
    for (const allocation &a : live)
        if (!a.pinned) used += a.bytes;
    *total = (size_t)1 << 36;
    *left = *total - used;
    return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t s)
{
    cuda_host_do(s, [=] { memmove(to, from, bytes); });
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t s)
{
    cuda_host_do(s, [=] { memset(to, value, bytes); });
    return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
    *s = new cuda_host_stream{nullptr};
    streams++;
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    return s && s->capture ? fail(cudaErrorStreamCaptureUnsupported) : cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    delete s;
    if (--streams == 0) tell_leaks();
    return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t s, cudaStreamCaptureStatus *status)
{
    *status = s && s->capture ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
    return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode)
{
    if (s->capture) return fail(cudaErrorStreamCaptureUnsupported);
    s->capture = new cuda_host_graph;
    capturing_anywhere = true;
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph)
{
    *graph = s->capture;
    s->capture = nullptr;
    capturing_anywhere = false;
    return *graph ? cudaSuccess : fail(cudaErrorInvalidValue);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    *exec = new cuda_host_graph(*graph);
    graphs++;
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s)
{
    for (const auto &work : exec->work) cuda_host_do(s, work);
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    if (exec) graphs--;
    delete exec;
    return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    *e = new cuda_host_event{0};
    return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t)
{
    e->at = now();
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    *ms = (float)((to->at - from->at) * 1e3);
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    delete e;
    return cudaSuccess;
}
cudaError_t cudaGetLastError(void)
{
    cudaError_t code = last;
    last = cudaSuccess;
    return code;
}
const char *cudaGetErrorString(cudaError_t code)
{
    switch (code) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
    default: return "invalid argument";
    }
}
