/* Reading a results document back. */
#include "results.h"

#include "../engine/file.h"
#include "json_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What no run of mlcm exceeds: a document beyond it was not written by one. */
enum { MOST_ITEMS = 10000, MOST_REPLICATIONS = 1000, MOST_TIMES = 100000, MOST_CLIPS = 10000000, MOST_THREADS = 65536 };
static const double largest_value = 1e30, longest_time = 1e10;

/* A text that may be absent or empty, cut to its room. */
static void optional_text(const cJSON *o, const char *path, char *out, size_t size)
{
    const cJSON *found = json_find(o, path);
    snprintf(out, size, "%s", cJSON_IsString(found) ? found->valuestring : "");
}

/* A number from 0 to `most`, 0 if absent. */
static int optional_number(const cJSON *o, const char *path, double *v, double most, struct error *e)
{
    *v = 0;
    return json_has(o, path) ? json_number(o, path, v, 0, most, e) : 0;
}

static int optional_int(const cJSON *o, const char *path, int *v, int most, struct error *e)
{
    *v = 0;
    return json_has(o, path) ? json_int(o, path, v, 0, most, e) : 0;
}

static int required_text(const cJSON *o, const char *path, char *out, size_t size, struct error *e)
{
    const char *text;
    int status = json_string(o, path, &text, e);
    if (!status)
        snprintf(out, size, "%s", text);
    return status;
}

/* Calls `read` on each element of the optional list at `path`. */
static int each_item(struct results *r, const cJSON *o, const char *path,
                     int (*read)(struct results *, const cJSON *, struct error *), struct error *e)
{
    const cJSON *list = NULL, *item;
    if (!json_has(o, path))
        return 0;
    int status = json_array(o, path, &list, 0, MOST_ITEMS, e), i = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (status)
            break;
        if ((status = read(r, item, e)))
            error_prefix(e, "%s.%d", path, i);
        i++;
    }
    return status;
}

static int read_host(struct results *r, const cJSON *o, struct error *e)
{
    optional_text(o, "tool.version", r->version, sizeof r->version);
    optional_text(o, "tool.commit", r->commit, sizeof r->commit);
    optional_text(o, "tool.build", r->build, sizeof r->build);
    optional_text(o, "host.cpu", r->host.cpu, sizeof r->host.cpu);
    optional_text(o, "host.system", r->host.system, sizeof r->host.system);
    optional_text(o, "host.gpu", r->host.gpu, sizeof r->host.gpu);
    optional_text(o, "host.driver", r->host.driver, sizeof r->host.driver);
    optional_text(o, "command", r->command, sizeof r->command);
    optional_text(o, "started", r->started, sizeof r->started);
    optional_text(o, "fingerprint", r->fingerprint, sizeof r->fingerprint);
    const cJSON *item;
    cJSON_ArrayForEach(item, json_find(o, "libs"))
    {
        if (r->nlibraries == (int)(sizeof r->libraries / sizeof r->libraries[0]) || !cJSON_IsString(item))
            continue;
        struct results_library *l = &r->libraries[r->nlibraries++];
        snprintf(l->name, sizeof l->name, "%s", item->string);
        snprintf(l->version, sizeof l->version, "%s", item->valuestring);
    }
    const cJSON *experiment = json_find(o, "experiment");
    if (cJSON_IsObject(experiment) && !(r->experiment = cJSON_Duplicate(experiment, 1)))
        return error_memory(e, "the experiment");
    const cJSON *sweep = json_find(o, "sweep");
    if (cJSON_IsObject(sweep) && !(r->sweep = cJSON_Duplicate(sweep, 1)))
        return error_memory(e, "the sweep");
    int status;
    if ((status = optional_number(o, "seconds", &r->seconds, longest_time, e)) ||
        (status = optional_int(o, "host.threads", &r->host.threads, MOST_THREADS, e)) ||
        (status = optional_int(o, "host.threads_used", &r->host.threads_used, MOST_THREADS, e)))
        return status;
    return optional_number(o, "host.memory_gib", &r->host.memory_gib, 1e9, e);
}

static int read_nan_id(struct results *r, const cJSON *o, struct error *e)
{
    if (!cJSON_IsString(o))
        return error_set(e, ERR_INPUT, "a clip's name must be text");
    return results_add_nan_id(r, o->valuestring, e);
}

static int read_seed(struct results *r, const cJSON *o, struct error *e)
{
    if (r->protocol.nseeds == (int)(sizeof r->protocol.seeds / sizeof r->protocol.seeds[0]))
        return error_set(e, ERR_INPUT, "too many seeds");
    uint64_t seed = 0;
    if (cJSON_IsString(o) && *o->valuestring &&
        strspn(o->valuestring, "0123456789") == strlen(o->valuestring))
        seed = strtoull(o->valuestring, NULL, 10);
    else if (cJSON_IsNumber(o) && o->valuedouble >= 0 && o->valuedouble <= 9007199254740992.0)
        seed = (uint64_t)o->valuedouble;
    else
        return error_set(e, ERR_INPUT, "a seed must be a whole number, from 0");
    r->protocol.seeds[r->protocol.nseeds++] = seed;
    return 0;
}

static int read_protocol(struct results *r, const cJSON *o, struct error *e)
{
    optional_text(o, "data.name", r->data.name, sizeof r->data.name);
    optional_text(o, "data.split", r->data.split, sizeof r->data.split);
    optional_text(o, "data.sha256", r->data.sha256, sizeof r->data.sha256);
    optional_text(o, "data.statistics", r->data.statistics, sizeof r->data.statistics);
    optional_text(o, "evaluator.name", r->evaluator.name, sizeof r->evaluator.name);
    optional_text(o, "evaluator.sha256", r->evaluator.sha256, sizeof r->evaluator.sha256);
    optional_text(o, "evaluator.padding_rule", r->evaluator.padding_rule,
                  sizeof r->evaluator.padding_rule);
    optional_text(o, "protocol.pooling", r->protocol.pooling, sizeof r->protocol.pooling);
    optional_text(o, "protocol.pairs", r->protocol.pairs, sizeof r->protocol.pairs);
    const struct {
        const char *path;
        int *value, most;
    } whole[] = {
        {"data.n_original", &r->data.n_original, MOST_CLIPS},
        {"data.n_used", &r->data.n_used, MOST_CLIPS},
        {"protocol.replications", &r->protocol.replications, MOST_REPLICATIONS},
        {"protocol.pool", &r->protocol.pool, MOST_CLIPS},
        {"protocol.diversity_times", &r->protocol.diversity_times, MOST_CLIPS},
        {"protocol.mm_samples", &r->protocol.mm_samples, MOST_CLIPS},
        {"protocol.mm_repeats", &r->protocol.mm_repeats, MOST_CLIPS},
        {"protocol.mm_times", &r->protocol.mm_times, MOST_CLIPS},
        {"protocol.limit", &r->protocol.limit, MOST_CLIPS},
    };
    int status = 0;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0] && !status; i++)
        status = optional_int(o, whole[i].path, whole[i].value, whole[i].most, e);
    if (status || (status = each_item(r, o, "data.nan_ids", read_nan_id, e)))
        return status;
    return each_item(r, o, "protocol.seeds", read_seed, e);
}

static int read_model(struct results *r, const cJSON *o, struct error *e)
{
    struct results_model m = {0};
    int status;
    optional_text(o, "family", m.family, sizeof m.family);
    optional_text(o, "checkpoint_sha256", m.checkpoint_sha256, sizeof m.checkpoint_sha256);
    optional_text(o, "size", m.size, sizeof m.size);
    if ((status = required_text(o, "name", m.name, sizeof m.name, e)) ||
        (status = optional_int(o, "steps", &m.steps, MOST_TIMES, e)) ||
        (status = optional_number(o, "guidance", &m.guidance, 1000, e)))
        return status;
    return results_add_model(r, &m, e);
}

/* A document that was written by hand or changed says so by a mean that is not that of its replications. */
static int check_mean(const struct results_metric *m, struct error *e)
{
    double mean = 0, size = 0;
    for (int k = 0; k < m->nreplications; k++) {
        mean += m->replications[k] / m->nreplications;
        size = fmax(size, fabs(m->replications[k]));
    }
    if (!m->nreplications || fabs(mean - m->mean) <= 1e-6 * size)
        return 0;
    return error_set(e, ERR_INPUT, "%s: mean %g, but its %d replications have %g; the document was changed, write it anew", m->name, m->mean,
                     m->nreplications, mean);
}

/* The metric becomes part of the row, which frees it, also when reading fails. */
static int read_metric(struct results_metric *m, const cJSON *o, struct error *e)
{
    const char *direction;
    const cJSON *list, *item;
    int status;
    optional_text(o, "unit", m->unit, sizeof m->unit);
    if ((status = required_text(o, "name", m->name, sizeof m->name, e)) ||
        (status = json_string(o, "direction", &direction, e)) ||
        (status = json_number(o, "mean", &m->mean, -largest_value, largest_value, e)) ||
        (status = json_number(o, "ci95", &m->ci95, 0, largest_value, e)))
        return status;
    const struct metric *known = metric_find(m->name);
    if ((status = json_array(o, "replications", &list, 0, known && !known->significant ? MOST_REPLICATIONS : MOST_TIMES, e)))
        return status;
    if (direction_parse(direction, &m->direction))
        return error_set(e, ERR_INPUT, "direction \"%s\": down, up or near real is needed", direction);
    m->replications = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *m->replications);
    if (!m->replications)
        return error_memory(e, "replications");
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) <= largest_value))
            return error_set(e, ERR_INPUT, "replications.%d: not a number from %g to %g", m->nreplications, -largest_value, largest_value);
        m->replications[m->nreplications++] = item->valuedouble;
    }
    return check_mean(m, e);
}

static int read_row(struct results *r, const cJSON *o, struct error *e)
{
    char model[RESULTS_NAME];
    const cJSON *list, *item;
    int status, row, real = 0, reference = 0;
    if ((status = required_text(o, "model", model, sizeof model, e)) ||
        (json_has(o, "real") && (status = json_bool(o, "real", &real, e))) ||
        (json_has(o, "reference") && (status = json_bool(o, "reference", &reference, e))) ||
        (status = json_array(o, "metrics", &list, 0, MOST_ITEMS, e)) ||
        (status = results_add_row(r, model, real, &row, e)))
        return status;
    struct results_row *added = &r->rows[row];
    added->reference = reference;
    added->metrics = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *added->metrics);
    if (!added->metrics)
        return error_memory(e, "metrics");
    cJSON_ArrayForEach(item, list)
    {
        int k = added->nmetrics++;
        if ((status = read_metric(&added->metrics[k], item, e)))
            return error_prefix(e, "metrics.%d", k);
        if (results_metric(added, added->metrics[k].name) != &added->metrics[k])
            return error_set(e, ERR_INPUT, "metrics.%d: %s stands twice in this row; remove one", k, added->metrics[k].name);
    }
    return 0;
}

static int read_timing(struct results *r, const cJSON *o, struct error *e)
{
    struct results_timing t = {0};
    optional_text(o, "name", t.name, sizeof t.name);
    optional_text(o, "definition", t.definition, sizeof t.definition);
    const struct {
        const char *path;
        double *value;
    } seconds[] = {
        {"mean", &t.latency.mean},       {"std", &t.latency.std},
        {"minimum", &t.latency.minimum}, {"maximum", &t.latency.maximum},
        {"p50", &t.latency.p50},         {"p90", &t.latency.p90},
        {"p99", &t.latency.p99},         {"stages.text", &t.text},
        {"stages.denoise", &t.denoise},  {"stages.trajectory", &t.trajectory},
        {"stages.decode", &t.decode},
    };
    int status = required_text(o, "model", t.model, sizeof t.model, e);
    if (status || (status = optional_int(o, "batch", &t.batch, MOST_TIMES, e)) ||
        (status = optional_int(o, "warmup", &t.warmup, MOST_TIMES, e)) ||
        (status = optional_int(o, "runs", &t.latency.runs, MOST_CLIPS, e)))
        return status;
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0] && !status; i++)
        status = optional_number(o, seconds[i].path, seconds[i].value, longest_time, e);
    return status ? status : results_add_timing(r, &t, e);
}

static int read_file(struct results *r, const cJSON *o, struct error *e)
{
    char what[RESULTS_NAME], path[400], sha256[65];
    int status = required_text(o, "what", what, sizeof what, e);
    optional_text(o, "path", path, sizeof path);
    optional_text(o, "sha256", sha256, sizeof sha256);
    return status ? status : results_add_file(r, what, path, sha256, e);
}

static int read_note(struct results *r, const cJSON *o, struct error *e)
{
    if (!cJSON_IsString(o))
        return error_set(e, ERR_INPUT, "a note must be text");
    return results_add_note(r, e, "%s", o->valuestring);
}

static int read_check(struct results *r, const cJSON *o, struct error *e)
{
    char name[RESULTS_NAME], detail[400];
    int pass, status;
    optional_text(o, "detail", detail, sizeof detail);
    if ((status = required_text(o, "name", name, sizeof name, e)) ||
        (status = json_bool(o, "pass", &pass, e)))
        return status;
    return results_add_check(r, name, pass, e, "%s", detail);
}

int results_read(const char *path, struct results *r, struct error *e)
{
    memset(r, 0, sizeof *r);
    cJSON *o = NULL;
    const char *schema = NULL;
    int status = json_read(path, &o, e);
    if (status)
        return status;
    if (!(status = json_string(o, "schema", &schema, e)) && strcmp(schema, RESULTS_SCHEMA))
        status = error_set(e, ERR_INPUT, "schema \"%s\" is not " RESULTS_SCHEMA
                                         ": give a document written by mlcm bench",
                           schema);
    if (!status && !(status = read_host(r, o, e)) && !(status = read_protocol(r, o, e)) &&
        !(status = each_item(r, o, "models", read_model, e)) &&
        !(status = each_item(r, o, "rows", read_row, e)) &&
        !(status = each_item(r, o, "timings", read_timing, e)))
        status = each_item(r, o, "checks", read_check, e);
    if (!status && !(status = each_item(r, o, "files", read_file, e)))
        status = each_item(r, o, "notes", read_note, e);
    if (!status && r->data.n_original && r->data.n_used > r->data.n_original)
        status = error_set(e, ERR_INPUT, "data.n_used is %d, more than data.n_original, %d; the document was changed, write it anew",
                           r->data.n_used, r->data.n_original);
    if (!status && !r->nrows && !r->ntimings && !r->sweep)
        status = error_set(e, ERR_INPUT, "\"rows\" and \"timings\" are empty: nothing was measured; give the document of a run that ended");
    cJSON_Delete(o);
    return status ? error_prefix(e, "%s", path) : 0;
}
