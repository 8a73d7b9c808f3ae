/* Consistency latent tuning (MotionLCM-V2): control without a ControlNet. The initial noise of
 * one-step sampling is optimised, sample by sample, until the decoded joints lie on the signal.
 *
 * loss(z) = mean over controlled coordinates of e(joints - signal), in metres
 *           + correlation·C(z) + distance·‖z - z⁰‖
 * where C keeps z looking like noise: over u = z, z averaged in pairs of tokens, …, while more than
 * two tokens remain, the squares of the mean product of u with u moved on by one token. The
 * gradient is divided by its length before Adam. */
#ifndef MLCM_LATENT_TUNING_H
#define MLCM_LATENT_TUNING_H

#include "control_objective.h"

struct latent_tuning {
    struct noise_schedule schedule;
    int timestep;                    /* of the one step, 799 */
    float w;                         /* guidance s - 1, 7 */
    int steps, warmup;               /* 400, 50; then half a cosine. The first step has rate 0 */
    double rate, beta1, beta2, eps;  /* Adam: 0.1, 0.9, 0.999, 1e-8 */
    double correlation, distance;    /* 100, 0 */
    enum element_loss element;       /* of the joints, LOSS_L2 */
    uint64_t seed;                   /* of the noise that pads a number of tokens that is no power of two */
};
/* The published settings. */
struct latent_tuning latent_tuning_defaults(void);

/* Called after each step with host arrays (batch, L·D): the unit gradients and the new latents; the rate used,
 * and the two parts of the loss at the step's start, unweighted, means over the batch. */
typedef void latent_tuning_trace(void *context, int step, const float *gradient, const float *latent, double rate,
                                 double joints, double correlation);

/* Samples that are tuned at the same time, each for itself; every pointer is host memory of the caller. */
struct latent_tuning_input {
    int batch;
    const float *noise;              /* (batch, L, D): z⁰ */
    const float *text;               /* (batch, text_tokens, text_width) */
    const float *time, *guidance;    /* (time_width), (guidance_width) features, or NULL: computed */
    const float *hint;               /* (batch, frames, J, 3) normalised signal, 0 where not controlled */
    const unsigned char *mask;       /* (batch, frames, J) */
    const float *mean, *std;         /* (nfeats) */
    const float *raw_mean, *raw_std; /* (J, 3) */
    int text_tokens, joints;
    int frames;                      /* rows of a signal */
    const int *lengths;              /* (batch) valid frames of each motion, <= frames */
    latent_tuning_trace *trace;      /* may be NULL */
    void *context;
};

/* latent (batch, L, D) host: the tuned noises, to be sampled once more in the ordinary way. The batch changes a
 * sample's result by rounding alone. t is the caller's and loses what it holds; t->trained must be empty. Errors: a
 * signal that is not finite or controls nothing, a gradient that is zero or not finite. */
int latent_tuning_run(struct tape *t, const struct latent_tuning *c, const struct vae *vae,
                      const struct denoiser *denoiser, const struct latent_tuning_input *in, float *latent,
                      struct error *e);

/* C(z) of (tokens, width) values; gradient, if not NULL, receives += weight·dC/dz. Tokens that are
 * no power of two are first filled up with noise of (seed, step). Errors: out of memory. */
int latent_correlation(const float *z, int tokens, int width, uint64_t seed, int step, double weight, double *value,
                       double *gradient, struct error *e);

#endif
