/* Checks of every operation of the tape on a device, for the tests of each device. */
#ifndef MLCM_TESTS_OP_CHECKS_H
#define MLCM_TESTS_OP_CHECKS_H

#include "../engine/device.h"

/* Values, and gradients, of all cases against the double-precision references: how many are off; each is told. */
int op_check_values(struct device *d);
int op_check_gradients(struct device *d);
/* Gradients are added to those that other readers of an input left. Fails the running test if not. */
void op_check_accumulation(struct device *d);
/* All cases give the same bits on each of the devices. */
void op_check_same_bits(struct device *const *d, int devices);
/* The optimiser's step, the same bits on each device. */
void op_check_adamw(struct device *const *d, int devices);
void op_check_sum_squares(struct device *d);

#endif
