#include "fuzz.h"
#include "../../engine/file.h"
#include "../../engine/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char *seed_folder;

void fuzz_breach(const char *what)
{
    fprintf(stderr, "breach: %s\n", what);
    abort();
}

static void need(int ok, const char *what)
{
    if (!ok) fuzz_breach(what);
}

int fuzz_verdict(int rc, const struct error *e)
{
    if (!rc) return 0;
    if (rc != ERR_INPUT || e->code != rc) {
        fprintf(stderr, "code %d, in the message %d: %s\n", rc, e->code, e->text);
        fuzz_breach("an error that is not ERR_INPUT");
    }
    need(e->text[0] != 0 && memchr(e->text, 0, sizeof e->text) != NULL, "an error without a message");
    for (const unsigned char *p = (const unsigned char *)e->text; *p; p++)
        need(*p >= 0x20 && *p != 0x7f, "a message with a control character");
    return rc;
}

void fuzz_values(struct weights *w)
{
    for (int i = 0; i < w->count; i++) {
        const float *values = NULL;
        struct error e = {0};
        float sum = 0;
        if (fuzz_verdict(weight_values(w, &w->items[i], &values, &e), &e)) continue;
        for (size_t k = 0; k < w->items[i].count; k++) sum += values[k] != 0;
        need(sum >= 0, "values that cannot be counted");
        if (i % 2) weight_done(w, &w->items[i]);
    }
}

void fuzz_checkpoint(const void *data, size_t size)
{
    struct weights w;
    struct error e = {0};
    if (fuzz_verdict(weights_read(fuzz_file(0, data, size), &w, &e), &e)) return;
    fuzz_values(&w);
    weights_free(&w);
}

const char *fuzz_file(int slot, const void *data, size_t size)
{
    static int fd[4] = {-1, -1, -1, -1};
    static char path[4][40];
    if (fd[slot] < 0) {
        fd[slot] = memfd_create("fuzz", MFD_CLOEXEC);
        need(fd[slot] >= 0, "no file in memory can be made");
        snprintf(path[slot], sizeof path[slot], "/proc/self/fd/%d", fd[slot]);
    }
    need(ftruncate(fd[slot], 0) == 0 && (size == 0 || pwrite(fd[slot], data, size, 0) == (ssize_t)size),
         "the file in memory cannot be written");
    return path[slot];
}

const char *fuzz_scratch(const char *name)
{
    static char path[1200];
    snprintf(path, sizeof path, "%s/.%s", seed_folder, name);
    return path;
}

void fuzz_seed(const char *name, const void *data, size_t size)
{
    char path[1200];
    struct error e = {0};
    snprintf(path, sizeof path, "%s/%s", seed_folder, name);
    need(file_write(path, data, size, &e) == 0, e.text);
}

void fuzz_seed_file(const char *name, const char *path, const void *prefix, size_t before)
{
    char *data = NULL;
    size_t size = 0;
    struct error e = {0};
    need(file_read(path, 1 << 24, &data, &size, &e) == 0, e.text);
    char *whole = malloc(before + size + 1);
    need(whole != NULL, "out of memory");
    if (before) memcpy(whole, prefix, before);
    memcpy(whole + before, data, size);
    fuzz_seed(name, whole, before + size);
    free(whole);
    free(data);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    if (*argc != 3 || strcmp((*argv)[1], "--seeds") != 0) return 0;
    struct error e = {0};
    seed_folder = (*argv)[2];
    need(file_make_folder(seed_folder, &e) == 0, e.text);
    fuzz_seeds();
    exit(0);
}
