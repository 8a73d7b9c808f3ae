/* Latency: what a sample of times says about the next one.
 * Unit: that of the times (seconds). Direction: down. Samples: 100 for the 99th
 * percentile to mean anything. Bias: none if warm-up runs are left out. */
#ifndef MLCM_LATENCY_H
#define MLCM_LATENCY_H

#include "../engine/error.h"

struct latency {
    int runs;
    double mean, std;              /* std with divisor runs - 1; 0 for one run */
    double minimum, maximum;
    double p50, p90, p99;          /* linear between the two nearest times */
};

/* times (n), n >= 1, any order. Error: a negative or non-finite time (named). */
int latency_summary(const double *times, int n, struct latency *out, struct error *e);

#endif
