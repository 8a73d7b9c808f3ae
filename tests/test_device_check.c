/* The device that is strict about memory (device_check.c) tells memory that was not released, and no other. */
#include "../engine/device.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What closing the devices writes to standard error. */
static void closing(struct device *d, int devices, char *text, size_t size)
{
    FILE *file = tmpfile();
    int was = dup(STDERR_FILENO);
    assert_non_null(file);
    assert_true(was >= 0);
    fflush(stderr);
    assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
    for (int i = 0; i < devices; i++) device_close(&d[i]);
    fflush(stderr);
    dup2(was, STDERR_FILENO);
    close(was);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static void open_two(struct device d[2])
{
    const struct device_choice choice = {DEVICE_CHECK, MATH_FP32, 1};
    assert_int_equal(device_open(&d[1], &choice, NULL), 0);
    assert_int_equal(device_lane(&d[1], &d[0], NULL), 0);
}

/* Three pieces of a device and its lane. */
static void take_three(struct device d[2], float *x[3])
{
    for (int i = 0; i < 3; i++) {
        x[i] = d[i % 2].alloc(&d[i % 2], 10);
        assert_non_null(x[i]);
    }
}

static void test_released(void **state)
{
    struct device d[2];
    float *x[3];
    char text[200];
    (void)state;
    open_two(d);
    take_three(d, x);
    for (int i = 0; i < 3; i++) d[0].release(&d[0], x[i]);
    closing(d, 2, text, sizeof text);
    assert_string_equal(text, "");
}

static void test_kept(void **state)
{
    struct device d[2];
    float *x[3];
    char text[200];
    (void)state;
    open_two(d);
    take_three(d, x);
    d[0].release(&d[0], x[1]);
    struct device lane = d[0], last = d[1];
    closing(&lane, 1, text, sizeof text);
    assert_string_equal(text, "");                /* another user may still release it */
    closing(&last, 1, text, sizeof text);
    assert_string_equal(text, "check: 2 pieces of device memory were not released\n");
    for (int i = 0; i < 3; i += 2) free((void *)((uintptr_t)x[i] & ~((uintptr_t)1 << 62)));      /* what the host sees */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_released), cmocka_unit_test(test_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
