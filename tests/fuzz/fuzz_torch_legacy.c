/* PyTorch's stream form: the bytes behind its fixed preamble, or (first byte 0) the whole file. */
#include "fuzz.h"
#include "../checkpoint_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bytes b;
    b.n = 0;
    if (size > 0 && data[0]) put_legacy_preamble(&b, 1);
    if (size > 1) put(&b, data + 1, size - 1);
    fuzz_checkpoint(b.at, b.n);
    return 0;
}

void fuzz_seeds(void)
{
    static struct bytes b;
    static const char *const names[] = {"w", "v"};
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    const struct tensor_spec tensors[] = {{"FloatStorage", "7", 6, 0, 2, {2, 3}, {3, 1}},
                                          {"DoubleStorage", "8", 2, 0, 1, {2}, {1}}};
    for (int whole = 0; whole < 2; whole++) {
        b.n = 0;
        put_little(&b, (uint64_t)!whole, 1);
        if (whole) put_legacy_preamble(&b, 1);
        put_checkpoint(&b, 2, names, tensors);
        PUT(&b, "\x80\x02](X\x01\0\0\0" "7X\x01\0\0\0" "8e.");
        put_little(&b, 6, 8);
        put(&b, values, sizeof values);
        put_little(&b, 2, 8);
        put_little(&b, 0, 8);
        put_little(&b, 0, 8);
        fuzz_seed(whole ? "whole" : "rest", b.at, b.n);
    }
}
