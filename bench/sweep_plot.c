/* A sweep's figures. */
#include "sweep_summary.h"
#include "figure.h"
#include "plot.h"
#include <string.h>

/* Columns: place, mean, half width, name of the cell; a header a model. Then the seeds' own means. */
static int write_points(const struct sweep_summary *m, int k, int seeds, FILE *out)
{
    int blocks = 0;
    for (int j = 0; j < m->model_count; j++) {
        int begun = 0;
        for (int i = 0; i < m->row_count; i++) {
            const struct sweep_row *row = &m->rows[i];
            const struct sweep_value *v = &row->values[k];
            if (row->cell < 0 || strcmp(row->model, m->models[j]) || !v->given) continue;
            if (!begun++) {
                fputs(blocks++ ? "\n\n" : "", out);
                figure_label(out, m->models[j]);
                fputc('\n', out);
            }
            /* models side by side */
            double place = row->cell + 1 + (m->model_count > 1 && !m->sweep->numeric ? 0.4 * (j / (m->model_count - 1.0) - 0.5) : 0);
            for (int n = 0; n < (seeds ? v->seeds : 1); n++) {
                fprintf(out, "%.9g\t%.9g\t%.9g\t", place, seeds ? v->seed[n] : v->mean, v->seeds > 1 ? v->ci_seeds : v->ci_replications);
                figure_label(out, m->sweep->cells[row->cell].name);
                fputc('\n', out);
            }
        }
    }
    return ferror(out);
}

static int data_file(const struct sweep_summary *m, int k, int seeds, const char *path, struct error *e)
{
    struct file_writer w;
    int rc = file_begin(&w, path, e);
    return rc ? rc : figure_data_commit(&w, write_points(m, k, seeds, w.stream), e);
}

static int plot_metric(const struct sweep_summary *m, int k, const char *folder, int *drawn, struct error *e)
{
    const struct metric *x = m->sweep->metrics[k];
    char name[80], file[100], data[FIGURE_PATH], seeds[FIGURE_PATH], title[200], shape[40], note[120] = "";
    int rc, models = 0;
    for (int j = 0; j < m->model_count; j++)
        for (int i = 0; i < m->row_count; i++)
            if (m->rows[i].cell >= 0 && m->rows[i].values[k].given && !strcmp(m->rows[i].model, m->models[j])) {
                models++;
                break;
            }
    if (!models) return 0;
    snprintf(name, sizeof name, "sweep_%s", x->name);
    snprintf(file, sizeof file, "%s.dat", name);
    rc = figure_path(folder, file, data, sizeof data, e);
    snprintf(file, sizeof file, "%s_seeds.dat", name);
    if (!rc) rc = figure_path(folder, file, seeds, sizeof seeds, e);
    if (!rc) rc = data_file(m, k, 0, data, e);
    if (!rc) rc = data_file(m, k, 1, seeds, e);
    if (rc) return rc;
    snprintf(title, sizeof title, "%s%s%s", x->title, *x->unit ? ", " : "", x->unit);
    snprintf(shape, sizeof shape, "%d %d %d", models, m->sweep->cell_count, m->sweep->numeric);
    if (m->document.protocol.limit > 0)
        snprintf(note, sizeof note, "limited run of %d items: does not compare with full runs", m->document.protocol.limit);
    struct figure f = {"sweep.gp", folder, name, data, seeds, shape, title, note};
    rc = figure_draw(&f, e);
    if (!rc && drawn) ++*drawn;
    return rc;
}

int sweep_plot(const struct sweep_summary *m, const char *folder, int *drawn, struct error *e)
{
    int rc = 0;
    for (int k = 0; k < m->sweep->metric_count && !rc; k++) rc = plot_metric(m, k, folder, drawn, e);
    return rc;
}
