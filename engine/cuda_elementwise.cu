/* Element-wise functions on the GPU, the optimiser's step among them. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"
#include <math.h>

enum { THREADS = 256 };

#define ELEMENTWISE(kernel, n, ...)                                                                   \
    do {                                                                                              \
        if (n) LAUNCH(d, kernel, cuda_blocks_for(d, n, THREADS), THREADS, 0, __VA_ARGS__);             \
    } while (0)

static __global__ void activate_kernel(float *y, const float *x, size_t n, enum activation act)
{
    FOR_GRID(i, n) y[i] = cuda_act(x[i], act);
}

void cuda_activate(struct device *d, float *y, const float *x, size_t n, enum activation act)
{
    ELEMENTWISE(activate_kernel, n, y, x, n, act);
}

static __global__ void activate_backward_kernel(float *dx, const float *dy, const float *x, size_t n, enum activation act,
                                                int add)
{
    FOR_GRID(i, n)
    {
        float v = dy[i] * cuda_slope(x[i], act);
        dx[i] = add ? dx[i] + v : v;
    }
}

void cuda_activate_backward(struct device *d, float *dx, const float *dy, const float *x, size_t n, enum activation act,
                            int add)
{
    ELEMENTWISE(activate_backward_kernel, n, dx, dy, x, n, act, add);
}

/* A thread takes the eight elements of a counter. */
static __global__ void dropout_kernel(float *y, const float *x, size_t n, struct dropout drop, int add)
{
    size_t counters = (n + DROP_GROUP - 1) / DROP_GROUP * DROP_LANES;
    FOR_GRID(c, counters)
    {
        float factor[DROP_EACH];
        size_t at = c / DROP_LANES * DROP_GROUP + c % DROP_LANES;
        cuda_drop_factors(drop, c / DROP_LANES, (uint32_t)(c % DROP_LANES), factor);
        for (int k = 0; k < DROP_EACH; k++) {
            size_t i = at + (size_t)(DROP_LANES * k);
            if (i < n) y[i] = add ? y[i] + x[i] * factor[k] : x[i] * factor[k];
        }
    }
}

void cuda_dropout(struct device *d, float *y, const float *x, size_t n, struct dropout drop, int add)
{
    size_t counters = (n + DROP_GROUP - 1) / DROP_GROUP * DROP_LANES;
    ELEMENTWISE(dropout_kernel, counters, y, x, n, drop, add);
}

static __global__ void combine_kernel(float *y, float a, const float *x1, float b, const float *x2, size_t n)
{
    FOR_GRID(i, n) y[i] = x2 ? a * x1[i] + b * x2[i] : a * x1[i];
}

void cuda_combine(struct device *d, float *y, float a, const float *x1, float b, const float *x2, size_t n)
{
    ELEMENTWISE(combine_kernel, n, y, a, x1, b, x2, n);
}

static __global__ void combine_rows_kernel(float *y, const float *ca, const float *x1, const float *cb, const float *x2,
                                           size_t n, int cols, int add)
{
    FOR_GRID(i, n)
    {
        size_t row = i / (size_t)cols;
        float v = ca[row] * x1[i] + (x2 ? (cb ? cb[row] : 0.0f) * x2[i] : 0.0f);
        y[i] = add ? y[i] + v : v;
    }
}

void cuda_combine_rows(struct device *d, float *y, const float *ca, const float *x1, const float *cb, const float *x2,
                       int rows, int cols, int add)
{
    size_t n = (size_t)rows * (size_t)cols;
    ELEMENTWISE(combine_rows_kernel, n, y, ca, x1, cb, x2, n, cols, add);
}

static __global__ void multiply_kernel(float *y, const float *a, const float *b, size_t n, int add)
{
    FOR_GRID(i, n) y[i] = add ? y[i] + a[i] * b[i] : a[i] * b[i];
}

void cuda_multiply(struct device *d, float *y, const float *a, const float *b, size_t n, int add)
{
    ELEMENTWISE(multiply_kernel, n, y, a, b, n, add);
}

static __global__ void reparameterise_kernel(float *z, const float *mu, const float *logvar, const float *eps, size_t n)
{
    FOR_GRID(i, n) z[i] = mu[i] + expf(0.5f * logvar[i]) * eps[i];
}

void cuda_reparameterise(struct device *d, float *z, const float *mu, const float *logvar, const float *eps, size_t n)
{
    ELEMENTWISE(reparameterise_kernel, n, z, mu, logvar, eps, n);
}

static __global__ void reparameterise_backward_kernel(float *dmu, float *dlogvar, const float *dz, const float *logvar,
                                                      const float *eps, size_t n)
{
    FOR_GRID(i, n)
    {
        if (dmu) dmu[i] += dz[i];
        if (dlogvar) dlogvar[i] += dz[i] * eps[i] * 0.5f * expf(0.5f * logvar[i]);
    }
}

void cuda_reparameterise_backward(struct device *d, float *dmu, float *dlogvar, const float *dz, const float *logvar,
                                  const float *eps, size_t n)
{
    ELEMENTWISE(reparameterise_backward_kernel, n, dmu, dlogvar, dz, logvar, eps, n);
}

struct adamw {
    float scale, beta1, beta2, eps, rate, root, keep;
};

static __global__ void adamw_kernel(float *p, float *m, float *v, const float *g, size_t n, struct adamw a)
{
    FOR_GRID(i, n)
    {
        float x = g[i] * a.scale;
        float mean = a.beta1 * m[i] + (1.0f - a.beta1) * x, square = a.beta2 * v[i] + (1.0f - a.beta2) * x * x;
        m[i] = mean;
        v[i] = square;
        p[i] = p[i] * a.keep - a.rate * mean / (sqrtf(square) * a.root + a.eps);
    }
}

void cuda_adamw(struct device *d, float *p, float *m, float *v, const float *g, size_t n, float scale, float lr, float beta1,
                float beta2, float eps, float weight_decay, int64_t step)
{
    double c1 = 1.0 - pow((double)beta1, (double)step), c2 = 1.0 - pow((double)beta2, (double)step);
    struct adamw a = {scale, beta1, beta2, eps, (float)((double)lr / c1), (float)(1.0 / sqrt(c2)), 1.0f - lr * weight_decay};
    ELEMENTWISE(adamw_kernel, n, p, m, v, g, n, a);
}
