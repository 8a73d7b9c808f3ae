/* Safetensors files: 8 bytes length, a JSON header of names, types, shapes and places, the data. */
#ifndef MLCM_SAFETENSORS_H
#define MLCM_SAFETENSORS_H

#include "weights.h"

/* Whether the first bytes of a file look like one. */
int safetensors_begins(const char *head, size_t size);
/* Adds every tensor to `w`; all types become float. w->path is set by the caller, for messages.
 * Tensors that overlap, leave holes or reach past the end, and non-finite values, are refused. */
int safetensors_read(const unsigned char *data, size_t size, struct weights *w, struct error *e);

#endif
