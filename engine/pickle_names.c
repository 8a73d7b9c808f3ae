#include "pickle_names.h"

#include <string.h>

static const struct pickle_type storage_types[] = {
    {"torch FloatStorage", TENSOR_FLOAT, 4}, {"torch DoubleStorage", TENSOR_DOUBLE, 8},
    {"torch HalfStorage", TENSOR_HALF, 2},   {"torch BFloat16Storage", TENSOR_BFLOAT16, 2},
    {"torch IntStorage", TENSOR_INT, 4},     {"torch LongStorage", TENSOR_LONG, 8},
    {"torch ShortStorage", TENSOR_SHORT, 2}, {"torch CharStorage", TENSOR_CHAR, 1},
    {"torch ByteStorage", TENSOR_BYTE, 1},   {"torch BoolStorage", TENSOR_BOOL, 1},
};

static const struct {
    const char *name;
    enum name_role role;
} names[] = {
    {"collections OrderedDict", NAME_ORDERED_DICT},
    {"torch._utils _rebuild_tensor_v2", NAME_TENSOR},
    {"torch._utils _rebuild_tensor", NAME_TENSOR},
    {"torch._utils _rebuild_parameter", NAME_PARAMETER},
    {"torch Size", NAME_FIRST_ARGUMENT},
    {"torch.jit._pickle build_intlist", NAME_FIRST_ARGUMENT},
    {"torch.jit._pickle build_doublelist", NAME_FIRST_ARGUMENT},
    {"torch.jit._pickle build_boollist", NAME_FIRST_ARGUMENT},
    {"torch.jit._pickle build_tensorlist", NAME_FIRST_ARGUMENT},
    {"torch.jit._pickle restore_type_tag", NAME_FIRST_ARGUMENT},
    {"torch device", NAME_OPAQUE},
    {"torch float16", NAME_OPAQUE},
    {"torch bfloat16", NAME_OPAQUE},
    {"torch float32", NAME_OPAQUE},
    {"torch float64", NAME_OPAQUE},
    {"torch int64", NAME_OPAQUE},
    {"numpy dtype", NAME_OPAQUE},
    {"numpy.core.multiarray scalar", NAME_OPAQUE},
    {"numpy._core.multiarray scalar", NAME_OPAQUE},
    {"_codecs encode", NAME_OPAQUE},
    {"pytorch_lightning.callbacks.model_checkpoint ModelCheckpoint", NAME_OPAQUE},
};

const struct pickle_type *pickle_storage_type(const char *full)
{
    for (size_t i = 0; i < sizeof storage_types / sizeof *storage_types; i++)
        if (strcmp(full, storage_types[i].name) == 0)
            return &storage_types[i];
    return NULL;
}

enum name_role pickle_name_role(const char *full)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(full, names[i].name) == 0)
            return names[i].role;
    if (strncmp(full, "__torch__.", 10) == 0)
        return NAME_MODULE;
    return pickle_storage_type(full) ? NAME_STORAGE : NAME_UNKNOWN;
}
