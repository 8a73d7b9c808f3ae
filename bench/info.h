/* The parts of `mlcm info`: each prints what one kind of file is. */
#ifndef MLCM_INFO_H
#define MLCM_INFO_H

#include "../engine/error.h"
#include <stddef.h>

/* "2x196x263", or "scalar". */
void info_shape(int rank, const int *shape, char *out, size_t size);
/* A name from a file, without what would disturb a terminal, at least `width` wide. */
void info_name(int width, const char *name);
/* "PATH: KIND". */
void info_head(const char *path, const char *kind);
/* Size and fingerprint. */
void info_fingerprint(const char *path, const char *sha256);

/* A checkpoint of any form that weights_read knows: the system it is, by the published key rules, the
 * sizes of its networks, its parts; with `tensors` every tensor with its type, mean and deviation.
 * Without, no tensor is read. */
int info_checkpoint(const char *path, int tensors, struct error *e);
/* NumPy .npy and .npz, pickled word lists and word indices. */
int info_array(const char *path, struct error *e);
int info_arrays(const char *path, struct error *e);
int info_words(const char *path, struct error *e);
/* A folder: a text encoder, a trained model, a motion set; the checkpoints in it. Another folder is an error. */
int info_folder(const char *path, int tensors, struct error *e);

#endif
