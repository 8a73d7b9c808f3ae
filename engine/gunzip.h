/* Decompression of gzip data in memory. */
#ifndef MLCM_GUNZIP_H
#define MLCM_GUNZIP_H

#include "error.h"
#include <stddef.h>

/* Decompresses to at most `limit` bytes; *out is malloc'd with one extra NUL byte. `name`
 * stands for the file in messages. */
int gunzip(const char *name, const void *data, size_t size, size_t limit, char **out, size_t *out_size,
           struct error *e);

#endif
