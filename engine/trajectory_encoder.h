/* The trajectory encoder of motion control (paper 3.4): joints to pass through become
 * a feature of the latent's shape. */
#ifndef MLCM_TRAJECTORY_ENCODER_H
#define MLCM_TRAJECTORY_ENCODER_H

#include "layers.h"

struct trajectory_encoder_size {
    int joints;                  /* 22 */
    int latent_tokens, latent_width;
    int projections;             /* V2: latent_proj; V1: latent_width = transformer width */
    int positions;
    struct transformer_size transformer;
};

struct trajectory_encoder {
    struct trajectory_encoder_size size;
    struct params params;
    struct param *token, *positions;
    struct linear_layer skeleton, projection;
    struct skip_transformer encoder;
};

/* Parameters allocated on d, not yet initialised. Free with trajectory_encoder_free. */
int trajectory_encoder_create(struct trajectory_encoder *n, struct device *d,
                              const struct trajectory_encoder_size *size, struct error *e);
void trajectory_encoder_free(struct trajectory_encoder *n);
/* Reads sizes from the tensors of a checkpoint (heads are not in it and are given). */
int trajectory_encoder_size_from(const struct weights *w, const char *prefix, int heads,
                                 struct trajectory_encoder_size *size, struct error *e);

/* out (batch, frames) on the host: 1 where a frame has a controlled joint, else 0.
 * mask (batch, frames, joints): non-zero where controlled. */
void trajectory_frames(const unsigned char *mask, int batch, int frames, int joints, float *out);

/* hint (batch·frames, joints·3): normalised positions, 0 where not controlled. Frames without a
 * controlled joint, the padding among them, are not seen. Result (batch·L, D). */
struct tensor *trajectory_encoder_run(struct tape *t, const struct trajectory_encoder *n, struct tensor *hint,
                                      const unsigned char *mask, int batch);

#endif
