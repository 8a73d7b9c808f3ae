/* Published sentence encoders: a folder as it was downloaded, in; vectors, out. Inference only.
 *
 * What is in the folder tells what it is:
 * - modules.json: a sentence-transformers model (sentence-T5, all-MiniLM …), a chain of a T5 or
 *   BERT encoder, pooling, dense layers and normalisation, each configured by its own file;
 * - config.json: a Hugging Face model, CLIP (projected feature), BERT, DistilBERT or T5 (mean
 *   over the tokens);
 * - bpe_simple_vocab_16e6.txt(.gz) and one *.pt: OpenAI's CLIP.
 * Weights: pytorch_model.bin or model.safetensors. Vocabularies: spiece.model; vocab.txt;
 * vocab.json and merges.txt. */
#ifndef MLCM_SENTENCE_ENCODER_H
#define MLCM_SENTENCE_ENCODER_H

#include "bert_encoder.h"
#include "clip_text.h"
#include "precision.h"
#include "t5_encoder.h"
#include "tokenizer_bpe.h"
#include "tokenizer_unigram.h"
#include "tokenizer_wordpiece.h"

enum sentence_kind { SENTENCE_T5 = 1, SENTENCE_BERT, SENTENCE_CLIP };
enum { SENTENCE_MOST_DENSE = 4 };

struct sentence_dense {
    struct linear_layer layer;
    enum activation activation;
};

struct sentence_encoder {
    enum sentence_kind kind;
    union {
        struct t5_encoder t5;
        struct bert_encoder bert;
        struct clip_text clip;
    } encoder;
    union {
        struct unigram_tokenizer unigram;
        struct wordpiece_tokenizer wordpiece;
        struct bpe_tokenizer bpe;
    } tokenizer;
    int longest;               /* tokens, with start and end; longer texts are cut */
    int first_token;           /* pooling: the first token's state in place of the mean */
    enum clip_cleaning cleaning;
    int padding;               /* token that fills a row up */
    struct params params;      /* of the dense layers */
    struct sentence_dense dense[SENTENCE_MOST_DENSE];
    int dense_count, unit_length;
    enum weight_precision precision;  /* of the weights of the linear layers */
    int token_width;           /* of a token's state */
    int width;                 /* of a sentence's vector */
};

int sentence_encoder_open(const char *folder, struct device *d, struct sentence_encoder *s, struct error *e);
void sentence_encoder_free(struct sentence_encoder *s);

/* Packs the weights of the linear layers in `precision` for running. Once only. */
int sentence_encoder_pack(struct sentence_encoder *s, enum weight_precision precision, struct error *e);

/* A sentence-T5 with random weights, for measuring time and memory where the published weights are not:
 * T5 encoder, mean over the tokens, one dense layer to `width` without activation, unit length. */
struct sentence_random_size {
    int layers, heads, token_width, head_width, feed_forward;
    int vocabulary, width;
};
/* sentence-T5-large: 24 layers of width 1024, 16 heads of 64, feed-forward 4096, 32128 tokens; vectors of 768. */
struct sentence_random_size sentence_t5_large(void);
/* tokenizer: a SentencePiece model, or NULL: then each word and each mark is one token, its number taken
 * from its bytes. The weights depend on the seed alone. */
int sentence_encoder_random(struct sentence_encoder *s, struct device *d, const struct sentence_random_size *size,
                            const char *tokenizer, uint64_t seed, struct error *e);

/* "T5", "BERT", "CLIP". */
const char *sentence_encoder_name(const struct sentence_encoder *s);

/* The tokens of n texts (NULL = ""), each row padded to the longest of them, CLIP's to the
 * whole context. *ids and *mask (n·frames) are malloc'd. */
int sentence_encoder_tokens(const struct sentence_encoder *s, const char *const *texts, int n, int **ids, int **mask,
                            int *frames, struct error *e);
/* Sentence vectors (n, width) on a tape that does not record; errors are the tape's. states
 * receives the tokens' states (n·frames, token_width) and mask (n·frames, kept until the tape
 * starts anew) where they are wanted, else NULL. */
struct tensor *sentence_encoder_run(struct tape *t, const struct sentence_encoder *s, const char *const *texts, int n,
                                    struct tensor **states, const int **mask);
/* The vectors of any number of texts, a few at a time: out (n, width) on the host. */
int sentence_encoder_encode(const struct sentence_encoder *s, struct tape *t, const char *const *texts, int n,
                            float *out, struct error *e);

#endif
