/* A sweep's tables. */
#include "sweep_summary.h"
#include "../engine/file.h"
#include "table_text.h"
#include <math.h>
#include <string.h>

/* Whether any row has the metric. */
static int column_used(const struct sweep_summary *m, int k)
{
    for (int i = 0; i < m->row_count; i++)
        if (m->rows[i].values[k].given) return 1;
    return 0;
}

static const struct sweep_row *real_row(const struct sweep_summary *m)
{
    return m->row_count && m->rows[0].cell < 0 ? &m->rows[0] : NULL;
}

/* The best cell of a model's column, if there are two or more. */
static const struct sweep_value *best_of(const struct sweep_summary *m, const char *model, int k)
{
    const struct sweep_row *real = real_row(m);
    const struct sweep_value *best = NULL;
    enum direction d = m->sweep->metrics[k]->direction;
    int count = 0;
    for (int i = 0; i < m->row_count; i++) {
        const struct sweep_row *row = &m->rows[i];
        const struct sweep_value *v = &row->values[k];
        if (row->cell < 0 || row->reference || strcmp(row->model, model) || !v->given) continue;
        if (d == DIRECTION_NEAR_REAL && (!real || !real->values[k].given)) continue;
        count++;
        if (!best || metric_better(d, v->mean, best->mean, real ? real->values[k].mean : NAN)) best = v;
    }
    return count > 1 ? best : NULL;
}

/* What stands behind ±. */
static double half_width(const struct sweep_row *row, int k)
{
    const struct sweep_value *v = &row->values[k];
    return row->cell < 0 || v->seeds < 2 ? v->ci_replications : v->ci_seeds;
}

static const char *interval_words(const struct sweep_summary *m)
{
    return m->seeds > 1 ? "Student's 95 % interval over seeds (of the real motions: over replications)"
                        : "the 95 % interval over replications; there is one seed";
}

/* --- Markdown --------------------------------------------------------------------------- */

static void markdown_head(const struct sweep_summary *m, FILE *out)
{
    fprintf(out, "|");
    for (int a = 0; a < m->sweep->axis_count; a++) {
        fputc(' ', out);
        table_put_markdown(out, m->sweep->axes[a]);
        fprintf(out, " |");
    }
    for (int k = 0; k < m->sweep->metric_count; k++) {
        const struct metric *x = m->sweep->metrics[k];
        if (column_used(m, k)) fprintf(out, " %s%s%s %s |", x->title, *x->unit ? ", " : "", x->unit, table_arrow(x->direction));
    }
    fprintf(out, "\n|");
    for (int a = 0; a < m->sweep->axis_count; a++) fprintf(out, "---|");
    for (int k = 0; k < m->sweep->metric_count; k++)
        if (column_used(m, k)) fprintf(out, "---:|");
    fputc('\n', out);
}

static void markdown_names(const struct sweep_summary *m, const struct sweep_row *row, FILE *out)
{
    fprintf(out, "|");
    for (int a = 0; a < m->sweep->axis_count; a++) {
        fputc(' ', out);
        table_put_markdown(out, row->cell >= 0 ? m->sweep->cells[row->cell].values[a] : a ? "" : row->model);
        fprintf(out, " |");
    }
}

static void markdown_row(const struct sweep_summary *m, const struct sweep_row *row, const char *model, FILE *out)
{
    markdown_names(m, row, out);
    for (int k = 0; k < m->sweep->metric_count; k++) {
        const struct sweep_value *v = &row->values[k];
        int digits = table_decimals(m->sweep->metrics[k]->name, v->mean);
        const char *bold = v->given && v == best_of(m, model, k) ? "**" : "";
        if (!column_used(m, k)) continue;
        if (!v->given) fprintf(out, " – |");
        else if (half_width(row, k) > 0 || v->seeds > 1) fprintf(out, " %s%.*f%s ± %.*f |", bold, digits, v->mean, bold, digits, half_width(row, k));
        else fprintf(out, " %s%.*f%s |", bold, digits, v->mean, bold);
    }
    fputc('\n', out);
}

/* Differences to the reference cell; those whose interval leaves out 0 are marked. */
static void markdown_differences(const struct sweep_summary *m, const char *model, FILE *out)
{
    int any = 0;
    for (int i = 0; i < m->row_count; i++)
        for (int k = 0; k < m->sweep->metric_count && !strcmp(m->rows[i].model, model); k++) any |= m->rows[i].values[k].compared;
    if (!any) return;
    fprintf(out, "\nDifference to \"");
    table_put_markdown(out, m->sweep->cells[m->sweep->reference].name);
    fprintf(out, "\", Welch's 95 %% interval over seeds; bold where it leaves out 0:\n\n");
    markdown_head(m, out);
    for (int i = 0; i < m->row_count; i++) {
        const struct sweep_row *row = &m->rows[i];
        if (row->cell < 0 || row->cell == m->sweep->reference || strcmp(row->model, model)) continue;
        markdown_names(m, row, out);
        for (int k = 0; k < m->sweep->metric_count; k++) {
            const struct sweep_value *v = &row->values[k];
            int digits = table_decimals(m->sweep->metrics[k]->name, v->mean);
            const char *bold = v->compared && fabs(v->difference) > v->ci_difference ? "**" : "";
            if (!column_used(m, k)) continue;
            if (v->compared) fprintf(out, " %s%+.*f%s ± %.*f |", bold, digits, v->difference, bold, digits, v->ci_difference);
            else fprintf(out, " – |");
        }
        fputc('\n', out);
    }
}

void sweep_markdown(const struct sweep_summary *m, FILE *out)
{
    const struct results *r = &m->document;
    if (r->protocol.limit > 0)
        fprintf(out, "**Limited run: only %d items of the split were measured. These numbers do not compare with full runs.**\n\n",
                r->protocol.limit);
    if (!strcmp(r->data.split, "val")) fprintf(out, "**Measured on the val split: for choosing settings, not for reporting.**\n\n");
    for (int j = 0; j < m->model_count; j++) {
        fprintf(out, "%s### ", j ? "\n" : "");
        table_put_markdown(out, m->models[j]);
        fprintf(out, "\n\n");
        markdown_head(m, out);
        if (real_row(m)) markdown_row(m, real_row(m), "", out);
        for (int i = 0; i < m->row_count; i++)
            if (m->rows[i].cell >= 0 && !strcmp(m->rows[i].model, m->models[j])) markdown_row(m, &m->rows[i], m->models[j], out);
        markdown_differences(m, m->models[j], out);
    }
    fprintf(out, "\n- ±: %s. %d seed%s a cell, %d replications a seed.\n", interval_words(m), m->seeds, m->seeds == 1 ? "" : "s",
            r->protocol.replications);
    for (int i = 0; i < r->nnotes; i++) {
        fprintf(out, "- ");
        table_put_markdown(out, r->notes[i]);
        fputc('\n', out);
    }
}

/* --- LaTeX ---------------------------------------------------------------------------------- */

static void latex_row(const struct sweep_summary *m, const struct sweep_row *row, const char *model, FILE *out)
{
    for (int a = 0; a < m->sweep->axis_count; a++) {
        fputs(a ? " & " : "", out);
        table_put_latex(out, row->cell >= 0 ? m->sweep->cells[row->cell].values[a] : a ? "" : row->model);
    }
    for (int k = 0; k < m->sweep->metric_count; k++) {
        const struct sweep_value *v = &row->values[k];
        int digits = table_decimals(m->sweep->metrics[k]->name, v->mean);
        if (!column_used(m, k)) continue;
        if (!v->given) {
            fprintf(out, " & --");
            continue;
        }
        fprintf(out, v == best_of(m, model, k) ? " & $\\mathbf{%.*f}" : " & $%.*f", digits, v->mean);
        if (half_width(row, k) > 0 || v->seeds > 1) fprintf(out, "^{\\pm %.*f}", digits, half_width(row, k));
        fputc('$', out);
    }
    fprintf(out, " \\\\\n");
}

void sweep_latex(const struct sweep_summary *m, FILE *out)
{
    static const char *const arrows[] = {"$\\downarrow$", "$\\uparrow$", "$\\rightarrow$"};
    int columns = m->sweep->axis_count;
    fprintf(out, "%% needs \\usepackage{booktabs}; the intervals: %s\n\\begin{tabular}{", interval_words(m));
    for (int a = 0; a < m->sweep->axis_count; a++) fputc('l', out);
    for (int k = 0; k < m->sweep->metric_count; k++)
        if (column_used(m, k)) fputc('r', out), columns++;
    fprintf(out, "}\n\\toprule\n");
    if (m->document.protocol.limit > 0)
        fprintf(out, "\\multicolumn{%d}{l}{\\textbf{Limited run: only %d items; does not compare with full runs.}} \\\\\n\\midrule\n",
                columns, m->document.protocol.limit);
    if (!strcmp(m->document.data.split, "val"))
        fprintf(out, "\\multicolumn{%d}{l}{\\textbf{Measured on the val split: not for reporting.}} \\\\\n\\midrule\n", columns);
    for (int a = 0; a < m->sweep->axis_count; a++) {
        fputs(a ? " & " : "", out);
        table_put_latex(out, m->sweep->axes[a]);
    }
    for (int k = 0; k < m->sweep->metric_count; k++) {
        if (!column_used(m, k)) continue;
        fprintf(out, " & ");
        table_put_latex(out, m->sweep->metrics[k]->title);
        fprintf(out, " %s", arrows[m->sweep->metrics[k]->direction]);
    }
    fprintf(out, " \\\\\n\\midrule\n");
    if (real_row(m)) latex_row(m, real_row(m), "", out);
    for (int j = 0; j < m->model_count; j++) {
        fprintf(out, "\\midrule\n\\multicolumn{%d}{l}{\\textit{", columns);
        table_put_latex(out, m->models[j]);
        fprintf(out, "}} \\\\\n");
        for (int i = 0; i < m->row_count; i++)
            if (m->rows[i].cell >= 0 && !strcmp(m->rows[i].model, m->models[j])) latex_row(m, &m->rows[i], m->models[j], out);
    }
    fprintf(out, "\\bottomrule\n\\end{tabular}\n");
}

/* --- CSV, and all of them ------------------------------------------------------------------------ */

void sweep_csv(const struct sweep_summary *m, FILE *out)
{
    for (int a = 0; a < m->sweep->axis_count; a++) {
        table_put_csv(out, m->sweep->axes[a]);
        fputc(',', out);
    }
    fprintf(out, "model,real,metric,unit,direction,mean,ci95_seeds,ci95_replications,seeds,difference,ci95_difference,limit\n");
    for (int i = 0; i < m->row_count; i++)
        for (int k = 0; k < m->sweep->metric_count; k++) {
            const struct sweep_row *row = &m->rows[i];
            const struct sweep_value *v = &row->values[k];
            if (!v->given) continue;
            for (int a = 0; a < m->sweep->axis_count; a++) {
                table_put_csv(out, row->cell >= 0 ? m->sweep->cells[row->cell].values[a] : "");
                fputc(',', out);
            }
            table_put_csv(out, row->model);
            fprintf(out, ",%d,", row->cell < 0);
            table_put_csv(out, m->sweep->metrics[k]->name);
            fputc(',', out);
            table_put_csv(out, m->sweep->metrics[k]->unit);
            fprintf(out, ",%s,%.17g,%.17g,%.17g,%d,", direction_name(m->sweep->metrics[k]->direction), v->mean, v->ci_seeds,
                    v->ci_replications, v->seeds);
            if (v->compared) fprintf(out, "%.17g,%.17g", v->difference, v->ci_difference);
            else fputc(',', out);
            fprintf(out, ",%d\n", m->document.protocol.limit);
        }
}

int sweep_write(const struct sweep_summary *m, const char *folder, struct error *e)
{
    static const struct {
        const char *name;
        void (*print)(const struct sweep_summary *, FILE *);
    } forms[] = {{"table.md", sweep_markdown}, {"table.tex", sweep_latex}, {"table.csv", sweep_csv}};
    char path[1200];
    snprintf(path, sizeof path, "%.1000s/%s%s%s.json", folder, m->document.protocol.limit ? "limited_" : "",
             strcmp(m->sweep->split, "val") ? "" : "val_", m->sweep->name);
    int rc = results_write(&m->document, path, e);
    for (size_t i = 0; i < sizeof forms / sizeof *forms && !rc; i++) {
        struct file_writer w;
        snprintf(path, sizeof path, "%.1000s/%s", folder, forms[i].name);
        rc = file_begin(&w, path, e);
        if (rc) break;
        forms[i].print(m, w.stream);
        rc = file_commit(&w, e);
    }
    return rc;
}
