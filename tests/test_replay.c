/* Work done again as graphs of a device: what it gives is what the work itself gives, and how often which way was taken.
 * The device is CUDA's own code on the host (tests/cuda_host), which captures and launches as a GPU does. */
#include "../engine/ops.h"
#include "../engine/replay.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 24, MOST = 7, OUT = 16, WORDS = 11 };

/* y = gelu(x·wᵀ) + rows of a table, then a wait, then a sum with what was uploaded after it. */
struct work {
    struct tape *tape;
    float *weight, *table;         /* (device) */
    float x[MOST * WIDTH], more[MOST * OUT];
    int index[MOST], rows;
    int waits, fetches;            /* what it does between: waits for the device, fetches a value */
    int times;                     /* how often it was done */
    float fetched;
    struct tensor *y;
};

static void do_work(void *context)
{
    struct work *w = context;
    struct tape *t = w->tape;
    w->times++;
    tape_start(t, 0, 0, 0, 0);
    struct tensor *weight = tape_borrow(t, w->weight, OUT, WIDTH), *table = tape_borrow(t, w->table, WORDS, OUT);
    struct tensor *y = op_linear(t, tape_constant(t, w->x, w->rows, WIDTH), weight, NULL, ACT_GELU);
    y = op_add(t, y, op_gather(t, table, w->index, w->rows));
    if (w->waits) t->device->synchronise(t->device);
    if (w->fetches) t->device->download(t->device, &w->fetched, y->x, 1);
    w->y = op_add(t, y, tape_constant(t, w->more, w->rows, OUT));
}

struct fixture {
    struct device cpu, device;
    struct tape tape[2];
    struct work direct, again;
};

static void fill(float *x, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) x[i] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) / 16777216.0f - 0.5f;
}

static int open(void **state)
{
    static struct fixture f;
    struct device base;
    float weight[OUT * WIDTH], table[WORDS * OUT];
    memset(&f, 0, sizeof f);
    fill(weight, OUT * WIDTH, 1);
    fill(table, WORDS * OUT, 2);
    if (device_open_cpu(&f.cpu, 1, NULL) || device_open_cuda(&base, NULL) || replay_open(&f.device, &base, NULL)) return -1;
    struct device *const both[2] = {&f.cpu, &f.device};
    struct work *const works[2] = {&f.direct, &f.again};
    for (int i = 0; i < 2; i++) {
        tape_init(&f.tape[i], both[i]);
        works[i]->tape = &f.tape[i];
        works[i]->weight = both[i]->alloc(both[i], OUT * WIDTH);
        works[i]->table = both[i]->alloc(both[i], WORDS * OUT);
        both[i]->upload(both[i], works[i]->weight, weight, OUT * WIDTH);
        both[i]->upload(both[i], works[i]->table, table, WORDS * OUT);
    }
    *state = &f;
    return 0;
}

static int shut(void **state)
{
    struct fixture *f = *state;
    struct work *const works[2] = {&f->direct, &f->again};
    struct device *const both[2] = {&f->cpu, &f->device};
    for (int i = 0; i < 2; i++) {
        both[i]->release(both[i], works[i]->weight);
        both[i]->release(both[i], works[i]->table);
        tape_free(&f->tape[i]);
        device_close(both[i]);
    }
    return 0;
}

/* One run with data of its own; its result beside the CPU's. */
static void run(struct fixture *f, uint64_t key, int rows, int waits, int fetches, unsigned seed)
{
    float got[MOST * OUT], want[MOST * OUT];
    struct work *const works[2] = {&f->direct, &f->again};
    for (int i = 0; i < 2; i++) {
        struct work *w = works[i];
        w->rows = rows;
        w->waits = waits;
        w->fetches = fetches;
        w->fetched = 0;
        fill(w->x, MOST * WIDTH, seed);
        fill(w->more, MOST * OUT, seed + 1);
        for (int k = 0; k < MOST; k++) w->index[k] = (int)((seed + (unsigned)k * 3) % WORDS);
        w->times = 0;
    }
    do_work(&f->direct);
    replay_run(&f->device, key, do_work, &f->again);
    /* what was uploaded must have been read: spoil it before the result is fetched */
    memset(f->again.x, 0xff, sizeof f->again.x);
    memset(f->again.index, 0xff, sizeof f->again.index);
    assert_int_equal(tape_failed(&f->tape[1], NULL), 0);
    size_t n = (size_t)(rows * OUT);
    f->cpu.download(&f->cpu, want, f->direct.y->x, n);
    f->device.download(&f->device, got, f->again.y->x, n);
    for (size_t i = 0; i < n; i++) assert_float_equal(got[i], want[i], 1e-5f);
    if (fetches) assert_float_equal(f->again.fetched, f->direct.fetched, 1e-5f);
}

static void counted(const struct fixture *f, long plain, long captured, long launched)
{
    struct replay_counts c = replay_counts(&f->device);
    if (c.plain != plain || c.captured != captured || c.launched != launched)
        fail_msg("done as it is %ld times, captured %ld, launched %ld; %ld, %ld, %ld expected", c.plain, c.captured, c.launched, plain,
                 captured, launched);
}

static void the_third_run_is_a_launch(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 5; i++) run(f, 1, 5, 0, 0, 100 + i);
    counted(f, 1, 1, 3);
}

static void waits_and_fetches_part_the_graph(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 4; i++) run(f, 1, 5, 1, 0, 200 + i);
    for (unsigned i = 0; i < 4; i++) run(f, 2, 5, 1, 1, 300 + i);
    counted(f, 2, 2, 4);
}

/* One key, two shapes in turn, as captions of two lengths: each is captured, and none is lost. */
static void a_key_may_have_several_shapes(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 5; i++) {
        run(f, 1, 5, 0, 0, 400 + i);
        run(f, 1, 3, 0, 0, 500 + i);
    }
    struct replay_counts c = replay_counts(&f->device);
    assert_int_equal(c.plain + c.captured + c.launched, 10);
    assert_true(c.launched >= 5);
}

/* The arena gave other memory: what was captured holds the old one. */
static void other_memory_is_noticed(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 3; i++) run(f, 1, 5, 0, 0, 600 + i);
    counted(f, 1, 1, 1);
    tape_free(&f->tape[1]);
    float *between = f->device.alloc(&f->device, 1 << 20);
    tape_init(&f->tape[1], &f->device);
    for (unsigned i = 0; i < 4; i++) run(f, 1, 5, 0, 0, 700 + i);
    f->device.release(&f->device, between);
    assert_true(replay_counts(&f->device).launched > 1);
}

static void more_works_than_are_kept(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned key = 0; key < 60; key++) run(f, 1000 + key, 1 + (int)(key % MOST), (int)(key & 1), 0, 800 + key + round);
    for (unsigned i = 0; i < 3; i++) run(f, 5, 4, 0, 0, 900 + i);
    assert_true(replay_counts(&f->device).launched > 0);
}

/* A device without graphs does the work once and nothing else. */
static void without_graphs(void **state)
{
    struct fixture *f = *state;
    struct device base, d;
    assert_int_equal(device_open_cpu(&base, 1, NULL), 0);
    assert_int_equal(replay_open(&d, &base, NULL), 0);
    f->direct.rows = 3;
    f->direct.times = 0;
    memset(f->direct.index, 0, sizeof f->direct.index);
    replay_run(&d, 1, do_work, &f->direct);
    assert_int_equal(f->direct.times, 1);
    assert_int_equal(replay_counts(&d).plain, 0);
    device_close(&d);
}

static void keys_tell_apart(void **state)
{
    const int a[2] = {1, 2}, b[2] = {2, 1};
    (void)state;
    assert_true(replay_key("x", a, sizeof a) != replay_key("x", b, sizeof b));
    assert_true(replay_key("x", a, sizeof a) != replay_key("y", a, sizeof a));
    assert_true(replay_key("x", a, sizeof a) == replay_key("x", (const int[]){1, 2}, sizeof a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_third_run_is_a_launch, open, shut),
        cmocka_unit_test_setup_teardown(waits_and_fetches_part_the_graph, open, shut),
        cmocka_unit_test_setup_teardown(a_key_may_have_several_shapes, open, shut),
        cmocka_unit_test_setup_teardown(other_memory_is_noticed, open, shut),
        cmocka_unit_test_setup_teardown(more_works_than_are_kept, open, shut),
        cmocka_unit_test_setup_teardown(without_graphs, open, shut),
        cmocka_unit_test(keys_tell_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
