#include "cpu_attend.h"
#include "cpu_math.h"
#include <math.h>

static size_t panels_for(int n) { return ((size_t)n + PANEL - 1) / PANEL; }

size_t attend_keys_count(int count, int width) { return panels_for(count) * PANEL * (size_t)width; }

void attend_pack_keys(float *panels, const float *from, size_t ld, int first, int n, int width)
{
    for (int i = 0; i < n;) {
        int key = first + i, lane = key % PANEL, take = PANEL - lane < n - i ? PANEL - lane : n - i;
        float *to = panels + (size_t)(key / PANEL) * PANEL * (size_t)width + lane;
        for (int t = 0; t < width; t++)
            for (int k = 0; k < take; k++) to[(size_t)t * PANEL + (size_t)k] = from[(size_t)(i + k) * ld + (size_t)t];
        i += take;
    }
}

size_t attend_scratch_count(int count, int width)
{
    size_t scores = packed_stride((int)(panels_for(count) * PANEL)) * TILE_ROWS;
    return attend_keys_count(count, width) + scores + panels_for(width) * PANEL * (size_t)count;
}

/* exp(row - largest) over `padded` scores, those beyond count or masked 0; returns the sum's inverse, 1 if nothing is seen */
static float exponentials(float *row, const float *mask, float scale, int count, int padded)
{
    float top = -INFINITY, total = 0;
    for (int j = count; j < padded; j++) row[j] = -INFINITY;
    if (mask)
        for (int j = 0; j < count; j++) row[j] = mask[j] != 0.0f ? row[j] : -INFINITY;
#pragma omp simd reduction(max : top)
    for (int j = 0; j < padded; j++) top = row[j] > top ? row[j] : top;
    if (top == -INFINITY) {       /* nothing may be seen: attend to nothing; what is no number stays so */
        for (int j = 0; j < padded; j++) row[j] = row[j] == -INFINITY ? 0.0f : row[j];
        return 1.0f;
    }
#pragma omp simd reduction(+ : total)
    for (int j = 0; j < padded; j++) {
        float v = row[j] == -INFINITY ? 0.0f : cpu_exp((row[j] - top) * scale);
        row[j] = v;
        total += v;
    }
    return 1.0f / total;
}

void attend_rows(const struct attend *a, float *scratch)
{
    float sums[2 * TILE_ROWS * PANEL] __attribute__((aligned(64)));
    int panels = (int)panels_for(a->count), wide = (int)panels_for(a->width), padded = (a->count + 15) / 16 * 16;
    size_t ld = packed_stride(panels * PANEL), ldv = a->ldv;
    float *scores = scratch, inverse[TILE_ROWS];
    const float *v = a->v;
    if (a->width % PANEL) {              /* a tile reads 32 columns: give it 32 */
        float *copy = scratch + ld * TILE_ROWS;
        ldv = (size_t)wide * PANEL;
        for (int k = 0; k < a->count; k++) {
            memset(copy + (size_t)k * ldv, 0, ldv * sizeof *copy);
            memcpy(copy + (size_t)k * ldv, a->v + (size_t)k * a->ldv, (size_t)a->width * sizeof *copy);
        }
        v = copy;
    }
    for (int r = 0, rows; r < a->rows; r += rows) {
        rows = packed_block(a->rows - r);
        for (int p = 0; p < panels; p++) {
            packed_tile(sums, a->q + (size_t)r * a->ldq, a->ldq, a->keys + (size_t)p * PANEL * (size_t)a->width, NULL, PANEL,
                        a->keys + (size_t)(p + 1) * PANEL * (size_t)a->width, PANEL, a->width, rows, 1, PRECISION_FP32);
            for (int i = 0; i < rows; i++)
                memcpy(scores + (size_t)i * ld + p * PANEL, sums + i * PANEL, PANEL * sizeof *sums);
        }
        for (int i = 0; i < rows; i++) inverse[i] = exponentials(scores + (size_t)i * ld, a->mask, a->scale, a->count, padded);
        for (int p = 0; p < wide; p++) {
            int columns = a->width - p * PANEL < PANEL ? a->width - p * PANEL : PANEL;
            packed_tile(sums, scores, ld, v + p * PANEL, NULL, ldv, scores, 0, a->count, rows, 1, PRECISION_FP32);
            for (int i = 0; i < rows; i++) {
                float *out = a->out + (size_t)(r + i) * a->ldo + p * PANEL;
                for (int c = 0; c < columns; c++) out[c] = sums[i * PANEL + c] * inverse[i];
            }
        }
    }
}
