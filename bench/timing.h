/* AITS: seconds a sentence, from the caption to the decoded features.
 *
 * The clock starts with the caption string and stops when the features lie on the
 * device and its queue is empty. Models and data are loaded before; warm-up runs are
 * left out; nothing of an earlier sentence is reused. */
#ifndef MLCM_TIMING_H
#define MLCM_TIMING_H

#include "evaluation.h"
#include "results.h"

/* Adds to r, for this system: "AITS" (batch 1), "AITS_without_text" and "AITS_batch_32",
 * over captions and lengths of `items` drawn from the experiment's seed. mean_seconds receives the
 * means of the three; runs_seconds (time_runs of the experiment), if not NULL, every run at batch 1. */
int timing_measure(struct chain *c, const struct items *items, const struct system *s, const char *model,
                   struct results *r, double mean_seconds[3], double *runs_seconds, struct error *e);

#endif
