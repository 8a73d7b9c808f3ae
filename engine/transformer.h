/* A stack of transformer layers as a device runs it in one call, for inference.
 *
 * A layer is post-norm: x = norm1(x + self attention(x)); in a decoder x = norm2(x +
 * cross attention(x, memory)); x = last norm(x + linear2(gelu(linear1 x))). Layers in
 * the second half may join the output of the layer that mirrors them: x = joint·[x ;
 * mirror] + b, the skip transformer of the paper's networks. One call instead of one an
 * operation: a device can keep its workers for the whole stack. */
#ifndef MLCM_TRANSFORMER_H
#define MLCM_TRANSFORMER_H

#include "device.h"

struct packed_layer {
    struct packed weight;
    const float *bias;          /* (device) (weight.outs) */
};
struct norm_values {
    const float *weight, *bias; /* (device) (width); NULL: no norm */
};
struct transformer_layer_packed {
    struct packed_layer joint;       /* (width, 2 width): first the own columns; empty: no joint */
    struct packed_layer in, out;     /* self attention: (3 width, width) query, key, value; (width, width) */
    struct packed_layer query, cross_out;  /* cross attention with several memory tokens */
    struct packed_layer linear1, linear2;
    struct norm_values norm[3];      /* after self attention, cross attention (decoder), feed-forward part */
};
struct transformer {
    int layers, heads, width, feed_forward;
    int decoder;                     /* layers have cross attention */
    float eps;
    const struct transformer_layer_packed *layer;   /* (layers) on the host */
    struct norm_values norm;         /* after the last layer */
};
struct transformer_run {
    float *y;                        /* (device) (batch·frames, width), the result */
    const float *x;                  /* (device) (batch·frames, width) */
    int batch, frames;
    const float *mask;               /* (device) (batch, frames): 1 = may be seen; NULL = all */
    /* Decoder. tokens = 1: memory (batch, layers·width) holds what cross attention adds to each row of a
     * sample, layer by layer, since one token gets all the attention. tokens > 1: memory (batch·tokens,
     * layers·2·width) holds the keys and values of each layer. */
    const float *memory;
    int tokens;
    const float *const *residuals;   /* (layers) of (device) (batch·frames, width), added to each layer's output before
                                      * it is joined or kept; or NULL */
    float *const *outputs;           /* (layers) of (device) (batch·frames, width): receive each layer's output; or NULL */
    /* What the first layer's self attention and its norm give for each sample: rows of (device) (frames, width)
     * each, in place of x; or NULL: they are computed from x. */
    const float *const *first;       /* (batch) pointers on the host */
    /* (batch) on the host, 1 … frames each, and mask says the same: rows from a sample's length on are not needed, a
     * device may leave them uncomputed and 0 in y and outputs; the others are the same bit by bit. NULL: all rows. */
    const int *lengths;
};

#endif
