/* The VAE's stage, taken apart so that its step can also be timed. */
#ifndef MLCM_TRAIN_VAE_H
#define MLCM_TRAIN_VAE_H

#include "batches.h"
#include "chain.h"
#include "feed.h"

struct vae_training {
    const struct chain *chain;
    const struct training_plan *plan;   /* the cycle's */
    const char *stream;                 /* of batches and noise */
    struct vae vae;
    struct trainer trainer;
    struct feed *feed;
    /* the batches of two steps: draws, and each sample's place for its frames (rows), noise and length */
    struct batches batches[2];
    int rows;
    float *motion[2], *noise[2];
    int *lengths[2];
};

/* Cycle `number` (0: the first): fresh weights, or those of the model file `from` for a refinement, optimiser and
 * batches. The struct must not move afterwards. */
int vae_training_open(struct vae_training *s, struct chain *c, int number, const char *from, struct error *e);
/* One optimiser step on the next batch. */
int vae_training_step(struct vae_training *s, struct error *e);
void vae_training_close(struct vae_training *s);

#endif
