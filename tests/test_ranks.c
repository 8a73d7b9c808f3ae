/* What mpirun and srun say to their processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../bench/sweep_ranks.h"

static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "PMI_RANK", "PMI_SIZE",
                                    "MPI_LOCALNRANKS", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE", "SLURM_NODEID"};

/* Of a step of 11 tasks: how many run beside the one of that number on that node. */
static int beside(const char *per_node, const char *node)
{
    struct sweep_ranks r;
    struct error e = {0};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
    setenv("SLURM_PROCID", "3", 1);
    setenv("SLURM_STEP_NUM_TASKS", "11", 1);
    if (per_node) setenv("SLURM_STEP_TASKS_PER_NODE", per_node, 1);
    if (node) setenv("SLURM_NODEID", node, 1);
    if (sweep_ranks_find(&r, &e)) fail_msg("%s", e.text);
    assert_int_equal(r.rank, 3);
    assert_int_equal(r.size, 11);
    return r.here;
}

static void test_slurm_nodes(void **state)
{
    (void)state;
    assert_int_equal(beside("11", "0"), 11);
    assert_int_equal(beside("4(x2),3", "0"), 4);
    assert_int_equal(beside("4(x2),3", "1"), 4);
    assert_int_equal(beside("4(x2),3", "2"), 3);
    assert_int_equal(beside("5,2(x3)", "0"), 5);
    assert_int_equal(beside("5,2(x3)", "3"), 2);
    assert_int_equal(beside("4(x2),3", NULL), 4);
    /* What is not understood is one process a node, as before any of this was said. */
    static const char *const odd[] = {"", "x", "4(x", "4(x)", "4(y2)", "4(x2", "4(x2)3", "-4", "0", "4(x0)", "4,,2", "9999999999", "4(x9999999999)"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) assert_int_equal(beside(odd[i], "1"), 1);
    assert_int_equal(beside(NULL, "0"), 1);
    assert_int_equal(beside("4(x2),3", "3"), 1);
    assert_int_equal(beside("4(x2),3", "-1"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slurm_nodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
