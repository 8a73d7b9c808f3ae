/* mlcm verify: runs reference cases through the production code.
 *
 * A case is a file NAME.h5; its kind is the root attribute `case` or, lacking
 * that, NAME. A kind of the registries runs, a kind of a system that this
 * program does not have is skipped and named, anything else is a failure. */
#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/file.h"
#include "arguments.h"
#include "command.h"
#include "device_option.h"
#include "verify.h"
#include "version.h"

static const struct verify_kind *const registries[] = {
    verify_kinds_features,   verify_kinds_dataset,  verify_kinds_metrics,
    verify_kinds_evaluators, verify_kinds_networks, verify_kinds_training, verify_kinds_control,
    verify_kinds_tokenizers, verify_kinds_text,
};

/* Systems that this program does not have. */
static const char *const absent_kinds[] = {
    "mdm", "motiondiffuse", "omnicontrol", "mldorig", "diffusion_schedules",
};

/* The length of `kind` if `name` is the kind or goes on with "_…", else 0. */
static size_t kind_matches(const char *kind, const char *name)
{
    size_t n = strlen(kind);
    return !strncmp(kind, name, n) && (!name[n] || name[n] == '_') ? n : 0;
}

/* The longest kind that matches decides: "vae_train_step" before "vae". */
enum placing { PLACED, ABSENT, UNPLACED };
static enum placing place(const char *name, const struct verify_kind **kind)
{
    size_t longest = 0;
    enum placing placing = UNPLACED;
    for (size_t i = 0; i < sizeof registries / sizeof *registries; i++)
        for (const struct verify_kind *k = registries[i]; k->kind; k++)
            if (kind_matches(k->kind, name) > longest) {
                longest = strlen(k->kind);
                *kind = k;
                placing = PLACED;
            }
    for (size_t i = 0; i < sizeof absent_kinds / sizeof *absent_kinds; i++)
        if (kind_matches(absent_kinds[i], name) > longest) {
            longest = strlen(absent_kinds[i]);
            placing = ABSENT;
        }
    return placing;
}

/* What the whole run gathers beside the counts of struct verify. */
struct tally {
    int unplaced, cases;
    int by_case;              /* a line a case instead of a line an array */
    char skipped_names[4000];
};

static void skip_case(struct verify *v, struct tally *t, const char *name)
{
    size_t used = strlen(t->skipped_names);
    snprintf(t->skipped_names + used, sizeof t->skipped_names - used, "%s%s", used ? ", " : "", name);
    if (!v->quiet)
        fprintf(v->out, "%-28s skipped: a system that mlcm does not have\n", name);
    v->skipped++;
}

static void case_failed(struct verify *v, const char *text)
{
    fprintf(v->out, "%-28s fail: %s\n", v->case_name, text);
    v->failed++;
}

/* "vae_v1   12 arrays  worst 0.090 of the tolerance: out/mu, error 1.4e-06, tolerance 4e-05". */
static void print_case(const struct verify *v, int arrays, int failed, int marginal)
{
    fprintf(v->out, "%-28s %4d arrays  worst %.3f of the tolerance  %-9s %s, error %.1e, tolerance %.0e\n", v->case_name, arrays,
            v->worst, failed ? "fail" : marginal ? "marginal" : "pass", v->worst_array, v->worst_error, v->worst_tolerance);
}

static void run_case(struct verify *v, struct tally *t, const char *folder, const char *path)
{
    char name[256];
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t n = strlen(base);
    snprintf(name, sizeof name, "%.*s", (int)(n > 3 && !strcmp(base + n - 3, ".h5") ? n - 3 : n), base);
    v->case_name = name;
    v->folder = folder;
    v->worst = 0;
    v->worst_array[0] = '\0';
    t->cases++;

    struct error e = {0};
    struct h5 *f;
    if (h5_open(path, &f, &e)) {
        case_failed(v, e.text);
        return;
    }
    const struct verify_kind *kind = NULL;
    enum placing placing = UNPLACED;
    char attribute[128];
    if (h5_has_attr(f, "/", "case") && !h5_attr_string(f, "/", "case", attribute, sizeof attribute, NULL))
        placing = place(attribute, &kind);
    if (placing == UNPLACED)
        placing = place(name, &kind);

    if (placing == ABSENT) {
        skip_case(v, t, name);
    } else if (placing == UNPLACED) {
        t->unplaced++;
        case_failed(v, "not a kind of case that mlcm knows; name the file KIND_ID.h5 or give it "
                       "the root attribute `case`");
    } else {
        int before = v->passed + v->marginal + v->failed + v->skipped, failed = v->failed, marginal = v->marginal;
        if (kind->run(v, f, &e))
            case_failed(v, e.text[0] ? e.text : "could not be run");
        else if (v->passed + v->marginal + v->failed + v->skipped == before)
            case_failed(v, "the file holds no array that this kind of case checks");
        int arrays = v->passed + v->marginal + v->failed + v->skipped - before;
        if (t->by_case && v->worst_array[0])
            print_case(v, arrays, v->failed - failed, v->marginal - marginal);
    }
    h5_close(f);
    fflush(v->out); /* a line appears when its case is done, in a pipe as well */
}

static int run_folder(struct verify *v, struct tally *t, const char *folder, struct error *e)
{
    char **names, path[1024];
    int count, found = 0;
    int code = file_list(folder, &names, &count, e);
    if (code)
        return code;
    for (int i = 0; i < count && !code; i++) {
        size_t n = strlen(names[i]);
        if (n <= 3 || strcmp(names[i] + n - 3, ".h5"))
            continue;
        found++;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, names[i]) >= sizeof path)
            code = error_set(e, ERR_INPUT, "%s: the path is too long; move the folder", folder);
        else
            run_case(v, t, folder, path);
    }
    file_list_free(names, count);
    if (!code && !found)
        code = error_set(e, ERR_INPUT, "%s: no case (*.h5) in the folder; name the folder that holds them",
                         folder);
    return code;
}

static int run_path(struct verify *v, struct tally *t, const char *path, struct error *e)
{
    if (!file_exists(path))
        return error_set(e, ERR_INPUT, "%.900s: is neither a file nor a folder; check the path", path);
    if (file_size(path) < 0) /* not a regular file */
        return run_folder(v, t, path, e);
    char folder[1024];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof folder)
        return error_set(e, ERR_INPUT, "%.60s…: the path is too long; move the file", path);
    snprintf(folder, sizeof folder, "%.*s", (int)n, path);
    run_case(v, t, !slash ? "." : n ? folder : "/", path);
    return 0;
}

static int write_json(const char *path, const struct verify *v, const struct tally *t, struct error *e)
{
    cJSON *document = cJSON_CreateObject();
    cJSON_AddStringToObject(document, "schema", "mlcm-verify-1");
    cJSON_AddStringToObject(document, "version", MLCM_VERSION);
    cJSON_AddStringToObject(document, "commit", version_commit());
    cJSON_AddNumberToObject(document, "cases", t->cases);
    cJSON_AddNumberToObject(document, "passed", v->passed);
    cJSON_AddNumberToObject(document, "marginal", v->marginal);
    cJSON_AddNumberToObject(document, "failed", v->failed);
    cJSON_AddNumberToObject(document, "skipped", v->skipped);
    cJSON_AddStringToObject(document, "skipped_cases", t->skipped_names);
    cJSON_AddItemReferenceToObject(document, "arrays", v->record);
    char *text = cJSON_Print(document);
    cJSON_Delete(document);
    if (!text)
        return error_memory(e, "the JSON document");
    int code = 0;
    if (!strcmp(path, "-"))
        puts(text);
    else
        code = file_write(path, text, strlen(text), e);
    cJSON_free(text);
    return code;
}

static void print_total(const struct verify *v, const struct tally *t)
{
    if (v->skipped)
        fprintf(v->out, "skipped: %s\n", t->skipped_names);
    if (t->unplaced)
        fprintf(v->out, "%d of the failures are files that could not be placed\n", t->unplaced);
    fprintf(v->out, "%d cases, %d marginal (beyond the tolerance, within four times of it)\n", t->cases,
            v->marginal);
    fprintf(v->out, "%d passed, %d failed, %d skipped\n", v->passed, v->failed, v->skipped);
}

int cmd_verify(int argc, char **argv)
{
    const char *json = NULL;
    int quiet = 0, by_case = 0;
    struct device_option device = {0};
    struct device_choice choice = {0};
    const struct option_row options[] = {
        {.name = "quiet", .flag = &quiet, .help = "print only what did not pass, and the total"},
        {.name = "by-case", .flag = &by_case, .help = "a line a case: its arrays, and the one nearest to its tolerance"},
        {.name = "json",
         .text = &json,
         .value = "FILE",
         .help = "every checked array as JSON (- for standard output)"},
        DEVICE_OPTION_ROWS(device),
        {0}};
    const struct command_form form = {
        .example = "mlcm verify ../shared/golden",
        .usage = "mlcm verify FILE.h5|DIR … [--quiet] [--by-case] [--json FILE]",
        .purpose = "Runs reference cases through the same loaders, networks, samplers, metrics and\n"
                   "trainers that bench and train use, and prints a line a checked array: case, array,\n"
                   "shape, largest absolute error, relative L2 error, normalised mean squared error\n"
                   "(the square of the relative L2), tolerance, pass|marginal|fail. Of a folder, every\n"
                   "*.h5 in it runs. The last line counts checked arrays, and the cases skipped.\n"
                   "Exit code 0: no failure, and every file had its place.",
        .options = options,
        .least = 1,
        .most = -1};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e))
        return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    struct device d;
    if (device_option_choose(&device, &choice, &e) || device_open(&d, &choice, &e)) /* said once, not in each case */
        return command_fail(&e);
    device_close(&d);
    /* Where the document takes standard output, the lines make way. */
    struct verify v = {.device = &choice,
                       .quiet = quiet || by_case,
                       .out = json && !strcmp(json, "-") ? stderr : stdout,
                       .record = json ? cJSON_CreateArray() : NULL};
    struct tally t = {.by_case = by_case};
    int code = 0;
    for (int i = 0; i < a.count && !code; i++)
        code = run_path(&v, &t, a.positional[i], &e);
    if (!code)
        print_total(&v, &t);
    if (!code && json)
        code = write_json(json, &v, &t, &e);
    cJSON_Delete(v.record);
    if (code)
        return command_fail(&e);
    return v.failed ? ERR_CHECK : 0;
}
