/* Recovery of joints on the GPU: a block a clip, frames in chunks; sums along time in double. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"

enum { CHUNK = 256 };       /* frames, one a thread */

/* x[t] becomes the sum of x[0 … t]; every thread of the block has one t. */
__device__ static void running_sum(double *x)
{
    int t = (int)threadIdx.x;
    for (int by = 1; by < CHUNK; by *= 2) {
        double more = t >= by ? x[t - by] : 0.0;
        __syncthreads();
        x[t] += more;
        __syncthreads();
    }
}

struct clip {
    const float *mean, *std;
    int frames, njoints, nfeats;
};
__device__ __forceinline__ float raw(const struct clip &c, const float *f, int i) { return f[i] * c.std[i] + c.mean[i]; }

static __global__ void joints_kernel(float *joints, float *yaw, const float *x, struct clip c)
{
    SHARED(double, angle, CHUNK);
    SHARED(double, root_x, CHUNK);
    SHARED(double, root_z, CHUNK);
    SHARED(float, cosine, CHUNK);
    SHARED(float, sine, CHUNK);
    int me = (int)threadIdx.x;
    size_t base = (size_t)blockIdx.x * (size_t)c.frames, width = (size_t)c.njoints * 3;
    double before[3] = {0, 0, 0};             /* angle and place at the end of the last chunk */
    for (int first = 0; first < c.frames; first += CHUNK) {
        int t = first + me, there = t < c.frames;
        const float *f = x + (base + (size_t)t) * (size_t)c.nfeats;
        angle[me] = there && t > 0 ? (double)f[-c.nfeats] * (double)c.std[0] + (double)c.mean[0] : 0.0;
        __syncthreads();
        running_sum(angle);
        double turned = before[0] + angle[me];
        float co = (float)cos(2 * turned), si = (float)sin(2 * turned);
        cosine[me] = co;
        sine[me] = si;
        if (there && yaw) yaw[base + (size_t)t] = (float)turned;
        float vx = 0, vz = 0;
        if (there && t > 0) {
            vx = raw(c, f - c.nfeats, 1);
            vz = raw(c, f - c.nfeats, 2);
        }
        root_x[me] = (double)(vx * co - vz * si);
        root_z[me] = (double)(vx * si + vz * co);
        __syncthreads();
        running_sum(root_x);
        running_sum(root_z);
        int count = c.frames - first < CHUNK ? c.frames - first : CHUNK;
        for (int i = me; i < count * c.njoints; i += CHUNK) {
            int k = i / c.njoints, j = i % c.njoints;
            size_t row = base + (size_t)(first + k);
            const float *g = x + row * (size_t)c.nfeats;
            float *out = joints + row * width + 3 * (size_t)j;
            float px = (float)(before[1] + root_x[k]), pz = (float)(before[2] + root_z[k]);
            if (j == 0) {
                out[0] = px;
                out[1] = raw(c, g, 3);
                out[2] = pz;
                continue;
            }
            int at = 4 + 3 * (j - 1);
            float lx = raw(c, g, at), lz = raw(c, g, at + 2);
            out[0] = lx * cosine[k] - lz * sine[k] + px;
            out[1] = raw(c, g, at + 1);
            out[2] = lx * sine[k] + lz * cosine[k] + pz;
        }
        before[0] += angle[CHUNK - 1];
        before[1] += root_x[CHUNK - 1];
        before[2] += root_z[CHUNK - 1];
        __syncthreads();
    }
}

void cuda_recover_joints(struct device *d, float *joints, float *yaw, const float *x, const float *mean, const float *std,
                         int batch, int frames, int njoints, int nfeats)
{
    struct clip c = {mean, std, frames, njoints, nfeats};
    if (batch > 0 && frames > 0) LAUNCH(d, joints_kernel, (unsigned)batch, CHUNK, 0, joints, yaw, x, c);
}

/* Chunks from the last to the first; in a chunk thread 0 has the last frame, so that a running sum is one from the end. */
static __global__ void joints_backward_kernel(float *dx, const float *djoints, const float *x, const float *yaw, struct clip c)
{
    SHARED(double, sum_x, CHUNK);
    SHARED(double, sum_z, CHUNK);
    SHARED(double, turn, CHUNK);
    int me = (int)threadIdx.x, lane = me % 32, warps = CHUNK / 32;
    size_t base = (size_t)blockIdx.x * (size_t)c.frames, width = (size_t)c.njoints * 3;
    double after[3] = {0, 0, 0};
    for (int last = c.frames - 1; last >= 0; last -= CHUNK) {
        int count = last + 1 < CHUNK ? last + 1 : CHUNK;
        sum_x[me] = sum_z[me] = turn[me] = 0;
        __syncthreads();
        for (int k = me / 32; k < count; k += warps) {         /* a warp a frame, a lane a joint */
            size_t row = base + (size_t)(last - k);
            const float *f = x + row * (size_t)c.nfeats, *g = djoints + row * width;
            float *o = dx + row * (size_t)c.nfeats, co = cosf(2 * yaw[row]), si = sinf(2 * yaw[row]), turned = 0;
            double gsum_x = 0, gsum_z = 0;
            for (int j = lane; j < c.njoints; j += 32) {
                float gx = g[3 * j], gz = g[3 * j + 2];
                gsum_x += (double)gx;
                gsum_z += (double)gz;
                if (j == 0) {
                    o[3] += g[1] * c.std[3];
                    continue;
                }
                int at = 4 + 3 * (j - 1);
                float lx = raw(c, f, at), lz = raw(c, f, at + 2);
                o[at] += (gx * co + gz * si) * c.std[at];
                o[at + 1] += g[3 * j + 1] * c.std[at + 1];
                o[at + 2] += (gz * co - gx * si) * c.std[at + 2];
                turned += gx * (-lx * si - lz * co) + gz * (lx * co - lz * si);
            }
            gsum_x = cuda_warp_sum(gsum_x);
            gsum_z = cuda_warp_sum(gsum_z);
            turned = cuda_warp_sum(turned);
            if (lane) continue;
            sum_x[k] = gsum_x;
            sum_z[k] = gsum_z;
            turn[k] = (double)turned;
        }
        __syncthreads();
        running_sum(sum_x);
        running_sum(sum_z);
        int t = last - me, moves = me < count && t > 0;
        size_t row = base + (size_t)(moves ? t : 0);
        float *o = dx + row * (size_t)c.nfeats;
        if (moves) {
            const float *f = x + row * (size_t)c.nfeats;
            float gx = (float)(after[0] + sum_x[me]), gz = (float)(after[1] + sum_z[me]);
            float co = cosf(2 * yaw[row]), si = sinf(2 * yaw[row]);
            float vx = raw(c, f - c.nfeats, 1), vz = raw(c, f - c.nfeats, 2);
            o[1 - c.nfeats] += (gx * co + gz * si) * c.std[1];
            o[2 - c.nfeats] += (gz * co - gx * si) * c.std[2];
            turn[me] = 2 * (turn[me] + (double)(gx * (-vx * si - vz * co) + gz * (vx * co - vz * si)));
        } else
            turn[me] = 0;
        __syncthreads();
        running_sum(turn);               /* a frame's angle holds the turns of all frames before it */
        if (moves) o[-c.nfeats] += (float)(after[2] + turn[me]) * c.std[0];
        after[0] += sum_x[CHUNK - 1];
        after[1] += sum_z[CHUNK - 1];
        after[2] += turn[CHUNK - 1];
        __syncthreads();
    }
}

void cuda_recover_joints_backward(struct device *d, float *dx, const float *djoints, const float *x, const float *yaw,
                                  const float *mean, const float *std, int batch, int frames, int njoints, int nfeats)
{
    struct clip c = {mean, std, frames, njoints, nfeats};
    if (batch > 0 && frames > 0) LAUNCH(d, joints_backward_kernel, (unsigned)batch, CHUNK, 0, dx, djoints, x, yaw, c);
}
