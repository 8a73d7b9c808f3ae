#include "gemm_peak.h"
#include "../engine/clock.h"

enum { LEAST = 512, MOST = 8192, ROUNDS = 5, REPEATS = 40 };
static const double long_enough = 1e-3;    /* seconds of one product, from which on starting it costs nothing */

/* FLOP/s of one round: every lane multiplies matrices (n, n) of its own, given as they are or packed. */
static double one_round(struct lanes *lanes, float *memory, size_t each, int n, int repeats, int packed)
{
    int count = lanes->count;
    size_t square = (size_t)n * (size_t)n;
    double start = clock_seconds();
#pragma omp parallel for schedule(static, 1) num_threads(count)
    for (int l = 0; l < count; l++) {
        float *x = memory + (size_t)l * each, *y = x + square, *w = y + square;
        struct device *d = &lanes->lane[l];
        const struct packed p = {w + square, PRECISION_FP32, n, n, 0, n, 0, n};
        for (int i = 0; i < repeats; i++) {
            if (packed) d->linear_packed(d, y, x, &p, NULL, n, 0, ACT_NONE);
            else d->linear(d, y, NULL, x, w, NULL, n, n, n, n, 0, ACT_NONE);
        }
        d->synchronise(d);
    }
    return 2.0 * n * n * n * repeats * count / (clock_seconds() - start);
}

/* The best of several rounds with matrices of one size, and the time of one product. */
static int peak_of(struct device *device, struct lanes *lanes, int n, double *peak, double *seconds, struct error *e)
{
    size_t square = (size_t)n * (size_t)n, packed = device->packed_count(device, n, n, PRECISION_FP32);
    size_t each = 3 * square + (packed + 15) / 16 * 16;
    float *memory = device->alloc(device, (size_t)lanes->count * each);
    if (!memory) return error_memory(e, "the measurement");
    device->fill(device, memory, 0.5f, (size_t)lanes->count * each);
    for (int l = 0; l < lanes->count; l++) {
        float *w = memory + (size_t)l * each + 2 * square;
        device->pack(device, w + square, w, n, n, PRECISION_FP32);
    }
    device->synchronise(device);
    double best = 0;
    for (int r = 0; r < 2 * ROUNDS; r++) {
        double rate = one_round(lanes, memory, each, n, REPEATS, r % 2);
        if (rate > best) best = rate;
    }
    device->release(device, memory);
    *seconds = 2.0 * n * n * n * lanes->count / best;
    if (best > *peak) *peak = best;
    return 0;
}

int gemm_peak(struct device *device, struct lanes *lanes, double *peak, struct error *e)
{
    double seconds = 0;
    int rc = 0;
    *peak = 0;
    for (int n = LEAST; n <= MOST && seconds < long_enough && !rc; n *= 2) rc = peak_of(device, lanes, n, peak, &seconds, e);
    return rc;
}
