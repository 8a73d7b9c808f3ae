/* Conformance of the evaluator's training steps. */
#include "verify_evaluator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- training steps ---------------------------------------------------------------------------- */

/* Gradients of a network against GROUP/KEY. */
static int check_gradients(struct verify *v, struct h5 *f, const struct params *p, const float *gradient, const char *group,
                           struct error *e)
{
    char name[NAME_SIZE];
    int rc = 0;
    for (int i = 0; i < p->count && !rc; i++) {
        const struct param *t = p->items[i];
        float *host = malloc(t->count * sizeof *host);
        if (!host) return error_memory(e, t->name);
        p->device->download(p->device, host, gradient + t->offset, t->count);
        rc = array_compare(v, f, array_name(name, group, t->name), host, t->count, SINGLE_TOLERANCE, e);
        free(host);
    }
    return rc;
}

/* Weights after `steps` Adam steps of `rate`. An entry whose gradient (GRADIENTS/KEY, times the clipping factor) is
 * rounding noise moves by an arbitrary amount up to the rate at each step; only the others are compared tightly. */
static int check_weights(struct verify *v, struct h5 *f, const struct params *p, const char *group, const char *gradients,
                         double clip, double rate, int steps, struct error *e)
{
    char name[NAME_SIZE], what[NAME_SIZE + 40];
    int rc = 0;
    for (int i = 0; i < p->count && !rc; i++) {
        const struct param *t = p->items[i];
        double *want = NULL, *gradient = NULL;
        float *host = malloc(t->count * sizeof *host);
        double *clear = malloc(4 * t->count * sizeof *clear);
        size_t n = 0, m = 0, count, gradient_count, k;
        if (!host || !clear) rc = error_memory(e, t->name);
        if (!rc) rc = h5_read_double(f, array_name(name, gradients, t->name), &gradient, &gradient_count, e);
        if (!rc) rc = h5_read_double(f, array_name(name, group, t->name), &want, &count, e);
        if (!rc && (count != t->count || gradient_count != t->count))
            rc = error_set(e, ERR_INPUT, "%s: %s has another shape than the network", h5_path(f), name);
        if (!rc) {
            p->device->download(p->device, host, t->x, t->count);
            double *wanted = clear + t->count, *noise = wanted + t->count, *noise_wanted = noise + t->count;
            for (k = 0; k < count; k++) {
                int tight = fabs(gradient[k]) * clip > 1e-5;
                *(tight ? &clear[n] : &noise[m]) = (double)host[k];
                *(tight ? &wanted[n++] : &noise_wanted[m++]) = want[k];
            }
            char shape[40];
            snprintf(shape, sizeof shape, "%zu", n);
            if (n) verify_array_double(v, name, shape, clear, wanted, n, 2e-6 * steps);
            snprintf(shape, sizeof shape, "%zu", m);
            snprintf(what, sizeof what, "%s (tiny gradient)", name);
            if (m) verify_array_double(v, what, shape, noise, noise_wanted, m, 2 * rate * steps);
        }
        free(host);
        free(clear);
        free(want);
        free(gradient);
    }
    return rc;
}

/* One run of matching steps with its own start. */
struct matching_case {
    const struct pair_batch *pairs;
    double margin, rate, clip;
    int pieces;
};

static int run_matching_steps(struct verify *v, struct h5 *f, struct evaluator *ev, struct trainer *t,
                              const struct matching_case *c, const char *run, struct error *e)
{
    char step[NAME_SIZE], name[NAME_SIZE], group[NAME_SIZE], gradients[NAME_SIZE];
    const struct pair_batch *p = c->pairs;
    size_t count = (size_t)p->n * (size_t)ev->size.embedding;
    float *text = malloc(2 * count * sizeof *text);
    int rc = text ? 0 : error_memory(e, run), steps = 0, *order = NULL;
    snprintf(name, sizeof name, "%.100s/step0/align_idx", run);
    if (!rc && h5_has(f, name)) rc = array_order(v, f, name, p->m_lens, p->n, p->n, p->n, &order, e);
    double clip[2] = {1, 1};
    for (int k = 0; !rc; k++) {
        struct matching_losses l;
        int *shift = NULL;
        snprintf(step, sizeof step, "%.100s/step%d", run, k);
        if (!h5_has(f, step)) break;
        rc = array_ints(f, array_name(name, step, "shift"), 1, &shift, e);
        if (rc) break;
        const struct matching_batch b = {.size = p->n, .frames = p->frames, .tokens = p->tokens, .motions = p->motions,
                                         .lengths = p->m_lens, .words = p->words, .speech = p->speech,
                                         .sentence_lengths = p->cap_lens, .order = order, .shifts = shift, .nshifts = 1,
                                         .margin = (float)c->margin, .text = text, .motion = text + count};
        rc = matching_step(t, ev, &b, &l, e);
        free(shift);
        if (rc) break;
        steps++;
        if ((rc = array_compare_value(v, f, step, "loss_pos", l.positive, e)) ||
            (rc = array_compare_value(v, f, step, "loss_neg", l.negative, e)) ||
            (rc = array_compare_value(v, f, step, "loss", l.total, e)) ||
            (rc = array_compare_value(v, f, step, "grad_norm_before_clip_text_encoder", l.norm_text, e)) ||
            (rc = array_compare_value(v, f, step, "grad_norm_before_clip_motion_encoder", l.norm_motion, e)) ||
            (rc = array_compare(v, f, array_name(name, step, "text_embedding"), text, count, SINGLE_TOLERANCE, e)) ||
            (rc = array_compare(v, f, array_name(name, step, "motion_embedding"), text + count, count, SINGLE_TOLERANCE, e)))
            break;
        if (k) continue;
        clip[0] = fmin(1, c->clip / (l.norm_text + 1e-6));
        clip[1] = fmin(1, c->clip / (l.norm_motion + 1e-6));
        if (!(rc = check_gradients(v, f, &ev->text, t->gradient[0][0], array_name(name, step, "grad/text_encoder"), e)))
            rc = check_gradients(v, f, &ev->motion, t->gradient[0][1], array_name(name, step, "grad/motion_encoder"), e);
    }
    snprintf(group, sizeof group, "%.100s/weights_after_%d_steps", run, steps);
    if (!rc && steps && h5_has(f, group)) {
        snprintf(gradients, sizeof gradients, "%.100s/step0/grad", run);
        char from[NAME_SIZE];
        rc = check_weights(v, f, &ev->text, array_name(name, group, "text_encoder"), array_name(from, gradients, "text_encoder"), clip[0],
                           c->rate, steps, e);
        if (!rc)
            rc = check_weights(v, f, &ev->motion, array_name(name, group, "motion_encoder"), array_name(from, gradients, "motion_encoder"),
                               clip[1], c->rate, steps, e);
    }
    free(order);
    free(text);
    return rc;
}

static int adam_config(struct h5 *f, int pieces, struct trainer_config *c, struct error *e)
{
    static const char *const names[5] = {"lr", "adam_beta1", "adam_beta2", "adam_eps", "clip_norm"};
    double values[5] = {1e-4, 0.9, 0.999, 1e-8, 0};
    int rc = 0;
    for (int i = 0; i < 5 && !rc; i++)
        if (h5_has_attr(f, "/", names[i])) rc = array_attribute(f, "/", names[i], &values[i], e);
    *c = trainer_defaults();
    c->rate = (float)values[0];
    c->beta1 = (float)values[1];
    c->beta2 = (float)values[2];
    c->eps = (float)values[3];
    c->clip = (float)values[4];
    c->weight_decay = 0;
    c->dropout = 0;
    c->constant_rate = 1;
    c->accumulators = pieces;
    return rc;
}

int verify_matching_step(struct verify *v, struct h5 *f, struct error *e)
{
    char **runs = NULL;
    int count = 0;
    struct device d;
    double margin = 10;
    int rc = device_open(&d, v->device, e);
    if (rc) return rc;
    rc = h5_names(f, "/", &runs, &count, e);
    if (!rc && h5_has_attr(f, "/", "negative_margin")) rc = array_attribute(f, "/", "negative_margin", &margin, e);
    for (int i = 0; i < count && !rc; i++) {
        char step[NAME_SIZE];
        struct evaluator ev;
        struct pair_batch p;
        struct trainer t;
        struct trainer_config tc;
        if (!h5_has(f, array_name(step, runs[i], "step0"))) continue;
        /* A run that is named for its margin has that one. */
        double own = strncmp(runs[i], "margin", 6) ? 0 : strtod(runs[i] + 6, NULL);
        rc = adam_config(f, 3, &tc, e);
        if (!rc) rc = group_evaluator(&ev, &d, f, "weights", e);
        if (rc) break;
        rc = pair_batch_read(f, &ev, "in/motions", "in/m_lens", &p, e);
        if (!rc) {
            struct params *sets[2] = {&ev.text, &ev.motion};
            rc = trainer_create(&t, &d, sets, 2, &tc, e);
            struct matching_case c = {&p, own > 0 ? own : margin, (double)tc.rate, (double)tc.clip, 3};
            if (!rc) {
                rc = run_matching_steps(v, f, &ev, &t, &c, runs[i], e);
                trainer_free(&t);
            }
            pair_batch_free(&p);
        }
        evaluator_free(&ev);
    }
    h5_names_free(runs, count);
    device_close(&d);
    return rc;
}

/* --- movement_autoencoder_step -------------------------------------------------------------------- */

/* Encoder and decoder of the case's tensors; the evaluator's other networks are of width 1. */
static int create_autoencoder(struct h5 *f, struct device *d, struct evaluator *ev, struct movement_decoder *md,
                              struct error *e)
{
    struct weights w;
    int rc = group_weights(f, "weights", &w, e);
    if (rc) return rc;
    const struct weight *conv1 = weights_find(&w, "movement_enc.main.0.weight");
    const struct weight *conv2 = weights_find(&w, "movement_enc.main.3.weight");
    const struct weight *decoder = weights_find(&w, "movement_dec.main.0.weight");
    if (!conv1 || !conv2 || !decoder || conv1->rank != 3 || conv2->rank != 3 || decoder->rank != 3) {
        weights_free(&w);
        return error_set(e, ERR_INPUT, "%s: weights/movement_enc and weights/movement_dec are incomplete", h5_path(f));
    }
    const struct evaluator_size size = {conv1->shape[1] + 4, conv1->shape[0], conv2->shape[0], 1, 1, 1, 1, 1};
    rc = evaluator_create(ev, d, &size, e);
    if (!rc && (rc = movement_decoder_create(md, d, &size, decoder->shape[1], e))) evaluator_free(ev);
    if (!rc && ((rc = params_load(&ev->movement, &w, "movement_enc.", e)) ||
                (rc = params_load(&md->params, &w, "movement_dec.", e)))) {
        movement_decoder_free(md);
        evaluator_free(ev);
    }
    weights_free(&w);
    return rc;
}

/* A stored dropout factor (batch, channels, frames) as (batch, frames, channels). */
static int read_factor(struct h5 *f, const char *name, float **out, struct error *e)
{
    int dims[8];
    float *x = NULL;
    int rc = array_read(f, name, 3, dims, &x, e);
    if (rc) return rc;
    *out = malloc((size_t)dims[0] * (size_t)dims[1] * (size_t)dims[2] * sizeof **out + 4);
    if (*out) frames_first(*out, x, dims[0], dims[1], dims[2]);
    else rc = error_memory(e, name);
    free(x);
    return rc;
}

static int run_autoencoder_case(struct verify *v, struct h5 *f, struct device *d, const char *run,
                                const struct autoencoder_batch *batch, struct error *e)
{
    struct evaluator ev;
    struct movement_decoder md;
    struct trainer t;
    struct trainer_config tc;
    struct autoencoder_losses l;
    char name[NAME_SIZE], from[NAME_SIZE];
    int rc = adam_config(f, 2, &tc, e);
    if (!rc) rc = create_autoencoder(f, d, &ev, &md, e);
    if (rc) return rc;
    struct params *sets[2] = {&ev.movement, &md.params};
    static const char *const networks[2] = {"movement_enc", "movement_dec"};
    struct autoencoder_batch b = *batch;
    size_t latents = (size_t)(b.size * b.frames / 4 * ev.size.movement_latent);
    size_t features = (size_t)(b.size * b.frames * ev.size.nfeats);
    b.latents = malloc((latents + features) * sizeof *b.latents);
    b.features = b.latents ? b.latents + latents : NULL;
    rc = b.latents ? trainer_create(&t, d, sets, 2, &tc, e) : error_memory(e, run);
    if (!rc) {
        if (!(rc = movement_autoencoder_step(&t, &ev, &md, &b, &l, e)) &&
            !(rc = array_compare(v, f, array_name(name, run, "latents"), b.latents, latents, SINGLE_TOLERANCE, e)) &&
            !(rc = array_compare(v, f, array_name(name, run, "recon"), b.features, features, SINGLE_TOLERANCE, e)) &&
            !(rc = array_compare_value(v, f, run, "loss_rec", l.reconstruction, e)) &&
            !(rc = array_compare_value(v, f, run, "loss_sparsity", l.sparsity, e)) &&
            !(rc = array_compare_value(v, f, run, "loss_smooth", l.smoothness, e)))
            rc = array_compare_value(v, f, run, "loss", l.total, e);
        for (int i = 0; i < 2 && !rc; i++) {
            char group[NAME_SIZE];
            snprintf(from, sizeof from, "%.100s/grad/%s", run, networks[i]);
            snprintf(group, sizeof group, "%.100s/weights_after_1_step/%s", run, networks[i]);
            rc = check_gradients(v, f, sets[i], t.gradient[0][i], from, e);
            if (!rc) rc = check_weights(v, f, sets[i], group, from, 1, (double)tc.rate, 1, e);
        }
        trainer_free(&t);
    }
    free(b.latents);
    movement_decoder_free(&md);
    evaluator_free(&ev);
    return rc;
}

int verify_movement_autoencoder(struct verify *v, struct h5 *f, struct error *e)
{
    float *motions = NULL, *factor[2] = {NULL, NULL};
    int dims[8];
    double sparsity = 0.001, smoothness = 0.001;
    struct device d;
    int rc = device_open(&d, v->device, e);
    if (rc) return rc;
    rc = array_read(f, "in/motions", 3, dims, &motions, e);
    if (!rc && h5_has_attr(f, "/", "lambda_sparsity")) rc = array_attribute(f, "/", "lambda_sparsity", &sparsity, e);
    if (!rc && h5_has_attr(f, "/", "lambda_smooth")) rc = array_attribute(f, "/", "lambda_smooth", &smoothness, e);
    struct autoencoder_batch b = {.size = dims[0], .frames = dims[1], .motions = motions, .sparsity = (float)sparsity,
                                  .smoothness = (float)smoothness};
    if (!rc && h5_has(f, "no_dropout")) rc = run_autoencoder_case(v, f, &d, "no_dropout", &b, e);
    if (!rc && h5_has(f, "with_dropout")) {
        rc = read_factor(f, "in/dropout_mask_1", &factor[0], e);
        if (!rc) rc = read_factor(f, "in/dropout_mask_2", &factor[1], e);
        b.factor[0] = factor[0];
        b.factor[1] = factor[1];
        if (!rc) rc = run_autoencoder_case(v, f, &d, "with_dropout", &b, e);
    }
    free(motions);
    free(factor[0]);
    free(factor[1]);
    device_close(&d);
    return rc;
}
