/* mlcm info FILE …: what a checkpoint, an array, a data set or a result is. */
#include "../datasets/set.h"
#include "../engine/file.h"
#include "../engine/h5.h"
#include "../engine/npy.h"
#include "../engine/weights.h"
#include "arguments.h"
#include "command.h"
#include "json_read.h"
#include "results.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Text ---- */

/* "2x196x263", or "scalar". */
static void shape_text(int rank, const int *shape, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, i ? "x%d" : "%d", shape[i]);
    if (rank == 0)
        snprintf(out, size, "scalar");
}

/* A name from a file, without what would disturb a terminal. */
static void print_name(int width, const char *name)
{
    char clean[1024];
    snprintf(clean, sizeof clean, "%s", name);
    for (unsigned char *p = (unsigned char *)clean; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
    printf("%-*s", width, clean);
}

static void print_head(const char *path, const char *kind)
{
    printf("%s: %s\n", path, kind);
}

static void print_file(const char *path, const char *sha256)
{
    printf("  %" PRId64 " bytes, sha256 %s\n", file_size(path), sha256);
}

/* ---- Checkpoints ---- */

static int has_prefix(const struct weights *w, const char *prefix)
{
    for (int i = 0; i < w->count; i++)
        if (strncmp(w->items[i].name, prefix, strlen(prefix)) == 0)
            return 1;
    return 0;
}

/* The kind by the presence of tensors, as the published programs decide it;
 * MotionLCM's own files first, then the systems around it. */
static void checkpoint_kind(const struct weights *w, char *out, size_t size)
{
    int vae = weights_find(w, "vae.skel_embedding.weight") != NULL;
    const struct weight *guidance = weights_find(w, "denoiser.time_embedding.cond_proj.weight");
    int denoiser = weights_find(w, "denoiser.time_embedding.linear_1.weight") != NULL;
    int control = weights_find(w, "controlnet.controlnet_cond_embedding.0.weight") != NULL;
    int second = weights_find(w, "vae.latent_pre.weight") || weights_find(w, "denoiser.latent_pre.weight");
    const char *version = second ? "V2" : "V1";
    if (control)
        snprintf(out, size, "MotionLCM ControlNet (%s)", version);
    else if (guidance && guidance->rank == 2)
        snprintf(out, size, "MotionLCM (%s), guidance width %d", version, guidance->shape[1]);
    else if (denoiser)
        snprintf(out, size, "%s",
                 second                                   ? "MLD (V2)"
                 : weights_find(w, "denoiser.mem_pos.pe") ? "MLD, original layout"
                                                          : "MLD (V1)");
    else if (vae)
        snprintf(out, size, "motion VAE (%s)", version);
    else if (has_prefix(w, "movement_encoder.") && has_prefix(w, "motion_encoder."))
        snprintf(out, size, "evaluator (text and motion matching)");
    else if (has_prefix(w, "input_hint_block.") || has_prefix(w, "model.input_hint_block."))
        snprintf(out, size, "OmniControl");
    else if (has_prefix(w, "input_process.") || has_prefix(w, "model.input_process."))
        snprintf(out, size, "MDM");
    else if (has_prefix(w, "encoder.temporal_decoder_blocks."))
        snprintf(out, size, "MotionDiffuse");
    else if (has_prefix(w, "encoder.block.") && weights_find(w, "shared.weight"))
        snprintf(out, size, "T5 encoder");
    else if (has_prefix(w, "text_model.") || weights_find(w, "token_embedding.weight"))
        snprintf(out, size, "CLIP text encoder");
    else if (has_prefix(w, "transformer.layer."))
        snprintf(out, size, "DistilBERT");
    else if (weights_find(w, "embeddings.word_embeddings.weight"))
        snprintf(out, size, "BERT");
    else
        snprintf(out, size, "tensors of an unknown model");
    if (vae && (control || denoiser))
        snprintf(out + strlen(out), size - strlen(out), " with its VAE");
    if (has_prefix(w, "t2m_"))
        snprintf(out + strlen(out), size - strlen(out), " and an evaluator");
}

/* The part of a name before its first point. */
static size_t part_of(const char *name)
{
    return strcspn(name, ".");
}

/* One line for each first part of the names, in order of appearance. */
static void print_parts(const struct weights *w)
{
    for (int i = 0; i < w->count; i++) {
        const char *name = w->items[i].name;
        size_t n = part_of(name), values = 0;
        int first = 1, tensors = 0;
        for (int k = 0; k < w->count; k++) {
            const char *other = w->items[k].name;
            if (part_of(other) != n || strncmp(name, other, n) != 0)
                continue;
            first &= k >= i;
            tensors++;
            values += w->items[k].count;
        }
        char part[80];
        snprintf(part, sizeof part, "%.*s", (int)n, name);
        if (first) {
            printf("  ");
            print_name(28, part);
            printf(" %5d tensors %12zu values\n", tensors, values);
        }
    }
}

static void print_tensors(const struct weights *w)
{
    for (int i = 0; i < w->count; i++) {
        const struct weight *item = &w->items[i];
        char shape[100];
        double sum = 0, square = 0;
        for (size_t k = 0; k < item->count; k++) {
            sum += (double)item->data[k];
            square += (double)item->data[k] * (double)item->data[k];
        }
        double n = item->count ? (double)item->count : 1, mean = sum / n;
        shape_text(item->rank, item->shape, shape, sizeof shape);
        printf("  ");
        print_name(64, item->name);
        printf(" %-16s mean %11.4e  std %10.4e\n", shape, mean, sqrt(fmax(0, square / n - mean * mean)));
    }
}

/* What our own model files say about themselves. */
static void print_attributes(const char *path)
{
    static const char *const names[] = {"kind", "fingerprint", "note"};
    struct h5 *f = NULL;
    struct error ignored;
    char text[1000];
    if (h5_open(path, &f, &ignored))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (h5_attr_string(f, "/", names[i], text, sizeof text, &ignored) == 0) {
            printf("  %-16s ", names[i]);
            print_name(0, text);
            printf("\n");
        }
    h5_close(f);
}

static int info_checkpoint(const char *path, int tensors, struct error *e)
{
    struct weights w;
    int rc = weights_read(path, &w, e);
    if (rc)
        return rc;
    char kind[160];
    size_t values = 0;
    checkpoint_kind(&w, kind, sizeof kind);
    for (int i = 0; i < w.count; i++)
        values += w.items[i].count;
    printf("%s: checkpoint, %s\n", path, kind);
    print_file(path, w.sha256);
    print_attributes(path);
    printf("  %d tensors, %zu values\n", w.count, values);
    print_parts(&w);
    if (tensors)
        print_tensors(&w);
    weights_free(&w);
    return 0;
}

/* ---- Arrays ---- */

static int info_array(const char *path, struct error *e)
{
    struct npy a;
    char sha256[65], shape[100];
    int rc = npy_read(path, &a, e);
    if (rc == 0 && (rc = sha256_file(path, sha256, e)) != 0)
        npy_free(&a);
    if (rc)
        return rc;
    double least = DBL_MAX, most = -DBL_MAX;
    size_t bad = 0;
    for (size_t i = 0; i < a.count; i++) {
        if (!isfinite(a.data[i])) {
            bad++;
            continue;
        }
        least = fmin(least, a.data[i]);
        most = fmax(most, a.data[i]);
    }
    shape_text(a.rank, a.shape, shape, sizeof shape);
    int last = a.rank ? a.shape[a.rank - 1] : 0;
    const char *guess = a.rank == 2 && last == 263                    ? "HumanML3D motion features"
                        : a.rank == 2 && last == 251                  ? "KIT-ML motion features"
                        : a.rank == 3 && last == 3                    ? "joint positions"
                        : a.rank == 1 && (last == 263 || last == 251) ? "feature statistics"
                                                                      : "numbers";
    printf("%s: NumPy array, %s, type %s, probably %s\n", path, shape, a.type, guess);
    print_file(path, sha256);
    if (bad < a.count)
        printf("  values %g to %g", least, most);
    else
        printf("  no finite value");
    printf(", %zu not finite\n", bad);
    npy_free(&a);
    return 0;
}

/* ---- Data sets and other HDF5 files ---- */

static int info_set(const char *path, struct error *e)
{
    struct set s;
    int rc = set_read(path, &s, e);
    if (rc)
        return rc;
    static const char *const splits[] = {"train", "val", "test", "none"};
    print_head(path, "packed motion set");
    print_file(path, s.sha256);
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
            shape_text(rank, shape, text, sizeof text);
            printf("  ");
            print_name(56, name);
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
        print_head(path, named || h5_is_group(f, "in") ? "conformance case" : "HDF5 file");
        print_file(path, sha256);
        if (named) {
            printf("  case ");
            print_name(0, name);
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
        printf("  %-16s ", facts[k].title);
        print_name(0, facts[k].text);
        printf("\n");
    }
    printf("  %d of %d items, %.1f s\n", r->data.n_used, r->data.n_original, r->seconds);
    printf("  %d replications, pools of %d%s\n", r->protocol.replications, r->protocol.pool,
           r->protocol.limit ? ", LIMITED to a part of the split" : "");
    for (int k = 0; k < r->nrows; k++) {
        const struct results_row *row = results_row(r, k);
        printf("  ");
        print_name(32, row->model);
        for (int m = 0; m < row->nmetrics; m++) {
            printf("  ");
            print_name(0, row->metrics[m].name);
            printf(" %.4g ± %.2g", row->metrics[m].mean, row->metrics[m].ci95);
        }
        printf("\n");
    }
    for (int k = 0; k < r->nchecks; k++)
        if (!r->checks[k].pass) {
            printf("  failed check ");
            print_name(0, r->checks[k].name);
            printf(": ");
            print_name(0, r->checks[k].detail);
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
        print_head(path, "experiment, for mlcm bench, train and time --config");
        printf("  ");
        print_name(0, name);
        printf("%s", *text ? ": " : "\n");
        if (*text) {
            print_name(0, text);
            printf("\n");
        }
        cJSON_Delete(document);
        return 0;
    }
    if (rc == 0 && (rc = json_string(document, "schema", &schema, e)) != 0)
        error_prefix(e, "%s", path);
    if (rc == 0)
        rc = sha256_file(path, sha256, e);
    if (rc == 0 && strcmp(schema, RESULTS_SCHEMA) == 0) {
        struct results r;
        rc = results_read(path, &r, e);
        if (rc == 0) {
            print_head(path, "results document " RESULTS_SCHEMA);
            print_file(path, sha256);
            print_results(&r);
        }
        results_free(&r);
    } else if (rc == 0) {
        printf("%s: JSON document of schema ", path);
        print_name(0, schema);
        printf("\n");
        print_file(path, sha256);
    }
    cJSON_Delete(document);
    return rc;
}

/* ---- The verb ---- */

/* Told by the first bytes; only JSON, which has none, by its name as well. */
static int info_file(const char *path, int tensors, struct error *e)
{
    char head[8] = "", *unused = NULL;
    size_t n = 0;
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
    if (n == 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0)
        return info_h5(path, tensors, e);
    if (n >= 6 && memcmp(head, "\x93NUMPY", 6) == 0)
        return info_array(path, e);
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
            "Says what a file is: kind, shapes, fingerprints. Knows checkpoints (PyTorch zip and stream,\n"
            "our HDF5 form), NumPy arrays, packed motion sets, conformance cases, experiments and results documents.",
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
