/* Writing PyTorch's container: what is written is read back bit for bit. */
#include "../engine/torch_write.h"
#include "../engine/weights.h"
#include "scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct weight *add(struct weights *w, const char *name, int rank, const int *shape)
{
    struct weight *t;
    struct error e;
    assert_int_equal(weights_add(w, name, rank, shape, &t, &e), 0);
    for (size_t i = 0; i < t->count; i++)
        t->data[i] = (float)((double)(i * 2654435761u % 1000003u) / 1000003.0 - 0.5);
    return t;
}

static void fill(struct weights *w)
{
    static const int shapes[][4] = {{0}, {7}, {3, 5}, {2, 1, 4}, {2, 3, 2, 2}};
    for (int rank = 0; rank < 5; rank++) {
        char name[40];
        snprintf(name, sizeof name, "%s.block.%d.weight", rank % 2 ? "first" : "second", rank);
        add(w, name, rank, shapes[rank]);
    }
    struct weight *t = add(w, "first.edges", 1, (const int[]){4});
    t->data[0] = -0.0f;
    t->data[1] = 0x1p-149f;             /* the least denormal */
    t->data[2] = 3.4028235e38f;
    t->data[3] = 1.0f + 0x1p-23f;
}

static void same_tensors(const struct weights *w, const struct weights *back, const char *drop, const char *put)
{
    for (int i = 0; i < w->count; i++) {
        const struct weight *t = &w->items[i];
        char name[200];
        const float *values;
        struct error e;
        size_t n = strlen(drop);
        if (strncmp(t->name, drop, n))
            continue;
        snprintf(name, sizeof name, "%s%s", put, t->name + n);
        struct weight *other = weights_find(back, name);
        assert_non_null(other);
        assert_int_equal(other->rank, t->rank);
        for (int d = 0; d < t->rank; d++)
            assert_int_equal(other->shape[d], t->shape[d]);
        assert_int_equal(weight_values(back, other, &values, &e), 0);
        assert_memory_equal(values, t->data, t->count * sizeof *values);
    }
}

static void test_state_dict(void **state)
{
    static const struct torch_section whole = {"state_dict", ""};
    struct weights w = {0}, back;
    struct error e;
    char path[512];
    fill(&w);
    scratch_path(*state, "model.ckpt", path);
    assert_int_equal(torch_write(path, &w, &whole, 1, NULL, 0, 0, &e), 0);
    assert_int_equal(weights_read(path, &back, &e), 0);
    assert_int_equal(back.count, w.count);
    same_tensors(&w, &back, "", "");    /* "state_dict." is dropped by the reader */
    weights_free(&back);
    weights_free(&w);
}

static void test_sections(void **state)
{
    static const struct torch_section parts[] = {{"one", "first."}, {"two", "second."}};
    static const struct torch_number numbers[] = {{"epoch", 28}, {"iter", 123456789012345}, {"negative", -7}};
    struct weights w = {0}, back;
    struct error e;
    char path[512];
    fill(&w);
    scratch_path(*state, "finest.tar", path);
    assert_int_equal(torch_write(path, &w, parts, 2, numbers, 3, 0, &e), 0);
    assert_int_equal(weights_read(path, &back, &e), 0);
    assert_int_equal(back.count, w.count);
    same_tensors(&w, &back, "first.", "one.");
    same_tensors(&w, &back, "second.", "two.");
    weights_free(&back);
    weights_free(&w);
}

/* Every entry's bytes start at a multiple of 64, so that a mapped file can be read in place. */
static void test_alignment(void **state)
{
    static const struct torch_section whole = {"", ""};
    struct weights w = {0};
    struct error e;
    char path[512], *data;
    size_t size, at = 0;
    int entries = 0;
    fill(&w);
    scratch_path(*state, "a file.pt", path);
    assert_int_equal(torch_write(path, &w, &whole, 1, NULL, 0, 0, &e), 0);
    assert_int_equal(file_read(path, 1 << 20, &data, &size, &e), 0);
    while (at + 30 < size && !memcmp(data + at, "PK\3\4", 4)) {
        const unsigned char *p = (unsigned char *)data + at;
        size_t bytes = (size_t)p[18] | (size_t)p[19] << 8 | (size_t)p[20] << 16, name = (size_t)p[26] | (size_t)p[27] << 8;
        size_t start = at + 30 + name + ((size_t)p[28] | (size_t)p[29] << 8);
        assert_int_equal(start % 64, 0);
        assert_memory_equal(p + 30, "a file/", 7);
        at = start + bytes;
        entries++;
    }
    assert_int_equal(entries, w.count + 2);
    free(data);
    weights_free(&w);
}

static void test_half(void **state)
{
    static const struct torch_section whole = {"", ""};
    struct weights w = {0}, back;
    struct error e;
    char path[512];
    const float *values;
    struct weight *t = add(&w, "x", 1, (const int[]){4});
    t->data[0] = 1.0f + 0x1p-11f;       /* half way: to the even neighbour */
    t->data[1] = 1.0f + 0x1.8p-10f;
    t->data[2] = 65504.0f;
    t->data[3] = 0x1p-24f;
    scratch_path(*state, "half.bin", path);
    assert_int_equal(torch_write(path, &w, &whole, 1, NULL, 0, 1, &e), 0);
    assert_int_equal(weights_read(path, &back, &e), 0);
    assert_int_equal(weight_values(&back, weights_find(&back, "x"), &values, &e), 0);
    assert_true(values[0] == 1.0f);
    assert_true(values[1] == 1.0f + 0x1p-9f);
    assert_true(values[2] == 65504.0f);
    assert_true(values[3] == 0x1p-24f);
    weights_free(&back);
    t->data[2] = 70000.0f;
    scratch_path(*state, "large.bin", path);
    assert_int_equal(torch_write(path, &w, &whole, 1, NULL, 0, 1, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "half precision"));
    assert_int_equal(file_exists(path), 0);
    weights_free(&w);
}

static void test_nothing_to_write(void **state)
{
    static const struct torch_section parts[] = {{"one", "first."}, {"none", "third."}};
    struct weights w = {0};
    struct error e;
    char path[512];
    fill(&w);
    scratch_path(*state, "none.pt", path);
    assert_int_equal(torch_write(path, &w, parts, 2, NULL, 0, 0, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "third."));
    assert_int_equal(file_exists(path), 0);
    weights_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_state_dict), cmocka_unit_test(test_sections),
                                       cmocka_unit_test(test_alignment), cmocka_unit_test(test_half),
                                       cmocka_unit_test(test_nothing_to_write)};
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
