/* The learned evaluator: text and motion in one space (Guo et al. 2022).
 *
 * A movement encoder turns four frames into one vector, a bidirectional GRU
 * turns the vectors of a clip into one embedding, another GRU does so with the
 * words of a caption; matching pairs lie close together. Every dimension is
 * free; the published evaluator has the values given below. Parameter names
 * and their order are those of the published state dictionaries. */
#ifndef MLCM_EVALUATOR_H
#define MLCM_EVALUATOR_H

#include "../engine/layers.h"

struct evaluator_size {
    int nfeats;            /* channels of the representation, 263; the last four are not read */
    int movement_hidden;   /* 512 */
    int movement_latent;   /* 512 */
    int motion_hidden;     /* 1024 */
    int text_hidden;       /* 512 */
    int embedding;         /* 512 */
    int word_width;        /* 300 */
    int parts_of_speech;   /* 15 */
};

enum { EVALUATOR_UNIT = 4 };   /* frames of one movement vector */

/* A bidirectional GRU with a learned initial state and the head on its two last states. */
struct gru_encoder {
    struct param *hidden;                       /* (2,1,h): initial state of each direction */
    struct linear_layer input;                  /* input_emb */
    struct {
        struct param *weight_ih, *weight_hh, *bias_ih, *bias_hh;
    } direction[2];                             /* forward, backward */
    struct linear_layer head, out;              /* output_net.0 and .3 */
    struct norm_layer norm;                     /* output_net.1 */
};

struct evaluator {
    struct evaluator_size size;
    struct device *device;
    struct params movement, motion, text;
    struct {
        struct param *conv1_weight, *conv1_bias, *conv2_weight, *conv2_bias;
        struct linear_layer out;
    } movement_encoder;
    struct gru_encoder motion_encoder, text_encoder;
    struct linear_layer part_of_speech;         /* pos_emb */
    char sha256[65];                            /* of the file it was read from, or "" */
};

/* Registers the parameters without memory for them: their names and shapes. d may be NULL. */
int evaluator_add(struct evaluator *ev, struct device *d, const struct evaluator_size *size, struct error *e);
/* Parameters allocated on d, all zero. Free with evaluator_free. */
int evaluator_create(struct evaluator *ev, struct device *d, const struct evaluator_size *size, struct error *e);
void evaluator_free(struct evaluator *ev);
/* Fresh values: Xavier-normal convolutions and linear layers with zero biases, GRU uniform
 * ±1/√h, initial states N(0,1), layer norm 1 and 0. */
int evaluator_initialise(struct evaluator *ev, uint64_t seed, struct error *e);

/* --- files --------------------------------------------------------------- */

/* Sizes from the tensors of a checkpoint: `movement_encoder.…` (finest.tar, own files) or
 * `t2m_moveencoder.…` (inside a published MotionLCM or MLD checkpoint). */
int evaluator_size_from(const struct weights *w, struct evaluator_size *size, struct error *e);
int evaluator_load(struct evaluator *ev, struct weights *w, struct error *e);
/* Reads a file of any form that weights_read knows, creates and loads. */
int evaluator_open(struct evaluator *ev, struct device *d, const char *path, struct error *e);
/* Writes kind "evaluator". fingerprint names the training run, note is a JSON text. */
int evaluator_save(const struct evaluator *ev, const char *path, const char *fingerprint, const char *note,
                   struct error *e);

/* --- networks on a tape ---------------------------------------------------- */

/* Inner results, for conformance; each may be NULL afterwards. */
struct evaluator_stages {
    struct tensor *conv1, *conv2, *movement;        /* (batch·frames/2, hidden), (batch·frames/4, latent) ×2 */
    struct tensor *input;                           /* (batch·steps, h) */
    struct tensor *sequence[2], *last[2];           /* forward, backward: (batch·steps, h), (batch, h) */
};

/* x (batch·frames, nfeats) in evaluator space -> (batch·⌊frames/4⌋, latent). factor: dropout factors
 * of the two convolutions' outputs, 0 or 1/(1-p), instead of the tape's dropout; or NULL. */
struct tensor *evaluator_movement(struct tape *t, const struct evaluator *ev, struct tensor *x, int batch,
                                  struct tensor *const factor[2], struct evaluator_stages *stages);
/* movement (batch·steps, latent), steps of each clip = frames/4 -> (batch, embedding). */
struct tensor *evaluator_motion(struct tape *t, const struct evaluator *ev, struct tensor *movement,
                                const int *steps, int batch, struct evaluator_stages *stages);
/* words (batch·tokens, word_width), speech (batch·tokens, parts_of_speech) one-hot -> (batch, embedding). */
struct tensor *evaluator_text(struct tape *t, const struct evaluator *ev, struct tensor *words,
                              struct tensor *speech, const int *tokens, int batch, struct evaluator_stages *stages);

/* --- embeddings -------------------------------------------------------------- */

/* What the evaluator sees after a clip's end. The last movement vector of a clip reads up to
 * three frames beyond it, so the rule is part of the number.
 *   GIVEN  the rows as they are in the array (a generator's own padding);
 *   BATCH  consecutive batches, each padded with `row` to its longest clip (MLD, MotionLCM): an
 *          embedding depends on its batch, the longest clip sees the convolution's own zeros;
 *   FIXED  every clip is padded with `row` to `frames` (MotionLCM's PADDING_TO_MAX, 200):
 *          an embedding does not depend on its neighbours. With row NULL, zeros in
 *          evaluator space, and frames 196: the rule of the original text-to-motion code. */
enum evaluator_padding_rule { EVALUATOR_PADDING_GIVEN, EVALUATOR_PADDING_BATCH, EVALUATOR_PADDING_FIXED };
struct evaluator_padding {
    enum evaluator_padding_rule rule;
    int batch;             /* BATCH: clips a batch, 32 */
    int frames;            /* FIXED: padded length */
    const float *row;      /* (nfeats) in evaluator space; NULL = zeros */
};

/* motions (n, frames, nfeats) in evaluator space, lengths (n) in 4 … frames -> out (n, embedding),
 * in the order given. Works on as many pieces at a time as the device has threads. */
int evaluator_embed_motion(const struct evaluator *ev, const float *motions, int n, int frames, const int *lengths,
                           const struct evaluator_padding *padding, float *out, struct error *e);
/* words (n, tokens, word_width), speech (n, tokens, parts_of_speech), lengths (n) in 1 … tokens. */
int evaluator_embed_text(const struct evaluator *ev, const float *words, const float *speech, int n, int tokens,
                         const int *lengths, float *out, struct error *e);
/* Moves n rows of dataset-normalised features to evaluator space: (x·std + mean - mean_eval)/std_eval.
 * Applied to a row of zeros it gives the padding row of MLD and MotionLCM. In place is allowed. */
void evaluator_renormalise(float *out, const float *x, size_t n, int nfeats, const float *mean, const float *std,
                           const float *mean_eval, const float *std_eval);

/* The order in which the published code embeds a batch: longest first, of equals the later first. */
void evaluator_order(const int *lengths, int n, int *order);

#endif
