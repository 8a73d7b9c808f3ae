/* Safetensors. First byte even: the rest is the file. Odd: the rest is a header, a NUL and the
 * data, and gets its length in front. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || !(data[0] & 1)) {
        fuzz_checkpoint(data + (size > 0), size - (size > 0));
        return 0;
    }
    data++;
    size--;
    const uint8_t *nul = memchr(data, 0, size);
    size_t header = nul ? (size_t)(nul - data) : size, body = nul ? size - header - 1 : 0;
    uint8_t *file = malloc(8 + header + body);
    if (!file) fuzz_breach("out of memory");
    for (int i = 0; i < 8; i++) file[i] = (uint8_t)((uint64_t)header >> (8 * i));
    memcpy(file + 8, data, header);
    if (body) memcpy(file + 8 + header, nul + 1, body);
    fuzz_checkpoint(file, 8 + header + body);
    free(file);
    return 0;
}

void fuzz_seeds(void)
{
    static const char header[] = "\1{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],"
                                 "\"data_offsets\":[0,24]},\"b.c\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[24,32]},"
                                 "\"h\":{\"dtype\":\"BF16\",\"shape\":[1,1],\"data_offsets\":[32,34]},"
                                 "\"z\":{\"dtype\":\"BOOL\",\"shape\":[0],\"data_offsets\":[34,34]}}";
    char parts[sizeof header + 34] = {0}, whole[1 + 8 + sizeof header - 2 + 34] = {0};
    memcpy(parts, header, sizeof header);
    fuzz_seed("parts", parts, sizeof parts);
    size_t n = sizeof header - 2;
    whole[1] = (char)(n & 255);
    whole[2] = (char)(n >> 8);
    memcpy(whole + 9, header + 1, n);
    fuzz_seed("whole", whole, sizeof whole);
}
