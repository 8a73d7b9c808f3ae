#include "comparison_text.h"

#include "../engine/file.h"

#include <cJSON.h>
#include <math.h>
#include <string.h>

/* --- text ------------------------------------------------------------------------------------- */

static void print_document(const char *letter, const char *name, const struct results *r, FILE *out)
{
    fprintf(out, "%s  %s: %s %s%s%s, %d replications", letter, name, r->data.name, r->data.split, *r->commit ? ", commit " : "",
            r->commit, r->protocol.replications);
    if (r->protocol.limit)
        fprintf(out, ", limited to %d items", r->protocol.limit);
    fprintf(out, "\n");
}

/* Long values are hashes: their beginning tells them apart. */
static void print_fingerprint(const struct fingerprint *d, FILE *out)
{
    char groups[160];
    groups_text(d->stops, groups, sizeof groups);
    fprintf(out, "  %s: %.60s%s | %.60s%s\n      ", d->field, d->a, strlen(d->a) > 60 ? "…" : "", d->b, strlen(d->b) > 60 ? "…" : "");
    if (d->stops == GROUP_ALL)
        fprintf(out, "NOT COMPARABLE: %s\n", d->meaning);
    else if (d->stops)
        fprintf(out, "NOT COMPARABLE (%s): %s\n", groups, d->meaning);
    else
        fprintf(out, "noted: %s\n", d->meaning);
}

static void print_fingerprints(const struct comparison *c, FILE *out)
{
    const struct fingerprints *f = &c->fingerprints;
    fprintf(out, f->count ? "\nWhat differs besides the numbers:\n" : "\nNothing differs besides the numbers.\n");
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < f->count; i++)
            if ((f->list[i].stops == 0) == pass)
                print_fingerprint(&f->list[i], out);
    fprintf(out, "%s\n", c->pairing);
}

static void print_line(const struct compared *m, FILE *out)
{
    char change[24] = "", interval[48] = "", p[16] = "";
    if (m->how != BY_NOTHING && m->base > 0)
        snprintf(change, sizeof change, "%+.1f %%", 100 * m->difference / m->base);
    if (m->how != BY_NOTHING && m->how != BY_ONE_VALUE) {
        snprintf(interval, sizeof interval, "[%+.3g, %+.3g]", m->low, m->high);
        snprintf(p, sizeof p, m->p < 0.0005 ? "< .001" : "%.3f", m->p);
    }
    fprintf(out, "  %-26s %10.4g %10.4g  %+10.3g  %-22s %9s  %6s  %s%s%s\n", m->metric, m->a, m->b,
            m->how == BY_NOTHING ? m->b - m->a : m->difference, interval, change, p, verdict_name(m->verdict),
            *m->reason ? ": " : "", m->reason);
}

static void print_missing(const struct compared *m, FILE *out)
{
    int only_b = !strncmp(m->reason, "only B", 6);
    fprintf(out, "  %-26s ", m->metric);
    if (only_b)
        fprintf(out, "%10s %10.4g", "", m->b);
    else
        fprintf(out, "%10.4g %10s", m->a, "");
    fprintf(out, "  %s: %s\n", verdict_name(m->verdict), m->reason);
}

static int is_missing(const struct compared *m)
{
    return !strncmp(m->reason, "only B", 6) || !strncmp(m->reason, "B lacks", 7);
}

/* A row that one document lacks is one line. */
static int is_missing_row(const struct compared *m)
{
    return is_missing(m) && strstr(m->reason, "this row") != NULL;
}

static void print_rows(const struct comparison *c, int all, FILE *out)
{
    const char *model = "";
    int hidden = 0;
    for (int i = 0; i < c->count; i++) {
        const struct compared *m = &c->list[i];
        int quiet = !m->headline && (m->verdict == VERDICT_SAME || (m->verdict == VERDICT_NOT_COMPARABLE && !is_missing(m)));
        if (quiet && strcmp(m->metric, "AITS") && !all) {
            hidden++;
            continue;
        }
        if (is_missing_row(m) && !all) {
            if (strcmp(model, m->model))
                fprintf(out, "\n%s\n  not comparable: %s\n", m->model, m->reason);
            model = m->model;
            continue;
        }
        if (strcmp(model, m->model))
            fprintf(out, "\n%s\n  %-26s %10s %10s  %10s  %-22s %9s  %6s  verdict\n", model = m->model, "", "A", "B", "B - A", "interval",
                    "change", "p");
        if (is_missing(m))
            print_missing(m, out);
        else
            print_line(m, out);
    }
    if (hidden)
        fprintf(out, "\n%d further metrics are the same or not comparable; --all shows them.\n", hidden);
}

static void print_method(const struct comparison *c, FILE *out)
{
    const struct comparison_rule *r = &c->rule;
    fprintf(out, "\nIntervals hold %g %% each. A verdict is given where p, two-sided and corrected (%s) for %d tests of headline metrics\n"
                 "and, apart, %d others, is below %g and the change beyond the tolerance (%g %%, times %g %%%s). \"near real\" metrics:\n"
                 "change of the distance to real motions. \"Same\" means that no change was shown, not that there is none.\n",
            100 * (1 - r->level), correction_name(r->correction), c->headline_tests, c->other_tests, r->level, 100 * r->tolerance,
            100 * r->time_tolerance, r->tolerances ? ", some their own" : "");
    double best = 0, worst = 0;
    const struct compared *of_best = NULL, *of_worst = NULL;
    for (int i = 0; i < c->count; i++) {
        const struct compared *m = &c->list[i];
        double power = m->real || strcmp(m->metric, "FID") || !(m->answer.error > 0) ? 0 : comparison_power(c, m);
        if (power > 0 && (!of_best || power < best)) {
            best = power;
            of_best = m;
        }
        if (power > 0 && power > worst) {
            worst = power;
            of_worst = m;
        }
    }
    if (of_best)
        fprintf(out, "With this spread, a worse FID is noticed four times in five from %.1f %% (%s) to %.1f %% (%s).\n", 100 * best,
                of_best->model, 100 * worst, of_worst->model);
    fprintf(out, "%d better, %d same, %d worse, %d changed, %d not comparable\n", c->verdicts[VERDICT_BETTER], c->verdicts[VERDICT_SAME],
            c->verdicts[VERDICT_WORSE], c->verdicts[VERDICT_CHANGED], c->verdicts[VERDICT_NOT_COMPARABLE]);
}

static void print_gate(const struct gate *g, const struct gate_rule *rule, FILE *out)
{
    fprintf(out, "\n");
    for (int i = 0; i < g->count; i++) {
        const struct gate_finding *f = &g->list[i];
        fprintf(out, "%s: %s%s%s: %s\n", f->allowed ? "allowed" : "fails", f->model, *f->metric ? ", " : "", f->metric, f->text);
    }
    for (int i = 0; i < rule->allowed; i++)
        if (!rule->allow[i].used)
            fprintf(out, "note: \"%s%s%s\" of the allow list was not needed\n", rule->allow[i].model, *rule->allow[i].metric ? ":" : "",
                    rule->allow[i].metric);
    fprintf(out, "gate: %s\n", g->pass ? "passed" : "FAILED");
}

void comparison_print(const struct comparison *c, const struct comparison_files *f, const struct gate *g,
                      const struct gate_rule *rule, int all, FILE *out)
{
    print_document("A", f->name_a, f->a, out);
    print_document("B", f->name_b, f->b, out);
    print_fingerprints(c, out);
    print_rows(c, all, out);
    print_method(c, out);
    if (g)
        print_gate(g, rule, out);
}

/* --- JSON ---------------------------------------------------------------------------------------- */

/* Remembers a failed allocation, so that a document is whole or not written. */
struct tree {
    int failed;
};

static void put(struct tree *t, cJSON *o, const char *key, cJSON *value)
{
    if (!o || !value || !(key ? cJSON_AddItemToObject(o, key, value) : cJSON_AddItemToArray(o, value))) {
        cJSON_Delete(value);
        t->failed = 1;
    }
}

static void put_text(struct tree *t, cJSON *o, const char *key, const char *v)
{
    put(t, o, key, cJSON_CreateString(v));
}

/* What is unknown or without bound is null. */
static void put_number(struct tree *t, cJSON *o, const char *key, double v)
{
    char text[32];
    snprintf(text, sizeof text, "%.17g", v);
    put(t, o, key, isfinite(v) ? cJSON_CreateRaw(text) : cJSON_CreateNull());
}

static cJSON *put_new(struct tree *t, cJSON *o, const char *key, cJSON *value)
{
    put(t, o, key, value);
    return t->failed ? NULL : value;
}

static void write_compared(struct tree *t, cJSON *list, const struct compared *m)
{
    cJSON *o = put_new(t, list, NULL, cJSON_CreateObject());
    put_text(t, o, "model", m->model);
    put_text(t, o, "metric", m->metric);
    put_text(t, o, "direction", direction_name(m->direction));
    put(t, o, "real", cJSON_CreateBool(m->real));
    put(t, o, "headline", cJSON_CreateBool(m->headline));
    put_text(t, o, "verdict", verdict_name(m->verdict));
    put_text(t, o, "reason", m->reason);
    put_text(t, o, "test", compared_by_name(m->how));
    if (!strncmp(m->reason, "only B", 6))
        put_number(t, o, "b", m->b);
    else {
        put_number(t, o, "a", m->a);
        if (!is_missing(m))
            put_number(t, o, "b", m->b);
    }
    if (m->how == BY_NOTHING)
        return;
    put_number(t, o, "n_a", m->na);
    put_number(t, o, "n_b", m->nb);
    put_number(t, o, "difference", m->difference);
    put_number(t, o, "low", m->low);
    put_number(t, o, "high", m->high);
    put_number(t, o, "p_worse", m->answer.above);
    put_number(t, o, "p_better", m->answer.below);
    put_number(t, o, "p", m->p);
    put_number(t, o, "tolerance", m->margin);
    put_number(t, o, "harm_limit", m->harm_limit);
}

static cJSON *build(struct tree *t, const struct comparison *c, const struct comparison_files *f, const struct gate *g,
                    const struct gate_rule *rule)
{
    cJSON *root = cJSON_CreateObject(), *o;
    put_text(t, root, "schema", "mlcm-compare-1");
    put_text(t, root, "a", f->name_a);
    put_text(t, root, "b", f->name_b);
    cJSON *list = put_new(t, root, "fingerprints", cJSON_CreateArray());
    for (int i = 0; i < c->fingerprints.count; i++) {
        const struct fingerprint *d = &c->fingerprints.list[i];
        char groups[160];
        groups_text(d->stops, groups, sizeof groups);
        o = put_new(t, list, NULL, cJSON_CreateObject());
        put_text(t, o, "field", d->field);
        put_text(t, o, "a", d->a);
        put_text(t, o, "b", d->b);
        put(t, o, "comparable", cJSON_CreateBool(!d->stops));
        put_text(t, o, "stops", groups);
        put_text(t, o, "meaning", d->meaning);
    }
    put(t, root, "paired", cJSON_CreateBool(c->paired));
    put_text(t, root, "pairing", c->pairing);
    o = put_new(t, root, "rule", cJSON_CreateObject());
    put_number(t, o, "level", c->rule.level);
    put_text(t, o, "correction", correction_name(c->rule.correction));
    put_number(t, o, "headline_tests", c->headline_tests);
    put_number(t, o, "other_tests", c->other_tests);
    list = put_new(t, root, "metrics", cJSON_CreateArray());
    for (int i = 0; i < c->count; i++)
        write_compared(t, list, &c->list[i]);
    o = put_new(t, root, "verdicts", cJSON_CreateObject());
    for (int v = 0; v < VERDICT_COUNT; v++)
        put_number(t, o, verdict_name((enum verdict)v), c->verdicts[v]);
    if (!g)
        return root;
    o = put_new(t, root, "gate", cJSON_CreateObject());
    put(t, o, "pass", cJSON_CreateBool(g->pass));
    put(t, o, "strict", cJSON_CreateBool(rule->strict));
    put(t, o, "times", cJSON_CreateBool(rule->times));
    list = put_new(t, o, "findings", cJSON_CreateArray());
    for (int i = 0; i < g->count; i++) {
        o = put_new(t, list, NULL, cJSON_CreateObject());
        put_text(t, o, "model", g->list[i].model);
        put_text(t, o, "metric", g->list[i].metric);
        put_text(t, o, "finding", g->list[i].text);
        put(t, o, "allowed", cJSON_CreateBool(g->list[i].allowed));
    }
    return root;
}

int comparison_write(const struct comparison *c, const struct comparison_files *f, const struct gate *g,
                     const struct gate_rule *rule, const char *path, struct error *e)
{
    struct tree t = {0};
    struct file_writer w;
    int status = 0;
    cJSON *root = build(&t, c, f, g, rule);
    char *text = t.failed ? NULL : cJSON_Print(root);
    cJSON_Delete(root);
    if (!text)
        return error_memory(e, "the comparison's document");
    if (!strcmp(path, "-"))
        printf("%s\n", text);
    else if (!(status = file_begin(&w, path, e))) {
        fprintf(w.stream, "%s\n", text);
        status = file_commit(&w, e);
    }
    cJSON_free(text);
    return status;
}
