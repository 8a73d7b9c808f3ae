/* A fuzz target without a fuzzer: TARGET [--mutations N] FILE|FOLDER…
 *
 * Runs every file as it is, and N mutations of each (default 200), drawn from a fixed seed, so
 * that a failure comes again. The last input is in memory only: --keep NAME writes each to NAME
 * before it is run. */
#include "fuzz.h"
#include "../../engine/file.h"
#include "../../engine/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

struct replay {
    const char *keep;
    int mutations;
    long runs;
    struct rng random;
};

static void run(struct replay *r, const char *data, size_t size)
{
    struct error e;
    if (r->keep) file_write(r->keep, data, size, &e);
    /* A copy of exactly this size: a read behind its end is seen. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) fuzz_breach("out of memory");
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    r->runs++;
}

static size_t below(struct replay *r, size_t n) { return n ? rng_below(&r->random, (uint32_t)n) : 0; }

/* Changes data[0 … size) in place, up to `room` bytes; returns the new size. */
static size_t mutate(struct replay *r, char *data, size_t size, size_t room)
{
    static const char *const words[] = {"-1", "9999999999999999999", "1e999", "nan", "{", "}", "[", "\"", "\n", "#", "/", "\xff", "../"};
    static const unsigned char edges[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    size_t at = below(r, size + 1), n = 1 + below(r, 8), from;
    const char *word = words[below(r, sizeof words / sizeof *words)];
    switch (below(r, 7)) {
    case 0:
        if (at < size) data[at] = (char)(data[at] ^ 1 << below(r, 8));
        return size;
    case 1:
        if (at < size) data[at] = (char)edges[below(r, sizeof edges)];
        return size;
    case 2:
        for (size_t i = at; i < size && i < at + n; i++) data[i] = (char)edges[below(r, sizeof edges)];
        return size;
    case 3: /* cut a piece out */
        n = n < size - at ? n : size - at;
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    case 4: /* cut the end off */
        return at;
    case 5: /* a piece twice */
        from = below(r, size);
        n = n * n < size - from ? n * n : size - from;
        if (room - size < n) return size;
        memmove(data + at + n, data + at, size - at);
        memmove(data + at, data + (from < at ? from : from + n < size ? from + n : from), n);
        return size + n;
    default:
        n = strlen(word);
        if (room - size < n) return size;
        memmove(data + at + n, data + at, size - at);
        memcpy(data + at, word, n);
        return size + n;
    }
}

static void run_file(struct replay *r, const char *path)
{
    char *data = NULL;
    size_t size = 0;
    struct error e = {0};
    if (file_read(path, 1 << 26, &data, &size, &e)) fuzz_breach(e.text);
    size_t room = size + 4096;
    char *changed = malloc(room);
    if (!changed) fuzz_breach("out of memory");
    run(r, data, size);
    for (int i = 0; i < r->mutations; i++) {
        size_t n = size;
        memcpy(changed, data, size);
        for (size_t times = 1 + below(r, 4); times > 0; times--) n = mutate(r, changed, n, room);
        run(r, changed, n);
    }
    free(changed);
    free(data);
}

static void run_path(struct replay *r, const char *path)
{
    char **names = NULL;
    int count = 0;
    if (file_size(path) >= 0) {
        run_file(r, path);
        return;
    }
    struct error e = {0};
    if (file_list(path, &names, &count, &e)) fuzz_breach(e.text);
    for (int i = 0; i < count; i++) {
        char inside[2200];
        snprintf(inside, sizeof inside, "%s/%s", path, names[i]);
        run_file(r, inside);
    }
    file_list_free(names, count);
}

int main(int argc, char **argv)
{
    struct replay r = {.mutations = 200, .random = rng_make(1, 0)};
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--mutations") && i + 1 < argc) r.mutations = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--keep") && i + 1 < argc) r.keep = argv[++i];
        else run_path(&r, argv[i]);
    }
    printf("%s: %ld runs\n", argv[0], r.runs);
    return r.runs == 0;
}
