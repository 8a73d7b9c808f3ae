/* mlcm: MotionLCM, text to motion, and a benchmark around it.
 *
 * This file knows the verbs, the help and the version, and turns a verb's
 * return value into the exit code. It is the only file that may end the
 * program. Exit codes: see engine/error.h; 0 is success. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "../engine/device.h"
#include "../engine/h5.h"
#include "blas_core.h"
#include "command.h"
#include "version.h"

struct verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *does, *example;
};

/* A verb that is not linked in has a null address and is left out. */
#pragma weak cmd_data
#pragma weak cmd_train
#pragma weak cmd_bench
#pragma weak cmd_time
#pragma weak cmd_generate
#pragma weak cmd_verify
#pragma weak cmd_info
#pragma weak cmd_pack
#pragma weak cmd_compare
#pragma weak cmd_eval
#pragma weak cmd_report
#pragma weak cmd_sweep

static const struct verb verbs[] = {
    {"bench", cmd_bench, "measure every model of an experiment: all metrics, tables, plots",
     "mlcm bench --config bench/experiments/default.json"},
    {"data", cmd_data, "build, check and convert motion data",
     "mlcm data build --source procedural --out build/default.h5"},
    {"train", cmd_train, "one stage of training, resumable",
     "mlcm train vae --config bench/experiments/default.json"},
    {"sweep", cmd_sweep, "a grid of settings, each with several seeds: resumable, in parallel, on a cluster",
     "mlcm sweep --config bench/experiments/bandai_small_table3.json --jobs 2"},
    {"time", cmd_time, "latency alone: seconds a sentence, with stages and percentiles",
     "mlcm time --config bench/experiments/default.json"},
    {"eval", cmd_eval, "metrics of motions that another program generated",
     "mlcm eval --motions generated --config bench/experiments/bandai_small.json --json eval.json"},
    {"compare", cmd_compare, "two results: what differs, and what is worse beyond chance; --gate for CI",
     "mlcm compare results/bandai_small_table1.json build/bandai_small_table1/bandai_small_table1.json --gate"},
    {"generate", cmd_generate, "one motion from a sentence",
     "mlcm generate \"a person walks forward in a proud way\" --frames 120 --seed 1 -o walk.npy"},
    {"report", cmd_report, "tables, plots and a page with moving skeletons from results documents",
     "mlcm report results -o build/report"},
    {"verify", cmd_verify, "conformance against reference vectors", "mlcm verify ../shared/golden"},
    {"pack", cmd_pack, "a copy of a model file in half precision", "mlcm pack build/cache/vae.h5 -o vae.h5"},
    {"info", cmd_info, "what a checkpoint, data set or result is", "mlcm info build/default.h5"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static void print_help(FILE *out)
{
    fprintf(out, "mlcm: text-to-motion generation and its benchmark\n\n");
    for (int i = 0; i < VERBS; i++)
        if (verbs[i].run)
            fprintf(out, "  %s\n      %s\n", verbs[i].example, verbs[i].does);
    fprintf(out, "\nmlcm VERB --help tells about one of them, mlcm --version what this program is.\n"
                 "Exit codes: 0 success, 1 a check failed, 2 wrong usage, 3 a bad input file,\n"
                 "4 something missing in the environment, 5 a numerical or internal failure.\n");
}

static void print_version(void)
{
    struct library_version libraries[VERSION_LIBRARIES];
    version_libraries(libraries);
    printf("mlcm %s, commit %s\nbuilt with %s\n", MLCM_VERSION, version_commit(), version_build());
    for (int i = 0; i < VERSION_LIBRARIES; i++)
        printf("%s %s\n", libraries[i].name, libraries[i].version);
    char gpu[128], driver[64];
    device_describe_cuda(gpu, sizeof gpu, driver, sizeof driver);
    printf("GPU %s%s%s\n", gpu, *driver ? ", " : "", driver);
}

static const struct verb *find_verb(const char *name)
{
    for (int i = 0; i < VERBS; i++)
        if (verbs[i].run && !strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static int unknown_verb(const char *name)
{
    struct error e = {0};
    const char *names[VERBS + 1];
    int count = 0;
    for (int i = 0; i < VERBS; i++)
        if (verbs[i].run)
            names[count++] = verbs[i].name;
    names[count] = NULL;
    const char *near = nearest_name(name, names);
    if (near)
        error_set(&e, ERR_USAGE, "unknown verb \"%.40s\"; did you mean %s?", name, near);
    else
        error_set(&e, ERR_USAGE, "unknown verb \"%.40s\"; mlcm --help lists them", name);
    return command_fail(&e);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return ERR_USAGE;
    }
    const char *word = argv[1];
    if (!strcmp(word, "--version") || !strcmp(word, "-V")) {
        print_version();
        return 0;
    }
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
        if (argc == 2) {
            print_help(stdout);
            return 0;
        }
        const struct verb *about = find_verb(argv[2]); /* mlcm help VERB */
        if (!about)
            return unknown_verb(argv[2]);
        char help[] = "--help", *arguments[] = {argv[2], help, NULL};
        return about->run(2, arguments);
    }
    const struct verb *verb = find_verb(word);
    return verb ? verb->run(argc - 1, argv + 1) : unknown_verb(word);
}

/* Where a standard stream is closed, the next file opened would take its number, and what is printed would go into that
 * file. It becomes a descriptor that refuses to be written, so that lost output is still noticed. A file above the limit
 * of its size (ulimit -f) is an error of writing like a full disk, not a signal that kills. */
static void keep_standard_streams(void)
{
    for (int fd = open("/dev/null", O_RDONLY); fd >= 0; fd = open("/dev/null", O_RDONLY))
        if (fd > STDERR_FILENO) {
            close(fd);
            break;
        }
    signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv)
{
    keep_standard_streams();
    blas_core_choose(argv);
    h5_own_exit();
    int code = run(argc, argv);
    /* A result that did not reach its reader is a failure, not a success. */
    if (fflush(stdout) || ferror(stdout)) {
        if (code != ERR_ENV) /* else it is said already */
            fprintf(stderr, "mlcm: standard output: cannot be written; check the disk or the pipe\n");
        if (!code)
            code = ERR_ENV;
    }
    return code;
}
