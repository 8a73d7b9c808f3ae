/* How a document's numbers were made. */
#include "html.h"
#include "report.h"
#include <cJSON.h>
#include <string.h>

static void line(FILE *out, const char *name, const char *value)
{
    if (*value) html_print(out, "<dt>%s</dt><dd>%s</dd>\n", name, value);
}

static void code_line(FILE *out, const char *name, const char *value)
{
    if (*value) html_print(out, "<dt>%s</dt><dd><code>%s</code></dd>\n", name, value);
}

static void put_protocol(const struct results *r, FILE *out)
{
    char text[700];
    snprintf(text, sizeof text, "%d replications; pools of %d (%s); Diversity over %d pairs (%s)", r->protocol.replications, r->protocol.pool,
             r->protocol.pooling, r->protocol.diversity_times, r->protocol.pairs);
    line(out, "Protocol", text);
    if (r->protocol.mm_samples) {
        snprintf(text, sizeof text, "%d captions, %d motions of each, %d pairs", r->protocol.mm_samples, r->protocol.mm_repeats,
                 r->protocol.mm_times);
        line(out, "MultiModality", text);
    }
    if (r->protocol.limit > 0) {
        snprintf(text, sizeof text, "only %d items of the split: does not compare with full runs", r->protocol.limit);
        html_print(out, "<dt>Limit</dt><dd class=\"failed\">%s</dd>\n", text);
    }
    fputs("<dt>Seeds</dt><dd>", out);
    for (int i = 0; i < r->protocol.nseeds; i++) fprintf(out, "%s%llu", i ? ", " : "", (unsigned long long)r->protocol.seeds[i]);
    fputs("</dd>\n", out);
}

static void put_data(const struct results *r, FILE *out)
{
    char text[300];
    snprintf(text, sizeof text, "%s, split %s: %d of %d clips", r->data.name, r->data.split, r->data.n_used, r->data.n_original);
    line(out, "Data", text);
    code_line(out, "Data, SHA-256", r->data.sha256);
    code_line(out, "Statistics, SHA-256", r->data.statistics);
    if (r->data.nnan) {
        html_print(out, "<dt>Left out</dt><dd>%d clips with values that are not finite:", r->data.nnan);
        for (int i = 0; i < r->data.nnan; i++) html_print(out, " %s", r->data.nan_ids[i]);
        fputs("</dd>\n", out);
    }
    line(out, "Evaluator", r->evaluator.name);
    code_line(out, "Evaluator, SHA-256", r->evaluator.sha256);
    line(out, "Padding", r->evaluator.padding_rule);
}

static void put_machine(const struct results *r, FILE *out)
{
    char text[500];
    snprintf(text, sizeof text, "mlcm %s, commit %s, %s", r->version, r->commit, r->build);
    line(out, "Program", text);
    snprintf(text, sizeof text, "%s, %d of %d threads, %.1f GiB, %s", r->host.cpu, r->host.threads_used, r->host.threads, r->host.memory_gib,
             r->host.system);
    line(out, "Machine", text);
    if (strcmp(r->host.gpu, "none")) {
        snprintf(text, sizeof text, "%s %s", r->host.gpu, r->host.driver);
        line(out, "GPU", text);
    }
    fputs("<dt>Libraries</dt><dd>", out);
    for (int i = 0; i < r->nlibraries; i++)
        html_print(out, "%s%s %s", i ? "; " : "", r->libraries[i].name, r->libraries[i].version);
    fputs("</dd>\n", out);
}

static void put_models(const struct results *r, FILE *out)
{
    if (!r->nmodels) return;
    fputs("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Models\"><table><caption>Models and the files they were read from"
          "</caption>\n<thead><tr><th scope=\"col\">Model</th><th scope=\"col\">Steps</th><th scope=\"col\">Guidance</th>"
          "<th scope=\"col\">Size</th><th scope=\"col\" class=\"left\">SHA-256</th></tr></thead>\n<tbody>\n", out);
    for (int i = 0; i < r->nmodels; i++) {
        const struct results_model *m = &r->models[i];
        html_print(out, "<tr><th scope=\"row\">%s</th>", m->name);
        if (m->steps) fprintf(out, "<td>%d</td><td>%g</td>", m->steps, m->guidance);
        else fputs("<td>–</td><td>–</td>", out);
        html_print(out, "<td>%s</td><td class=\"hash\">%s</td></tr>\n", m->size, m->checkpoint_sha256);
    }
    for (int i = 0; i < r->nfiles; i++)
        html_print(out, "<tr><th scope=\"row\">%s</th><td colspan=\"3\" class=\"left\">%s</td><td class=\"hash\">%s</td></tr>\n", r->files[i].what,
                   r->files[i].path, r->files[i].sha256);
    fputs("</tbody></table></div>\n", out);
}

void report_provenance(const struct report_item *item, FILE *out)
{
    const struct results *r = &item->results;
    char text[120];
    html_print(out, "<h3>How it was made</h3>\n<dl class=\"made\">\n");
    code_line(out, "Command", r->command);
    put_machine(r, out);
    snprintf(text, sizeof text, "%s, %.3g seconds", r->started, r->seconds);
    line(out, "Started", *r->started ? text : "");
    put_data(r, out);
    put_protocol(r, out);
    code_line(out, "Document", item->path);
    fputs("</dl>\n", out);
    put_models(r, out);
    char *experiment = r->experiment ? cJSON_Print(r->experiment) : NULL;
    if (experiment)
        html_print(out, "<details><summary>The experiment, resolved</summary>\n<pre class=\"source\" tabindex=\"0\">%s</pre></details>\n", experiment);
    cJSON_free(experiment);
}
