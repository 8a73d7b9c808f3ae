/* What a sweep found: each cell's metrics over its seeds and replications, as far as its runs are there. */
#ifndef MLCM_SWEEP_SUMMARY_H
#define MLCM_SWEEP_SUMMARY_H

#include "sweep_pool.h"

/* One metric of one model in one cell. */
struct sweep_value {
    int given;                    /* measured in this cell */
    int seeds;                    /* that measured it */
    double seed[SWEEP_SEEDS];     /* the mean of each */
    double mean, ci_seeds;        /* over seeds, Student's interval; 0 with one seed */
    double ci_replications;       /* the field's interval over all replications of all seeds */
    int compared;                 /* the reference cell and this one have two seeds or more */
    double difference, ci_difference;   /* to the reference cell, Welch's interval over seeds */
};

struct sweep_row {
    int cell;                     /* -1: the real motions */
    char model[RESULTS_NAME];
    int reference;                /* a bound, no competitor */
    struct sweep_value values[SWEEP_METRICS];   /* as the sweep's metrics */
};

struct sweep_summary {
    const struct sweep *sweep;
    int row_count, model_count, seeds;   /* seeds: the most that any cell has */
    struct sweep_row *rows;       /* by model, then by cell; the real motions first */
    char (*models)[RESULTS_NAME]; /* of cells, in order of appearance */
    struct results document;      /* of the whole sweep: rows "CELL, MODEL", and the section "sweep"; program and machine
                                   * are the first run's, seconds those of all runs together */
};

/* Reads the documents of the runs whose outcome is SWEEP_DONE. ERR_CHECK if there is none. The caller calls
 * sweep_summary_free, also after an error. */
int sweep_summarise(const struct sweep *s, const struct sweep_place *places, const struct sweep_outcome *outcomes,
                    struct sweep_summary *out, struct error *e);
void sweep_summary_free(struct sweep_summary *m);

/* A table a model, a line a cell (sweep_table.c); ± is the interval over seeds or, with one seed, replications. */
void sweep_markdown(const struct sweep_summary *m, FILE *out);
void sweep_latex(const struct sweep_summary *m, FILE *out);
/* axes…,model,metric,unit,direction,mean,ci95_seeds,ci95_replications,seeds,difference,ci95_difference */
void sweep_csv(const struct sweep_summary *m, FILE *out);
/* NAME.json, table.md, table.tex, table.csv in `folder`, which exists. */
int sweep_write(const struct sweep_summary *m, const char *folder, struct error *e);
/* A figure a metric, sweep_METRIC.svg and .png: a place on the axis a cell, a colour a model (sweep_plot.c).
 * ERR_ENV without gnuplot. */
int sweep_plot(const struct sweep_summary *m, const char *folder, int *drawn, struct error *e);

#endif
