#include "table_run.h"
#include "../engine/file.h"
#include "progress.h"
#include "timing.h"
#include "version.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- networks -------------------------------------------------------------------------- */

int loaded_open(struct loaded *l, struct chain *c, int with_evaluator, struct error *e)
{
    int rc = 0, latent[STAGE_COUNT] = {0};
    memset(l, 0, sizeof *l);
    for (int i = 0; i < c->x->model_count; i++) {
        const char *name = c->x->models[i].system;
        if (!strcmp(name, "vae") || !strcmp(name, "prior")) latent[STAGE_VAE] = 1;
        if (!strcmp(name, "mld")) latent[STAGE_VAE] = latent[STAGE_MLD] = 1;
        if (!strcmp(name, "motionlcm") || !strcmp(name, "motionlcm_tuning")) latent[STAGE_VAE] = latent[STAGE_LCM] = 1;
        if (!strcmp(name, "mld_control")) latent[STAGE_VAE] = latent[STAGE_MLD] = latent[STAGE_CONTROL_MLD] = 1;
        if (!strcmp(name, "motionlcm_control")) latent[STAGE_VAE] = latent[STAGE_LCM] = latent[STAGE_CONTROL] = 1;
    }
    l->set = &c->set;
    latent[STAGE_EVALUATOR] = with_evaluator;
    /* a model that cannot be is refused before anything is trained for it */
    for (int i = 0; i < c->x->model_count && !rc; i++) rc = loaded_system(l, c->x, &c->x->models[i], &l->systems[i], e);
    for (int s = 0; s < STAGE_COUNT && !rc; s++)
        if (latent[s]) rc = chain_need(c, (enum stage_kind)s, e);
    if (!rc && latent[STAGE_EVALUATOR]) rc = evaluator_open(&l->evaluator, &c->device, c->model[STAGE_EVALUATOR], e);
    if (!rc && latent[STAGE_VAE]) rc = load_vae(c, &l->vae, e);
    if (!rc && latent[STAGE_MLD]) rc = load_denoiser(c, c->model[STAGE_MLD], 0, &l->mld, e);
    if (!rc && latent[STAGE_LCM]) rc = load_denoiser(c, c->model[STAGE_LCM], 1, &l->lcm, e);
    if (!rc && (latent[STAGE_MLD] || latent[STAGE_LCM]))
        rc = load_text_encoder(c, c->model[latent[STAGE_MLD] ? STAGE_MLD : STAGE_LCM], &l->text, e);
    if (!rc && latent[STAGE_CONTROL])
        rc = load_control(c, STAGE_CONTROL, c->model[STAGE_CONTROL], &l->control, &l->trajectory, e);
    if (!rc && latent[STAGE_CONTROL_MLD])
        rc = load_control(c, STAGE_CONTROL_MLD, c->model[STAGE_CONTROL_MLD], &l->control_mld, &l->trajectory_mld, e);
    if (rc) loaded_close(l);
    return rc;
}

void loaded_close(struct loaded *l)
{
    vae_free(&l->vae);
    text_encoder_free(&l->text);
    denoiser_free(&l->mld);
    denoiser_free(&l->lcm);
    controlnet_free(&l->control);
    controlnet_free(&l->control_mld);
    trajectory_encoder_free(&l->trajectory);
    trajectory_encoder_free(&l->trajectory_mld);
    if (l->evaluator.device) evaluator_free(&l->evaluator);
    memset(l, 0, sizeof *l);
}

int loaded_system(struct loaded *l, const struct experiment *x, const struct model_entry *m, struct system *s, struct error *e)
{
    const struct system_kind *kind = system_find(m->system);
    if (!kind)
        return error_set(e, ERR_INPUT, "%s: model '%s' names no system '%s'; use vae, prior, mld, motionlcm, or with a section "
                         "\"control\" mld_control, motionlcm_control, motionlcm_tuning", x->path, m->name, m->system);
    if (kind->controlled && !x->control.given)
        return error_set(e, ERR_INPUT, "%s: model '%s' needs a section \"control\"; add one", x->path, m->name);
    *s = (struct system){.kind = kind, .vae = &l->vae, .text = &l->text, .joints = l->set->njoints,
                         .tuning_steps = x->control.tuning_steps, .mean = l->set->mean, .std = l->set->std,
                         .raw_mean = l->set->raw_mean, .raw_std = l->set->raw_std};
    double guidance = m->guidance;
    if (kind == &system_mld_control || kind == &system_motionlcm_control) {
        int mld = kind == &system_mld_control;
        s->controlnet = mld ? &l->control_mld : &l->control;
        s->trajectory = mld ? &l->trajectory_mld : &l->trajectory;
    }
    if (kind == &system_mld || kind == &system_mld_control) {
        s->denoiser = &l->mld;
        return sampler_ddim(&s->sampler, m->steps ? m->steps : 50, (float)(guidance > 0 ? guidance : x->mld_guidance), e);
    }
    if (!kind->sampled) return 0;
    if (kind == &system_motionlcm_tuning && m->steps > 1)
        return error_set(e, ERR_INPUT, "%s: model '%s': latent tuning samples in one step, not %d; leave out steps", x->path,
                         m->name, m->steps);
    s->denoiser = &l->lcm;
    return sampler_lcm(&s->sampler, x->lcm_generation, m->steps ? m->steps : 1, x->lcm_points,
                       (float)(guidance > 0 ? guidance : x->lcm_guidance), e);
}

/* --- replications, resumable ------------------------------------------------------------- */

/* values[row][measure][replication]; row 0 is the real motions. */
struct values {
    int rows, replications, done;
    int measures;                 /* of M_COUNT: without motion control its measures are not kept */
    double *x;
};

static double *value(const struct values *v, int row, int measure, int replication)
{
    return v->x + ((size_t)row * M_COUNT + (size_t)measure) * (size_t)v->replications + (size_t)replication;
}

/* Reads finished replications of the same run: a header line, then hexadecimal floats. */
static void partial_read(struct values *v, const char *path, const char *header)
{
    char *text, line[200];
    size_t size;
    struct error ignored;
    if (!path || file_read(path, (size_t)64 << 20, &text, &size, &ignored)) return;
    snprintf(line, sizeof line, "%s\n", header);
    char *p = text;
    if (!strncmp(p, line, strlen(line))) {
        p += strlen(line);
        for (int r = 0; r < v->replications; r++) {
            double got[(MAX_MODELS + 1) * M_COUNT];
            int n = 0, wanted = v->rows * v->measures;
            for (; n < wanted; n++) {
                char *end;
                got[n] = strtod(p, &end);
                if (end == p) break;
                p = end;
            }
            if (n < wanted) break;
            for (int i = 0; i < wanted; i++) *value(v, i / v->measures, i % v->measures, r) = got[i];
            v->done = r + 1;
        }
    }
    free(text);
}

static int partial_write(const struct values *v, const char *path, const char *header, struct error *e)
{
    struct file_writer w;
    if (!path) return 0;
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    fprintf(w.stream, "%s\n", header);
    for (int r = 0; r < v->done; r++) {
        for (int i = 0; i < v->rows * v->measures; i++)
            fprintf(w.stream, "%a ", *value(v, i / v->measures, i % v->measures, r));
        fprintf(w.stream, "\n");
    }
    return file_commit(&w, e);
}

/* Of everything that defines a replication; how many are wanted does not. */
static void run_identity(const struct chain *c, const struct table_options *o, char header[65])
{
    struct sha256 *h = sha256_new();
    char *text = cJSON_PrintUnformatted(c->x->resolved);
    if (text) sha256_add(h, text, strlen(text));
    free(text);
    for (int s = 0; s < STAGE_COUNT && chain_has(c, (enum stage_kind)s); s++) sha256_add(h, c->fingerprint[s], strlen(c->fingerprint[s]));
    sha256_add(h, c->set.sha256, strlen(c->set.sha256));
    sha256_add(h, version_commit(), strlen(version_commit()));   /* another build may measure otherwise */
    sha256_add(h, &o->limit, sizeof o->limit);
    if (o->split) sha256_add(h, o->split, strlen(o->split));
    sha256_text(h, header);
}

/* --- the document --------------------------------------------------------------------------- */

static int describe_run(const struct chain *c, const struct loaded *l, const struct evaluation *ev, const struct table_options *o,
                        int replications, struct results *r, struct error *e)
{
    const struct experiment *x = c->x;
    int rc = 0;
    r->experiment = cJSON_Duplicate(x->resolved, 1);
    r->host.threads_used = c->device.threads;
    snprintf(r->data.name, sizeof r->data.name, "%s", c->set.name);
    snprintf(r->data.split, sizeof r->data.split, "%s", o->split ? o->split : "test");
    snprintf(r->data.sha256, sizeof r->data.sha256, "%s", c->set.sha256);
    snprintf(r->data.statistics, sizeof r->data.statistics, "%s", c->set.statistics_sha256);
    r->data.n_original = ev->items.count;
    r->data.n_used = ev->n;
    for (int i = 0; i < c->set.nnan && !rc; i++) rc = results_add_nan_id(r, c->set.nan_names[i], e);
    snprintf(r->evaluator.name, sizeof r->evaluator.name, "trained on %s, embedding %d", c->set.name, ev->dim);
    snprintf(r->evaluator.sha256, sizeof r->evaluator.sha256, "%s", l->evaluator.sha256);
    snprintf(r->evaluator.padding_rule, sizeof r->evaluator.padding_rule,
             "MotionLCM: batches of 32 in order of length, padded to the batch's longest clip with renormalised zeros");
    r->protocol.replications = replications;
    r->protocol.pool = x->pool;
    r->protocol.diversity_times = x->diversity_times;
    r->protocol.mm_samples = x->mm_samples;
    r->protocol.mm_repeats = x->mm_repeats;
    r->protocol.mm_times = x->mm_times;
    snprintf(r->protocol.pooling, sizeof r->protocol.pooling, "one permutation of all pairs");
    snprintf(r->protocol.pairs, sizeof r->protocol.pairs, "two independent draws without replacement");
    r->protocol.limit = o->limit;
    r->protocol.nseeds = 1;
    r->protocol.seeds[0] = x->seed;
    for (int i = 0; i < x->model_count && !rc; i++) {
        const struct system *s = &l->systems[i];
        struct results_model m = {.steps = s->kind->sampled ? s->sampler.steps : 0, .guidance = s->kind->sampled ? (double)s->sampler.guidance : 0};
        snprintf(m.name, sizeof m.name, "%s", x->models[i].name);
        snprintf(m.family, sizeof m.family, "%s", s->kind->family);
        snprintf(m.size, sizeof m.size, "%dx%d", x->vae.transformer.width, x->vae.transformer.layers);
        enum stage_kind from = s->kind == &system_mld             ? STAGE_MLD
                               : s->kind == &system_mld_control       ? STAGE_CONTROL_MLD
                               : s->kind == &system_motionlcm_control ? STAGE_CONTROL
                               : s->kind->sampled                     ? STAGE_LCM
                                                                      : STAGE_VAE;
        rc = sha256_file(c->model[from], m.checkpoint_sha256, e);
        if (!rc) rc = results_add_model(r, &m, e);
    }
    return rc;
}

static int add_checks(struct evaluation *ev, const struct values *v, struct results *r, struct error *e)
{
    double top[3], consistent, fid;
    int rc = evaluation_ceiling(ev, top, &consistent, e);
    if (!rc) rc = results_add_check(r, "R-Precision ceiling", 1, e,
                                    "a perfect reader that breaks ties at random reaches %.3f / %.3f / %.3f; %.2f motions of a pool fit a caption",
                                    top[0], top[1], top[2], consistent);
    if (!rc) rc = evaluation_train_distance(ev, &fid, e);
    if (!rc) rc = results_add_check(r, "FID of real training motions", 1, e,
                                    "%.4f: as many real training motions as test motions, against the test motions", fid);
    if (!rc) rc = results_add_check(r, "real motions retrieve their captions", *value(v, 0, M_TOP3, 0) > 0.5, e,
                                    "R@3 of real motions %.3f; chance is %.3f", *value(v, 0, M_TOP3, 0),
                                    3.0 / ev->chain->x->pool);
    return rc;
}

static int add_rows(const struct chain *c, const struct values *v, struct results *r, struct error *e)
{
    int rc = 0, row;
    for (int i = 0; i < v->rows && !rc; i++) {
        rc = results_add_row(r, i ? c->x->models[i - 1].name : "Real", i == 0, &row, e);
        for (int m = 0; m < v->measures && !rc; m++)
            if (isfinite(*value(v, i, m, 0)))
                rc = results_add_metric(r, row, measure_name((enum measure)m), value(v, i, m, 0), v->replications, e);
    }
    return rc;
}

static int add_timing(struct chain *c, struct loaded *l, const struct items *items, struct results *r, int quiet, struct error *e)
{
    struct progress bar;
    double mean[3], *runs = malloc((size_t)c->x->time_runs * sizeof *runs);
    int rc = runs ? 0 : error_memory(e, "the timing");
    progress_start(&bar, "timing", "models", c->x->model_count, 0, quiet);
    for (int i = 0; i < c->x->model_count && !rc; i++) {
        const char *name = c->x->models[i].name;
        if (l->systems[i].kind->reads_reference || !l->systems[i].kind->sampled) continue;
        rc = timing_measure(c, items, &l->systems[i], name, r, mean, runs, e);
        for (int k = 0; k < r->nrows && !rc; k++)
            if (!strcmp(r->rows[k].model, name)) rc = results_add_metric(r, k, "AITS", runs, c->x->time_runs, e);
        progress_update(&bar, i + 1, name);
    }
    progress_finish(&bar, c->x->model_count, NULL);
    free(runs);
    return rc;
}

int table_run(struct chain *c, struct loaded *l, const struct table_options *o, struct results *r, struct error *e)
{
    struct evaluation ev;
    struct progress bar;
    const struct experiment *x = c->x;
    int replications = o->replications ? o->replications : x->replications;
    struct values v = {.rows = x->model_count + 1, .replications = replications,
                       .measures = x->control.given ? M_COUNT : M_CONTROL};
    char header[65];
    results_begin(r);
    int rc = evaluation_open(&ev, c, &l->evaluator, o->split ? o->split : "test", o->limit, e);
    if (rc) return rc;
    v.x = malloc((size_t)v.rows * M_COUNT * (size_t)replications * sizeof *v.x);
    if (!v.x) rc = error_memory(e, "the results");
    run_identity(c, o, header);
    if (!rc) partial_read(&v, o->partial, header);
    progress_start(&bar, "replications", "rows", (double)replications * v.rows, (double)v.done * v.rows, o->quiet);
    for (int k = v.done; k < replications && !rc; k++) {
        double out[M_COUNT];
        rc = evaluation_replicate(&ev, k, out, e);
        for (int m = 0; m < M_COUNT && !rc; m++) *value(&v, 0, m, k) = out[m];
        for (int i = 0; i < x->model_count && !rc; i++) {
            progress_update(&bar, (double)k * v.rows + i + 1, x->models[i].name);
            rc = evaluation_measure(&ev, &l->systems[i], out, e);
            for (int m = 0; m < M_COUNT && !rc; m++) *value(&v, i + 1, m, k) = out[m];
        }
        if (!rc) {
            v.done = k + 1;
            rc = partial_write(&v, o->partial, header, e);
        }
    }
    progress_finish(&bar, (double)replications * v.rows, NULL);
    double ignored[M_COUNT];
    if (!rc) rc = evaluation_replicate(&ev, 0, ignored, e);     /* the checks are of replication 0, resumed or not */
    if (!rc) rc = describe_run(c, l, &ev, o, replications, r, e);
    if (!rc) rc = add_rows(c, &v, r, e);
    if (!rc && !o->skip_timing) rc = add_timing(c, l, &ev.items, r, o->quiet, e);
    if (!rc) rc = add_checks(&ev, &v, r, e);
    free(v.x);
    evaluation_close(&ev);
    return rc;
}
