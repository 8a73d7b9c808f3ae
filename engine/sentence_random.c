/* A sentence-T5 with random weights: the sizes, memory and time of the published one. */
#include "rng.h"
#include "sentence_encoder.h"
#include <string.h>

struct sentence_random_size sentence_t5_large(void)
{
    return (struct sentence_random_size){.layers = 24, .heads = 16, .token_width = 1024, .head_width = 64, .feed_forward = 4096,
                                         .vocabulary = 32128, .width = 768};
}

static int fill(struct sentence_encoder *s, struct device *d, const struct sentence_random_size *size, const char *tokenizer,
                uint64_t seed, struct error *e)
{
    enum { BUCKETS = 32, FARTHEST = 128, LONGEST = 256 };
    struct t5_encoder *x = &s->encoder.t5;
    const struct text_stack_size stack = {.layers = size->layers, .heads = size->heads, .width = size->token_width,
                                          .inner = size->heads * size->head_width, .feed_forward = size->feed_forward,
                                          .norm_first = 1, .root_mean_square = 1, .activation = ACT_RELU, .eps = 1e-6f};
    int rc = tokenizer ? unigram_tokenizer_open(tokenizer, &s->tokenizer.unigram, e) : 0;
    s->longest = LONGEST;
    s->token_width = size->token_width;
    s->width = size->width;
    s->unit_length = 1;
    if (!rc) rc = t5_encoder_create(x, d, &stack, size->vocabulary, BUCKETS, FARTHEST, e);
    if (!rc && tokenizer && s->tokenizer.unigram.model.count > size->vocabulary)
        rc = error_set(e, ERR_INPUT, "%s: has %d tokens, the encoder %d; use the vocabulary of T5", tokenizer,
                       s->tokenizer.unigram.model.count, size->vocabulary);
    if (!rc) rc = params_initialise(&x->params, seed, e);
    if (rc) return rc;
    rng_fill_uniform(seed, rng_stream("positions"), 0, -1, 1, x->bias, (size_t)BUCKETS * (size_t)size->heads);
    s->dense[0].layer = linear_add(&s->params, "dense.0", size->token_width, size->width, 0);
    s->dense_count = 1;
    rc = params_allocate(&s->params, e);
    return rc ? rc : params_initialise(&s->params, seed, e);
}

int sentence_encoder_random(struct sentence_encoder *s, struct device *d, const struct sentence_random_size *size,
                            const char *tokenizer, uint64_t seed, struct error *e)
{
    memset(s, 0, sizeof *s);
    s->kind = SENTENCE_T5;
    params_init(&s->params, d);
    if (size->vocabulary < 16) return error_set(e, ERR_INPUT, "a vocabulary of %d tokens is too small", size->vocabulary);
    int rc = fill(s, d, size, tokenizer, seed, e);
    if (rc) sentence_encoder_free(s);
    return rc;
}
