#include "vae.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registers the parameters without memory for them. */
static int vae_add(struct vae *v, struct device *d, const struct vae_size *size, struct error *e)
{
    const struct transformer_size *tr = &size->transformer;
    memset(v, 0, sizeof *v);
    if (!transformer_size_fits(tr) || size->nfeats < 1 || size->nfeats > MAX_WIDTH || size->latent_width < 1 ||
        size->latent_width > MAX_WIDTH || size->latent_tokens < 1 || size->positions < size->latent_tokens ||
        size->positions > MAX_POSITIONS || (!size->projections && size->latent_width != tr->width))
        return error_set(e, ERR_INPUT, "VAE: sizes do not fit together (odd layers, width a multiple of heads, "
                                       "latent width = width without projections)");
    v->size = *size;
    struct params *p = &v->params;
    params_init(p, d);
    v->token = params_add(p, INIT_NORMAL, 1, "global_motion_token", 2, 2 * size->latent_tokens, tr->width, 1);
    if (size->projections) {
        v->latent_pre = linear_add(p, "latent_pre", tr->width, size->latent_width, 1);
        v->latent_post = linear_add(p, "latent_post", size->latent_width, tr->width, 1);
    }
    v->encoder_positions = params_add(p, INIT_POSITIVE, 1, "query_pos_encoder.pe", 3, size->positions, 1, tr->width);
    skip_transformer_add(p, &v->encoder, "encoder", tr, 0, 1);
    v->decoder_positions = params_add(p, INIT_POSITIVE, 1, "query_pos_decoder.pe", 3, size->positions, 1, tr->width);
    skip_transformer_add(p, &v->decoder, "decoder", tr, 1, 1);
    v->skeleton = linear_add(p, "skel_embedding", size->nfeats, tr->width, 1);
    v->final = linear_add(p, "final_layer", tr->width, size->nfeats, 1);
    return 0;
}

int vae_create(struct vae *v, struct device *d, const struct vae_size *size, struct error *e)
{
    int rc = vae_add(v, d, size, e);
    if (!rc) rc = params_allocate(&v->params, e);
    if (rc) vae_free(v);
    return rc;
}

void vae_free(struct vae *v)
{
    params_free(&v->params);
    params_free(&v->prepared);
    memset(v, 0, sizeof *v);
}

const float *length_mask(struct tape *t, const int *lengths, int batch, int prefix, int frames)
{
    int width = prefix + frames, full = 1;
    for (int b = 0; b < batch; b++) full &= lengths[b] >= frames;
    if (full) return NULL;               /* nothing is hidden */
    float *host = calloc((size_t)batch * (size_t)width, sizeof *host);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < prefix + lengths[b] && i < width; i++) host[b * width + i] = 1;
    struct tensor *m = tape_constant(t, host, batch, width);
    free(host);
    return m ? m->x : NULL;
}

void vae_encode(struct tape *t, const struct vae *v, struct tensor *x, const int *lengths, int batch,
                struct tensor **mu, struct tensor **logvar)
{
    *mu = *logvar = NULL;
    if (!x) return;
    int latents = v->size.latent_tokens, frames = x->rows / batch, counts[2] = {2 * latents, frames};
    struct tensor *parts[2] = {tape_param(t, v->token, 0, 2 * latents), linear_run(t, &v->skeleton, x, ACT_NONE)};
    struct tensor *s = op_concat(t, parts, counts, 2, batch);
    s = op_add_positions(t, s, tape_param(t, v->encoder_positions, 0, v->size.positions), batch);
    s = skip_transformer_run(t, &v->encoder, s, batch, length_mask(t, lengths, batch, 2 * latents, frames), NULL, NULL, NULL);
    struct tensor *m = op_slice(t, s, batch, 0, latents), *l = op_slice(t, s, batch, latents, latents);
    if (v->size.projections) {
        m = linear_run(t, &v->latent_pre, m, ACT_NONE);
        l = linear_run(t, &v->latent_pre, l, ACT_NONE);
    }
    *mu = m;
    *logvar = l;
}

/* Where the first block's rows for `frames` positions begin: the lengths before take 1 + 2 + … rows. */
static size_t first_row(int frames) { return (size_t)frames * (size_t)(frames - 1) / 2; }

int vae_prepare(struct vae *v, enum weight_precision precision, int keep, struct error *e)
{
    enum { LONGEST = 200 };
    struct device *d = v->params.device;
    int width = v->size.transformer.width, longest = v->size.positions < LONGEST ? v->size.positions : LONGEST;
    struct params *p = &v->prepared;
    params_init(p, d);
    v->first = params_add(p, INIT_ZERO, 0, "first", 2, (int)first_row(longest + 1), width, 1);
    if (!v->first || !skip_transformer_prepare_add(p, &v->decoder, v->size.latent_tokens)) p->failed = 1;
    int rc = params_allocate(p, e);
    if (!rc) rc = skip_transformer_prepare_fill(&v->decoder, d, v->size.latent_tokens, e);
    struct tape t;
    tape_init(&t, d);
    tape_start(&t, 0, 0, 0, 0);
    const struct attention_layer *a = &v->decoder.layer[0].self;
    struct tensor *q = tape_param(&t, v->decoder_positions, 0, longest);
    struct tensor *qkv = op_linear(&t, q, tape_param(&t, a->in_weight, 0, 3 * width), tape_param(&t, a->in_bias, 0, 3 * width), ACT_NONE);
    for (int n = 1; n <= longest && !rc; n++) {
        struct arena_mark mark = arena_mark(&t.arena);
        struct tensor *y = skip_transformer_first_run(&t, &v->decoder, tape_rows(&t, q, 0, n), tape_rows(&t, qkv, 0, n));
        rc = tape_failed(&t, e);
        if (!rc) d->copy(d, v->first->x + first_row(n) * (size_t)width, y->x, (size_t)n * (size_t)width);
        arena_return(&t.arena, mark);
    }
    tape_free(&t);
    if (!rc) rc = params_pack(p, precision, e);
    if (!rc) rc = keep ? params_pack_beside(&v->params, precision, e) : params_pack(&v->params, precision, e);
    if (!rc) v->longest = longest;
    return rc;
}

/* The prepared rows of each sample, or NULL: not prepared, or not for all of these lengths. A sample that is
 * shorter than the batch has its own length's rows; what follows them reaches no result. */
static const float *const *first_rows(struct tape *t, const struct vae *v, const int *lengths, int batch, int frames)
{
    if (!v->longest || frames > v->longest) return NULL;
    const float **rows = malloc((size_t)batch * sizeof *rows);
    if (!rows) {
        tape_error(t, "out of memory");
        return NULL;
    }
    tape_keep(t, rows);
    for (int b = 0; b < batch; b++) rows[b] = v->first->x + first_row(lengths[b] < frames ? lengths[b] : frames) * (size_t)v->size.transformer.width;
    return rows;
}

/* Each sample at its own length, its padding left out where the device can. NULL: not packed, or recorded. */
static struct tensor *decode_packed(struct tape *t, const struct vae *v, struct tensor *q, const float *mask, const int *lengths,
                                    int batch, int frames, struct tensor *memory)
{
    int shorter = 0, longer = 0;
    if (t->recording || !skip_transformer_packed(&v->decoder)) return NULL;
    for (int b = 0; b < batch; b++) {
        if (lengths[b] < 1) return NULL;
        shorter |= lengths[b] < frames;
        longer |= lengths[b] > frames;
    }
    const float *const *first = first_rows(t, v, lengths, batch, frames);
    return skip_transformer_run_packed(t, &v->decoder, q, batch, mask, memory, NULL, NULL, first, shorter && !longer ? lengths : NULL);
}

struct tensor *vae_decode(struct tape *t, const struct vae *v, struct tensor *z, const int *lengths, int batch,
                          int frames)
{
    struct tensor *memory = v->size.projections ? linear_run(t, &v->latent_post, z, ACT_NONE) : z;
    if (!memory) return NULL;
    if (frames > v->size.positions) {
        tape_error(t, "%d frames asked of a VAE with %d positions", frames, v->size.positions);
        return NULL;
    }
    struct tensor *q = tape_param(t, v->decoder_positions, 0, frames);
    struct tensor *parts[1] = {q};
    q = op_concat(t, parts, &frames, 1, batch);
    const float *mask = length_mask(t, lengths, batch, 0, frames);
    struct tensor *y = decode_packed(t, v, q, mask, lengths, batch, frames, memory);
    if (!y) y = skip_transformer_run(t, &v->decoder, q, batch, mask, memory, NULL, NULL);
    y = linear_run(t, &v->final, y, ACT_NONE);
    return mask ? op_mask_rows(t, y, mask) : y;
}

/* Row weights of R(a, b): m/(Σm·B·C), or 1/(rows·C) unmasked. */
static const float *row_weights(struct tape *t, const int *lengths, int batch, int frames, int cols, int masked,
                                float weight)
{
    float *host = calloc((size_t)batch * (size_t)frames, sizeof *host);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < frames; i++)
            host[b * frames + i] = !masked          ? weight / (float)cols / (float)(batch * frames)
                                   : i < lengths[b] ? weight / (float)cols / (float)lengths[b] / (float)batch
                                                    : 0.0f;
    struct tensor *m = tape_constant(t, host, batch, frames);
    free(host);
    return m ? m->x : NULL;
}

struct vae_losses vae_objective_run(struct tape *t, const struct vae *v, const struct vae_objective *o,
                                    struct tensor *x, const int *lengths, int batch, int frames, struct tensor *eps,
                                    struct tensor *mean, struct tensor *std, int njoints, float share,
                                    struct tensor *outputs[6])
{
    struct vae_losses r = {0};
    struct tensor *mu, *logvar;
    vae_encode(t, v, x, lengths, batch, &mu, &logvar);
    struct tensor *z = op_reparameterise(t, mu, logvar, eps);
    struct tensor *y = vae_decode(t, v, z, lengths, batch, frames);
    struct tensor *joints = op_recover_joints(t, y, mean, std, batch, njoints);
    struct tensor *truth = op_recover_joints(t, x, mean, std, batch, njoints);
    if (outputs) {
        struct tensor *all[6] = {mu, logvar, z, y, joints, truth};
        memcpy(outputs, all, sizeof all);
    }
    if (!y || !joints || !truth) return r;
    const float *wf = row_weights(t, lengths, batch, frames, y->cols, o->masked, share * o->features_weight);
    const float *wj = row_weights(t, lengths, batch, frames, joints->cols, o->masked, share * o->joints_weight);
    if (!wf || !wj) return r;
    r.features = op_loss(t, y, x, wf, o->features, 0);
    r.joints = op_loss(t, joints, truth, wj, o->joints, 0);
    if (o->local_weight > 0) {
        /* channels 4 … 4+3(J-1)-1: the local joint positions, seen as columns of the features */
        int width = 3 * (njoints - 1), rows = batch * frames;
        const float *wl = row_weights(t, lengths, batch, frames, width, o->masked, share * o->local_weight);
        struct tensor *a = op_columns(t, y, 4, width), *b = op_columns(t, x, 4, width);
        if (wl && a && b && a->rows == rows) r.local = op_loss(t, a, b, wl, o->local, 0);
    }
    size_t count = (size_t)mu->rows * (size_t)mu->cols;
    r.kl = op_kl(t, mu, logvar, share * o->kl_weight / (float)count);
    r.total = r.features + r.joints + r.local + r.kl;
    return r;
}

int vae_size_from(const struct weights *w, const char *prefix, int heads, struct vae_size *size, struct error *e)
{
    char name[300];
    struct weight *token, *skeleton, *positions, *ff, *pre;
#define FIND(key) (snprintf(name, sizeof name, "%s%s", prefix, key), weights_find(w, name))
    token = FIND("global_motion_token");
    skeleton = FIND("skel_embedding.weight");
    positions = FIND("query_pos_encoder.pe");
    ff = FIND("encoder.middle_block.linear1.weight");
    pre = FIND("latent_pre.weight");
    if (!token || !skeleton || !positions || !ff || token->rank != 2 || skeleton->rank != 2 || ff->rank != 2)
        return error_set(e, ERR_INPUT, "%s: no motion VAE under '%s'; use a VAE or MotionLCM checkpoint", w->path, prefix);
#undef FIND
    *size = (struct vae_size){.nfeats = skeleton->shape[1], .latent_tokens = token->shape[0] / 2,
                              .latent_width = pre ? pre->shape[0] : token->shape[1], .projections = pre != NULL,
                              .positions = positions->shape[0],
                              .transformer = {token->shape[1], ff->shape[0], skip_transformer_layers(w, prefix), heads, 1e-5f}};
    struct vae expected;
    int rc = vae_add(&expected, NULL, size, e);
    rc = rc ? error_prefix(e, "%s", w->path) : params_match(&expected.params, w, prefix, e);
    vae_free(&expected);
    return rc;
}
