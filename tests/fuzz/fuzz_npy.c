/* NumPy arrays. First byte even: the rest is the file. Odd: the rest is a header's dictionary, a
 * NUL and the elements, and gets magic, version and length in front. */
#include "fuzz.h"
#include "../../engine/npy.h"

#include <stdlib.h>
#include <string.h>

static void read_it(const void *data, size_t size)
{
    struct npy a;
    struct error e = {0};
    int shape[8];
    float *values = NULL;
    const char *path = fuzz_file(0, data, size);
    if (!fuzz_verdict(npy_read(path, &a, &e), &e)) {
        size_t count = 1;
        for (int i = 0; i < a.rank; i++) count *= (size_t)a.shape[i];
        if (count != a.count) fuzz_breach("a count that is not the product of the shape");
        npy_free(&a);
    }
    if (!fuzz_verdict(npy_read_float(path, -1, shape, &values, &e), &e)) free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || !(data[0] & 1)) {
        read_it(data + (size > 0), size - (size > 0));
        return 0;
    }
    const uint8_t *nul = memchr(data + 1, 0, size - 1);
    size_t header = nul ? (size_t)(nul - data - 1) : size - 1, body = nul ? size - header - 2 : 0;
    if (header > 65535) return 0;
    uint8_t *file = malloc(10 + header + body);
    if (!file) fuzz_breach("out of memory");
    memcpy(file, "\x93NUMPY\1\0", 8);
    file[8] = (uint8_t)(header & 255);
    file[9] = (uint8_t)(header >> 8);
    memcpy(file + 10, data + 1, header);
    if (body) memcpy(file + 10 + header, nul + 1, body);
    read_it(file, 10 + header + body);
    free(file);
    return 0;
}

void fuzz_seeds(void)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    const int shape[2] = {2, 3};
    struct error e;
    const char *path = fuzz_scratch("array.npy");
    if (npy_write_float(path, 2, shape, values, &e)) fuzz_breach(e.text);
    fuzz_seed_file("file", path, "\0", 1);
    static const char *const types[] = {"<f2", "<f4", "<f8", "<i4", "<i8"};
    for (int i = 0; i < 5; i++) {
        char seed[200] = "\1{'descr': '<f2', 'fortran_order': False, 'shape': (2, 1), }\n";
        memcpy(strstr(seed, "<f2"), types[i], 3);
        fuzz_seed(types[i] + 1, seed, strlen(seed) + 1 + 2 * (size_t)(types[i][2] - '0'));
    }
}
