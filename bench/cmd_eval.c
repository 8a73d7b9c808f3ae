/* mlcm eval: metrics of motions that another program made. */
#include "arguments.h"
#include "../engine/clock.h"
#include "../engine/file.h"
#include "command.h"
#include "device_option.h"
#include "eval_run.h"
#include "table_text.h"

#include <stdlib.h>
#include <string.h>

/* The protocol of the field, for a set and an evaluator without an experiment. */
static int plain_experiment(const char *set, const char *evaluator, struct experiment *x, struct error *e)
{
    memset(x, 0, sizeof *x);
    snprintf(x->path, sizeof x->path, "%.1000s", set);
    snprintf(x->name, sizeof x->name, "eval");
    snprintf(x->set, sizeof x->set, "%.1000s", set);
    x->seed = 1234;
    x->replications = 20;
    x->pool = 32;
    x->diversity_times = 300;
    x->mm_samples = 100;
    x->mm_repeats = 30;
    x->mm_times = 10;
    x->batch = 32;
    x->resolved = cJSON_CreateObject();
    if (x->resolved && cJSON_AddStringToObject(x->resolved, "set", set) && cJSON_AddStringToObject(x->resolved, "evaluator_file", evaluator))
        return 0;
    experiment_free(x);
    return error_memory(e, "the experiment");
}

/* The set and the evaluator's file: of the experiment, where flags do not name others. */
static int open_chain(struct chain *c, struct experiment *x, int plain, const char *cache, const char **evaluator, struct error *e)
{
    int rc;
    if (plain) {
        rc = chain_open_bare(c, x, e);
        if (!rc) rc = set_read(x->set, &c->set, e);
        if (rc) chain_close(c);
        return rc;
    }
    rc = chain_open(c, x, cache, e);
    if (!rc && !*evaluator) {
        rc = chain_need(c, STAGE_EVALUATOR, e);
        if (!rc) *evaluator = c->model[STAGE_EVALUATOR];
        if (rc) chain_close(c);
    }
    return rc;
}

static int write_all(const struct results *r, const char *folder, const char *json, struct error *e)
{
    char path[1200];
    int rc = json ? results_write(r, json, e) : 0;
    if (rc || !folder) return rc;
    rc = file_make_folder(folder, e);
    snprintf(path, sizeof path, "%.1000s/eval.json", folder);
    if (!rc) rc = results_write(r, path, e);
    return rc ? rc : table_write_all(r, folder, e);
}

static int evaluate(struct chain *c, const char *file, const struct eval_options *o, const char *command, const char *folder, const char *json,
                    double start, struct error *e)
{
    struct evaluator evaluator = {0};
    int rc = evaluator_open(&evaluator, &c->device, file, e);
    if (rc) return rc;
    if (evaluator.size.nfeats != c->set.nfeats || evaluator.size.word_width != c->set.words.dim)
        rc = error_set(e, ERR_INPUT, "%s: an evaluator of %d features and words of width %d, the set has %d and %d; use the evaluator of this "
                       "data set", file, evaluator.size.nfeats, evaluator.size.word_width, c->set.nfeats, c->set.words.dim);
    if (!rc) {
        struct results *r = calloc(1, sizeof *r);
        rc = r ? eval_run(c, &evaluator, o, r, e) : error_memory(e, "the results");
        if (!rc) {
            snprintf(r->command, sizeof r->command, "%s", command);
            r->seconds = clock_seconds() - start;
            if (!json || strcmp(json, "-")) table_markdown(r, stdout);
            rc = write_all(r, folder, json, e);
        }
        if (r) results_free(r);
        free(r);
    }
    evaluator_free(&evaluator);
    return rc;
}

int cmd_eval(int argc, char **argv)
{
    const char *motions = NULL, *config = NULL, *set = NULL, *evaluator = NULL, *cache = "build/cache", *out = NULL, *json = NULL;
    struct eval_options o = {.split = "test", .name = NULL};
    struct device_option device = {0};
    int threads = 0, pool = 0;
    uint64_t seed = 0;
    int seeded = 0;
    const struct option_row options[] = {
        {.name = "motions", .text = &motions, .value = "DIR", .help = "NAME.npy of each clip or caption: features or joints, see above"},
        {.name = "config", .text = &config, .value = "E.json", .help = "the experiment, whose set, evaluator and protocol are taken"},
        {.name = "data", .text = &set, .value = "SET.h5", .help = "the set instead; with --evaluator no experiment is needed"},
        {.name = "evaluator", .text = &evaluator, .value = "FILE", .help = "the evaluator's weights instead: evaluator.h5 or finest.tar"},
        {.name = "captions", .text = &o.captions, .value = "FILE", .help = "lines NAME, tab, caption, for motions that are not named by clips"},
        {.name = "split", .text = &o.split, .value = "NAME", .help = "of the set (test)"},
        {.name = "name", .text = &o.name, .value = "ROW", .help = "of the table's row (the folder's name)"},
        {.name = "fps", .number = &o.rule.fps, .low = 0.1, .high = 1000, .value = "RATE", .help = "of the joints, which are resampled to the set's"},
        {.name = "normalised", .flag = &o.rule.normalised, .help = "the features are normalised by the set's statistics"},
        {.name = "replications", .integer = &o.replications, .low = 1, .high = 1000, .value = "R", .help = "instead of the experiment's (20)"},
        {.name = "pool", .integer = &pool, .low = 2, .high = 10000, .value = "N", .help = "of R-Precision, instead of the experiment's (32)"},
        {.name = "seed", .seed = &seed, .given = &seeded, .value = "S", .help = "of the draws, instead of the experiment's (1234)"},
        {.name = "out", .letter = 'o', .text = &out, .value = "DIR", .help = "folder for the document and tables"},
        {.name = "json", .text = &json, .value = "FILE", .help = "the results document; - is standard output"},
        {.name = "cache", .text = &cache, .value = "DIR", .help = "where an evaluator is, if the experiment trains it (build/cache)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        DEVICE_OPTION_ROWS(device),
        {.name = "quiet", .flag = &o.quiet, .help = "no progress"},
        {0}};
    const struct command_form form = {
        .example = "mlcm eval --motions generated --config bench/experiments/bandai_small.json --json eval.json",
        .usage = "mlcm eval --motions DIR [DIR …] --config E.json | --data SET.h5 --evaluator FILE [--json FILE]",
        .purpose = "Metrics of motions that another program generated, by the protocol of bench. DIR holds NAME.npy, with NAME a\n"
                   "clip of the split or with its caption in NAME.txt; NAME_0.npy, NAME_1.npy … are motions of one caption, for\n"
                   "MultiModality. An array is features (T, 263 or 251), joints (T, J, 3) or (J, 3, T); results.npy is what MDM\n"
                   "writes. Further folders are further replications of the same captions.",
        .options = options, .least = 0, .most = -1};
    struct arguments a;
    struct error e = {0};
    struct experiment x;
    struct chain c = {0};
    char command[900] = "mlcm", name[RESULTS_NAME];
    double start = clock_seconds();
    for (int i = 0; i < argc; i++)
        if (strlen(command) + strlen(argv[i]) + 2 < sizeof command) strcat(strcat(command, " "), argv[i]);
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    int plain = !config, rc = 0;
    if (!motions) rc = error_set(&e, ERR_USAGE, "a folder of motions is needed: --motions DIR");
    else if (plain && (!set || !evaluator))
        rc = error_set(&e, ERR_USAGE, "an experiment is needed, --config E.json, or a set and its evaluator, --data SET.h5 --evaluator FILE");
    if (rc) return command_fail(&e);
    const char **folders = malloc(((size_t)a.count + 1) * sizeof *folders);
    if (!folders) {
        error_memory(&e, "the folders");
        return command_fail(&e);
    }
    folders[0] = motions;
    for (int i = 0; i < a.count; i++) folders[i + 1] = a.positional[i];
    o.folders = folders;
    o.nfolders = a.count + 1;
    if (!o.name) {
        size_t n = strlen(motions);
        while (n > 1 && motions[n - 1] == '/') n--;
        const char *end = motions + n, *from = end;
        while (from > motions && from[-1] != '/') from--;
        snprintf(name, sizeof name, "%.*s", (int)(end - from), from);
        o.name = name;
    }
    if (!strcmp(o.name, "Real")) {
        snprintf(name, sizeof name, "Real (given)");
        o.name = name;
    }
    rc = plain ? plain_experiment(set, evaluator, &x, &e) : experiment_read(config, &x, &e);
    if (rc) {
        free(folders);
        return command_fail(&e);
    }
    if (set) snprintf(x.set, sizeof x.set, "%.1000s", set);
    if (pool) x.pool = pool;
    if (seeded) x.seed = seed;
    c.quiet = o.quiet;
    rc = experiment_device(&x, &device, threads, &e);
    if (!rc) rc = open_chain(&c, &x, plain, cache, &evaluator, &e);
    if (!rc) {
        rc = evaluate(&c, evaluator, &o, command, out, json, start, &e);
        chain_close(&c);
    }
    experiment_free(&x);
    free(folders);
    return rc ? command_fail(&e) : 0;
}
