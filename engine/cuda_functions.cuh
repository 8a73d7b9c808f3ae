/* The functions that cuda_device.cu puts into the device table (device.h says what they do);
 * one file a family. */
#ifndef MLCM_CUDA_FUNCTIONS_CUH
#define MLCM_CUDA_FUNCTIONS_CUH

#include "cuda_memory.cuh"
extern "C" {
#include "transformer.h"
}

/* cuda_linear.cu */
void cuda_linear(struct device *d, float *y, float *pre, const float *x, const float *w, const float *b, int n, int ic,
                 int oc, int ldw, int add, enum activation act);
void cuda_linear_backward(struct device *d, float *dx, float *dw, float *db, const float *dy, const float *x, const float *w,
                          int n, int ic, int oc, int ldw, int add);
/* cuda_packed.cu */
size_t cuda_packed_count(struct device *d, int oc, int ic, enum weight_precision precision);
void cuda_pack(struct device *d, float *packed, const float *w, int oc, int ic, enum weight_precision precision);
void cuda_linear_packed(struct device *d, float *y, const float *x, const struct packed *w, const float *b, int n, int add,
                        enum activation act);
/* cuda_transformer.cu */
void cuda_transformer(struct device *d, const struct transformer *s, const struct transformer_run *run);
/* cuda_elementwise.cu */
void cuda_activate(struct device *d, float *y, const float *x, size_t n, enum activation act);
void cuda_activate_backward(struct device *d, float *dx, const float *dy, const float *x, size_t n, enum activation act,
                            int add);
void cuda_dropout(struct device *d, float *y, const float *x, size_t n, struct dropout drop, int add);
void cuda_combine(struct device *d, float *y, float a, const float *x1, float b, const float *x2, size_t n);
void cuda_combine_rows(struct device *d, float *y, const float *ca, const float *x1, const float *cb, const float *x2,
                       int rows, int cols, int add);
void cuda_multiply(struct device *d, float *y, const float *a, const float *b, size_t n, int add);
void cuda_reparameterise(struct device *d, float *z, const float *mu, const float *logvar, const float *eps, size_t n);
void cuda_reparameterise_backward(struct device *d, float *dmu, float *dlogvar, const float *dz, const float *logvar,
                                  const float *eps, size_t n);
void cuda_adamw(struct device *d, float *p, float *m, float *v, const float *g, size_t n, float scale, float lr, float beta1,
                float beta2, float eps, float weight_decay, int64_t step);
/* cuda_moves.cu */
void cuda_blocks(struct device *d, float *dst, size_t dst_stride, const float *src, size_t src_stride, int blocks,
                 size_t count, int add);
void cuda_gather(struct device *d, float *y, const float *table, const int *index, int n, int c);
void cuda_gather_backward(struct device *d, float *dtable, const float *dy, const int *index, int n, int c);
void cuda_unfold(struct device *d, float *columns, const float *x, int batch, int t_in, int t_out, int c, int kernel,
                 int stride, int pad);
void cuda_fold(struct device *d, float *x, const float *columns, int batch, int t_in, int t_out, int c, int kernel, int stride,
               int pad, int add);
/* cuda_normalise.cu */
void cuda_add_layernorm(struct device *d, float *y, float *sum, float *mean, float *rstd, const float *x, const float *r,
                        const float *w, const float *b, int n, int c, float eps, struct dropout drop);
void cuda_add_layernorm_backward(struct device *d, float *dx, int add_dx, float *dr, int add_dr, float *dw, float *db,
                                 const float *dy, const float *sum, const float *mean, const float *rstd, const float *w, int n,
                                 int c, struct dropout drop);
void cuda_rms_norm(struct device *d, float *y, const float *x, const float *w, int n, int c, float eps);
void cuda_unit_rows(struct device *d, float *y, const float *x, int n, int c, float floor);
/* cuda_attention.cu, cuda_attend.cu */
void cuda_attention(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v,
                    const float *mask, const struct attention_shape *s, struct dropout drop);
void cuda_attention_backward(struct device *d, float *dq, float *dk, float *dv, const float *dout, const float *probs,
                             const float *q, const float *k, const float *v, const struct attention_shape *s,
                             struct dropout drop);
/* cuda_recurrent.cu */
void cuda_gru_cell(struct device *d, float *h_new, float *gates, const float *h, const float *xg, size_t ldx, const float *hg,
                   const float *active, int n, int h_width);
void cuda_gru_cell_backward(struct device *d, float *dh, float *dxg, size_t ldx, float *dhg, const float *dh_new,
                            const float *gates, const float *h, const float *active, int n, int h_width);
/* cuda_objective.cu */
double cuda_loss(struct device *d, float *da, const float *a, const float *b, const float *weight, int rows, int cols,
                 enum element_loss kind, float huber_c);
double cuda_kl_loss(struct device *d, float *dmu, float *dlogvar, const float *mu, const float *logvar, float weight, size_t n);
double cuda_sum_squares(struct device *d, const float *x, size_t n);
double cuda_sum_abs_loss(struct device *d, float *dx, const float *x, float weight, size_t n);
/* cuda_joints.cu */
void cuda_recover_joints(struct device *d, float *joints, float *yaw, const float *x, const float *mean, const float *std,
                         int batch, int frames, int njoints, int nfeats);
void cuda_recover_joints_backward(struct device *d, float *dx, const float *djoints, const float *x, const float *yaw,
                                  const float *mean, const float *std, int batch, int frames, int njoints, int nfeats);

/* --- parts of operations: they neither start nor give back scratch memory ------------------------ */

/* c (m,n) = alpha·op(a)·op(b) + beta·c, row major, as d->math says; ta: a is (k,m), tb: b is (n,k). Batched: `batch`
 * products, operands sa, sb, sc floats apart. */
void cuda_product(struct device *d, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b,
                  int ldb, float beta, float *c, int ldc);
void cuda_products(struct device *d, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda, size_t sa,
                   const float *b, int ldb, size_t sb, float beta, float *c, int ldc, size_t sc, int batch);
/* y (n,oc) = act(y + b); pre (n,oc) receives the sum, or NULL. */
void cuda_finish(struct device *d, float *y, float *pre, const float *b, int n, int oc, enum activation act);
/* out (c) += column sums of x, rows ldx apart, in a fixed order. */
void cuda_column_sums(struct device *d, float *out, const float *x, size_t ldx, int n, size_t c);
/* y (n,c) = layernorm(x + r)·w + b, row i of r at r + (i / per)·ldr; r NULL: nothing is added. */
void cuda_norm_rows(struct device *d, float *y, const float *x, const float *r, size_t ldr, int per, const float *w,
                    const float *b, int n, int c, float eps);
/* One launch for whole attention, a warp a query; 0 when its shared memory cannot hold the keys. */
int cuda_attend(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v, const float *mask,
                const struct attention_shape *s, struct dropout drop);
/* Attention without giving back scratch memory first. */
void cuda_attention_within(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v,
                           const float *mask, const struct attention_shape *s, struct dropout drop);
/* y (n, w->outs) = act(x (n, w->ins)·wᵀ + b), added to y first if `add`. */
void cuda_multiply_packed(struct device *d, float *y, const float *x, const struct packed *w, const float *b, int n, int add,
                          enum activation act);

#endif
