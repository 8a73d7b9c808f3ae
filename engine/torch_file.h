/* From PyTorch's two containers to named tensors: what weights.c calls. */
#ifndef MLCM_TORCH_FILE_H
#define MLCM_TORCH_FILE_H

#include "pickle.h"
#include "weights_source.h"

/* Finds the raw bytes of a storage: a part of exactly storage->count *
 * storage->element bytes, in little-endian order, that lives as long as w. */
typedef int torch_part_fn(void *context, const struct pickle_storage *storage, struct weights_part **part,
                          struct error *e);

/* Walks a parsed pickle and adds every tensor to `w` under its dotted name:
 * dictionary keys and list positions joined by '.', "state_dict." at the front
 * dropped; values that are not tensors are passed over, names of opaque objects
 * noted. Only places are noted, no value is read. file_size bounds what the
 * tensors may claim together. Errors: a duplicate or overlong name, nesting beyond 64. */
int torch_collect(const struct pickle *p, torch_part_fn *find, void *context, size_t file_size,
                  struct weights *w, struct error *e);

/* The zip form of PyTorch 1.6 and later: stored entries FOLDER/data.pkl and
 * FOLDER/data/KEY. w->path is set by the caller, for messages; data
 * must live until weights_free. */
int torch_read_zip(const unsigned char *data, size_t size, struct weights *w, struct error *e);

/* The stream form before 1.6: five pickles (magic, protocol, machine, object,
 * storage keys), then for each key an int64 element count and the elements.
 * data must live until weights_free. */
int torch_read_legacy(const unsigned char *data, size_t size, struct weights *w, struct error *e);

#endif
