/* The systems that work in the VAE's latent space: reconstruction, decoded prior, MLD
 * (Chen et al. 2023) and MotionLCM, the last two also with a ControlNet. */
#include "system.h"
#include "../engine/clock.h"
#include <stdlib.h>

/* Seconds since *since, the device's queue drained; moves *since. */
static double lap(struct tape *t, double *since)
{
    t->device->synchronise(t->device);
    double at = clock_seconds(), spent = at - *since;
    *since = at;
    return spent;
}

static struct tensor *noise_tensor(struct tape *t, const struct system *s, const struct system_request *r, int part)
{
    int tokens = s->vae->size.latent_tokens, width = s->vae->size.latent_width;
    float *host = malloc((size_t)r->batch * (size_t)tokens * (size_t)width * sizeof *host + 64);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    request_noise(r, part, tokens, width, host);
    struct tensor *x = tape_constant(t, host, r->batch * tokens, width);
    free(host);
    return x;
}

static struct tensor *decode(struct tape *t, const struct system *s, const struct system_request *r, struct tensor *z,
                             struct stage_clock *clock, double *since)
{
    struct tensor *y = vae_decode(t, s->vae, z, r->lengths, r->batch, r->frames);
    if (clock) clock->decode += lap(t, since);
    return y;
}

static struct tensor *reconstruct(struct tape *t, const struct system *s, const struct system_request *r,
                                  struct stage_clock *clock)
{
    double since = clock_seconds();
    struct tensor *mu, *logvar;
    struct tensor *x = tape_constant(t, r->reference, r->batch * r->frames, s->vae->size.nfeats);
    vae_encode(t, s->vae, x, r->lengths, r->batch, &mu, &logvar);
    struct tensor *z = op_reparameterise(t, mu, logvar, noise_tensor(t, s, r, 0));
    if (clock) clock->denoise += lap(t, &since);
    return decode(t, s, r, z, clock, &since);
}

static struct tensor *decode_prior(struct tape *t, const struct system *s, const struct system_request *r,
                                   struct stage_clock *clock)
{
    double since = clock_seconds();
    return decode(t, s, r, noise_tensor(t, s, r, 0), clock, &since);
}

static struct tensor *sample(struct tape *t, const struct system *s, const struct system_request *r,
                             struct stage_clock *clock)
{
    double since = clock_seconds();
    int lcm = s->sampler.kind == SAMPLER_LCM, batch = r->batch;
    int tokens = s->vae->size.latent_tokens, width = s->vae->size.latent_width;
    size_t count = (size_t)batch * (size_t)tokens * (size_t)width;
    float *fresh = lcm && s->sampler.steps > 1 ? malloc((size_t)(s->sampler.steps - 1) * count * sizeof *fresh + 64) : NULL;
    struct tensor *z = NULL;
    if (lcm && s->sampler.steps > 1 && !fresh) {
        tape_error(t, "out of memory");
        goto out;
    }
    struct sampler_input in = {.batch = batch, .text_tokens = 1};
    if (lcm) in.text = text_source_run(t, s->text, r->texts, batch);
    else text_source_run_guided(t, s->text, r->texts, batch, &in.text, &in.text_empty);
    if (clock) clock->text += lap(t, &since);
    if (s->controlnet) {
        int wide = 3 * s->trajectory->size.joints;
        if (!r->hint || !r->mask) {
            tape_error(t, "%s needs a control signal", s->kind->name);
            goto out;
        }
        struct tensor *hint = tape_constant(t, r->hint, batch * r->frames, wide);
        in.trajectory = trajectory_encoder_run(t, s->trajectory, hint, r->mask, batch);
        in.controlnet = s->controlnet;
        if (clock) clock->trajectory += lap(t, &since);
    }
    in.noise = noise_tensor(t, s, r, 0);
    for (int i = 0; fresh && i < s->sampler.steps - 1; i++) request_noise(r, i + 1, tokens, width, fresh + (size_t)i * count);
    in.step_noise = fresh;
    z = sampler_run(t, &s->sampler, s->denoiser, &in);
    if (clock) clock->denoise += lap(t, &since);
    z = decode(t, s, r, z, clock, &since);
out:
    free(fresh);
    return z;
}

const struct system_kind system_vae = {.name = "vae", .family = "VAE reconstruction", .reads_reference = 1, .generate = reconstruct};
const struct system_kind system_prior = {.name = "prior", .family = "Decoded prior", .generate = decode_prior};
const struct system_kind system_mld = {.name = "mld", .family = "MLD", .sampled = 1, .generate = sample};
const struct system_kind system_motionlcm = {.name = "motionlcm", .family = "MotionLCM", .sampled = 1, .generate = sample};
const struct system_kind system_mld_control = {.name = "mld_control", .family = "MLD with ControlNet", .sampled = 1, .controlled = 1, .generate = sample};
const struct system_kind system_motionlcm_control = {.name = "motionlcm_control", .family = "MotionLCM with ControlNet", .sampled = 1, .controlled = 1, .generate = sample};
