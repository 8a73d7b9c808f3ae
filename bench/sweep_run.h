/* One run of a sweep: its fingerprint, its document in the cache, and making that document. */
#ifndef MLCM_SWEEP_RUN_H
#define MLCM_SWEEP_RUN_H

#include "results.h"
#include "sweep.h"

/* How a sweep is run: what the command line says. */
struct sweep_options {
    const char *config;           /* the sweep file, as given */
    const char *cache, *out;      /* folders */
    int jobs, threads;            /* processes at a time; threads of each, 0 = the cores shared out */
    struct device_option device;
    int limit, quiet;
};

/* Where a run's document lies, and whether it is there. */
struct sweep_place {
    char fingerprint[65], path[1100];
    int done;                     /* a whole document of this fingerprint lies there */
};

/* The places of all runs, or with `only` >= 0 of that one, malloc'd (sweep_runs), the caller's to free. A fingerprint is of the experiment but
 * its name, of every file that it reads (each hashed once), of the split and the limit, not of the program: a
 * document names the commit that measured it. ERR_INPUT where a file is missing. */
int sweep_places(const struct sweep *s, const struct sweep_options *o, int only, struct sweep_place **places, struct error *e);
/* What nearly all runs of a sweep share, made once with all cores before they start: the evaluator, the stages
 * before the last one that the run's models stand on, the encoded training clips. */
int sweep_prepare(const struct sweep *s, int run, const struct sweep_options *o, struct error *e);
/* Trains what lacks, measures, writes the document. */
int sweep_run(const struct sweep *s, int run, const struct sweep_options *o, const struct sweep_place *place, struct error *e);

#endif
