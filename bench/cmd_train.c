/* mlcm train STAGE: one stage of the chain, and what it needs. */
#include "arguments.h"
#include "chain.h"
#include "command.h"
#include <string.h>

int cmd_train(int argc, char **argv)
{
    const char *config = NULL, *root = NULL, *cache = "build/cache", *variant = NULL;
    struct device_option device = {0};
    int threads = 0, quiet = 0, resume = 0, stop = 0, fresh = 0;
    const struct option_row options[] = {
        {.name = "config", .text = &config, .value = "E.json", .help = "the experiment"},
        {.name = "root", .text = &root, .value = "DIR", .help = "the published files' folder, instead of the experiment's"},
        {.name = "cache", .text = &cache, .value = "DIR", .help = "where models, states and logs go (build/cache)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        DEVICE_OPTION_ROWS(device),
        {.name = "variant", .text = &variant, .value = "NAME", .help = "train this one of control.variants instead of the section itself"},
        {.name = "resume", .flag = &resume, .help = "go on from a state file (always done where one is there)"},
        {.name = "fresh", .flag = &fresh, .help = "ignore the experiment's committed weights"},
        {.name = "stop-after", .integer = &stop, .low = 1, .high = 2e9, .value = "N", .help = "stop after optimiser step N, state saved"},
        {.name = "quiet", .flag = &quiet, .help = "no progress"},
        {0}};
    const struct command_form form = {
        .example = "mlcm train vae --config bench/experiments/default.json",
        .usage = "mlcm train evaluator|vae|mld|lcm|control|control_mld --config E.json [--cache DIR] [--threads N]",
        .purpose = "Trains one stage of the chain and the stages it needs; what is trained already is not trained again.\n"
                   "A run that was killed goes on from its last saved state.",
        .options = options, .least = 1, .most = 1};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    int stage = 0;
    while (stage < STAGE_COUNT && strcmp(stage_name((enum stage_kind)stage), a.positional[0])) stage++;
    if (stage == STAGE_COUNT) {
        error_set(&e, ERR_USAGE, "no stage '%s'; use evaluator, vae, mld, lcm, control or control_mld", a.positional[0]);
        return command_fail(&e);
    }
    if (!config) {
        error_set(&e, ERR_USAGE, "an experiment is needed: --config E.json");
        return command_fail(&e);
    }
    struct experiment x;
    struct chain c = {0};
    int rc = experiment_read(config, &x, &e);
    if (rc) return command_fail(&e);
    experiment_root(&x, root);
    c.quiet = quiet;
    c.fresh = fresh;
    rc = experiment_device(&x, &device, threads, &e);
    if (!rc) rc = chain_open(&c, &x, cache, &e);
    if (!rc) {
        c.stop_at = stop;
        int number = variant ? experiment_control_variant(&x, variant) : 0;
        if (variant && stage < STAGE_CONTROL)
            rc = error_set(&e, ERR_USAGE, "--variant: stage %s has none; leave it out", a.positional[0]);
        else if (number < 0)
            rc = error_set(&e, ERR_USAGE, "--variant %s: %s has no control.variants.%s; add it", variant, config, variant);
        enum stage_kind kind = (enum stage_kind)(stage + number);
        if (!rc) rc = chain_need(&c, kind, &e);
        if (!rc) printf("%s %s\n", stage_label(&c, kind).text, c.model[kind]);
        chain_close(&c);
    }
    experiment_free(&x);
    return rc ? command_fail(&e) : 0;
}
