/* The results document, its tables and figures. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cJSON.h>
#include <cmocka.h>

#include "../bench/evaluation.h"
#include "../bench/plot.h"
#include "../bench/results.h"
#include "../bench/table_text.h"
#include "../engine/file.h"

static char folder[] = "/tmp/mlcm-test-results-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char **names, path[600];
    int count;
    if (!file_list(folder, &names, &count, NULL)) {
        for (int i = 0; i < count; i++) {
            snprintf(path, sizeof path, "%s/%.200s", folder, names[i]);
            remove(path);
        }
        file_list_free(names, count);
    }
    return rmdir(folder);
}

static const char *in_folder(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void must(int status, const struct error *e)
{
    if (status)
        fail_msg("%d: %s", status, e->text);
}

/* One generated row of a family at some steps, with three replications. */
static void add_model(struct results *r, const char *name, const char *family, int steps, double fid,
                      double time)
{
    struct results_model m = {.steps = steps, .guidance = 7.5, .size = "tiny"};
    struct error e = {0};
    int row;
    snprintf(m.name, sizeof m.name, "%s", name);
    snprintf(m.family, sizeof m.family, "%s", family);
    must(results_add_model(r, &m, &e), &e);
    must(results_add_row(r, name, 0, &row, &e), &e);
    const double fids[] = {fid - 0.01, fid, fid + 0.01}, precision[] = {0.5, 0.51, 0.52};
    const double diversity[] = {9.0 + fid, 9.2 + fid, 9.1 + fid}, times[] = {0.9 * time, time, 1.1 * time};
    must(results_add_metric(r, row, "FID", fids, 3, &e), &e);
    must(results_add_metric(r, row, "R_precision_top_1", precision, 3, &e), &e);
    must(results_add_metric(r, row, "Diversity", diversity, 3, &e), &e);
    must(results_add_metric(r, row, "AITS", times, 3, &e), &e);
}

static void fill(struct results *r)
{
    struct error e = {0};
    int row;
    results_begin(r);
    snprintf(r->command, sizeof r->command, "mlcm bench --config \"a b\".json");
    r->experiment = cJSON_Parse("{\"seed\": 7}");
    r->data.n_original = 40;
    r->data.n_used = 38;
    snprintf(r->data.name, sizeof r->data.name, "procedural");
    must(results_add_nan_id(r, "007975", &e), &e);
    r->protocol.replications = 3;
    r->protocol.pool = 32;
    r->protocol.nseeds = 2;
    r->protocol.seeds[0] = 1234;
    r->protocol.seeds[1] = UINT64_MAX - 1;
    add_model(r, "LCM, 1 step", "LCM", 1, 0.47, 0.030);
    add_model(r, "LCM, 2 steps", "LCM", 2, 0.37, 0.035);
    add_model(r, "MLD|*_`x`", "MLD", 50, 0.45, 0.217);
    must(results_add_row(r, "Real", 1, &row, &e), &e);    /* last, but shown first */
    const double fid[] = {0.002}, diversity[] = {9.503};
    must(results_add_metric(r, row, "FID", fid, 1, &e), &e);
    must(results_add_metric(r, row, "Diversity", diversity, 1, &e), &e);
    struct results_timing t = {.model = "LCM, 1 step", .name = "AITS", .definition = "caption to features",
                               .batch = 1, .warmup = 5, .text = 0.01, .denoise = 0.015, .decode = 0.005};
    const double times[] = {0.03, 0.031, 0.029};
    must(latency_summary(times, 3, &t.latency, &e), &e);
    must(results_add_timing(r, &t, &e), &e);
    must(results_add_check(r, "real FID", 1, &e, "%.3f < 0.1", 0.002), &e);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct results r, back;
    struct error e = {0};
    fill(&r);
    char path[400];
    snprintf(path, sizeof path, "%s", in_folder("results.json"));
    must(results_write(&r, path, &e), &e);
    must(results_read(path, &back, &e), &e);
    assert_string_equal(back.command, r.command);
    assert_string_equal(back.build, r.build);
    assert_string_equal(back.started, r.started);
    assert_string_equal(back.host.cpu, r.host.cpu);
    assert_string_equal(back.host.gpu, "none");
    assert_int_equal(back.nlibraries, r.nlibraries);
    assert_string_equal(back.libraries[2].name, "GSL");
    assert_int_equal(back.data.n_used, 38);
    assert_string_equal(back.data.nan_ids[0], "007975");
    assert_int_equal(back.protocol.nseeds, 2);
    assert_true(back.protocol.seeds[1] == UINT64_MAX - 1);
    assert_int_equal(cJSON_GetObjectItem(back.experiment, "seed")->valueint, 7);
    assert_int_equal(back.nmodels, 3);
    assert_string_equal(results_model(&back, "LCM, 2 steps")->family, "LCM");
    assert_int_equal(back.nrows, 4);
    assert_string_equal(results_row(&back, 0)->model, "Real");
    assert_string_equal(back.rows[0].model, "Real");
    assert_null(results_row(&back, 4));
    for (int i = 0; i < 4; i++) {
        const struct results_row *a = results_row(&r, i), *b = results_row(&back, i);
        assert_int_equal(a->nmetrics, b->nmetrics);
        for (int k = 0; k < a->nmetrics; k++) {
            const struct results_metric *m = &a->metrics[k], *n = results_metric(b, m->name);
            assert_true(m->mean == n->mean && m->ci95 == n->ci95);    /* every digit */
            assert_int_equal(m->direction, n->direction);
            assert_memory_equal(m->replications, n->replications,
                                (size_t)m->nreplications * sizeof(double));
        }
    }
    assert_true(back.timings[0].latency.p90 == r.timings[0].latency.p90);
    assert_true(back.timings[0].denoise == 0.015);
    assert_int_equal(back.nchecks, 1);
    assert_string_equal(back.checks[0].detail, "0.002 < 0.1");
    results_free(&r);
    results_free(&back);
}

static void test_refuses_to_write(void **state)
{
    (void)state;
    struct results r;
    struct error e = {0};
    fill(&r);
    const double bad[] = {1, NAN}, good[] = {1};
    assert_int_not_equal(results_add_metric(&r, 0, "KID", bad, 2, &e), 0);
    assert_non_null(strstr(e.text, "KID"));
    assert_int_equal(results_add_metric(&r, 0, "FID", good, 1, &e), ERR_INTERNAL);    /* twice */
    assert_int_equal(results_add_metric(&r, 0, "beauty", good, 1, &e), ERR_INTERNAL);
    assert_int_equal(results_add_metric(&r, 9, "KID", good, 1, &e), ERR_INTERNAL);
    r.timings[0].latency.p99 = INFINITY;
    assert_int_equal(results_write(&r, in_folder("never.json"), &e), ERR_INTERNAL);
    assert_non_null(strstr(e.text, "p99"));
    assert_false(file_exists(in_folder("never.json")));
    results_free(&r);
}

/* A name cut in the middle of a character still gives a document that reads. */
static void test_text_is_utf8(void **state)
{
    (void)state;
    struct results r, back;
    struct error e = {0};
    fill(&r);
    snprintf(r.data.name, sizeof r.data.name, "caf\xc3");
    snprintf(r.evaluator.name, sizeof r.evaluator.name, "\xc3\xa9 \xe2\x86\x91 \xff\x01 \xed\xa0\x80");
    must(results_write(&r, in_folder("utf8.json"), &e), &e);
    must(results_read(in_folder("utf8.json"), &back, &e), &e);
    assert_string_equal(back.data.name, "caf?");
    assert_string_equal(back.evaluator.name, "\xc3\xa9 \xe2\x86\x91 ?? ???");
    results_free(&r);
    results_free(&back);
}

#define METRIC(mean, ci95, list) "{\"name\": \"FID\", \"direction\": \"down\", \"mean\": " #mean ", \"ci95\": " #ci95 ", \"replications\": [" list "]}"
#define ROW(mean, ci95, list) "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": [{\"model\": \"a\", \"metrics\": [" METRIC(mean, ci95, list) "]}]"

static void test_hostile_documents(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "{}", "[]", "{\"schema\": 3}", "{\"schema\": \"other\"}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": 5}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": [5]}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": [{\"model\": \"a\", \"metrics\": [{}]}]}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": [{\"model\": \"a\", \"metrics\": [{\"name\": \"FID\", "
        "\"direction\": \"sideways\", \"mean\": 1, \"ci95\": 0, \"replications\": [1]}]}]}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": [{\"model\": \"a\", \"metrics\": [{\"name\": \"FID\", "
        "\"direction\": \"down\", \"mean\": 1, \"ci95\": 0, \"replications\": [1, \"x\"]}]}]}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": [{\"model\": \"a\", \"metrics\": [{\"name\": \"FID\", "
        "\"direction\": \"down\", \"mean\": 1, \"ci95\": -1, \"replications\": [1]}]}]}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"protocol\": {\"limit\": -3}}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"protocol\": {\"seeds\": [1.5e300]}}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"timings\": [{\"model\": \"a\", \"p50\": \"fast\"}]}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"checks\": [{\"name\": \"a\", \"pass\": 1}]}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": []}",
        ROW(1, 0, "1") ", \"protocol\": {\"replications\": 100000}}",
        ROW(1, 0, "1") ", \"data\": {\"n_original\": 10, \"n_used\": 11}}",
        ROW(1, 0, "1") ", \"host\": {\"threads\": 1e9}}",
        ROW(1, 0, "1") ", \"seconds\": -1}",
        ROW(1e300, 0, "1e300") "}",
        ROW(3, 0, "1, 2") "}",
        ROW(0.99, 0, "1, 2") "}",
        "{\"schema\": \"" RESULTS_SCHEMA "\", \"rows\": [{\"model\": \"a\", \"metrics\": [" METRIC(1, 0, "1") ", " METRIC(1, 0, "1") "]}]}",
    };
    /* The same form is taken where the numbers are right. */
    static const char good[] = ROW(1.5, 0, "1, 2") ", \"protocol\": {\"replications\": 2}}";
    struct results fine;
    struct error none = {0};
    must(file_write(in_folder("good.json"), good, strlen(good), &none), &none);
    must(results_read(in_folder("good.json"), &fine, &none), &none);
    results_free(&fine);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        struct results r;
        struct error e = {0};
        must(file_write(in_folder("bad.json"), documents[i], strlen(documents[i]), &e), &e);
        int status = results_read(in_folder("bad.json"), &r, &e);
        if (status != ERR_INPUT || !strstr(e.text, "bad.json"))
            fail_msg("document %zu: %d %s", i, status, e.text);
        results_free(&r);
    }
}

/* What `print` writes, in a static buffer. */
static const char *printed(const struct results *r, void (*print)(const struct results *, FILE *))
{
    static char text[8000];
    memset(text, 0, sizeof text);
    FILE *f = fmemopen(text, sizeof text - 1, "w");
    print(r, f);
    fclose(f);
    return text;
}

static void must_have(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void test_tables(void **state)
{
    (void)state;
    struct results r;
    fill(&r);
    const char *markdown = printed(&r, table_markdown);
    must_have(markdown, "| model | R@1 ↑ | FID ↓ | Diversity → | AITS, s ↓ |\n|---|---:|");
    must_have(markdown, "|\n| Real | – | 0.002 | 9.503 | – |\n");
    must_have(markdown, "| LCM, 2 steps | 0.510 ± 0.009 | **0.370** ± 0.009 |");
    must_have(markdown, "**9.470** ± 0.092");    /* nearest to 9.503, not the largest */
    must_have(markdown, "| **0.0300** ± 0.0028 |");
    must_have(markdown, "| MLD\\|\\*\\_\\`x\\` |");
    assert_null(strstr(markdown, "Limited"));
    const char *latex = printed(&r, table_latex);
    must_have(latex, "\\begin{tabular}{lrrrr}");
    must_have(latex, "$\\mathbf{0.370}^{\\pm 0.009}$");
    must_have(latex, "Real & -- & $0.002$ & $9.503$ & -- \\\\\n\\midrule\n");
    must_have(latex, "MLD|*\\_`x`");
    r.protocol.limit = 64;
    must_have(printed(&r, table_markdown), "**Limited run: only 64 items");
    must_have(printed(&r, table_latex), "Limited run: only 64 items");
    snprintf(r.rows[0].model, sizeof r.rows[0].model, "=1+\"x\",y");
    const char *csv = printed(&r, table_csv);
    must_have(csv, "model,real,metric,unit,direction,mean,ci95,replications,limit\n\"Real\",1,\"FID\",\"\",down,0.002");
    must_have(csv, "\"'=1+\"\"x\"\",y\",0,\"FID\"");
    must_have(csv, ",3,64\n");
    struct error e = {0};
    must(table_write_all(&r, folder, &e), &e);
    assert_true(file_exists(in_folder("table.tex")));
    results_free(&r);
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *metric;
        double value;
        const char *text;
    } cases[] = {{"FID", 0.4671, "0.467"},    {"AITS", 0.02984, "0.0298"}, {"AITS", 24.741, "24.7"},
                 {"AITS", 123.4, "123"},      {"AITS", 0, "0.00"},         {"AITS", 0.000123, "0.000123"},
                 {"KID", -0.00123, "-0.0012"}, {"unknown", 1.23456, "1.235"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[40];
        table_number(cases[i].metric, cases[i].value, text, sizeof text);
        assert_string_equal(text, cases[i].text);
    }
}

/* Whether the file begins with these bytes; then it is a figure, not a stump. */
static void must_begin(const char *name, const char *bytes, size_t n)
{
    char *data;
    size_t size;
    struct error e = {0};
    must(file_read(in_folder(name), 1 << 24, &data, &size, &e), &e);
    assert_true(size > 2000);
    assert_memory_equal(data, bytes, n);
    free(data);
}

static void test_figures(void **state)
{
    (void)state;
    struct results r;
    struct error e = {0};
    int drawn = 0;
    fill(&r);
    int status = plot_results(&r, folder, &drawn, &e);
    if (status == ERR_ENV) {
        results_free(&r);
        print_message("skip: %s\n", e.text);
        skip();
    }
    must(status, &e);
    assert_int_equal(drawn, 5);    /* the frontier, and four metrics by steps */
    must_begin("frontier.png", "\x89PNG", 4);
    must_begin("frontier.svg", "<?xml", 5);
    must_begin("steps_FID.svg", "<?xml", 5);
    /* Nothing to draw is no error. */
    r.nrows = 1;
    drawn = 0;
    must(plot_steps(&r, folder, &drawn, &e), &e);
    assert_int_equal(drawn, 0);
    r.nrows = 4;
    results_free(&r);
}

static void test_figures_run_no_commands(void **state)
{
    (void)state;
    struct results r;
    struct error e = {0};
    int drawn = 0;
    results_begin(&r);
    char name[RESULTS_NAME];
    snprintf(name, sizeof name, "`touch %.40s/pwned` \"; system('touch x') #", folder);
    add_model(&r, name, name, 4, 0.3, 0.1);
    int status = plot_frontier(&r, folder, &drawn, &e);
    if (status != ERR_ENV) {
        must(status, &e);
        assert_int_equal(drawn, 1);
        assert_false(file_exists(in_folder("pwned")));
        /* A folder's name is a name, not a pipe. */
        assert_int_not_equal(plot_frontier(&r, "| touch pwned", &drawn, &e), 0);
        assert_false(file_exists("pwned"));
    }
    results_free(&r);
}

static void test_loss_curves(void **state)
{
    (void)state;
    struct error e = {0};
    int drawn = 0;
    FILE *f = fopen(in_folder("log.csv"), "w");
    fprintf(f, "step,loss,loss_eval,lr\n");
    for (int i = 1; i <= 3000; i++) {
        fprintf(f, "%d,%g,", i, exp(-i / 500.0) + 0.05 * (1 + sin(i)));
        fprintf(f, i % 100 ? ",1e-4\n" : "%g,1e-4\n", exp(-i / 600.0) + 0.1);
    }
    fprintf(f, "3001,0.0");    /* cut off while being written */
    fclose(f);
    char csv[400];
    snprintf(csv, sizeof csv, "%s", in_folder("log.csv"));
    int status = plot_loss(csv, folder, "loss_vae", &drawn, &e);
    if (status == ERR_ENV)
        skip();
    must(status, &e);
    assert_int_equal(drawn, 1);
    must_begin("loss_vae.png", "\x89PNG", 4);
    assert_int_equal(plot_loss(csv, folder, "../x", &drawn, &e), ERR_USAGE);
    static const char *const bad[] = {"loss,step\n1,2\n", "step,loss\n1,2\n2,x\n3,4\n", "step\n1\n", "",
                                      "step,loss\n1,2,3\n2,3\n", "step,loss\n,3\n1,2\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        must(file_write(in_folder("bad.csv"), bad[i], strlen(bad[i]), &e), &e);
        snprintf(csv, sizeof csv, "%s", in_folder("bad.csv"));
        assert_int_equal(plot_loss(csv, folder, "bad", &drawn, &e), ERR_INPUT);
    }
}

/* A measure that replications lack, pools of different meanings say, ends no run: it is left out. */
static void test_measures_that_lack(void **state)
{
    (void)state;
    enum { N = 3 };
    struct results r;
    struct error e = {0};
    double x[M_COUNT][N];
    int row;
    for (int m = 0; m < M_COUNT; m++)
        for (int k = 0; k < N; k++)
            x[m][k] = m == M_MULTIMODALITY || (m == M_DISTINCT1 && k == 1) || (m == M_DISTINCT2 && k == 0) ? NAN : 0.5;
    results_begin(&r);
    must(results_add_row(&r, "MLD", 0, &row, &e), &e);
    must(evaluation_add_metrics(&r, row, M_CONTROL, x[0], N, N, &e), &e);
    assert_non_null(results_metric(&r.rows[row], "FID"));
    assert_non_null(results_metric(&r.rows[row], "R_precision_distinct_top_3"));
    assert_null(results_metric(&r.rows[row], "R_precision_distinct_top_1"));
    assert_null(results_metric(&r.rows[row], "R_precision_distinct_top_2"));
    assert_null(results_metric(&r.rows[row], "MultiModality"));
    assert_null(results_metric(&r.rows[row], "kps_mean_err"));
    assert_int_equal(r.nnotes, 2);
    assert_string_equal(r.notes[0], "MLD: no R_precision_distinct_top_1: only 2 of 3 replications have it.");
    results_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refuses_to_write),
        cmocka_unit_test(test_text_is_utf8),
        cmocka_unit_test(test_hostile_documents),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_figures),
        cmocka_unit_test(test_figures_run_no_commands),
        cmocka_unit_test(test_loss_curves),
        cmocka_unit_test(test_measures_that_lack),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
