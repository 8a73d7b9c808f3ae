/* Readers stay inside what they are given: each input ends at a page that cannot be read, and so
 * does every beginning of it. */
#include "../bench/json_read.h"
#include "../datasets/bvh.h"
#include "../engine/config_file.h"
#include "../engine/gunzip.h"
#include "../engine/html_entities.h"
#include "../engine/npy.h"
#include "../engine/pickle.h"
#include "../engine/safetensors.h"
#include "../engine/sentencepiece_model.h"
#include "../engine/torch_file.h"
#include "../engine/unicode.h"
#include "checkpoint_bytes.h"
#include "model_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

enum { ROOM = 1 << 16 };
static unsigned char *guard; /* the first byte that cannot be read; ROOM bytes before it can */

static int map_guard(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)state;
    unsigned char *p = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + ROOM, page, PROT_NONE) != 0) return -1;
    guard = p + ROOM;
    return 0;
}

typedef int read_fn(const unsigned char *data, size_t size, struct error *e);

/* The whole must be read, its beginnings read or refused. */
static void every_beginning(const char *name, const void *data, size_t size, read_fn *read)
{
    struct error e = {0};
    assert_true(size <= ROOM);
    for (size_t n = size + 1; n-- > 0;) {
        unsigned char *at = guard - n;
        memcpy(at, data, n);
        int rc = read(at, n, &e);
        if (rc && (n == size || rc != ERR_INPUT)) fail_msg("%s, %zu of %zu bytes: %d, %s", name, n, size, rc, e.text);
    }
}

static int weights_of(int (*read)(const unsigned char *, size_t, struct weights *, struct error *), const unsigned char *data, size_t size,
                      struct error *e)
{
    struct weights w = {.path = "guarded"};
    const float *values;
    int rc = read(data, size, &w, e);
    for (int i = 0; !rc && i < w.count; i++) rc = weight_values(&w, &w.items[i], &values, e);
    weights_free(&w);
    return rc;
}

static int read_zip(const unsigned char *data, size_t size, struct error *e) { return weights_of(torch_read_zip, data, size, e); }
static int read_legacy(const unsigned char *data, size_t size, struct error *e) { return weights_of(torch_read_legacy, data, size, e); }
static int read_safetensors(const unsigned char *data, size_t size, struct error *e) { return weights_of(safetensors_read, data, size, e); }

static int read_pickle(const unsigned char *data, size_t size, struct error *e)
{
    struct pickle p;
    size_t consumed;
    int rc = pickle_parse("guarded", data, size, &p, &consumed, e);
    pickle_free(&p);
    return rc;
}

static int read_array(const unsigned char *data, size_t size, struct error *e)
{
    struct npy a;
    int rc = npy_from_bytes("guarded", data, size, &a, e);
    if (!rc) npy_free(&a);
    return rc;
}

static int read_model(const unsigned char *data, size_t size, struct error *e)
{
    struct sentencepiece_model m;
    int rc = sentencepiece_model_parse("guarded", data, size, &m, e);
    if (!rc) sentencepiece_model_free(&m);
    return rc;
}

static int read_bvh(const unsigned char *data, size_t size, struct error *e)
{
    struct bvh b;
    int rc = bvh_parse("guarded", (const char *)data, size, &b, e);
    if (!rc) bvh_free(&b);
    return rc;
}

static int read_json(const unsigned char *data, size_t size, struct error *e)
{
    cJSON *tree;
    int rc = json_read_text("guarded", (const char *)data, size, &tree, e);
    if (!rc) cJSON_Delete(tree);
    return rc;
}

static int read_config(const unsigned char *data, size_t size, struct error *e)
{
    cJSON *tree;
    int rc = config_parse("guarded", (const char *)data, size, &tree, e);
    if (!rc) cJSON_Delete(tree);
    return rc;
}

static int read_gzip(const unsigned char *data, size_t size, struct error *e)
{
    char *out;
    size_t n;
    int rc = gunzip("guarded", data, size, 1 << 16, &out, &n, e);
    if (!rc) free(out);
    return rc;
}

static int read_text(const unsigned char *data, size_t size, struct error *e)
{
    struct text_buffer a = {0}, b = {0}, c = {0};
    const char *text = (const char *)data;
    int rc = html_unescape(text, size, &a, e);
    if (!rc) rc = unicode_lower(text, size, 1, &b, e);
    if (!rc) rc = unicode_compose(text, size, &c, e);
    utf8_valid(text, size);
    text_buffer_free(&a);
    text_buffer_free(&b);
    text_buffer_free(&c);
    return rc;
}

static void checkpoints(void **state)
{
    static struct bytes pickle, out;
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    static const char *const names[] = {"w", "t"};
    const struct tensor_spec tensors[] = {{"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}}, {"FloatStorage", "0", 6, 0, 2, {3, 2}, {1, 3}}};
    (void)state;
    put_checkpoint(&pickle, 2, names, tensors);
    every_beginning("pickle", pickle.at, pickle.n, read_pickle);
    struct zip_entry z[2] = {{.name = "a/data.pkl", .data = pickle.at, .size = pickle.n},
                             {.name = "a/data/0", .data = six, .size = sizeof six}};
    const struct zip_lies zip64 = {.with_zip64 = 1};
    put_zip(&out, 2, z, &zip64);
    every_beginning("zip", out.at, out.n, read_zip);
    out.n = 0;
    put_legacy_preamble(&out, 1);
    put(&out, pickle.at, pickle.n);
    PUT(&out, "\x80\x02](X\x01\0\0\0" "0e.\x06\0\0\0\0\0\0\0");
    put(&out, six, sizeof six);
    every_beginning("stream", out.at, out.n, read_legacy);
    static const char header[] = "{\"a\":{\"dtype\":\"BF16\",\"shape\":[3],\"data_offsets\":[0,6]}}";
    out.n = 0;
    put_little(&out, sizeof header - 1, 8);
    put(&out, header, sizeof header - 1);
    put(&out, "\0\0\0\0\0\0", 6);
    every_beginning("safetensors", out.at, out.n, read_safetensors);
}

static void arrays_and_models(void **state)
{
    static struct bytes out;
    static struct model_bytes model;
    (void)state;
    PUT(&out, "\x93NUMPY\1\0\x3c\0{'descr': '<f2', 'fortran_order': False, 'shape': (3, 1), }\n\0\0\0\0\0\0");
    out.at[8] = (unsigned char)(out.n - 10 - 6);
    every_beginning("npy", out.at, out.n, read_array);
    small_model(&model);
    every_beginning("SentencePiece", model.data, model.size, read_model);
}

static void documents(void **state)
{
    static const char figure[] = "HIERARCHY\nROOT a\n{OFFSET 0 0 0 CHANNELS 3 Zrotation Xrotation Yrotation\nEnd Site\n{OFFSET 0 0 1}}\n"
                                 "MOTION\nFrames: 2\nFrame Time: .05\n1 -2.5e0 3\n4 5 6";
    static const char json[] = "{\"a\\n\": [1.5e3, \"\xc3\xbc\\u00e9\", true, null, {\"b\": -0.25}]}";
    static const char caption[] = "A caf\xc3\xa9 &amp;&#x41;&notin; \xce\xa3\xce\xa3 cafe\xcc\x81 \xf0\x9f\x98\x80 &ampx";
    unsigned char packed[400];
    char text[sizeof figure];
    z_stream z = {0};
    (void)state;
    every_beginning("BVH", figure, sizeof figure - 1, read_bvh);
    every_beginning("JSON", json, sizeof json - 1, read_json);
    every_beginning("configuration", json, sizeof json - 1, read_config);
    every_beginning("caption", caption, sizeof caption - 1, read_text);
    memcpy(text, figure, sizeof figure);
    z.next_in = (Bytef *)text;
    z.avail_in = sizeof figure;
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    every_beginning("gzip", packed, z.total_out, read_gzip);
    deflateEnd(&z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checkpoints), cmocka_unit_test(arrays_and_models), cmocka_unit_test(documents)};
    return cmocka_run_group_tests_name("bounds", tests, map_guard, NULL);
}
