/* Between the two files of the host's stand-in for the CUDA runtime. */
#ifndef MLCM_CUDA_HOST_H
#define MLCM_CUDA_HOST_H

#include "cuda_runtime.h"

/* Runs every thread of every block of a grid. */
void cuda_host_blocks(const char *name, dim3 grid, dim3 threads, size_t shared, const std::function<void()> &thread);

#endif
