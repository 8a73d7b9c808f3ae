/* Philox4x32-10 and what is drawn from it.
 *
 * Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011. The key is the seed; the counter is (block index, stream), low
 * words first. The fills use their own logarithm, sine and cosine, made of
 * additions, multiplications, divisions and square roots only: those are
 * correctly rounded everywhere, so a fill gives the same bits on every machine
 * that does not contract them into fused operations. */
#include "rng.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 10, LANES = 64 };

#define MULTIPLIER_0 0xD2511F53u
#define MULTIPLIER_1 0xCD9E8D57u
#define KEY_STEP_0 0x9E3779B9u
#define KEY_STEP_1 0xBB67AE85u

static const double pi = 3.14159265358979323846;

struct rng rng_make(uint64_t seed, uint64_t stream)
{
    struct rng r = {seed, stream, 0};
    return r;
}

uint64_t rng_stream(const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        hash = (hash ^ *p) * 0x100000001b3u;
    return hash;
}

void rng_block(uint64_t seed, uint64_t stream, uint64_t index, uint32_t out[4])
{
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32);
    uint32_t c2 = (uint32_t)stream, c3 = (uint32_t)(stream >> 32);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t product0 = (uint64_t)MULTIPLIER_0 * c0;
        uint64_t product1 = (uint64_t)MULTIPLIER_1 * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
        c3 = (uint32_t)product0;
        key0 += KEY_STEP_0;
        key1 += KEY_STEP_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t rng_u32(struct rng *r)
{
    uint32_t block[4];
    rng_block(r->seed, r->stream, r->position / 4, block);
    return block[r->position++ % 4];
}

double rng_uniform(struct rng *r)
{
    uint64_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
    double radius = sqrt(-2 * log(1 - rng_uniform(r)));
    return radius * cos(2 * pi * rng_uniform(r));
}

/* Lemire 2019: multiply, reject the few words that would favour some values. */
uint32_t rng_below(struct rng *r, uint32_t n)
{
    uint64_t product = (uint64_t)rng_u32(r) * n;
    if ((uint32_t)product < n) {
        uint32_t threshold = (0u - n) % n;
        while ((uint32_t)product < threshold)
            product = (uint64_t)rng_u32(r) * n;
    }
    return (uint32_t)(product >> 32);
}

void rng_shuffle(struct rng *r, int *items, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int j = (int)rng_below(r, (uint32_t)i + 1);
        int kept = items[i];
        items[i] = items[j];
        items[j] = kept;
    }
}

void rng_choose(struct rng *r, int *out, int k, int n, int *scratch_n)
{
    for (int i = 0; i < n; i++)
        scratch_n[i] = i;
    for (int i = 0; i < k; i++) {
        int j = i + (int)rng_below(r, (uint32_t)(n - i));
        out[i] = scratch_n[j];
        scratch_n[j] = scratch_n[i];
    }
}

/* LANES consecutive blocks: words[k][lane] is word k of block first + lane. */
static void lanes_of_blocks(uint64_t seed, uint64_t stream, uint64_t first, uint32_t words[4][LANES])
{
    for (int lane = 0; lane < LANES; lane++) {
        uint64_t index = first + (uint64_t)lane;
        words[0][lane] = (uint32_t)index;
        words[1][lane] = (uint32_t)(index >> 32);
        words[2][lane] = (uint32_t)stream;
        words[3][lane] = (uint32_t)(stream >> 32);
    }
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (int round = 0; round < ROUNDS; round++) {
#pragma omp simd
        for (int lane = 0; lane < LANES; lane++) {
            uint64_t product0 = (uint64_t)MULTIPLIER_0 * words[0][lane];
            uint64_t product1 = (uint64_t)MULTIPLIER_1 * words[2][lane];
            uint32_t c1 = words[1][lane], c3 = words[3][lane];
            words[0][lane] = (uint32_t)(product1 >> 32) ^ c1 ^ key0;
            words[1][lane] = (uint32_t)product1;
            words[2][lane] = (uint32_t)(product0 >> 32) ^ c3 ^ key1;
            words[3][lane] = (uint32_t)product0;
        }
        key0 += KEY_STEP_0;
        key1 += KEY_STEP_1;
    }
}

/* Natural logarithm of u in (0, 1]: u = 2^e m with m in [0.7, 1.42), and
 * log m = 2 atanh((m-1)/(m+1)) as a series; error below 1e-7. */
static inline float log_of_unit(float u)
{
    uint32_t bits;
    memcpy(&bits, &u, sizeof bits);
    uint32_t shifted = bits - 0x3f3504f3u; /* bits of sqrt(1/2) */
    int exponent = (int)shifted >> 23;
    uint32_t mantissa = (shifted & 0x007fffffu) + 0x3f3504f3u;
    float m;
    memcpy(&m, &mantissa, sizeof m);
    float s = (m - 1.0f) / (m + 1.0f);
    float z = s * s;
    float series = 0.111111111f;
    series = series * z + 0.142857143f;
    series = series * z + 0.2f;
    series = series * z + 0.333333333f;
    series = series * z + 1.0f;
    return (float)exponent * 0.693147181f + 2.0f * s * series;
}

/* Two words to two independent N(0,1) values (Box and Muller 1958). The angle
 * is reduced in integers: a quadrant and a rest within an eighth of a turn. */
static inline void box_muller(uint32_t word0, uint32_t word1, float *first, float *second)
{
    float u = (float)word0 * 0x1p-32f + 0x1p-33f;
    float radius = sqrtf(-2.0f * log_of_unit(u));

    uint32_t quadrant = (word1 + 0x20000000u) >> 30;
    int32_t rest = (int32_t)(word1 - (quadrant << 30));
    float a = (float)rest * 1.46291807927e-9f; /* 2 pi / 2^32 */
    float z = a * a;
    float sine = 2.75573192e-6f;
    sine = sine * z - 1.98412698e-4f;
    sine = sine * z + 8.33333333e-3f;
    sine = sine * z - 0.166666667f;
    sine = sine * z * a + a;
    float cosine = -2.75573192e-7f;
    cosine = cosine * z + 2.48015873e-5f;
    cosine = cosine * z - 1.38888889e-3f;
    cosine = cosine * z + 4.16666667e-2f;
    cosine = cosine * z - 0.5f;
    cosine = cosine * z + 1.0f;

    float x = quadrant & 1 ? sine : cosine;
    float y = quadrant & 1 ? cosine : sine;
    *first = (((quadrant + 1) & 2) ? -x : x) * radius;
    *second = ((quadrant & 2) ? -y : y) * radius;
}

static void normal_lanes(uint32_t words[4][LANES], float values[4][LANES])
{
#pragma omp simd
    for (int lane = 0; lane < LANES; lane++) {
        float first, second;
        box_muller(words[0][lane], words[1][lane], &first, &second);
        values[0][lane] = first;
        values[1][lane] = second;
        box_muller(words[2][lane], words[3][lane], &first, &second);
        values[2][lane] = first;
        values[3][lane] = second;
    }
}

static void uniform_lanes(uint32_t words[4][LANES], float lo, float hi, float values[4][LANES])
{
    float width = hi - lo, last = hi > lo ? nextafterf(hi, lo) : lo;
    for (int k = 0; k < 4; k++) {
#pragma omp simd
        for (int lane = 0; lane < LANES; lane++) {
            float v = lo + width * ((float)(words[k][lane] >> 8) * 0x1p-24f);
            values[k][lane] = v < hi ? v : last;
        }
    }
}

static void interleave(float values[4][LANES], float *out, size_t n)
{
    if (n >= 4 * LANES) {
        for (int lane = 0; lane < LANES; lane++)
            for (int k = 0; k < 4; k++)
                out[4 * lane + k] = values[k][lane];
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = values[i % 4][i / 4];
}

enum { PARALLEL_FROM = 1 << 17 };

void rng_fill_normal(uint64_t seed, uint64_t stream, uint64_t base, float *out, size_t n)
{
    size_t batches = (n + 4 * LANES - 1) / (4 * LANES);
#pragma omp parallel for if (n >= PARALLEL_FROM)
    for (size_t b = 0; b < batches; b++) {
        uint32_t words[4][LANES];
        float values[4][LANES];
        lanes_of_blocks(seed, stream, base / 4 + b * LANES, words);
        normal_lanes(words, values);
        interleave(values, out + b * 4 * LANES, n - b * 4 * LANES);
    }
}

void rng_fill_uniform(uint64_t seed, uint64_t stream, uint64_t base, float lo, float hi, float *out, size_t n)
{
    size_t batches = (n + 4 * LANES - 1) / (4 * LANES);
#pragma omp parallel for if (n >= PARALLEL_FROM)
    for (size_t b = 0; b < batches; b++) {
        uint32_t words[4][LANES];
        float values[4][LANES];
        lanes_of_blocks(seed, stream, base / 4 + b * LANES, words);
        uniform_lanes(words, lo, hi, values);
        interleave(values, out + b * 4 * LANES, n - b * 4 * LANES);
    }
}
