/* An experiment's systems with seeded random weights: their time and memory without a data set or a checkpoint.
 * What they generate means nothing. */
#ifndef MLCM_RANDOM_MODELS_H
#define MLCM_RANDOM_MODELS_H

#include "table_run.h"

/* How far the sentence vectors of packed weights are from those of single precision. */
struct text_deviation {
    int sentences;              /* 0: not measured, the weights are in single precision or the encoder is our own */
    double relative;            /* largest |packed - single| / |single|, in the norm of a sentence */
    double cosine;              /* smallest */
};

/* Opens c without a data set (chain_open_bare) and the networks that the experiment's models need. The text encoder is
 * the experiment's folder (text.encoder), or random: of our own small kind or, with text.random
 * "sentence-t5-large", of that size. After an error nothing is left to free. */
int random_models_open(struct loaded *l, struct chain *c, struct experiment *x, struct text_deviation *deviation,
                       struct error *e);
/* "sentence-T5-large, random weights, bf16" … */
const char *random_models_text(const struct loaded *l, const struct experiment *x, char text[120]);

#endif
