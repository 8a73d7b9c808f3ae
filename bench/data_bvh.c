/* mlcm data bvh: joint positions or features, of any origin, as a motion capture file. */
#include "../datasets/skeleton.h"
#include "../engine/file.h"
#include "../engine/npy.h"
#include "arguments.h"
#include "command.h"
#include "data_tools.h"
#include "motion_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Joints (frames, J, 3) of features (frames, F) or of joints, of 52 joints (SMPL+H) the first 22. */
static int read_motion(const char *path, float **joints, int *frames, const struct skeleton **s, struct error *e)
{
    struct npy a;
    int rc = npy_read(path, &a, e);
    if (rc) return rc;
    const int wide = a.rank == 2;
    *joints = NULL;
    *s = wide ? skeleton_of_features(a.shape[1]) : a.rank == 3 && a.shape[2] == 3 ? skeleton_of_joints(a.shape[1] == 52 ? 22 : a.shape[1]) : NULL;
    if (!*s || a.shape[0] < 1) {
        npy_free(&a);
        return error_set(e, ERR_INPUT, "%s: a motion is joints (frames, 22, 3), (frames, 52, 3) or, of KIT-ML, (frames, 21, 3), or features "
                                       "(frames, 263) or (frames, 251)", path);
    }
    *frames = a.shape[0];
    size_t row = wide ? (size_t)a.shape[1] : (size_t)(*s)->njoints * 3, stored = wide ? row : (size_t)a.shape[1] * 3, n = (size_t)*frames;
    float *values = malloc(n * row * sizeof *values);
    *joints = wide ? malloc(n * (size_t)(*s)->njoints * 3 * sizeof **joints) : values;
    if (!values || !*joints) rc = error_memory(e, "a motion");
    for (size_t i = 0; i < n * row && !rc; i++) values[i] = (float)a.data[i / row * stored + i % row];
    if (!rc && wide) joints_from_features(*s, values, *frames, *joints);
    if (wide) free(values);
    npy_free(&a);
    return rc;
}

int data_bvh(int argc, char **argv)
{
    const char *in = NULL, *out = NULL;
    double fps = 0, scale = 0;
    const struct option_row options[] = {
        {.name = "motion", .text = &in, .value = "IN.npy", .help = "joints (frames, 22 or 21, 3) or features (frames, 263 or 251), not normalised"},
        {.name = "out", .letter = 'o', .text = &out, .value = "OUT.bvh", .help = "joint rotations on constant bones, metres"},
        {.name = "fps", .number = &fps, .low = 0.1, .high = 1000, .value = "RATE", .help = "frames a second (20; KIT-ML 12.5)"},
        {.name = "scale", .number = &scale, .low = 1e-6, .high = 1e6, .value = "S", .help = "metres a unit of the input (1; KIT-ML 0.001)"},
        {0}};
    const struct command_form form = {
        .example = "mlcm data bvh --motion walk_joints.npy --out walk.bvh",
        .usage = "mlcm data bvh --motion IN.npy --out OUT.bvh [--fps RATE] [--scale S]",
        .purpose = "Turns joint positions or features into a motion capture file that animation programs open: 22 joints, T-pose at\n"
                   "rest, ZXY rotations. Says how far the file's joints are from the motion's, whose bones may vary.",
        .options = options};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!in || !out || !file_has_ending(out, ".bvh")) {
        error_set(&e, ERR_USAGE, "data bvh needs --motion and --out OUT.bvh; see mlcm data bvh --help");
        return command_fail(&e);
    }
    float *joints = NULL;
    int frames = 0;
    const struct skeleton *s = NULL;
    int rc = read_motion(in, &joints, &frames, &s, &e);
    if (!rc) rc = motion_file_bvh(out, joints, frames, s->njoints, fps > 0 ? fps : s->fps, scale > 0 ? scale : s->njoints == 21 ? 0.001 : 1, &e);
    if (rc == ERR_INPUT && strncmp(e.text, in, strlen(in))) error_prefix(&e, "%s", in);    /* the motion's fault, not the output's */
    free(joints);
    if (rc) return command_fail(&e);
    printf("%s: %d frames of %d joints\n", out, frames, s->njoints);
    return 0;
}
