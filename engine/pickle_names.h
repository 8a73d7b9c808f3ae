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
    NAME_DICT,           /* an empty dictionary, whatever its arguments */
    NAME_TYPED_TENSOR,   /* (rule, class, arguments, …) -> what the rule, a tensor's, gives */
    NAME_OPAQUE,         /* a plain Python or PyTorch value that is not kept */
    NAME_BOOKKEEPING     /* the same, of a training library; its name is kept */
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
