/* What the stages in latent space draw for a batch: samples of the posterior, noise, captions, and a number or two
 * a sample. Two batches, as bench/feed.h wants them. */
#ifndef MLCM_LATENT_BATCH_H
#define MLCM_LATENT_BATCH_H

#include "batches.h"
#include "latents.h"

struct latent_slot {
    struct batches batches;
    float *z, *eps, *w;          /* (batch, width) twice, (batch) */
    int *number;                 /* (batch) timesteps, or places on the distillation's grid */
    const char **texts;          /* (batch) */
};
struct latent_batch {
    int piece, width;
    uint64_t seed;
    struct latents latents;      /* the caller fills it; latent_batch_free gives it back */
    struct latent_slot slot[2];
};
/* What is random about a sample beside its latent. */
struct latent_choices {
    const char *stream;          /* "mld" */
    int numbers;                 /* number is drawn from 0 … numbers - 1 */
    int guided;                  /* 1: w is drawn from w_low … w_high */
    double w_low, w_high;
    double empty;                /* probability that a caption becomes "" ; < 0: nothing is drawn for it */
};

int latent_batch_create(struct latent_batch *b, const struct set *s, const struct items *it, int batch, int piece, uint64_t seed,
                        struct error *e);
void latent_batch_free(struct latent_batch *b);
/* The number of pieces of the batch of `step`. */
int latent_batch_prepare(struct latent_batch *b, const char *stream, int64_t step);
void latent_batch_fill(struct latent_batch *b, const struct latent_choices *c, int64_t step, int piece);
/* The samples of a piece: *first and the count. */
int latent_batch_piece(const struct latent_batch *b, int64_t step, int piece, int *first);

#endif
