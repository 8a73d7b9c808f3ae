/* The command line's parser: every kind of option, every way to be wrong. */
#include "../bench/arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* One parse with a fresh set of variables. */
struct parsed {
    const char *config, *out;
    int limit, quiet, limit_given;
    uint64_t seed;
    double scale;
    struct arguments a;
    struct error e;
    int code;
};

static struct parsed parse(const char *const *words, int most)
{
    static char *argv[16];
    struct parsed p = {.limit = 7, .scale = 1.5};
    const struct option_row options[] = {
        {.name = "config", .text = &p.config, .value = "E.json"},
        {.name = "out", .letter = 'o', .text = &p.out, .value = "FILE"},
        {.name = "limit", .integer = &p.limit, .low = 1, .high = 100, .given = &p.limit_given},
        {.name = "seed", .seed = &p.seed},
        {.name = "scale", .number = &p.scale, .low = -2, .high = 2},
        {.name = "quiet", .flag = &p.quiet},
        {0}};
    const struct command_form form = {
        .example = "mlcm try --config e.json", .usage = "mlcm try [FILE …]", .options = options, .most = most};
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t) "try";
    while (*words)
        argv[argc++] = (char *)(uintptr_t)*words++;
    p.code = arguments_parse(&form, argc, argv, &p.a, &p.e);
    return p;
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL}, 3)

static void values_arrive(void **state)
{
    (void)state;
    struct parsed p = PARSE("one", "--config", "a.json", "--limit=9", "-o", "x.npy", "two", "--quiet", "--scale",
                            "-1e-1", "--seed", "18446744073709551615", "--", "--three");
    assert_int_equal(p.code, 0);
    assert_string_equal(p.config, "a.json");
    assert_string_equal(p.out, "x.npy");
    assert_int_equal(p.limit, 9);
    assert_int_equal(p.limit_given, 1);
    assert_int_equal(p.quiet, 1);
    assert_true(p.scale == -0.1);
    assert_true(p.seed == UINT64_MAX);
    assert_int_equal(p.a.count, 3);
    assert_string_equal(p.a.positional[0], "one");
    assert_string_equal(p.a.positional[1], "two");
    assert_string_equal(p.a.positional[2], "--three");
}

static void defaults_stay(void **state)
{
    (void)state;
    struct parsed p = PARSE("-");
    assert_int_equal(p.code, 0);
    assert_int_equal(p.limit, 7);
    assert_int_equal(p.limit_given, 0);
    assert_true(p.scale == 1.5);
    assert_null(p.config);
    assert_int_equal(p.a.count, 1);
}

static void the_last_one_wins(void **state)
{
    (void)state;
    struct parsed p = PARSE("--limit", "3", "--limit", "4", "-ofirst", "--out=second");
    assert_int_equal(p.limit, 4);
    assert_string_equal(p.out, "second");
}

static void help_needs_nothing_else(void **state)
{
    (void)state;
    struct parsed p = PARSE("--nonsense", "--help");
    assert_int_equal(p.code, 0);
    assert_int_equal(p.a.help, 1);
    p = PARSE("--", "--help");
    assert_int_equal(p.a.help, 0);
}

static void wrong_usage_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *words[6], *says;
    } table[] = {
        {{"--confg", "x"}, "did you mean --config?"},
        {{"--ilmit=3"}, "did you mean --limit?"},
        {{"--zzzzzzzz"}, "unknown option --zzzzzzzz"},
        {{"--conf", "x"}, "unknown option --conf"},
        {{"-x"}, "unknown option -x"},
        {{"--config"}, "--config needs a value: E.json"},
        {{"--config", "--quiet"}, "--config needs a value"},
        {{"--config="}, "empty"},
        {{"--quiet=1"}, "takes no value"},
        {{"--limit", "ten"}, "\"ten\" is not a whole number"},
        {{"--limit", "1.5"}, "not a whole number"},
        {{"--limit", "0"}, "not between 1 and 100"},
        {{"--limit", "101"}, "not between 1 and 100"},
        {{"--limit", "99999999999999999999"}, "not a whole number"},
        {{"--limit", "4294967297"}, "not a whole number"},
        {{"--scale", "nan"}, "not a finite number"},
        {{"--scale", "1e999"}, "not a finite number"},
        {{"--scale", "0x1"}, "not a finite number"},
        {{"--scale", "2.001"}, "not between -2 and 2"},
        {{"--seed", "-1"}, "not a whole number from 0"},
        {{"--seed", "18446744073709551616"}, "not a whole number from 0"},
        {{"a", "b", "c", "d"}, "\"d\" is one argument too many"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct parsed p = parse(table[i].words, 3);
        assert_int_equal(p.code, ERR_USAGE);
        assert_int_equal(p.e.code, ERR_USAGE);
        assert_non_null(strstr(p.e.text, table[i].says));
        assert_non_null(strstr(p.e.text, "try: "));
        assert_null(strchr(p.e.text, '\n'));
    }
}

static void too_few(void **state)
{
    (void)state;
    char verb[] = "try", *argv[] = {verb, NULL};
    const struct command_form form = {.usage = "mlcm try FILE", .least = 1, .most = 1};
    struct arguments a;
    struct error e = {0};
    assert_int_equal(arguments_parse(&form, 1, argv, &a, &e), ERR_USAGE);
    assert_non_null(strstr(e.text, "mlcm try FILE"));
}

static void near_misses(void **state)
{
    (void)state;
    const char *const names[] = {"bench", "data", "train", "verify", NULL};
    assert_string_equal(nearest_name("verfiy", names), "verify");
    assert_string_equal(nearest_name("Data", names), "data");
    assert_string_equal(nearest_name("benhc", names), "bench");
    assert_null(nearest_name("xylophone", names));
    char longest[300];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    assert_null(nearest_name(longest, names));
}

static void help_starts_with_the_example(void **state)
{
    (void)state;
    char text[2000] = "";
    int quiet;
    const struct option_row options[] = {{.name = "quiet", .flag = &quiet, .help = "say less"}, {0}};
    const struct command_form form = {.example = "mlcm try now", .usage = "mlcm try", .options = options};
    FILE *out = fmemopen(text, sizeof text, "w");
    assert_non_null(out);
    arguments_help(&form, out);
    fclose(out);
    assert_ptr_equal(strstr(text, "example: mlcm try now\n"), text);
    assert_non_null(strstr(text, "--quiet"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_arrive),
        cmocka_unit_test(defaults_stay),
        cmocka_unit_test(the_last_one_wins),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(wrong_usage_is_named),
        cmocka_unit_test(too_few),
        cmocka_unit_test(near_misses),
        cmocka_unit_test(help_starts_with_the_example),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
