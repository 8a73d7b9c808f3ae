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

void *cuda_host_alloc(struct device *d, size_t bytes);
void cuda_host_release(struct device *d, void *memory);
int cuda_is_given(const struct device *d, const void *host, size_t bytes);   /* 1: memory of cuda_host_alloc */
int cuda_capture_begin(struct device *d);
void *cuda_capture_end(struct device *d);
void cuda_graph_launch(struct device *d, void *graph);
void cuda_graph_free(struct device *d, void *graph);

int cuda_memory_open(struct device *d);     /* 0 when something is lacking: the state's message says what */
void cuda_memory_close(struct device *d);

#endif
