#include "sampler.h"
#include <math.h>
#include <string.h>

static int start(struct sampler *s, enum sampler_kind kind, int steps, float guidance, struct error *e)
{
    memset(s, 0, sizeof *s);
    if (steps < 1 || steps > SAMPLER_MAX_STEPS)
        return error_set(e, ERR_USAGE, "%d sampling steps; use 1 to %d", steps, SAMPLER_MAX_STEPS);
    s->kind = kind;
    s->steps = steps;
    s->guidance = guidance;
    noise_schedule_make(&s->schedule, 0.00085, 0.012);
    return 0;
}

int sampler_ddim(struct sampler *s, int steps, float guidance, struct error *e)
{
    int rc = start(s, SAMPLER_DDIM, steps, guidance, e);
    int offset = steps < TRAIN_STEPS;      /* all 1000 steps leave no room for one */
    if (!rc) ddim_timesteps(steps, offset, s->timesteps);
    return rc;
}

int sampler_lcm(struct sampler *s, int generation, int steps, int original, float guidance, struct error *e)
{
    int rc = start(s, SAMPLER_LCM, steps, guidance, e);
    if (rc) return rc;
    if (guidance <= 0) s->guidance = generation == 2 ? (float)lcm_guidance_v2(steps) : 7.5f;
    return generation == 2 ? lcm_timesteps_v2(steps, s->timesteps, e) : lcm_timesteps_v1(steps, original, s->timesteps, e);
}

static struct tensor *mix(struct tape *t, double a, struct tensor *x, double b, struct tensor *y)
{
    if (!x || !y) return NULL;
    struct tensor *z = tape_tensor(t, x->rows, x->cols);
    if (z) t->device->combine(t->device, z->x, (float)a, x->x, (float)b, y->x, (size_t)x->rows * (size_t)x->cols);
    return z;
}

static struct tensor *twice(struct tape *t, struct tensor *a, struct tensor *b)
{
    struct tensor *parts[2] = {a, b};
    if (!a || !b) return NULL;
    int counts[2] = {a->rows, b->rows};
    return op_concat(t, parts, counts, 2, 1);
}

/* The features of one step for `rows` samples: given ones, or computed. */
static struct tensor *step_time(struct tape *t, const struct sampler *s, const struct denoiser *d,
                                const struct sampler_input *in, int step, int rows)
{
    struct tensor *one = in->time ? tape_rows(t, in->time, step, 1) : time_feature_rows(t, &s->timesteps[step], 1, d->size.time_width);
    int count = 1;
    return one ? op_concat(t, &one, &count, 1, rows) : NULL;
}

/* What one network's sequence has in every step: a time token a step (steps, d), the sentence's tokens. */
struct constant_tokens {
    struct tensor *time, *text;
};

static struct constant_tokens constant_tokens(struct tape *t, const struct sampler *s, const struct denoiser *d,
                                              const struct sampler_input *in, struct tensor *text)
{
    struct constant_tokens c = {.text = denoiser_text_tokens(t, d, text)};
    struct tensor *time = in->time ? in->time : time_feature_rows(t, s->timesteps, s->steps, d->size.time_width), *guidance = NULL;
    if (s->kind == SAMPLER_LCM && d->guidance) {
        float w = s->guidance - 1;
        int count = 1;
        guidance = guidance_feature_rows(t, &w, 1, d->size.guidance_width);
        guidance = guidance ? op_concat(t, &guidance, &count, 1, s->steps) : NULL;
    }
    if (time) c.time = denoiser_time_tokens(t, d, tape_rows(t, time, 0, s->steps), guidance);
    return c;
}

/* Of one step, for `rows` samples. */
static struct tensor *step_token(struct tape *t, const struct constant_tokens *c, int step, int rows)
{
    int count = 1;
    struct tensor *one = tape_rows(t, c->time, step, 1);
    return one ? op_concat(t, &one, &count, 1, rows) : NULL;
}

struct tensor *sampler_run(struct tape *t, const struct sampler *s, const struct denoiser *d,
                           const struct sampler_input *in)
{
    struct tensor *z = in->noise, *guidance = in->guidance;
    int guided = s->kind == SAMPLER_DDIM && s->guidance > 1 && !d->guidance;
    if (!z || (guided && !in->text_empty)) {
        tape_error(t, "guided sampling needs the empty text's features");
        return NULL;
    }
    struct tensor *text = guided ? twice(t, in->text, in->text_empty) : in->text;
    struct tensor *trajectory = guided && in->controlnet ? twice(t, in->trajectory, in->trajectory) : in->trajectory;
    int rows = guided ? 2 * in->batch : in->batch;
    if (in->controlnet && !trajectory) {
        tape_error(t, "sampling with a ControlNet needs the trajectory encoder's result");
        return NULL;
    }
    /* guidance features of the caller's may differ between samples: then every step embeds them anew */
    struct constant_tokens own = {0}, control = {0};
    int constant = !guidance;
    if (constant) own = constant_tokens(t, s, d, in, text);
    if (constant && in->controlnet) control = constant_tokens(t, s, &in->controlnet->base, in, text);
    size_t count = (size_t)z->rows * (size_t)z->cols;
    for (int i = 0; i < s->steps && z; i++) {
        struct denoiser_input run = {.latent = guided ? twice(t, z, z) : z, .time = constant ? NULL : step_time(t, s, d, in, i, rows),
                                     .guidance = s->kind == SAMPLER_LCM ? guidance : NULL, .text = text, .batch = rows,
                                     .text_tokens = in->text_tokens};
        struct tensor *residuals[MAX_LAYERS];
        if (in->controlnet) {
            if (constant) {
                run.time_token = step_token(t, &control, i, rows);
                run.text_tokens_ready = control.text;
            }
            controlnet_run(t, in->controlnet, &run, trajectory, residuals, NULL);
            run.residuals = residuals;
        }
        if (constant) {
            run.time_token = step_token(t, &own, i, rows);
            run.text_tokens_ready = own.text;
        }
        struct tensor *eps = denoiser_run(t, d, &run, NULL);
        if (guided && eps) {
            int half = eps->rows / 2;
            eps = mix(t, (double)s->guidance, tape_rows(t, eps, 0, half), 1 - (double)s->guidance, tape_rows(t, eps, half, half));
        }
        double a = s->schedule.alpha_bar[s->timesteps[i]];
        struct tensor *clean = mix(t, 1 / sqrt(a), z, -sqrt((1 - a) / a), eps), *next;
        if (s->kind == SAMPLER_DDIM) {
            int previous = s->timesteps[i] - TRAIN_STEPS / s->steps;
            double ap = s->schedule.alpha_bar[previous >= 0 ? previous : 0];
            next = mix(t, sqrt(ap), clean, sqrt(1 - ap), eps);
        } else {
            double skip, out;
            boundary_scalings(s->timesteps[i], &skip, &out);
            clean = mix(t, out, clean, skip, z);
            next = clean;
            if (i + 1 < s->steps) {
                double ap = s->schedule.alpha_bar[s->timesteps[i + 1]];
                struct tensor *fresh = tape_constant(t, in->step_noise + (size_t)i * count, z->rows, z->cols);
                next = mix(t, sqrt(ap), clean, sqrt(1 - ap), fresh);
            }
        }
        z = next;
        if (in->trace && z) in->trace(in->context, i, eps, clean, z);
    }
    return z;
}
