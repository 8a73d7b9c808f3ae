/* PyTorch checkpoints: what they say, and that a hostile one is refused
 * with a bad-input error of one line. */
#include "../engine/file.h"
#include "../engine/h5.h"
#include "../engine/pickle.h"
#include "../engine/rng.h"
#include "../engine/weights.h"
#include "checkpoint_bytes.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define BYTES(s) s, sizeof(s) - 1

/* ---- Zip archives ---- */

static const float six[6] = {0, 1, 2, 3, 4, 5};
static const unsigned char halves[8] = {0, 0x3c, 0, 0xc0, 1, 0, 0xff, 0x7b};
static const unsigned char bfloats[4] = {0x80, 0x3f, 0x20, 0xc1};
static const int64_t longs[2] = {-3, 70000};
static const char *const names5[] = {"vae.a", "vae.b", "half", "bf", "ids"};
static const struct tensor_spec tensors5[] = {
    {"FloatStorage", "0", 6, 0, 2, {2, 3}, {3, 1}},
    {"FloatStorage", "0", 6, 1, 2, {2, 2}, {1, 3}}, /* a transposed view of the same storage */
    {"HalfStorage", "h1", 4, 0, 1, {4}, {1}},
    {"BFloat16Storage", "2", 2, 0, 1, {2}, {1}},
    {"LongStorage", "3", 2, 1, 0, {0}, {0}},
};

/* The archive of those tensors with its folder named `folder`. */
static void good_archive(struct bytes *pickle, struct bytes *out, const char *folder,
                         const struct zip_lies *lies)
{
    pickle->n = out->n = 0;
    put_checkpoint(pickle, 5, names5, tensors5);
    struct zip_entry z[6] = {
        {.data = pickle->at, .size = pickle->n}, {.data = six, .size = sizeof six},
        {.data = halves, .size = sizeof halves}, {.data = bfloats, .size = sizeof bfloats},
        {.data = longs, .size = sizeof longs},   {.data = "3\n", .size = 2}};
    static const char *const parts[6] = {"data.pkl", "data/0", "data/h1", "data/2", "data/3", "version"};
    for (int i = 0; i < 6; i++)
        snprintf(z[i].name, sizeof z[i].name, "%s/%s", folder, parts[i]);
    put_zip(out, 6, z, lies);
}

/* The values of a tensor, which must be good. */
static const float *values_of(const struct weights *w, struct weight *item)
{
    const float *values = NULL;
    struct error e = {0};
    assert_non_null(item);
    if (weight_values(w, item, &values, &e))
        fail_msg("%s", e.text);
    return values;
}

static void assert_the_five(const struct weights *w)
{
    assert_int_equal(w->count, 5);
    assert_int_equal(strlen(w->sha256), 64);
    struct weight *a = weights_find(w, "vae.a"), *ids = weights_find(w, "ids");
    for (int again = 0; again < 2; again++) { /* values may be taken, given back and taken again */
        assert_memory_equal(values_of(w, a), six, sizeof six);
        assert_true(a->rank == 2 && a->shape[0] == 2 && a->shape[1] == 3);
        const float *b = values_of(w, weights_find(w, "vae.b")), *h = values_of(w, weights_find(w, "half")),
                    *f = values_of(w, weights_find(w, "bf"));
        assert_true(b[0] == 1 && b[1] == 4 && b[2] == 2 && b[3] == 5);
        assert_true(h[0] == 1 && h[1] == -2 && h[2] == 0x1p-24f && h[3] == 65504);
        assert_true(f[0] == 1 && f[1] == -10);
        assert_true(ids->rank == 0 && ids->count == 1 && values_of(w, ids)[0] == 70000);
        for (int i = 0; i < w->count; i++)
            weight_done(w, &w->items[i]);
    }
}

static void zip_checkpoints(void **state)
{
    static struct bytes pickle, out;
    char path[512];
    struct error e;
    struct weights w;
    scratch_path(*state, "good.ckpt", path);
    static const struct zip_lies zip64 = {.with_zip64 = 1};
    for (int variant = 0; variant < 3; variant++) {
        good_archive(&pickle, &out, variant == 1 ? "a/deep folder" : "archive", variant == 2 ? &zip64 : NULL);
        scratch_write(path, out.at, out.n);
        int rc = weights_read(path, &w, &e);
        assert_string_equal(rc ? e.text : "", "");
        assert_the_five(&w);
        w.items[0].used = 1;
        const char *first = NULL;
        assert_int_equal(weights_untaken(&w, "vae.", &first), 1);
        assert_string_equal(first, "vae.b");
        assert_int_equal(weights_untaken(&w, "", NULL), 4);
        weights_free(&w);
    }
    for (size_t cut = 0; cut < out.n; cut++) {
        scratch_write(path, out.at, cut);
        assert_int_equal(weights_read(path, &w, &e), ERR_INPUT);
        assert_int_equal(w.count, 0);
    }
}

static void zip_refusals(void **state)
{
    static struct bytes pickle, out;
    char path[512];
    scratch_path(*state, "bad.ckpt", path);
    static const char simple[] = "\x80\x02N.";
    static const struct {
        const char *says;
        struct zip_entry entries[3];
        int n;
        struct zip_lies lies;
    } table[] = {
        {"no tensors", {{.name = "a/data.pkl", .data = simple, .size = 4}}, 1, {0}},
        {"'..'",
         {{.name = "a/data.pkl", .data = simple, .size = 4}, {.name = "../x", .data = "", .size = 0}},
         2,
         {0}},
        {"'..'", {{.name = "a/../data.pkl", .data = simple, .size = 4}}, 1, {0}},
        {"absolute", {{.name = "/a/data.pkl", .data = simple, .size = 4}}, 1, {0}},
        {"absolute", {{.name = "a\\data.pkl", .data = simple, .size = 4}}, 1, {0}},
        {"a folder", {{.name = "a/data.pkl/", .data = "", .size = 0}}, 1, {0}},
        {"no FOLDER", {{.name = "data.pkl", .data = simple, .size = 4}}, 1, {0}},
        {"two data.pkl",
         {{.name = "a/data.pkl", .data = simple, .size = 4},
          {.name = "b/data.pkl", .data = simple, .size = 4}},
         2,
         {0}},
        {"same name",
         {{.name = "a/data.pkl", .data = simple, .size = 4},
          {.name = "a/data.pkl", .data = simple, .size = 4}},
         2,
         {0}},
        {"compressed", {{.name = "a/data.pkl", .data = simple, .size = 4, .method = 8}}, 1, {0}},
        {"encrypted", {{.name = "a/data.pkl", .data = simple, .size = 4, .flags = 1}}, 1, {0}},
        {"another size", {{.name = "a/data.pkl", .data = simple, .size = 4, .wrong_size = 1}}, 1, {0}},
        {"checksum", {{.name = "a/data.pkl", .data = simple, .size = 4, .wrong_checksum = 1}}, 1, {0}},
        {"big-endian",
         {{.name = "a/data.pkl", .data = simple, .size = 4},
          {.name = "a/byteorder", .data = "big", .size = 3}},
         2,
         {0}},
        {"after the end of data.pkl", {{.name = "a/data.pkl", .data = "\x80\x02N.N", .size = 5}}, 1, {0}},
        {"zip64 record disagrees", {{.name = "a/data.pkl", .data = simple, .size = 4}}, 1, {1, 1, 0, 0}},
        {"zip64 record disagrees", {{.name = "a/data.pkl", .data = simple, .size = 4}}, 1, {1, 0, 1, 0}},
        {"zip64 record disagrees",
         {{.name = "a/data.pkl", .data = simple, .size = 4}},
         1,
         {1, 0, 0, (uint64_t)1 << 63}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct zip_entry z[3];
        struct weights w;
        struct error e = {0};
        memcpy(z, table[i].entries, sizeof z);
        out.n = 0;
        put_zip(&out, table[i].n, z, &table[i].lies);
        scratch_write(path, out.at, out.n);
        int rc = weights_read(path, &w, &e);
        if (rc != ERR_INPUT || strstr(e.text, table[i].says) == NULL)
            fail_msg("row %zu (wanted '%s'): code %d, %s", i, table[i].says, rc, e.text);
    }
    /* Changes at the end of a good archive. */
    static const struct {
        const char *says, *tail;
        size_t size, patch;
        int value;
    } ends[] = {
        {"not where the end record says", "PK\5\6\0\0\0\0\6\0\6\0\1\0\0\0\0\0\0\0\0", 22, 0, 0},
        {"last 22 bytes", "comment", 7, 0, 0},
        {"comment", "", 0, 2, 255},
        {"several", "", 0, 18, 1},
        {"directory", "", 0, 6, 1},
        {"", "", 0, 12, 7},
    };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct weights w;
        struct error e = {0};
        good_archive(&pickle, &out, "archive", NULL);
        if (ends[i].patch)
            out.at[out.n - ends[i].patch] = (unsigned char)ends[i].value;
        put(&out, ends[i].tail, ends[i].size);
        scratch_write(path, out.at, out.n);
        int rc = weights_read(path, &w, &e);
        if (rc != ERR_INPUT || strstr(e.text, ends[i].says) == NULL)
            fail_msg("end %zu (wanted '%s'): code %d, %s", i, ends[i].says, rc, e.text);
    }
}

/* A local header that points into its neighbour. */
static void zip_entries_do_not_overlap(void **state)
{
    static struct bytes out;
    char path[512];
    struct error e;
    struct weights w;
    static struct bytes inner;
    struct zip_entry in = {.name = "a/data.pkl", .data = "\x80\x02N.", .size = 4};
    put_zip(&inner, 1, &in, NULL); /* the outer entry's data hold a whole local header */
    struct zip_entry z[2] = {{.name = "a/outer", .data = inner.at, .size = inner.n},
                             {.name = "a/data.pkl", .data = "\x80\x02N.", .size = 4}};
    put_zip(&out, 2, z, NULL);
    size_t inside = 30 + 7 + 9;
    for (size_t i = 0; i + 4 < out.n; i++)
        if (memcmp(out.at + i, "PK\1\2", 4) == 0 && out.at[i + 28] == 10 && i > z[1].header)
            out.at[i + 42] = (unsigned char)inside, out.at[i + 43] = 0;
    scratch_path(*state, "overlap.ckpt", path);
    scratch_write(path, out.at, out.n);
    assert_int_equal(weights_read(path, &w, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "overlap"));
}

/* The attributes of TorchScript modules become dotted names. */
static void torchscript_modules(void **state)
{
    static struct bytes pickle, out;
    char path[512];
    struct error e;
    struct weights w;
    static const struct tensor_spec half = {"HalfStorage", "0", 4, 0, 1, {4}, {1}};
    PUT(&pickle, "\x80\x02"
                 "c__torch__.clip\nModel\n)\x81}");
    put_text(&pickle, "visual");
    PUT(&pickle, "c__torch__.clip.visual\nTransformer\n)\x81}");
    put_text(&pickle, "weight");
    put_tensor(&pickle, &half);
    PUT(&pickle, "sbsb.");
    struct zip_entry z[2] = {{.name = "a/data.pkl", .data = pickle.at, .size = pickle.n},
                             {.name = "a/data/0", .data = halves, .size = sizeof halves}};
    put_zip(&out, 2, z, NULL);
    scratch_path(*state, "script.pt", path);
    scratch_write(path, out.at, out.n);
    int rc = weights_read(path, &w, &e);
    assert_string_equal(rc ? e.text : "", "");
    assert_true(values_of(&w, weights_find(&w, "visual.weight"))[1] == -2);
    weights_free(&w);
}

static void hostile_tensors(void **state)
{
    static struct bytes pickle, out;
    char path[512];
    scratch_path(*state, "tensor.ckpt", path);
    static const struct {
        const char *says;
        struct tensor_spec t;
        size_t stored;
    } table[] = {
        {NULL, {"FloatStorage", "0", 6, 0, 1, {6}, {1}}, 24},
        {NULL, {"FloatStorage", "0", 6, 0, 2, {0, 4}, {4, 1}}, 24},
        {"outside its storage", {"FloatStorage", "0", 6, 0, 1, {7}, {1}}, 24},
        {"outside its storage", {"FloatStorage", "0", 6, 1, 1, {6}, {1}}, 24},
        {"outside its storage", {"FloatStorage", "0", 6, -1, 1, {2}, {1}}, 24},
        {"outside its storage", {"FloatStorage", "0", 6, INT64_MAX, 1, {2}, {1}}, 24},
        {"outside its storage", {"FloatStorage", "0", 6, 0, 1, {2}, {6}}, 24},
        {"outside its storage", {"FloatStorage", "0", 6, 0, 1, {3}, {INT64_MAX}}, 24},
        {NULL, {"FloatStorage", "0", 6, 0, 1, {7}, {0}}, 24}, /* expanded */
        {"outside its storage", {"FloatStorage", "0", 6, 0, 3, {1 << 30, 1 << 30, 1 << 30}, {0, 0, 0}}, 24},
        {"far larger", {"FloatStorage", "0", 6, 0, 1, {1 << 30}, {0}}, 24},
        {"negative", {"FloatStorage", "0", 6, 5, 1, {2}, {-1}}, 24},
        {"negative", {"FloatStorage", "0", 6, 0, 1, {-2}, {1}}, 24},
        {"negative", {"FloatStorage", "0", 6, 0, 1, {(int64_t)1 << 32}, {0}}, 24},
        {"8 dimensions", {"FloatStorage", "0", 6, 0, 9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {0}}, 24},
        {"not in the archive", {"FloatStorage", "7", 6, 0, 1, {6}, {1}}, 24},
        {"not in the archive", {"FloatStorage", "../0", 6, 0, 1, {6}, {1}}, 24},
        {"20 bytes", {"FloatStorage", "0", 6, 0, 1, {6}, {1}}, 20},
        {"24 bytes", {"DoubleStorage", "0", 6, 0, 1, {6}, {1}}, 24},
        {"24 bytes", {"FloatStorage", "0", (int64_t)1 << 40, 0, 1, {6}, {1}}, 24},
        {"element count", {"FloatStorage", "0", -6, 0, 1, {6}, {1}}, 24},
        {"ComplexFloatStorage", {"ComplexFloatStorage", "0", 6, 0, 1, {6}, {1}}, 24},
    };
    static const char *const name[] = {"x"};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct weights w;
        struct error e = {0};
        pickle.n = out.n = 0;
        put_checkpoint(&pickle, 1, name, &table[i].t);
        struct zip_entry z[2] = {{.name = "a/data.pkl", .data = pickle.at, .size = pickle.n},
                                 {.name = "a/data/0", .data = six, .size = table[i].stored}};
        put_zip(&out, 2, z, NULL);
        scratch_write(path, out.at, out.n);
        int rc = weights_read(path, &w, &e);
        if (table[i].says ? rc != ERR_INPUT || strstr(e.text, table[i].says) == NULL : rc != 0)
            fail_msg("row %zu: code %d, %s", i, rc, e.text);
        weights_free(&w);
    }
    /* The same name twice; a value that is not finite. */
    for (int kind = 0; kind < 2; kind++) {
        static const float bad[6] = {0, 1, (float)(1e300 * 1e300), 3, 4, 5};
        static const char *const twice[] = {"x", "x"};
        struct tensor_spec pair[2] = {table[0].t, table[0].t};
        struct weights w;
        struct error e = {0};
        pickle.n = out.n = 0;
        put_checkpoint(&pickle, kind == 0 ? 2 : 1, twice, pair);
        struct zip_entry z[2] = {{.name = "a/data.pkl", .data = pickle.at, .size = pickle.n},
                                 {.name = "a/data/0", .data = kind ? bad : six, .size = 24}};
        put_zip(&out, 2, z, NULL);
        scratch_write(path, out.at, out.n);
        int rc = weights_read(path, &w, &e);
        const float *values = NULL;
        assert_int_equal(rc, kind ? 0 : ERR_INPUT);
        if (kind)
            assert_int_equal(weight_values(&w, &w.items[0], &values, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, kind ? "not finite" : "twice"));
        weights_free(&w);
    }
}

/* Lists of lists that double, and a list that contains itself. */
static void reference_bombs(void **state)
{
    static struct bytes pickle, out;
    char path[512];
    scratch_path(*state, "bomb.ckpt", path);
    for (int kind = 0; kind < 2; kind++) {
        struct weights w;
        struct error e = {0};
        pickle.n = out.n = 0;
        PUT(&pickle, "\x80\x02");
        if (kind == 0)
            PUT(&pickle, "]q\x00h\x00"
                         "a.");
        if (kind == 1) {
            /* Each level holds the former twice; a tuple gathers them all. */
            PUT(&pickle, "(]q\x00");
            for (int i = 0; i < 40; i++) {
                PUT(&pickle, "](h");
                put_little(&pickle, (uint64_t)i, 1);
                PUT(&pickle, "h");
                put_little(&pickle, (uint64_t)i, 1);
                PUT(&pickle, "eq");
                put_little(&pickle, (uint64_t)i + 1, 1);
            }
            PUT(&pickle, "t.");
        }
        struct zip_entry z = {.name = "a/data.pkl", .data = pickle.at, .size = pickle.n};
        put_zip(&out, 1, &z, NULL);
        scratch_write(path, out.at, out.n);
        int rc = weights_read(path, &w, &e);
        if (rc != ERR_INPUT || strstr(e.text, kind ? "too often" : "itself") == NULL)
            fail_msg("kind %d: code %d, %s", kind, rc, e.text);
    }
}

/* ---- Legacy streams ---- */

/* The same tensors as a stream; the storages follow in the order of their keys. */
static void put_legacy(struct bytes *b, int little, int64_t wrong_count)
{
    b->n = 0;
    put_legacy_preamble(b, little);
    put_checkpoint(b, 5, names5, tensors5);
    PUT(b, "\x80\x02](");
    put_text(b, "2");
    put_text(b, "0");
    put_text(b, "h1");
    put_text(b, "3");
    PUT(b, "e.");
    put_little(b, 2, 8);
    put(b, bfloats, sizeof bfloats);
    put_little(b, (uint64_t)(6 + wrong_count), 8);
    put(b, six, sizeof six);
    put_little(b, 4, 8);
    put(b, halves, sizeof halves);
    put_little(b, 2, 8);
    put(b, longs, sizeof longs);
}

static void legacy_checkpoints(void **state)
{
    static struct bytes out;
    char path[512];
    struct error e;
    struct weights w;
    scratch_path(*state, "legacy.tar", path);
    put_legacy(&out, 1, 0);
    scratch_write(path, out.at, out.n);
    int rc = weights_read(path, &w, &e);
    assert_string_equal(rc ? e.text : "", "");
    assert_the_five(&w);
    weights_free(&w);
    for (size_t cut = 0; cut < out.n; cut++) {
        scratch_write(path, out.at, cut);
        assert_int_equal(weights_read(path, &w, &e), ERR_INPUT);
    }
    PUT(&out, "x");
    scratch_write(path, out.at, out.n);
    assert_int_equal(weights_read(path, &w, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "after the last storage"));
    put_legacy(&out, 0, 0);
    scratch_write(path, out.at, out.n);
    assert_int_equal(weights_read(path, &w, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "big-endian"));
    for (int64_t wrong = -1; wrong <= 1; wrong += 2) {
        put_legacy(&out, 1, wrong);
        scratch_write(path, out.at, out.n);
        assert_int_equal(weights_read(path, &w, &e), ERR_INPUT);
        assert_non_null(strstr(e.text, "shorter or longer"));
    }
}

/* ---- Any bytes at all ---- */

static void mutations_never_crash(void **state)
{
    static struct bytes pickle, zip, legacy, changed;
    char path[512];
    struct rng r = rng_make(2024, 0);
    static const struct zip_lies zip64 = {.with_zip64 = 1};
    good_archive(&pickle, &zip, "archive", &zip64);
    put_legacy(&legacy, 1, 0);
    scratch_path(*state, "changed.ckpt", path);
    int accepted = 0, refused = 0;
    for (int trial = 0; trial < 3000; trial++) {
        changed = trial % 2 ? zip : legacy;
        int edits = 1 + (int)rng_below(&r, 4);
        for (int i = 0; i < edits; i++)
            changed.at[rng_below(&r, (uint32_t)changed.n)] = (unsigned char)rng_u32(&r);
        scratch_write(path, changed.at, changed.n);
        struct weights w;
        struct error e = {0};
        int rc = weights_read(path, &w, &e);
        const float *values;
        struct error ignored;
        for (int i = 0; rc == 0 && i < w.count; i++)
            (void)weight_values(&w, &w.items[i], &values, &ignored);
        accepted += rc == 0;
        refused += rc != 0;
        if (rc && (rc != e.code || e.text[0] == '\0'))
            fail_msg("trial %d: code %d without its message", trial, rc);
        weights_free(&w);
        struct pickle p;
        size_t consumed = 0, at = rng_below(&r, (uint32_t)pickle.n);
        unsigned char kept = pickle.at[at];
        pickle.at[at] = (unsigned char)rng_u32(&r);
        (void)pickle_parse("changed.pkl", pickle.at, pickle.n, &p, &consumed, &e);
        pickle_free(&p);
        pickle.at[at] = kept;
    }
    assert_true(refused > accepted && accepted > 0);
}

static void other_files_are_named(void **state)
{
    char path[512];
    struct error e;
    struct weights w;
    const struct scratch *s = *state;
    static char tar[512];
    memcpy(tar, "name", 4);
    memcpy(tar + 257, "ustar", 5);
    const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } table[] = {
        {BYTES(""), "empty"},
        {BYTES("\n <!DOCTYPE html><html>Sign in</html>"), "web page"},
        {BYTES("<html>"), "web page"},
        {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "git-lfs"},
        {BYTES("\x1f\x8b\x08\0\0\0"), "gzip"},
        {BYTES("\x93NUMPY\x01\0"), "NumPy"},
        {tar, sizeof tar, "tar archive"},
        {BYTES("\x10\0\0\0\0\0\0\0{\"a\":{}}"), "safetensors"},
        {BYTES("hello"), "not a checkpoint"},
        {BYTES("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "number of entries"},
        {BYTES("\x80\x04N."), "magic number"},
    };
    scratch_path(*state, "other.ckpt", path);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        scratch_write(path, table[i].bytes, table[i].size);
        memset(&e, 0, sizeof e);
        int rc = weights_read(path, &w, &e);
        if (rc != ERR_INPUT || strstr(e.text, table[i].says) == NULL)
            fail_msg("row %zu (wanted '%s'): code %d, %s", i, table[i].says, rc, e.text);
    }
    assert_int_equal(weights_read(s->folder, &w, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "folder"));
    assert_int_equal(weights_read(scratch_path(*state, "absent.ckpt", path), &w, &e), ERR_INPUT);
}

static void our_form_round_trip(void **state)
{
    char path[512];
    struct error e;
    struct weights w = {0}, back;
    struct weight *item = NULL;
    int shape[3] = {2, 3, 4};
    scratch_path(*state, "ours.h5", path);
    assert_int_equal(weights_add(&w, "vae.encoder.weight", 3, shape, &item, &e), 0);
    rng_fill_normal(1, 2, 0, item->data, item->count);
    assert_int_equal(weights_add(&w, "scale", 0, NULL, &item, &e), 0);
    item->data[0] = 7;
    assert_int_equal(weights_add(&w, "scale", 0, NULL, &item, &e), ERR_INPUT);
    assert_int_equal(weights_write(&w, path, &e), 0);
    assert_int_equal(weights_read(path, &back, &e), 0);
    assert_int_equal(back.count, 2);
    for (int i = 0; i < w.count; i++) {
        struct weight *got = weights_find(&back, w.items[i].name);
        const float *values = values_of(&back, got);
        assert_int_equal(got->rank, w.items[i].rank);
        assert_memory_equal(values, w.items[i].data, got->count * sizeof *values);
    }
    weights_free(&back);

    /* The same tensors at the root of the file. */
    struct h5 *f = NULL;
    int32_t whole = 5;
    assert_int_equal(h5_create(path, &f, &e), 0);
    assert_int_equal(h5_write_float(f, "vae.x", 3, shape, w.items[0].data, &e), 0);
    assert_int_equal(h5_write_int(f, "step", 0, NULL, &whole, &e), 0);
    assert_int_equal(h5_write_int(f, "other/step", 0, NULL, &whole, &e), 0);
    assert_int_equal(h5_commit(f, &e), 0);
    assert_int_equal(weights_read(path, &back, &e), 0);
    assert_int_equal(back.count, 2);
    assert_true(values_of(&back, weights_find(&back, "step"))[0] == 5);
    weights_free(&back);

    /* A data set is not a checkpoint; a value must be finite. */
    assert_int_equal(h5_create(path, &f, &e), 0);
    assert_int_equal(h5_write_int(f, "other/step", 0, NULL, &whole, &e), 0);
    assert_int_equal(h5_commit(f, &e), 0);
    assert_int_equal(weights_read(path, &back, &e), ERR_INPUT);
    w.items[1].data[0] = (float)(1e300 * 1e300);
    assert_int_equal(weights_write(&w, path, &e), 0);
    assert_int_equal(weights_read(path, &back, &e), 0);
    const float *values = NULL;
    assert_int_equal(weight_values(&back, weights_find(&back, "scale"), &values, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "'scale'"));
    weights_free(&back);
    weights_free(&w);
}

/* ---- Golden checkpoints ---- */

static void golden_checkpoints(void **state)
{
    (void)state;
    static const char folder[] = "../shared/golden";
    if (!file_exists(folder)) {
        print_message("skip: ../shared/golden not here\n");
        skip();
    }
    struct error e;
    char **names = NULL, path[600];
    int count = 0, loaded = 0;
    assert_int_equal(file_list(folder, &names, &count, &e), 0);
    for (int i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        if (n < 5 || strcmp(names[i] + n - 5, ".ckpt") != 0)
            continue;
        struct weights w;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        int rc = weights_read(path, &w, &e);
        assert_string_equal(rc ? e.text : "", "");
        weights_free(&w);
        loaded++;
    }
    file_list_free(names, count);
    assert_true(loaded > 0);

    struct weights zip, legacy;
    assert_int_equal(weights_read("../shared/golden/evaluators_small.ckpt", &zip, &e), 0);
    assert_int_equal(weights_read("../shared/golden/evaluators_small_legacy.ckpt", &legacy, &e), 0);
    assert_non_null(weights_find(&zip, "text_encoder.gru.weight_ih_l0"));
    assert_non_null(weights_find(&zip, "movement_encoder.main.0.weight"));
    assert_int_equal(zip.count, legacy.count);
    for (int i = 0; i < zip.count; i++) {
        assert_string_equal(zip.items[i].name, legacy.items[i].name);
        assert_int_equal(zip.items[i].count, legacy.items[i].count);
        assert_memory_equal(values_of(&zip, &zip.items[i]), values_of(&legacy, &legacy.items[i]),
                            zip.items[i].count * sizeof(float));
    }
    weights_free(&zip);
    weights_free(&legacy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zip_checkpoints),
        cmocka_unit_test(zip_refusals),
        cmocka_unit_test(zip_entries_do_not_overlap),
        cmocka_unit_test(torchscript_modules),
        cmocka_unit_test(hostile_tensors),
        cmocka_unit_test(reference_bombs),
        cmocka_unit_test(legacy_checkpoints),
        cmocka_unit_test(mutations_never_crash),
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(our_form_round_trip),
        cmocka_unit_test(golden_checkpoints),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
