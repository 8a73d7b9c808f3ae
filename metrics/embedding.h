/* Embeddings: rows of float from an evaluator, measured in double. */
#ifndef MLCM_EMBEDDING_H
#define MLCM_EMBEDDING_H

#include "../engine/error.h"

/* x (n, dim). ERR_INPUT naming the first row with a non-finite value; `what`
 * says whose rows they are ("generated motion embeddings"). Also refuses
 * n < 1 and dim < 1. */
int embedding_check(const float *x, int n, int dim, const char *what, struct error *e);

/* Euclidean distance |a - b| of two rows of `dim`, summed in double from the
 * differences themselves, so it is never the root of a negative number. */
double embedding_distance(const float *a, const float *b, int dim);

/* Row i of x (n, dim). */
static inline const float *embedding_row(const float *x, int i, int dim)
{
    return x + (long)i * dim;
}

#endif
