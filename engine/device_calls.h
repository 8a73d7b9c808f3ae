/* Every function of the device table that computes, as a list: for devices that stand before another one.
 *
 * DEVICE_CALLS(VOID, DOUBLE) names each function with its parameters and its arguments; the user of the
 * list defines VOID and DOUBLE, for what the function returns, and the marks of the arguments: P a pointer
 * into the device's memory (or NULL), N a whole number, R a float, D a struct dropout, S a pointer to a
 * struct attention_shape, W a pointer to a struct packed. Not in the list: memory, packed_count, gather and
 * gather_backward, which read the host, and transformer, whose arguments hold further pointers. */
#ifndef MLCM_DEVICE_CALLS_H
#define MLCM_DEVICE_CALLS_H

#include "device.h"
#include "transformer.h"

#define DEVICE_CALLS(VOID, DOUBLE)                                                                              \
    VOID(linear, (struct device *d, float *y, float *pre, const float *x, const float *w, const float           \
           *b, int n, int ic, int oc, int ldw, int add, enum activation act), (P(y), P(pre), P(x), P(w),        \
           P(b), N(n), N(ic), N(oc), N(ldw), N(add), N(act)))                                                   \
    VOID(linear_backward, (struct device *d, float *dx, float *dw, float *db, const float *dy, const            \
           float *x, const float *w, int n, int ic, int oc, int ldw, int add), (P(dx), P(dw), P(db),            \
           P(dy), P(x), P(w), N(n), N(ic), N(oc), N(ldw), N(add)))                                              \
    VOID(pack, (struct device *d, float *packed, const float *w, int oc, int ic, enum weight_precision          \
           precision), (P(packed), P(w), N(oc), N(ic), N(precision)))                                           \
    VOID(linear_packed, (struct device *d, float *y, const float *x, const struct packed *w, const float        \
           *b, int n, int add, enum activation act), (P(y), P(x), W(w), P(b), N(n), N(add), N(act)))            \
    VOID(activate, (struct device *d, float *y, const float *x, size_t n, enum activation act), (P(y),          \
           P(x), N(n), N(act)))                                                                                 \
    VOID(activate_backward, (struct device *d, float *dx, const float *dy, const float *x, size_t n,            \
           enum activation act, int add), (P(dx), P(dy), P(x), N(n), N(act), N(add)))                           \
    VOID(dropout, (struct device *d, float *y, const float *x, size_t n, struct dropout drop, int add),         \
           (P(y), P(x), N(n), D(drop), N(add)))                                                                 \
    VOID(add_layernorm, (struct device *d, float *y, float *sum, float *mean, float *rstd, const float          \
           *x, const float *r, const float *w, const float *b, int n, int c, float eps, struct dropout          \
           drop), (P(y), P(sum), P(mean), P(rstd), P(x), P(r), P(w), P(b), N(n), N(c), R(eps), D(drop)))        \
    VOID(add_layernorm_backward, (struct device *d, float *dx, int add_dx, float *dr, int add_dr, float         \
           *dw, float *db, const float *dy, const float *sum, const float *mean, const float *rstd,             \
           const float *w, int n, int c, struct dropout drop), (P(dx), N(add_dx), P(dr), N(add_dr),             \
           P(dw), P(db), P(dy), P(sum), P(mean), P(rstd), P(w), N(n), N(c), D(drop)))                           \
    VOID(rms_norm, (struct device *d, float *y, const float *x, const float *w, int n, int c, float             \
           eps), (P(y), P(x), P(w), N(n), N(c), R(eps)))                                                        \
    VOID(unit_rows, (struct device *d, float *y, const float *x, int n, int c, float floor), (P(y),             \
           P(x), N(n), N(c), R(floor)))                                                                         \
    VOID(attention, (struct device *d, float *out, float *probs, const float *q, const float *k, const          \
           float *v, const float *mask, const struct attention_shape *s, struct dropout drop), (P(out),         \
           P(probs), P(q), P(k), P(v), P(mask), S(s), D(drop)))                                                 \
    VOID(attention_backward, (struct device *d, float *dq, float *dk, float *dv, const float *dout,             \
           const float *probs, const float *q, const float *k, const float *v, const struct                     \
           attention_shape *s, struct dropout drop), (P(dq), P(dk), P(dv), P(dout), P(probs), P(q),             \
           P(k), P(v), S(s), D(drop)))                                                                          \
    VOID(blocks, (struct device *d, float *dst, size_t dst_stride, const float *src, size_t src_stride,         \
           int blocks, size_t count, int add), (P(dst), N(dst_stride), P(src), N(src_stride), N(blocks),        \
           N(count), N(add)))                                                                                   \
    VOID(combine, (struct device *d, float *y, float a, const float *x1, float b, const float *x2,              \
           size_t n), (P(y), R(a), P(x1), R(b), P(x2), N(n)))                                                   \
    VOID(combine_rows, (struct device *d, float *y, const float *ca, const float *x1, const float *cb,          \
           const float *x2, int rows, int cols, int add), (P(y), P(ca), P(x1), P(cb), P(x2), N(rows),           \
           N(cols), N(add)))                                                                                    \
    VOID(multiply, (struct device *d, float *y, const float *a, const float *b, size_t n, int add),             \
           (P(y), P(a), P(b), N(n), N(add)))                                                                    \
    VOID(unfold, (struct device *d, float *columns, const float *x, int batch, int t_in, int t_out, int         \
           c, int kernel, int stride, int pad), (P(columns), P(x), N(batch), N(t_in), N(t_out), N(c),           \
           N(kernel), N(stride), N(pad)))                                                                       \
    VOID(fold, (struct device *d, float *x, const float *columns, int batch, int t_in, int t_out, int c,        \
           int kernel, int stride, int pad, int add), (P(x), P(columns), N(batch), N(t_in), N(t_out),           \
           N(c), N(kernel), N(stride), N(pad), N(add)))                                                         \
    VOID(gru_cell, (struct device *d, float *h_new, float *gates, const float *h, const float *xg,              \
           size_t ldx, const float *hg, const float *active, int n, int h_width), (P(h_new), P(gates),          \
           P(h), P(xg), N(ldx), P(hg), P(active), N(n), N(h_width)))                                            \
    VOID(gru_cell_backward, (struct device *d, float *dh, float *dxg, size_t ldx, float *dhg, const             \
           float *dh_new, const float *gates, const float *h, const float *active, int n, int h_width),         \
           (P(dh), P(dxg), N(ldx), P(dhg), P(dh_new), P(gates), P(h), P(active), N(n), N(h_width)))             \
    VOID(reparameterise, (struct device *d, float *z, const float *mu, const float *logvar, const float         \
           *eps, size_t n), (P(z), P(mu), P(logvar), P(eps), N(n)))                                             \
    VOID(reparameterise_backward, (struct device *d, float *dmu, float *dlogvar, const float *dz, const         \
           float *logvar, const float *eps, size_t n), (P(dmu), P(dlogvar), P(dz), P(logvar), P(eps),           \
           N(n)))                                                                                               \
    DOUBLE(loss, (struct device *d, float *da, const float *a, const float *b, const float *weight, int         \
           rows, int cols, enum element_loss kind, float huber_c), (P(da), P(a), P(b), P(weight),               \
           N(rows), N(cols), N(kind), R(huber_c)))                                                              \
    DOUBLE(kl_loss, (struct device *d, float *dmu, float *dlogvar, const float *mu, const float *logvar,        \
           float weight, size_t n), (P(dmu), P(dlogvar), P(mu), P(logvar), R(weight), N(n)))                    \
    DOUBLE(sum_squares, (struct device *d, const float *x, size_t n), (P(x), N(n)))                             \
    DOUBLE(sum_abs_loss, (struct device *d, float *dx, const float *x, float weight, size_t n), (P(dx),         \
           P(x), R(weight), N(n)))                                                                              \
    VOID(recover_joints, (struct device *d, float *joints, float *yaw, const float *x, const float              \
           *mean, const float *std, int batch, int frames, int njoints, int nfeats), (P(joints), P(yaw),        \
           P(x), P(mean), P(std), N(batch), N(frames), N(njoints), N(nfeats)))                                  \
    VOID(recover_joints_backward, (struct device *d, float *dx, const float *djoints, const float *x,           \
           const float *yaw, const float *mean, const float *std, int batch, int frames, int njoints,           \
           int nfeats), (P(dx), P(djoints), P(x), P(yaw), P(mean), P(std), N(batch), N(frames),                 \
           N(njoints), N(nfeats)))                                                                              \
    VOID(adamw, (struct device *d, float *p, float *m, float *v, const float *g, size_t n, float scale,         \
           float lr, float beta1, float beta2, float eps, float weight_decay, int64_t step), (P(p),             \
           P(m), P(v), P(g), N(n), R(scale), R(lr), R(beta1), R(beta2), R(eps), R(weight_decay),                \
           N(step)))

#endif
