/* Tables of the report's page. */
#include "../../metrics/definitions.h"
#include "../table_text.h"
#include "html.h"
#include "report.h"
#include <stdlib.h>
#include <string.h>

/* The columns of the paper's tables; the others are folded away. */
static int is_headline(const struct metric *m)
{
    static const char *const names[] = {"R_precision_top_1", "R_precision_top_2", "R_precision_top_3", "FID", "MM_dist", "Diversity",
                                        "MultiModality", "traj_fail_50cm", "kps_fail_50cm", "kps_mean_err", "skating_ratio", "AITS"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(names[i], m->name)) return 1;
    return 0;
}

static const char *direction_words(enum direction d)
{
    return d == DIRECTION_UP ? "higher is better" : d == DIRECTION_DOWN ? "lower is better" : "nearer to real motions is better";
}

static void put_header(const struct table_column *c, FILE *out)
{
    const struct metric *m = c->metric;
    html_print(out, "<th scope=\"col\" data-first=\"%s\" title=\"%s\">%s", m->direction == DIRECTION_UP ? "descending" : "ascending",
               direction_words(m->direction), m->title);
    if (*m->unit) html_print(out, ", %s", m->unit);
    html_print(out, "&nbsp;<span aria-hidden=\"true\">%s</span><span class=\"hidden\">, %s</span></th>", table_arrow(m->direction),
               direction_words(m->direction));
}

static void put_cell(const struct table_column *c, const struct results_row *row, FILE *out)
{
    const struct results_metric *v = results_metric(row, c->metric->name);
    if (!v) {
        html_print(out, "<td data-value=\"\"><span aria-label=\"not measured\">–</span></td>");
        return;
    }
    char mean[64], interval[64];
    int best = v == c->best;
    table_number(c->metric->name, v->mean, mean, sizeof mean);
    table_interval(c->metric->name, v->mean, v->ci95, interval, sizeof interval);
    fprintf(out, "<td data-value=\"%.17g\">%s%s%s", v->mean, best ? "<strong>" : "", mean, best ? "</strong>" : "");
    if (v->nreplications > 1) fprintf(out, "<span class=\"ci\">±\xc2\xa0%s</span>", interval);
    fprintf(out, "</td>");
}

static void put_table(const struct results *r, const struct table_column *columns, int count, int headline, const char *caption, FILE *out)
{
    int width = 0;
    for (int c = 0; c < count; c++) width += is_headline(columns[c].metric) == headline;
    html_print(out, "<p class=\"scope table-caption\">%s", caption);
    if (r->protocol.limit > 0) html_print(out, " <strong>Limited run of %d items.</strong>", r->protocol.limit);
    html_print(out, "</p>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n<table class=\"sortable%s\" aria-label=\"%s\">\n"
                    "<thead><tr><th scope=\"col\">Model</th>", caption, width > 7 ? " dense" : "", caption);
    for (int c = 0; c < count; c++)
        if (is_headline(columns[c].metric) == headline) put_header(&columns[c], out);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int i = 0; i < r->nrows; i++) {
        const struct results_row *row = results_row(r, i);
        html_print(out, "<tr class=\"%s\"><th scope=\"row\">%s</th>", row->real ? "real" : row->reference ? "reference" : "model", row->model);
        for (int c = 0; c < count; c++)
            if (is_headline(columns[c].metric) == headline) put_cell(&columns[c], row, out);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table>\n</div>\n", out);
}

/* A table in another form, as text to copy. */
static int put_source(const struct results *r, void (*print)(const struct results *, FILE *), const char *name, FILE *out, struct error *e)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!memory) return error_memory(e, "a table");
    print(r, memory);
    if (fclose(memory)) {
        free(text);
        return error_memory(e, "a table");
    }
    html_print(out, "<details><summary>Table as %s</summary>\n<pre class=\"source\" tabindex=\"0\">%s</pre></details>\n", name, text);
    free(text);
    return 0;
}

int report_tables(const struct results *r, FILE *out, struct error *e)
{
    struct table_column columns[TABLE_COLUMNS];
    int count = table_columns(r, columns), headlines = 0, rc;
    for (int c = 0; c < count; c++) headlines += is_headline(columns[c].metric);
    if (headlines)
        put_table(r, columns, count, 1, "Mean ± 95 % interval over replications. Best of the compared models in bold; grey rows are bounds "
                                        "that do not compete.", out);
    if (count > headlines) {
        html_print(out, "<details class=\"print\"%s><summary>Further metrics (%d columns)</summary>\n", headlines ? "" : " open", count - headlines);
        put_table(r, columns, count, 0, "Further metrics. Mean ± 95 % interval over replications; best of the compared models in bold.", out);
        fputs("</details>\n", out);
    }
    fputs("<div class=\"sources\">\n", out);
    rc = put_source(r, table_markdown, "Markdown", out, e);
    if (!rc) rc = put_source(r, table_latex, "LaTeX", out, e);
    if (!rc) rc = put_source(r, table_csv, "CSV", out, e);
    fputs("</div>\n", out);
    return rc;
}

static void put_seconds(FILE *out, double seconds)
{
    char text[64];
    table_number("AITS", seconds * 1000, text, sizeof text);
    if (seconds > 0) fprintf(out, "<td data-value=\"%.9g\">%s</td>", seconds, text);
    else fputs("<td data-value=\"0\">–</td>", out);
}

void report_timings(const struct results *r, FILE *out)
{
    static const char *const names[] = {"Measure", "Batch", "Runs", "Mean", "Median", "90 %", "99 %", "Text", "Trajectory", "Denoise", "Decode"};
    if (!r->ntimings) return;
    fputs("<details class=\"print\"><summary>Times: percentiles and stages</summary>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
          "aria-label=\"Times\"><table class=\"sortable\"><caption>Milliseconds a sentence; stages are means.</caption>\n<thead><tr>"
          "<th scope=\"col\">Model</th>", out);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        html_print(out, "<th scope=\"col\"%s>%s</th>", "", names[i]);
    fputs("</tr></thead>\n<tbody>\n", out);
    for (int i = 0; i < r->ntimings; i++) {
        const struct results_timing *t = &r->timings[i];
        const struct metric *m = metric_find(t->name);
        html_print(out, "<tr><th scope=\"row\">%s</th><td class=\"left\" data-value=\"%d\">%s</td>", t->model, i, m ? m->title : t->name);
        fprintf(out, "<td data-value=\"%d\">%d</td><td data-value=\"%d\">%d</td>", t->batch, t->batch, t->latency.runs, t->latency.runs);
        const double seconds[] = {t->latency.mean, t->latency.p50, t->latency.p90, t->latency.p99, t->text, t->trajectory, t->denoise, t->decode};
        for (size_t k = 0; k < sizeof seconds / sizeof seconds[0]; k++) put_seconds(out, seconds[k]);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
    for (int i = 0; i < r->ntimings; i++) {     /* each measure's definition once */
        int known = 0;
        for (int k = 0; k < i && !known; k++) known = !strcmp(r->timings[k].name, r->timings[i].name);
        const struct metric *m = metric_find(r->timings[i].name);
        if (!known && *r->timings[i].definition)
            html_print(out, "<p class=\"note\"><b>%s</b>: %s.</p>\n", m ? m->title : r->timings[i].name, r->timings[i].definition);
    }
    fputs("</details>\n", out);
}

void report_definitions(const struct report *r, FILE *out)
{
    fputs("<section id=\"metrics\" aria-labelledby=\"metrics-title\">\n<h2 id=\"metrics-title\">What is measured</h2>\n<dl class=\"metrics\">\n", out);
    for (int m = 0; m < metric_count(); m++) {
        const struct metric *metric = metric_at(m);
        int used = 0;
        for (int i = 0; i < r->count; i++)
            for (int k = 0; k < r->items[i].results.nrows; k++)
                used |= results_metric(&r->items[i].results.rows[k], metric->name) != NULL;
        if (!used) continue;
        const char *sentence = metric_definition(metric->name), *words = direction_words(metric->direction);
        html_print(out, "<div><dt>%s <span aria-hidden=\"true\">%s</span></dt><dd>", metric->title, table_arrow(metric->direction));
        if (sentence) html_text(out, sentence);
        else html_print(out, "%s.", metric->meaning);
        fprintf(out, " %c%s.</dd></div>\n", words[0] - 'a' + 'A', words + 1);
    }
    fputs("</dl>\n<p class=\"note\">Embeddings are those of the evaluator named with each table: values compare only between runs with the "
          "same evaluator, data and protocol. Intervals are 1.96 standard deviations of the replications divided by the root of their "
          "number, as in the field.</p>\n</section>\n", out);
}
