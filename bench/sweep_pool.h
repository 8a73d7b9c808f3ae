/* Runs of a sweep as processes: several at a time, each with its share of the cores. One that fails or
 * crashes takes no other along. */
#ifndef MLCM_SWEEP_POOL_H
#define MLCM_SWEEP_POOL_H

#include "sweep_run.h"

enum sweep_state { SWEEP_MISSING, SWEEP_DONE, SWEEP_FAILED };
struct sweep_outcome {
    enum sweep_state state;
    char error[600];              /* of a failed run: its one line */
};

/* Makes the documents of the `count` runs that are not there yet, by processes of this program; fills
 * outcomes[run] of each. What a process says goes to OUT/logs/run_NNNN.txt. Returns 0 also when runs failed; an
 * error only if processes cannot be started at all. They end when this process does, however it ends. */
int sweep_pool(const struct sweep *s, const struct sweep_options *o, const struct sweep_place *places, const int *runs, int count,
               struct sweep_outcome *outcomes, struct error *e);
/* Cores that this process may use. */
int sweep_cores(void);

#endif
