#include "text_deviation.h"
#include "sentences.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

void text_deviation_of(const float *packed, const float *single, int n, int width, struct text_deviation *out)
{
    *out = (struct text_deviation){.sentences = n, .cosine = 1};
    for (int i = 0; i < n; i++) {
        double product = 0, a = 0, b = 0, apart = 0;
        for (int k = 0; k < width; k++) {
            size_t at = (size_t)i * (size_t)width + (size_t)k;
            double x = (double)packed[at], y = (double)single[at];
            product += x * y;
            a += x * x;
            b += y * y;
            apart += (x - y) * (x - y);
        }
        double relative = sqrt(apart / b), cosine = product / sqrt(a * b);
        if (relative > out->relative || isnan(relative)) out->relative = isnan(out->relative) ? out->relative : relative;
        if (cosine < out->cosine || isnan(cosine)) out->cosine = isnan(out->cosine) ? out->cosine : cosine;
    }
}

int text_deviation_pack(struct sentence_encoder *s, enum weight_precision precision, struct text_deviation *out, struct error *e)
{
    struct tape t;
    const char *texts[SENTENCE_COUNT];
    size_t count = (size_t)SENTENCE_COUNT * (size_t)s->width;
    memset(out, 0, sizeof *out);
    if (precision == PRECISION_FP32) return sentence_encoder_pack(s, precision, e);
    float *vectors = malloc(2 * count * sizeof *vectors);
    if (!vectors) return error_memory(e, "the sentence vectors");
    for (int i = 0; i < SENTENCE_COUNT; i++) texts[i] = sentence(i);
    tape_init(&t, s->params.device);
    int rc = sentence_encoder_encode(s, &t, texts, SENTENCE_COUNT, vectors, e);
    if (!rc) rc = sentence_encoder_pack(s, precision, e);
    if (!rc) rc = sentence_encoder_encode(s, &t, texts, SENTENCE_COUNT, vectors + count, e);
    if (!rc) text_deviation_of(vectors + count, vectors, SENTENCE_COUNT, s->width, out);
    tape_free(&t);
    free(vectors);
    return rc;
}
