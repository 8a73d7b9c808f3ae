/* Control signals from motions of a set: what a controlled system is told, and how near it came. */
#ifndef MLCM_CONTROL_HINTS_H
#define MLCM_CONTROL_HINTS_H

#include "../datasets/set.h"
#include "../metrics/control.h"
#include "experiment.h"

/* The signal of one window. x (length, nfeats): its normalised features; r: the mask's draws.
 * training 1 draws the training mask, 0 the testing mask, which an experiment's trajectory replaces. hint (length, J, 3) normalised joint
 * positions, mask (length, J), goal (length, J, 3) or NULL: the controlled positions in the
 * set's unit of length.
 * Errors: a joint that the skeleton does not have, a density that does not fit the length. */
int control_hint(const struct set *s, const struct control_plan *p, int training, struct rng *r, const float *x,
                 int length, float *hint, unsigned char *mask, float *goal, struct error *e);

/* Errors and foot skating of a generated window: x (length, nfeats) normalised features. goal and
 * mask as control_hint gave them. */
int control_reached(const struct set *s, const float *x, int length, const float *goal, const unsigned char *mask,
                    struct control_errors *errors, double *skating, struct error *e);

#endif
