/* Named tensors on their way from and to files.
 *
 * One reader per format fills this list; networks take their tensors from it
 * by name and complain about missing, unexpected and misshapen ones.
 *
 * Reading a file checks its structure and learns names, shapes and places. The
 * values stay in the file, which is mapped, until weight_values asks for them:
 * checksums, conversion to float and the check for finite values happen there,
 * one tensor at a time. Reading a checkpoint into a network so needs the
 * network's memory and a few MiB. */
#ifndef MLCM_WEIGHTS_H
#define MLCM_WEIGHTS_H

#include "error.h"
#include <stddef.h>

struct weights_source; /* the open file, private to the readers */
struct weight_place;   /* where a tensor lies in it, private to the readers */

struct weight {
    char *name;
    int rank;
    int shape[8];
    size_t count;
    float *data;       /* host memory, C order, of a tensor made by weights_add; of a tensor
                        * of a file private: ask weight_values */
    int used;          /* set by params_load */
    struct weight_place *place; /* NULL: made by weights_add */
};

struct weights {
    struct weight *items;
    int count, capacity;
    char path[1024];   /* for messages */
    char sha256[65];   /* of the file */
    struct weights_source *source; /* NULL: no file */
};

/* Reads PyTorch zip (.ckpt .pt .tar), PyTorch legacy stream, safetensors, or our HDF5 form,
 * told by magic bytes. Nested dictionaries give "a.b.c" names; `state_dict.`
 * at the front is dropped. The file stays open until weights_free, which the
 * caller calls; see mapping.h for what others may do to it meanwhile. */
int weights_read(const char *path, struct weights *w, struct error *e);
void weights_free(struct weights *w);

/* The first tensor of that name, or NULL. */
struct weight *weights_find(const struct weights *w, const char *name);

/* The values (count) in C order as floats: *values stays good until weight_done,
 * the next weight_values of this tensor, or weights_free. Errors: a failed checksum,
 * a value that is not finite (each names the tensor), a file that was changed. */
int weight_values(const struct weights *w, struct weight *item, const float **values, struct error *e);
/* The same, also when values are not finite. */
int weight_values_unchecked(const struct weights *w, struct weight *item, const float **values, struct error *e);
/* Gives back what weight_values took for a tensor of a file; may be left out. */
void weight_done(const struct weights *w, struct weight *item);
/* The type a tensor has in its file, "float32", "bfloat16" …; "float32" when it is of no file. */
const char *weight_type(const struct weight *item);

/* Adds a zeroed tensor (for writers). Fails on a duplicate name. */
int weights_add(struct weights *w, const char *name, int rank, const int *shape,
                struct weight **out, struct error *e);
/* Writes the list in our HDF5 form: one float dataset for each tensor, under
 * its name, in the group /weights. */
int weights_write(const struct weights *w, const char *path, struct error *e);
/* Number of tensors whose name starts with `prefix` and that nobody took; the
 * first such name goes to *first. */
int weights_untaken(const struct weights *w, const char *prefix, const char **first);
/* Number of values of all tensors whose name starts with `prefix`. */
size_t weights_total(const struct weights *w, const char *prefix);

/* What the file holds beside tensors: names of classes that its pickle mentions and that are
 * kept as opaque objects, never built; NULL beyond the last. */
const char *weights_opaque_name(const struct weights *w, int index);

#endif
