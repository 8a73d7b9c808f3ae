#include "gunzip.h"
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

int gunzip(const char *name, const void *data, size_t size, size_t limit, char **out, size_t *out_size,
           struct error *e)
{
    z_stream z = {0};
    *out = NULL;
    *out_size = 0;
    if (size > UINT_MAX || limit > UINT_MAX - 1)
        return error_set(e, ERR_INPUT, "%s: too large to decompress; gunzip it first", name);
    char *bytes = malloc(limit + 1);
    if (!bytes || inflateInit2(&z, 15 + 16) != Z_OK) { /* 16: with a gzip header */
        free(bytes);
        return error_memory(e, name);
    }
    union {
        const void *given;
        Bytef *wanted;         /* zlib does not write to it */
    } input = {data};
    z.next_in = input.wanted;
    z.avail_in = (uInt)size;
    z.next_out = (Bytef *)bytes;
    z.avail_out = (uInt)limit;
    int state = inflate(&z, Z_FINISH), left = z.avail_in != 0;
    size_t done = limit - z.avail_out;
    inflateEnd(&z);
    if (state != Z_STREAM_END || left) {
        free(bytes);
        return error_set(e, ERR_INPUT, "%s: its gzip data is %s; fetch the file again", name,
                         state == Z_STREAM_END ? "followed by something else"
                         : !z.avail_out        ? "larger than such a file can be"
                                               : "broken or cut off");
    }
    bytes[done] = 0;
    *out = bytes;
    *out_size = done;
    return 0;
}
