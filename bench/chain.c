#include "chain.h"
#include "published_models.h"
#include "../engine/checkpoint.h"
#include "../engine/file.h"
#include "../engine/replay.h"
#include "trajectory_file.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *stage_name(enum stage_kind stage)
{
    static const char *const names[] = {"evaluator", "vae", "mld", "lcm"};
    return stage < STAGE_CONTROL ? names[stage] : stage_on_mld(stage) ? "control_mld" : "control";
}

int stage_on_mld(enum stage_kind stage) { return stage >= STAGE_CONTROL_MLD; }

const struct control_plan *stage_control(const struct chain *c, enum stage_kind stage)
{
    return &c->x->control_variants[(int)stage - (int)(stage_on_mld(stage) ? STAGE_CONTROL_MLD : STAGE_CONTROL)];
}

struct stage_label stage_label(const struct chain *c, enum stage_kind stage)
{
    struct stage_label label;
    const char *variant = stage < STAGE_CONTROL ? "" : stage_control(c, stage)->name;
    snprintf(label.text, sizeof label.text, "%s%s%s", stage_name(stage), *variant ? "_" : "", variant);
    return label;
}

/* --- fingerprints: every number that defines a stage, in a fixed order ------------- */

struct description {
    char text[4096];
    size_t used;
    int full;      /* something did not fit */
};

static void __attribute__((format(printf, 2, 3))) describe(struct description *d, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(d->text + d->used, sizeof d->text - d->used, fmt, args);
    va_end(args);
    if (n >= 0 && d->used + (size_t)n < sizeof d->text) d->used += (size_t)n;
    else d->full = 1;
}

static void describe_transformer(struct description *d, const struct transformer_size *t)
{
    describe(d, "transformer %d %d %d %d;", t->width, t->feed_forward, t->layers, t->heads);
}

static void describe_plan(struct description *d, const struct training_plan *p)
{
    const struct trainer_config *c = &p->trainer;
    describe(d, "plan %lld %d %d warmup %lld acc %d rate %.9g decay %.9g clip %.9g drop %.9g seed %llu;",
             (long long)p->steps, p->batch, p->piece, (long long)c->warmup, c->accumulators, (double)c->rate,
             (double)c->weight_decay, (double)c->clip, (double)c->dropout, (unsigned long long)c->seed);
}

/* What the VAE sees of the set: the training motions, their windows' rule, the statistics. */
static int motion_hash(const struct chain *c, char hex[65])
{
    struct sha256 *h = sha256_new();
    const struct set *s = &c->set;
    int rule[4] = {s->nfeats, s->min_length, s->max_length, s->unit};
    sha256_add(h, rule, sizeof rule);
    sha256_add(h, s->mean, (size_t)s->nfeats * sizeof *s->mean);
    sha256_add(h, s->std, (size_t)s->nfeats * sizeof *s->std);
    for (int i = 0; i < c->train.count; i++) {
        const struct item *it = &c->train.list[i];
        int shape[3] = {it->start, it->length, it->ncaptions};
        sha256_add(h, shape, sizeof shape);
        sha256_add(h, s->clips[it->clip].features + (size_t)it->start * (size_t)s->nfeats,
                   (size_t)it->length * (size_t)s->nfeats * sizeof(float));
    }
    return sha256_text(h, hex);
}

static int fingerprint_of(const struct description *d, char hex[65], struct error *e)
{
    if (d->full) return error_set(e, ERR_INTERNAL, "the description of a stage is longer than %zu bytes", sizeof d->text - 1);
    return sha256_bytes(d->text, d->used, hex) ? error_memory(e, "a fingerprint") : 0;
}

struct training_plan gpu_plan(const struct training_plan *p)
{
    struct training_plan g = *p;
    int most = p->gpu_piece ? p->gpu_piece : 1024;
    g.piece = p->batch < most ? p->batch : most;
    g.trainer.accumulators = 1;
    return g;
}

/* A plan as device `on` trains by it, and that device, which the CPU's fingerprints leave out. */
static void describe_training(struct description *d, const struct training_plan *p, const struct device_choice *on)
{
    char name[24];
    struct training_plan plan = on->kind == DEVICE_CUDA ? gpu_plan(p) : *p;
    describe_plan(d, &plan);
    if (on->kind == DEVICE_CUDA) describe(d, "device %s;", device_choice_name(on, name));
}

/* The fingerprint of a stage trained on device `on`, those of the stages below being known. */
static int stage_fingerprint(struct chain *c, enum stage_kind s, const char *motions, const struct device_choice *on, struct error *e)
{
    const struct experiment *x = c->x;
    struct description d = {.used = 0};
    if (s == STAGE_EVALUATOR) return chain_evaluator_fingerprint(c, on, c->fingerprint[s], e);
    describe(&d, "mlcm stage %s 1;data %s;", stage_name(s), s == STAGE_VAE ? motions : c->set.sha256);
    if (s == STAGE_VAE) {
        const struct vae_objective *o = &x->objective;
        describe(&d, "vae %d %d %d %d %d;", x->vae.nfeats, x->vae.latent_tokens, x->vae.latent_width, x->vae.projections,
                 x->vae.positions);
        describe_transformer(&d, &x->vae.transformer);
        describe(&d, "loss %d %d %d %.9g %.9g %.9g %.9g %d;", o->features, o->joints, o->local, (double)o->features_weight,
                 (double)o->joints_weight, (double)o->local_weight, (double)o->kl_weight, o->masked);
        describe_training(&d, &x->vae_plan, on);
    } else if (s == STAGE_MLD) {
        describe(&d, "after %s;text %d;", c->fingerprint[STAGE_VAE], x->text.text_width);
        if (x->text_folder[0]) describe(&d, "encoder %s %d;", c->text_encoder, x->text_precision);
        else describe_transformer(&d, &x->text.transformer);
        describe(&d, "denoiser %d %d %d;", x->denoiser.time_width, x->denoiser.text_act, x->denoiser.positions);
        describe_transformer(&d, &x->denoiser.transformer);
        describe(&d, "empty %.9g crops %d;", x->empty_probability, x->latent_crops);
        describe_training(&d, &x->mld_plan, on);
    } else if (s == STAGE_LCM) {
        describe(&d, "after %s;lcm %d %d %d %.9g w %.9g %.9g ema %.9g drop %d;", c->fingerprint[STAGE_MLD],
                 x->denoiser.guidance_width, x->lcm_points, x->lcm_loss, x->lcm_huber_c, x->lcm_w_low, x->lcm_w_high,
                 x->lcm_ema, x->lcm_teacher_dropout);
        describe_training(&d, &x->lcm_plan, on);
    } else {
        const struct control_plan *p = stage_control(c, s);
        describe(&d, "after %s;control %d %d %.9g %.9g joints", c->fingerprint[stage_on_mld(s) ? STAGE_MLD : STAGE_LCM],
                 x->lcm_generation, p->spatial, p->low, p->high);
        for (int i = 0; i < p->joint_count; i++) describe(&d, " %d", p->joints[i]);
        describe(&d, ";loss %d %d %d %.9g w %.9g %.9g embedding %d;", p->kind, p->element, p->metric, p->weight, p->w_low,
                 p->w_high, p->embedding_width);
        describe_training(&d, &p->plan, on);
    }
    int rc = fingerprint_of(&d, c->fingerprint[s], e);
    if (rc || s != STAGE_VAE) return rc;
    memcpy(c->vae_cycles[0], c->fingerprint[s], sizeof c->vae_cycles[0]);
    for (int i = 0; i < x->vae_refinement_count; i++) {
        d.used = 0;
        describe(&d, "mlcm stage vae refined 1;after %s;", c->fingerprint[s]);
        describe_training(&d, &x->vae_refinements[i], on);
        rc = fingerprint_of(&d, c->fingerprint[s], e);
        if (rc) return rc;
        memcpy(c->vae_cycles[i + 1], c->fingerprint[s], sizeof c->vae_cycles[0]);
    }
    return 0;
}

/* Where a stage's model of this fingerprint would lie: among the committed weights, in the cache. */
static void committed_path(const struct chain *c, enum stage_kind s, char path[1100])
{
    snprintf(path, 1100, "%.1000s/%s.h5", c->x->weights, stage_label(c, s).text);
}

static void cache_path(const struct chain *c, enum stage_kind s, char path[1100])
{
    snprintf(path, 1100, "%.1000s/%s-%.16s.h5", c->cache, stage_label(c, s).text, c->fingerprint[s]);
}

static int stage_is_there(const struct chain *c, enum stage_kind s)
{
    char path[1100];
    committed_path(c, s, path);
    if (c->x->weights[0] && !c->fresh && model_fits(path, c->fingerprint[s])) return 1;
    cache_path(c, s, path);
    return model_fits(path, c->fingerprint[s]);
}

/* The fingerprint of each stage: of a model that is there, this device's own before another's, else of what this one
 * would train. With c->fresh only this device's count. */
static int fingerprints(struct chain *c, struct error *e)
{
    struct experiment *x = c->x;
    const struct device_choice on[] = {{x->device.kind == DEVICE_CUDA ? DEVICE_CUDA : DEVICE_CPU, x->device.math, 0},
                                       {DEVICE_CPU, MATH_FP32, 0},
                                       {DEVICE_CUDA, MATH_FP32, 0},
                                       {DEVICE_CUDA, MATH_TF32, 0},
                                       {DEVICE_CUDA, MATH_BF16, 0}};
    enum { DEVICES = sizeof on / sizeof *on };
    char motions[65];
    if (motion_hash(c, motions)) return error_memory(e, "a fingerprint");
    for (int s = 0; s < STAGE_COUNT; s++) {
        enum stage_kind stage = (enum stage_kind)s;
        if (!chain_has(c, stage) || c->model[s][0]) continue;   /* a published file is its own fingerprint */
        int rc = 0, found = 0, k = 0;
        for (; k < DEVICES && !rc && !found; k++) {
            rc = stage_fingerprint(c, stage, motions, &on[k], e);
            found = !rc && stage_is_there(c, stage);
            if (c->fresh) break;
        }
        if (!rc && !found) rc = stage_fingerprint(c, stage, motions, &on[0], e);
        if (rc) return rc;
        c->trained_on[s] = on[found && k ? k - 1 : 0];
    }
    if (x->device.kind != DEVICE_CUDA) return 0;
    x->vae_plan = gpu_plan(&x->vae_plan);                       /* what is trained from now on is trained so */
    x->mld_plan = gpu_plan(&x->mld_plan);
    x->lcm_plan = gpu_plan(&x->lcm_plan);
    for (int i = 0; i < x->vae_refinement_count; i++) x->vae_refinements[i] = gpu_plan(&x->vae_refinements[i]);
    for (int i = 0; i < x->control_variant_count; i++) x->control_variants[i].plan = gpu_plan(&x->control_variants[i].plan);
    return 0;
}

/* --- opening -------------------------------------------------------------------------- */

/* The experiment's device, with graphs where it has them. */
static int open_device(struct chain *c, struct error *e)
{
    struct device base;
    int rc = device_open(&base, &c->x->device, e);
    return rc ? rc : replay_open(&c->device, &base, e);
}

int chain_open(struct chain *c, struct experiment *x, const char *cache, struct error *e)
{
    *c = (struct chain){.x = x, .quiet = c->quiet, .fresh = c->fresh};
    snprintf(c->cache, sizeof c->cache, "%s", cache);
    c->there = file_folders_there(cache);
    int rc = open_device(c, e);                      /* first: without it the files do not help */
    if (!rc) rc = file_make_folder(cache, e);
    if (!rc && x->published.given) rc = chain_published(c, e);
    if (!rc && x->published.given) rc = chain_published_set(c, e);
    if (!rc && !file_exists(x->set))
        rc = error_set(e, ERR_INPUT, "%s: the packed set is not there; make it: mlcm data build --source %s%s%s --out %s", x->set,
                       x->source[0] ? x->source : "KIND", x->root[0] ? " --root " : "", x->root, x->set);
    if (!rc) rc = set_read(x->set, &c->set, e);
    if (!rc && x->control.trajectory[0]) {
        struct trajectory *told = x->control.told = calloc(1, sizeof *told);
        rc = told ? trajectory_read(x->control.trajectory, c->set.njoints, told, e) : error_memory(e, "a trajectory");
        if (rc) error_prefix(e, "%s: control.trajectory", x->path);
    }
    if (!rc && c->set.nfeats != x->vae.nfeats) x->vae.nfeats = c->set.nfeats;
    if (!rc) rc = items_build(&c->set, "train", &c->train, e);
    if (!rc) rc = lanes_create(&c->lanes, &c->device, e);
    if (rc) {
        chain_close(c);
        return rc;
    }
    if (x->text_folder[0]) rc = text_folder_fingerprint(x->text_folder, c->text_encoder, e);
    if (!rc) rc = fingerprints(c, e);
    if (rc) chain_close(c);
    return rc;
}

int chain_open_bare(struct chain *c, struct experiment *x, struct error *e)
{
    memset(c, 0, sizeof *c);
    c->x = x;
    c->set.nfeats = x->vae.nfeats;
    c->set.njoints = 22;
    int rc = open_device(c, e);
    if (!rc) rc = lanes_create(&c->lanes, &c->device, e);
    if (rc) chain_close(c);
    return rc;
}

void chain_close(struct chain *c)
{
    lanes_free(&c->lanes);
    if (c->device.state) device_close(&c->device);
    items_free(&c->train);
    set_free(&c->set);
    if (c->cache[0]) file_remove_empty(c->cache, c->there);
    memset(c, 0, sizeof *c);
}

int chain_has(const struct chain *c, enum stage_kind stage)
{
    if (stage < STAGE_CONTROL) return 1;
    int variant = (int)stage - (int)(stage_on_mld(stage) ? STAGE_CONTROL_MLD : STAGE_CONTROL);
    return stage < STAGE_COUNT && c->x->control.given && variant < c->x->control_variant_count;
}

/* --- finding and training --------------------------------------------------------------- */

int model_fits(const char *path, const char *fingerprint)
{
    char text[80];
    struct error ignored;
    return file_exists(path) && !checkpoint_fingerprint(path, text, sizeof text, &ignored) && !strcmp(text, fingerprint);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Of a finished file. */
static void forget_state(const char *path)
{
    char state[1200];
    snprintf(state, sizeof state, "%.1100s.state", path);
    remove(state);
}

static int train_stage(struct chain *c, enum stage_kind stage, const char *path, struct error *e)
{
    int rc;
    double start = now();
    switch (stage) {
    case STAGE_EVALUATOR: rc = train_evaluator_stage(c, path, e); break;
    case STAGE_VAE: rc = train_vae(c, path, e); break;
    case STAGE_MLD: rc = train_mld(c, path, e); break;
    case STAGE_LCM: rc = train_lcm(c, path, e); break;
    default: rc = train_control(c, stage, path, e); break;
    }
    if (rc) return rc;
    c->seconds[stage] = now() - start;
    return 0;
}

int chain_alone(const struct chain *c, const char *path, struct file_lock *l, struct error *e)
{
    char name[1200];
    snprintf(name, sizeof name, "%s.lock", path);
    l->fd = -1;
    int rc = file_make_folder(c->cache, e);      /* a run beside this one may have removed it, when it was empty */
    if (!rc) rc = file_lock(l, name, 0, e);
    if (rc >= 0) return rc;
    if (!c->quiet) fprintf(stderr, "mlcm: waiting for another process that makes %s\n", path);
    return file_lock(l, name, 1, e);
}

void chain_leftovers(const char *path)
{
    char lock_path[1200], state[1200];
    struct file_lock lock;
    struct error ignored;
    snprintf(lock_path, sizeof lock_path, "%.1100s.lock", path);
    snprintf(state, sizeof state, "%.1100s.state", path);
    if (!file_exists(lock_path) && !file_exists(state)) return;
    if (file_lock(&lock, lock_path, 0, &ignored)) return;      /* somebody is at work there, or may write and we may not */
    forget_state(path);
    file_unlock(&lock);
}

/* Trains the stage unless another process did so meanwhile: two would write the same state file. */
static int train_alone(struct chain *c, enum stage_kind stage, const char *path, struct error *e)
{
    struct file_lock lock;
    int rc = chain_alone(c, path, &lock, e);
    if (!rc && !model_fits(path, c->fingerprint[stage])) rc = train_stage(c, stage, path, e);
    if (!rc) forget_state(path);
    file_unlock(&lock);
    return rc;
}

int chain_need(struct chain *c, enum stage_kind stage, struct error *e)
{
    char path[1100];
    if (c->model[stage][0]) return 0;
    if (!chain_has(c, stage))
        return error_set(e, ERR_INPUT, "%s: no section \"control\", which stage %s needs; add one", c->x->path, stage_name(stage));
    if (c->x->weights[0] && !c->fresh) {
        committed_path(c, stage, path);
        if (model_fits(path, c->fingerprint[stage])) {
            snprintf(c->model[stage], sizeof c->model[stage], "%s", path);
            return 0;
        }
        if (file_exists(path) && !c->quiet)
            fprintf(stderr, "mlcm: %s was trained for another experiment or data set; looking in the cache\n", path);
    }
    cache_path(c, stage, path);
    if (!model_fits(path, c->fingerprint[stage])) {
        int rc = 0;
        if (stage == STAGE_MLD) rc = chain_need(c, STAGE_VAE, e);
        if (stage == STAGE_LCM || stage_on_mld(stage)) rc = chain_need(c, STAGE_MLD, e);
        else if (stage >= STAGE_CONTROL) rc = chain_need(c, STAGE_LCM, e);
        if (stage > STAGE_MLD && !rc) rc = chain_need(c, STAGE_VAE, e);
        if (!rc) rc = train_alone(c, stage, path, e);
        if (rc) return rc;
    } else {
        chain_leftovers(path);
    }
    snprintf(c->model[stage], sizeof c->model[stage], "%s", path);
    return 0;
}

void chain_wanted(const struct experiment *x, int wanted[STAGE_COUNT])
{
    memset(wanted, 0, STAGE_COUNT * sizeof *wanted);
    for (int i = 0; i < x->model_count; i++) {
        const char *name = x->models[i].system;
        int variant = x->models[i].variant;
        if (x->models[i].checkpoint) continue;
        if (!strcmp(name, "vae") || !strcmp(name, "prior")) wanted[STAGE_VAE] = 1;
        if (!strcmp(name, "mld")) wanted[STAGE_VAE] = wanted[STAGE_MLD] = 1;
        if (!strcmp(name, "motionlcm") || !strcmp(name, "motionlcm_tuning")) wanted[STAGE_VAE] = wanted[STAGE_LCM] = 1;
        if (!strcmp(name, "mld_control")) wanted[STAGE_VAE] = wanted[STAGE_MLD] = wanted[STAGE_CONTROL_MLD + variant] = 1;
        if (!strcmp(name, "motionlcm_control")) wanted[STAGE_VAE] = wanted[STAGE_LCM] = wanted[STAGE_CONTROL + variant] = 1;
    }
}

/* A stage that no model stands on, nor any stage of theirs, is not a part of a run on published files. */
static int takes_part(const struct chain *c, enum stage_kind stage)
{
    int wanted[STAGE_COUNT], lcm = 0, mld = 0;
    if (!c->x->published.given || stage == STAGE_EVALUATOR) return 1;
    chain_wanted(c->x, wanted);
    for (int s = STAGE_CONTROL; s < STAGE_COUNT; s++) *(stage_on_mld((enum stage_kind)s) ? &mld : &lcm) |= wanted[s];
    if (stage == STAGE_LCM) return wanted[STAGE_LCM] || lcm;
    if (stage == STAGE_MLD) return wanted[STAGE_MLD] || mld || ((wanted[STAGE_LCM] || lcm) && !c->model[STAGE_LCM][0]);
    return wanted[stage];
}

int chain_report(struct chain *c, FILE *out, struct error *e)
{
    (void)e;
    fprintf(out, "%s: %s, %d clips, %d training items, set %.16s\n", c->x->name, c->set.name, c->set.nclips, c->train.count,
            c->set.sha256);
    for (int s = 0; s < STAGE_COUNT; s++) {
        char path[1100], device[24];
        if (!chain_has(c, (enum stage_kind)s) || !takes_part(c, (enum stage_kind)s)) continue;
        committed_path(c, (enum stage_kind)s, path);
        const char *where = "would be trained";
        if (c->model[s][0]) where = "published file";
        else if (c->x->weights[0] && !c->fresh && model_fits(path, c->fingerprint[s])) where = "committed weights fit";
        else {
            cache_path(c, (enum stage_kind)s, path);
            if (model_fits(path, c->fingerprint[s])) where = "trained already";
        }
        fprintf(out, "  %-10s %.16s  %s", stage_label(c, (enum stage_kind)s).text, c->fingerprint[s], where);
        if (c->trained_on[s].kind == DEVICE_CUDA) fprintf(out, " (%s)", device_choice_name(&c->trained_on[s], device));
        fprintf(out, "\n");
    }
    for (int i = 0; i < c->absent_count; i++)
        fprintf(out, "  %s: left out, its file %s is not here\n", c->absent[i].model, c->absent[i].file);
    fprintf(out, "  %d models, %d replications\n", c->x->model_count, c->x->replications);
    return 0;
}

struct checkpoint_card chain_card(const struct chain *c, int consistency)
{
    const struct experiment *x = c->x;
    struct checkpoint_card card = {
        .vae_heads = x->vae.transformer.heads, .denoiser_heads = x->denoiser.transformer.heads,
        .text_heads = x->text_folder[0] ? 0 : x->text.transformer.heads, .generation = consistency ? x->lcm_generation : 0,
        .points = consistency ? x->lcm_points : 0, .guidance = consistency ? x->lcm_guidance : x->mld_guidance,
        .fps = c->set.fps, .nfeats = c->set.nfeats, .njoints = c->set.njoints, .mean = c->set.mean, .std = c->set.std};
    snprintf(card.vae, sizeof card.vae, "%s", c->fingerprint[STAGE_VAE]);
    return card;
}

/* --- loading ------------------------------------------------------------------------------ */

int model_load(const char *path, const char *prefix, struct params *p, struct error *e)
{
    struct weights w;
    int rc = weights_read(path, &w, e);
    if (rc) return rc;
    rc = params_load(p, &w, prefix, e);
    weights_free(&w);
    return rc;
}

int load_vae(struct chain *c, struct vae *v, struct error *e)
{
    int rc = vae_create(v, &c->device, &c->x->vae, e);
    if (!rc) rc = model_load(c->model[STAGE_VAE], "vae.", &v->params, e);
    if (rc) vae_free(v);
    return rc;
}

int load_text_source(struct chain *c, const char *path, struct text_source *x, struct error *e)
{
    if (c->x->text_folder[0])
        return text_source_open(x, c->x->text_folder, &c->device, (enum weight_precision)c->x->text_precision, c->x->text.text_width, e);
    struct vocabulary words;
    struct text_encoder_size size = c->x->text;
    int rc = checkpoint_vocabulary(path, &words, e);
    if (rc) return rc;
    size.words = words.count + 2;
    rc = text_source_own(x, &c->device, &size, &words, e);
    vocabulary_free(&words);
    if (!rc) rc = model_load(path, "text.", &x->own.params, e);
    if (rc) text_source_free(x);
    return rc;
}

int load_denoiser(struct chain *c, const char *path, int guidance, struct denoiser *d, struct error *e)
{
    struct denoiser_size size = c->x->denoiser;
    if (!guidance) size.guidance_width = 0;
    int rc = denoiser_create(d, &c->device, &size, e);
    if (!rc) rc = model_load(path, "denoiser.", &d->params, e);
    if (rc) denoiser_free(d);
    return rc;
}

int load_control(struct chain *c, enum stage_kind stage, const char *path, struct controlnet *n,
                 struct trajectory_encoder *trajectory, struct error *e)
{
    const struct experiment *x = c->x;
    struct controlnet_size size = {x->denoiser, x->control.embedding_width, x->vae.projections ? ACT_SILU : ACT_NONE};
    const struct trajectory_encoder_size encoder = {c->set.njoints, x->vae.latent_tokens, x->vae.latent_width,
                                                    x->vae.projections, x->vae.positions, x->denoiser.transformer};
    if (stage_on_mld(stage)) size.denoiser.guidance_width = 0;
    int rc = controlnet_create(n, &c->device, &size, e);
    if (!rc) rc = trajectory_encoder_create(trajectory, &c->device, &encoder, e);
    if (!rc && path) rc = model_load(path, "controlnet.", &n->base.params, e);
    if (!rc && path) rc = model_load(path, "traj_encoder.", &trajectory->params, e);
    if (rc) {
        controlnet_free(n);
        trajectory_encoder_free(trajectory);
    }
    return rc;
}
