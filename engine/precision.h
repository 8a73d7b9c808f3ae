/* How the weights of a network are kept while it runs. */
#ifndef MLCM_WEIGHT_PRECISION_H
#define MLCM_WEIGHT_PRECISION_H

enum weight_precision {
    PRECISION_FP32,
    PRECISION_BF16,   /* weights and inputs rounded to bfloat16, sums in float */
    PRECISION_INT8    /* weights to 8 bits with a scale an output, inputs to 8 bits with a scale a row; sums exact */
};

/* "fp32", "bf16", "int8", NULL: in the order of the enumeration. */
extern const char *const precision_names[];
/* The number of that name, or -1. */
int precision_find(const char *name);

#endif
