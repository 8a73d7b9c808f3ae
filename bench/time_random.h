/* mlcm time --random-weights: an experiment's networks timed without a data set or a checkpoint. */
#ifndef MLCM_TIME_RANDOM_H
#define MLCM_TIME_RANDOM_H

#include "timing.h"

/* Fills r (results_begin'd by the caller) with the timings of every sampled model, without items.
 * Lines on what was measured go to standard output if `say`. */
int time_random(struct experiment *x, const struct timing_plan *plan, int say, struct results *r, struct error *e);

#endif
