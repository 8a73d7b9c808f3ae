/* Losses and sums on the GPU: a block leaves its part of the sum, one block adds the parts in their order,
 * the host waits for the total. Sums are in double. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"

enum { THREADS = 256, EACH = 8 /* elements a thread, at least */ };

static unsigned sum_blocks(size_t n)
{
    size_t blocks = (n + THREADS * EACH - 1) / (THREADS * EACH);
    return (unsigned)(blocks < 1 ? 1 : blocks < (size_t)CUDA_SUMS ? blocks : (size_t)CUDA_SUMS);
}

static __global__ void total_kernel(double *sums, int count)
{
    SHARED(double, room, 32);
    double sum = 0;
    for (int i = (int)threadIdx.x; i < count; i += (int)blockDim.x) sum += sums[i];
    sum = cuda_block_sum(sum, room);
    if (threadIdx.x == 0) sums[CUDA_SUMS] = sum;
}

static double total(struct device *d, unsigned blocks)
{
    struct cuda_state *s = cuda_state_of(d);
    LAUNCH(d, total_kernel, 1, THREADS, 0, s->sums, (int)blocks);
    *s->total = 0;
    if (cuda_well(d, cudaMemcpyAsync(s->total, s->sums + CUDA_SUMS, sizeof *s->total, cudaMemcpyDeviceToHost, s->stream),
                  "a sum's download", 0))
        cuda_well(d, cudaStreamSynchronize(s->stream), "waiting for a sum", 0);
    return *s->total;
}

#define LEAVE_PART(sum)                                                                                            \
    do {                                                                                                           \
        SHARED(double, room, 32);                                                                                  \
        double part = cuda_block_sum(sum, room);                                                                   \
        if (threadIdx.x == 0) sums[blockIdx.x] = part;                                                             \
    } while (0)

__device__ static float element(float a, enum element_loss kind, float c, float *slope)
{
    float r;
    switch (kind) {
    case LOSS_L1: *slope = a > 0 ? 1.0f : a < 0 ? -1.0f : 0.0f; return fabsf(a);
    case LOSS_L2: *slope = 2 * a; return a * a;
    case LOSS_SMOOTH_L1:
        *slope = a > 1 ? 1.0f : a < -1 ? -1.0f : a;
        return fabsf(a) < 1 ? 0.5f * a * a : fabsf(a) - 0.5f;
    case LOSS_PSEUDO_HUBER:
        r = sqrtf(a * a + c * c);
        *slope = a / r;
        return r - c;
    }
    *slope = 0;
    return 0;
}

static __global__ void loss_kernel(double *sums, float *da, const float *a, const float *b, const float *weight, size_t n,
                                   int cols, enum element_loss kind, float huber_c)
{
    double sum = 0;
    FOR_GRID(i, n)
    {
        float w = weight[i / (size_t)cols], slope;
        if (w == 0.0f) continue;
        float e = element(a[i] - (b ? b[i] : 0.0f), kind, huber_c, &slope);
        sum += (double)w * (double)e;
        if (da) da[i] += w * slope;
    }
    LEAVE_PART(sum);
}

double cuda_loss(struct device *d, float *da, const float *a, const float *b, const float *weight, int rows, int cols,
                 enum element_loss kind, float huber_c)
{
    size_t n = (size_t)rows * (size_t)cols;
    unsigned blocks = sum_blocks(n);
    LAUNCH(d, loss_kernel, blocks, THREADS, 0, cuda_state_of(d)->sums, da, a, b, weight, n, cols, kind, huber_c);
    return total(d, blocks);
}

static __global__ void kl_kernel(double *sums, float *dmu, float *dlogvar, const float *mu, const float *logvar, float weight,
                                 size_t n)
{
    double sum = 0;
    FOR_GRID(i, n)
    {
        float v = expf(logvar[i]), m = mu[i];
        sum += (double)(0.5f * (v + m * m - 1.0f - logvar[i]));
        if (dmu) dmu[i] += weight * m;
        if (dlogvar) dlogvar[i] += weight * 0.5f * (v - 1.0f);
    }
    LEAVE_PART(sum);
}

double cuda_kl_loss(struct device *d, float *dmu, float *dlogvar, const float *mu, const float *logvar, float weight, size_t n)
{
    unsigned blocks = sum_blocks(n);
    LAUNCH(d, kl_kernel, blocks, THREADS, 0, cuda_state_of(d)->sums, dmu, dlogvar, mu, logvar, weight, n);
    return total(d, blocks) * (double)weight;
}

static __global__ void squares_kernel(double *sums, const float *x, size_t n)
{
    double sum = 0;
    FOR_GRID(i, n) sum += (double)x[i] * (double)x[i];
    LEAVE_PART(sum);
}

double cuda_sum_squares(struct device *d, const float *x, size_t n)
{
    unsigned blocks = sum_blocks(n);
    LAUNCH(d, squares_kernel, blocks, THREADS, 0, cuda_state_of(d)->sums, x, n);
    return total(d, blocks);
}

static __global__ void abs_kernel(double *sums, float *dx, const float *x, float weight, size_t n)
{
    double sum = 0;
    FOR_GRID(i, n)
    {
        float v = x[i];
        sum += fabs((double)v);
        if (dx) dx[i] += v > 0 ? weight : v < 0 ? -weight : 0.0f;
    }
    LEAVE_PART(sum);
}

double cuda_sum_abs_loss(struct device *d, float *dx, const float *x, float weight, size_t n)
{
    unsigned blocks = sum_blocks(n);
    LAUNCH(d, abs_kernel, blocks, THREADS, 0, cuda_state_of(d)->sums, dx, x, weight, n);
    return total(d, blocks) * (double)weight;
}
