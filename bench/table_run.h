/* The main job: all models of an experiment, all replications, one results document. */
#ifndef MLCM_TABLE_RUN_H
#define MLCM_TABLE_RUN_H

#include "evaluation.h"
#include "published_models.h"
#include "results.h"

/* The networks that an experiment's models share, loaded once. */
struct loaded {
    struct vae vae;
    struct text_source text;              /* MLD's and, frozen, MotionLCM's */
    struct denoiser mld, lcm;
    struct controlnet control[MAX_CONTROL_VARIANTS], control_mld[MAX_CONTROL_VARIANTS];      /* by variant */
    struct trajectory_encoder trajectory[MAX_CONTROL_VARIANTS], trajectory_mld[MAX_CONTROL_VARIANTS];
    struct published_networks published[MAX_PUBLISHED];   /* of checkpoints that models name */
    const struct chain *chain;            /* knows what these checkpoints are */
    const struct set *set;                /* the chain's */
    struct evaluator evaluator;
    struct system systems[MAX_MODELS];
};
/* Trains what the experiment's models, and the evaluator if asked, still lack, and loads them. Free with
 * loaded_close; after an error nothing is left to free. `c` must outlive l, which must not move. */
int loaded_open(struct loaded *l, struct chain *c, int with_evaluator, struct error *e);
/* Packs all networks but the text encoder, which comes packed, in the experiment's precision. Where a model is
 * tuned, the originals that gradients pass through stay beside. */
int loaded_pack(struct loaded *l, const struct experiment *x, struct error *e);
void loaded_close(struct loaded *l);
/* The system of one model entry, on the networks of l, which may still be empty. Fails on an unknown name,
 * on control without a section "control" and on step counts that the sampler does not have. */
int loaded_system(struct loaded *l, const struct experiment *x, const struct model_entry *m, struct system *s, struct error *e);

struct table_options {
    int limit, replications;              /* 0: the experiment's */
    int quiet, skip_timing;
    const char *split;                    /* NULL: "test" */
    const char *export;                   /* folder for the motions of replication 0, a folder a row; NULL: none */
    const char *partial;                  /* file of finished replications, for resuming */
};
/* Fills r (results_begin'd here; the caller frees it also after an error). */
int table_run(struct chain *c, struct loaded *l, const struct table_options *o, struct results *r, struct error *e);

#endif
