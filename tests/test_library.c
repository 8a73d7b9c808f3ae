/* The library as a program outside meets it: nothing but engine/mlcm.h. The models are those
 * of MLCM_MODELS, a folder, or else the committed ones; without either all but two tests are skipped. */
#include "../engine/mlcm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FRAMES = 40, FEATURES = 263, JOINTS = 22, USAGE = 2, INPUT = 3 };

static char said[600];

static int one_line(void)
{
    return said[0] != '\0' && strchr(said, '\n') == NULL;
}

static int open_models(void **state)
{
    const char *folder = getenv("MLCM_MODELS");
    char path[1100];
    if (!folder)
        folder = "results/weights/bandai_small";
    snprintf(path, sizeof path, "%.1000s/lcm.h5", folder);
    FILE *there = fopen(path, "rb");
    *state = NULL;
    if (!there) {
        printf("skip: %s not here\n", path);
        return 0;
    }
    fclose(there);
    mlcm *m = NULL;
    if (mlcm_open(&m, folder, 1, said, sizeof said)) {
        print_error("%s\n", said);
        return -1;
    }
    *state = m;
    return 0;
}

static int close_models(void **state)
{
    mlcm_close(*state);
    return 0;
}

static mlcm *models(void **state)
{
    if (!*state)
        skip();
    return *state;
}

static void test_no_models(void **state)
{
    mlcm *m = (mlcm *)1;
    (void)state;
    assert_int_equal(mlcm_open(&m, "no/such/folder", 1, said, sizeof said), INPUT);
    assert_null(m);
    assert_true(one_line());
    assert_non_null(strstr(said, "no/such/folder"));
    assert_int_equal(mlcm_open(&m, "tests", 1, NULL, 0), INPUT);
    assert_null(m);
    char narrow[8] = "1234567";
    assert_int_equal(mlcm_open(&m, "no/such/folder", 1, narrow, 4), INPUT);
    assert_int_equal(narrow[3], '\0');
    assert_int_equal(narrow[4], '5');
}

static void test_close_nothing(void **state)
{
    (void)state;
    mlcm_close(NULL);
}

static void test_sizes(void **state)
{
    const mlcm *m = models(state);
    assert_int_equal(mlcm_features(m), FEATURES);
    assert_int_equal(mlcm_joints(m), JOINTS);
    assert_true(mlcm_fps(m) == 20);
    assert_in_range(mlcm_longest(m), FRAMES, 10000);
}

static void test_same_seed(void **state)
{
    mlcm *m = models(state);
    static float features[3][FRAMES * FEATURES], joints[3][FRAMES * JOINTS * 3];
    struct mlcm_options o = MLCM_OPTIONS;
    for (int i = 0; i < 3; i++) {
        o.seed = i == 2 ? 8 : 7;
        said[0] = '\0';
        assert_int_equal(mlcm_generate(m, "a person walks forward", FRAMES, &o, features[i], joints[i], said, sizeof said), 0);
        assert_string_equal(said, "");
    }
    assert_memory_equal(features[0], features[1], sizeof features[0]);
    assert_memory_equal(joints[0], joints[1], sizeof joints[0]);
    assert_memory_not_equal(features[0], features[2], sizeof features[0]);
    for (int i = 0; i < FRAMES * JOINTS * 3; i++)
        assert_true(isfinite(joints[0][i]));
}

static void test_either_output(void **state)
{
    mlcm *m = models(state);
    static float features[2][FRAMES * FEATURES], joints[2][FRAMES * JOINTS * 3];
    struct mlcm_options o = MLCM_OPTIONS;
    const char *text = "a person runs";
    assert_int_equal(mlcm_generate(m, text, FRAMES, &o, features[0], joints[0], NULL, 0), 0);
    assert_int_equal(mlcm_generate(m, text, FRAMES, &o, features[1], NULL, NULL, 0), 0);
    assert_int_equal(mlcm_generate(m, text, FRAMES, &o, NULL, joints[1], NULL, 0), 0);
    assert_int_equal(mlcm_generate(m, text, FRAMES, &o, NULL, NULL, NULL, 0), 0);
    assert_memory_equal(features[0], features[1], sizeof features[0]);
    assert_memory_equal(joints[0], joints[1], sizeof joints[0]);
}

/* A sentence of no known word, an empty one, one of a megabyte, one that is not UTF-8: all give a motion. */
static void test_sentences(void **state)
{
    mlcm *m = models(state);
    static float joints[FRAMES * JOINTS * 3];
    struct mlcm_options o = MLCM_OPTIONS;
    const size_t size = (size_t)1 << 20;
    char *endless = malloc(size);
    assert_non_null(endless);
    memset(endless, 'a', size);
    for (size_t i = 5; i < size; i += 6)
        endless[i] = ' ';
    endless[size - 1] = '\0';
    const char *texts[] = {"", "qxyzzy", endless, "\xff\xfe walks", "jemand läuft"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(mlcm_generate(m, texts[i], FRAMES, &o, NULL, joints, said, sizeof said), 0);
    free(endless);
}

static void refused(mlcm *m, int frames, struct mlcm_options o)
{
    static float joints[FRAMES * JOINTS * 3];
    said[0] = '\0';
    int code = mlcm_generate(m, "a person walks", frames, &o, NULL, joints, said, sizeof said);
    assert_in_range(code, USAGE, INPUT);
    assert_true(one_line());
}

static void test_bad_arguments(void **state)
{
    mlcm *m = models(state);
    const struct mlcm_options o = MLCM_OPTIONS;
    const int frames[] = {0, -1, INT32_MIN, INT32_MAX, mlcm_longest(m) + 1};
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++)
        refused(m, frames[i], o);
    const int steps[] = {-1, INT32_MIN, INT32_MAX, 1001};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        refused(m, FRAMES, (struct mlcm_options){1, steps[i], 0, 0});
        refused(m, FRAMES, (struct mlcm_options){1, steps[i], 0, 1});
    }
    const double guidance[] = {-1, NAN, INFINITY, 1e300};
    for (size_t i = 0; i < sizeof guidance / sizeof *guidance; i++)
        refused(m, FRAMES, (struct mlcm_options){1, 1, guidance[i], 0});
    said[0] = '\0';
    assert_int_equal(mlcm_generate(m, NULL, FRAMES, &o, NULL, NULL, said, sizeof said), USAGE);
    assert_true(one_line());
    assert_int_equal(mlcm_generate(m, "a person walks", FRAMES, &o, NULL, NULL, said, sizeof said), 0);
}

/* No options are the same as MLCM_OPTIONS. */
static void test_no_options(void **state)
{
    mlcm *m = models(state);
    static float joints[2][FRAMES * JOINTS * 3];
    const struct mlcm_options o = MLCM_OPTIONS;
    assert_int_equal(mlcm_generate(m, "a person bows", FRAMES, &o, NULL, joints[0], NULL, 0), 0);
    assert_int_equal(mlcm_generate(m, "a person bows", FRAMES, NULL, NULL, joints[1], NULL, 0), 0);
    assert_memory_equal(joints[0], joints[1], sizeof joints[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_models),    cmocka_unit_test(test_close_nothing), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_same_seed),    cmocka_unit_test(test_either_output), cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_bad_arguments), cmocka_unit_test(test_no_options)};
    return cmocka_run_group_tests(tests, open_models, close_models);
}
