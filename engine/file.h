/* Files: whole reads with a limit, atomic writes, folders, fingerprints. */
#ifndef MLCM_FILE_H
#define MLCM_FILE_H

#include "error.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Reads a whole regular file, at most `limit` bytes. *out is malloc'd with one
 * extra NUL byte; the caller frees it. */
int file_read(const char *path, size_t limit, char **out, size_t *size, struct error *e);

/* Opens a regular file for reading; never blocks on a pipe or a device. The caller closes *fd. */
int file_open_regular(const char *path, int *fd, size_t *size, struct error *e);

/* Atomic writing: file_begin opens "PATH.tmp-…" beside PATH and gives its name
 * in `temporary`; file_commit syncs and renames it onto PATH, file_abandon
 * removes it. A reader sees the old file or the whole new one. A symbolic link
 * is followed, as by a shell's ">": what it points at is replaced (or made),
 * atomically too, and the link stays. */
struct file_writer {
    FILE *stream;              /* NULL when a library writes to `temporary` itself */
    char path[1024], temporary[1100];
};
int file_begin(struct file_writer *w, const char *path, struct error *e);
int file_begin_name(struct file_writer *w, const char *path, struct error *e);
int file_commit(struct file_writer *w, struct error *e);
void file_abandon(struct file_writer *w);
int file_write(const char *path, const void *data, size_t size, struct error *e);

/* One process at a time: takes the lock file PATH, which file_unlock removes. With wait 0 it gives up at
 * once, returning -1, where another process holds it. A process that dies lets go. A file system
 * without locks gives every process its own way. */
struct file_lock {
    int fd;                    /* -1: not held */
    char path[1100];
};
int file_lock(struct file_lock *l, const char *path, int wait, struct error *e);
void file_unlock(struct file_lock *l);

int file_exists(const char *path);
/* Whether a name is longer than `ending` and ends in it: ".npy". */
int file_has_ending(const char *path, const char *ending);
int64_t file_size(const char *path);               /* -1 if not a regular file */
int file_make_folder(const char *path, struct error *e); /* and its parents */
/* For folders made before it is known whether anything goes into them: how many characters of `path` name folders that are
 * there, asked before file_make_folder; and the removal of what it made, as far as it is empty. */
size_t file_folders_there(const char *path);
void file_remove_empty(const char *path, size_t there);

/* Lists names in a folder (no "." files), sorted by bytes; free with file_list_free. */
int file_list(const char *folder, char ***names, int *count, struct error *e);
void file_list_free(char **names, int count);

/* Lower-case hexadecimal SHA-256 (libcrypto), 64 characters + NUL. */
struct sha256;                                     /* incremental */
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *h, const void *data, size_t size);
/* Finishes and frees h. ERR_INTERNAL, and zeros for the text, when out of memory at any time since
 * sha256_new, which may have returned NULL. */
int sha256_text(struct sha256 *h, char hex[65]);
int sha256_bytes(const void *data, size_t size, char hex[65]);
int sha256_file(const char *path, char hex[65], struct error *e);

#endif
