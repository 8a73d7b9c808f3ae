/* NumPy's archives. First byte even: the rest is the file. Odd: the rest is one array, which becomes
 * the member of an archive with a right checksum; bit 1: it says that it is deflated. */
#include "fuzz.h"
#include "../../engine/npz.h"
#include "../checkpoint_bytes.h"

#include <stdio.h>

static void read_it(const void *data, size_t size)
{
    struct npz *z;
    struct npy a;
    struct error e = {0};
    if (fuzz_verdict(npz_open(fuzz_file(0, data, size), &z, &e), &e)) return;
    for (int i = 0; i < npz_count(z) && i < 100; i++)
        if (!fuzz_verdict(npz_read(z, npz_name(z, i), &a, &e), &e)) npy_free(&a);
    if (!npz_read(z, "no such", &a, &e)) npy_free(&a);
    npz_close(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bytes b;
    if (size < 2 || !(data[0] & 1)) {
        read_it(data + (size > 0), size - (size > 0));
        return 0;
    }
    if (size > sizeof b.at - 1000) return 0;
    struct zip_entry entry = {.name = "a.npy", .data = data + 1, .size = size - 1, .method = data[0] & 2 ? 8 : 0};
    b.n = 0;
    put_zip(&b, 1, &entry, NULL);
    read_it(b.at, b.n);
    return 0;
}

void fuzz_seeds(void)
{
    static struct bytes b, whole;
    char array[200] = "\x93NUMPY\1\0\x46\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
    size_t header = strlen(array + 10);
    memset(array + 10 + header, ' ', 70 - header);
    array[79] = '\n';
    PUT(&b, "\1");
    put(&b, array, 80 + 16);
    fuzz_seed("array", b.at, b.n);
    b.at[0] = 3;
    fuzz_seed("deflated", b.at, b.n);
    struct zip_entry entries[2] = {{.name = "a.npy", .data = array, .size = 96}, {.name = "b.npy", .data = array, .size = 96}};
    b.n = 0;
    put_zip(&b, 2, entries, NULL);
    PUT(&whole, "\0");
    put(&whole, b.at, b.n);
    fuzz_seed("archive", whole.at, whole.n);
}
