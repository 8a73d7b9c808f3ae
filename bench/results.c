#include "results.h"

#include "../engine/device.h"

#include "../metrics/interval.h"
#include "version.h"

#include <cJSON.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void results_device(struct results *r, const struct device_choice *choice)
{
    if (choice->kind == DEVICE_CUDA) device_describe_cuda(r->host.gpu, sizeof r->host.gpu, r->host.driver, sizeof r->host.driver);
}

void results_begin(struct results *r)
{
    memset(r, 0, sizeof *r);
    snprintf(r->version, sizeof r->version, "%s", MLCM_VERSION);
    snprintf(r->commit, sizeof r->commit, "%s", version_commit());
    snprintf(r->build, sizeof r->build, "%s", version_build());
    host_describe(&r->host);
    struct library_version libraries[VERSION_LIBRARIES];
    version_libraries(libraries);
    for (int i = 0; i < VERSION_LIBRARIES; i++) {
        struct results_library *l = &r->libraries[r->nlibraries++];
        snprintf(l->name, sizeof l->name, "%s", libraries[i].name);
        snprintf(l->version, sizeof l->version, "%s", libraries[i].version);
    }
    time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc))
        strftime(r->started, sizeof r->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

void results_command(int argc, char **argv, char command[1000])
{
    strcpy(command, "mlcm");
    for (int i = 0; i < argc; i++)
        if (strlen(command) + strlen(argv[i]) + 2 < 1000) strcat(strcat(command, " "), argv[i]);
}

void results_free(struct results *r)
{
    for (int i = 0; i < r->nrows; i++) {
        for (int k = 0; k < r->rows[i].nmetrics; k++)
            free(r->rows[i].metrics[k].replications);
        free(r->rows[i].metrics);
    }
    cJSON_Delete(r->experiment);
    cJSON_Delete(r->scenario);
    cJSON_Delete(r->sweep);
    free(r->data.nan_ids);
    free(r->models);
    free(r->rows);
    free(r->timings);
    free(r->checks);
    free(r->files);
    free(r->notes);
    memset(r, 0, sizeof *r);
}

/* Makes room for one more element of `size` bytes and returns it zeroed, or
 * NULL. *list is the array's pointer, *count its length. */
static void *append(void *list, int *count, size_t size, struct error *e)
{
    void **array = list;
    void *grown = realloc(*array, ((size_t)*count + 1) * size);
    if (!grown) {
        error_memory(e, "the results document");
        return NULL;
    }
    *array = grown;
    return memset((char *)grown + (size_t)(*count)++ * size, 0, size);
}

int results_add_model(struct results *r, const struct results_model *m, struct error *e)
{
    struct results_model *added = append(&r->models, &r->nmodels, sizeof *m, e);
    if (!added)
        return ERR_INTERNAL;
    *added = *m;
    return 0;
}

int results_add_row(struct results *r, const char *model, int real, int *row, struct error *e)
{
    struct results_row *added = append(&r->rows, &r->nrows, sizeof *added, e);
    if (!added)
        return ERR_INTERNAL;
    snprintf(added->model, sizeof added->model, "%s", model);
    added->real = real;
    *row = r->nrows - 1;
    return 0;
}

int results_add_metric(struct results *r, int row, const char *name, const double *replications,
                       int n, struct error *e)
{
    const struct metric *known = metric_find(name);
    if (!known || row < 0 || row >= r->nrows)
        return error_set(e, ERR_INTERNAL, "results: no metric \"%s\" or no row %d", name, row);
    if (results_metric(&r->rows[row], name))
        return error_set(e, ERR_INTERNAL, "results: %s has %s already", r->rows[row].model, name);
    struct interval interval;
    int status = interval_mean(replications, n, &interval, e);
    if (status)
        return error_prefix(e, "%s of %s", name, r->rows[row].model);
    double *copy = malloc((size_t)n * sizeof *copy);
    struct results_metric *m =
        copy ? append(&r->rows[row].metrics, &r->rows[row].nmetrics, sizeof *m, e) : NULL;
    if (!m) {
        free(copy);
        return error_memory(e, "the results document");
    }
    snprintf(m->name, sizeof m->name, "%s", name);
    snprintf(m->unit, sizeof m->unit, "%s", known->unit);
    m->direction = known->direction;
    m->mean = interval.mean;
    m->ci95 = interval.ci95;
    m->nreplications = n;
    m->replications = memcpy(copy, replications, (size_t)n * sizeof *copy);
    return 0;
}

int results_add_timing(struct results *r, const struct results_timing *t, struct error *e)
{
    struct results_timing *added = append(&r->timings, &r->ntimings, sizeof *t, e);
    if (!added)
        return ERR_INTERNAL;
    *added = *t;
    return 0;
}

int results_add_check(struct results *r, const char *name, int pass, struct error *e,
                      const char *detail, ...)
{
    struct results_check *added = append(&r->checks, &r->nchecks, sizeof *added, e);
    if (!added)
        return ERR_INTERNAL;
    va_list arguments;
    va_start(arguments, detail);
    vsnprintf(added->detail, sizeof added->detail, detail, arguments);
    va_end(arguments);
    snprintf(added->name, sizeof added->name, "%s", name);
    added->pass = pass != 0;
    return 0;
}

int results_add_file(struct results *r, const char *what, const char *path, const char *sha256, struct error *e)
{
    struct results_file *added = append(&r->files, &r->nfiles, sizeof *added, e);
    if (!added)
        return ERR_INTERNAL;
    snprintf(added->what, sizeof added->what, "%s", what);
    snprintf(added->path, sizeof added->path, "%s", path);
    snprintf(added->sha256, sizeof added->sha256, "%s", sha256);
    return 0;
}

int results_add_note(struct results *r, struct error *e, const char *text, ...)
{
    va_list args;
    char *added = append(&r->notes, &r->nnotes, sizeof *r->notes, e);
    if (!added)
        return ERR_INTERNAL;
    va_start(args, text);
    vsnprintf(added, sizeof *r->notes, text, args);
    va_end(args);
    return 0;
}

int results_add_nan_id(struct results *r, const char *clip, struct error *e)
{
    char(*added)[RESULTS_NAME] = append(&r->data.nan_ids, &r->data.nnan, sizeof *added, e);
    if (!added)
        return ERR_INTERNAL;
    snprintf(*added, sizeof *added, "%s", clip);
    return 0;
}

const struct results_row *results_row(const struct results *r, int k)
{
    for (int real = 1; real >= 0; real--)
        for (int i = 0; i < r->nrows; i++)
            if (!r->rows[i].real == !real && k-- == 0)
                return &r->rows[i];
    return NULL;
}

const struct results_metric *results_metric(const struct results_row *row, const char *name)
{
    for (int i = 0; i < row->nmetrics; i++)
        if (!strcmp(row->metrics[i].name, name))
            return &row->metrics[i];
    return NULL;
}

const struct results_model *results_model(const struct results *r, const char *name)
{
    for (int i = 0; i < r->nmodels; i++)
        if (!strcmp(r->models[i].name, name))
            return &r->models[i];
    return NULL;
}
