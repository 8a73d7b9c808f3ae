/* A comparison's document (schema mlcm-compare-1) in the report's page. Every key may be missing or of another type: what
 * is not there is left out. */
#include "../table_text.h"
#include "html.h"
#include "report.h"
#include <cJSON.h>
#include <string.h>

static const char *text_of(const cJSON *o, const char *key)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static void put_value(const cJSON *o, const char *key, const char *metric, FILE *out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    char text[64] = "–";
    if (cJSON_IsNumber(v)) table_number(metric, v->valuedouble, text, sizeof text);
    fprintf(out, "<td data-value=\"%.17g\">%s</td>", cJSON_IsNumber(v) ? v->valuedouble : 0, text);
}

static void put_difference(const cJSON *o, const char *metric, FILE *out)
{
    const cJSON *d = cJSON_GetObjectItemCaseSensitive(o, "difference"), *low = cJSON_GetObjectItemCaseSensitive(o, "low");
    const cJSON *high = cJSON_GetObjectItemCaseSensitive(o, "high");
    char text[3][64];
    if (!cJSON_IsNumber(d) || !cJSON_IsNumber(low) || !cJSON_IsNumber(high)) {
        fputs("<td data-value=\"\">–</td>", out);
        return;
    }
    table_number(metric, d->valuedouble, text[0], sizeof text[0]);
    table_number(metric, low->valuedouble, text[1], sizeof text[1]);
    table_number(metric, high->valuedouble, text[2], sizeof text[2]);
    fprintf(out, "<td data-value=\"%.17g\">%s%s <span class=\"ci\">[%s, %s]</span></td>", d->valuedouble, d->valuedouble > 0 ? "+" : "", text[0],
            text[1], text[2]);
}

/* The headline metrics and whatever is not the same; the rest is folded away. */
static int is_headline(const cJSON *o)
{
    const char *verdict = text_of(o, "verdict");
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "headline")) || (strcmp(verdict, "same") && strcmp(verdict, "not comparable"));
}

static void put_metrics(const cJSON *root, int headline, FILE *out)
{
    static const char *const names[] = {"Metric", "A", "B", "B − A, with interval", "Verdict"};
    const cJSON *o;
    fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Comparison\">\n<table class=\"sortable\" aria-label=\"Comparison\">"
          "<thead><tr><th scope=\"col\">Model</th>", out);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        html_print(out, "<th scope=\"col\" class=\"%s\">%s</th>", i == 0 || i == 4 ? "left" : "number", names[i]);
    fputs("</tr></thead>\n<tbody>\n", out);
    int row = 0;
    cJSON_ArrayForEach(o, cJSON_GetObjectItemCaseSensitive(root, "metrics"))
    {
        const char *name = text_of(o, "metric"), *verdict = text_of(o, "verdict");
        const struct metric *m = metric_find(name);
        int bad = !strcmp(verdict, "worse"), good = !strcmp(verdict, "better");
        if (is_headline(o) != headline) continue;
        html_print(out, "<tr><th scope=\"row\">%s</th><td class=\"left\" data-value=\"%d\">%s %s</td>", text_of(o, "model"), row++,
                   m ? m->title : name, m ? table_arrow(m->direction) : "");
        put_value(o, "a", name, out);
        put_value(o, "b", name, out);
        put_difference(o, name, out);
        html_print(out, "<td class=\"left verdict%s\" data-value=\"%d\" title=\"%s\">%s</td></tr>\n", bad ? " worse" : good ? " better" : "",
                   bad ? 0 : good ? 2 : 1, text_of(o, "reason"), verdict);
    }
    fputs("</tbody></table>\n</div>\n", out);
}

static void put_fingerprints(const cJSON *root, FILE *out)
{
    const cJSON *o, *list = cJSON_GetObjectItemCaseSensitive(root, "fingerprints");
    if (!cJSON_GetArraySize(list)) {
        fputs("<p>Nothing differs besides the numbers.</p>\n", out);
        return;
    }
    fputs("<h3>What differs</h3>\n<ul>\n", out);
    cJSON_ArrayForEach(o, list)
    {
        const char *stops = text_of(o, "stops");
        html_print(out, "<li><b>%s</b>: %s in A, %s in B. %s", text_of(o, "field"), text_of(o, "a"), text_of(o, "b"), text_of(o, "meaning"));
        if (*stops) html_print(out, " <span class=\"failed\">Not comparable: %s.</span>", stops);
        fputs("</li>\n", out);
    }
    fputs("</ul>\n", out);
}

void report_comparison(const struct report_item *item, int number, FILE *out)
{
    const cJSON *root = item->comparison, *o, *gate = cJSON_GetObjectItemCaseSensitive(root, "gate");
    html_print(out, "<section id=\"document-%d\" aria-labelledby=\"title-%d\">\n<p class=\"name\">%s</p>\n<h2 id=\"title-%d\">Comparison of two results"
                    "</h2>\n<dl class=\"made\"><dt>A</dt><dd><code>%s</code></dd><dt>B</dt><dd><code>%s</code></dd><dt>Replications</dt><dd>%s</dd>"
                    "</dl>\n", number, number, item->name, number, text_of(root, "a"), text_of(root, "b"), text_of(root, "pairing"));
    if (gate) {
        int pass = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(gate, "pass"));
        fputs(pass ? "<p><b>The gate passed.</b></p>\n" : "<p class=\"loud\" role=\"note\"><b>The gate failed.</b></p>\n", out);
        fputs("<ul>\n", out);
        cJSON_ArrayForEach(o, cJSON_GetObjectItemCaseSensitive(gate, "findings"))
            html_print(out, "<li>%s, %s: %s</li>\n", text_of(o, "model"), text_of(o, "metric"), text_of(o, "finding"));
        fputs("</ul>\n", out);
    }
    put_fingerprints(root, out);
    fputs("<p class=\"scope table-caption\">Headline metrics and whatever is not the same; verdicts allow for the number of tests and for the "
          "tolerance.</p>\n", out);
    put_metrics(root, 1, out);
    fputs("<details class=\"print\"><summary>All other metrics</summary>\n", out);
    put_metrics(root, 0, out);
    fputs("</details>\n</section>\n", out);
}
