/* The protocol on motions that are there already.
 *
 * Motions are embedded once. A replication draws captions (where none was said), real windows, pools and pairs anew,
 * as bench does. With one folder the motions stay the same: the interval then holds what these draws vary, not what
 * generating again would. With several folders replication k measures the k-th, as in the published protocols; with
 * several motions a caption in one folder, replication k measures the k-th of each. */
#ifndef MLCM_EVAL_RUN_H
#define MLCM_EVAL_RUN_H

#include "evaluation.h"
#include "foreign.h"
#include "results.h"

struct eval_options {
    const char *const *folders;
    int nfolders;
    const char *captions, *split, *name;   /* captions NULL: none; name: of the row */
    const char *evaluator;                 /* the file, where an option named it; NULL: the experiment's */
    int replications;                      /* 0: as many as there are folders, or the experiment's */
    int quiet;
    struct foreign_rule rule;
};

/* c has its set and device; fills r (results_begin'd here; the caller frees it also after an error). */
int eval_run(struct chain *c, const struct evaluator *evaluator, const struct eval_options *o, struct results *r, struct error *e);

#endif
