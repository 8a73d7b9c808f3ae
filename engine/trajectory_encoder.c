#include "trajectory_encoder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Registers the parameters without memory for them. */
static int trajectory_encoder_add(struct trajectory_encoder *n, struct device *d,
                                  const struct trajectory_encoder_size *size, struct error *e)
{
    const struct transformer_size *tr = &size->transformer;
    memset(n, 0, sizeof *n);
    if (!transformer_size_fits(tr) || size->joints < 1 || size->joints > MAX_WIDTH || size->latent_tokens < 1 ||
        size->latent_width < 1 || size->latent_width > MAX_WIDTH || size->positions <= size->latent_tokens ||
        size->positions > MAX_POSITIONS || (!size->projections && size->latent_width != tr->width))
        return error_set(e, ERR_INPUT, "trajectory encoder: sizes do not fit together (odd layers, width a multiple of "
                                       "heads, latent width = width without a projection)");
    n->size = *size;
    struct params *p = &n->params;
    params_init(p, d);
    n->token = params_add(p, INIT_NORMAL, 1, "global_motion_token", 2, size->latent_tokens, tr->width, 1);
    if (size->projections) n->projection = linear_add(p, "latent_proj", tr->width, size->latent_width, 1);
    n->skeleton = linear_add(p, "skel_embedding", 3 * size->joints, tr->width, 1);
    n->positions = params_add(p, INIT_POSITIVE, 1, "query_pos_encoder.pe", 3, size->positions, 1, tr->width);
    skip_transformer_add(p, &n->encoder, "encoder", tr, 0, 1);
    return 0;
}

int trajectory_encoder_create(struct trajectory_encoder *n, struct device *d,
                              const struct trajectory_encoder_size *size, struct error *e)
{
    int rc = trajectory_encoder_add(n, d, size, e);
    if (!rc) rc = params_allocate(&n->params, e);
    if (rc) trajectory_encoder_free(n);
    return rc;
}

void trajectory_encoder_free(struct trajectory_encoder *n)
{
    params_free(&n->params);
    memset(n, 0, sizeof *n);
}

void trajectory_frames(const unsigned char *mask, int batch, int frames, int joints, float *out)
{
    for (size_t i = 0, rows = (size_t)batch * (size_t)frames; i < rows; i++) {
        out[i] = 0;
        for (int j = 0; j < joints; j++)
            if (mask[i * (size_t)joints + (size_t)j]) out[i] = 1;
    }
}

/* Frames up to the last one of any sample with a controlled joint; at least 1. */
static int controlled_frames(const unsigned char *mask, int batch, int frames, int joints)
{
    size_t row = (size_t)joints, clip = (size_t)frames * row, last = 0;
    for (size_t b = 0; b < (size_t)batch; b++)
        for (size_t i = (last + 1) * row; i < clip; i++)
            if (mask[b * clip + i]) last = i / row;
    return (int)last + 1;
}

/* Keys that attention may see (batch, L + seen) on the device: the tokens and the controlled ones of the
 * first `seen` frames. mask (batch, frames, joints). */
static const float *key_mask(struct tape *t, const struct trajectory_encoder *n, const unsigned char *mask, int batch,
                             int frames, int seen)
{
    size_t tokens = (size_t)n->size.latent_tokens, width = tokens + (size_t)seen;
    float *host = malloc((size_t)batch * width * sizeof *host + 1);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (size_t b = 0; b < (size_t)batch; b++) {
        float *row = host + b * width;
        for (size_t i = 0; i < tokens; i++) row[i] = 1;
        trajectory_frames(mask + b * (size_t)frames * (size_t)n->size.joints, 1, seen, n->size.joints, row + tokens);
    }
    struct tensor *m = tape_constant(t, host, batch, (int)width);
    free(host);
    return m ? m->x : NULL;
}

struct tensor *trajectory_encoder_run(struct tape *t, const struct trajectory_encoder *n, struct tensor *hint,
                                      const unsigned char *mask, int batch)
{
    if (!hint) return NULL;
    int tokens = n->size.latent_tokens, frames = batch > 0 ? hint->rows / batch : 0;
    if (batch <= 0 || hint->rows % batch || hint->cols != 3 * n->size.joints || tokens + frames > n->size.positions) {
        tape_error(t, "trajectories of %d x %d in a batch of %d; the encoder takes %d columns and at most %d frames",
                   hint->rows, hint->cols, batch, 3 * n->size.joints, n->size.positions - tokens);
        return NULL;
    }
    /* No row reads a frame that is masked as a key, and only the tokens' rows are read: the frames
     * behind the last controlled one change nothing and are left out. */
    int seen = controlled_frames(mask, batch, frames, n->size.joints);
    const float *keys = key_mask(t, n, mask, batch, frames, seen);
    if (seen < frames) hint = op_slice(t, hint, batch, 0, seen);
    if (!keys || !hint) return NULL;
    int counts[2] = {tokens, seen};
    struct tensor *parts[2] = {tape_param(t, n->token, 0, tokens), linear_run(t, &n->skeleton, hint, ACT_NONE)};
    struct tensor *s = op_concat(t, parts, counts, 2, batch);
    s = op_add_positions(t, s, tape_param(t, n->positions, 0, n->size.positions), batch);
    s = skip_transformer_run(t, &n->encoder, s, batch, keys, NULL, NULL, NULL);
    s = op_slice(t, s, batch, 0, tokens);
    return n->size.projections ? linear_run(t, &n->projection, s, ACT_NONE) : s;
}

int trajectory_encoder_size_from(const struct weights *w, const char *prefix, int heads,
                                 struct trajectory_encoder_size *size, struct error *e)
{
    char name[300];
    struct weight *token, *skeleton, *positions, *ff, *projection;
#define FIND(key) (snprintf(name, sizeof name, "%s%s", prefix, key), weights_find(w, name))
    token = FIND("global_motion_token");
    skeleton = FIND("skel_embedding.weight");
    positions = FIND("query_pos_encoder.pe");
    ff = FIND("encoder.middle_block.linear1.weight");
    projection = FIND("latent_proj.weight");
    if (!token || !skeleton || !positions || !ff || token->rank != 2 || skeleton->rank != 2 || ff->rank != 2 ||
        positions->rank < 2 || skeleton->shape[1] % 3 || (projection && projection->rank != 2))
        return error_set(e, ERR_INPUT, "%s: no trajectory encoder under '%s'; use a checkpoint of motion control",
                         w->path, prefix);
#undef FIND
    *size = (struct trajectory_encoder_size){.joints = skeleton->shape[1] / 3, .latent_tokens = token->shape[0],
                                             .latent_width = projection ? projection->shape[0] : token->shape[1],
                                             .projections = projection != NULL, .positions = positions->shape[0],
                                             .transformer = {token->shape[1], ff->shape[0], skip_transformer_layers(w, prefix), heads, 1e-5f}};
    struct trajectory_encoder expected;
    int rc = trajectory_encoder_add(&expected, NULL, size, e);
    rc = rc ? error_prefix(e, "%s", w->path) : params_match(&expected.params, w, prefix, e);
    trajectory_encoder_free(&expected);
    return rc;
}
