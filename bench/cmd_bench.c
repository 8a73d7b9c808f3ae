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

/* What is asked for, beside the table's options. */
struct request {
    const char *config, *precision, *cache, *out, *json, *root;
    struct device_option device;
    int threads, fresh, dry, strict, strips;
    struct table_options table;
    char command[1000], folder[1024], partial[1200];
    double start;
};

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
static int write_all(struct chain *c, struct loaded *l, const struct results *r, const struct request *q, struct error *e)
{
    char path[1200], name[80];
    const char *folder = q->folder;
    struct error ignored = {0};
    int rc = file_make_folder(folder, e);
    snprintf(path, sizeof path, "%.1000s/%s%s%s.json", folder, r->protocol.limit ? "limited_" : "",
             strcmp(r->data.split, "val") ? "" : "val_", c->x->name);
    if (!rc) rc = results_write(r, path, e);
    if (!rc && q->json) rc = results_write(r, q->json, e);
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
    return q->strips && c->x->model_count ? write_motions(c, l, folder, q->strips, e) : 0;
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

/* Where results and finished replications go; with what the options say instead of the experiment. */
static int apply_options(struct request *q, struct experiment *x, struct error *e)
{
    const char *split = q->table.split;
    if (split && strcmp(split, "val") && strcmp(split, "test")) return error_set(e, ERR_USAGE, "--split %s: use val or test", split);
    if (q->out) snprintf(q->folder, sizeof q->folder, "%s", q->out);
    else snprintf(q->folder, sizeof q->folder, "build/%s", x->name);
    snprintf(q->partial, sizeof q->partial, "%.1000s/replications-%s%s%s.txt", q->cache, x->name, split && !strcmp(split, "val") ? "-val" : "",
             q->table.limit ? "-limited" : "");
    q->table.partial = q->partial;
    experiment_root(x, q->root);
    int rc = experiment_precision(x, q->precision, e);
    return rc ? rc : experiment_device(x, &q->device, q->threads, e);
}

/* Checks that failed are said; with --strict the first of them is an error. */
static int tell_checks(const struct results *r, const struct request *q, struct error *e)
{
    for (int i = 0; i < r->nchecks; i++) {
        if (r->checks[i].pass) continue;
        if (q->strict) return error_set(e, ERR_CHECK, "check failed: %s: %s", r->checks[i].name, r->checks[i].detail);
        if (!q->table.quiet) fprintf(stderr, "mlcm: check failed: %s: %s\n", r->checks[i].name, r->checks[i].detail);
    }
    return 0;
}

/* Trains what lacks, measures, writes. */
static int measure(struct chain *c, const struct request *q, struct error *e)
{
    struct loaded l;
    struct results r;
    size_t there = file_folders_there(q->folder);
    int rc = evaluation_possible(c, q->table.split ? q->table.split : "test", q->table.limit, e);
    if (!rc) rc = file_make_folder(q->folder, e);
    if (!rc) rc = loaded_open(&l, c, 1, e);
    if (rc) {
        file_remove_empty(q->folder, there);
        return rc;
    }
    rc = table_run(c, &l, &q->table, &r, e);
    if (!rc) {
        snprintf(r.command, sizeof r.command, "%s", q->command);
        r.seconds = clock_seconds() - q->start;
        if (!q->json || strcmp(q->json, "-")) table_markdown(&r, stdout);
        rc = write_all(c, &l, &r, q, e);
    }
    if (!rc) rc = tell_checks(&r, q, e);
    results_free(&r);
    loaded_close(&l);
    if (rc) file_remove_empty(q->folder, there);
    if (!rc && !q->table.quiet) fprintf(stderr, "mlcm: written to %s\n", q->folder);
    return rc;
}

static int run(struct request *q, struct error *e)
{
    struct experiment x;
    struct chain c = {.quiet = q->table.quiet, .fresh = q->fresh};
    int rc = experiment_read(q->config, &x, e);
    if (rc) return rc;
    rc = apply_options(q, &x, e);
    if (!rc && q->dry && x.published.given) rc = list_published(&x, e);
    else if (!rc) {
        rc = chain_open(&c, &x, q->cache, e);
        if (!rc) {
            rc = q->dry ? chain_report(&c, stdout, e) : measure(&c, q, e);
            chain_close(&c);
        }
    }
    experiment_free(&x);
    return rc;
}

int cmd_bench(int argc, char **argv)
{
    struct request q = {.cache = "build/cache", .strips = 5};
    const struct option_row options[] = {
        {.name = "config", .text = &q.config, .value = "E.json", .help = "the experiment"},
        {.name = "root", .text = &q.root, .value = "DIR", .help = "the published files' folder, instead of the experiment's"},
        {.name = "limit", .integer = &q.table.limit, .low = 1, .high = 1e6, .value = "N", .help = "only N random test items; marked in all outputs"},
        {.name = "replications", .integer = &q.table.replications, .low = 1, .high = 1000, .value = "R", .help = "instead of the experiment's"},
        {.name = "out", .letter = 'o', .text = &q.out, .value = "DIR", .help = "folder for document, tables, plots (build/NAME)"},
        {.name = "json", .text = &q.json, .value = "FILE", .help = "the results document also here; - is standard output"},
        {.name = "cache", .text = &q.cache, .value = "DIR", .help = "models and finished replications (build/cache)"},
        {.name = "threads", .integer = &q.threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        DEVICE_OPTION_ROWS(q.device),
        {.name = "precision", .text = &q.precision, .value = "fp32|bf16|int8", .help = "weights while they run (protocol.precision, or fp32)"},
        {.name = "fresh", .flag = &q.fresh, .help = "train anew, ignoring the experiment's committed weights"},
        {.name = "split", .text = &q.table.split, .value = "test|val", .help = "measure on val instead of test: for choosing settings"},
        {.name = "strips", .integer = &q.strips, .low = 0, .high = 50, .value = "N", .help = "strips and moving figures of N test captions (5)"},
        {.name = "export", .text = &q.table.export, .value = "DIR", .help = "also the first replication's motions: DIR/MODEL/CLIP.npy, CLIP.txt"},
        {.name = "no-timing", .flag = &q.table.skip_timing, .help = "leave out AITS"},
        {.name = "strict", .flag = &q.strict, .help = "exit with 1 if a check of the run fails"},
        {.name = "dry-run", .flag = &q.dry, .help = "say what would be trained and measured, and what is missing"},
        {.name = "quiet", .flag = &q.table.quiet, .help = "no progress"},
        {0}};
    const struct command_form form = {
        .example = "mlcm bench --config bench/experiments/default.json",
        .usage = "mlcm bench --config E.json [--limit N] [--replications R] [--out DIR]",
        .purpose = "Trains what is not trained yet, measures every model of the experiment, prints the table and writes\n"
                   "the results document, tables, plots and stick-figure strips.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    q.start = clock_seconds();
    results_command(argc, argv, q.command);
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    int rc = q.config ? run(&q, &e) : error_set(&e, ERR_USAGE, "an experiment is needed: --config E.json");
    return rc ? command_fail(&e) : 0;
}
