/* Results as tables: Markdown, LaTeX, CSV.
 *
 * Markdown and LaTeX have a line a model, real motions first, a column a
 * metric that any row has, in the order of metrics/table.h, cells
 * "mean ± ci95", the best of the generated rows in bold (not those within its
 * interval: a table does not test). A run with --limit says so above the table.
 * CSV has a line a model and metric, with every digit, for other programs. */
#ifndef MLCM_TABLE_TEXT_H
#define MLCM_TABLE_TEXT_H

#include "results.h"

/* A column, from the metrics' registry. */
enum { TABLE_COLUMNS = 64 };
struct table_column {
    const struct metric *metric;
    const struct results_metric *best;   /* of the rows that compete, or NULL */
};
/* Metrics that any row has; returns their number. */
int table_columns(const struct results *r, struct table_column columns[TABLE_COLUMNS]);
const char *table_arrow(enum direction d);   /* "↑", "↓", "→" */

void table_markdown(const struct results *r, FILE *out);
/* A tabular for the booktabs package. */
void table_latex(const struct results *r, FILE *out);
/* model,real,metric,unit,direction,mean,ci95,replications,limit */
void table_csv(const struct results *r, FILE *out);

/* Writes table.md, table.tex and table.csv into an existing folder, atomically. */
int table_write_all(const struct results *r, const char *folder, struct error *e);

/* A value as the tables print it: with the metric's digits, or three
 * significant ones for times. */
void table_number(const char *metric, double value, char *text, size_t size);
/* An interval with as many digits as its mean has. */
void table_interval(const char *metric, double mean, double interval, char *text, size_t size);
/* The digits after the point of such a value: an interval has as many as its mean. */
int table_decimals(const char *metric, double value);

/* Text in a cell of one of the forms, with what would be markup there escaped. */
void table_put_markdown(FILE *out, const char *text);
void table_put_latex(FILE *out, const char *text);
void table_put_csv(FILE *out, const char *text);

#endif
