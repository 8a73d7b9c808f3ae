/* One door to the machine that computes.
 *
 * Everything above this header calls the functions of `struct device` and
 * never dereferences a device pointer: memory marked (device) belongs to the
 * device. cpu_device.c is the reference implementation; another backend fills
 * the same table. Host memory that a function reads is the caller's again when
 * the function returns.
 *
 * Conventions: outputs first, then inputs, then dimensions. Matrices are row
 * major and contiguous unless a leading dimension `ld…` is given. Backward
 * functions stand beside their forwards; gradients of parameters are always
 * accumulated (+=); gradients of activations are written, or accumulated when
 * `add` is 1. Results do not depend on the number of threads: work is cut into
 * pieces whose size depends on the shapes alone, and sums run in fixed order. */
#ifndef MLCM_DEVICE_H
#define MLCM_DEVICE_H

#include "error.h"
#include "precision.h"
#include <stddef.h>
#include <stdint.h>

enum activation {
    ACT_NONE, ACT_GELU, ACT_RELU, ACT_SILU, ACT_LEAKY, /* slope 0.2 */
    ACT_GELU_TANH,  /* x/2·(1 + tanh(√(2/π)·(x + 0.044715 x³))), T5's gelu */
    ACT_QUICK_GELU, /* x·sigmoid(1.702 x), CLIP's gelu */
    ACT_TANH
};

/* Element losses of the training objectives. */
enum element_loss { LOSS_L1, LOSS_L2, LOSS_SMOOTH_L1, LOSS_PSEUDO_HUBER };

/* Where a dropout mask comes from: element i is kept iff its 16-bit number of the
 * random stream (seed, stream) is at least p·65536. Numbers are dealt in groups of
 * 128: element e of group g takes Philox block 16g + e%16, word e/32, the low half
 * if e/16 is even, else the high half. p = 0 means no dropout. */
struct dropout {
    float p;
    uint64_t seed, stream;
};

struct attention_shape {
    int batch, queries, keys, heads, width; /* width of one head */
    int ldq, ldk, ldv, ldo;                 /* floats between rows of q, k, v, out */
    float scale;                            /* 1/sqrt(width) as a rule */
    const float *bias;                      /* (device) (heads, queries, keys), added to the scaled scores of
                                             * every sample; NULL = none */
    int causal;                             /* 1: query i sees keys 0 … i alone */
};

/* A matrix (rows, cols) packed for linear layers, and which part of it is meant: outputs
 * [row, row + outs), inputs [column, column + ins). values NULL: there is none. */
struct packed {
    const float *values;                    /* (device) in an order that the device knows */
    enum weight_precision precision;
    int rows, cols;
    int row, outs, column, ins;
};

struct transformer;                         /* transformer.h */
struct transformer_run;

/* How a matrix product of floats multiplies; sums are in float. A device that knows only one way ignores it. */
enum device_math {
    MATH_FP32,
    MATH_TF32,       /* inputs rounded to 10 bits of mantissa */
    MATH_BF16        /* inputs rounded to 7 bits of mantissa */
};
extern const char *const device_math_names[];   /* "fp32", "tf32", "bf16", NULL */

/* Which implementation. */
enum device_kind { DEVICE_CPU, DEVICE_CUDA, DEVICE_CHECK /* test programs alone have it: strict about memory */ };
extern const char *const device_kind_names[];   /* "cpu", "cuda", "check", NULL */
struct device_choice {
    enum device_kind kind;
    enum device_math math;
    int threads;             /* of the CPU; 0 = as many as the machine has */
};

struct device {
    const char *name;
    int threads;
    void *state;
    int failed;              /* set when scratch memory ran out or the machine failed: results are void */
    const char *failure;     /* what failed, if the device can say; lives as long as the device. NULL: scratch memory */
    enum device_math math;   /* the caller may set it after opening */
    int apart;               /* 1: computes while the host goes on, so batches are worth making ahead */
    int length_step;         /* captions are padded to a multiple of so many tokens: fewer shapes to keep graphs of */
    size_t arena_floats;     /* an arena asks for at least so many at a time */
    int together;            /* motions that are best taken through networks with gradients at once; 0: one */

    /* --- the device itself: device_lane, device_close ------------------ */
    int (*open_lane)(const struct device *d, struct device *lane, struct error *e);
    void (*close)(struct device *d);

    /* --- memory ------------------------------------------------------- */
    float *(*alloc)(struct device *d, size_t count);       /* NULL when out of memory */
    void (*release)(struct device *d, float *memory);
    /* count floats inside allocated memory are not read again: a device may take them back before release. */
    void (*discard)(struct device *d, float *memory, size_t count);
    void (*upload)(struct device *d, float *dst, const float *host, size_t count);
    void (*download)(struct device *d, float *host, const float *src, size_t count);
    void (*copy)(struct device *d, float *dst, const float *src, size_t count);
    void (*fill)(struct device *d, float *dst, float value, size_t count);
    void (*synchronise)(struct device *d);

    /* --- graphs: operations captured once and launched as one, again and again (replay.h); NULL: the device has none --
     * Host memory that the device reads by itself; an upload or an index that lies in it is read anew at each launch. */
    void *(*host_alloc)(struct device *d, size_t bytes);   /* NULL when out of memory */
    void (*host_release)(struct device *d, void *memory);
    /* From here to capture_end operations are noted and not done; nothing may be allocated, waited for or fetched.
     * 0: well. capture_end gives the graph, NULL: it cannot be had. */
    int (*capture_begin)(struct device *d);
    void *(*capture_end)(struct device *d);
    void (*graph_launch)(struct device *d, void *graph);
    void (*graph_free)(struct device *d, void *graph);

    /* --- linear: y (n,oc) = x (n,ic) · wᵀ + b, w (oc,ic) with rows ldw apart --
     * b may be NULL; add = 1 adds to y before the bias. With an activation,
     * pre (n,oc) receives the sum before it (may be NULL for inference). */
    void (*linear)(struct device *d, float *y, float *pre, const float *x, const float *w, const float *b,
                   int n, int ic, int oc, int ldw, int add, enum activation act);
    /* dx (n,ic) or NULL; dw (oc,ic) rows ldw apart +=, or NULL; db (oc) +=, or NULL. */
    void (*linear_backward)(struct device *d, float *dx, float *dw, float *db, const float *dy, const float *x,
                            const float *w, int n, int ic, int oc, int ldw, int add);

    /* --- packed weights; inference only -------------------------------------------
     * Floats that w (oc, ic) takes when packed, 0: the device has no such precision; pack writes them. */
    size_t (*packed_count)(struct device *d, int oc, int ic, enum weight_precision precision);
    void (*pack)(struct device *d, float *packed, const float *w, int oc, int ic, enum weight_precision precision);
    /* y (n, w->outs) = act(x (n, w->ins) · wᵀ + b); add = 1 adds to y before the bias. On the CPU an output
     * in fp32 is one sum over the inputs in their order, whatever n is. */
    void (*linear_packed)(struct device *d, float *y, const float *x, const struct packed *w, const float *b, int n,
                          int add, enum activation act);
    /* A whole stack of transformer layers with packed weights. */
    void (*transformer)(struct device *d, const struct transformer *s, const struct transformer_run *run);

    /* --- activations ---------------------------------------------------- */
    void (*activate)(struct device *d, float *y, const float *x, size_t n, enum activation act);
    void (*activate_backward)(struct device *d, float *dx, const float *dy, const float *x, size_t n,
                              enum activation act, int add);

    /* --- dropout: y = x·mask/(1-p); its backward is the same function on dy -- */
    void (*dropout)(struct device *d, float *y, const float *x, size_t n, struct dropout drop, int add);

    /* --- y (n,c) = layernorm(x + dropout(r))·w + b, eps added to the variance --
     * r may be NULL. sum (n,c), mean (n), rstd (n) are kept for backward (may be
     * NULL for inference). */
    void (*add_layernorm)(struct device *d, float *y, float *sum, float *mean, float *rstd, const float *x,
                          const float *r, const float *w, const float *b, int n, int c, float eps,
                          struct dropout drop);
    /* dx (n,c), dr (n,c) or NULL; dw, db (c) +=. */
    void (*add_layernorm_backward)(struct device *d, float *dx, int add_dx, float *dr, int add_dr, float *dw,
                                   float *db, const float *dy, const float *sum, const float *mean,
                                   const float *rstd, const float *w, int n, int c, struct dropout drop);

    /* --- y (n,c) = x·w/√(mean of x² over the row + eps); inference only ------------ */
    void (*rms_norm)(struct device *d, float *y, const float *x, const float *w, int n, int c, float eps);
    /* --- rows of length 1: y (n,c) = x/max(|x|, floor); inference only ------------- */
    void (*unit_rows)(struct device *d, float *y, const float *x, int n, int c, float floor);

    /* --- multi-head attention, head h in columns h·width … of q, k, v, out ------
     * mask (batch, keys): 1 = may be seen; NULL = all. probs (batch, heads,
     * queries, keys) kept for backward, before dropout; NULL for inference. */
    void (*attention)(struct device *d, float *out, float *probs, const float *q, const float *k, const float *v,
                      const float *mask, const struct attention_shape *s, struct dropout drop);
    /* Writes dq, dk, dv with the leading dimensions of q, k, v. */
    void (*attention_backward)(struct device *d, float *dq, float *dk, float *dv, const float *dout,
                               const float *probs, const float *q, const float *k, const float *v,
                               const struct attention_shape *s, struct dropout drop);

    /* --- moves ------------------------------------------------------------
     * For each of `blocks`: dst[b·dst_stride + i] = (or +=) src[b·src_stride + i],
     * i < count. Stride 0 on src repeats, on dst (with add) sums, in order of b. */
    void (*blocks)(struct device *d, float *dst, size_t dst_stride, const float *src, size_t src_stride, int blocks,
                   size_t count, int add);
    /* y = a·x1 + b·x2 (x2 may be NULL). */
    void (*combine)(struct device *d, float *y, float a, const float *x1, float b, const float *x2, size_t n);
    /* y (rows,cols) = (or +=) ca[row]·x1 + cb[row]·x2; cb and x2 may be NULL. ca, cb (device). */
    void (*combine_rows)(struct device *d, float *y, const float *ca, const float *x1, const float *cb,
                         const float *x2, int rows, int cols, int add);
    void (*multiply)(struct device *d, float *y, const float *a, const float *b, size_t n, int add);
    /* y (n,c) = table[index[i]], index on the host; backward: dtable[index[i]] += dy. */
    void (*gather)(struct device *d, float *y, const float *table, const int *index, int n, int c);
    void (*gather_backward)(struct device *d, float *dtable, const float *dy, const int *index, int n, int c);

    /* --- convolution over time by unfolding: columns (batch·t_out, c·kernel) -----
     * columns[b,t,j·kernel+k] = x[b, stride·t + k - pad, j], 0 outside. x (batch,t_in,c). */
    void (*unfold)(struct device *d, float *columns, const float *x, int batch, int t_in, int t_out, int c,
                   int kernel, int stride, int pad);
    void (*fold)(struct device *d, float *x, const float *columns, int batch, int t_in, int t_out, int c,
                 int kernel, int stride, int pad, int add);

    /* --- one GRU step, gate order r, z, n (PyTorch's convention) ----------------
     * xg (n,3h) input part with bias, row i at xg + i·ldx; hg (n,3h) recurrent
     * part with bias. Rows with active[i] = 0 keep h. gates (n,4h): r, z, n and
     * the recurrent part of n, kept for backward. */
    void (*gru_cell)(struct device *d, float *h_new, float *gates, const float *h, const float *xg, size_t ldx,
                     const float *hg, const float *active, int n, int h_width);
    /* Writes dxg (row i at dxg + i·ldx) and dhg; dh (n,h) is written, without the part through hg. */
    void (*gru_cell_backward)(struct device *d, float *dh, float *dxg, size_t ldx, float *dhg, const float *dh_new,
                              const float *gates, const float *h, const float *active, int n, int h_width);

    /* --- latent sample: z = mu + exp(logvar/2)·eps; backward adds to dmu and dlogvar (or NULL) -- */
    void (*reparameterise)(struct device *d, float *z, const float *mu, const float *logvar, const float *eps,
                           size_t n);
    void (*reparameterise_backward)(struct device *d, float *dmu, float *dlogvar, const float *dz,
                                    const float *logvar, const float *eps, size_t n);

    /* --- losses: return the value; da (+=) receives its derivative (or NULL) ------
     * Σ_rows weight[row]·Σ_cols e(a-b); weight (rows) on the device. */
    double (*loss)(struct device *d, float *da, const float *a, const float *b, const float *weight, int rows,
                   int cols, enum element_loss kind, float huber_c);
    /* weight·Σ ½(exp(logvar) + mu² - 1 - logvar); adds to dmu and dlogvar (or NULL). */
    double (*kl_loss)(struct device *d, float *dmu, float *dlogvar, const float *mu, const float *logvar, float weight,
                      size_t n);
    double (*sum_squares)(struct device *d, const float *x, size_t n);
    double (*sum_abs_loss)(struct device *d, float *dx, const float *x, float weight, size_t n);

    /* --- joints of normalised features (paper's R(.), representation 2.6) ---------
     * x (batch·frames, nfeats), mean/std (nfeats), joints (batch·frames, njoints·3),
     * yaw (batch·frames) kept for backward. */
    void (*recover_joints)(struct device *d, float *joints, float *yaw, const float *x, const float *mean,
                           const float *std, int batch, int frames, int njoints, int nfeats);
    void (*recover_joints_backward)(struct device *d, float *dx, const float *djoints, const float *x,
                                    const float *yaw, const float *mean, const float *std, int batch, int frames,
                                    int njoints, int nfeats);

    /* --- optimiser --------------------------------------------------------------
     * AdamW with bias correction by step (1, 2, …); g is multiplied by `scale` first. */
    void (*adamw)(struct device *d, float *p, float *m, float *v, const float *g, size_t n, float scale, float lr,
                  float beta1, float beta2, float eps, float weight_decay, int64_t step);
};

/* Opens what is chosen; NULL: the CPU with all its threads. What is not there, or not built in, is an ERR_ENV
 * that says so. */
int device_open(struct device *d, const struct device_choice *choice, struct error *e);
/* The reference implementation. threads 0 = as many as the machine has. */
int device_open_cpu(struct device *d, int threads, struct error *e);
/* The first CUDA device. One thread: its parallelism is inside. ERR_ENV where the program was built without
 * CUDA, or no GPU answers. */
int device_open_cuda(struct device *d, struct error *e);
/* The name of that GPU, and the versions of its driver and of the CUDA libraries; "none" and "" where there is none. */
void device_describe_cuda(char *gpu, size_t gpu_size, char *driver, size_t driver_size);
/* A lane: the same device for one worker thread, running its ops by itself.
 * Lanes work on different pieces of a batch at the same time; close each. */
int device_lane(const struct device *d, struct device *lane, struct error *e);
void device_close(struct device *d);

#endif
