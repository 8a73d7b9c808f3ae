/* Results documents, as compare, tables and plots read them; a document that reads is compared with itself. */
#include "fuzz.h"
#include "../../bench/gate.h"

#include <cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Nothing differs from itself: whatever compares is the same. */
static void compare_with_itself(const struct results *r, struct error *e)
{
    struct comparison_rule rule;
    struct comparison c;
    struct gate_rule gate = {.strict = 1, .times = 1};
    struct gate g;
    comparison_rule_default(&rule);
    if (fuzz_verdict(comparison_make(r, "A", r, "B", &rule, &c, e), e)) return;
    if (c.verdicts[VERDICT_WORSE] || c.verdicts[VERDICT_BETTER] || c.verdicts[VERDICT_CHANGED] || c.fingerprints.count)
        fuzz_breach("a document that differs from itself");
    if (!fuzz_verdict(gate_judge(&c, r, r, &gate, &g, e), e)) gate_free(&g);
    comparison_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct results r;
    struct error e = {0};
    if (!fuzz_verdict(results_read(fuzz_file(0, data, size), &r, &e), &e)) {
        for (int k = 0; k < r.nrows; k++) {
            const struct results_row *row = results_row(&r, k);
            const struct results_metric *m = results_metric(row, "FID");
            if (m && (!isfinite(m->mean) || !isfinite(m->ci95))) fuzz_breach("a metric that is not finite");
            results_model(&r, row->model);
        }
        compare_with_itself(&r, &e);
    }
    results_free(&r);
    return 0;
}

static void must(int rc, const struct error *e)
{
    if (rc) fuzz_breach(e->text);
}

void fuzz_seeds(void)
{
    static struct results r;
    struct error e = {0};
    int row;
    const struct results_model m = {.name = "LCM", .family = "LCM", .size = "tiny", .steps = 1, .guidance = 7.5};
    const double fid[] = {0.1, 0.2, 0.3}, times[] = {0.03, 0.031, 0.029};
    results_begin(&r);
    r.experiment = cJSON_Parse("{\"seed\": 7}");
    r.protocol.replications = 3;
    r.protocol.nseeds = 1;
    r.protocol.seeds[0] = UINT64_MAX;
    must(results_add_nan_id(&r, "007975", &e), &e);
    must(results_add_model(&r, &m, &e), &e);
    must(results_add_row(&r, "LCM", 0, &row, &e), &e);
    must(results_add_metric(&r, row, "FID", fid, 3, &e), &e);
    must(results_add_metric(&r, row, "Diversity", fid, 3, &e), &e);
    must(results_add_row(&r, "Real", 1, &row, &e), &e);
    must(results_add_metric(&r, row, "FID", fid, 1, &e), &e);
    struct results_timing t = {.model = "LCM", .name = "AITS", .definition = "caption to features", .batch = 1};
    must(latency_summary(times, 3, &t.latency, &e), &e);
    must(results_add_timing(&r, &t, &e), &e);
    must(results_add_check(&r, "real FID", 1, &e, "%.3f", 0.002), &e);
    const char *path = fuzz_scratch("results.json");
    must(results_write(&r, path, &e), &e);
    results_free(&r);
    fuzz_seed_file("results", path, NULL, 0);
}
