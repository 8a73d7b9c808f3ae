/* What torch.save writes: a zip archive of stored entries in one folder. TorchScript archives hold
 * compressed source text as well, which is passed over. */
#include "torch_file.h"
#include "zip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FOLDER_LIMIT = 512 };

struct archive {
    struct zip zip;
    struct weights_part *parts; /* of the list of tensors, in the order of the members */
    char folder[FOLDER_LIMIT];
};

static int is_stored(const struct archive *a, const struct zip_member *member, struct error *e)
{
    return member->method == ZIP_STORED
               ? 0
               : zip_bad(&a->zip, "a compressed entry; save again with torch.save, which stores", e);
}

/* The one entry FOLDER/data.pkl names the folder. */
static int find_folder(struct archive *a, const struct zip_member **pickle, struct error *e)
{
    static const char tail[] = "/data.pkl";
    *pickle = NULL;
    for (size_t i = 0; i < a->zip.count; i++) {
        const struct zip_member *member = &a->zip.members[i];
        if (!zip_name_ends(member, tail))
            continue;
        if (*pickle)
            return zip_bad(&a->zip, "two data.pkl", e);
        *pickle = member;
    }
    if (*pickle == NULL)
        return zip_bad(&a->zip, "no FOLDER/data.pkl in it; it is some other zip file", e);
    size_t n = (*pickle)->name_size - (sizeof tail - 1);
    memcpy(a->folder, (*pickle)->name, n); /* zip_open has bounded it */
    a->folder[n] = '\0';
    return is_stored(a, *pickle, e);
}

static int check_byte_order(const struct archive *a, struct error *e)
{
    char name[FOLDER_LIMIT + 16];
    snprintf(name, sizeof name, "%s/byteorder", a->folder);
    const struct zip_member *member = zip_find(&a->zip, name);
    if (member && (member->size != 6 || member->method != ZIP_STORED || memcmp(a->zip.data + member->start, "little", 6) != 0))
        return zip_bad(&a->zip, "big-endian tensors; save on a little-endian machine", e);
    return 0;
}

static int storage_part(void *context, const struct pickle_storage *storage, struct weights_part **part,
                        struct error *e)
{
    const struct archive *a = context;
    char name[FOLDER_LIMIT + 80];
    snprintf(name, sizeof name, "%s/data/%s", a->folder, storage->key);
    const struct zip_member *member = zip_find(&a->zip, name);
    if (member == NULL)
        return error_set(e, ERR_INPUT, "%s: storage '%s' is not in the archive; the file is damaged", a->zip.path,
                         storage->key);
    if (member->size != (size_t)storage->count * storage->element)
        return error_set(e, ERR_INPUT, "%s: storage '%s' has %zu bytes where the pickle says %zu", a->zip.path,
                         storage->key, member->size, (size_t)storage->count * storage->element);
    *part = &a->parts[member - a->zip.members];
    return is_stored(a, member, e);
}

/* A part for each member; checksums are compared when a tensor is taken. */
static int make_parts(struct archive *a, struct weights *w, struct error *e)
{
    struct weights_source *source = weights_source(w);
    if (source == NULL || (source->parts = calloc(a->zip.count, sizeof *source->parts)) == NULL)
        return error_memory(e, w->path);
    a->parts = source->parts;
    for (size_t i = 0; i < a->zip.count; i++) {
        const struct zip_member *member = &a->zip.members[i];
        a->parts[i] = (struct weights_part){.bytes = a->zip.data + member->start,
                                            .size = member->size,
                                            .name = member->name,
                                            .name_size = (int)member->name_size,
                                            .checksum = member->checksum,
                                            .unchecked = 1};
    }
    return 0;
}

int torch_read_zip(const unsigned char *data, size_t size, struct weights *w, struct error *e)
{
    struct archive *a = calloc(1, sizeof *a);
    if (a == NULL)
        return error_memory(e, w->path);
    const struct zip_member *object = NULL;
    struct pickle p = {0};
    size_t consumed = 0;
    int rc = zip_open(&a->zip, w->path, "torch zip archive", data, size, 1, e);
    if (rc == 0)
        rc = find_folder(a, &object, e);
    if (rc == 0)
        rc = check_byte_order(a, e);
    if (rc == 0)
        rc = make_parts(a, w, e);
    if (rc == 0)
        rc = weights_part_check(w, &a->parts[object - a->zip.members], e);
    if (rc == 0)
        rc = pickle_parse(w->path, data + object->start, object->size, &p, &consumed, e);
    if (rc == 0 && consumed != object->size)
        rc = zip_bad(&a->zip, "bytes after the end of data.pkl", e);
    if (rc == 0)
        rc = torch_collect(&p, storage_part, a, size, w, e);
    pickle_free(&p);
    zip_close(&a->zip);
    free(a);
    return rc;
}
