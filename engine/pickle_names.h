/* The closed list of names that a pickle may mention, and what each stands for. */
#ifndef MLCM_PICKLE_NAMES_H
#define MLCM_PICKLE_NAMES_H

#include "pickle.h"

enum name_role {
    NAME_UNKNOWN,
    NAME_ORDERED_DICT,
    NAME_TENSOR,         /* (storage, offset, size, stride, …) -> tensor */
    NAME_PARAMETER,      /* (tensor, …) -> tensor */
    NAME_FIRST_ARGUMENT, /* (value, …) -> value */
    NAME_STORAGE,        /* a storage class, used inside persistent ids only */
    NAME_MODULE,         /* a TorchScript module: a dictionary of its attributes */
    NAME_OPAQUE          /* harmless bookkeeping; its value is not kept */
};

struct pickle_type {
    const char *name;
    enum tensor_type type;
    size_t element; /* bytes */
};

/* `full` is "module name". */
enum name_role pickle_name_role(const char *full);
/* The storage class of that name, or NULL. */
const struct pickle_type *pickle_storage_type(const char *full);

#endif
