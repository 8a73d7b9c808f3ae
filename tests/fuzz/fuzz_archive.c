/* Archives of recordings: tar and tar.xz, every entry read or passed over. First byte odd: the
 * checksums of headers are set right before. */
#include "fuzz.h"
#include "../../datasets/archive.h"

#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_checksum(uint8_t *h)
{
    unsigned sum = 0;
    memset(h + 148, ' ', 8);
    for (int k = 0; k < 512; k++) sum += h[k];
    snprintf((char *)h + 148, 8, "%06o", sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct archive *a;
    struct archive_entry entry;
    struct error e = {0};
    int found = 1;
    if (size == 0) return 0;
    uint8_t *file = malloc(size);
    if (!file) fuzz_breach("out of memory");
    memcpy(file, data + 1, --size);
    if (data[0] & 1)
        for (size_t at = 0; at + 512 <= size; at += 512)
            if (!memcmp(file + at + 257, "ustar", 5)) set_checksum(file + at);
    const char *path = fuzz_file(0, file, size);
    free(file);
    if (fuzz_verdict(archive_open(path, &a, &e), &e)) return 0;
    for (int i = 0; !fuzz_verdict(archive_next(a, &entry, &found, &e), &e) && found; i++) {
        char *text;
        size_t n;
        if (entry.path[0] == '/' || !strncmp(entry.path, "../", 3) || strstr(entry.path, "/../")) fuzz_breach("a path that leaves its folder");
        if (i % 2 == 0 && !fuzz_verdict(archive_read(a, 4096, &text, &n, &e), &e)) free(text);
    }
    archive_close(a);
    return 0;
}

static size_t add_entry(char *tar, size_t at, const char *path, char type, const char *body)
{
    char *h = tar + at;
    const size_t n = strlen(body);
    memset(h, 0, 512);
    snprintf(h, 100, "%s", path);
    snprintf(h + 100, 8, "0000644");
    snprintf(h + 124, 12, "%011o", (unsigned)n);
    snprintf(h + 136, 12, "00000000000");
    h[156] = type;
    memcpy(h + 257, "ustar\0" "00", 8);
    set_checksum((uint8_t *)h);
    memset(h + 512, 0, (n + 511) / 512 * 512);
    memcpy(h + 512, body, n);
    return at + 512 + (n + 511) / 512 * 512;
}

void fuzz_seeds(void)
{
    static char tar[10000];
    static uint8_t packed[10000];
    size_t n = add_entry(tar, 1, "set/", '5', "");
    n = add_entry(tar, n, "set/one.bvh", '0', "HIERARCHY");
    n = add_entry(tar, n, "pax", 'x', "20 path=set/two.bvh\n");
    n = add_entry(tar, n, "short", '0', "x");
    n = add_entry(tar, n, "././@LongLink", 'L', "set/three.bvh");
    n = add_entry(tar, n, "short", '0', "y") + 1024;
    tar[0] = 1;
    fuzz_seed("tar", tar, n);
    size_t size = 1;
    if (lzma_easy_buffer_encode(1, LZMA_CHECK_CRC32, NULL, (uint8_t *)tar + 1, n - 1, packed, &size, sizeof packed) != LZMA_OK)
        fuzz_breach("no xz");
    fuzz_seed("xz", packed, size);
}
