/* Starting gnuplot on a script, without a shell. */
#ifndef MLCM_GNUPLOT_H
#define MLCM_GNUPLOT_H

#include "../engine/error.h"

/* Runs `gnuplot -d -c script arguments…` (start-up files off) and waits, at most
 * a minute. arguments: NULL-terminated, at most 9; the script sees them as
 * the strings ARG1 …, which gnuplot does not interpret.
 * ERR_ENV: gnuplot is not installed. ERR_INTERNAL: it failed; the message has
 * the first line of its complaint. */
int gnuplot_run(const char *script, const char *const *arguments, struct error *e);

#endif
