/* In what two results documents differ besides their numbers, and what no longer compares because of it. */
#ifndef MLCM_FINGERPRINTS_H
#define MLCM_FINGERPRINTS_H

#include "results.h"

/* Metrics that stand and fall with the same conditions. */
enum metric_group {
    GROUP_RETRIEVAL = 1,       /* R-Precision */
    GROUP_DISTANCE = 2,        /* MM Dist */
    GROUP_DISTRIBUTION = 4,    /* FID, KID */
    GROUP_DIVERSITY = 8,
    GROUP_MULTIMODALITY = 16,
    GROUP_CONTROL = 32,        /* errors against told points */
    GROUP_MOTION = 64,         /* physical ones and reconstruction errors: need no evaluator */
    GROUP_TIME = 128,
    GROUP_LEARNED = 31,
    GROUP_ALL = 255
};
/* Of a metric's name; metrics that are not known belong to all groups but times. */
unsigned metric_groups(const char *metric);

struct fingerprint {
    char field[64];            /* "evaluator.sha256" */
    char a[160], b[160];       /* "not stated" where a document lacks it */
    unsigned stops;            /* the groups that do not compare any more; 0: only noted */
    const char *meaning;       /* a static text */
};

struct fingerprints {
    int count, room;
    struct fingerprint *list;
    unsigned stops;            /* all of theirs */
};

/* Fills f, whose list fingerprints_free gives back. What only one document states is noted, not stopped. */
int fingerprints_compare(const struct results *a, const struct results *b, struct fingerprints *f, struct error *e);
void fingerprints_free(struct fingerprints *f);
/* The first difference that stops one of the groups, or NULL. */
const struct fingerprint *fingerprints_stop(const struct fingerprints *f, unsigned groups);
/* "R-Precision, FID and KID" … of a set of groups. */
void groups_text(unsigned groups, char *text, size_t size);

#endif
