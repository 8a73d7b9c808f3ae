/* Tensors as they lie in a file: an element type, a shape, strides. */
#ifndef MLCM_TENSOR_VIEW_H
#define MLCM_TENSOR_VIEW_H

#include <stddef.h>
#include <stdint.h>

enum tensor_type {
    TENSOR_FLOAT,
    TENSOR_DOUBLE,
    TENSOR_HALF,
    TENSOR_BFLOAT16,
    TENSOR_INT,
    TENSOR_LONG,
    TENSOR_SHORT,
    TENSOR_CHAR,
    TENSOR_BYTE,
    TENSOR_BOOL
};

/* Bytes of one element. */
size_t tensor_type_size(enum tensor_type type);
/* "float32", "bfloat16" …, as PyTorch calls it. */
const char *tensor_type_name(enum tensor_type type);

struct tensor_view {
    const unsigned char *bytes; /* of element (0, 0, …), little-endian, any alignment */
    enum tensor_type type;
    int rank;
    int shape[8];
    int64_t stride[8];          /* elements, not negative; 0 repeats one element; small in a dimension of 1 */
    size_t count;               /* product of shape */
};

/* The strides of C order for view->shape; also sets count. The product must fit. */
void tensor_view_contiguous(struct tensor_view *view);
/* The values themselves when they are floats in C order at an address that is a multiple of 4, else NULL. */
const float *tensor_view_floats(const struct tensor_view *view);
/* Bytes from the first to behind the last element; 0 for an empty tensor. */
size_t tensor_view_span(const struct tensor_view *view);
/* All values in C order as floats to out (count). Integers beyond 2^24 and doubles are rounded. */
void tensor_view_gather(const struct tensor_view *view, float *out);

/* Whether every value is finite. */
int floats_are_finite(const float *x, size_t count);

#endif
