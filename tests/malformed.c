#include "malformed.h"
#include "../bench/experiment.h"
#include "../bench/results.h"
#include "../datasets/archive.h"
#include "../datasets/bvh.h"
#include "../datasets/text_lines.h"
#include "../engine/file.h"
#include "../engine/h5.h"
#include "../engine/npy.h"
#include "../engine/npz.h"
#include "../engine/pickle.h"
#include "../engine/tokenizer_bpe.h"
#include "../engine/tokenizer_unigram.h"
#include "../engine/tokenizer_wordpiece.h"
#include "../engine/weights.h"
#include "counted_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- readers ---- */

int open_checkpoint(const char *path, struct error *e)
{
    struct weights w;
    const float *values;
    int rc = weights_read(path, &w, e);
    for (int i = 0; !rc && i < w.count; i++) rc = weight_values(&w, &w.items[i], &values, e);
    weights_free(&w);
    return rc;
}

int open_pickle(const char *path, struct error *e)
{
    char *data;
    size_t size, consumed;
    struct pickle p;
    int rc = file_read(path, 1 << 28, &data, &size, e);
    if (rc) return rc;
    rc = pickle_parse(path, data, size, &p, &consumed, e);
    pickle_free(&p);
    free(data);
    return rc;
}

int open_word_list(const char *path, struct error *e)
{
    char **words;
    int count, rc = pickle_read_words(path, &words, &count, e);
    if (!rc) file_list_free(words, count);
    return rc;
}

int open_word_rows(const char *path, struct error *e)
{
    char **words;
    int *rows, count, rc = pickle_read_word_index(path, &words, &rows, &count, e);
    if (rc) return rc;
    file_list_free(words, count);
    free(rows);
    return 0;
}

int open_array(const char *path, struct error *e)
{
    float *values;
    int shape[8], rc = npy_read_float(path, -1, shape, &values, e);
    if (!rc) free(values);
    return rc;
}

int open_archive_of_arrays(const char *path, struct error *e)
{
    struct npz *z;
    struct npy a;
    int rc = npz_open(path, &z, e);
    if (rc) return rc;
    for (int i = 0; !rc && i < npz_count(z); i++) {
        rc = npz_read(z, npz_name(z, i), &a, e);
        if (!rc) npy_free(&a);
    }
    npz_close(z);
    return rc;
}

/* Every dataset at the root, as numbers or, where that fails, as texts. */
int open_h5(const char *path, struct error *e)
{
    struct h5 *f;
    char **names = NULL;
    int count = 0, rc = h5_open(path, &f, e);
    if (rc) return rc;
    rc = h5_names(f, "/", &names, &count, e);
    for (int i = 0; !rc && i < count; i++) {
        float *x;
        size_t n;
        rc = h5_read_float(f, names[i], &x, &n, e);
        if (!rc) free(x);
    }
    h5_names_free(names, count);
    h5_close(f);
    return rc;
}

int open_set(const char *path, struct error *e)
{
    struct set s;
    int rc = set_read(path, &s, e);
    if (!rc) set_free(&s);
    return rc;
}

int open_sentencepiece(const char *path, struct error *e)
{
    struct unigram_tokenizer u;
    struct token_list l = {0};
    int rc = unigram_tokenizer_open(path, &u, e);
    if (rc) return rc;
    rc = unigram_encode(&u, "A walk", 6, &l, e);
    token_list_free(&l);
    unigram_tokenizer_free(&u);
    return rc;
}

int open_merges(const char *path, struct error *e)
{
    struct bpe_tokenizer b;
    int rc = bpe_tokenizer_open_openai(path, &b, e);
    if (!rc) bpe_tokenizer_free(&b);
    return rc;
}

int open_pieces(const char *path, struct error *e)
{
    struct wordpiece_tokenizer w;
    int rc = wordpiece_tokenizer_open(path, &w, e);
    if (!rc) wordpiece_tokenizer_free(&w);
    return rc;
}

int open_motion_capture(const char *path, struct error *e)
{
    struct bvh b;
    int rc = bvh_read(path, &b, e);
    if (!rc) bvh_free(&b);
    return rc;
}

int open_experiment(const char *path, struct error *e)
{
    struct experiment x;
    int rc = experiment_read(path, &x, e);
    if (!rc) experiment_free(&x);
    return rc;
}

int open_results(const char *path, struct error *e)
{
    static struct results r;
    int rc = results_read(path, &r, e);
    results_free(&r);
    return rc;
}

int open_names(const char *path, struct error *e)
{
    char **names;
    int count, rc = names_read(path, &names, &count, e);
    if (!rc) file_list_free(names, count);
    return rc;
}

int open_captions(const char *path, struct error *e)
{
    static const float features[6];
    const struct set_layout layout = {"toy", NULL, 3, 2, 20.0, 1, 40, 1};
    struct set_builder *b;
    int malformed = 0, rc = set_builder_new(&layout, &b, e);
    if (rc) return rc;
    rc = set_builder_clip(b, "one", "train", features, 2, "", e);
    if (!rc) rc = captions_read(path, 0, b, &malformed, e);
    set_builder_free(b);
    return rc;
}

int open_tar(const char *path, struct error *e)
{
    struct archive *a;
    struct archive_entry entry;
    int found = 1, rc = archive_open(path, &a, e);
    if (rc) return rc;
    while (!rc && found) rc = archive_next(a, &entry, &found, e);
    archive_close(a);
    return rc;
}

/* ---- the runner ---- */

void malformed_begin(struct malformed *m, const char *format)
{
    const char *base = getenv("TMPDIR");
    memset(m, 0, sizeof *m);
    m->format = format;
    snprintf(m->folder, sizeof m->folder, "%.300s/mlcm-malformed-XXXXXX", base && *base ? base : P_tmpdir);
    assert_non_null(mkdtemp(m->folder));
}

const char *malformed_name(const struct malformed *m, const char *name, char path[600])
{
    snprintf(path, 600, "%s/%.100s", m->folder, name);
    return path;
}

void malformed_check(struct malformed *m, int ok, const char *what)
{
    if (ok) return;
    m->failures++;
    print_error("%s: %s\n", m->format, what);
}

/* Removes all files of the folder; returns how many there were. */
static int empty_folder(const struct malformed *m)
{
    char **names = NULL, path[600];
    int count = 0;
    struct error e;
    assert_int_equal(file_list(m->folder, &names, &count, &e), 0);
    for (int i = 0; i < count; i++) {
        malformed_name(m, names[i], path);
        if (unlink(path) != 0) rmdir(path);
    }
    file_list_free(names, count);
    return count;
}

void malformed_end(struct malformed *m)
{
    empty_folder(m);
    rmdir(m->folder);
    print_message("%-14s %4d files\n", m->format, m->files);
    if (m->failures) fail_msg("%s: %d failures", m->format, m->failures);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Why the message is not one printable line that names the file; NULL if it is. */
static const char *message_fault(const char *text, const char *name)
{
    if (!strstr(text, name)) return "the message does not name the file";
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f) return "the message has a control character";
    return NULL;
}

void malformed_path(struct malformed *m, const char *name, malformed_open *open, int code, const char *rule)
{
    char path[600], **names = NULL;
    int before = 0, after = 0;
    struct error e = {0}, ignored;
    malformed_name(m, name, path);
    int64_t bytes = file_size(path);
    double mib = bytes > 0 ? (double)bytes / 1048576.0 : 0;
    assert_int_equal(file_list(m->folder, &names, &before, &ignored), 0);
    file_list_free(names, before);
    memory_begin();
    alarm(60); /* a reader that waits for a pipe */
    double start = seconds();
    int rc = open(path, &e);
    double took = seconds() - start;
    alarm(0);
    double held = (double)memory_peak() / 1048576.0;
    assert_int_equal(file_list(m->folder, &names, &after, &ignored), 0);
    file_list_free(names, after);
    const char *fault = rc != code                       ? "another code"
                        : code && e.code != code         ? "another code in the message"
                        : code && !strstr(e.text, rule)  ? "the message lacks the rule"
                        : code                           ? message_fault(e.text, name)
                                                         : NULL;
    if (!fault && after != before) fault = "files were left";
    if (!fault && took > 1 + mib) fault = "more than a second, and one a MiB";
    if (!fault && held > 64 + 64 * mib) fault = "more than 64 MiB, and as much a MiB";
    m->files++;
    if (!fault) return;
    m->failures++;
    print_error("%s, %s: %s (wanted %d '%s'; got %d '%s'; %.3f s, %.1f MiB)\n", m->format, name, fault, code, rule, rc,
                e.text, took, held);
}

void malformed_file(struct malformed *m, const char *name, const void *data, size_t size, malformed_open *open, int code,
                    const char *rule)
{
    char path[600];
    FILE *stream = fopen(malformed_name(m, name, path), "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(data, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    malformed_path(m, name, open, code, rule);
    unlink(path);
}
