/* mlcm time: latency only. What each scenario's clock sees: timing.c (single, batch), stream_scenario.c (stream). */
#include "arguments.h"
#include "../engine/clock.h"
#include "../engine/npy.h"
#include "command.h"
#include "stream_scenario.h"
#include "table_run.h"
#include "time_random.h"
#include "timing.h"
#include "training_speed.h"
#include <cJSON.h>
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
        printf("%-28s %-18s %9.5f %9.5f %9.5f %9.5f", t->model, t->name, t->latency.mean, t->latency.p50, t->latency.p90,
               t->latency.p99);
        if (t->text + t->denoise + t->decode > 0) printf(" %9.5f %9.5f %9.5f\n", t->text, t->denoise, t->decode);
        else printf(" %9s %9s %9s\n", "-", "-", "-");
    }
}

/* --scenario: which rows are wanted; both of single and batch without one. */
static int choose_scenario(const char *name, struct timing_plan *plan, int *stream, struct error *e)
{
    *stream = name && !strcmp(name, "stream");
    plan->single = !name || !strcmp(name, "single");
    plan->batch = !name || !strcmp(name, "batch");
    if (*stream || plan->single || plan->batch) return 0;
    return error_set(e, ERR_USAGE, "--scenario %.40s: there are single, batch and stream", name);
}

/* Of the models in `model`. */
static int time_stream(const char *model, const struct device_choice *choice, const struct stream_scenario *s, int say, const char *out,
                       struct results *r, struct error *e)
{
    struct stream_figures f;
    struct mlcm_parts parts = {.threads = choice->threads, .device = device_kind_names[choice->kind], .gpu_math = device_math_names[choice->math]};
    float *joints = NULL;
    int made = 0, rc = stream_scenario_run(model, &parts, s, &f, &joints, &made, e);
    const int shape[3] = {made, f.joints, 3};
    results_device(r, choice);
    if (!rc) rc = stream_scenario_results(&f, s, model, r, e);
    if (!rc && say) {
        print_timings(r);
        printf("\n");
        stream_scenario_print(&f, stdout);
    }
    if (!rc && out) rc = npy_write_float(out, 3, shape, joints, e);
    free(joints);
    return rc;
}

/* Every sampled model of the experiment, trained (or training) under `cache`. */
static int time_trained(struct chain *c, const struct timing_plan *wanted, struct results *r, struct error *e)
{
    struct loaded l;
    struct items test = {0};
    struct timing_plan plan = *wanted;
    double mean[3];
    int rc = loaded_open(&l, c, 0, e), sampled = 0;
    if (rc) return rc;
    rc = items_build(&c->set, "test", &test, e);
    plan.items = &test;
    r->host.threads_used = c->device.threads;
    snprintf(r->data.name, sizeof r->data.name, "%.90s", c->set.name);
    snprintf(r->data.split, sizeof r->data.split, "test");
    for (int i = 0; i < c->x->model_count && !rc; i++) {
        if (!l.systems[i].kind->sampled) continue;
        /* latent tuning treats the sentences of a batch one after another: batches say nothing more */
        plan.batch = wanted->batch && l.systems[i].kind != &system_motionlcm_tuning;
        rc = timing_measure(c, &plan, &l.systems[i], c->x->models[i].name, r, mean, NULL, e);
        sampled++;
    }
    if (!rc && !sampled) rc = error_set(e, ERR_INPUT, "%s: none of its models samples; there is nothing to time", c->x->path);
    items_free(&test);
    loaded_close(&l);
    return rc;
}

/* What --config says: with random weights, a training step, or the experiment's models. */
static int time_experiment(struct experiment *x, const struct timing_plan *plan, int random, int training, int runs, const char *cache, int say,
                           struct results *r, struct error *e)
{
    struct chain c = {.quiet = plan->quiet};
    results_device(r, &x->device);
    if (random) return time_random(x, plan, say, r, e);
    int rc = chain_open(&c, x, cache, e);
    if (!rc && training) rc = print_training_speed(&c, runs ? runs : 40, e);
    else if (!rc) rc = time_trained(&c, plan, r, e);
    chain_close(&c);
    return rc;
}

int cmd_time(int argc, char **argv)
{
    const char *config = NULL, *root = NULL, *cache = "build/cache", *json = NULL, *precision = NULL, *text_precision = NULL, *scenario = NULL, *out = NULL, *model = NULL;
    struct stream_scenario stream = {.seconds = 60, .seed = 1234};
    struct device_option device = {0};
    struct timing_plan plan = {.frames = 196};
    int threads = 0, runs = 0, training = 0, random = 0, frames_given = 0, together = 0, streams = 0;
    const struct option_row options[] = {
        {.name = "config", .text = &config, .value = "E.json", .help = "the experiment; of the stream: the models that it names as weights"},
        {.name = "scenario", .text = &scenario, .value = "single|batch|stream", .help = "single (one sentence at a time), batch (32 at once) or stream; without it single and batch"},
        {.name = "runs", .integer = &runs, .low = 1, .high = 1e6, .value = "N", .help = "runs a model, instead of the experiment's"},
        {.name = "json", .text = &json, .value = "FILE", .help = "the results document; - is standard output"},
        {.name = "quiet", .flag = &plan.quiet, .help = "no progress"},
        {.name = "precision", .text = &precision, .value = "fp32|bf16|int8", .help = "weights of all networks but the text encoder (protocol.precision, or fp32)"},
        {.name = "text-precision", .text = &text_precision, .value = "fp32|bf16|int8", .help = "weights of a published text encoder, likewise, instead of the experiment's"},
        {.name = "random-weights", .flag = &random, .help = "no data set, no checkpoint: networks of the experiment's sizes with random weights, batch 1"},
        {.name = "frames", .integer = &plan.frames, .given = &frames_given, .low = 8, .high = 10000, .value = "N", .help = "with random weights: length of every motion (196)"},
        {.name = "together", .flag = &together, .help = "with random weights: batches of 32 too"},
        {.name = "training", .flag = &training, .help = "instead: a VAE training step's FLOPs over the GEMM peak of the same run"},
        {.name = "model", .text = &model, .value = "DIR", .help = "of the stream: folder with vae.h5, lcm.h5, control.h5 (results/weights/bandai_small)"},
        {.name = "seconds", .number = &stream.seconds, .low = 1, .high = 36000, .value = "S", .help = "of the stream: how much motion (60)"},
        {.name = "segment", .integer = &stream.frames, .low = 8, .high = 200, .value = "N", .help = "of the stream: new frames a segment (60)"},
        {.name = "overlap", .integer = &stream.overlap, .low = 1, .high = 190, .value = "N", .help = "of the stream: frames that segments share"},
        {.name = "streams", .integer = &stream.streams, .low = 1, .high = 1000, .value = "N", .help = "of the stream: so many, with other seeds and orders of the captions, for the seams (1)"},
        {.name = "tries", .integer = &stream.tries, .low = 1, .high = 1000, .value = "N", .help = "of the stream: most noises tried a segment for a calm seam (64)"},
        {.name = "plain", .flag = &stream.plain, .help = "of the stream: without the ControlNet"},
        {.name = "seed", .seed = &stream.seed, .value = "S", .help = "of the stream's noise (1234)"},
        {.name = "out", .letter = 'o', .text = &out, .value = "FILE", .help = "of the stream: its joints, FILE.npy"},
        {.name = "root", .text = &root, .value = "DIR", .help = "the published files' folder, instead of the experiment's"},
        {.name = "cache", .text = &cache, .value = "DIR", .help = "where models are (build/cache)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        DEVICE_OPTION_ROWS(device),
        {0}};
    const struct command_form form = {
        .example = "mlcm time --config bench/experiments/default.json",
        .usage = "mlcm time --config E.json [--scenario single|batch|stream] [--random-weights [--frames N]] [--precision P] [--runs N] "
                 "[--json FILE]",
        .purpose = "Seconds a sentence from the caption to the decoded features, of every model of the experiment, models and\n"
                   "data loaded, without warm-up, mean and percentiles:\n"
                   "  single  AITS: batch 1, with its stages; and the same without the text encoder\n"
                   "  batch   AITS_batch_32: 32 sentences at once, divided by 32\n"
                   "  stream  a motion of changing captions: time to the first frame, of a segment, motion seconds a second,\n"
                   "          how smooth at the seams; needs no data set",
        .options = options};
    struct arguments a;
    struct error e = {0};
    struct experiment x = {0};
    struct results r;
    char command[1000];
    results_command(argc, argv, command);
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    int rc = choose_scenario(scenario, &plan, &streams, &e), say = !json || strcmp(json, "-");
    if (!rc && !config && !streams) rc = error_set(&e, ERR_USAGE, "an experiment is needed: --config E.json");
    if (!rc && random && training) rc = error_set(&e, ERR_USAGE, "--random-weights and --training exclude each other; use one");
    if (!rc && streams && (random || training)) rc = error_set(&e, ERR_USAGE, "--scenario stream runs trained models; leave out --%s", random ? "random-weights" : "training");
    if (!rc && !streams && (model || out)) rc = error_set(&e, ERR_USAGE, "--%s is of --scenario stream", model ? "model" : "out");
    if (!rc && frames_given && !random) rc = error_set(&e, ERR_USAGE, "--frames is of --random-weights: the data set says how long its motions are");
    if (rc) return command_fail(&e);
    if (config && experiment_read(config, &x, &e)) return command_fail(&e);
    if (config) experiment_root(&x, root);
    if (runs) x.time_runs = runs;
    if (random && !scenario) plan.batch = together;
    if (config && text_precision && !random && !x.published.given)   /* another encoder would be another chain, trained anew */
        rc = error_set(&e, ERR_USAGE, "--text-precision: the models were trained on what text.precision of %s says; change it there", config);
    if (config && !rc) rc = experiment_text_precision(&x, text_precision, &e);
    if (config && !rc) rc = experiment_precision(&x, precision, &e);
    if (config && !rc) rc = experiment_device(&x, &device, threads, &e);
    if (!config) {
        x.device.threads = threads;
        if (!rc) rc = device_option_choose(&device, &x.device, &e);
    }
    results_begin(&r);
    snprintf(r.command, sizeof r.command, "%s", command);
    if (config) r.experiment = cJSON_Duplicate(x.resolved, 1);
    double start = clock_seconds();
    if (!rc && streams) rc = time_stream(model ? model : x.weights[0] ? x.weights : "results/weights/bandai_small", &x.device, &stream, say, out, &r, &e);
    else if (!rc) rc = time_experiment(&x, &plan, random, training, runs, cache, say, &r, &e);
    r.seconds = clock_seconds() - start;
    if (!rc && !streams && !training && say) print_timings(&r);
    if (!rc && json && !training) rc = results_write(&r, json, &e);
    results_free(&r);
    if (config) experiment_free(&x);
    return rc ? command_fail(&e) : 0;
}
