#include "table_run.h"
#include "export_motions.h"
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
    int rc = 0, latent[STAGE_COUNT], published = 0;
    memset(l, 0, sizeof *l);
    chain_wanted(c->x, latent);
    l->chain = c;
    l->set = &c->set;
    latent[STAGE_EVALUATOR] = with_evaluator;
    /* a model that cannot be is refused before anything is trained for it */
    for (int i = 0; i < c->x->model_count && !rc; i++) rc = loaded_system(l, c->x, &c->x->models[i], &l->systems[i], e);
    for (int s = 0; s < STAGE_COUNT && !rc; s++)
        if (latent[s]) rc = chain_need(c, (enum stage_kind)s, e);
    if (!rc && latent[STAGE_EVALUATOR]) rc = evaluator_open(&l->evaluator, &c->device, c->model[STAGE_EVALUATOR], e);
    if (!rc && with_evaluator && (l->evaluator.size.nfeats != c->set.nfeats || l->evaluator.size.word_width != c->set.words.dim))
        rc = error_set(e, ERR_INPUT, "%s: an evaluator of %d features and words of width %d, the data have %d and %d; use the "
                       "evaluator of this data set", c->model[STAGE_EVALUATOR], l->evaluator.size.nfeats,
                       l->evaluator.size.word_width, c->set.nfeats, c->set.words.dim);
    if (!rc && latent[STAGE_VAE]) rc = load_vae(c, &l->vae, e);
    if (!rc && latent[STAGE_MLD]) rc = load_denoiser(c, c->model[STAGE_MLD], 0, &l->mld, e);
    if (!rc && latent[STAGE_LCM]) rc = load_denoiser(c, c->model[STAGE_LCM], 1, &l->lcm, e);
    for (int i = 0; i < c->x->model_count && !rc; i++) {
        int k = c->x->models[i].checkpoint - 1;
        if (k < 0) continue;
        published |= l->systems[i].kind->sampled;
        if (!l->published[k].open) rc = published_networks_open(&l->published[k], c, k, e);
    }
    if (!rc && published && !c->x->text_folder[0])
        rc = error_set(e, ERR_INPUT, "%s: published models read a published text encoder; set published.text_encoder or text.encoder",
                       c->x->path);
    if (!rc && (latent[STAGE_MLD] || latent[STAGE_LCM] || published))
        rc = load_text_source(c, c->model[latent[STAGE_MLD] ? STAGE_MLD : STAGE_LCM], &l->text, e);
    for (int i = 0; i < MAX_CONTROL_VARIANTS && !rc; i++) {
        enum stage_kind lcm = STAGE_CONTROL + i, mld = STAGE_CONTROL_MLD + i;
        if (latent[lcm]) rc = load_control(c, lcm, c->model[lcm], &l->control[i], &l->trajectory[i], e);
        if (!rc && latent[mld]) rc = load_control(c, mld, c->model[mld], &l->control_mld[i], &l->trajectory_mld[i], e);
    }
    if (!rc) rc = loaded_pack(l, c->x, e);
    for (int i = 0; i < c->x->model_count && !rc; i++)
        if (l->systems[i].kind->open) rc = l->systems[i].kind->open(&l->systems[i], c->x->models[i].file, &c->device, e);
    if (rc) loaded_close(l);
    return rc;
}

static int pack(struct params *p, enum weight_precision precision, int keep, struct error *e)
{
    if (!p->count) return 0;
    return keep ? params_pack_beside(p, precision, e) : params_pack(p, precision, e);
}

int loaded_pack(struct loaded *l, const struct experiment *x, struct error *e)
{
    enum weight_precision precision = (enum weight_precision)x->precision;
    int keep = 0, rc = 0;
    for (int i = 0; i < x->model_count; i++) keep |= l->systems[i].kind == &system_motionlcm_tuning;
    if (l->vae.params.count) rc = vae_prepare(&l->vae, precision, keep, e);
    if (!rc) rc = pack(&l->mld.params, precision, keep, e);
    if (!rc) rc = pack(&l->lcm.params, precision, keep, e);
    if (!rc && l->text.kind == TEXT_SOURCE_OWN) rc = pack(&l->text.own.params, precision, 0, e);
    for (int i = 0; i < MAX_CONTROL_VARIANTS && !rc; i++) {
        struct params *const control[] = {&l->control[i].base.params, &l->control_mld[i].base.params, &l->trajectory[i].params,
                                          &l->trajectory_mld[i].params};
        for (int k = 0; k < 4 && !rc; k++) rc = pack(control[k], precision, 0, e);
    }
    for (int k = 0; k < MAX_PUBLISHED && !rc; k++) {
        struct published_networks *n = &l->published[k];
        if (!n->open) continue;
        if (n->vae.params.count) rc = vae_prepare(&n->vae, precision, keep, e);
        if (!rc) rc = pack(&n->denoiser.params, precision, keep, e);
        if (!rc) rc = pack(&n->control.base.params, precision, 0, e);
        if (!rc) rc = pack(&n->trajectory.params, precision, 0, e);
    }
    return rc;
}

void loaded_close(struct loaded *l)
{
    for (int i = 0; i < MAX_MODELS; i++)
        if (l->systems[i].own) l->systems[i].kind->close(&l->systems[i]);
    vae_free(&l->vae);
    text_source_free(&l->text);
    denoiser_free(&l->mld);
    denoiser_free(&l->lcm);
    for (int i = 0; i < MAX_CONTROL_VARIANTS; i++) {
        controlnet_free(&l->control[i]);
        controlnet_free(&l->control_mld[i]);
        trajectory_encoder_free(&l->trajectory[i]);
        trajectory_encoder_free(&l->trajectory_mld[i]);
    }
    for (int k = 0; k < MAX_PUBLISHED; k++) published_networks_close(&l->published[k]);
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
    *s = (struct system){.kind = kind, .vae = &l->vae, .text = &l->text, .nfeats = l->set->nfeats, .joints = l->set->njoints,
                         .tuning_steps = x->control.tuning_steps, .mean = l->set->mean, .std = l->set->std,
                         .raw_mean = l->set->raw_mean, .raw_std = l->set->raw_std};
    if (kind->open) {
        s->sampler = (struct sampler){.steps = m->steps, .guidance = (float)m->guidance};
        return 0;
    }
    double guidance = m->guidance;
    struct published_networks *own = m->checkpoint ? &l->published[m->checkpoint - 1] : NULL;
    int generation = m->checkpoint ? l->chain->published[m->checkpoint - 1].generation : x->lcm_generation;
    if (own) s->vae = &own->vae;
    if (own && (kind == &system_mld_control || kind == &system_motionlcm_control)) {
        s->controlnet = &own->control;
        s->trajectory = &own->trajectory;
    } else if (kind == &system_mld_control || kind == &system_motionlcm_control) {
        int mld = kind == &system_mld_control;
        s->controlnet = mld ? &l->control_mld[m->variant] : &l->control[m->variant];
        s->trajectory = mld ? &l->trajectory_mld[m->variant] : &l->trajectory[m->variant];
    }
    if (kind == &system_mld || kind == &system_mld_control) {
        s->denoiser = own ? &own->denoiser : &l->mld;
        return sampler_ddim(&s->sampler, m->steps ? m->steps : 50, (float)(guidance > 0 ? guidance : x->mld_guidance), e);
    }
    if (!kind->sampled) return 0;
    if (kind == &system_motionlcm_tuning && m->steps > 1)
        return error_set(e, ERR_INPUT, "%s: model '%s': latent tuning samples in one step, not %d; leave out steps", x->path,
                         m->name, m->steps);
    s->denoiser = own ? &own->denoiser : &l->lcm;
    return sampler_lcm(&s->sampler, generation, m->steps ? m->steps : 1, x->lcm_points,
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
static int run_identity(const struct chain *c, const struct table_options *o, char header[65])
{
    char own[65];
    struct error unread;
    struct sha256 *h = sha256_new();
    char *text = cJSON_PrintUnformatted(c->x->resolved);
    if (text) sha256_add(h, text, strlen(text));
    free(text);
    for (int s = 0; s < STAGE_COUNT; s++)
        if (chain_has(c, (enum stage_kind)s)) sha256_add(h, c->fingerprint[s], strlen(c->fingerprint[s]));
    for (int s = 0; s < STAGE_COUNT; s++)     /* trained anew elsewhere, a stage of this fingerprint has other weights */
        if (c->model[s][0] && !sha256_file(c->model[s], own, &unread)) sha256_add(h, own, strlen(own));
    for (int k = 0; k < MAX_PUBLISHED; k++) sha256_add(h, c->published[k].sha256, strlen(c->published[k].sha256));
    for (int i = 0; i < c->absent_count; i++) sha256_add(h, c->absent[i].model, strlen(c->absent[i].model));
    for (int i = 0; i < c->x->model_count; i++)
        if (c->x->models[i].file[0] && !sha256_file(c->x->models[i].file, own, &unread)) sha256_add(h, own, strlen(own));
    sha256_add(h, c->text_encoder, strlen(c->text_encoder));
    sha256_add(h, c->set.sha256, strlen(c->set.sha256));
    if (c->x->control.told && !sha256_file(c->x->control.trajectory, own, &unread)) sha256_add(h, own, strlen(own));
    sha256_add(h, version_commit(), strlen(version_commit()));   /* another build may measure otherwise; */
    if (strstr(version_commit(), "dirty") || !strcmp(version_commit(), "unknown"))   /* without a commit, the program says which */
        if (!sha256_file("/proc/self/exe", own, &unread)) sha256_add(h, own, strlen(own));
    sha256_add(h, &o->limit, sizeof o->limit);
    if (o->split) sha256_add(h, o->split, strlen(o->split));
    return sha256_text(h, header);
}

/* --- the document --------------------------------------------------------------------------- */

static int add_file(void *context, const char *what, const char *path, const char *sha256, struct error *e)
{
    return results_add_file(context, what, path, sha256, e);
}

/* What stands below the table: data that are none, models that were not there. */
static int add_notes(const struct chain *c, struct results *r, struct error *e)
{
    int rc = 0;
    if (strstr(c->set.name, "-synthetic"))
        rc = results_add_note(r, e, "The data are synthetic (%s): these values say nothing about the published data or models.",
                              c->set.name);
    for (int i = 0; i < c->absent_count && !rc; i++)
        rc = results_add_note(r, e, "%s: not measured: file %s is not here.", c->absent[i].model, c->absent[i].file);
    return rc;
}

static int describe_run(const struct chain *c, const struct loaded *l, const struct evaluation *ev, const struct table_options *o,
                        int replications, struct results *r, struct error *e)
{
    const struct experiment *x = c->x;
    int rc = 0;
    r->experiment = cJSON_Duplicate(x->resolved, 1);
    if (!r->experiment) return error_memory(e, "the results");
    evaluation_describe(ev, NULL, o->split ? o->split : "test", o->limit, replications, r);
    for (int i = 0; i < c->set.nnan && !rc; i++) rc = results_add_nan_id(r, c->set.nan_names[i], e);
    for (int i = 0; i < x->model_count && !rc; i++) {
        const struct system *s = &l->systems[i];
        struct results_model m = {.steps = s->kind->sampled ? s->sampler.steps : 0, .guidance = s->kind->sampled ? (double)s->sampler.guidance : 0};
        snprintf(m.name, sizeof m.name, "%s", x->models[i].name);
        snprintf(m.family, sizeof m.family, "%s", s->kind->family);
        int k = x->models[i].checkpoint - 1;
        const struct transformer_size *t = &s->vae->size.transformer;
        if (t->width) snprintf(m.size, sizeof m.size, "%dx%d", t->width, t->layers);
        int from = s->kind == &system_mld                 ? STAGE_MLD
                   : s->kind == &system_mld_control       ? STAGE_CONTROL_MLD + x->models[i].variant
                   : s->kind == &system_motionlcm_control ? STAGE_CONTROL + x->models[i].variant
                   : s->kind->sampled                     ? STAGE_LCM
                                                          : STAGE_VAE;
        if (k >= 0) memcpy(m.checkpoint_sha256, c->published[k].sha256, sizeof m.checkpoint_sha256);
        else if (!s->kind->open) rc = sha256_file(c->model[from], m.checkpoint_sha256, e);
        else if (x->models[i].file[0]) rc = sha256_file(x->models[i].file, m.checkpoint_sha256, e);
        if (!rc) rc = results_add_model(r, &m, e);
    }
    if (!rc && x->published.given) rc = chain_published_files(c, add_file, r, e);
    return rc ? rc : add_notes(c, r, e);
}

/* With the published data and evaluator the real motions have known values: where they are off, so is all else. */
static int check_real_row(const struct evaluation *ev, const struct values *v, struct results *r, struct error *e)
{
    const struct chain *c = ev->chain;
    int kit = !strcmp(c->set.name, "kit");
    if (!c->x->published.given || !c->x->published.part[PUBLISHED_EVALUATOR][0] || r->protocol.limit || strcmp(r->data.split, "test")) return 0;
    if (!kit && strcmp(c->set.name, "humanml3d")) return 0;
    double top = kit ? 0.779 : 0.797, distance = kit ? 2.788 : 2.974, sum[2] = {0};
    for (int k = 0; k < v->replications; k++) {
        sum[0] += *value(v, 0, M_TOP3, k) / v->replications;
        sum[1] += *value(v, 0, M_DISTANCE, k) / v->replications;
    }
    int near = fabs(sum[0] - top) < 0.012 && fabs(sum[1] - distance) < 0.04;
    return results_add_check(r, "real motions as published", near, e,
                             "R@3 %.3f, MM Dist %.3f; published %.3f and %.3f. If off: data, word vectors, statistics or evaluator differ",
                             sum[0], sum[1], top, distance);
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
    return rc ? rc : check_real_row(ev, v, r, e);
}

/* How many of the run's replications a row has. */
static int row_replications(const struct experiment *x, int row, int replications)
{
    int own = row ? x->models[row - 1].replications : 0;
    return own && own < replications ? own : replications;
}

static int add_rows(const struct chain *c, const struct values *v, struct results *r, struct error *e)
{
    int rc = 0, row;
    for (int i = 0; i < v->rows && !rc; i++) {
        rc = results_add_row(r, i ? c->x->models[i - 1].name : "Real", i == 0, &row, e);
        if (!rc && i > 0) {
            const struct system_kind *kind = system_find(c->x->models[i - 1].system);
            r->rows[row].reference = kind && (kind->reads_reference || !kind->sampled);
        }
        if (!rc)
            rc = evaluation_add_metrics(r, row, v->measures, value(v, i, 0, 0), v->replications,
                                        row_replications(c->x, i, v->replications), e);
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
        /* latent tuning treats the sentences of a batch one after another: batches say nothing more */
        const struct timing_plan plan = {.items = items, .single = 1, .batch = l->systems[i].kind != &system_motionlcm_tuning, .quiet = 1};
        rc = timing_measure(c, &plan, &l->systems[i], name, r, mean, runs, e);
        for (int k = 0; k < r->nrows && !rc; k++)
            if (!strcmp(r->rows[k].model, name)) rc = results_add_metric(r, k, "AITS", runs, c->x->time_runs, e);
        progress_update(&bar, i + 1, name);
    }
    progress_finish(&bar, c->x->model_count, NULL);
    free(runs);
    return rc;
}

/* All rows of replication k, with the motions of the first where they are exported. */
static int replicate(struct evaluation *ev, struct loaded *l, const struct table_options *o, struct values *v, int k,
                     struct progress *bar, struct error *e)
{
    const struct experiment *x = ev->chain->x;
    const char *export = k == 0 ? o->export : NULL;
    double out[M_COUNT];
    int rc = evaluation_replicate(ev, k, out, e);
    for (int m = 0; m < M_COUNT && !rc; m++) *value(v, 0, m, k) = out[m];
    if (!rc && export) rc = export_real(ev, export, e);
    for (int i = 0; i < x->model_count && !rc; i++) {
        progress_update(bar, (double)k * v->rows + i + 1, x->models[i].name);
        if (export) rc = export_folder(ev, export, x->models[i].name, e);
        if (rc) break;
        if (k < row_replications(x, i + 1, v->replications)) rc = evaluation_measure(ev, &l->systems[i], out, e);
        else for (int m = 0; m < M_COUNT; m++) out[m] = NAN;
        for (int m = 0; m < M_COUNT && !rc; m++) *value(v, i + 1, m, k) = out[m];
        *ev->keep = 0;
    }
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
    results_device(r, &c->x->device);
    int rc = evaluation_open(&ev, c, &l->evaluator, o->split ? o->split : "test", o->limit, e);
    if (rc) return rc;
    v.x = malloc((size_t)v.rows * M_COUNT * (size_t)replications * sizeof *v.x);
    if (!v.x) rc = error_memory(e, "the results");
    if (!rc && run_identity(c, o, header)) rc = error_memory(e, "a fingerprint");
    if (!rc) partial_read(&v, o->partial, header);
    progress_start(&bar, "replications", "rows", (double)replications * v.rows, (double)v.done * v.rows, o->quiet);
    for (int k = 0; k < replications && !rc; k++) {
        if (k < v.done && !(o->export && k == 0)) continue;     /* the motions of what is done are gone */
        rc = replicate(&ev, l, o, &v, k, &bar, e);
        if (rc || k < v.done) continue;
        v.done = k + 1;
        rc = partial_write(&v, o->partial, header, e);
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
