/* Malformed arrays: NumPy, HDF5, the pickled vocabulary. */
#include "../engine/file.h"
#include "../engine/h5.h"
#include "checkpoint_bytes.h"
#include "malformed.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD = ERR_INPUT };
#define BYTES(s) s, sizeof(s) - 1

/* ---- .npy ---- */

static size_t npy_file(unsigned char *file, int version, const char *header, const void *payload, size_t size)
{
    size_t n = strlen(header), start = version == 1 ? 10 : 12;
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (unsigned char)version;
    file[7] = 0;
    for (size_t i = 8; i < start; i++) file[i] = (unsigned char)(n >> (8 * (i - 8)));
    memcpy(file + start, header, n);
    memcpy(file + start + n, payload, size);
    return start + n + size;
}

#define HEAD(descr, order, shape) "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

void malformed_arrays(void **state)
{
    static const unsigned char zeros[64];
    static const struct {
        const char *name, *header;
        size_t size;
        int code;
        const char *rule;
    } table[] = {
        {"sound", HEAD("'<f4'", "False", "(2, 2)"), 16, 0, ""},
        {"shape ()", HEAD("'<f4'", "False", "()"), 4, 0, ""},
        {"shape (0,)", HEAD("'<f4'", "False", "(0,)"), 0, 0, ""},
        {"half precision", HEAD("'<f2'", "False", "(8,)"), 16, 0, ""},
        {"objects", HEAD("'|O'", "False", "(4,)"), 16, BAD, "'|O'"},
        {"big-endian", HEAD("'>f4'", "False", "(4,)"), 16, BAD, "'>f4'"},
        {"complex", HEAD("'<c8'", "False", "(2,)"), 16, BAD, "'<c8'"},
        {"text", HEAD("'<U4'", "False", "(1,)"), 16, BAD, "'<U4'"},
        {"structured", HEAD("[('a', '<f4')]", "False", "(4,)"), 16, BAD, "structured"},
        {"Fortran order", HEAD("'<f4'", "True", "(4,)"), 16, BAD, "Fortran"},
        {"order is a number", HEAD("'<f4'", "0", "(4,)"), 16, BAD, "fortran_order"},
        {"shape () with more", HEAD("'<f4'", "False", "()"), 16, BAD, "does not end"},
        {"shape (0,) with data", HEAD("'<f4'", "False", "(0,)"), 16, BAD, "does not end"},
        {"shape (-1,)", HEAD("'<f4'", "False", "(-1,)"), 16, BAD, "shape"},
        {"shape (2^62, 2)", HEAD("'<f4'", "False", "(4611686018427387904, 2)"), 16, BAD, "shape"},
        {"product overflows", HEAD("'<f4'", "False", "(1073741824, 1073741824, 1073741824, 4)"), 16, BAD, "shape"},
        {"nine dimensions", HEAD("'<f4'", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 4)"), 16, BAD, "shape"},
        {"shape is a number", HEAD("'<f4'", "False", "(4)"), 16, BAD, "shape"},
        {"missing comma in the shape", HEAD("'<f4'", "False", "(2 2)"), 16, BAD, "shape"},
        {"missing comma", "{'descr': '<f4' 'fortran_order': False, 'shape': (4,)}\n", 16, BAD, "malformed"},
        {"missing key", "{'descr': '<f4', 'fortran_order': False}\n", 16, BAD, "missing"},
        {"key twice", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}\n", 16, BAD, "repeated"},
        {"another key", "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'x': 1}\n", 16, BAD, "unknown"},
        {"code in the header", "__import__('os').system('id')", 16, BAD, "dictionary"},
        {"header length 0", "", 16, BAD, "dictionary"},
        {"trailing bytes", HEAD("'<f4'", "False", "(4,)"), 17, BAD, "does not end"},
        {"payload one short", HEAD("'<f4'", "False", "(4,)"), 15, BAD, "more values"},
    };
    unsigned char file[400];
    struct malformed m;
    (void)state;
    malformed_begin(&m, "npy");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        malformed_file(&m, table[i].name, file, npy_file(file, 1, table[i].header, zeros, table[i].size), open_array,
                       table[i].code, table[i].rule);
    static const unsigned char nan[16] = {0, 0, 0, 0, 0, 0, 0xc0, 0x7f}, infinite[16] = {0, 0, 0x80, 0xff};
    const char *four = HEAD("'<f4'", "False", "(4,)");
    malformed_file(&m, "not a number", file, npy_file(file, 1, four, nan, 16), open_array, BAD, "value 1");
    malformed_file(&m, "infinite", file, npy_file(file, 1, four, infinite, 16), open_array, BAD, "value 0");
    static const unsigned char big[8] = {0, 0, 0, 0, 0, 0, 0xf0, 0x47}; /* 2^128, no float */
    malformed_file(&m, "too large for a float", file, npy_file(file, 1, HEAD("'<f8'", "False", "(1,)"), big, 8), open_array, BAD,
                   "value 0");
    malformed_file(&m, "version 2", file, npy_file(file, 2, four, zeros, 16), open_array, 0, "");
    malformed_file(&m, "version 9", file, npy_file(file, 9, four, zeros, 16), open_array, BAD, "version");
    size_t n = npy_file(file, 1, four, zeros, 16);
    file[8] = file[9] = 0xff;
    malformed_file(&m, "header length 65535", file, n, open_array, BAD, "header length");
    n = npy_file(file, 2, four, zeros, 16);
    memset(file + 8, 0xff, 4);
    malformed_file(&m, "header length 2^32 - 1", file, n, open_array, BAD, "header length");
    n = npy_file(file, 1, four, zeros, 16);
    file[1] = 'n';
    malformed_file(&m, "another magic", file, n, open_array, BAD, "magic");
    file[1] = 'N';
    for (size_t cut = 0; cut < n; cut += 3) {
        char name[40];
        snprintf(name, sizeof name, "cut at %zu", cut);
        malformed_file(&m, name, file, cut, open_array, BAD, "");
    }
    malformed_end(&m);
}

/* ---- .npz ---- */

void malformed_archives_of_arrays(void **state)
{
    static unsigned char file[400];
    static const unsigned char zeros[16];
    const size_t n = npy_file(file, 1, HEAD("'<f4'", "False", "(4,)"), zeros, 16);
#define ARRAY {.name = "a.npy", .data = file, .size = n}
    const struct {
        const char *name, *rule;
        struct zip_entry entries[2];
        int count;
    } table[] = {
        {"sound.npz", NULL, {ARRAY, {.name = "b.npy", .data = file, .size = n}}, 2},
        {"another member.npz", ".npy", {ARRAY, {.name = "b.pkl", .data = "N.", .size = 2}}, 2},
        {"name of nothing.npz", ".npy", {{.name = ".npy", .data = file, .size = n}}, 1},
        {"dots.npz", "'..'", {{.name = "../a.npy", .data = file, .size = n}}, 1},
        {"twice.npz", "same name", {ARRAY, ARRAY}, 2},
        {"method 12.npz", "", {{.name = "a.npy", .data = file, .size = n, .method = 12}}, 1},
        {"deflate that is none.npz", "", {{.name = "a.npy", .data = file, .size = n, .method = 8}}, 1},
        {"encrypted.npz", "encrypted", {{.name = "a.npy", .data = file, .size = n, .flags = 1}}, 1},
        {"local size.npz", "another size", {{.name = "a.npy", .data = file, .size = n, .wrong_size = 9}}, 1},
        {"no array.npz", "magic", {{.name = "a.npy", .data = "PK", .size = 2}}, 1},
        {"objects.npz", "magic", {{.name = "a.npy", .data = "\x80\x03N.", .size = 4}}, 1},
        {"empty array.npz", "magic", {{.name = "a.npy", .data = "", .size = 0}}, 1},
    };
    static struct bytes out;
    struct malformed m;
    (void)state;
    malformed_begin(&m, "npz");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct zip_entry z[2];
        memcpy(z, table[i].entries, sizeof z);
        out.n = 0;
        put_zip(&out, table[i].count, z, NULL);
        malformed_file(&m, table[i].name, out.at, out.n, open_archive_of_arrays, table[i].rule ? BAD : 0,
                       table[i].rule ? table[i].rule : "");
        for (size_t cut = 0; i == 0 && cut < out.n; cut += 17) {
            char name[40];
            snprintf(name, sizeof name, "cut at %zu.npz", cut);
            malformed_file(&m, name, out.at, cut, open_archive_of_arrays, BAD, "");
        }
        if (i) continue;
        out.at[100] ^= 1; /* in the first array */
        malformed_file(&m, "changed.npz", out.at, out.n, open_archive_of_arrays, BAD, "checksum");
    }
    malformed_end(&m);
}

/* ---- HDF5 ---- */

/* A file with the one dataset "x" of four floats, made by the library with these properties. */
static void with_dataset(struct malformed *m, const char *name, hid_t type, int rank, const hsize_t *dims, const hsize_t *most,
                         hid_t list, const char *rule)
{
    char path[600];
    hid_t id = H5Fcreate(malformed_name(m, name, path), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, dims, most);
    hid_t set = H5Dcreate2(id, "x", type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    malformed_check(m, set >= 0, name);
    if (set >= 0) H5Dclose(set);
    H5Sclose(space);
    H5Fclose(id);
    if (list != H5P_DEFAULT) H5Pclose(list);
    malformed_path(m, name, open_h5, BAD, rule);
    remove(path);
}

static void strange_datasets(struct malformed *m)
{
    const hsize_t four[1] = {4}, huge[2] = {1 << 30, 1 << 20}, wide[1] = {1 << 28}, any[1] = {H5S_UNLIMITED};
    const hsize_t row[2] = {1, 1024}, chunk[1] = {1 << 29}, two[1] = {2};
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(list, "/etc/passwd", 0, 16);
    with_dataset(m, "external file.h5", H5T_IEEE_F32LE, 1, four, NULL, list, "another file");
    hid_t type = H5Tvlen_create(H5T_IEEE_F32LE);
    with_dataset(m, "variable length.h5", type, 1, four, NULL, H5P_DEFAULT, "plain numbers");
    H5Tclose(type);
    type = H5Tcreate(H5T_COMPOUND, 4);
    H5Tinsert(type, "a", 0, H5T_IEEE_F32LE);
    with_dataset(m, "compound.h5", type, 1, four, NULL, H5P_DEFAULT, "plain numbers");
    H5Tclose(type);
    with_dataset(m, "reference.h5", H5T_STD_REF_OBJ, 1, four, NULL, H5P_DEFAULT, "plain numbers");
    type = H5Tarray_create2(H5T_IEEE_F32LE, 1, two);
    with_dataset(m, "array.h5", type, 1, four, NULL, H5P_DEFAULT, "plain numbers");
    H5Tclose(type);
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, two);
    H5Pset_filter(list, (H5Z_filter_t)32001, H5Z_FLAG_OPTIONAL, 0, NULL);
    with_dataset(m, "filter 32001.h5", H5T_IEEE_F32LE, 1, four, NULL, list, "filter");
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, two);
    H5Pset_scaleoffset(list, H5Z_SO_INT, 0);
    with_dataset(m, "scale and offset.h5", H5T_STD_I32LE, 1, four, NULL, list, "filter");
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 1, chunk);
    with_dataset(m, "chunk of 2 GiB.h5", H5T_IEEE_F32LE, 1, four, any, list, "256 MiB");
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(list, 2, row);
    with_dataset(m, "2^50 values.h5", H5T_IEEE_F32LE, 2, huge, NULL, list, "2^40");
    list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_LATE);
    with_dataset(m, "1 GiB never written.h5", H5T_IEEE_F32LE, 1, wide, NULL, list, "more data than the file");
}

/* Links: into the group itself, to another file, by name. */
static void strange_links(struct malformed *m)
{
    char path[600];
    for (int kind = 0; kind < 3; kind++) {
        static const char *const names[] = {"group in itself.h5", "external link.h5", "soft link.h5"};
        hid_t id = H5Fcreate(malformed_name(m, names[kind], path), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        if (kind == 0) H5Lcreate_hard(id, "/", id, "again", H5P_DEFAULT, H5P_DEFAULT);
        if (kind == 1) H5Lcreate_external("/etc/passwd", "/x", id, "outside", H5P_DEFAULT, H5P_DEFAULT);
        if (kind == 2) H5Lcreate_soft("/soft", id, "soft", H5P_DEFAULT, H5P_DEFAULT);
        H5Fclose(id);
        malformed_path(m, names[kind], open_h5, BAD, kind ? "link elsewhere" : "not a dataset");
        malformed_path(m, names[kind], open_checkpoint, BAD, kind ? "link elsewhere" : "without tensors");
        malformed_path(m, names[kind], open_set, BAD, "");
        remove(path);
    }
}

void malformed_h5(void **state)
{
    struct malformed m;
    struct h5 *f;
    struct error e = {0};
    char path[600], *data = NULL;
    size_t size = 0;
    const int dims[1] = {4};
    static const float values[4] = {1, 2, 3, 4};
    (void)state;
    malformed_begin(&m, "HDF5");
    malformed_name(&m, "sound.h5", path);
    int rc = h5_create(path, &f, &e);
    if (!rc) rc = h5_write_float(f, "x", 1, dims, values, &e);
    if (!rc) rc = h5_commit(f, &e);
    if (!rc) rc = file_read(path, 1 << 20, &data, &size, &e);
    malformed_check(&m, rc == 0, e.text);
    malformed_path(&m, "sound.h5", open_h5, 0, "");
    malformed_path(&m, "sound.h5", open_set, BAD, "");
    remove(path);
    if (!rc) {
        static const size_t parts[] = {8, 20, 60, 95};
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
            char name[40];
            snprintf(name, sizeof name, "cut at %zu.h5", size * parts[i] / 100);
            malformed_file(&m, name, data, size * parts[i] / 100, open_h5, BAD, "truncated");
        }
        malformed_file(&m, "one byte short.h5", data, size - 1, open_h5, BAD, "truncated");
        static const struct {
            const char *name;
            size_t at, count;
            unsigned char value;
        } patches[] = {{"another magic.h5", 1, 1, 'h'},   {"superblock version 255.h5", 8, 1, 255}, {"addresses of 0 bytes.h5", 13, 2, 0},
                       {"addresses of 255 bytes.h5", 13, 2, 255}, {"end of file 2^64 - 1.h5", 40, 8, 255}, {"root nowhere.h5", 64, 8, 255}};
        for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
            char kept[8];
            memcpy(kept, data + patches[i].at, patches[i].count);
            memset(data + patches[i].at, patches[i].value, patches[i].count);
            malformed_file(&m, patches[i].name, data, size, open_h5, BAD, "");
            memcpy(data + patches[i].at, kept, patches[i].count);
        }
    }
    strange_datasets(&m);
    strange_links(&m);
    free(data);
    malformed_end(&m);
}

/* ---- HumanML3D's pickled vocabulary ---- */

void malformed_word_lists(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t size;
        malformed_open *open;
        int code;
        const char *rule;
    } table[] = {
        {"list", BYTES("\x80\x03](X\x03\0\0\0sosX\x04\0\0\0walke."), open_word_list, 0, ""},
        {"rows", BYTES("\x80\x03}(X\x03\0\0\0sosK\0X\x04\0\0\0walkM\2\1u."), open_word_rows, 0, ""},
        {"empty list", BYTES("\x80\x03]."), open_word_list, 0, ""},
        {"a dictionary for a list", BYTES("\x80\x03}."), open_word_list, BAD, "no list"},
        {"a list for a dictionary", BYTES("\x80\x03]."), open_word_rows, BAD, "no dictionary"},
        {"a number in the list", BYTES("\x80\x03](K\1e."), open_word_list, BAD, "not a word"},
        {"a list in the list", BYTES("\x80\x03](]e."), open_word_list, BAD, "not a word"},
        {"negative row", BYTES("\x80\x03}(X\1\0\0\0aJ\xff\xff\xff\xffu."), open_word_rows, BAD, "row number"},
        {"row 2^40", BYTES("\x80\x03}(X\1\0\0\0a\x8a\6\0\0\0\0\0\1u."), open_word_rows, BAD, "row number"},
        {"row is a text", BYTES("\x80\x03}(X\1\0\0\0aX\1\0\0\0" "1u."), open_word_rows, BAD, "row number"},
        {"row is a fraction", BYTES("\x80\x03}(X\1\0\0\0aG?\xf8\0\0\0\0\0\0u."), open_word_rows, BAD, "row number"},
        {"word twice", BYTES("\x80\x03}(X\1\0\0\0aK\0X\1\0\0\0aK\1u."), open_word_rows, BAD, "twice"},
        {"key is a number", BYTES("\x80\x03}(K\1K\1u."), open_word_rows, BAD, "row number"},
        {"bytes behind", BYTES("\x80\x03].x"), open_word_list, BAD, "after the end"},
        {"not UTF-8", BYTES("\x80\x03](X\2\0\0\0\xff\xfe" "e."), open_word_list, BAD, "UTF-8"},
        {"key not UTF-8", BYTES("\x80\x03}(X\1\0\0\0\xffK\1u."), open_word_rows, BAD, "row number"},
        {"NUL in a word", BYTES("\x80\x03](X\3\0\0\0a\0be."), open_word_list, BAD, "not a word"},
        {"an object", BYTES("\x80\x03" "cnumpy\nndarray\n)R."), open_word_list, BAD, "no list"},
        {"a call", BYTES("\x80\x03" "cos\nsystem\nX\2\0\0\0id\x85R."), open_word_list, BAD, "'os.system'"},
        {"protocol 0", BYTES("(lp0\nS'a'\na."), open_word_list, BAD, "protocol"},
    };
    struct malformed m;
    (void)state;
    malformed_begin(&m, "word lists");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        malformed_file(&m, table[i].name, table[i].bytes, table[i].size, table[i].open, table[i].code, table[i].rule);
    for (int kind = 0; kind < 2; kind++)
        for (size_t n = 0; n < table[kind].size; n++) {
            char name[40];
            snprintf(name, sizeof name, "%s cut at %zu", table[kind].name, n);
            malformed_file(&m, name, table[kind].bytes, n, table[kind].open, BAD, "pickle refused");
        }
    malformed_end(&m);
}
