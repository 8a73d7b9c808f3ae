/* One case of an operation run on a tape: inputs, results, gradients on the host. */
#ifndef MLCM_TESTS_OP_RUN_H
#define MLCM_TESTS_OP_RUN_H

#include "op_cases.h"

static const float prefilled = 0.5f;      /* of gradients, backward 2 */

struct outcome {
    float *out, *extra, *grad[OP_INPUTS];
    size_t out_count, extra_count;
    double value;
};

struct setup {
    int count;
    struct op_input shape[OP_INPUTS];
    size_t size[OP_INPUTS];
    float *in[OP_INPUTS], *seed;      /* seed: weights of the outputs, the upstream gradient */
    double *wide[OP_INPUTS];
};

void *must(void *p);              /* aborts on NULL */
/* Inputs of a case, the same for each device; d runs it once to learn the size of its result. */
void setup_make(struct setup *s, const struct op_case *c, size_t *outputs, size_t *extras, struct device *d);
void setup_free(struct setup *s);
/* Puts the inputs on the tape; parameters into p, with room for their gradient. */
void place(struct tape *t, struct device *d, const struct setup *s, struct params *p, struct tensor **in,
           struct param **params, float **gradient);
/* backward 0: values only; 1: gradients; 2: gradients on top of prefilled ones. */
struct outcome run(struct device *d, const struct op_case *c, const struct setup *s, int recording, int backward);
void outcome_free(struct outcome *o);

#endif
