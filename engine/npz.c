#include "npz.h"
#include "mapping.h"
#include "zip.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t file_limit = (size_t)1 << 36;

struct npz {
    struct mapping map;
    struct zip zip;
    char **names;
    char path[1024];
};

/* "mean" of "mean.npy", for each member. */
static int name_members(struct npz *z, struct error *e)
{
    if (z->zip.count > INT_MAX || (z->names = calloc(z->zip.count, sizeof *z->names)) == NULL)
        return error_memory(e, z->path);
    for (size_t i = 0; i < z->zip.count; i++) {
        const struct zip_member *member = &z->zip.members[i];
        if (!zip_name_ends(member, ".npy"))
            return error_set(e, ERR_INPUT, "%s: entry '%.*s' is no .npy array; it is some other zip file", z->path,
                             (int)member->name_size, member->name);
        if ((z->names[i] = strndup(member->name, member->name_size - 4)) == NULL)
            return error_memory(e, z->path);
    }
    return 0;
}

int npz_open(const char *path, struct npz **out, struct error *e)
{
    struct npz *z = calloc(1, sizeof *z);
    if (z == NULL)
        return error_memory(e, path);
    z->map.fd = -1;
    if (strlen(path) >= sizeof z->path) {
        free(z);
        return error_set(e, ERR_INPUT, "%.80s…: path is too long", path);
    }
    snprintf(z->path, sizeof z->path, "%s", path);
    int rc = mapping_open(&z->map, path, file_limit, e);
    if (rc == 0)
        rc = zip_open(&z->zip, z->path, ".npz archive", z->map.data, z->map.size, 1, e);
    if (rc == 0)
        rc = name_members(z, e);
    if (rc) {
        npz_close(z);
        return rc;
    }
    *out = z;
    return 0;
}

void npz_close(struct npz *z)
{
    if (z == NULL)
        return;
    for (size_t i = 0; z->names && i < z->zip.count; i++)
        free(z->names[i]);
    free(z->names);
    zip_close(&z->zip);
    mapping_close(&z->map);
    free(z);
}

int npz_count(const struct npz *z)
{
    return (int)z->zip.count;
}

const char *npz_name(const struct npz *z, int index)
{
    return z->names[index];
}

int npz_read(const struct npz *z, const char *name, struct npy *out, struct error *e)
{
    const unsigned char *bytes = NULL;
    unsigned char *owned = NULL;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < z->zip.count; i++) {
        if (strcmp(z->names[i], name) != 0)
            continue;
        char title[1400];
        snprintf(title, sizeof title, "%s: %.300s.npy", z->path, name);
        int rc = mapping_unchanged(&z->map, z->path, e);
        if (rc == 0)
            rc = zip_read(&z->zip, &z->zip.members[i], &bytes, &owned, e);
        if (rc == 0)
            rc = npy_from_bytes(title, bytes, z->zip.members[i].size, out, e);
        free(owned);
        return rc;
    }
    return error_set(e, ERR_INPUT, "%s: holds no array '%.300s'; check which file is meant", z->path, name);
}
