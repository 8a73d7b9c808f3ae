#include "mlcm.h"
#include "checkpoint.h"
#include "control_mask.h"
#include "file.h"
#include "npy.h"
#include "latent_tuning.h"
#include "replay.h"
#include "rng.h"
#include "sampler.h"
#include "text_source.h"
#include "vae.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct generator {
    int open, controlled;               /* controlled: its ControlNet is open */
    struct checkpoint_card control_card;
    struct controlnet controlnet;
    struct trajectory_encoder trajectory;
    struct checkpoint_card card;
    struct denoiser denoiser;
    struct text_source text;            /* empty with a published encoder: the model's is used */
};

struct mlcm {
    struct device device;
    struct tape tape;
    struct vae vae;
    struct generator lcm, mld;
    char folder[1024];
    struct text_source published;       /* of both generators, which were trained with it */
    enum weight_precision precision;    /* of all other networks */
};

static int open_vae(struct mlcm *m, const char *path, int heads, struct error *e)
{
    struct weights w;
    struct vae_size size;
    int rc = weights_read(path, &w, e);
    if (rc) return rc;
    rc = vae_size_from(&w, "vae.", heads, &size, e);
    if (!rc) rc = vae_create(&m->vae, &m->device, &size, e);
    if (!rc) rc = params_load(&m->vae.params, &w, "vae.", e);
    weights_free(&w);
    return rc;
}

/* A generator knows the latents of one VAE alone; files of early versions do not say which. */
static int same_vae(const struct checkpoint_card *card, const char *path, const char *vae, struct error *e)
{
    char fingerprint[80];
    if (!card->vae[0]) return 0;
    int rc = checkpoint_fingerprint(vae, fingerprint, sizeof fingerprint, e);
    if (!rc && strcmp(fingerprint, card->vae))
        rc = error_set(e, ERR_INPUT, "%s: trained on another VAE than the vae.h5 beside it; use files of one run", path);
    return rc;
}

static int open_generator(struct mlcm *m, struct generator *g, const char *path, struct error *e)
{
    char vae[1100];
    const char *slash = strrchr(path, '/');
    struct weights w;
    struct denoiser_size size;
    struct text_encoder_size text = {0};
    struct vocabulary words = {0};
    int rc = checkpoint_card_read(path, &g->card, e);
    if (rc) return rc;
    g->open = 1;
    snprintf(vae, sizeof vae, "%.*svae.h5", slash ? (int)(slash - path) + 1 : 0, path);
    rc = same_vae(&g->card, path, vae, e);
    if (!rc) rc = weights_read(path, &w, e);
    if (rc) return rc;
    rc = denoiser_size_from(&w, "denoiser.", g->card.denoiser_heads, ACT_RELU, &size, e);
    if (!rc && size.projections) size.text_act = ACT_NONE;
    int own = g->card.text_heads > 0;
    if (!rc && own) rc = checkpoint_vocabulary(path, &words, e);
    if (!rc && own) rc = text_encoder_size_from(&w, "text.", g->card.text_heads, &text, e);
    if (!rc && !m->vae.params.count) rc = open_vae(m, vae, g->card.vae_heads, e);
    size.latent_tokens = m->vae.size.latent_tokens;
    if (!rc) rc = denoiser_create(&g->denoiser, &m->device, &size, e);
    if (!rc) rc = params_load(&g->denoiser.params, &w, "denoiser.", e);
    if (!rc && own) rc = text_source_own(&g->text, &m->device, &text, &words, e);
    if (!rc && own) rc = params_load(&g->text.own.params, &w, "text.", e);
    if (!rc && (g->card.nfeats != m->vae.size.nfeats || size.latent_width != m->vae.size.latent_width))
        rc = error_set(e, ERR_INPUT, "%s: made for another VAE than the one beside it; use files of one run", path);
    vocabulary_free(&words);
    weights_free(&w);
    return rc;
}

/* --- MotionLCM's published files, below the folder of its repository ---------------------- */

static const char published_models[] = "experiments_t2m", published_encoder[] = "deps/sentence-t5-large";

static int is_published(const char *folder)
{
    char path[1100];
    snprintf(path, sizeof path, "%.1000s/lcm.h5", folder);
    if (file_exists(path)) return 0;
    snprintf(path, sizeof path, "%.1000s/%s", folder, published_models);
    return file_exists(path);
}

static int read_statistics(const char *folder, const char *name, int count, float **out, struct error *e)
{
    char path[1100];
    int shape[8];
    snprintf(path, sizeof path, "%.1000s/datasets/humanml3d/%s", folder, name);
    int rc = npy_read_float(path, 1, shape, out, e);
    if (rc || shape[0] == count) return rc;
    free(*out);
    *out = NULL;
    return error_set(e, ERR_INPUT, "%s: %d values for a model of %d features; it belongs to another set", path, shape[0], count);
}

/* Such a checkpoint holds its VAE too; what no tensor says is as published. */
/* Both generators decode with one VAE: their files must agree on it. */
static int agrees_on_vae(const struct mlcm *m, struct weights *w, struct error *e)
{
    const struct params *p = &m->vae.params;
    int rc = params_match(p, w, "vae.", e);
    for (int i = 0; i < p->count && !rc; i++) {
        char name[200];
        const float *values;
        snprintf(name, sizeof name, "vae.%s", p->items[i]->name);
        struct weight *item = weights_find(w, name);
        rc = weight_values(w, item, &values, e);
        float *own = rc ? NULL : malloc((p->items[i]->count + 1) * sizeof *own);
        if (!rc && !own) rc = error_memory(e, "a comparison of weights");
        if (!rc) p->device->download(p->device, own, p->items[i]->x, p->items[i]->count);
        if (!rc && memcmp(values, own, p->items[i]->count * sizeof *values))
            rc = error_set(e, ERR_INPUT, "%s: %s is not that of the MotionLCM file beside it; use files that were trained on one VAE",
                           w->path, name);
        free(own);
        if (!rc) item->used = 1;
        weight_done(w, item);
    }
    return rc;
}

static int open_published_generator(struct mlcm *m, struct generator *g, const char *path, const char *folder, struct error *e)
{
    enum { HEADS = 4 };
    struct weights w;
    struct vae_size vae;
    struct denoiser_size size;
    int rc = weights_read(path, &w, e);
    if (rc) return rc;
    g->open = 1;
    rc = vae_size_from(&w, "vae.", HEADS, &vae, e);
    if (!rc) rc = denoiser_size_from(&w, "denoiser.", HEADS, vae.projections ? ACT_NONE : ACT_RELU, &size, e);
    if (!rc && !m->vae.params.count) {
        rc = vae_create(&m->vae, &m->device, &vae, e);
        if (!rc) rc = params_load(&m->vae.params, &w, "vae.", e);
    } else if (!rc) {
        rc = agrees_on_vae(m, &w, e);
    }
    if (!rc) {
        size.latent_tokens = vae.latent_tokens;
        int guided = size.guidance_width > 0, second = vae.projections;
        g->card = (struct checkpoint_card){.vae_heads = HEADS, .denoiser_heads = HEADS, .generation = guided ? second ? 2 : 1 : 0,
                                           .points = guided ? second ? 10 : 50 : 0, .guidance = guided ? 0 : 7.5,
                                           .fps = vae.nfeats == 251 ? 12.5 : 20, .nfeats = vae.nfeats,
                                           .njoints = vae.nfeats == 251 ? 21 : 22};
        if (guided != (g == &m->lcm))
            rc = error_set(e, ERR_INPUT, "%s: this is %s; use the file of that name as it was published", path,
                           guided ? "MotionLCM, not an MLD" : "an MLD, not MotionLCM");
    }
    if (!rc) rc = denoiser_create(&g->denoiser, &m->device, &size, e);
    if (!rc) rc = params_load(&g->denoiser.params, &w, "denoiser.", e);
    if (!rc) rc = read_statistics(folder, "Mean.npy", vae.nfeats, &g->card.mean, e);
    if (!rc) rc = read_statistics(folder, "Std.npy", vae.nfeats, &g->card.std, e);
    weights_free(&w);
    return rc;
}

static int open_published_folder(struct mlcm *m, const char *folder, int generation, struct error *e)
{
    const char *end = generation == 2 ? "" : "_v1";
    char path[1100];
    snprintf(path, sizeof path, "%.900s/%s/motionlcm_humanml/motionlcm_humanml%s.ckpt", folder, published_models, end);
    int rc = open_published_generator(m, &m->lcm, path, folder, e);
    snprintf(path, sizeof path, "%.900s/%s/mld_humanml/mld_humanml%s.ckpt", folder, published_models, end);
    return rc || !file_exists(path) ? rc : open_published_generator(m, &m->mld, path, folder, e);
}

static int give(const struct error *e, char *error, size_t size)
{
    if (error && size) snprintf(error, size, "%s", e->text);
    return e->code;
}

static int precision_named(const char *name, enum weight_precision *p, struct error *e)
{
    int found = name ? precision_find(name) : PRECISION_FP32;
    if (found < 0) return error_set(e, ERR_USAGE, "the precision \"%s\" is not known; use fp32, bf16 or int8", name);
    *p = (enum weight_precision)found;
    return 0;
}

static int name_find(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

static int open_device(struct mlcm *m, const struct mlcm_parts *parts, struct error *e)
{
    int kind = parts->device ? name_find(device_kind_names, parts->device) : DEVICE_CPU;
    int math = parts->gpu_math ? name_find(device_math_names, parts->gpu_math) : MATH_FP32;
    if (kind < 0) return error_set(e, ERR_USAGE, "the device \"%.40s\" is not known; use cpu or cuda", parts->device);
    if (math < 0) return error_set(e, ERR_USAGE, "the GPU's arithmetic \"%.40s\" is not known; use fp32, tf32 or bf16", parts->gpu_math);
    const struct device_choice choice = {(enum device_kind)kind, (enum device_math)math, parts->threads};
    struct device base;
    int rc = device_open(&base, &choice, e);
    return rc ? rc : replay_open(&m->device, &base, e);
}

/* The published encoder of generators that have none of their own: the named folder, or text_encoder beside them. */
static int open_published(struct mlcm *m, const char *folder, const struct mlcm_parts *parts, struct error *e)
{
    char beside[1100];
    enum weight_precision precision = PRECISION_FP32;
    int rc = precision_named(parts->text_precision, &precision, e);
    if (rc) return rc;
    if (m->lcm.text.kind && (!m->mld.open || m->mld.text.kind)) {
        if (!parts->text_encoder) return 0;
        return error_set(e, ERR_USAGE, "%s: these models were trained with a text encoder of their own; name no other one", folder);
    }
    snprintf(beside, sizeof beside, "%.1000s/%s", folder, is_published(folder) ? published_encoder : "text_encoder");
    const char *from = parts->text_encoder ? parts->text_encoder : beside;
    return text_source_open(&m->published, from, &m->device, precision, m->lcm.denoiser.size.text_width, e);
}

/* Latent tuning takes gradients through the VAE and the denoisers: their originals stay. */
static int prepare(struct mlcm *m, struct error *e)
{
    struct generator *const both[2] = {&m->lcm, &m->mld};
    int rc = vae_prepare(&m->vae, m->precision, 1, e);
    for (int i = 0; i < 2 && !rc; i++) {
        if (!both[i]->open) continue;
        rc = params_pack_beside(&both[i]->denoiser.params, m->precision, e);
        if (!rc && both[i]->text.kind == TEXT_SOURCE_OWN) rc = params_pack(&both[i]->text.own.params, m->precision, e);
    }
    return rc;
}

int mlcm_open(mlcm **out, const char *folder, int threads, char *error, size_t error_size)
{
    const struct mlcm_parts parts = {.threads = threads};
    return mlcm_open_parts(out, folder, &parts, error, error_size);
}

int mlcm_open_parts(mlcm **out, const char *folder, const struct mlcm_parts *parts, char *error, size_t error_size)
{
    struct error e = {0};
    char path[1100];
    struct mlcm *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m) {
        error_memory(&e, "a model");
        return give(&e, error, error_size);
    }
    snprintf(m->folder, sizeof m->folder, "%.1000s", folder);
    int rc = precision_named(parts->precision, &m->precision, &e);
    if (!rc) rc = open_device(m, parts, &e);
    if (!rc) {
        tape_init(&m->tape, &m->device);
        snprintf(path, sizeof path, "%.1000s/lcm.h5", folder);
        rc = is_published(folder) ? open_published_folder(m, folder, parts->generation, &e) : open_generator(m, &m->lcm, path, &e);
    }
    snprintf(path, sizeof path, "%.1000s/mld.h5", folder);
    if (!rc && file_exists(path)) rc = open_generator(m, &m->mld, path, &e);
    if (!rc) rc = open_published(m, folder, parts, &e);
    if (!rc) rc = prepare(m, &e);
    if (!rc) {
        *out = m;
        return 0;
    }
    mlcm_close(m);
    return give(&e, error, error_size);
}

static void close_generator(struct generator *g)
{
    checkpoint_card_free(&g->card);
    checkpoint_card_free(&g->control_card);
    controlnet_free(&g->controlnet);
    trajectory_encoder_free(&g->trajectory);
    denoiser_free(&g->denoiser);
    text_source_free(&g->text);
}

void mlcm_close(mlcm *m)
{
    if (!m) return;
    close_generator(&m->lcm);
    close_generator(&m->mld);
    text_source_free(&m->published);
    vae_free(&m->vae);
    if (m->device.state) {
        tape_free(&m->tape);
        device_close(&m->device);
    }
    free(m);
}

int mlcm_features(const mlcm *m) { return m->lcm.card.nfeats; }
int mlcm_joints(const mlcm *m) { return m->lcm.card.njoints; }
double mlcm_fps(const mlcm *m) { return m->lcm.card.fps; }
int mlcm_longest(const mlcm *m) { return m->vae.size.positions < 200 ? m->vae.size.positions : 200; }

/* --- motion control ---------------------------------------------------------------------- */

static int load_control(struct mlcm *m, struct generator *g, const char *path, const char *base, struct error *e)
{
    struct weights w;
    struct controlnet_size size;
    struct trajectory_encoder_size encoder;
    const struct checkpoint_card *card = &g->control_card;
    char fingerprint[80];
    int rc = checkpoint_card_read(path, &g->control_card, e);
    if (rc) return rc;
    if (!card->control_joint_count)
        return error_set(e, ERR_INPUT, "%s: does not say what it controls; train it again: mlcm train control", path);
    rc = checkpoint_fingerprint(base, fingerprint, sizeof fingerprint, e);
    if (!rc && strcmp(fingerprint, card->base))
        rc = error_set(e, ERR_INPUT, "%s: trained on another model than the %s beside it; use files of one run", path, strrchr(base, '/') + 1);
    if (!rc) rc = weights_read(path, &w, e);
    if (rc) return rc;
    rc = controlnet_size_from(&w, "controlnet.", card->denoiser_heads, g->denoiser.size.text_act, &size, e);
    if (!rc) rc = trajectory_encoder_size_from(&w, "traj_encoder.", card->denoiser_heads, &encoder, e);
    if (!rc && (encoder.latent_tokens != m->vae.size.latent_tokens || encoder.latent_width != m->vae.size.latent_width ||
                encoder.joints != g->card.njoints || size.denoiser.transformer.width != g->denoiser.size.transformer.width ||
                size.denoiser.transformer.layers != g->denoiser.size.transformer.layers))
        rc = error_set(e, ERR_INPUT, "%s: sizes of another model; use files of one run", path);
    if (!rc) {
        size.denoiser = g->denoiser.size;
        rc = controlnet_create(&g->controlnet, &m->device, &size, e);
    }
    if (!rc) rc = params_load(&g->controlnet.base.params, &w, "controlnet.", e);
    if (!rc) rc = trajectory_encoder_create(&g->trajectory, &m->device, &encoder, e);
    if (!rc) rc = params_load(&g->trajectory.params, &w, "traj_encoder.", e);
    if (!rc) rc = params_pack(&g->controlnet.base.params, m->precision, e);
    if (!rc) rc = params_pack(&g->trajectory.params, m->precision, e);
    weights_free(&w);
    return rc;
}

static void control_path(const struct mlcm *m, int teacher, char path[1100])
{
    snprintf(path, 1100, "%s/control%s.h5", m->folder, teacher ? "_mld" : "");
}

int mlcm_has_control(const mlcm *m, int teacher)
{
    char path[1100];
    control_path(m, teacher, path);
    return file_exists(path);
}

/* The ControlNet beside the models, opened when it is first asked for. */
static int need_control(struct mlcm *m, struct generator *g, struct error *e)
{
    char path[1100], base[1100];
    int teacher = g == &m->mld;
    if (g->controlled) return 0;
    control_path(m, teacher, path);
    snprintf(base, sizeof base, "%s/%s.h5", m->folder, teacher ? "mld" : "lcm");
    if (!file_exists(path))
        return error_set(e, ERR_INPUT, "%s: no ControlNet beside the models; train one (mlcm train control) or take latent tuning (--tuning 100)", path);
    int rc = load_control(m, g, path, base, e);
    g->controlled = !rc;
    if (rc) {
        checkpoint_card_free(&g->control_card);
        controlnet_free(&g->controlnet);
        trajectory_encoder_free(&g->trajectory);
    }
    return rc;
}

int mlcm_control_training(mlcm *m, int teacher, struct mlcm_control_training *out, char *error, size_t error_size)
{
    struct error e = {0};
    struct generator *g = teacher ? &m->mld : &m->lcm;
    const struct checkpoint_card *card = &g->control_card;
    memset(out, 0, sizeof *out);
    if (!g->open) error_set(&e, ERR_INPUT, "mld.h5 is not beside lcm.h5; the teacher cannot be asked for");
    else need_control(m, g, &e);
    if (e.code) return give(&e, error, error_size);
    out->count = card->control_joint_count;
    memcpy(out->joints, card->control_joints, (size_t)out->count * sizeof *out->joints);
    out->share = card->control_share / 100;
    out->scattered = card->control_spatial;
    out->root_height = (double)card->raw_mean[1];
    return 0;
}

/* What a controlled motion is told, ready for the networks. */
struct told {
    const struct mlcm_control *control;
    float *hint, *raw_mean, *raw_std;      /* hint (frames, J, 3) normalised; statistics (J, 3) */
};

static void told_free(struct told *told)
{
    free(told->hint);
    free(told->raw_mean);
    free(told->raw_std);
}

static int told_make(struct mlcm *m, struct generator *g, const struct mlcm_control *c, int frames, struct told *told, struct error *e)
{
    size_t J = (size_t)g->card.njoints;
    int rc = 0;
    *told = (struct told){.control = c};
    if (!c->positions || !c->mask) return error_set(e, ERR_USAGE, "motion control without positions or mask; pass both");
    if (!c->tuning) rc = need_control(m, g, e);
    if (rc) return rc;
    told->hint = malloc((size_t)frames * J * 3 * sizeof *told->hint);
    told->raw_mean = calloc(3 * J, sizeof *told->raw_mean);
    told->raw_std = malloc(3 * J * sizeof *told->raw_std);
    if (!told->hint || !told->raw_mean || !told->raw_std) rc = error_memory(e, "the control signal");
    for (size_t i = 0; i < 3 * J && !rc; i++) {      /* latent tuning compares metres: any statistics will do */
        told->raw_mean[i] = g->controlled ? g->control_card.raw_mean[i] : 0;
        told->raw_std[i] = g->controlled ? g->control_card.raw_std[i] : 1;
    }
    if (!rc && !control_keypoints(c->mask, frames, g->card.njoints))
        rc = error_set(e, ERR_USAGE, "motion control that tells nothing; set the mask of at least one joint");
    if (!rc) rc = control_signal(c->positions, c->mask, told->raw_mean, told->raw_std, frames, g->card.njoints, told->hint, e);
    if (rc) told_free(told);
    return rc;
}

/* Replaces the noise (L·D) by the one that latent tuning finds. */
static void tune(struct mlcm *m, const struct generator *g, const struct sampler *s, const struct told *told, const char *text,
                 int frames, uint64_t seed, float *noise)
{
    struct tape *t = &m->tape;
    const struct text_source *source = g->text.kind ? &g->text : &m->published;
    size_t wide = (size_t)g->denoiser.size.text_width, count = (size_t)m->vae.size.latent_tokens * (size_t)m->vae.size.latent_width;
    float *features = malloc(wide * sizeof *features), *tuned = malloc(count * sizeof *tuned);
    struct latent_tuning plan = latent_tuning_defaults();
    struct error e = {0};
    struct tensor *x = text_source_run(t, source, &text, 1);
    plan.schedule = s->schedule;
    plan.timestep = s->timesteps[0];
    plan.w = s->guidance - 1;
    plan.steps = told->control->tuning;
    plan.warmup = plan.steps / 8;
    plan.seed = seed;
    if (!features || !tuned) tape_error(t, "out of memory");
    if (!tape_failed(t, &e)) {
        m->device.download(&m->device, features, x->x, wide);
        const struct latent_tuning_input in = {.noise = noise, .text = features, .hint = told->hint, .mask = told->control->mask,
                                               .mean = g->card.mean, .std = g->card.std, .raw_mean = told->raw_mean,
                                               .raw_std = told->raw_std, .text_tokens = 1, .joints = g->card.njoints,
                                               .frames = frames, .lengths = &frames, .batch = 1};
        latent_tuning_run(t, &plan, &m->vae, &g->denoiser, &in, tuned, &e);
        if (!e.code) memcpy(noise, tuned, count * sizeof *noise);
    }
    tape_start(t, 0, 0, 0, 0);
    if (e.code) tape_error(t, "%s", e.text);
    free(features);
    free(tuned);
}

/* --- generation --------------------------------------------------------------------------- */

/* The normalised features on the tape; NULL with the tape's error. */
static struct tensor *run(struct mlcm *m, const struct generator *g, const struct sampler *s, const char *text, int frames,
                          uint64_t seed, const struct told *told)
{
    struct tape *t = &m->tape;
    const struct text_source *source = g->text.kind ? &g->text : &m->published;
    int tokens = m->vae.size.latent_tokens, width = m->vae.size.latent_width;
    size_t count = (size_t)tokens * (size_t)width, padded = (count + 3) / 4 * 4;
    float *noise = malloc((size_t)s->steps * padded * sizeof *noise);
    if (!noise) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int i = 0; i < s->steps; i++)
        rng_fill_normal(seed, rng_stream("mlcm_generate") + (uint64_t)i, 0, noise + (size_t)i * count, count);
    if (told && told->control->tuning) tune(m, g, s, told, text, frames, seed, noise);
    struct sampler_input in = {.batch = 1, .text_tokens = 1};
    if (told && !told->control->tuning) {
        struct tensor *hint = tape_constant(t, told->hint, frames, 3 * g->card.njoints);
        in.trajectory = trajectory_encoder_run(t, &g->trajectory, hint, told->control->mask, 1);
        in.controlnet = &g->controlnet;
    }
    if (s->kind == SAMPLER_DDIM) text_source_run_guided(t, source, &text, 1, &in.text, &in.text_empty);
    else in.text = text_source_run(t, source, &text, 1);
    in.noise = tape_constant(t, noise, tokens, width);
    in.step_noise = noise + count;
    struct tensor *z = sampler_run(t, s, &g->denoiser, &in);
    struct tensor *y = vae_decode(t, &m->vae, z, &frames, 1, frames);
    free(noise);
    return y;
}

/* One motion from the tape's start to features and joints on the device; may be done twice (replay.h). */
struct work {
    struct mlcm *m;
    struct generator *g;
    const struct sampler *sampler;
    const char *text;
    int frames, with_joints;
    uint64_t seed;
    const struct told *told;
    struct tensor *features, *joints;
};

static void generate(void *context)
{
    struct work *w = context;
    struct tape *t = &w->m->tape;
    const struct checkpoint_card *card = &w->g->card;
    int nf = card->nfeats;
    tape_start(t, 0, 0, 0, 0);
    w->features = run(w->m, w->g, w->sampler, w->text, w->frames, w->seed, w->told);
    w->joints = NULL;
    if (w->with_joints)
        w->joints = op_recover_joints(t, w->features, tape_constant(t, card->mean, 1, nf), tape_constant(t, card->std, 1, nf), 1,
                                      card->njoints);
}

int mlcm_generate(mlcm *m, const char *text, int frames, const struct mlcm_options *o, float *features, float *joints,
                  char *error, size_t error_size)
{
    return mlcm_generate_controlled(m, text, frames, o, NULL, features, joints, error, error_size);
}

int mlcm_generate_controlled(mlcm *m, const char *text, int frames, const struct mlcm_options *o, const struct mlcm_control *c,
                             float *features, float *joints, char *error, size_t error_size)
{
    struct error e = {0};
    struct told told = {0};
    struct sampler s;
    static const struct mlcm_options defaults = MLCM_OPTIONS;
    if (!o) o = &defaults;
    struct generator *g = o->teacher ? &m->mld : &m->lcm;
    int rc = 0, nf = mlcm_features(m);
    float guidance = (float)(o->guidance > 0 ? o->guidance : g->card.guidance);
    if (!text) rc = error_set(&e, ERR_USAGE, "no text; pass a sentence, which may be empty");
    if (!rc && !(o->guidance >= 0 && o->guidance <= 100))
        rc = error_set(&e, ERR_USAGE, "the guidance scale %g is not from 0, the model's own, to 100", o->guidance);
    if (!rc && (o->steps < 0 || o->steps > 1000))
        rc = error_set(&e, ERR_USAGE, "%d sampling steps asked for; 0, the default, to 1000", o->steps);
    if (!rc && !g->open) rc = error_set(&e, ERR_INPUT, "mld.h5 is not beside lcm.h5; the teacher cannot be asked for");
    if (!rc && (frames < 1 || frames > mlcm_longest(m)))
        rc = error_set(&e, ERR_USAGE, "%d frames asked for; this model makes 1 to %d", frames, mlcm_longest(m));
    if (!rc) rc = o->teacher ? sampler_ddim(&s, o->steps ? o->steps : 50, guidance, &e)
                             : sampler_lcm(&s, g->card.generation, o->steps ? o->steps : 1, g->card.points, guidance, &e);
    if (!rc && c && (c->tuning < 0 || c->tuning > 10000 || (c->tuning && (o->teacher || s.steps != 1))))
        rc = error_set(&e, ERR_USAGE, "latent tuning takes up to 10000 steps of MotionLCM with one sampling step; leave out steps and teacher");
    if (!rc && c) rc = told_make(m, g, c, frames, &told, &e);
    if (rc) return give(&e, error, error_size);
    struct tape *t = &m->tape;
    struct device *d = &m->device;
    struct work w = {m, g, &s, text, frames, joints != NULL, o->seed, c ? &told : NULL, NULL, NULL};
    int shape[6] = {o->teacher, frames, s.steps, joints != NULL, c != NULL, (int)(guidance * 1000)};
    if (c && c->tuning) generate(&w);
    else replay_run(d, replay_key("generate", shape, sizeof shape), generate, &w);
    told_free(&told);
    rc = tape_failed(t, &e);
    if (!rc && joints) {
        d->download(d, joints, w.joints->x, (size_t)frames * (size_t)mlcm_joints(m) * 3);
        for (size_t i = 0; i < (size_t)frames * (size_t)mlcm_joints(m) * 3 && !rc; i++)
            if (!isfinite(joints[i])) rc = error_set(&e, ERR_INTERNAL, "the model gives a non-finite motion; train it again");
    }
    if (!rc && features) {
        d->download(d, features, w.features->x, (size_t)frames * (size_t)nf);
        for (int i = 0; i < frames && !rc; i++)
            for (int k = 0; k < nf; k++) {
                float *v = &features[(size_t)i * (size_t)nf + (size_t)k];
                *v = *v * g->card.std[k] + g->card.mean[k];
                if (!isfinite(*v)) rc = error_set(&e, ERR_INTERNAL, "the model gives a non-finite motion; train it again");
            }
    }
    return rc ? give(&e, error, error_size) : 0;
}
