/* What the published text encoders share: batches of token numbers, a stack of
 * transformer layers, loading from the published names, pooling.
 *
 * Inference only: these networks are read, never trained. */
#ifndef MLCM_TEXT_LAYERS_H
#define MLCM_TEXT_LAYERS_H

#include "layers.h"

/* Token numbers and which of them count: both (batch, frames) on the host. */
struct text_batch {
    int batch, frames;
    const int *ids, *mask;     /* mask NULL: all count */
};
/* ERR_INPUT if a number is not below `vocabulary` or there are more frames than `positions`
 * (0: no limit). */
int text_batch_check(const struct text_batch *x, int vocabulary, int positions, struct error *e);
/* The mask on the device, or NULL if all count or the tape failed. */
const float *text_batch_mask(struct tape *t, const struct text_batch *x);
/* Mean over the tokens that count: x (batch·frames, c) -> (batch, c). */
struct tensor *text_mean(struct tape *t, struct tensor *x, const struct text_batch *batch);

enum { TEXT_MOST_LAYERS = 64 };

struct text_layer {
    struct attention_layer self;         /* in_weight (3·inner, width): query, key, value rows */
    struct linear_layer feed, gate, out; /* out(act(feed x)) or, gated, out(act(feed x)·gate x) */
    struct norm_layer norm[2];           /* of attention, of the feed-forward part */
};
struct text_stack_size {
    int layers, heads, width, inner;     /* inner = heads · width of a head */
    int feed_forward, gated, biases;
    int norm_first;                      /* x + f(norm(x)); 0: norm(x + f(x)) */
    int root_mean_square;                /* norms without mean and bias */
    enum activation activation;
    float eps;
};
struct text_stack {
    struct text_stack_size size;
    struct text_layer layer[TEXT_MOST_LAYERS];
};

/* Registers the parameters "layer.I.…"; ERR_INPUT if the sizes do not fit together. */
int text_stack_add(struct params *p, struct text_stack *s, const struct text_stack_size *size, struct error *e);
/* x (batch·frames, width). states receives the output of each layer, or is NULL: then memory
 * is reused from layer to layer. */
struct tensor *text_stack_run(struct tape *t, const struct text_stack *s, struct tensor *x, int batch,
                              const float *mask, const struct attention_options *attention, struct tensor **states);
/* Norm of a stack's kind. */
struct tensor *text_norm(struct tape *t, const struct text_stack *s, const struct norm_layer *l, struct tensor *x,
                         struct tensor *r);

/* --- published names ----------------------------------------------------------------- */

/* Where a layer's tensors lie: "PREFIX LAYER I NAME .weight". packed stands for query, key
 * and value in one (and its tensors end in _weight, _bias); otherwise it is NULL. */
struct text_names {
    const char *layer;         /* with its points, such as "encoder.block." */
    const char *query, *key, *value, *packed;
    const char *attention_out, *feed, *gate, *out, *norm[2];
};
/* Number of layers whose first norm is there. */
int text_layers_count(const struct weights *w, const char *prefix, const struct text_names *n);
/* A tensor by prefix + layer + number + name + suffix, NULL if it is not there. */
struct weight *text_layer_weight(const struct weights *w, const char *prefix, const struct text_names *n, int layer,
                                 const char *name, const char *suffix);
/* Whether the tensors under `prefix` can hold a stack of that size, asked before it is allocated. */
int text_stack_match(const struct weights *w, const char *prefix, const struct text_stack_size *size, struct error *e);
/* Fills the parameters of an allocated stack; a tensor of the layers that is missing, misshapen,
 * not finite or left over is an error. */
int text_stack_load(struct params *p, const struct text_stack *s, struct weights *w, const char *prefix,
                    const struct text_names *names, struct error *e);
/* Fills rows [row0, row0 + rows) of `to` from the tensor prefix + name (rows, columns of `to`);
 * transposed: from (columns, rows). */
int text_fill(struct params *p, struct param *to, int row0, int rows, struct weights *w, const char *prefix,
              const char *name, int transposed, struct error *e);
/* NAME.weight and NAME.bias of a norm, also under the old names gamma and beta. */
int text_fill_norm(struct params *p, const struct norm_layer *l, struct weights *w, const char *prefix,
                   const char *name, struct error *e);

#endif
