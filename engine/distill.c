#include "distill.h"
#include "noising.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int distillation_make(struct distillation *d, int points, enum element_loss loss, float huber_c, struct error *e)
{
    memset(d, 0, sizeof *d);
    if (points < 1 || points > TRAIN_STEPS || TRAIN_STEPS % points)
        return error_set(e, ERR_INPUT, "distillation: a grid of %d points does not divide %d", points, TRAIN_STEPS);
    noise_schedule_make(&d->schedule, 0.00085, 0.012);
    d->points = points;
    d->loss = loss;
    d->huber_c = huber_c;
    solver_grid(&d->schedule, points, d->timesteps, d->alpha_previous);
    return 0;
}

/* One coefficient a sample, repeated for its `tokens` rows, on the device. */
static const float *row_values(struct tape *t, const double *value, int batch, int tokens)
{
    float *host = malloc((size_t)batch * (size_t)tokens * sizeof *host);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < tokens; i++) host[b * tokens + i] = (float)value[b];
    struct tensor *x = tape_constant(t, host, batch, tokens);
    free(host);
    return x ? x->x : NULL;
}

/* ca[b]·x + cb[b]·y over the rows of each sample */
static struct tensor *mix(struct tape *t, const double *ca, struct tensor *x, const double *cb, struct tensor *y, int batch)
{
    if (!x || !y) return NULL;
    int tokens = x->rows / batch;
    const float *a = row_values(t, ca, batch, tokens), *b = row_values(t, cb, batch, tokens);
    return a && b ? op_combine_rows(t, a, x, b, y) : NULL;
}

enum { MAX_BATCH = 1024 };

double diffusion_run(struct tape *t, const struct noise_schedule *s, const struct denoiser *d, struct tensor *latent,
                     struct tensor *noise, const int *timesteps, struct tensor *text, int batch, int text_tokens,
                     float share)
{
    struct denoiser_input in = {.latent = noisy_latent(t, s, timesteps, latent, noise, batch),
                                .time = time_feature_rows(t, timesteps, batch, d->size.time_width),
                                .text = text, .batch = batch, .text_tokens = text_tokens};
    struct tensor *eps = denoiser_run(t, d, &in, NULL);
    const float *weight = mean_row_weights(t, eps, share);
    return weight ? op_loss(t, eps, noise, weight, LOSS_L2, 0) : 0;
}

double distill_run(struct tape *t, const struct distillation *d, const struct denoiser *teacher,
                   const struct denoiser *online, const struct denoiser *target, const struct distill_input *in,
                   struct tensor *outputs[DISTILL_OUTPUTS])
{
    int batch = in->batch, start[MAX_BATCH], end[MAX_BATCH], k = TRAIN_STEPS / d->points;
    double c1[MAX_BATCH], c2[MAX_BATCH];
    int recording = t->recording;
    float dropout = t->dropout;
    struct tensor *out[DISTILL_OUTPUTS] = {NULL};
    if (batch < 1 || batch > MAX_BATCH) {
        tape_error(t, "a batch of %d; 1 to %d", batch, MAX_BATCH);
        return 0;
    }
    for (int b = 0; b < batch; b++) {
        if (in->index[b] < 0 || in->index[b] >= d->points) {
            tape_error(t, "grid point %d of %d", in->index[b], d->points);
            return 0;
        }
        start[b] = d->timesteps[in->index[b]];
        end[b] = start[b] - k > 0 ? start[b] - k : 0;
    }
    int wide = online->size.time_width;
    struct tensor *time_start = in->time_start ? in->time_start : time_feature_rows(t, start, batch, wide);
    struct tensor *time_end = in->time_end ? in->time_end : time_feature_rows(t, end, batch, wide);
    struct tensor *guidance = in->guidance ? in->guidance : guidance_feature_rows(t, in->w, batch, online->size.guidance_width);
    struct tensor *noisy = out[DISTILL_NOISY] = noisy_latent(t, &d->schedule, start, in->latent, in->noise, batch);
    struct denoiser_input run = {.latent = noisy, .time = time_start, .guidance = guidance, .text = in->text,
                                 .batch = batch, .text_tokens = in->text_tokens};

    /* online prediction: P = c_skip z + c_out (z - sqrt(1-ᾱ) ε̂)/sqrt(ᾱ) */
    struct tensor *eps = out[DISTILL_ONLINE] = denoiser_run(t, online, &run, NULL);
    for (int b = 0; b < batch; b++) {
        double skip, scale, a = d->schedule.alpha_bar[start[b]];
        boundary_scalings(start[b], &skip, &scale);
        c1[b] = skip + scale / sqrt(a);
        c2[b] = -scale * sqrt((1 - a) / a);
    }
    struct tensor *prediction = out[DISTILL_PREDICTION] = mix(t, c1, noisy, c2, eps, batch);

    /* teacher with guidance, one DDIM step along the grid; nothing below is recorded */
    t->recording = 0;
    if (!d->teacher_dropout) t->dropout = 0;
    run.guidance = NULL;
    struct tensor *cond = out[DISTILL_COND] = denoiser_run(t, teacher, &run, NULL);
    run.text = in->text_empty;
    struct tensor *uncond = out[DISTILL_UNCOND] = denoiser_run(t, teacher, &run, NULL);
    for (int b = 0; b < batch; b++) {
        c1[b] = 1 + (double)in->w[b];
        c2[b] = -(double)in->w[b];
    }
    struct tensor *guided = mix(t, c1, cond, c2, uncond, batch);
    for (int b = 0; b < batch; b++) {
        /* X is linear in ε, so mixing estimates equals the estimate of the mixed noise */
        double a = d->schedule.alpha_bar[start[b]], p = d->alpha_previous[in->index[b]];
        c1[b] = sqrt(p / a);
        c2[b] = sqrt(1 - p) - sqrt(p) * sqrt((1 - a) / a);
    }
    struct tensor *previous = out[DISTILL_PREVIOUS] = mix(t, c1, noisy, c2, guided, batch);

    /* target network at the end of the step */
    run = (struct denoiser_input){.latent = previous, .time = time_end, .guidance = guidance, .text = in->text,
                                  .batch = batch, .text_tokens = in->text_tokens};
    struct tensor *target_eps = out[DISTILL_TARGET_NOISE] = denoiser_run(t, target, &run, NULL);
    for (int b = 0; b < batch; b++) {
        double skip, scale, a = d->schedule.alpha_bar[end[b]];
        boundary_scalings(end[b], &skip, &scale);
        c1[b] = skip + scale / sqrt(a);
        c2[b] = -scale * sqrt((1 - a) / a);
    }
    struct tensor *goal = out[DISTILL_TARGET] = mix(t, c1, previous, c2, target_eps, batch);
    t->recording = recording;
    t->dropout = dropout;
    if (outputs) memcpy(outputs, out, sizeof out);
    const float *weight = goal ? mean_row_weights(t, prediction, in->share) : NULL;
    return weight ? op_loss(t, prediction, goal, weight, d->loss, d->huber_c) : 0;
}
