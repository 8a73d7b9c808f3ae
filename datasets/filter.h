/* Smoothing of sampled signals along time. */
#ifndef MLCM_FILTER_H
#define MLCM_FILTER_H

#include "../engine/error.h"

/* Gaussian of standard deviation `sigma` frames and radius int(4 sigma + 0.5),
 * weights normalised to sum 1, ends extended by their first and last samples.
 * in, out (n, width), different memory; each column is filtered alone. */
int filter_gaussian(const double *in, int n, int width, double sigma, double *out, struct error *e);

/* Centred moving average of odd `size` with zeros beyond the ends (always divided
 * by size). in, out (n), different memory. */
void filter_uniform(const double *in, int n, int size, double *out);

#endif
