/* One replication of the protocol: draw, generate, embed, measure. */
#ifndef MLCM_EVALUATION_H
#define MLCM_EVALUATION_H

#include "../baselines/system.h"
#include "../metrics/evaluator.h"
#include "chain.h"
#include "results.h"

/* The metrics of one replication of one row; absent ones are NAN. */
enum measure {
    M_TOP1, M_TOP2, M_TOP3, M_ANY1, M_ANY2, M_ANY3, M_DISTINCT1, M_DISTINCT2, M_DISTINCT3, M_FID, M_KID, M_DISTANCE,
    M_DIVERSITY, M_MULTIMODALITY, /* further metrics of embeddings go here */
    /* motion control: from here on kept only in experiments that have it */
    M_TRAJECTORY_20, M_TRAJECTORY_50, M_LOCATION_20, M_LOCATION_50, M_KEYPOINTS, M_SKATING, M_COUNT
};
enum { M_CONTROL = M_TRAJECTORY_20 };
const char *measure_name(enum measure m);      /* as in metrics/table.h */

struct evaluation {
    struct chain *chain;
    const struct evaluator *evaluator;
    struct items items;               /* of the test split, in loader order */
    int n;                            /* items used: all, or the limit's random choice */
    int *chosen;                      /* (n) item numbers, ascending in length */
    int generated_batch;              /* sentences generated together */
    /* of the current replication */
    int replication;
    struct draw *draws;               /* (n) */
    const char **texts;               /* (n) */
    float *text, *real;               /* embeddings (n, dim) */
    float *train;                     /* embeddings of as many training motions (n, dim) */
    struct pools *pools, *distinct;
    const int *captions;              /* (n) or NULL: captions in place of the drawn ones, < 0 leaves one; the caller's */
    char keep[1024];                  /* folder that the row's motions are also written to, see export_motions.h; "" = none */
    int described;                    /* clips say what holds for them, so that one caption can fit several */
    int dim;
};

/* Whether the split, or the limit's part of it, fills a pool: to be asked before models are trained for it. */
int evaluation_possible(const struct chain *c, const char *split, int limit, struct error *e);
/* limit 0: the whole split. */
int evaluation_open(struct evaluation *ev, struct chain *c, const struct evaluator *evaluator, const char *split,
                    int limit, struct error *e);
/* Of chosen items (n, numbers ascending; one may be there more than once) of the split instead. */
int evaluation_open_items(struct evaluation *ev, struct chain *c, const struct evaluator *evaluator, const char *split,
                          const int *chosen, int n, struct error *e);
void evaluation_close(struct evaluation *ev);

/* Draws captions and windows of replication r, embeds texts and real motions. Results of the row of
 * real motions go to out: FID and KID are against a second, independent draw of the same clips. */
int evaluation_replicate(struct evaluation *ev, int r, double out[M_COUNT], struct error *e);
/* FID of as many random training motions against the test motions: the floor that a perfect
 * generator of the training distribution reaches. */
int evaluation_train_distance(struct evaluation *ev, double *fid, struct error *e);
/* The ceilings of R-Precision for a perfect reader in this replication's pools (top 1, 2, 3). */
int evaluation_ceiling(struct evaluation *ev, double top[3], double *consistent, struct error *e);
/* Measures motions that are there already: x (count, frames, nfeats), normalised by the set's statistics and zero
 * behind their lengths, is used up; out (count, dim). Batches of `batch` are padded together. */
int evaluation_embed(const struct evaluation *ev, float *x, int count, int frames, const int *lengths, int batch, float *out,
                     struct error *e);
/* Embeddings (n, dim), one a draw of this replication. Without MultiModality and measures of control. */
int evaluation_score(const struct evaluation *ev, const float *embedded, double out[M_COUNT], struct error *e);
/* Data, evaluator and protocol of a results document. `file`: the evaluator where an option named one, NULL where it is
 * the experiment's. */
void evaluation_describe(const struct evaluation *ev, const char *file, const char *split, int limit, int replications,
                         struct results *r);
/* Adds the first `measures` of M_COUNT to a row, x (measures, stride) replication after replication, n of them. One that
 * is absent from all is left out; one that only some replications have is too, and a note says so. */
int evaluation_add_metrics(struct results *r, int row, int measures, const double *x, int stride, int n, struct error *e);
/* Generates for every drawn caption and measures; MultiModality too if the protocol has it and the
 * system needs no control signal. With motion control, how near the drawn clips' signals came is
 * measured of every sampled system, whether it was told them or not. */
int evaluation_measure(struct evaluation *ev, const struct system *s, double out[M_COUNT], struct error *e);

/* One drawn window of a set with its caption and, in experiments with motion control, its signal: for strips,
 * pages and exports. */
struct shown {
    const struct set *set;
    const struct items *items;
    const struct draw *draw;
    const char *text;
    const struct control_plan *control;   /* NULL without control */
    uint64_t seed;
};
/* Features (draw length, nfeats), de-normalised, malloc'd: generated for the caption, told the signal where the
 * system is controlled. */
int generate_shown(struct lanes *lanes, const struct shown *w, const struct system *s, float **features, struct error *e);
/* The window's signal: goal (length, J, 3) in the set's unit of length, mask (length, J). */
int shown_signal(const struct shown *w, float *goal, unsigned char *mask, struct error *e);

#endif
