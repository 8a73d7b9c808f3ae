/* The packed set: round trip, hostile files, the item rules, draws, words, the published layout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../datasets/build.h"
#include "../datasets/words.h"
#include "../engine/h5.h"
#include "../engine/npy.h"
#include "scratch.h"

#include <math.h>

enum { WIDE = 5 };

/* A set of clips with the given lengths; every value is 1000 clip + 10 frame + channel. */
static void make_set(struct set *out, const int *lengths, int count)
{
    struct error e = {0};
    struct set_builder *b;
    const struct set_layout layout = {"toy", NULL, WIDE, 2, 20.0, 8, 40, 4};
    assert_int_equal(set_builder_new(&layout, &b, &e), 0);
    for (int c = 0; c < count; c++) {
        float x[100 * WIDE];
        char name[16];
        for (int t = 0; t < lengths[c]; t++)
            for (int f = 0; f < WIDE; f++)
                x[t * WIDE + f] = (float)(1000 * c + 10 * t + f);
        snprintf(name, sizeof name, "clip%d", c);
        assert_int_equal(set_builder_clip(b, name, c == 0 ? "test" : "train", x, lengths[c],
                                          "content=walk", &e), 0);
        assert_int_equal(set_builder_caption(b, "a person walks", "a/DET person/NOUN walk/VERB",
                                             "content=walk", 0, 0, &e), 0);
        assert_int_equal(set_builder_caption(b, "hops", "hop/VERB", "", 0.5, 1.0, &e), 0);
    }
    assert_int_equal(set_builder_nan(b, "007975", &e), 0);
    assert_int_equal(set_builder_words_from_captions(b, 6, 1, &e), 0);
    assert_int_equal(set_builder_finish(b, out, &e), 0);
}

static void round_trip(void **state)
{
    const int lengths[] = {12, 30, 9};
    struct error e = {0};
    struct set a, b;
    char path[512];
    scratch_path(*state, "toy.h5", path);
    make_set(&a, lengths, 3);
    assert_int_equal(set_write(path, &a, &e), 0);
    assert_int_equal(set_read(path, &b, &e), 0);
    assert_int_equal(b.nclips, 3);
    assert_string_equal(b.name, "toy");
    assert_int_equal(b.nnan, 1);
    assert_string_equal(b.nan_names[0], "007975");
    assert_int_equal(b.noriginal, 4);
    assert_string_equal(a.statistics_sha256, b.statistics_sha256);
    assert_int_equal(strlen(b.sha256), 64);
    for (int c = 0; c < 3; c++) {
        assert_string_equal(a.clips[c].name, b.clips[c].name);
        assert_string_equal(a.clips[c].split, b.clips[c].split);
        assert_string_equal(a.clips[c].slots, b.clips[c].slots);
        assert_int_equal(a.clips[c].length, b.clips[c].length);
        assert_memory_equal(a.clips[c].features, b.clips[c].features,
                            (size_t)lengths[c] * WIDE * sizeof(float));
        assert_int_equal(b.clips[c].ncaptions, 2);
        assert_string_equal(b.clips[c].captions[1].text, "hops");
        assert_true(b.clips[c].captions[1].to == 1.0);
    }
    assert_int_equal(a.words.count, b.words.count);
    assert_memory_equal(a.words.vector, b.words.vector,
                        (size_t)a.words.count * (size_t)a.words.dim * sizeof(float));
    set_free(&a);
    set_free(&b);
}

static void a_broken_file_is_an_error(void **state)
{
    const int lengths[] = {12, 30};
    struct error e = {0};
    struct set a, b;
    char path[512], cut[512], *bytes = NULL;
    size_t size = 0;
    scratch_path(*state, "whole.h5", path);
    scratch_path(*state, "cut.h5", cut);
    make_set(&a, lengths, 2);
    assert_int_equal(set_write(path, &a, &e), 0);
    set_free(&a);
    assert_int_equal(file_read(path, 1 << 24, &bytes, &size, &e), 0);
    /* Cut short anywhere: an error, never a half-read set. */
    for (size_t keep = 0; keep < size; keep += size / 23 + 1) {
        assert_int_equal(scratch_write(cut, bytes, keep), 0);
        assert_int_not_equal(set_read(cut, &b, &e), 0);
        assert_true(strlen(e.text) > 0);
    }
    /* Values that break the set's own rules, in a file that HDF5 finds sound. */
    static const struct {
        const char *name, *says;
        float value;
    } spoiled[] = {{"/statistics/std", "not positive", 0.0f}, {"/statistics/mean", "non-finite", NAN}};
    for (size_t k = 0; k < sizeof spoiled / sizeof *spoiled; k++) {
        make_set(&a, lengths, 2);
        (k == 0 ? a.std : a.mean)[2] = spoiled[k].value;
        assert_int_equal(set_write(cut, &a, &e), 0);
        set_free(&a);
        assert_int_equal(set_read(cut, &b, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, spoiled[k].says));
    }
    make_set(&a, lengths, 2);
    a.clips[1].split = "elsewhere";
    assert_int_equal(set_write(cut, &a, &e), 0);
    set_free(&a);
    assert_int_equal(set_read(cut, &b, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "/clips/split"));
    make_set(&a, lengths, 2);
    a.min_length = a.unit - 1;    /* an item shorter than a unit would have no frame */
    assert_int_equal(set_write(cut, &a, &e), 0);
    set_free(&a);
    assert_int_equal(set_read(cut, &b, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "min_length"));
    /* HDF5, but not a set; not HDF5 at all; not there. */
    struct h5 *f;
    assert_int_equal(h5_create(cut, &f, &e), 0);
    assert_int_equal(h5_write_attr_string(f, "/", "kind", "something else", &e), 0);
    assert_int_equal(h5_commit(f, &e), 0);
    assert_int_equal(set_read(cut, &b, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "not a motion set"));
    assert_int_equal(scratch_write(cut, "hello", 5), 0);
    assert_int_not_equal(set_read(cut, &b, &e), 0);
    assert_int_not_equal(set_read("build/no-such-set.h5", &b, &e), 0);
    free(bytes);
}

static void a_value_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    struct error e = {0};
    struct set_builder *b;
    const struct set_layout layout = {"toy", NULL, WIDE, 2, 20.0, 8, 40, 4};
    float x[2 * WIDE] = {0};
    x[7] = NAN;
    assert_int_equal(set_builder_new(&layout, &b, &e), 0);
    assert_int_equal(set_builder_clip(b, "bad", "train", x, 2, "", &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "bad"));
    assert_non_null(strstr(e.text, "frame 1"));
    set_builder_free(b);
}

/* ---- items ---- */

static void items_follow_the_window(void **state)
{
    (void)state;
    /* 0 is of another split; 7 is too short, 40 too long; 39 and 8 are at the bounds. */
    const int lengths[] = {20, 7, 40, 39, 8, 30, 30};
    struct error e = {0};
    struct set s;
    struct items it;
    make_set(&s, lengths, 7);
    assert_int_equal(items_build(&s, "train", &it, &e), 0);
    /* Segments 0.5 … 1.0 s are rows 10 … 20: ten rows, and only where the clip is long enough. */
    const int length[] = {8, 10, 10, 10, 30, 30, 39}, clip[] = {4, 3, 5, 6, 5, 6, 3};
    assert_int_equal(it.count, 7);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(it.list[i].length, length[i]);
        assert_int_equal(it.list[i].clip, clip[i]);
        assert_int_equal(it.list[i].ncaptions, 1);
        assert_int_equal(it.list[i].start, length[i] == 10 ? 10 : 0);
    }
    items_free(&it);
    assert_int_equal(items_build(&s, "val", &it, &e), ERR_INPUT);
    set_free(&s);
}

static void draws_stay_inside(void **state)
{
    (void)state;
    const int lengths[] = {20, 39, 9, 27};
    struct error e = {0};
    struct set s;
    struct items it;
    make_set(&s, lengths, 4);
    assert_int_equal(items_build(&s, "train", &it, &e), 0);
    struct rng r = rng_make(1, 1);
    int shorter = 0, total = 0;
    for (int k = 0; k < 6000; k++) {
        int i = (int)rng_below(&r, (uint32_t)it.count);
        const struct item *item = &it.list[i];
        struct draw d = item_draw(&s, &it, i, &r);
        assert_int_equal(d.length % 4, 0);
        assert_in_range(d.caption, 0, item->ncaptions - 1);
        assert_true(d.start >= item->start && d.start + d.length <= item->start + item->length);
        int full = item->length / 4 * 4;
        assert_true(d.length == full || d.length == full - 4);
        shorter += d.length != full;
        total++;
    }
    assert_true(fabs(shorter / (double)total - 1.0 / 3.0) < 0.03);
    /* Normalised rows are those of the clip. */
    struct draw d = item_draw(&s, &it, 0, &r);
    float mean[WIDE] = {1, 2, 3, 4, 5}, std[WIDE] = {2, 2, 2, 2, 2}, out[100 * WIDE];
    draw_motion(&s, &it, &d, mean, std, out);
    const float *row = s.clips[it.list[0].clip].features + d.start * WIDE;
    for (int f = 0; f < WIDE; f++)
        assert_true(out[f] == (row[f] - mean[f]) / 2);
    items_free(&it);
    set_free(&s);
}

static void batches_are_sorted_stably(void **state)
{
    (void)state;
    const int lengths[] = {6, 22, 7, 22, 8, 20, 7}, want[] = {1, 3, 5, 4, 2, 6, 0};
    int order[7];
    sentence_order(lengths, 7, order);
    assert_memory_equal(order, want, sizeof want);
}

/* ---- words ---- */

static int slot_of(const float *one_hot, int row)
{
    int slot = -1;
    for (int k = 0; k < WORDS_POS; k++)
        if (one_hot[row * WORDS_POS + k] == 1.0f) {
            assert_int_equal(slot, -1);
            slot = k;
        }
    return slot;
}

static void sentences_are_encoded(void **state)
{
    (void)state;
    const char *tokens[] = {"walk/VERB left/ADJ hand/NOUN person/NOUN the/DET"};
    struct error e = {0};
    struct words w, again;
    float vectors[WORDS_MAX_TOKENS * 4], one_hot[WORDS_MAX_TOKENS * WORDS_POS];
    int length = 0;
    assert_int_equal(words_from_tokens(&w, tokens, 1, 4, 7, &e), 0);
    assert_int_equal(w.count, 8);
    assert_string_equal(w.word[0], "sos");
    assert_string_equal(w.word[2], "unk");

    assert_int_equal(words_encode(&w, "the/DET person/NOUN walk/NOUN left/NOUN feet/NOUN hand/X",
                                  vectors, one_hot, &length, &e), 0);
    assert_int_equal(length, 8);
    const char *slots[] = {"OTHER", "DET", "NOUN", "Act_VIP", "Loc_VIP", "OTHER", "Body_VIP", "OTHER", "OTHER"};
    for (int i = 0; i < 9; i++)
        assert_string_equal(words_slot_name(slot_of(one_hot, i)), slots[i]);
    int unk = words_find(&w, "unk", 3), walk = words_find(&w, "walk", 4);
    assert_memory_equal(vectors + 5 * 4, w.vector + unk * 4, 4 * sizeof(float)); /* feet is unknown */
    assert_memory_equal(vectors + 3 * 4, w.vector + walk * 4, 4 * sizeof(float));
    assert_memory_equal(vectors + 21 * 4, w.vector + unk * 4, 4 * sizeof(float)); /* padding */

    /* 19, 20 and 30 words: 21, 22 and 22 with sos and eos. */
    char sentence[512] = "";
    for (int n = 1; n <= 30; n++) {
        strcat(sentence, n > 1 ? " the/DET" : "the/DET");
        assert_int_equal(words_encode(&w, sentence, vectors, one_hot, &length, &e), 0);
        assert_int_equal(length, n < 20 ? n + 2 : 22);
    }
    /* A word's vector depends on the word alone. */
    const char *other[] = {"zebra/NOUN walk/VERB"};
    assert_int_equal(words_from_tokens(&again, other, 1, 4, 7, &e), 0);
    assert_memory_equal(again.vector + words_find(&again, "walk", 4) * 4, w.vector + walk * 4,
                        4 * sizeof(float));
    static const char *const bad[] = {"walk", "walk/VERB/VERB", "walk/VERB  left/ADJ"};
    for (int k = 0; k < 3; k++)
        assert_int_equal(words_encode(&w, bad[k], vectors, one_hot, &length, &e), ERR_INPUT);
    words_free(&w);
    words_free(&again);
}

/* ---- the published layout ---- */

static void write_clip(const char *folder, const char *name, int frames, int spoiled)
{
    struct error e = {0};
    char path[600];
    float x[64 * WIDE];
    const int shape[2] = {frames, WIDE};
    for (int i = 0; i < frames * WIDE; i++)
        x[i] = (float)i * 0.01f;
    if (spoiled)
        x[5] = NAN;
    snprintf(path, sizeof path, "%s/new_joint_vecs/%s.npy", folder, name);
    assert_int_equal(npy_write_float(path, 2, shape, x, &e), 0);
}

static void write_text(const char *folder, const char *name, const char *text)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(scratch_write(path, text, strlen(text)), 0);
}

static void remove_file(const char *folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (unlink(path) != 0)
        rmdir(path);
}

static void published_layout(void **state)
{
    struct error e = {0};
    char root[512], path[600];
    scratch_path(*state, "layout", root);
    snprintf(path, sizeof path, "%s/new_joint_vecs", root);
    assert_int_equal(file_make_folder(path, &e), 0);
    snprintf(path, sizeof path, "%s/texts", root);
    assert_int_equal(file_make_folder(path, &e), 0);
    const float mean[WIDE] = {0}, std[WIDE] = {1, 1, 1, 1, 1};
    const int wide = WIDE;
    snprintf(path, sizeof path, "%s/Mean.npy", root);
    assert_int_equal(npy_write_float(path, 1, &wide, mean, &e), 0);
    snprintf(path, sizeof path, "%s/Std.npy", root);
    assert_int_equal(npy_write_float(path, 1, &wide, std, &e), 0);
    write_text(root, "train.txt", "000001\n  000002 \n\n000009\n");
    write_text(root, "test.txt", "007975\n000003");
    write_clip(root, "000001", 50, 0);
    write_clip(root, "000002", 60, 0);
    write_clip(root, "000003", 45, 0);
    write_clip(root, "007975", 42, 1);
    write_text(root, "texts/000001.txt", "a walk#a/DET walk/NOUN#nan#nan\nb#b/X#0.0#0.0\n");
    /* The third line is malformed: the whole-clip caption goes, the segment stays. */
    write_text(root, "texts/000002.txt", "all#all/DET#0.0#0.0\npart#part/NOUN#0.5#2.6\nbroken#x/X#0.0\n");

    struct set_builder *b;
    struct set s;
    struct items it;
    assert_int_equal(build_humanml3d(root, NULL, 0, NULL, &b, &e), 0);
    assert_int_equal(set_builder_finish(b, &s, &e), 0);
    assert_int_equal(s.noriginal, 5);
    assert_int_equal(s.nclips, 3);
    assert_int_equal(s.nnan, 1);
    assert_string_equal(s.nan_names[0], "007975");
    assert_string_equal(s.clips[2].split, "test");
    assert_int_equal(s.clips[0].ncaptions, 2);
    assert_int_equal(s.clips[1].ncaptions, 1);
    assert_string_equal(s.clips[1].captions[0].text, "part");
    assert_int_equal(items_build(&s, "train", &it, &e), 0);
    assert_int_equal(it.count, 2);
    assert_int_equal(it.list[0].length, 42);   /* rows 10 … 52 of 60 */
    assert_int_equal(it.list[0].start, 10);
    assert_int_equal(it.list[1].ncaptions, 2);
    items_free(&it);
    set_free(&s);

    write_text(root, "train.txt", "../secret\n");
    assert_int_equal(build_humanml3d(root, NULL, 0, NULL, &b, &e), ERR_INPUT);
    static const char *const files[] = {
        "new_joint_vecs/000001.npy", "new_joint_vecs/000002.npy", "new_joint_vecs/000003.npy",
        "new_joint_vecs/007975.npy", "texts/000001.txt", "texts/000002.txt", "Mean.npy", "Std.npy",
        "train.txt", "test.txt", "new_joint_vecs", "texts"};
    for (size_t k = 0; k < sizeof files / sizeof *files; k++)
        remove_file(root, files[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(a_broken_file_is_an_error),
        cmocka_unit_test(a_value_that_is_not_finite_is_refused),
        cmocka_unit_test(items_follow_the_window),
        cmocka_unit_test(draws_stay_inside),
        cmocka_unit_test(batches_are_sorted_stably),
        cmocka_unit_test(sentences_are_encoded),
        cmocka_unit_test(published_layout),
    };
    return cmocka_run_group_tests_name("set", tests, scratch_begin, scratch_end);
}
