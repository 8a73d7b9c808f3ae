/* The clips of an experiment that people look at. */
#ifndef MLCM_SHOWN_CLIPS_H
#define MLCM_SHOWN_CLIPS_H

#include "motions.h"
#include "table_run.h"

/* For `count` test captions, spread over the split from short clips to long ones: the real motion, then what the
 * experiment's sampled models generate for the caption, told the clip's signal where they are controlled; the signal
 * itself is kept as hints. The caller frees *m also after an error. */
int shown_clips(struct chain *c, struct loaded *l, int count, struct motions *m, struct error *e);

#endif
