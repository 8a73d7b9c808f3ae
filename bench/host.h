/* The machine a result was measured on. */
#ifndef MLCM_HOST_H
#define MLCM_HOST_H

struct host {
    char cpu[128];         /* the processor's name, or "unknown" */
    char system[128];      /* kernel and its release, machine */
    int threads;           /* processors online */
    int threads_used;      /* what OpenMP would take (OMP_NUM_THREADS …) */
    double memory_gib;
    char gpu[128];         /* "none" until a device says otherwise */
    char driver[64];       /* its driver, "" without one */
};

/* Fills all but gpu and driver, which become "none" and "". Never fails: what
 * cannot be found out stays "unknown" or 0. */
void host_describe(struct host *h);

#endif
