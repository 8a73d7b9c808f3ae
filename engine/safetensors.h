/* Safetensors files: 8 bytes length, a JSON header of names, types, shapes and places, the data. */
#ifndef MLCM_SAFETENSORS_H
#define MLCM_SAFETENSORS_H

#include "weights.h"

/* Whether the first bytes of a file look like one. */
int safetensors_begins(const char *head, size_t size);
/* Adds the place of every tensor to `w`; w->path is set by the caller, for messages; data must live
 * until weights_free. Tensors that overlap, leave holes or reach past the end are refused. */
int safetensors_read(const unsigned char *data, size_t size, struct weights *w, struct error *e);

#endif
