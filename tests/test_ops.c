/* Every operation of the tape on the CPU and, where the program was built with CUDA and a GPU is there, on it.
 *
 *   test_ops                                 the tests
 *   test_ops speed [cpu|cuda] [fp32|tf32|bf16]   a line a case: time and rate, forward and with backward
 *   test_ops sizes [cpu|cuda] [fp32|tf32|bf16]   the same for the sizes of training and generation */
#include "device_pairs.h"
#include "op_checks.h"
#include "op_speed.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_values(void **state)
{
    struct device d;
    (void)state;
    assert_int_equal(device_open_cpu(&d, 2, NULL), 0);
    int failures = op_check_values(&d);
    device_close(&d);
    assert_int_equal(failures, 0);
}

static void test_gradients(void **state)
{
    struct device d;
    (void)state;
    assert_int_equal(device_open_cpu(&d, 2, NULL), 0);
    int failures = op_check_gradients(&d);
    device_close(&d);
    assert_int_equal(failures, 0);
}

static void test_accumulation(void **state)
{
    struct device d;
    (void)state;
    assert_int_equal(device_open_cpu(&d, 2, NULL), 0);
    op_check_accumulation(&d);
    device_close(&d);
}

/* 1, 2 and 3 threads, and a lane. */
static void test_threads(void **state)
{
    struct device d[4];
    struct device *const all[] = {&d[0], &d[1], &d[2], &d[3]};
    (void)state;
    for (int i = 0; i < 3; i++) assert_int_equal(device_open_cpu(&d[i], i + 1, NULL), 0);
    assert_int_equal(device_lane(&d[1], &d[3], NULL), 0);
    op_check_same_bits(all, 4);
    op_check_adamw(all, 3);
    op_check_sum_squares(&d[1]);
    for (int i = 3; i >= 0; i--) device_close(&d[i]);
}

static void test_cuda(void **state)
{
    struct device d[3];
    struct device *const all[] = {&d[0], &d[1], &d[2]};
    struct error e = {0};
    (void)state;
    int rc = device_open_cuda(&d[0], &e);
    if (rc == ERR_ENV) {
        printf("skip: %s\n", e.text);
        skip();
    }
    assert_int_equal(rc, 0);
    assert_int_equal(device_open_cuda(&d[1], &e), 0);
    assert_int_equal(device_lane(&d[0], &d[2], &e), 0);
    int values = op_check_values(&d[0]), gradients = op_check_gradients(&d[0]);
    op_check_accumulation(&d[0]);
    op_check_same_bits(all, 3);
    op_check_adamw(all, 3);
    op_check_sum_squares(&d[0]);
    struct device cpu;
    assert_int_equal(device_open_cpu(&cpu, 0, &e), 0);
    double pairs = fmax(fmax(pairs_packed(&d[0], &cpu), pairs_transformer(&d[0], &cpu)),
                        fmax(pairs_norms(&d[0], &cpu), pairs_attention(&d[0], &cpu)));
    device_close(&cpu);
    for (int i = 2; i >= 0; i--) device_close(&d[i]);
    assert_int_equal(values, 0);
    assert_int_equal(gradients, 0);
    assert_true(pairs <= 1);
}

static int speed(int sizes, const char *device, const char *math)
{
    struct device d;
    struct error e = {0};
    int rc = strcmp(device, "cuda") ? device_open_cpu(&d, 0, &e) : device_open_cuda(&d, &e);
    if (rc) {
        fprintf(stderr, "%s\n", e.text);
        return rc;
    }
    d.math = !strcmp(math, "tf32") ? MATH_TF32 : !strcmp(math, "bf16") ? MATH_BF16 : MATH_FP32;
    printf("products in %s\n", math);
    if (sizes) op_speed(&d, op_speed_cases, op_speed_case_count);
    else op_speed(&d, op_cases, op_case_count);
    device_close(&d);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (!strcmp(argv[1], "speed") || !strcmp(argv[1], "sizes")))
        return speed(!strcmp(argv[1], "sizes"), argc > 2 ? argv[2] : "cpu", argc > 3 ? argv[3] : "fp32");
    if (argc > 1) cmocka_set_test_filter(argv[1]);       /* one test by its name */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),  cmocka_unit_test(test_gradients), cmocka_unit_test(test_accumulation),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_cuda),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
