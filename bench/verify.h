/* Conformance: one report, many kinds of case.
 *
 * Each kind is one function that runs a case through the production code path
 * and reports each array with verify_array*. */
#ifndef MLCM_VERIFY_H
#define MLCM_VERIFY_H

#include "../engine/device.h"
#include "../engine/error.h"
#include "../engine/h5.h"
#include <stddef.h>
#include <stdio.h>

struct verify {
    const char *case_name;    /* file name without .h5 */
    const char *folder;       /* where NAME.ckpt and side folders lie */
    int passed, marginal, failed, skipped;
    int quiet;                /* print failures and the total only */
    const struct device_choice *device;   /* what computes; NULL: the CPU */
    /* of the running case: the array that comes nearest to its tolerance or goes farthest beyond it */
    double worst;             /* its largest error / tolerance */
    double worst_error, worst_tolerance;
    char worst_array[64];
    FILE *out;                /* where the lines go; NULL: standard output */
    struct cJSON *record;     /* JSON array that takes a row an array, or NULL */
};

/* A case: reads `f`, runs the code, calls verify_array…; returns an error only
 * if the case could not be run at all (that counts as a failure). */
typedef int verify_fn(struct verify *v, struct h5 *f, struct error *e);

/* Compares n values. Prints: case, array, shape, max abs error, relative L2,
 * NMSE, tolerance, pass|marginal|fail. pass: max|got-want| <= tol (absolute);
 * marginal: <= 4 tol (counts as neither passed nor failed but is printed and
 * counted); a non-finite value fails. `shape` is text such as "2x196x263". */
void verify_array(struct verify *v, const char *array, const char *shape, const float *got,
                  const float *want, size_t n, double tol);
void verify_array_double(struct verify *v, const char *array, const char *shape, const double *got,
                         const double *want, size_t n, double tol);
void verify_ints(struct verify *v, const char *array, const char *shape, const int *got,
                 const int *want, size_t n);
/* A yes/no check that has no array. */
void verify_check(struct verify *v, const char *what, int ok);

/* The registry: kind (a file name up to a trailing _<id>, or the `case`
 * attribute) → function. Each verify_*.c file offers its rows. */
struct verify_kind {
    const char *kind;         /* matched as a prefix followed by end or '_' */
    verify_fn *run;
};
extern const struct verify_kind verify_kinds_features[];   /* end with {0} */
extern const struct verify_kind verify_kinds_metrics[];
extern const struct verify_kind verify_kinds_evaluators[];
extern const struct verify_kind verify_kinds_networks[];
extern const struct verify_kind verify_kinds_training[];
extern const struct verify_kind verify_kinds_dataset[];
extern const struct verify_kind verify_kinds_tokenizers[];
extern const struct verify_kind verify_kinds_text[];
extern const struct verify_kind verify_kinds_control[];

#endif
