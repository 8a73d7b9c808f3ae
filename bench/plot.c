#include "plot.h"

#include "figure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FAMILIES = 32 };

static void limit_note(const struct results *r, char *note, size_t size)
{
    *note = 0;
    if (r->protocol.limit > 0)
        snprintf(note, size, "limited run of %d items: does not compare with full runs",
                 r->protocol.limit);
}

/* A generated row with the model it belongs to. */
struct point {
    const struct results_row *row;
    const char *family;
    int order, steps;                  /* order of the family; steps within it */
};

static int compare_points(const void *a, const void *b)
{
    const struct point *p = a, *q = b;
    return p->order != q->order ? p->order - q->order : (p->steps > q->steps) - (p->steps < q->steps);
}

/* Generated rows that have both metrics (the second may be NULL), by family and
 * steps. *points is malloc'd. */
static int points_of(const struct results *r, const char *metric, const char *other,
                     struct point **points, int *count, struct error *e)
{
    *count = 0;
    *points = malloc(((size_t)r->nrows + 1) * sizeof **points);
    if (!*points)
        return error_memory(e, "a figure");
    for (int i = 0; i < r->nrows; i++) {
        const struct results_row *row = &r->rows[i];
        if (row->real || !results_metric(row, metric) || (other && !results_metric(row, other)))
            continue;
        const struct results_model *m = results_model(r, row->model);
        struct point p = {row, m && *m->family ? m->family : row->model, -1, m ? m->steps : 0};
        int families = 0;
        for (int k = 0; k < *count; k++) {
            if (!strcmp((*points)[k].family, p.family))
                p.order = (*points)[k].order;
            families = (*points)[k].order >= families ? (*points)[k].order + 1 : families;
        }
        p.order = p.order < 0 ? families : p.order;
        if (p.order < MOST_FAMILIES)
            (*points)[(*count)++] = p;
    }
    qsort(*points, (size_t)*count, sizeof **points, compare_points);
    return 0;
}

/* Begins the block of a family where the point before was of another one. */
static void family_header(FILE *out, const struct point *points, int i)
{
    if (i > 0 && points[i].order == points[i - 1].order)
        return;
    fputs(i > 0 ? "\n\n" : "", out);
    figure_label(out, points[i].family);
    fputc('\n', out);
}

static int write_models(const struct point *points, int count, FILE *out)
{
    for (int i = 0; i < count; i++) {
        const struct results_metric *time = results_metric(points[i].row, "AITS");
        const struct results_metric *fid = results_metric(points[i].row, "FID");
        family_header(out, points, i);
        /* A bar that reached 0 could not be drawn on a logarithmic axis. */
        fprintf(out, "%.9g\t%.9g\t%.9g\t%.9g\t", time->mean, fmin(time->ci95, 0.9 * time->mean),
                fid->mean, fid->ci95);
        if (points[i].steps > 0)
            fprintf(out, "%d step%s", points[i].steps, points[i].steps == 1 ? "" : "s");
        fputc('\n', out);
    }
    return ferror(out);
}

static int by_time(const void *a, const void *b)
{
    double p = results_metric(((const struct point *)a)->row, "AITS")->mean;
    double q = results_metric(((const struct point *)b)->row, "AITS")->mean;
    return (p > q) - (p < q);
}

/* In order of time, each point whose FID is below that of all faster ones. */
static int write_frontier(struct point *points, int count, FILE *out)
{
    double least = INFINITY;
    qsort(points, (size_t)count, sizeof *points, by_time);
    fprintf(out, "Pareto front\n");
    for (int i = 0; i < count; i++) {
        double time = results_metric(points[i].row, "AITS")->mean;
        double fid = results_metric(points[i].row, "FID")->mean;
        if (fid < least)
            fprintf(out, "%.9g\t%.9g\n", time, fid);
        least = fmin(least, fid);
    }
    return ferror(out);
}

/* The value of real motions as text, or "". */
static void real_value(const struct results *r, const char *metric, char *text, size_t size)
{
    *text = 0;
    for (int i = 0; i < r->nrows; i++) {
        const struct results_metric *m = results_metric(&r->rows[i], metric);
        if (r->rows[i].real && m)
            snprintf(text, size, "%.9g", m->mean);
    }
}

int plot_frontier(const struct results *r, const char *folder, int *drawn, struct error *e)
{
    char data[FIGURE_PATH], front[FIGURE_PATH], families[16], real[40], note[120];
    struct point *points;
    struct file_writer w;
    int count, status = points_of(r, "AITS", "FID", &points, &count, e);
    if (status)
        return status;
    int kept = 0;
    for (int i = 0; i < count; i++)    /* a time of 0 has no place on the axis */
        if (results_metric(points[i].row, "AITS")->mean > 0)
            points[kept++] = points[i];
    count = kept;
    if (!count) {
        free(points);
        return 0;
    }
    int nfamilies = 1;
    for (int i = 1; i < count; i++)
        nfamilies += points[i].order != points[i - 1].order;
    snprintf(families, sizeof families, "%d", nfamilies);
    real_value(r, "FID", real, sizeof real);
    limit_note(r, note, sizeof note);
    if ((status = figure_path(folder, "frontier.dat", data, sizeof data, e)) ||
        (status = figure_path(folder, "frontier_front.dat", front, sizeof front, e)))
        ;
    else if (!(status = file_begin(&w, data, e)) &&
             !(status = figure_data_commit(&w, write_models(points, count, w.stream), e)) &&
             !(status = file_begin(&w, front, e)))
        status = figure_data_commit(&w, write_frontier(points, count, w.stream), e);
    free(points);
    struct figure f = {"frontier.gp", folder, "frontier", data, front, families, real, note};
    if (!status && !(status = figure_draw(&f, e)) && drawn)
        ++*drawn;
    return status;
}

/* The metric against steps, if some family was measured at two or more. */
static int plot_metric(const struct results *r, const struct metric *m, const char *folder,
                       int *drawn, struct error *e)
{
    char name[80], file[90], data[FIGURE_PATH], families[16], title[120], real[40], note[120];
    struct point *points;
    struct file_writer w;
    int count, kept = 0, nfamilies = 0, several = 0;
    int status = points_of(r, m->name, NULL, &points, &count, e);
    if (status)
        return status;
    for (int i = 0; i < count; i++)
        if (points[i].steps > 0)
            points[kept++] = points[i];
    for (int i = 0; i < kept; i++) {
        int same = i > 0 && points[i].order == points[i - 1].order;
        nfamilies += !same;
        several |= same && points[i].steps != points[i - 1].steps;
    }
    snprintf(name, sizeof name, "steps_%s", m->name);
    snprintf(file, sizeof file, "%s.dat", name);
    if (!several || (status = figure_path(folder, file, data, sizeof data, e)) ||
        (status = file_begin(&w, data, e))) {
        free(points);
        return status;
    }
    for (int i = 0; i < kept; i++) {
        const struct results_metric *v = results_metric(points[i].row, m->name);
        family_header(w.stream, points, i);
        fprintf(w.stream, "%d\t%.9g\t%.9g\n", points[i].steps, v->mean, v->ci95);
    }
    free(points);
    if ((status = figure_data_commit(&w, ferror(w.stream), e)))
        return status;
    snprintf(families, sizeof families, "%d", nfamilies);
    snprintf(title, sizeof title, "%s%s%s", m->title, *m->unit ? ", " : "", m->unit);
    real_value(r, m->name, real, sizeof real);
    limit_note(r, note, sizeof note);
    struct figure f = {"steps.gp", folder, name, data, families, title, real, note};
    if (!(status = figure_draw(&f, e)) && drawn)
        ++*drawn;
    return status;
}

int plot_steps(const struct results *r, const char *folder, int *drawn, struct error *e)
{
    int status = 0;
    for (int i = 0; i < metric_count() && !status; i++)
        status = plot_metric(r, metric_at(i), folder, drawn, e);
    return status;
}

int plot_results(const struct results *r, const char *folder, int *drawn, struct error *e)
{
    int status = plot_frontier(r, folder, drawn, e);
    return status ? status : plot_steps(r, folder, drawn, e);
}
