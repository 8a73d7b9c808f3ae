/* The gate's promises, shown on many pairs of documents: how often it fails without any change, and how often it
 * notices a worse FID. Pairs come from generated replications (normal, skewed, with and without shared draws) and
 * from the real replications of results/bandai_small_table1.json, split at random or with signs at random. */
#include "near.h"

#include <stdlib.h>
#include <string.h>

#include "../bench/gate.h"
#include "../engine/file.h"

#define TABLE "results/bandai_small_table1.json"
enum { PAIRS = 200, MOST = 64 };

static void must(int status, const struct error *e)
{
    if (status)
        fail_msg("%d: %s", status, e->text);
}

/* Whether the gate stops B; level and pairing as asked. */
static int stops(const struct results *a, const struct results *b, int paired, const char **metric)
{
    struct comparison_rule rule;
    struct gate_rule gate = {0};
    struct comparison c;
    struct gate g;
    struct error e = {0};
    comparison_rule_default(&rule);
    must(comparison_make(a, "A", b, "B", &rule, &c, &e), &e);
    assert_int_equal(c.paired, paired);
    must(gate_judge(&c, a, b, &gate, &g, &e), &e);
    int stopped = !g.pass;
    if (stopped && metric)
        *metric = metric_find(g.list[0].metric) ? metric_find(g.list[0].metric)->name : "?";
    gate_free(&g);
    comparison_free(&c);
    return stopped;
}

/* --- generated documents --------------------------------------------------------------------- */

static const char *const names[] = {"FID", "R_precision_top_1", "R_precision_top_2", "R_precision_top_3", "MM_dist", "Diversity",
                                    "MultiModality", "KID"};
static const double means[] = {0.4, 0.7, 0.9, 0.96, 1.7, 17, 1.3, 0.02}, spreads[] = {0.03, 0.012, 0.008, 0.005, 0.03, 0.36, 0.08, 0.002};
enum { METRICS = 8, ROWS = 7 };

enum shape { NORMAL, SKEWED };

/* Mean 0, variance 1; skewed: a shifted exponential, skewness 2, far more than any metric of the table has. */
static double draw(struct rng *r, enum shape shape)
{
    return shape == NORMAL ? rng_normal(r) : -log(1 - rng_uniform(r)) - 1;
}

/* A table of seven rows. Its draws are those of `draws`; `share` of the variance comes from them, the rest from own. */
static void generate(struct results *r, uint64_t draws, uint64_t own, double share, int n, enum shape shape)
{
    struct error e = {0};
    double x[MOST];
    memset(r, 0, sizeof *r);
    r->protocol.nseeds = 1;
    r->protocol.seeds[0] = draws;
    r->protocol.replications = n;
    struct rng mine = rng_make(own, rng_stream("own"));
    for (int row = 0; row < ROWS; row++) {
        char model[40];
        int k;
        snprintf(model, sizeof model, row ? "model %d" : "Real", row);
        must(results_add_row(r, model, row == 0, &k, &e), &e);
        for (int m = 0; m < METRICS; m++) {
            struct rng shared = rng_make(draws, rng_stream(names[m]));      /* all rows see the same draws */
            double part = !row ? 1 : strcmp(names[m], "Diversity") ? share : 0.99;
            for (int i = 0; i < n; i++)
                x[i] = means[m] + spreads[m] * (sqrt(part) * draw(&shared, shape) + sqrt(1 - part) * draw(&mine, shape));
            if (row || m != 6)
                must(results_add_metric(r, k, names[m], x, n, &e), &e);
        }
    }
}

/* Multiplies a metric of one row. */
static void scale(struct results *r, const char *model, const char *metric, double factor)
{
    for (int i = 0; i < r->nrows; i++)
        for (int k = 0; k < r->rows[i].nmetrics; k++) {
            struct results_metric *m = &r->rows[i].metrics[k];
            if (strcmp(r->rows[i].model, model) || strcmp(m->name, metric))
                continue;
            for (int n = 0; n < m->nreplications; n++)
                m->replications[n] *= factor;
            m->mean *= factor;
            m->ci95 *= factor;
        }
}

/* How many of PAIRS generated pairs are stopped; FID of one row of B is `factor` times what it would be. */
static int generated(double share, int n, enum shape shape, double factor)
{
    int count = 0;
    for (uint64_t k = 0; k < PAIRS; k++) {
        struct results a, b;
        generate(&a, 1000 + k, 2 * k, share, n, shape);
        generate(&b, share > 0 ? 1000 + k : 5000 + k, 2 * k + 1, share, n, shape);
        scale(&b, "model 3", "FID", factor);
        count += stops(&a, &b, share > 0, NULL);
        results_free(&a);
        results_free(&b);
    }
    return count;
}

/* --- real replications ------------------------------------------------------------------------- */

/* A document with some of the replications of `of`: number pick[i] of each metric; times are left out. */
static void choose(struct results *r, const struct results *of, const int *pick, int n, uint64_t seed)
{
    struct error e = {0};
    double x[MOST];
    memset(r, 0, sizeof *r);
    r->protocol.nseeds = 1;
    r->protocol.seeds[0] = seed;
    r->protocol.replications = n;
    for (int i = 0; i < of->nrows; i++) {
        int row;
        must(results_add_row(r, of->rows[i].model, of->rows[i].real, &row, &e), &e);
        for (int k = 0; k < of->rows[i].nmetrics; k++) {
            const struct results_metric *m = &of->rows[i].metrics[k];
            if (metric_groups(m->name) == GROUP_TIME)
                continue;
            for (int j = 0; j < n; j++)
                x[j] = m->replications[pick[j]];
            must(results_add_metric(r, row, m->name, x, n, &e), &e);
        }
    }
}

/* The table's replications, or a skip where the test runs elsewhere. */
static void table(struct results *r)
{
    struct error e = {0};
    if (!file_exists(TABLE))
        skip();
    must(results_read(TABLE, r, &e), &e);
}

/* Twenty replications in two halves at random: both are of the same models. */
static int halves(const struct results *t, double factor)
{
    int count = 0;
    for (uint64_t k = 0; k < PAIRS; k++) {
        struct rng r = rng_make(k, rng_stream("halves"));
        struct results a, b;
        int pick[20];
        for (int i = 0; i < 20; i++)
            pick[i] = i;
        rng_shuffle(&r, pick, 20);
        choose(&a, t, pick, 10, 1);
        choose(&b, t, pick + 10, 10, 2);
        scale(&b, "MLD (DDIM, 50 steps)", "FID", factor);
        count += stops(&a, &b, 0, NULL);
        results_free(&a);
        results_free(&b);
    }
    return count;
}

/* Replications drawn with replacement: n of each side, so that other numbers of them can be shown. */
static int redrawn(const struct results *t, const char *model, int n, double factor)
{
    int count = 0;
    for (uint64_t k = 0; k < PAIRS; k++) {
        struct rng r = rng_make(k, rng_stream("redrawn"));
        struct results a, b;
        int pick[2 * MOST];
        for (int i = 0; i < 2 * n; i++)
            pick[i] = (int)rng_below(&r, 20);
        choose(&a, t, pick, n, 1);
        choose(&b, t, pick + n, n, 2);
        scale(&b, model, "FID", factor);
        count += stops(&a, &b, 0, NULL);
        results_free(&a);
        results_free(&b);
    }
    return count;
}

/* Pairs that share their draws, of models that differ as MotionLCM in two and four steps do but are equally good: a
 * replication of each row of B is that of A, changed by the difference of these two, brought to mean 0 and, where
 * `flip`, with a sign at random (of the whole replication, so that what metrics have in common stays). */
static int neighbours(const struct results *t, const char *model, int n, double factor, int flip)
{
    const struct results_row *two = NULL, *four = NULL;
    int count = 0;
    for (int i = 0; i < t->nrows; i++) {
        two = strcmp(t->rows[i].model, "MotionLCM (2 steps)") ? two : &t->rows[i];
        four = strcmp(t->rows[i].model, "MotionLCM (4 steps)") ? four : &t->rows[i];
    }
    assert_true(two && four);
    for (uint64_t k = 0; k < PAIRS; k++) {
        struct rng r = rng_make(k, rng_stream("neighbours"));
        struct results a, b;
        int pick[MOST], sign[MOST];
        for (int i = 0; i < n; i++) {
            pick[i] = n == 20 && flip ? i : (int)rng_below(&r, 20);
            sign[i] = flip && rng_below(&r, 2) ? -1 : 1;
        }
        choose(&a, t, pick, n, 1);
        choose(&b, t, pick, n, 1);
        for (int i = 0; i < b.nrows; i++)
            for (int j = 0; j < b.rows[i].nmetrics && !b.rows[i].real; j++) {
                struct results_metric *m = &b.rows[i].metrics[j];
                const struct results_metric *x = results_metric(two, m->name), *y = results_metric(four, m->name);
                m->mean = 0;
                for (int q = 0; q < n; q++) {
                    double change = (y->replications[pick[q]] - y->mean) / y->mean - (x->replications[pick[q]] - x->mean) / x->mean;
                    m->replications[q] *= 1 + sign[q] * change;
                    m->mean += m->replications[q] / n;
                }
            }
        scale(&b, model, "FID", factor);
        count += stops(&a, &b, 1, NULL);
        results_free(&a);
        results_free(&b);
    }
    return count;
}

/* --- the tests ------------------------------------------------------------------------------------ */

static void tell(const char *what, int count)
{
    print_message("%-66s %5.1f %%\n", what, 100.0 * count / PAIRS);
}

/* The promise is 5 % at most; 200 pairs of a gate that just keeps it have 10 to 16 alarms in most cases, more than
 * 18 (9 %) in one of a hundred. */
static void test_false_alarms(void **state)
{
    (void)state;
    struct results t;
    table(&t);
    const struct {
        const char *what;
        int count;
    } runs[] = {{"no change, 20 normal replications, other seeds", generated(0, 20, NORMAL, 1)},
                {"no change, 20 normal replications, shared draws", generated(0.7, 20, NORMAL, 1)},
                {"no change, 20 skewed replications, other seeds", generated(0, 20, SKEWED, 1)},
                {"no change, 20 skewed replications, shared draws", generated(0.7, 20, SKEWED, 1)},
                {"no change, 5 normal replications, other seeds", generated(0, 5, NORMAL, 1)},
                {"no change, real replications in two halves of 10", halves(&t, 1)},
                {"no change, real replications of 20, shared draws", neighbours(&t, "", 20, 1, 1)}};
    int sum = 0, kinds = (int)(sizeof runs / sizeof *runs);
    for (int i = 0; i < kinds; i++) {
        tell(runs[i].what, runs[i].count);
        assert_in_range(runs[i].count, 0, 18);
        sum += runs[i].count;
    }
    assert_true(sum > 0 && sum <= kinds * PAIRS * 0.05);
    results_free(&t);
}

static void test_power(void **state)
{
    (void)state;
    struct results t;
    table(&t);
    const char *mld = "MLD (DDIM, 50 steps)", *lcm = "MotionLCM (1 step)";
    char what[100];
    for (int n = 5; n <= 40; n *= 2)
        for (int i = 0; i < 2; i++) {
            int independent = redrawn(&t, i ? lcm : mld, n, 1.1), shared = neighbours(&t, i ? lcm : mld, n, 1.1, 0);
            snprintf(what, sizeof what, "FID of %s 10 %% worse, %d replications, other seeds", i ? lcm : mld, n);
            tell(what, independent);
            snprintf(what, sizeof what, "  the same, shared draws");
            tell(what, shared);
            if (n == 20)
                assert_true(shared >= 0.95 * PAIRS && independent >= (i ? 0.3 : 0.6) * PAIRS);
            if (n == 40)
                assert_true(shared >= 0.99 * PAIRS && independent >= (i ? 0.75 : 0.95) * PAIRS);
        }
    results_free(&t);
}

/* Of a paired comparison the printed power is what happens. */
static void test_predicted_power(void **state)
{
    (void)state;
    struct results a, b;
    struct comparison_rule rule;
    struct comparison c;
    struct error e = {0};
    generate(&a, 1, 2, 0.7, 20, NORMAL);
    generate(&b, 1, 3, 0.7, 20, NORMAL);
    comparison_rule_default(&rule);
    must(comparison_make(&a, "A", &b, "B", &rule, &c, &e), &e);
    double worse = comparison_power(&c, comparison_find(&c, "model 3", "FID"));
    int noticed = generated(0.7, 20, NORMAL, 1 + worse);
    print_message("said to be noticed four times in five: %.1f %% worse; was noticed %.1f %%\n", 100 * worse, 100.0 * noticed / PAIRS);
    assert_true(worse > 0.02 && worse < 0.15);
    assert_in_range(noticed, 130, 196);        /* the spread of one pair is itself an estimate */
    comparison_free(&c);
    results_free(&a);
    results_free(&b);
}

/* A metric that shall be near real motions: away on either side is worse, nearer is better. */
static void test_near_real(void **state)
{
    (void)state;
    struct comparison_rule rule;
    struct error e = {0};
    comparison_rule_default(&rule);
    for (int k = 0; k < 4; k++) {
        const double factor[] = {1.1, 0.9, 1.0, 1.1}, before[] = {1, 1, 1.1, 0.9};
        struct results a, b;
        struct comparison c;
        generate(&a, 1, 2, 0.7, 20, NORMAL);
        generate(&b, 1, 2, 0.7, 20, NORMAL);
        scale(&a, "model 3", "Diversity", before[k]);
        scale(&b, "model 3", "Diversity", factor[k]);
        must(comparison_make(&a, "A", &b, "B", &rule, &c, &e), &e);
        const struct compared *m = comparison_find(&c, "model 3", "Diversity");
        assert_non_null(m);
        /* from 10 % below to 10 % above, the distance is the same */
        assert_int_equal(m->verdict, k < 2 ? VERDICT_WORSE : k == 2 ? VERDICT_BETTER : VERDICT_SAME);
        comparison_free(&c);
        results_free(&a);
        results_free(&b);
    }
}

/* The rows of a sweep's document hold the replications of several seeds, the real row those of one: all of a row's are
 * compared, each with the real motions of its draws. */
static void test_near_real_of_a_sweep(void **state)
{
    (void)state;
    enum { N = 10, SEEDS = 3 };
    struct comparison_rule rule;
    struct error e = {0};
    struct results r[2];
    struct comparison c;
    comparison_rule_default(&rule);
    for (int k = 0; k < 2; k++) {
        double real[N], all[SEEDS * N];
        int row;
        memset(&r[k], 0, sizeof r[k]);
        r[k].protocol.nseeds = 1;
        for (int i = 0; i < SEEDS * N; i++) {
            if (i < N) real[i] = 17 + 0.3 * (i % 5);
            all[i] = 18 + 0.3 * (i % N % 5) + 0.01 * (i % 3) + (i >= N && k ? 3 : 0);   /* the first seed alone looks the same */
        }
        must(results_add_row(&r[k], "Real", 1, &row, &e), &e);
        must(results_add_metric(&r[k], row, "Diversity", real, N, &e), &e);
        must(results_add_row(&r[k], "cell, MotionLCM", 0, &row, &e), &e);
        must(results_add_metric(&r[k], row, "Diversity", all, SEEDS * N, &e), &e);
    }
    must(comparison_make(&r[0], "A", &r[1], "B", &rule, &c, &e), &e);
    const struct compared *m = comparison_find(&c, "cell, MotionLCM", "Diversity");
    assert_non_null(m);
    assert_int_equal(m->na, SEEDS * N);
    assert_int_equal(m->nb, SEEDS * N);
    assert_true(fabs(m->difference - 2) < 1e-9);
    assert_int_equal(m->verdict, VERDICT_WORSE);
    comparison_free(&c);
    for (int k = 0; k < 2; k++) results_free(&r[k]);
}

/* MultiModality of fewer motions a caption is smaller, since pairs are drawn from among as many. */
static void test_other_repeats(void **state)
{
    (void)state;
    struct comparison_rule rule;
    struct error e = {0};
    struct results a, b;
    struct comparison c;
    comparison_rule_default(&rule);
    for (int repeats = 3; repeats <= 30; repeats += 27) {
        generate(&a, 1, 2, 0.7, 20, NORMAL);
        generate(&b, 1, 2, 0.7, 20, NORMAL);
        a.protocol.mm_samples = b.protocol.mm_samples = 100;
        a.protocol.mm_repeats = 30;
        b.protocol.mm_repeats = repeats;
        must(comparison_make(&a, "A", &b, "B", &rule, &c, &e), &e);
        const struct compared *m = comparison_find(&c, "model 3", "MultiModality"), *f = comparison_find(&c, "model 3", "FID");
        assert_true(m && f);
        assert_int_equal(m->verdict, repeats == 30 ? VERDICT_SAME : VERDICT_NOT_COMPARABLE);
        assert_int_equal(f->verdict, VERDICT_SAME);
        comparison_free(&c);
        results_free(&a);
        results_free(&b);
    }
}

/* Rounding that shifts every replication alike is significant and does not matter. */
static void test_tolerance(void **state)
{
    (void)state;
    struct results a, b;
    generate(&a, 1, 2, 0.7, 20, NORMAL);
    generate(&b, 1, 2, 0.7, 20, NORMAL);
    for (int row = 1; row < ROWS; row++)
        scale(&b, b.rows[row].model, "FID", 1.0001);
    assert_int_equal(stops(&a, &b, 1, NULL), 0);
    for (int row = 1; row < ROWS; row++)
        scale(&b, b.rows[row].model, "FID", 1.02);
    assert_int_equal(stops(&a, &b, 1, NULL), 1);
    results_free(&a);
    results_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_false_alarms), cmocka_unit_test(test_power), cmocka_unit_test(test_predicted_power),
        cmocka_unit_test(test_near_real),    cmocka_unit_test(test_tolerance),
        cmocka_unit_test(test_near_real_of_a_sweep), cmocka_unit_test(test_other_repeats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
