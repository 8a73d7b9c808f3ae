/* Times of the operations on a device. */
#ifndef MLCM_TESTS_OP_SPEED_H
#define MLCM_TESTS_OP_SPEED_H

#include "op_cases.h"

/* A line a case: time and rate, forward and with backward. */
void op_speed(struct device *d, const struct op_case *cases, int count);

#endif
