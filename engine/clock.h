/* A clock for durations. */
#ifndef MLCM_CLOCK_H
#define MLCM_CLOCK_H

#include <time.h>

/* Seconds since an arbitrary moment; never runs back. */
static inline double clock_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
