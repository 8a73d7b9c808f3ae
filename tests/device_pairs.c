#include "device_pairs.h"
#include "../engine/rng.h"
#include "../engine/transformer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 5, LAYERS = 5 };

static void *must(void *p)
{
    if (!p) abort();
    return p;
}

static float *numbers(size_t n, uint64_t stream)
{
    float *x = must(malloc((n + 4) * sizeof *x));
    rng_fill_normal(SEED, stream, 0, x, n);
    return x;
}

/* Random numbers on the device, the same on each. */
static float *there(struct device *d, size_t n, uint64_t stream)
{
    float *x = must(d->alloc(d, n)), *host = numbers(n, stream);
    d->upload(d, x, host, n);
    free(host);
    return x;
}

static float *fetched(struct device *d, float *x, size_t n)
{
    float *host = must(malloc((n + 1) * sizeof *host));
    d->download(d, host, x, n);
    d->release(d, x);
    return host;
}

static double distance(const float *a, const float *b, size_t n)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(a[i])) return INFINITY;
        apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
        size = fmax(size, fabs((double)b[i]));
    }
    return size > 0 ? apart / size : apart;
}

/* Takes over both results. */
static double compare(const char *what, float *got, float *want, size_t n, double allowed, double worst)
{
    double share = distance(got, want, n) / allowed;
    free(got);
    free(want);
    if (!(share <= 1)) fprintf(stderr, "%s: %.2e of the largest value apart, %.0e allowed\n", what, share * allowed, allowed);
    return share <= worst ? worst : share;
}

/* --- packed products ---------------------------------------------------------------------------- */

struct product {
    int n, ins, outs, column, row, cols, rows, add, bias;
    enum activation act;
};

static float *product(struct device *d, const struct product *p, enum weight_precision precision)
{
    size_t n = (size_t)p->n, count = (size_t)p->rows * (size_t)p->cols;
    float *x = there(d, n * (size_t)p->ins, 1), *w = there(d, count, 2), *b = there(d, (size_t)p->outs, 3);
    float *y = there(d, n * (size_t)p->outs, 4), *packed = must(d->alloc(d, d->packed_count(d, p->rows, p->cols, precision)));
    d->pack(d, packed, w, p->rows, p->cols, precision);
    struct packed part = {packed, precision, p->rows, p->cols, p->row, p->outs, p->column, p->ins};
    d->linear_packed(d, y, x, &part, p->bias ? b : NULL, p->n, p->add, p->act);
    float *host = fetched(d, y, n * (size_t)p->outs);
    d->release(d, x);
    d->release(d, w);
    d->release(d, b);
    d->release(d, packed);
    return host;
}

double pairs_packed(struct device *d, struct device *cpu)
{
    static const struct product others[] = {
        {98, 256, 96, 0, 0, 256, 96, 0, 1, ACT_GELU},    {196, 1024, 64, 0, 0, 1024, 64, 0, 1, ACT_NONE},
        {50, 263, 31, 0, 0, 263, 31, 1, 1, ACT_RELU},    {3, 1024, 256, 0, 0, 1024, 256, 0, 1, ACT_NONE},
        {12, 64, 128, 64, 64, 128, 192, 1, 1, ACT_SILU}, {6, 33, 40, 31, 7, 64, 47, 1, 0, ACT_NONE},
        {5, 17, 9, 5, 3, 22, 12, 0, 1, ACT_NONE},        {1, 1, 1, 0, 0, 1, 1, 0, 0, ACT_NONE},
        {8, 512, 33, 0, 1, 512, 35, 0, 1, ACT_TANH},     {2, 256, 30, 256, 0, 512, 30, 1, 1, ACT_NONE},
        {4, 300, 7, 8, 2, 308, 9, 0, 0, ACT_GELU_TANH},  {1, 2048, 5, 0, 0, 2048, 5, 0, 1, ACT_QUICK_GELU},
        {9, 7, 33, 2, 30, 9, 63, 1, 1, ACT_NONE},        {200, 130, 65, 1, 31, 131, 96, 0, 1, ACT_LEAKY}};
    const int listed = (int)(sizeof others / sizeof *others);
    double worst = 0;
    char what[120];
    for (int precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++)
        for (int n = 1; n <= 12 + listed; n++) {
            struct product p = {n, 70 + n, 37 + n, 0, 0, 70 + n, 37 + n, n & 1, n % 3 != 0, ACT_NONE};
            if (n > 12) p = others[n - 13];
            snprintf(what, sizeof what, "%d rows, %d of %d -> %d of %d, precision %d", p.n, p.ins, p.cols, p.outs, p.rows, precision);
            float *got = product(d, &p, (enum weight_precision)precision), *want = product(cpu, &p, (enum weight_precision)precision);
            worst = compare(what, got, want, (size_t)p.n * (size_t)p.outs, 6e-6, worst);
        }
    return worst;
}

/* --- whole stacks --------------------------------------------------------------------------------- */

struct stack {
    const char *name;
    int batch, frames, width, hidden, heads, decoder, tokens, mask, residuals, outputs, first, norm;
    int shorter;             /* frames that each sample has less than the one before it; 0: one, in the mask alone */
};

static int length_of(const struct stack *k, int sample) { return k->frames - sample * (k->shorter ? k->shorter : 1); }

static struct packed_layer layer(struct device *d, int outs, int ins, enum weight_precision precision, uint64_t stream)
{
    size_t count = (size_t)outs * (size_t)ins;
    float *w = must(d->alloc(d, count)), *host = numbers(count, stream);
    float *packed = must(d->alloc(d, d->packed_count(d, outs, ins, precision)));
    for (size_t i = 0; i < count; i++) host[i] /= sqrtf((float)ins);
    d->upload(d, w, host, count);
    d->pack(d, packed, w, outs, ins, precision);
    free(host);
    d->synchronise(d);
    d->release(d, w);
    return (struct packed_layer){{packed, precision, outs, ins, 0, outs, 0, ins}, there(d, (size_t)outs, stream + 1)};
}

static void layer_free(struct device *d, const struct packed_layer *l)
{
    if (!l->weight.values) return;
    d->release(d, (float *)(uintptr_t)l->weight.values);
    d->release(d, (float *)(uintptr_t)l->bias);
}

/* y, then the layers' outputs if asked for */
static float *stack(struct device *d, const struct stack *k, enum weight_precision precision)
{
    struct transformer_layer_packed l[LAYERS];
    size_t rows = (size_t)(k->batch * k->frames), width = (size_t)k->width, count = rows * width;
    size_t memory = (size_t)(k->batch * k->tokens * LAYERS * k->width) * (k->tokens > 1 ? 2 : 1);
    int kept = k->outputs ? LAYERS : 0;
    float *all = there(d, count * (size_t)(1 + kept), 30), *residual = there(d, count * LAYERS, 31), *x = there(d, count, 32);
    float *more = there(d, memory + 1, 33), *mask = must(d->alloc(d, rows)), *firsts = there(d, count, 34);
    float *weights[8], *hidden = must(malloc(rows * sizeof *hidden));
    float *outputs[LAYERS];
    const float *residuals[LAYERS], *first[16];
    int lengths[16];
    memset(l, 0, sizeof l);
    for (int i = 0; i < 8; i++) weights[i] = there(d, width, 35 + (uint64_t)i);
    for (size_t i = 0; i < rows; i++) hidden[i] = (int)(i % (size_t)k->frames) < length_of(k, (int)(i / (size_t)k->frames)) ? 1.0f : 0.0f;
    d->upload(d, mask, hidden, rows);
    free(hidden);
    for (int i = 0; i < LAYERS; i++) {
        uint64_t s = 100 + 20 * (uint64_t)i;
        if (i > LAYERS / 2) l[i].joint = layer(d, k->width, 2 * k->width, precision, s);
        l[i].in = layer(d, 3 * k->width, k->width, precision, s + 2);
        l[i].out = layer(d, k->width, k->width, precision, s + 4);
        if (k->decoder && k->tokens > 1) {
            l[i].query = layer(d, 3 * k->width, k->width, precision, s + 6);      /* query, key, value: the first part is meant */
            l[i].query.weight.outs = k->width;
            l[i].cross_out = layer(d, k->width, k->width, precision, s + 8);
        }
        l[i].linear1 = layer(d, k->hidden, k->width, precision, s + 10);
        l[i].linear2 = layer(d, k->width, k->hidden, precision, s + 12);
        for (int j = 0; j < 3; j++) l[i].norm[j] = (struct norm_values){weights[(i + j) % 8], weights[(i + j + 1) % 8]};
        outputs[i] = all + count * (size_t)(1 + i);
        residuals[i] = residual + count * (size_t)i;
    }
    for (int b = 0; b < k->batch; b++) first[b] = firsts + (size_t)b * (size_t)k->frames * width;
    for (int b = 0; b < k->batch; b++) lengths[b] = length_of(k, b);
    struct transformer s = {LAYERS, k->heads, k->width, k->hidden, k->decoder, 1e-5f, l, {0}};
    if (k->norm) s.norm = (struct norm_values){weights[0], weights[1]};
    struct transformer_run run = {.y = all, .x = x, .batch = k->batch, .frames = k->frames, .mask = k->mask ? mask : NULL,
                                  .memory = k->decoder ? more : NULL, .tokens = k->tokens,
                                  .residuals = k->residuals ? residuals : NULL, .outputs = k->outputs ? outputs : NULL,
                                  .first = k->first ? first : NULL, .lengths = k->shorter ? lengths : NULL};
    d->transformer(d, &s, &run);
    float *host = fetched(d, all, count * (size_t)(1 + kept));
    for (size_t i = 0; i < rows * (size_t)(1 + kept) && k->shorter; i++)         /* what lies behind a sample is nobody's */
        if ((int)(i % (size_t)k->frames) >= lengths[i % rows / (size_t)k->frames]) memset(host + i * width, 0, width * sizeof *host);
    for (int i = 0; i < LAYERS; i++) {
        const struct packed_layer *each[] = {&l[i].joint, &l[i].in, &l[i].out, &l[i].query, &l[i].cross_out, &l[i].linear1, &l[i].linear2};
        for (int j = 0; j < 7; j++) layer_free(d, each[j]);
    }
    for (int i = 0; i < 8; i++) d->release(d, weights[i]);
    d->release(d, residual);
    d->release(d, x);
    d->release(d, more);
    d->release(d, mask);
    d->release(d, firsts);
    return host;
}

double pairs_transformer(struct device *d, struct device *cpu)
{
    static const struct stack cases[] = {
        {"stack, 3 rows", 1, 3, 64, 96, 2, 0, 0, 0, 0, 0, 0, 1, 0},
        {"stack, 2 samples of 5, residuals and outputs", 2, 5, 36, 50, 3, 0, 0, 1, 1, 1, 0, 0, 0},
        {"stack, 1 row", 1, 1, 32, 64, 4, 0, 0, 0, 0, 1, 0, 1, 0},
        {"stack, 3 samples of 20, mask", 3, 20, 64, 96, 4, 0, 0, 1, 0, 0, 0, 1, 0},
        {"decoder, one token", 2, 31, 64, 128, 4, 1, 1, 1, 0, 0, 0, 1, 0},
        {"decoder, one token, few rows", 1, 6, 64, 128, 4, 1, 1, 0, 0, 0, 0, 1, 0},
        {"decoder, one token, first block given", 4, 70, 32, 48, 4, 1, 1, 1, 0, 0, 1, 1, 0},
        {"decoder, 5 tokens", 2, 23, 36, 50, 3, 1, 5, 1, 0, 0, 0, 1, 0},
        {"decoder, 3 tokens, few rows", 2, 3, 64, 96, 2, 1, 3, 0, 0, 1, 0, 1, 0},
        {"stack, samples of 20, 13 and 6, lengths, residuals and outputs", 3, 20, 64, 96, 4, 0, 0, 1, 1, 1, 0, 1, 7},
        {"decoder, one token, 4 samples of 70 to 10, lengths", 4, 70, 32, 48, 4, 1, 1, 1, 0, 1, 0, 1, 20},
        {"decoder, one token, first block given, lengths", 3, 31, 64, 128, 4, 1, 1, 1, 0, 0, 1, 1, 15},
        {"decoder, 5 tokens, lengths, few rows", 2, 4, 36, 50, 3, 1, 5, 1, 0, 1, 0, 1, 3},
    };
    static const double allowed[2] = {2e-5, 2e-2};
    double worst = 0;
    for (int precision = PRECISION_FP32; precision <= PRECISION_BF16; precision++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            const struct stack *k = &cases[i];
            float *got = stack(d, k, (enum weight_precision)precision), *want = stack(cpu, k, (enum weight_precision)precision);
            worst = compare(k->name, got, want, (size_t)(k->batch * k->frames * k->width * (1 + (k->outputs ? LAYERS : 0))),
                            allowed[precision], worst);
        }
    return worst;
}

/* --- norms, attention ------------------------------------------------------------------------------- */

static float *norm_of(struct device *d, int n, int c, int unit)
{
    float *x = there(d, (size_t)(n * c), 50), *w = there(d, (size_t)c, 51), *y = must(d->alloc(d, (size_t)(n * c)));
    if (unit) d->unit_rows(d, y, x, n, c, unit == 1 ? 1e-12f : 30.0f);
    else d->rms_norm(d, y, x, w, n, c, 1e-6f);
    d->release(d, w);
    float *host = fetched(d, y, (size_t)(n * c));
    d->release(d, x);
    return host;
}

double pairs_norms(struct device *d, struct device *cpu)
{
    static const int shape[][2] = {{1, 1}, {3, 7}, {5, 768}, {17, 1024}, {9, 33}};
    double worst = 0;
    char what[80];
    for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
        for (int unit = 0; unit < 3; unit++) {
            snprintf(what, sizeof what, "norm %d of %d x %d", unit, shape[i][0], shape[i][1]);
            worst = compare(what, norm_of(d, shape[i][0], shape[i][1], unit), norm_of(cpu, shape[i][0], shape[i][1], unit),
                            (size_t)(shape[i][0] * shape[i][1]), 1e-6, worst);
        }
    return worst;
}

struct attended {
    int batch, queries, keys, heads, width, causal, bias, mask;
    float lift;              /* added to every score: weights do not change, but exp of a score is beyond float */
};

static float *attended(struct device *d, const struct attended *a)
{
    int wide = a->heads * a->width, ldq = wide + 3, ldkv = 2 * wide + 1, ldo = wide + 2;
    size_t rows = (size_t)(a->batch * a->queries), count = rows * (size_t)ldo;
    float *q = there(d, rows * (size_t)ldq, 60), *kv = there(d, (size_t)(a->batch * a->keys * ldkv), 61);
    float *bias = there(d, (size_t)(a->heads * a->queries * a->keys), 62), *out = there(d, count, 63);
    if (a->lift != 0) {
        float *all = must(d->alloc(d, (size_t)(a->heads * a->queries * a->keys)));
        d->fill(d, all, a->lift, (size_t)(a->heads * a->queries * a->keys));
        d->combine(d, bias, 1, bias, 1, all, (size_t)(a->heads * a->queries * a->keys));
        d->release(d, all);
    }
    float *mask = must(d->alloc(d, (size_t)(a->batch * a->keys))), *host = numbers((size_t)(a->batch * a->keys), 64);
    for (int i = 0; i < a->batch * a->keys; i++) host[i] = host[i] > 0.5f ? 0.0f : 1.0f;
    d->upload(d, mask, host, (size_t)(a->batch * a->keys));
    free(host);
    struct attention_shape s = {a->batch, a->queries, a->keys, a->heads, a->width, ldq, ldkv, ldkv, ldo, 0.3f,
                                a->bias ? bias : NULL, a->causal};
    d->attention(d, out, NULL, q, kv, kv + wide, a->mask ? mask : NULL, &s, (struct dropout){0});
    float *got = fetched(d, out, count);
    d->release(d, q);
    d->release(d, kv);
    d->release(d, bias);
    d->release(d, mask);
    return got;
}

double pairs_attention(struct device *d, struct device *cpu)
{
    static const struct attended cases[] = {
        {1, 77, 77, 8, 64, 1, 0, 0, 0}, {2, 9, 9, 4, 16, 0, 1, 1, 0}, {1, 5, 5, 2, 128, 1, 1, 1, 0}, {1, 3, 1000, 2, 8, 0, 0, 1, 0},
        {4, 70, 70, 4, 8, 1, 1, 1, 0},  {2, 3, 2, 3, 130, 0, 0, 0, 0}, {3, 130, 97, 6, 4, 0, 1, 1, 0}, {1, 196, 196, 4, 64, 0, 0, 1, 0},
        {1, 9, 40, 2, 16, 0, 1, 0, 50}, {4, 66, 66, 4, 8, 0, 1, 0, 50},   {1, 9, 40, 2, 16, 0, 1, 0, -200}, {4, 66, 66, 4, 8, 0, 1, 0, -200},
    };
    double worst = 0;
    char what[120];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct attended *a = &cases[i];
        snprintf(what, sizeof what, "attention, %d x %d on %d, %d heads of %d", a->batch, a->queries, a->keys, a->heads, a->width);
        worst = compare(what, attended(d, a), attended(cpu, a), (size_t)(a->batch * a->queries * (a->heads * a->width + 2)),
                        a->lift != 0 ? 6e-5 : 3e-6, worst);
    }
    return worst;
}
