/* Reports of results documents: tables, plots, one page. */
#ifndef MLCM_REPORT_H
#define MLCM_REPORT_H

#include "../motions.h"
#include "../results.h"

/* A document with what lies beside it. */
struct report_item {
    char path[1024], name[80];    /* name: the file's, without .json; unique in the report */
    char beside[1024];            /* folder of its plots, strips, motions */
    char folder[1024];            /* what the report wrote of it: tables, plots */
    struct results results;       /* of a comparison: empty */
    struct motions motions;       /* nclips 0: none */
    struct cJSON *comparison;     /* the document of `mlcm compare --json`, or NULL */
    int plots;                    /* drawn anew */
};

struct report {
    const char *title;
    int count, skipped;           /* skipped: JSON files of other kinds in the folders given */
    struct report_item *items;
};

/* Adds a document, or all documents (results and comparisons) of a folder. Errors: nothing there, a document that cannot be read. */
int report_add(struct report *r, const char *path, struct error *e);
void report_free(struct report *r);
/* Writes OUT/NAME/table.md, .tex, .csv and plots of every document, and OUT/index.html. Without gnuplot the plots
 * lack and a line on standard error says so, unless `quiet`. */
int report_write(struct report *r, const char *out, int quiet, struct error *e);

/* The sections of one document in the page. number: from 1. */
int report_section(const struct report_item *item, int number, FILE *out, struct error *e);
void report_comparison(const struct report_item *item, int number, FILE *out);
void report_provenance(const struct report_item *item, FILE *out);
/* Tables of a document's metrics: the headline ones, then the rest folded away, then as sources to copy. */
int report_tables(const struct results *r, FILE *out, struct error *e);
/* The timings with their stages and percentiles, if the document has any. */
void report_timings(const struct results *r, FILE *out);
/* Definitions of all metrics of the report's documents. */
void report_definitions(const struct report *r, FILE *out);

#endif
