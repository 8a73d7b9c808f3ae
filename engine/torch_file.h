/* From PyTorch's two containers to named tensors: what weights.c calls. */
#ifndef MLCM_TORCH_FILE_H
#define MLCM_TORCH_FILE_H

#include "pickle.h"
#include "weights.h"

/* Finds the raw bytes of a storage: *bytes with exactly
 * storage->count * storage->element of them, in little-endian order. */
typedef int torch_bytes_fn(void *context, const struct pickle_storage *storage, const unsigned char **bytes,
                           struct error *e);

/* Walks a parsed pickle and adds every tensor to `w` under its dotted name:
 * dictionary keys and list positions joined by '.', "state_dict." at the front
 * dropped; values that are not tensors are passed over. All types become float.
 * file_size bounds the memory asked for. Errors: a duplicate or overlong name,
 * nesting beyond 64, a non-finite value (infinities in "…mask" tensors pass). */
int torch_collect(const struct pickle_node *root, torch_bytes_fn *find, void *context, size_t file_size,
                  struct weights *w, struct error *e);

/* One element of any type as a float; p holds its little-endian bytes. */
float torch_element(enum tensor_type type, const unsigned char *p);

/* The zip form of PyTorch 1.6 and later: stored entries FOLDER/data.pkl and
 * FOLDER/data/KEY. w->path is set by the caller, for messages. */
int torch_read_zip(const unsigned char *data, size_t size, struct weights *w, struct error *e);

/* The stream form before 1.6: five pickles (magic, protocol, machine, object,
 * storage keys), then for each key an int64 element count and the elements. */
int torch_read_legacy(const unsigned char *data, size_t size, struct weights *w, struct error *e);

#endif
