/* From noise to a latent: DDIM with classifier-free guidance (MLD) and the
 * consistency sampler (MotionLCM), paper 3.2 and 3.3. */
#ifndef MLCM_SAMPLER_H
#define MLCM_SAMPLER_H

#include "controlnet.h"
#include "schedule.h"

enum sampler_kind { SAMPLER_DDIM, SAMPLER_LCM };
enum { SAMPLER_MAX_STEPS = 1000 };

struct sampler {
    enum sampler_kind kind;
    struct noise_schedule schedule;
    int steps, timesteps[SAMPLER_MAX_STEPS];
    float guidance;          /* s: DDIM mixes ε_u + s(ε_c - ε_u) when s > 1; LCM embeds w = s - 1 */
};

/* DDIM: η = 0, leading spacing, offset 1 (0 with all 1000 steps), ᾱ_0 after the last step. */
int sampler_ddim(struct sampler *s, int steps, float guidance, struct error *e);
/* LCM: generation 1 uses the grid of `original` points, generation 2 the published
 * table; guidance <= 0 takes the published scale (7.5, or 8.0/12.5/13.5). */
int sampler_lcm(struct sampler *s, int generation, int steps, int original, float guidance, struct error *e);

/* Called after each step with tensors (batch·L, D): the network's noise after guidance, the
 * clean estimate (LCM: after the boundary scalings), the new latent. May be NULL. */
typedef void sampler_trace(void *context, int step, const struct tensor *noise, const struct tensor *clean,
                           const struct tensor *latent);

struct sampler_input {
    struct tensor *noise;          /* (batch·L, D) the initial latent */
    const float *step_noise;       /* LCM: host, (steps-1, batch·L·D), or NULL for one step */
    struct tensor *text;           /* (batch·text_tokens, text_width) */
    struct tensor *text_empty;     /* the same for the empty text; DDIM with guidance */
    int batch, text_tokens;
    struct tensor *time;           /* optional: features to use for all steps, (steps, time_width) */
    struct tensor *guidance;       /* optional: (batch, guidance_width) */
    const struct controlnet *controlnet; /* motion control: corrects every step; NULL: none */
    struct tensor *trajectory;     /* with a ControlNet: (batch·L, D), the trajectory encoder's result */
    sampler_trace *trace;
    void *context;
};
/* The final latent (batch·L, D). */
struct tensor *sampler_run(struct tape *t, const struct sampler *s, const struct denoiser *d,
                           const struct sampler_input *in);

#endif
