/* Files, NumPy arrays and HDF5: round trips, and a table of malformed inputs
 * that must each give a bad-input error of one line. */
#include "../engine/file.h"
#include "../engine/h5.h"
#include "../engine/npy.h"
#include "../engine/rng.h"
#include "scratch.h"

#include <hdf5.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <cmocka.h>

static void assert_one_line(const struct error *e, int code)
{
    assert_int_equal(e->code, code);
    assert_true(strlen(e->text) > 10);
    assert_null(strpbrk(e->text, "\n\r\t\x1b"));
}

/* ---- Errors ---- */

static void messages_are_one_line(void **state)
{
    (void)state;
    struct error e = {0};
    assert_int_equal(error_set(&e, ERR_INPUT, "a\nb\x1b[1m%s", "c\td"), ERR_INPUT);
    assert_string_equal(e.text, "a b [1mc d");
    assert_int_equal(error_prefix(&e, "file %d", 7), ERR_INPUT);
    assert_string_equal(e.text, "file 7: a b [1mc d");
    assert_int_equal(error_set(NULL, ERR_USAGE, "unseen"), ERR_USAGE);
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    error_set(&e, ERR_INPUT, "%s", longer);
    assert_true(strlen(e.text) == sizeof e.text - 1);
}

/* ---- Files ---- */

static void writes_are_atomic(void **state)
{
    char path[512];
    struct error e;
    char *data = NULL;
    size_t size = 0;
    scratch_path(*state, "atomic.txt", path);
    assert_int_equal(file_write(path, "old", 3, &e), 0);
    struct file_writer w;
    assert_int_equal(file_begin(&w, path, &e), 0);
    assert_true(fputs("half of the new", w.stream) >= 0);
    assert_int_equal(file_read(path, 100, &data, &size, &e), 0);
    assert_string_equal(data, "old");
    free(data);
    file_abandon(&w);
    assert_false(file_exists(w.temporary[0] ? w.temporary : "\x01"));
    assert_int_equal(file_begin(&w, path, &e), 0);
    assert_true(fputs("new", w.stream) >= 0);
    assert_int_equal(file_commit(&w, &e), 0);
    assert_int_equal(file_read(path, 3, &data, &size, &e), 0);
    assert_string_equal(data, "new");
    free(data);
    assert_int_equal(file_read(path, 2, &data, &size, &e), ERR_INPUT);
    assert_one_line(&e, ERR_INPUT);
    char **names = NULL;
    int count = 0;
    const struct scratch *s = *state;
    assert_int_equal(file_list(s->folder, &names, &count, &e), 0);
    for (int i = 0; i < count; i++)
        assert_null(strstr(names[i], ".tmp-"));
    file_list_free(names, count);
}

static void folders_pipes_and_absent_files(void **state)
{
    char path[512];
    struct error e;
    char *data = NULL;
    size_t size = 0;
    const struct scratch *s = *state;
    assert_int_equal(file_read(s->folder, 100, &data, &size, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "folder"));
    assert_int_equal(file_read(scratch_path(*state, "absent", path), 100, &data, &size, &e), ERR_INPUT);
    scratch_path(*state, "pipe", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(file_read(path, 100, &data, &size, &e), ERR_INPUT);
    assert_one_line(&e, ERR_INPUT);
    assert_int_equal(file_size(path), -1);
    assert_int_equal(file_write(path, "x", 1, &e), ERR_USAGE);       /* and is still there */
    assert_int_equal(file_write(scratch_path(*state, "no/such/folder", path), "x", 1, &e), ERR_ENV);
    assert_int_equal(file_write(s->folder, "x", 1, &e), ERR_USAGE);
    char deep[1024];
    snprintf(deep, sizeof deep, "%s/a//b/", s->folder);
    assert_int_equal(file_make_folder(deep, &e), 0);
    assert_int_equal(file_make_folder(deep, &e), 0);
    assert_int_equal(rmdir(deep), 0);
    scratch_write(scratch_path(*state, "file", path), "x", 1);
    assert_int_equal(file_make_folder(path, &e), ERR_ENV);
}

static void sha256_known_answers(void **state)
{
    char hex[65], path[512];
    struct error e;
    sha256_bytes("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_bytes("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    scratch_write(scratch_path(*state, "abc", path), "abc", 3);
    memset(hex, 0, sizeof hex);
    assert_int_equal(sha256_file(path, hex, &e), 0);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* ---- .npy ---- */

/* Magic, version, length, header padded with a newline, then payload. */
static size_t npy_bytes(unsigned char *out, int version, const char *header, const void *data, size_t size)
{
    size_t n = strlen(header), start = version == 1 ? 10 : 12;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (unsigned char)version;
    out[7] = 0;
    out[8] = (unsigned char)(n & 255);
    out[9] = (unsigned char)(n >> 8);
    if (version != 1)
        out[10] = out[11] = 0;
    memcpy(out + start, header, n);
    if (size)
        memcpy(out + start + n, data, size);
    return start + n + size;
}

static void npy_round_trip(void **state)
{
    char path[512];
    struct error e;
    static const int shapes[][9] = {{0},          {1, 5}, {2, 3, 4},
                                    {3, 2, 1, 7}, {1, 0}, {8, 1, 2, 1, 2, 1, 2, 1, 2}};
    float values[64];
    rng_fill_normal(1, 1, 0, values, 64);
    scratch_path(*state, "array.npy", path);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int rank = shapes[i][0], shape[8];
        float *got = NULL;
        size_t count = 1;
        for (int d = 0; d < rank; d++)
            count *= (size_t)shapes[i][1 + d];
        assert_int_equal(npy_write_float(path, rank, shapes[i] + 1, values, &e), 0);
        assert_int_equal(file_size(path) % 64, count * 4 % 64);
        assert_int_equal(npy_read_float(path, rank, shape, &got, &e), 0);
        for (int d = 0; d < rank; d++)
            assert_int_equal(shape[d], shapes[i][1 + d]);
        assert_memory_equal(got, values, count * 4);
        free(got);
        assert_int_equal(npy_read_float(path, rank + 1, shape, &got, &e), ERR_INPUT);
    }
}

static void npy_known_answers(void **state)
{
    char path[512];
    struct error e;
    unsigned char file[1024];
    struct npy a;
    static const struct {
        const char *header, *type;
        unsigned char data[16];
        size_t size;
        int rank, version;
        double first, last;
    } table[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }  \n",
         "f4",
         {0, 0, 128, 63, 0, 0, 0, 192},
         8,
         1,
         1,
         1,
         -2},
        {"{'shape': (), 'fortran_order': False, 'descr': '<f8'}\n",
         "f8",
         {0, 0, 0, 0, 0, 0, 0xf8, 0x3f},
         8,
         0,
         1,
         1.5,
         1.5},
        {"{\"descr\": \"<f2\", \"fortran_order\": False, \"shape\": (2,2)}\n",
         "f2",
         {0, 0x3c, 1, 0, 0, 0xc0, 0xff, 0x7b},
         8,
         2,
         2,
         1,
         65504},
        {"{'descr': '<i4', 'fortran_order': False, 'shape': (1, 1, 2)}",
         "i4",
         {255, 255, 255, 255, 7},
         8,
         3,
         2,
         -1,
         7},
        {"{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}",
         "i8",
         {0, 0, 0, 0, 1},
         8,
         1,
         1,
         4294967296.0,
         4294967296.0},
    };
    scratch_path(*state, "known.npy", path);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t n = npy_bytes(file, table[i].version, table[i].header, table[i].data, table[i].size);
        scratch_write(path, file, n);
        int rc = npy_read(path, &a, &e);
        assert_string_equal(rc ? e.text : "", "");
        assert_int_equal(a.rank, table[i].rank);
        assert_string_equal(a.type, table[i].type);
        assert_true(a.data[0] == table[i].first && a.data[a.count - 1] == table[i].last);
        npy_free(&a);
    }
}

#define HEAD(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape "}\n"

static void npy_malformed(void **state)
{
    char path[512];
    struct error e;
    unsigned char file[2048];
    struct npy a;
    static const float four[4] = {1, 2, 3, 4};
    static const struct {
        const char *header;
        size_t payload;
    } table[] = {
        {HEAD("'|O'", "False", "(4,)"), 16},
        {HEAD("'>f4'", "False", "(4,)"), 16},
        {HEAD("'<f16'", "False", "(1,)"), 16},
        {HEAD("'<U4'", "False", "(1,)"), 16},
        {HEAD("[('a', '<f4')]", "False", "(4,)"), 16},
        {HEAD("'<f4'", "True", "(4,)"), 16},
        {HEAD("'<f4'", "0", "(4,)"), 16},
        {HEAD("'<f4'", "False", "(5,)"), 16},
        {HEAD("'<f4'", "False", "(3,)"), 16},
        {HEAD("'<f4'", "False", "()"), 16},
        {HEAD("'<f4'", "False", "(0,)"), 16},
        {HEAD("'<f4'", "False", "(-1,)"), 16},
        {HEAD("'<f4'", "False", "(4)"), 16},
        {HEAD("'<f4'", "False", "(2 2)"), 16},
        {HEAD("'<f4'", "False", "(4611686018427387904,2)"), 16},
        {HEAD("'<f4'", "False", "(1073741824,1073741824,4)"), 16},
        {HEAD("'<f4'", "False", "(1073741824,1073741824,1073741824,1073741824)"), 0},
        {HEAD("'<f4'", "False", "(1,1,1,1,1,1,1,1,4)"), 16},
        {HEAD("'<f4'", "False", "(4,"), 16},
        {HEAD("'<f4'", "False", "(4.0,)"), 16},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (4,)}", 16},
        {"{'descr': '<f4', 'fortran_order': False}", 16},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}", 16},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'more': 1}", 16},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} x", 16},
        {"", 16},
        {"{", 16},
        {"{'descr': '", 16},
    };
    scratch_path(*state, "bad.npy", path);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        scratch_write(path, file, npy_bytes(file, 1, table[i].header, four, table[i].payload));
        memset(&e, 0, sizeof e);
        if (npy_read(path, &a, &e) != ERR_INPUT)
            fail_msg("accepted: %s", table[i].header);
        assert_one_line(&e, ERR_INPUT);
    }
    size_t n = npy_bytes(file, 1, HEAD("'<f4'", "False", "(4,)"), four, 16);
    for (size_t cut = 0; cut < n; cut++) {
        scratch_write(path, file, cut);
        assert_int_equal(npy_read(path, &a, &e), ERR_INPUT);
    }
    static const struct {
        size_t at;
        unsigned char value;
    } patches[] = {
        {0, 'x'}, {1, 'n'}, {6, 9}, {6, 0}, {6, 3}, {7, 1}, {8, 0}, {9, 255}, {9, 1},
    };
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        unsigned char kept = file[patches[i].at];
        file[patches[i].at] = patches[i].value;
        scratch_write(path, file, n);
        assert_int_equal(npy_read(path, &a, &e), ERR_INPUT);
        file[patches[i].at] = kept;
    }
}

static void npy_non_finite(void **state)
{
    char path[512];
    struct error e;
    unsigned char file[256];
    int shape[8];
    float *out = NULL;
    struct npy a;
    scratch_path(*state, "nan.npy", path);
    for (int kind = 0; kind < 3; kind++) {
        double values[3] = {1, kind == 0 ? (double)NAN : kind == 1 ? (double)INFINITY : 1e300, 2};
        scratch_write(path, file, npy_bytes(file, 1, HEAD("'<f8'", "False", "(3,)"), values, 24));
        assert_int_equal(npy_read_float(path, 1, shape, &out, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "value 1 "));
        assert_int_equal(npy_read(path, &a, &e), 0);
        npy_free(&a);
    }
}

/* ---- HDF5 ---- */

static void h5_round_trip(void **state)
{
    char path[512], text[64];
    struct error e;
    struct h5 *f = NULL;
    float reals[6] = {1, 2, 3, 4, 5, -6.5f};
    double doubles[2] = {1e-300, 3};
    int32_t ints[3] = {-7, 0, 2147483647};
    char *words[3] = {"walk", "",
                      "r\xc3\xbc"
                      "ckw\xc3\xa4rts"};
    int dims[2] = {2, 3};
    scratch_path(*state, "round.h5", path);
    assert_int_equal(h5_create(path, &f, &e), 0);
    assert_int_equal(h5_write_float(f, "in/deep/x", 2, dims, reals, &e), 0);
    assert_int_equal(h5_write_double(f, "d", 1, dims, doubles, &e), 0);
    assert_int_equal(h5_write_int(f, "n", 1, dims + 1, ints, &e), 0);
    assert_int_equal(h5_write_int(f, "scalar", 0, NULL, ints, &e), 0);
    assert_int_equal(h5_write_strings(f, "words", 3, words, &e), 0);
    assert_int_equal(h5_write_strings(f, "none", 0, NULL, &e), 0);
    assert_int_equal(h5_write_attr_int(f, "/", "count", -5000000000, &e), 0);
    assert_int_equal(h5_write_attr_double(f, "/", "rate", 0.1, &e), 0);
    assert_int_equal(h5_write_attr_string(f, "/", "kind", "set", &e), 0);
    assert_int_equal(h5_write_attr_string(f, "d", "unit", "", &e), 0);
    assert_int_equal(h5_write_float(f, "d", 2, dims, reals, &e), ERR_ENV);
    assert_false(file_exists(path));
    assert_int_equal(h5_commit(f, &e), 0);

    assert_int_equal(h5_open(path, &f, &e), 0);
    int rank = 0, shape[8], count = 0;
    size_t n = 0;
    float *x = NULL;
    double *d = NULL, rate = 0;
    int32_t *k = NULL;
    char **list = NULL;
    int64_t whole = 0;
    assert_int_equal(h5_shape(f, "in/deep/x", &rank, shape, &e), 0);
    assert_true(rank == 2 && shape[0] == 2 && shape[1] == 3);
    assert_int_equal(h5_read_float(f, "/in/deep/x", &x, &n, &e), 0);
    assert_int_equal(n, 6);
    assert_memory_equal(x, reals, sizeof reals);
    assert_int_equal(h5_read_double(f, "d", &d, &n, &e), 0);
    assert_true(n == 2 && d[0] == 1e-300);
    assert_int_equal(h5_read_int(f, "n", &k, &n, &e), 0);
    assert_memory_equal(k, ints, sizeof ints);
    free(x);
    assert_int_equal(h5_read_float(f, "n", &x, &n, &e), 0);
    assert_true(x[0] == -7.0f);
    free(x);
    free(d);
    free(k);
    assert_int_equal(h5_shape(f, "scalar", &rank, shape, &e), 0);
    assert_int_equal(rank, 0);
    assert_int_equal(h5_read_strings(f, "words", &list, &count, &e), 0);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(list[i], words[i]);
    h5_names_free(list, count);
    assert_int_equal(h5_names(f, "/", &list, &count, &e), 0);
    assert_int_equal(count, 6);
    assert_string_equal(list[0], "d");
    assert_string_equal(list[5], "words");
    h5_names_free(list, count);
    assert_int_equal(h5_attr_int(f, "/", "count", &whole, &e), 0);
    assert_true(whole == -5000000000);
    assert_int_equal(h5_attr_double(f, "/", "rate", &rate, &e), 0);
    assert_true(rate == 0.1);
    assert_int_equal(h5_attr_string(f, "/", "kind", text, sizeof text, &e), 0);
    assert_string_equal(text, "set");
    assert_int_equal(h5_attr_string(f, "d", "unit", text, sizeof text, &e), 0);
    assert_string_equal(text, "");
    assert_true(h5_has(f, "in/deep") && h5_is_group(f, "in") && !h5_is_group(f, "d") &&
                !h5_has(f, "in/none"));
    assert_true(h5_has_attr(f, "/", "kind") && !h5_has_attr(f, "/", "other"));

    /* Refusals that name the dataset. */
    assert_int_equal(h5_read_float(f, "absent", &x, &n, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "absent"));
    assert_int_equal(h5_read_float(f, "words", &x, &n, &e), ERR_INPUT);
    assert_int_equal(h5_read_int(f, "d", &k, &n, &e), ERR_INPUT);
    assert_int_equal(h5_read_float(f, "in", &x, &n, &e), ERR_INPUT);
    assert_int_equal(h5_read_strings(f, "d", &list, &count, &e), ERR_INPUT);
    assert_int_equal(h5_attr_int(f, "/", "rate", &whole, &e), ERR_INPUT);
    assert_int_equal(h5_attr_string(f, "/", "count", text, sizeof text, &e), ERR_INPUT);
    assert_int_equal(h5_attr_string(f, "/", "kind", text, 3, &e), ERR_INPUT);
    assert_one_line(&e, ERR_INPUT);
    h5_close(f);
}

static void h5_abandoned_files_vanish(void **state)
{
    char path[512];
    struct error e;
    struct h5 *f = NULL;
    const struct scratch *s = *state;
    char **names = NULL;
    int count = 0;
    scratch_path(*state, "abandoned.h5", path);
    assert_int_equal(h5_create(path, &f, &e), 0);
    h5_close(f);
    assert_int_equal(file_list(s->folder, &names, &count, &e), 0);
    for (int i = 0; i < count; i++)
        assert_null(strstr(names[i], "abandoned"));
    file_list_free(names, count);
}

/* Objects that the library can make and that we refuse to follow. */
static void h5_hostile(void **state)
{
    char path[512];
    struct error e;
    struct h5 *f = NULL;
    scratch_path(*state, "hostile.h5", path);
    hid_t id = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hsize_t small[1] = {4}, huge[2] = {1 << 30, 1 << 20}, wide[1] = {1 << 28};
    hid_t space = H5Screate_simple(1, small, NULL), big = H5Screate_simple(2, huge, NULL);
    hid_t filled = H5Screate_simple(1, wide, NULL);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(list, "elsewhere.bin", 0, 16);
    H5Dclose(H5Dcreate2(id, "external", H5T_IEEE_F32LE, space, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Pclose(list);
    hsize_t chunk[2] = {1, 1024};
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 2, chunk);
    H5Dclose(H5Dcreate2(id, "huge", H5T_IEEE_F32LE, big, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Pclose(list);
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(list, H5D_CONTIGUOUS);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_LATE);
    H5Dclose(H5Dcreate2(id, "unwritten", H5T_IEEE_F32LE, filled, H5P_DEFAULT, list, H5P_DEFAULT));
    H5Pclose(list);
    hid_t pair = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(pair, "a", 0, H5T_IEEE_F32LE);
    H5Tinsert(pair, "b", 4, H5T_IEEE_F32LE);
    H5Dclose(H5Dcreate2(id, "compound", pair, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hid_t ragged = H5Tvlen_create(H5T_IEEE_F32LE);
    H5Dclose(H5Dcreate2(id, "ragged", ragged, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    long long value[4] = {1, 1LL << 40, 2, 3};
    hid_t longs = H5Dcreate2(id, "longs", H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(longs, H5T_NATIVE_LLONG, H5S_ALL, H5S_ALL, H5P_DEFAULT, value);
    H5Dclose(longs);
    H5Lcreate_external("other.h5", "/x", id, "outside", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/longs", id, "soft", H5P_DEFAULT, H5P_DEFAULT);
    hid_t group = H5Gcreate2(id, "loop", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(id, "/loop", group, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    H5Tclose(pair);
    H5Tclose(ragged);
    H5Sclose(space);
    H5Sclose(big);
    H5Sclose(filled);
    H5Fclose(id);

    assert_int_equal(h5_open(path, &f, &e), 0);
    static const char *const names[] = {"external", "huge",    "unwritten", "compound",
                                        "ragged",   "outside", "soft",      "outside/more",
                                        "loop",     "longs/x", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        float *x = NULL;
        size_t n = 0;
        memset(&e, 0, sizeof e);
        if (h5_read_float(f, names[i], &x, &n, &e) != ERR_INPUT)
            fail_msg("accepted: %s", names[i]);
        assert_one_line(&e, ERR_INPUT);
    }
    int32_t *k = NULL;
    size_t n = 0;
    assert_int_equal(h5_read_int(f, "longs", &k, &n, &e), ERR_INPUT);
    h5_close(f);
}

static void h5_damaged(void **state)
{
    char whole[512], path[512];
    struct error e;
    struct h5 *f = NULL;
    char *data = NULL;
    size_t size = 0;
    int dims[1] = {1000};
    float *values = calloc(1000, sizeof *values);
    scratch_path(*state, "whole.h5", whole);
    assert_int_equal(h5_create(whole, &f, &e), 0);
    assert_int_equal(h5_write_float(f, "a/x", 1, dims, values, &e), 0);
    assert_int_equal(h5_commit(f, &e), 0);
    free(values);
    assert_int_equal(file_read(whole, 1 << 20, &data, &size, &e), 0);
    scratch_path(*state, "damaged.h5", path);
    for (size_t cut = 0; cut < size; cut += 97) {
        scratch_write(path, data, cut);
        assert_int_equal(h5_open(path, &f, &e), ERR_INPUT);
        assert_one_line(&e, ERR_INPUT);
    }
    struct rng r = rng_make(8, 0);
    for (int trial = 0; trial < 200; trial++) {
        size_t at = 8 + rng_below(&r, 1200);
        char kept = data[at];
        data[at] = (char)rng_u32(&r);
        scratch_write(path, data, size);
        if (h5_open(path, &f, &e) == 0) {
            float *x = NULL;
            size_t n = 0;
            if (h5_read_float(f, "a/x", &x, &n, &e) == 0)
                free(x);
            h5_close(f);
        }
        data[at] = kept;
    }
    free(data);
    scratch_write(path, "<!DOCTYPE html><html>", 21);
    assert_int_equal(h5_open(path, &f, &e), ERR_INPUT);
    const struct scratch *s = *state;
    assert_int_equal(h5_open(s->folder, &f, &e), ERR_INPUT);
    assert_int_equal(h5_open(scratch_path(*state, "absent.h5", path), &f, &e), ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_one_line),
        cmocka_unit_test(writes_are_atomic),
        cmocka_unit_test(folders_pipes_and_absent_files),
        cmocka_unit_test(sha256_known_answers),
        cmocka_unit_test(npy_round_trip),
        cmocka_unit_test(npy_known_answers),
        cmocka_unit_test(npy_malformed),
        cmocka_unit_test(npy_non_finite),
        cmocka_unit_test(h5_round_trip),
        cmocka_unit_test(h5_abandoned_files_vanish),
        cmocka_unit_test(h5_hostile),
        cmocka_unit_test(h5_damaged),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
