/* The metrics' names: how results documents, tables and plots call them. */
#ifndef MLCM_METRIC_TABLE_H
#define MLCM_METRIC_TABLE_H

enum direction {
    DIRECTION_DOWN,        /* smaller is better */
    DIRECTION_UP,          /* larger is better */
    DIRECTION_NEAR_REAL    /* nearer to the value of real motions is better */
};

struct metric {
    const char *name;      /* in results documents: "FID" */
    const char *title;     /* of a table's column: "R@1" */
    const char *unit;      /* "" if none */
    enum direction direction;
    int digits;            /* after the point; for times: significant digits */
    int significant;       /* digits are significant ones */
    const char *meaning;   /* one line */
};

/* All metrics in the order of the tables' columns. */
int metric_count(void);
const struct metric *metric_at(int i);
/* By name, or NULL. */
const struct metric *metric_find(const char *name);

const char *direction_name(enum direction d);          /* "down", "up", "near real" */
/* Returns 0 and writes *d if `name` is one of these, else -1. */
int direction_parse(const char *name, enum direction *d);

/* Whether `value` beats `other`; real is the value of real motions, used by
 * DIRECTION_NEAR_REAL only. Equal values do not beat each other. */
int metric_better(enum direction d, double value, double other, double real);

#endif
