/* The objective of motion control (paper 3.4, equations 8 and 9): the latent that the controlled
 * denoiser predicts shall be the motion's, and the joints it decodes to shall lie on the signal.
 *
 * VAE and denoiser are frozen: the loss flows through them, and as their tensors are not among
 * tape->trained they receive no gradient. They run without dropout; ControlNet and trajectory
 * encoder run with the tape's. */
#ifndef MLCM_CONTROL_OBJECTIVE_H
#define MLCM_CONTROL_OBJECTIVE_H

#include "controlnet.h"
#include "schedule.h"
#include "trajectory_encoder.h"
#include "vae.h"

/* How the element losses e of controlled joints (m = 1) become one number. C is 3. */
enum control_kind {
    CONTROL_SUM,        /* Σ m·Σ_C e / Σ m over the whole batch */
    CONTROL_MASK,       /* per sample Σ m·Σ_C e / (C·Σ m), then the mean */
    CONTROL_SUM_MASK    /* per sample Σ m·Σ_C e / Σ m, then the mean */
};

struct control_objective {
    struct noise_schedule schedule;
    enum control_kind kind;
    enum element_loss element;
    int metric;                /* 1: compare in metres; 0: in the signal's normalised coordinates */
    int noise_target;          /* 1: the first term compares ε̂ with ε (an MLD base), 0: ẑ_0 with z_0 */
    float latent_weight;       /* of the first term, a mean square; 1 */
    float control_weight;      /* λ, 1 */
    float features_weight;     /* of the same loss over all features of the valid frames, 0 ("rot" in
                                * the published code; C is the number of features) */
};

struct control_networks {
    const struct vae *vae;
    const struct denoiser *denoiser;
    const struct controlnet *controlnet;
    const struct trajectory_encoder *trajectory;
};

struct control_input {
    struct tensor *latent, *noise;      /* z_0, ε (batch·L, D) constants */
    const int *timesteps;               /* (batch) host */
    const float *w;                     /* (batch) host guidance w = s - 1; not read if guidance is given
                                         * or the denoiser has none */
    struct tensor *guidance, *time;     /* features of w and timesteps, or NULL: computed */
    struct tensor *text;                /* (batch·text_tokens, text_width) */
    const float *hint;                  /* (batch, frames, J, 3) host: normalised signal, 0 where not controlled */
    const unsigned char *mask;          /* (batch, frames, J) host */
    const int *lengths;                 /* (batch) host */
    struct tensor *motion;              /* (batch·frames, nfeats) normalised; read if features_weight is not 0 */
    struct tensor *mean, *std;          /* (nfeats) of the features */
    const float *raw_mean, *raw_std;    /* (J, 3) host: of the joints' global positions */
    int batch, frames, text_tokens;
    /* When this is a piece of a batch: its share of the samples, and for CONTROL_SUM the whole
     * batch's controlled joints and valid frames. 1, 0, 0 if it is all of it. */
    float share;
    double keypoints, valid_frames;
};

struct control_losses {
    double latent, control, features, total;   /* already weighted */
};
enum { CONTROL_TRAJECTORY, CONTROL_NOISE, CONTROL_CLEAN, CONTROL_FEATURES, CONTROL_JOINTS, CONTROL_OUTPUTS };

/* One forward pass with losses seeded for backward. outputs, if not NULL, receives the trajectory
 * feature, ε̂, ẑ_0, the decoded features and their joints in metres. Errors go to the tape: a signal
 * that is not finite, a sample without any controlled joint. */
struct control_losses control_objective_run(struct tape *t, const struct control_objective *o,
                                            const struct control_networks *n, const struct control_input *in,
                                            struct tensor *outputs[CONTROL_OUTPUTS]);

/* The comparison alone: joints (batch·frames, J·3) in metres against the signal, weighted by
 * `weight` and seeded. Uses of `in`: hint, mask, raw_mean, raw_std, batch, frames, share, keypoints. */
double control_term(struct tape *t, const struct control_objective *o, struct tensor *joints, int njoints,
                    const struct control_input *in, float weight);

#endif
