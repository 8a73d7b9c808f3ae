#include "checkpoint.h"
#include <stdio.h>
#include <stdlib.h>

int checkpoint_write(const char *path, const char *kind, const char *fingerprint, const char *note,
                     const struct checkpoint_part *parts, int count, const struct vocabulary *vocabulary,
                     struct error *e)
{
    struct h5 *f;
    char name[400];
    int rc = h5_create(path, &f, e);
    if (rc) return rc;
    rc = h5_write_attr_string(f, "/", "kind", kind, e);
    if (!rc) rc = h5_write_attr_string(f, "/", "fingerprint", fingerprint, e);
    if (!rc) rc = h5_write_attr_string(f, "/", "note", note, e);
    if (!rc && vocabulary) rc = h5_write_strings(f, "vocabulary", vocabulary->count, vocabulary->words, e);
    for (int i = 0; i < count && !rc; i++)
        for (int k = 0; k < parts[i].params->count && !rc; k++) {
            const struct param *p = parts[i].params->items[k];
            float *host = malloc(p->count * sizeof *host);
            if (!host) {
                rc = error_memory(e, p->name);
                break;
            }
            parts[i].params->device->download(parts[i].params->device, host, p->x, p->count);
            snprintf(name, sizeof name, "weights/%s%s", parts[i].prefix, p->name);
            rc = h5_write_float(f, name, p->rank, p->shape, host, e);
            free(host);
        }
    if (!rc) rc = h5_commit(f, e);
    else h5_close(f);
    return rc;
}

int checkpoint_fingerprint(const char *path, char *text, size_t size, struct error *e)
{
    struct h5 *f;
    int rc = h5_open(path, &f, e);
    if (rc) return rc;
    text[0] = 0;
    if (h5_has_attr(f, "/", "fingerprint")) rc = h5_attr_string(f, "/", "fingerprint", text, size, e);
    h5_close(f);
    return rc;
}

int checkpoint_vocabulary(const char *path, struct vocabulary *v, struct error *e)
{
    struct h5 *f;
    char **words = NULL;
    int count = 0, rc = h5_open(path, &f, e);
    if (rc) return rc;
    rc = h5_read_strings(f, "vocabulary", &words, &count, e);
    h5_close(f);
    if (rc) return rc;
    rc = vocabulary_copy(v, words, count, e);
    for (int i = 0; i < count; i++) free(words[i]);
    free(words);
    return rc;
}
