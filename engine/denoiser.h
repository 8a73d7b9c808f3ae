/* The latent denoiser of MLD and MotionLCM (paper 3.2, 3.3). */
#ifndef MLCM_DENOISER_H
#define MLCM_DENOISER_H

#include "layers.h"

struct denoiser_size {
    int latent_tokens, latent_width;
    int projections;            /* V2: latent_pre, latent_post */
    int text_width, time_width;
    int guidance_width;         /* width of the guidance features; 0: a plain MLD */
    enum activation text_act;   /* V1: ACT_RELU, V2: ACT_NONE */
    int positions;
    struct transformer_size transformer;
};

struct denoiser {
    struct denoiser_size size;
    struct params params;
    struct linear_layer latent_pre, latent_post, time1, time2, text;
    struct param *guidance;     /* time_embedding.cond_proj.weight, NULL in MLD */
    struct param *positions;
    struct skip_transformer encoder;
};

/* Parameters allocated on `device`, not yet initialised. Sizes that do not fit together are an ERR_INPUT. Free
 * with denoiser_free, which is safe on a zeroed struct and after an error. */
int denoiser_create(struct denoiser *d, struct device *device, const struct denoiser_size *size, struct error *e);
void denoiser_free(struct denoiser *d);
/* Reads sizes from the tensors of a checkpoint; heads (4 in every published model), the text's activation and
 * the number of latent tokens (1 here) are not in it: the caller sets them. A tensor that such a network needs
 * and that is missing or misshapen is an error, before anything of that size is allocated. */
int denoiser_size_from(const struct weights *w, const char *prefix, int heads, enum activation text_act,
                       struct denoiser_size *size, struct error *e);

/* The same without comparing the tensors, for networks that only have some of them. */
int denoiser_size_read(const struct weights *w, const char *prefix, int heads, enum activation text_act,
                       struct denoiser_size *size, struct error *e);

struct denoiser_input {
    struct tensor *latent;      /* (batch·L, D) */
    struct tensor *time;        /* (batch, time_width) sinusoidal features */
    struct tensor *guidance;    /* (batch, guidance_width) or NULL */
    struct tensor *text;        /* (batch·text_tokens, text_width) */
    int batch, text_tokens;
    struct tensor *const *residuals; /* ControlNet: one (batch·(L+1+S), d) a layer, or NULL */
    struct tensor *time_token;  /* (batch, d) of denoiser_time_tokens, in place of time and guidance; or NULL */
    struct tensor *text_tokens_ready; /* (batch·text_tokens, d) of denoiser_text_tokens, in place of text; or NULL */
};
/* The parts of the sequence that do not change from step to step, computed once a schedule and once a
 * sentence: time (n, time_width) and guidance (n, guidance_width) or NULL -> (n, d); text (n, text_width) -> (n, d). */
struct tensor *denoiser_time_tokens(struct tape *t, const struct denoiser *d, struct tensor *time, struct tensor *guidance);
struct tensor *denoiser_text_tokens(struct tape *t, const struct denoiser *d, struct tensor *text);

/* Predicted noise (batch·L, D). *time_embedding, if not NULL, receives (batch, d). */
struct tensor *denoiser_run(struct tape *t, const struct denoiser *d, const struct denoiser_input *in,
                            struct tensor **time_embedding);

/* The two halves of create and run that a ControlNet shares. denoiser_add checks the sizes and
 * registers the tensors in d->params, which the caller then allocates; with_norm 0 leaves out the
 * stack's last norm. denoiser_sequence gives what enters the stack: latent, time and text tokens
 * with positions, (batch·(L+1+S), d). */
int denoiser_add(struct denoiser *d, struct device *device, const struct denoiser_size *size, int with_norm,
                 struct error *e);
struct tensor *denoiser_sequence(struct tape *t, const struct denoiser *d, const struct denoiser_input *in,
                                 struct tensor **time_embedding);

/* Host arrays of features for a batch, put on the tape. */
struct tensor *time_feature_rows(struct tape *t, const int *timesteps, int batch, int width);
struct tensor *guidance_feature_rows(struct tape *t, const float *w, int batch, int width);

#endif
