#include "figure.h"

#include "gnuplot.h"
#include "plot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int plot_templates(char *folder, size_t size, struct error *e)
{
    char program[512], file[FIGURE_PATH];
    const char *chosen = getenv("MLCM_PLOTS");
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    program[n > 0 ? n : 0] = 0;
    char *slash = strrchr(program, '/');
    if (slash)
        *slash = 0;
    const char *const places[][2] = {{chosen && *chosen ? chosen : "", ""},
                                     {".", "/scripts/plots"},
                                     {program, "/../scripts/plots"},
                                     {program, "/../../scripts/plots"},
                                     {program, "/../share/mlcm/plots"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (!*places[i][0])
            continue;
        /* A relative folder gets "./": gnuplot takes a leading '|' or '<' for a command. */
        const char *dot = places[i][0][0] == '/' ? "" : "./";
        if ((size_t)snprintf(folder, size, "%s%s%s", dot, places[i][0], places[i][1]) >= size ||
            (size_t)snprintf(file, sizeof file, "%s/style.gp", folder) >= sizeof file)
            continue;
        if (file_exists(file))
            return 0;
    }
    return error_set(e, ERR_ENV, "style.gp: the figures' templates were not found: set MLCM_PLOTS to "
                                 "the folder scripts/plots");
}

int figure_path(const char *folder, const char *name, char *path, size_t size, struct error *e)
{
    int n = snprintf(path, size, "%s%s/%s", folder[0] == '/' ? "" : "./", folder, name);
    if (n > 0 && (size_t)n < size)
        return 0;
    return error_set(e, ERR_USAGE, "%.60s…: the folder's name is too long", folder);
}

int figure_draw(const struct figure *f, struct error *e)
{
    static const char *const kinds[] = {"svg", "png"};
    char templates[FIGURE_PATH], script[FIGURE_PATH], file[300], path[FIGURE_PATH];
    int status = plot_templates(templates, sizeof templates - 32, e);
    if (status)
        return status;
    if ((size_t)snprintf(script, sizeof script, "%s/%s", templates, f->template) >= sizeof script)
        return error_set(e, ERR_ENV, "%s: the templates' folder has too long a name", f->template);
    for (int k = 0; k < 2 && !status; k++) {
        struct file_writer w;
        snprintf(file, sizeof file, "%.200s.%s", f->name, kinds[k]);
        if ((status = figure_path(f->folder, file, path, sizeof path, e)) ||
            (status = file_begin_name(&w, path, e)))
            return status;
        const char *const arguments[] = {templates,   f->data,  f->second, f->third, f->fourth,
                                         w.temporary, kinds[k], f->note,   NULL};
        if ((status = gnuplot_run(script, arguments, e)))
            file_abandon(&w);
        else
            status = file_commit(&w, e);
    }
    return status;
}

void figure_label(FILE *out, const char *text)
{
    for (; *text; text++)
        fputc((unsigned char)*text < ' ' || strchr("\"\\`", *text) ? ' ' : *text, out);
}

int figure_data_commit(struct file_writer *w, int failed, struct error *e)
{
    if (!failed)
        return file_commit(w, e);
    file_abandon(w);
    return error_set(e, ERR_ENV, "%s: could not be written: is the disk full?", w->path);
}
