/* What the tests of the metrics share. */
#ifndef MLCM_TESTS_NEAR_H
#define MLCM_TESTS_NEAR_H

#include "../engine/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Fails unless |got - want| <= tolerance; NaN is never near. */
static inline void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("%.17g is not within %g of %.17g", got, tolerance, want);
}

/* Integers of -20 to 20: sums, permutations and Hadamard rotations of them are exact in float. */
static inline void fill_integers(float *x, int count, uint64_t seed)
{
    struct rng r = rng_make(seed, 0);
    for (int i = 0; i < count; i++)
        x[i] = (float)((int)rng_below(&r, 41) - 20);
}

#endif
