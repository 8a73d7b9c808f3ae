/* Operations on tape tensors: each runs forward and records its backward.
 *
 * Every function takes and returns tensors of the tape, NULL in giving NULL
 * out. Shapes are checked; a mismatch is the tape's sticky error. Sequences are
 * stored batch-major: a (batch, frames, width) tensor has batch·frames rows. */
#ifndef MLCM_OPS_H
#define MLCM_OPS_H

#include "tape.h"

/* y (n,oc) = act(x (n,ic) · wᵀ + b); w (oc, ic), b (1 or oc values) or NULL. */
struct tensor *op_linear(struct tape *t, struct tensor *x, struct tensor *w, struct tensor *b, enum activation act);
/* y = [x1 ; x2]·wᵀ + b without building the concatenation; w (oc, x1.cols + x2.cols). */
struct tensor *op_linear_pair(struct tape *t, struct tensor *x1, struct tensor *x2, struct tensor *w,
                              struct tensor *b);
struct tensor *op_activate(struct tape *t, struct tensor *x, enum activation act);
/* Dropout with the tape's probability; x itself when that is 0. */
struct tensor *op_dropout(struct tape *t, struct tensor *x);
/* layernorm(x + dropout(r)); r may be NULL. */
struct tensor *op_add_layernorm(struct tape *t, struct tensor *x, struct tensor *r, struct tensor *w,
                                struct tensor *b, float eps);
/* Self attention on packed rows (batch·n, 3d): query, key, value columns. mask
 * (batch, n) device values or NULL. Result (batch·n, d). */
struct tensor *op_self_attention(struct tape *t, struct tensor *qkv, int batch, int heads, const float *mask);
/* The same with what published text encoders need; backward gives no gradient to the bias. */
struct attention_options {
    const float *bias;         /* (device) (heads, n, n), the same for every sample; NULL = none */
    int causal;                /* row i sees rows 0 … i */
    float scale;               /* of the scores; 0 = 1/sqrt(width of a head) */
};
struct tensor *op_self_attention_with(struct tape *t, struct tensor *qkv, int batch, int heads, const float *mask,
                                      const struct attention_options *options);
/* Cross attention: q (batch·n, d), kv (batch·m, 2d). */
struct tensor *op_cross_attention(struct tape *t, struct tensor *q, struct tensor *kv, int batch, int heads,
                                  const float *mask);
struct tensor *op_add(struct tape *t, struct tensor *a, struct tensor *b);
struct tensor *op_scale(struct tape *t, struct tensor *a, float factor);
struct tensor *op_multiply(struct tape *t, struct tensor *a, struct tensor *b);
/* y = ca[row]·a + cb[row]·b, ca and cb device vectors (rows); b may be NULL. */
struct tensor *op_combine_rows(struct tape *t, const float *ca, struct tensor *a, const float *cb, struct tensor *b);
/* Sequences one after another along time: parts[i] (batch·n_i, c) -> (batch·Σn_i, c).
 * A part with n_i rows in all (not batch·n_i) is repeated for each sample. */
struct tensor *op_concat(struct tape *t, struct tensor *const *parts, const int *frames, int count, int batch);
/* Frames [from, from+n) of each sample of x (batch·frames, c). */
struct tensor *op_slice(struct tape *t, struct tensor *x, int batch, int from, int n);
/* Columns [from, from+n) of x. */
struct tensor *op_columns(struct tape *t, struct tensor *x, int from, int n);
/* x (batch·frames, c) + table rows 0 … frames-1, the same for each sample. */
struct tensor *op_add_positions(struct tape *t, struct tensor *x, struct tensor *table, int batch);
/* Rows of a table, index (n) kept by the caller until backward. */
struct tensor *op_gather(struct tape *t, struct tensor *table, const int *index, int n);
/* Conv1d over time, weight in PyTorch's layout (oc, ic, kernel): x (batch·t_in, ic)
 * -> (batch·t_out, oc), t_out = (t_in + 2 pad - kernel)/stride + 1. */
struct tensor *op_conv1d(struct tape *t, struct tensor *x, struct param *w, struct param *b, int batch, int stride,
                         int pad);
/* ConvTranspose1d, weight (ic, oc, kernel): t_out = (t_in-1)·stride - 2 pad + kernel. */
struct tensor *op_conv_transpose1d(struct tape *t, struct tensor *x, struct param *w, struct param *b, int batch,
                                   int stride, int pad);
/* One direction of a GRU over x (batch·frames, input): starts from h0 (1, h) for
 * every sample; lengths (batch) on the host; reverse runs from lengths-1 to 0.
 * Result: the state after the last step (batch, h); all states, 0 beyond the length,
 * go to *sequence (batch·frames, h) if not NULL (values only, no gradient). */
struct tensor *op_gru(struct tape *t, struct tensor *x, struct tensor *h0, struct tensor *w_ih, struct tensor *w_hh,
                      struct tensor *b_ih, struct tensor *b_hh, const int *lengths, int batch, int reverse,
                      struct tensor **sequence);
/* z = mu + exp(logvar/2)·eps */
struct tensor *op_reparameterise(struct tape *t, struct tensor *mu, struct tensor *logvar, struct tensor *eps);
/* Joints (rows, njoints·3) of normalised features (batch·frames, nfeats). */
struct tensor *op_recover_joints(struct tape *t, struct tensor *x, struct tensor *mean, struct tensor *std, int batch,
                                 int njoints);
/* x with rows multiplied by device factors (rows). */
struct tensor *op_mask_rows(struct tape *t, struct tensor *x, const float *factor);

/* Without a backward: an error on a tape that records.
 * x·w/√(mean of x² + eps) row by row, w (x.cols values). */
struct tensor *op_rms_norm(struct tape *t, struct tensor *x, struct tensor *w, float eps);
/* Rows divided by their length, at least `floor`. */
struct tensor *op_unit_rows(struct tape *t, struct tensor *x, float floor);
/* Weighted sum over time: x (batch·frames, c) -> (batch, c); weight (batch·frames) on the device. */
struct tensor *op_sum_frames(struct tape *t, struct tensor *x, int batch, const float *weight);

/* Losses return their value and seed gradients at once: they add to a's; b (NULL: zeros) is a target. */
double op_loss(struct tape *t, struct tensor *a, struct tensor *b, const float *row_weight, enum element_loss kind,
               float huber_c);
double op_kl(struct tape *t, struct tensor *mu, struct tensor *logvar, float weight);
double op_abs(struct tape *t, struct tensor *x, float weight);

#endif
