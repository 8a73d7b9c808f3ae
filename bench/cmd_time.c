/* mlcm time: latency only. */
#include "arguments.h"
#include "../engine/npy.h"
#include "command.h"
#include "stream_scenario.h"
#include "table_run.h"
#include "time_random.h"
#include "timing.h"
#include "training_speed.h"
#include <stdlib.h>
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

static void print_timings(const struct results *r)
{
    printf("%-28s %-18s %9s %9s %9s %9s %9s %9s %9s\n", "model", "seconds a sentence", "mean", "p50", "p90", "p99", "text",
           "denoise", "decode");
    for (int i = 0; i < r->ntimings; i++) {
        const struct results_timing *t = &r->timings[i];
        printf("%-28s %-18s %9.5f %9.5f %9.5f %9.5f %9.5f %9.5f %9.5f\n", t->model, t->name, t->latency.mean, t->latency.p50,
               t->latency.p90, t->latency.p99, t->text, t->denoise, t->decode);
    }
}

static int time_stream(const char *model, const struct mlcm_parts *parts, const struct stream_scenario *s, const char *json, const char *out, struct error *e)
{
    struct stream_figures f;
    float *joints = NULL;
    int made = 0, rc = stream_scenario_run(model, parts, s, &f, &joints, &made, e);
    const int shape[3] = {made, f.joints, 3};
    if (!rc && (!json || strcmp(json, "-"))) stream_scenario_print(&f, stdout);
    if (!rc && json) rc = stream_scenario_json(&f, s, json, e);
    if (!rc && out) rc = npy_write_float(out, 3, shape, joints, e);
    free(joints);
    return rc;
}

int cmd_time(int argc, char **argv)
{
    const char *config = NULL, *root = NULL, *cache = "build/cache", *json = NULL, *precision = NULL, *text_precision = NULL, *scenario = NULL, *out = NULL;
    const char *model = "results/weights/bandai_small";
    struct stream_scenario stream = {.seconds = 60, .seed = 1234};
    struct device_option device = {0};
    int threads = 0, runs = 0, training = 0, random = 0, frames = 196, together = 0;
    const struct option_row options[] = {
        {.name = "config", .text = &config, .value = "E.json", .help = "the experiment"},
        {.name = "root", .text = &root, .value = "DIR", .help = "the published files' folder, instead of the experiment's"},
        {.name = "runs", .integer = &runs, .low = 1, .high = 1e6, .value = "N", .help = "sentences a model, instead of the experiment's"},
        {.name = "random-weights", .flag = &random, .help = "no data set, no checkpoint: networks of the experiment's sizes with random weights"},
        {.name = "frames", .integer = &frames, .low = 8, .high = 10000, .value = "N", .help = "with random weights: length of every motion (196)"},
        {.name = "together", .flag = &together, .help = "with random weights: batches of 32 too"},
        {.name = "text-precision", .text = &text_precision, .value = "P", .help = "weights of a published text encoder: fp32, bf16 or int8, instead of the experiment's"},
        {.name = "precision", .text = &precision, .value = "P", .help = "weights of all other networks, likewise (protocol.precision, or fp32)"},
        {.name = "training", .flag = &training, .help = "instead: a VAE training step's FLOPs over the GEMM peak of the same run"},
        {.name = "scenario", .text = &scenario, .value = "NAME", .help = "stream: instead, a stream of changing captions on the models of --model"},
        {.name = "model", .text = &model, .value = "DIR", .help = "of the stream: folder with vae.h5, lcm.h5, control.h5 (results/weights/bandai_small)"},
        {.name = "seconds", .number = &stream.seconds, .low = 1, .high = 36000, .value = "S", .help = "of the stream: how much motion (60)"},
        {.name = "segment", .integer = &stream.frames, .low = 8, .high = 200, .value = "N", .help = "of the stream: new frames a segment (60)"},
        {.name = "overlap", .integer = &stream.overlap, .low = 1, .high = 190, .value = "N", .help = "of the stream: frames that segments share"},
        {.name = "plain", .flag = &stream.plain, .help = "of the stream: without the ControlNet"},
        {.name = "seed", .seed = &stream.seed, .value = "S", .help = "of the stream's noise (1234)"},
        {.name = "out", .letter = 'o', .text = &out, .value = "FILE", .help = "of the stream: its joints, FILE.npy"},
        {.name = "json", .text = &json, .value = "FILE", .help = "the results document; - is standard output"},
        {.name = "cache", .text = &cache, .value = "DIR", .help = "where models are (build/cache)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        DEVICE_OPTION_ROWS(device),
        {0}};
    const struct command_form form = {
        .example = "mlcm time --config bench/experiments/bandai_small.json",
        .usage = "mlcm time --config E.json [--random-weights [--frames N]] [--precision P] [--runs N] [--json FILE]",
        .purpose = "AITS of every model of the experiment: seconds a sentence at batch 1 from the caption to the decoded\n"
                   "features, with its stages and percentiles; without the text encoder; amortised at batch 32.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    struct experiment x;
    struct chain c = {0};
    struct loaded l;
    struct results r;
    struct items test = {0};
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (scenario) {
        if (strcmp(scenario, "stream")) error_set(&e, ERR_USAGE, "--scenario %.40s: there is stream", scenario);
        else {
            struct device_choice choice = {0};
            struct mlcm_parts parts = {.threads = threads};
            if (device_option_choose(&device, &choice, &e)) return command_fail(&e);
            parts.device = device_kind_names[choice.kind];
            parts.gpu_math = device_math_names[choice.math];
            time_stream(model, &parts, &stream, json, out, &e);
        }
        return e.code ? command_fail(&e) : 0;
    }
    if (!config) {
        error_set(&e, ERR_USAGE, "an experiment is needed: --config E.json");
        return command_fail(&e);
    }
    if (experiment_read(config, &x, &e)) return command_fail(&e);
    experiment_root(&x, root);
    if (runs) x.time_runs = runs;
    int rc = 0;
    if (text_precision && !random && !x.published.given)   /* another encoder would be another chain, trained anew */
        rc = error_set(&e, ERR_USAGE, "--text-precision: the models were trained on what text.precision of %s says; change it there", config);
    if (!rc) rc = experiment_text_precision(&x, text_precision, &e);
    if (!rc) rc = experiment_precision(&x, precision, &e);
    if (!rc) rc = experiment_device(&x, &device, threads, &e);
    if (!rc && random && training) rc = error_set(&e, ERR_USAGE, "--random-weights and --training exclude each other; use one");
    if (rc || random) {
        results_begin(&r);
        results_device(&r, &x.device);
        r.experiment = cJSON_Duplicate(x.resolved, 1);
        int say = !json || strcmp(json, "-");
        if (!rc) rc = time_random(&x, frames, together, say, &r, &e);
        if (!rc && say) print_timings(&r);
        if (!rc && json) rc = results_write(&r, json, &e);
        results_free(&r);
        experiment_free(&x);
        return rc ? command_fail(&e) : 0;
    }
    rc = chain_open(&c, &x, cache, &e);
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
        results_device(&r, &x.device);
        r.experiment = cJSON_Duplicate(x.resolved, 1);
        rc = items_build(&c.set, "test", &test, &e);
        for (int i = 0; i < x.model_count && !rc; i++)
            if (l.systems[i].kind->sampled) {
                const struct timing_plan plan = {.items = &test, .together = l.systems[i].kind != &system_motionlcm_tuning};
                rc = timing_measure(&c, &plan, &l.systems[i], x.models[i].name, &r, mean, NULL, &e);
            }
        if (!rc && (!json || strcmp(json, "-"))) print_timings(&r);
        if (!rc && json) rc = results_write(&r, json, &e);
        items_free(&test);
        results_free(&r);
        loaded_close(&l);
    }
    chain_close(&c);
    experiment_free(&x);
    return rc ? command_fail(&e) : 0;
}
