/* How near a training step comes to the machine's own matrix products. */
#ifndef MLCM_TRAINING_SPEED_H
#define MLCM_TRAINING_SPEED_H

#include "chain.h"

struct training_speed {
    double peak;             /* FLOP/s of large matrix products, all threads, this run */
    double seconds, flops;   /* of one optimiser step: median time, operations counted from the shapes */
    double share;            /* flops / seconds / peak */
    int steps;               /* steps timed */
};
/* Times `steps` optimiser steps of the VAE stage on its own batches, after warm-up. */
int training_speed_vae(struct chain *c, int steps, struct training_speed *out, struct error *e);

#endif
