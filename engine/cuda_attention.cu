/* Attention on the GPU by batched products and a kernel for the softmax between them: many pairs of
 * (sample, head) with long sequences, and every backward. Few or short ones: cuda_attend.cu. */
#include "cuda_functions.cuh"
#include "cuda_math.cuh"

enum { WARPS = 8, LONG = 64, MANY_PAIRS = 16 };

/* The choice depends on the shape alone, so that a recording pass gives the same bits as one that is not. */
static int many_and_long(const struct attention_shape *s)
{
    return s->batch * s->heads >= MANY_PAIRS && s->queries >= LONG && s->keys >= LONG;
}

static unsigned row_blocks(size_t rows) { return (unsigned)((rows + WARPS - 1) / WARPS); }

struct softmax {
    const float *mask, *bias;
    int heads, queries, keys, causal;
    struct dropout drop;
};

/* Rows of scores become weights; dropped receives the weights after dropout (NULL: none). What is hidden gets 0; a
 * row that sees nothing is 0. */
static __global__ void softmax_kernel(float *probs, float *dropped, struct softmax s, size_t rows)
{
    int lane = (int)threadIdx.x % 32;
    size_t i = (size_t)blockIdx.x * WARPS + threadIdx.x / 32;
    if (i >= rows) return;
    int t = (int)(i % (size_t)s.queries), pair = (int)(i / (size_t)s.queries), sees = s.causal && t + 1 < s.keys ? t + 1 : s.keys;
    size_t at = i * (size_t)s.keys;
    float *row = probs + at, top = -INFINITY, total = 0;
    const float *mask = s.mask ? s.mask + (size_t)(pair / s.heads) * (size_t)s.keys : 0;
    const float *bias = s.bias ? s.bias + ((size_t)(pair % s.heads) * (size_t)s.queries + (size_t)t) * (size_t)s.keys : 0;
    for (int j = lane; j < s.keys; j += 32) {
        float v = j < sees && (!mask || mask[j] != 0.0f) ? row[j] + (bias ? bias[j] : 0.0f) : -INFINITY;
        row[j] = v;
        top = v > top ? v : top;
    }
    top = cuda_warp_max(top);
    for (int j = lane; j < s.keys; j += 32) {
        float v = row[j];
        v = v == -INFINITY ? 0.0f : top == -INFINITY ? v : expf(v - top);      /* what is no number stays so */
        row[j] = v;
        total += v;
    }
    total = cuda_warp_sum(total);
    float k = top == -INFINITY ? 1.0f : 1.0f / total;
    for (int j = lane; j < s.keys; j += 32) row[j] *= k;
    if (!dropped) return;
    __syncwarp();             /* the lanes deal the row anew */
    struct row_deal deal = cuda_deal(at, s.drop.p);
    for (int p = lane, first; (first = cuda_dealt_column(deal, p, 0)) < s.keys; p += 32) {
        float factor[DROP_EACH];
        cuda_drop_factors(s.drop, deal.group + (uint64_t)(p / DROP_LANES), (uint32_t)(p % DROP_LANES), factor);
        for (int k8 = 0; k8 < DROP_EACH; k8++) {
            int j = first + DROP_LANES * k8;
            if (j >= 0 && j < s.keys) dropped[at + (size_t)j] = row[j] * factor[k8];
        }
    }
}

/* What a batch of products reads of head h: the samples lie a stride apart. */
static void per_head(struct device *d, int h, const struct attention_shape *s, float *scores, const float *q, const float *k)
{
    size_t area = (size_t)s->queries * (size_t)s->keys;
    cuda_products(d, 0, 1, s->queries, s->keys, s->width, s->scale, q + h * s->width, s->ldq, (size_t)s->queries * (size_t)s->ldq,
                  k + h * s->width, s->ldk, (size_t)s->keys * (size_t)s->ldk, 0.0f, scores + (size_t)h * area, s->keys,
                  (size_t)s->heads * area, s->batch);
}

void cuda_attention_within(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v,
                           const float *mask, const struct attention_shape *s, struct dropout drop)
{
    size_t area = (size_t)s->queries * (size_t)s->keys, rows = (size_t)s->batch * (size_t)s->heads * (size_t)s->queries;
    if (!rows || !s->keys) return;
    if (!many_and_long(s) && cuda_attend(d, out, probs, q, k, v, mask, s, drop)) return;
    float *p = probs ? probs : cuda_scratch(d, rows * (size_t)s->keys);
    float *dropped = drop.p > 0 ? cuda_scratch(d, rows * (size_t)s->keys) : 0;
    if (!p || (drop.p > 0 && !dropped)) return;
    for (int h = 0; h < s->heads; h++) per_head(d, h, s, p, q, k);
    struct softmax soft = {mask, s->bias, s->heads, s->queries, s->keys, s->causal, drop};
    LAUNCH(d, softmax_kernel, row_blocks(rows), 32 * WARPS, 0, p, dropped, soft, rows);
    const float *weights = dropped ? dropped : p;
    for (int h = 0; h < s->heads; h++)
        cuda_products(d, 0, 0, s->queries, s->width, s->keys, 1.0f, weights + (size_t)h * area, s->keys, (size_t)s->heads * area,
                      v + h * s->width, s->ldv, (size_t)s->keys * (size_t)s->ldv, 0.0f, out + h * s->width, s->ldo,
                      (size_t)s->queries * (size_t)s->ldo, s->batch);
}

void cuda_attention(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v,
                    const float *mask, const struct attention_shape *s, struct dropout drop)
{
    cuda_scratch_start(d);
    cuda_attention_within(d, out, probs, q, k, v, mask, s, drop);
}

/* --- backward ------------------------------------------------------------------------------------------- */

/* g holds the gradients of the dropped weights; it becomes those of the scores. dropped: see softmax_kernel. */
static __global__ void softmax_backward_kernel(float *g, float *dropped, const float *probs, int keys, struct dropout drop,
                                               size_t rows)
{
    int lane = (int)threadIdx.x % 32;
    size_t i = (size_t)blockIdx.x * WARPS + threadIdx.x / 32, at = i * (size_t)keys;
    if (i >= rows) return;
    const float *w = probs + at;
    float *row = g + at, dot = 0;
    struct row_deal deal = cuda_deal(at, drop.p);
    for (int p = lane, first; (first = cuda_dealt_column(deal, p, 0)) < keys; p += 32) {
        float factor[DROP_EACH];
        if (dropped)
            cuda_drop_factors(drop, deal.group + (uint64_t)(p / DROP_LANES), (uint32_t)(p % DROP_LANES), factor);
        for (int k8 = 0; k8 < DROP_EACH; k8++) {
            int j = first + DROP_LANES * k8;
            if (j < 0 || j >= keys) continue;
            float up = row[j], weight = w[j];
            if (dropped) {
                up *= factor[k8];
                row[j] = up;
                dropped[at + (size_t)j] = weight * factor[k8];
            }
            dot += up * weight;
        }
    }
    dot = cuda_warp_sum(dot);
    __syncwarp();
    for (int j = lane; j < keys; j += 32) row[j] = w[j] * (row[j] - dot);
}

void cuda_attention_backward(struct device *d, float *dq, float *dk, float *dv, const float *dout, const float *probs,
                             const float *q, const float *k, const float *v, const struct attention_shape *s,
                             struct dropout drop)
{
    size_t area = (size_t)s->queries * (size_t)s->keys, rows = (size_t)s->batch * (size_t)s->heads * (size_t)s->queries;
    size_t between = (size_t)s->heads * area;                       /* of one sample's scores */
    size_t sq = (size_t)s->queries * (size_t)s->ldq, sk = (size_t)s->keys * (size_t)s->ldk;
    size_t sv = (size_t)s->keys * (size_t)s->ldv, so = (size_t)s->queries * (size_t)s->ldo;
    if (!rows || !s->keys) return;
    cuda_scratch_start(d);
    float *g = cuda_scratch(d, rows * (size_t)s->keys), *dropped = drop.p > 0 ? cuda_scratch(d, rows * (size_t)s->keys) : 0;
    if (!g || (drop.p > 0 && !dropped)) return;
    for (int h = 0; h < s->heads; h++)
        cuda_products(d, 0, 1, s->queries, s->keys, s->width, 1.0f, dout + h * s->width, s->ldo, so, v + h * s->width, s->ldv, sv,
                      0.0f, g + (size_t)h * area, s->keys, between, s->batch);
    LAUNCH(d, softmax_backward_kernel, row_blocks(rows), 32 * WARPS, 0, g, dropped, probs, s->keys, drop, rows);
    const float *weights = dropped ? dropped : probs;
    for (int h = 0; h < s->heads; h++) {
        int c = h * s->width;
        size_t at = (size_t)h * area;
        cuda_products(d, 1, 0, s->keys, s->width, s->queries, 1.0f, weights + at, s->keys, between, dout + c, s->ldo, so, 0.0f,
                      dv + c, s->ldv, sv, s->batch);
        cuda_products(d, 0, 0, s->queries, s->width, s->keys, s->scale, g + at, s->keys, between, k + c, s->ldk, sk, 0.0f, dq + c,
                      s->ldq, sq, s->batch);
        cuda_products(d, 1, 0, s->keys, s->width, s->queries, s->scale, g + at, s->keys, between, q + c, s->ldq, sq, 0.0f, dk + c,
                      s->ldk, sk, s->batch);
    }
}
