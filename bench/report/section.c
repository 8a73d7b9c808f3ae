/* One results document in the report's page. */
#include "../../engine/file.h"
#include "../../metrics/table.h"
#include "html.h"
#include "page.h"
#include "report.h"
#include <cJSON.h>
#include <string.h>

/* The experiment's own words: what stands before its first colon is a title, what follows is the rest. */
static void describe(const struct results *r, char *title, char *rest, size_t size)
{
    const cJSON *text = r->experiment ? cJSON_GetObjectItemCaseSensitive(r->experiment, "description") : NULL;
    const char *words = cJSON_IsString(text) ? text->valuestring : "", *colon = strstr(words, ": ");
    snprintf(title, size, "%.*s", (int)(colon ? colon - words : (long)strlen(words)), words);
    snprintf(rest, size, "%s", colon ? colon + 2 : "");
    if (*rest >= 'a' && *rest <= 'z') *rest = (char)(*rest - 'a' + 'A');
    size_t n = strlen(rest);
    if (n && n + 1 < size && rest[n - 1] != '.') strcpy(rest + n, ".");
}

static void put_warnings(const struct results *r, FILE *out)
{
    int failed = 0;
    for (int i = 0; i < r->nchecks; i++) failed += !r->checks[i].pass;
    if (r->protocol.limit > 0)
        html_print(out, "<p class=\"loud\" role=\"note\"><b>Limited run.</b> Only %d items of the split were measured. These numbers do not compare "
                        "with full runs.</p>\n", r->protocol.limit);
    if (!strcmp(r->data.split, "val"))
        fputs("<p class=\"loud\" role=\"note\"><b>Measured on the val split:</b> for choosing settings, not for reporting.</p>\n", out);
    if (failed) html_print(out, "<p class=\"loud\" role=\"note\"><b>%d of %d checks failed</b>; see below.</p>\n", failed, r->nchecks);
    for (int i = 0; i < r->nnotes; i++) html_print(out, "<p class=\"loud\" role=\"note\">%s</p>\n", r->notes[i]);
}

static void put_checks(const struct results *r, FILE *out)
{
    if (!r->nchecks) return;
    fputs("<h3>Checks</h3>\n<ul class=\"checks\">\n", out);
    for (int i = 0; i < r->nchecks; i++)
        html_print(out, "<li class=\"%s\"><b>%s</b> %s: %s</li>\n", r->checks[i].pass ? "pass" : "fail", r->checks[i].pass ? "passed" : "FAILED",
                   r->checks[i].name, r->checks[i].detail);
    fputs("</ul>\n", out);
}

/* A figure from what the report drew, or else from what lies beside the document. */
static int put_plot(const struct report_item *item, const char *name, const char *class, const char *caption, const char *alternative, FILE *out)
{
    char path[1300];
    snprintf(path, sizeof path, "%s/%s.svg", item->folder, name);
    if (!file_exists(path)) snprintf(path, sizeof path, "%s/%s.svg", item->beside, name);
    if (!file_exists(path)) return 0;
    page_picture(path, class, caption, alternative, out);
    return 1;
}

static void put_plots(const struct report_item *item, FILE *out)
{
    static const char *const shown[] = {"FID", "R_precision_top_3", "MM_dist", "Diversity", "MultiModality", "kps_mean_err", "AITS"};
    static const char *const stages[] = {"evaluator", "vae", "mld", "lcm", "control", "control_mld"};
    char name[100], caption[200];
    fputs("<h3>Plots</h3>\n<div class=\"plots\">\n", out);
    int any = put_plot(item, "frontier", "large", "FID against the time for one sentence, with intervals; on the grey line no model is both "
                                                  "faster and nearer to real motions.",
                       "Plot of FID against seconds a sentence; the numbers are in the table", out);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        snprintf(name, sizeof name, "steps_%s", shown[i]);
        snprintf(caption, sizeof caption, "%s against sampling steps, with intervals.", metric_find(shown[i])->title);
        any += put_plot(item, name, "small", caption, caption, out);
    }
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        snprintf(name, sizeof name, "loss_%s", stages[i]);
        snprintf(caption, sizeof caption, "Loss while training: %s.", stages[i]);
        any += put_plot(item, name, "small", caption, caption, out);
    }
    for (int m = 0; m < metric_count(); m++) {       /* of a sweep */
        snprintf(name, sizeof name, "sweep_%s", metric_at(m)->name);
        snprintf(caption, sizeof caption, "%s in the cells of the sweep, with intervals.", metric_at(m)->title);
        any += put_plot(item, name, "small", caption, caption, out);
    }
    fputs("</div>\n", out);
    if (!any) fputs("<p class=\"note\">No plots: gnuplot was not there, or nothing was measured at several steps.</p>\n", out);
}

/* Without motions to move: the strips that bench drew, if they are there. */
static void put_strips(const struct report_item *item, FILE *out)
{
    char path[1300], caption[60];
    int any = 0;
    for (int i = 1; i <= 5; i++) {
        snprintf(path, sizeof path, "%s/strip_%d.svg", item->beside, i);
        if (!file_exists(path)) continue;
        if (!any) fputs("<h3>Motions</h3>\n<div class=\"strips\">\n", out);
        if (any++ == 1) fputs("<details><summary>Further strips</summary>\n", out);
        snprintf(caption, sizeof caption, "Strip %d: real and generated poses, left to right.", i);
        page_picture(path, "strip", caption, caption, out);
    }
    if (any) fputs(any > 1 ? "</details>\n</div>\n" : "</div>\n", out);
}

int report_section(const struct report_item *item, int number, FILE *out, struct error *e)
{
    const struct results *r = &item->results;
    char title[600], rest[600], id[40];
    int rc = 0;
    describe(r, title, rest, sizeof title);
    html_print(out, "<section id=\"document-%d\" aria-labelledby=\"title-%d\">\n<p class=\"name\">%s</p>\n<h2 id=\"title-%d\">%s", number, number,
               item->name, number, *title ? title : item->name);
    if (r->protocol.limit > 0) fputs(" <span class=\"tag\">limited run</span>", out);
    if (!strcmp(r->data.split, "val")) fputs(" <span class=\"tag\">val split</span>", out);
    fputs("</h2>\n", out);
    if (*rest) html_print(out, "<p>%s</p>\n", rest);
    html_print(out, "<p class=\"scope\">%d %s motions of %s, %d replications.</p>\n",
               r->protocol.limit > 0 && r->protocol.limit < r->data.n_used ? r->protocol.limit : r->data.n_used, r->data.split, r->data.name,
               r->protocol.replications);
    put_warnings(r, out);
    if ((rc = report_tables(r, out, e))) return rc;
    report_timings(r, out);
    if (item->motions.nclips) {
        snprintf(id, sizeof id, "motions-%d", number);
        fputs("<h3>Motions</h3>\n", out);
        if ((rc = page_player(&item->motions, id, out, e))) return rc;
    } else put_strips(item, out);
    put_plots(item, out);
    put_checks(r, out);
    report_provenance(item, out);
    fputs("</section>\n", out);
    return 0;
}
