/* The reference device: host memory, OpenMP, OpenBLAS called one thread a piece. */
#include "cpu_packed.h"
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void openblas_set_num_threads(int count);

enum { SLOTS = 64, HUGE_PAGE = 1 << 21, LARGE = 1 << 23 };
static const size_t BLAS_BUFFER = (size_t)128 << 20;
struct cpu_state {
    struct {
        float *memory;
        size_t count;
    } slot[SLOTS];     /* one per OpenMP thread */
};

float *cpu_scratch(struct device *d, size_t count)
{
    struct cpu_state *s = d->state;
    int id = omp_get_thread_num();   /* of the op's own team: lanes have a state each */
    if (id >= SLOTS) {
        d->failed = 1;
        return NULL;
    }
    if (s->slot[id].count < count) {
        free(s->slot[id].memory);
        s->slot[id].memory = aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64);
        s->slot[id].count = s->slot[id].memory ? count : 0;
        if (!s->slot[id].memory) d->failed = 1;
    }
    return s->slot[id].memory;
}

static float *host_alloc(struct device *d, size_t count)
{
    (void)d;
    if (count > (size_t)1 << 40) return NULL;
    if (count * sizeof(float) < LARGE) return aligned_alloc(64, (count * sizeof(float) + 127) / 64 * 64);
    size_t size = (count * sizeof(float) + 64 + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    void *memory = aligned_alloc(HUGE_PAGE, size);
    if (memory) madvise(memory, size, MADV_HUGEPAGE);   /* weights are read from end to end: fewer address look-ups */
    return memory;
}

/* Whole pages between the ends; less than that is not worth a call. */
static void host_discard(struct device *d, float *memory, size_t count)
{
    enum { PAGE = 4096, LEAST = 64 * PAGE };
    uintptr_t from = ((uintptr_t)memory + PAGE - 1) / PAGE * PAGE, to = (uintptr_t)(memory + count) / PAGE * PAGE;
    (void)d;
    if (to >= from + LEAST) madvise((void *)from, to - from, MADV_DONTNEED);
}

static void host_release(struct device *d, float *memory)
{
    (void)d;
    free(memory);
}

static void host_upload(struct device *d, float *dst, const float *host, size_t count)
{
    (void)d;
    memcpy(dst, host, count * sizeof *dst);
}

static void host_copy(struct device *d, float *dst, const float *src, size_t count)
{
    (void)d;
    memmove(dst, src, count * sizeof *dst);
}

static void host_fill(struct device *d, float *dst, float value, size_t count)
{
    (void)d;
    if (value == 0.0f) memset(dst, 0, count * sizeof *dst);
    else for (size_t i = 0; i < count; i++) dst[i] = value;
}

static void host_synchronise(struct device *d) { (void)d; }

static int cpu_open_lane(const struct device *d, struct device *lane, struct error *e)
{
    *lane = *d;
    lane->threads = 1;
    lane->failed = 0;
    lane->state = calloc(1, sizeof(struct cpu_state));
    return lane->state ? 0 : error_memory(e, "a lane of the CPU device");
}

static void cpu_close(struct device *d)
{
    struct cpu_state *s = d->state;
    for (int i = 0; i < SLOTS; i++) free(s->slot[i].memory);
    free(s);
}

/* OpenBLAS takes a buffer for each thread at its first product and, where it is refused, asks again without end. */
static int blas_buffers_fit(int threads)
{
    size_t size = (size_t)threads * BLAS_BUFFER;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p != MAP_FAILED && !munmap(p, size);
}

int device_open_cpu(struct device *d, int threads, struct error *e)
{
    if (threads <= 0) threads = omp_get_num_procs();
    if (threads > SLOTS) threads = SLOTS;
    if (!blas_buffers_fit(threads))
        return error_set(e, ERR_ENV, "no memory for OpenBLAS's buffers, %zu MiB for each of %d threads; raise the limit (ulimit -v) or take fewer threads",
                         BLAS_BUFFER >> 20, threads);
    struct cpu_state *state = calloc(1, sizeof *state);
    if (!state) return error_memory(e, "the CPU device");
    openblas_set_num_threads(1);
    *d = (struct device){
        .name = "cpu",
        .threads = threads,
        .state = state,
        .arena_floats = 1 << 22,
        .open_lane = cpu_open_lane,
        .close = cpu_close,
        .alloc = host_alloc,
        .release = host_release,
        .discard = host_discard,
        .upload = host_upload,
        .download = host_upload,
        .copy = host_copy,
        .fill = host_fill,
        .synchronise = host_synchronise,
        .linear = cpu_linear,
        .linear_backward = cpu_linear_backward,
        .packed_count = cpu_packed_count,
        .pack = cpu_pack,
        .linear_packed = cpu_linear_packed,
        .transformer = cpu_transformer,
        .activate = cpu_activate,
        .activate_backward = cpu_activate_backward,
        .dropout = cpu_dropout,
        .add_layernorm = cpu_add_layernorm,
        .add_layernorm_backward = cpu_add_layernorm_backward,
        .rms_norm = cpu_rms_norm,
        .unit_rows = cpu_unit_rows,
        .attention = cpu_attention,
        .attention_backward = cpu_attention_backward,
        .blocks = cpu_blocks,
        .combine = cpu_combine,
        .combine_rows = cpu_combine_rows,
        .multiply = cpu_multiply,
        .gather = cpu_gather,
        .gather_backward = cpu_gather_backward,
        .unfold = cpu_unfold,
        .fold = cpu_fold,
        .gru_cell = cpu_gru_cell,
        .gru_cell_backward = cpu_gru_cell_backward,
        .reparameterise = cpu_reparameterise,
        .reparameterise_backward = cpu_reparameterise_backward,
        .loss = cpu_loss,
        .kl_loss = cpu_kl_loss,
        .sum_squares = cpu_sum_squares,
        .sum_abs_loss = cpu_sum_abs_loss,
        .recover_joints = cpu_recover_joints,
        .recover_joints_backward = cpu_recover_joints_backward,
        .adamw = cpu_adamw,
    };
    return 0;
}

