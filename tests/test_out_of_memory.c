/* Every allocation of every reader and writer fails once: an error comes back, nothing stays
 * allocated, an output that is there already stays as it was. */
#include "../bench/results.h"
#include "../datasets/set_builder.h"
#include "../engine/npy.h"
#include "../engine/torch_write.h"
#include "../engine/weights.h"
#include "checkpoint_bytes.h"
#include "counted_memory.h"
#include "malformed.h"
#include "model_bytes.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <limits.h>

#define BYTES(s) s, sizeof(s) - 1

/* Fails the n-th allocation for n = 1, 2 … until a run meets none that fails; `forever`: all that
 * follow fail too. Returns the number of allocations, -1 after a fault, which is printed. */
static long fail_each(const char *name, malformed_open *run, const char *path, int forever)
{
    struct error e;
    if (run(path, &e)) { /* also fills what libraries allocate once */
        print_error("%s: %s\n", name, e.text);
        return -1;
    }
    for (long n = 1; n < 100000; n++) {
        memset(&e, 0, sizeof e);
        memory_begin();
        memory_fail(n, forever ? LONG_MAX : 1);
        int rc = run(path, &e);
        long failures = memory_failures();
        memory_fail(0, 0);
        const char *fault = memory_held() != 0                  ? "memory stays allocated"
                            : !failures && rc                   ? "an error without a failure"
                            : failures && !rc                   ? "the failure was passed over"
                            : rc && (e.code != rc || !e.text[0]) ? "an error without its message"
                                                                : NULL;
        if (fault) {
            print_error("%s: allocation %ld: %s (code %d, %s; %ld bytes held)\n", name, n, fault, rc, e.text, memory_held());
            return -1;
        }
        if (!failures) return n - 1;
    }
    print_error("%s: does not end\n", name);
    return -1;
}

static void each_way(const char *name, malformed_open *run, const char *path)
{
    long once = fail_each(name, run, path, 0), forever = fail_each(name, run, path, 1);
    if (once < 0 || forever < 0) fail();
    print_message("%-22s %4ld allocations\n", name, once);
}

/* ---- fixtures ---- */

static void sound_set(struct set *s)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    const struct set_layout layout = {"toy", NULL, 3, 2, 20.0, 1, 40, 1};
    struct set_builder *b;
    struct error e;
    assert_int_equal(set_builder_new(&layout, &b, &e), 0);
    assert_int_equal(set_builder_clip(b, "one", "train", values, 2, "content=walk", &e), 0);
    assert_int_equal(set_builder_caption(b, "a person walks", "a/DET person/NOUN walk/VERB", "", 0, 0, &e), 0);
    assert_int_equal(set_builder_nan(b, "007975", &e), 0);
    assert_int_equal(set_builder_words_from_captions(b, 2, 1, &e), 0);
    assert_int_equal(set_builder_finish(b, s, &e), 0);
}

static void sound_weights(struct weights *w)
{
    const int shape[2] = {2, 3};
    struct weight *item;
    struct error e;
    memset(w, 0, sizeof *w);
    assert_int_equal(weights_add(w, "a.weight", 2, shape, &item, &e), 0);
    item->data[5] = 1.5f;
    assert_int_equal(weights_add(w, "a.bias", 1, shape + 1, &item, &e), 0);
}

static void sound_results(struct results *r)
{
    const double fid[] = {0.1, 0.2};
    struct error e;
    int row;
    results_begin(r);
    assert_int_equal(results_add_row(r, "Real", 1, &row, &e), 0);
    assert_int_equal(results_add_metric(r, row, "FID", fid, 2, &e), 0);
    assert_int_equal(results_add_check(r, "a check", 1, &e, "%d", 1), 0);
}

/* ---- readers ---- */

static void put_file(const struct scratch *s, const char *name, const void *data, size_t size, malformed_open *open)
{
    char path[512];
    assert_int_equal(scratch_write(scratch_path(s, name, path), data, size), 0);
    each_way(name, open, path);
}

static void readers(void **state)
{
    static struct bytes pickle, out;
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    static const char *const names[] = {"a", "b"};
    const struct tensor_spec tensors[] = {{"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}}, {"FloatStorage", "0", 6, 0, 2, {3, 2}, {1, 3}}};
    put_checkpoint(&pickle, 2, names, tensors);
    struct zip_entry z[2] = {{.name = "a/data.pkl", .data = pickle.at, .size = pickle.n},
                             {.name = "a/data/0", .data = six, .size = sizeof six}};
    put_zip(&out, 2, z, NULL);
    put_file(*state, "model.ckpt", out.at, out.n, open_checkpoint);
    out.n = 0;
    put_legacy_preamble(&out, 1);
    put(&out, pickle.at, pickle.n);
    PUT(&out, "\x80\x02](X\x01\0\0\0" "0e.\x06\0\0\0\0\0\0\0");
    put(&out, six, sizeof six);
    put_file(*state, "model.tar", out.at, out.n, open_checkpoint);
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}}";
    out.n = 0;
    put_little(&out, sizeof header - 1, 8);
    put(&out, header, sizeof header - 1);
    put(&out, "\0\0\0\0\0\0", 6);
    put_file(*state, "model.safetensors", out.at, out.n, open_checkpoint);
    put_file(*state, "words.pkl", BYTES("\x80\x03](X\x03\0\0\0sosX\x04\0\0\0walke."), open_word_list);
    put_file(*state, "rows.pkl", BYTES("\x80\x03}(X\x03\0\0\0sosK\0X\x04\0\0\0walkM\2\1u."), open_word_rows);
    static struct model_bytes model;
    small_model(&model);
    put_file(*state, "spiece.model", model.data, model.size, open_sentencepiece);
    put_file(*state, "merges.txt", BYTES("#version\na b\nab c</w>\n"), open_merges);
    put_file(*state, "vocab.txt", BYTES("[PAD]\n[UNK]\n[CLS]\n[SEP]\nwalk\n"), open_pieces);
    put_file(*state, "walk.bvh", BYTES("HIERARCHY\nROOT a\n{OFFSET 0 0 0 CHANNELS 1 Xrotation}\nMOTION\nFrames: 2\nFrame Time: .05\n1\n2\n"),
             open_motion_capture);
    put_file(*state, "train.txt", BYTES("000001\nM000001\n"), open_names);
    put_file(*state, "captions.txt", BYTES("a walk#a/DET walk/NOUN#0#0\nhop#hop/VERB#0#0\n"), open_captions);
    each_way("experiment", open_experiment, "tests/chain_micro.json");
}

/* ---- writers, and what they wrote back ---- */

static int write_npy(const char *path, struct error *e)
{
    const int shape[2] = {2, 2};
    static const float x[4] = {1, 2, 3, 4};
    return npy_write_float(path, 2, shape, x, e);
}

static struct weights weights;
static struct set set;
static struct results results;
static const struct torch_section sections[] = {{"state_dict", ""}};

static int write_h5(const char *path, struct error *e) { return weights_write(&weights, path, e); }
static int write_torch(const char *path, struct error *e) { return torch_write(path, &weights, sections, 1, NULL, 0, 0, e); }
static int write_set(const char *path, struct error *e) { return set_write(path, &set, e); }
static int write_results(const char *path, struct error *e) { return results_write(&results, path, e); }

/* A writer of which every allocation fails leaves an older file whole and nothing beside it. */
static void writers(void **state)
{
    static const struct {
        const char *name;
        malformed_open *write, *read;
    } table[] = {{"a.npy", write_npy, open_array},          {"weights.h5", write_h5, open_checkpoint}, {"weights.ckpt", write_torch, open_checkpoint},
                 {"set.h5", write_set, open_set}, {"results.json", write_results, open_results}};
    struct error e = {0};
    sound_weights(&weights);
    sound_set(&set);
    sound_results(&results);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char path[512], *text = NULL, **names = NULL;
        size_t size = 0;
        int before = 0, after = 0;
        scratch_path(*state, table[i].name, path);
        assert_int_equal(scratch_write(path, "older", 5), 0);
        assert_int_equal(file_list(((struct scratch *)*state)->folder, &names, &before, &e), 0);
        file_list_free(names, before);
        for (long n = 1;; n++) {
            memory_begin();
            memory_fail(n, 1);
            int rc = table[i].write(path, &e);
            long failures = memory_failures();
            memory_fail(0, 0);
            if (!failures) {
                if (rc) fail_msg("%s: %s", table[i].name, e.text);
                break;
            }
            if (!rc) fail_msg("%s: allocation %ld: the failure was passed over", table[i].name, n);
            assert_int_equal(file_read(path, 100, &text, &size, &e), 0);
            assert_int_equal(size, 5);
            assert_memory_equal(text, "older", 5);
            free(text);
            assert_int_equal(file_list(((struct scratch *)*state)->folder, &names, &after, &e), 0);
            file_list_free(names, after);
            assert_int_equal(after, before);
        }
        each_way(table[i].name, table[i].read, path);
    }
    weights_free(&weights);
    set_free(&set);
    results_free(&results);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(readers), cmocka_unit_test(writers)};
    return cmocka_run_group_tests_name("out of memory", tests, scratch_begin, scratch_end);
}
