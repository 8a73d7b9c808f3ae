/* The motion VAE (paper 3.1): a clip becomes a few latent tokens and comes back. */
#ifndef MLCM_VAE_H
#define MLCM_VAE_H

#include "layers.h"

struct vae_size {
    int nfeats;                  /* 263 */
    int latent_tokens, latent_width;
    int projections;             /* V2: latent_pre and latent_post; V1: latent_width = transformer width */
    int positions;               /* rows of the positional tables, 500 */
    struct transformer_size transformer;
};

struct vae {
    struct vae_size size;
    struct params params;
    struct param *token, *encoder_positions, *decoder_positions;
    struct linear_layer skeleton, final, latent_pre, latent_post;
    struct skip_transformer encoder, decoder;
    /* vae_prepare: */
    struct params prepared;      /* the decoder's memory matrix … */
    struct param *first;         /* … and its first block's self attention over 1, 2, … longest positions, one after another */
    int longest;
};

/* Parameters allocated on d, not yet initialised. Free with vae_free. */
int vae_create(struct vae *v, struct device *d, const struct vae_size *size, struct error *e);
void vae_free(struct vae *v);
/* For inference from now on: packs the weights in this precision (params_pack, with keep = 1
 * params_pack_beside), multiplies the matrices that a
 * memory token passes through, and computes the first decoder block's self attention, which reads positions
 * alone, for each length up to 200 (n rows for length n: 20 MB at width 256). */
int vae_prepare(struct vae *v, enum weight_precision precision, int keep, struct error *e);
/* Reads sizes from the tensors of a checkpoint (heads are not in it and are given; every published VAE has 4).
 * A tensor that is missing or misshapen for these sizes is an error, before anything is allocated. */
int vae_size_from(const struct weights *w, const char *prefix, int heads, struct vae_size *size, struct error *e);

/* x (batch·frames, nfeats) normalised, zero in the padding; lengths (batch) on the host.
 * mu, logvar (batch·L, D). */
void vae_encode(struct tape *t, const struct vae *v, struct tensor *x, const int *lengths, int batch,
                struct tensor **mu, struct tensor **logvar);
/* z (batch·L, D) -> features (batch·frames, nfeats), zero beyond each length. */
struct tensor *vae_decode(struct tape *t, const struct vae *v, struct tensor *z, const int *lengths, int batch,
                          int frames);

/* The training objective: reconstruction of features and joints, and KL. */
struct vae_objective {
    enum element_loss features, joints, local;
    float features_weight, joints_weight, local_weight, kl_weight;
    int masked;                  /* per-sequence means over valid frames */
};
struct vae_losses {
    double features, joints, local, kl, total;   /* already weighted */
};
/* One forward pass with losses seeded for backward. eps (batch·L, D), mean/std (nfeats) constants.
 * share: this piece's sequences over the whole batch's (1 if it is the batch). The results, if
 * wanted, go to outputs: mu, logvar, z, reconstruction, joints of it, joints of the input. */
struct vae_losses vae_objective_run(struct tape *t, const struct vae *v, const struct vae_objective *o,
                                    struct tensor *x, const int *lengths, int batch, int frames, struct tensor *eps,
                                    struct tensor *mean, struct tensor *std, int njoints, float share,
                                    struct tensor *outputs[6]);

/* Device mask (batch, prefix + frames): 1 for the prefix and the first lengths[b] frames. */
const float *length_mask(struct tape *t, const int *lengths, int batch, int prefix, int frames);

#endif
