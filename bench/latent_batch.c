#include "latent_batch.h"
#include "feed.h"
#include "../engine/rng.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int latent_batch_create(struct latent_batch *b, const struct set *s, const struct items *it, int batch, int piece, uint64_t seed,
                        struct error *e)
{
    size_t n = (size_t)batch;
    int rc = 0;
    b->piece = piece;
    b->width = b->latents.width;
    b->seed = seed;
    for (int i = 0; i < 2 && !rc; i++) {
        struct latent_slot *l = &b->slot[i];
        rc = batches_create(&l->batches, s, it, batch, seed, e);
        l->z = malloc(n * (size_t)b->width * sizeof *l->z + 64);
        l->eps = malloc(n * (size_t)b->width * sizeof *l->eps + 64);
        l->w = malloc(n * sizeof *l->w);
        l->number = malloc(n * sizeof *l->number);
        l->texts = malloc(n * sizeof *l->texts);
        if (!rc && (!l->z || !l->eps || !l->w || !l->number || !l->texts)) rc = error_memory(e, "the batches");
    }
    return rc;
}

void latent_batch_free(struct latent_batch *b)
{
    for (int i = 0; i < 2; i++) {
        struct latent_slot *l = &b->slot[i];
        batches_free(&l->batches);
        free(l->z);
        free(l->eps);
        free(l->w);
        free(l->number);
        free(l->texts);
    }
    latents_free(&b->latents);
    memset(b, 0, sizeof *b);
}

int latent_batch_prepare(struct latent_batch *b, const char *stream, int64_t step)
{
    struct batches *all = &b->slot[feed_slot(step)].batches;
    batches_make(all, stream, step);
    return (all->count + b->piece - 1) / b->piece;
}

int latent_batch_piece(const struct latent_batch *b, int64_t step, int piece, int *first)
{
    int count = b->slot[feed_slot(step)].batches.count;
    *first = piece * b->piece;
    return count - *first < b->piece ? count - *first : b->piece;
}

static uint64_t stream_of(const char *stream, const char *what, uint64_t at)
{
    char name[60];
    snprintf(name, sizeof name, "%s/%s", stream, what);
    return rng_stream(name) ^ at;
}

void latent_batch_fill(struct latent_batch *b, const struct latent_choices *c, int64_t step, int piece)
{
    struct latent_slot *l = &b->slot[feed_slot(step)];
    const struct latents *all = &b->latents;
    uint64_t at = ((uint64_t)step << 16) ^ (uint64_t)piece;
    struct rng r = rng_make(b->seed, stream_of(c->stream, "choices", at));
    int first, n = latent_batch_piece(b, step, piece, &first);
    size_t width = (size_t)b->width, count = (size_t)n * width;
    float *z = l->z + (size_t)first * width;
    rng_fill_normal(b->seed, stream_of(c->stream, "posterior", at), 0, z, count);
    rng_fill_normal(b->seed, stream_of(c->stream, "noise", at), 0, l->eps + (size_t)first * width, count);
    for (int i = 0; i < n; i++) {
        const struct draw *d = &l->batches.draws[first + i];
        size_t crop = rng_below(&r, (uint32_t)all->crops);
        size_t from = ((size_t)d->item * (size_t)all->crops + crop) * width;
        for (size_t k = 0; k < width; k++) z[(size_t)i * width + k] = all->mu[from + k] + all->std[from + k] * z[(size_t)i * width + k];
        l->number[first + i] = (int)rng_below(&r, (uint32_t)c->numbers);
        if (c->guided) l->w[first + i] = (float)(c->w_low + (c->w_high - c->w_low) * rng_uniform(&r));
        int empty = c->empty >= 0 && rng_uniform(&r) < c->empty;
        l->texts[first + i] = empty ? "" : l->batches.items->list[d->item].captions[d->caption]->text;
    }
}
