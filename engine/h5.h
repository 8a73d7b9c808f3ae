/* A narrow door to HDF5: only h5.c and h5_write.c include hdf5.h.
 *
 * Reading: files are opened read-only with plug-ins off; only native floats,
 * integers, fixed- and variable-length strings; no external storage or links;
 * sizes are bounded before memory is asked for. Errors name file and dataset.
 * Writing: to a temporary name, renamed by h5_commit (atomic). */
#ifndef MLCM_H5_H
#define MLCM_H5_H

#include "error.h"
#include <stddef.h>
#include <stdint.h>

struct h5;

/* For a program's start: the library does nothing at exit, where it would close a file once more whose writing failed on a
 * full disk, and crash. Every file is closed by h5_commit or h5_close. */
void h5_own_exit(void);

int h5_open(const char *path, struct h5 **out, struct error *e);
int h5_create(const char *path, struct h5 **out, struct error *e);
int h5_commit(struct h5 *f, struct error *e);     /* close a created file: sync, rename */
void h5_close(struct h5 *f);                      /* close; abandons an uncommitted file */
const char *h5_path(const struct h5 *f);

int h5_has(struct h5 *f, const char *name);       /* dataset or group exists */
/* Shape of a dataset: rank (0 for a scalar), dims[8]. */
int h5_shape(struct h5 *f, const char *name, int *rank, int dims[8], struct error *e);
/* Names of the members of a group ("/" for the root), sorted; free with h5_names_free. */
int h5_names(struct h5 *f, const char *group, char ***names, int *count, struct error *e);
void h5_names_free(char **names, int count);
int h5_is_group(struct h5 *f, const char *name);

/* Whole datasets, converted to the asked type; *data malloc'd, *count elements. */
int h5_read_float(struct h5 *f, const char *name, float **data, size_t *count, struct error *e);
int h5_read_double(struct h5 *f, const char *name, double **data, size_t *count, struct error *e);
int h5_read_int(struct h5 *f, const char *name, int32_t **data, size_t *count, struct error *e);
int h5_read_strings(struct h5 *f, const char *name, char ***data, int *count, struct error *e);

/* Attributes of the object `name` ("/" for the root). Return 0 when found. */
int h5_attr_double(struct h5 *f, const char *name, const char *attr, double *v, struct error *e);
int h5_attr_int(struct h5 *f, const char *name, const char *attr, int64_t *v, struct error *e);
int h5_attr_string(struct h5 *f, const char *name, const char *attr, char *v, size_t size, struct error *e);
int h5_has_attr(struct h5 *f, const char *name, const char *attr);

/* Writers create intermediate groups. */
int h5_write_float(struct h5 *f, const char *name, int rank, const int *dims, const float *data, struct error *e);
/* Stored as IEEE half precision (11 significant bits); values beyond ±65504 are an error. */
int h5_write_half(struct h5 *f, const char *name, int rank, const int *dims, const float *data, struct error *e);
int h5_write_double(struct h5 *f, const char *name, int rank, const int *dims, const double *data, struct error *e);
int h5_write_int(struct h5 *f, const char *name, int rank, const int *dims, const int32_t *data, struct error *e);
int h5_write_strings(struct h5 *f, const char *name, int count, char *const *data, struct error *e);
int h5_write_attr_double(struct h5 *f, const char *name, const char *attr, double v, struct error *e);
int h5_write_attr_int(struct h5 *f, const char *name, const char *attr, int64_t v, struct error *e);
int h5_write_attr_string(struct h5 *f, const char *name, const char *attr, const char *v, struct error *e);

#endif
