/* Streaming reader over a collection of files: a .tar.xz, a .tar, or a folder.
 *
 * The tar reader is strict: ustar with GNU long names and pax "path" and "size"
 * records, checksums verified, sizes bounded, nothing is ever written to disk.
 * Entries come in the archive's order (tar) or sorted by bytes (folder). */
#ifndef MLCM_ARCHIVE_H
#define MLCM_ARCHIVE_H

#include "../engine/error.h"
#include <stddef.h>
#include <stdint.h>

struct archive;

struct archive_entry {
    const char *path;          /* inside the archive, or relative to the folder */
    const char *name;          /* the last component of path */
    uint64_t size;             /* bytes */
};

/* Opens by magic bytes: xz, otherwise tar; a folder is read with its
 * sub-folders (depth <= 16; links are not followed). *out: archive_close. */
int archive_open(const char *path, struct archive **out, struct error *e);

/* Goes to the next regular file. *found = 0 at the end of the archive (which
 * must be a whole one: a truncated file is an error). The strings of `entry`
 * live until the next call. */
int archive_next(struct archive *a, struct archive_entry *entry, int *found, struct error *e);

/* Reads the whole current entry, at most `limit` bytes; *data is malloc'd with
 * an extra NUL byte, the caller frees. Entries not read are skipped. */
int archive_read(struct archive *a, size_t limit, char **data, size_t *size, struct error *e);

void archive_close(struct archive *a);

#endif
