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
    {"torch._utils _rebuild_parameter_with_state", NAME_PARAMETER},
    {"torch._tensor _rebuild_from_type_v2", NAME_TYPED_TENSOR},
    {"torch Tensor", NAME_OPAQUE},
    {"torch._tensor Tensor", NAME_OPAQUE},
    {"torch.nn.parameter Parameter", NAME_OPAQUE},
    {"collections defaultdict", NAME_DICT},
    {"collections Counter", NAME_OPAQUE},
    {"collections deque", NAME_OPAQUE},
    {"torch device", NAME_OPAQUE},
    {"torch float16", NAME_OPAQUE},
    {"torch bfloat16", NAME_OPAQUE},
    {"torch float32", NAME_OPAQUE},
    {"torch float64", NAME_OPAQUE},
    {"torch int64", NAME_OPAQUE},
    {"torch int32", NAME_OPAQUE},
    {"torch int16", NAME_OPAQUE},
    {"torch int8", NAME_OPAQUE},
    {"torch uint8", NAME_OPAQUE},
    {"torch bool", NAME_OPAQUE},
    {"torch strided", NAME_OPAQUE},
    {"torch.serialization _get_layout", NAME_OPAQUE},
    {"numpy dtype", NAME_OPAQUE},
    {"numpy.core.multiarray scalar", NAME_OPAQUE},
    {"numpy._core.multiarray scalar", NAME_OPAQUE},
    {"numpy.core.multiarray _reconstruct", NAME_OPAQUE},
    {"numpy._core.multiarray _reconstruct", NAME_OPAQUE},
    {"numpy ndarray", NAME_OPAQUE},
    {"_codecs encode", NAME_OPAQUE},
    {"typing Any", NAME_OPAQUE},
    {"argparse Namespace", NAME_BOOKKEEPING},
    {"pathlib PosixPath", NAME_BOOKKEEPING},
    {"datetime datetime", NAME_BOOKKEEPING},
    {"easydict EasyDict", NAME_BOOKKEEPING},
    {"yacs.config CfgNode", NAME_BOOKKEEPING},
};

/* Training libraries whose objects lie beside the tensors in published checkpoints:
 * callbacks and hyper-parameters of Lightning, configurations of OmegaConf. */
static const char *const bookkeeping[] = {"pytorch_lightning.", "lightning.", "lightning_fabric.",
                                          "omegaconf.",         "torchmetrics.", "torch.optim."};

/* Plain Python types, as values of such objects. Functions are not among them. */
static const char *const builtin_modules[] = {"__builtin__ ", "builtins "};
static const char *const builtins[] = {"set",   "frozenset", "dict", "list",    "tuple",     "int",     "long",   "float",
                                       "bool",  "str",       "unicode", "bytes", "bytearray", "complex", "object", "slice"};

static int is_builtin(const char *full)
{
    for (size_t i = 0; i < sizeof builtin_modules / sizeof *builtin_modules; i++) {
        size_t n = strlen(builtin_modules[i]);
        for (size_t k = 0; strncmp(full, builtin_modules[i], n) == 0 && k < sizeof builtins / sizeof *builtins; k++)
            if (strcmp(full + n, builtins[k]) == 0)
                return 1;
    }
    return 0;
}

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
    if (is_builtin(full))
        return NAME_OPAQUE;
    for (size_t i = 0; i < sizeof bookkeeping / sizeof *bookkeeping; i++)
        if (strncmp(full, bookkeeping[i], strlen(bookkeeping[i])) == 0)
            return NAME_BOOKKEEPING;
    return pickle_storage_type(full) ? NAME_STORAGE : NAME_UNKNOWN;
}
