/* mlcm report: tables, plots and one page of results documents. */
#include "arguments.h"
#include "command.h"
#include "report/report.h"
#include <string.h>

int cmd_report(int argc, char **argv)
{
    const char *out = "build/report", *title = "Text to motion, measured";
    int quiet = 0;
    const struct option_row options[] = {
        {.name = "out", .letter = 'o', .text = &out, .value = "DIR", .help = "folder for index.html, tables and plots (build/report)"},
        {.name = "title", .text = &title, .value = "TEXT", .help = "of the page"},
        {.name = "quiet", .flag = &quiet, .help = "no word about what was written or left out"},
        {0}};
    const struct command_form form = {
        .example = "mlcm report results -o build/report",
        .usage = "mlcm report DIR|DOCUMENT.json … [-o DIR]",
        .purpose = "Reads results documents (of bench, time, sweep) and comparisons (compare --json), those given or all of a folder,\n"
                   "with the plots, strips and motions beside them.\n"
                   "Writes DIR/index.html, one page that needs no network, with moving skeletons where motions.json is there,\n"
                   "and for every document DIR/NAME/ with table.md, table.tex, table.csv and plots (SVG, PNG).",
        .options = options, .least = 1, .most = -1};
    struct arguments a;
    struct error e = {0};
    if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    struct report r = {.title = title};
    int rc = 0, moving = 0, limited = 0, plots = 0;
    for (int i = 0; i < a.count && !rc; i++) rc = report_add(&r, a.positional[i], &e);
    if (!rc) rc = report_write(&r, out, quiet, &e);
    for (int i = 0; i < r.count; i++) {
        moving += r.items[i].motions.nclips;
        plots += r.items[i].plots;
        limited += r.items[i].results.protocol.limit > 0;
    }
    if (!rc) {
        printf("%s/index.html: %d document%s", out, r.count, r.count == 1 ? "" : "s");
        if (limited) printf(" (%d of limited runs)", limited);
        printf(", %d moving clips, %d plots\n", moving, plots);
        if (r.skipped && !quiet) fprintf(stderr, "mlcm: %d other JSON files were left out\n", r.skipped);
    }
    report_free(&r);
    return rc ? command_fail(&e) : 0;
}
