/* What the machine can do: the rate of large matrix products, measured in the same process as what is compared to it. */
#ifndef MLCM_GEMM_PEAK_H
#define MLCM_GEMM_PEAK_H

#include "../engine/lanes.h"

/* FLOP/s of products of square matrices in the device's arithmetic, one a lane at a time on all lanes together, with the
 * matrix as it is (OpenBLAS, cuBLAS) and packed: the best of a few rounds. The size is 512, doubled while a product takes
 * less than a millisecond, up to 8192. */
int gemm_peak(struct device *device, struct lanes *lanes, double *peak, struct error *e);

#endif
