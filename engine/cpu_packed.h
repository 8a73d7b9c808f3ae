/* Packed weights on the CPU, as linear layers and whole stacks use them.
 *
 * A matrix (oc, ic) lies in panels of 32 outputs, a panel as its inputs' words in
 * order (cpu_tile.h): [panel][word][output]. Missing outputs and inputs of the last
 * panel and word are 0. With 8-bit weights the outputs' scales follow. */
#ifndef MLCM_CPU_PACKED_H
#define MLCM_CPU_PACKED_H

#include "cpu_device.h"
#include "cpu_tile.h"

enum { PANELS_PAIRED = 6 /* up to so many rows run through two panels at once */ };

/* What an 8-bit row was divided by, and 128 times its sum: weights are stored 128 too large. */
struct row_scale {
    float scale;
    int32_t offset;
};

/* Words of a row of inputs for this part; of 64-byte lines that do not all fall into the same cache set. */
int packed_words(const struct packed *w);
size_t packed_stride(int words);
/* Panels that the part's outputs touch. */
int packed_panels(const struct packed *w);
/* Rows of x, ldx floats apart, as words, ld words apart; scale (n) is written for 8 bits alone. */
void packed_inputs(float *words, size_t ld, struct row_scale *scale, const float *x, size_t ldx, int n,
                   const struct packed *w);
/* Outputs of panels [first, last) of the part: y (n, w->outs) with rows ldy apart. */
void packed_multiply(float *y, size_t ldy, const float *words, size_t ld, const struct row_scale *scale,
                     const struct packed *w, const float *b, int n, int first, int last, int add, enum activation act);

/* sums (rows, 32·panels) = a (rows ≤ TILE_ROWS, k words) · b; b2 = the second panel; 2 panels need rows ≤ PANELS_PAIRED.
 * ahead: memory that is needed next, fetched ahead_step floats a step; it need not be readable. */
void packed_tile(float *sums, const float *a, size_t lda, const float *b, const float *b2, size_t ldb, const float *ahead,
                 size_t ahead_step, int steps, int rows, int panels, enum weight_precision kind);
/* Rows of the next block when `left` rows remain: blocks of about equal height. */
int packed_block(int left);
/* y = act(y) */
void cpu_activate_row(float *y, int n, enum activation act);

size_t cpu_packed_count(struct device *d, int oc, int ic, enum weight_precision precision);
void cpu_pack(struct device *d, float *packed, const float *w, int oc, int ic, enum weight_precision precision);
void cpu_linear_packed(struct device *d, float *y, const float *x, const struct packed *w, const float *b, int n, int add,
                       enum activation act);
void cpu_transformer(struct device *d, const struct transformer *s, const struct transformer_run *run);

#endif
