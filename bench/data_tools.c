#include "data_tools.h"
#include "arguments.h"
#include "command.h"
#include "../datasets/bvh.h"
#include "../datasets/features.h"
#include "../engine/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcasecmp(text + n - m, end) == 0;
}

/* joints (frames, J, 3) of a .npy file; of 52 joints (SMPL+H) the first J are taken. */
static int joints_of_npy(const char *path, const struct skeleton *s, double **joints, int *frames,
                         struct error *e)
{
    struct npy a;
    const int J = skeleton_joints(s);
    const int rc = npy_read(path, &a, e);
    if (rc)
        return rc;
    if (a.rank != 3 || a.shape[2] != 3 || (a.shape[1] != J && !(J == 22 && a.shape[1] == 52))) {
        npy_free(&a);
        return error_set(e, ERR_INPUT, "%s: joints must be (frames, %d, 3)%s", path, J,
                         J == 22 ? " or (frames, 52, 3); for 21 KIT-ML joints give --kit" : "");
    }
    const size_t row = 3 * (size_t)J, stored = 3 * (size_t)a.shape[1];
    *frames = a.shape[0];
    *joints = malloc(((size_t)*frames * row + 1) * sizeof **joints);
    for (size_t t = 0; *joints && t < (size_t)*frames; t++)
        memcpy(*joints + t * row, a.data + t * stored, row * sizeof **joints);
    npy_free(&a);
    return *joints ? 0 : error_memory(e, "joints");
}

static int joints_of_bvh(const char *path, const char *map_path, double rate,
                         const struct skeleton *s, double **joints, int *frames, struct error *e)
{
    struct joint_map map;
    struct bvh b;
    int rc = joint_map_read(map_path, s, &map, e);
    rc = rc ? rc : bvh_read(path, &b, e);
    if (rc)
        return rc;
    rc = bvh_joints(&b, &map, rate, joints, frames, e);
    bvh_free(&b);
    return rc;
}

int data_features(int argc, char **argv)
{
    const char *in = NULL, *out = NULL, *map = "bandai";
    double fps = 20.0;
    int kit = 0, frames = 0;
    const struct option_row options[] = {
        {.name = "joints", .text = &in, .value = "IN.npy|IN.bvh",
         .help = "joint positions (frames, 22, 3), or a motion capture file"},
        {.name = "out", .letter = 'o', .text = &out, .value = "OUT.npy",
         .help = "features (frames - 1, 263), float32"},
        {.name = "map", .text = &map, .value = "FILE",
         .help = "BVH: the joint map, 'bandai' by default"},
        {.name = "fps", .number = &fps, .low = 0.1, .high = 1000, .value = "RATE",
         .help = "BVH: resample to so many frames a second, 20 by default"},
        {.name = "kit", .flag = &kit, .help = "KIT-ML: 21 joints in millimetres, 251 features"},
        {0}};
    const struct command_form form = {
        .example = "mlcm data features --joints walk.bvh --out walk.npy",
        .usage = "mlcm data features --joints IN.npy|IN.bvh --out OUT.npy [--map FILE] [--fps 20] "
                 "[--kit]",
        .purpose = "Turns joint positions into the HumanML3D (or KIT-ML) motion representation.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e))
        return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!in || !out) {
        error_set(&e, ERR_USAGE, "data features needs --joints and --out; see mlcm data features --help");
        return command_fail(&e);
    }
    const struct skeleton *s = kit ? skeleton_kit() : skeleton_humanml3d();
    const int F = skeleton_features(s);
    double *joints = NULL;
    float *features = NULL;
    int rc = ends_with(in, ".bvh") ? joints_of_bvh(in, map, fps, s, &joints, &frames, &e)
                                   : joints_of_npy(in, s, &joints, &frames, &e);
    if (!rc && !(features = malloc(((size_t)frames * (size_t)F + 1) * sizeof *features)))
        rc = error_memory(&e, "features");
    if (!rc && (rc = features_from_joints(s, joints, frames, NULL, features, &e)))
        error_prefix(&e, "%s", in);
    if (!rc) {
        const int shape[2] = {frames - 1, F};
        rc = npy_write_float(out, 2, shape, features, &e);
    }
    free(joints);
    free(features);
    if (rc)
        return command_fail(&e);
    printf("%s: %d frames of %d features\n", out, frames - 1, F);
    return 0;
}

int data_joints(int argc, char **argv)
{
    const char *in = NULL, *out = NULL;
    const struct option_row options[] = {
        {.name = "features", .text = &in, .value = "IN.npy",
         .help = "features (frames, 263 or 251), not normalised"},
        {.name = "out", .letter = 'o', .text = &out, .value = "OUT.npy",
         .help = "joint positions (frames, 22 or 21, 3), float32"},
        {0}};
    const struct command_form form = {
        .example = "mlcm data joints --features walk.npy --out walk_joints.npy",
        .usage = "mlcm data joints --features IN.npy --out OUT.npy",
        .purpose = "Recovers joint positions from the HumanML3D or KIT-ML motion representation.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e))
        return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!in || !out) {
        error_set(&e, ERR_USAGE, "data joints needs --features and --out; see mlcm data joints --help");
        return command_fail(&e);
    }
    int shape[8] = {0};
    float *features = NULL, *joints = NULL;
    const struct skeleton *s = NULL;
    int rc = npy_read_float(in, 2, shape, &features, &e);
    if (!rc && !(s = skeleton_of_features(shape[1])))
        rc = error_set(&e, ERR_INPUT, "%s: features must be (frames, 263) or (frames, 251), this has "
                       "%d channels", in, shape[1]);
    if (!rc && shape[0] < 1)
        rc = error_set(&e, ERR_INPUT, "%s: holds no frame", in);
    if (!rc && !(joints = malloc((size_t)shape[0] * (size_t)skeleton_joints(s) * 3 * sizeof *joints)))
        rc = error_memory(&e, "joints");
    if (!rc) {
        const int result[3] = {shape[0], skeleton_joints(s), 3};
        joints_from_features(s, features, shape[0], joints);
        rc = npy_write_float(out, 3, result, joints, &e);
    }
    free(features);
    free(joints);
    if (rc)
        return command_fail(&e);
    printf("%s: %d frames of %d joints\n", out, shape[0], skeleton_joints(s));
    return 0;
}
