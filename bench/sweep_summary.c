#include "sweep_summary.h"
#include "fingerprints.h"
#include "../metrics/interval.h"
#include "../metrics/two_samples.h"
#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- gathering ------------------------------------------------------------------------- */

/* The documents of one cell's seeds; absent ones have no rows. */
struct cell_documents {
    struct results seeds[SWEEP_SEEDS];
    int there[SWEEP_SEEDS];
};

static struct sweep_row *find_row(struct sweep_summary *m, int cell, const char *model)
{
    for (int i = 0; i < m->row_count; i++)
        if (m->rows[i].cell == cell && !strcmp(m->rows[i].model, model)) return &m->rows[i];
    return NULL;
}

static int add_row(struct sweep_summary *m, int cell, const char *model, int reference, struct sweep_row **out, struct error *e)
{
    struct sweep_row *grown = realloc(m->rows, ((size_t)m->row_count + 1) * sizeof *grown);
    if (!grown) return error_memory(e, "the sweep's table");
    m->rows = grown;
    *out = memset(&grown[m->row_count++], 0, sizeof *grown);
    (*out)->cell = cell;
    (*out)->reference = reference;
    snprintf((*out)->model, sizeof (*out)->model, "%s", model);
    if (cell < 0) return 0;
    for (int i = 0; i < m->model_count; i++)
        if (!strcmp(m->models[i], model)) return 0;
    void *models = realloc(m->models, ((size_t)m->model_count + 1) * sizeof *m->models);
    if (!models) return error_memory(e, "the sweep's table");
    m->models = models;
    snprintf(m->models[m->model_count++], sizeof *m->models, "%s", model);
    return 0;
}

/* The row of a model in a document, or NULL. */
static const struct results_row *document_row(const struct results *r, const char *model)
{
    for (int i = 0; i < r->nrows; i++)
        if (!strcmp(r->rows[i].model, model)) return &r->rows[i];
    return NULL;
}

/* All values of a metric, seed after seed. */
static int pool_values(const struct sweep *s, const struct cell_documents *d, const char *model, const char *metric, double **all,
                       int *count, struct sweep_value *v, struct error *e)
{
    int rc = 0;
    *all = NULL;
    *count = 0;
    for (int k = 0; k < s->seed_count && !rc; k++) {
        const struct results_row *row = d->there[k] ? document_row(&d->seeds[k], model) : NULL;
        const struct results_metric *x = row ? results_metric(row, metric) : NULL;
        if (!x || !x->nreplications) continue;
        double *grown = realloc(*all, (size_t)(*count + x->nreplications) * sizeof **all);
        if (!grown) return error_memory(e, "the sweep's table");
        *all = grown;
        memcpy(grown + *count, x->replications, (size_t)x->nreplications * sizeof **all);
        *count += x->nreplications;
        if (v) v->seed[v->seeds++] = x->mean;
    }
    return rc;
}

/* Whether the real motions measure alike with every seed, up to rounding: then one run's say it all. Where the seeds are
 * the draws' or the evaluator's own, they do not. */
static int real_alike(const struct sweep *s, const struct cell_documents *d, const struct results_row *real)
{
    for (int k = 0; k < s->seed_count; k++) {
        const struct results_row *row = d->there[k] ? document_row(&d->seeds[k], real->model) : real;
        for (int i = 0; row && i < real->nmetrics; i++) {
            const struct results_metric *x = &real->metrics[i], *y = results_metric(row, x->name);
            if (!(metric_groups(x->name) & (GROUP_DISTANCE | GROUP_DIVERSITY))) continue;      /* FID and KID are near 0 */
            if (!y || y->nreplications != x->nreplications) return 0;
            for (int n = 0; n < x->nreplications; n++)
                if (fabs(x->replications[n] - y->replications[n]) > 1e-3 * fabs(x->replications[n])) return 0;
        }
    }
    return 1;
}

static int fill_row(const struct sweep *s, const struct cell_documents *d, struct sweep_row *row, struct error *e)
{
    int rc = 0;
    for (int k = 0; k < s->metric_count && !rc; k++) {
        struct sweep_value *v = &row->values[k];
        struct interval over;
        double *all;
        int count;
        rc = pool_values(s, d, row->model, s->metrics[k]->name, &all, &count, v, e);
        v->given = v->seeds > 0;
        if (!rc && v->given && (rc = interval_mean(all, count, &over, e)) == 0) v->ci_replications = over.ci95;
        if (!rc && v->given && (rc = interval_student(v->seed, v->seeds, &over, e)) == 0) {
            v->mean = over.mean;
            v->ci_seeds = over.ci95;
        }
        free(all);
    }
    return rc;
}

/* The document's rows have every metric that was measured, with all replications. */
static int document_cell(struct sweep_summary *m, const struct cell_documents *d, int cell, const struct results *first, struct error *e)
{
    struct results *r = &m->document;
    int rc = 0;
    for (int i = 0; i < first->nrows && !rc; i++) {
        const struct results_row *from = &first->rows[i];
        char name[2 * RESULTS_NAME + SWEEP_NAME];
        int at, once = from->real && real_alike(m->sweep, d, from);
        if (from->real && r->nrows) continue;
        if (from->real) snprintf(name, sizeof name, "%s", from->model);
        else snprintf(name, sizeof name, "%s, %s", m->sweep->cells[cell].name, from->model);
        if (strlen(name) >= RESULTS_NAME)
            return error_set(e, ERR_INPUT, "%s: \"%s\" is longer than %d characters; shorten the cell's or the model's name",
                             m->sweep->path, name, RESULTS_NAME - 1);
        rc = results_add_row(r, name, from->real, &at, e);
        if (!rc) r->rows[at].reference = from->reference;
        for (int k = 0; k < from->nmetrics && !rc; k++) {
            double *all;
            int count;
            rc = pool_values(m->sweep, d, from->model, from->metrics[k].name, &all, &count, NULL, e);
            if (!rc) rc = results_add_metric(r, at, from->metrics[k].name, all, once ? from->metrics[k].nreplications : count, e);
            free(all);
        }
        const struct results_model *model = from->real ? NULL : results_model(first, from->model);
        if (rc || !model) continue;
        struct results_model copy = *model;
        snprintf(copy.name, sizeof copy.name, "%.*s", RESULTS_NAME - 1, name);
        snprintf(copy.family, sizeof copy.family, "%s", m->sweep->cells[cell].name);
        rc = results_add_model(r, &copy, e);
    }
    return rc;
}

/* What the runs have in common: program, machine, data, evaluator, protocol, experiment, checks. */
static int document_head(struct sweep_summary *m, const struct results *first, struct error *e)
{
    struct results *r = &m->document;
    snprintf(r->version, sizeof r->version, "%s", first->version);
    snprintf(r->commit, sizeof r->commit, "%s", first->commit);
    snprintf(r->build, sizeof r->build, "%s", first->build);
    r->host = first->host;
    memcpy(r->libraries, first->libraries, sizeof r->libraries);
    r->nlibraries = first->nlibraries;
    snprintf(r->started, sizeof r->started, "%s", first->started);
    r->data = first->data;
    r->data.nan_ids = NULL;
    r->data.nnan = 0;
    r->evaluator = first->evaluator;
    r->protocol = first->protocol;
    r->protocol.nseeds = 0;
    r->experiment = cJSON_Duplicate(first->experiment, 1);
    int rc = first->experiment && !r->experiment ? error_memory(e, "the sweep's document") : 0;
    for (int i = 0; i < m->sweep->seed_count && m->sweep->seed_field[0]; i++)
        r->protocol.seeds[r->protocol.nseeds++] = (uint64_t)m->sweep->seeds[i];
    for (int i = 0; i < first->data.nnan && !rc; i++) rc = results_add_nan_id(r, first->data.nan_ids[i], e);
    for (int i = 0; i < first->nchecks && !rc; i++)
        rc = results_add_check(r, first->checks[i].name, first->checks[i].pass, e, "%s", first->checks[i].detail);
    return rc;
}

/* --- the section "sweep" ------------------------------------------------------------------- */

static int failed_json(struct error *e) { return error_memory(e, "the sweep's document"); }

static int put_number(cJSON *o, const char *key, double v) { return !cJSON_AddNumberToObject(o, key, v); }
static int put_text(cJSON *o, const char *key, const char *v) { return !cJSON_AddStringToObject(o, key, v); }

static int section_value(cJSON *list, const struct sweep_value *v, const struct metric *metric)
{
    cJSON *o = cJSON_CreateObject(), *seeds;
    if (!o || !cJSON_AddItemToArray(list, o)) return 1;
    int bad = put_text(o, "name", metric->name) || put_text(o, "unit", metric->unit) ||
              put_text(o, "direction", direction_name(metric->direction)) || put_number(o, "mean", v->mean) ||
              put_number(o, "ci95_seeds", v->ci_seeds) || put_number(o, "ci95_replications", v->ci_replications);
    if (!bad && v->compared)
        bad = put_number(o, "difference", v->difference) || put_number(o, "ci95_difference", v->ci_difference);
    seeds = bad ? NULL : cJSON_AddArrayToObject(o, "seeds");
    for (int i = 0; i < v->seeds && seeds && !bad; i++) {
        cJSON *mean = cJSON_CreateNumber(v->seed[i]);
        bad = !mean || !cJSON_AddItemToArray(seeds, mean);
    }
    return bad || !seeds;
}

static int section_run(cJSON *list, const struct sweep *s, int run, const struct sweep_place *place,
                       const struct sweep_outcome *outcome, const struct results *r)
{
    static const char *const states[] = {"missing", "done", "failed"};
    cJSON *o = cJSON_CreateObject();
    if (!o || !cJSON_AddItemToArray(list, o)) return 1;
    int bad = s->seed_field[0] && put_number(o, "seed", s->seeds[run % s->seed_count]);
    bad = bad || put_text(o, "fingerprint", place->fingerprint) || put_text(o, "state", states[outcome->state]);
    if (!bad && outcome->state == SWEEP_FAILED) bad = put_text(o, "error", outcome->error);
    if (!bad && r) bad = put_text(o, "commit", r->commit) || put_text(o, "cpu", r->host.cpu) || put_number(o, "seconds", r->seconds);
    return bad;
}

static int section_cell(cJSON *list, struct sweep_summary *m, int cell, const struct sweep_place *places,
                        const struct sweep_outcome *outcomes, const struct cell_documents *d)
{
    const struct sweep *s = m->sweep;
    cJSON *o = cJSON_CreateObject(), *values, *runs, *rows, *set;
    if (!o || !cJSON_AddItemToArray(list, o)) return 1;
    int bad = put_text(o, "name", s->cells[cell].name);
    values = bad ? NULL : cJSON_AddObjectToObject(o, "values");
    for (int a = 0; a < s->axis_count && values && !bad; a++) bad = put_text(values, s->axes[a], s->cells[cell].values[a]);
    set = cJSON_Duplicate(s->cells[cell].set, 1);
    if (bad || !values || !set || !cJSON_AddItemToObject(o, "set", set)) return 1;
    runs = cJSON_AddArrayToObject(o, "runs");
    for (int k = 0; k < s->seed_count && runs && !bad; k++) {
        int run = cell * s->seed_count + k;
        bad = section_run(runs, s, run, &places[run], &outcomes[run], d->there[k] ? &d->seeds[k] : NULL);
    }
    rows = bad ? NULL : cJSON_AddArrayToObject(o, "rows");
    if (!runs || !rows) return 1;
    for (int i = 0; i < m->row_count && !bad; i++) {
        const struct sweep_row *row = &m->rows[i];
        if (row->cell != cell) continue;
        cJSON *object = cJSON_CreateObject(), *metrics;
        if (!object || !cJSON_AddItemToArray(rows, object) || put_text(object, "model", row->model)) return 1;
        metrics = cJSON_AddArrayToObject(object, "metrics");
        bad = !metrics;
        for (int k = 0; k < s->metric_count && !bad; k++)
            if (row->values[k].given) bad = section_value(metrics, &row->values[k], s->metrics[k]);
    }
    return bad;
}

static int section_begin(struct sweep_summary *m, cJSON **cells, struct error *e)
{
    const struct sweep *s = m->sweep;
    cJSON *o = m->document.sweep = cJSON_CreateObject(), *axes, *seeds;
    if (!o || put_text(o, "name", s->name) || put_text(o, "description", s->description) ||
        put_text(o, "intervals", "ci95_seeds: Student's over the means of the seeds; ci95_replications: 1.96 s / sqrt(n) over all "
                                 "replications of all seeds; ci95_difference: Welch's over the means of the seeds") ||
        put_text(o, "reference", s->cells[s->reference].name))
        return failed_json(e);
    axes = cJSON_AddArrayToObject(o, "axes");
    for (int a = 0; a < s->axis_count && axes; a++) {
        cJSON *name = cJSON_CreateString(s->axes[a]);
        if (!name || !cJSON_AddItemToArray(axes, name)) return failed_json(e);
    }
    seeds = axes ? cJSON_AddObjectToObject(o, "seeds") : NULL;
    if (!seeds || put_text(seeds, "field", s->seed_field) || !(*cells = cJSON_AddArrayToObject(o, "cells"))) return failed_json(e);
    cJSON *list = cJSON_AddArrayToObject(seeds, "values");
    for (int i = 0; i < s->seed_count && list && s->seed_field[0]; i++) cJSON_AddItemToArray(list, cJSON_CreateNumber(s->seeds[i]));
    return list ? 0 : failed_json(e);
}

/* --- the whole --------------------------------------------------------------------------- */

static void compare_cells(struct sweep_summary *m, struct error *e)
{
    for (int i = 0; i < m->row_count; i++) {
        struct sweep_row *row = &m->rows[i];
        const struct sweep_row *other = row->cell < 0 ? NULL : find_row(m, m->sweep->reference, row->model);
        for (int k = 0; k < m->sweep->metric_count && other && other != row; k++) {
            struct sweep_value *v = &row->values[k];
            const struct sweep_value *w = &other->values[k];
            struct sample_answer d;
            if (v->seeds < 2 || w->seeds < 2 || welch_test(w->seed, w->seeds, v->seed, v->seeds, 0.95, &d, e)) continue;
            v->compared = 1;
            v->difference = d.difference;
            v->ci_difference = (d.high - d.low) / 2;
        }
    }
}

static int compare_rows(const void *a, const void *b)
{
    const struct sweep_row *x = a, *y = b;
    return x->cell - y->cell;
}

/* By model, in the models' order; stable, so that cells stay in theirs. */
static int sort_rows(struct sweep_summary *m, struct error *e)
{
    struct sweep_row *sorted = malloc((size_t)m->row_count * sizeof *sorted);
    int n = 0;
    if (!sorted) return error_memory(e, "the sweep's table");
    qsort(m->rows, (size_t)m->row_count, sizeof *m->rows, compare_rows);
    for (int i = 0; i < m->row_count; i++)
        if (m->rows[i].cell < 0) sorted[n++] = m->rows[i];
    for (int k = 0; k < m->model_count; k++)
        for (int i = 0; i < m->row_count; i++)
            if (m->rows[i].cell >= 0 && !strcmp(m->rows[i].model, m->models[k])) sorted[n++] = m->rows[i];
    memcpy(m->rows, sorted, (size_t)n * sizeof *sorted);
    m->row_count = n;
    free(sorted);
    return 0;
}

/* The rows of a cell, and of the real motions if there are none yet. */
static int take_cell(struct sweep_summary *m, int cell, struct cell_documents *d, const char *commit, int *other_commit, struct error *e)
{
    const struct sweep *s = m->sweep;
    const struct results *first = NULL;
    int count = 0, rc = 0;
    double seconds = 0;
    for (int k = 0; k < s->seed_count; k++) {
        if (!d->there[k]) continue;
        if (!first) first = &d->seeds[k];
        seconds += d->seeds[k].seconds;
        if (strcmp(commit, d->seeds[k].commit)) *other_commit = 1;
        count++;
    }
    if (!first) return 0;
    if (count > m->seeds) m->seeds = count;
    if (!m->document.nrows) rc = document_head(m, first, e);
    m->document.seconds += seconds;
    if (strcmp(first->started, m->document.started) < 0) snprintf(m->document.started, sizeof m->document.started, "%s", first->started);
    for (int i = 0; i < first->nrows && !rc; i++) {
        const struct results_row *from = &first->rows[i];
        struct sweep_row *row = NULL;
        if (from->real && m->row_count && m->rows[0].cell < 0) continue;
        rc = add_row(m, from->real ? -1 : cell, from->model, from->reference, &row, e);
        struct cell_documents one = {.there = {1}};
        int once = from->real && real_alike(s, d, from);
        if (once) one.seeds[0] = *first;
        if (!rc) rc = fill_row(s, once ? &one : d, row, e);
    }
    return rc ? rc : document_cell(m, d, cell, first, e);
}

static int read_cell(const struct sweep *s, int cell, const struct sweep_place *places, struct sweep_outcome *outcomes,
                     struct cell_documents *d)
{
    int any = 0;
    for (int k = 0; k < s->seed_count; k++) {
        struct error ignored;
        int run = cell * s->seed_count + k;
        if (outcomes[run].state != SWEEP_DONE) continue;
        if (results_read(places[run].path, &d->seeds[k], &ignored)) {
            results_free(&d->seeds[k]);
            outcomes[run].state = SWEEP_MISSING;    /* removed meanwhile */
        } else {
            any = d->there[k] = 1;
        }
    }
    return any;
}

static void free_cell(const struct sweep *s, struct cell_documents *d)
{
    for (int k = 0; k < s->seed_count; k++)
        if (d->there[k]) results_free(&d->seeds[k]);
}

int sweep_summarise(const struct sweep *s, const struct sweep_place *places, const struct sweep_outcome *given,
                    struct sweep_summary *m, struct error *e)
{
    char commit[64] = "";
    int runs = sweep_runs(s), other = 0, rc = 0, missing = 0;
    cJSON *cells = NULL;
    memset(m, 0, sizeof *m);
    m->sweep = s;
    results_begin(&m->document);
    struct sweep_outcome *outcomes = malloc((size_t)runs * sizeof *outcomes);
    struct cell_documents *all = calloc((size_t)s->cell_count, sizeof *all);
    if (!outcomes || !all) rc = error_memory(e, "the sweep's table");
    if (!rc) memcpy(outcomes, given, (size_t)runs * sizeof *outcomes);
    int read = 0;
    for (int c = 0; c < s->cell_count && !rc; c++, read++) {
        if (!read_cell(s, c, places, outcomes, &all[c])) missing++;
        for (int k = 0; k < s->seed_count && !commit[0]; k++)
            if (all[c].there[k]) snprintf(commit, sizeof commit, "%s", all[c].seeds[k].commit);
        rc = take_cell(m, c, &all[c], commit, &other, e);
    }
    if (!rc && missing == s->cell_count)
        rc = error_set(e, ERR_CHECK, "%s: no run is there yet; the first complaint is in run_0000.txt", s->path);
    if (!rc) rc = sort_rows(m, e);
    if (!rc) compare_cells(m, e);
    if (!rc) rc = section_begin(m, &cells, e);
    for (int c = 0; c < s->cell_count && !rc; c++)
        if (section_cell(cells, m, c, places, outcomes, &all[c])) rc = failed_json(e);
    for (int k = 0; k < runs && !rc; k++)
        if (outcomes[k].state != SWEEP_DONE)
            rc = results_add_note(&m->document, e, "%s: %s%s", sweep_label(s, k).text,
                                  outcomes[k].state == SWEEP_FAILED ? "failed: " : "not measured", outcomes[k].error);
    if (!rc)
        rc = results_add_check(&m->document, "all runs measured by one build", !other, e, "%s",
                               other ? "the runs name different commits; remove the older documents from the cache and start again" : commit);
    for (int c = 0; c < read; c++) free_cell(s, &all[c]);
    free(all);
    free(outcomes);
    return rc;
}

void sweep_summary_free(struct sweep_summary *m)
{
    results_free(&m->document);
    free(m->rows);
    free(m->models);
    memset(m, 0, sizeof *m);
}
