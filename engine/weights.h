/* Named tensors on their way from and to files.
 *
 * One reader per format fills this list; networks take their tensors from it
 * by name and complain about missing, unexpected and misshapen ones. */
#ifndef MLCM_WEIGHTS_H
#define MLCM_WEIGHTS_H

#include "error.h"
#include <stddef.h>

struct weight {
    char *name;
    int rank;
    int shape[8];
    size_t count;
    float *data;       /* host memory, C order */
    int used;          /* set by params_load */
};

struct weights {
    struct weight *items;
    int count, capacity;
    char path[1024];   /* for messages */
    char sha256[65];   /* of the file */
};

/* Reads PyTorch zip (.ckpt .pt .tar), PyTorch legacy stream, safetensors, or our HDF5 form,
 * told by magic bytes. Nested dictionaries give "a.b.c" names; `state_dict.`
 * at the front is dropped. The caller calls weights_free. */
int weights_read(const char *path, struct weights *w, struct error *e);
void weights_free(struct weights *w);

struct weight *weights_find(const struct weights *w, const char *name);
/* Adds a zeroed tensor (for writers). Fails on a duplicate name. */
int weights_add(struct weights *w, const char *name, int rank, const int *shape,
                struct weight **out, struct error *e);
/* Writes the list in our HDF5 form: one float dataset for each tensor, under
 * its name, in the group /weights. */
int weights_write(const struct weights *w, const char *path, struct error *e);
/* Number of tensors whose name starts with `prefix` and that nobody took; the
 * first such name goes to *first. */
int weights_untaken(const struct weights *w, const char *prefix, const char **first);

#endif
