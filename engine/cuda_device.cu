/* The CUDA device: opening, lanes, closing, errors. */
#include "cuda_functions.cuh"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(struct device *d, const char *what, size_t bytes, const char *why)
{
    struct cuda_state *s = cuda_state_of(d);
    if (!d->failed) {
        if (bytes) snprintf(s->message, sizeof s->message, "cuda: %s (%zu bytes): %s", what, bytes, why);
        else snprintf(s->message, sizeof s->message, "cuda: %s: %s", what, why);
    }
    d->failed = 1;
    d->failure = s->message;
}

int cuda_well(struct device *d, cudaError_t code, const char *what, size_t bytes)
{
    if (code == cudaSuccess) return 1;
    fail(d, what, bytes, cudaGetErrorString(code));
    cudaGetLastError();
    return 0;
}

int cuda_blas_well(struct device *d, cublasStatus_t code, const char *what)
{
    if (code == CUBLAS_STATUS_SUCCESS) return 1;
    fail(d, what, 0, cublasGetStatusString(code));
    return 0;
}

void cuda_refuse(struct device *d, const char *why) { fail(d, "not on this device", 0, why); }

static void close_state(struct device *d)
{
    struct cuda_state *s = cuda_state_of(d);
    if (--s->users > 0) return;
    if (s->stream) cudaStreamSynchronize(s->stream);
    cuda_memory_close(d);
    if (s->blas) cublasDestroy(s->blas);
    if (s->blas_memory) cudaFree(s->blas_memory);
    if (s->stream) cudaStreamDestroy(s->stream);
    free(s);
}

static int open_lane(const struct device *d, struct device *lane, struct error *)
{
    *lane = *d;
    lane->failed = 0;
    lane->failure = NULL;
    cuda_state_of(d)->users++;
    return 0;
}

static int open_state(struct device *d)
{
    struct cuda_state *s = cuda_state_of(d);
    return cuda_well(d, cudaGetDevice(&s->id), "the current GPU", 0) &&
           cuda_well(d, cudaDeviceGetAttribute(&s->processors, cudaDevAttrMultiProcessorCount, s->id), "the GPU's attributes", 0) &&
           cuda_well(d, cudaStreamCreateWithFlags(&s->stream, cudaStreamNonBlocking), "a stream", 0) && cuda_memory_open(d) &&
           cuda_well(d, cudaMalloc(&s->blas_memory, CUDA_BLAS_BYTES), "workspace of cuBLAS", CUDA_BLAS_BYTES) &&
           cuda_blas_well(d, cublasCreate(&s->blas), "cuBLAS") &&
           cuda_blas_well(d, cublasSetStream(s->blas, s->stream), "the stream of cuBLAS") &&
           cuda_blas_well(d, cublasSetWorkspace(s->blas, s->blas_memory, CUDA_BLAS_BYTES), "the workspace of cuBLAS") &&
           cuda_blas_well(d, cublasSetAtomicsMode(s->blas, CUBLAS_ATOMICS_NOT_ALLOWED), "the mode of cuBLAS");
}

static void fill_table(struct device *d)
{
    d->alloc = cuda_alloc;
    d->release = cuda_release;
    d->discard = cuda_discard;
    d->upload = cuda_upload;
    d->download = cuda_download;
    d->copy = cuda_copy;
    d->fill = cuda_fill;
    d->synchronise = cuda_synchronise;
    d->host_alloc = cuda_host_alloc;
    d->host_release = cuda_host_release;
    d->capture_begin = cuda_capture_begin;
    d->capture_end = cuda_capture_end;
    d->graph_launch = cuda_graph_launch;
    d->graph_free = cuda_graph_free;
    d->linear = cuda_linear;
    d->linear_backward = cuda_linear_backward;
    d->packed_count = cuda_packed_count;
    d->pack = cuda_pack;
    d->linear_packed = cuda_linear_packed;
    d->transformer = cuda_transformer;
    d->activate = cuda_activate;
    d->activate_backward = cuda_activate_backward;
    d->dropout = cuda_dropout;
    d->add_layernorm = cuda_add_layernorm;
    d->add_layernorm_backward = cuda_add_layernorm_backward;
    d->rms_norm = cuda_rms_norm;
    d->unit_rows = cuda_unit_rows;
    d->attention = cuda_attention;
    d->attention_backward = cuda_attention_backward;
    d->blocks = cuda_blocks;
    d->combine = cuda_combine;
    d->combine_rows = cuda_combine_rows;
    d->multiply = cuda_multiply;
    d->gather = cuda_gather;
    d->gather_backward = cuda_gather_backward;
    d->unfold = cuda_unfold;
    d->fold = cuda_fold;
    d->gru_cell = cuda_gru_cell;
    d->gru_cell_backward = cuda_gru_cell_backward;
    d->reparameterise = cuda_reparameterise;
    d->reparameterise_backward = cuda_reparameterise_backward;
    d->loss = cuda_loss;
    d->kl_loss = cuda_kl_loss;
    d->sum_squares = cuda_sum_squares;
    d->sum_abs_loss = cuda_sum_abs_loss;
    d->recover_joints = cuda_recover_joints;
    d->recover_joints_backward = cuda_recover_joints_backward;
    d->adamw = cuda_adamw;
}

extern "C" int device_open_cuda(struct device *d, struct error *e)
{
    int count = 0;
    memset(d, 0, sizeof *d);
    cudaError_t code = cudaGetDeviceCount(&count);
    if (code != cudaSuccess || count < 1) {
        cudaGetLastError();
        return error_set(e, ERR_ENV, "cuda: no GPU answers (%s); use the cpu device, or see to the driver",
                         code == cudaSuccess ? "none is there" : cudaGetErrorString(code));
    }
    struct cuda_state *s = (struct cuda_state *)calloc(1, sizeof *s);
    if (!s) return error_memory(e, "the CUDA device");
    s->users = 1;
    d->name = "cuda";
    d->threads = 1;
    d->state = s;
    d->arena_floats = (size_t)1 << 22;
    d->together = 128;
    d->open_lane = open_lane;
    d->close = close_state;
    fill_table(d);
    if (open_state(d)) return 0;
    int rc = error_set(e, ERR_ENV, "%s; see whether another program holds the GPU", s->message);
    device_close(d);
    return rc;
}

extern "C" void device_describe_cuda(char *gpu, size_t gpu_size, char *driver, size_t driver_size)
{
    int count = 0, id = 0, supported = 0, runtime = 0;
    struct cudaDeviceProp p;
    snprintf(gpu, gpu_size, "none");
    if (driver_size) driver[0] = '\0';
    if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0 && cudaGetDevice(&id) == cudaSuccess &&
        cudaGetDeviceProperties(&p, id) == cudaSuccess) {
        cudaDriverGetVersion(&supported);
        cudaRuntimeGetVersion(&runtime);
        snprintf(gpu, gpu_size, "%s, %.0f GiB", p.name, (double)p.totalGlobalMem / (1 << 30));
        snprintf(driver, driver_size, "CUDA driver %d.%d, runtime %d.%d", supported / 1000, supported % 1000 / 10, runtime / 1000,
                 runtime % 1000 / 10);
    }
    cudaGetLastError();
}
