/* Motions of other programs: arrays of features and joints, results.npy of MDM, and what is refused. */
#include "near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bench/foreign_motion.h"
#include "../bench/mdm_results.h"
#include "../datasets/features.h"
#include "../engine/file.h"

enum { J = 22, F = 263 };

/* A set of the representation's widths; heights of a person. */
static struct set make_set(void)
{
    static float mean[F], std[F];
    struct set s = {.nfeats = F, .njoints = J, .fps = 20, .unit = 4, .min_length = 40, .max_length = 200, .mean = mean, .std = std};
    for (int i = 0; i < F; i++)
        std[i] = 0.1f;
    mean[3] = 0.9f;
    return s;
}

/* A person of the reference skeleton's bones who walks along z and waves about: x(t, j, i) at any moment. */
static double position(double t, int j, int i)
{
    double reference[3 * J];
    assert_int_equal(skeleton_reference(skeleton_humanml3d(), reference), 0);
    double sway = 0.05 * sin(2.1 * t + 0.3 * j);
    return reference[3 * j + i] + (i == 2 ? 1.2 * t + sway : i == 1 ? 0.9 + 0.5 * sway : 0.3 * sway);
}

/* T frames at `fps`: (T, J, 3), or (J, 3, T). */
static struct npy walk(int T, double fps, int last)
{
    struct npy a = {.rank = 3, .shape = {last ? J : T, last ? 3 : J, last ? T : 3}, .count = (size_t)T * J * 3, .type = "f4"};
    a.data = malloc(a.count * sizeof *a.data);
    assert_non_null(a.data);
    for (int t = 0; t < T; t++)
        for (int k = 0; k < J * 3; k++)
            a.data[last ? k * T + t : t * J * 3 + k] = position(t / fps, k / 3, k % 3);
    return a;
}

static void must(int status, const struct error *e)
{
    if (status)
        fail_msg("%d: %s", status, e->text);
}

static void test_layouts(void **state)
{
    (void)state;
    struct set s = make_set();
    struct foreign_rule plain = {0}, fast = {.fps = 40};
    struct foreign_look look = {0};
    struct error e = {0};
    float *x, *y, *z;
    int n, m, k;
    struct npy a = walk(60, 20, 0), b = walk(60, 20, 1), c = walk(119, 40, 0);
    must(foreign_features("a", &a, &s, &plain, &x, &n, &look, &e), &e);
    must(foreign_features("b", &b, &s, &plain, &y, &m, &look, &e), &e);
    assert_int_equal(n, 60);                        /* n positions give n rows */
    assert_int_equal(m, 60);
    assert_memory_equal(x, y, sizeof(float) * 60 * F);
    /* twice the rate, half of the frames: between two frames of 40 a second lies none of 20 */
    must(foreign_features("c", &c, &s, &fast, &z, &k, &look, &e), &e);
    assert_int_equal(k, 60);
    for (int i = 0; i < 59 * F; i++)
        near((double)z[i], (double)x[i], 1e-5);
    /* features are taken as they are, cut to whole units; normalised ones are brought back */
    struct npy f = {.rank = 2, .shape = {47, F}, .count = 47 * F, .type = "f4"};
    f.data = malloc(f.count * sizeof *f.data);
    for (int i = 0; i < 47 * F; i++)
        f.data[i] = (double)x[i];
    free(y);
    must(foreign_features("f", &f, &s, &plain, &y, &m, &look, &e), &e);
    assert_int_equal(m, 44);
    assert_memory_equal(x, y, sizeof(float) * 44 * F);
    must(foreign_plausible(&look, &s, &e), &e);
    assert_int_equal(look.motions, 4);
    assert_int_equal(look.joints, 3);
    for (int i = 0; i < 47 * F; i++)
        f.data[i] = (f.data[i] - (double)s.mean[i % F]) / (double)s.std[i % F];
    struct foreign_rule normalised = {.normalised = 1};
    float *back;
    must(foreign_features("f", &f, &s, &normalised, &back, &m, &look, &e), &e);
    for (int i = 0; i < 44 * F; i++)
        near((double)back[i], (double)x[i], 1e-6);
    struct foreign_look unsaid = {0};
    free(back);
    must(foreign_features("f", &f, &s, &plain, &back, &m, &unsaid, &e), &e);
    assert_int_equal(foreign_plausible(&unsaid, &s, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "--normalised"));
    free(back);
    free(x);
    free(y);
    free(z);
    npy_free(&a);
    npy_free(&b);
    npy_free(&c);
    npy_free(&f);
}

/* The array must be refused with these words. */
static void refused(struct npy *a, const struct foreign_rule *rule, const char *words)
{
    struct set s = make_set();
    struct foreign_look look = {0};
    struct error e = {0};
    float *x = NULL;
    int n;
    int status = foreign_features("bad.npy", a, &s, rule, &x, &n, &look, &e);
    if (status != ERR_INPUT || !strstr(e.text, words) || strncmp(e.text, "bad.npy: ", 9) || x)
        fail_msg("%d: %s (wanted: %s)", status, e.text, words);
    npy_free(a);
}

static void test_refused(void **state)
{
    (void)state;
    struct foreign_rule plain = {0};
    struct npy a = walk(60, 20, 0);
    a.data[5 * J * 3 + 7] = NAN;
    refused(&a, &plain, "value 7 of row 5 is not finite");
    a = walk(60, 20, 0);
    for (size_t i = 0; i < a.count; i++)
        a.data[i] *= 100;
    refused(&a, &plain, "its bones add up to");
    a = walk(60, 20, 0);
    a.shape[1] = 21;
    a.shape[0] = 60;
    refused(&a, &plain, "shape (60, 21, 3) is no motion of this set");
}

static void test_lengths(void **state)
{
    (void)state;
    struct foreign_rule plain = {0}, slow = {.fps = 60}, other = {.fps = 30};
    struct npy a = walk(201, 20, 0);
    refused(&a, &plain, "201 frames; motions of this set have fewer than 200");
    a = walk(3, 20, 0);
    refused(&a, &plain, "3 frames; the evaluator needs at least 4");
    a = walk(1, 20, 0);
    refused(&a, &plain, "1 frame");
    a = walk(8, 60, 0);
    refused(&a, &slow, "frames; the evaluator needs at least 4");
    a = (struct npy){.rank = 2, .shape = {40, 251}, .count = 40 * 251, .data = calloc(40 * 251, sizeof(double))};
    refused(&a, &plain, "shape (40, 251) is no motion of this set: features (frames, 263)");
    a = (struct npy){.rank = 2, .shape = {40, F}, .count = 40 * F, .data = calloc(40 * F, sizeof(double))};
    refused(&a, &other, "features are bound to 20 frames a second");
    a = (struct npy){.rank = 1, .shape = {4}, .count = 4, .data = calloc(4, sizeof(double))};
    refused(&a, &plain, "shape (4) is no motion");
    a = (struct npy){.rank = 2, .shape = {1 << 20, F}, .count = 0, .data = NULL};
    refused(&a, &plain, "are no motion");
    /* all in one place: no bone has a length */
    a = (struct npy){.rank = 3, .shape = {40, J, 3}, .count = 40 * J * 3, .data = calloc(40 * J * 3, sizeof(double))};
    refused(&a, &plain, "its bones add up to 0");
}

static void test_lying(void **state)
{
    (void)state;
    struct set s = make_set();
    struct foreign_rule plain = {0};
    struct foreign_look look = {0};
    struct error e = {0};
    float *x;
    int n;
    struct npy a = walk(40, 20, 0);
    for (size_t i = 0; i < a.count; i += 3) {       /* z up */
        double y = a.data[i + 1];
        a.data[i + 1] = -a.data[i + 2];
        a.data[i + 2] = y;
    }
    must(foreign_features("a", &a, &s, &plain, &x, &n, &look, &e), &e);
    assert_int_equal(foreign_plausible(&look, &s, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "y must be up"));
    free(x);
    npy_free(&a);
}

/* --- results.npy, byte by byte as NumPy pickles it -------------------------------------------------- */

struct bytes {
    unsigned char *data;
    size_t size;
};

static void put(struct bytes *b, const void *data, size_t n)
{
    b->data = realloc(b->data, b->size + n);
    assert_non_null(b->data);
    memcpy(b->data + b->size, data, n);
    b->size += n;
}

static void put_text(struct bytes *b, const char *text)
{
    uint32_t n = (uint32_t)strlen(text);
    put(b, "X", 1);
    put(b, &n, 4);
    put(b, text, n);
}

/* An array up to its state: MARK, version, shape, dtype, C order. Values and "tb" follow. */
static void put_array(struct bytes *b, int rank, const int *shape, const char *type, const char *order)
{
    const char begin[] = "cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" "C\1b\x87R(K\1(";
    put(b, begin, sizeof begin - 1);
    for (int i = 0; i < rank; i++) {
        int32_t n = shape[i];
        put(b, "J", 1);
        put(b, &n, 4);
    }
    put(b, "t", 1);
    put(b, "cnumpy\ndtype\n", 13);
    put_text(b, type);
    put(b, "\x89\x88\x87R(K\3", 7);
    put_text(b, order);
    put(b, "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89", 18);
}

static void put_values(struct bytes *b, const void *data, size_t n)
{
    uint32_t size = (uint32_t)n;
    put(b, "B", 1);
    put(b, &size, 4);
    put(b, data, n);
    put(b, "tb", 2);
}

enum damage { SOUND, WRONG_LENGTH, NO_TEXT, DOUBLES, SHORT_BYTES, BIG_ENDIAN_TYPE, TRAILING, CUT };

/* Two samples, two repetitions, 8 frames of which 8, 6, 7, 8 count; value = motion + joint / 100 + axis / 1000 + t. */
static const char *write_results(enum damage d)
{
    static char path[300];
    enum { N = 4, T = 8 };
    struct bytes b = {0};
    float *motion = malloc(sizeof(float) * N * J * 3 * T);
    int64_t lengths[N] = {8, 6, 7, d == WRONG_LENGTH ? 9 : 8};
    for (int i = 0; i < N * J * 3 * T; i++)
        motion[i] = (float)(i / (J * 3 * T)) + (float)(i / (3 * T) % J) / 100 + (float)(i / T % 3) / 1000 + (float)(i % T);
    char header[118];
    memset(header, ' ', sizeof header);
    const char dictionary[] = "{'descr': '|O', 'fortran_order': False, 'shape': (), }";
    memcpy(header, dictionary, sizeof dictionary - 1);
    header[sizeof header - 1] = '\n';
    put(&b, "\x93NUMPY\1\0v\0", 10);
    put(&b, header, sizeof header);
    put(&b, "\x80\3", 2);
    put_array(&b, 0, NULL, "O8", "|");
    put(&b, "]}(", 3);
    put_text(&b, "motion");
    put_array(&b, 4, (const int[]){N, J, 3, T}, d == DOUBLES ? "f8" : "f4", d == BIG_ENDIAN_TYPE ? ">" : "<");
    put_values(&b, motion, sizeof(float) * N * J * 3 * T - (d == SHORT_BYTES ? 4 : 0));
    put_text(&b, "lengths");
    put_array(&b, 1, (const int[]){N}, "i8", "<");
    put_values(&b, lengths, sizeof lengths);
    put_text(&b, d == NO_TEXT ? "texts" : "text");
    put(&b, "](", 2);
    for (int i = 0; i < N; i++)
        put_text(&b, i % 2 ? "a person bows" : "a person walks");
    put(&b, "e", 1);
    put_text(&b, "num_samples");
    put(&b, "K\2", 2);
    put_text(&b, "num_repetitions");
    put(&b, "K\2", 2);
    put(&b, "uatb.", 5);
    if (d == TRAILING)
        put(&b, "x", 1);
    snprintf(path, sizeof path, "/tmp/mlcm-test-foreign-%d.npy", (int)getpid());
    struct error e = {0};
    must(file_write(path, b.data, d == CUT ? b.size / 2 : b.size, &e), &e);
    free(b.data);
    free(motion);
    return path;
}

static void test_mdm(void **state)
{
    (void)state;
    struct mdm_results *r;
    struct error e = {0};
    const char *path = write_results(SOUND);
    must(mdm_results_open(path, &r, &e), &e);
    assert_int_equal(mdm_results_count(r), 4);
    assert_int_equal(mdm_results_samples(r), 2);
    assert_string_equal(mdm_results_caption(r, 1), "a person bows");
    assert_string_equal(mdm_results_caption(r, 2), "a person walks");
    struct npy a;
    must(mdm_results_motion(r, 2, &a, &e), &e);
    assert_int_equal(a.shape[0], J);
    assert_int_equal(a.shape[1], 3);
    assert_int_equal(a.shape[2], 7);
    near(a.data[(5 * 3 + 1) * 7 + 4], 2 + 0.05 + 0.001 + 4, 1e-6);
    npy_free(&a);
    mdm_results_close(r);
    static const struct {
        enum damage damage;
        const char *words;
    } bad[] = {{WRONG_LENGTH, "a length is not from 1 to T"}, {NO_TEXT, "text is no list"}, {DOUBLES, "motion is no float32 array"},
               {SHORT_BYTES, "motion is no float32 array"}, {BIG_ENDIAN_TYPE, "motion is no float32 array"},
               {TRAILING, "there is more behind the pickle"}, {CUT, "pickle refused"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        path = write_results(bad[i].damage);
        int status = mdm_results_open(path, &r, &e);
        if (status != ERR_INPUT || !strstr(e.text, bad[i].words) || r)
            fail_msg("%d: %s (wanted: %s)", status, e.text, bad[i].words);
    }
    must(file_write(path, "no array", 8, &e), &e);
    assert_int_equal(mdm_results_open(path, &r, &e), ERR_INPUT);
    remove(path);
    assert_int_not_equal(mdm_results_open(path, &r, &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts), cmocka_unit_test(test_refused), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_lying),   cmocka_unit_test(test_mdm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
