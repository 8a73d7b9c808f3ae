/* mlcm sweep: a grid of settings, trained and measured. */
#include "arguments.h"
#include "../engine/file.h"
#include "command.h"
#include "sweep_ranks.h"
#include "sweep_slurm.h"
#include "sweep_summary.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is asked for, beside the options of every run. */
struct request {
    int cell, run, prepare;       /* -1: all, all, nothing */
    int collect;                  /* only the table of what is there */
    const char *json;
    char command[1000];
};

static void say_plan(const struct sweep *s, const struct sweep_place *places)
{
    int done = 0;
    for (int k = 0; k < sweep_runs(s); k++) done += places[k].done;
    printf("%s: %d cells, %d seed%s, %d runs, %d of them done\n", s->name, s->cell_count, s->seed_count, s->seed_count == 1 ? "" : "s",
           sweep_runs(s), done);
    for (int k = 0; k < sweep_runs(s); k++)
        printf("  %4d  %.16s  %-8s  %s\n", k, places[k].fingerprint, places[k].done ? "done" : "to do", sweep_label(s, k).text);
}

/* Table, document and plots; in the end, whether runs are missing. */
static int finish(const struct sweep *s, const struct sweep_options *o, const struct request *q, const struct sweep_place *places,
                  const struct sweep_outcome *outcomes, struct error *e)
{
    struct sweep_summary m;
    struct error ignored = {0};
    int missing = 0, failed = 0, first = -1, runs = sweep_runs(s);
    for (int k = 0; k < runs; k++) {
        missing += outcomes[k].state == SWEEP_MISSING;
        failed += outcomes[k].state == SWEEP_FAILED;
        if (first < 0 && outcomes[k].state != SWEEP_DONE) first = k;
    }
    int rc = sweep_summarise(s, places, outcomes, &m, e);
    if (!rc) {
        snprintf(m.document.command, sizeof m.document.command, "%s", q->command);
        if (!q->json || strcmp(q->json, "-")) sweep_markdown(&m, stdout);
        rc = sweep_write(&m, o->out, e);
        if (!rc && q->json) rc = results_write(&m.document, q->json, e);
        if (!rc && sweep_plot(&m, o->out, NULL, &ignored)) fprintf(stderr, "mlcm: no plots: %s\n", ignored.text);
    }
    sweep_summary_free(&m);
    if (!rc && !o->quiet) fprintf(stderr, "mlcm: written to %s\n", o->out);
    if (first < 0 || (rc && rc != ERR_CHECK)) return rc;
    if (failed)
        return error_set(e, ERR_CHECK, "%d of %d runs failed, first run %d (%s): %.300s", failed, runs, first, sweep_label(s, first).text,
                         outcomes[first].state == SWEEP_FAILED ? outcomes[first].error : "not measured");
    return error_set(e, ERR_CHECK, "%d of %d runs are missing, first run %d (%s); start the sweep again", missing, runs, first,
                     sweep_label(s, first).text);
}

/* The runs that this process is to make: all cells with the first seed, then with the second, so that a sweep
 * that is broken off has something of every cell. */
static int choose_runs(const struct sweep *s, const struct request *q, const struct sweep_ranks *ranks, int *runs)
{
    int count = 0;
    for (int seed = 0; seed < s->seed_count; seed++)
        for (int cell = 0; cell < s->cell_count; cell++) {
            int k = cell * s->seed_count + seed;
            if (q->cell >= 0 ? cell == q->cell : k % ranks->size == ranks->rank) runs[count++] = k;
        }
    return count;
}

static int sweep_here(const struct sweep *s, struct sweep_options *o, const struct request *q, struct sweep_place *places,
                      struct error *e)
{
    struct sweep_ranks ranks;
    int total = sweep_runs(s), rc = sweep_ranks_find(&ranks, e);
    struct sweep_outcome *outcomes = calloc((size_t)total, sizeof *outcomes);
    int *runs = malloc((size_t)total * sizeof *runs);
    if (!rc && (!outcomes || !runs)) rc = error_memory(e, "the sweep");
    if (q->cell >= 0) ranks.size = 1;
    int cores = sweep_cores() / (ranks.here > 1 && sweep_cores() >= ranks.here ? ranks.here : 1);
    if (!o->threads) o->threads = cores / o->jobs > 1 ? cores / o->jobs : 1;
    if (o->threads > 64) o->threads = 64;
    for (int k = 0; k < total && outcomes; k++) outcomes[k].state = places[k].done ? SWEEP_DONE : SWEEP_MISSING;
    int count = rc || q->collect ? 0 : choose_runs(s, q, &ranks, runs);
    if (!rc) rc = file_make_folder(o->out, e);
    if (!rc && count) rc = sweep_pool(s, o, places, runs, count, outcomes, e);
    int failed = 0;
    for (int i = 0; i < count && !rc; i++) failed += outcomes[runs[i]].state != SWEEP_DONE;
    if (!rc && q->cell >= 0) {
        if (failed) rc = error_set(e, ERR_CHECK, "%d of %d runs of cell %d failed", failed, count, q->cell);
    } else if (!rc && ranks.rank) {
        /* exit code 0 also after failures: mpirun would end the others; process 0 reports them */
        rc = sweep_ranks_tell(&ranks, o, outcomes, total, e);
    } else if (!rc) {
        if (ranks.size > 1 && !q->collect) rc = sweep_ranks_gather(&ranks, o, outcomes, total, e);
        if (!rc) rc = finish(s, o, q, places, outcomes, e);
    }
    free(outcomes);
    free(runs);
    return rc;
}

int cmd_sweep(int argc, char **argv)
{
    const char *out = NULL;
    int slurm = 0, dry = 0;
    struct request q = {.cell = -1, .run = -1, .prepare = -1};
    struct sweep_options o = {.cache = "build/cache", .jobs = 1};
    const struct option_row options[] = {
        {.name = "config", .text = &o.config, .value = "S.json", .help = "the sweep file"},
        {.name = "jobs", .letter = 'j', .integer = &o.jobs, .low = 1, .high = 256, .value = "N", .help = "runs at a time, each a process (1)"},
        {.name = "threads", .integer = &o.threads, .low = 0, .high = 64, .value = "T", .help = "threads of each; 0 = the cores shared out"},
        DEVICE_OPTION_ROWS(o.device),
        {.name = "out", .letter = 'o', .text = &out, .value = "DIR", .help = "folder for document, tables, plots, logs (build/NAME)"},
        {.name = "json", .text = &q.json, .value = "FILE", .help = "the results document also here; - is standard output"},
        {.name = "cache", .text = &o.cache, .value = "DIR", .help = "models and what runs measured (build/cache)"},
        {.name = "limit", .integer = &o.limit, .low = 1, .high = 1e6, .value = "N", .help = "only N random test items; marked in all outputs"},
        {.name = "cell", .integer = &q.cell, .low = 0, .high = SWEEP_CELLS, .value = "K", .help = "only the runs of cell K (from 0), no table: a task of a job array"},
        {.name = "run", .integer = &q.run, .low = 0, .high = SWEEP_RUNS, .value = "K", .help = "only run K, in this process"},
        {.name = "prepare", .integer = &q.prepare, .low = 0, .high = SWEEP_RUNS, .value = "K", .help = "only what run K shares with others: evaluator, VAE, MLD, encoded clips"},
        {.name = "collect", .flag = &q.collect, .help = "run nothing; the table of what is there"},
        {.name = "slurm", .flag = &slurm, .help = "hand the cells to Slurm as a job array of N tasks at a time (--jobs)"},
        {.name = "dry-run", .flag = &dry, .help = "say what would be run; with --slurm write the jobs' scripts"},
        {.name = "quiet", .flag = &o.quiet, .help = "no progress"},
        {0}};
    const struct command_form form = {
        .example = "mlcm sweep --config bench/experiments/bandai_small_table3.json --jobs 2",
        .usage = "mlcm sweep --config S.json [--jobs N] [--slurm] [--dry-run]",
        .purpose = "Trains and measures every cell of a sweep with every seed, and makes one document, tables and plots.\n"
                   "What is there is not done again: a killed sweep goes on where it was. A run that fails leaves the\n"
                   "others alone; the exit code is then 1. Under mpirun or srun the processes share the runs out.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    struct sweep s;
    struct sweep_place *places = NULL;
    char folder[1024];
    results_command(argc, argv, q.command);
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!o.config) {
        error_set(&e, ERR_USAGE, "a sweep file is needed: --config S.json");
        return command_fail(&e);
    }
    if (sweep_read(o.config, &s, &e)) return command_fail(&e);
    if (out) snprintf(folder, sizeof folder, "%s", out);
    else snprintf(folder, sizeof folder, "build/%s", s.name);
    o.out = folder;
    int rc = 0;
    if (q.cell >= s.cell_count) rc = error_set(&e, ERR_USAGE, "--cell %d: the cells are 0 to %d", q.cell, s.cell_count - 1);
    else if (q.run >= sweep_runs(&s)) rc = error_set(&e, ERR_USAGE, "--run %d: the runs are 0 to %d", q.run, sweep_runs(&s) - 1);
    else if (q.prepare >= sweep_runs(&s)) rc = error_set(&e, ERR_USAGE, "--prepare %d: the runs are 0 to %d", q.prepare, sweep_runs(&s) - 1);
    else if (!dry && !slurm && file_make_folder(o.cache, &e)) rc = e.code;    /* here, so that none of the runs removes it */
    else if (q.prepare >= 0) rc = sweep_prepare(&s, q.prepare, &o, &e);
    else if (slurm) rc = sweep_slurm(&s, &o, dry, &e);
    else if ((rc = sweep_places(&s, &o, q.run, &places, &e)) == 0) {
        if (dry) say_plan(&s, places);
        else if (q.run >= 0) rc = sweep_run(&s, q.run, &o, &places[q.run], &e);
        else rc = sweep_here(&s, &o, &q, places, &e);
    }
    free(places);
    sweep_free(&s);
    return rc ? command_fail(&e) : 0;
}
