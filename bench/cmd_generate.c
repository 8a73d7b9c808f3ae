/* mlcm generate: one motion from one sentence. */
#include "arguments.h"
#include "../datasets/skeleton.h"
#include "../engine/npy.h"
#include "command.h"
#include "strips.h"
#include "table_run.h"
#include <stdlib.h>
#include <string.h>

static int has_ending(const char *path, const char *ending)
{
    size_t a = strlen(path), b = strlen(ending);
    return a > b && !strcmp(path + a - b, ending);
}

/* Writes features or, told by the file's ending, a strip of poses. */
static int write_motion(const struct set *s, const char *path, const char *text, const float *features, int frames, int as_joints,
                        struct error *e)
{
    const struct skeleton *k = s->njoints == 22 ? skeleton_humanml3d() : skeleton_kit();
    int shape[3] = {frames, s->nfeats, 3};
    if (!as_joints && has_ending(path, ".npy")) return npy_write_float(path, 2, shape, features, e);
    float *joints = malloc((size_t)frames * (size_t)s->njoints * 3 * sizeof *joints);
    if (!joints) return error_memory(e, "the joints");
    joints_from_features(k, features, frames, joints);
    shape[1] = s->njoints;
    const float *rows[1] = {joints};
    int rc = has_ending(path, ".svg") ? strip_write(path, rows, &frames, &text, 1, k, 12, e)
                                      : npy_write_float(path, 3, shape, joints, e);
    free(joints);
    return rc;
}

int cmd_generate(int argc, char **argv)
{
    const char *config = "bench/experiments/bandai_small.json", *cache = "build/cache", *out = NULL, *system = "motionlcm";
    int frames = 120, steps = 0, threads = 0, joints = 0;
    uint64_t seed = 1234;
    double guidance = 0;
    const struct option_row options[] = {
        {.name = "frames", .integer = &frames, .low = 8, .high = 200, .value = "N", .help = "length at the set's frame rate (120)"},
        {.name = "steps", .integer = &steps, .low = 1, .high = 1000, .value = "K", .help = "sampling steps (motionlcm 1, mld 50)"},
        {.name = "seed", .seed = &seed, .value = "S", .help = "of the noise (1234)"},
        {.name = "guidance", .number = &guidance, .low = 0.01, .high = 100, .value = "G", .help = "guidance scale, instead of the experiment's"},
        {.name = "system", .text = &system, .value = "NAME", .help = "motionlcm or mld"},
        {.name = "joints", .flag = &joints, .help = "write joint positions (N,22,3) instead of features (N,263)"},
        {.name = "out", .letter = 'o', .text = &out, .value = "FILE", .help = "FILE.npy, or FILE.svg for a strip of poses"},
        {.name = "config", .text = &config, .value = "E.json", .help = "the experiment whose models are used"},
        {.name = "cache", .text = &cache, .value = "DIR", .help = "where models are (build/cache)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        {0}};
    const struct command_form form = {
        .example = "mlcm generate \"a person walks slowly and turns left\" --frames 120 --steps 1 --seed 7 -o walk.npy",
        .usage = "mlcm generate \"TEXT\" -o OUT.npy|OUT.svg [--frames N] [--steps K] [--seed S]",
        .purpose = "Generates one motion and writes its features, its joints or a strip of poses. The seed is printed.",
        .options = options, .least = 1, .most = 1};
    struct arguments a;
    struct error e = {0};
    struct experiment x;
    struct chain c;
    struct loaded l = {0};
    struct system s;
    float *features = NULL;
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!out || !(has_ending(out, ".npy") || has_ending(out, ".svg"))) {
        error_set(&e, ERR_USAGE, "an output file is needed: -o OUT.npy or -o OUT.svg");
        return command_fail(&e);
    }
    if (strcmp(system, "mld") && strcmp(system, "motionlcm")) {
        error_set(&e, ERR_USAGE, "--system %s does not generate from text; use motionlcm or mld", system);
        return command_fail(&e);
    }
    if (experiment_read(config, &x, &e)) return command_fail(&e);
    struct model_entry entry = {.name = "generate", .steps = steps, .guidance = guidance};
    snprintf(entry.system, sizeof entry.system, "%s", system);
    x.models[0] = entry;
    x.model_count = 1;
    int rc = chain_open(&c, &x, cache, threads, &e);
    if (!rc) rc = loaded_open(&l, &c, 0, &e);
    if (!rc && frames > x.vae.positions)
        rc = error_set(&e, ERR_USAGE, "--frames %d is above the model's %d positions; use fewer", frames, x.vae.positions);
    if (!rc) {
        s = l.systems[0];
        rc = generate_one(&c.lanes, &c.set, &s, a.positional[0], frames, seed, &features, &e);
        if (!rc) rc = write_motion(&c.set, out, a.positional[0], features, frames, joints, &e);
        if (!rc) fprintf(stderr, "mlcm: %s, %d frames, %d steps, seed %llu\n", out, frames, s.sampler.steps, (unsigned long long)seed);
        free(features);
        loaded_close(&l);
    }
    chain_close(&c);
    experiment_free(&x);
    return rc ? command_fail(&e) : 0;
}
