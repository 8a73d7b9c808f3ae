#include "gemm_peak.h"
#include "../engine/clock.h"

enum { N = 512, ROUNDS = 5, REPEATS = 40 };

/* FLOP/s of one round: every lane multiplies matrices of its own, given as they are or packed. */
static double one_round(struct lanes *lanes, float *memory, size_t each, int packed)
{
    int count = lanes->count;
    double start = clock_seconds();
#pragma omp parallel for schedule(static, 1) num_threads(count)
    for (int l = 0; l < count; l++) {
        float *x = memory + (size_t)l * each, *y = x + N * N, *w = y + N * N;
        struct device *d = &lanes->lane[l];
        const struct packed p = {w + N * N, PRECISION_FP32, N, N, 0, N, 0, N};
        for (int i = 0; i < REPEATS; i++) {
            if (packed) d->linear_packed(d, y, x, &p, NULL, N, 0, ACT_NONE);
            else d->linear(d, y, NULL, x, w, NULL, N, N, N, N, 0, ACT_NONE);
        }
    }
    return 2.0 * N * N * N * REPEATS * count / (clock_seconds() - start);
}

int gemm_peak(struct device *device, struct lanes *lanes, double *peak, struct error *e)
{
    size_t packed = device->packed_count(device, N, N, PRECISION_FP32), each = 3 * N * N + (packed + 15) / 16 * 16;
    float *memory = device->alloc(device, (size_t)lanes->count * each);
    if (!memory) return error_memory(e, "the measurement");
    device->fill(device, memory, 0.5f, (size_t)lanes->count * each);
    for (int l = 0; l < lanes->count; l++) {
        float *w = memory + (size_t)l * each + 2 * N * N;
        device->pack(device, w + N * N, w, N, N, PRECISION_FP32);
    }
    *peak = 0;
    for (int r = 0; r < 2 * ROUNDS; r++) {
        double rate = one_round(lanes, memory, each, r % 2);
        if (rate > *peak) *peak = rate;
    }
    device->release(device, memory);
    return 0;
}
