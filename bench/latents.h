/* Posteriors of the training clips under the frozen VAE, encoded once. */
#ifndef MLCM_LATENTS_H
#define MLCM_LATENTS_H

#include "../datasets/set.h"
#include "../engine/lanes.h"
#include "../engine/vae.h"

/* Latents are samples of the posterior, not its mean: mu + std·ε with fresh ε each time. */
struct latents {
    int items, crops, width;      /* width = L·D */
    float *mu, *std;              /* (items, crops, width) */
};

/* Encodes `crops` random windows of each item; the same for every run with this seed. */
int latents_encode(struct latents *l, struct lanes *lanes, const struct vae *v, const struct set *s,
                   const struct items *it, int crops, uint64_t seed, int quiet, struct error *e);
void latents_free(struct latents *l);

#endif
