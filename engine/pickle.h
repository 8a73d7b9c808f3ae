/* Reading Python pickles without executing anything.
 *
 * A pickle is a program for a small stack machine. This one knows the opcodes
 * of protocols 2 to 5 that build plain values, and a closed list of names:
 * those that make PyTorch tensors, storages and dictionaries, plain Python
 * types, and the classes of a few training libraries. Nothing is ever imported,
 * called or executed. Any other name is an error that says it and its place.
 *
 * Objects of the training libraries (Lightning's callbacks, OmegaConf's
 * hyper-parameters) lie beside the tensors in published checkpoints, so refusing
 * them would refuse the files. They become opaque: one value without contents,
 * whose name is kept in `opaque` to be shown. Every other unknown name is
 * refused and not passed over, because a tensor may hide behind it and would go
 * missing in silence, and because a file that names os.system should be said
 * to do so. Stack, marks, memo, opcodes, values and text lengths are bounded. */
#ifndef MLCM_PICKLE_H
#define MLCM_PICKLE_H

#include "error.h"
#include "tensor_view.h"
#include <stddef.h>
#include <stdint.h>

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,    /* integer: 0 or 1 */
    PICKLE_INT,     /* integer */
    PICKLE_FLOAT,   /* real */
    PICKLE_TEXT,    /* text: UTF-8, NUL-terminated, no NUL inside */
    PICKLE_BYTES,   /* text, size; those of more than 1 MiB lie in `data` and end without a NUL; also texts with a NUL inside, and integers of more than 64 bits, little-endian */
    PICKLE_TUPLE,   /* items[count] */
    PICKLE_LIST,    /* items[count] */
    PICKLE_DICT,    /* items[count]: key, value, key, value … in file order */
    PICKLE_GLOBAL,  /* text: "module name" */
    PICKLE_STORAGE, /* storage */
    PICKLE_TENSOR,  /* tensor */
    PICKLE_OPAQUE   /* an object whose contents are not kept */
};

/* A block of raw elements that lies elsewhere in the file. */
struct pickle_storage {
    enum tensor_type type;
    size_t element;  /* bytes of one */
    const char *key; /* its name in the file */
    int64_t count;   /* elements, as the pickle declares */
};

/* A view into a storage. Every index it can form lies inside count elements. */
struct pickle_tensor {
    const struct pickle_storage *storage;
    int64_t offset; /* elements */
    int rank;
    int shape[8];
    int64_t stride[8]; /* elements, not negative; 0 repeats: an expanded tensor */
    size_t count;      /* product of shape; above storage->count only by strides of 0 */
};

/* A NumPy array whose values lie in the pickle itself. */
struct pickle_array {
    int known;       /* 0: made in a way that is not read; nothing else is set */
    int rank;
    int shape[8];
    char type[8];    /* "<f4", "<i8", "|O" … */
    const unsigned char *bytes;      /* C order, `size` bytes; or NULL */
    size_t size;
    const struct pickle_node *list;  /* the objects of a "|O" array: a LIST; or NULL */
};

struct pickle_node {
    enum pickle_kind kind;
    int module; /* DICT: attributes of a TorchScript module */
    int64_t integer;
    double real;
    const char *text;
    struct pickle_node **items;
    size_t size, count, capacity;
    union {
        const struct pickle_storage *storage;
        const struct pickle_tensor *tensor;
        struct pickle_array *array;      /* of an OPAQUE node: a NumPy array; or NULL */
    } of;
};

struct pickle {
    const struct pickle_node *root;
    const char *const *opaque; /* "module name" of the opaque objects' classes, each once */
    int opaque_count;
    void *memory;              /* private: owns every node and text */
};

/* Parses one pickle at data[0 .. size). *consumed is the number of bytes up to
 * and with its STOP. `path` is for messages. The caller calls pickle_free,
 * also after an error. A value may be reached along several paths and may even
 * contain itself: whoever walks must bound depth and steps. */
int pickle_parse(const char *path, const void *data, size_t size, struct pickle *out, size_t *consumed,
                 struct error *e);
void pickle_free(struct pickle *p);

/* The value of a text key of a DICT, or NULL. */
const struct pickle_node *pickle_get(const struct pickle_node *dict, const char *key);

/* Reads a pickled list of strings: (*words)[0 .. *count), as in HumanML3D's
 * our_vab_words.pkl. The caller frees it with file_list_free(words, count). */
int pickle_read_words(const char *path, char ***words, int *count, struct error *e);

/* Reads a pickled dictionary string -> non-negative int, as in HumanML3D's
 * our_vab_idx.pkl: (*words)[i] has the row (*rows)[i], in file order. The
 * caller frees words with file_list_free and rows with free. */
int pickle_read_word_index(const char *path, char ***words, int **rows, int *count, struct error *e);

#endif
