#include "comparison.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *verdict_name(enum verdict v)
{
    static const char *const names[VERDICT_COUNT] = {"better", "same", "worse", "changed", "not comparable"};
    return names[v];
}

const char *compared_by_name(enum compared_by how)
{
    static const char *const names[] = {"nothing", "paired t", "Welch t", "signed ranks", "Mann-Whitney", "intervals", "one value"};
    return names[how];
}

void comparison_rule_default(struct comparison_rule *rule)
{
    static const char *const headline[] = {"FID", "R_precision_top_3", "MM_dist", "Diversity", "MultiModality",
                                           "traj_fail_50cm", "kps_fail_50cm", "kps_mean_err"};
    *rule = (struct comparison_rule){.level = 0.05, .tolerance = 0.01, .time_tolerance = 0.1};
    rule->headlines = (int)(sizeof headline / sizeof *headline);
    for (int i = 0; i < rule->headlines; i++)
        snprintf(rule->headline[i], sizeof rule->headline[i], "%s", headline[i]);
}

void comparison_free(struct comparison *c)
{
    fingerprints_free(&c->fingerprints);
    free(c->list);
    memset(c, 0, sizeof *c);
}

const struct compared *comparison_find(const struct comparison *c, const char *model, const char *metric)
{
    for (int i = 0; i < c->count; i++)
        if (!strcmp(c->list[i].model, model) && !strcmp(c->list[i].metric, metric))
            return &c->list[i];
    return NULL;
}

/* --- documents that can be compared ------------------------------------------------------------- */

static int check_document(const struct results *r, const char *name, struct error *e)
{
    int status = 0;
    for (int i = 0; i < r->nrows && !status; i++) {
        for (int k = 0; k < i && !status; k++)
            if (!strcmp(r->rows[k].model, r->rows[i].model))
                status = error_set(e, ERR_INPUT, "row \"%.60s\" is there twice; rows are matched by name", r->rows[i].model);
    }
    return status ? error_prefix(e, "%s", name) : 0;
}

static const struct results_row *find_row(const struct results *r, const char *model)
{
    for (int i = 0; i < r->nrows; i++)
        if (!strcmp(r->rows[i].model, model))
            return &r->rows[i];
    return NULL;
}

static const struct results_row *real_row(const struct results *r)
{
    for (int i = 0; i < r->nrows; i++)
        if (r->rows[i].real)
            return &r->rows[i];
    return NULL;
}

/* --- do replications share their draws? ----------------------------------------------------------- */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Real motions are measured without any model: with the same draws they repeat up to rounding. */
static void find_pairing(const struct results *a, const struct results *b, struct comparison *c)
{
    const struct results_row *x = real_row(a), *y = real_row(b);
    int same = a->protocol.nseeds > 0 && a->protocol.nseeds == b->protocol.nseeds, agree = 0, seen = 0;
    for (int i = 0; i < a->protocol.nseeds && same; i++)
        same = a->protocol.seeds[i] == b->protocol.seeds[i];
    for (int i = 0; x && y && i < x->nmetrics; i++) {
        const struct results_metric *m = &x->metrics[i], *n = results_metric(y, m->name);
        int count = n ? least(m->nreplications, n->nreplications) : 0;
        if (metric_groups(m->name) & (GROUP_DISTANCE | GROUP_DIVERSITY))
            for (int k = 0; k < count; k++, seen++)
                agree += fabs(m->replications[k] - n->replications[k]) <= 1e-3 * fabs(m->replications[k]);
    }
    c->paired = 0;
    if (c->rule.unpaired)
        snprintf(c->pairing, sizeof c->pairing, "Replications are taken as independent, as asked.");
    else if (!same)
        snprintf(c->pairing, sizeof c->pairing, "Replications are independent: the seeds differ or are not stated.");
    else if (!seen)
        snprintf(c->pairing, sizeof c->pairing,
                 "Replications are taken as independent: no real motions' replications show whether they share their draws.");
    else if (agree < seen)
        snprintf(c->pairing, sizeof c->pairing,
                 "Replications are independent: with the same seeds real motions agree in %d of %d values only.", agree, seen);
    else {
        c->paired = 1;
        snprintf(c->pairing, sizeof c->pairing,
                 "Replications are paired: the same seeds, and real motions agree in all %d values.", seen);
    }
}

static int is_headline(const struct comparison_rule *rule, const char *metric)
{
    for (int i = 0; i < rule->headlines; i++)
        if (!strcmp(rule->headline[i], metric))
            return 1;
    return 0;
}

static struct compared *add(struct comparison *c, const struct results_row *row, const struct results_metric *metric)
{
    struct compared *m = &c->list[c->count++];
    *m = (struct compared){.direction = metric->direction, .real = row->real, .verdict = VERDICT_NOT_COMPARABLE, .p = 1};
    snprintf(m->model, sizeof m->model, "%s", row->model);
    snprintf(m->metric, sizeof m->metric, "%s", metric->name);
    snprintf(m->unit, sizeof m->unit, "%s", metric->unit);
    m->headline = is_headline(&c->rule, metric->name);
    return m;
}

/* --- one metric of one row --------------------------------------------------------------------------- */

/* The values of one document that are compared: smaller is better. */
struct side {
    const struct results_metric *metric;
    double *harm;              /* (count), owned */
    int count;
    double mean, error;        /* of harm; error is used where there are no replications, < 0: unknown */
};

/* `real` is the same metric of the real row, for "near real". Without count replications only the mean is known. A
 * sweep's rows hold the replications of one seed after another, and the draws of each are those of the real row: its
 * replications are taken again. */
static int side_make(struct side *s, const struct results *r, const struct results_metric *m, const struct results_metric *real,
                     int count, struct error *e)
{
    int near = m->direction == DIRECTION_NEAR_REAL && real;
    double sign = m->direction == DIRECTION_UP ? -1 : 1, gap = near ? m->mean - real->mean : 0;
    *s = (struct side){.metric = m, .error = -1, .count = near && !real->nreplications ? 0 : count};
    s->mean = near ? fabs(gap) : sign * m->mean;
    int n = m->nreplications ? m->nreplications : r->protocol.replications;
    if (m->ci95 > 0) {         /* its s has divisor n */
        s->error = m->ci95 / 1.96 * (n > 1 ? sqrt((double)n / (n - 1)) : 1);
        if (near)
            s->error = hypot(s->error, real->ci95 / 1.96);
    }
    if (s->count < 1)
        return 0;
    s->harm = malloc((size_t)s->count * sizeof *s->harm);
    if (!s->harm)
        return error_memory(e, "a comparison");
    double mean = 0;
    for (int k = 0; k < s->count; k++) {
        s->harm[k] = near ? m->replications[k] - real->replications[k % real->nreplications] : sign * m->replications[k];
        mean += s->harm[k] / s->count;
    }
    if (near && mean < 0) {
        for (int k = 0; k < s->count; k++)
            s->harm[k] = -s->harm[k];
        mean = -mean;
    }
    s->mean = mean;
    return 0;
}

static double mean_of_first(const struct results_metric *m, int n)
{
    double sum = 0;
    if (n < 1 || n >= m->nreplications)
        return m->mean;
    for (int k = 0; k < n; k++)
        sum += m->replications[k] / n;
    return sum;
}

static double tolerance_of(const struct comparison_rule *rule, const char *metric)
{
    for (int i = rule->tolerances - 1; i >= 0; i--)
        if (!strcmp(rule->own[i].metric, metric))
            return rule->own[i].relative;
    return metric_groups(metric) == GROUP_TIME ? rule->time_tolerance : rule->tolerance;
}

/* Chooses the test and asks it. */
static int ask(const struct comparison *c, const struct side *a, const struct side *b, struct compared *m, struct error *e)
{
    double confidence = 1 - c->rule.level;
    int ranks = c->rule.test == TEST_RANKS || (c->rule.test == TEST_AUTO && metric_groups(m->metric) == GROUP_TIME);
    int paired = c->paired && metric_groups(m->metric) != GROUP_TIME;
    int n = least(a->count, b->count);
    if (n >= 2) {
        m->na = a->count;
        m->nb = b->count;
        m->how = paired ? (ranks ? BY_SIGNED_RANKS : BY_PAIRED_T) : ranks ? BY_MANN_WHITNEY : BY_WELCH;
        switch (m->how) {
        case BY_PAIRED_T:
            return paired_test(a->harm, b->harm, n, confidence, &m->answer, e);
        case BY_SIGNED_RANKS:
            return signed_rank_test(a->harm, b->harm, n, confidence, &m->answer, e);
        case BY_MANN_WHITNEY:
            return mann_whitney_test(a->harm, a->count, b->harm, b->count, confidence, &m->answer, e);
        default:
            return welch_test(a->harm, a->count, b->harm, b->count, confidence, &m->answer, e);
        }
    }
    if (a->error >= 0 && b->error >= 0) {
        m->how = BY_INTERVALS;
        snprintf(m->reason, sizeof m->reason, "by mean and interval alone: %s no replications",
                 a->count < 2 && b->count < 2 ? "both have" : a->count < 2 ? "A has" : "B has");
        return interval_test(a->mean, a->error, b->mean, b->error, confidence, &m->answer, e);
    }
    m->how = BY_ONE_VALUE;
    m->answer.difference = b->mean - a->mean;
    m->answer.low = -HUGE_VAL;
    m->answer.high = HUGE_VAL;
    m->answer.p = m->answer.above = m->answer.below = 1;
    return 0;
}

/* What follows from the answer about harm. */
static void settle(struct compared *m)
{
    int up = m->direction == DIRECTION_UP;
    m->difference = (up ? -m->answer.difference : m->answer.difference) + 0.0;    /* -0 is 0 */
    m->low = (up ? -m->answer.high : m->answer.low) + 0.0;
    m->high = (up ? -m->answer.low : m->answer.high) + 0.0;
    m->harm_limit = m->base > 0 ? m->answer.high / m->base : m->answer.high > 0 ? HUGE_VAL : 0;
    m->p = m->answer.p;
    m->verdict = VERDICT_SAME;
}

/* Compares metric x of A's row with y of B's. */
static int compare_metric(struct comparison *c, const struct results *a, const struct results *b, const struct results_metric *x,
                          const struct results_metric *y, struct compared *m, struct error *e)
{
    const struct results_row *real_a = real_row(a), *real_b = real_row(b);
    const struct results_metric *near_a = real_a && !m->real ? results_metric(real_a, x->name) : NULL;
    const struct results_metric *near_b = real_b && !m->real ? results_metric(real_b, x->name) : NULL;
    const struct fingerprint *stop = fingerprints_stop(&c->fingerprints, metric_groups(x->name));
    m->a = x->mean;
    m->b = y->mean;
    if (stop) {
        snprintf(m->reason, sizeof m->reason, "%s differs", stop->field);
        return 0;
    }
    if (x->direction != y->direction) {
        snprintf(m->reason, sizeof m->reason, "A says %s, B %s is better", direction_name(x->direction), direction_name(y->direction));
        return 0;
    }
    if (strcmp(x->unit, y->unit)) {
        snprintf(m->reason, sizeof m->reason, "A is in \"%s\", B in \"%s\"", x->unit, y->unit);
        return 0;
    }
    if (m->direction == DIRECTION_NEAR_REAL && !m->real && (!near_a || !near_b)) {
        snprintf(m->reason, sizeof m->reason, "nearer to real motions is better, and %s has no row of them with %s",
                 near_a ? "B" : "A", x->name);
        return 0;
    }
    struct side sides[2] = {0};
    int first = least(x->nreplications, y->nreplications);
    int time = metric_groups(x->name) == GROUP_TIME, cut = c->paired && !time;
    int status = side_make(&sides[0], a, x, near_a, cut ? first : x->nreplications, e);
    if (!status)
        status = side_make(&sides[1], b, y, near_b, cut ? first : y->nreplications, e);
    if (!status && cut && x->nreplications != y->nreplications) {
        m->a = mean_of_first(x, first);
        m->b = mean_of_first(y, first);
        snprintf(m->reason, sizeof m->reason, "first %d replications", first);
    }
    m->base = fabs(near_a ? (m->direction == DIRECTION_NEAR_REAL ? near_a->mean : m->a) : m->a);
    m->margin = tolerance_of(&c->rule, x->name) * m->base;
    if (!status)
        status = ask(c, &sides[0], &sides[1], m, e);
    free(sides[0].harm);
    free(sides[1].harm);
    if (status)
        return error_prefix(e, "%s of \"%.60s\"", x->name, m->model);
    settle(m);
    if (m->how == BY_ONE_VALUE && fabs(m->answer.difference) > m->margin) {
        m->verdict = VERDICT_NOT_COMPARABLE;
        snprintf(m->reason, sizeof m->reason, "one replication: nothing says how much of this is chance");
    } else if (m->how == BY_ONE_VALUE)
        snprintf(m->reason, sizeof m->reason, "one replication, within the tolerance");
    return 0;
}

/* --- all of them ---------------------------------------------------------------------------------------- */

/* Times whose single values a document does not keep, by mean and spread; the percentiles are told. */
static int compare_timing(struct comparison *c, const struct results_timing *x, const struct results_timing *y, struct error *e)
{
    struct results_row row = {0};
    struct results_metric metric = {.unit = "s", .direction = DIRECTION_DOWN};
    snprintf(row.model, sizeof row.model, "%s", x->model);
    snprintf(metric.name, sizeof metric.name, "%s", x->name);
    struct compared *m = add(c, &row, &metric);
    const struct fingerprint *stop = fingerprints_stop(&c->fingerprints, GROUP_TIME);
    m->a = x->latency.mean;
    m->b = y->latency.mean;
    if (stop || x->latency.runs < 2 || y->latency.runs < 2) {
        snprintf(m->reason, sizeof m->reason, stop ? "%s differs" : "one run", stop ? stop->field : "");
        return 0;
    }
    struct side sides[2] = {{.mean = x->latency.mean, .error = x->latency.std / sqrt(x->latency.runs)},
                            {.mean = y->latency.mean, .error = y->latency.std / sqrt(y->latency.runs)}};
    m->base = fabs(m->a);
    m->margin = tolerance_of(&c->rule, m->metric) * m->base;
    int status = ask(c, &sides[0], &sides[1], m, e);
    if (status)
        return error_prefix(e, "%s of \"%.60s\"", m->metric, m->model);
    settle(m);
    snprintf(m->reason, sizeof m->reason, "by mean and spread; p50 %.3g and %.3g, p99 %.3g and %.3g", x->latency.p50, y->latency.p50,
             x->latency.p99, y->latency.p99);
    return 0;
}

/* Those of one model; model NULL: all that are left. */
static int compare_timings(struct comparison *c, const struct results *a, const struct results *b, const char *model,
                           struct error *e)
{
    int status = 0;
    for (int i = 0; i < a->ntimings && !status; i++)
        for (int k = 0; k < b->ntimings && !status; k++) {
            const struct results_timing *x = &a->timings[i], *y = &b->timings[k];
            if (model && strcmp(x->model, model))
                continue;
            if (!strcmp(x->model, y->model) && !strcmp(x->name, y->name) && !comparison_find(c, x->model, x->name))
                status = compare_timing(c, x, y, e);
        }
    return status;
}

/* Rows of A with what B has of them, then what only B has. */
static int compare_rows(struct comparison *c, const struct results *a, const struct results *b, struct error *e)
{
    int status = 0, room = 1;
    for (int i = 0; i < a->nrows; i++)
        room += a->rows[i].nmetrics;
    for (int i = 0; i < b->nrows; i++)
        room += b->rows[i].nmetrics;
    room += a->ntimings;
    c->list = calloc((size_t)room, sizeof *c->list);
    if (!c->list)
        return error_memory(e, "the comparison");
    for (int i = 0; i < a->nrows && !status; i++) {
        const struct results_row *x = results_row(a, i), *y = find_row(b, x->model);
        for (int k = 0; k < x->nmetrics && !status; k++) {
            const struct results_metric *other = y ? results_metric(y, x->metrics[k].name) : NULL;
            struct compared *m = add(c, x, &x->metrics[k]);
            m->a = x->metrics[k].mean;
            if (other && !x->real != !y->real)
                snprintf(m->reason, sizeof m->reason, "real motions in one document only");
            else if (other)
                status = compare_metric(c, a, b, &x->metrics[k], other, m, e);
            else
                snprintf(m->reason, sizeof m->reason, y ? "B lacks this metric" : "B lacks this row");
        }
        if (!status && y)
            status = compare_timings(c, a, b, x->model, e);
    }
    for (int i = 0; i < b->nrows && !status; i++) {
        const struct results_row *y = results_row(b, i), *x = find_row(a, y->model);
        for (int k = 0; k < y->nmetrics; k++)
            if (!x || !results_metric(x, y->metrics[k].name)) {
                struct compared *m = add(c, y, &y->metrics[k]);
                m->b = y->metrics[k].mean;
                snprintf(m->reason, sizeof m->reason, x ? "only B has this metric" : "only B has this row");
            }
    }
    return status ? status : compare_timings(c, a, b, NULL, e);
}

/* Corrects p within the headline metrics, or within the others. */
static int correct(struct comparison *c, int headline, int *tests, struct error *e)
{
    double *p = malloc((size_t)(c->count + 1) * sizeof *p);
    int n = 0, k = 0;
    if (!p)
        return error_memory(e, "the comparison");
    for (int i = 0; i < c->count; i++)
        if (c->list[i].how != BY_NOTHING && c->list[i].how != BY_ONE_VALUE && c->list[i].headline == headline)
            p[n++] = c->list[i].p;
    int status = adjust_p(c->rule.correction, p, n, p, e);
    for (int i = 0; i < c->count && !status; i++)
        if (c->list[i].how != BY_NOTHING && c->list[i].how != BY_ONE_VALUE && c->list[i].headline == headline)
            c->list[i].p = p[k++];
    *tests = n;
    free(p);
    return status;
}

int comparison_make(const struct results *a, const char *name_a, const struct results *b, const char *name_b,
                    const struct comparison_rule *rule, struct comparison *c, struct error *e)
{
    memset(c, 0, sizeof *c);
    c->rule = *rule;
    int status = check_document(a, name_a, e);
    if (!status)
        status = check_document(b, name_b, e);
    if (!status)
        status = fingerprints_compare(a, b, &c->fingerprints, e);
    if (!status) {
        find_pairing(a, b, c);
        status = compare_rows(c, a, b, e);
    }
    if (!status)
        status = correct(c, 1, &c->headline_tests, e);
    if (!status)
        status = correct(c, 0, &c->other_tests, e);
    if (status) {
        comparison_free(c);
        return status;
    }
    for (int i = 0; i < c->count; i++) {
        struct compared *m = &c->list[i];
        if (m->verdict == VERDICT_SAME && m->p < rule->level && fabs(m->answer.difference) > m->margin)
            m->verdict = m->real ? VERDICT_CHANGED : m->answer.above < m->answer.below ? VERDICT_WORSE : VERDICT_BETTER;
        c->verdicts[m->verdict]++;
    }
    return 0;
}

double comparison_power(const struct comparison *c, const struct compared *m)
{
    int tests = m->headline ? c->headline_tests : c->other_tests;
    double f = m->answer.freedom, tail = c->rule.level / 2 / (c->rule.correction == CORRECTION_NONE || tests < 1 ? 1 : tests);
    if ((m->how != BY_PAIRED_T && m->how != BY_WELCH) || !(m->base > 0) || !(f > 0))
        return 0;
    double usual = gsl_cdf_tdist_Qinv(0.2, f);     /* four times in five no further below the mean */
    return fmax(m->answer.error * (gsl_cdf_tdist_Qinv(tail, f) + usual), m->margin + m->answer.error * usual) / m->base;
}
