/* Text conditioning: one interface, several encoders.
 *
 * Here lives the small encoder that is trained with the chain: words of the
 * caption, a skip transformer with a leading token, one vector a sentence. The
 * empty text has a learned vector of its own. */
#ifndef MLCM_TEXT_ENCODER_H
#define MLCM_TEXT_ENCODER_H

#include "h5.h"
#include "layers.h"

/* Caption -> word numbers: lower case, letters only, unknown words = 1, 0 = the leading token. */
struct vocabulary {
    int count;                  /* words; word i has number i + 2 */
    char **words;               /* sorted by bytes */
};
/* Takes a copy of the distinct words of n captions that occur at least twice. */
int vocabulary_from(struct vocabulary *v, const char *const *captions, int n, struct error *e);
/* Takes a copy of `count` words, sorted by bytes. */
int vocabulary_copy(struct vocabulary *v, char *const *words, int count, struct error *e);
void vocabulary_free(struct vocabulary *v);
/* Numbers of at most `limit` words, the leading token first; returns how many (1 for ""). */
int vocabulary_encode(const struct vocabulary *v, const char *text, int *numbers, int limit);

enum { TEXT_MAX_TOKENS = 40 };

struct text_encoder_size {
    int words;                  /* rows of the table: vocabulary.count + 2 */
    int text_width;             /* of the result */
    struct transformer_size transformer;
};

struct text_encoder {
    struct text_encoder_size size;
    struct vocabulary vocabulary;
    struct params params;
    struct param *table, *positions, *empty;
    struct skip_transformer encoder;
    struct linear_layer output;
};

/* Takes a copy of v; parameters allocated on d, not yet initialised. Sizes that do not fit together are an
 * ERR_INPUT. Free with text_encoder_free, which is safe on a zeroed struct and after an error. */
int text_encoder_create(struct text_encoder *x, struct device *d, const struct text_encoder_size *size,
                        const struct vocabulary *v, struct error *e);
void text_encoder_free(struct text_encoder *x);

/* Sizes from a model file's tensors; heads are not in them and are given. */
int text_encoder_size_from(const struct weights *w, const char *prefix, int heads, struct text_encoder_size *size,
                           struct error *e);

/* Sentence vectors (batch, text_width). numbers (batch·TEXT_MAX_TOKENS) is filled here and
 * must outlive the tape's recording; texts that are NULL or empty give the learned vector. */
struct tensor *text_encoder_run(struct tape *t, const struct text_encoder *x, const char *const *texts, int batch,
                                int *numbers);

#endif
