/* Published checkpoints as the chain and the table use them. */
#ifndef MLCM_PUBLISHED_MODELS_H
#define MLCM_PUBLISHED_MODELS_H

#include "chain.h"

/* Before the set is read, of an experiment with a section "published": checks that every required file is
 * there (ERR_ENV, all missing ones named), drops optional models whose file is not and notes them in the
 * chain, looks into the checkpoints, and puts what they say into the experiment: the text encoder's folder,
 * the sizes of networks that stages are taken from. */
int chain_published(struct chain *c, struct error *e);
/* Makes, or finds in the cache, the packed set of the published motions; its path goes to x->set. */
int chain_published_set(struct chain *c, struct error *e);
/* Every file that a run stands on, with its SHA-256, for its document. `add` returns 0 or an error. */
int chain_published_files(const struct chain *c, int (*add)(void *context, const char *what, const char *path, const char *sha256,
                                                            struct error *e), void *context, struct error *e);

/* The networks of one checkpoint. */
struct published_networks {
    int open;
    struct vae vae;
    struct denoiser denoiser;
    struct controlnet control;
    struct trajectory_encoder trajectory;
};
/* Loads what checkpoint k holds. After an error nothing is left to free. */
int published_networks_open(struct published_networks *n, struct chain *c, int k, struct error *e);
void published_networks_close(struct published_networks *n);   /* safe on a zeroed struct */

#endif
