/* AITS: seconds a sentence, from the caption to the decoded features.
 *
 * The clock starts with the caption string and stops when the features lie on the
 * device and its queue is empty. Models and data are loaded before; warm-up runs are
 * left out; nothing of an earlier sentence is reused. */
#ifndef MLCM_TIMING_H
#define MLCM_TIMING_H

#include "evaluation.h"
#include "results.h"

/* Adds to r, for this system: "AITS" (batch 1), "AITS_without_text" and, if asked for, "AITS_batch_32",
 * over captions and lengths of the items drawn from the experiment's seed, or, without items, over the
 * built-in sentences in their order. mean_seconds receives the means of the three (0: not measured);
 * runs_seconds (time_runs of the experiment), if not NULL, every run at batch 1. */
struct timing_plan {
    const struct items *items;
    int frames;                   /* of every motion, without items */
    int together;                 /* also batches of 32 */
};
int timing_measure(struct chain *c, const struct timing_plan *plan, const struct system *s, const char *model,
                   struct results *r, double mean_seconds[3], double *runs_seconds, struct error *e);

#endif
