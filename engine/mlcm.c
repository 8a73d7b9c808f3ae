#include "mlcm.h"
#include "checkpoint.h"
#include "file.h"
#include "rng.h"
#include "sampler.h"
#include "vae.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct generator {
    int open;
    struct checkpoint_card card;
    struct denoiser denoiser;
    struct text_encoder text;
};

struct mlcm {
    struct device device;
    struct tape tape;
    struct vae vae;
    struct generator lcm, mld;
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
    if (!rc) rc = checkpoint_vocabulary(path, &words, e);
    if (!rc) rc = text_encoder_size_from(&w, "text.", g->card.text_heads, &text, e);
    if (!rc && !m->vae.params.count) rc = open_vae(m, vae, g->card.vae_heads, e);
    size.latent_tokens = m->vae.size.latent_tokens;
    if (!rc) rc = denoiser_create(&g->denoiser, &m->device, &size, e);
    if (!rc) rc = params_load(&g->denoiser.params, &w, "denoiser.", e);
    if (!rc) rc = text_encoder_create(&g->text, &m->device, &text, &words, e);
    if (!rc) rc = params_load(&g->text.params, &w, "text.", e);
    if (!rc && (g->card.nfeats != m->vae.size.nfeats || size.latent_width != m->vae.size.latent_width))
        rc = error_set(e, ERR_INPUT, "%s: made for another VAE than the one beside it; use files of one run", path);
    vocabulary_free(&words);
    weights_free(&w);
    return rc;
}

static int give(const struct error *e, char *error, size_t size)
{
    if (error && size) snprintf(error, size, "%s", e->text);
    return e->code;
}

int mlcm_open(mlcm **out, const char *folder, int threads, char *error, size_t error_size)
{
    struct error e = {0};
    char path[1100];
    struct mlcm *m = calloc(1, sizeof *m);
    *out = NULL;
    if (!m) {
        error_memory(&e, "a model");
        return give(&e, error, error_size);
    }
    int rc = device_open_cpu(&m->device, threads, &e);
    if (!rc) {
        tape_init(&m->tape, &m->device);
        snprintf(path, sizeof path, "%.1000s/lcm.h5", folder);
        rc = open_generator(m, &m->lcm, path, &e);
    }
    snprintf(path, sizeof path, "%.1000s/mld.h5", folder);
    if (!rc && file_exists(path)) rc = open_generator(m, &m->mld, path, &e);
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
    denoiser_free(&g->denoiser);
    text_encoder_free(&g->text);
}

void mlcm_close(mlcm *m)
{
    if (!m) return;
    close_generator(&m->lcm);
    close_generator(&m->mld);
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

/* The normalised features on the tape; NULL with the tape's error. */
static struct tensor *run(struct mlcm *m, const struct generator *g, const struct sampler *s, const char *text, int frames,
                          uint64_t seed, int *numbers)
{
    struct tape *t = &m->tape;
    const char *nothing = "";
    int tokens = m->vae.size.latent_tokens, width = m->vae.size.latent_width;
    size_t count = (size_t)tokens * (size_t)width, padded = (count + 3) / 4 * 4;
    float *noise = malloc((size_t)s->steps * padded * sizeof *noise);
    if (!noise) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int i = 0; i < s->steps; i++)
        rng_fill_normal(seed, rng_stream("mlcm_generate") + (uint64_t)i, 0, noise + (size_t)i * count, count);
    struct sampler_input in = {.text = text_encoder_run(t, &g->text, &text, 1, numbers), .batch = 1, .text_tokens = 1};
    if (s->kind == SAMPLER_DDIM) in.text_empty = text_encoder_run(t, &g->text, &nothing, 1, numbers + TEXT_MAX_TOKENS);
    in.noise = tape_constant(t, noise, tokens, width);
    in.step_noise = noise + count;
    struct tensor *z = sampler_run(t, s, &g->denoiser, &in);
    struct tensor *y = vae_decode(t, &m->vae, z, &frames, 1, frames);
    free(noise);
    return y;
}

int mlcm_generate(mlcm *m, const char *text, int frames, const struct mlcm_options *o, float *features, float *joints,
                  char *error, size_t error_size)
{
    struct error e = {0};
    struct sampler s;
    static const struct mlcm_options defaults = MLCM_OPTIONS;
    if (!o) o = &defaults;
    const struct generator *g = o->teacher ? &m->mld : &m->lcm;
    int numbers[2 * TEXT_MAX_TOKENS], rc = 0, nf = mlcm_features(m);
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
    if (rc) return give(&e, error, error_size);
    struct tape *t = &m->tape;
    struct device *d = &m->device;
    tape_start(t, 0, 0, 0, 0);
    struct tensor *y = run(m, g, &s, text, frames, o->seed, numbers);
    rc = tape_failed(t, &e);
    if (!rc && joints) {
        struct tensor *j = op_recover_joints(t, y, tape_constant(t, g->card.mean, 1, nf), tape_constant(t, g->card.std, 1, nf), 1,
                                             mlcm_joints(m));
        rc = tape_failed(t, &e);
        if (!rc) d->download(d, joints, j->x, (size_t)frames * (size_t)mlcm_joints(m) * 3);
        for (size_t i = 0; i < (size_t)frames * (size_t)mlcm_joints(m) * 3 && !rc; i++)
            if (!isfinite(joints[i])) rc = error_set(&e, ERR_INTERNAL, "the model gives a non-finite motion; train it again");
    }
    if (!rc && features) {
        d->download(d, features, y->x, (size_t)frames * (size_t)nf);
        for (int i = 0; i < frames && !rc; i++)
            for (int k = 0; k < nf; k++) {
                float *v = &features[(size_t)i * (size_t)nf + (size_t)k];
                *v = *v * g->card.std[k] + g->card.mean[k];
                if (!isfinite(*v)) rc = error_set(&e, ERR_INTERNAL, "the model gives a non-finite motion; train it again");
            }
    }
    return rc ? give(&e, error, error_size) : 0;
}
