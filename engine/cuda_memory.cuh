/* Functions of the device table over memory, and its beginning and end. */
#ifndef MLCM_CUDA_MEMORY_CUH
#define MLCM_CUDA_MEMORY_CUH

#include "cuda_device.cuh"

float *cuda_alloc(struct device *d, size_t count);
void cuda_release(struct device *d, float *memory);
void cuda_discard(struct device *d, float *memory, size_t count);
void cuda_upload(struct device *d, float *dst, const float *host, size_t count);
void cuda_download(struct device *d, float *host, const float *src, size_t count);
void cuda_copy(struct device *d, float *dst, const float *src, size_t count);
void cuda_fill(struct device *d, float *dst, float value, size_t count);
void cuda_synchronise(struct device *d);

int cuda_memory_open(struct device *d);     /* 0 when something is lacking: the state's message says what */
void cuda_memory_close(struct device *d);

#endif
