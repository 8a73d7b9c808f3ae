/* Tensors as they lie in checkpoints: every element type, views into shared storages, objects beside the
 * tensors that are passed over, classes that are refused; NumPy archives. */
#include "../engine/npz.h"
#include "../engine/pickle.h"
#include "../engine/weights.h"
#include "checkpoint_bytes.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <zlib.h>

#define BYTES(s) s, sizeof(s) - 1

/* Writes the pickle with storages data/0, data/1 … as an archive. */
static void write_archive(const char *path, const struct bytes *pickle, int n, const void *const *data,
                          const size_t *sizes)
{
    static struct bytes out;
    struct zip_entry z[16] = {{.name = "a/data.pkl", .data = pickle->at, .size = pickle->n}};
    out.n = 0;
    for (int i = 0; i < n; i++) {
        snprintf(z[1 + i].name, sizeof z[1 + i].name, "a/data/%d", i);
        z[1 + i].data = data[i];
        z[1 + i].size = sizes[i];
    }
    put_zip(&out, 1 + n, z, NULL);
    scratch_write(path, out.at, out.n);
}

static void assert_row(const struct weights *w, const char *name, const char *type, int count, const float *expected)
{
    struct weight *item = weights_find(w, name);
    const float *values = NULL;
    struct error e = {0};
    if (item == NULL)
        fail_msg("%s is missing", name);
    if (weight_values(w, item, &values, &e))
        fail_msg("%s", e.text);
    assert_string_equal(weight_type(item), type);
    assert_int_equal(item->count, count);
    for (int i = 0; i < count; i++)
        if (values[i] != expected[i])
            fail_msg("%s, element %d: %g instead of %g", name, i, (double)values[i], (double)expected[i]);
    weight_done(w, item);
}

/* 0, 1 and -2 (of unsigned types 254, of bool 1) in each type. */
static void every_element_type(void **state)
{
    static const unsigned char f64[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0};
    static const unsigned char f32[] = {0, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0};
    static const unsigned char f16[] = {0, 0, 0, 0x3c, 0, 0xc0}, bf16[] = {0, 0, 0x80, 0x3f, 0, 0xc0};
    static const int64_t i64[] = {0, 1, -2};
    static const int32_t i32[] = {0, 1, -2};
    static const int16_t i16[] = {0, 1, -2};
    static const signed char i8[] = {0, 1, -2};
    static const struct {
        const char *storage, *type;
        const void *data;
        size_t size;
        float third;
    } table[] = {
        {"DoubleStorage", "float64", f64, sizeof f64, -2}, {"FloatStorage", "float32", f32, sizeof f32, -2},
        {"HalfStorage", "float16", f16, sizeof f16, -2},   {"BFloat16Storage", "bfloat16", bf16, sizeof bf16, -2},
        {"LongStorage", "int64", i64, sizeof i64, -2},     {"IntStorage", "int32", i32, sizeof i32, -2},
        {"ShortStorage", "int16", i16, sizeof i16, -2},    {"CharStorage", "int8", i8, sizeof i8, -2},
        {"ByteStorage", "uint8", i8, sizeof i8, 254},      {"BoolStorage", "bool", i8, sizeof i8, 1},
    };
    enum { N = sizeof table / sizeof *table };
    static struct bytes pickle;
    struct tensor_spec specs[N];
    const char *names[N];
    const void *data[N];
    size_t sizes[N];
    char keys[N][4], path[512];
    struct weights w;
    struct error e = {0};
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof keys[i], "%d", i);
        specs[i] = (struct tensor_spec){table[i].storage, keys[i], 3, 0, 1, {3}, {1}};
        names[i] = table[i].type;
        data[i] = table[i].data;
        sizes[i] = table[i].size;
    }
    pickle.n = 0;
    put_checkpoint(&pickle, N, names, specs);
    write_archive(scratch_path(*state, "types.pt", path), &pickle, N, data, sizes);
    if (weights_read(path, &w, &e))
        fail_msg("%s", e.text);
    assert_int_equal(w.count, N);
    for (int i = 0; i < N; i++)
        assert_row(&w, names[i], table[i].type, 3, (const float[3]){0, 1, table[i].third});
    weights_free(&w);
    static const char *const refused[] = {"ComplexFloatStorage", "ComplexDoubleStorage", "QInt8Storage"};
    for (int i = 0; i < 3; i++) {
        specs[0].storage = refused[i];
        pickle.n = 0;
        put_checkpoint(&pickle, 1, names, specs);
        write_archive(path, &pickle, 1, data, sizes);
        assert_int_equal(weights_read(path, &w, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, refused[i]));
        assert_non_null(strstr(e.text, "not read"));
    }
}

static void views_into_one_storage(void **state)
{
    static const float x[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    static const struct {
        const char *name;
        struct tensor_spec spec;
        int count;
        float expected[12];
    } table[] = {
        {"whole", {"FloatStorage", "0", 12, 0, 2, {3, 4}, {4, 1}}, 12, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
        {"transposed", {"FloatStorage", "0", 12, 0, 2, {4, 3}, {1, 4}}, 12, {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}},
        {"rows", {"FloatStorage", "0", 12, 4, 2, {2, 4}, {4, 1}}, 8, {4, 5, 6, 7, 8, 9, 10, 11}},
        {"column", {"FloatStorage", "0", 12, 3, 1, {3}, {4}}, 3, {3, 7, 11}},
        {"steps", {"FloatStorage", "0", 12, 0, 2, {2, 2}, {8, 2}}, 4, {0, 2, 8, 10}},
        {"expanded rows", {"FloatStorage", "0", 12, 1, 2, {3, 2}, {0, 1}}, 6, {1, 2, 1, 2, 1, 2}},
        {"expanded", {"FloatStorage", "0", 12, 5, 2, {2, 3}, {0, 0}}, 6, {5, 5, 5, 5, 5, 5}},
        {"three", {"FloatStorage", "0", 12, 0, 3, {2, 3, 2}, {1, 4, 2}}, 12, {0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11}},
        {"ones", {"FloatStorage", "0", 12, 2, 3, {1, 2, 1}, {INT64_MAX, 1, INT64_MAX}}, 2, {2, 3}},
        {"scalar", {"FloatStorage", "0", 12, 11, 0, {0}, {0}}, 1, {11}},
        {"empty", {"FloatStorage", "0", 12, 12, 2, {0, 4}, {4, 1}}, 0, {0}},
    };
    enum { N = sizeof table / sizeof *table };
    static struct bytes pickle;
    struct tensor_spec specs[N];
    const char *names[N];
    char path[512];
    struct weights w;
    struct error e = {0};
    for (int i = 0; i < N; i++) {
        specs[i] = table[i].spec;
        names[i] = table[i].name;
    }
    pickle.n = 0;
    put_checkpoint(&pickle, N, names, specs);
    write_archive(scratch_path(*state, "views.pt", path), &pickle, 1, (const void *[]){x}, (const size_t[]){sizeof x});
    if (weights_read(path, &w, &e))
        fail_msg("%s", e.text);
    for (int i = 0; i < N; i++)
        assert_row(&w, names[i], "float32", table[i].count, table[i].expected);
    weights_free(&w);
}

/* What Lightning writes beside the tensors: classes as keys, callbacks, OmegaConf objects, NumPy scalars, an
 * optimiser's state with integer keys. The tensors are read, the rest is named and passed over. */
static void objects_beside_the_tensors(void **state)
{
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    static const struct tensor_spec x = {"FloatStorage", "0", 6, 0, 1, {6}, {1}};
    static struct bytes p;
    char path[512];
    struct weights w;
    struct error e = {0};
    p.n = 0;
    PUT(&p, "\x80\x02}(");
    put_text(&p, "callbacks");
    PUT(&p, "}cpytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\n}");
    put_text(&p, "best");
    PUT(&p, "cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n");
    put_text(&p, "f8");
    PUT(&p, "\x89\x88\x87Rc_codecs\nencode\n");
    PUT(&p, "X\x08\0\0\0\0\0\0\0\0\0\x08@");
    put_text(&p, "latin1");
    PUT(&p, "\x86R\x86Rss");
    put_text(&p, "hyper_parameters");
    PUT(&p, "comegaconf.dictconfig\nDictConfig\n)\x81}");
    put_text(&p, "_content");
    PUT(&p, "c__builtin__\ndict\nsb");
    put_text(&p, "more");
    PUT(&p, "cpytorch_lightning.utilities.parsing\nAttributeDict\n)\x81(");
    put_text(&p, "device");
    PUT(&p, "ctorch\ndevice\n");
    put_text(&p, "cuda:0");
    PUT(&p, "\x85Ru");
    put_text(&p, "counts");
    PUT(&p, "ccollections\ndefaultdict\nc__builtin__\ndict\n\x85R");
    put_text(&p, "optimizer_states");
    PUT(&p, "](}");
    put_text(&p, "state");
    PUT(&p, "}K\x00}");
    put_text(&p, "exp_avg");
    put_tensor(&p, &x);
    PUT(&p, "sss");
    PUT(&p, "e");
    put_text(&p, "parameter");
    PUT(&p, "ctorch._utils\n_rebuild_parameter\n");
    put_tensor(&p, &x);
    PUT(&p, "\x88}\x87R");
    put_text(&p, "typed");
    PUT(&p, "ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_parameter\nctorch.nn.parameter\nParameter\n");
    put_tensor(&p, &x);
    PUT(&p, "\x88}\x87}tRu.");
    write_archive(scratch_path(*state, "lightning.ckpt", path), &p, 1, (const void *[]){six}, (const size_t[]){24});
    if (weights_read(path, &w, &e))
        fail_msg("%s", e.text);
    assert_int_equal(w.count, 3);
    assert_row(&w, "optimizer_states.0.state.0.exp_avg", "float32", 6, six);
    assert_row(&w, "parameter", "float32", 6, six);
    assert_row(&w, "typed", "float32", 6, six);
    assert_string_equal(weights_opaque_name(&w, 0), "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint");
    assert_string_equal(weights_opaque_name(&w, 1), "omegaconf.dictconfig.DictConfig");
    assert_string_equal(weights_opaque_name(&w, 2), "pytorch_lightning.utilities.parsing.AttributeDict");
    assert_null(weights_opaque_name(&w, 3));
    weights_free(&w);
}

/* Every other class stays refused, by its name, also in the place of an opaque object. */
static void other_classes_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "os\nsystem", "builtins\neval", "builtins\ngetattr", "__builtin__\nexec", "__builtin__\napply",
        "subprocess\nPopen", "torch\nload", "torch.hub\nload", "torch.jit._script\nunpackage_script_module",
        "torch.storage\n_load_from_bytes", "torch.nn.modules.linear\nLinear", "pytorch_lightningx\nA",
        "numpy\nload", "functools\npartial", "omegaconf\nOmegaConf", "torch.optimx\nSGD"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[200], dotted[200];
        struct pickle p;
        struct error e = {0};
        size_t consumed = 0;
        int n = snprintf(text, sizeof text, "\x80\x02" "c%s\n)R.", names[i]);
        snprintf(dotted, sizeof dotted, "%s", names[i]);
        *strchr(dotted, '\n') = '.';
        assert_int_equal(pickle_parse("x.ckpt", text, (size_t)n, &p, &consumed, &e), ERR_INPUT);
        if (!strstr(e.text, dotted))
            fail_msg("%s is not in: %s", dotted, e.text);
        pickle_free(&p);
    }
    static const char typed[] = "\x80\x02" "ctorch._tensor\n_rebuild_from_type_v2\n(ccollections\nOrderedDict\nN)}tR.";
    struct pickle p;
    struct error e = {0};
    size_t consumed = 0;
    assert_int_equal(pickle_parse("x.ckpt", typed, sizeof typed - 1, &p, &consumed, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "OrderedDict"));
    pickle_free(&p);
}

/* ---- .npz ---- */

static size_t put_array(unsigned char *out, const char *header, const void *data, size_t size)
{
    size_t n = strlen(header);
    memcpy(out, "\x93NUMPY\x01\0", 8);
    out[8] = (unsigned char)n;
    out[9] = 0;
    memcpy(out + 10, header, n);
    memcpy(out + 10 + n, data, size);
    return 10 + n + size;
}

/* Raw deflate. */
static size_t deflated(const void *data, size_t n, unsigned char *out, size_t room)
{
    z_stream s = {0};
    assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    s.next_in = (unsigned char *)(uintptr_t)data;
    s.avail_in = (uInt)n;
    s.next_out = out;
    s.avail_out = (uInt)room;
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    deflateEnd(&s);
    return room - s.avail_out;
}

/* One deflated member: local header, data, directory, end; `size` and `checksum` are what it claims. */
static void put_deflated(struct bytes *b, const char *name, const unsigned char *packed, size_t n, size_t size,
                         uint32_t checksum)
{
    for (int central = 0; central < 2; central++) {
        size_t at = b->n;
        put(b, central ? "PK\1\2" : "PK\3\4", 4);
        put_little(b, 20, central ? 4 : 2);
        put_little(b, 0, 2);
        put_little(b, 8, 2);
        put_little(b, 0, 4);
        put_little(b, checksum, 4);
        put_little(b, n, 4);
        put_little(b, size, 4);
        put_little(b, strlen(name), 2);
        put_little(b, 0, 2);
        for (int i = 0; central && i < 7; i++)
            put_little(b, 0, 2); /* comment, disk, attributes, offset */
        put(b, name, strlen(name));
        if (!central)
            put(b, packed, n);
        if (central) {
            PUT(b, "PK\5\6\0\0\0\0\1\0\1\0");
            put_little(b, b->n - 12 - at, 4);
            put_little(b, at, 4);
            put_little(b, 0, 2);
        }
    }
}

static void numpy_archives(void **state)
{
    static const char head[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n";
    static const float four[4] = {1, 2, 3, 4};
    unsigned char array[200], object[200], packed[300];
    size_t n = put_array(array, head, four, sizeof four);
    size_t nobject = put_array(object, "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }\n", four, 16);
    static struct bytes out;
    char path[512];
    struct npz *z = NULL;
    struct npy a;
    struct error e = {0};
    struct zip_entry stored[2] = {{.name = "mean.npy", .data = array, .size = n},
                                  {.name = "odd.npy", .data = object, .size = nobject}};
    scratch_path(*state, "arrays.npz", path);
    out.n = 0;
    put_zip(&out, 2, stored, NULL);
    scratch_write(path, out.at, out.n);
    if (npz_open(path, &z, &e))
        fail_msg("%s", e.text);
    assert_int_equal(npz_count(z), 2);
    assert_string_equal(npz_name(z, 0), "mean");
    assert_int_equal(npz_read(z, "mean", &a, &e), 0);
    assert_true(a.rank == 2 && a.count == 4 && a.data[3] == 4);
    npy_free(&a);
    assert_int_equal(npz_read(z, "odd", &a, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "odd.npy: element type '|O'"));
    assert_int_equal(npz_read(z, "std", &a, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "'std'"));
    npz_close(z);

    /* Deflated: sound, then with a lie in each claim. */
    size_t packed_size = deflated(array, n, packed, sizeof packed);
    uint32_t sum = crc32_of(array, n);
    const struct {
        const char *name, *says;
        size_t n, size;
        uint32_t checksum;
        int opens;
    } table[] = {
        {"x.npy", NULL, packed_size, n, sum, 1},
        {"x.npy", "checksum", packed_size, n, sum + 1, 1},
        {"x.npy", "does not unpack", packed_size, n + 1, sum, 1},
        {"x.npy", "does not unpack", packed_size, n - 1, sum, 1},
        {"x.npy", "does not unpack", packed_size - 2, n, sum, 1},
        {"x.npy", "more than deflate can hold", packed_size, (size_t)1 << 30, sum, 0},
        {"x.txt", "no .npy array", packed_size, n, sum, 0},
        {"../x.npy", "'..'", packed_size, n, sum, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        out.n = 0;
        put_deflated(&out, table[i].name, packed, table[i].n, table[i].size, table[i].checksum);
        scratch_write(path, out.at, out.n);
        memset(&e, 0, sizeof e);
        int rc = npz_open(path, &z, &e);
        assert_int_equal(rc == 0, table[i].opens);
        if (rc == 0) {
            rc = npz_read(z, "x", &a, &e);
            if (rc == 0) {
                assert_true(a.count == 4 && a.data[0] == 1);
                npy_free(&a);
            }
            npz_close(z);
        }
        if (table[i].says ? rc != ERR_INPUT || !strstr(e.text, table[i].says) : rc != 0)
            fail_msg("row %zu: code %d, %s", i, rc, e.text);
    }
    for (size_t cut = 0; cut < out.n; cut++) {
        scratch_write(path, out.at, cut);
        assert_int_equal(npz_open(path, &z, &e), ERR_INPUT);
    }
}

/* A TorchScript archive has compressed source text beside its tensors; a compressed storage is refused. */
static void compressed_entries(void **state)
{
    (void)state;
    static struct bytes pickle, out;
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    static const struct tensor_spec x = {"FloatStorage", "0", 6, 0, 1, {6}, {1}};
    static const char *const name[] = {"x"};
    char path[512];
    struct weights w;
    struct error e = {0};
    scratch_path(*state, "script.pt", path);
    for (int which = 0; which < 2; which++) {
        pickle.n = out.n = 0;
        put_checkpoint(&pickle, 1, name, &x);
        struct zip_entry z[3] = {{.name = "a/data.pkl", .data = pickle.at, .size = pickle.n},
                                 {.name = "a/data/0", .data = six, .size = 24, .method = which == 1 ? 8 : 0},
                                 {.name = "a/code/x.py", .data = "x", .size = 1, .method = which == 0 ? 8 : 0}};
        put_zip(&out, 3, z, NULL);
        scratch_write(path, out.at, out.n);
        int rc = weights_read(path, &w, &e);
        assert_int_equal(rc, which == 0 ? 0 : ERR_INPUT);
        if (rc)
            assert_non_null(strstr(e.text, "compressed"));
        weights_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_element_type),
        cmocka_unit_test(views_into_one_storage),
        cmocka_unit_test(objects_beside_the_tensors),
        cmocka_unit_test(other_classes_are_refused),
        cmocka_unit_test(numpy_archives),
        cmocka_unit_test(compressed_entries),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
