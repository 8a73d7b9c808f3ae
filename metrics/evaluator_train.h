/* Training an evaluator for one's own data (Guo et al. 2022).
 *
 * Stage one, the movement autoencoder: short windows of motion through the
 * movement encoder and a decoder that is thrown away afterwards. Stage two,
 * matching: with the movement encoder frozen, text and motion encoder learn to
 * bring true pairs together and to hold others at a margin. Each step is a
 * function of explicit inputs; evaluator_train runs both stages. */
#ifndef MLCM_EVALUATOR_TRAIN_H
#define MLCM_EVALUATOR_TRAIN_H

#include "../engine/trainer.h"
#include "evaluator.h"

/* --- stage one ------------------------------------------------------------- */

/* Back from movement vectors to all channels; names of the published state dictionary. */
struct movement_decoder {
    int hidden;
    struct params params;
    struct param *conv1_weight, *conv1_bias, *conv2_weight, *conv2_bias;
    struct linear_layer out;
};
int movement_decoder_create(struct movement_decoder *md, struct device *d, const struct evaluator_size *size,
                            int hidden, struct error *e);
void movement_decoder_free(struct movement_decoder *md);
/* movement (batch·n, latent) -> features (batch·4n, nfeats). */
struct tensor *movement_decode(struct tape *t, const struct movement_decoder *md, struct tensor *movement, int batch);

struct autoencoder_batch {
    int size, frames;             /* frames a multiple of 4 */
    const float *motions;         /* (size, frames, nfeats) normalised */
    float sparsity, smoothness;   /* weights of mean|latent| and mean|latent difference|, 0.001 both */
    const float *factor[2];       /* given dropout factors (size, frames/2, hidden), (size, frames/4, latent); or NULL */
    float *latents, *features;    /* receive (size·frames/4, latent), (size·frames, nfeats); or NULL */
};
struct autoencoder_losses {
    double reconstruction, sparsity, smoothness;   /* plain means */
    double total;                                  /* weighted */
};
/* One Adam step of rate t->config.rate. t trains {&ev->movement, &md->params}; afterwards
 * t->gradient[0] holds the gradients. Loss: mean|features - motions| and the two above. */
int movement_autoencoder_step(struct trainer *t, const struct evaluator *ev, const struct movement_decoder *md,
                              const struct autoencoder_batch *batch, struct autoencoder_losses *losses,
                              struct error *e);

/* --- stage two ------------------------------------------------------------- */

struct matching_batch {
    int size, frames, tokens;
    const float *motions;         /* (size, frames, nfeats) in evaluator space, padding as given */
    const int *lengths;           /* (size) frames */
    const float *words, *speech;  /* (size, tokens, word_width), (size, tokens, parts_of_speech) */
    const int *sentence_lengths;  /* (size) */
    const int *order;             /* (size) in which pairs are embedded and shifted; NULL: evaluator_order */
    /* A negative pair joins text i and motion (i + shift) mod size, both in that order. The published
     * training draws one shift of 0 … size-2, where 0 pushes true pairs apart; draw from 1 … size-1. */
    const int *shifts;
    int nshifts;                  /* the negative loss is the mean over them */
    float margin;                 /* 10 */
    float *text, *motion;         /* receive the embeddings (size, embedding) in that order; or NULL */
};
struct matching_losses {
    double positive, negative, total;
    double norm_text, norm_motion;   /* of the gradients, before clipping */
};
/* d(x, y) = |x - y + 1e-6|, the 1e-6 added to every component: the distance of the loss. */
double matching_distance(const float *x, const float *y, int dim);
/* One Adam step of rate t->config.rate; text and motion encoder are clipped separately to t->config.clip. t trains
 * {&ev->text, &ev->motion}; t->gradient[0] holds the gradients before clipping. Loss: mean d(text, own motion)² + mean max(0, margin - d(text, other motion))². */
int matching_step(struct trainer *t, const struct evaluator *ev, const struct matching_batch *batch,
                  struct matching_losses *losses, struct error *e);

/* --- both stages --------------------------------------------------------------- */

struct evaluator_config {
    struct evaluator_size size;
    int decoder_hidden;
    int window, snippets;            /* stage one: frames of a snippet, snippets of a batch */
    int batch, tokens, frames;       /* stage two: pairs of a batch, rows of captions and clips (multiple of 4) */
    int negatives;                   /* shifts a step; the published number is 1 */
    int64_t autoencoder_steps, matching_steps;
    float autoencoder_rate, matching_rate;
    float final_rate;                /* the rate falls along a cosine to this part of it; 1 = constant, as published */
    float margin, sparsity, smoothness, dropout, clip;
    int accumulators;                /* pieces of a batch that are worked on at a time, 1 … 8 */
    uint64_t seed;
    int64_t validate_every;          /* steps between validations of stage two; 0 = only at its end */
    double save_every;               /* seconds between states */
    int64_t stop_at;                 /* tests: stop, as if killed, after so many steps of both stages; 0 = never */
};
/* A small evaluator that trains in minutes on two cores. The published one has the sizes above, negatives 1, both rates
 * 1e-4 and constant, batches of 128 snippets and of 32 pairs. */
struct evaluator_config evaluator_config_defaults(void);

/* Where batches come from. Each must depend on (the config's seed, step) alone. Return 0 or an error code. */
struct evaluator_source {
    void *context;
    const char *fingerprint;         /* of the data; part of the run's own */
    /* motions (snippets, window, nfeats), normalised as for stage two */
    int (*snippets)(void *context, int64_t step, float *motions, struct error *e);
    /* motions (batch, frames, nfeats) with its padding, words (batch, tokens, word_width), speech (batch, tokens,
     * parts_of_speech), lengths and sentence_lengths (batch); nothing is cleared before. */
    int (*pairs)(void *context, int64_t step, float *motions, int *lengths, float *words, float *speech,
                 int *sentence_lengths, struct error *e);
};

struct evaluator_progress {
    const char *stage;               /* "movement" or "matching" */
    int64_t step, steps;
    double loss, parts[3];           /* movement: reconstruction, sparsity, smoothness; matching: positive, negative */
    double norm_text, norm_motion, rate;
};
struct evaluator_observer {
    void *context;
    void (*step)(void *context, const struct evaluator_progress *p);   /* after each step; or NULL */
    /* Every validate_every steps of stage two and at its end; or NULL. An error ends the training. */
    int (*validate)(void *context, const struct evaluator *ev, int64_t step, struct error *e);
};

/* Of everything that defines the result: 64 hexadecimal digits, NUL. */
void evaluator_train_fingerprint(const struct evaluator_config *config, const struct evaluator_source *source,
                                 char out[65]);
/* Trains ev (created with config->size) and writes it to `path`. The state lies in PATH.state: a run that was
 * killed goes on from it and ends with the same bits; a state of another configuration or of other data is an error.
 * The state file stays for the caller to remove. ERR_CHECK if stopped by stop_at. */
int evaluator_train(struct evaluator *ev, const struct evaluator_config *config, const struct evaluator_source *source,
                    const struct evaluator_observer *observer, const char *path, struct error *e);
/* The rate of a step: a cosine from `rate` to final·rate. */
float evaluator_rate(float rate, float final, int64_t step, int64_t steps);

#endif
