/* A sweep handed to Slurm: a job array with a task a cell, and a job after it that makes the table. */
#ifndef MLCM_SWEEP_SLURM_H
#define MLCM_SWEEP_SLURM_H

#include "sweep_run.h"

/* Writes OUT/cells.sbatch and OUT/table.sbatch and, unless dry, submits them by `sbatch` of the PATH, the second
 * after the first. Says on standard output what was written and submitted. Partition, account and time come from
 * Slurm's own variables (SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT …). ERR_ENV without sbatch. */
int sweep_slurm(const struct sweep *s, const struct sweep_options *o, int dry, struct error *e);

#endif
