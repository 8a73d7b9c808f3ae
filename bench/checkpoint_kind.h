/* Which system a checkpoint is of, by the presence of tensors. */
#ifndef MLCM_CHECKPOINT_KIND_H
#define MLCM_CHECKPOINT_KIND_H

#include "../engine/weights.h"

/* Puts the system's name to out: MotionLCM (V1, V2), its ControlNet, MLD in both layouts, a VAE alone,
 * TEMOS, MDM, MotionDiffuse, OmniControl, the text-to-motion evaluator, its generator and its movement autoencoder,
 * T5, CLIP, BERT, DistilBERT. The rules are those of the published programs: MLD when
 * denoiser.time_embedding.linear_1.weight is there, a latent consistency model when cond_proj is, control when
 * controlnet_cond_embedding is, the second generation when latent_pre is. */
void checkpoint_kind(const struct weights *w, char *out, size_t size);

#endif
