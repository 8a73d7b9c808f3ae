/* One figure: what every kind of plot shares. */
#ifndef MLCM_FIGURE_H
#define MLCM_FIGURE_H

#include "../engine/file.h"

enum { FIGURE_PATH = 1024 };

/* A template of scripts/plots and what it is given; all strings. The data files
 * are complete. */
struct figure {
    const char *template;      /* "frontier.gp" */
    const char *folder, *name; /* NAME.svg and NAME.png are drawn in FOLDER */
    const char *data, *second; /* ARG2 and ARG3 of the script */
    const char *third, *fourth;/* ARG4 and ARG5 */
    const char *note;          /* a warning above the figure, or "" */
};
int figure_draw(const struct figure *f, struct error *e);

/* "./FOLDER/NAME", or the absolute path: a file name that gnuplot cannot take
 * for a command. */
int figure_path(const char *folder, const char *name, char *path, size_t size, struct error *e);

/* A name in a data file: quotes, tabs and control characters become spaces. */
void figure_label(FILE *out, const char *text);

/* Commits a data file, or abandons it if writing failed. */
int figure_data_commit(struct file_writer *w, int failed, struct error *e);

#endif
