/* mlcm generate: one motion from one sentence, by the library's public interface. */
#include "arguments.h"
#include "../datasets/skeleton.h"
#include "../engine/file.h"
#include "../engine/mlcm.h"
#include "../engine/npy.h"
#include "command.h"
#include "strips.h"
#include <stdlib.h>
#include <string.h>

static int has_ending(const char *path, const char *ending)
{
    size_t a = strlen(path), b = strlen(ending);
    return a > b && !strcmp(path + a - b, ending);
}

static int write_motion(const mlcm *m, const char *path, const char *text, const float *features, const float *joints, int frames,
                        int as_joints, struct error *e)
{
    int shape[3] = {frames, as_joints ? mlcm_joints(m) : mlcm_features(m), 3};
    if (has_ending(path, ".svg")) {
        const struct skeleton *k = skeleton_of_joints(mlcm_joints(m));
        if (!k)
            return error_set(e, ERR_INPUT, "no skeleton is known with the model's %d joints; write a .npy file", mlcm_joints(m));
        return strip_write(path, &joints, &frames, &text, 1, k, 12, e);
    }
    return as_joints ? npy_write_float(path, 3, shape, joints, e) : npy_write_float(path, 2, shape, features, e);
}

int cmd_generate(int argc, char **argv)
{
    static const char committed[] = "results/weights/bandai_small";
    const char *model = committed, *out = NULL;
    int frames = 120, joints_only = 0, threads = 0;
    struct mlcm_options o = MLCM_OPTIONS;
    const struct option_row options[] = {
        {.name = "frames", .integer = &frames, .low = 8, .high = 200, .value = "N", .help = "length at the model's frame rate (120; 20 a second)"},
        {.name = "steps", .integer = &o.steps, .low = 1, .high = 1000, .value = "K", .help = "sampling steps (1; the teacher 50)"},
        {.name = "seed", .seed = &o.seed, .value = "S", .help = "of the noise (1234)"},
        {.name = "guidance", .number = &o.guidance, .low = 0.01, .high = 100, .value = "G", .help = "guidance scale, instead of the model's"},
        {.name = "teacher", .flag = &o.teacher, .help = "sample the MLD teacher instead of MotionLCM"},
        {.name = "joints", .flag = &joints_only, .help = "write joint positions (N,22,3) instead of features (N,263)"},
        {.name = "out", .letter = 'o', .text = &out, .value = "FILE", .help = "FILE.npy, or FILE.svg for a strip of poses"},
        {.name = "model", .text = &model, .value = "DIR", .help = "folder with vae.h5, lcm.h5, mld.h5 (results/weights/bandai_small)"},
        {.name = "threads", .integer = &threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        {0}};
    const struct command_form form = {
        .example = "mlcm generate \"a person walks slowly and turns left\" --frames 120 --steps 1 --seed 7 -o walk.npy",
        .usage = "mlcm generate \"TEXT\" -o OUT.npy|OUT.svg [--frames N] [--steps K] [--seed S] [--model DIR]",
        .purpose = "Generates one motion and writes its features, its joints or a strip of poses. The seed is printed.\n"
                   "The features are HumanML3D's; `mlcm data joints` turns them into joint positions.",
        .options = options, .least = 1, .most = -1};
    struct arguments a;
    struct error e = {0};
    mlcm *m = NULL;
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (a.count > 1) {
        error_set(&e, ERR_USAGE, "generate: %d texts are given; put one sentence in quotes: mlcm generate \"a person walks\" -o OUT.npy",
                  a.count);
        return command_fail(&e);
    }
    if (!out || !(has_ending(out, ".npy") || has_ending(out, ".svg"))) {
        error_set(&e, ERR_USAGE, "an output file is needed: -o OUT.npy or -o OUT.svg");
        return command_fail(&e);
    }
    e.code = mlcm_open(&m, model, threads, e.text, sizeof e.text);
    if (e.code && model == committed && !file_exists("results/weights/bandai_small/lcm.h5"))
        error_set(&e, e.code, "%s: the committed models are not here; start mlcm in its repository or give --model DIR", model);
    if (e.code) return command_fail(&e);
    float *features = malloc((size_t)frames * (size_t)mlcm_features(m) * sizeof *features);
    float *joints = malloc((size_t)frames * (size_t)mlcm_joints(m) * 3 * sizeof *joints);
    if (!features || !joints) error_memory(&e, "the motion");
    else e.code = mlcm_generate(m, a.positional[0], frames, &o, features, joints, e.text, sizeof e.text);
    if (!e.code) write_motion(m, out, a.positional[0], features, joints, frames, joints_only, &e);
    if (!e.code)
        fprintf(stderr, "mlcm: %s: %d frames at %g a second, seed %llu\n", out, frames, mlcm_fps(m), (unsigned long long)o.seed);
    free(features);
    free(joints);
    mlcm_close(m);
    return e.code ? command_fail(&e) : 0;
}
