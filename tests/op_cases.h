/* One list of cases over the operations of the tape.
 *
 * The same cases serve correctness (against the double-precision references of
 * op_reference.c), gradients (against differences of those references),
 * determinism across thread counts, and speed. A family knows how to run an
 * operation on a tape and how to compute it plainly; a case gives its numbers. */
#ifndef MLCM_TESTS_OP_CASES_H
#define MLCM_TESTS_OP_CASES_H

#include "../engine/ops.h"

enum { OP_INPUTS = 6, OP_DIMS = 8, OP_SEED = 20240611, OP_STREAM = 77 };

struct op_case;

struct op_input {
    int rank, dims[3];   /* rank 3 or `param`: given as a network parameter */
    int param, constant;
    double scale;        /* of its random numbers; 0: 1 */
    int zero;            /* the first one is 0 */
};

struct op_result {
    struct tensor *out;    /* NULL for a loss */
    struct tensor *extra;  /* values without a gradient, or NULL */
    double value;          /* of a loss */
    int *memory;           /* the caller frees it after the backward pass */
};

struct op_family {
    const char *name;
    int (*inputs)(const struct op_case *c, struct op_input in[OP_INPUTS]);   /* returns their number */
    void (*run)(struct tape *t, const struct op_case *c, struct tensor **in, struct param **params,
                struct op_result *result);
    /* out (and extra, which may be NULL) in double; a loss writes one value. */
    void (*reference)(const struct op_case *c, double *const *in, double *out, double *extra);
    /* Work of one forward pass: floating-point operations, or bytes moved if `bytes`. */
    double (*work)(const struct op_case *c);
    int bytes;
    int fresh_gradients;   /* refuses inputs that already have a gradient */
};

struct op_case {
    const struct op_family *family;
    const char *shape;      /* for the report */
    int d[OP_DIMS];         /* meaning: at the family's functions */
    float dropout;
    double forward;         /* bound on the NMSE of the result */
    double gradient;        /* bound on |g·v - difference| / (|g||v|) */
};

extern const struct op_case op_cases[];
extern const int op_case_count;
/* Sizes of training and generation, to be timed alone: their bounds are not set. */
extern const struct op_case op_speed_cases[];
extern const int op_speed_case_count;

/* Whether the case is to be run: all are, unless MLCM_OP_FAMILIES names families ("gru loss"). */
int op_wanted(const struct op_case *c);

/* Numbers that run and reference share. */
int op_length(int sample, int frames, int whole);        /* whole: 1 if no sample is shorter */
float op_mask(const struct op_case *c, int kind, int sample, int key, int keys);
float op_factor(int row);                                /* row factors of combine_rows, losses */
int op_index(int i, int rows);                           /* of gather */
/* 0 or 1/(1-p): the factor of element i of the number-th dropout of a case's tape. */
double op_keep(const struct op_case *c, int number, size_t i);

/* References, one a family (op_reference.c). */
#define OP_REFERENCE(name) void name##_reference(const struct op_case *c, double *const *in, double *out, double *extra)
OP_REFERENCE(linear);
OP_REFERENCE(linear_pair);
OP_REFERENCE(activate);
OP_REFERENCE(dropout);
OP_REFERENCE(layernorm);
OP_REFERENCE(self_attention);
OP_REFERENCE(cross_attention);
OP_REFERENCE(add);
OP_REFERENCE(add_itself);
OP_REFERENCE(scale);
OP_REFERENCE(multiply);
OP_REFERENCE(combine_rows);
OP_REFERENCE(mask_rows);
OP_REFERENCE(concat);
OP_REFERENCE(slice);
OP_REFERENCE(columns);
OP_REFERENCE(add_positions);
OP_REFERENCE(gather);
OP_REFERENCE(views);
OP_REFERENCE(param_rows);
OP_REFERENCE(conv1d);
OP_REFERENCE(conv_transpose1d);
OP_REFERENCE(gru);
OP_REFERENCE(reparameterise);
OP_REFERENCE(recover_joints);
OP_REFERENCE(loss);
OP_REFERENCE(kl);
OP_REFERENCE(abs_loss);

#endif
