/* mlcm bench: the main job. */
#include "arguments.h"
#include "../engine/clock.h"
#include "../engine/file.h"
#include "command.h"
#include "plot.h"
#include "shown_clips.h"
#include "strips.h"
#include "table_run.h"
#include "table_text.h"
#include <stdlib.h>
#include <string.h>

/* A few test captions to look at: as strips of poses, and as data for the report. */
static int write_motions(struct chain *c, struct loaded *l, const char *folder, int count, struct error *e)
{
    struct motions m;
    char path[1200];
    int rc = shown_clips(c, l, count, &m, e);
    snprintf(path, sizeof path, "%.1000s/motions.json", folder);
    if (!rc) rc = motions_write(&m, path, e);
    if (!rc) rc = strips_write(&m, folder, e);
    motions_free(&m);
    return rc;
}

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
        snprintf(name, sizeof name, "loss_%s", stage_label(c, (enum stage_kind)s).text);
        if (file_exists(path) && plot_loss(path, folder, name, NULL, &ignored))
            fprintf(stderr, "mlcm: no loss curve: %s\n", ignored.text);
    }
    return strips && c->x->model_count ? write_motions(c, l, folder, strips, e) : 0;
}

/* Stages that a run would train beside what is published, with those that they stand on. */
static void say_training(const struct experiment *x)
{
    int wanted[STAGE_COUNT];
    const int *given = x->published.stage;
    chain_wanted(x, wanted);
    for (int s = STAGE_CONTROL; s < STAGE_COUNT; s++)
        if (wanted[s]) wanted[stage_on_mld((enum stage_kind)s) ? STAGE_MLD : STAGE_LCM] = 1;
    if (wanted[STAGE_LCM] && given[PUBLISHED_LCM] < 0) wanted[STAGE_MLD] = 1;
    if (wanted[STAGE_MLD] || wanted[STAGE_LCM]) wanted[STAGE_VAE] = 1;
    wanted[STAGE_EVALUATOR] = !x->published.part[PUBLISHED_EVALUATOR][0];
    wanted[STAGE_VAE] &= given[PUBLISHED_VAE] < 0;
    wanted[STAGE_MLD] &= given[PUBLISHED_MLD] < 0;
    wanted[STAGE_LCM] &= given[PUBLISHED_LCM] < 0;
    int any = 0;
    for (int s = 0; s < STAGE_COUNT; s++)
        if (wanted[s]) printf("%s %s", any++ ? "," : "trained here:", stage_name((enum stage_kind)s));
    printf("%s\n%d models, %d replications\n", any ? "" : "nothing is trained", x->model_count, x->replications);
}

/* For --dry-run: every published file that the experiment takes, and what would be done with them. */
static int list_published(const struct experiment *x, struct error *e)
{
    struct published_file *files;
    int count, rc = published_look(&x->published, &files, &count, e);
    if (rc) return rc;
    printf("%s: ", x->name);
    int missing = published_print(&x->published, files, count, stdout);
    say_training(x);
    free(files);
    if (!missing) return 0;
    return error_set(e, ERR_ENV, "%s: %d of the files that it needs %s not there", x->path, missing, missing == 1 ? "is" : "are");
}

int cmd_bench(int argc, char **argv)
{
    const char *config = NULL, *precision = NULL, *cache = "build/cache", *out = NULL, *json = NULL, *root = NULL;
    struct device_option device = {0};
    int threads = 0, quiet = 0, fresh = 0, dry = 0, strict = 0, strips = 5;
    struct table_options o = {0};
    const struct option_row options[] = {
        {.name = "config", .text = &config, .value = "E.json", .help = "the experiment"},
        {.name = "root", .text = &root, .value = "DIR", .help = "the published files' folder, instead of the experiment's"},
        {.name = "limit", .integer = &o.limit, .low = 1, .high = 1e6, .value = "N", .help = "only N random test items; marked in all outputs"},
        {.name = "replications", .integer = &o.replications, .low = 1, .high = 1000, .value = "R", .help = "instead of the experiment's"},
        {.name = "out", .letter = 'o', .text = &out, .value = "DIR", .help = "folder for document, tables, plots (build/NAME)"},
        {.name = "json", .text = &json, .value = "FILE", .help = "the results document also here; - is standard output"},
        {.name = "cache", .text = &cache, .value = "DIR", .help = "models and finished replications (build/cache)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        DEVICE_OPTION_ROWS(device),
        {.name = "precision", .text = &precision, .value = "fp32|bf16|int8", .help = "weights while they run (protocol.precision, or fp32)"},
        {.name = "fresh", .flag = &fresh, .help = "train anew, ignoring the experiment's committed weights"},
        {.name = "split", .text = &o.split, .value = "test|val", .help = "measure on val instead of test: for choosing settings"},
        {.name = "strips", .integer = &strips, .low = 0, .high = 50, .value = "N", .help = "strips and moving figures of N test captions (5)"},
        {.name = "export", .text = &o.export, .value = "DIR", .help = "also the first replication's motions: DIR/MODEL/CLIP.npy, CLIP.txt"},
        {.name = "no-timing", .flag = &o.skip_timing, .help = "leave out AITS"},
        {.name = "strict", .flag = &strict, .help = "exit with 1 if a check of the run fails"},
        {.name = "dry-run", .flag = &dry, .help = "say what would be trained and measured, and what is missing"},
        {.name = "quiet", .flag = &quiet, .help = "no progress"},
        {0}};
    const struct command_form form = {
        .example = "mlcm bench --config bench/experiments/default.json",
        .usage = "mlcm bench --config E.json [--limit N] [--replications R] [--out DIR]",
        .purpose = "Trains what is not trained yet, measures every model of the experiment, prints the table and writes\n"
                   "the results document, tables, plots and stick-figure strips.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    struct experiment x;
    struct chain c = {0};
    struct loaded l;
    struct results r;
    double start = clock_seconds();
    char command[1000];
    results_command(argc, argv, command);
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
    char folder[1024], partial[1200];
    if (out) snprintf(folder, sizeof folder, "%s", out);
    else snprintf(folder, sizeof folder, "build/%s", x.name);
    snprintf(partial, sizeof partial, "%.1000s/replications-%s%s%s.txt", cache, x.name, o.split && !strcmp(o.split, "val") ? "-val" : "",
             o.limit ? "-limited" : "");
    if (o.split && strcmp(o.split, "val") && strcmp(o.split, "test")) {
        error_set(&e, ERR_USAGE, "--split %s: use val or test", o.split);
        experiment_free(&x);
        return command_fail(&e);
    }
    o.quiet = quiet;
    o.partial = partial;
    experiment_root(&x, root);
    if (experiment_precision(&x, precision, &e) || experiment_device(&x, &device, threads, &e)) {
        experiment_free(&x);
        return command_fail(&e);
    }
    if (dry && x.published.given) {
        int missing = list_published(&x, &e);
        experiment_free(&x);
        return missing ? command_fail(&e) : 0;
    }
    c.quiet = quiet;
    c.fresh = fresh;
    int rc = chain_open(&c, &x, cache, &e);
    if (!rc) {
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
