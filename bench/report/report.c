#include "report.h"
#include "../../engine/file.h"
#include "../json_read.h"
#include "../plot.h"
#include "../table_text.h"
#include "html.h"
#include "page.h"
#include <cJSON.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MOST_DOCUMENTS = 100, LONGEST_FOLDER = 900 };

void report_free(struct report *r)
{
    for (int i = 0; i < r->count; i++) {
        results_free(&r->items[i].results);
        motions_free(&r->items[i].motions);
        cJSON_Delete(r->items[i].comparison);
    }
    free(r->items);
    memset(r, 0, sizeof *r);
}

static int is_folder(const char *path)
{
    struct stat s;
    return !stat(path, &s) && S_ISDIR(s.st_mode);
}

/* "NAME", or "NAME-2" where the report has one already. */
static void name_item(const struct report *r, struct report_item *item)
{
    char base[64];
    const char *slash = strrchr(item->path, '/'), *start = slash ? slash + 1 : item->path;
    snprintf(base, sizeof base, "%.*s", (int)(strlen(start) - (file_has_ending(start, ".json") ? 5 : 0)), start);
    snprintf(item->name, sizeof item->name, "%s", base);
    for (int again = 1, i = 0; i < r->count; i++)
        if (!strcmp(r->items[i].name, item->name)) {
            snprintf(item->name, sizeof item->name, "%s-%d", base, ++again);
            i = -1;
        }
}

/* DIR/NAME/ beside DIR/NAME.json, or DIR itself. */
static void find_beside(struct report_item *item)
{
    char folder[1024];
    snprintf(folder, sizeof folder, "%s", item->path);
    snprintf(item->beside, sizeof item->beside, "%.*s", (int)(strlen(item->path) - (file_has_ending(item->path, ".json") ? 5 : 0)), item->path);
    if (!is_folder(item->beside)) snprintf(item->beside, sizeof item->beside, "%s", dirname(folder));
}

/* What a JSON document is; of a comparison the tree is kept in *comparison, which may be NULL. Files that are no JSON are
 * of no kind. */
enum kind { NO_DOCUMENT, RESULTS_DOCUMENT, COMPARISON_DOCUMENT };
static enum kind document_kind(const char *path, cJSON **comparison)
{
    struct error ignored;
    cJSON *o = NULL;
    if (json_read(path, &o, &ignored)) return NO_DOCUMENT;
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(o, "schema");
    const char *name = cJSON_IsString(schema) ? schema->valuestring : "";
    enum kind kind = !strcmp(name, RESULTS_SCHEMA) ? RESULTS_DOCUMENT : !strcmp(name, "mlcm-compare-1") ? COMPARISON_DOCUMENT : NO_DOCUMENT;
    if (comparison && kind == COMPARISON_DOCUMENT) *comparison = o;
    else cJSON_Delete(o);
    return kind;
}

static int add_document(struct report *r, const char *path, struct error *e)
{
    char motions[1100];
    if (r->count == MOST_DOCUMENTS) return error_set(e, ERR_USAGE, "more than %d documents; report on fewer", MOST_DOCUMENTS);
    struct report_item *grown = realloc(r->items, ((size_t)r->count + 1) * sizeof *grown);
    if (!grown) return error_memory(e, "the report");
    r->items = grown;
    struct report_item *item = memset(&r->items[r->count], 0, sizeof *item);
    if ((size_t)snprintf(item->path, sizeof item->path, "%s", path) >= sizeof item->path)
        return error_set(e, ERR_USAGE, "%.60s…: the file's name is too long", path);
    name_item(r, item);
    find_beside(item);
    r->count++;
    if (document_kind(path, &item->comparison) == COMPARISON_DOCUMENT) return 0;
    int rc = results_read(path, &item->results, e);
    snprintf(motions, sizeof motions, "%s/motions.json", item->beside);
    if (!rc && file_exists(motions)) rc = motions_read(motions, &item->motions, e);
    return rc;
}

int report_add(struct report *r, const char *path, struct error *e)
{
    char **names, file[1400];
    int count, found = 0;
    if (!is_folder(path)) return add_document(r, path, e);
    if (strlen(path) > LONGEST_FOLDER) return error_set(e, ERR_USAGE, "%.60s…: the folder's name is too long", path);
    int rc = file_list(path, &names, &count, e);
    if (rc) return rc;
    for (int i = 0; i < count && !rc; i++) {
        if (!file_has_ending(names[i], ".json")) continue;
        snprintf(file, sizeof file, "%.1000s/%s", path, names[i]);
        if (document_kind(file, NULL) == NO_DOCUMENT) {
            r->skipped += strcmp(names[i], "motions.json") != 0;
            continue;
        }
        found++;
        rc = add_document(r, file, e);
    }
    file_list_free(names, count);
    if (!rc && !found) rc = error_set(e, ERR_INPUT, "%s: no results document is there; give a folder that mlcm bench wrote", path);
    return rc;
}

static int write_body(void *context, FILE *out, struct error *e)
{
    const struct report *r = context;
    int rc = 0;
    if (r->count > 1) {
        fputs("<nav class=\"wide\" aria-label=\"Documents\"><ul class=\"contents\">\n", out);
        for (int i = 0; i < r->count; i++)
            html_print(out, "<li><a href=\"#document-%d\">%s</a>%s</li>\n", i + 1, r->items[i].name,
                       r->items[i].results.protocol.limit > 0 ? " (limited)" : "");
        fputs("<li><a href=\"#metrics\">What is measured</a></li>\n</ul></nav>\n", out);
    }
    for (int i = 0; i < r->count && !rc; i++) {
        if (r->items[i].comparison) report_comparison(&r->items[i], i + 1, out);
        else rc = report_section(&r->items[i], i + 1, out, e);
    }
    if (!rc) report_definitions(r, out);
    return rc;
}

int report_write(struct report *r, const char *out, int quiet, struct error *e)
{
    char path[1300], lead[200];
    int rc = 0;
    struct error drawing = {0};
    if (strlen(out) > LONGEST_FOLDER) return error_set(e, ERR_USAGE, "%.60s…: the folder's name is too long", out);
    for (int i = 0; i < r->count && !rc; i++) {
        struct report_item *item = &r->items[i];
        if (item->comparison) continue;
        snprintf(item->folder, sizeof item->folder, "%.900s/%s", out, item->name);
        if ((rc = file_make_folder(item->folder, e)) || (rc = table_write_all(&item->results, item->folder, e))) break;
        if (!drawing.code && plot_results(&item->results, item->folder, &item->plots, &drawing) && !quiet)
            fprintf(stderr, "mlcm: no plots: %s\n", drawing.text);
    }
    if (!rc) rc = file_make_folder(out, e);
    if (rc) return rc;
    snprintf(path, sizeof path, "%.1000s/index.html", out);
    snprintf(lead, sizeof lead, "%d results document%s: tables with intervals, motions to look at, plots, and how each number was made.",
             r->count, r->count == 1 ? "" : "s");
    const struct page p = {r->title, lead, write_body, r};
    return page_write(&p, path, e);
}
