/* mlcm info FILE …: what a checkpoint, an array, a data set or a result is. */
#include "../datasets/set.h"
#include "../engine/file.h"
#include "../engine/h5.h"
#include "arguments.h"
#include "command.h"
#include "info.h"
#include "json_read.h"
#include "results.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Text ---- */

void info_shape(int rank, const int *shape, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, i ? "x%d" : "%d", shape[i]);
    if (rank == 0)
        snprintf(out, size, "scalar");
}

void info_name(int width, const char *name)
{
    char clean[1024];
    snprintf(clean, sizeof clean, "%s", name);
    for (unsigned char *p = (unsigned char *)clean; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
    printf("%-*s", width, clean);
}

void info_head(const char *path, const char *kind)
{
    printf("%s: %s\n", path, kind);
}

void info_fingerprint(const char *path, const char *sha256)
{
    printf("  %" PRId64 " bytes, sha256 %s\n", file_size(path), sha256);
}

/* ---- Data sets and other HDF5 files ---- */

static int info_set(const char *path, struct error *e)
{
    struct set s;
    int rc = set_read(path, &s, e);
    if (rc)
        return rc;
    static const char *const splits[] = {"train", "val", "test", "none"};
    info_head(path, "packed motion set");
    info_fingerprint(path, s.sha256);
    printf("  name %s, %d features, %d joints, %g frames a second, items of %d to %d frames\n", s.name,
           s.nfeats, s.njoints, s.fps, s.min_length, s.max_length - 1);
    printf("  statistics sha256 %s\n", s.statistics_sha256);
    for (size_t k = 0; k < sizeof splits / sizeof *splits; k++) {
        int clips = 0;
        long frames = 0, captions = 0;
        for (int i = 0; i < s.nclips; i++) {
            if (strcmp(s.clips[i].split, splits[k]) != 0)
                continue;
            clips++;
            frames += s.clips[i].length;
            captions += s.clips[i].ncaptions;
        }
        if (clips)
            printf("  %-5s %7d clips %10ld frames %8ld captions\n", splits[k], clips, frames, captions);
    }
    printf("  %d word vectors of %d values, %d clips left out as not finite\n", s.words.count, s.words.dim,
           s.nnan);
    set_free(&s);
    return 0;
}

/* The datasets of a group and below it. */
static int print_group(struct h5 *f, const char *group, int depth, struct error *e)
{
    char **names = NULL;
    int count = 0;
    int rc = h5_names(f, group[0] ? group : "/", &names, &count, e);
    for (int i = 0; rc == 0 && i < count; i++) {
        char name[400], text[100];
        int rank = 0, shape[8];
        if (snprintf(name, sizeof name, "%s%s%s", group, group[0] ? "/" : "", names[i]) >= (int)sizeof name)
            continue;
        if (h5_is_group(f, name)) {
            if (depth < 8)
                rc = print_group(f, name, depth + 1, e);
        } else if (h5_shape(f, name, &rank, shape, e) == 0) {
            info_shape(rank, shape, text, sizeof text);
            printf("  ");
            info_name(56, name);
            printf(" %s\n", text);
        }
    }
    h5_names_free(names, count);
    return rc;
}

static int info_h5(const char *path, int tensors, struct error *e)
{
    struct h5 *f = NULL;
    char sha256[65], name[120] = "";
    int rc = h5_open(path, &f, e);
    if (rc)
        return rc;
    struct error ignored;
    int set = h5_is_group(f, "features") && h5_is_group(f, "statistics");
    int model = h5_is_group(f, "weights");
    int named = h5_attr_string(f, "/", "case", name, sizeof name, &ignored) == 0;
    if (set || model) {
        h5_close(f);
        return set ? info_set(path, e) : info_checkpoint(path, tensors, e);
    }
    if ((rc = sha256_file(path, sha256, e)) == 0) {
        char caption[200] = "", kind[40] = "";
        int motion = !h5_attr_string(f, "/", "kind", kind, sizeof kind, &ignored) && !strcmp(kind, "motion");
        info_head(path, motion ? "motion" : named || h5_is_group(f, "in") ? "conformance case" : "HDF5 file");
        info_fingerprint(path, sha256);
        if (motion && !h5_attr_string(f, "/", "caption", caption, sizeof caption, &ignored)) {
            printf("  of ");
            info_name(0, caption);
            printf("\n");
        }
        if (named) {
            printf("  case ");
            info_name(0, name);
            printf("\n");
        }
        rc = print_group(f, "", 0, e);
    }
    h5_close(f);
    return rc;
}

/* ---- Results documents ---- */

static void print_results(const struct results *r)
{
    const struct {
        const char *title, *text;
    } facts[] = {{"command", r->command},
                 {"version", r->version},
                 {"commit", r->commit},
                 {"started", r->started},
                 {"data", r->data.name},
                 {"split", r->data.split},
                 {"data sha256", r->data.sha256},
                 {"evaluator", r->evaluator.name},
                 {"evaluator sha256", r->evaluator.sha256}};
    for (size_t k = 0; k < sizeof facts / sizeof *facts; k++) {
        if (!facts[k].text[0]) continue;         /* a document of times alone has no evaluator */
        printf("  %-16s ", facts[k].title);
        info_name(0, facts[k].text);
        printf("\n");
    }
    if (r->nrows) {
        printf("  %d of %d items, %.1f s\n", r->data.n_used, r->data.n_original, r->seconds);
        printf("  %d replications, pools of %d%s\n", r->protocol.replications, r->protocol.pool,
               r->protocol.limit ? ", LIMITED to a part of the split" : "");
    }
    for (int k = 0; k < r->ntimings && !r->nrows; k++) {
        printf("  ");
        info_name(32, r->timings[k].model);
        printf("  ");
        info_name(0, r->timings[k].name);
        printf(" %.5f s, p99 %.5f s, %d runs\n", r->timings[k].latency.mean, r->timings[k].latency.p99, r->timings[k].latency.runs);
    }
    for (int k = 0; k < r->nrows; k++) {
        const struct results_row *row = results_row(r, k);
        printf("  ");
        info_name(32, row->model);
        for (int m = 0; m < row->nmetrics; m++) {
            printf("  ");
            info_name(0, row->metrics[m].name);
            printf(" %.4g ± %.2g", row->metrics[m].mean, row->metrics[m].ci95);
        }
        printf("\n");
    }
    for (int k = 0; k < r->nchecks; k++)
        if (!r->checks[k].pass) {
            printf("  failed check ");
            info_name(0, r->checks[k].name);
            printf(": ");
            info_name(0, r->checks[k].detail);
            printf("\n");
        }
}

static int info_json(const char *path, struct error *e)
{
    cJSON *document = NULL;
    const char *schema = NULL;
    char sha256[65];
    int rc = json_read(path, &document, e);
    if (rc == 0 && !json_has(document, "schema") && json_has(document, "models")) {
        const char *name = "without a name", *text = "";
        struct error ignored;
        json_string(document, "name", &name, &ignored);
        json_string(document, "description", &text, &ignored);
        info_head(path, "experiment, for mlcm bench, train and time --config");
        printf("  ");
        info_name(0, name);
        printf("%s", *text ? ": " : "\n");
        if (*text) {
            info_name(0, text);
            printf("\n");
        }
        cJSON_Delete(document);
        return 0;
    }
    if (rc == 0 && json_string(document, "schema", &schema, e) != 0)
        rc = error_set(e, ERR_INPUT, "%s: neither an experiment (\"models\") nor a results document (\"schema\"); name one of these", path);
    if (rc == 0)
        rc = sha256_file(path, sha256, e);
    if (rc == 0 && strcmp(schema, RESULTS_SCHEMA) == 0) {
        struct results r;
        rc = results_read(path, &r, e);
        if (rc == 0) {
            info_head(path, "results document " RESULTS_SCHEMA);
            info_fingerprint(path, sha256);
            print_results(&r);
        }
        results_free(&r);
    } else if (rc == 0) {
        printf("%s: JSON document of schema ", path);
        info_name(0, schema);
        printf("\n");
        info_fingerprint(path, sha256);
    }
    cJSON_Delete(document);
    return rc;
}

/* ---- The verb ---- */

static int is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A zip whose first entry, or whose own name, ends as NumPy's do. */
static int is_npz(const char *head, size_t n, const char *path)
{
    const char *point = strrchr(path, '.');
    if (n < 30 || memcmp(head, "PK\3\4", 4) != 0)
        return 0;
    size_t length = (unsigned char)head[26] | (size_t)(unsigned char)head[27] << 8;
    return (point && strcmp(point, ".npz") == 0) ||
           (length > 4 && length <= n - 30 && memcmp(head + 30 + length - 4, ".npy", 4) == 0);
}

/* A pickle that does not begin as PyTorch's stream form does, with a LONG1 of ten bytes. */
static int is_plain_pickle(const char *head, size_t n)
{
    return n >= 4 && (unsigned char)head[0] == 0x80 && head[1] >= 2 && head[1] <= 5 &&
           memcmp(head + 2, "\x8a\x0a", 2) != 0;
}

/* Told by the first bytes; only JSON, which has none, by its name as well. */
static int info_file(const char *path, int tensors, struct error *e)
{
    char head[64] = "", *unused = NULL;
    size_t n = 0;
    if (is_folder(path))
        return info_folder(path, tensors, e);
    if (file_size(path) < 0) {
        int rc = file_read(path, 0, &unused, &n, e); /* for its message */
        free(unused);
        return rc ? rc : error_set(e, ERR_INPUT, "%s: is not a regular file", path);
    }
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return error_set(e, ERR_INPUT, "%s: cannot open; check its permissions", path);
    n = fread(head, 1, sizeof head, stream);
    fclose(stream);
    const char *point = strrchr(path, '.');
    if (n >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0)
        return info_h5(path, tensors, e);
    if (n >= 6 && memcmp(head, "\x93NUMPY", 6) == 0)
        return info_array(path, e);
    if (is_npz(head, n, path))
        return info_arrays(path, e);
    if (is_plain_pickle(head, n))
        return info_words(path, e);
    if ((n > 0 && head[0] == '{') || (point && strcmp(point, ".json") == 0))
        return info_json(path, e);
    return info_checkpoint(path, tensors, e);
}

int cmd_info(int argc, char **argv)
{
    int tensors = 0;
    const struct option_row options[] = {
        {.name = "tensors",
         .flag = &tensors,
         .help = "list every tensor of a checkpoint with its mean and deviation"},
        {0}};
    const struct command_form form = {
        .example = "mlcm info model.ckpt --tensors",
        .usage = "mlcm info FILE … [--tensors]",
        .purpose =
            "Says what a file or folder is: kind, shapes, fingerprints. Knows checkpoints (PyTorch zip and\n"
            "stream, safetensors, our HDF5 form) and which system they are, NumPy arrays (.npy, .npz), pickled word\n"
            "lists, packed motion sets, conformance cases, experiments, results documents, folders of text encoders.",
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
    for (int i = 0; i < a.count; i++)
        if (info_file(a.positional[i], tensors, &e))
            return command_fail(&e);
    return 0;
}
