/* The evaluator's section of an experiment, and its stage. */
#include "chain.h"
#include "json_read.h"
#include "train_evaluator.h"

static int configure(const struct chain *c, struct evaluator_config *k, struct error *e)
{
    static const char *const keys[] = {"embedding", "movement_hidden", "movement_latent", "motion_hidden", "text_hidden",
                                       "batch", "window", "snippets", "negatives", "autoencoder_steps", "matching_steps",
                                       "autoencoder_rate", "matching_rate", "final_rate", "margin", "dropout", "accumulators",
                                       "seed", NULL};
    const cJSON *s = c->x->evaluator;
    *k = evaluator_config_defaults();
    k->seed = c->x->seed;
    if (!s) return 0;
    struct {
        const char *name;
        int *v;
    } whole[] = {{"embedding", &k->size.embedding}, {"movement_hidden", &k->size.movement_hidden},
                 {"movement_latent", &k->size.movement_latent}, {"motion_hidden", &k->size.motion_hidden},
                 {"text_hidden", &k->size.text_hidden}, {"batch", &k->batch}, {"window", &k->window},
                 {"snippets", &k->snippets}, {"negatives", &k->negatives}, {"accumulators", &k->accumulators}};
    struct {
        const char *name;
        float *v;
    } real[] = {{"autoencoder_rate", &k->autoencoder_rate}, {"matching_rate", &k->matching_rate}, {"final_rate", &k->final_rate},
                {"margin", &k->margin}, {"dropout", &k->dropout}};
    int rc = json_known_keys(s, "", keys, e), steps;
    for (size_t i = 0; i < sizeof whole / sizeof *whole && !rc; i++)
        if (json_has(s, whole[i].name)) rc = json_int(s, whole[i].name, whole[i].v, 1, 1 << 20, e);
    for (size_t i = 0; i < sizeof real / sizeof *real && !rc; i++) {
        double v = (double)*real[i].v;
        if (json_has(s, real[i].name)) rc = json_number(s, real[i].name, &v, 0, 1e6, e);
        *real[i].v = (float)v;
    }
    if (!rc && json_has(s, "autoencoder_steps")) {
        rc = json_int(s, "autoencoder_steps", &steps, 1, 1 << 30, e);
        k->autoencoder_steps = rc ? 0 : steps;
    }
    if (!rc && json_has(s, "matching_steps")) {
        rc = json_int(s, "matching_steps", &steps, 1, 1 << 30, e);
        k->matching_steps = rc ? 0 : steps;
    }
    if (!rc && json_has(s, "seed")) {
        rc = json_int(s, "seed", &steps, 0, 1 << 30, e);
        k->seed = rc ? 0 : (uint64_t)steps;
    }
    k->size.nfeats = c->set.nfeats;
    k->size.word_width = c->set.words.dim;
    if (!rc && (k->negatives >= k->batch || k->window % 4))
        rc = error_set(e, ERR_INPUT, "negatives is %d and window %d; at most batch - 1 = %d negatives, and a window that is a "
                       "multiple of 4", k->negatives, k->window, k->batch - 1);
    if (rc) error_prefix(e, "%s: evaluator", c->x->path);
    return rc;
}

/* On a GPU a batch is one piece; its name is part of the fingerprint, that of the CPU is not. */
static const char *on_device(struct evaluator_config *k, const struct device_choice *on, char name[24])
{
    if (on->kind != DEVICE_CUDA) return "";
    k->accumulators = 1;
    return device_choice_name(on, name);
}

int chain_evaluator_fingerprint(const struct chain *c, const struct device_choice *on, char out[65], struct error *e)
{
    struct evaluator_config k;
    char name[24];
    int rc = configure(c, &k, e);
    const char *device = on_device(&k, on, name);
    if (!rc) train_evaluator_fingerprint(&c->set, &k, device, out);
    return rc;
}

int train_evaluator_stage(struct chain *c, const char *path, struct error *e)
{
    struct evaluator_config k;
    int rc = configure(c, &k, e);
    char name[24];
    const char *device = on_device(&k, &c->x->device, name);
    k.stop_at = c->stop_at;
    return rc ? rc : train_evaluator(&c->set, &c->device, &k, device, path, c->quiet, e);
}
