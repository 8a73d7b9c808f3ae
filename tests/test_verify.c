/* The judge of conformance must be able to say no. */
#include "../bench/verify.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cJSON.h>
#include <cmocka.h>

#include "../bench/progress.h"

static struct verify judge(const float *got, const float *want, size_t n, double tolerance, char line[400])
{
    struct verify v = {.case_name = "case_1"};
    memset(line, 0, 400);
    v.out = fmemopen(line, 400, "w");
    assert_non_null(v.out);
    verify_array(&v, "x", "2x2", got, want, n, tolerance);
    fclose(v.out);
    return v;
}

static void pass_marginal_fail(void **state)
{
    (void)state;
    const float want[4] = {1, -2, 0, 4};
    static const struct {
        float off;
        int passed, marginal, failed;
        const char *word;
    } table[] = {
        {0.0f, 1, 0, 0, "  pass\n"},        {0.5f, 1, 0, 0, "  pass\n"},   {-0.625f, 0, 1, 0, "  marginal\n"},
        {2.0f, 0, 1, 0, "  marginal\n"},    {2.25f, 0, 0, 1, "  fail\n"},  {NAN, 0, 0, 1, "fail (non-finite)\n"},
        {INFINITY, 0, 0, 1, "fail (non-finite)\n"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char line[400];
        const float got[4] = {1, -2, table[i].off, 4};
        struct verify v = judge(got, want, 4, 0.5, line);
        assert_int_equal(v.passed, table[i].passed);
        assert_int_equal(v.marginal, table[i].marginal);
        assert_int_equal(v.failed, table[i].failed);
        assert_non_null(strstr(line, table[i].word));
        assert_non_null(strstr(line, "case_1"));
    }
}

static void nothing_compared_is_a_failure(void **state)
{
    (void)state;
    char line[400];
    const float one = 1;
    assert_int_equal(judge(&one, &one, 0, 1, line).failed, 1);
    /* A tolerance that is not a number accepts nothing. */
    assert_int_equal(judge(&one, &one, 1, NAN, line).failed, 1);
    /* An expectation that is not finite is no expectation. */
    const float broken = NAN;
    assert_int_equal(judge(&broken, &broken, 1, 1, line).failed, 1);
}

static void integers_and_checks(void **state)
{
    (void)state;
    char text[2000] = "";
    struct verify v = {.case_name = "c", .quiet = 1, .record = cJSON_CreateArray()};
    v.out = fmemopen(text, sizeof text, "w");
    const int a[2] = {1, 2}, b[2] = {1, 3};
    const double c[2] = {3, 4}, d[2] = {3, 0};
    verify_ints(&v, "same", "2", a, a, 2);
    verify_ints(&v, "other", "2", a, b, 2);
    verify_check(&v, "yes", 1);
    verify_check(&v, "no", 0);
    verify_array_double(&v, "double", "2", c, c, 2, 0);
    verify_array_double(&v, "relative", "2", d, c, 2, 10);
    fclose(v.out);
    assert_int_equal(v.passed, 4);
    assert_int_equal(v.failed, 2);
    assert_null(strstr(text, "same"));
    assert_non_null(strstr(text, "other"));
    assert_int_equal(cJSON_GetArraySize(v.record), 6);
    /* |(0, 4)| / |(3, 4)| */
    const cJSON *row = cJSON_GetArrayItem(v.record, 5);
    assert_true(fabs(cJSON_GetObjectItem(row, "relative_l2")->valuedouble - 0.8) < 1e-12);
    assert_true(fabs(cJSON_GetObjectItem(row, "nmse")->valuedouble - 0.64) < 1e-12);
    cJSON_Delete(v.record);
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } table[] = {{0, "0 s"},         {59.4, "59 s"},      {59.6, "1:00 min"}, {187, "3:07 min"},
                 {3599.6, "1:00 h"}, {7500, "2:05 h"}, {-1, "-"},         {NAN, "-"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char text[32];
        progress_duration(table[i].seconds, text, sizeof text);
        assert_string_equal(text, table[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pass_marginal_fail),
        cmocka_unit_test(nothing_compared_is_a_failure),
        cmocka_unit_test(integers_and_checks),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
