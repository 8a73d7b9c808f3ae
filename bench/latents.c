#include "latents.h"
#include "progress.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TOGETHER = 16 };

struct encoding {
    struct latents *l;
    const struct vae *v;
    const struct set *s;
    const struct items *it;
    const struct draw *draws;     /* (items·crops), sorted by length */
    const int *slot;
    int count;
    struct progress bar;
    int done;
};

static int encode(void *context, struct tape *t, int job, struct error *e)
{
    struct encoding *c = context;
    int first = job * TOGETHER, n = c->count - first < TOGETHER ? c->count - first : TOGETHER, longest = 0;
    int lengths[TOGETHER], width = c->l->width, nf = c->s->nfeats;
    for (int i = 0; i < n; i++) {
        lengths[i] = c->draws[first + i].length;
        if (lengths[i] > longest) longest = lengths[i];
    }
    float *x = calloc((size_t)n * (size_t)longest * (size_t)nf, sizeof *x);
    float *host = malloc((size_t)n * (size_t)width * sizeof *host);
    if (!x || !host) {
        free(x);
        free(host);
        return error_memory(e, "the latents");
    }
    for (int i = 0; i < n; i++)
        draw_motion(c->s, c->it, &c->draws[first + i], c->s->mean, c->s->std, x + (size_t)i * (size_t)longest * (size_t)nf);
    struct tensor *mu, *logvar, *in = tape_constant(t, x, n * longest, nf);
    vae_encode(t, c->v, in, lengths, n, &mu, &logvar);
    free(x);
    int rc = tape_failed(t, e);
    for (int part = 0; part < 2 && !rc; part++) {
        t->device->download(t->device, host, part ? logvar->x : mu->x, (size_t)n * (size_t)width);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < width; k++) {
                float v = host[i * width + k];
                size_t at = (size_t)c->slot[first + i] * (size_t)width + (size_t)k;
                if (!isfinite(v)) rc = error_set(e, ERR_INTERNAL, "the VAE gives a non-finite latent; train it again");
                if (part) c->l->std[at] = expf(0.5f * v);
                else c->l->mu[at] = v;
            }
    }
    free(host);
#pragma omp critical(latents_progress)
    progress_update(&c->bar, (double)(c->done += n), NULL);
    return rc;
}

struct ordered {
    struct draw draw;
    int slot;
};

static int longest_first(const void *pa, const void *pb)
{
    const struct ordered *a = pa, *b = pb;
    if (a->draw.length != b->draw.length) return a->draw.length > b->draw.length ? -1 : 1;
    return a->slot < b->slot ? -1 : a->slot > b->slot;
}

int latents_encode(struct latents *l, struct lanes *lanes, const struct vae *v, const struct set *s,
                   const struct items *it, int crops, uint64_t seed, int quiet, struct error *e)
{
    int count = it->count * crops, rc = 0;
    *l = (struct latents){it->count, crops, v->size.latent_tokens * v->size.latent_width, NULL, NULL};
    size_t floats = (size_t)count * (size_t)l->width;
    l->mu = malloc(floats * sizeof *l->mu);
    l->std = malloc(floats * sizeof *l->std);
    struct ordered *order = malloc((size_t)count * sizeof *order);
    struct draw *draws = malloc((size_t)count * sizeof *draws);
    int *slot = malloc((size_t)count * sizeof *slot);
    if (!l->mu || !l->std || !order || !draws || !slot) rc = error_memory(e, "the latents");
    for (int i = 0; i < count && !rc; i++) {
        struct rng r = rng_make(seed, rng_stream("latents") ^ (uint64_t)i);
        order[i] = (struct ordered){item_draw(s, it, i / crops, &r), i};
    }
    if (!rc) {
        qsort(order, (size_t)count, sizeof *order, longest_first);
        for (int i = 0; i < count; i++) {
            draws[i] = order[i].draw;
            slot[i] = order[i].slot;
        }
        struct encoding c = {.l = l, .v = v, .s = s, .it = it, .draws = draws, .slot = slot, .count = count};
        progress_start(&c.bar, "encoding", "windows", count, 0, quiet);
        rc = lanes_run(lanes, (count + TOGETHER - 1) / TOGETHER, encode, &c, e);
        progress_finish(&c.bar, c.done, NULL);
    }
    free(order);
    free(draws);
    free(slot);
    if (rc) latents_free(l);
    return rc;
}

void latents_free(struct latents *l)
{
    free(l->mu);
    free(l->std);
    memset(l, 0, sizeof *l);
}
