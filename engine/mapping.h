/* A file's bytes as memory, read-only.
 *
 * Pages come from the file when they are touched and can be given back, so that
 * reading a large file tensor by tensor does not hold it whole.
 *
 * A mapped file must not be changed by others in the meantime: a page past the
 * end of a file that was cut off cannot be read, and the system ends the
 * process (SIGBUS). mapping_unchanged compares size and time of the open file
 * and is asked before every tensor, which leaves a moment between the question
 * and the reading. mlcm itself writes files under another name and renames
 * them, which leaves an open mapping of the old file whole; copy files in the
 * same way when a program may have them open. */
#ifndef MLCM_MAPPING_H
#define MLCM_MAPPING_H

#include "error.h"
#include <stddef.h>
#include <time.h>

struct mapping {
    const unsigned char *data; /* NULL for an empty file */
    size_t size;
    int fd;                    /* stays open, to see changes */
    struct timespec changed;
    size_t touched;            /* bytes read since pages were last given back */
};

/* Maps a regular file of at most `limit` bytes. The caller calls mapping_close. */
int mapping_open(struct mapping *m, const char *path, size_t limit, struct error *e);
void mapping_close(struct mapping *m);
/* An error when the file has another size or time than when it was mapped. */
int mapping_unchanged(const struct mapping *m, const char *path, struct error *e);
/* Counts `bytes` as read; at every MiB all pages are given back. Pointers
 * into the mapping stay good: a page that is touched again is read again. */
void mapping_touched(struct mapping *m, size_t bytes);
/* Gives all pages back now. */
void mapping_give_back(struct mapping *m);
/* SHA-256 of the open file, streamed without touching the mapping. */
int mapping_sha256(const struct mapping *m, const char *path, char hex[65], struct error *e);

#endif
