/* Strict JSON: what is read, what is refused, and what the refusal says. */
#include "../bench/json_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../engine/file.h"

static int read_text(const char *text, size_t size, cJSON **out, struct error *e)
{
    /* A copy of exactly this size, so that a sanitizer sees a read past it. */
    char *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, text, size);
    int code = json_read_text("e.json", exact, size, out, e);
    free(exact);
    return code;
}

static cJSON *read_good(const char *text)
{
    cJSON *tree = NULL;
    struct error e = {0};
    if (read_text(text, strlen(text), &tree, &e))
        fail_msg("%s", e.text);
    assert_non_null(tree);
    return tree;
}

static void values_are_read(void **state)
{
    (void)state;
    cJSON *o = read_good("{\"train\": {\"vae\": {\"steps\": 400, \"rate\": 1e-4, \"on\": true}},\r\n"
                         "\t\"models\": [{\"name\": \"gehen \\u00fc\xc3\xbc\"}, {\"name\": \"mld\"}]}\n");
    double rate = 0;
    int steps = 0, on = 0, which = -1;
    const char *name = NULL;
    const cJSON *list = NULL;
    struct error e = {0};
    assert_int_equal(json_number(o, "train.vae.rate", &rate, 0, 1, &e), 0);
    assert_true(rate == 1e-4);
    assert_int_equal(json_int(o, "train.vae.steps", &steps, 1, 400, &e), 0);
    assert_int_equal(steps, 400);
    assert_int_equal(json_bool(o, "train.vae.on", &on, &e), 0);
    assert_int_equal(on, 1);
    assert_int_equal(json_string(o, "models.0.name", &name, &e), 0);
    assert_string_equal(name, "gehen \xc3\xbc\xc3\xbc");
    assert_int_equal(json_choice(o, "models.1.name", (const char *const[]){"lcm", "mld", NULL}, &which, &e), 0);
    assert_int_equal(which, 1);
    assert_int_equal(json_array(o, "models", &list, 2, 2, &e), 0);
    assert_true(json_has(o, "models.1"));
    assert_false(json_has(o, "models.2"));
    assert_false(json_has(o, "models.x"));
    assert_false(json_has(o, "train.vae.steps.more"));
    cJSON_Delete(o);
}

static void bad_documents_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } table[] = {
        {"", "not valid JSON"},
        {"{", "not valid JSON"},
        {"{\"a\": 1,}", "not valid JSON"},
        {"{\"a\": 1} x", "text after"},
        {"{\"a\": 1}{}", "text after"},
        {"\xef\xbb\xbf{}", "does not know"},
        {"{\"a\": 01}", "not a number"},
        {"{\"a\": 1.}", "not a number"},
        {"{\"a\": .5}", "does not know"},
        {"{\"a\": +5}", "does not know"},
        {"{\"a\": -}", "not a number"},
        {"{\"a\": 1e}", "not a number"},
        {"{\"a\": 1e999}", "too large"},
        {"[1, 2, -1e999]", "too large"},
        {"{\"a\": NaN}", "does not know"},
        {"{\"a\": nan}", "not valid JSON"},
        {"{\"a\": 1, \"b\": 2, \"a\": 3}", "\"a\" stands twice"},
        {"[{\"x\": {\"b\": 1, \"b\": 1}}]", "\"b\" stands twice"},
        {"{\"a\": \"x\ny\"}", "control character"},
        {"{\"a\": \"x\\u0000y\"}", "\\u0000"},
        {"{\"a\": \"\\ud800\"}", "not valid JSON"},
        {"{\"a\": \"\xff\"}", "UTF-8"},
        {"{\"a\": \"\xc0\x80\"}", "UTF-8"},
        {"{\"a\": \"\xed\xa0\x80\"}", "UTF-8"},
        {"{\"a\": \"\xe2\x82", "UTF-8"},
        {"{\"a\": \"open}", "closing quote"},
        {"{\"a\": \"open\\", "closing quote"},
        {"{\"a\": 1 /* note */}", "does not know"},
        {"{\n\n\"a\" 1}", "e.json:3"},
        {"{\"a\": 1000000000000000000000000000000000000000000000000000000000000000}", "not a number"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        cJSON *tree = NULL;
        struct error e = {0};
        int code = read_text(table[i].text, strlen(table[i].text), &tree, &e);
        if (code != ERR_INPUT || !strstr(e.text, table[i].says) || strchr(e.text, '\n'))
            fail_msg("row %zu: code %d, \"%s\"", i, code, e.text);
        assert_null(tree);
        assert_ptr_equal(strstr(e.text, "e.json:"), e.text);
    }
}

static void nul_and_depth(void **state)
{
    (void)state;
    cJSON *tree = NULL;
    struct error e = {0};
    assert_int_equal(read_text("{}\0{}", 5, &tree, &e), ERR_INPUT);
    char nested[2 * 100000];
    memset(nested, '[', 100000);
    memset(nested + 100000, ']', 100000);
    assert_int_equal(read_text(nested, sizeof nested, &tree, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "nested too deep"));
    assert_int_equal(read_text(nested + 100000 - JSON_DEEPEST, 2 * JSON_DEEPEST, &tree, &e), 0);
    cJSON_Delete(tree);
}

/* Every prefix of a good document is refused, none is read past its end. */
static void cut_documents(void **state)
{
    (void)state;
    static const char text[] = "{\"a\\n\": [1.5e3, \"\xc3\xbc\", true, null, {\"b\": -0.25}]}";
    for (size_t n = 0; n + 1 < sizeof text; n++) {
        cJSON *tree = NULL;
        struct error e = {0};
        assert_int_equal(read_text(text, n, &tree, &e), ERR_INPUT);
        assert_null(tree);
    }
}

static void getters_name_the_path(void **state)
{
    (void)state;
    cJSON *o = read_good("{\"a\": {\"n\": 2.5, \"big\": 1e300, \"s\": \"\", \"l\": [1], \"stpes\": 1}}");
    double v = -1;
    int i = -1;
    const char *s = NULL;
    const cJSON *node = NULL;
    struct error e = {0};
    assert_int_equal(json_number(o, "a.none", &v, 0, 1, &e), ERR_INPUT);
    assert_string_equal(e.text, "\"a.none\" is missing; add a number");
    assert_int_equal(json_number(o, "a.n", &v, 0, 1, &e), ERR_INPUT);
    assert_string_equal(e.text, "\"a.n\" is 2.5; it must be from 0 to 1");
    assert_int_equal(json_int(o, "a.n", &i, 0, 9, &e), ERR_INPUT);
    assert_int_equal(json_int(o, "a.big", &i, 0, 9, &e), ERR_INPUT);
    assert_int_equal(json_int(o, "a.s", &i, 0, 9, &e), ERR_INPUT);
    assert_int_equal(json_string(o, "a.s", &s, &e), ERR_INPUT);
    assert_int_equal(json_string(o, "a.n", &s, &e), ERR_INPUT);
    assert_int_equal(json_bool(o, "a.n", &i, &e), ERR_INPUT);
    assert_int_equal(json_array(o, "a.l", &node, 2, 3, &e), ERR_INPUT);
    assert_int_equal(json_object(o, "a.l", &node, &e), ERR_INPUT);
    assert_int_equal(json_known_keys(o, "a", (const char *const[]){"n", "big", "s", "l", "steps", NULL}, &e), ERR_INPUT);
    assert_string_equal(e.text, "\"a.stpes\" is not a known key; did you mean \"steps\"?");
    assert_int_equal(json_known_keys(o, "", (const char *const[]){"a", NULL}, &e), 0);
    assert_true(v == -1 && i == -1 && !s && !node);
    cJSON_Delete(o);
}

static void files(void **state)
{
    (void)state;
    cJSON *tree = NULL;
    struct error e = {0};
    assert_int_equal(json_read("build/no-such-file.json", &tree, &e), ERR_INPUT);
    assert_int_equal(json_read("tests", &tree, &e), ERR_INPUT);
    assert_int_equal(file_make_folder("build/try_json", &e), 0);
    assert_int_equal(file_write("build/try_json/good.json", "[1]\n", 4, &e), 0);
    assert_int_equal(json_read("build/try_json/good.json", &tree, &e), 0);
    cJSON_Delete(tree);
    remove("build/try_json/good.json");
    remove("build/try_json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),      cmocka_unit_test(bad_documents_are_refused),
        cmocka_unit_test(nul_and_depth),        cmocka_unit_test(cut_documents),
        cmocka_unit_test(getters_name_the_path), cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
