/* A comparison for readers and for programs. */
#ifndef MLCM_COMPARISON_TEXT_H
#define MLCM_COMPARISON_TEXT_H

#include "gate.h"

#include <stdio.h>

struct comparison_files {
    const char *name_a, *name_b;
    const struct results *a, *b;
};

/* What differs first, then a table a row: the headline metrics and whatever is not the same; `all`: every metric.
 * g may be NULL: no gate was asked for. */
void comparison_print(const struct comparison *c, const struct comparison_files *f, const struct gate *g,
                      const struct gate_rule *rule, int all, FILE *out);
/* The same as JSON, schema "mlcm-compare-1", with every digit; "-" is standard output. */
int comparison_write(const struct comparison *c, const struct comparison_files *f, const struct gate *g,
                     const struct gate_rule *rule, const char *path, struct error *e);

#endif
