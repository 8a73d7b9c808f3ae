/* A small tape: run operations forward, remember them, walk back.
 *
 * Tensors are matrices (rows, cols) in the tape's arena; an op computes at once
 * and, on a recording tape, notes how to go back. Errors are sticky: after one,
 * every op returns NULL and passes NULL on, and tape->error says what happened,
 * so network code checks once at the end. A tape belongs to one lane. */
#ifndef MLCM_TAPE_H
#define MLCM_TAPE_H

#include "arena.h"
#include "params.h"

struct tensor {
    float *x;          /* (rows, cols) on the device */
    float *g;          /* its gradient, NULL until somebody writes to it */
    int rows, cols;
    int constant;      /* no gradient flows into it */
    struct packed packed; /* values not NULL: a packed matrix, and x is NULL: op_linear and op_linear_pair alone read it */
};

struct node;

struct tape {
    struct device *device;
    struct arena arena;
    int recording;     /* keep what backward needs */
    float dropout;     /* probability while training; 0 otherwise */
    uint64_t seed, stream;     /* of the dropout masks; each op adds its number */
    struct params *trained[3]; /* networks whose parameters get gradients … */
    float *gradient[3];        /* … and where (device, like params->x) */
    struct node *nodes;
    int node_count, node_capacity, op_number;
    struct tensor_page *pages;
    void **kept;
    int kept_count, kept_capacity;
    struct error error;
};

int tape_init(struct tape *t, struct device *d);
void tape_free(struct tape *t);
/* Forgets everything; starts a new recording (or not). */
void tape_start(struct tape *t, int recording, float dropout, uint64_t seed, uint64_t stream);

/* A fresh tensor with uninitialised values; NULL on failure. */
struct tensor *tape_tensor(struct tape *t, int rows, int cols);
/* A constant with the given host values (rows, cols). */
struct tensor *tape_constant(struct tape *t, const float *host, int rows, int cols);
/* A constant over device memory that outlives the tape's recording. */
struct tensor *tape_borrow(struct tape *t, float *device_values, int rows, int cols);
/* A leaf whose gradient is wanted, with the given host values. */
struct tensor *tape_leaf(struct tape *t, const float *host, int rows, int cols);
/* Rows [row0, row0+rows) of a parameter seen as a (shape[0], rest) matrix. */
struct tensor *tape_param(struct tape *t, struct param *p, int row0, int rows);
/* A view of rows [row0, row0+rows) of x, sharing values and gradient. */
struct tensor *tape_rows(struct tape *t, struct tensor *x, int row0, int rows);
/* The same values seen with other dimensions, sharing values and gradient. */
struct tensor *tape_reshape(struct tape *t, struct tensor *x, int rows, int cols);

/* The gradient of x to write to; *add tells whether it already holds something.
 * NULL if no gradient is wanted. */
float *tape_grad(struct tape *t, struct tensor *x, int *add);
/* The same, zeroed at first use, to add to. */
float *tape_grad_zeroed(struct tape *t, struct tensor *x);

/* Takes over malloc'd host memory that backward still reads; freed by the next tape_start. */
void tape_keep(struct tape *t, void *memory);

/* Runs backward over all ops, newest first. Losses seed the gradients. */
void tape_backward(struct tape *t);
int tape_failed(struct tape *t, struct error *e);   /* the sticky error, copied to e */

/* --- for ops ------------------------------------------------------------- */
struct node {
    void (*backward)(struct tape *t, struct node *n);
    struct tensor *out, *in[6];
    float *kept[4];
    const int *index;
    int i[10];
    float f[2];
    struct dropout drop;
};
/* A node to fill, or NULL when the tape does not record. */
struct node *tape_node(struct tape *t, void (*backward)(struct tape *, struct node *), struct tensor *out);
/* Dropout description with probability p for the op that is being built. */
struct dropout tape_dropout(struct tape *t);
int tape_error(struct tape *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
