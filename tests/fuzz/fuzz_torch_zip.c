/* PyTorch zip files. First byte even: the rest is the file. Odd: the rest is one length, a pickle
 * of that length and the bytes of a storage, from which a zip file with right checksums is made. */
#include "fuzz.h"
#include "../checkpoint_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || !(data[0] & 1)) {
        fuzz_checkpoint(data + (size > 0), size - (size > 0));
        return 0;
    }
    static struct bytes b;
    size_t pickle = (size_t)data[1] | (size_t)data[2] << 8, rest = size - 3;
    if (pickle > rest) pickle = rest;
    if (rest > sizeof b.at - 2000) return 0;
    struct zip_entry entries[3] = {{.name = "a/data.pkl", .data = data + 3, .size = pickle},
                                   {.name = "a/data/0", .data = data + 3 + pickle, .size = rest - pickle},
                                   {.name = "a/byteorder", .data = "little", .size = 6}};
    struct zip_lies lies = {.with_zip64 = data[0] >> 1 & 1};
    b.n = 0;
    put_zip(&b, 3, entries, &lies);
    fuzz_checkpoint(b.at, b.n);
    return 0;
}

void fuzz_seeds(void)
{
    static struct bytes pickle, zip, parts;
    static const char *const names[] = {"a.weight", "b"};
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    const struct tensor_spec tensors[] = {{"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}},
                                          {"FloatStorage", "0", 6, 1, 2, {2, 2}, {1, 2}}};
    put_checkpoint(&pickle, 2, names, tensors);
    struct zip_entry entries[3] = {{.name = "a/data.pkl", .data = pickle.at, .size = pickle.n},
                                   {.name = "a/data/0", .data = values, .size = sizeof values},
                                   {.name = "a/version", .data = "3\n", .size = 2}};
    for (int with_zip64 = 0; with_zip64 < 2; with_zip64++) {
        struct zip_lies lies = {.with_zip64 = with_zip64};
        zip.n = 0;
        PUT(&zip, "\0");
        struct bytes inner = {.n = 0};
        put_zip(&inner, 3, entries, &lies);
        put(&zip, inner.at, inner.n);
        fuzz_seed(with_zip64 ? "zip64" : "zip", zip.at, zip.n);
        parts.n = 0;
        put_little(&parts, (uint64_t)(1 + 2 * with_zip64), 1);
        put_little(&parts, pickle.n, 2);
        put(&parts, pickle.at, pickle.n);
        put(&parts, values, sizeof values);
        fuzz_seed(with_zip64 ? "parts64" : "parts", parts.at, parts.n);
    }
}
