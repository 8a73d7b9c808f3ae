/* The gate: does a comparison let a change pass?
 *
 * It does not where, among the headline metrics of rows and metrics that A has,
 *   - one is worse, or the row of real motions has changed;
 *   - one is missing in B or does not compare;
 *   - strict: harm beyond the tolerance cannot be ruled out, the end of its interval lies beyond it;
 *   - nothing at all was compared;
 * or where a check of the run passes in A and fails in B. Times only count when asked for. What the allow list
 * names is reported and passes. */
#ifndef MLCM_GATE_H
#define MLCM_GATE_H

#include "comparison.h"

enum { MAX_ALLOWED = 64 };

struct gate_rule {
    int strict, times;
    int allowed;
    struct {
        char model[RESULTS_NAME], metric[48];   /* "" = any */
        int used;
    } allow[MAX_ALLOWED];
};

struct gate_finding {
    char model[RESULTS_NAME], metric[48];       /* of a check: its name, and "" */
    char text[240];
    int allowed;
};

struct gate {
    int pass, count;
    struct gate_finding *list;                  /* owned */
};

/* Marks in rule what allowed something. */
int gate_judge(const struct comparison *c, const struct results *a, const struct results *b, struct gate_rule *rule,
               struct gate *g, struct error *e);
void gate_free(struct gate *g);

#endif
