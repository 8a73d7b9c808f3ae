/* NumPy .npz archives: a zip of .npy arrays, stored (numpy.savez) or deflated (numpy.savez_compressed).
 *
 * The archive follows the rules of zip.h, every array those of npy.h; checksums are compared.
 * Members that are not "NAME.npy" are an error. */
#ifndef MLCM_NPZ_H
#define MLCM_NPZ_H

#include "npy.h"

struct npz;

/* Opens FILE.npz and checks its directory; it stays mapped until npz_close. */
int npz_open(const char *path, struct npz **out, struct error *e);
void npz_close(struct npz *z);
/* Number of arrays, and the name of one of them without ".npy", sorted by bytes. */
int npz_count(const struct npz *z);
const char *npz_name(const struct npz *z, int index);
/* Reads an array by its name; free with npy_free. A missing one is an error that names it. */
int npz_read(const struct npz *z, const char *name, struct npy *out, struct error *e);

#endif
