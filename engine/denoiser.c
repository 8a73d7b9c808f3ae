#include "denoiser.h"
#include "schedule.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int denoiser_add(struct denoiser *d, struct device *device, const struct denoiser_size *size, int with_norm,
                 struct error *e)
{
    const struct transformer_size *tr = &size->transformer;
    memset(d, 0, sizeof *d);
    if (!transformer_size_fits(tr) || size->latent_width < 1 || size->latent_width > MAX_WIDTH || size->text_width < 1 ||
        size->text_width > MAX_WIDTH || size->time_width < 2 || size->time_width > MAX_WIDTH || size->guidance_width < 0 ||
        size->guidance_width > MAX_WIDTH || size->latent_tokens < 1 || size->positions < size->latent_tokens ||
        size->positions > MAX_POSITIONS || (!size->projections && size->latent_width != tr->width))
        return error_set(e, ERR_INPUT, "denoiser: sizes do not fit together (odd layers, width a multiple of heads, "
                                       "latent width = width without projections)");
    d->size = *size;
    struct params *p = &d->params;
    params_init(p, device);
    if (size->projections) {
        d->latent_pre = linear_add(p, "latent_pre", size->latent_width, tr->width, 1);
        d->latent_post = linear_add(p, "latent_post", tr->width, size->latent_width, 1);
    }
    d->time1 = linear_add(p, "time_embedding.linear_1", size->time_width, tr->width, 1);
    if (size->guidance_width)
        d->guidance = params_add(p, INIT_ZERO, 0, "time_embedding.cond_proj.weight", 2, size->time_width, size->guidance_width, 1);
    if (d->guidance) d->guidance->matrix = 1;
    d->time2 = linear_add(p, "time_embedding.linear_2", tr->width, tr->width, 1);
    d->text = linear_add(p, "emb_proj.1", size->text_width, tr->width, 1);
    d->positions = params_add(p, INIT_POSITIVE, 1, "query_pos.pe", 3, size->positions, 1, tr->width);
    skip_transformer_add(p, &d->encoder, "encoder", tr, 0, with_norm);
    return 0;
}

int denoiser_create(struct denoiser *d, struct device *device, const struct denoiser_size *size, struct error *e)
{
    int rc = denoiser_add(d, device, size, 1, e);
    if (rc) return rc;
    rc = params_allocate(&d->params, e);
    if (rc) denoiser_free(d);
    return rc;
}

void denoiser_free(struct denoiser *d)
{
    params_free(&d->params);
    memset(d, 0, sizeof *d);
}

struct tensor *denoiser_time_tokens(struct tape *t, const struct denoiser *d, struct tensor *time, struct tensor *guidance)
{
    if (guidance) {
        if (!d->guidance) {
            tape_error(t, "guidance features given to a denoiser without cond_proj");
            return NULL;
        }
        struct tensor *w = tape_param(t, d->guidance, 0, d->guidance->shape[0]);
        time = op_add(t, time, op_linear(t, guidance, w, NULL, ACT_NONE));
    }
    return linear_run(t, &d->time2, linear_run(t, &d->time1, time, ACT_SILU), ACT_NONE);
}

struct tensor *denoiser_text_tokens(struct tape *t, const struct denoiser *d, struct tensor *text)
{
    return linear_run(t, &d->text, op_activate(t, text, d->size.text_act), ACT_NONE);
}

struct tensor *denoiser_sequence(struct tape *t, const struct denoiser *d, const struct denoiser_input *in,
                                 struct tensor **time_embedding)
{
    if (!in->latent || !(in->time || in->time_token) || !(in->text || in->text_tokens_ready)) return NULL;
    int latents = d->size.latent_tokens, counts[3] = {latents, 1, in->text_tokens};
    struct tensor *x = d->size.projections ? linear_run(t, &d->latent_pre, in->latent, ACT_NONE) : in->latent;
    struct tensor *time = in->time_token ? in->time_token : denoiser_time_tokens(t, d, in->time, in->guidance);
    if (time_embedding) *time_embedding = time;
    struct tensor *text = in->text_tokens_ready ? in->text_tokens_ready : denoiser_text_tokens(t, d, in->text);
    struct tensor *parts[3] = {x, time, text};
    struct tensor *s = op_concat(t, parts, counts, 3, in->batch);
    return op_add_positions(t, s, tape_param(t, d->positions, 0, d->size.positions), in->batch);
}

struct tensor *denoiser_run(struct tape *t, const struct denoiser *d, const struct denoiser_input *in,
                            struct tensor **time_embedding)
{
    struct tensor *s = denoiser_sequence(t, d, in, time_embedding);
    s = skip_transformer_run(t, &d->encoder, s, in->batch, NULL, NULL, in->residuals, NULL);
    s = op_slice(t, s, in->batch, 0, d->size.latent_tokens);
    return d->size.projections ? linear_run(t, &d->latent_post, s, ACT_NONE) : s;
}

struct tensor *time_feature_rows(struct tape *t, const int *timesteps, int batch, int width)
{
    float *host = malloc((size_t)batch * (size_t)width * sizeof *host);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int b = 0; b < batch; b++) {
        float *row = host + (size_t)b * (size_t)width;
        if (b && timesteps[b] == timesteps[b - 1]) memcpy(row, row - width, (size_t)width * sizeof *row);
        else time_features((float)timesteps[b], width, row);
    }
    struct tensor *x = tape_constant(t, host, batch, width);
    free(host);
    return x;
}

struct tensor *guidance_feature_rows(struct tape *t, const float *w, int batch, int width)
{
    float *host = malloc((size_t)batch * (size_t)width * sizeof *host);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int b = 0; b < batch; b++) {
        float *row = host + (size_t)b * (size_t)width;
        if (b && !memcmp(&w[b], &w[b - 1], sizeof *w)) memcpy(row, row - width, (size_t)width * sizeof *row);
        else guidance_features(w[b], width, row);
    }
    struct tensor *x = tape_constant(t, host, batch, width);
    free(host);
    return x;
}

int denoiser_size_from(const struct weights *w, const char *prefix, int heads, enum activation text_act,
                       struct denoiser_size *size, struct error *e)
{
    struct denoiser expected;
    int rc = denoiser_size_read(w, prefix, heads, text_act, size, e);
    if (rc) return rc;
    rc = denoiser_add(&expected, NULL, size, 1, e);
    rc = rc ? error_prefix(e, "%s", w->path) : params_match(&expected.params, w, prefix, e);
    denoiser_free(&expected);
    return rc;
}

int denoiser_size_read(const struct weights *w, const char *prefix, int heads, enum activation text_act,
                       struct denoiser_size *size, struct error *e)
{
    char name[300];
    struct weight *time1, *guidance, *text, *positions, *ff, *post;
#define FIND(key) (snprintf(name, sizeof name, "%s%s", prefix, key), weights_find(w, name))
    time1 = FIND("time_embedding.linear_1.weight");
    guidance = FIND("time_embedding.cond_proj.weight");
    text = FIND("emb_proj.1.weight");
    positions = FIND("query_pos.pe");
    ff = FIND("encoder.middle_block.linear1.weight");
    post = FIND("latent_post.weight");
    if (!time1 || !text || !positions || !ff || time1->rank != 2 || text->rank != 2 || ff->rank != 2)
        return error_set(e, ERR_INPUT, "%s: no denoiser under '%s'; use an MLD or MotionLCM checkpoint", w->path, prefix);
#undef FIND
    *size = (struct denoiser_size){.latent_tokens = 1, .latent_width = post ? post->shape[0] : time1->shape[0],
                                   .projections = post != NULL, .text_width = text->shape[1],
                                   .time_width = time1->shape[1], .guidance_width = guidance ? guidance->shape[1] : 0,
                                   .text_act = text_act, .positions = positions->shape[0],
                                   .transformer = {time1->shape[0], ff->shape[0], skip_transformer_layers(w, prefix), heads, 1e-5f}};
    return 0;
}
