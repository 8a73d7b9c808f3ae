/* The file behind a list of tensors: for the readers of each format, not for networks. */
#ifndef MLCM_WEIGHTS_SOURCE_H
#define MLCM_WEIGHTS_SOURCE_H

#include "h5.h"
#include "mapping.h"
#include "tensor_view.h"
#include "weights.h"

/* A run of bytes that tensors share. With a checksum it is checked before its first use. */
struct weights_part {
    const unsigned char *bytes;
    size_t size;
    const char *name; /* for messages; name_size bytes of the file, not NUL-terminated */
    int name_size;
    uint32_t checksum; /* CRC-32 */
    int unchecked;     /* 1: has a checksum that nobody compared yet */
};

struct weights_source {
    struct mapping map;         /* data NULL when the bytes belong to the caller */
    struct h5 *h5;              /* our own form */
    const char *h5_group;       /* "weights/" or "" */
    struct weights_part *parts; /* malloc'd; the places point into it */
    char **opaque;              /* names, malloc'd */
    int opaque_count;
};

struct weight_place {
    struct tensor_view view;   /* bytes NULL: a dataset of the HDF5 form */
    struct weights_part *part; /* or NULL */
};

/* The source of `w`, made when it has none. NULL when out of memory. */
struct weights_source *weights_source(struct weights *w);
/* Adds a tensor that stays in its file. The view's shape counts; count must be its product. */
int weights_add_view(struct weights *w, const char *name, const struct tensor_view *view, struct weights_part *part,
                     struct error *e);
/* Compares the checksum of a part once. */
int weights_part_check(const struct weights *w, struct weights_part *part, struct error *e);
/* Notes a class name, once. Returns an error only when out of memory. */
int weights_note_opaque(struct weights *w, const char *name, struct error *e);

#endif
