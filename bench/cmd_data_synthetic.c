/* mlcm data synthetic: the published layout without the published files. */
#include "data_tools.h"
#include "../datasets/published_layout.h"
#include "../engine/device.h"
#include "../engine/file.h"
#include "arguments.h"
#include "command.h"
#include "synthetic_models.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

int data_synthetic(int argc, char **argv)
{
    const char *out = NULL, *layout = "humanml3d", *size = "paper";
    int clips = 400, checkpoints = 0, large = 0;
    uint64_t seed = 1;
    const struct option_row options[] = {
        {.name = "out", .letter = 'o', .text = &out, .value = "DIR", .help = "the folder to fill; it must not be there yet"},
        {.name = "layout", .text = &layout, .value = "humanml3d|kit", .help = "whose (humanml3d)"},
        {.name = "clips", .integer = &clips, .low = 1, .high = 7975, .value = "N", .help = "motions, each with its mirrored twin (400)"},
        {.name = "checkpoints", .flag = &checkpoints, .help = "also models and evaluator with random weights"},
        {.name = "size", .text = &size, .value = "paper|tiny", .help = "of these models (paper)"},
        {.name = "large-text", .flag = &large, .help = "with the text encoder at its published size (670 MB)"},
        {.name = "seed", .seed = &seed, .value = "S", .help = "of motions and weights (1)"},
        {0}};
    const struct command_form form = {
        .example = "mlcm data synthetic --out build/synthetic --checkpoints",
        .usage = "mlcm data synthetic --out DIR [--layout humanml3d|kit] [--clips N] [--checkpoints] [--size paper|tiny]",
        .purpose = "Writes motions of a stick figure as HumanML3D or KIT-ML are published, and, if asked, models with\n"
                   "random weights as MotionLCM's repository lays them out: to try the published files' path\n"
                   "without them. What is measured on them means nothing, and results say so by the data's name.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    char folder[1100], building[1200], data[1300], words[1300], evaluator[1300], spatial[1300];
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    struct synthetic_models m = {.kit = !strcmp(layout, "kit"), .tiny = !strcmp(size, "tiny"), .large_text = large, .seed = seed};
    if (!out) error_set(&e, ERR_USAGE, "a folder is needed: --out DIR");
    else if (strlen(out) > 1000) error_set(&e, ERR_USAGE, "--out: the path is too long");
    else if (!m.kit && strcmp(layout, "humanml3d")) error_set(&e, ERR_USAGE, "--layout %.40s: use humanml3d or kit", layout);
    else if (!m.tiny && strcmp(size, "paper")) error_set(&e, ERR_USAGE, "--size %.40s: use paper or tiny", size);
    else if ((m.tiny || large) && !checkpoints) error_set(&e, ERR_USAGE, "--size and --large-text go with --checkpoints; add it");
    if (e.code) return command_fail(&e);
    /* under another name until it is whole */
    snprintf(folder, sizeof folder, "%s", out);
    for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--) folder[n - 1] = 0;
    snprintf(building, sizeof building, "%s.unfinished", folder);
    snprintf(data, sizeof data, "%s/datasets/%s", building, m.kit ? "kit" : "humanml3d");
    snprintf(words, sizeof words, "%s/deps/glove", building);
    snprintf(evaluator, sizeof evaluator, "%s/deps/t2m/%s/meta", building, m.kit ? "kit/Comp_v6_KLD005" : "t2m/Comp_v6_KLD01");
    snprintf(spatial, sizeof spatial, "%s/datasets/humanml_spatial_norm", building);
    /* never among files that somebody downloaded */
    if (file_exists(out)) {
        error_set(&e, ERR_USAGE, "%s: is there already; name a new folder", out);
        return command_fail(&e);
    }
    if (file_exists(building)) {
        error_set(&e, ERR_USAGE, "%s: is what an interrupted run left; remove it, or name another folder", building);
        return command_fail(&e);
    }
    const struct published_folders to = {data, words, evaluator, m.kit ? NULL : spatial};
    int rc = set_write_synthetic(&to, m.kit, clips, seed, &e);
    if (!rc && checkpoints) {
        struct device d;
        rc = device_open(&d, &(struct device_choice){.threads = 1}, &e);
        if (!rc) {
            rc = synthetic_models_write(building, &m, &d, &e);
            device_close(&d);
        }
    }
    if (!rc && rename(building, folder))
        rc = error_set(&e, ERR_ENV, "%s: cannot be named %s (%s); rename it yourself", building, folder, strerror(errno));
    if (rc) return command_fail(&e);
    printf("%s: %d motions and their twins in the layout of %s%s\n", out, clips, m.kit ? "KIT-ML" : "HumanML3D",
           checkpoints ? ", with models of random weights" : "");
    return 0;
}
