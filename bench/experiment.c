#include "experiment.h"
#include "../baselines/system.h"
#include "../engine/control_mask.h"
#include "json_read.h"
#include "trajectory_file.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A reader that stops at the first error and leaves defaults where a key is absent. */
struct section {
    const cJSON *root;
    const char *name;             /* "vae." in front of every key */
    int rc;
    struct error *e;
};

static const char *full(const struct section *s, const char *key, char out[160])
{
    snprintf(out, 160, "%s%s", s->name, key);
    return out;
}

static int wanted(struct section *s, const char *key, char path[160])
{
    return !s->rc && json_has(s->root, full(s, key, path));
}

static void whole(struct section *s, const char *key, int *v, int low, int high)
{
    char path[160];
    if (wanted(s, key, path)) s->rc = json_int(s->root, path, v, low, high, s->e);
}

static void real(struct section *s, const char *key, double *v, double low, double high)
{
    char path[160];
    if (wanted(s, key, path)) s->rc = json_number(s->root, path, v, low, high, s->e);
}

static void single(struct section *s, const char *key, float *v, double low, double high)
{
    double wide = (double)*v;
    real(s, key, &wide, low, high);
    *v = (float)wide;
}

/* "seed" of the section, or what it is without one. */
static uint64_t read_seed(struct section *s, uint64_t otherwise)
{
    double seed = (double)otherwise;
    real(s, "seed", &seed, 0, 9e15);
    if (!s->rc && (double)(uint64_t)seed < seed)
        s->rc = error_set(s->e, ERR_INPUT, "%sseed is %g; it must be a whole number", s->name, seed);
    return (uint64_t)seed;
}

static void word(struct section *s, const char *key, char *v, size_t size)
{
    char path[160];
    const char *text;
    if (!wanted(s, key, path)) return;
    s->rc = json_string(s->root, path, &text, s->e);
    if (s->rc) return;
    if (strlen(text) >= size) s->rc = error_set(s->e, ERR_INPUT, "%s is longer than %zu characters; shorten it", path, size - 1);
    else if (json_control(text)) s->rc = error_set(s->e, ERR_INPUT, "%s holds a line break or another control character; take it out", path);
    else snprintf(v, size, "%s", text);
}

static void choice(struct section *s, const char *key, const char *const *names, int *v)
{
    char path[160];
    if (wanted(s, key, path)) s->rc = json_choice(s->root, path, names, v, s->e);
}

static void known(struct section *s, const char *path, const char *const *names)
{
    if (!s->rc && (!*path || json_has(s->root, path))) s->rc = json_known_keys(s->root, path, names, s->e);
}

static const char *const loss_names[] = {"l1", "l2", "smooth_l1", "huber", NULL};

static void read_transformer(struct section *s, struct transformer_size *t)
{
    whole(s, "width", &t->width, 8, 4096);
    whole(s, "feed_forward", &t->feed_forward, 8, 16384);
    whole(s, "layers", &t->layers, 1, MAX_LAYERS);
    whole(s, "heads", &t->heads, 1, 64);
    if (!s->rc && t->width % t->heads)
        s->rc = error_set(s->e, ERR_INPUT, "%swidth is %d, which is no multiple of %sheads, %d", s->name, t->width, s->name, t->heads);
    if (!s->rc && t->layers % 2 == 0)
        s->rc = error_set(s->e, ERR_INPUT, "%slayers is %d; the skip connections need an odd number", s->name, t->layers);
    t->eps = 1e-5f;
}

/* A rate that never gets to its height, or pieces larger than what they are pieces of, are slips. */
static void check_plan(struct section *s, const struct training_plan *p)
{
    char path[160];
    if (!s->rc && p->trainer.warmup > p->steps)
        s->rc = error_set(s->e, ERR_INPUT, "%swarmup is %lld%s, more than %ssteps, %lld; lower it", s->name, (long long)p->trainer.warmup,
                          json_has(s->root, full(s, "warmup", path)) ? "" : " without a word", s->name, (long long)p->steps);
    const struct { const char *key; int value; } pieces[] = {{"piece", p->piece}, {"gpu_piece", p->gpu_piece}};
    for (int i = 0; i < 2; i++)
        if (wanted(s, pieces[i].key, path) && pieces[i].value > p->batch)
            s->rc = error_set(s->e, ERR_INPUT, "%s is %d, more than %sbatch, %d; lower it", path, pieces[i].value, s->name, p->batch);
}

static void read_plan(struct section *s, struct training_plan *p, uint64_t seed)
{
    int steps = (int)p->steps, warmup = (int)p->trainer.warmup;
    whole(s, "steps", &steps, 1, INT_MAX);
    whole(s, "warmup", &warmup, 0, INT_MAX);
    whole(s, "batch", &p->batch, 1, 4096);
    whole(s, "piece", &p->piece, 1, 1024);
    whole(s, "gpu_piece", &p->gpu_piece, 0, 1024);
    whole(s, "accumulators", &p->trainer.accumulators, 1, TRAINER_ACCUMULATORS);
    single(s, "rate", &p->trainer.rate, 0, 1);
    single(s, "weight_decay", &p->trainer.weight_decay, 0, 1);
    single(s, "clip", &p->trainer.clip, 0, 1e6);
    single(s, "dropout", &p->trainer.dropout, 0, 0.9);
    p->steps = steps;
    p->trainer.steps = steps;
    p->trainer.warmup = warmup;
    p->trainer.seed = seed;
    check_plan(s, p);
}

/* Cycles of the VAE after its first: the first one's plan with steps, rate, dropout and
 * warm-up of their own, and a seed of their own. */
static void read_refinements(struct section *s, struct experiment *x)
{
    static const char *const keys[] = {"steps", "rate", "dropout", "warmup", NULL};
    const cJSON *list = NULL;
    s->name = "vae.";
    if (s->rc || !json_has(s->root, "vae.refinements")) return;
    s->rc = json_array(s->root, "vae.refinements", &list, 0, MAX_REFINEMENTS, s->e);
    x->vae_refinement_count = s->rc ? 0 : cJSON_GetArraySize(list);
    for (int i = 0; i < x->vae_refinement_count && !s->rc; i++) {
        struct training_plan *p = &x->vae_refinements[i];
        char path[60], prefix[60];
        int steps = 0, warmup = 100;
        snprintf(path, sizeof path, "vae.refinements.%d", i);
        snprintf(prefix, sizeof prefix, "vae.refinements.%d.", i);
        known(s, path, keys);
        *p = x->vae_plan;
        s->name = prefix;
        whole(s, "steps", &steps, 1, INT_MAX);
        whole(s, "warmup", &warmup, 0, INT_MAX);
        single(s, "rate", &p->trainer.rate, 0, 1);
        single(s, "dropout", &p->trainer.dropout, 0, 0.9);
        if (!s->rc && steps == 0) s->rc = error_set(s->e, ERR_INPUT, "%ssteps is missing; say how long the cycle is", prefix);
        p->steps = p->trainer.steps = steps;
        p->trainer.warmup = warmup;
        p->trainer.seed = x->seed + 10 + (uint64_t)i;
        check_plan(s, p);
    }
    s->name = "vae.";
}

static void defaults(struct experiment *x)
{
    struct training_plan plan = {.steps = 1000, .batch = 64, .piece = 8, .trainer = trainer_defaults()};
    x->seed = 1234;
    snprintf(x->name, sizeof x->name, "unnamed");
    x->vae = (struct vae_size){.nfeats = 263, .latent_tokens = 1, .latent_width = 256, .positions = 500,
                               .transformer = {256, 1024, 9, 4, 1e-5f}};
    x->objective = (struct vae_objective){LOSS_SMOOTH_L1, LOSS_SMOOTH_L1, LOSS_SMOOTH_L1, 1, 1, 0, 1e-4f, 1};
    x->text = (struct text_encoder_size){.text_width = 768, .transformer = {128, 256, 3, 4, 1e-5f}};
    x->denoiser = (struct denoiser_size){.time_width = 768, .guidance_width = 256, .text_act = ACT_RELU, .positions = 500,
                                         .transformer = {256, 1024, 9, 4, 1e-5f}};
    x->vae_plan = x->mld_plan = x->lcm_plan = plan;
    x->empty_probability = 0.1;
    x->latent_crops = 8;
    x->lcm_generation = 1;
    x->lcm_points = 50;
    x->lcm_loss = LOSS_PSEUDO_HUBER;
    x->lcm_huber_c = 0.001;
    x->lcm_w_low = 5;
    x->lcm_w_high = 15;
    x->lcm_ema = 0.95;
    x->mld_guidance = 7.5;
    x->control = (struct control_plan){.plan = plan, .joint_count = CONTROL_POSE_JOINTS, .low = 25, .high = 25, .density = 25,
                                       .kind = CONTROL_SUM, .element = LOSS_L2, .weight = 1, .w_low = 6.5, .w_high = 6.5,
                                       .embedding_width = 256, .tuning_steps = 400};
    for (int i = 0; i < CONTROL_POSE_JOINTS; i++) x->control.joints[i] = control_pose_joints[i];
    x->replications = 20;
    x->pool = 32;
    x->diversity_times = 300;
    x->mm_samples = 100;
    x->mm_repeats = 30;
    x->mm_times = 10;
    x->batch = 32;
    x->time_runs = 100;
    x->time_warmup = 10;
}

/* The keys of s->name, which is "control." or that of a variant. */
static void read_control_plan(struct section *s, struct control_plan *c, uint64_t seed)
{
    static const char *const patterns[] = {"temporal", "spatial", NULL}, *const kinds[] = {"sum", "mask", "sum_mask", NULL};
    const cJSON *list = NULL;
    char joints[160];
    int kind = (int)c->kind, element = (int)c->element, whole_section = !strcmp(s->name, "control.");
    read_plan(s, &c->plan, seed);
    choice(s, "pattern", patterns, &c->spatial);
    if (wanted(s, "joints", joints)) {
        s->rc = json_array(s->root, joints, &list, 1, MAX_CONTROL_JOINTS, s->e);
        c->joint_count = s->rc ? 0 : cJSON_GetArraySize(list);
    } else if (c->spatial && whole_section) {
        c->joint_count = 1;       /* the pelvis, the first of the poses' joints */
    }
    for (int i = 0; list && i < c->joint_count && !s->rc; i++) {
        char key[40];
        snprintf(key, sizeof key, "joints.%d", i);
        whole(s, key, &c->joints[i], 0, 1000);
    }
    real(s, "low", &c->low, 0, 100);
    real(s, "high", &c->high, 0, 100);
    real(s, "density", &c->density, 0, 100);
    choice(s, "kind", kinds, &kind);
    choice(s, "loss", loss_names, &element);
    c->kind = (enum control_kind)kind;
    c->element = (enum element_loss)element;
    whole(s, "metric", &c->metric, 0, 1);
    real(s, "weight", &c->weight, 0, 1e6);
    real(s, "w_low", &c->w_low, 0, 100);
    real(s, "w_high", &c->w_high, 0, 100);
    whole(s, "embedding_width", &c->embedding_width, 1, 4096);
    whole(s, "tuning_steps", &c->tuning_steps, 0, 100000);
    if (!s->rc && (c->low > c->high || c->w_low > c->w_high))
        s->rc = error_set(s->e, ERR_INPUT, "%slow is above %shigh or w_low above w_high; exchange them", s->name, s->name);
    if (!s->rc && c->element == LOSS_PSEUDO_HUBER)
        s->rc = error_set(s->e, ERR_INPUT, "%sloss: use l1, l2 or smooth_l1", s->name);
}

/* The section, then its variants: the section's plan, each with the keys that differ. What is tested,
 * the pattern and the density, is the section's own, so that the rows of a table compare. */
static void read_control(struct section *s, struct experiment *x)
{
    static const char *const keys[] = {"steps", "warmup", "batch", "piece", "gpu_piece", "accumulators", "rate", "weight_decay", "clip",
                                       "dropout", "pattern", "joints", "low", "high", "density", "kind", "loss", "metric",
                                       "weight", "w_low", "w_high", "embedding_width", "tuning_steps", "trajectory", "variants",
                                       NULL};
    static const char *const variant[] = {"steps", "warmup", "batch", "piece", "gpu_piece", "accumulators", "rate", "weight_decay", "clip",
                                          "dropout", "joints", "low", "high", "kind", "loss", "metric", "weight", "w_low",
                                          "w_high", NULL};
    const cJSON *list = NULL;
    s->name = "";
    known(s, "control", keys);
    x->control.given = !s->rc && json_has(s->root, "control");
    s->name = "control.";
    read_control_plan(s, &x->control, x->seed);
    char file[900] = "";
    word(s, "trajectory", file, sizeof file);
    int absolute = file[0] == '/';
    if (file[0])
        snprintf(x->control.trajectory, sizeof x->control.trajectory, "%s%s%s", absolute ? "" : x->folder, absolute ? "" : "/", file);
    x->control_variant_count = 1;
    x->control_variants[0] = x->control;
    if (s->rc || !json_has(s->root, "control.variants")) return;
    s->rc = json_object(s->root, "control.variants", &list, s->e);
    if (s->rc) return;
    int count = cJSON_GetArraySize(list);
    if (count >= MAX_CONTROL_VARIANTS) {
        s->rc = error_set(s->e, ERR_INPUT, "control.variants has %d members; give at most %d", count, MAX_CONTROL_VARIANTS - 1);
        return;
    }
    for (int i = 0; i < count && !s->rc; i++) {
        const char *name = cJSON_GetArrayItem(list, i)->string;
        struct control_plan *p = &x->control_variants[x->control_variant_count++];
        char path[48], prefix[50];
        size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
        if (!length || name[length] || length >= sizeof p->name || !strcmp(name, "mld")) {
            s->rc = error_set(s->e, ERR_INPUT, "control.variants: \"%.40s\" is no name; use 1 to %zu lower-case letters and digits, "
                                               "and not mld", name, sizeof p->name - 1);
            return;
        }
        snprintf(path, sizeof path, "control.variants.%.23s", name);
        snprintf(prefix, sizeof prefix, "%s.", path);
        *p = x->control;
        snprintf(p->name, sizeof p->name, "%.23s", name);
        s->name = "";
        known(s, path, variant);
        s->name = prefix;
        read_control_plan(s, p, x->seed);
    }
    s->name = "control.";
}

int experiment_control_variant(const struct experiment *x, const char *name)
{
    for (int i = 0; i < x->control_variant_count; i++)
        if (!strcmp(x->control_variants[i].name, name)) return i;
    return -1;
}

/* Which variant of the control section a model stands on; without a word, the section itself. */
static void read_variant(struct section *item, const struct experiment *x, struct model_entry *m)
{
    char name[24] = "", path[160];
    const struct system_kind *kind = system_find(m->system);
    int learned = kind == &system_mld_control || kind == &system_motionlcm_control;
    word(item, "control", name, sizeof name);
    if (item->rc || !name[0]) return;
    m->variant = experiment_control_variant(x, name);
    full(item, "control", path);
    if (!learned)
        item->rc = error_set(item->e, ERR_INPUT, "%s: system %s has no ControlNet; leave out control", path, m->system);
    else if (m->variant < 0)
        item->rc = error_set(item->e, ERR_INPUT, "%s: control.variants has no \"%s\"; add it", path, name);
}

/* Said here, before anything is trained for it. */
static int known_system(const char *name, const char *path, struct error *e)
{
    char names[400] = "";
    int count;
    const struct system_kind *const *all = system_registry(&count);
    if (system_find(name)) return 0;
    for (int i = 0; i < count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", all[i]->name);
    }
    return error_set(e, ERR_INPUT, "%s: there is no system \"%s\"; use one of %s", path, name, names);
}

/* Which published checkpoint a model is loaded from; without a word, from the chain's stages. */
static void read_checkpoint(struct section *item, struct experiment *x, struct model_entry *m)
{
    char name[PUBLISHED_NAME] = "", path[160];
    word(item, "checkpoint", name, sizeof name);
    if (wanted(item, "optional", path)) item->rc = json_bool(item->root, path, &m->optional, item->e);
    if (item->rc) return;
    int k = name[0] ? published_find(&x->published, name) : -1;
    full(item, "checkpoint", path);
    if (name[0] && k < 0)
        item->rc = error_set(item->e, ERR_INPUT, "%s: published.checkpoints has no \"%s\"; add it", path, name);
    if (!name[0] && m->optional)
        item->rc = error_set(item->e, ERR_INPUT, "%s is missing: only a model of a published checkpoint can be optional", path);
    m->checkpoint = k + 1;
    if (item->rc || k < 0) return;
    x->published.checkpoints[k].used = 1;
    if (!m->optional) x->published.checkpoints[k].required = 1;
}

static void read_models(struct section *s, struct experiment *x)
{
    static const char *const keys[] = {"name", "system", "steps", "guidance", "control", "replications", "checkpoint", "optional",
                                       "file", NULL};
    const cJSON *list = NULL;
    if (!s->rc) s->rc = json_array(s->root, "models", &list, 1, MAX_MODELS, s->e);
    if (s->rc) return;
    x->model_count = cJSON_GetArraySize(list);
    for (int i = 0; i < x->model_count && !s->rc; i++) {
        char prefix[40], path[40];
        struct model_entry *m = &x->models[i];
        snprintf(path, sizeof path, "models.%d", i);
        snprintf(prefix, sizeof prefix, "models.%d.", i);
        struct section item = {s->root, prefix, 0, s->e};
        s->rc = json_known_keys(s->root, path, keys, s->e);
        if (s->rc) return;
        word(&item, "name", m->name, sizeof m->name);
        word(&item, "system", m->system, sizeof m->system);
        whole(&item, "steps", &m->steps, 0, 1000);
        real(&item, "guidance", &m->guidance, 0, 100);
        whole(&item, "replications", &m->replications, 1, 1000);
        word(&item, "file", m->file, sizeof m->file);
        s->rc = item.rc;
        if (!s->rc && (!m->name[0] || !m->system[0]))
            s->rc = error_set(s->e, ERR_INPUT, "%s needs a name and a system", path);
        for (int k = 0; k < i && !s->rc; k++)
            if (!strcmp(x->models[k].name, m->name))
                s->rc = error_set(s->e, ERR_INPUT, "%s.name: \"%.60s\" is models.%d's; rows are told apart by their names", path, m->name, k);
        if (!s->rc && !strcmp(m->name, "Real"))
            s->rc = error_set(s->e, ERR_INPUT, "%s.name: \"Real\" is the row of real motions; use another name", path);
        if (!s->rc) s->rc = known_system(m->system, path, s->e);
        if (!s->rc && m->file[0] && !system_find(m->system)->open)
            s->rc = error_set(s->e, ERR_INPUT, "%s.file: %s has no networks of its own; leave it out", path, m->system);
        if (!s->rc) {
            read_variant(&item, x, m);
            if (!item.rc) read_checkpoint(&item, x, m);
            s->rc = item.rc;
        }
    }
}

static void read_head(struct section *s, struct experiment *x)
{
    static const char *const top[] = {"name", "seed", "description", "data", "weights", "evaluator", "vae", "text", "denoiser",
                                      "mld", "lcm", "control", "protocol", "models", "published", "device", "gpu_math", NULL};
    static const char *const devices[] = {"cpu", "cuda", NULL};
    static const char *const data[] = {"source", "root", "set", NULL};
    int device = DEVICE_CPU, math = MATH_FP32;
    known(s, "", top);
    known(s, "data", data);
    s->name = "";
    x->seed = read_seed(s, x->seed);
    word(s, "name", x->name, sizeof x->name);
    if (!s->rc && (strchr(x->name, '/') || x->name[0] == '.'))
        s->rc = error_set(s->e, ERR_INPUT, "name is \"%s\"; files are called so: leave out the / and a point at the front", x->name);
    word(s, "weights", x->weights, sizeof x->weights);
    choice(s, "device", devices, &device);
    choice(s, "gpu_math", device_math_names, &math);
    x->device = (struct device_choice){.kind = (enum device_kind)device, .math = (enum device_math)math};
    s->name = "data.";
    word(s, "source", x->source, sizeof x->source);
    word(s, "root", x->root, sizeof x->root);
    word(s, "set", x->set, sizeof x->set);
    if (!s->rc) s->rc = published_read(s->root, &x->published, s->e);
    if (!s->rc && !x->set[0] && !(x->published.given && x->published.part[PUBLISHED_DATA][0]))
        s->rc = error_set(s->e, ERR_INPUT, "data.set is missing; name the packed set that mlcm data build wrote");
}

static void read_vae(struct section *s, struct experiment *x)
{
    static const char *const keys[] = {"generation", "latent_tokens", "latent_width", "positions", "width", "feed_forward",
                                       "layers", "heads", "steps", "warmup", "batch", "piece", "gpu_piece", "accumulators", "rate",
                                       "weight_decay", "clip", "dropout", "features_loss", "joints_loss", "local_loss",
                                       "features_weight", "joints_weight", "local_weight", "kl_weight", "masked", "refinements", NULL};
    int generation = 1, kinds[3] = {LOSS_SMOOTH_L1, LOSS_SMOOTH_L1, LOSS_SMOOTH_L1};
    known(s, "vae", keys);
    s->name = "vae.";
    whole(s, "generation", &generation, 1, 2);
    x->vae.projections = generation == 2;
    x->vae.latent_tokens = generation == 2 ? 16 : 1;
    read_transformer(s, &x->vae.transformer);
    x->vae.latent_width = generation == 2 ? 32 : x->vae.transformer.width;
    whole(s, "latent_tokens", &x->vae.latent_tokens, 1, 256);
    whole(s, "latent_width", &x->vae.latent_width, 1, 4096);
    whole(s, "positions", &x->vae.positions, 16, 10000);
    choice(s, "features_loss", loss_names, &kinds[0]);
    choice(s, "joints_loss", loss_names, &kinds[1]);
    choice(s, "local_loss", loss_names, &kinds[2]);
    for (int i = 0; i < 3 && !s->rc; i++)
        if (kinds[i] == LOSS_PSEUDO_HUBER)     /* has no width here, and no slope at 0 */
            s->rc = error_set(s->e, ERR_INPUT, "vae: features_loss, joints_loss and local_loss are l1, l2 or smooth_l1, not huber");
    x->objective.features = (enum element_loss)kinds[0];
    x->objective.joints = (enum element_loss)kinds[1];
    x->objective.local = (enum element_loss)kinds[2];
    single(s, "features_weight", &x->objective.features_weight, 0, 1e6);
    single(s, "joints_weight", &x->objective.joints_weight, 0, 1e6);
    single(s, "local_weight", &x->objective.local_weight, 0, 1e6);
    single(s, "kl_weight", &x->objective.kl_weight, 0, 1e6);
    whole(s, "masked", &x->objective.masked, 0, 1);
    read_plan(s, &x->vae_plan, x->seed);
    read_refinements(s, x);
}

/* Of the denoiser that MLD and MotionLCM share, and what it reads. */
static void read_text_and_denoiser(struct section *s, struct experiment *x)
{
    static const char *const text[] = {"width", "feed_forward", "layers", "heads", "text_width", "encoder", "precision",
                                       "random", "tokenizer", NULL};
    static const char *const encoders[] = {"own", "sentence-t5-large", NULL};
    static const char *const denoiser[] = {"width", "feed_forward", "layers", "heads", "time_width", "guidance_width",
                                           "positions", NULL};
    known(s, "text", text);
    known(s, "denoiser", denoiser);
    s->name = "text.";
    read_transformer(s, &x->text.transformer);
    whole(s, "text_width", &x->text.text_width, 8, 4096);
    word(s, "encoder", x->text_folder, sizeof x->text_folder);
    choice(s, "precision", precision_names, &x->text_precision);
    choice(s, "random", encoders, &x->text_random);
    word(s, "tokenizer", x->text_tokenizer, sizeof x->text_tokenizer);
    s->name = "denoiser.";
    x->denoiser.text_act = x->vae.projections ? ACT_NONE : ACT_RELU;
    read_transformer(s, &x->denoiser.transformer);
    whole(s, "time_width", &x->denoiser.time_width, 2, 4096);
    whole(s, "guidance_width", &x->denoiser.guidance_width, 4, 4096);
    whole(s, "positions", &x->denoiser.positions, 3, 10000);
}

static void read_mld(struct section *s, struct experiment *x)
{
    static const char *const keys[] = {"steps", "warmup", "batch", "piece", "gpu_piece", "accumulators", "rate", "weight_decay", "clip",
                                       "dropout", "empty_probability", "latent_crops", "guidance", NULL};
    known(s, "mld", keys);
    s->name = "mld.";
    read_plan(s, &x->mld_plan, x->seed);
    real(s, "empty_probability", &x->empty_probability, 0, 1);
    whole(s, "latent_crops", &x->latent_crops, 1, 256);
    real(s, "guidance", &x->mld_guidance, 0, 100);
}

static void read_lcm(struct section *s, struct experiment *x)
{
    static const char *const keys[] = {"steps", "warmup", "batch", "piece", "gpu_piece", "accumulators", "rate", "weight_decay", "clip",
                                       "dropout", "generation", "points", "loss", "huber_c", "w_low", "w_high", "ema",
                                       "teacher_dropout", "guidance", "seed", NULL};
    int loss = LOSS_PSEUDO_HUBER;
    known(s, "lcm", keys);
    s->name = "lcm.";
    read_plan(s, &x->lcm_plan, read_seed(s, x->seed));
    whole(s, "generation", &x->lcm_generation, 1, 2);
    if (x->lcm_generation == 2) {
        x->lcm_points = 10;
        x->lcm_huber_c = 0.5;
    }
    whole(s, "points", &x->lcm_points, 1, 1000);
    choice(s, "loss", loss_names, &loss);
    x->lcm_loss = (enum element_loss)loss;
    real(s, "huber_c", &x->lcm_huber_c, 1e-9, 1e3);
    real(s, "w_low", &x->lcm_w_low, 0, 100);
    real(s, "w_high", &x->lcm_w_high, 0, 100);
    real(s, "ema", &x->lcm_ema, 0, 1);
    whole(s, "teacher_dropout", &x->lcm_teacher_dropout, 0, 1);
    real(s, "guidance", &x->lcm_guidance, 0, 100);
    if (!s->rc && TRAIN_STEPS % x->lcm_points)
        s->rc = error_set(s->e, ERR_INPUT, "lcm.points is %d, which does not divide the %d diffusion steps; use 50 or 10",
                          x->lcm_points, TRAIN_STEPS);
    if (!s->rc && x->lcm_w_low > x->lcm_w_high)
        s->rc = error_set(s->e, ERR_INPUT, "lcm.w_low is above lcm.w_high; exchange them");
}

static void read_protocol(struct section *s, struct experiment *x)
{
    static const char *const keys[] = {"replications", "pool", "diversity_times", "mm_samples", "mm_repeats", "mm_times",
                                       "batch", "time_runs", "time_warmup", "precision", NULL};
    known(s, "protocol", keys);
    s->name = "protocol.";
    whole(s, "replications", &x->replications, 1, 1000);
    whole(s, "pool", &x->pool, 2, 1024);
    whole(s, "diversity_times", &x->diversity_times, 1, 100000);
    whole(s, "mm_samples", &x->mm_samples, 0, 100000);
    whole(s, "mm_repeats", &x->mm_repeats, 2, 1000);
    whole(s, "mm_times", &x->mm_times, 1, 1000);
    whole(s, "batch", &x->batch, 1, 1024);
    whole(s, "time_runs", &x->time_runs, 1, 100000);
    whole(s, "time_warmup", &x->time_warmup, 0, 100000);
    choice(s, "precision", precision_names, &x->precision);
    if (!s->rc && x->mm_samples && x->mm_times > x->mm_repeats)
        s->rc = error_set(s->e, ERR_INPUT, "protocol.mm_times is above protocol.mm_repeats; lower it");
}

static void read_sections(struct section *s, struct experiment *x)
{
    read_head(s, x);
    read_vae(s, x);
    read_text_and_denoiser(s, x);
    read_mld(s, x);
    read_lcm(s, x);
    read_control(s, x);
    read_protocol(s, x);
    s->name = "";
    read_models(s, x);
}

/* Sections that the document lacks come from the experiment that its "base" names, a path from its own folder. */
static int read_base(const char *path, const char *folder, cJSON *document, struct error *e)
{
    const char *name;
    char full_name[2100];
    cJSON *base, *item;
    if (!json_has(document, "base")) return 0;
    int rc = json_string(document, "base", &name, e);
    if (rc) return error_prefix(e, "%s", path);
    snprintf(full_name, sizeof full_name, "%s/%.1000s", folder, name);
    rc = json_read(full_name, &base, e);
    if (rc) return error_prefix(e, "%s: base", path);
    if (json_has(base, "base"))
        rc = error_set(e, ERR_INPUT, "%s: base %s stands on a base itself; name that one, and what differs from it", path, full_name);
    for (item = rc ? NULL : base->child; item;) {
        cJSON *next = item->next;
        if (!cJSON_GetObjectItemCaseSensitive(document, item->string))
            cJSON_AddItemToObject(document, item->string, cJSON_DetachItemViaPointer(base, item));
        item = next;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(document, "base");
    cJSON_Delete(base);
    return rc;
}

static void folder_of(const char *path, char folder[1024])
{
    const char *slash = strrchr(path, '/');
    snprintf(folder, 1024, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
}

int experiment_document(const char *path, cJSON **document, struct error *e)
{
    char folder[1024];
    folder_of(path, folder);
    int rc = json_read(path, document, e);
    if (rc) return rc;
    if (json_has(*document, "axes") || json_has(*document, "cells"))
        rc = error_set(e, ERR_INPUT, "%s: is a sweep and no experiment; use mlcm sweep --config %s", path, path);
    else rc = read_base(path, folder, *document, e);
    if (rc) {
        cJSON_Delete(*document);
        *document = NULL;
    }
    return rc;
}

int experiment_read(const char *path, struct experiment *x, struct error *e)
{
    cJSON *document;
    memset(x, 0, sizeof *x);
    int rc = experiment_document(path, &document, e);
    return rc ? rc : experiment_from(path, document, x, e);
}

int experiment_from(const char *path, cJSON *document, struct experiment *x, struct error *e)
{
    memset(x, 0, sizeof *x);
    snprintf(x->path, sizeof x->path, "%s", path);
    folder_of(path, x->folder);
    x->resolved = document;
    defaults(x);
    struct section s = {x->resolved, "", 0, e};
    read_sections(&s, x);
    if (!s.rc) {
        x->evaluator = cJSON_GetObjectItemCaseSensitive(x->resolved, "evaluator");
        x->denoiser.latent_tokens = x->vae.latent_tokens;
        x->denoiser.latent_width = x->vae.latent_width;
        x->denoiser.projections = x->vae.projections;
        x->denoiser.text_width = x->text.text_width;
        return 0;
    }
    error_prefix(e, "%s", path);
    experiment_free(x);
    return s.rc;
}

int experiment_echo(struct experiment *x, const char *section, const char *key, cJSON *value, struct error *e)
{
    cJSON *object = *section ? cJSON_GetObjectItemCaseSensitive(x->resolved, section) : x->resolved;
    if (!object) object = cJSON_AddObjectToObject(x->resolved, section);
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    if (value && cJSON_AddItemToObject(object, key, value)) return 0;
    cJSON_Delete(value);
    return error_memory(e, "the experiment");
}

/* What an option says in place of "precision" of a section. */
static int replace_precision(struct experiment *x, const char *section, const char *option, const char *name, int *precision,
                             struct error *e)
{
    if (!name) return 0;
    int found = precision_find(name);
    if (found < 0) return error_set(e, ERR_USAGE, "%s %s: use fp32, bf16 or int8", option, name);
    *precision = found;
    return experiment_echo(x, section, "precision", cJSON_CreateString(name), e);
}

int experiment_precision(struct experiment *x, const char *name, struct error *e)
{
    return replace_precision(x, "protocol", "--precision", name, &x->precision, e);
}

int experiment_text_precision(struct experiment *x, const char *name, struct error *e)
{
    return replace_precision(x, "text", "--text-precision", name, &x->text_precision, e);
}

int experiment_device(struct experiment *x, const struct device_option *o, int threads, struct error *e)
{
    struct device_choice was = x->device;
    int rc = device_option_choose(o, &x->device, e);
    x->device.threads = threads;
    if (rc || (was.kind == x->device.kind && was.math == x->device.math)) return rc;
    rc = experiment_echo(x, "", "device", cJSON_CreateString(device_kind_names[x->device.kind]), e);
    return rc ? rc : experiment_echo(x, "", "gpu_math", cJSON_CreateString(device_math_names[x->device.math]), e);
}

void experiment_root(struct experiment *x, const char *root)
{
    char *at = x->published.given ? x->published.root : x->root;
    if (root) snprintf(at, 1024, "%s", root);
}

void experiment_free(struct experiment *x)
{
    if (x->control.told) trajectory_free(x->control.told);
    free(x->control.told);
    cJSON_Delete(x->resolved);
    memset(x, 0, sizeof *x);
}
