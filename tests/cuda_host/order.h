/* What tests ask of the host's stand-in for a GPU, in C. */
#ifndef MLCM_CUDA_HOST_ORDER_H
#define MLCM_CUDA_HOST_ORDER_H

#ifdef __cplusplus
extern "C" {
#endif

/* The order of threads between two barriers, and of blocks. WARPS: a warp goes on through its shuffles to the next barrier
 * before another one begins. */
enum cuda_host_order { CUDA_HOST_FORWARD, CUDA_HOST_BACKWARD, CUDA_HOST_SHUFFLED, CUDA_HOST_WARPS, CUDA_HOST_ORDERS };
void cuda_host_order(int order);
/* Allocations of device and pinned memory that live. */
long cuda_host_allocations(void);
/* Allocations and graphs that lived on when the last device was closed, of all such times; each time is told on
 * standard error. */
long cuda_host_leaks(void);
/* From now on: no allocation succeeds that would bring the device's memory above this; 0: no limit. */
void cuda_host_limit(unsigned long bytes);

#ifdef __cplusplus
}
#endif

#endif
