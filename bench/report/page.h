/* A self-contained HTML page: the template with its style and scripts, and players of motions. */
#ifndef MLCM_REPORT_PAGE_H
#define MLCM_REPORT_PAGE_H

#include "../motions.h"

/* What goes into the template; body and foot write HTML, lead is text under the title. */
struct page {
    const char *title, *lead;
    int (*body)(void *context, FILE *out, struct error *e);
    void *context;
};

/* Writes the whole page to `path`, atomically. */
int page_write(const struct page *p, const char *path, struct error *e);

/* A player of m and its data; `id` is unique in the page. */
int page_player(const struct motions *m, const char *id, FILE *out, struct error *e);

/* A picture of a file (.svg or .png) inside the page, with a caption; nothing if the file is not there or is larger
 * than 4 MB. An SVG stands as an image, so that nothing in it is run or fetched. */
void page_picture(const char *path, const char *class, const char *caption, const char *alternative, FILE *out);

/* A page of motions alone, as `generate` writes it. note: a line about how they were made. */
int page_motions(const struct motions *m, const char *title, const char *note, const char *path, struct error *e);

#endif
