/* What the machine can do: the rate of large matrix products, measured in the same process as what is compared to it. */
#ifndef MLCM_GEMM_PEAK_H
#define MLCM_GEMM_PEAK_H

#include "../engine/lanes.h"

/* FLOP/s of 512 x 512 x 512 products in single precision, one a lane at a time on all lanes together, with the
 * matrix as it is (OpenBLAS) and packed: the best of a few rounds. */
int gemm_peak(struct device *device, struct lanes *lanes, double *peak, struct error *e);

#endif
