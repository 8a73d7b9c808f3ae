/* The encoded training clips as a file in the cache: MLD, MotionLCM and every cell of a sweep read the same. */
#include "../engine/weights.h"
#include "chain.h"
#include "latents.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name says everything that the values depend on. */
static int cache_path(const struct chain *c, char path[1100], struct error *e)
{
    char text[400], vae[65], hex[65], name[24];
    int rc = sha256_file(c->model[STAGE_VAE], vae, e);
    if (rc) return rc;
    int n = snprintf(text, sizeof text, "mlcm latents 1;data %s;vae %s;crops %d;seed %llu;", c->set.sha256, vae, c->x->latent_crops,
                     (unsigned long long)c->x->seed);
    if (c->x->device.kind == DEVICE_CUDA)
        n += snprintf(text + n, sizeof text - (size_t)n, "device %s;", device_choice_name(&c->x->device, name));
    if (sha256_bytes(text, (size_t)n, hex)) return error_memory(e, "a fingerprint");
    snprintf(path, 1100, "%.1000s/latents-%.32s.h5", c->cache, hex);
    return 0;
}

static int take(const struct weights *w, const char *name, size_t count, float **out, struct error *e)
{
    const float *values;
    struct weight *item = weights_find(w, name);
    if (!item || item->count != count)
        return error_set(e, ERR_INPUT, "%s: not the latents that its name promises; remove it", w->path);
    int rc = weight_values(w, item, &values, e);
    if (rc) return rc;
    *out = malloc(count * sizeof **out);
    if (!*out) return error_memory(e, "the latents");
    memcpy(*out, values, count * sizeof **out);
    weight_done(w, item);
    return 0;
}

static int latents_read(const char *path, struct latents *l, struct error *e)
{
    struct weights w;
    size_t count = (size_t)l->items * (size_t)l->crops * (size_t)l->width;
    int rc = weights_read(path, &w, e);
    if (rc) return rc;
    rc = take(&w, "mu", count, &l->mu, e);
    if (!rc) rc = take(&w, "std", count, &l->std, e);
    weights_free(&w);
    if (rc) latents_free(l);
    return rc;
}

static int latents_write(const char *path, const struct latents *l, struct error *e)
{
    struct weights w = {0};
    struct weight *item = NULL;
    const int shape[3] = {l->items, l->crops, l->width};
    int rc = weights_add(&w, "mu", 3, shape, &item, e);
    if (!rc) memcpy(item->data, l->mu, item->count * sizeof *l->mu);
    if (!rc) rc = weights_add(&w, "std", 3, shape, &item, e);
    if (!rc) memcpy(item->data, l->std, item->count * sizeof *l->std);
    if (!rc) rc = weights_write(&w, path, e);
    weights_free(&w);
    return rc;
}

int chain_latents(struct chain *c, const struct vae *v, struct latents *l, struct error *e)
{
    char path[1100];
    struct file_lock lock;
    int rc = cache_path(c, path, e);
    if (!rc) rc = chain_alone(c, path, &lock, e);
    if (rc) return rc;
    *l = (struct latents){c->train.count, c->x->latent_crops, v->size.latent_tokens * v->size.latent_width, NULL, NULL};
    if (file_exists(path)) rc = latents_read(path, l, e);
    else {
        rc = latents_encode(l, &c->lanes, v, &c->set, &c->train, c->x->latent_crops, c->x->seed, c->quiet, e);
        if (!rc) rc = latents_write(path, l, e);
        if (rc) latents_free(l);
    }
    file_unlock(&lock);
    return rc;
}
