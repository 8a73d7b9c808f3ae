/* The results document as JSON. */
#include "results.h"

#include "../engine/file.h"

#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Growing document: the first failure stays in `status` and the rest is skipped. */
struct writer {
    int status;
    struct error *error;
};

static void check_added(struct writer *w, const cJSON *added)
{
    if (!added && !w->status)
        w->status = error_memory(w->error, "the results document");
}

/* Length of the UTF-8 character at s, or 0 if it is none (cut off, overlong,
 * a surrogate, a control character). */
static size_t character(const unsigned char *s)
{
    size_t n = *s < 0x80                  ? 1
               : *s >= 0xc2 && *s < 0xe0 ? 2
               : (*s & 0xf0) == 0xe0     ? 3
               : *s >= 0xf0 && *s < 0xf5 ? 4
                                         : 0;
    if (!n || *s < 0x20)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90) ||
        (*s == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

/* Text that was cut in the middle of a character, or holds other bytes that are
 * not UTF-8, gets '?' there: the document is always valid. */
static void put_text(struct writer *w, cJSON *o, const char *key, const char *text)
{
    char *clean = strdup(text);
    for (unsigned char *s = (unsigned char *)clean; s && *s;) {
        size_t n = character(s);
        if (!n)
            *s = '?';
        s += n ? n : 1;
    }
    check_added(w, clean ? cJSON_AddStringToObject(o, key, clean) : NULL);
    free(clean);
}

/* The shortest text that reads back as the same number; cJSON's own printing
 * may lose the last digit. */
static const char *number_text(double v, char text[32])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    return text;
}

static void put_number(struct writer *w, cJSON *o, const char *key, double v)
{
    char text[32];
    if (!isfinite(v) && !w->status)
        w->status = error_set(w->error, ERR_INTERNAL,
                              "results: \"%s\" is not a finite number: nothing was written", key);
    check_added(w, cJSON_AddRawToObject(o, key, number_text(v, text)));
}

static void put_bool(struct writer *w, cJSON *o, const char *key, int v)
{
    check_added(w, cJSON_AddBoolToObject(o, key, v != 0));
}

static cJSON *put_object(struct writer *w, cJSON *o, const char *key)
{
    cJSON *added = cJSON_AddObjectToObject(o, key);
    check_added(w, added);
    return added;
}

static cJSON *put_array(struct writer *w, cJSON *o, const char *key)
{
    cJSON *added = cJSON_AddArrayToObject(o, key);
    check_added(w, added);
    return added;
}

/* Moves `item` to the end of the array. */
static cJSON *put_item(struct writer *w, cJSON *array, cJSON *item)
{
    if (!item || !array || !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        check_added(w, NULL);
        return NULL;
    }
    return item;
}

static void write_tool(struct writer *w, cJSON *o, const struct results *r)
{
    cJSON *tool = put_object(w, o, "tool");
    put_text(w, tool, "version", r->version);
    put_text(w, tool, "commit", r->commit);
    put_text(w, tool, "build", r->build);
    cJSON *host = put_object(w, o, "host");
    put_text(w, host, "cpu", r->host.cpu);
    put_text(w, host, "system", r->host.system);
    put_number(w, host, "threads", r->host.threads);
    put_number(w, host, "threads_used", r->host.threads_used);
    put_number(w, host, "memory_gib", r->host.memory_gib);
    put_text(w, host, "gpu", r->host.gpu);
    put_text(w, host, "driver", r->host.driver);
    cJSON *libs = put_object(w, o, "libs");
    for (int i = 0; i < r->nlibraries; i++)
        put_text(w, libs, r->libraries[i].name, r->libraries[i].version);
    put_text(w, o, "command", r->command);
    put_text(w, o, "started", r->started);
    put_number(w, o, "seconds", r->seconds);
    cJSON *experiment = r->experiment ? cJSON_Duplicate(r->experiment, 1) : cJSON_CreateNull();
    if (!experiment || !cJSON_AddItemToObject(o, "experiment", experiment)) {
        cJSON_Delete(experiment);
        check_added(w, NULL);
    }
    if (r->fingerprint[0]) put_text(w, o, "fingerprint", r->fingerprint);
}

static void write_sweep(struct writer *w, cJSON *o, const struct results *r)
{
    if (!r->sweep)
        return;
    cJSON *sweep = cJSON_Duplicate(r->sweep, 1);
    if (!sweep || !cJSON_AddItemToObject(o, "sweep", sweep)) {
        cJSON_Delete(sweep);
        check_added(w, NULL);
    }
}

/* Seeds above 2^53 do not fit a JSON number: they are written as text. */
static void write_seeds(struct writer *w, cJSON *o, const struct results *r)
{
    cJSON *seeds = put_array(w, o, "seeds");
    for (int i = 0; i < r->protocol.nseeds; i++) {
        char text[24];
        snprintf(text, sizeof text, "%llu", (unsigned long long)r->protocol.seeds[i]);
        put_item(w, seeds, r->protocol.seeds[i] <= (1ull << 53)
                               ? cJSON_CreateNumber((double)r->protocol.seeds[i])
                               : cJSON_CreateString(text));
    }
}

static void write_protocol(struct writer *w, cJSON *o, const struct results *r)
{
    cJSON *data = put_object(w, o, "data");
    put_text(w, data, "name", r->data.name);
    put_text(w, data, "split", r->data.split);
    put_number(w, data, "n_original", r->data.n_original);
    put_number(w, data, "n_used", r->data.n_used);
    put_text(w, data, "sha256", r->data.sha256);
    put_text(w, data, "statistics", r->data.statistics);
    cJSON *ids = put_array(w, data, "nan_ids");
    for (int i = 0; i < r->data.nnan; i++)
        put_item(w, ids, cJSON_CreateString(r->data.nan_ids[i]));
    cJSON *evaluator = put_object(w, o, "evaluator");
    put_text(w, evaluator, "name", r->evaluator.name);
    put_text(w, evaluator, "sha256", r->evaluator.sha256);
    put_text(w, evaluator, "padding_rule", r->evaluator.padding_rule);
    cJSON *protocol = put_object(w, o, "protocol");
    put_number(w, protocol, "replications", r->protocol.replications);
    put_number(w, protocol, "pool", r->protocol.pool);
    put_text(w, protocol, "pooling", r->protocol.pooling);
    put_number(w, protocol, "diversity_times", r->protocol.diversity_times);
    put_text(w, protocol, "pairs", r->protocol.pairs);
    put_number(w, protocol, "mm_samples", r->protocol.mm_samples);
    put_number(w, protocol, "mm_repeats", r->protocol.mm_repeats);
    put_number(w, protocol, "mm_times", r->protocol.mm_times);
    put_text(w, protocol, "interval", "mean and 1.96 s / sqrt(n), s with divisor n");
    write_seeds(w, protocol, r);
    put_number(w, protocol, "limit", r->protocol.limit);
    put_bool(w, protocol, "limited", r->protocol.limit > 0);
}

static void write_models(struct writer *w, cJSON *o, const struct results *r)
{
    cJSON *models = put_array(w, o, "models");
    for (int i = 0; i < r->nmodels; i++) {
        const struct results_model *m = &r->models[i];
        cJSON *model = put_item(w, models, cJSON_CreateObject());
        put_text(w, model, "name", m->name);
        put_text(w, model, "family", m->family);
        put_text(w, model, "checkpoint_sha256", m->checkpoint_sha256);
        put_number(w, model, "steps", m->steps);
        put_number(w, model, "guidance", m->guidance);
        put_text(w, model, "size", m->size);
    }
}

static void write_rows(struct writer *w, cJSON *o, const struct results *r)
{
    cJSON *rows = put_array(w, o, "rows");
    for (int i = 0; i < r->nrows; i++) {
        const struct results_row *row = results_row(r, i);
        cJSON *object = put_item(w, rows, cJSON_CreateObject());
        put_text(w, object, "model", row->model);
        put_bool(w, object, "real", row->real);
        put_bool(w, object, "reference", row->reference);
        cJSON *metrics = put_array(w, object, "metrics");
        for (int k = 0; k < row->nmetrics; k++) {
            const struct results_metric *m = &row->metrics[k];
            cJSON *metric = put_item(w, metrics, cJSON_CreateObject());
            put_text(w, metric, "name", m->name);
            put_text(w, metric, "unit", m->unit);
            put_text(w, metric, "direction", direction_name(m->direction));
            put_number(w, metric, "mean", m->mean);
            put_number(w, metric, "ci95", m->ci95);
            cJSON *replications = put_array(w, metric, "replications");
            for (int n = 0; n < m->nreplications; n++) {
                char text[32];
                put_item(w, replications, cJSON_CreateRaw(number_text(m->replications[n], text)));
            }
        }
    }
}

static void write_timing(struct writer *w, cJSON *o, const struct results_timing *t)
{
    put_text(w, o, "model", t->model);
    put_text(w, o, "name", t->name);
    put_text(w, o, "definition", t->definition);
    put_number(w, o, "batch", t->batch);
    put_number(w, o, "warmup", t->warmup);
    put_number(w, o, "runs", t->latency.runs);
    put_number(w, o, "mean", t->latency.mean);
    put_number(w, o, "std", t->latency.std);
    put_number(w, o, "minimum", t->latency.minimum);
    put_number(w, o, "maximum", t->latency.maximum);
    put_number(w, o, "p50", t->latency.p50);
    put_number(w, o, "p90", t->latency.p90);
    put_number(w, o, "p99", t->latency.p99);
    cJSON *stages = put_object(w, o, "stages");
    put_number(w, stages, "text", t->text);
    put_number(w, stages, "trajectory", t->trajectory);
    put_number(w, stages, "denoise", t->denoise);
    put_number(w, stages, "decode", t->decode);
}

/* "timing" is the first one, the headline; "timings" are all of them. */
static void write_timings(struct writer *w, cJSON *o, const struct results *r)
{
    if (r->ntimings)
        write_timing(w, put_object(w, o, "timing"), &r->timings[0]);
    cJSON *all = put_array(w, o, "timings");
    for (int i = 0; i < r->ntimings; i++)
        write_timing(w, put_item(w, all, cJSON_CreateObject()), &r->timings[i]);
    cJSON *scenario = r->scenario ? cJSON_Duplicate(r->scenario, 1) : NULL;
    if (r->scenario && (!scenario || !cJSON_AddItemToObject(o, "scenario", scenario))) {
        cJSON_Delete(scenario);
        check_added(w, NULL);
    }
}

static void write_checks(struct writer *w, cJSON *o, const struct results *r)
{
    cJSON *checks = put_array(w, o, "checks");
    for (int i = 0; i < r->nchecks; i++) {
        cJSON *check = put_item(w, checks, cJSON_CreateObject());
        put_text(w, check, "name", r->checks[i].name);
        put_bool(w, check, "pass", r->checks[i].pass);
        put_text(w, check, "detail", r->checks[i].detail);
    }
}

static void write_files(struct writer *w, cJSON *o, const struct results *r)
{
    cJSON *files = put_array(w, o, "files"), *notes = put_array(w, o, "notes");
    for (int i = 0; i < r->nfiles; i++) {
        cJSON *file = put_item(w, files, cJSON_CreateObject());
        put_text(w, file, "what", r->files[i].what);
        put_text(w, file, "path", r->files[i].path);
        put_text(w, file, "sha256", r->files[i].sha256);
    }
    for (int i = 0; i < r->nnotes; i++)
        put_item(w, notes, cJSON_CreateString(r->notes[i]));
}

int results_write(const struct results *r, const char *path, struct error *e)
{
    struct writer w = {0, e};
    cJSON *o = cJSON_CreateObject();
    put_text(&w, o, "schema", RESULTS_SCHEMA);
    write_tool(&w, o, r);
    write_protocol(&w, o, r);
    write_models(&w, o, r);
    write_rows(&w, o, r);
    write_timings(&w, o, r);
    write_checks(&w, o, r);
    write_files(&w, o, r);
    write_sweep(&w, o, r);
    char *text = w.status ? NULL : cJSON_Print(o);
    cJSON_Delete(o);
    if (!w.status && !text)
        w.status = error_memory(e, "the results document");
    if (w.status) {
        cJSON_free(text);
        return error_prefix(e, "%s", path);
    }
    int status = 0;
    if (!strcmp(path, "-"))
        printf("%s\n", text);
    else {
        struct file_writer out;
        status = file_begin(&out, path, e);
        if (!status) {
            fprintf(out.stream, "%s\n", text);
            status = file_commit(&out, e);
        }
    }
    cJSON_free(text);
    return status;
}
