/* Losses, recovery of joints and the optimiser step on the CPU. */
#include "cpu_device.h"
#include "cpu_math.h"
#include <math.h>

static inline float element(float a, enum element_loss kind, float c, float *slope)
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

double cpu_loss(struct device *d, float *da, const float *a, const float *b, const float *weight, int rows, int cols,
                enum element_loss kind, float huber_c)
{
    (void)d;
    double total = 0;
    for (int i = 0; i < rows; i++) {
        float w = weight[i];
        if (w == 0.0f) continue;
        size_t at = (size_t)i * (size_t)cols;
        float sum = 0;
        for (int j = 0; j < cols; j++) {
            float s, e = element(a[at + (size_t)j] - (b ? b[at + (size_t)j] : 0.0f), kind, huber_c, &s);
            sum += e;
            if (da) da[at + (size_t)j] += w * s;
        }
        total += (double)w * (double)sum;
    }
    return total;
}

double cpu_kl_loss(struct device *d, float *dmu, float *dlogvar, const float *mu, const float *logvar, float weight,
                   size_t n)
{
    (void)d;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        float v = cpu_exp(logvar[i]);
        total += (double)(0.5f * (v + mu[i] * mu[i] - 1.0f - logvar[i]));
        if (dmu) dmu[i] += weight * mu[i];
        if (dlogvar) dlogvar[i] += weight * 0.5f * (v - 1.0f);
    }
    return total * (double)weight;
}

double cpu_sum_squares(struct device *d, const float *x, size_t n)
{
    double total = 0;
    size_t pieces = (n + 65535) / 65536;
    (void)d;
    for (size_t p = 0; p < pieces; p++) {
        size_t end = (p + 1) * 65536 < n ? (p + 1) * 65536 : n;
        double s = 0;
#pragma omp simd reduction(+ : s)
        for (size_t i = p * 65536; i < end; i++) s += (double)x[i] * (double)x[i];
        total += s;
    }
    return total;
}

double cpu_sum_abs_loss(struct device *d, float *dx, const float *x, float weight, size_t n)
{
    (void)d;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        total += fabs((double)x[i]);
        if (dx) dx[i] += x[i] > 0 ? weight : x[i] < 0 ? -weight : 0.0f;
    }
    return total * (double)weight;
}

/* Heading a_t = Σ_{s<t} f_s[0]; the inverse heading maps (x, z) to
 * (x cos 2a - z sin 2a, x sin 2a + z cos 2a). */
void cpu_recover_joints(struct device *d, float *joints, float *yaw, const float *x, const float *mean,
                        const float *std, int batch, int frames, int njoints, int nfeats)
{
    size_t width = (size_t)njoints * 3;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (batch > 1)
    for (int b = 0; b < batch; b++) {
        double angle = 0, root_x = 0, root_z = 0;   /* sums over the whole clip */
        for (int t = 0; t < frames; t++) {
            size_t row = (size_t)b * (size_t)frames + (size_t)t;
            const float *f = x + row * (size_t)nfeats;
            float *out = joints + row * width;
            if (t > 0) angle += (double)f[-nfeats] * (double)std[0] + (double)mean[0];
            if (yaw) yaw[row] = (float)angle;
            float c = (float)cos(2 * angle), s = (float)sin(2 * angle);
            if (t > 0) {
                float vx = f[1 - nfeats] * std[1] + mean[1], vz = f[2 - nfeats] * std[2] + mean[2];
                root_x += (double)(vx * c - vz * s);
                root_z += (double)(vx * s + vz * c);
            }
            const float px = (float)root_x, pz = (float)root_z;
            out[0] = px;
            out[1] = f[3] * std[3] + mean[3];
            out[2] = pz;
            for (int j = 1; j < njoints; j++) {
                int at = 4 + 3 * (j - 1);
                float lx = f[at] * std[at] + mean[at], ly = f[at + 1] * std[at + 1] + mean[at + 1];
                float lz = f[at + 2] * std[at + 2] + mean[at + 2];
                out[3 * j] = lx * c - lz * s + px;
                out[3 * j + 1] = ly;
                out[3 * j + 2] = lx * s + lz * c + pz;
            }
        }
    }
}

void cpu_recover_joints_backward(struct device *d, float *dx, const float *djoints, const float *x,
                                 const float *yaw, const float *mean, const float *std, int batch, int frames,
                                 int njoints, int nfeats)
{
    size_t width = (size_t)njoints * 3;
#pragma omp parallel for schedule(static) num_threads(d->threads) if (batch > 1)
    for (int b = 0; b < batch; b++) {
        double sum_x = 0, sum_z = 0, gangle = 0;   /* gradients that flow back along time */
        for (int t = frames - 1; t >= 0; t--) {
            size_t row = (size_t)b * (size_t)frames + (size_t)t;
            const float *f = x + row * (size_t)nfeats, *g = djoints + row * width;
            float *o = dx + row * (size_t)nfeats;
            float c = cosf(2 * yaw[row]), s = sinf(2 * yaw[row]), turn = 0;
            sum_x += (double)g[0];
            sum_z += (double)g[2];
            o[3] += g[1] * std[3];
            for (int j = 1; j < njoints; j++) {
                int at = 4 + 3 * (j - 1);
                float lx = f[at] * std[at] + mean[at], lz = f[at + 2] * std[at + 2] + mean[at + 2];
                float gx = g[3 * j], gz = g[3 * j + 2];
                o[at] += (gx * c + gz * s) * std[at];
                o[at + 1] += g[3 * j + 1] * std[at + 1];
                o[at + 2] += (gz * c - gx * s) * std[at + 2];
                turn += gx * (-lx * s - lz * c) + gz * (lx * c - lz * s);
                sum_x += (double)gx;
                sum_z += (double)gz;
            }
            if (t == 0) continue;
            const float gpx = (float)sum_x, gpz = (float)sum_z;
            float vx = f[1 - nfeats] * std[1] + mean[1], vz = f[2 - nfeats] * std[2] + mean[2];
            o[1 - nfeats] += (gpx * c + gpz * s) * std[1];
            o[2 - nfeats] += (gpz * c - gpx * s) * std[2];
            turn += gpx * (-vx * s - vz * c) + gpz * (vx * c - vz * s);
            gangle += 2 * (double)turn;       /* a_t holds every f_s[0] with s < t */
            o[-nfeats] += (float)gangle * std[0];
        }
    }
}

void cpu_adamw(struct device *d, float *p, float *m, float *v, const float *g, size_t n, float scale, float lr,
               float beta1, float beta2, float eps, float weight_decay, int64_t step)
{
    double c1 = 1.0 - pow((double)beta1, (double)step), c2 = 1.0 - pow((double)beta2, (double)step);
    float rate = (float)((double)lr / c1), root = (float)(1.0 / sqrt(c2)), keep = 1.0f - lr * weight_decay;
#pragma omp parallel for simd schedule(static) num_threads(d->threads) if (n > 32768)
    for (size_t i = 0; i < n; i++) {
        float x = g[i] * scale;
        m[i] = beta1 * m[i] + (1.0f - beta1) * x;
        v[i] = beta2 * v[i] + (1.0f - beta2) * x * x;
        p[i] = p[i] * keep - rate * m[i] / (sqrtf(v[i]) * root + eps);
    }
}
