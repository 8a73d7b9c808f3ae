/* Workers for inference: one lane and one tape a thread. */
#ifndef MLCM_LANES_H
#define MLCM_LANES_H

#include "tape.h"

struct lanes {
    int count;
    struct device *device;
    struct device *lane;     /* count */
    struct tape *tape;       /* count */
};

/* As many lanes as the device has threads; d stays the caller's and must outlive them. lanes_free is safe
 * on a zeroed struct. */
int lanes_create(struct lanes *l, struct device *d, struct error *e);
void lanes_free(struct lanes *l);

/* Runs job(context, tape, i) for i in 0 … jobs-1, each with a fresh tape that does not
 * record, shared among the lanes. What job i computes must not depend on its lane.
 * The first failing job's error (by number) is returned. */
typedef int lanes_job(void *context, struct tape *t, int job, struct error *e);
int lanes_run(struct lanes *l, int jobs, lanes_job *run, void *context, struct error *e);

#endif
