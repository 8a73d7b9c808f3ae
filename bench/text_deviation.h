/* What packed weights cost a published text encoder in accuracy. */
#ifndef MLCM_TEXT_DEVIATION_H
#define MLCM_TEXT_DEVIATION_H

#include "random_models.h"

/* Packs the weights of an encoder in single precision, and measures on the built-in sentences how far the vectors
 * move. PRECISION_FP32: measures nothing, packing changes the order of sums alone. */
int text_deviation_pack(struct sentence_encoder *s, enum weight_precision precision, struct text_deviation *out, struct error *e);
/* The figures of n vectors (n, width) each. */
void text_deviation_of(const float *packed, const float *single, int n, int width, struct text_deviation *out);

#endif
