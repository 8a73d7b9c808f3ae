/* Pickles: any bytes as one pickle, then the walk that collects tensors from it. */
#include "fuzz.h"
#include "../../engine/pickle.h"
#include "../../engine/torch_file.h"
#include "../checkpoint_bytes.h"

#include <stdio.h>
#include <stdlib.h>

enum { STORED = 4096, PARTS = 1 << 14 };

struct parts {
    struct weights_part part[PARTS];
    int count;
};

/* Each storage ends where the bytes end, so that an index outside is seen. */
static int storage_part(void *context, const struct pickle_storage *storage, struct weights_part **part, struct error *e)
{
    static unsigned char *held;
    struct parts *p = context;
    size_t size = (size_t)storage->count * storage->element;
    if (!held) held = calloc(STORED, 1);
    if (storage->count > (int64_t)(STORED / storage->element) || p->count == PARTS)
        return error_set(e, ERR_INPUT, "fuzz: storage '%s' is larger than the file", storage->key);
    *part = &p->part[p->count++];
    **part = (struct weights_part){.bytes = held + STORED - size, .size = size, .name = "storage", .name_size = 7};
    return 0;
}

/* Every byte of an array must be there, and as many as its shape says. */
static void read_array(const struct pickle_node *node)
{
    const struct pickle_array *a = node->kind == PICKLE_OPAQUE ? node->of.array : NULL;
    if (!a || !a->known) return;
    size_t count = 1;
    volatile unsigned char sum = 0;
    for (int i = 0; i < a->rank; i++) count *= (size_t)a->shape[i];
    if (a->bytes ? a->size != count * (size_t)(a->type[2] - '0') : !a->list || a->list->count != count)
        fuzz_breach("an array of another size than its shape's");
    for (size_t i = 0; i < a->size; i++) sum = (unsigned char)(sum + a->bytes[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct parts parts;
    struct pickle p;
    struct weights w = {.path = "fuzz"};
    struct error e = {0};
    size_t consumed = 0;
    int rc = fuzz_verdict(pickle_parse("fuzz", data, size, &p, &consumed, &e), &e);
    if (!rc) {
        if (consumed > size || !p.root) fuzz_breach("more consumed than given");
        pickle_get(p.root, "state_dict");
        read_array(p.root);
        parts.count = 0;
        if (!weights_source(&w)) fuzz_breach("out of memory");
        if (!fuzz_verdict(torch_collect(&p, storage_part, &parts, size, &w, &e), &e)) fuzz_values(&w);
    }
    weights_free(&w);
    pickle_free(&p);
    return 0;
}

void fuzz_seeds(void)
{
    static struct bytes b;
    static const char *const names[] = {"a.weight", "a.bias", "mask", "half"};
    const struct tensor_spec tensors[] = {{"FloatStorage", "0", 24, 2, 2, {2, 3}, {3, 1}},
                                          {"LongStorage", "1", 4, 0, 1, {4}, {1}},
                                          {"BoolStorage", "2", 6, 0, 2, {3, 2}, {1, 3}},
                                          {"HalfStorage", "3", 1, 0, 0, {0}, {0}}};
    put_checkpoint(&b, 4, names, tensors);
    fuzz_seed("checkpoint", b.at, b.n);
    static const char values[] =
        "\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00]\x94(J\xff\xff\xff\xffM\x34\x12\x8a\x01\x80"
        "\x8a\x00G?\xf8\0\0\0\0\0\0\x8c\x02hi\x94h\x01\x88N)\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
        "C\x02xyB\x01\0\0\0z(K\x01K\x02l\x85\x86(NNd0" "2\x94q\x07r\x08\0\0\0j\x07\0\0\0e.";
    fuzz_seed("values", values, sizeof values - 1);
    static const char module[] = "\x80\x02" "c__torch__.A\nB\n)\x81}(X\x01\0\0\0wNX\x08\0\0\0trainingq\x01\x88ub.";
    fuzz_seed("module", module, sizeof module - 1);
    static const char pairs[] = "\x80\x04\x8c\x0b" "collections\x8c\x0bOrderedDict\x93](]X\x01\0\0\0kae\x85R.";
    fuzz_seed("pairs", pairs, sizeof pairs - 1);
    static const char array[] = "\x80\x03" "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" "C\1b\x87R(K\1K\2\x85"
                                "cnumpy\ndtype\nX\2\0\0\0f4\x89\x88\x87R(K\3X\1\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
                                "\x89" "C\x08" "12345678tb.";
    fuzz_seed("array", array, sizeof array - 1);
}
