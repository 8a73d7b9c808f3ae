/* Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011).
 *
 * A generator is (seed, stream, position): the same triple gives the same
 * number on every device and at any thread count. Streams separate uses
 * (weights, batches, noise …); a position counts 32-bit words drawn. The whole
 * state is the struct, so a checkpoint saves it as three integers. */
#ifndef MLCM_RNG_H
#define MLCM_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t seed, stream, position;
};

struct rng rng_make(uint64_t seed, uint64_t stream);

/* A stream number from a name ("vae/noise"): FNV-1a, 64 bit. */
uint64_t rng_stream(const char *name);

/* The four words at counter `index` of (seed, stream): the primitive. */
void rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4]);

uint32_t rng_u32(struct rng *r);
double rng_uniform(struct rng *r);                 /* [0, 1), 53 bits */
double rng_normal(struct rng *r);                  /* N(0,1), Box–Muller */
uint32_t rng_below(struct rng *r, uint32_t n);     /* 0 … n-1, unbiased; n > 0 */
void rng_shuffle(struct rng *r, int *items, int n);
/* k distinct values of 0 … n-1 in random order; k <= n. */
void rng_choose(struct rng *r, int *out, int k, int n, int *scratch_n);

/* out[0..n): N(0,1); element i depends on (seed, stream, base+i) alone, so any
 * slice can be drawn by any thread or device. `base` must be a multiple of 4. */
void rng_fill_normal(uint64_t seed, uint64_t stream, uint64_t base, float *out, size_t n);
/* out[0..n): uniform [lo, hi), same addressing. */
void rng_fill_uniform(uint64_t seed, uint64_t stream, uint64_t base, float lo, float hi,
                      float *out, size_t n);

#endif
