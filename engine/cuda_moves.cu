/* Moves on the GPU: blocks, sums over rows, look-ups in tables, unfolding for convolutions. */
#include "cuda_functions.cuh"
#include <algorithm>
#include <vector>

enum { THREADS = 256, SUM_ROWS = 64 };

static __global__ void blocks_kernel(float *dst, size_t dst_stride, const float *src, size_t src_stride, size_t count,
                                     size_t n, int add)
{
    FOR_GRID(i, n)
    {
        size_t b = i / count, j = i % count;
        float v = src[b * src_stride + j], *to = dst + b * dst_stride + j;
        *to = add ? *to + v : v;
    }
}

/* --- sums over rows: pieces of SUM_ROWS rows, then the pieces in their order ---------------- */

static __global__ void piece_sums_kernel(float *part, const float *x, size_t ldx, int n, size_t c)
{
    size_t j = (size_t)blockIdx.x * blockDim.x + threadIdx.x;
    int first = (int)blockIdx.y * SUM_ROWS, last = first + SUM_ROWS < n ? first + SUM_ROWS : n;
    if (j >= c) return;
    float sum = 0;
    for (int i = first; i < last; i++) sum += x[(size_t)i * ldx + j];
    part[(size_t)blockIdx.y * c + j] = sum;
}

static __global__ void add_pieces_kernel(float *out, const float *part, int pieces, size_t ld, size_t c)
{
    FOR_GRID(j, c)
    {
        float sum = 0;
        for (int i = 0; i < pieces; i++) sum += part[(size_t)i * ld + j];
        out[j] += sum;
    }
}

void cuda_column_sums(struct device *d, float *out, const float *x, size_t ldx, int n, size_t c)
{
    /* a pass turns rows into a 64th of them */
    while (n > SUM_ROWS) {
        int pieces = (n + SUM_ROWS - 1) / SUM_ROWS;
        float *part = cuda_scratch(d, (size_t)pieces * c);
        if (!part) return;
        for (int from = 0; from < pieces; from += 65535) {       /* a grid's limit */
            int take = pieces - from < 65535 ? pieces - from : 65535, rows = n - from * SUM_ROWS;
            LAUNCH(d, piece_sums_kernel, dim3((unsigned)((c + 63) / 64), (unsigned)take), 64, 0, part + (size_t)from * c,
                   x + (size_t)from * SUM_ROWS * ldx, ldx, rows, c);
        }
        x = part;
        ldx = c;
        n = pieces;
    }
    LAUNCH(d, add_pieces_kernel, cuda_blocks_for(d, c, 64), 64, 0, out, x, n, ldx, c);
}

void cuda_blocks(struct device *d, float *dst, size_t dst_stride, const float *src, size_t src_stride, int blocks,
                 size_t count, int add)
{
    if (blocks < 1 || !count) return;
    cuda_scratch_start(d);
    if (!dst_stride && blocks > 1 && add) {
        cuda_column_sums(d, dst, src, src_stride, blocks, count);
        return;
    }
    if (!dst_stride) {                  /* without adding, the last one stays */
        src += (size_t)(blocks - 1) * src_stride;
        blocks = 1;
    }
    size_t n = (size_t)blocks * count;
    LAUNCH(d, blocks_kernel, cuda_blocks_for(d, n, THREADS), THREADS, 0, dst, dst_stride, src, src_stride, count, n, add);
}

/* --- look-ups ---------------------------------------------------------------------------------- */

static __global__ void gather_kernel(float *y, const float *table, const int *index, size_t n, int c)
{
    FOR_GRID(i, n) y[i] = table[(size_t)index[i / (size_t)c] * (size_t)c + i % (size_t)c];
}

void cuda_gather(struct device *d, float *y, const float *table, const int *index, int n, int c)
{
    if (n < 1) return;
    cuda_scratch_start(d);
    const int *there = (const int *)cuda_upload_scratch(d, index, (size_t)n * sizeof *index);
    size_t count = (size_t)n * (size_t)c;
    if (there) LAUNCH(d, gather_kernel, cuda_blocks_for(d, count, THREADS), THREADS, 0, y, table, there, count, c);
}

/* plan: starts (rows + 1) of each table row's readers, the table rows (rows), then the readers in order. */
static __global__ void gather_backward_kernel(float *dtable, const float *dy, const int *plan, int rows, int c)
{
    const int *start = plan, *row = plan + rows + 1, *reader = row + rows;
    int which = (int)blockIdx.x;
    float *to = dtable + (size_t)row[which] * (size_t)c;
    for (int j = (int)threadIdx.x; j < c; j += (int)blockDim.x) {
        float sum = to[j];
        for (int i = start[which]; i < start[which + 1]; i++) sum += dy[(size_t)reader[i] * (size_t)c + (size_t)j];
        to[j] = sum;
    }
}

void cuda_gather_backward(struct device *d, float *dtable, const float *dy, const int *index, int n, int c)
{
    if (n < 1) return;
    std::vector<int> reader((size_t)n), start, row;
    for (int i = 0; i < n; i++) reader[(size_t)i] = i;
    std::stable_sort(reader.begin(), reader.end(), [index](int a, int b) { return index[a] < index[b]; });
    for (int i = 0; i < n; i++) {
        int r = index[reader[(size_t)i]];
        if (!row.empty() && row.back() == r) continue;
        row.push_back(r);
        start.push_back(i);
    }
    int rows = (int)row.size();
    start.push_back(n);
    start.insert(start.end(), row.begin(), row.end());
    start.insert(start.end(), reader.begin(), reader.end());
    cuda_scratch_start(d);
    const int *plan = (const int *)cuda_upload_scratch(d, start.data(), start.size() * sizeof(int));
    if (plan) LAUNCH(d, gather_backward_kernel, (unsigned)rows, 128, 0, dtable, dy, plan, rows, c);
}

/* --- convolution over time ---------------------------------------------------------------------- */

struct convolution {
    int t_in, t_out, c, kernel, stride, pad;
};

static __global__ void unfold_kernel(float *columns, const float *x, size_t n, struct convolution v)
{
    size_t width = (size_t)v.c * (size_t)v.kernel;
    FOR_GRID(i, n)
    {
        size_t row = i / width, at = i % width, b = row / (size_t)v.t_out;
        int t = (int)(row % (size_t)v.t_out), j = (int)(at / (size_t)v.kernel), k = (int)(at % (size_t)v.kernel);
        int from = v.stride * t + k - v.pad;
        columns[i] = from >= 0 && from < v.t_in ? x[(b * (size_t)v.t_in + (size_t)from) * (size_t)v.c + (size_t)j] : 0.0f;
    }
}

void cuda_unfold(struct device *d, float *columns, const float *x, int batch, int t_in, int t_out, int c, int kernel,
                 int stride, int pad)
{
    size_t n = (size_t)batch * (size_t)t_out * (size_t)c * (size_t)kernel;
    struct convolution v = {t_in, t_out, c, kernel, stride, pad};
    if (n) LAUNCH(d, unfold_kernel, cuda_blocks_for(d, n, THREADS), THREADS, 0, columns, x, n, v);
}

static __global__ void fold_kernel(float *x, const float *columns, size_t n, struct convolution v, int add)
{
    FOR_GRID(i, n)
    {
        size_t row = i / (size_t)v.c, j = i % (size_t)v.c, b = row / (size_t)v.t_in;
        int to = (int)(row % (size_t)v.t_in);
        float sum = add ? x[i] : 0.0f;
        for (int k = v.kernel - 1; k >= 0; k--) {          /* by rising t */
            int at = to + v.pad - k, t = at / v.stride;
            if (at < 0 || at % v.stride || t >= v.t_out) continue;
            sum += columns[((b * (size_t)v.t_out + (size_t)t) * (size_t)v.c + j) * (size_t)v.kernel + (size_t)k];
        }
        x[i] = sum;
    }
}

void cuda_fold(struct device *d, float *x, const float *columns, int batch, int t_in, int t_out, int c, int kernel, int stride,
               int pad, int add)
{
    size_t n = (size_t)batch * (size_t)t_in * (size_t)c;
    struct convolution v = {t_in, t_out, c, kernel, stride, pad};
    if (n) LAUNCH(d, fold_kernel, cuda_blocks_for(d, n, THREADS), THREADS, 0, x, columns, n, v, add);
}
