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

/* What is asked for. */
struct request {
    const char *motions, *config, *set, *evaluator, *cache, *out, *json;
    struct device_option device;
    int threads, pool, seeded;
    uint64_t seed;
    struct eval_options options;
    char command[1000], name[RESULTS_NAME];
    double start;
};

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

/* The experiment that the options name, or none, with what they say instead. */
static int read_experiment(const struct request *q, struct experiment *x, struct error *e)
{
    int plain = !q->config, rc = plain ? plain_experiment(q->set, q->evaluator, x, e) : experiment_read(q->config, x, e);
    if (rc) return rc;
    if (q->set) snprintf(x->set, sizeof x->set, "%.1000s", q->set);
    if (q->set && !plain) rc = experiment_echo(x, "data", "set", cJSON_CreateString(q->set), e);
    if (q->pool) {
        x->pool = q->pool;
        if (!rc) rc = experiment_echo(x, "protocol", "pool", cJSON_CreateNumber(q->pool), e);
    }
    if (q->seeded && !rc) rc = experiment_echo(x, "", "seed", cJSON_CreateNumber((double)q->seed), e);
    if (!rc) rc = experiment_device(x, &q->device, q->threads, e);
    if (rc) experiment_free(x);
    return rc;
}

/* Document and tables, as far as they are asked for. */
static int write_all(const struct results *r, const struct request *q, struct error *e)
{
    char path[1200];
    int rc = q->json ? results_write(r, q->json, e) : 0;
    if (rc || !q->out) return rc;
    rc = file_make_folder(q->out, e);
    snprintf(path, sizeof path, "%.1000s/eval.json", q->out);
    if (!rc) rc = results_write(r, path, e);
    return rc ? rc : table_write_all(r, q->out, e);
}

static int evaluate(struct chain *c, const char *file, const struct request *q, struct error *e)
{
    struct evaluator evaluator = {0};
    int rc = evaluator_open(&evaluator, &c->device, file, e);
    if (rc) return rc;
    if (evaluator.size.nfeats != c->set.nfeats || evaluator.size.word_width != c->set.words.dim)
        rc = error_set(e, ERR_INPUT, "%s: an evaluator of %d features and words of width %d, the set has %d and %d; use the evaluator of this "
                       "data set", file, evaluator.size.nfeats, evaluator.size.word_width, c->set.nfeats, c->set.words.dim);
    if (!rc) {
        struct results *r = calloc(1, sizeof *r);
        rc = r ? eval_run(c, &evaluator, &q->options, r, e) : error_memory(e, "the results");
        if (!rc) {
            snprintf(r->command, sizeof r->command, "%s", q->command);
            r->seconds = clock_seconds() - q->start;
            if (!q->json || strcmp(q->json, "-")) table_markdown(r, stdout);
            rc = write_all(r, q, e);
        }
        if (r) results_free(r);
        free(r);
    }
    evaluator_free(&evaluator);
    return rc;
}

/* Called after the first folder, where no option says it. The real motions' row has a name of its own. */
static void name_row(struct request *q)
{
    if (!q->options.name) {
        size_t n = strlen(q->motions);
        while (n > 1 && q->motions[n - 1] == '/') n--;
        const char *end = q->motions + n, *from = end;
        while (from > q->motions && from[-1] != '/') from--;
        snprintf(q->name, sizeof q->name, "%.*s", (int)(end - from), from);
        q->options.name = q->name;
    }
    if (!strcmp(q->options.name, "Real")) {
        snprintf(q->name, sizeof q->name, "Real (given)");
        q->options.name = q->name;
    }
}

/* Folders are --motions and what stands behind it. */
static int run(struct request *q, const struct arguments *a, struct error *e)
{
    struct experiment x;
    struct chain c = {.quiet = q->options.quiet};
    const char **folders = malloc(((size_t)a->count + 1) * sizeof *folders), *evaluator = q->evaluator;
    if (!folders) return error_memory(e, "the folders");
    folders[0] = q->motions;
    for (int i = 0; i < a->count; i++) folders[i + 1] = a->positional[i];
    q->options.folders = folders;
    q->options.nfolders = a->count + 1;
    q->options.evaluator = q->evaluator;
    name_row(q);
    int rc = read_experiment(q, &x, e);
    if (!rc) {
        rc = open_chain(&c, &x, !q->config, q->cache, &evaluator, e);
        if (!rc) {
            if (q->seeded) x.seed = q->seed;       /* of the draws; the evaluator is that of the experiment's seed */
            rc = evaluate(&c, evaluator, q, e);
            chain_close(&c);
        }
        experiment_free(&x);
    }
    free(folders);
    return rc;
}

int cmd_eval(int argc, char **argv)
{
    struct request q = {.cache = "build/cache", .options = {.split = "test"}};
    struct eval_options *o = &q.options;
    const struct option_row options[] = {
        {.name = "motions", .text = &q.motions, .value = "DIR", .help = "NAME.npy of each clip or caption: features or joints, see above"},
        {.name = "config", .text = &q.config, .value = "E.json", .help = "the experiment, whose set, evaluator and protocol are taken"},
        {.name = "data", .text = &q.set, .value = "SET.h5", .help = "the set instead; with --evaluator no experiment is needed"},
        {.name = "evaluator", .text = &q.evaluator, .value = "FILE", .help = "the evaluator's weights instead: evaluator.h5 or finest.tar"},
        {.name = "captions", .text = &o->captions, .value = "FILE", .help = "lines NAME, tab, caption, for motions that are not named by clips"},
        {.name = "split", .text = &o->split, .value = "NAME", .help = "of the set (test)"},
        {.name = "name", .text = &o->name, .value = "ROW", .help = "of the table's row (the folder's name)"},
        {.name = "fps", .number = &o->rule.fps, .low = 0.1, .high = 1000, .value = "RATE", .help = "of the joints, which are resampled to the set's"},
        {.name = "normalised", .flag = &o->rule.normalised, .help = "the features are normalised by the set's statistics"},
        {.name = "replications", .integer = &o->replications, .low = 1, .high = 1000, .value = "R", .help = "instead of the experiment's (20)"},
        {.name = "pool", .integer = &q.pool, .low = 2, .high = 10000, .value = "N", .help = "of R-Precision, instead of the experiment's (32)"},
        {.name = "seed", .seed = &q.seed, .given = &q.seeded, .value = "S", .help = "of the draws, instead of the experiment's (1234)"},
        {.name = "out", .letter = 'o', .text = &q.out, .value = "DIR", .help = "folder for the document and tables"},
        {.name = "json", .text = &q.json, .value = "FILE", .help = "the results document; - is standard output"},
        {.name = "cache", .text = &q.cache, .value = "DIR", .help = "where an evaluator is, if the experiment trains it (build/cache)"},
        {.name = "threads", .integer = &q.threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        DEVICE_OPTION_ROWS(q.device),
        {.name = "quiet", .flag = &o->quiet, .help = "no progress"},
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
    q.start = clock_seconds();
    results_command(argc, argv, q.command);
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    int rc;
    if (!q.motions) rc = error_set(&e, ERR_USAGE, "a folder of motions is needed: --motions DIR");
    else if (!q.config && (!q.set || !q.evaluator))
        rc = error_set(&e, ERR_USAGE, "an experiment is needed, --config E.json, or a set and its evaluator, --data SET.h5 --evaluator FILE");
    else rc = run(&q, &a, &e);
    return rc ? command_fail(&e) : 0;
}
