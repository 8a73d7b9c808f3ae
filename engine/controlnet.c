#include "controlnet.h"
#include <stdio.h>
#include <string.h>

/* Registers the parameters without memory for them. */
static int controlnet_add(struct controlnet *n, struct device *d, const struct controlnet_size *size, struct error *e)
{
    char name[80];
    memset(n, 0, sizeof *n);
    if (size->embedding_width <= 0)
        return error_set(e, ERR_INPUT, "ControlNet: a condition embedding of width %d; give it 1 or more",
                         size->embedding_width);
    int rc = denoiser_add(&n->base, d, &size->denoiser, 0, e);
    if (rc) return rc;
    n->size = *size;
    struct params *p = &n->base.params;
    int latent = size->denoiser.latent_width, wide = size->embedding_width, width = size->denoiser.transformer.width;
    int stride = size->embedding_act == ACT_NONE ? 1 : 2;   /* activations take a number of their own */
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "controlnet_cond_embedding.%d", i * stride);
        n->embedding[i] = linear_add(p, name, i == 0 ? latent : wide, i == 2 ? latent : wide, 1);
    }
    for (int i = 0; i < size->denoiser.transformer.layers; i++) {
        snprintf(name, sizeof name, "controlnet_down_mid_blocks.%d", i);
        n->residual[i] = linear_add(p, name, width, width, 1);
        if (n->residual[i].weight) n->residual[i].weight->rule = INIT_ZERO;
        if (n->residual[i].bias) n->residual[i].bias->rule = INIT_ZERO;
    }
    if (n->embedding[2].weight) n->embedding[2].weight->rule = INIT_ZERO;
    if (n->embedding[2].bias) n->embedding[2].bias->rule = INIT_ZERO;
    return 0;
}

int controlnet_create(struct controlnet *n, struct device *d, const struct controlnet_size *size, struct error *e)
{
    int rc = controlnet_add(n, d, size, e);
    if (!rc) rc = params_allocate(&n->base.params, e);
    if (rc) controlnet_free(n);
    return rc;
}

void controlnet_free(struct controlnet *n)
{
    denoiser_free(&n->base);
    memset(n, 0, sizeof *n);
}

int controlnet_size_from(const struct weights *w, const char *prefix, int heads, enum activation text_act,
                         struct controlnet_size *size, struct error *e)
{
    char name[300];
    snprintf(name, sizeof name, "%scontrolnet_cond_embedding.0.weight", prefix);
    const struct weight *first = weights_find(w, name);
    if (!first || first->rank != 2)
        return error_set(e, ERR_INPUT, "%s: no ControlNet under '%s'; use a checkpoint of motion control", w->path, prefix);
    int rc = denoiser_size_read(w, prefix, heads, text_act, &size->denoiser, e);
    if (rc) return rc;
    snprintf(name, sizeof name, "%scontrolnet_cond_embedding.4.weight", prefix);
    size->embedding_width = first->shape[0];
    size->embedding_act = weights_find(w, name) ? ACT_SILU : ACT_NONE;
    struct controlnet expected;
    rc = controlnet_add(&expected, NULL, size, e);
    rc = rc ? error_prefix(e, "%s", w->path) : params_match(&expected.base.params, w, prefix, e);
    controlnet_free(&expected);
    return rc;
}

int controlnet_initialise(struct controlnet *n, const struct denoiser *from, uint64_t seed, struct error *e)
{
    const struct params *own = &n->base.params;
    for (int i = 0; i < from->params.count; i++) {
        const struct param *f = from->params.items[i], *to = params_find(own, f->name);
        int last_norm = !strncmp(f->name, "encoder.norm.", 13);
        if (!last_norm && (!to || to->count != f->count))
            return error_set(e, ERR_INPUT, "ControlNet: tensor %s of the denoiser has no counterpart of its size; "
                                           "create the ControlNet with the denoiser's sizes", f->name);
    }
    int rc = params_initialise(&n->base.params, seed, e);
    if (!rc) params_copy_matching(&n->base.params, &from->params);
    return rc;
}

void controlnet_run(struct tape *t, const struct controlnet *n, const struct denoiser_input *in,
                    struct tensor *trajectory, struct tensor *residuals[MAX_LAYERS], struct tensor **embedding)
{
    struct tensor *c = trajectory, *outputs[MAX_LAYERS] = {NULL};
    for (int i = 0; i < 3 && c; i++) c = linear_run(t, &n->embedding[i], c, i < 2 ? n->size.embedding_act : ACT_NONE);
    if (embedding) *embedding = c;
    struct denoiser_input run = *in;
    run.latent = op_add(t, in->latent, c);
    struct tensor *s = denoiser_sequence(t, &n->base, &run, NULL);
    skip_transformer_run(t, &n->base.encoder, s, in->batch, NULL, NULL, NULL, outputs);
    for (int i = 0; i < n->base.encoder.layers; i++)
        residuals[i] = outputs[i] ? linear_run(t, &n->residual[i], outputs[i], ACT_NONE) : NULL;
}
