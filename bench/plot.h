/* Figures, drawn by gnuplot from data files that stay beside them.
 *
 * Scripts are fixed templates (scripts/plots); names from results go into data
 * files only, never into a script or a shell. gnuplot is started directly, with
 * its start-up files off. Every figure is written as NAME.svg and NAME.png with
 * NAME.dat, each replaced only when complete. A run with --limit says so. */
#ifndef MLCM_PLOT_H
#define MLCM_PLOT_H

#include "results.h"

/* All: ERR_ENV if gnuplot or the templates are not there (the message says how
 * to mend that), ERR_INTERNAL if gnuplot fails. `folder` exists. *drawn, which
 * may be NULL, counts figures; nothing to draw is 0 figures and no error. */

/* frontier: FID against AITS, with intervals, lines through the steps of a
 * family, and the Pareto front (no model is both faster and nearer to real). */
int plot_frontier(const struct results *r, const char *folder, int *drawn, struct error *e);

/* steps_METRIC: each metric against the number of steps, for families measured
 * at two or more. */
int plot_steps(const struct results *r, const char *folder, int *drawn, struct error *e);

/* NAME: the curves of a training log, a CSV file whose header starts with
 * "step" and whose other columns are numbers ("step,loss,…"; empty and
 * non-finite fields are left out). More than 400 steps are binned: mean, and
 * the range as a band. `name`: letters, digits, '_', '-', '.'. */
int plot_loss(const char *csv, const char *folder, const char *name, int *drawn, struct error *e);

/* frontier and steps. */
int plot_results(const struct results *r, const char *folder, int *drawn, struct error *e);

/* Where the templates are: $MLCM_PLOTS, scripts/plots here, beside the program
 * or in ../share/mlcm/plots of its folder. */
int plot_templates(char *folder, size_t size, struct error *e);

#endif
