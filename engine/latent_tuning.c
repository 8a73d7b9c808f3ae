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

/* The sum of the joints' losses at z (batch, L·D) and its gradient, both on the host. */
static int joints_loss(struct tape *t, const struct latent_tuning *c, const struct vae *vae,
                       const struct denoiser *denoiser, const struct latent_tuning_input *in, const int *timesteps,
                       const float *z, double *loss, float *gradient, struct error *e)
{
    const struct denoiser_size *s = &denoiser->size;
    int n = in->batch, one = 1;
    const struct control_objective compare = {.kind = CONTROL_MASK, .element = c->element, .metric = 1};
    const struct control_input signal = {.hint = in->hint, .mask = in->mask, .raw_mean = in->raw_mean,
                                         .raw_std = in->raw_std, .batch = n, .frames = in->frames, .share = (float)n};
    tape_start(t, 1, 0, 0, 0);
    struct tensor *leaf = tape_leaf(t, z, n * s->latent_tokens, s->latent_width);
    struct tensor *time = in->time ? tape_constant(t, in->time, 1, s->time_width) : time_feature_rows(t, &c->timestep, 1, s->time_width);
    struct tensor *guidance = !s->guidance_width ? NULL
                              : in->guidance     ? tape_constant(t, in->guidance, 1, s->guidance_width)
                                                 : guidance_feature_rows(t, &c->w, 1, s->guidance_width);
    struct denoiser_input run = {
        .latent = leaf,
        .time = n > 1 && time ? op_concat(t, &time, &one, 1, n) : time,
        .guidance = n > 1 && guidance ? op_concat(t, &guidance, &one, 1, n) : guidance,
        .text = tape_constant(t, in->text, n * in->text_tokens, s->text_width),
        .batch = n,
        .text_tokens = in->text_tokens,
    };
    struct tensor *eps = denoiser_run(t, denoiser, &run, NULL);
    struct tensor *latent = consistency_estimate(t, &c->schedule, timesteps, leaf, eps, n);
    struct tensor *features = vae_decode(t, vae, latent, in->lengths, n, in->frames);
    struct tensor *joints = op_recover_joints(t, features, tape_constant(t, in->mean, 1, vae->size.nfeats),
                                              tape_constant(t, in->std, 1, vae->size.nfeats), n, in->joints);
    *loss = control_term(t, &compare, joints, in->joints, &signal, 1);
    tape_backward(t);
    int rc = tape_failed(t, e);
    if (rc) return rc;
    if (!leaf->g) return error_set(e, ERR_INTERNAL, "latent tuning: no gradient reaches the latent");
    t->device->download(t->device, gradient, leaf->g, (size_t)leaf->rows * (size_t)leaf->cols);
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

static int check(const struct tape *t, const struct latent_tuning *c, const struct latent_tuning_input *in, struct error *e)
{
    size_t keys = (size_t)in->frames * (size_t)in->joints;
    if (t->trained[0] || t->trained[1] || t->trained[2])
        return error_set(e, ERR_INTERNAL, "latent tuning needs a tape of its own, without trained networks");
    if (c->timestep < 0 || c->timestep >= TRAIN_STEPS || c->steps < 0 || c->warmup < 0 || in->batch < 1)
        return error_set(e, ERR_USAGE, "latent tuning: timestep %d, %d steps, warm-up %d, a batch of %d; use a timestep below %d, no "
                                       "negative number and a sample at least", c->timestep, c->steps, c->warmup, in->batch, TRAIN_STEPS);
    for (int b = 0; b < in->batch; b++) {
        const unsigned char *mask = in->mask + (size_t)b * keys;
        if (in->lengths[b] < 1 || in->lengths[b] > in->frames)
            return error_set(e, ERR_USAGE, "latent tuning: a motion of %d frames with a signal of %d; use at most as many",
                             in->lengths[b], in->frames);
        int rc = control_signal_check(in->hint + 3 * (size_t)b * keys, mask, in->frames, in->joints, e);
        if (rc) return rc;
        if (!control_keypoints(mask, in->frames, in->joints))
            return error_set(e, ERR_INPUT, "latent tuning: the mask controls no joint; name at least one");
    }
    return 0;
}

/* What the optimiser keeps of all samples, (batch, L·D) each. */
struct adam {
    double *gradient, *first, *second;
    float *unit;
};

/* One step of Adam on a sample's latent along its gradient of length 1. */
static void adam_step(const struct latent_tuning *c, struct adam *a, size_t from, size_t n, double length, int step, double rate,
                      float *latent)
{
    double c1 = 1 - pow(c->beta1, step + 1), c2 = 1 - pow(c->beta2, step + 1);
    for (size_t i = from; i < from + n; i++) {
        double x = a->gradient[i] / length;
        a->unit[i] = (float)x;
        a->first[i] = c->beta1 * a->first[i] + (1 - c->beta1) * x;
        a->second[i] = c->beta2 * a->second[i] + (1 - c->beta2) * x * x;
        latent[i] -= (float)(rate * (a->first[i] / c1) / (sqrt(a->second[i] / c2) + c->eps));
    }
}

int latent_tuning_run(struct tape *t, const struct latent_tuning *c, const struct vae *vae,
                      const struct denoiser *denoiser, const struct latent_tuning_input *in, float *latent,
                      struct error *e)
{
    int tokens = denoiser->size.latent_tokens, width = denoiser->size.latent_width, rc = check(t, c, in, e);
    if (rc) return rc;
    size_t n = (size_t)tokens * (size_t)width, batch = (size_t)in->batch, all = batch * n;
    float *from_joints = malloc((2 * all + 1) * sizeof *from_joints);
    double *memory = calloc(3 * all + 1, sizeof *memory);
    int *timesteps = malloc(batch * sizeof *timesteps);
    if (!from_joints || !memory || !timesteps) rc = error_memory(e, "latent tuning");
    struct adam a = {memory, memory + all, memory + 2 * all, from_joints + all};
    if (!rc) memcpy(latent, in->noise, all * sizeof *latent);
    for (size_t b = 0; b < batch && !rc; b++) timesteps[b] = c->timestep;
    for (int step = 0; step < c->steps && !rc; step++) {
        double joints = 0, correlation = 0, rate = c->rate * learning_rate_factor(step, c->warmup, c->steps);
        memset(a.gradient, 0, all * sizeof *a.gradient);
        rc = joints_loss(t, c, vae, denoiser, in, timesteps, latent, &joints, from_joints, e);
        for (size_t b = 0; b < batch && !rc; b++) {
            double own = 0, squares = 0;
            float *z = latent + b * n;
            double *g = a.gradient + b * n;
            rc = latent_correlation(z, tokens, width, c->seed, step, c->correlation, &own, g, e);
            if (rc) break;
            correlation += own;
            add_distance(z, in->noise + b * n, n, c->distance, g);
            for (size_t i = 0; i < n; i++) {
                g[i] += (double)from_joints[b * n + i];
                squares += g[i] * g[i];
            }
            if (!(squares > 0) || !isfinite(squares) || !isfinite(joints))
                rc = error_set(e, ERR_INTERNAL, "latent tuning: loss %g with a gradient of length %g at step %d; lower the rate",
                               joints, sqrt(squares), step);
            else adam_step(c, &a, b * n, n, sqrt(squares), step, rate, latent);
        }
        if (!rc && in->trace) in->trace(in->context, step, a.unit, latent, rate, joints / (double)batch, correlation / (double)batch);
    }
    free(from_joints);
    free(memory);
    free(timesteps);
    return rc;
}
