#include "training_speed.h"
#include "../engine/clock.h"
#include "gemm_peak.h"
#include "train_vae.h"
#include <stdlib.h>

/* Multiplications and additions of one sequence of n frames, forward and backward (three
 * products for each of the forward's, but two for the first layer, whose input is data). */
static double transformer_flops(const struct transformer_size *t, double rows, double queries_keys, int cross, double memory)
{
    double d = t->width, half = (t->layers - 1) / 2;
    double layer = rows * (4 * d * d + 2 * d * t->feed_forward) + 2 * queries_keys * d;
    if (cross) layer += rows * 2 * d * d + memory * 2 * d * d + 2 * rows * memory * d;
    return 2 * (t->layers * layer + half * rows * 2 * d * d);
}

static double vae_flops(const struct vae_size *v, int frames)
{
    double d = v->transformer.width, rows = frames + 2 * v->latent_tokens, n = frames;
    double forward = transformer_flops(&v->transformer, rows, rows * rows, 0, 0) +
                     transformer_flops(&v->transformer, n, n * n, 1, v->latent_tokens);
    double ends = 2 * n * v->nfeats * d;
    return 3 * forward + 2 * ends + 3 * ends;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int training_speed_vae(struct chain *c, int steps, struct training_speed *out, struct error *e)
{
    struct vae_training t;
    double *seconds = malloc((size_t)steps * sizeof *seconds), *flops = malloc((size_t)steps * sizeof *flops);
    int rc = seconds && flops ? gemm_peak(&c->device, &c->lanes, &out->peak, e) : error_memory(e, "the measurement");
    if (!rc) rc = vae_training_open(&t, c, 0, NULL, e);
    if (!rc) {
        for (int i = -3; i < steps && !rc; i++) {
            double start = clock_seconds();
            rc = vae_training_step(&t, e);
            if (i < 0) continue;
            seconds[i] = clock_seconds() - start;
            const struct batches *b = &t.batches[feed_slot(t.trainer.step - 1)];
            flops[i] = 0;
            for (int k = 0; k < b->count; k++) flops[i] += vae_flops(&c->x->vae, b->draws[k].length);
        }
        double peak = out->peak;
        vae_training_close(&t);
        if (!rc) rc = gemm_peak(&c->device, &c->lanes, &out->peak, e);      /* before and after: the larger counts */
        if (peak > out->peak) out->peak = peak;
    }
    if (!rc) {
        /* the median of time per operation: batches differ in length */
        double total = 0;
        for (int i = 0; i < steps; i++) {
            total += flops[i];
            seconds[i] /= flops[i];
        }
        qsort(seconds, (size_t)steps, sizeof *seconds, ascending);
        out->steps = steps;
        out->flops = total / steps;
        out->seconds = seconds[steps / 2] * out->flops;
        out->share = out->flops / out->seconds / out->peak;
    }
    free(seconds);
    free(flops);
    return rc;
}
