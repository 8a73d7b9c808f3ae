/* The product at the bottom of everything packed: up to TILE_ROWS rows times one or
 * two panels of 32 outputs, sums in registers.
 *
 * Both sides are 32-bit words, one a step of the sum: a float, two bfloat16 or four
 * 8-bit numbers. The rows' words are broadcast, a panel has the words of its 32
 * outputs side by side. Vectors are GCC's, so that any machine can run this; where
 * the processor multiplies bfloat16 or bytes itself, its instruction is used. */
#ifndef MLCM_CPU_TILE_H
#define MLCM_CPU_TILE_H

#include "precision.h"
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX512BF16__) || defined(__AVX512VNNI__)
#include <immintrin.h>
#endif

enum {
    PANEL = 32,
#if defined(__AVX512F__)
    TILE_ROWS = 14      /* 28 sums of 16 floats and the panel's two vectors fill the 32 registers */
#else
    TILE_ROWS = 3
#endif
};

#pragma GCC diagnostic ignored "-Wpsabi"   /* vectors are passed between inlined functions alone */

typedef float vector __attribute__((vector_size(64)));
typedef int32_t vector_int __attribute__((vector_size(64)));
typedef float vector_memory __attribute__((vector_size(64), aligned(4), may_alias));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE vector vector_load(const float *p) { return *(const vector_memory *)p; }
ALWAYS_INLINE void vector_store(float *p, vector v) { *(vector_memory *)p = v; }

ALWAYS_INLINE int32_t word_bits(const float *p)
{
    int32_t bits;
    memcpy(&bits, p, 4);
    return bits;
}

/* sum + a·b, where a is a row's word for all outputs. Two bfloat16: the sum of both products. */
ALWAYS_INLINE vector multiply_words(vector sum, const float *a, vector b, enum weight_precision kind)
{
    if (kind == PRECISION_FP32) return sum + *a * b;
    vector_int words = word_bits(a) + (vector_int){0}, panel = (vector_int)b;
    if (kind == PRECISION_BF16) {
#if defined(__AVX512BF16__)
        return (vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)words, (__m512bh)panel);
#else
        vector_int high = (vector_int){0} + (int32_t)0xffff0000u;
        sum += (vector)(words & high) * (vector)(panel & high);
        return sum + (vector)(words << 16) * (vector)(panel << 16);
#endif
    }
#if defined(__AVX512VNNI__)
    return (vector)_mm512_dpbusd_epi32((__m512i)(vector_int)sum, (__m512i)panel, (__m512i)words);
#else
    vector_int total = (vector_int)sum;
    for (int shift = 0; shift < 32; shift += 8)
        total += ((panel >> shift) & 255) * ((words << (24 - shift)) >> 24);
    return (vector)total;
#endif
}

/* sum[r][v] += Σ_k a[r·lda + k]·b[k·ldb + 16 v + …] for `steps` words; vectors 2 and 3 are the panel at b2.
 * What lies at `ahead`, ahead_step floats a step, is fetched into the second cache meanwhile. */
ALWAYS_INLINE void tile_multiply(vector (*sum)[4], const float *a, size_t lda, const float *b, const float *b2,
                                 size_t ldb, const float *ahead, size_t ahead_step, int steps, int rows, int panels,
                                 enum weight_precision kind)
{
    const float *a4 = a + 4 * lda, *a8 = a + 8 * lda, *a12 = a + 12 * lda;
    for (int k = 0; k < steps; k++) {
        vector right[4];
        __builtin_prefetch(ahead, 0, 2);
        ahead += ahead_step;
        right[0] = vector_load(b);
        right[1] = vector_load(b + 16);
        if (panels == 2) {
            right[2] = vector_load(b2);
            right[3] = vector_load(b2 + 16);
            b2 += ldb;
        }
        b += ldb;
#pragma GCC unroll 14
        for (int r = 0; r < rows; r++) {
            const float *from = (r < 4 ? a + (size_t)r * lda : r < 8 ? a4 + (size_t)(r - 4) * lda
                                 : r < 12 ? a8 + (size_t)(r - 8) * lda : a12 + (size_t)(r - 12) * lda) + k;
#pragma GCC unroll 4
            for (int v = 0; v < 2 * panels; v++) sum[r][v] = multiply_words(sum[r][v], from, right[v], kind);
        }
    }
}

#endif
