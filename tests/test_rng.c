/* Philox known answers, addressing and the shape of what is drawn. */
#include "../engine/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The three published vectors of Philox4x32-10 (Random123 distribution). */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint64_t index, stream, seed;
        uint32_t want[4];
    } table[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {0xffffffffffffffffu,
         0xffffffffffffffffu,
         0xffffffffffffffffu,
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x85a308d3243f6a88u,
         0x0370734413198a2eu,
         0x299f31d0a4093822u,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint32_t got[4];
        rng_block(table[i].seed, table[i].stream, table[i].index, got);
        assert_memory_equal(got, table[i].want, sizeof got);
    }
}

static void words_are_addressed(void **state)
{
    (void)state;
    struct rng r = rng_make(7, rng_stream("vae/noise"));
    for (uint64_t i = 0; i < 23; i++) {
        uint32_t block[4];
        rng_block(7, r.stream, i / 4, block);
        assert_int_equal(rng_u32(&r), block[i % 4]);
        assert_int_equal(r.position, i + 1);
    }
}

static void names_give_streams(void **state)
{
    (void)state;
    assert_true(rng_stream("") == 0xcbf29ce484222325u);
    assert_true(rng_stream("a") == 0xaf63dc4c8601ec8cu);
    assert_true(rng_stream("foobar") == 0x85944171f73967e8u);
}

/* The value at one address by double-precision Box-Muller. */
static double normal_at(uint64_t seed, uint64_t stream, uint64_t at)
{
    uint32_t w[4];
    rng_block(seed, stream, at / 4, w);
    int pair = at % 4 >= 2 ? 2 : 0;
    double u = ((double)w[pair] + 0.5) / 4294967296.0, turn = (double)w[pair + 1] / 4294967296.0;
    double radius = sqrt(-2 * log(u)), angle = 2 * acos(-1) * turn;
    return radius * (at % 2 ? sin(angle) : cos(angle));
}

static void normals_match_double_precision(void **state)
{
    (void)state;
    enum { N = 20000 };
    float *v = malloc(N * sizeof *v);
    rng_fill_normal(42, 9, 400, v, N);
    for (uint64_t i = 0; i < N; i++) {
        double want = normal_at(42, 9, 400 + i);
        assert_true(fabs((double)v[i] - want) < 2e-6 * (1 + fabs(want)));
    }
    free(v);
}

static void slices_equal_the_whole(void **state)
{
    (void)state;
    enum { N = 150001 };
    float *whole = malloc(N * sizeof *whole), *uniform = malloc(N * sizeof *uniform), part[777];
    rng_fill_normal(1, 2, 0, whole, N);
    rng_fill_uniform(1, 2, 0, -2.0f, 3.0f, uniform, N);
    for (uint64_t base = 0; base + 777 <= N; base += 4096 + 4) {
        for (size_t n = 1; n <= 777; n += 97) {
            memset(part, 0, sizeof part);
            rng_fill_normal(1, 2, base, part, n);
            assert_memory_equal(part, whole + base, n * sizeof *part);
            rng_fill_uniform(1, 2, base, -2.0f, 3.0f, part, n);
            assert_memory_equal(part, uniform + base, n * sizeof *part);
        }
    }
    for (size_t i = 0; i < N; i++)
        assert_true(uniform[i] >= -2.0f && uniform[i] < 3.0f);
    free(whole);
    free(uniform);
}

static void moments_are_standard(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    float *v = malloc(N * sizeof *v);
    rng_fill_normal(3, 4, 0, v, N);
    double sum = 0, square = 0, fourth = 0, neighbours = 0;
    for (int i = 0; i < N; i++) {
        double x = (double)v[i];
        sum += x;
        square += x * x;
        fourth += x * x * x * x;
        if (i)
            neighbours += x * (double)v[i - 1];
    }
    assert_true(fabs(sum / N) < 5e-3);
    assert_true(fabs(square / N - 1) < 7e-3);
    assert_true(fabs(fourth / N - 3) < 0.05);
    assert_true(fabs(neighbours / N) < 5e-3);
    free(v);

    struct rng r = rng_make(3, 4);
    sum = square = 0;
    for (int i = 0; i < 20000; i++) {
        double x = rng_normal(&r);
        assert_true(isfinite(x));
        sum += x;
        square += x * x;
    }
    assert_true(fabs(sum / 20000) < 0.04 && fabs(square / 20000 - 1) < 0.06);
}

static void integers_are_fair(void **state)
{
    (void)state;
    struct rng r = rng_make(11, 0);
    int seen[7] = {0};
    for (int i = 0; i < 70000; i++)
        seen[rng_below(&r, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9600, 10400);
    assert_int_equal(rng_below(&r, 1), 0);
    for (int i = 0; i < 1000; i++) {
        double u = rng_uniform(&r);
        assert_true(u >= 0 && u < 1);
    }
}

static void choices_are_distinct(void **state)
{
    (void)state;
    struct rng r = rng_make(5, 6);
    int first[5] = {0}, out[5], scratch[5], items[40];
    for (int trial = 0; trial < 5000; trial++) {
        rng_choose(&r, out, 3, 5, scratch);
        assert_true(out[0] != out[1] && out[0] != out[2] && out[1] != out[2]);
        for (int i = 0; i < 3; i++)
            assert_in_range(out[i], 0, 4);
        first[out[0]]++;
    }
    for (int i = 0; i < 5; i++)
        assert_in_range(first[i], 850, 1150);
    for (int i = 0; i < 40; i++)
        items[i] = i;
    rng_shuffle(&r, items, 40);
    int moved = 0, seen[40] = {0};
    for (int i = 0; i < 40; i++) {
        seen[items[i]]++;
        moved += items[i] != i;
    }
    for (int i = 0; i < 40; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),          cmocka_unit_test(words_are_addressed),
        cmocka_unit_test(names_give_streams),     cmocka_unit_test(normals_match_double_precision),
        cmocka_unit_test(slices_equal_the_whole), cmocka_unit_test(moments_are_standard),
        cmocka_unit_test(integers_are_fair),      cmocka_unit_test(choices_are_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
