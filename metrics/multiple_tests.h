/* Corrections for asking many questions at once.
 *
 * An adjusted p is compared with the level as if it were the only one. Holm (1979) keeps the chance of even one
 * false alarm at the level, whatever the dependence between the tests; Benjamini-Hochberg (1995) keeps the share of
 * false alarms among the alarms there, for independent or positively dependent tests, and notices more. */
#ifndef MLCM_MULTIPLE_TESTS_H
#define MLCM_MULTIPLE_TESTS_H

#include "../engine/error.h"

enum correction { CORRECTION_HOLM, CORRECTION_BENJAMINI_HOCHBERG, CORRECTION_NONE };

/* p (n) in [0, 1] -> adjusted (n), which may be p itself. ERR_INPUT for a p outside. */
int adjust_p(enum correction c, const double *p, int n, double *adjusted, struct error *e);

const char *correction_name(enum correction c);                        /* "holm", "bh", "none" */
int correction_parse(const char *name, enum correction *c);            /* 0, or -1 for another name */

#endif
