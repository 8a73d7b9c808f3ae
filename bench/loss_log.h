/* The log of a training: a CSV beside its weights, a row every few steps, the step in the first field. */
#ifndef MLCM_LOSS_LOG_H
#define MLCM_LOSS_LOG_H

#include "../engine/error.h"
#include <stdint.h>
#include <stdio.h>

/* Opens the log at `path` for further rows. Of an earlier run the rows up to `step` stay; the file with them and the header
 * (without its line break) takes the old one's place by a rename, so that a run killed here loses no row. *seconds is the
 * last kept row's field `field`, from 0, or 0. */
int loss_log_open(const char *path, const char *header, int64_t step, int field, FILE **log, double *seconds, struct error *e);
/* Hands the rows so far to the system, so that a killed run has them. */
int loss_log_flush(FILE *log, const char *path, struct error *e);
/* Closes it; ERR_ENV if a row was not written. NULL is nothing. */
int loss_log_close(FILE *log, const char *path, struct error *e);

#endif
