/* Functions of the device table that no case of an operation reaches, a device beside the CPU. */
#ifndef MLCM_TESTS_DEVICE_PAIRS_H
#define MLCM_TESTS_DEVICE_PAIRS_H

#include "../engine/device.h"

/* Each returns the largest distance over all its cases, as a share of what is allowed: at most 1 if all is well.
 * The worst case is told. */
double pairs_packed(struct device *d, struct device *cpu);        /* products with packed weights */
double pairs_transformer(struct device *d, struct device *cpu);   /* whole stacks */
double pairs_norms(struct device *d, struct device *cpu);         /* rms_norm, unit_rows */
double pairs_attention(struct device *d, struct device *cpu);     /* bias, causal, wide heads, long sequences */

#endif
