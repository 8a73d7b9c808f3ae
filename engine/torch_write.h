/* Writing PyTorch's zip form, the container of the published checkpoints: readable by torch.load
 * (weights_only too) and, bit for bit, by weights_read. */
#ifndef MLCM_TORCH_WRITE_H
#define MLCM_TORCH_WRITE_H

#include "weights.h"
#include <stdint.h>

/* An ordered dictionary of tensors in the file's top dictionary. */
struct torch_section {
    const char *key;        /* "state_dict"; "": its tensors stand in the top dictionary themselves */
    const char *prefix;     /* the list's tensors whose names start so; the start is left off. "": all */
};
/* A whole number in the top dictionary: "epoch". */
struct torch_number {
    const char *key;
    int64_t value;
};

/* Writes the sections, then the numbers, atomically: stored entries FOLDER/data.pkl (protocol 2),
 * FOLDER/data/N, FOLDER/version with FOLDER the file's name, each entry's bytes at a multiple of 64.
 * half: tensors as IEEE half precision, rounded to nearest, else as float. Errors: a section without
 * a tensor, a name of more than 400 bytes, more than 4 GiB or 65000 tensors, a value beyond ±65504 with half. */
int torch_write(const char *path, const struct weights *w, const struct torch_section *sections, int nsections,
                const struct torch_number *numbers, int nnumbers, int half, struct error *e);

#endif
