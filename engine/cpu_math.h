/* Branch-free float functions that compilers turn into vector code.
 *
 * Accuracy over the useful range: cpu_exp 2 ulp, cpu_erf 5e-7 absolute (a
 * rational fit made for this file), cpu_tanh and cpu_sigmoid 2e-7 absolute. */
#ifndef MLCM_CPU_MATH_H
#define MLCM_CPU_MATH_H

#include <stdint.h>
#include <string.h>

static inline float cpu_exp(float x)
{
    x = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
    float k = x * 1.44269504f + 12582912.0f;   /* round to nearest by the mantissa's end */
    int32_t bits;
    memcpy(&bits, &k, 4);
    k -= 12582912.0f;
    float r = x - k * 0.693359375f + k * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    int32_t scale = (int32_t)((uint32_t)(bits + 127) << 23);
    float s;
    memcpy(&s, &scale, 4);
    return p * s;
}

static inline float cpu_erf(float x)
{
    x = x < -3.95f ? -3.95f : x > 3.95f ? 3.95f : x;
    float s = x * x;
    float p = 1.974831215e-06f;
    p = p * s + 2.880402766e-04f;
    p = p * s + 4.003611926e-03f;
    p = p * s + 5.346737654e-02f;
    p = p * s + 1.962482339e-01f;
    p = p * s + 1.128378976e+00f;
    float q = 3.748081342e-05f;
    q = q * s + 1.216350875e-03f;
    q = q * s + 1.544435588e-02f;
    q = q * s + 1.164761154e-01f;
    q = q * s + 5.072516284e-01f;
    q = q * s + 1.0f;
    return x * p / q;
}

static inline float cpu_sigmoid(float x) { return 1.0f / (1.0f + cpu_exp(-x)); }
static inline float cpu_tanh(float x) { return 1.0f - 2.0f / (cpu_exp(2.0f * x) + 1.0f); }
static inline float cpu_gelu(float x) { return 0.5f * x * (1.0f + cpu_erf(x * 0.707106781f)); }
/* the inner tanh of the approximated gelu as 2·sigmoid - 1: u = 2√(2/π)·(x + 0.044715 x³) */
static inline float cpu_gelu_tanh(float x)
{
    return x * cpu_sigmoid(1.595769122f * (x + 0.044715f * x * x * x));
}
static inline float cpu_gelu_tanh_slope(float x)
{
    float s = cpu_sigmoid(1.595769122f * (x + 0.044715f * x * x * x));
    return s + x * s * (1.0f - s) * 1.595769122f * (1.0f + 0.134145f * x * x);
}
static inline float cpu_quick_gelu(float x) { return x * cpu_sigmoid(1.702f * x); }
static inline float cpu_quick_gelu_slope(float x)
{
    float s = cpu_sigmoid(1.702f * x);
    return s + 1.702f * x * s * (1.0f - s);
}
static inline float cpu_gelu_slope(float x)
{
    return 0.5f * (1.0f + cpu_erf(x * 0.707106781f)) + x * 0.398942280f * cpu_exp(-0.5f * x * x);
}

/* Philox4x32-10 for PHILOX_LANES consecutive counters: word j of counter i in out[j][i].
 * Words sit in 64-bit lanes, so that a product keeps its high half. */
enum { PHILOX_LANES = 16 };
typedef uint64_t cpu_words __attribute__((vector_size(8 * PHILOX_LANES)));
static inline void cpu_philox(uint64_t seed, uint64_t stream, uint64_t block, cpu_words out[4])
{
    const uint64_t low = 0xffffffffu;
    cpu_words c0, c1, c2 = (cpu_words){0} + (stream & low), c3 = (cpu_words){0} + (stream >> 32);
    for (int i = 0; i < PHILOX_LANES; i++) {
        c0[i] = (block + (uint64_t)i) & low;
        c1[i] = (block + (uint64_t)i) >> 32;
    }
    uint64_t k0 = seed & low, k1 = seed >> 32;
    for (int round = 0; round < 10; round++) {
        cpu_words a = c0 * 0xD2511F53u, b = c2 * 0xCD9E8D57u;
        c0 = (b >> 32) ^ c1 ^ k0;
        c2 = (a >> 32) ^ c3 ^ k1;
        c1 = b & low;
        c3 = a & low;
        k0 = (k0 + 0x9E3779B9u) & low;
        k1 = (k1 + 0xBB67AE85u) & low;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Dropout factors of elements [first, first+DROPOUT_GROUP), first a multiple of the group:
 * 0 or 1/(1-p). The 128 16-bit numbers of a group are its 16 counters' words, word by word,
 * low halves before high halves. */
enum { DROPOUT_GROUP = 8 * PHILOX_LANES };
static inline void cpu_dropout_factors(uint64_t seed, uint64_t stream, size_t first, float p, float out[DROPOUT_GROUP])
{
    cpu_words w[4];
    cpu_philox(seed, stream, first / 8, w);
    uint32_t limit = (uint32_t)(p * 65536.0f);
    float keep = 1.0f / (1.0f - p);
    for (int j = 0; j < 4; j++) {
        uint64_t words[PHILOX_LANES];
        memcpy(words, &w[j], sizeof words);
        for (int i = 0; i < PHILOX_LANES; i++) {
            uint32_t word = (uint32_t)words[i];
            out[2 * j * PHILOX_LANES + i] = (word & 0xffffu) >= limit ? keep : 0.0f;
            out[(2 * j + 1) * PHILOX_LANES + i] = (word >> 16) >= limit ? keep : 0.0f;
        }
    }
}

#endif
