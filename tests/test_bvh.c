/* BVH reader, resampling, joint maps, archives: values, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../datasets/archive.h"
#include "../datasets/bvh.h"
#include "../datasets/decimal.h"
#include "../engine/file.h"
#include "../engine/h5.h"
#include "../engine/rng.h"

#include <locale.h>
#include <lzma.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Two bones: the child hangs 2 below, its position channel y replaces one offset component. */
static const char SMALL[] =
    "HIERARCHY\n"
    "ROOT Hips\n"
    "{\n"
    "\tOFFSET 7 7 7\n"
    "\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
    "\tJOINT Left Leg\n"
    "\t{\n"
    "\t\tOFFSET 1 -2 0\n"
    "\t\tCHANNELS 4 Yposition Xrotation Yrotation Zrotation\n"
    "\t\tEnd Site\n"
    "\t\t{\n"
    "\t\t\tOFFSET 0 -1 0\n"
    "\t\t}\n"
    "\t}\n"
    "}\n"
    "MOTION\n"
    "Frames: 4\n"
    "Frame Time: 0.0333333\n"
    "0 10 0  0 0 0  -3 0 0 0\n"
    "1 10 0 90 0 0  -3 0 0 0\n"
    "2 1e1 +0 -180 0 0  -3 0 0 0\n"
    "3 10 .0 -180 0 720.0  -3.0E0 0 0 0\n";

static int parse(const char *text, struct bvh *b, struct error *e)
{
    return bvh_parse("small.bvh", text, strlen(text), b, e);
}

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-9))
        print_error("got %.12g, want %.12g\n", got, want);
    assert_true(fabs(got - want) < 1e-9);
}

static void near3(const double *got, double x, double y, double z)
{
    near(got[0], x);
    near(got[1], y);
    near(got[2], z);
}

static void test_positions(void **state)
{
    (void)state;
    struct bvh b;
    double *p;
    int n;
    assert_int_equal(parse(SMALL, &b, NULL), 0);
    assert_int_equal(b.njoints, 2);
    assert_int_equal(b.nvalues, 10);
    assert_string_equal(b.joint[1].name, "Left Leg");
    assert_int_equal(bvh_find(&b, "Left Leg"), 1);
    assert_int_equal(bvh_find(&b, "Left"), -1);
    near(bvh_rate(&b), 30.0);
    assert_int_equal(bvh_positions(&b, 0.0, &p, &n, NULL), 0);
    assert_int_equal(n, 4);
    near3(p, 0, 10, 0);                /* OFFSET 7 7 7 is replaced, not added */
    near3(p + 3, 1, 7, 0);             /* x from OFFSET, y from the position channel */
    near3(p + 6 + 3, 1 + 3, 10 + 1, 0);/* turned by 90 degrees about z */
    near3(p + 12 + 3, 2 - 1, 10 + 3, 0);
    free(p);
    bvh_free(&b);
}

static void test_resampling(void **state)
{
    (void)state;
    static const int frames30[] = {1, 2, 3, 4, 19, 20, 138, 1901};
    for (int k = 0; k < 8; k++)
        assert_int_equal(bvh_resampled_frames(frames30[k], 30.0, 20.0), 2 * (frames30[k] - 1) / 3 + 1);
    assert_int_equal(bvh_resampled_frames(7, 120.0, 20.0), 2);
    assert_int_equal(bvh_resampled_frames(4, 20.0, 20.0), 4);
    assert_int_equal(bvh_resampled_frames(1000000, 1.0, 1000.0), -1);
    struct bvh b;
    double *p;
    int n;
    assert_int_equal(parse(SMALL, &b, NULL), 0);
    assert_int_equal(bvh_positions(&b, 20.0, &p, &n, NULL), 0);
    assert_int_equal(n, 3);
    near3(p, 0, 10, 0);
    /* half-way from +90 to -180 degrees the short way is 135 degrees */
    const double c = sqrt(0.5);
    near3(p + 6, 1.5, 10, 0);
    near3(p + 6 + 3, 1.5 - c + 3 * c, 10 + c + 3 * c, 0);
    near3(p + 12 + 3, 3 - 1, 10 + 3, 0);
    free(p);
    bvh_free(&b);
}

/* Rotation order is the file's: the same angles in another order give another place. */
static void test_channel_order(void **state)
{
    (void)state;
    static const char *const order[2] = {"Xrotation Yrotation", "Yrotation Xrotation"};
    for (int k = 0; k < 2; k++) {
        char text[600];
        struct bvh b;
        double *p;
        int n;
        snprintf(text, sizeof text,
                 "HIERARCHY\nROOT A\n{\nOFFSET 0 0 0\nCHANNELS 2 %s\nJOINT B\n{\nOFFSET 0 0 1\n"
                 "CHANNELS 0\n}\n}\nMOTION\nFrames: 1\nFrame Time: 0.05\n90 90\n", order[k]);
        assert_int_equal(parse(text, &b, NULL), 0);
        assert_int_equal(bvh_positions(&b, 0.0, &p, &n, NULL), 0);
        if (k == 0)
            near3(p + 3, 1, 0, 0);     /* about y first: z -> x; about x then: x stays */
        else
            near3(p + 3, 0, -1, 0);    /* about x first: z -> -y; about y then: y stays */
        free(p);
        bvh_free(&b);
    }
}

static void test_line_ends(void **state)
{
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        char text[2 * sizeof SMALL];
        size_t n = 0;
        for (const char *c = SMALL; *c; c++) {
            if (*c == '\n')
                text[n++] = '\r';
            if (*c != '\n' || kind == 0)
                text[n++] = *c;
        }
        struct bvh a, b;
        assert_int_equal(parse(SMALL, &a, NULL), 0);
        assert_int_equal(bvh_parse("x", text, n, &b, NULL), 0);
        assert_memory_equal(a.values, b.values, 40 * sizeof *a.values);
        bvh_free(&a);
        bvh_free(&b);
        /* errors count lines the same way */
        struct error e = {0};
        assert_int_equal(bvh_parse("x", text, n - 8, &b, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "x:22:"));
    }
}

/* Replaces the first `from` of SMALL by `to`. */
static void edit(char *out, size_t size, const char *from, const char *to)
{
    const char *at = strstr(SMALL, from);
    assert_non_null(at);
    snprintf(out, size, "%.*s%s%s", (int)(at - SMALL), SMALL, to, at + strlen(from));
}

static void test_malformed(void **state)
{
    (void)state;
    static const struct { const char *from, *to, *where, *rule; } table[] = {
        {"HIERARCHY", "HIERARCH", ":1:", "HIERARCHY"},
        {"ROOT Hips", "ROOT \n", ":2:", "no name"},
        {"ROOT Hips\n{", "ROOT Hips\n", ":4:", "'{'"},
        {"OFFSET 7 7 7", "OFFSET 7 7", ":5:", "OFFSET"},
        {"OFFSET 7 7 7", "OFFSET 7 7 nan", ":4:", "finite number"},
        {"OFFSET 7 7 7", "OFFSET 7 7 0x10", ":4:", "finite number"},
        {"OFFSET 7 7 7", "", ":6:", "needs OFFSET and CHANNELS"},
        {"OFFSET 7 7 7", "OFFSET 7 7 7 OFFSET 1 1 1", ":4:", "two OFFSETs"},
        {"CHANNELS 6", "CHANNELS 7", ":5:", "0 to 6"},
        {"CHANNELS 6", "CHANNELS -1", ":5:", "0 to 6"},
        {"CHANNELS 6", "CHANNELS 5", ":5:", "expected OFFSET, CHANNELS"},
        {"Xposition", "Wposition", ":5:", "not a channel"},
        {"Xposition", "Yposition", ":5:", "given twice"},
        {"JOINT Left Leg", "JOINT Hips", ":6:", "given twice"},
        {"JOINT Left Leg", "BONE Left Leg", ":6:", "expected OFFSET"},
        {"JOINT Left Leg", "JOINT "
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", ":6:", "longer"},
        {"}\n}\nMOTION", "}\nMOTION", ":15:", "found 'MOTION'"},
        {"Frames: 4", "Frames: 4.5", ":17:", "whole number"},
        {"Frames: 4", "Frames: -4", ":17:", "whole number"},
        {"Frames: 4", "Frames: 0", ":18:", "at least 1 frame"},
        {"Frames: 4", "Frames: 999999999", ":17:", "whole number"},
        {"Frames: 4", "Frames: 1000000", ":18:", "truncated"},
        {"Frames: 4", "Frames: 5", ":23:", "ends after 4 of 5"},
        {"Frames: 4", "Frames: 3", ":22:", "follows the last of 3"},
        {"0.0333333", "0", ":18:", "Frame Time"},
        {"0.0333333", "-1", ":18:", "Frame Time"},
        {"0.0333333", "1e999", ":18:", "finite number"},
        {"1 10 0 90 0 0  -3 0 0 0", "1 10 0 90 0 0  -3 0 0", ":20:", "has 9 values"},
        {"1 10 0 90 0 0  -3 0 0 0", "1 10 0 90 0 0  -3 0 0 0 0", ":20:", "more than the 10"},
        {"1 10 0 90 0 0  -3 0 0 0", "1 10 0 inf 0 0  -3 0 0 0", ":20:", "value 3 of frame 1"},
        {"1 10 0 90 0 0  -3 0 0 0", "1 1e200 0 90 0 0  -3 0 0 0", ":20:", "beyond"},
        {"OFFSET 1 -2 0", "OFFSET 1 -2e30 0", ":8:", "beyond"},
        {"1 10 0 90 0 0  -3 0 0 0", "1 10 0 9,5 0 0  -3 0 0 0", ":20:", "value 3 of frame 1"},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        char text[2 * sizeof SMALL];
        struct bvh b;
        struct error e = {0};
        edit(text, sizeof text, table[k].from, table[k].to);
        const int rc = parse(text, &b, &e);
        char where[64];
        snprintf(where, sizeof where, "small.bvh%s", table[k].where);
        if (rc != ERR_INPUT || !strstr(e.text, where) || !strstr(e.text, table[k].rule))
            print_error("case %zu (%s): rc %d, '%s'\n", k, table[k].to, rc, e.text);
        assert_int_equal(rc, ERR_INPUT);
        assert_non_null(strstr(e.text, where));
        assert_non_null(strstr(e.text, table[k].rule));
    }
    struct bvh b;
    struct error e = {0};
    assert_int_equal(bvh_parse("empty.bvh", "", 0, &b, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "empty.bvh:1: the file ends"));
}

static void test_limits(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        const int n = wide ? BVH_MAX_JOINTS + 1 : BVH_MAX_DEPTH + 1;
        char *text = malloc((size_t)n * 80 + 100);
        size_t used = (size_t)sprintf(text, "HIERARCHY\nROOT j0 { OFFSET 0 0 0 CHANNELS 0\n");
        for (int k = 1; k < n; k++)
            used += (size_t)sprintf(text + used, "JOINT j%d\n{ OFFSET 0 0 0 CHANNELS 0 %s", k,
                                    wide ? "}\n" : "\n");
        struct bvh b;
        struct error e = {0};
        assert_int_equal(bvh_parse("deep", text, used, &b, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, wide ? "more than 1024 joints" : "deeper than 64"));
        free(text);
    }
}

/* Any prefix and any damaged byte: an error with a text or a finite result, never a crash. */
static void test_damage(void **state)
{
    (void)state;
    struct rng r = rng_make(5, 5);
    const size_t size = sizeof SMALL - 1;
    for (size_t k = 0; k < size + 4000; k++) {
        char *text = malloc(size); /* exact size: an address checker sees an overrun */
        struct bvh b;
        struct error e = {0};
        memcpy(text, SMALL, size);
        const size_t n = k < size ? k : size;
        if (k >= size)
            for (int hits = 0; hits < 3; hits++)
                text[rng_below(&r, (uint32_t)size)] = (char)rng_below(&r, 256);
        const int rc = bvh_parse("fuzz", text, n, &b, &e);
        if (rc == 0) {
            double *p;
            int frames;
            assert_int_equal(bvh_positions(&b, 20.0, &p, &frames, &e), 0);
            for (int i = 0; i < frames * b.njoints * 3; i++)
                assert_true(isfinite(p[i]));
            free(p);
            bvh_free(&b);
        } else {
            assert_true(e.text[0] != 0);
        }
        /* only the file's last bytes may be missing unnoticed: the final line break and a digit */
        if (k < size - 2)
            assert_int_not_equal(rc, 0);
        free(text);
    }
}

static void test_decimal(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "-0", "1", "3.25", "-1.87007e-05", "123456789012345678901234",
                                       "0.1", "1e22", "1e-22", "9007199254740993", "2.2250738585072014e-308",
                                       "179769313486231570e291", "0.000000000000000000000000000001", "5.", ".5"};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        double v = NAN;
        const char *end = good[k] + strlen(good[k]);
        const double want = strtod(good[k], NULL);
        assert_ptr_equal(decimal_read(good[k], end, &v), end);
        assert_true(fabs(v - want) <= fabs(want) * 2.3e-16);
    }
    static const char *const bad[] = {"", "-", ".", "e5", "1e", "1e+", "nan", "inf", "1e400", "+-1"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        double v;
        assert_null(decimal_read(bad[k], bad[k] + strlen(bad[k]), &v));
    }
    static const char *const comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    for (int k = 0; k < 3; k++)
        if (setlocale(LC_ALL, comma[k])) {
            double v = 0.0;
            decimal_read("0.5", (const char *)"0.5" + 3, &v);
            assert_true(v == 0.5);
        }
    setlocale(LC_ALL, "C");
}

static void test_joint_map(void **state)
{
    (void)state;
    const struct skeleton *s = skeleton_humanml3d();
    struct joint_map m;
    struct error e = {0};
    assert_int_equal(joint_map_read("bandai", s, &m, &e), 0);
    near(m.unit, 0.01);
    assert_int_equal(m.joint[0].nterms, 2);
    assert_string_equal(m.joint[0].source[1], "Spine");
    near(m.joint[0].weight[1], 0.45);
    static const struct { const char *text, *rule; } table[] = {
        {"unit = 0\n", "map:1:"},
        {"pelvis Hips\n", "map:1:"},
        {"\nhead = 0.5*Head\n", "map:2: the weights sum to 0.5"},
        {"chin = Head\n", "not a joint"},
        {"head = Head\nhead = Head\n", "given twice"},
        {"head = a*Head\n", "not a weight"},
        {"head = 0.5*A + \n", "a term is"},
        {"head = 0.2*A + 0.2*B + 0.2*C + 0.2*D + 0.2*E\n", "more than 4"},
        {"head = Head # the rest is missing\r\n", "pelvis has no rule"},
    };
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        assert_int_equal(joint_map_parse("map", table[k].text, strlen(table[k].text), s, &m, &e),
                         ERR_INPUT);
        assert_non_null(strstr(e.text, table[k].rule));
    }
    char text[2000] = "unit = 2 # comment\n";
    for (int j = 0; j < 22; j++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s = %s\n",
                 skeleton_joint_name(s, j), j == 3 ? "0.25*Hips + 0.75 * Left Leg" : "Hips");
    assert_int_equal(joint_map_parse("map", text, strlen(text), s, &m, &e), 0);
    struct bvh b;
    double *joints;
    int n;
    assert_int_equal(parse(SMALL, &b, NULL), 0);
    assert_int_equal(bvh_joints(&b, &m, 0.0, &joints, &n, &e), 0);
    assert_int_equal(n, 4);
    near3(joints + 9, 2 * 0.75, 2 * (2.5 + 0.75 * 7), 0);
    free(joints);
    assert_int_equal(joint_map_read("bandai", s, &m, &e), 0);
    assert_int_equal(bvh_joints(&b, &m, 0.0, &joints, &n, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "no joint 'Spine'"));
    bvh_free(&b);
}

/* A tar archive in memory: one header, its bytes, padding. */
static size_t add_entry(char *tar, size_t at, const char *path, char type, const char *body)
{
    char *h = tar + at;
    const size_t n = strlen(body);
    memset(h, 0, 512);
    snprintf(h, 100, "%s", path);
    snprintf(h + 100, 8, "0000644");
    snprintf(h + 124, 12, "%011o", (unsigned)n);
    snprintf(h + 136, 12, "00000000000");
    h[156] = type;
    memcpy(h + 257, "ustar\0" "00", 8);
    memset(h + 148, ' ', 8);
    unsigned sum = 0;
    for (int k = 0; k < 512; k++)
        sum += (unsigned char)h[k];
    snprintf(h + 148, 8, "%06o", sum);
    memset(h + 512, 0, (n + 511) / 512 * 512);
    memcpy(h + 512, body, n);
    return at + 512 + (n + 511) / 512 * 512;
}

static char folder[64] = "/tmp/mlcm-test-XXXXXX";

static void put(const char *name, const void *data, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    fclose(f);
}

/* Walks an archive; checks two known entries; returns the error code. */
static int walk(const char *name, int *entries, struct error *e)
{
    char path[128];
    struct archive *a;
    struct archive_entry entry;
    int found = 1;
    *entries = 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int rc = archive_open(path, &a, e);
    while (!rc && !(rc = archive_next(a, &entry, &found, e)) && found) {
        char *data;
        size_t n;
        (*entries)++;
        if (strcmp(entry.name, "two.bvh") != 0)
            continue; /* left unread: must be skipped */
        if (!(rc = archive_read(a, 10000, &data, &n, e))) {
            assert_int_equal(n, sizeof SMALL - 1);
            assert_memory_equal(data, SMALL, n);
            free(data);
        }
    }
    if (!rc)
        assert_int_equal(archive_next(a, &entry, &found, e) + found, 0);
    archive_close(a);
    return rc;
}

static void test_archive(void **state)
{
    (void)state;
    static char tar[20000], packed[20000];
    char longer[150], record[300];
    struct error e = {0};
    int entries;
    assert_non_null(mkdtemp(folder));
    memset(longer, 'd', sizeof longer);
    strcpy(longer + 120, "/two.bvh");
    snprintf(record, sizeof record, "%zu path=%s\n", 3 + 1 + 5 + strlen(longer) + 1, longer);
    size_t n = add_entry(tar, 0, "set/", '5', "");
    n = add_entry(tar, n, "set/one.bvh", '0', "skipped");
    n = add_entry(tar, n, "set/link", '2', "");
    const size_t pax_at = n;
    n = add_entry(tar, n, "pax", 'x', record);
    n = add_entry(tar, n, "short", '0', SMALL);
    memset(tar + n, 0, 1024);
    n += 1024;

    put("good.tar", tar, n);
    assert_int_equal(walk("good.tar", &entries, &e), 0);
    assert_int_equal(entries, 2);
    put("cut.tar", tar, n - 1500);
    assert_int_equal(walk("cut.tar", &entries, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "truncated"));
    put("nomark.tar", tar, n - 1024);
    assert_int_equal(walk("nomark.tar", &entries, &e), ERR_INPUT);
    tar[n - 1] = 1;
    put("tail.tar", tar, n);
    assert_int_equal(walk("tail.tar", &entries, &e), ERR_INPUT);
    tar[n - 1] = 0;
    tar[pax_at + 3] ^= 1;
    put("sum.tar", tar, n);
    assert_int_equal(walk("sum.tar", &entries, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "checksum"));
    tar[pax_at + 3] ^= 1;

    size_t size = 0;
    assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, (const uint8_t *)tar, n,
                                             (uint8_t *)packed, &size, sizeof packed), LZMA_OK);
    put("good.tar.xz", packed, size);
    assert_int_equal(walk("good.tar.xz", &entries, &e), 0);
    assert_int_equal(entries, 2);
    put("cut.tar.xz", packed, size - 20);
    assert_int_equal(walk("cut.tar.xz", &entries, &e), ERR_INPUT);
    packed[size / 2] ^= 0x55;
    put("bad.tar.xz", packed, size);
    assert_int_equal(walk("bad.tar.xz", &entries, &e), ERR_INPUT);

    static const char *const paths[] = {"../two.bvh", "/two.bvh", "a/../two.bvh", "two\n.bvh", "a/.."};
    for (int k = 0; k < 5; k++) {
        size_t m = add_entry(tar, 0, paths[k], '0', "x");
        memset(tar + m, 0, 1024);
        put("path.tar", tar, m + 1024);
        assert_int_equal(walk("path.tar", &entries, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "path"));
    }

    char inner[128];
    snprintf(inner, sizeof inner, "%s/clips/deep", folder);
    assert_int_equal(file_make_folder(inner, NULL), 0);
    put("clips/one.bvh", "x", 1);
    put("clips/deep/two.bvh", SMALL, sizeof SMALL - 1);
    assert_int_equal(walk("clips", &entries, &e), 0);
    assert_int_equal(entries, 2);
    assert_int_equal(walk("nowhere", &entries, &e), ERR_INPUT);
}

static int clean(void **state)
{
    (void)state;
    static const char *const made[] = {"good.tar", "cut.tar", "nomark.tar", "tail.tar", "sum.tar",
                                       "good.tar.xz", "cut.tar.xz", "bad.tar.xz", "path.tar",
                                       "clips/one.bvh", "clips/deep/two.bvh", "clips/deep", "clips", "."};
    for (size_t k = 0; k < sizeof made / sizeof *made; k++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", folder, made[k]);
        if (k < 11)
            unlink(path);
        else
            rmdir(k + 1 < sizeof made / sizeof *made ? path : folder);
    }
    return 0;
}

/* The first clip of the real set that the golden file knows, straight from the archive. */
static void test_golden(void **state)
{
    (void)state;
    static const char golden[] = "../shared/golden/bandai_features.h5";
    static const char source[] = "../shared/data/bandai-namco/bandai-namco-motiondataset.tar.xz";
    if (!file_exists(golden) || !file_exists(source)) {
        print_message("skip: ../shared/golden or ../shared/data not here\n");
        skip();
    }
    struct archive *a;
    struct archive_entry entry;
    int found = 1, frames = 0;
    char *text = NULL;
    size_t size = 0, count = 0;
    assert_int_equal(archive_open(source, &a, NULL), 0);
    while (!text && archive_next(a, &entry, &found, NULL) == 0 && found)
        if (strcmp(entry.name, "dataset-1_bow_normal_001.bvh") == 0)
            assert_int_equal(archive_read(a, BVH_MAX_BYTES, &text, &size, NULL), 0);
    archive_close(a);
    assert_non_null(text);
    struct bvh b;
    struct joint_map m;
    double *joints, *want;
    struct h5 *f;
    assert_int_equal(bvh_parse("clip", text, size, &b, NULL), 0);
    assert_int_equal(joint_map_read("bandai", skeleton_humanml3d(), &m, NULL), 0);
    assert_int_equal(bvh_joints(&b, &m, 20.0, &joints, &frames, NULL), 0);
    assert_int_equal(h5_open(golden, &f, NULL), 0);
    assert_int_equal(h5_read_double(f, "dataset-1_bow_normal_001/joints22", &want, &count, NULL), 0);
    assert_int_equal(count, (size_t)frames * 66);
    for (size_t k = 0; k < count; k++)
        assert_true(fabs(joints[k] - want[k]) < 2e-5);
    h5_close(f);
    free(want);
    free(joints);
    free(text);
    bvh_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_positions),     cmocka_unit_test(test_resampling),
        cmocka_unit_test(test_channel_order), cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_malformed),     cmocka_unit_test(test_limits),
        cmocka_unit_test(test_damage),        cmocka_unit_test(test_decimal),
        cmocka_unit_test(test_joint_map),     cmocka_unit_test(test_archive),
        cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests(tests, NULL, clean);
}
