/* Malformed checkpoints: safetensors, pickles, PyTorch's zip archives and streams. */
#include "checkpoint_bytes.h"
#include "malformed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { BAD = ERR_INPUT };

/* ---- safetensors ---- */

/* A file of a header (its length in front) and `body` bytes of zeros. */
static void header_and_body(struct malformed *m, const char *name, const char *header, size_t body, int code, const char *rule)
{
    size_t n = strlen(header);
    unsigned char *file = calloc(8 + n + body, 1);
    for (int i = 0; i < 8; i++) file[i] = (unsigned char)((uint64_t)n >> (8 * i));
    memcpy(file + 8, header, n);
    malformed_file(m, name, file, 8 + n + body, open_checkpoint, code, rule);
    free(file);
}

#define TENSOR(type, shape, from, to) "{\"dtype\":\"" type "\",\"shape\":[" shape "],\"data_offsets\":[" #from "," #to "]}"

/* `n` times `unit` between two texts. */
static char *repeated(const char *before, const char *unit, size_t n, const char *after, size_t *size)
{
    size_t a = strlen(before), u = strlen(unit), z = strlen(after);
    char *text = malloc(a + n * u + z + 1);
    memcpy(text, before, a);
    for (size_t i = 0; i < n; i++) memcpy(text + a + i * u, unit, u);
    memcpy(text + a + n * u, after, z + 1);
    *size = a + n * u + z;
    return text;
}

void malformed_safetensors(void **state)
{
    static const struct {
        const char *name, *header;
        size_t body;
        int code;
        const char *rule;
    } table[] = {
        {"sound", "{\"__metadata__\":{\"format\":\"pt\"},\"a\":" TENSOR("F32", "2,3", 0, 24) "}", 24, 0, ""},
        {"rank 0 and empty", "{\"a\":" TENSOR("F32", "", 0, 4) ",\"b\":" TENSOR("F16", "0,5", 4, 4) "}", 4, 0, ""},
        {"not UTF-8", "{\"a\xff\":" TENSOR("F32", "1", 0, 4) "}", 4, BAD, "UTF-8"},
        {"a list", "[" TENSOR("F32", "1", 0, 4) "]", 4, BAD, "is not a checkpoint"},
        {"duplicate key", "{\"a\":" TENSOR("F32", "1", 0, 4) ",\"a\":" TENSOR("F32", "1", 4, 8) "}", 8, BAD, "twice"},
        {"metadata with a number", "{\"__metadata__\":{\"n\":1},\"a\":" TENSOR("F32", "1", 0, 4) "}", 4, BAD, "__metadata__"},
        {"metadata is a text", "{\"__metadata__\":\"x\",\"a\":" TENSOR("F32", "1", 0, 4) "}", 4, BAD, "__metadata__"},
        {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{},\"a\":" TENSOR("F32", "1", 0, 4) "}", 4, BAD, "twice"},
        {"begin above end", "{\"a\":" TENSOR("F32", "1", 4, 0) "}", 4, BAD, "place"},
        {"end past the data", "{\"a\":" TENSOR("F32", "2", 0, 8) "}", 4, BAD, "f"},
        {"hole", "{\"a\":" TENSOR("F32", "1", 0, 4) ",\"b\":" TENSOR("F32", "1", 8, 12) "}", 12, BAD, "holes"},
        {"hole in front", "{\"a\":" TENSOR("F32", "1", 4, 8) "}", 8, BAD, "holes"},
        {"overlap", "{\"a\":" TENSOR("F32", "2", 0, 8) ",\"b\":" TENSOR("F32", "1", 4, 8) "}", 8, BAD, "overlap"},
        {"last end one short", "{\"a\":" TENSOR("F32", "1", 0, 3) "}", 4, BAD, "place"},
        {"last end one over", "{\"a\":" TENSOR("F32", "1", 0, 5) "}", 5, BAD, "place"},
        {"product overflows", "{\"a\":" TENSOR("F32", "4294967296,4294967296", 0, 0) "}", 0, BAD, "shape"},
        {"product wraps to 4", "{\"a\":" TENSOR("U8", "2147483647,2147483647,4", 0, 4) "}", 4, BAD, "shape"},
        {"negative dimension", "{\"a\":" TENSOR("F32", "-1", 0, 4) "}", 4, BAD, "shape"},
        {"fractional dimension", "{\"a\":" TENSOR("F32", "1.5", 0, 4) "}", 4, BAD, "shape"},
        {"unknown type", "{\"a\":" TENSOR("F7", "1", 0, 4) "}", 4, BAD, "type"},
        {"type is a number", "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, BAD, "type"},
        {"no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, BAD, "shape"},
        {"no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, BAD, "place"},
        {"three offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, BAD, "place"},
        {"offset is a text", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\"0\",4]}}", 4, BAD, "place"},
        {"offset beyond 2^53", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,18446744073709551615]}}", 4, BAD, "place"},
        {"a tensor is a text", "{\"a\":\"x\"}", 4, BAD, "type"},
        {"trailing bytes", "{\"a\":" TENSOR("F32", "1", 0, 4) "}", 5, BAD, "follow"},
        {"no tensors", "{  }", 0, BAD, "no tensors"},
        {"text behind the header", "{\"a\":" TENSOR("F32", "1", 0, 4) "}x", 4, BAD, "JSON"},
        {"half a header", "{\"a\":{\"dtype\"", 4, BAD, "JSON"},
    };
    struct malformed m;
    (void)state;
    malformed_begin(&m, "safetensors");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        header_and_body(&m, table[i].name, table[i].header, table[i].body, table[i].code, table[i].rule);
    static const struct {
        const char *name;
        uint64_t length;
    } lengths[] = {{"length 0", 0}, {"length 2^63", (uint64_t)1 << 63}, {"length 2^64 - 1", UINT64_MAX}, {"length past the file", 1000}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        unsigned char file[12] = {0, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' ', ' '};
        for (int k = 0; k < 8; k++) file[k] = (unsigned char)(lengths[i].length >> (8 * k));
        malformed_file(&m, lengths[i].name, file, sizeof file, open_checkpoint, BAD, "");
    }
    unsigned char nan[8 + 60 + 4];
    static const char one[] = "{\"a\":" TENSOR("F32", "1", 0, 4) "}";
    memset(nan, 0, 8);
    nan[0] = sizeof one - 1;
    memcpy(nan + 8, one, sizeof one - 1);
    memcpy(nan + 8 + sizeof one - 1, "\0\0\xc0\x7f", 4);
    malformed_file(&m, "not a number", nan, 8 + sizeof one - 1 + 4, open_checkpoint, BAD, "not finite");
    size_t size;
    char *text = repeated("{", " ", 5 << 20, "}", &size);
    header_and_body(&m, "5 MB of spaces", text, 0, BAD, "no tensors");
    free(text);
    text = repeated("", " ", 5 << 20, "{}", &size);
    header_and_body(&m, "5 MB of spaces in front", text, 0, BAD, "is not a checkpoint");
    free(text);
    text = repeated("{\"a\":", "[", 100000, "}", &size);
    header_and_body(&m, "deep nesting", text, 0, BAD, "JSON");
    free(text);
    text = repeated("{\"a\":{\"dtype\":\"F32\",\"shape\":[1", ",1", 64, "],\"data_offsets\":[0,4]}}", &size);
    header_and_body(&m, "rank 65", text, 4, BAD, "at most 8");
    free(text);
    malformed_end(&m);
}

/* ---- pickles ---- */

/* The bytes as a pickle of its own and as data.pkl of an archive with one storage of 24 bytes. */
static void pickle_in_zip(struct malformed *m, const char *name, const struct bytes *pickle, const char *rule)
{
    static struct bytes out;
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    struct zip_entry z[2] = {{.name = "a/data.pkl", .data = pickle->at, .size = pickle->n},
                             {.name = "a/data/0", .data = six, .size = sizeof six}};
    out.n = 0;
    put_zip(&out, 2, z, NULL);
    malformed_file(m, name, out.at, out.n, open_checkpoint, BAD, rule);
}

#define BYTES(s) s, sizeof(s) - 1

static void bad_streams(struct malformed *m)
{
    static const struct {
        const char *name, *bytes;
        size_t size;
        const char *rule;
    } table[] = {
        {"protocol 6", BYTES("\x80\x06N."), "protocol 6"},
        {"protocol 0", BYTES("(dp0\n."), "protocol"},
        {"os.system", BYTES("\x80\x02" "cos\nsystem\nX\x02\0\0\0id\x85R."), "'os.system'"},
        {"builtins.eval", BYTES("\x80\x02" "cbuiltins\neval\nX\x01\0\0\0" "1\x85R."), "'builtins.eval'"},
        {"eval by stack", BYTES("\x80\x04\x8c\x08" "builtins\x8c\x04" "eval\x93\x8c\x01" "1\x85R."), "'builtins.eval'"},
        {"stack global of ints", BYTES("\x80\x04K\x01K\x02\x93."), "two short texts"},
        {"INST", BYTES("\x80\x02(ios\nsystem\n."), "not allowed"},
        {"OBJ", BYTES("\x80\x02(cos\nsystem\no."), "'os.system'"},
        {"extension 1", BYTES("\x80\x02\x82\x01."), "not allowed"},
        {"next buffer", BYTES("\x80\x05\x97."), "not allowed"},
        {"persistent id as a line", BYTES("\x80\x02Px\n."), "not allowed"},
        {"text of 2^63 bytes", BYTES("\x80\x04\x8d\0\0\0\0\0\0\0\x80x."), "9223372036854775808"},
        {"bytes of 2^64 - 1", BYTES("\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xffx."), "18446744073709551615"},
        {"frame past the file", BYTES("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN."), "ends inside"},
        {"negative LONG4", BYTES("\x80\x02\x8b\xff\xff\xff\xff."), "negative"},
        {"LONG4 of 4 GiB", BYTES("\x80\x02\x8b\xff\xff\xff\x7f."), "absurd"},
        {"no STOP", BYTES("\x80\x02N"), "before STOP"},
        {"nothing on the stack", BYTES("\x80\x02."), "0 values"},
        {"an open mark", BYTES("\x80\x02N(."), "STOP"},
        {"mark underflow", BYTES("\x80\x02Nt."), "no mark"},
        {"memo never written", BYTES("\x80\x02j\xff\xff\xff\x7f."), "never written"},
        {"memo index 2^32", BYTES("\x80\x02Nr\xff\xff\xff\xff."), "memo index"},
        {"NUL in a name", BYTES("\x80\x04\x8c\x03" "a\0b\x8c\x01x\x93."), "two short texts"},
        {"odd dictionary", BYTES("\x80\x02(Nd."), "odd"},
        {"name without an end", BYTES("\x80\x02" "ctorch"), "does not end"},
        {"escape in a name", BYTES("\x80\x02" "c\x1b[31m\nx\n."), "which is not"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        malformed_file(m, table[i].name, table[i].bytes, table[i].size, open_pickle, BAD, table[i].rule);
    static const struct {
        const char *name, *before, *unit, *after;
        size_t n;
        const char *rule;
    } many[] = {
        {"10^6 marks", "\x80\x02", "(", "N.", 1000000, "marks"},
        {"10^6 values on the stack", "\x80\x02", "N", ".", 1000000, "stack deeper"},
        {"4 10^6 lists", "\x80\x02", "]0", "N.", 4000000, "values"},
        {"10^6 lists in lists", "\x80\x02", "]", ".", 1000000, "stack deeper"},
    };
    for (size_t i = 0; i < sizeof many / sizeof *many; i++) {
        size_t size;
        char *text = repeated(many[i].before, many[i].unit, many[i].n, many[i].after, &size);
        malformed_file(m, many[i].name, text, size, open_pickle, BAD, many[i].rule);
        free(text);
    }
}

static void bad_tensors(struct malformed *m)
{
    static const char *const name[] = {"x"};
    static const struct {
        const char *name, *rule;
        struct tensor_spec t;
    } table[] = {
        {"storage key absent", "not in the archive", {"FloatStorage", "7", 6, 0, 1, {6}, {1}}},
        {"storage shorter than declared", "24 bytes", {"FloatStorage", "0", 7, 0, 1, {6}, {1}}},
        {"storage longer than declared", "24 bytes", {"FloatStorage", "0", 5, 0, 1, {5}, {1}}},
        {"another element type", "24 bytes", {"DoubleStorage", "0", 6, 0, 1, {6}, {1}}},
        {"unknown element type", "ComplexFloatStorage", {"ComplexFloatStorage", "0", 3, 0, 1, {3}, {1}}},
        {"negative stride", "negative", {"FloatStorage", "0", 6, 5, 1, {6}, {-1}}},
        {"huge stride", "outside its storage", {"FloatStorage", "0", 6, 0, 1, {2}, {INT64_MAX}}},
        {"stride past the end", "outside its storage", {"FloatStorage", "0", 6, 0, 2, {2, 3}, {4, 1}}},
        {"stride 0 of 10^9", "far larger", {"FloatStorage", "0", 6, 0, 1, {1 << 30}, {0}}},
        {"stride 0 that overflows", "outside its storage", {"FloatStorage", "0", 6, 0, 3, {1 << 30, 1 << 30, 1 << 30}, {0, 0, 0}}},
        {"offset at the end", "outside its storage", {"FloatStorage", "0", 6, 6, 1, {1}, {1}}},
        {"negative offset", "outside its storage", {"FloatStorage", "0", 6, -1, 1, {1}, {1}}},
        {"offset 2^63 - 1", "outside its storage", {"FloatStorage", "0", 6, INT64_MAX, 1, {2}, {1}}},
        {"negative size", "negative", {"FloatStorage", "0", 6, 0, 1, {-6}, {1}}},
        {"9 dimensions", "8 dimensions", {"FloatStorage", "0", 6, 0, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {0}}},
        {"storage of 2^48", "bytes", {"FloatStorage", "0", (int64_t)1 << 40, 0, 1, {6}, {1}}},
        {"key that leaves the folder", "not in the archive", {"FloatStorage", "../0", 6, 0, 1, {6}, {1}}},
    };
    static struct bytes b;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        b.n = 0;
        put_checkpoint(&b, 1, name, &table[i].t);
        pickle_in_zip(m, table[i].name, &b, table[i].rule);
    }
    static const char *const twice[] = {"x", "x"};
    const struct tensor_spec pair[] = {{"FloatStorage", "0", 6, 0, 1, {6}, {1}}, {"FloatStorage", "0", 6, 0, 1, {6}, {1}}};
    b.n = 0;
    put_checkpoint(&b, 2, twice, pair);
    pickle_in_zip(m, "a name twice", &b, "twice");
    b.n = 0;
    PUT(&b, "\x80\x02]q\0h\0a.");
    pickle_in_zip(m, "a list that holds itself", &b, "itself");
    b.n = 0;
    PUT(&b, "\x80\x02(]q\0");
    for (int i = 0; i < 40; i++) { /* each level holds the one before twice */
        PUT(&b, "](h");
        put_little(&b, (uint64_t)i, 1);
        PUT(&b, "h");
        put_little(&b, (uint64_t)i, 1);
        PUT(&b, "eq");
        put_little(&b, (uint64_t)i + 1, 1);
    }
    PUT(&b, "t.");
    pickle_in_zip(m, "memo bomb", &b, "too often");
}

void malformed_pickles(void **state)
{
    static struct bytes b;
    static const char *const names[] = {"w"};
    const struct tensor_spec tensor = {"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}};
    struct malformed m;
    (void)state;
    malformed_begin(&m, "pickle");
    bad_streams(&m);
    bad_tensors(&m);
    put_checkpoint(&b, 1, names, &tensor);
    malformed_file(&m, "sound", b.at, b.n, open_pickle, 0, "");
    for (size_t n = 0; n < b.n; n++) { /* at every opcode, and inside of each */
        char name[40];
        snprintf(name, sizeof name, "cut at %zu", n);
        malformed_file(&m, name, b.at, n, open_pickle, BAD, "pickle refused at byte");
    }
    malformed_end(&m);
}

/* ---- zip ---- */

/* A sound archive, its pickle of one tensor. */
static void sound_zip(struct bytes *out, const struct zip_lies *lies)
{
    static struct bytes pickle;
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    static const char *const names[] = {"w"};
    const struct tensor_spec tensor = {"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}};
    pickle.n = out->n = 0;
    put_checkpoint(&pickle, 1, names, &tensor);
    struct zip_entry z[3] = {{.name = "a/data.pkl", .data = pickle.at, .size = pickle.n},
                             {.name = "a/data/0", .data = six, .size = sizeof six},
                             {.name = "a/version", .data = "3\n", .size = 2}};
    put_zip(out, 3, z, lies);
}

void malformed_zips(void **state)
{
    static const char none[] = "\x80\x02N.";
#define PKL {.name = "a/data.pkl", .data = none, .size = 4}
    static const struct {
        const char *name, *rule;
        struct zip_entry entries[2];
        int n;
        struct zip_lies lies;
    } table[] = {
        {"no tensors", "no tensors", {PKL}, 1, {0}},
        {"name with dots", "'..'", {PKL, {.name = "../x", .data = "", .size = 0}}, 2, {0}},
        {"name with dots inside", "'..'", {PKL, {.name = "a/../x", .data = "", .size = 0}}, 2, {0}},
        {"absolute name", "absolute", {PKL, {.name = "/etc/x", .data = "", .size = 0}}, 2, {0}},
        {"drive letter", "absolute", {PKL, {.name = "c:x", .data = "", .size = 0}}, 2, {0}},
        {"backslash", "absolute", {PKL, {.name = "a\\x", .data = "", .size = 0}}, 2, {0}},
        {"control character in a name", "absolute", {PKL, {.name = "a/\nx", .data = "", .size = 0}}, 2, {0}},
        {"deflated", "compressed", {{.name = "a/data.pkl", .data = none, .size = 4, .method = 8}}, 1, {0}},
        {"encrypted", "encrypted", {{.name = "a/data.pkl", .data = none, .size = 4, .flags = 1}}, 1, {0}},
        {"masked headers", "encrypted", {{.name = "a/data.pkl", .data = none, .size = 4, .flags = 0x2000}}, 1, {0}},
        {"folder data.pkl", "a folder", {{.name = "a/data.pkl/", .data = "", .size = 0}}, 1, {0}},
        {"two data.pkl", "two data.pkl", {PKL, {.name = "b/data.pkl", .data = none, .size = 4}}, 2, {0}},
        {"the same name twice", "same name", {PKL, PKL}, 2, {0}},
        {"no folder", "no FOLDER", {{.name = "data.pkl", .data = none, .size = 4}}, 1, {0}},
        {"local size differs", "another size", {{.name = "a/data.pkl", .data = none, .size = 4, .wrong_size = 1}}, 1, {0}},
        {"local checksum differs", "checksum", {{.name = "a/data.pkl", .data = none, .size = 4, .wrong_checksum = 1}}, 1, {0}},
        {"big-endian", "big-endian", {PKL, {.name = "a/byteorder", .data = "big", .size = 3}}, 2, {0}},
        {"bytes behind the pickle", "after the end", {{.name = "a/data.pkl", .data = "\x80\x02N.N", .size = 5}}, 1, {0}},
        {"zip64 entries lie", "zip64 record disagrees", {PKL}, 1, {1, 1, 0, 0}},
        {"zip64 directory lies", "zip64 record disagrees", {PKL}, 1, {1, 0, 1, 0}},
        {"zip64 offset lies", "zip64 record disagrees", {PKL}, 1, {1, 0, 0, (uint64_t)1 << 63}},
        {"zip64 entries 2^64 - 1", "zip64 record disagrees", {PKL}, 1, {1, UINT64_MAX - 1, 0, 0}},
    };
    static struct bytes out, comment;
    struct malformed m;
    (void)state;
    malformed_begin(&m, "torch zip");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct zip_entry z[2];
        memcpy(z, table[i].entries, sizeof z);
        out.n = 0;
        put_zip(&out, table[i].n, z, &table[i].lies);
        malformed_file(&m, table[i].name, out.at, out.n, open_checkpoint, BAD, table[i].rule);
    }
    static const struct zip_lies zip64 = {.with_zip64 = 1};
    sound_zip(&out, &zip64);
    malformed_file(&m, "sound zip64", out.at, out.n, open_checkpoint, 0, "");
    sound_zip(&out, NULL);
    malformed_file(&m, "sound", out.at, out.n, open_checkpoint, 0, "");
    malformed_file(&m, "no end record", out.at, out.n - 22, open_checkpoint, BAD, "no end record");
    malformed_file(&m, "cut in the middle", out.at, out.n / 2, open_checkpoint, BAD, "no end record");
    malformed_file(&m, "end record only", out.at + out.n - 22, 22, open_checkpoint, BAD, "central directory");
    malformed_file(&m, "empty archive", BYTES("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), open_checkpoint, BAD, "number of entries");
    malformed_file(&m, "4 bytes", BYTES("PK\3\4"), open_checkpoint, BAD, "no end record");
    struct bytes *two = &comment;
    *two = out;
    put(two, out.at + out.n - 22, 22);
    malformed_file(&m, "two end records", two->at, two->n, open_checkpoint, BAD, "not where");
    /* An archive with the longest comment, and one that says so and has none. */
    unsigned char *long_file = calloc(out.n + 65535, 1);
    memcpy(long_file, out.at, out.n);
    long_file[out.n - 2] = long_file[out.n - 1] = 255;
    malformed_file(&m, "comment of 65535", long_file, out.n + 65535, open_checkpoint, BAD, "no end record");
    malformed_file(&m, "comment that is not there", long_file, out.n, open_checkpoint, BAD, "comment");
    free(long_file);
    /* A storage whose bytes are changed fails its checksum; one that holds a NaN is named. */
    for (size_t i = 0; i + 8 < out.n; i++)
        if (!memcmp(out.at + i, "a/data/0", 8)) {
            out.at[i + 8 + 9] ^= 1;
            break;
        }
    malformed_file(&m, "changed storage", out.at, out.n, open_checkpoint, BAD, "checksum");
    malformed_end(&m);
}

/* ---- streams before PyTorch 1.6 ---- */

void malformed_streams(void **state)
{
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    static const char *const names[] = {"w"};
    const struct tensor_spec tensor = {"FloatStorage", "7", 6, 0, 2, {2, 3}, {3, 1}};
    static const struct {
        const char *name, *keys;
        size_t keys_size;
        int64_t count;
        size_t stored;
        int little;
        const char *rule;
    } table[] = {
        {"sound", BYTES("\x80\x02](X\x01\0\0\0" "7e."), 6, 24, 1, NULL},
        {"big-endian", BYTES("\x80\x02](X\x01\0\0\0" "7e."), 6, 24, 0, "big-endian"},
        {"another key", BYTES("\x80\x02](X\x01\0\0\0" "8e."), 6, 24, 1, "not in the list"},
        {"a key twice", BYTES("\x80\x02](X\x01\0\0\0" "7X\x01\0\0\0" "7e."), 6, 24, 1, "twice"},
        {"keys are no list", BYTES("\x80\x02K\x01."), 6, 24, 1, "list of storages"},
        {"a key is a number", BYTES("\x80\x02](K\x07" "e."), 6, 24, 1, "list of storages"},
        {"a storage of no tensor", BYTES("\x80\x02](X\x01\0\0\0" "7X\x01\0\0\0" "9e."), 6, 24 + 8, 1, "no tensor"},
        {"count one less", BYTES("\x80\x02](X\x01\0\0\0" "7e."), 5, 24, 1, "shorter or longer"},
        {"count -1", BYTES("\x80\x02](X\x01\0\0\0" "7e."), -1, 24, 1, "shorter or longer"},
        {"storage cut", BYTES("\x80\x02](X\x01\0\0\0" "7e."), 6, 23, 1, "shorter or longer"},
        {"bytes behind the storage", BYTES("\x80\x02](X\x01\0\0\0" "7e."), 6, 25, 1, "after the last storage"},
    };
    static struct bytes b;
    struct malformed m;
    (void)state;
    malformed_begin(&m, "torch stream");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        static const unsigned char zeros[16];
        b.n = 0;
        put_legacy_preamble(&b, table[i].little);
        put_checkpoint(&b, 1, names, &tensor);
        put(&b, table[i].keys, table[i].keys_size);
        put_little(&b, (uint64_t)table[i].count, 8);
        put(&b, six, table[i].stored < 24 ? table[i].stored : 24);
        put(&b, zeros, table[i].stored > 24 ? table[i].stored - 24 : 0);
        malformed_file(&m, table[i].name, b.at, b.n, open_checkpoint, table[i].rule ? BAD : 0, table[i].rule ? table[i].rule : "");
        for (size_t n = 1; i == 0 && n < b.n; n += 7) {
            char name[40];
            snprintf(name, sizeof name, "cut at %zu", n);
            malformed_file(&m, name, b.at, n, open_checkpoint, BAD, "");
        }
    }
    malformed_file(&m, "another pickle", BYTES("\x80\x02K\x01."), open_checkpoint, BAD, "magic number");
    malformed_file(&m, "another protocol", BYTES("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02K\x07."),
                   open_checkpoint, BAD, "1001");
    malformed_end(&m);
}
