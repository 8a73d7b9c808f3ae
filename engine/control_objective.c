#include "control_objective.h"
#include "control_mask.h"
#include "noising.h"
#include <stdlib.h>
#include <string.h>

static float *host_floats(struct tape *t, size_t count)
{
    float *x = malloc(count * sizeof *x + 1);
    if (!x) tape_error(t, "out of memory");
    return x;
}

static struct tensor *taken_over(struct tape *t, float *host, int rows, int cols)
{
    struct tensor *x = host ? tape_constant(t, host, rows, cols) : NULL;
    free(host);
    return x;
}

/* What a piece of `batch` samples with `rows` rows each is part of. */
struct portion {
    int batch, rows;
    float share;
    double total;             /* rows that count in the whole batch, 0: in this piece */
};

/* Turns counts (batch·rows, 1 where a row counts) into weights that make op_loss over `cols`
 * columns the objective's kind, on the device. Takes over `m`. */
static const float *kind_weights(struct tape *t, enum control_kind kind, float *m, const struct portion *p, int cols,
                                 float weight, const char *what)
{
    double total = p->total;
    if (!m) return NULL;
    for (int i = 0; i < p->batch * p->rows && p->total <= 0; i++) total += (double)m[i];
    for (int b = 0; b < p->batch; b++) {
        float *row = m + (size_t)b * (size_t)p->rows;
        double count = 0;
        for (int i = 0; i < p->rows; i++) count += (double)row[i];
        if (!(count > 0)) tape_error(t, "sample %d of the batch has no %s; leave it out", b, what);
        double scale = kind == CONTROL_SUM ? 1 / total : (double)p->share / p->batch / count;
        if (kind == CONTROL_MASK) scale /= cols;
        for (int i = 0; i < p->rows; i++) row[i] = (float)((double)row[i] * scale * (double)weight);
    }
    struct tensor *w = taken_over(t, m, p->batch, p->rows);
    return w ? w->x : NULL;
}

/* (row - mean)/std for rows of `cols` values, mean and std on the host. */
static struct tensor *normalised(struct tape *t, struct tensor *x, const float *mean, const float *std)
{
    size_t rows = (size_t)x->rows, cols = (size_t)x->cols;
    float *shift = host_floats(t, rows * cols), *scale = host_floats(t, rows * cols);
    for (size_t i = 0; shift && scale && i < rows * cols; i++) {
        shift[i] = -mean[i % cols];
        scale[i] = 1 / std[i % cols];
    }
    struct tensor *a = taken_over(t, shift, x->rows, x->cols), *b = taken_over(t, scale, x->rows, x->cols);
    return op_multiply(t, op_add(t, x, a), b);
}

double control_term(struct tape *t, const struct control_objective *o, struct tensor *joints, int njoints,
                    const struct control_input *in, float weight)
{
    if (!joints) return 0;
    int rows = in->batch * in->frames;
    size_t keys = (size_t)rows * (size_t)njoints;
    struct error e;
    float *signal = host_floats(t, 3 * keys), *m = host_floats(t, keys);
    if (!signal || !m || joints->rows != rows || joints->cols != 3 * njoints) {
        tape_error(t, "joints of %d x %d for a signal of %d frames and %d joints", joints->rows, joints->cols, rows, njoints);
        free(signal);
        free(m);
        return 0;
    }
    /* Either way the conversion finds what is not finite, and statistics that cannot be; in
     * normalised coordinates the signal then stays as it is. */
    if (control_signal_metres(in->hint, in->mask, in->raw_mean, in->raw_std, rows, njoints, signal, &e))
        tape_error(t, "%s", e.text);
    if (!o->metric) memcpy(signal, in->hint, 3 * keys * sizeof *signal);
    for (size_t i = 0; i < keys; i++) m[i] = in->mask[i] ? 1 : 0;
    const struct portion p = {in->batch, in->frames * njoints, in->share, in->keypoints};
    const float *weights = kind_weights(t, o->kind, m, &p, 3, weight, "controlled joint");
    struct tensor *goal = taken_over(t, signal, (int)keys, 3);
    struct tensor *x = o->metric ? joints : normalised(t, joints, in->raw_mean, in->raw_std);
    x = tape_reshape(t, x, (int)keys, 3);
    return weights && goal && x ? op_loss(t, x, goal, weights, o->element, 0) : 0;
}

/* The same loss over the features of the valid frames. */
static double features_term(struct tape *t, const struct control_objective *o, struct tensor *features,
                            const struct control_input *in)
{
    float *m = features ? host_floats(t, (size_t)in->batch * (size_t)in->frames) : NULL;
    if (!m) return 0;
    for (int b = 0; b < in->batch; b++)
        for (int i = 0; i < in->frames; i++) m[b * in->frames + i] = i < in->lengths[b] ? 1 : 0;
    const struct portion p = {in->batch, in->frames, in->share, in->valid_frames};
    const float *weights = kind_weights(t, o->kind, m, &p, features->cols, o->features_weight, "valid frame");
    return weights && in->motion ? op_loss(t, features, in->motion, weights, o->element, 0) : 0;
}

struct control_losses control_objective_run(struct tape *t, const struct control_objective *o,
                                            const struct control_networks *n, const struct control_input *in,
                                            struct tensor *outputs[CONTROL_OUTPUTS])
{
    struct control_losses r = {0};
    struct tensor *out[CONTROL_OUTPUTS] = {NULL}, *residuals[MAX_LAYERS] = {NULL};
    const struct denoiser_size *size = &n->denoiser->size;
    int joints = n->trajectory->size.joints, batch = in->batch;
    float dropout = t->dropout;
    struct error e;
    if (control_signal_check(in->hint, in->mask, batch * in->frames, joints, &e)) tape_error(t, "%s", e.text);
    struct tensor *noisy = noisy_latent(t, &o->schedule, in->timesteps, in->latent, in->noise, batch);
    struct denoiser_input run = {.latent = noisy, .time = in->time, .guidance = in->guidance, .text = in->text,
                                 .batch = batch, .text_tokens = in->text_tokens};
    if (!noisy) return r;
    if (!run.time) run.time = time_feature_rows(t, in->timesteps, batch, size->time_width);
    if (!run.guidance && size->guidance_width) run.guidance = guidance_feature_rows(t, in->w, batch, size->guidance_width);
    struct tensor *hint = tape_constant(t, in->hint, batch * in->frames, 3 * joints);
    struct tensor *trajectory = out[CONTROL_TRAJECTORY] = trajectory_encoder_run(t, n->trajectory, hint, in->mask, batch);
    controlnet_run(t, n->controlnet, &run, trajectory, residuals, NULL);

    t->dropout = 0;            /* the frozen part */
    run.residuals = residuals;
    struct tensor *eps = out[CONTROL_NOISE] = denoiser_run(t, n->denoiser, &run, NULL);
    struct tensor *clean = out[CONTROL_CLEAN] = clean_estimate(t, &o->schedule, in->timesteps, noisy, eps, batch);
    if (o->control_weight > 0 || o->features_weight > 0 || outputs) {
        out[CONTROL_FEATURES] = vae_decode(t, n->vae, clean, in->lengths, batch, in->frames);
        out[CONTROL_JOINTS] = op_recover_joints(t, out[CONTROL_FEATURES], in->mean, in->std, batch, joints);
    }
    t->dropout = dropout;

    struct tensor *first = o->noise_target ? eps : clean;
    const float *weights = mean_row_weights(t, first, in->share * o->latent_weight);
    if (weights) r.latent = op_loss(t, first, o->noise_target ? in->noise : in->latent, weights, LOSS_L2, 0);
    if (o->control_weight > 0) r.control = control_term(t, o, out[CONTROL_JOINTS], joints, in, o->control_weight);
    if (o->features_weight > 0) r.features = features_term(t, o, out[CONTROL_FEATURES], in);
    r.total = r.latent + r.control + r.features;
    if (outputs) memcpy(outputs, out, sizeof out);
    return r;
}
