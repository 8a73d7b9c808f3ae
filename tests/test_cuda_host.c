/* The CUDA device's own code, run on the host (tests/cuda_host): every operation's values and gradients, the
 * same bits whatever the order of threads, packed weights and whole networks beside the CPU's, errors, leaks. */
#include "cuda_host/order.h"
#include "../engine/transformer.h"
#include "device_pairs.h"
#include "op_checks.h"
#include "op_run.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Each tensor gets an allocation of its own, so that whoever leaves it meets a guard page. */
static void open_fenced(struct device *d)
{
    struct error e;
    if (device_open_cuda(d, &e)) fail_msg("%s", e.text);
    d->arena_floats = 1;
}

static void test_values(void **state)
{
    struct device d;
    (void)state;
    open_fenced(&d);
    int failures = op_check_values(&d);
    device_close(&d);
    assert_int_equal(failures, 0);
}

static void test_gradients(void **state)
{
    struct device d;
    (void)state;
    open_fenced(&d);
    int failures = op_check_gradients(&d);
    op_check_accumulation(&d);
    device_close(&d);
    assert_int_equal(failures, 0);
}

/* Threads between two barriers, and blocks, in each order: what depends on it gives other bits. */

static void test_orders(void **state)
{
    (void)state;
    for (const struct op_case *c = op_cases; c < op_cases + op_case_count; c++) {
        if (!op_wanted(c)) continue;
        struct device d;
        struct setup s;
        struct outcome o[CUDA_HOST_ORDERS];
        size_t n, extras;
        open_fenced(&d);
        setup_make(&s, c, &n, &extras, &d);
        for (int order = 0; order < CUDA_HOST_ORDERS; order++) {
            cuda_host_order(order);
            o[order] = run(&d, c, &s, 1, 1);
        }
        cuda_host_order(0);
        for (int i = 1; i < CUDA_HOST_ORDERS; i++) {
            int same = !memcmp(&o[0].value, &o[i].value, sizeof o[0].value) &&
                       (!o[0].out || !memcmp(o[0].out, o[i].out, n * sizeof(float)));
            for (int k = 0; k < s.count; k++)
                same &= !o[0].grad[k] || !memcmp(o[0].grad[k], o[i].grad[k], s.size[k] * sizeof(float));
            if (!same) fail_msg("%s, %s: order %d of threads gives other bits", c->family->name, c->shape, i);
        }
        for (int i = 0; i < CUDA_HOST_ORDERS; i++) outcome_free(&o[i]);
        setup_free(&s);
        device_close(&d);
    }
}

static void test_repeats(void **state)
{
    struct device d[3];
    struct device *const all[] = {&d[0], &d[1], &d[2]};
    (void)state;
    open_fenced(&d[0]);
    open_fenced(&d[1]);
    assert_int_equal(device_lane(&d[0], &d[2], NULL), 0);
    op_check_same_bits(all, 3);
    op_check_adamw(all, 3);
    op_check_sum_squares(&d[0]);
    for (int i = 2; i >= 0; i--) device_close(&d[i]);
}

static void test_pair(double (*compare)(struct device *d, struct device *cpu))
{
    struct device d, cpu;
    open_fenced(&d);
    assert_int_equal(device_open_cpu(&cpu, 2, NULL), 0);
    double share = compare(&d, &cpu);
    assert_int_equal(d.failed, 0);
    device_close(&cpu);
    device_close(&d);
    assert_true(share <= 1);
}

static void test_packed(void **state)
{
    (void)state;
    test_pair(pairs_packed);
}

static void test_norms(void **state)
{
    (void)state;
    test_pair(pairs_norms);
}

static void test_attention(void **state)
{
    (void)state;
    test_pair(pairs_attention);
}

static void test_stacks(void **state)
{
    (void)state;
    test_pair(pairs_transformer);
}

/* What does not fit is an error that says so, and the device goes on. */
static void test_out_of_memory(void **state)
{
    struct device d;
    struct error e;
    (void)state;
    cuda_host_limit(1 << 20);
    assert_int_equal(device_open_cuda(&d, &e), ERR_ENV);
    assert_non_null(strstr(e.text, "out of memory"));
    cuda_host_limit(0);
    open_fenced(&d);
    float *x = must(d.alloc(&d, 1 << 20));
    d.fill(&d, x, 1, 1 << 20);
    cuda_host_limit(64 << 20);
    assert_null(d.alloc(&d, 64 << 20));
    assert_int_equal(d.failed, 0);
    struct attention_shape s = {1, 1024, 1024, 64, 16, 1024, 1024, 1024, 1024, 1, NULL, 0};      /* scores of 256 MB */
    d.attention(&d, x, NULL, x, x, x, NULL, &s, (struct dropout){0});
    assert_int_equal(d.failed, 1);
    assert_non_null(strstr(d.failure, "out of memory"));
    d.failed = 0;
    cuda_host_limit(0);
    assert_true(d.sum_squares(&d, x, 1 << 20) == (double)(1 << 20));
    d.release(&d, x);
    device_close(&d);
}

static void test_refusals(void **state)
{
    struct device d;
    struct error e = {0};
    (void)state;
    setenv("MLCM_CUDA_HOST_NONE", "1", 1);
    assert_int_equal(device_open_cuda(&d, &e), ERR_ENV);
    assert_non_null(strstr(e.text, "no GPU answers"));
    unsetenv("MLCM_CUDA_HOST_NONE");
    open_fenced(&d);
    assert_int_equal(d.packed_count(&d, 8, 8, PRECISION_INT8), 0);
    int lengths[2] = {3, 2};
    struct transformer stack = {0};
    d.transformer(&d, &stack, &(struct transformer_run){.batch = 2, .frames = 3, .lengths = lengths});
    assert_int_equal(d.failed, 1);
    assert_non_null(strstr(d.failure, "lengths of samples without the mask"));
    device_close(&d);
}

/* Memory that is not released before the last device is closed is told; what the device holds for itself is not. */
static void test_leaks(void **state)
{
    struct device d, lane;
    (void)state;
    const long before = cuda_host_leaks();
    assert_int_equal(before, 0);                  /* of the tests before this one */
    open_fenced(&d);
    assert_int_equal(device_lane(&d, &lane, NULL), 0);
    float *kept[2] = {must(d.alloc(&d, 3)), must(lane.alloc(&lane, 1000))}, *released = must(d.alloc(&d, 5));
    d.sum_squares(&d, released, 5);               /* takes scratch */
    d.release(&d, released);
    device_close(&lane);
    assert_int_equal(cuda_host_leaks(), 0);
    device_close(&d);
    assert_int_equal(cuda_host_leaks(), 2);
    open_fenced(&d);
    d.capture_begin(&d);
    d.fill(&d, kept[0], 1, 3);
    void *graph = d.capture_end(&d);
    assert_non_null(graph);
    for (int i = 0; i < 2; i++) d.release(&d, kept[i]);
    device_close(&d);
    assert_int_equal(cuda_host_leaks(), 3);
    open_fenced(&d);
    d.graph_free(&d, graph);
    device_close(&d);
    assert_int_equal(cuda_host_leaks(), 3);
}

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);       /* one test by its name */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_orders),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_norms),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_leaks),
    };
    long before = cuda_host_allocations();
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    if (rc == 0 && cuda_host_allocations() != before) {
        fprintf(stderr, "%ld allocations were never given back\n", cuda_host_allocations() - before);
        rc = 1;
    }
    return rc;
}
