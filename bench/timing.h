/* AITS: seconds a sentence, from the caption to the decoded features; what the clock sees: timing.c. */
#ifndef MLCM_TIMING_H
#define MLCM_TIMING_H

#include "evaluation.h"
#include "results.h"

struct timing_plan {
    const struct items *items;
    int frames;                   /* of every motion, without items */
    int single, batch;            /* which scenarios: batch 1, batches of 32 */
    int quiet;                    /* no progress */
};
/* Adds to r, for this system: "AITS" and "AITS_without_text" (single), "AITS_batch_32" (batch), over captions and
 * lengths of the items drawn from the experiment's seed, or, without items, over the built-in sentences in their
 * order. mean_seconds receives the means of the three (0: not measured); runs_seconds (time_runs of the experiment),
 * if not NULL, every run at batch 1. */
int timing_measure(struct chain *c, const struct timing_plan *plan, const struct system *s, const char *model,
                   struct results *r, double mean_seconds[3], double *runs_seconds, struct error *e);

#endif
