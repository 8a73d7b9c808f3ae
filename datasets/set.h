/* A packed motion set: what `mlcm data build` writes and everything else reads.
 *
 * One HDF5 file holds features, captions with tokens, splits, statistics and
 * word vectors. In memory the set is read-only and owned by `struct set`. */
#ifndef MLCM_SET_H
#define MLCM_SET_H

#include "../engine/error.h"
#include "../engine/rng.h"
#include <stddef.h>

struct caption {
    const char *text;      /* the sentence */
    const char *tokens;    /* "word/POS word/POS …" */
    const char *slots;     /* "content=walk;style=old;…" or "" */
    double from, to;       /* seconds; 0, 0 = the whole clip */
};

struct clip {
    const char *name;      /* "M" in front: mirrored */
    const char *split;     /* "train" | "val" | "test" | "none" */
    int length;            /* frames */
    const float *features; /* (length, nfeats), not normalised */
    const char *slots;     /* all that holds for the clip, "key=value;key=value,value", or "" */
    int ncaptions;
    const struct caption *captions;
};

/* Word vectors and the tokens' encoding. */
struct words {
    int count, dim;
    char **word;           /* count strings */
    float *vector;         /* (count, dim) */
    void *index;           /* private: hash from word to row */
};

struct set {
    char path[1024], name[64], sha256[65];
    char statistics_sha256[65];        /* of mean and std */
    int nfeats, njoints;               /* 263, 22 or 251, 21 */
    double fps;
    int min_length, max_length;        /* item rule: min <= n < max */
    int unit;                          /* 4 */
    float *mean, *std;                 /* (nfeats) the generators' statistics */
    float *mean_eval, *std_eval;       /* (nfeats) the evaluator's */
    float *raw_mean, *raw_std;         /* (njoints,3) spatial normalisation of control hints */
    int nclips;
    struct clip *clips;
    int noriginal;                     /* clips the source had before exclusions */
    int nnan;
    char **nan_names;                  /* clips left out because of non-finite values */
    struct words words;
    void *memory;                      /* private */
};

int set_read(const char *path, struct set *s, struct error *e);
void set_free(struct set *s);

/* An item of the loader: a clip or a captioned segment of one. */
struct item {
    int clip, start, length;           /* rows [start, start+length) of the clip */
    int ncaptions;
    const struct caption **captions;
};
struct items {
    int count;
    struct item *list;                 /* stable-sorted by length, ascending */
    void *memory;
};
/* Items of one split by the set's own length window. */
int items_build(const struct set *s, const char *split, struct items *out, struct error *e);
void items_free(struct items *it);

/* The random decisions of one access. */
struct draw {
    int item;
    int caption;                       /* index into item.captions */
    int start;                         /* first row, relative to the clip */
    int length;                        /* rows, a multiple of the unit */
};
/* Rows of an access to an item: whole units; `shorter` takes one unit less (the
 * "double" of the published readers), where there is more than one. */
int draw_length(const struct set *s, const struct item *item, int shorter);
/* Draws caption, crop (one in three is shorter) and window. */
struct draw item_draw(const struct set *s, const struct items *it, int item, struct rng *r);

/* Normalised motion of a draw: out (draw.length, nfeats) = (x - mean)/std. */
void draw_motion(const struct set *s, const struct items *it, const struct draw *d,
                 const float *mean, const float *std, float *out);

enum { WORDS_MAX_TOKENS = 22, WORDS_POS = 15 };
/* Encodes a caption's tokens: embeddings (22, dim), one_hot (22, 15), and the
 * sentence length with sos and eos (<= 22). */
int words_encode(const struct words *w, const char *tokens, float *embeddings, float *one_hot,
                 int *sent_len, struct error *e);

/* The order of a batch: rows by sentence length, longest first, ties as they stand
 * (the text encoder reads packed sequences). order (n). */
void sentence_order(const int *sent_len, int n, int *order);

#endif
