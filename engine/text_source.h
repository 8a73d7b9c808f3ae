/* Sentence vectors for a denoiser, whichever encoder makes them: the small one that was
 * trained with the chain (text_encoder.h), or a published one from a folder
 * (sentence_encoder.h). MotionLCM reads the pooled vector of sentence-T5-large, one token
 * of width 768, with the vector of "" as the guidance's other side. */
#ifndef MLCM_TEXT_SOURCE_H
#define MLCM_TEXT_SOURCE_H

#include "precision.h"
#include "sentence_encoder.h"
#include "text_encoder.h"

enum text_source_kind { TEXT_SOURCE_NONE, TEXT_SOURCE_OWN, TEXT_SOURCE_PUBLISHED };

struct text_source {
    enum text_source_kind kind;
    struct text_encoder own;            /* filled where kind says so; safe to free when zeroed */
    struct sentence_encoder published;
};

/* Opens the folder of a published encoder with its weights in `precision`. width is what the
 * denoiser reads; another width of the encoder is an ERR_INPUT that names both (0: any).
 * After an error nothing is left to free. */
int text_source_open(struct text_source *s, const char *folder, struct device *d, enum weight_precision precision, int width,
                     struct error *e);
/* An encoder of our own, its parameters allocated and not yet filled (text_encoder_create). */
int text_source_own(struct text_source *s, struct device *d, const struct text_encoder_size *size, const struct vocabulary *v,
                    struct error *e);
/* Safe on a zeroed struct. */
void text_source_free(struct text_source *s);

/* Width of a sentence's vector. */
int text_source_width(const struct text_source *s);
/* One word or two for reports: "own", "T5 bf16". */
const char *text_source_name(const struct text_source *s, char name[40]);

/* Sentence vectors (n, width); a text that is NULL or empty is "". On a recording tape the vectors
 * of a published encoder are constants: it is never trained. Errors are the tape's. */
struct tensor *text_source_run(struct tape *t, const struct text_source *s, const char *const *texts, int n);
/* Vectors of n texts and of "" repeated n times, both (n, width). A published encoder reads
 * its weights once for both. */
void text_source_run_guided(struct tape *t, const struct text_source *s, const char *const *texts, int n,
                            struct tensor **text, struct tensor **empty);

/* SHA-256 of the names and contents of all files of an encoder's folder and of the folders in it. */
int text_folder_fingerprint(const char *folder, char hex[65], struct error *e);

#endif
