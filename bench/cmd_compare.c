/* mlcm compare: two results documents, and a gate for continuous integration. */
#include "arguments.h"
#include "command.h"
#include "comparison_text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A metric's name at `name` (size bytes of it); lists the nearest known one if there is none. */
static int known_metric(const char *option, const char *name, struct error *e)
{
    const char *names[64];
    int n = metric_count() < 63 ? metric_count() : 63;
    for (int i = 0; i < n; i++)
        names[i] = metric_at(i)->name;
    names[n] = NULL;
    if (metric_find(name))
        return 0;
    const char *near = nearest_name(name, names);
    return error_set(e, ERR_USAGE, "--%s: no metric \"%.40s\"%s%s; names are those of the results document", option, name,
                     near ? ", did you mean " : "", near ? near : "");
}

/* The next piece of a list with ";" between, without spaces around it; returns the rest, or NULL after the last. */
static const char *next_piece(const char *list, char *piece, size_t size)
{
    size_t n = strcspn(list, ";"), from = strspn(list, " "), length;
    const char *rest = list[n] ? list + n + 1 : NULL;
    for (length = from < n ? n - from : 0; length && list[from + length - 1] == ' ';)
        length--;
    snprintf(piece, size, "%.*s", (int)(length < size ? length : size - 1), list + from);
    return rest;
}

/* "5%" or "0.05". */
static int relative(const char *text, double *v)
{
    char number[40];
    size_t n = strlen(text);
    int percent = n && text[n - 1] == '%';
    if (n - (size_t)percent >= sizeof number)
        return 0;
    snprintf(number, sizeof number, "%.*s", (int)(n - (size_t)percent), text);
    if (!parse_number(number, v) || *v < 0 || *v > 1e6)
        return 0;
    *v /= percent ? 100 : 1;
    return 1;
}

/* "2%", or "FID=5%;AITS=20%". */
static int read_tolerance(const char *list, struct comparison_rule *rule, struct error *e)
{
    char piece[120];
    while (list) {
        list = next_piece(list, piece, sizeof piece);
        char *equals = strchr(piece, '=');
        double v;
        if (!relative(equals ? equals + 1 : piece, &v))
            return error_set(e, ERR_USAGE, "--tolerance \"%.60s\": use 2%% for all metrics, or METRIC=5%%;METRIC=0.1", piece);
        if (!equals) {
            rule->tolerance = v;
            continue;
        }
        *equals = 0;
        int status = known_metric("tolerance", piece, e);
        if (status)
            return status;
        if (rule->tolerances == MAX_TOLERANCES)
            return error_set(e, ERR_USAGE, "--tolerance: more than %d metrics", MAX_TOLERANCES);
        snprintf(rule->own[rule->tolerances].metric, sizeof rule->own[0].metric, "%.47s", piece);
        rule->own[rule->tolerances++].relative = v;
    }
    return 0;
}

static int read_headline(const char *list, struct comparison_rule *rule, struct error *e)
{
    char piece[120];
    rule->headlines = 0;
    while (list) {
        list = next_piece(list, piece, sizeof piece);
        int status = known_metric("metrics", piece, e);
        if (status)
            return status;
        if (rule->headlines == MAX_HEADLINE)
            return error_set(e, ERR_USAGE, "--metrics: more than %d", MAX_HEADLINE);
        snprintf(rule->headline[rule->headlines++], sizeof rule->headline[0], "%.47s", piece);
    }
    return 0;
}

/* "MODEL:METRIC;MODEL;:METRIC": a metric of a row, a whole row, a metric of all rows. */
static int read_allow(const char *list, struct gate_rule *rule, struct error *e)
{
    char piece[200];
    while (list) {
        list = next_piece(list, piece, sizeof piece);
        char *colon = strrchr(piece, ':');
        if (colon && metric_find(colon + 1))
            *colon = 0;
        else
            colon = NULL;
        if (!*piece && !colon)
            return error_set(e, ERR_USAGE, "--allow: an empty entry; use MODEL:METRIC;MODEL;:METRIC");
        if (rule->allowed == MAX_ALLOWED)
            return error_set(e, ERR_USAGE, "--allow: more than %d entries", MAX_ALLOWED);
        snprintf(rule->allow[rule->allowed].model, RESULTS_NAME, "%.95s", piece);
        snprintf(rule->allow[rule->allowed++].metric, sizeof rule->allow[0].metric, "%.47s", colon ? colon + 1 : "");
    }
    return 0;
}

/* Whether both names are one file. */
static int same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int compare(const struct comparison_files *f, const struct comparison_rule *rule, struct gate_rule *gate, int gated, int all,
                   int quiet, const char *json, struct error *e)
{
    struct comparison c;
    struct gate g = {0};
    int status = comparison_make(f->a, f->name_a, f->b, f->name_b, rule, &c, e);
    if (status)
        return status;
    if (gated)
        status = gate_judge(&c, f->a, f->b, gate, &g, e);
    if (!status && !quiet && (!json || strcmp(json, "-")))
        comparison_print(&c, f, gated ? &g : NULL, gate, all, stdout);
    if (!status && json)
        status = comparison_write(&c, f, gated ? &g : NULL, gate, json, e);
    if (!status && gated && !g.pass) {
        int failing = 0, first = -1;
        for (int i = 0; i < g.count; i++)
            if (!g.list[i].allowed) {
                failing++;
                first = first < 0 ? i : first;
            }
        status = first < 0 ? error_set(e, ERR_CHECK, "gate failed")
                           : error_set(e, ERR_CHECK, "gate failed: %d finding%s, the first: %s%s%s: %s", failing, failing == 1 ? "" : "s",
                                       g.list[first].model, *g.list[first].metric ? ", " : "", g.list[first].metric, g.list[first].text);
    }
    gate_free(&g);
    comparison_free(&c);
    return status;
}

int cmd_compare(int argc, char **argv)
{
    struct comparison_rule rule;
    struct gate_rule gate = {0};
    comparison_rule_default(&rule);
    const char *json = NULL, *correction = "holm", *test = "auto", *tolerance = NULL, *metrics = NULL, *allow = NULL;
    int gated = 0, all = 0, quiet = 0;
    const struct option_row options[] = {
        {.name = "gate", .flag = &gated, .help = "exit with 1 if something got worse (see below)"},
        {.name = "strict", .flag = &gate.strict, .help = "with --gate: fail also where harm beyond the tolerance is not ruled out"},
        {.name = "times", .flag = &gate.times, .help = "with --gate: latency counts too; it needs the same machine, equally idle"},
        {.name = "tolerance", .text = &tolerance, .value = "LIST", .help = "changes that do not count: 2%, or FID=5%;AITS=20% (1%, times 10%)"},
        {.name = "allow", .text = &allow, .value = "LIST", .help = "what may be worse: MODEL:METRIC;MODEL;:METRIC"},
        {.name = "metrics", .text = &metrics, .value = "LIST", .help = "the headline metrics, A;B;C: shown first, corrected together, gated"},
        {.name = "level", .number = &rule.level, .low = 1e-6, .high = 0.5, .value = "P", .help = "of the verdicts, two-sided (0.05)"},
        {.name = "correction", .text = &correction, .value = "holm|bh|none", .help = "for many tests (holm)"},
        {.name = "test", .text = &test, .value = "auto|t|rank", .help = "auto: t for metrics, ranks for times (auto)"},
        {.name = "unpaired", .flag = &rule.unpaired, .help = "take replications as independent even if they share their draws"},
        {.name = "all", .flag = &all, .help = "every metric, also those that are the same"},
        {.name = "json", .text = &json, .value = "FILE", .help = "the comparison as JSON; - is standard output"},
        {.name = "quiet", .flag = &quiet, .help = "print nothing but errors"},
        {0}};
    const struct command_form form = {
        .example = "mlcm compare results/bandai_small_table1.json build/bandai_small_table1/bandai_small_table1.json --gate",
        .usage = "mlcm compare A.json B.json [--gate [--strict]] [--tolerance LIST] [--json FILE]",
        .purpose = "What differs between two results documents, first in how they were made, then metric by metric with an\n"
                   "interval and a verdict: better, same, worse, not comparable; of real motions: same or changed.\n"
                   "The gate fails if a headline metric that A has is worse in B beyond the tolerance and beyond chance, is\n"
                   "missing or does not compare, or if real motions measure otherwise. Without any change it fails in at most\n"
                   "5 of 100 comparisons (--level).",
        .options = options, .least = 2, .most = 2};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e))
        return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    static const char *const tests[] = {"auto", "t", "rank"};
    int k = 0, status = 0;
    while (k < 3 && strcmp(tests[k], test))
        k++;
    rule.test = (enum test_choice)k;
    if (k == 3)
        status = error_set(&e, ERR_USAGE, "--test %.40s: use auto, t or rank", test);
    if (!status && correction_parse(correction, &rule.correction))
        status = error_set(&e, ERR_USAGE, "--correction %.40s: use holm, bh or none", correction);
    if (!status && !gated && (gate.strict || gate.times || allow))
        status = error_set(&e, ERR_USAGE, "--%s says what the gate does; give --gate too", gate.strict ? "strict" : gate.times ? "times" : "allow");
    if (!status && tolerance)
        status = read_tolerance(tolerance, &rule, &e);
    if (!status && metrics)
        status = read_headline(metrics, &rule, &e);
    if (!status && allow)
        status = read_allow(allow, &gate, &e);
    if (status)
        return command_fail(&e);
    if (json && strcmp(json, "-") && (same_file(json, a.positional[0]) || same_file(json, a.positional[1]))) {
        error_set(&e, ERR_USAGE, "%s: is one of the documents compared; name another file for --json", json);
        return command_fail(&e);
    }
    struct results *r = calloc(2, sizeof *r);
    if (!r) {
        error_memory(&e, "two results documents");
        return command_fail(&e);
    }
    const struct comparison_files files = {a.positional[0], a.positional[1], &r[0], &r[1]};
    status = results_read(files.name_a, &r[0], &e);
    if (!status)
        status = results_read(files.name_b, &r[1], &e);
    if (!status)
        status = compare(&files, &rule, &gate, gated, all, quiet, json, &e);
    results_free(&r[0]);
    results_free(&r[1]);
    free(r);
    return status ? command_fail(&e) : 0;
}
