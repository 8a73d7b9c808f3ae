/* Training: pieces of a batch on lanes, gradients summed in fixed order, AdamW.
 *
 * A batch is cut into pieces (a few sequences of similar length). Piece p adds
 * its gradient to accumulator p mod A; threads share accumulators, and the A sums
 * are added in order, so weights do not depend on the number of threads. All
 * randomness is a function of (seed, step, piece): a run that is killed and
 * resumed from its state file ends with the same bits. */
#ifndef MLCM_TRAINER_H
#define MLCM_TRAINER_H

#include "tape.h"

enum { TRAINER_SETS = 3, TRAINER_ACCUMULATORS = 8 };

struct trainer_config {
    int64_t steps, warmup;        /* optimiser steps in all; of linear warm-up */
    float rate, weight_decay, clip;  /* clip: bound of the global gradient norm, 0 = none */
    float beta1, beta2, eps;
    float dropout;
    int accumulators;             /* 1 … 8; part of what defines the result */
    int constant_rate;            /* 1: no schedule (the evaluators' stages) */
    uint64_t seed;
};
struct trainer_config trainer_defaults(void);   /* AdamW 0.9/0.999/1e-8, clip 1, 2 accumulators, no decay */

/* Runs one piece forward on its tape, seeds its losses, returns its loss (already
 * scaled to the piece's share of the batch). terms: up to 8 parts, added up for the log. */
typedef double trainer_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8]);

struct trainer {
    struct trainer_config config;
    struct device *device;
    int sets;
    struct params *params[TRAINER_SETS];
    float *moment1[TRAINER_SETS], *moment2[TRAINER_SETS];
    float *gradient[TRAINER_ACCUMULATORS][TRAINER_SETS];
    struct device lane[TRAINER_ACCUMULATORS];
    struct tape tape[TRAINER_ACCUMULATORS];
    int64_t step;                 /* optimiser steps done */
    double loss, norm, rate;      /* of the last step */
    double terms[8];
};

/* Up to three parameter sets trained together; they stay the caller's. */
int trainer_create(struct trainer *t, struct device *d, struct params *const *sets, int count,
                   const struct trainer_config *config, struct error *e);
void trainer_free(struct trainer *t);
/* One optimiser step over `pieces` pieces. A non-finite loss or gradient is an error. */
int trainer_step(struct trainer *t, int pieces, trainer_piece *run, void *context, struct error *e);
/* Gradients only (summed into accumulator 0): what a step would use, before clipping. */
int trainer_gradients(struct trainer *t, int pieces, trainer_piece *run, void *context, struct error *e);
/* The optimiser part, with the given rate, from the gradients above. */
int trainer_update(struct trainer *t, double rate, struct error *e);

/* The whole state: weights, moments, step. fingerprint names what the run is; a state
 * of another run is an error. extra: further flat arrays (device), e.g. an average. */
struct trainer_extra {
    const char *name;
    float *x;
    size_t count;
};
int trainer_save(const struct trainer *t, const char *path, const char *fingerprint, const struct trainer_extra *extra,
                 int extras, struct error *e);
int trainer_load(struct trainer *t, const char *path, const char *fingerprint, const struct trainer_extra *extra,
                 int extras, struct error *e);

#endif
