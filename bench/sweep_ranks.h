/* A sweep as one of several processes that mpirun or srun started.
 *
 * Nothing of MPI is linked: each process reads its number from the environment, takes every n-th run, and
 * leaves a file of how it went for process 0, which waits for all of them and makes the table. */
#ifndef MLCM_SWEEP_RANKS_H
#define MLCM_SWEEP_RANKS_H

#include "sweep_pool.h"

struct sweep_ranks {
    int rank, size;               /* size 1: alone */
    int here;                     /* processes on this machine */
    char job[65];                 /* tells this start from others */
};

/* Open MPI's variables, then those of PMI (MPICH, Intel MPI) and of a step of Slurm. */
int sweep_ranks_find(struct sweep_ranks *r, struct error *e);
/* A process but 0: says how its runs went. */
int sweep_ranks_tell(const struct sweep_ranks *r, const struct sweep_options *o, const struct sweep_outcome *outcomes, int runs,
                     struct error *e);
/* Process 0: waits for the others and takes their outcomes. */
int sweep_ranks_gather(const struct sweep_ranks *r, const struct sweep_options *o, struct sweep_outcome *outcomes, int runs,
                       struct error *e);

#endif
