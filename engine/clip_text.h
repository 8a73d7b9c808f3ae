/* CLIP's text encoder (Radford et al. 2021). Inference only.
 *
 * Layers with norms before each part; a token sees itself and what is before
 * it; the state at the end token, projected, is the text's feature. */
#ifndef MLCM_CLIP_TEXT_H
#define MLCM_CLIP_TEXT_H

#include "text_layers.h"

/* What the tensors do not tell. */
struct clip_settings {
    int heads;                 /* 0: width / 64, as in all published models */
    enum activation activation;/* ACT_QUICK_GELU as a rule */
    float eps;                 /* 1e-5 */
};
struct clip_settings clip_settings_default(void);

struct clip_text {
    struct params params;
    struct text_stack stack;
    struct param *table, *positions;     /* (vocabulary, width), (context, width) */
    struct norm_layer norm;
    struct linear_layer projection;      /* (features, width) */
    int vocabulary, context, features;   /* features 0: the checkpoint has no projection */
};

/* Whether there is a text encoder of either layout below the prefix. */
int clip_text_found(const struct weights *w, const char *prefix);
/* Reads OpenAI's names (transformer.resblocks…) and Hugging Face's (text_model…), with a prefix
 * such as "clip." before them; the image encoder is left alone. */
int clip_text_load(struct clip_text *x, struct device *d, struct weights *w, const char *prefix,
                   const struct clip_settings *settings, struct error *e);
void clip_text_free(struct clip_text *x);

/* Token states (batch·frames, width) after the last norm; frames at most the context. The mask
 * of the batch is not used: what follows the end token cannot be seen from before. embedded
 * receives the input of the first layer, states (layers) each layer's output; both may be NULL. */
struct tensor *clip_text_run(struct tape *t, const struct clip_text *x, const struct text_batch *batch,
                             struct tensor **embedded, struct tensor **states);
/* The states at the end token: the first place of the largest token number. (batch, width) */
struct tensor *clip_text_pool(struct tape *t, struct tensor *states, const struct text_batch *batch);
/* The feature (batch, features) of pooled states. */
struct tensor *clip_text_project(struct tape *t, const struct clip_text *x, struct tensor *pooled);

#endif
