/* The packed set of published motions: made once, then found again by what the files are. */
#include "published_models.h"
#include "../datasets/build.h"
#include "../engine/file.h"
#include "progress.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Name, size and time of change of a file, into the hash; a missing one is its name alone. */
static void add_file(struct sha256 *h, const char *folder, const char *name, const char *end)
{
    char path[1800];
    struct stat st;
    snprintf(path, sizeof path, "%.1400s/%.200s%s", folder, name, end);
    sha256_add(h, name, strlen(name) + 1);
    if (stat(path, &st)) return;
    const int64_t facts[3] = {(int64_t)st.st_size, (int64_t)st.st_mtim.tv_sec, (int64_t)st.st_mtim.tv_nsec};
    sha256_add(h, facts, sizeof facts);
}

/* Of every clip that the lists name, its text, the lists themselves, statistics and words. */
static int listing_hash(const struct published_folders *f, char hex[65], struct error *e)
{
    static const char *const lists[] = {"train.txt", "val.txt", "test.txt"}, *const words[] = {"our_vab_data.npy", "our_vab_words.pkl",
                                                                                              "our_vab_idx.pkl"};
    static const char layout[] = "mlcm published set 1";
    char path[1500], motions[1500], texts[1500];
    struct sha256 *h = sha256_new();
    int rc = 0;
    sha256_add(h, layout, sizeof layout);
    snprintf(motions, sizeof motions, "%.1400s/new_joint_vecs", f->data);
    snprintf(texts, sizeof texts, "%.1400s/texts", f->data);
    for (int i = 0; i < 3 && !rc; i++) {
        char *text, *line, *rest;
        size_t size;
        snprintf(path, sizeof path, "%.1400s/%s", f->data, lists[i]);
        rc = file_read(path, 64 << 20, &text, &size, e);
        if (rc) break;
        sha256_add(h, text, size);
        for (line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
            add_file(h, motions, line, ".npy");
            add_file(h, texts, line, ".txt");
        }
        free(text);
    }
    add_file(h, f->data, "Mean.npy", "");
    add_file(h, f->data, "Std.npy", "");
    add_file(h, f->data, PUBLISHED_SYNTHETIC_MARK, "");
    for (int i = 0; i < 3 && f->words; i++) add_file(h, f->words, words[i], "");
    if (f->evaluator_statistics) {
        add_file(h, f->evaluator_statistics, "mean.npy", "");
        add_file(h, f->evaluator_statistics, "std.npy", "");
    }
    if (f->spatial_statistics) {
        add_file(h, f->spatial_statistics, "Mean_raw.npy", "");
        add_file(h, f->spatial_statistics, "Std_raw.npy", "");
    }
    int failed = sha256_text(h, hex);
    return rc || !failed ? rc : error_memory(e, f->data);
}

struct talk {
    struct progress bar;
    int started, quiet;
};

static void on_progress(void *context, double done, double total)
{
    struct talk *t = context;
    if (!t->started) progress_start(&t->bar, "reading motions", "clips", total, 0, t->quiet);
    t->started = 1;
    progress_update(&t->bar, done, NULL);
}

static void on_note(void *context, const char *line)
{
    struct talk *t = context;
    if (t->started) progress_clear(&t->bar);
    if (!t->quiet) fprintf(stderr, "mlcm: %s\n", line);
}

int chain_published_set(struct chain *c, struct error *e)
{
    struct experiment *x = c->x;
    const struct published *p = &x->published;
    char place[PUBLISHED_PARTS][1400], hex[65];
    struct talk talk = {.quiet = c->quiet};
    const struct build_listener listener = {&talk, on_progress, on_note};
    struct set_builder *b;
    struct set set;
    if (!p->given || !p->part[PUBLISHED_DATA][0]) return 0;
    for (int i = 0; i < PUBLISHED_PARTS; i++) published_path(p, p->part[i], place[i]);
    const struct published_folders folders = {
        .data = place[PUBLISHED_DATA],
        .words = p->part[PUBLISHED_WORDS][0] ? place[PUBLISHED_WORDS] : NULL,
        .evaluator_statistics = p->part[PUBLISHED_EVALUATOR_STATISTICS][0] ? place[PUBLISHED_EVALUATOR_STATISTICS] : NULL,
        .spatial_statistics = p->part[PUBLISHED_SPATIAL][0] ? place[PUBLISHED_SPATIAL] : NULL};
    int rc = listing_hash(&folders, hex, e);
    if (rc) return rc;
    snprintf(x->set, sizeof x->set, "%.900s/%s-%.16s.h5", c->cache, p->kit ? "kit" : "humanml3d", hex);
    if (file_exists(x->set)) return 0;
    rc = build_published(&folders, p->kit, &listener, &b, e);
    if (!rc) rc = set_builder_finish(b, &set, e);
    if (talk.started && !rc) progress_finish(&talk.bar, set.noriginal, NULL);
    if (rc) return rc;
    rc = set_write(x->set, &set, e);
    set_free(&set);
    return rc;
}
