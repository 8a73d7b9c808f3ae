#include "table_text.h"

#include "../engine/file.h"

#include <math.h>
#include <string.h>

int table_columns(const struct results *r, struct table_column columns[TABLE_COLUMNS])
{
    int count = 0;
    for (int m = 0; m < metric_count() && count < TABLE_COLUMNS; m++) {
        struct table_column c = {metric_at(m), NULL};
        double real = NAN;
        int any = 0, generated = 0;
        for (int i = 0; i < r->nrows; i++) {
            const struct results_metric *v = results_metric(&r->rows[i], c.metric->name);
            any |= v != NULL;
            if (v && r->rows[i].real)
                real = v->mean;
        }
        for (int i = 0; i < r->nrows; i++) {
            const struct results_metric *v = results_metric(&r->rows[i], c.metric->name);
            if (!v || r->rows[i].real || r->rows[i].reference)
                continue;
            generated++;
            if (c.metric->direction == DIRECTION_NEAR_REAL && isnan(real))
                continue;
            if (!c.best || metric_better(c.metric->direction, v->mean, c.best->mean, real))
                c.best = v;
        }
        if (generated < 2)   /* the only one is not the best of anything */
            c.best = NULL;
        if (any)
            columns[count++] = c;
    }
    return count;
}

/* Digits after the point for a value of the metric. */
static int decimals(const struct metric *m, double value)
{
    if (!m->significant)
        return m->digits;
    if (value == 0)
        return m->digits - 1;
    int digits = m->digits - 1 - (int)floor(log10(fabs(value)));
    return digits < 0 ? 0 : digits > 9 ? 9 : digits;
}

int table_decimals(const char *metric, double value)
{
    static const struct metric plain = {.digits = 3};
    const struct metric *m = metric_find(metric);
    return decimals(m ? m : &plain, value);
}

void table_number(const char *metric, double value, char *text, size_t size)
{
    snprintf(text, size, "%.*f", table_decimals(metric, value), value);
}

void table_interval(const char *metric, double mean, double interval, char *text, size_t size)
{
    static const struct metric plain = {.digits = 3};
    const struct metric *m = metric_find(metric);
    snprintf(text, size, "%.*f", decimals(m ? m : &plain, mean), interval);
}

const char *table_arrow(enum direction d)
{
    return d == DIRECTION_UP ? "↑" : d == DIRECTION_DOWN ? "↓" : "→";
}

/* Prints text with a backslash before characters of `special`; control
 * characters become spaces. */
static void put_escaped(FILE *out, const char *text, const char *special)
{
    for (; *text; text++) {
        if (strchr(special, *text))
            fputc('\\', out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
}

void table_put_markdown(FILE *out, const char *text) { put_escaped(out, text, "\\|*_<>`[]#"); }

void table_markdown(const struct results *r, FILE *out)
{
    struct table_column columns[TABLE_COLUMNS];
    int count = table_columns(r, columns);
    if (r->protocol.limit > 0)
        fprintf(out, "**Limited run: only %d items of the split were measured. "
                     "These numbers do not compare with full runs.**\n\n",
                r->protocol.limit);
    if (!strcmp(r->data.split, "val"))
        fprintf(out, "**Measured on the val split: for choosing settings, not for reporting.**\n\n");
    fprintf(out, "| model |");
    for (int c = 0; c < count; c++)
        fprintf(out, " %s%s%s %s |", columns[c].metric->title, *columns[c].metric->unit ? ", " : "",
                columns[c].metric->unit, table_arrow(columns[c].metric->direction));
    fprintf(out, "\n|---|");
    for (int c = 0; c < count; c++)
        fprintf(out, "---:|");
    fputc('\n', out);
    for (int i = 0; i < r->nrows; i++) {
        const struct results_row *row = results_row(r, i);
        fprintf(out, "| ");
        table_put_markdown(out, row->model);
        fprintf(out, " |");
        for (int c = 0; c < count; c++) {
            const struct results_metric *v = results_metric(row, columns[c].metric->name);
            if (!v) {
                fprintf(out, " – |");
                continue;
            }
            int digits = decimals(columns[c].metric, v->mean);
            const char *bold = v == columns[c].best ? "**" : "";
            fprintf(out, " %s%.*f%s", bold, digits, v->mean, bold);
            if (v->nreplications > 1)
                fprintf(out, " ± %.*f", digits, v->ci95);
            fprintf(out, " |");
        }
        fputc('\n', out);
    }
    for (int i = 0; i < r->nnotes; i++) {
        fprintf(out, "%s- ", i ? "" : "\n");
        table_put_markdown(out, r->notes[i]);
        fputc('\n', out);
    }
}

void table_put_latex(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '\\': fputs("\\textbackslash{}", out); break;
        case '~': fputs("\\textasciitilde{}", out); break;
        case '^': fputs("\\textasciicircum{}", out); break;
        case '<': fputs("\\textless{}", out); break;
        case '>': fputs("\\textgreater{}", out); break;
        default:
            if (strchr("{}$&#_%", *text))
                fputc('\\', out);
            fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
        }
}

void table_latex(const struct results *r, FILE *out)
{
    static const char *const arrows[] = {"$\\downarrow$", "$\\uparrow$", "$\\rightarrow$"};
    struct table_column columns[TABLE_COLUMNS];
    int count = table_columns(r, columns), after_real = 0;
    fprintf(out, "%% needs \\usepackage{booktabs}\n\\begin{tabular}{l");
    for (int c = 0; c < count; c++)
        fputc('r', out);
    fprintf(out, "}\n\\toprule\n");
    if (r->protocol.limit > 0)
        fprintf(out, "\\multicolumn{%d}{l}{\\textbf{Limited run: only %d items; does not compare with full "
                     "runs.}} \\\\\n\\midrule\n",
                count + 1, r->protocol.limit);
    if (!strcmp(r->data.split, "val"))
        fprintf(out, "\\multicolumn{%d}{l}{\\textbf{Measured on the val split: not for reporting.}} \\\\\n\\midrule\n", count + 1);
    fprintf(out, "Model");
    for (int c = 0; c < count; c++) {
        fprintf(out, " & ");
        table_put_latex(out, columns[c].metric->title);
        fprintf(out, " %s", arrows[columns[c].metric->direction]);
    }
    fprintf(out, " \\\\\n\\midrule\n");
    for (int i = 0; i < r->nrows; i++) {
        const struct results_row *row = results_row(r, i);
        if (after_real && !row->real)
            fprintf(out, "\\midrule\n");
        after_real = row->real;
        table_put_latex(out, row->model);
        for (int c = 0; c < count; c++) {
            const struct results_metric *v = results_metric(row, columns[c].metric->name);
            if (!v) {
                fprintf(out, " & --");
                continue;
            }
            int digits = decimals(columns[c].metric, v->mean), best = v == columns[c].best;
            fprintf(out, best ? " & $\\mathbf{%.*f}" : " & $%.*f", digits, v->mean);
            if (v->nreplications > 1)
                fprintf(out, "^{\\pm %.*f}", digits, v->ci95);
            fputc('$', out);
        }
        fprintf(out, " \\\\\n");
    }
    fprintf(out, "\\bottomrule\n\\end{tabular}\n");
}

/* A quoted field. A leading = + - or @ would be a formula to a spreadsheet. */
void table_put_csv(FILE *out, const char *text)
{
    fputc('"', out);
    if (*text && strchr("=+-@", *text))
        fputc('\'', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
    fputc('"', out);
}

void table_csv(const struct results *r, FILE *out)
{
    fprintf(out, "model,real,metric,unit,direction,mean,ci95,replications,limit\n");
    for (int i = 0; i < r->nrows; i++) {
        const struct results_row *row = results_row(r, i);
        for (int k = 0; k < row->nmetrics; k++) {
            const struct results_metric *m = &row->metrics[k];
            table_put_csv(out, row->model);
            fprintf(out, ",%d,", row->real);
            table_put_csv(out, m->name);
            fputc(',', out);
            table_put_csv(out, m->unit);
            fprintf(out, ",%s,%.17g,%.17g,%d,%d\n", direction_name(m->direction), m->mean, m->ci95,
                    m->nreplications, r->protocol.limit);
        }
    }
}

int table_write_all(const struct results *r, const char *folder, struct error *e)
{
    static const struct {
        const char *name;
        void (*print)(const struct results *, FILE *);
    } forms[] = {{"table.md", table_markdown}, {"table.tex", table_latex}, {"table.csv", table_csv}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        char path[1024];
        struct file_writer w;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, forms[i].name) >= sizeof path)
            return error_set(e, ERR_USAGE, "%.60s…: the folder's name is too long", folder);
        int status = file_begin(&w, path, e);
        if (status)
            return status;
        forms[i].print(r, w.stream);
        if ((status = file_commit(&w, e)))
            return status;
    }
    return 0;
}
