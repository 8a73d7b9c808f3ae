/* The functions that cpu_device.c puts into the device table; one file a family. */
#ifndef MLCM_CPU_DEVICE_H
#define MLCM_CPU_DEVICE_H

#include "device.h"

/* Scratch memory of the calling thread, kept between calls; freed with the
 * thread's slot when the device closes. NULL when out of memory. */
float *cpu_scratch(struct device *d, size_t count);

void cpu_linear(struct device *d, float *y, float *pre, const float *x, const float *w, const float *b, int n,
                int ic, int oc, int ldw, int add, enum activation act);
void cpu_linear_backward(struct device *d, float *dx, float *dw, float *db, const float *dy, const float *x,
                         const float *w, int n, int ic, int oc, int ldw, int add);

void cpu_activate(struct device *d, float *y, const float *x, size_t n, enum activation act);
void cpu_activate_backward(struct device *d, float *dx, const float *dy, const float *x, size_t n,
                           enum activation act, int add);
void cpu_dropout(struct device *d, float *y, const float *x, size_t n, struct dropout drop, int add);
void cpu_blocks(struct device *d, float *dst, size_t dst_stride, const float *src, size_t src_stride, int blocks,
                size_t count, int add);
void cpu_combine(struct device *d, float *y, float a, const float *x1, float b, const float *x2, size_t n);
void cpu_combine_rows(struct device *d, float *y, const float *ca, const float *x1, const float *cb,
                      const float *x2, int rows, int cols, int add);
void cpu_multiply(struct device *d, float *y, const float *a, const float *b, size_t n, int add);
void cpu_gather(struct device *d, float *y, const float *table, const int *index, int n, int c);
void cpu_gather_backward(struct device *d, float *dtable, const float *dy, const int *index, int n, int c);
void cpu_reparameterise(struct device *d, float *z, const float *mu, const float *logvar, const float *eps,
                        size_t n);
void cpu_reparameterise_backward(struct device *d, float *dmu, float *dlogvar, const float *dz,
                                 const float *logvar, const float *eps, size_t n);

void cpu_add_layernorm(struct device *d, float *y, float *sum, float *mean, float *rstd, const float *x,
                       const float *r, const float *w, const float *b, int n, int c, float eps,
                       struct dropout drop);
void cpu_add_layernorm_backward(struct device *d, float *dx, int add_dx, float *dr, int add_dr, float *dw,
                                float *db, const float *dy, const float *sum, const float *mean,
                                const float *rstd, const float *w, int n, int c, struct dropout drop);

void cpu_rms_norm(struct device *d, float *y, const float *x, const float *w, int n, int c, float eps);
void cpu_unit_rows(struct device *d, float *y, const float *x, int n, int c, float floor);

void cpu_attention(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v,
                   const float *mask, const struct attention_shape *s, struct dropout drop);
void cpu_attention_backward(struct device *d, float *dq, float *dk, float *dv, const float *dout,
                            const float *probs, const float *q, const float *k, const float *v,
                            const struct attention_shape *s, struct dropout drop);

void cpu_unfold(struct device *d, float *columns, const float *x, int batch, int t_in, int t_out, int c,
                int kernel, int stride, int pad);
void cpu_fold(struct device *d, float *x, const float *columns, int batch, int t_in, int t_out, int c, int kernel,
              int stride, int pad, int add);
void cpu_gru_cell(struct device *d, float *h_new, float *gates, const float *h, const float *xg, size_t ldx,
                  const float *hg, const float *active, int n, int h_width);
void cpu_gru_cell_backward(struct device *d, float *dh, float *dxg, size_t ldx, float *dhg, const float *dh_new,
                           const float *gates, const float *h, const float *active, int n, int h_width);

double cpu_loss(struct device *d, float *da, const float *a, const float *b, const float *weight, int rows, int cols,
                enum element_loss kind, float huber_c);
double cpu_kl_loss(struct device *d, float *dmu, float *dlogvar, const float *mu, const float *logvar, float weight,
                   size_t n);
double cpu_sum_squares(struct device *d, const float *x, size_t n);
double cpu_sum_abs_loss(struct device *d, float *dx, const float *x, float weight, size_t n);
void cpu_recover_joints(struct device *d, float *joints, float *yaw, const float *x, const float *mean,
                        const float *std, int batch, int frames, int njoints, int nfeats);
void cpu_recover_joints_backward(struct device *d, float *dx, const float *djoints, const float *x,
                                 const float *yaw, const float *mean, const float *std, int batch, int frames,
                                 int njoints, int nfeats);
void cpu_adamw(struct device *d, float *p, float *m, float *v, const float *g, size_t n, float scale, float lr,
               float beta1, float beta2, float eps, float weight_decay, int64_t step);

#endif
