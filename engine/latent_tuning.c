#include "latent_tuning.h"
#include "control_mask.h"
#include "noising.h"
#include "rng.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct latent_tuning latent_tuning_defaults(void)
{
    struct latent_tuning c = {.timestep = 799, .w = 7, .steps = 400, .warmup = 50, .rate = 0.1, .beta1 = 0.9,
                              .beta2 = 0.999, .eps = 1e-8, .correlation = 100, .element = LOSS_L2, .seed = 1234};
    noise_schedule_make(&c.schedule, 0.00085, 0.012);
    return c;
}

/* (mean of u·u moved on by one token)² and, scaled, its gradient into du. */
static double level(const double *u, double *du, int tokens, int width, double weight)
{
    double mean = 0, count = (double)tokens * width;
    for (int i = 0; i < tokens; i++)
        for (int k = 0; k < width; k++) mean += u[i * width + k] * u[(i + tokens - 1) % tokens * width + k];
    mean /= count;
    for (int i = 0; i < tokens; i++)
        for (int k = 0; k < width; k++)
            du[i * width + k] += weight * 2 * mean / count *
                                 (u[(i + tokens - 1) % tokens * width + k] + u[(i + 1) % tokens * width + k]);
    return mean * mean;
}

int latent_correlation(const float *z, int tokens, int width, uint64_t seed, int step, double weight, double *value,
                       double *gradient, struct error *e)
{
    int size = 1;
    while (size < tokens) size *= 2;
    size_t whole = (size_t)size * (size_t)width, given = (size_t)tokens * (size_t)width;
    double *u = calloc(4 * whole + 1, sizeof *u), *du = u + 2 * whole;   /* all levels, one after another */
    if (!u) return error_memory(e, "the correlation of a latent");
    for (size_t i = 0; i < given; i++) u[i] = (double)z[i];
    struct rng r = rng_make(seed, rng_stream("latent tuning/padding") + (uint64_t)step);
    for (size_t i = given; i < whole; i++) u[i] = rng_normal(&r);
    *value = 0;
    size_t at = 0;
    int n = size;
    for (; n > 2; n /= 2) {
        size_t next = at + (size_t)n * (size_t)width;
        *value += level(u + at, du + at, n, width, weight);
        for (int i = 0; i < n / 2; i++)
            for (int k = 0; k < width; k++) {
                const double *pair = u + at + (size_t)(2 * i * width + k);
                u[next + (size_t)(i * width + k)] = 0.5 * (pair[0] + pair[width]);
            }
        at = next;
    }
    while (n < size) {                       /* back through the averages */
        size_t from = at;
        n *= 2;
        at -= (size_t)n * (size_t)width;
        for (int i = 0; i < n; i++)
            for (int k = 0; k < width; k++)
                du[at + (size_t)(i * width + k)] += 0.5 * du[from + (size_t)(i / 2 * width + k)];
    }
    for (size_t i = 0; gradient && i < given; i++) gradient[i] += du[i];
    free(u);
    return 0;
}

/* The joints' part of the loss at z and its gradient, both on the host. */
static int joints_loss(struct tape *t, const struct latent_tuning *c, const struct vae *vae,
                       const struct denoiser *denoiser, const struct latent_tuning_input *in, const float *z,
                       double *loss, float *gradient, struct error *e)
{
    const struct denoiser_size *s = &denoiser->size;
    const struct control_objective compare = {.kind = CONTROL_MASK, .element = c->element, .metric = 1};
    const struct control_input signal = {.hint = in->hint, .mask = in->mask, .raw_mean = in->raw_mean,
                                         .raw_std = in->raw_std, .batch = 1, .frames = in->frames, .share = 1};
    tape_start(t, 1, 0, 0, 0);
    struct tensor *leaf = tape_leaf(t, z, s->latent_tokens, s->latent_width);
    struct denoiser_input run = {
        .latent = leaf,
        .time = in->time ? tape_constant(t, in->time, 1, s->time_width) : time_feature_rows(t, &c->timestep, 1, s->time_width),
        .guidance = !s->guidance_width ? NULL
                    : in->guidance     ? tape_constant(t, in->guidance, 1, s->guidance_width)
                                       : guidance_feature_rows(t, &c->w, 1, s->guidance_width),
        .text = tape_constant(t, in->text, in->text_tokens, s->text_width),
        .batch = 1,
        .text_tokens = in->text_tokens,
    };
    struct tensor *eps = denoiser_run(t, denoiser, &run, NULL);
    struct tensor *latent = consistency_estimate(t, &c->schedule, &c->timestep, leaf, eps, 1);
    struct tensor *features = vae_decode(t, vae, latent, &in->length, 1, in->frames);
    struct tensor *joints = op_recover_joints(t, features, tape_constant(t, in->mean, 1, vae->size.nfeats),
                                              tape_constant(t, in->std, 1, vae->size.nfeats), 1, in->joints);
    *loss = control_term(t, &compare, joints, in->joints, &signal, 1);
    tape_backward(t);
    int rc = tape_failed(t, e);
    if (rc) return rc;
    if (!leaf->g) return error_set(e, ERR_INTERNAL, "latent tuning: no gradient reaches the latent");
    t->device->download(t->device, gradient, leaf->g, (size_t)s->latent_tokens * (size_t)s->latent_width);
    return 0;
}

/* g += weight·d‖z - z⁰‖/dz; 0 at z = z⁰. */
static void add_distance(const float *z, const float *start, size_t n, double weight, double *g)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += ((double)z[i] - (double)start[i]) * ((double)z[i] - (double)start[i]);
    if (!(squares > 0)) return;
    for (size_t i = 0; i < n; i++) g[i] += weight * ((double)z[i] - (double)start[i]) / sqrt(squares);
}

int latent_tuning_run(struct tape *t, const struct latent_tuning *c, const struct vae *vae,
                      const struct denoiser *denoiser, const struct latent_tuning_input *in, float *latent,
                      struct error *e)
{
    int tokens = denoiser->size.latent_tokens, width = denoiser->size.latent_width, rc;
    size_t n = (size_t)tokens * (size_t)width;
    if (t->trained[0] || t->trained[1] || t->trained[2])
        return error_set(e, ERR_INTERNAL, "latent tuning needs a tape of its own, without trained networks");
    if (c->timestep < 0 || c->timestep >= TRAIN_STEPS || c->steps < 0 || c->warmup < 0)
        return error_set(e, ERR_USAGE, "latent tuning: timestep %d, %d steps, warm-up %d; use a timestep below %d and no "
                                       "negative number", c->timestep, c->steps, c->warmup, TRAIN_STEPS);
    if (in->length < 1 || in->length > in->frames)
        return error_set(e, ERR_USAGE, "latent tuning: a motion of %d frames with a signal of %d; use at most as many",
                         in->length, in->frames);
    if ((rc = control_signal_check(in->hint, in->mask, in->frames, in->joints, e))) return rc;
    if (!control_keypoints(in->mask, in->frames, in->joints))
        return error_set(e, ERR_INPUT, "latent tuning: the mask controls no joint; name at least one");
    float *from_joints = malloc((2 * n + 1) * sizeof *from_joints);
    double *g = calloc(3 * n + 1, sizeof *g), *m = g + n, *v = m + n;
    if (!from_joints || !g) {
        free(from_joints);
        free(g);
        return error_memory(e, "latent tuning");
    }
    float *unit = from_joints + n;
    memcpy(latent, in->noise, n * sizeof *latent);
    for (int step = 0; step < c->steps && !rc; step++) {
        double joints = 0, correlation = 0, squares = 0;
        memset(g, 0, n * sizeof *g);
        rc = joints_loss(t, c, vae, denoiser, in, latent, &joints, from_joints, e);
        if (!rc) rc = latent_correlation(latent, tokens, width, c->seed, step, c->correlation, &correlation, g, e);
        if (rc) break;
        add_distance(latent, in->noise, n, c->distance, g);
        for (size_t i = 0; i < n; i++) {
            g[i] += (double)from_joints[i];
            squares += g[i] * g[i];
        }
        if (!(squares > 0) || !isfinite(squares) || !isfinite(joints)) {
            rc = error_set(e, ERR_INTERNAL, "latent tuning: loss %g with a gradient of length %g at step %d; lower the rate",
                           joints, sqrt(squares), step);
            break;
        }
        double rate = c->rate * learning_rate_factor(step, c->warmup, c->steps);
        double c1 = 1 - pow(c->beta1, step + 1), c2 = 1 - pow(c->beta2, step + 1);
        for (size_t i = 0; i < n; i++) {
            double x = g[i] / sqrt(squares);
            unit[i] = (float)x;
            m[i] = c->beta1 * m[i] + (1 - c->beta1) * x;
            v[i] = c->beta2 * v[i] + (1 - c->beta2) * x * x;
            latent[i] -= (float)(rate * (m[i] / c1) / (sqrt(v[i] / c2) + c->eps));
        }
        if (in->trace) in->trace(in->context, step, unit, latent, rate, joints, correlation);
    }
    free(from_joints);
    free(g);
    return rc;
}
