/* The encoder of T5 (Raffel et al. 2020), as sentence-T5 uses it. Inference only.
 *
 * Layers with root-mean-square norms before each part and no biases; scores are
 * not scaled but get a learned bias by relative position, the same in all
 * layers; the feed-forward part is plain (T5 1.0) or gated (T5 1.1). */
#ifndef MLCM_T5_ENCODER_H
#define MLCM_T5_ENCODER_H

#include "text_layers.h"

/* What the tensors do not tell; t5_settings_default gives the published values. */
struct t5_settings {
    enum activation activation;/* ACT_NONE: relu, or the tanh form of gelu where gated */
    float eps;                 /* 1e-6 */
    int farthest;              /* distance from which on all share a bucket, 128 */
};
struct t5_settings t5_settings_default(void);

struct t5_encoder {
    struct params params;
    struct text_stack stack;
    struct param *table;       /* (vocabulary, width) */
    struct norm_layer norm;
    int vocabulary, buckets, farthest;
    float *bias;               /* host (buckets, heads) */
};

/* An encoder of the given sizes, its parameters allocated and not yet filled, its biases by position 0. Free
 * with t5_encoder_free, also after an error. */
int t5_encoder_create(struct t5_encoder *x, struct device *d, const struct text_stack_size *size, int vocabulary, int buckets,
                      int farthest, struct error *e);
/* Whether there is a T5 encoder below the prefix (a full T5 has one, too). */
int t5_encoder_found(const struct weights *w, const char *prefix);
/* Sizes come from the tensors named as in the published files; what is read is marked as used. */
int t5_encoder_load(struct t5_encoder *x, struct device *d, struct weights *w, const char *prefix,
                    const struct t5_settings *settings, struct error *e);
void t5_encoder_free(struct t5_encoder *x);

/* Token states (batch·frames, width) after the last norm. states (layers) receives each layer's
 * output, or is NULL. */
struct tensor *t5_encoder_run(struct tape *t, const struct t5_encoder *x, const struct text_batch *batch,
                              struct tensor **states);

/* The bucket of a relative position (key - query), of `buckets` in all. */
int t5_bucket(int relative, int buckets, int farthest);
/* The bias (heads, frames, frames) of all layers on the host, malloc'd; NULL when out of memory. */
float *t5_position_bias(const struct t5_encoder *x, int frames);

#endif
