/* The results document: everything a run found out, with what made it.
 *
 * It is filled in memory by the functions below, written as one JSON document
 * and read back by tables, plots and comparisons. Numbers are finite or the
 * document is not written. Rows of real motions come first, whatever the order
 * they were added in. All text fields are UTF-8, cut to their room. */
#ifndef MLCM_RESULTS_H
#define MLCM_RESULTS_H

#include "../engine/error.h"
#include "../metrics/latency.h"
#include "../metrics/table.h"
#include "host.h"

#include <stdint.h>
#include <stdio.h>

struct cJSON;

#define RESULTS_SCHEMA "mlcm-results-1"
enum { RESULTS_NAME = 96 };

struct results_model {
    char name[RESULTS_NAME];       /* of the row: "MotionLCM, 2 steps" */
    char family[RESULTS_NAME];     /* models that differ in steps only: "MotionLCM" */
    char checkpoint_sha256[65];
    char size[24];                 /* "tiny", "small", "paper" */
    int steps;                     /* network evaluations; 0: not that kind of model */
    double guidance;
};

struct results_metric {
    char name[48];                 /* as in metrics/table.h, or a metric's own */
    char unit[24];
    enum direction direction;
    double mean, ci95;             /* ci95 0: one replication only */
    int nreplications;
    double *replications;          /* (nreplications) */
};

struct results_row {
    char model[RESULTS_NAME];
    int real;                      /* the real motions themselves */
    int reference;                 /* a bound rather than a competitor: reconstructions of the real motions, samples
                                    * without a caption; never the best of a column */
    int nmetrics;
    struct results_metric *metrics;
};

struct results_timing {
    char model[RESULTS_NAME];
    char name[48];                 /* "AITS", "AITS_without_text", "AITS_batch_32" */
    char definition[400];          /* what the clock saw and what not */
    int batch, warmup;
    struct latency latency;        /* seconds a sentence; latency.runs is the sample */
    double text, trajectory, denoise, decode;   /* mean seconds of each stage */
};

struct results_check {
    char name[RESULTS_NAME];
    int pass;
    char detail[400];
};

struct results_file {
    char what[RESULTS_NAME];       /* "evaluator" */
    char path[400];                /* as the experiment names it */
    char sha256[65];
};

struct results_library {
    char name[24], version[80];
};

struct results {
    char version[24], commit[64], build[160];   /* the tool */
    struct host host;
    int nlibraries;
    struct results_library libraries[12];
    char command[1000];
    char started[32];              /* UTC, "2026-01-31T12:00:00Z" */
    double seconds;                /* the whole run */
    struct cJSON *experiment;      /* the resolved experiment; owned; may be NULL */
    struct cJSON *scenario;        /* figures of a timing scenario besides its times; owned; may be NULL */
    char fingerprint[65];          /* of everything that defines a run of a sweep; else "" */
    struct cJSON *sweep;           /* a sweep's cells (sweep_summary.c); owned; may be NULL */

    struct {
        char name[RESULTS_NAME], split[16], sha256[65], statistics[65];
        int n_original, n_used;
        int nnan;
        char (*nan_ids)[RESULTS_NAME];
    } data;

    struct {
        char name[RESULTS_NAME], sha256[65];
        char padding_rule[200];    /* what the evaluator sees behind a clip's end */
    } evaluator;

    struct {
        int replications, pool, diversity_times;
        int mm_samples, mm_repeats, mm_times;   /* 0: MultiModality was not run */
        char pooling[200];         /* "one permutation of all pairs", … */
        char pairs[200];           /* how Diversity's pairs are drawn */
        int limit;                 /* --limit; 0: the whole split */
        int nseeds;
        uint64_t seeds[64];
    } protocol;

    int nmodels, nrows, ntimings, nchecks, nfiles, nnotes;
    struct results_model *models;
    struct results_row *rows;
    struct results_timing *timings;
    struct results_check *checks;
    struct results_file *files;    /* of others that the run stood on */
    char (*notes)[400];            /* for readers of the table: what was not measured, and why */
};

/* Empties r and fills in tool, host, libraries and the time of starting.
 * The struct is then filled by hand and by the functions below. */
void results_begin(struct results *r);
/* Names the GPU that computes, in host; a CPU leaves "none". */
struct device_choice;
void results_device(struct results *r, const struct device_choice *choice);
/* The command line: "mlcm" and the words of argv, as long as they fit; before arguments_parse reorders them. */
void results_command(int argc, char **argv, char command[1000]);
void results_free(struct results *r);

/* All results_add_…: 0, or ERR_INTERNAL out of memory and as said. */
int results_add_model(struct results *r, const struct results_model *m, struct error *e);
/* Opens a row; *row is its index for results_add_metric. */
int results_add_row(struct results *r, const char *model, int real, int *row, struct error *e);
/* Adds a metric from its values of each replication; mean and interval are
 * computed. `name` must be one of metrics/table.h. Fails on a non-finite value
 * and on a name that the row has already. */
int results_add_metric(struct results *r, int row, const char *name, const double *replications,
                       int n, struct error *e);
int results_add_timing(struct results *r, const struct results_timing *t, struct error *e);
int results_add_check(struct results *r, const char *name, int pass, struct error *e,
                      const char *detail, ...) __attribute__((format(printf, 5, 6)));
int results_add_file(struct results *r, const char *what, const char *path, const char *sha256, struct error *e);
int results_add_note(struct results *r, struct error *e, const char *text, ...) __attribute__((format(printf, 3, 4)));
int results_add_nan_id(struct results *r, const char *clip, struct error *e);

/* The k-th row as documents and tables show it: real motions first. */
const struct results_row *results_row(const struct results *r, int k);
/* NULL if there is none. */
const struct results_metric *results_metric(const struct results_row *row, const char *name);
const struct results_model *results_model(const struct results *r, const char *name);

/* Writes the document to `path`, atomically, or to standard output for "-".
 * ERR_INTERNAL naming the field if a number is not finite. */
int results_write(const struct results *r, const char *path, struct error *e);
/* Reads a document; the caller calls results_free, also after an error.
 * Checks the schema, types, finite numbers and lengths; ERR_INPUT otherwise.
 * Unknown keys are ignored, so that later schemas of this name still read. */
int results_read(const char *path, struct results *r, struct error *e);

#endif
