/* A sweep: one experiment in many settings ("cells"), each with several seeds ("runs").
 *
 * The sweep file is read here and every cell is resolved to a whole experiment and checked before
 * anything runs. What a run measured is a results document in the cache, named by the fingerprint of all
 * that defines it; what is there is not done again. */
#ifndef MLCM_SWEEP_H
#define MLCM_SWEEP_H

#include "../metrics/table.h"
#include "experiment.h"

enum { SWEEP_CELLS = 1000, SWEEP_RUNS = 10000, SWEEP_SEEDS = 50, SWEEP_AXES = 8, SWEEP_NAME = 64, SWEEP_METRICS = 24 };

struct sweep_cell {
    char name[SWEEP_NAME];
    char values[SWEEP_AXES][SWEEP_NAME];   /* by axis, as tables show them */
    cJSON *set;                            /* fields that differ from the base: {"lcm.ema": 0.5} */
    cJSON *document;                       /* the experiment, all but the seed */
};

struct sweep {
    char path[1024], name[80];
    char description[1000];
    char base[1100];                       /* the base experiment's file */
    int axis_count;                        /* listed cells are one axis, "cell" */
    char axes[SWEEP_AXES][SWEEP_NAME];
    int numeric;                           /* the only axis is one field with numbers: plots draw lines */
    int cell_count;
    struct sweep_cell *cells;
    int seed_count;                        /* at least 1; without "seeds" the base's own */
    char seed_field[160];                  /* "lcm.seed"; "" without "seeds" */
    double seeds[SWEEP_SEEDS];
    int metric_count;
    const struct metric *metrics[SWEEP_METRICS];
    int reference;                         /* the cell that the others are compared to */
    char split[8];                         /* "test" or "val" */
    int times;                             /* a time is among the metrics: latency is measured */
};

/* Reads and checks the file and all its cells. Errors name the file and the cell. */
int sweep_read(const char *path, struct sweep *s, struct error *e);
void sweep_free(struct sweep *s);
/* Cells × seeds; run k is cell k / seed_count with seed k % seed_count. */
int sweep_runs(const struct sweep *s);
/* "EMA 0.5, seed 2" */
struct sweep_label { char text[SWEEP_NAME + 40]; };
struct sweep_label sweep_label(const struct sweep *s, int run);
/* The experiment of a run, the caller's to experiment_free. */
int sweep_experiment(const struct sweep *s, int run, struct experiment *x, struct error *e);

#endif
