/* Pickles and word lists: plain values, and a table of hostile streams that
 * must each be refused with a bad-input error of one line. */
#include "../engine/file.h"
#include "../engine/pickle.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static int parse(const char *data, size_t size, struct error *e)
{
    struct pickle p;
    size_t consumed = 0;
    memset(e, 0, sizeof *e);
    int rc = pickle_parse("test.pkl", data, size, &p, &consumed, e);
    pickle_free(&p);
    return rc;
}

#define BYTES(s) s, sizeof(s) - 1

static void pickle_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } table[] = {
        {BYTES(""), "protocol"},
        {BYTES("N."), "protocol"},
        {BYTES("\x80"), "ends inside"},
        {BYTES("\x80\x01N."), "protocol 1"},
        {BYTES("\x80\x06N."), "protocol 6"},
        {BYTES("\x80\x02"), "before STOP"},
        {BYTES("\x80\x02N"), "before STOP"},
        {BYTES("\x80\x02."), "0 values"},
        {BYTES("\x80\x02NN."), "2 values"},
        {BYTES("\x80\x02N(."), "STOP"},
        {BYTES("\x80\x02"
               "cos\nsystem\n."),
         "'os.system'"},
        {BYTES("\x80\x02"
               "cposix\nsystem\n(X\x02\0\0\0ls"
               "tR."),
         "'posix.system'"},
        {BYTES("\x80\x02"
               "c__builtin__\neval\n(X\x01\0\0\0"
               "1tR."),
         "'__builtin__.eval'"},
        {BYTES("\x80\x04\x8c\x02os\x8c\x06system\x93."), "'os.system'"},
        {BYTES("\x80\x04K\x01K\x02\x93."), "two short texts"},
        {BYTES("\x80\x02"
               "c\x1b[31m\nx\ny."),
         "which is not"},
        {BYTES("\x80\x02"
               "ctorch.storage\n_load_from_bytes\n."),
         "_load_from_bytes"},
        {BYTES("\x80\x02"
               "ctorch\nFloatStorage\n)R."),
         "called"},
        {BYTES("\x80\x02K\x01)R."), "not a known name"},
        {BYTES("\x80\x02"
               "ccollections\nOrderedDict\n]R."),
         "not a known name"},
        {BYTES("\x80\x02"
               "ccollections\nOrderedDict\nK\x01\x85R."),
         "malformed"},
        {BYTES("\x80\x02"
               "ccollections\nOrderedDict"),
         "does not end"},
        {BYTES("\x80\x02(i"), "not allowed"},
        {BYTES("\x80\x02S'a'\n."), "'S' is not allowed"},
        {BYTES("\x80\x02\x82\x01."), "0x82"},
        {BYTES("\x80\x02\xff."), "0xff"},
        {BYTES("\x80\x02K"), "ends inside"},
        {BYTES("\x80\x02J\1\2\3"), "ends inside"},
        {BYTES("\x80\x02G\1\2\3"), "ends inside"},
        {BYTES("\x80\x02X\xff\xff\xff\xff"
               "a."),
         "4294967295 bytes"},
        {BYTES("\x80\x02X\x04\0\0\0abc"), "ends inside"},
        {BYTES("\x80\x04\x8d\0\0\0\0\0\0\0\x80."), "9223372036854775808"},
        {BYTES("\x80\x04\x8e\0\0\0\0\0\0\0\x80."), "9223372036854775808"},
        {BYTES("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xffN."), "ends inside"},
        {BYTES("\x80\x02\x8b\xff\xff\xff\xff."), "negative"},
        {BYTES("\x80\x02\x8a\x05\1\1."), "ends inside"},
        {BYTES("\x80\x02h\x00."), "never written"},
        {BYTES("\x80\x02j\xff\xff\xff\xff."), "never written"},
        {BYTES("\x80\x02Nr\xff\xff\xff\xff."), "memo index"},
        {BYTES("\x80\x02q\x00."), "underflow"},
        {BYTES("\x80\x02t."), "no mark"},
        {BYTES("\x80\x02u."), "no mark"},
        {BYTES("\x80\x02\x86."), "underflow"},
        {BYTES("\x80\x02N(\x85."), "underflow"},
        {BYTES("\x80\x02Na."), "underflow"},
        {BYTES("\x80\x02NNa."), "not a list"},
        {BYTES("\x80\x02]NNs."), "not a dictionary"},
        {BYTES("\x80\x02}(Nu."), "not a dictionary"},
        {BYTES("\x80\x02(Nd."), "odd"},
        {BYTES("\x80\x02(NNu."), "underflow"},
        {BYTES("\x80\x02N}b."), "attributes"},
        {BYTES("\x80\x02NQ."), "persistent id"},
        {BYTES("\x80\x02(X\x06\0\0\0moduleNNNNtQ."), "persistent id"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct error e;
        int rc = parse(table[i].bytes, table[i].size, &e);
        if (rc != ERR_INPUT || e.code != ERR_INPUT || strstr(e.text, table[i].says) == NULL)
            fail_msg("row %zu (wanted '%s'): code %d, %s", i, table[i].says, rc, e.text);
        assert_null(strpbrk(e.text, "\n\x1b"));
    }
}

/* A prefix, n times a unit, a tail: the limits of the machine. */
static void pickle_limits(void **state)
{
    (void)state;
    static const struct {
        const char *before, *unit, *after;
        size_t n;
        const char *says;
    } table[] = {
        {"\x80\x02", "(", "N.", 1000000, "marks"},
        {"\x80\x02", "N", ".", 1000000, "stack deeper"},
        {"\x80\x02", "]0", "N.", 4000000, "values"},
        {"\x80\x02N", "20", ".", 20000000, "opcodes"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t a = strlen(table[i].before), u = strlen(table[i].unit), z = strlen(table[i].after);
        char *data = malloc(a + u * table[i].n + z);
        assert_non_null(data);
        memcpy(data, table[i].before, a);
        for (size_t k = 0; k < table[i].n; k++)
            memcpy(data + a + k * u, table[i].unit, u);
        memcpy(data + a + u * table[i].n, table[i].after, z);
        struct error e;
        int rc = parse(data, a + u * table[i].n + z, &e);
        free(data);
        if (rc != ERR_INPUT || strstr(e.text, table[i].says) == NULL)
            fail_msg("row %zu (wanted '%s'): code %d, %s", i, table[i].says, rc, e.text);
    }
}

/* A module whose attributes are set again and again from one dictionary. */
static void pickle_copies_are_bounded(void **state)
{
    (void)state;
    size_t n = 0, size = 4u << 20;
    char *data = malloc(size);
    assert_non_null(data);
    static const char start[] = "\x80\x02"
                                "c__torch__.A\nB\n)\x81}(";
    memcpy(data, start, sizeof start - 1);
    n = sizeof start - 1;
    for (int i = 0; i < 20000; i++)
        data[n++] = 'N';
    memcpy(data + n,
           "uq\x01"
           "b",
           4);
    n += 4;
    while (n + 3 < size) {
        memcpy(data + n,
               "h\x01"
               "b",
               3);
        n += 3;
    }
    struct error e;
    int rc = parse(data, n, &e);
    free(data);
    assert_int_equal(rc, ERR_INPUT);
    assert_non_null(strstr(e.text, "items together"));
}

static void pickle_values(void **state)
{
    (void)state;
    static const char data[] =
        "\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00]\x94(J\xff\xff\xff\xffM\x34\x12\x8a\x01\x80"
        "\x8a\x00G?\xf8\0\0\0\0\0\0\x8c\x02hi\x94h\x01\x88N)\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
        "e.trailing";
    struct pickle p;
    struct error e;
    size_t consumed = 0;
    int rc = pickle_parse("values.pkl", data, sizeof data - 1, &p, &consumed, &e);
    assert_string_equal(rc ? e.text : "", "");
    assert_int_equal(consumed, sizeof data - 1 - 8);
    struct pickle_node **v = p.root->items;
    assert_int_equal(p.root->kind, PICKLE_LIST);
    assert_int_equal(p.root->count, 11);
    assert_true(v[0]->integer == -1 && v[1]->integer == 0x1234 && v[2]->integer == -128 &&
                v[3]->integer == 0);
    assert_true(v[4]->kind == PICKLE_FLOAT && v[4]->real == 1.5);
    assert_string_equal(v[5]->text, "hi");
    assert_ptr_equal(v[5], v[6]);
    assert_true(v[7]->kind == PICKLE_BOOL && v[7]->integer == 1);
    assert_true(v[8]->kind == PICKLE_NONE && v[9]->kind == PICKLE_TUPLE && v[9]->count == 0);
    assert_true(v[10]->kind == PICKLE_BYTES && v[10]->size == 10);
    pickle_free(&p);
}

static void word_lists(void **state)
{
    char path[512];
    struct error e;
    char **words = NULL;
    int *rows = NULL, count = 0;
    scratch_path(*state, "words.pkl", path);
    scratch_write(path, BYTES("\x80\x03]q\x00(X\x03\0\0\0sosq\x01X\x01\0\0\0aq\x02h\x01"
                              "e."));
    assert_int_equal(pickle_read_words(path, &words, &count, &e), 0);
    assert_int_equal(count, 3);
    assert_string_equal(words[1], "a");
    assert_string_equal(words[2], "sos");
    file_list_free(words, count);
    assert_int_equal(pickle_read_word_index(path, &words, &rows, &count, &e), ERR_INPUT);
    scratch_write(path, BYTES("\x80\x03}q\x00(X\x03\0\0\0sosq\x01K\x07X\x01\0\0\0aq\x02M\x10\x27u."));
    assert_int_equal(pickle_read_word_index(path, &words, &rows, &count, &e), 0);
    assert_true(count == 2 && rows[0] == 7 && rows[1] == 10000);
    assert_string_equal(words[1], "a");
    file_list_free(words, count);
    free(rows);
    assert_int_equal(pickle_read_words(path, &words, &count, &e), ERR_INPUT);
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {BYTES("\x80\x03}(X\x01\0\0\0aK\x07X\x01\0\0\0aK\x08u.")},
        {BYTES("\x80\x03}(X\x01\0\0\0aJ\xff\xff\xff\xffu.")},
        {BYTES("\x80\x03}(X\x01\0\0\0aNu.")},
        {BYTES("\x80\x03}(K\x01K\x01u.")},
        {BYTES("\x80\x03}.x")},
        {BYTES("")},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scratch_write(path, bad[i].bytes, bad[i].size);
        assert_int_equal(pickle_read_word_index(path, &words, &rows, &count, &e), ERR_INPUT);
    }
    scratch_write(path, BYTES("\x80\x03](X\x01\0\0\0aK\x01"
                              "e."));
    assert_int_equal(pickle_read_words(path, &words, &count, &e), ERR_INPUT);
}

static void golden_words(void **state)
{
    (void)state;
    static const char folder[] = "../shared/golden/glove_tiny";
    if (!file_exists(folder)) {
        print_message("skip: ../shared/golden not here\n");
        skip();
    }
    struct error e;
    char **words = NULL, **keys = NULL, path[200];
    int *rows = NULL, nwords = 0, nkeys = 0;
    snprintf(path, sizeof path, "%s/our_vab_words.pkl", folder);
    assert_int_equal(pickle_read_words(path, &words, &nwords, &e), 0);
    snprintf(path, sizeof path, "%s/our_vab_idx.pkl", folder);
    assert_int_equal(pickle_read_word_index(path, &keys, &rows, &nkeys, &e), 0);
    assert_int_equal(nwords, nkeys);
    for (int i = 0; i < nkeys; i++) {
        int found = 0;
        for (int k = 0; k < nwords; k++)
            found += strcmp(keys[i], words[k]) == 0;
        assert_int_equal(found, 1);
        assert_in_range(rows[i], 0, nwords - 1);
    }
    file_list_free(words, nwords);
    file_list_free(keys, nkeys);
    free(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pickle_refusals),
        cmocka_unit_test(pickle_limits),
        cmocka_unit_test(pickle_copies_are_bounded),
        cmocka_unit_test(pickle_values),
        cmocka_unit_test(word_lists),
        cmocka_unit_test(golden_words),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
