/* mlcm time --random-weights: an experiment's networks timed without a data set or a checkpoint. */
#ifndef MLCM_TIME_RANDOM_H
#define MLCM_TIME_RANDOM_H

#include "results.h"
#include "experiment.h"

/* Fills r (results_begin'd by the caller) with the timings of every sampled model at batch 1, `frames` frames each;
 * with `together` also batches of 32. Lines on what was measured go to standard output if `say`. */
int time_random(struct experiment *x, int frames, int together, int say, struct results *r, struct error *e);

#endif
