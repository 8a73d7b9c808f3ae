/* Memory of the CUDA device: allocation, scratch, copies to and from the host. */
#include "cuda_memory.cuh"
#include <stdlib.h>
#include <string.h>

static const size_t scratch_least = 8 << 20, aligned = 256;

float *cuda_alloc(struct device *d, size_t count)
{
    struct cuda_state *s = cuda_state_of(d);
    void *memory = NULL;
    if (count > (size_t)1 << 40) return NULL;
    cudaError_t code = cudaMalloc(&memory, count ? count * sizeof(float) : sizeof(float));
    if (code == cudaErrorMemoryAllocation) {
        cudaGetLastError();          /* no lasting error: the caller says what did not fit */
        return NULL;
    }
    if (!cuda_well(d, code, "memory", count * sizeof(float))) return NULL;      /* an earlier operation's failure */
    s->allocations++;
    return (float *)memory;
}

void cuda_release(struct device *d, float *memory)
{
    if (!memory) return;
    cuda_well(d, cudaFree(memory), "giving memory back", 0);     /* waits for the stream */
    cuda_state_of(d)->allocations--;
}

void cuda_discard(struct device *, float *, size_t) {}

/* --- scratch ----------------------------------------------------------------------- */

void cuda_scratch_start(struct device *d) { cuda_state_of(d)->scratch_used = 0; }

static struct cuda_block *block_new(struct device *d, struct cuda_block **list, size_t size, int pinned)
{
    struct cuda_block *b = (struct cuda_block *)calloc(1, sizeof *b);
    if (!b) {
        d->failed = 1;
        return NULL;
    }
    cudaError_t code = pinned ? cudaMallocHost(&b->memory, size) : cudaMalloc(&b->memory, size);
    if (!cuda_well(d, code, pinned ? "pinned memory" : "scratch memory", size)) {
        free(b);
        return NULL;
    }
    b->size = size;
    b->next = *list;
    return *list = b;
}

static void *scratch_bytes(struct device *d, size_t bytes)
{
    struct cuda_state *s = cuda_state_of(d);
    size_t need = (bytes + aligned - 1) / aligned * aligned;
    if (!s->scratch || s->scratch->size - s->scratch_used < need) {
        size_t size = s->scratch ? 2 * s->scratch->size : scratch_least;
        while (size < need) size *= 2;
        if (!block_new(d, &s->scratch, size, 0)) return NULL;
        s->scratch_used = 0;        /* what was taken before lies in the older block, which stays */
    }
    char *memory = (char *)s->scratch->memory + s->scratch_used;
    s->scratch_used += need;
    return memory;
}

float *cuda_scratch(struct device *d, size_t count) { return (float *)scratch_bytes(d, count * sizeof(float)); }

/* --- copies -------------------------------------------------------------------------- */

/* A captured copy reads its source again at each launch. Memory of host_alloc is read itself; any other gets a copy that stays. */
static void upload_captured(struct device *d, void *dst, const void *host, size_t bytes)
{
    struct cuda_state *s = cuda_state_of(d);
    if (cuda_is_given(d, host, bytes)) {
        cuda_well(d, cudaMemcpyAsync(dst, host, bytes, cudaMemcpyHostToDevice, s->stream), "an upload", bytes);
        return;
    }
    if (!s->pinned || s->pinned->size - s->pinned->used < bytes) {
        size_t size = bytes > CUDA_STAGE_BYTES ? bytes : CUDA_STAGE_BYTES;
        if (!block_new(d, &s->pinned, size, 1)) return;
    }
    char *kept = (char *)s->pinned->memory + s->pinned->used;
    s->pinned->used += (bytes + 15) / 16 * 16 < s->pinned->size - s->pinned->used ? (bytes + 15) / 16 * 16
                                                                                  : s->pinned->size - s->pinned->used;
    memcpy(kept, host, bytes);
    cuda_well(d, cudaMemcpyAsync(dst, kept, bytes, cudaMemcpyHostToDevice, s->stream), "an upload", bytes);
}

void cuda_upload_bytes(struct device *d, void *dst, const void *host, size_t bytes)
{
    struct cuda_state *s = cuda_state_of(d);
    enum cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    if (!bytes || !cuda_well(d, cudaStreamIsCapturing(s->stream, &capture), "the stream's state", 0)) return;
    if (capture == cudaStreamCaptureStatusActive) {
        upload_captured(d, dst, host, bytes);
        return;
    }
    for (size_t done = 0, piece; done < bytes; done += piece) {
        if (s->stage_used == CUDA_STAGE_BYTES) {      /* full: go on in the other one, once it was read */
            if (!cuda_well(d, cudaEventRecord(s->staged[s->stage_now], s->stream), "an event", 0)) return;
            s->stage_now = (s->stage_now + 1) % CUDA_STAGES;
            s->stage_used = 0;
            if (!cuda_well(d, cudaEventSynchronize(s->staged[s->stage_now]), "waiting for an upload", 0)) return;
        }
        piece = CUDA_STAGE_BYTES - s->stage_used < bytes - done ? CUDA_STAGE_BYTES - s->stage_used : bytes - done;
        char *stage = s->stage[s->stage_now] + s->stage_used;
        memcpy(stage, (const char *)host + done, piece);
        if (!cuda_well(d, cudaMemcpyAsync((char *)dst + done, stage, piece, cudaMemcpyHostToDevice, s->stream), "an upload",
                       piece))
            return;
        size_t taken = (piece + 15) / 16 * 16;
        s->stage_used += taken < CUDA_STAGE_BYTES - s->stage_used ? taken : CUDA_STAGE_BYTES - s->stage_used;
    }
}

void *cuda_upload_scratch(struct device *d, const void *host, size_t bytes)
{
    void *memory = scratch_bytes(d, bytes);
    if (memory) cuda_upload_bytes(d, memory, host, bytes);
    return memory;
}

void cuda_upload(struct device *d, float *dst, const float *host, size_t count)
{
    cuda_upload_bytes(d, dst, host, count * sizeof(float));
}

void cuda_download(struct device *d, float *host, const float *src, size_t count)
{
    cudaStream_t stream = cuda_state_of(d)->stream;
    if (!count) return;
    if (cuda_well(d, cudaMemcpyAsync(host, src, count * sizeof(float), cudaMemcpyDeviceToHost, stream), "a download",
                  count * sizeof(float)))
        cuda_well(d, cudaStreamSynchronize(stream), "waiting for a download", 0);
}

void cuda_copy(struct device *d, float *dst, const float *src, size_t count)
{
    if (!count || dst == src) return;
    cuda_well(d, cudaMemcpyAsync(dst, src, count * sizeof(float), cudaMemcpyDeviceToDevice, cuda_state_of(d)->stream),
              "a copy", count * sizeof(float));
}

static __global__ void fill_kernel(float *dst, float value, size_t n)
{
    FOR_GRID(i, n) dst[i] = value;
}

void cuda_fill(struct device *d, float *dst, float value, size_t count)
{
    if (!count) return;
    if (value == 0.0f)
        cuda_well(d, cudaMemsetAsync(dst, 0, count * sizeof(float), cuda_state_of(d)->stream), "a fill", count * sizeof(float));
    else
        LAUNCH(d, fill_kernel, cuda_blocks_for(d, count, 256), 256, 0, dst, value, count);
}

void cuda_synchronise(struct device *d)
{
    cuda_well(d, cudaStreamSynchronize(cuda_state_of(d)->stream), "waiting for the GPU", 0);
}

/* --- beginning and end ------------------------------------------------------------------ */

int cuda_memory_open(struct device *d)
{
    struct cuda_state *s = cuda_state_of(d);
    for (int i = 0; i < CUDA_STAGES; i++) {
        void *stage = NULL;
        if (!cuda_well(d, cudaMallocHost(&stage, CUDA_STAGE_BYTES), "pinned memory", CUDA_STAGE_BYTES)) return 0;
        s->stage[i] = (char *)stage;
        if (!cuda_well(d, cudaEventCreateWithFlags(&s->staged[i], cudaEventDisableTiming), "an event", 0)) return 0;
    }
    return cuda_well(d, cudaMalloc((void **)&s->sums, (CUDA_SUMS + 1) * sizeof *s->sums), "memory for sums", 0) &&
           cuda_well(d, cudaMallocHost((void **)&s->total, sizeof *s->total), "pinned memory", 0);
}

void cuda_memory_close(struct device *d)
{
    struct cuda_state *s = cuda_state_of(d);
    for (struct cuda_block *b = s->scratch, *next; b; b = next) {
        next = b->next;
        cudaFree(b->memory);
        free(b);
    }
    for (struct cuda_block *b = s->pinned, *next; b; b = next) {
        next = b->next;
        cudaFreeHost(b->memory);
        free(b);
    }
    for (int i = 0; i < CUDA_STAGES; i++) {
        if (s->stage[i]) cudaFreeHost(s->stage[i]);
        if (s->staged[i]) cudaEventDestroy(s->staged[i]);
    }
    if (s->sums) cudaFree(s->sums);
    if (s->total) cudaFreeHost(s->total);
}
