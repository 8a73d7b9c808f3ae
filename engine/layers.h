/* The transformer parts that VAE, denoiser, ControlNet and trajectory encoder share.
 *
 * Post-norm layers and the skip transformer of the paper's networks; parameter
 * names are those of the published state dictionaries. */
#ifndef MLCM_LAYERS_H
#define MLCM_LAYERS_H

#include "ops.h"

struct linear_layer {
    struct param *weight, *bias;
};
struct norm_layer {
    struct param *weight, *bias;
};
struct attention_layer {
    struct param *in_weight, *in_bias;   /* (3d, d), (3d): query, key, value rows */
    struct linear_layer out;
};
struct transformer_layer {
    struct attention_layer self, cross;  /* cross is empty in an encoder layer */
    struct linear_layer linear1, linear2;
    struct norm_layer norm[3];
};
enum { MAX_LAYERS = 33, MAX_WIDTH = 4096, MAX_FEED_FORWARD = 16384, MAX_POSITIONS = 10000 };
struct skip_transformer {
    int layers, heads, width, is_decoder;  /* layers is odd */
    float eps;
    struct transformer_layer layer[MAX_LAYERS];        /* in execution order */
    struct linear_layer joint[MAX_LAYERS];             /* linear_blocks */
    struct norm_layer norm;                            /* empty if the stack has none */
    struct linear_layer memory;                        /* of a prepared decoder: see below; empty without */
};

struct transformer_size {
    int width, feed_forward, layers, heads;
    float eps;
};

/* Whether a stack of this size can be built: an odd number of layers, a width that the heads divide,
 * all within the limits above. Sizes may come from a file: every network asks before it allocates. */
int transformer_size_fits(const struct transformer_size *size);

/* Registers NAME.weight (out,in) and, with_bias, NAME.bias (out), both uniform in ±1/√in at first. */
struct linear_layer linear_add(struct params *p, const char *name, int in, int out, int with_bias);
/* Registers NAME.weight and NAME.bias (width). */
struct norm_layer norm_add(struct params *p, const char *name, int width);
/* Registers the tensors of a stack below NAME, with Xavier's rule; with_norm: a last norm NAME.norm. The
 * size must fit. Lack of memory shows in params_allocate. */
void skip_transformer_add(struct params *p, struct skip_transformer *s, const char *name,
                          const struct transformer_size *size, int is_decoder, int with_norm);

/* x (n, in) -> act(x·wᵀ + b) (n, out) */
/* Number of layers of the stack `PREFIXencoder` in a checkpoint, told by its input blocks. */
int skip_transformer_layers(const struct weights *w, const char *prefix);

struct tensor *linear_run(struct tape *t, const struct linear_layer *l, struct tensor *x, enum activation act);

/* x (batch·n, d). mask (batch, n) device or NULL. memory (batch·m, d) for a decoder.
 * residuals: one tensor per layer (batch·n, d), added to each layer's output before it
 * is stacked, or NULL. outputs: receives each layer's output, or NULL. */
struct tensor *skip_transformer_run(struct tape *t, const struct skip_transformer *s, struct tensor *x, int batch,
                                    const float *mask, struct tensor *memory, struct tensor *const *residuals,
                                    struct tensor **outputs);

/* --- packed weights (params_pack); layers_packed.c ----------------------------------------- */

int skip_transformer_packed(const struct skip_transformer *s);
/* What skip_transformer_run does on a tape that does not record when the stack is packed. first: for each
 * sample (on the host) what the first layer's self attention and norm give, (device) (n, d) rows; or NULL.
 * lengths: rows that matter of each sample, 1 … n, in accord with mask; the others are not computed where the
 * device can leave them out, and have no meaning; or NULL: all. */
struct tensor *skip_transformer_run_packed(struct tape *t, const struct skip_transformer *s, struct tensor *x, int batch,
                                           const float *mask, struct tensor *memory, struct tensor *const *residuals,
                                           struct tensor **outputs, const float *const *first, const int *lengths);

/* A decoder's cross attention reads a memory of `tokens` tokens that is the same for all layers, so one product
 * serves them all. One token: its attention is 1, and what it adds is out·(value·memory + b) + b', an affine
 * function whose matrices are multiplied beforehand (in double): (layers·d, d). More tokens: keys and values of
 * all layers, (layers·2d, d). _add registers s->memory in p (0 when out of memory), _fill computes it from the
 * weights, before they are packed. */
int skip_transformer_prepare_add(struct params *p, struct skip_transformer *s, int tokens);
int skip_transformer_prepare_fill(const struct skip_transformer *s, struct device *d, int tokens, struct error *e);
/* The first layer's self attention and norm over n positions: positions (n, d), qkv (n, 3d) their projections. */
struct tensor *skip_transformer_first_run(struct tape *t, const struct skip_transformer *s, struct tensor *positions,
                                          struct tensor *qkv);

#endif
