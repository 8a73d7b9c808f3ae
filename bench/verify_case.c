#include "verify_case.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int case_note(struct verify_case *c, int rc)
{
    if (!c->code) c->code = rc;
    return rc;
}

static void *hold(struct verify_case *c, void *p)
{
    if (!p) {
        case_note(c, error_memory(c->error, "a conformance case"));
        return NULL;
    }
    if (c->held_count == c->held_capacity) {
        int capacity = c->held_capacity ? 2 * c->held_capacity : 32;
        void **held = realloc(c->held, (size_t)capacity * sizeof *held);
        if (!held) {
            free(p);
            case_note(c, error_memory(c->error, "a conformance case"));
            return NULL;
        }
        c->held = held;
        c->held_capacity = capacity;
    }
    return c->held[c->held_count++] = p;
}

int case_open(struct verify_case *c, struct verify *v, struct h5 *f, int with_weights, struct error *e)
{
    char path[1200];
    memset(c, 0, sizeof *c);
    c->verify = v;
    c->file = f;
    c->error = e;
    int rc = device_open(&c->device, v->device, e);
    if (rc) return c->code = rc;
    tape_init(&c->tape, &c->device);
    tape_start(&c->tape, 0, 0, 0, 0);
    if (!with_weights) return 0;
    int n = snprintf(path, sizeof path, "%s/%s.ckpt", v->folder, v->case_name);
    if (n < 0 || (size_t)n >= sizeof path) return case_note(c, error_set(e, ERR_INPUT, "%s: path too long", v->folder));
    return case_note(c, weights_read(path, &c->weights, e));
}

int case_close(struct verify_case *c)
{
    if (!c->code) c->code = tape_failed(&c->tape, c->error);
    if (c->device.state) {
        tape_free(&c->tape);
        device_close(&c->device);
    }
    weights_free(&c->weights);
    for (int i = 0; i < c->held_count; i++) free(c->held[i]);
    free(c->held);
    return c->code;
}

/* Checks rank and dimensions against what is known and fills in the rest. */
static int agree(struct verify_case *c, const char *name, int rank, int *dims)
{
    int have, found[8];
    if (c->code) return c->code;
    if (case_note(c, h5_shape(c->file, name, &have, found, c->error))) return c->code;
    int fits = have == rank;
    for (int i = 0; fits && i < rank; i++) {
        fits = found[i] > 0 && (!dims[i] || dims[i] == found[i]);
        dims[i] = found[i];
    }
    if (!fits)
        case_note(c, error_set(c->error, ERR_INPUT, "%s: %s does not have the %d dimensions that go with the case's other "
                               "arrays; write it anew", h5_path(c->file), name, rank));
    return c->code;
}

const float *case_floats(struct verify_case *c, const char *name, int rank, int *dims)
{
    float *data;
    size_t count;
    if (agree(c, name, rank, dims) || case_note(c, h5_read_float(c->file, name, &data, &count, c->error))) return NULL;
    if (!hold(c, data)) return NULL;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(data[i])) {
            case_note(c, error_set(c->error, ERR_INPUT, "%s: value %zu of %s is not finite; write the case anew",
                                   h5_path(c->file), i, name));
            return NULL;
        }
    return data;
}

const int *case_ints(struct verify_case *c, const char *name, int rank, int *dims)
{
    int32_t *data;
    size_t count;
    if (agree(c, name, rank, dims) || case_note(c, h5_read_int(c->file, name, &data, &count, c->error))) return NULL;
    return hold(c, data);
}

float *case_memory(struct verify_case *c, size_t count) { return c->code ? NULL : hold(c, calloc(count + 1, sizeof(float))); }

double case_number(struct verify_case *c, const char *attr, double otherwise)
{
    double v = otherwise;
    if (!c->code && h5_has_attr(c->file, "/", attr)) case_note(c, h5_attr_double(c->file, "/", attr, &v, c->error));
    return v;
}

int case_int(struct verify_case *c, const char *attr, int otherwise)
{
    int64_t v = otherwise;
    if (!c->code && h5_has_attr(c->file, "/", attr)) case_note(c, h5_attr_int(c->file, "/", attr, &v, c->error));
    if (v >= INT32_MIN && v <= INT32_MAX) return (int)v;
    case_note(c, error_set(c->error, ERR_INPUT, "%s: attribute %s is out of range", h5_path(c->file), attr));
    return otherwise;
}

const char *case_word(struct verify_case *c, const char *attr, char *text, size_t size)
{
    *text = 0;
    if (!c->code && h5_has_attr(c->file, "/", attr)) case_note(c, h5_attr_string(c->file, "/", attr, text, size, c->error));
    return text;
}

enum element_loss case_element_loss(struct verify_case *c, const char *word)
{
    if (!strcmp(word, "l1")) return LOSS_L1;
    if (!strcmp(word, "l2")) return LOSS_L2;
    if (strcmp(word, "l1_smooth"))
        case_note(c, error_set(c->error, ERR_INPUT, "%s: element loss '%s'; use l1, l2 or l1_smooth", h5_path(c->file), word));
    return LOSS_SMOOTH_L1;
}

/* --- comparing ------------------------------------------------------------------ */

double case_tolerance(double relative, const float *want, size_t n)
{
    double largest = 1;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)want[i]));
    return relative * largest;
}

/* The reference of n values and its shape as text; NULL after an error. */
static const float *reference(struct verify_case *c, const char *name, size_t n, char shape[64])
{
    int rank, dims[8];
    size_t used = 0, total = 1;
    if (c->code || case_note(c, h5_shape(c->file, name, &rank, dims, c->error))) return NULL;
    shape[0] = 0;
    for (int i = 0; i < rank && used < 48; i++) {
        used += (size_t)snprintf(shape + used, 64 - used, i ? "x%d" : "%d", dims[i]);
        total *= (size_t)dims[i];
    }
    if (total != n) {
        case_note(c, error_set(c->error, ERR_INPUT, "%s: %s is %s, %zu values were computed; the case does not fit its "
                               "network", h5_path(c->file), name, shape, n));
        return NULL;
    }
    float *data;
    size_t count;
    return case_note(c, h5_read_float(c->file, name, &data, &count, c->error)) ? NULL : hold(c, data);
}

void case_compare(struct verify_case *c, const char *name, const char *label, const float *got, size_t n, double relative)
{
    char shape[64];
    const float *want = got ? reference(c, name, n, shape) : NULL;
    if (want) verify_array(c->verify, label ? label : name, shape, got, want, n, case_tolerance(relative, want, n));
}

void case_compare_absolute(struct verify_case *c, const char *name, const char *label, const float *got, size_t n,
                           double tolerance)
{
    char shape[64];
    const float *want = got ? reference(c, name, n, shape) : NULL;
    if (want) verify_array(c->verify, label ? label : name, shape, got, want, n, tolerance);
}

void case_compare_value(struct verify_case *c, const char *name, double got, double relative)
{
    char shape[64];
    const float *want = reference(c, name, 1, shape);
    double wide = want ? (double)*want : 0;
    if (want) verify_array_double(c->verify, name, shape, &got, &wide, 1, case_tolerance(relative, want, 1));
}

void case_compare_ints(struct verify_case *c, const char *name, const int *got, size_t n)
{
    int dims[1] = {(int)n};
    char shape[24];
    const int *want = case_ints(c, name, 1, dims);
    snprintf(shape, sizeof shape, "%zu", n);
    if (want) verify_ints(c->verify, name, shape, got, want, n);
}

void case_fetch(struct verify_case *c, const struct tensor *x, float *to, size_t count)
{
    if (c->code || !x || !to) {
        if (!c->code) case_note(c, tape_failed(&c->tape, c->error));
        return;
    }
    if ((size_t)x->rows * (size_t)x->cols != count) {
        case_note(c, error_set(c->error, ERR_INPUT, "%s: a result of %d x %d where the case has %zu values",
                               h5_path(c->file), x->rows, x->cols, count));
        return;
    }
    c->device.download(&c->device, to, x->x, count);
}

void case_compare_tensor(struct verify_case *c, const char *name, const char *label, const struct tensor *x, double relative)
{
    size_t n = x ? (size_t)x->rows * (size_t)x->cols : 0;
    float *host = case_memory(c, n);
    case_fetch(c, x, host, n);
    if (x && !c->code) case_compare(c, name, label, host, n, relative);
}

/* --- networks ----------------------------------------------------------------------- */

void case_vae(struct verify_case *c, struct vae *v)
{
    struct vae_size size;
    memset(v, 0, sizeof *v);
    int heads = case_int(c, "num_heads", 4);
    if (c->code || case_note(c, vae_size_from(&c->weights, "vae.", heads, &size, c->error))) return;
    size.transformer.eps = (float)case_number(c, "norm_eps", 1e-5);
    if (c->code || case_note(c, vae_create(v, &c->device, &size, c->error))) return;
    case_note(c, params_load(&v->params, &c->weights, "vae.", c->error));
}

void case_prepare(struct verify_case *c, struct vae *v)
{
    if (!c->code) case_note(c, vae_prepare(v, PRECISION_FP32, 1, c->error));
}

void case_pack(struct verify_case *c, struct params *p)
{
    if (!c->code) case_note(c, params_pack_beside(p, PRECISION_FP32, c->error));
}

void case_denoiser(struct verify_case *c, struct denoiser *d, const char *prefix)
{
    struct denoiser_size size;
    char act[32];
    memset(d, 0, sizeof *d);
    int heads = case_int(c, "num_heads", 4);
    enum activation text_act = strcmp(case_word(c, "text_act", act, sizeof act), "relu") ? ACT_NONE : ACT_RELU;
    if (c->code || case_note(c, denoiser_size_from(&c->weights, prefix, heads, text_act, &size, c->error))) return;
    size.latent_tokens = case_int(c, "latent_tokens", 1);
    size.transformer.eps = (float)case_number(c, "norm_eps", 1e-5);
    if (c->code || case_note(c, denoiser_create(d, &c->device, &size, c->error))) return;
    case_note(c, params_load(&d->params, &c->weights, prefix, c->error));
}
