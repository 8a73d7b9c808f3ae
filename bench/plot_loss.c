/* Loss curves from a training log. */
#include "plot.h"

#include "figure.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CURVES = 12, MOST_COLUMNS = 64, BINS = 400, LARGEST_LOG = 256 << 20 };

/* A log in memory: lines of text[] split at commas, as they are needed. */
struct log {
    const char *path;
    char *text;                    /* owned */
    char *header[MOST_COLUMNS];    /* names, in text */
    int columns, rows;
    double *value;                 /* (rows, columns); NAN where empty */
    int shown[MOST_CURVES], curves;
};

static char *next_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');
    if (!*line)
        return NULL;
    *rest = end ? end + 1 : line + strlen(line);
    if (end)
        *end = 0;
    line[strcspn(line, "\r")] = 0;
    return line;
}

/* Splits at commas in place; returns how many fields there are, at most `most`. */
static int split(char *line, char **fields, int most)
{
    int count = 0;
    while (line && count < most) {
        fields[count++] = line;
        line = strchr(line, ',');
        if (line)
            *line++ = 0;
    }
    return line ? most + 1 : count;
}

static int read_header(struct log *log, char **rest, struct error *e)
{
    char *line = next_line(rest);
    log->columns = line ? split(line, log->header, MOST_COLUMNS) : 0;
    if (log->columns < 2 || log->columns > MOST_COLUMNS || strcmp(log->header[0], "step"))
        return error_set(e, ERR_INPUT, "%s: the first line must name the columns: step,loss,…, at most %d",
                         log->path, MOST_COLUMNS);
    /* Losses share an axis; a learning rate beside them would flatten them. */
    for (int named = 1; named >= 0 && !log->curves; named--)
        for (int c = 1; c < log->columns && log->curves < MOST_CURVES; c++)
            if (!named || strstr(log->header[c], "loss"))
                log->shown[log->curves++] = c;
    return 0;
}

static int read_rows(struct log *log, char *rest, struct error *e)
{
    size_t lines = 1;
    for (const char *c = rest; *c; c++)
        lines += *c == '\n';
    log->value = malloc(lines * (size_t)log->columns * sizeof *log->value);
    if (!log->value)
        return error_memory(e, "a training log");
    for (char *line; (line = next_line(&rest)) != NULL;) {
        char *fields[MOST_COLUMNS], *end;
        double *row = log->value + (size_t)log->rows * (size_t)log->columns;
        if (!*line)
            continue;
        int count = split(line, fields, MOST_COLUMNS);
        if (count != log->columns && !*rest)
            break;    /* the last line of a run that still writes it */
        for (int c = 0; c < log->columns; c++) {
            if (c >= count || count > log->columns)
                return error_set(e, ERR_INPUT, "%s: row %d has %s fields than the header's %d", log->path,
                                 log->rows + 1, count < log->columns ? "fewer" : "more", log->columns);
            row[c] = strtod(fields[c], &end);
            if (end == fields[c] || !isfinite(row[c]))
                row[c] = NAN;
            if (end[strspn(end, " \t")])
                return error_set(e, ERR_INPUT, "%s: row %d, column %s: \"%.20s\" is not a number",
                                 log->path, log->rows + 1, log->header[c], fields[c]);
        }
        if (isnan(row[0]))
            return error_set(e, ERR_INPUT, "%s: row %d has no step", log->path, log->rows + 1);
        log->rows++;
    }
    return 0;
}

/* One curve: a line a bin of rows, with the mean step, mean, least and greatest
 * value. Returns the number of points. */
static int write_curve(const struct log *log, int column, FILE *out, int *positive)
{
    int points = 0, bins = log->rows < BINS ? log->rows : BINS;
    for (int b = 0; b < bins; b++) {
        int from = (int)((long long)log->rows * b / bins), to = (int)((long long)log->rows * (b + 1) / bins);
        double step = 0, sum = 0, least = INFINITY, greatest = -INFINITY;
        int count = 0;
        for (int i = from; i < to; i++) {
            const double *row = log->value + (size_t)i * (size_t)log->columns;
            if (isnan(row[column]))
                continue;
            step += row[0];
            sum += row[column];
            least = fmin(least, row[column]);
            greatest = fmax(greatest, row[column]);
            count++;
        }
        if (!count)
            continue;
        fprintf(out, "%.9g\t%.9g\t%.9g\t%.9g\n", step / count, sum / count, least, greatest);
        *positive &= least > 0;
        points++;
    }
    return points;
}

static int write_curves(const struct log *log, FILE *out, int *positive)
{
    int curves = 0;
    *positive = 1;
    for (int k = 0; k < log->curves; k++) {
        int any = 0;
        for (int i = 0; i < log->rows; i++)
            any |= !isnan(log->value[(size_t)i * (size_t)log->columns + (size_t)log->shown[k]]);
        if (!any)
            continue;
        fputs(curves++ ? "\n\n" : "", out);
        figure_label(out, log->header[log->shown[k]]);
        fputc('\n', out);
        write_curve(log, log->shown[k], out, positive);
    }
    return curves;
}

static int draw_log(const struct log *log, const char *folder, const char *name, int *drawn,
                    struct error *e)
{
    char file[120], data[FIGURE_PATH], count[16];
    struct file_writer w;
    int status, positive;
    snprintf(file, sizeof file, "%s.dat", name);
    if ((status = figure_path(folder, file, data, sizeof data, e)) ||
        (status = file_begin(&w, data, e)))
        return status;
    int curves = write_curves(log, w.stream, &positive);
    if ((status = figure_data_commit(&w, ferror(w.stream), e)) || !curves)
        return status;
    snprintf(count, sizeof count, "%d", curves);
    struct figure f = {"loss.gp", folder, name, data, count, positive ? "1" : "0", "", ""};
    if (!(status = figure_draw(&f, e)) && drawn)
        ++*drawn;
    return status;
}

int plot_loss(const char *csv, const char *folder, const char *name, int *drawn, struct error *e)
{
    struct log log = {.path = csv};
    size_t size, n = strlen(name);
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_-.", *c))
            n = 0;
    if (!n || n > 100 || *name == '.')
        return error_set(e, ERR_USAGE, "a figure's name: letters, digits, '_', '-' and '.', at most 100");
    int status = file_read(csv, LARGEST_LOG, &log.text, &size, e);
    if (status)
        return status;
    char *rest = log.text;
    if (strlen(log.text) != size)
        status = error_set(e, ERR_INPUT, "%s: not a text file", csv);
    else if (!(status = read_header(&log, &rest, e)) && !(status = read_rows(&log, rest, e)) && log.rows)
        status = draw_log(&log, folder, name, drawn, e);
    free(log.value);
    free(log.text);
    return status;
}
