/* mlcm data build | doctor | features | joints. */
#include "command.h"

#include "../datasets/build.h"
#include "arguments.h"
#include "data_doctor.h"
#include "data_tools.h"
#include "progress.h"

#include <stdio.h>
#include <string.h>

/* Where a build's messages go. */
struct talk {
    struct progress bar;
    int quiet, started, notes;
};

static void on_progress(void *context, double done, double total)
{
    struct talk *t = context;
    if (!t->started) {
        progress_start(&t->bar, "reading", "clips", total, 0, t->quiet);
        t->started = 1;
    }
    progress_update(&t->bar, done, NULL);
}

static void on_note(void *context, const char *line)
{
    struct talk *t = context;
    if (t->started)
        progress_clear(&t->bar);
    if (!t->quiet)
        fprintf(stderr, "%s\n", line);
    t->notes++;
}

/* The command line of data build. */
struct request {
    const char *source, *root, *out, *map, *glove;
    int clips;
    uint64_t seed;
};

static int from_procedural(const struct request *q, const struct build_listener *listener, struct set_builder **b, struct error *e)
{
    return build_procedural(q->clips, q->seed, listener, b, e);
}

static int from_bandai(const struct request *q, const struct build_listener *listener, struct set_builder **b, struct error *e)
{
    return build_bandai(q->root, listener, b, e);
}

static int from_bvh(const struct request *q, const struct build_listener *listener, struct set_builder **b, struct error *e)
{
    return build_bvh(q->root, q->map, listener, b, e);
}

static int from_humanml3d(const struct request *q, const struct build_listener *listener, struct set_builder **b, struct error *e)
{
    return build_humanml3d(q->root, q->glove, 0, listener, b, e);
}

static int from_kit(const struct request *q, const struct build_listener *listener, struct set_builder **b, struct error *e)
{
    return build_humanml3d(q->root, q->glove, 1, listener, b, e);
}

/* Where sets come from. A new source is a build function (datasets/build.h) and a row here. */
static const struct source {
    const char *name;
    int needs_root;
    int (*build)(const struct request *q, const struct build_listener *listener, struct set_builder **b, struct error *e);
} sources[] = {
    {"procedural", 0, from_procedural}, {"bandai", 1, from_bandai}, {"humanml3d", 1, from_humanml3d}, {"kit", 1, from_kit},
    {"bvh", 1, from_bvh},
};
enum { SOURCES = sizeof sources / sizeof *sources };

static const struct source *find_source(const char *name)
{
    for (int i = 0; i < SOURCES; i++)
        if (!strcmp(sources[i].name, name)) return &sources[i];
    return NULL;
}

/* "procedural|bandai|…" into text. */
static const char *source_names(char text[200])
{
    *text = 0;
    for (int i = 0; i < SOURCES; i++) snprintf(text + strlen(text), 200 - strlen(text), "%s%s", i ? "|" : "", sources[i].name);
    return text;
}

static int data_build(int argc, char **argv)
{
    struct error e = {0};
    struct request q = {.clips = 1200, .seed = 1};
    struct talk talk = {0};
    char names[200];
    const struct source *from = NULL;
    const struct option_row options[] = {
        {.name = "source", .text = &q.source, .value = source_names(names), .help = "where the motions come from; procedural needs no data"},
        {.name = "root", .text = &q.root, .value = "DIR", .help = "the folder of the raw data (bandai, bvh: or a .tar.xz)"},
        {.name = "out", .text = &q.out, .value = "SET.h5", .help = "the packed set to write"},
        {.name = "map", .text = &q.map, .value = "FILE", .help = "bvh: joint map (default: Bandai Namco's skeleton)"},
        {.name = "glove", .text = &q.glove, .value = "DIR", .help = "humanml3d, kit: folder of our_vab_*.npy|pkl"},
        {.name = "clips", .integer = &q.clips, .low = 1, .high = 1e6, .value = "N", .help = "procedural: number of motions, each with its mirrored twin (1200)"},
        {.name = "seed", .seed = &q.seed, .value = "S", .help = "procedural: seed (1)"},
        {.name = "quiet", .flag = &talk.quiet, .help = "no progress, no notes"},
        {0}};
    const struct command_form form = {
        .example = "mlcm data build --source bandai --root ../shared/data/bandai-namco --out build/bandai.h5",
        .usage = "mlcm data build --source KIND [--root DIR] --out SET.h5 [--map FILE] [--glove DIR] "
                 "[--clips N] [--seed S] [--quiet]",
        .purpose = "Reads raw motion data, computes features, captions, splits, statistics and word\n"
                   "vectors, and writes one packed HDF5 set. The source \"procedural\" needs no data.",
        .options = options};
    struct arguments a;
    if (arguments_parse(&form, argc, argv, &a, &e))
        return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    if (!q.source || !q.out)
        error_set(&e, ERR_USAGE, "data build needs --source and --out; see mlcm data build --help");
    else if (!(from = find_source(q.source)))
        error_set(&e, ERR_USAGE, "unknown source \"%.40s\": it is one of %s", q.source, names);
    else if (!q.root && from->needs_root)
        error_set(&e, ERR_USAGE, "data build --source %s needs --root, the folder of the raw data", q.source);
    if (e.code)
        return command_fail(&e);

    const struct build_listener listener = {&talk, on_progress, on_note};
    struct set set;
    struct set_builder *b = NULL;
    int rc = from->build(&q, &listener, &b, &e);
    if (!rc) rc = set_builder_finish(b, &set, &e);
    if (talk.started) {
        if (rc)
            progress_clear(&talk.bar);
        else
            progress_finish(&talk.bar, set.noriginal, NULL);
    }
    if (rc)
        return command_fail(&e);
    rc = set_write(q.out, &set, &e);
    if (!rc) {
        long frames = 0, captions = 0;
        for (int c = 0; c < set.nclips; c++) {
            frames += set.clips[c].length;
            captions += set.clips[c].ncaptions;
        }
        printf("%s: %d clips (%d in the source), %ld frames, %ld captions, %d words, %d left out for "
               "non-finite values\n", q.out, set.nclips, set.noriginal, frames, captions,
               set.words.count, set.nnan);
    }
    set_free(&set);
    return rc ? command_fail(&e) : 0;
}

static void print_help(FILE *out)
{
    fprintf(out,
            "example: mlcm data build --source procedural --out build/default.h5\n\n"
            "mlcm data build --source bandai --root DIR --out SET.h5\n"
            "    reads raw motion data and writes one packed set\n"
            "mlcm data doctor SET.h5|FOLDER\n"
            "    checks a packed set: counts, lengths, known values, leakage, what to mend;\n"
            "    a folder of published files: what is there, what lacks, where it comes from\n"
            "mlcm data synthetic --out DIR [--layout humanml3d|kit] [--checkpoints]\n"
            "    stick-figure motions and random models in the layout of the published files\n"
            "mlcm data features --joints IN.npy|IN.bvh --out OUT.npy\n"
            "mlcm data joints --features IN.npy --out OUT.npy\n"
            "    the motion representation as a tool, both ways\n"
            "mlcm data bvh --motion IN.npy --out OUT.bvh\n"
            "    joints or features as a motion capture file for animation programs\n");
}

/* The verb in messages is "data bvh", not "bvh". */
static int run_named(int (*run)(int, char **), const char *name, int argc, char **argv)
{
    char title[40], *was = argv[0];
    snprintf(title, sizeof title, "data %s", name);
    argv[0] = title;
    int code = run(argc, argv);
    argv[0] = was;
    return code;
}

int cmd_data(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int, char **);
    } verbs[] = {{"build", data_build}, {"doctor", data_doctor}, {"features", data_features},
                 {"joints", data_joints}, {"bvh", data_bvh}, {"synthetic", data_synthetic}};
    struct error e = {0};
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_help(argc < 2 ? stderr : stdout);
        return argc < 2 ? ERR_USAGE : 0;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(verbs[i].name, argv[1]))
            return run_named(verbs[i].run, verbs[i].name, argc - 1, argv + 1);
    error_set(&e, ERR_USAGE, "unknown verb \"data %.40s\"; build, doctor, features, joints, bvh or synthetic", argv[1]);
    return command_fail(&e);
}
