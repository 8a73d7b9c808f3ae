/* One stage of training: the loop around the trainer, its log, its state file. */
#ifndef MLCM_STAGE_H
#define MLCM_STAGE_H

#include "feed.h"

struct stage {
    const char *name;                /* "vae" */
    const char *fingerprint;         /* of everything that defines the stage's result */
    char state_path[1100], log_path[1100];
    const char *terms[8];            /* names of the loss parts, NULL-terminated */
    const struct trainer_extra *extra;   /* further arrays of the state */
    int extras;
    int quiet;
    int64_t stop_at;                 /* tests: stop, as if killed, after this step; 0 = never */
    double save_every;               /* seconds */
};

/* After the optimiser step (the target network's average, for instance); may be NULL. */
typedef void stage_after(void *context, int64_t step);

/* Runs (or resumes from state_path) to trainer->config.steps. The log is a CSV: step, loss,
 * parts, gradient norm, rate, seconds. On success the state file remains for the caller to
 * remove after the model is written. Returns ERR_CHECK if stopped by stop_at. */
int stage_run(const struct stage *s, struct trainer *t, const struct feed_source *source, trainer_piece *piece,
              stage_after *after, struct error *e);

#endif
