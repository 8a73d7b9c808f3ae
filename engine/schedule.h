/* Noise schedule, sampling tables, sinusoidal features, learning rate (paper 3.2, 3.3). */
#ifndef MLCM_SCHEDULE_H
#define MLCM_SCHEDULE_H

#include "error.h"
#include <stdint.h>

enum { TRAIN_STEPS = 1000 };

/* "Scaled linear" β: sqrt(β) linear from sqrt(start) to sqrt(end). */
struct noise_schedule {
    double beta[TRAIN_STEPS], alpha_bar[TRAIN_STEPS];
};
void noise_schedule_make(struct noise_schedule *s, double beta_start, double beta_end);

/* DDIM, leading spacing with offset: `steps` timesteps in sampling order (981 … 1 for 50). */
void ddim_timesteps(int steps, int offset, int *timesteps);
/* LCM timesteps. V1: positions floor(original·i/n) of the reversed grid of `original` points;
 * V2: the published table for 1, 2 and 4 steps; other counts are an error. */
int lcm_timesteps_v1(int steps, int original, int *timesteps, struct error *e);
int lcm_timesteps_v2(int steps, int *timesteps, struct error *e);
/* The published guidance scales that belong to the V2 table. */
double lcm_guidance_v2(int steps);

/* Consistency boundary scalings at timestep t (σ = 0.5, timestep scaling 10). */
void boundary_scalings(double t, double *c_skip, double *c_out);

/* One solver grid of the distillation: points k(i+1)-1, i < n, k = 1000/n, and the
 * ᾱ one grid step before each (ᾱ_0 for the first). */
void solver_grid(const struct noise_schedule *s, int n, int *timesteps, double *alpha_previous);

/* Time features (width values): cosines of t·f first, f_i = exp(-ln 10000·i/(width/2)). float32 like the
 * published code. */
void time_features(float t, int width, float *out);
/* Guidance features of w: sines of 1000·w·f first, f_i = exp(-ln 10000·i/(width/2-1)); an odd width ends in 0. */
void guidance_features(float w, int width, float *out);

/* Learning-rate factor at optimiser step 0, 1, …: linear warm-up, then half a cosine to 0. */
double learning_rate_factor(int64_t step, int64_t warmup, int64_t total);

#endif
