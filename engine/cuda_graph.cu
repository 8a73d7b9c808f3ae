/* Graphs: operations captured from the device's stream and launched as one. */
#include "cuda_memory.cuh"
#include <stdlib.h>

void *cuda_host_alloc(struct device *d, size_t bytes)
{
    struct cuda_state *s = cuda_state_of(d);
    struct cuda_block *b = (struct cuda_block *)calloc(1, sizeof *b);
    if (!b) return NULL;
    if (cudaMallocHost(&b->memory, bytes ? bytes : 1) != cudaSuccess) {
        cudaGetLastError();
        free(b);
        return NULL;
    }
    b->size = bytes;
    b->next = s->given;
    s->given = b;
    return b->memory;
}

void cuda_host_release(struct device *d, void *memory)
{
    for (struct cuda_block **at = &cuda_state_of(d)->given; *at; at = &(*at)->next) {
        struct cuda_block *b = *at;
        if (b->memory != memory) continue;
        *at = b->next;
        cuda_well(d, cudaFreeHost(memory), "giving pinned memory back", 0);
        free(b);
        return;
    }
}

int cuda_is_given(const struct device *d, const void *host, size_t bytes)
{
    for (const struct cuda_block *b = cuda_state_of(d)->given; b; b = b->next) {
        const char *from = (const char *)b->memory;
        if ((const char *)host >= from && (const char *)host + bytes <= from + b->size) return 1;
    }
    return 0;
}

int cuda_capture_begin(struct device *d)
{
    cudaError_t code = cudaStreamBeginCapture(cuda_state_of(d)->stream, cudaStreamCaptureModeRelaxed);
    if (code == cudaSuccess) return 0;
    cudaGetLastError();
    return 1;
}

void *cuda_capture_end(struct device *d)
{
    cudaGraph_t graph = NULL;
    cudaGraphExec_t ready = NULL;
    if (cudaStreamEndCapture(cuda_state_of(d)->stream, &graph) != cudaSuccess || !graph ||
        cudaGraphInstantiate(&ready, graph, 0) != cudaSuccess)
        ready = NULL;
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();                  /* a graph that cannot be had is no failure of the device */
    return (void *)ready;
}

void cuda_graph_launch(struct device *d, void *graph)
{
    cuda_well(d, cudaGraphLaunch((cudaGraphExec_t)graph, cuda_state_of(d)->stream), "the start of a graph", 0);
}

void cuda_graph_free(struct device *d, void *graph)
{
    cuda_well(d, cudaGraphExecDestroy((cudaGraphExec_t)graph), "giving a graph back", 0);
}
