/* MotionLCM under consistency latent tuning: control without a ControlNet. The noise of each
 * sample is optimised for itself, then sampled once in the ordinary way. */
#include "../engine/clock.h"
#include "../engine/latent_tuning.h"
#include "system.h"
#include <stdlib.h>

/* Text features of the request (batch, text_width) on the host: each tuning run starts the tape anew. */
static int text_features(struct tape *t, const struct system *s, const struct system_request *r, float *out)
{
    struct tensor *text = text_source_run(t, s->text, r->texts, r->batch);
    if (text) t->device->download(t->device, out, text->x, (size_t)text->rows * (size_t)text->cols);
    return tape_failed(t, NULL);
}

static struct tensor *tune(struct tape *t, const struct system *s, const struct system_request *r, struct stage_clock *clock)
{
    int tokens = s->vae->size.latent_tokens, width = s->vae->size.latent_width, wide = s->denoiser->size.text_width;
    size_t n = (size_t)r->batch, latent = (size_t)tokens * (size_t)width, keys = (size_t)r->frames * (size_t)s->joints;
    float *noise = malloc(2 * n * latent * sizeof *noise + 64), *text = malloc(n * (size_t)wide * sizeof *text + 64);
    float *tuned = noise ? noise + n * latent : NULL;
    struct latent_tuning plan = latent_tuning_defaults();
    struct error e = {0};
    struct tensor *y = NULL;
    double start = clock_seconds();
    plan.schedule = s->sampler.schedule;
    plan.timestep = s->sampler.timesteps[0];
    plan.w = s->sampler.guidance - 1;
    plan.steps = s->tuning_steps;
    plan.warmup = s->tuning_steps / 8;
    plan.seed = r->seed;
    if (!noise || !text) tape_error(t, "out of memory");
    if (!r->hint || !r->mask) tape_error(t, "%s needs a control signal", s->kind->name);
    if (s->sampler.steps != 1) tape_error(t, "latent tuning samples in one step, not %d", s->sampler.steps);
    if (tape_failed(t, NULL) || text_features(t, s, r, text)) goto out;
    if (clock) clock->text += clock_seconds() - start;
    start = clock_seconds();
    request_noise(r, 0, tokens, width, noise);
    for (size_t b = 0, many; b < n && !e.code; b += many) {
        many = t->device->together > 1 ? (size_t)t->device->together : 1;
        if (many > n - b) many = n - b;
        struct latent_tuning_input in = {
            .batch = (int)many,
            .noise = noise + b * latent,
            .text = text + b * (size_t)wide,
            .hint = r->hint + b * keys * 3,
            .mask = r->mask + b * keys,
            .mean = s->mean,
            .std = s->std,
            .raw_mean = s->raw_mean,
            .raw_std = s->raw_std,
            .text_tokens = 1,
            .joints = s->joints,
            .frames = many > 1 ? r->frames : r->lengths[b],      /* one alone has no padding */
            .lengths = r->lengths + b,
        };
        latent_tuning_run(t, &plan, s->vae, s->denoiser, &in, tuned + b * latent, &e);
    }
    tape_start(t, 0, 0, 0, 0);
    if (e.code) {
        tape_error(t, "%s", e.text);
        goto out;
    }
    const struct sampler_input in = {.noise = tape_constant(t, tuned, r->batch * tokens, width),
                                     .text = tape_constant(t, text, r->batch, wide),
                                     .batch = r->batch,
                                     .text_tokens = 1};
    struct tensor *z = sampler_run(t, &s->sampler, s->denoiser, &in);
    t->device->synchronise(t->device);
    if (clock) clock->denoise += clock_seconds() - start;
    start = clock_seconds();
    y = vae_decode(t, s->vae, z, r->lengths, r->batch, r->frames);
    t->device->synchronise(t->device);
    if (clock) clock->decode += clock_seconds() - start;
out:
    free(noise);
    free(text);
    return y;
}

const struct system_kind system_motionlcm_tuning = {.name = "motionlcm_tuning", .family = "MotionLCM, latent tuning", .sampled = 1, .controlled = 1, .generate = tune};
