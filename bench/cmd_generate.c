/* mlcm generate: one motion from one sentence, by the library's public interface. */
#include "arguments.h"
#include "../datasets/skeleton.h"
#include "../engine/file.h"
#include "../engine/mlcm.h"
#include "../engine/npy.h"
#include "../engine/control_mask.h"
#include "../metrics/control.h"
#include "command.h"
#include "device_option.h"
#include "frame_writer.h"
#include "generate_stream.h"
#include "motion_file.h"
#include "strips.h"
#include "trajectory_file.h"
#include <stdlib.h>
#include <string.h>

/* Where joints were told to be; empty without --control. */
struct told {
    float *positions;
    unsigned char *mask;
};

static int write_motion(const char *path, const struct motion_file *m, int as_joints, struct error *e)
{
    int shape[3] = {m->frames, as_joints ? m->njoints : m->nfeatures, 3};
    if (motion_file_known(path)) return motion_file_write(path, m, e);
    if (file_has_ending(path, ".svg")) {
        const struct skeleton *k = skeleton_of_joints(m->njoints);
        if (!k) return error_set(e, ERR_INPUT, "no skeleton is known with the model's %d joints; write a .npy file", m->njoints);
        return strip_write(path, &m->joints, &m->frames, &m->text, 1, k, 12, e);
    }
    return as_joints ? npy_write_float(path, 3, shape, m->joints, e) : npy_write_float(path, 2, shape, m->features, e);
}

/* What a trajectory tells, on a clip of `frames`. */
static int read_control(mlcm *m, const char *path, int frames, int teacher, int tuning, float *positions, unsigned char *mask,
                        struct error *e)
{
    struct trajectory t;
    struct mlcm_control_training trained = {.root_height = 0.93};
    int rc = trajectory_read(path, mlcm_joints(m), &t, e);
    if (rc) return rc;
    if (!tuning) rc = e->code = mlcm_control_training(m, teacher, &trained, e->text, sizeof e->text);
    if (!rc) rc = trajectory_on_clip(&t, frames, mlcm_fps(m), mlcm_joints(m), trained.root_height, 0, positions, mask, e);
    trajectory_free(&t);
    return rc;
}

/* One motion that is told where to be; says how near it came. */
static int generate_controlled(mlcm *m, const char *text, int frames, const struct mlcm_options *o, const char *path, int tuning, int quiet,
                               float *features, float *joints, struct told *told, struct error *e)
{
    size_t keys = (size_t)frames * (size_t)mlcm_joints(m);
    float *positions = told->positions = malloc(keys * 3 * sizeof *positions);
    unsigned char *mask = told->mask = malloc(keys);
    struct control_errors errors = {0};
    int rc = positions && mask ? read_control(m, path, frames, o->teacher, tuning, positions, mask, e) : error_memory(e, "a trajectory");
    const struct mlcm_control control = {positions, mask, tuning};
    if (!rc) rc = e->code = mlcm_generate_controlled(m, text, frames, o, &control, features, joints, e->text, sizeof e->text);
    if (!rc) rc = control_errors(joints, positions, mask, frames, mlcm_joints(m), &errors, NULL, e);
    if (!rc && !quiet)
        fprintf(stderr, "mlcm: %s: %d points told, missed by %.1f cm on average\n", path, control_keypoints(mask, frames, mlcm_joints(m)),
                100 * errors.average);
    return rc;
}

/* Texts without a blank: a sentence whose quotes were forgotten, perhaps. */
static int one_word_each(char *const *texts, int count)
{
    for (int i = 0; i < count; i++)
        if (strchr(texts[i], ' ')) return 0;
    return 1;
}

/* What is asked for. */
struct request {
    const char *model, *out, *control, *rows;
    int quiet, frames, joints_only, tuning, listening, overlap, plain, tries;
    struct mlcm_parts parts;
    struct device_option device;
    struct mlcm_options sampling;
    char **texts;
    int count, several;                   /* several: a stream of them, or of lines that are read */
};

static const char committed[] = "results/weights/bandai_small";

/* Options that exclude each other, and what an output file must be called. */
static int check_request(struct request *q, struct error *e)
{
    enum frame_format format;
    q->several = q->count > 1 || q->listening;
    if (q->listening && !q->out) q->out = "-";
    if (!q->frames) q->frames = q->several ? 60 : 120;
    if (!q->count && !q->listening)
        return error_set(e, ERR_USAGE, "a text is needed: mlcm generate \"a person walks\" -o OUT.npy");
    if (q->several && (q->control || q->tuning))
        return error_set(e, ERR_USAGE, "--control and --tuning go with one text; leave them out");
    if (!q->several && (q->overlap || q->plain || q->tries || q->rows))
        return error_set(e, ERR_USAGE, "--overlap, --tries, --plain and --rows go with several texts or --stream; leave them out");
    if (q->tuning && !q->control)
        return error_set(e, ERR_USAGE, "--tuning needs a trajectory to tune to; give --control FILE");
    if (q->several) return frame_format_of(q->out, q->rows, &format, e);
    if (!q->out || !(file_has_ending(q->out, ".npy") || file_has_ending(q->out, ".svg") || motion_file_known(q->out)))
        return error_set(e, ERR_USAGE, "%s%s: an output file is needed that ends in .npy, .bvh, .h5, .html or .svg", q->out ? "-o " : "-o",
                         q->out ? q->out : "");
    return 0;
}

/* The models; where they are the program's own, an error says where those are. */
static int open_models(struct request *q, mlcm **m, struct error *e)
{
    static const char lacking[] = "%s: the committed models are not here; start mlcm in its repository or give --model DIR";
    struct device_choice choice = {0};
    int own = q->model == committed, rc = device_option_choose(&q->device, &choice, e);
    if (rc) return rc;
    if (!file_exists(q->model)) {
        struct device d;
        rc = device_open(&d, &choice, e);              /* the device first, as where the folder is there */
        if (rc) return rc;
        device_close(&d);
        return error_set(e, ERR_INPUT, own ? lacking : "%s: there is no such folder; give the models' with --model DIR", q->model);
    }
    q->parts.device = device_kind_names[choice.kind];
    q->parts.gpu_math = device_math_names[choice.math];
    rc = e->code = mlcm_open_parts(m, q->model, &q->parts, e->text, sizeof e->text);
    if (rc && own && !file_exists("results/weights/bandai_small/lcm.h5")) rc = error_set(e, rc, lacking, q->model);
    return rc;
}

/* A segment a text. */
static int generate_several(mlcm *m, const struct request *q, struct error *e)
{
    const struct stream_request request = {
        .options = {.generation = q->sampling, .frames = q->frames, .overlap = q->overlap, .plain = q->plain, .tries = q->tries},
        .texts = q->texts, .count = q->count, .listening = q->listening, .out = q->out, .rows = q->rows, .models = q->model, .quiet = q->quiet};
    if (q->count > 1 && one_word_each(q->texts, q->count) && !q->quiet)
        fprintf(stderr, "mlcm: %d texts of one word each make %d segments; a sentence goes in quotes\n", q->count, q->count);
    return generate_stream(m, &request, e);
}

static int generate_one(mlcm *m, const struct request *q, struct error *e)
{
    const struct mlcm_options *o = &q->sampling;
    size_t rows = (size_t)q->frames;
    float *features = malloc(rows * (size_t)mlcm_features(m) * sizeof *features);
    float *joints = malloc(rows * (size_t)mlcm_joints(m) * 3 * sizeof *joints);
    struct told told = {0};
    int rc = features && joints ? 0 : error_memory(e, "the motion");
    if (!rc && q->control) rc = generate_controlled(m, q->texts[0], q->frames, o, q->control, q->tuning, q->quiet, features, joints, &told, e);
    else if (!rc) rc = e->code = mlcm_generate(m, q->texts[0], q->frames, o, features, joints, e->text, sizeof e->text);
    const struct motion_file made = {.text = q->texts[0], .frames = q->frames, .njoints = mlcm_joints(m), .nfeatures = mlcm_features(m),
                                     .fps = mlcm_fps(m), .joints = joints, .features = features, .goal = told.positions, .mask = told.mask,
                                     .models = q->model, .system = o->teacher ? "MLD" : "MotionLCM", .seed = o->seed,
                                     .steps = o->steps ? o->steps : o->teacher ? 50 : 1, .guidance = o->guidance};
    if (!rc) rc = write_motion(q->out, &made, q->joints_only, e);
    if (!rc && !q->quiet)
        fprintf(stderr, "mlcm: %s: %d frames at %g a second, seed %llu\n", q->out, q->frames, mlcm_fps(m), (unsigned long long)o->seed);
    free(features);
    free(joints);
    free(told.positions);
    free(told.mask);
    return rc;
}

int cmd_generate(int argc, char **argv)
{
    struct request q = {.model = committed, .sampling = MLCM_OPTIONS};
    const struct option_row options[] = {
        {.name = "frames", .integer = &q.frames, .low = 8, .high = 200, .value = "N", .help = "length at the model's frame rate (120; 20 a second); of each segment with several texts (60)"},
        {.name = "steps", .integer = &q.sampling.steps, .low = 1, .high = 1000, .value = "K", .help = "sampling steps (1; the teacher 50)"},
        {.name = "seed", .seed = &q.sampling.seed, .value = "S", .help = "of the noise (1234)"},
        {.name = "guidance", .number = &q.sampling.guidance, .low = 0.01, .high = 100, .value = "G", .help = "guidance scale, instead of the model's"},
        {.name = "teacher", .flag = &q.sampling.teacher, .help = "sample the MLD teacher instead of MotionLCM"},
        {.name = "joints", .flag = &q.joints_only, .help = "write joint positions (N,22,3) instead of features (N,263)"},
        {.name = "control", .text = &q.control, .value = "FILE", .help = "where joints shall be: FILE.json or FILE.csv (bench/GENERATE.md)"},
        {.name = "tuning", .integer = &q.tuning, .low = 1, .high = 10000, .value = "N", .help = "with --control: N steps of latent tuning instead of the ControlNet"},
        {.name = "stream", .flag = &q.listening, .help = "texts from standard input, a line each; frames go out as they are made"},
        {.name = "overlap", .integer = &q.overlap, .low = 1, .high = 190, .value = "N", .help = "with several texts: frames that segments share (the ControlNet's, or a third)"},
        {.name = "tries", .integer = &q.tries, .low = 1, .high = 1000, .value = "N", .help = "with several texts: most noises tried a segment for a calm seam (64)"},
        {.name = "plain", .flag = &q.plain, .help = "with several texts: join them without the ControlNet"},
        {.name = "rows", .text = &q.rows, .value = "jsonl|csv", .help = "with -o - (jsonl)"},
        {.name = "out", .letter = 'o', .text = &q.out, .value = "FILE", .help = "FILE.npy, .bvh (for Blender), .h5, .html (a moving skeleton) or .svg (strips); of several texts also .csv, .jsonl, -"},
        {.name = "model", .text = &q.model, .value = "DIR", .help = "folder with vae.h5, lcm.h5, mld.h5, or of MotionLCM's published files (results/weights/bandai_small)"},
        {.name = "generation", .integer = &q.parts.generation, .low = 1, .high = 2, .value = "N", .help = "of published files: 1 or 2 (1)"},
        {.name = "text-encoder", .text = &q.parts.text_encoder, .value = "DIR", .help = "folder of a published text encoder, for models trained with one (DIR/text_encoder)"},
        {.name = "text-precision", .text = &q.parts.text_precision, .value = "fp32|bf16|int8", .help = "of its weights (fp32)"},
        {.name = "precision", .text = &q.parts.precision, .value = "fp32|bf16|int8", .help = "of all other weights (fp32)"},
        {.name = "threads", .integer = &q.parts.threads, .low = 0, .high = 64, .value = "N", .help = "threads; 0 = all cores"},
        DEVICE_OPTION_ROWS(q.device),
        {.name = "quiet", .flag = &q.quiet, .help = "print nothing but errors"},
        {0}};
    const struct command_form form = {
        .example = "mlcm generate \"a person walks slowly and turns left\" --frames 120 --steps 1 --seed 7 -o walk.npy",
        .usage = "mlcm generate \"TEXT\" … -o OUT.{npy,bvh,h5,html,svg} [--frames N] [--steps K] [--seed S] [--control FILE] [--stream] [--model DIR]",
        .purpose = "Generates one motion and writes its features, its joints, joint rotations or a page in which it moves. The seed is printed.\n"
                   "The features are HumanML3D's; `mlcm data joints` turns them into joint positions.\n"
                   "Several texts, or --stream, make one motion out of a segment a text: joint positions in one world.",
        .options = options, .least = 0, .most = -1};
    struct arguments a;
    struct error e = {0};
    mlcm *m = NULL;
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    q.texts = a.positional;
    q.count = a.count;
    int rc = check_request(&q, &e);
    if (!rc) rc = open_models(&q, &m, &e);
    if (!rc) {
        rc = q.several ? generate_several(m, &q, &e) : generate_one(m, &q, &e);
        mlcm_close(m);
    }
    return rc ? command_fail(&e) : 0;
}
