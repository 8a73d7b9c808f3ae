/* mlcm bench: the main job. */
#include "arguments.h"
#include "../engine/clock.h"
#include "../engine/file.h"
#include "command.h"
#include "plot.h"
#include "strips.h"
#include "table_run.h"
#include "table_text.h"
#include <string.h>

/* Writes document, tables, plots and strips; plots lack quietly where gnuplot does. */
static int write_all(struct chain *c, struct loaded *l, const struct results *r, const char *folder, const char *json, int strips,
                     struct error *e)
{
    char path[1200], name[80];
    struct error ignored = {0};
    int rc = file_make_folder(folder, e);
    snprintf(path, sizeof path, "%.1000s/%s%s%s.json", folder, r->protocol.limit ? "limited_" : "",
             strcmp(r->data.split, "val") ? "" : "val_", c->x->name);
    if (!rc) rc = results_write(r, path, e);
    if (!rc && json) rc = results_write(r, json, e);
    if (!rc) rc = table_write_all(r, folder, e);
    if (rc) return rc;
    if (plot_results(r, folder, NULL, &ignored)) fprintf(stderr, "mlcm: no plots: %s\n", ignored.text);
    for (int s = 0; s < STAGE_COUNT; s++) {
        if (!c->model[s][0]) continue;
        snprintf(path, sizeof path, "%s.csv", c->model[s]);
        snprintf(name, sizeof name, "loss_%s", stage_name((enum stage_kind)s));
        if (file_exists(path) && plot_loss(path, folder, name, NULL, &ignored))
            fprintf(stderr, "mlcm: no loss curve: %s\n", ignored.text);
    }
    if (strips && c->x->model_count) rc = strips_write(c, l, folder, strips, e);
    return rc;
}

int cmd_bench(int argc, char **argv)
{
    const char *config = NULL, *cache = "build/cache", *out = NULL, *json = NULL;
    int threads = 0, quiet = 0, fresh = 0, dry = 0, strict = 0, strips = 5;
    struct table_options o = {0};
    const struct option_row options[] = {
        {.name = "config", .text = &config, .value = "E.json", .help = "the experiment"},
        {.name = "limit", .integer = &o.limit, .low = 1, .high = 1e6, .value = "N", .help = "only N random test items; marked in all outputs"},
        {.name = "replications", .integer = &o.replications, .low = 1, .high = 1000, .value = "R", .help = "instead of the experiment's"},
        {.name = "out", .letter = 'o', .text = &out, .value = "DIR", .help = "folder for document, tables, plots (build/NAME)"},
        {.name = "json", .text = &json, .value = "FILE", .help = "the results document also here; - is standard output"},
        {.name = "cache", .text = &cache, .value = "DIR", .help = "models and finished replications (build/cache)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        {.name = "fresh", .flag = &fresh, .help = "train anew, ignoring the experiment's committed weights"},
        {.name = "split", .text = &o.split, .value = "NAME", .help = "measure on val instead of test: for choosing settings"},
        {.name = "strips", .integer = &strips, .low = 0, .high = 50, .value = "N", .help = "stick-figure strips of N test captions (5)"},
        {.name = "no-timing", .flag = &o.skip_timing, .help = "leave out AITS"},
        {.name = "strict", .flag = &strict, .help = "exit with 1 if a check of the run fails"},
        {.name = "dry-run", .flag = &dry, .help = "say what would be trained and measured, and what is missing"},
        {.name = "quiet", .flag = &quiet, .help = "no progress"},
        {0}};
    const struct command_form form = {
        .example = "mlcm bench --config bench/experiments/bandai_small.json",
        .usage = "mlcm bench --config E.json [--limit N] [--replications R] [--out DIR]",
        .purpose = "Trains what is not trained yet, measures every model of the experiment, prints the table and writes\n"
                   "the results document, tables, plots and stick-figure strips.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    struct experiment x;
    struct chain c;
    struct loaded l;
    struct results r;
    double start = clock_seconds();
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!config) {
        error_set(&e, ERR_USAGE, "an experiment is needed: --config E.json");
        return command_fail(&e);
    }
    if (experiment_read(config, &x, &e)) return command_fail(&e);
    char folder[1024], partial[1200], command[900] = "mlcm";
    if (out) snprintf(folder, sizeof folder, "%s", out);
    else snprintf(folder, sizeof folder, "build/%s", x.name);
    snprintf(partial, sizeof partial, "%.1000s/replications-%s%s%s.txt", cache, x.name, o.split && !strcmp(o.split, "val") ? "-val" : "",
             o.limit ? "-limited" : "");
    if (o.split && strcmp(o.split, "val") && strcmp(o.split, "test")) {
        error_set(&e, ERR_USAGE, "--split %s: use val or test", o.split);
        experiment_free(&x);
        return command_fail(&e);
    }
    for (int i = 0; i < argc; i++)
        if (strlen(command) + strlen(argv[i]) + 2 < sizeof command) strcat(strcat(command, " "), argv[i]);
    o.quiet = quiet;
    o.partial = partial;
    int rc = chain_open(&c, &x, cache, threads, &e);
    if (!rc) {
        c.quiet = quiet;
        c.fresh = fresh;
        if (dry) {
            rc = chain_report(&c, stdout, &e);
        } else {
            rc = evaluation_possible(&c, o.split ? o.split : "test", o.limit, &e);
            if (!rc) rc = file_make_folder(folder, &e);
            if (!rc) rc = loaded_open(&l, &c, 1, &e);
            if (!rc) {
                rc = table_run(&c, &l, &o, &r, &e);
                if (!rc) {
                    snprintf(r.command, sizeof r.command, "%s", command);
                    r.seconds = clock_seconds() - start;
                    if (!json || strcmp(json, "-")) table_markdown(&r, stdout);
                    rc = write_all(&c, &l, &r, folder, json, strips, &e);
                    for (int i = 0; i < r.nchecks && !rc; i++) {
                        if (r.checks[i].pass) continue;
                        if (strict) rc = error_set(&e, ERR_CHECK, "check failed: %s: %s", r.checks[i].name, r.checks[i].detail);
                        else if (!quiet) fprintf(stderr, "mlcm: check failed: %s: %s\n", r.checks[i].name, r.checks[i].detail);
                    }
                }
                results_free(&r);
                loaded_close(&l);
            }
        }
        chain_close(&c);
    }
    experiment_free(&x);
    if (rc) return command_fail(&e);
    if (!quiet && !dry) fprintf(stderr, "mlcm: written to %s\n", folder);
    return 0;
}
