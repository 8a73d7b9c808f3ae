/* The encoders BERT (Devlin et al. 2019) and DistilBERT (Sanh et al. 2019). Inference only. */
#ifndef MLCM_BERT_ENCODER_H
#define MLCM_BERT_ENCODER_H

#include "text_layers.h"

/* What the tensors do not tell. */
struct bert_settings {
    int heads;
    enum activation activation;/* ACT_GELU as a rule */
    float eps;                 /* 1e-12 */
};
struct bert_settings bert_settings_default(void);

struct bert_encoder {
    struct params params;
    struct text_stack stack;
    struct param *words, *positions, *types; /* (vocabulary, width), (positions, width), (types, width) or NULL */
    struct norm_layer norm;
    struct linear_layer pooler;          /* empty if the checkpoint has none */
    int vocabulary, position_count, type_count;
};

/* Whether there is a BERT or DistilBERT below the prefix or below prefix + "bert." or "distilbert.". */
int bert_encoder_found(const struct weights *w, const char *prefix);
int bert_encoder_load(struct bert_encoder *x, struct device *d, struct weights *w, const char *prefix,
                      const struct bert_settings *settings, struct error *e);
void bert_encoder_free(struct bert_encoder *x);

/* Token states (batch·frames, width). types (batch·frames): segment numbers, NULL = all 0.
 * embedded receives the input of the first layer, states (layers) each layer's output; both
 * may be NULL. */
struct tensor *bert_encoder_run(struct tape *t, const struct bert_encoder *x, const struct text_batch *batch,
                                const int *types, struct tensor **embedded, struct tensor **states);
/* tanh of a linear layer of each text's first state: (batch, width). */
struct tensor *bert_encoder_pool(struct tape *t, const struct bert_encoder *x, struct tensor *states, int batch);

#endif
