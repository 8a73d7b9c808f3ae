#include "gate.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void gate_free(struct gate *g)
{
    free(g->list);
    memset(g, 0, sizeof *g);
}

static int allowed(struct gate_rule *rule, const char *model, const char *metric)
{
    for (int i = 0; i < rule->allowed; i++)
        if ((!*rule->allow[i].model || !strcmp(rule->allow[i].model, model)) &&
            (!*rule->allow[i].metric || !strcmp(rule->allow[i].metric, metric)))
            return rule->allow[i].used = 1;
    return 0;
}

__attribute__((format(printf, 6, 7))) static int find(struct gate *g, struct gate_rule *rule, const char *model,
                                                      const char *metric, struct error *e, const char *text, ...)
{
    struct gate_finding *grown = realloc(g->list, ((size_t)g->count + 1) * sizeof *grown);
    if (!grown)
        return error_memory(e, "the gate");
    g->list = grown;
    struct gate_finding *f = &g->list[g->count++];
    va_list args;
    va_start(args, text);
    vsnprintf(f->text, sizeof f->text, text, args);
    va_end(args);
    snprintf(f->model, sizeof f->model, "%s", model);
    snprintf(f->metric, sizeof f->metric, "%s", metric);
    f->allowed = allowed(rule, model, metric);
    g->pass &= f->allowed;
    return 0;
}

static int judge_metric(const struct compared *m, struct gate_rule *rule, struct gate *g, int *compared, struct error *e)
{
    int time = metric_groups(m->metric) == GROUP_TIME;
    if (time ? !rule->times : !m->headline)
        return 0;
    *compared += m->verdict != VERDICT_NOT_COMPARABLE;
    switch (m->verdict) {
    case VERDICT_WORSE:
        return find(g, rule, m->model, m->metric, e, "worse by %.3g (%.1f %%), tolerated are %.3g; p %.2g",
                    m->answer.difference, m->base > 0 ? 100 * m->answer.difference / m->base : 0, m->margin, m->p);
    case VERDICT_CHANGED:
        return find(g, rule, m->model, m->metric, e, "real motions measure otherwise, %.5g instead of %.5g: the measure changed, not a model",
                    m->b, m->a);
    case VERDICT_NOT_COMPARABLE:
        if (!strncmp(m->reason, "only B", 6))
            return 0;
        return find(g, rule, m->model, m->metric, e, "not comparable: %s", m->reason);
    default:
        break;
    }
    if (!rule->strict || m->real || m->how == BY_ONE_VALUE || m->answer.high <= m->margin)
        return 0;
    return find(g, rule, m->model, m->metric, e, "strict: up to %.1f %% worse is not ruled out, %.1f %% is tolerated",
                m->base > 0 ? 100 * m->harm_limit : HUGE_VAL, m->base > 0 ? 100 * m->margin / m->base : 0);
}

int gate_judge(const struct comparison *c, const struct results *a, const struct results *b, struct gate_rule *rule,
               struct gate *g, struct error *e)
{
    int status = 0, compared = 0;
    *g = (struct gate){.pass = 1};
    for (int i = 0; i < c->count && !status; i++)
        status = judge_metric(&c->list[i], rule, g, &compared, e);
    for (int i = 0; i < a->nchecks && !status; i++)
        for (int k = 0; k < b->nchecks && !status; k++)
            if (!strcmp(a->checks[i].name, b->checks[k].name) && a->checks[i].pass && !b->checks[k].pass)
                status = find(g, rule, a->checks[i].name, "", e, "the check passes in A and fails in B: %.150s", b->checks[k].detail);
    if (!status && !compared) {
        const struct fingerprint *stop = fingerprints_stop(&c->fingerprints, GROUP_LEARNED);
        status = find(g, rule, "all rows", "", e, "nothing was compared%s%s%s", stop ? ": " : ", no row and metric is in both documents",
                      stop ? stop->field : "", stop ? " differs" : "");
        g->pass = 0;               /* an allow list does not make a comparison of nothing */
    }
    if (status)
        gate_free(g);
    return status;
}
