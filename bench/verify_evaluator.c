/* Reading and comparing the arrays of the evaluator's cases. */
#include "verify_evaluator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading and comparing ----------------------------------------------------------- */

const char *array_name(char *buffer, const char *group, const char *member)
{
    snprintf(buffer, NAME_SIZE, "%.200s%s%.90s", group, *group ? "/" : "", member);
    return buffer;
}

/* A float dataset of the given rank; its dimensions go to dims. */
int array_read(struct h5 *f, const char *name, int rank, int dims[8], float **data, struct error *e)
{
    int found;
    size_t count;
    int rc = h5_shape(f, name, &found, dims, e);
    if (!rc && found != rank)
        rc = error_set(e, ERR_INPUT, "%s: %s has %d dimensions instead of %d", h5_path(f), name, found, rank);
    if (!rc) rc = h5_read_float(f, name, data, &count, e);
    for (size_t i = 0; !rc && i < count; i++)
        if (!isfinite((*data)[i])) {
            free(*data);
            *data = NULL;
            rc = error_set(e, ERR_INPUT, "%s: value %zu of %s is not finite; write the case anew", h5_path(f), i, name);
        }
    return rc;
}

int array_ints(struct h5 *f, const char *name, int count, int **data, struct error *e)
{
    size_t n;
    int32_t *values;
    int rc = h5_read_int(f, name, &values, &n, e);
    if (rc) return rc;
    *data = values;
    if (n == (size_t)count) return 0;
    free(values);
    *data = NULL;
    return error_set(e, ERR_INPUT, "%s: %s holds %zu values instead of %d", h5_path(f), name, n, count);
}

int array_attribute(struct h5 *f, const char *group, const char *name, double *v, struct error *e)
{
    return h5_attr_double(f, group, name, v, e);
}

/* Compares got (float, n) with the dataset, where the case has it; tolerance relative to the reference's scale. */
int array_compare_double(struct verify *v, struct h5 *f, const char *name, const double *got, size_t n, double relative,
                        struct error *e)
{
    double *want, scale = 1;
    size_t count;
    char shape[80] = "";
    int rank, dims[8];
    if (!h5_has(f, name)) return 0;
    int rc = h5_shape(f, name, &rank, dims, e);
    if (!rc) rc = h5_read_double(f, name, &want, &count, e);
    if (rc) return rc;
    for (int i = 0; i < rank; i++) snprintf(shape + strlen(shape), 12, i ? "x%d" : "%d", dims[i]);
    for (size_t i = 0; i < count; i++) scale = fmax(scale, fabs(want[i]));
    if (count == n) verify_array_double(v, name, shape, got, want, n, relative * scale);
    else rc = error_set(e, ERR_INPUT, "%s: %s holds %zu values, %zu were computed", h5_path(f), name, count, n);
    free(want);
    return rc;
}

int array_compare(struct verify *v, struct h5 *f, const char *name, const float *got, size_t n, double relative,
                   struct error *e)
{
    double *wide = malloc(n * sizeof *wide + 8);
    if (!wide) return error_memory(e, name);
    for (size_t i = 0; i < n; i++) wide[i] = (double)got[i];
    int rc = array_compare_double(v, f, name, wide, n, relative, e);
    free(wide);
    return rc;
}

int array_compare_value(struct verify *v, struct h5 *f, const char *group, const char *member, double got, struct error *e)
{
    char name[NAME_SIZE];
    return array_compare_double(v, f, array_name(name, group, member), &got, 1, SINGLE_TOLERANCE, e);
}

/* Both the array and its double-precision companion NAME_f64. */
int array_compare_both(struct verify *v, struct h5 *f, const char *name, const float *got, size_t n, double relative,
                        struct error *e)
{
    char wide[NAME_SIZE + 8];
    snprintf(wide, sizeof wide, "%s_f64", name);
    int rc = array_compare(v, f, name, got, n, relative, e);
    return rc ? rc : array_compare(v, f, wide, got, n, relative, e);
}

int array_order(struct verify *v, struct h5 *f, const char *name, const int *lengths, int n, int batch, int count, int **order,
                struct error *e)
{
    int rc = array_ints(f, name, count, order, e), ok = 1;
    if (rc) return rc;
    char *seen = calloc((size_t)n + 1, 1);
    if (!seen) ok = 0;
    for (int i = 0; i < count && ok; i++) {
        int at = (*order)[i];
        ok = at >= 0 && at < n && at / batch == i / batch && !seen[at];
        if (ok && i % batch) ok = lengths[(*order)[i - 1]] >= lengths[at];
        if (ok) seen[at] = 1;
    }
    free(seen);
    verify_check(v, name, ok);
    if (ok) return 0;
    free(*order);
    *order = NULL;
    return error_set(e, ERR_INPUT, "%s: %s is not an order with the longest first in each batch", h5_path(f), name);
}

/* Rows order[i] of x (n, dim) one after another. */
void rows_permuted(float *out, const float *x, const int *order, int n, int dim)
{
    for (int i = 0; i < n; i++) memcpy(out + (size_t)i * (size_t)dim, x + (size_t)order[i] * (size_t)dim, (size_t)dim * sizeof *x);
}

/* (batch·t, c) on the device, transposed to (batch, c, t) on the host as convolutions are stored. */
float *channels_first(const struct tape *t, const struct tensor *x, int batch)
{
    size_t count = (size_t)x->rows * (size_t)x->cols;
    int frames = x->rows / batch;
    float *host = malloc(2 * count * sizeof *host), *out = host ? host + count : NULL;
    if (!host) return NULL;
    t->device->download(t->device, out, x->x, count);
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < frames; i++)
            for (int j = 0; j < x->cols; j++) host[(b * x->cols + j) * frames + i] = out[(b * frames + i) * x->cols + j];
    return host;
}

void frames_first(float *out, const float *x, int batch, int channels, int frames)
{
    for (int b = 0; b < batch; b++)
        for (int i = 0; i < frames; i++)
            for (int j = 0; j < channels; j++)
                out[(b * frames + i) * channels + j] = x[(b * channels + j) * frames + i];
}

/* --- weights ---------------------------------------------------------------------------- */

/* Tensors GROUP/NETWORK/KEY of a case as "NETWORK.KEY". */
int group_weights(struct h5 *f, const char *group, struct weights *w, struct error *e)
{
    char **networks = NULL, **keys = NULL, path[NAME_SIZE], full[2 * NAME_SIZE];
    int networks_count = 0, keys_count = 0, rc;
    memset(w, 0, sizeof *w);
    snprintf(w->path, sizeof w->path, "%s", h5_path(f));
    rc = h5_names(f, group, &networks, &networks_count, e);
    for (int i = 0; i < networks_count && !rc; i++) {
        rc = h5_names(f, array_name(path, group, networks[i]), &keys, &keys_count, e);
        for (int k = 0; k < keys_count && !rc; k++) {
            struct weight *t;
            float *data = NULL;
            int rank, shape[8];
            size_t count;
            snprintf(full, sizeof full, "%s/%s", path, keys[k]);
            rc = h5_shape(f, full, &rank, shape, e);
            if (!rc) rc = h5_read_float(f, full, &data, &count, e);
            snprintf(full, sizeof full, "%.150s.%.140s", networks[i], keys[k]);
            if (!rc) rc = weights_add(w, full, rank, shape, &t, e);
            if (!rc) memcpy(t->data, data, count * sizeof *data);
            free(data);
        }
        h5_names_free(keys, keys_count);
        keys = NULL;
        keys_count = 0;
    }
    h5_names_free(networks, networks_count);
    if (rc) weights_free(w);
    return rc;
}

/* An evaluator of the tensors below GROUP. */
int group_evaluator(struct evaluator *ev, struct device *d, struct h5 *f, const char *group, struct error *e)
{
    struct weights w;
    struct evaluator_size size;
    int rc = group_weights(f, group, &w, e);
    if (rc) return rc;
    rc = evaluator_size_from(&w, &size, e);
    if (!rc) rc = evaluator_create(ev, d, &size, e);
    if (!rc && (rc = evaluator_load(ev, &w, e))) evaluator_free(ev);
    weights_free(&w);
    return rc;
}

/* --- a batch of pairs as the cases store it ------------------------------------------------- */

void pair_batch_free(struct pair_batch *p)
{
    free(p->motions);
    free(p->words);
    free(p->speech);
    free(p->m_lens);
    free(p->cap_lens);
    *p = (struct pair_batch){0};
}

int pair_batch_read(struct h5 *f, const struct evaluator *ev, const char *motions, const char *lengths, struct pair_batch *p,
                      struct error *e)
{
    int m[8], w[8], s[8], rc;
    *p = (struct pair_batch){0};
    if ((rc = array_read(f, motions, 3, m, &p->motions, e)) || (rc = array_read(f, "in/word_embs", 3, w, &p->words, e)) ||
        (rc = array_read(f, "in/pos_onehot", 3, s, &p->speech, e)))
        ;
    else if (m[0] != w[0] || w[0] != s[0] || w[1] != s[1] || m[2] != ev->size.nfeats || w[2] != ev->size.word_width ||
             s[2] != ev->size.parts_of_speech)
        rc = error_set(e, ERR_INPUT, "%s: the inputs do not fit each other or the evaluator", h5_path(f));
    else {
        p->n = m[0];
        p->frames = m[1];
        p->tokens = w[1];
        rc = array_ints(f, lengths, p->n, &p->m_lens, e);
        if (!rc) rc = array_ints(f, "in/cap_lens", p->n, &p->cap_lens, e);
    }
    if (rc) pair_batch_free(p);
    return rc;
}
