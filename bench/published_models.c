#include "published_models.h"
#include "../baselines/system.h"
#include "../engine/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what a checkpoint holds ------------------------------------------------------------------- */

struct sizes {
    struct vae_size vae;
    struct denoiser_size denoiser;
    struct controlnet_size control;
    struct trajectory_encoder_size trajectory;
};

/* Heads are in no file; the generation shows in the VAE's projections. */
static int read_sizes(const struct weights *w, int heads, struct published_model *m, struct sizes *s, struct error *e)
{
    int rc = vae_size_from(w, "vae.", heads, &s->vae, e);
    if (rc) return rc;
    m->generation = s->vae.projections ? 2 : 1;
    enum activation text = m->generation == 2 ? ACT_NONE : ACT_RELU;
    m->denoiser = weights_find(w, "denoiser.time_embedding.linear_1.weight") != NULL;
    m->control = weights_find(w, "controlnet.controlnet_cond_embedding.0.weight") != NULL;
    if (m->denoiser) rc = denoiser_size_from(w, "denoiser.", heads, text, &s->denoiser, e);
    s->denoiser.latent_tokens = s->vae.latent_tokens;
    m->guided = m->denoiser && s->denoiser.guidance_width > 0;
    if (!rc && m->denoiser && s->denoiser.latent_width != s->vae.latent_width)
        rc = error_set(e, ERR_INPUT, "%s: latents of width %d in its VAE and %d in its denoiser; the file is damaged", w->path,
                       s->vae.latent_width, s->denoiser.latent_width);
    if (!rc && m->control) rc = controlnet_size_from(w, "controlnet.", heads, text, &s->control, e);
    if (!rc && m->control) rc = trajectory_encoder_size_from(w, "traj_encoder.", heads, &s->trajectory, e);
    s->control.denoiser.latent_tokens = s->vae.latent_tokens;
    return rc;
}

static int inspect(struct chain *c, int k, struct sizes *s, struct error *e)
{
    const struct published *p = &c->x->published;
    struct published_model *m = &c->published[k];
    struct weights w;
    published_path(p, p->checkpoints[k].path, m->path);
    memset(s, 0, sizeof *s);
    int rc = weights_read(m->path, &w, e);
    if (rc) return rc;
    rc = read_sizes(&w, p->heads, m, s, e);
    memcpy(m->sha256, w.sha256, sizeof m->sha256);
    weights_free(&w);
    m->present = !rc;
    int features = p->kit ? 251 : 263;
    if (!rc && p->part[PUBLISHED_DATA][0] && s->vae.nfeats != features)
        rc = error_set(e, ERR_INPUT, "%s: a model of %d features, the data have %d; use the checkpoint of this data set", m->path,
                       s->vae.nfeats, features);
    return rc;
}

/* Whether a checkpoint can be what a model wants of it. */
static int check_model(const struct chain *c, const struct model_entry *m, struct error *e)
{
    const struct published_model *file = &c->published[m->checkpoint - 1];
    const struct system_kind *kind = system_find(m->system);
    const char *lacks = NULL;
    if (kind->sampled && !file->denoiser) lacks = "a denoiser";
    else if ((kind == &system_mld || kind == &system_mld_control) && file->guided) lacks = "a plain MLD: this is MotionLCM";
    else if (kind->sampled && kind != &system_mld && kind != &system_mld_control && !file->guided)
        lacks = "MotionLCM's guidance (cond_proj)";
    else if ((kind == &system_mld_control || kind == &system_motionlcm_control) && !file->control) lacks = "a ControlNet";
    if (!lacks) return 0;
    return error_set(e, ERR_INPUT, "%s: model \"%s\" needs of it %s; name another checkpoint", file->path, m->name, lacks);
}

/* Models whose checkpoint is not there leave the experiment. */
static void drop_absent(struct chain *c)
{
    struct experiment *x = c->x;
    char path[1400];
    int kept = 0;
    for (int i = 0; i < x->model_count; i++) {
        const struct model_entry *m = &x->models[i];
        int k = m->checkpoint - 1;
        if (k < 0 || file_exists(published_path(&x->published, x->published.checkpoints[k].path, path))) {
            x->models[kept++] = x->models[i];
            continue;
        }
        snprintf(c->absent[c->absent_count].model, sizeof c->absent->model, "%s", m->name);
        snprintf(c->absent[c->absent_count++].file, sizeof c->absent->file, "%s", x->published.checkpoints[k].path);
    }
    x->model_count = kept;
}

/* The chain's networks have the sizes of the file that a stage is taken from. */
static int adopt(struct chain *c, int stage, const struct sizes *s, struct error *e)
{
    struct experiment *x = c->x;
    const struct published_model *m = &c->published[x->published.stage[stage]];
    static const enum stage_kind kinds[PUBLISHED_STAGES] = {STAGE_VAE, STAGE_MLD, STAGE_LCM};
    if (stage == PUBLISHED_LCM && !m->guided)
        return error_set(e, ERR_INPUT, "%s: published.stages.lcm: this is no MotionLCM; name another checkpoint", m->path);
    if (stage == PUBLISHED_MLD && (!m->denoiser || m->guided))
        return error_set(e, ERR_INPUT, "%s: published.stages.mld: this is no plain MLD; name another checkpoint", m->path);
    int width = x->denoiser.guidance_width;
    if (stage == PUBLISHED_VAE) {
        x->vae = s->vae;
        x->denoiser.latent_tokens = s->vae.latent_tokens;
        x->denoiser.latent_width = s->vae.latent_width;
        x->denoiser.projections = s->vae.projections;
        x->denoiser.text_act = m->generation == 2 ? ACT_NONE : ACT_RELU;
    } else {
        x->denoiser = s->denoiser;
        if (stage == PUBLISHED_MLD) x->denoiser.guidance_width = width;
        x->text.text_width = s->denoiser.text_width;
    }
    if (stage == PUBLISHED_LCM) x->lcm_generation = m->generation;
    snprintf(c->model[kinds[stage]], sizeof c->model[0], "%.1090s", m->path);
    memcpy(c->fingerprint[kinds[stage]], m->sha256, sizeof m->sha256);
    return 0;
}

int chain_published(struct chain *c, struct error *e)
{
    struct experiment *x = c->x;
    struct published *p = &x->published;
    struct sizes sizes;
    char path[1400];
    int rc = published_check(p, x->path, e), widths = 0;
    if (rc) return rc;
    drop_absent(c);
    if (p->part[PUBLISHED_TEXT][0])
        snprintf(x->text_folder, sizeof x->text_folder, "%.1020s", published_path(p, p->part[PUBLISHED_TEXT], path));
    for (int k = 0; k < p->count && !rc; k++) {
        if (!p->checkpoints[k].used || !file_exists(published_path(p, p->checkpoints[k].path, path))) continue;
        rc = inspect(c, k, &sizes, e);
        if (!rc && c->published[k].denoiser && widths && sizes.denoiser.text_width != widths)
            rc = error_set(e, ERR_INPUT, "%s: reads text vectors of width %d, another of these checkpoints %d; one text encoder "
                           "serves all: measure them in experiments of their own", c->published[k].path, sizes.denoiser.text_width,
                           widths);
        if (!rc && c->published[k].denoiser) x->text.text_width = widths = sizes.denoiser.text_width;
        for (int s = 0; s < PUBLISHED_STAGES && !rc; s++)
            if (p->stage[s] == k) rc = adopt(c, s, &sizes, e);
    }
    for (int i = 0; i < x->model_count && !rc; i++)
        if (x->models[i].checkpoint) rc = check_model(c, &x->models[i], e);
    if (!rc && p->part[PUBLISHED_EVALUATOR][0]) {
        snprintf(c->model[STAGE_EVALUATOR], sizeof c->model[0], "%.1090s", published_path(p, p->part[PUBLISHED_EVALUATOR], path));
        rc = sha256_file(path, c->fingerprint[STAGE_EVALUATOR], e);
    }
    if (!rc && x->model_count == 0)
        rc = error_set(e, ERR_ENV, "%s: none of its models' files is below %s; --dry-run lists them", x->path, p->root);
    return rc;
}

int chain_published_files(const struct chain *c, int (*add)(void *context, const char *what, const char *path, const char *sha256,
                                                            struct error *e), void *context, struct error *e)
{
    const struct published *p = &c->x->published;
    struct published_file *files;
    char path[1400], hex[65];
    int count, rc = published_look(p, &files, &count, e);
    for (int i = 0; i < count && !rc; i++) {
        if (files[i].state || files[i].folder) continue;
        int k = published_find(p, files[i].what);
        if (k >= 0) rc = add(context, files[i].what, files[i].below, c->published[k].sha256, e);
        else {
            rc = sha256_file(published_path(p, files[i].below, path), hex, e);
            if (!rc) rc = add(context, files[i].what, files[i].below, hex, e);
        }
    }
    free(files);
    return rc;
}

/* --- networks ---------------------------------------------------------------------------------------- */

int published_networks_open(struct published_networks *n, struct chain *c, int k, struct error *e)
{
    struct published_model *m = &c->published[k];
    struct sizes s = {0};
    struct weights w;
    memset(n, 0, sizeof *n);
    int rc = weights_read(m->path, &w, e);
    if (rc) return rc;
    n->open = 1;
    rc = read_sizes(&w, c->x->published.heads, m, &s, e);
    if (!rc) rc = vae_create(&n->vae, &c->device, &s.vae, e);
    if (!rc) rc = params_load(&n->vae.params, &w, "vae.", e);
    if (!rc && m->denoiser) rc = denoiser_create(&n->denoiser, &c->device, &s.denoiser, e);
    if (!rc && m->denoiser) rc = params_load(&n->denoiser.params, &w, "denoiser.", e);
    if (!rc && m->control) rc = controlnet_create(&n->control, &c->device, &s.control, e);
    if (!rc && m->control) rc = params_load(&n->control.base.params, &w, "controlnet.", e);
    if (!rc && m->control) rc = trajectory_encoder_create(&n->trajectory, &c->device, &s.trajectory, e);
    if (!rc && m->control) rc = params_load(&n->trajectory.params, &w, "traj_encoder.", e);
    weights_free(&w);
    if (rc) published_networks_close(n);
    return rc;
}

void published_networks_close(struct published_networks *n)
{
    if (!n->open) return;
    vae_free(&n->vae);
    denoiser_free(&n->denoiser);
    controlnet_free(&n->control);
    trajectory_encoder_free(&n->trajectory);
    memset(n, 0, sizeof *n);
}
