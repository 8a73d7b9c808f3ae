/* Latent consistency distillation (paper 3.2): one step's forward pass and loss. */
#ifndef MLCM_DISTILL_H
#define MLCM_DISTILL_H

#include "denoiser.h"
#include "schedule.h"

struct distillation {
    struct noise_schedule schedule;
    int points;                        /* n: 50 (k = 20) or 10 (k = 100) */
    int timesteps[TRAIN_STEPS];
    double alpha_previous[TRAIN_STEPS];
    enum element_loss loss;            /* LOSS_PSEUDO_HUBER or LOSS_L2 */
    float huber_c;                     /* 0.001 (V1), 0.5 (V2) */
    int teacher_dropout;               /* 1: teacher and target keep dropout, as the published code does */
};
/* points must divide 1000. */
int distillation_make(struct distillation *d, int points, enum element_loss loss, float huber_c, struct error *e);

struct distill_input {
    struct tensor *latent, *noise;     /* z_0, ε (batch·L, D) constants */
    const int *index;                  /* (batch) grid index, host */
    const float *w;                    /* (batch) guidance w = s - 1, host */
    struct tensor *guidance;           /* (batch, width) features of w, or NULL: computed */
    struct tensor *time_start, *time_end; /* (batch, time_width), or NULL: computed */
    struct tensor *text, *text_empty;  /* (batch·text_tokens, text_width) */
    int batch, text_tokens;
    float share;                       /* of the whole batch, 1 if this is all of it */
};
enum { DISTILL_NOISY, DISTILL_ONLINE, DISTILL_COND, DISTILL_UNCOND, DISTILL_PREVIOUS, DISTILL_TARGET_NOISE,
       DISTILL_PREDICTION, DISTILL_TARGET, DISTILL_OUTPUTS };
/* The loss, seeded for backward through the online network. outputs may be NULL. */
double distill_run(struct tape *t, const struct distillation *d, const struct denoiser *teacher,
                   const struct denoiser *online, const struct denoiser *target, const struct distill_input *in,
                   struct tensor *outputs[DISTILL_OUTPUTS]);

/* The diffusion objective of MLD: mean squared error between ε̂ and ε at given timesteps. */
double diffusion_run(struct tape *t, const struct noise_schedule *s, const struct denoiser *d, struct tensor *latent,
                     struct tensor *noise, const int *timesteps, struct tensor *text, int batch, int text_tokens,
                     float share);

#endif
