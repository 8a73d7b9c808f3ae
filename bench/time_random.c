#include "time_random.h"
#include "decoder_speed.h"
#include "random_models.h"
#include <stdio.h>
#include <string.h>

static int describe(struct chain *c, struct loaded *l, int frames, const struct text_deviation *d, int say, struct results *r,
                    struct error *e)
{
    struct decoder_speed s;
    char text[120];
    int rc = decoder_speed(c, &l->vae, frames, c->x->time_runs < 20 ? 20 : c->x->time_runs, &s, e);
    random_models_text(l, c->x, text);
    if (!rc) rc = results_add_check(r, "text encoder", 1, e, "%s", text);
    if (!rc && d->sentences)
        rc = results_add_check(r, "text encoder, packed weights", 1, e,
                               "%d sentences against single precision: relative error at most %.3e, cosine at least %.7f",
                               d->sentences, d->relative, d->cosine);
    if (!rc)
        rc = results_add_check(r, "decoder", 1, e,
                               "%d frames in %.5f s (median of %d), %.3f GFLOP needed: %.1f GFLOP/s, %.1f %% of the single-precision GEMM peak %.1f GFLOP/s "
                               "on %d threads",
                               frames, s.seconds, s.runs, s.flops * 1e-9, s.flops / s.seconds * 1e-9, 100 * s.share, s.peak * 1e-9,
                               c->device.threads);
    for (int i = 0; i < r->nchecks && !rc && say; i++) printf("%s: %s\n", r->checks[i].name, r->checks[i].detail);
    return rc;
}

int time_random(struct experiment *x, const struct timing_plan *plan, int say, struct results *r, struct error *e)
{
    struct chain c;
    struct loaded l;
    struct text_deviation deviation;
    double mean[3];
    int frames = plan->frames;
    if (frames > x->vae.positions)
        return error_set(e, ERR_USAGE, "--frames %d: this experiment's VAE has %d positions; ask for fewer", frames, x->vae.positions);
    int rc = random_models_open(&l, &c, x, &deviation, e);
    if (rc) return rc;
    r->host.threads_used = c.device.threads;
    snprintf(r->data.name, sizeof r->data.name, "built-in sentences, %d frames each; random weights", frames);
    rc = describe(&c, &l, frames, &deviation, say, r, e);
    for (int i = 0; i < x->model_count && !rc; i++)
        if (l.systems[i].kind->sampled) rc = timing_measure(&c, plan, &l.systems[i], x->models[i].name, r, mean, NULL, e);
    loaded_close(&l);
    chain_close(&c);
    return rc;
}
