/* Latents, their noisy form and the estimates of them, on the tape (paper 3.1, 3.2).
 *
 * Everything here is differentiable in the latents and the noise. A sample is `tokens`
 * consecutive rows; timesteps (batch) lie on the host, in 0 … 999. */
#ifndef MLCM_NOISING_H
#define MLCM_NOISING_H

#include "ops.h"
#include "schedule.h"

/* √ᾱ_t·clean + √(1-ᾱ_t)·noise; both (batch·tokens, D). */
struct tensor *noisy_latent(struct tape *t, const struct noise_schedule *s, const int *timesteps, struct tensor *clean,
                            struct tensor *noise, int batch);
/* ẑ_0 = (noisy - √(1-ᾱ_t)·ε̂)/√ᾱ_t */
struct tensor *clean_estimate(struct tape *t, const struct noise_schedule *s, const int *timesteps,
                              struct tensor *noisy, struct tensor *noise, int batch);
/* The consistency function c_skip(t)·noisy + c_out(t)·ẑ_0. */
struct tensor *consistency_estimate(struct tape *t, const struct noise_schedule *s, const int *timesteps,
                                    struct tensor *noisy, struct tensor *noise, int batch);
/* Row weights (rows) on the device that make op_loss the mean over x, times share. */
const float *mean_row_weights(struct tape *t, const struct tensor *x, float share);

#endif
