/* The ControlNet of MotionLCM (paper 3.4): a second denoiser whose blocks, each through
 * a linear layer that starts at zero, correct the blocks of the frozen one. */
#ifndef MLCM_CONTROLNET_H
#define MLCM_CONTROLNET_H

#include "denoiser.h"

struct controlnet_size {
    struct denoiser_size denoiser;      /* the frozen denoiser's */
    int embedding_width;                /* of the condition embedding's hidden layers, 256 */
    enum activation embedding_act;      /* after its first two layers: V1 ACT_NONE, V2 ACT_SILU */
};

struct controlnet {
    struct controlnet_size size;
    struct denoiser base;               /* without the last norm; base.params holds every tensor */
    struct linear_layer embedding[3];   /* controlnet_cond_embedding: trajectory feature -> latent */
    struct linear_layer residual[MAX_LAYERS];   /* controlnet_down_mid_blocks, one a layer */
};

/* Parameters allocated on d, not yet initialised. Free with controlnet_free. */
int controlnet_create(struct controlnet *n, struct device *d, const struct controlnet_size *size, struct error *e);
void controlnet_free(struct controlnet *n);
/* Reads sizes from the tensors of a checkpoint and compares all of them. heads (4 in the published models) and text_act are not in it and are given;
 * latent_tokens is 1, the caller sets it (the trajectory encoder's tensors tell it). */
int controlnet_size_from(const struct weights *w, const char *prefix, int heads, enum activation text_act,
                         struct controlnet_size *size, struct error *e);

/* The state before training: every tensor that the denoiser has too is its copy, the last layer of
 * the condition embedding and all residual layers are zero, the others fresh (by seed and name). */
int controlnet_initialise(struct controlnet *n, const struct denoiser *from, uint64_t seed, struct error *e);

/* in: the denoiser's inputs (in->residuals is not read). trajectory (batch·L, D): the trajectory
 * encoder's result. residuals: receives one (batch·(L+1+S), d) a layer, in execution order, as
 * denoiser_run takes them. *embedding, if not NULL, receives (batch·L, D), which is added to the latent. */
void controlnet_run(struct tape *t, const struct controlnet *n, const struct denoiser_input *in,
                    struct tensor *trajectory, struct tensor *residuals[MAX_LAYERS], struct tensor **embedding);

#endif
