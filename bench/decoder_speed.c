#include "decoder_speed.h"
#include "../engine/clock.h"
#include "../engine/rng.h"
#include "../metrics/latency.h"
#include "decoder_work.h"
#include "gemm_peak.h"
#include <stdlib.h>

static int time_decoder(struct tape *t, const struct vae *v, const float *latent, int frames, int runs, double *seconds, struct error *e)
{
    enum { WARM_UP = 3 };
    for (int i = -WARM_UP; i < runs; i++) {
        tape_start(t, 0, 0, 0, 0);
        struct tensor *z = tape_constant(t, latent, v->size.latent_tokens, v->size.latent_width);
        t->device->synchronise(t->device);
        double start = clock_seconds();
        vae_decode(t, v, z, &frames, 1, frames);
        t->device->synchronise(t->device);
        if (i >= 0) seconds[i] = clock_seconds() - start;
        int rc = tape_failed(t, e);
        if (rc) return rc;
    }
    return 0;
}

int decoder_speed(struct chain *c, const struct vae *v, int frames, int runs, struct decoder_speed *out, struct error *e)
{
    struct tape t;
    struct latency summary;
    size_t count = (size_t)v->size.latent_tokens * (size_t)v->size.latent_width;
    float *latent = malloc((count + 4) * sizeof *latent);
    double *seconds = malloc((size_t)runs * sizeof *seconds), after;
    tape_init(&t, &c->device);
    int rc = latent && seconds ? gemm_peak(&c->device, &c->lanes, &out->peak, e) : error_memory(e, "the measurement");
    if (!rc) {
        rng_fill_normal(c->x->seed, rng_stream("decoder speed"), 0, latent, count);
        rc = time_decoder(&t, v, latent, frames, runs, seconds, e);
    }
    if (!rc) rc = gemm_peak(&c->device, &c->lanes, &after, e);
    if (!rc && after > out->peak) out->peak = after;
    if (!rc) rc = latency_summary(seconds, runs, &summary, e);
    if (!rc) {
        out->frames = frames;
        out->runs = runs;
        out->seconds = summary.p50;
        out->flops = decoder_work(&v->size, frames);
        out->share = out->flops / out->seconds / out->peak;
    }
    tape_free(&t);
    free(latent);
    free(seconds);
    return rc;
}
