/* NumPy .npy arrays: strict reader and writer.
 *
 * Accepts versions 1 to 3, C order, little-endian f2/f4/f8 and i4/i8, at most
 * 8 dimensions; the product of the shape must equal what the file holds. */
#ifndef MLCM_NPY_H
#define MLCM_NPY_H

#include "error.h"
#include <stddef.h>

struct npy {
    int rank;
    int shape[8];
    size_t count;
    double *data;      /* malloc'd, `count` values converted to double */
    char type[4];      /* "f4", "f8" … as stored */
};

int npy_read(const char *path, struct npy *out, struct error *e);
/* The same from memory; `name` is for messages. */
int npy_from_bytes(const char *name, const unsigned char *bytes, size_t size, struct npy *out, struct error *e);
void npy_free(struct npy *a);
/* Reads and converts to float; every value must be finite. */
int npy_read_float(const char *path, int rank, int shape[8], float **data, struct error *e);
int npy_write_float(const char *path, int rank, const int *shape, const float *data, struct error *e);

#endif
