#include "synthetic_models.h"
#include "../engine/controlnet.h"
#include "../engine/file.h"
#include "../engine/rng.h"
#include "../engine/torch_write.h"
#include "../engine/trajectory_encoder.h"
#include "../engine/vae.h"
#include "../metrics/evaluator.h"
#include <stdio.h>
#include <string.h>

/* The sizes of one generation. */
struct generation {
    struct vae_size vae;
    struct denoiser_size denoiser;
    struct controlnet_size controlnet;
    struct trajectory_encoder_size trajectory;
};

static struct generation generation_of(const struct synthetic_models *m, int number)
{
    struct generation g;
    const struct transformer_size t = m->tiny ? (struct transformer_size){32, 64, 3, 4, 1e-5f}
                                              : (struct transformer_size){256, 1024, 9, 4, 1e-5f};
    int second = number == 2, tokens = second ? 16 : 1, width = second ? 32 : t.width;
    int positions = 500, text = m->tiny ? 48 : 768;
    if (second && m->tiny) {
        tokens = 4;
        width = 16;
    }
    g.vae = (struct vae_size){.nfeats = m->kit ? 251 : 263, .latent_tokens = tokens, .latent_width = width,
                              .projections = second, .positions = positions, .transformer = t};
    g.denoiser = (struct denoiser_size){.latent_tokens = tokens, .latent_width = width, .projections = second, .text_width = text,
                                        .time_width = m->tiny ? 32 : 768, .guidance_width = m->tiny ? 32 : 256,
                                        .text_act = second ? ACT_NONE : ACT_RELU, .positions = positions, .transformer = t};
    g.controlnet = (struct controlnet_size){g.denoiser, t.width, second ? ACT_SILU : ACT_NONE};
    g.trajectory = (struct trajectory_encoder_size){m->kit ? 21 : 22, tokens, width, second, positions, t};
    return g;
}

/* --- parts of a file: created, drawn, stored under their published prefix --------------- */

static int store(struct params *p, const char *prefix, uint64_t seed, struct weights *w, struct error *e)
{
    int rc = params_initialise(p, seed, e);
    return rc ? rc : params_store(p, w, prefix, e);
}

static int store_vae(const struct generation *g, struct device *d, uint64_t seed, struct weights *w, struct error *e)
{
    struct vae x;
    int rc = vae_create(&x, d, &g->vae, e);
    if (!rc) rc = store(&x.params, "vae.", seed, w, e);
    vae_free(&x);
    return rc;
}

static int store_denoiser(const struct generation *g, int guided, struct device *d, uint64_t seed, struct weights *w,
                          struct error *e)
{
    struct denoiser x;
    struct denoiser_size size = g->denoiser;
    if (!guided) size.guidance_width = 0;
    int rc = denoiser_create(&x, d, &size, e);
    if (!rc) rc = store(&x.params, "denoiser.", seed, w, e);
    denoiser_free(&x);
    return rc;
}

static int store_control(const struct generation *g, struct device *d, uint64_t seed, struct weights *w, struct error *e)
{
    struct controlnet x;
    struct trajectory_encoder y;
    int rc = controlnet_create(&x, d, &g->controlnet, e);
    if (rc) return rc;
    rc = store(&x.base.params, "controlnet.", seed + 1, w, e);
    controlnet_free(&x);
    if (!rc) rc = trajectory_encoder_create(&y, d, &g->trajectory, e);
    if (rc) return rc;
    rc = store(&y.params, "traj_encoder.", seed, w, e);
    trajectory_encoder_free(&y);
    return rc;
}

static int store_evaluator(const struct synthetic_models *m, struct device *d, const char *const prefix[3], struct weights *w,
                           struct error *e)
{
    struct evaluator x;
    const struct evaluator_size size = {.nfeats = m->kit ? 251 : 263, .movement_hidden = m->tiny ? 32 : 512,
                                        .movement_latent = m->tiny ? 32 : 512, .motion_hidden = m->tiny ? 32 : 1024,
                                        .text_hidden = m->tiny ? 32 : 512, .embedding = m->tiny ? 32 : 512, .word_width = 300,
                                        .parts_of_speech = 15};
    int rc = evaluator_create(&x, d, &size, e);
    if (rc) return rc;
    rc = evaluator_initialise(&x, m->seed, e);
    if (!rc) rc = params_store(&x.movement, w, prefix[0], e);
    if (!rc) rc = params_store(&x.motion, w, prefix[1], e);
    if (!rc) rc = params_store(&x.text, w, prefix[2], e);
    evaluator_free(&x);
    return rc;
}

/* What training starts from zero (guidance, control) would show nothing: small numbers in its place. */
static void wake(struct weights *w, uint64_t seed)
{
    for (int i = 0; i < w->count; i++) {
        struct weight *t = &w->items[i];
        size_t zeros = 0, n = strlen(t->name);
        while (zeros < t->count && t->data[zeros] == 0) zeros++;
        if (zeros < t->count || n < 6 || strcmp(t->name + n - 6, "weight")) continue;
        rng_fill_normal(seed, rng_stream(t->name), 0, t->data, t->count);
        for (size_t k = 0; k < t->count; k++) t->data[k] *= 0.02f;
    }
}

/* --- files ----------------------------------------------------------------------------------- */

static int make_folder_of(const char *path, struct error *e)
{
    char folder[1400];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash) return 0;
    *slash = 0;
    return file_make_folder(folder, e);
}

enum contents { VAE = 0, MLD = 1, LCM = 2, CONTROL = 3 };

static int write_checkpoint(const char *root, const char *name, const struct synthetic_models *m, int generation,
                            enum contents contents, struct device *d, struct error *e)
{
    static const char *const evaluator[3] = {"t2m_moveencoder.", "t2m_motionencoder.", "t2m_textencoder."};
    static const struct torch_section section = {"state_dict", ""};
    struct generation g = generation_of(m, generation);
    struct weights w = {0};
    char path[1400];
    uint64_t seed = m->seed * 16 + (uint64_t)generation;
    snprintf(path, sizeof path, "%s/%s", root, name);
    int rc = make_folder_of(path, e);
    if (!rc) rc = store_vae(&g, d, seed, &w, e);
    if (!rc && contents >= MLD) rc = store_denoiser(&g, contents >= LCM, d, seed, &w, e);
    if (!rc && contents == CONTROL) rc = store_control(&g, d, seed, &w, e);
    if (!rc) wake(&w, seed);
    if (!rc) rc = store_evaluator(m, d, evaluator, &w, e);
    if (!rc) rc = torch_write(path, &w, &section, 1, NULL, 0, 0, e);
    weights_free(&w);
    return rc;
}

static int write_evaluator(const char *root, const struct synthetic_models *m, struct device *d, struct error *e)
{
    static const char *const prefix[3] = {"movement_encoder.", "motion_encoder.", "text_encoder."};
    static const struct torch_section sections[3] = {{"text_encoder", "text_encoder."}, {"motion_encoder", "motion_encoder."},
                                                     {"movement_encoder", "movement_encoder."}};
    static const struct torch_number numbers[2] = {{"epoch", 0}, {"iter", 0}};
    struct weights w = {0};
    char path[1400];
    snprintf(path, sizeof path, "%s/deps/t2m/%s/text_mot_match/model/finest.tar", root, m->kit ? "kit" : "t2m");
    int rc = make_folder_of(path, e);
    if (!rc) rc = store_evaluator(m, d, prefix, &w, e);
    if (!rc) rc = torch_write(path, &w, sections, 3, numbers, 2, 0, e);
    weights_free(&w);
    return rc;
}

int synthetic_models_write(const char *root, const struct synthetic_models *m, struct device *d, struct error *e)
{
    static const struct {
        const char *name;
        int generation;
        enum contents contents;
    } files[] = {
        {"experiments_recons/vae_humanml/vae_humanml.ckpt", 2, VAE},
        {"experiments_t2m/mld_humanml/mld_humanml_v1.ckpt", 1, MLD},
        {"experiments_t2m/mld_humanml/mld_humanml.ckpt", 2, MLD},
        {"experiments_t2m/motionlcm_humanml/motionlcm_humanml_v1.ckpt", 1, LCM},
        {"experiments_t2m/motionlcm_humanml/motionlcm_humanml.ckpt", 2, LCM},
        {"experiments_control/temporal/motionlcm_humanml/motionlcm_humanml_t_v1.ckpt", 1, CONTROL},
        {"experiments_control/temporal/motionlcm_humanml/motionlcm_humanml_t.ckpt", 2, CONTROL},
        {"experiments_control/spatial/motionlcm_humanml/motionlcm_humanml_s_pelvis.ckpt", 2, CONTROL},
        {"experiments_control/spatial/motionlcm_humanml/motionlcm_humanml_s_all.ckpt", 2, CONTROL},
    };
    char folder[1400];
    int rc = write_evaluator(root, m, d, e);
    for (size_t i = 0; i < sizeof files / sizeof *files && !rc && !m->kit; i++)
        rc = write_checkpoint(root, files[i].name, m, files[i].generation, files[i].contents, d, e);
    snprintf(folder, sizeof folder, "%s/deps/sentence-t5-large", root);
    return rc ? rc : synthetic_text_write(folder, m->large_text, m->tiny ? 48 : 768, m->seed, e);
}
