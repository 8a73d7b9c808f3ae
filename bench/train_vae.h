/* The VAE's stage, taken apart so that its step can also be timed. */
#ifndef MLCM_TRAIN_VAE_H
#define MLCM_TRAIN_VAE_H

#include "batches.h"
#include "chain.h"

struct vae_training {
    const struct chain *chain;
    const struct training_plan *plan;   /* the cycle's */
    const char *stream;                 /* of batches and noise */
    struct vae vae;
    struct trainer trainer;
    struct batches batches;
};

/* Cycle `number` (0: the first): fresh weights, or those of the model file `from` for a refinement, optimiser and
 * batches. The struct must not move afterwards. */
int vae_training_open(struct vae_training *s, struct chain *c, int number, const char *from, struct error *e);
/* One optimiser step on the next batch. */
int vae_training_step(struct vae_training *s, struct error *e);
void vae_training_close(struct vae_training *s);

#endif
