/* mlcm time: latency only. */
#include "arguments.h"
#include "command.h"
#include "table_run.h"
#include "timing.h"
#include "training_speed.h"
#include <string.h>

static int print_training_speed(struct chain *c, int steps, struct error *e)
{
    struct training_speed s;
    int rc = training_speed_vae(c, steps, &s, e);
    if (rc) return rc;
    printf("GEMM peak %.1f GFLOP/s on %d threads, measured in this run\n", s.peak * 1e-9, c->device.threads);
    printf("VAE training step %.4f s, %.2f GFLOP, %.1f GFLOP/s: %.1f %% of the peak (median of %d steps)\n", s.seconds,
           s.flops * 1e-9, s.flops / s.seconds * 1e-9, 100 * s.share, s.steps);
    return 0;
}

int cmd_time(int argc, char **argv)
{
    const char *config = NULL, *cache = "build/cache", *json = NULL;
    int threads = 0, runs = 0, training = 0;
    const struct option_row options[] = {
        {.name = "config", .text = &config, .value = "E.json", .help = "the experiment"},
        {.name = "runs", .integer = &runs, .low = 1, .high = 1e6, .value = "N", .help = "sentences a model, instead of the experiment's"},
        {.name = "training", .flag = &training, .help = "instead: a VAE training step's FLOPs over the GEMM peak of the same run"},
        {.name = "json", .text = &json, .value = "FILE", .help = "the results document; - is standard output"},
        {.name = "cache", .text = &cache, .value = "DIR", .help = "where models are (build/cache)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        {0}};
    const struct command_form form = {
        .example = "mlcm time --config bench/experiments/bandai_small.json",
        .usage = "mlcm time --config E.json [--runs N] [--json FILE]",
        .purpose = "AITS of every model of the experiment: seconds a sentence at batch 1 from the caption to the decoded\n"
                   "features, with its stages and percentiles; without the text encoder; amortised at batch 32.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    struct experiment x;
    struct chain c;
    struct loaded l;
    struct results r;
    struct items test = {0};
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
    if (runs) x.time_runs = runs;
    int rc = chain_open(&c, &x, cache, threads, &e);
    if (!rc && training) {
        rc = print_training_speed(&c, runs ? runs : 40, &e);
        chain_close(&c);
        experiment_free(&x);
        return rc ? command_fail(&e) : 0;
    }
    if (!rc) rc = loaded_open(&l, &c, 0, &e);
    if (!rc) {
        double mean[3];
        results_begin(&r);
        r.experiment = cJSON_Duplicate(x.resolved, 1);
        rc = items_build(&c.set, "test", &test, &e);
        for (int i = 0; i < x.model_count && !rc; i++)
            if (l.systems[i].kind->sampled) rc = timing_measure(&c, &test, &l.systems[i], x.models[i].name, &r, mean, NULL, &e);
        if (!rc && (!json || strcmp(json, "-"))) {
            printf("%-28s %-18s %9s %9s %9s %9s %9s %9s %9s\n", "model", "seconds a sentence", "mean", "p50", "p90", "p99", "text",
                   "denoise", "decode");
            for (int i = 0; i < r.ntimings; i++) {
                const struct results_timing *t = &r.timings[i];
                printf("%-28s %-18s %9.5f %9.5f %9.5f %9.5f %9.5f %9.5f %9.5f\n", t->model, t->name, t->latency.mean, t->latency.p50,
                       t->latency.p90, t->latency.p99, t->text, t->denoise, t->decode);
            }
        }
        if (!rc && json) rc = results_write(&r, json, &e);
        items_free(&test);
        results_free(&r);
        loaded_close(&l);
    }
    chain_close(&c);
    experiment_free(&x);
    return rc ? command_fail(&e) : 0;
}
