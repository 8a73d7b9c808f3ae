/* Zip archives as torch.save and numpy.savez write them: one disk, no comment.
 *
 * Every entry is checked when the archive is opened: central directory and local
 * header agree, no entry reaches outside the file or into its neighbour, no
 * name is absolute, has '..' or occurs twice. */
#ifndef MLCM_ZIP_H
#define MLCM_ZIP_H

#include "error.h"
#include <stddef.h>
#include <stdint.h>

enum zip_method { ZIP_STORED = 0, ZIP_DEFLATED = 8 };

struct zip_member {
    const char *name; /* in the archive, not NUL-terminated */
    size_t name_size;
    size_t start;     /* of its bytes in the archive */
    size_t packed;    /* bytes in the archive */
    size_t size;      /* bytes unpacked; equal to packed for ZIP_STORED */
    size_t header;    /* of its local header */
    uint32_t checksum; /* CRC-32 of the unpacked bytes */
    enum zip_method method;
};

struct zip {
    const char *path, *kind; /* for messages: "torch zip archive" */
    const unsigned char *data;
    size_t size;
    struct zip_member *members; /* sorted by name */
    size_t count;
};

/* Reads the directory. `data` stays the caller's and must live as long as *z; the caller calls
 * zip_close, also after an error. deflated: whether ZIP_DEFLATED entries are accepted. */
int zip_open(struct zip *z, const char *path, const char *kind, const unsigned char *data, size_t size, int deflated,
             struct error *e);
void zip_close(struct zip *z);
/* The member of that name, or NULL. */
struct zip_member *zip_find(const struct zip *z, const char *name);
/* Whether the name of a member ends with `tail` and has something before it. */
int zip_name_ends(const struct zip_member *member, const char *tail);
/* An error for a rule that this archive breaks. */
int zip_bad(const struct zip *z, const char *rule, struct error *e);
/* The bytes of a member, checked: in place for ZIP_STORED (*owned NULL), otherwise unpacked to
 * *owned, which the caller frees. Memory asked for is bounded by what deflate can expand to. */
int zip_read(const struct zip *z, const struct zip_member *member, const unsigned char **bytes, unsigned char **owned,
             struct error *e);

#endif
