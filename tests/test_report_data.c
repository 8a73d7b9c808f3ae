/* The report's data: escaping, base64, motions written and read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../bench/motions.h"
#include "../bench/report/html.h"
#include "../datasets/skeleton.h"
#include "../metrics/definitions.h"
#include "../metrics/table.h"
#include "scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What `put` writes of a text. The caller frees. */
static char *written(void (*put)(FILE *, const char *), const char *text)
{
    char *out = NULL;
    size_t size;
    FILE *memory = open_memstream(&out, &size);
    assert_non_null(memory);
    put(memory, text);
    fclose(memory);
    return out;
}

static void expect(void (*put)(FILE *, const char *), const char *text, const char *want)
{
    char *got = written(put, text);
    assert_string_equal(got, want);
    free(got);
}

static void test_escaping(void **state)
{
    (void)state;
    expect(html_text, "a<b>&\"'c", "a&lt;b&gt;&amp;&quot;&#39;c");
    expect(html_text, "tab\there\x01\x7f", "tab here  ");
    expect(html_text, "line\nbreak", "line\nbreak");
    expect(html_text, "\xc3\xa9 \xff \xc3", "\xc3\xa9 \xef\xbf\xbd \xef\xbf\xbd");
    expect(html_text, "\xef\xbf\xbe", "\xef\xbf\xbd");                       /* U+FFFE is no character */
    expect(json_text, "</script><!--", "\"\\u003c/script\\u003e\\u003c!--\"");
    expect(json_text, "q\"b\\s'&\n", "\"q\\\"b\\\\s\\u0027\\u0026\\u000a\"");
    expect(json_text, "\xe2\x80\xa8\xe2\x80\xa9", "\"\\u2028\\u2029\"");
    expect(json_text, "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""); /* a surrogate */
}

static void put_base64(FILE *out, const char *text)
{
    base64_write(out, text, strlen(text));
}

static void test_base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};      /* RFC 4648, section 10 */
    unsigned char out[64];
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        expect(put_base64, pairs[i][0], pairs[i][1]);
        assert_int_equal(base64_read(pairs[i][1], strlen(pairs[i][1]), out), strlen(pairs[i][0]));
        assert_memory_equal(out, pairs[i][0], strlen(pairs[i][0]));
    }
    static const char *const wrong[] = {"Z", "Zg", "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zm 9", "Zg==Zg==", "Zm9v\n", "Zm9v\xff\xff\xff\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_int_equal(base64_read(wrong[i], strlen(wrong[i]), out), -1);
}

static void test_motions(void **state)
{
    enum { FRAMES = 40 };
    char path[512];
    struct error e = {0};
    struct motions m = {.experiment = "x", .fps = 12.5, .njoints = 21}, back;
    struct moving_clip *clip;
    static float joints[FRAMES * 63], goal[FRAMES * 63];
    static unsigned char mask[FRAMES * 21];
    for (int i = 0; i < FRAMES * 63; i++) joints[i] = (float)(900 * sin(i * 0.7) * sin(i * 0.013));    /* up to 0.9 m once scaled */
    joints[5] = 900000;                                                       /* 900 m */
    mask[3] = mask[22] = 1;
    goal[9] = -1234;
    goal[66] = 1;
    assert_int_equal(motions_add_clip(&m, "caption </script>", "clip", FRAMES, &clip, &e), 0);
    assert_int_equal(motions_add(&m, clip, "Real", 1, joints, 0.001, &e), 0);
    assert_int_equal(motions_add_hints(&m, clip, goal, mask, 0.001, &e), 0);
    assert_int_equal(motions_add_segment(clip, 0, "first", &e), 0);
    assert_int_equal(motions_write(&m, scratch_path(*state, "m.json", path), &e), 0);
    if (motions_read(path, &back, &e)) fail_msg("%s", e.text);
    assert_int_equal(back.nclips, 1);
    assert_true(back.fps == 12.5 && back.njoints == 21);
    assert_string_equal(back.clips[0].caption, "caption </script>");
    assert_string_equal(back.clips[0].segments[0].text, "first");
    assert_memory_equal(back.clips[0].mask, mask, sizeof mask);
    assert_true(fabsf(back.clips[0].goal[9] + 1.234f) < 1e-6f);
    for (int i = 0; i < FRAMES * 63; i++)                                     /* to half a millimetre */
        assert_true(fabs((double)back.clips[0].motions[0].joints[i] - (double)joints[i] * 0.001) <= 0.0005001);
    motions_free(&back);
    joints[70] = NAN;
    assert_int_equal(motions_add(&m, clip, "bad", 0, joints, 0.001, &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "frame 1"));
    memset(mask, 0, sizeof mask);
    struct moving_clip *other;
    assert_int_equal(motions_add_clip(&m, "b", "", FRAMES, &other, &e), 0);
    assert_int_equal(motions_add_hints(&m, other, goal, mask, 1, &e), 0);
    assert_null(other->mask);
    motions_free(&m);
}

static void test_sides(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        const struct skeleton *s = k ? skeleton_kit() : skeleton_humanml3d();
        int count[128] = {0};
        for (int j = 0; j < s->njoints; j++) count[(int)skeleton_side(s, j)]++;
        assert_int_equal(count['l'], 8);
        assert_int_equal(count['r'], 8);
        assert_int_equal(count['c'], s->njoints - 16);
        if (!k) assert_true(skeleton_side(s, s->face[0]) == 'r' && skeleton_side(s, s->face[1]) == 'l');   /* KIT-ML swaps them */
    }
}

static void test_definitions(void **state)
{
    (void)state;
    for (int i = 0; i < metric_count(); i++) {
        const char *sentence = metric_definition(metric_at(i)->name);
        if (!sentence) fail_msg("%s has no definition in metrics/definitions.c", metric_at(i)->name);
        assert_true(sentence[strlen(sentence) - 1] == '.');
    }
    assert_null(metric_definition("no such metric"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaping), cmocka_unit_test(test_base64),      cmocka_unit_test(test_motions),
        cmocka_unit_test(test_sides),    cmocka_unit_test(test_definitions),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
