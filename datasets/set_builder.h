/* Building a set in memory, clip by clip, and writing it as one packed file. */
#ifndef MLCM_SET_BUILDER_H
#define MLCM_SET_BUILDER_H

#include "features.h"
#include "set.h"

struct set_builder;

/* What a set is, before any clip. Defaults of the field: HumanML3D 20 frames a
 * second, 40 <= length < 200; KIT-ML 12.5 and 24; unit 4. */
struct set_layout {
    const char *name;
    const struct skeleton *skeleton;   /* NULL: feature groups unknown (toy sets) */
    int nfeats, njoints;
    double fps;
    int min_length, max_length, unit;
};

/* *out: set_builder_finish or set_builder_free. */
int set_builder_new(const struct set_layout *layout, struct set_builder **out, struct error *e);
void set_builder_free(struct set_builder *b);

/* Adds a clip; everything is copied. features (length, nfeats), finite. Captions
 * added afterwards belong to it. */
int set_builder_clip(struct set_builder *b, const char *name, const char *split,
                     const float *features, int length, const char *slots, struct error *e);
int set_builder_caption(struct set_builder *b, const char *text, const char *tokens,
                        const char *slots, double from, double to, struct error *e);
/* Names a clip that is left out because it holds a non-finite value. */
int set_builder_nan(struct set_builder *b, const char *name, struct error *e);
/* Number of clips of the source before exclusions. */
void set_builder_original(struct set_builder *b, int count);
/* Takes over a vocabulary (`*w` is emptied). */
void set_builder_words(struct set_builder *b, struct words *w);
/* Vocabulary from the captions of the split "train" (words_from_tokens). */
int set_builder_words_from_captions(struct set_builder *b, int dim, uint64_t seed,
                                    struct error *e);
/* Statistics: mean and std over every clip with the standard deviation averaged
 * within groups; evaluators' std = std with root and contacts divided by 25;
 * spatial statistics from the recovered joints. Needs a skeleton. */
int set_builder_statistics(struct set_builder *b, struct error *e);
/* Given statistics: mean, std (nfeats); NULL mean_eval/std_eval: derived from
 * them; NULL raw: computed. Pointers are copied. Any may be NULL to keep. */
int set_builder_given(struct set_builder *b, const float *mean, const float *std,
                      const float *mean_eval, const float *std_eval, const float *raw_mean,
                      const float *raw_std, struct error *e);

/* Ends building: `*out` owns everything and is freed by set_free; `b` is gone,
 * also on error. */
int set_builder_finish(struct set_builder *b, struct set *out, struct error *e);

/* Writes a set as one HDF5 file (atomic). */
int set_write(const char *path, const struct set *s, struct error *e);

/* The hash of mean and std (little-endian floats) that results documents name. */
int set_statistics_hash(const struct set *s, char hex[65], struct error *e);

#endif
