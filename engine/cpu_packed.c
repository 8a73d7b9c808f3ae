/* Linear layers with packed weights: packing, inputs as words, the walk over panels. */
#include "cpu_packed.h"
#include "cpu_math.h"
#include <math.h>
#include <omp.h>

enum { SHARED_ROWS = 48,      /* up to here threads share the panels, beyond it the rows */
       FEW_PRODUCTS = 60000 };/* below this, waking threads costs more than it saves */

static int inputs_of_word(enum weight_precision p) { return p == PRECISION_FP32 ? 1 : p == PRECISION_BF16 ? 2 : 4; }
static int words_of(int ic, enum weight_precision p) { return (ic + inputs_of_word(p) - 1) / inputs_of_word(p); }
static int panels_of(int oc) { return (oc + PANEL - 1) / PANEL; }

/* --- packing ------------------------------------------------------------------------------ */

static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (isnan(x)) return (uint16_t)(bits >> 16 | 0x40u);   /* rounding could carry it to infinity or zero */
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

size_t cpu_packed_count(struct device *d, int oc, int ic, enum weight_precision precision)
{
    (void)d;
    size_t panels = (size_t)panels_of(oc), words = (size_t)words_of(ic, precision);
    return panels * PANEL * (words + (precision == PRECISION_INT8 ? 1 : 0));
}

void cpu_pack(struct device *d, float *packed, const float *w, int oc, int ic, enum weight_precision precision)
{
    int panels = panels_of(oc), words = words_of(ic, precision), each = inputs_of_word(precision);
    size_t panel_words = (size_t)words * PANEL;
    float *scales = packed + (size_t)panels * panel_words;
#pragma omp parallel for schedule(static) num_threads(d->threads)
    for (int p = 0; p < panels; p++) {
        char *to = (char *)(packed + (size_t)p * panel_words);
        memset(to, 0, panel_words * sizeof(float));
        for (int j = 0; j < PANEL; j++) {
            int o = p * PANEL + j;
            const float *from = w + (size_t)(o < oc ? o : 0) * (size_t)ic;
            float most = 0;
            if (precision == PRECISION_INT8) {
                for (int k = 0; k < ic && o < oc; k++) most = fabsf(from[k]) > most ? fabsf(from[k]) : most;
                scales[o] = most / 127.0f;
            }
            if (o >= oc) continue;
            float inverse = most > 0 ? 127.0f / most : 0.0f;
            for (int k = 0; k < ic; k++) {
                size_t word = (size_t)(k / each) * PANEL + (size_t)j, part = (size_t)(k % each);
                if (precision == PRECISION_FP32) memcpy(to + 4 * word, &from[k], 4);
                else if (precision == PRECISION_BF16) {
                    uint16_t half = to_bf16(from[k]);
                    memcpy(to + 4 * word + 2 * part, &half, 2);
                } else
                    to[4 * word + part] = (char)(unsigned char)(lrintf(from[k] * inverse) + 128);
            }
        }
    }
}

/* --- inputs ---------------------------------------------------------------------------------- */

int packed_words(const struct packed *w)
{
    int each = inputs_of_word(w->precision);
    return (w->column % each + w->ins + each - 1) / each;
}

size_t packed_stride(int words)
{
    size_t lines = ((size_t)words + 15) / 16;
    return 16 * (lines | 1);      /* an odd number of lines: rows spread over all cache sets */
}

int packed_panels(const struct packed *w) { return panels_of(w->row + w->outs) - w->row / PANEL; }

static void row_to_bf16(float *words, const float *x, int n, int lead)
{
    uint16_t *out = (uint16_t *)(void *)words;
    if (lead) *out++ = 0;
    int k = 0;
#if defined(__AVX512BF16__)
    for (; k + 32 <= n; k += 32) {
        __m512bh h = _mm512_cvtne2ps_pbh((__m512)vector_load(x + k + 16), (__m512)vector_load(x + k));
        memcpy(out + k, &h, 64);
    }
#endif
    for (; k < n; k++) out[k] = to_bf16(x[k]);
    if ((n + lead) & 1) out[n] = 0;
}

static void row_to_bytes(float *words, struct row_scale *scale, const float *x, int n, int lead)
{
    signed char *out = (signed char *)words;
    float most = 0;
    uint32_t total = 0, seen = 0;
    for (int i = 0; i < lead; i++) *out++ = 0;
#pragma omp simd reduction(max : most)
    for (int k = 0; k < n; k++) most = fabsf(x[k]) > most ? fabsf(x[k]) : most;
    float inverse = most > 1e-30f ? 127.0f / most : 0.0f;   /* 127 over less would be infinite */
#pragma omp simd reduction(+ : total) reduction(| : seen)
    for (int k = 0; k < n; k++) {
        float v = x[k] * inverse + 12582912.0f;   /* round to nearest by the mantissa's end */
        int32_t bits;
        memcpy(&bits, &v, 4);
        bits -= 0x4b400000;
        out[k] = (signed char)bits;
        total += (uint32_t)bits;
        seen |= (uint32_t)(bits + 128);
    }
    for (int k = n; (k + lead) % 4; k++) out[k] = 0;
    /* beyond a byte there was a value that is not finite: the whole row's products are none either */
    *scale = (struct row_scale){seen > 255 ? NAN : most / 127.0f, (int32_t)(128 * total)};
}

void packed_inputs(float *words, size_t ld, struct row_scale *scale, const float *x, size_t ldx, int n,
                   const struct packed *w)
{
    int lead = w->column % inputs_of_word(w->precision);
    for (int i = 0; i < n; i++) {
        const float *from = x + (size_t)i * ldx;
        float *to = words + (size_t)i * ld;
        switch (w->precision) {
        case PRECISION_FP32: memcpy(to, from, (size_t)w->ins * sizeof *to); break;
        case PRECISION_BF16: row_to_bf16(to, from, w->ins, lead); break;
        case PRECISION_INT8: row_to_bytes(to, &scale[i], from, w->ins, lead); break;
        }
    }
}

/* --- products ----------------------------------------------------------------------------------- */

typedef void tile_function(float *sums, const float *a, size_t lda, const float *b, const float *b2, size_t ldb,
                           const float *ahead, size_t ahead_step, int steps);

#define TILE(rows, panels, kind)                                                                            \
    static void tile_##rows##_##panels##_##kind(float *sums, const float *a, size_t lda, const float *b,    \
                                                const float *b2, size_t ldb, const float *ahead,            \
                                                size_t ahead_step, int steps)                               \
    {                                                                                                       \
        vector sum[rows][4];                                                                                \
        for (int r = 0; r < rows; r++)                                                                      \
            for (int v = 0; v < 2 * panels; v++) sum[r][v] = (vector){0};                                   \
        tile_multiply(sum, a, lda, b, b2, ldb, ahead, ahead_step, steps, rows, panels, kind);               \
        for (int r = 0; r < rows; r++)                                                                      \
            for (int v = 0; v < 2 * panels; v++) vector_store(sums + PANEL * panels * r + 16 * v, sum[r][v]); \
    }
#define TILES(kind) TILE(1, 1, kind) TILE(2, 1, kind) TILE(3, 1, kind) TILE(1, 2, kind) TILE(2, 2, kind) TILE(3, 2, kind)
#define MORE_TILES(kind)                                                                                    \
    TILE(4, 1, kind) TILE(5, 1, kind) TILE(6, 1, kind) TILE(7, 1, kind) TILE(8, 1, kind) TILE(9, 1, kind)   \
    TILE(10, 1, kind) TILE(11, 1, kind) TILE(12, 1, kind) TILE(13, 1, kind) TILE(14, 1, kind)               \
    TILE(4, 2, kind) TILE(5, 2, kind) TILE(6, 2, kind)
#define ROW(kind) {tile_1_1_##kind, tile_2_1_##kind, tile_3_1_##kind}, {tile_1_2_##kind, tile_2_2_##kind, tile_3_2_##kind}
#define MORE_ROW(kind)                                                                                      \
    {tile_1_1_##kind, tile_2_1_##kind, tile_3_1_##kind, tile_4_1_##kind, tile_5_1_##kind, tile_6_1_##kind,  \
     tile_7_1_##kind, tile_8_1_##kind, tile_9_1_##kind, tile_10_1_##kind, tile_11_1_##kind, tile_12_1_##kind, \
     tile_13_1_##kind, tile_14_1_##kind},                                                                   \
    {tile_1_2_##kind, tile_2_2_##kind, tile_3_2_##kind, tile_4_2_##kind, tile_5_2_##kind, tile_6_2_##kind}

TILES(PRECISION_FP32)
TILES(PRECISION_BF16)
TILES(PRECISION_INT8)
#if defined(__AVX512F__)
MORE_TILES(PRECISION_FP32)
MORE_TILES(PRECISION_BF16)
MORE_TILES(PRECISION_INT8)
static tile_function *const tiles[3][2][TILE_ROWS] = {{MORE_ROW(PRECISION_FP32)}, {MORE_ROW(PRECISION_BF16)}, {MORE_ROW(PRECISION_INT8)}};
#else
static tile_function *const tiles[3][2][TILE_ROWS] = {{ROW(PRECISION_FP32)}, {ROW(PRECISION_BF16)}, {ROW(PRECISION_INT8)}};
#endif

void packed_tile(float *sums, const float *a, size_t lda, const float *b, const float *b2, size_t ldb, const float *ahead,
                 size_t ahead_step, int steps, int rows, int panels, enum weight_precision kind)
{
    tiles[kind][panels - 1][rows - 1](sums, a, lda, b, b2, ldb, ahead, ahead_step, steps);
}

int packed_block(int left)
{
    int blocks = (left + TILE_ROWS - 1) / TILE_ROWS;
    return (left + blocks - 1) / blocks;
}

void cpu_activate_row(float *y, int n, enum activation act)
{
    switch (act) {
    case ACT_GELU: for (int j = 0; j < n; j++) y[j] = cpu_gelu(y[j]); break;
    case ACT_RELU: for (int j = 0; j < n; j++) y[j] = y[j] < 0 ? 0 : y[j]; break;
    case ACT_SILU: for (int j = 0; j < n; j++) y[j] = y[j] * cpu_sigmoid(y[j]); break;
    case ACT_LEAKY: for (int j = 0; j < n; j++) y[j] = y[j] > 0 ? y[j] : 0.2f * y[j]; break;
    case ACT_GELU_TANH: for (int j = 0; j < n; j++) y[j] = cpu_gelu_tanh(y[j]); break;
    case ACT_QUICK_GELU: for (int j = 0; j < n; j++) y[j] = cpu_quick_gelu(y[j]); break;
    case ACT_TANH: for (int j = 0; j < n; j++) y[j] = cpu_tanh(y[j]); break;
    case ACT_NONE: break;
    }
}

/* sums (rows, 32), rows ld apart, of panel `panel` into y: scales, what is there, bias, activation. */
static void panel_finish(float *y, size_t ldy, float *sums, size_t ld, const struct row_scale *scale,
                         const struct packed *w, const float *b, int rows, int panel, int add, enum activation act)
{
    int first = panel * PANEL - w->row, from = first < 0 ? -first : 0;
    int to = w->outs - first < PANEL ? w->outs - first : PANEL;
    float bias[PANEL] = {0};
    const float *output_scale = w->values + (size_t)panels_of(w->rows) * PANEL * (size_t)words_of(w->cols, w->precision) +
                                (size_t)panel * PANEL;
    if (b) memcpy(bias + from, b + (first + from), (size_t)(to - from) * sizeof *b);
    for (int r = 0; r < rows; r++) {
        float *sum = sums + (size_t)r * ld, *out = y + (size_t)r * ldy;
        if (w->precision == PRECISION_INT8)
            for (int j = 0; j < PANEL; j++) {
                int32_t whole;
                memcpy(&whole, &sum[j], 4);
                sum[j] = (float)(whole - scale[r].offset) * (scale[r].scale * output_scale[j]);
            }
        if (from == 0 && to == PANEL) {
            out += first;
            if (add)
                for (int j = 0; j < PANEL; j++) sum[j] += out[j];
            for (int j = 0; j < PANEL; j++) out[j] = sum[j] + bias[j];
            if (act != ACT_NONE) cpu_activate_row(out, PANEL, act);
            continue;
        }
        for (int j = from; j < to; j++) sum[j] = (add ? out[first + j] + sum[j] : sum[j]) + bias[j];
        if (act != ACT_NONE) cpu_activate_row(sum, PANEL, act);
        for (int j = from; j < to; j++) out[first + j] = sum[j];
    }
}

void packed_multiply(float *y, size_t ldy, const float *words, size_t ld, const struct row_scale *scale,
                     const struct packed *w, const float *b, int n, int first, int last, int add, enum activation act)
{
    float sums[2 * TILE_ROWS * PANEL] __attribute__((aligned(64)));
    size_t panel_words = (size_t)words_of(w->cols, w->precision) * PANEL;
    size_t column = (size_t)(w->column / inputs_of_word(w->precision)) * PANEL;
    int steps = packed_words(w), paired = n <= PANELS_PAIRED && n <= TILE_ROWS;
    int blocks = (n + TILE_ROWS - 1) / TILE_ROWS;
    for (int p = first; p < last;) {
        int panel = w->row / PANEL + p, panels = paired && p + 1 < last ? 2 : 1;
        const float *values = w->values + (size_t)panel * panel_words + column;
        size_t width = (size_t)panels * PANEL;
        /* the next panels arrive while this one is multiplied, each block of rows fetching its share */
        const float *ahead = values + (size_t)panels * panel_words;
        size_t ahead_step = (width + (size_t)blocks - 1) / (size_t)blocks;
        for (int r = 0, rows; r < n; r += rows) {
            rows = packed_block(n - r);
            packed_tile(sums, words + (size_t)r * ld, ld, values, values + panel_words, PANEL, ahead, ahead_step, steps, rows,
                        panels, w->precision);
            ahead += ahead_step * (size_t)steps;
            for (int i = 0; i < panels; i++)
                panel_finish(y + (size_t)r * ldy, ldy, sums + i * PANEL, width, scale ? scale + r : NULL, w, b, rows,
                             panel + i, add, act);
        }
        p += panels;
    }
}

/* Several numbers at an odd distance from each other: rows a whole number of pages apart fall into few cache sets. */
static int rows_collide(int words) { return words % 256 == 0; }

void cpu_linear_packed(struct device *d, float *y, const float *x, const struct packed *w, const float *b, int n, int add,
                       enum activation act)
{
    int words = packed_words(w), panels = packed_panels(w), by_rows = n > SHARED_ROWS;
    size_t ins = (size_t)w->ins, outs = (size_t)w->outs;
    int as_they_are = w->precision == PRECISION_FP32 && (!rows_collide(words) || n < 4);
    int threads = (long)n * words * w->outs > FEW_PRODUCTS ? d->threads : 1;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        int team = omp_get_num_threads(), me = omp_get_thread_num();
        int r0 = by_rows ? n * me / team : 0, r1 = by_rows ? n * (me + 1) / team : n, rows = r1 - r0;
        int p0 = by_rows ? 0 : panels * me / team, p1 = by_rows ? panels : panels * (me + 1) / team;
        const float *from = x + (size_t)r0 * ins;
        size_t ld = as_they_are ? ins : packed_stride(words);
        float *scratch = as_they_are || rows == 0 || p1 == p0 ? NULL : cpu_scratch(d, (size_t)rows * (ld + 2));
        struct row_scale *scale = scratch ? (struct row_scale *)(void *)(scratch + (size_t)rows * ld) : NULL;
        if (scratch) {
            packed_inputs(scratch, ld, scale, from, ins, rows, w);
            from = scratch;
        }
        if (as_they_are || scratch)
            packed_multiply(y + (size_t)r0 * outs, outs, from, ld, scale, w, b, rows, p0, p1, add, act);
    }
}
