/* Tests of two samples and corrections for many, against SciPy and closed forms.
 * The long constants are what scripts/oracle/two_samples.py printed with SciPy 1.17.1. */
#include "near.h"

#include <stdlib.h>

#include "../metrics/multiple_tests.h"
#include "../metrics/two_samples.h"

static const double a[] = {0.512, 0.498, 0.531, 0.476, 0.505, 0.549, 0.488, 0.521, 0.467, 0.515, 0.502, 0.539};
static const double b[] = {0.533, 0.527, 0.540, 0.518, 0.561, 0.572, 0.509, 0.556, 0.471, 0.548};
static const double c[] = {1, 2, 2, 3, 5, 5, 5, 8}, d[] = {2, 3, 5, 5, 6, 8, 9, 9, 12};

/* b without a value that a has. */
static void distinct(double out[10])
{
    for (int i = 0; i < 10; i++)
        out[i] = b[i] + 0.0001 * (i + 1) / 7;
}

static void test_welch(void **state)
{
    (void)state;
    struct sample_answer t;
    struct error e;
    assert_int_equal(welch_test(a, 12, b, 10, 0.95, &t, &e), 0);
    near(t.statistic, 2.1295331891934, 1e-12);
    near(t.freedom, 17.6402052003952, 1e-11);
    near(t.p, 0.0475632883161567, 1e-14);
    near(t.low, 0.000298777646124126, 1e-12);
    near(t.high, 0.0495345556872095, 1e-12);
    near(t.above, 0.0475632883161567 / 2, 1e-14);
    near(t.below, 1 - t.above, 1e-14);
    /* Closed form: t = sqrt(24), 4 degrees of freedom for equal sizes and variances. */
    const double low[] = {1, 2, 3}, high[] = {5, 6, 7}, same[] = {2, 2, 2};
    assert_int_equal(welch_test(low, 3, high, 3, 0.95, &t, &e), 0);
    near(t.statistic, sqrt(24), 1e-13);
    near(t.freedom, 4, 1e-12);
    near(t.difference, 4, 0);
    assert_int_equal(welch_test(same, 3, same, 3, 0.95, &t, &e), 0);
    near(t.p, 1, 0);
    const double other[] = {3, 3, 3};
    assert_int_equal(welch_test(same, 3, other, 3, 0.95, &t, &e), 0);
    near(t.above, 0, 0);
    near(t.below, 1, 0);
}

static void test_paired(void **state)
{
    (void)state;
    struct sample_answer t;
    struct error e;
    assert_int_equal(paired_test(a, b, 10, 0.95, &t, &e), 0);
    near(t.statistic, 5.63809491826616, 1e-12);
    near(t.freedom, 9, 0);
    near(t.p, 0.000318394135163504, 1e-15);
    near(t.low, 0.0163464968327666, 1e-13);
    near(t.high, 0.0382535031672334, 1e-13);
    /* Exchanging the samples exchanges the answers. */
    struct sample_answer back;
    assert_int_equal(paired_test(b, a, 10, 0.95, &back, &e), 0);
    near(back.below, t.above, 0);
    near(back.low, -t.high, 1e-15);
}

static void test_mann_whitney(void **state)
{
    (void)state;
    struct sample_answer t;
    struct error e;
    double x[10];
    distinct(x);
    assert_int_equal(mann_whitney_test(a, 12, x, 10, 0.95, &t, &e), 0);
    assert_int_equal(t.exact, 1);
    near(t.statistic, 92, 0);
    near(t.p, 0.0358279491406426, 1e-14);
    near(t.above, 0.0179139745703213, 1e-14);
    near(t.below, 0.98501962433851, 1e-14);
    assert_int_equal(mann_whitney_test(c, 8, d, 9, 0.95, &t, &e), 0);
    assert_int_equal(t.exact, 0);
    near(t.statistic, 55, 0);
    near(t.p, 0.0702390199477467, 1e-14);
    near(t.difference, 3, 0);                   /* Hodges-Lehmann */
    assert_true(t.low <= 0 && t.high >= 6);
    /* Closed form: fully separated threes, 1 arrangement of 20 on each side. */
    const double low[] = {1, 2, 3}, high[] = {5, 6, 7};
    assert_int_equal(mann_whitney_test(low, 3, high, 3, 0.95, &t, &e), 0);
    near(t.p, 0.1, 1e-15);
    near(t.above, 0.05, 1e-15);
    /* Ten thousand values a side are no matter of minutes, nor of differences kept one by one. */
    double *many = malloc(20000 * sizeof *many);
    assert_non_null(many);
    struct rng r = rng_make(3, 3);
    for (int i = 0; i < 20000; i++)
        many[i] = rng_normal(&r) + (i < 10000 ? 0 : 0.2);
    assert_int_equal(mann_whitney_test(many, 10000, many + 10000, 10000, 0.95, &t, &e), 0);
    near(t.difference, 0.2, 0.03);
    assert_true(t.p < 1e-20);
    free(many);
}

static void test_signed_ranks(void **state)
{
    (void)state;
    struct sample_answer t;
    struct error e;
    double x[10];
    distinct(x);
    assert_int_equal(signed_rank_test(a, x, 10, 0.95, &t, &e), 0);
    assert_int_equal(t.exact, 1);
    near(t.statistic, 55, 0);
    near(t.above, 0.0009765625, 0);             /* 1 of 2^10 */
    near(t.below, 1, 0);
    assert_int_equal(signed_rank_test(c, d, 8, 0.95, &t, &e), 0);
    assert_int_equal(t.exact, 0);
    near(t.statistic, 36, 0);
    near(t.above, 0.00649201462822039, 1e-14);
    assert_int_equal(signed_rank_test(c, c, 8, 0.95, &t, &e), 0);
    near(t.p, 1, 0);
}

static void test_intervals(void **state)
{
    (void)state;
    struct sample_answer t;
    struct error e;
    assert_int_equal(interval_test(1, 0.02, 1.08, 0.03, 0.95, &t, &e), 0);
    near(t.p, 0.0265002806024919, 1e-13);
    near(t.low, 0.00933249355678124, 1e-13);
    near(t.high, 0.150667506443219, 1e-13);
}

static void test_refused(void **state)
{
    (void)state;
    struct sample_answer t;
    struct error e;
    const double bad[] = {1, NAN, 2}, huge[] = {-1e308, 1e308, 1e308};
    assert_int_equal(welch_test(a, 1, b, 10, 0.95, &t, &e), ERR_INPUT);
    assert_int_equal(welch_test(bad, 3, b, 10, 0.95, &t, &e), ERR_INPUT);
    assert_int_equal(paired_test(a, bad, 3, 0.95, &t, &e), ERR_INPUT);
    assert_int_equal(paired_test(a, huge, 3, 0.95, &t, &e), ERR_INPUT);
    assert_int_equal(mann_whitney_test(a, 0, b, 10, 0.95, &t, &e), ERR_INPUT);
    assert_int_equal(mann_whitney_test(bad, 3, b, 10, 0.95, &t, &e), ERR_INPUT);
    assert_int_equal(signed_rank_test(bad, a, 3, 0.95, &t, &e), ERR_INPUT);
    assert_int_equal(interval_test(1, -1, 1, 1, 0.95, &t, &e), ERR_INPUT);
    assert_int_equal(welch_test(a, 12, b, 10, 0, &t, &e), ERR_USAGE);
    assert_int_equal(signed_rank_test(a, b, 10, 1, &t, &e), ERR_USAGE);
}

static void test_corrections(void **state)
{
    (void)state;
    const double p[] = {0.01, 0.04, 0.03, 0.005, 0.2, 0.03, 0.9, 0.0004};
    const double holm[] = {0.06, 0.15, 0.15, 0.035, 0.4, 0.15, 0.9, 0.0032};
    const double bh[] = {0.0266666666666667, 0.0533333333333333, 0.048, 0.02, 0.228571428571429, 0.048, 0.9, 0.0032};
    double got[8];
    struct error e;
    assert_int_equal(adjust_p(CORRECTION_HOLM, p, 8, got, &e), 0);
    for (int i = 0; i < 8; i++)
        near(got[i], holm[i], 1e-14);
    assert_int_equal(adjust_p(CORRECTION_BENJAMINI_HOCHBERG, p, 8, got, &e), 0);
    for (int i = 0; i < 8; i++)
        near(got[i], bh[i], 1e-14);
    assert_int_equal(adjust_p(CORRECTION_NONE, p, 8, got, &e), 0);
    assert_memory_equal(got, p, sizeof p);
    const double bad[] = {0.5, NAN};
    assert_int_equal(adjust_p(CORRECTION_HOLM, bad, 2, got, &e), ERR_INPUT);
    assert_int_equal(adjust_p(CORRECTION_HOLM, p, 0, got, &e), 0);
}

/* The level is kept and an effect is noticed, by each test, on 2000 pairs of its kind of data. */
static void test_levels(void **state)
{
    (void)state;
    struct rng r = rng_make(11, rng_stream("levels"));
    struct error e;
    int alarms[4] = {0}, noticed[4] = {0};
    enum { N = 20, PAIRS = 2000 };
    for (int k = 0; k < PAIRS; k++)
        for (int shifted = 0; shifted < 2; shifted++) {
            double x[N], y[N], u[N], v[N], up = shifted ? 1 : 0;
            for (int i = 0; i < N; i++) {
                double shared = 5 * rng_normal(&r);
                x[i] = shared + rng_normal(&r);
                y[i] = shared + rng_normal(&r) + up;
                u[i] = exp(rng_normal(&r));             /* skewed */
                v[i] = exp(rng_normal(&r)) + up;
            }
            struct sample_answer t[4];
            assert_int_equal(paired_test(x, y, N, 0.95, &t[0], &e), 0);
            assert_int_equal(signed_rank_test(x, y, N, 0.95, &t[1], &e), 0);
            assert_int_equal(welch_test(u, N, v, N, 0.95, &t[2], &e), 0);
            assert_int_equal(mann_whitney_test(u, N, v, N, 0.95, &t[3], &e), 0);
            for (int i = 0; i < 4; i++)
                *(shifted ? &noticed[i] : &alarms[i]) += t[i].p < 0.05;
        }
    for (int i = 0; i < 4; i++) {
        print_message("test %d: %.3f false alarms, %.3f noticed\n", i, alarms[i] / 2000.0, noticed[i] / 2000.0);
        assert_true(alarms[i] < 0.065 * PAIRS);         /* 0.05 and three standard errors */
        assert_true(noticed[i] > (i == 2 ? 0.3 : 0.7) * PAIRS);
    }
    assert_true(noticed[3] > noticed[2]);               /* why times are compared by ranks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_welch),       cmocka_unit_test(test_paired),
        cmocka_unit_test(test_mann_whitney), cmocka_unit_test(test_signed_ranks),
        cmocka_unit_test(test_intervals),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_corrections), cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
