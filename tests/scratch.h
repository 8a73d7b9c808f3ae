/* A folder of temporary files for one test program, removed by scratch_end. */
#ifndef MLCM_TESTS_SCRATCH_H
#define MLCM_TESTS_SCRATCH_H

#include "../engine/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch {
    char folder[256];
};

/* A cmocka group setup: *state becomes the folder. */
static inline int scratch_begin(void **state)
{
    struct scratch *s = calloc(1, sizeof *s);
    const char *base = getenv("TMPDIR");
    if (s == NULL)
        return -1;
    snprintf(s->folder, sizeof s->folder, "%s/mlcm-test-XXXXXX", base && *base ? base : P_tmpdir);
    if (mkdtemp(s->folder) == NULL) {
        free(s);
        return -1;
    }
    *state = s;
    return 0;
}

static inline int scratch_end(void **state)
{
    struct scratch *s = *state;
    char **names = NULL;
    int count = 0;
    struct error e;
    if (file_list(s->folder, &names, &count, &e) == 0) {
        for (int i = 0; i < count; i++) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s", s->folder, names[i]);
            if (unlink(path) != 0)
                rmdir(path);
        }
        file_list_free(names, count);
    }
    rmdir(s->folder);
    free(s);
    return 0;
}

/* The path of `name` in the folder; `path` has 512 bytes. */
static inline const char *scratch_path(const struct scratch *s, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", s->folder, name);
    return path;
}

static inline int scratch_write(const char *path, const void *data, size_t size)
{
    FILE *stream = fopen(path, "wb");
    if (stream == NULL)
        return -1;
    size_t written = fwrite(data, 1, size, stream);
    return fclose(stream) != 0 || written != size;
}

#endif
