/* Two results documents, metric by metric: by how much does B differ from A, and is that chance?
 *
 * What is random: a replication draws captions, windows, pools, pairs and noise anew from one test set, for one set
 * of weights. So a verdict speaks of these weights on this test set, not of training them again.
 *
 * Replications are paired, the k-th of A with the k-th of B, where both share their draws: the same seeds, and rows
 * of real motions that agree replication by replication. What the draws have in common then cancels. Otherwise they
 * are two independent samples.
 *
 * The harm of a change is B - A where smaller is better, A - B where larger is, and for "near real" the growth of
 * the distance to the row of real motions of the same replications. A change is worse or better if it is more
 * than chance (two-sided p, corrected for the number of tests: the headline metrics are one family, the others
 * another) and harm or gain is larger than the tolerance. Otherwise it is the same. Rows of real motions are no
 * model's: they have changed where a model would be better or worse, and so has the measure. */
#ifndef MLCM_COMPARISON_H
#define MLCM_COMPARISON_H

#include "../metrics/multiple_tests.h"
#include "../metrics/two_samples.h"
#include "fingerprints.h"

enum verdict { VERDICT_BETTER, VERDICT_SAME, VERDICT_WORSE, VERDICT_CHANGED, VERDICT_NOT_COMPARABLE, VERDICT_COUNT };
const char *verdict_name(enum verdict v);

/* How a metric was tested. */
enum compared_by { BY_NOTHING, BY_PAIRED_T, BY_WELCH, BY_SIGNED_RANKS, BY_MANN_WHITNEY, BY_INTERVALS, BY_ONE_VALUE };
const char *compared_by_name(enum compared_by how);

enum test_choice { TEST_AUTO, TEST_T, TEST_RANKS };
enum { MAX_TOLERANCES = 32, MAX_HEADLINE = 32 };

struct comparison_rule {
    double level;                       /* 0.05 */
    enum correction correction;
    enum test_choice test;              /* auto: t tests for metrics, ranks for times */
    int unpaired;                       /* never pair */
    double tolerance, time_tolerance;   /* relative: 0.01 and 0.1 */
    int tolerances;                     /* of single metrics instead */
    struct {
        char metric[48];
        double relative;
    } own[MAX_TOLERANCES];
    int headlines;
    char headline[MAX_HEADLINE][48];
};
void comparison_rule_default(struct comparison_rule *rule);

struct compared {
    char model[RESULTS_NAME];
    char metric[48], unit[24];
    enum direction direction;
    int real, headline;
    double a, b;                        /* means of the replications that were compared */
    int na, nb;                         /* their numbers; 0: only mean and interval are known */
    enum compared_by how;
    struct sample_answer answer;        /* of harm: positive is worse */
    double difference, low, high;       /* B - A; "near real": of the distances to the real row */
    double base;                        /* what tolerances are relative to: |A|, or the real row's |value| */
    double margin;                      /* the tolerance in the metric's unit */
    double p;                           /* two-sided, corrected */
    double harm_limit;                  /* the upper end of harm's interval over base: more is not to be expected */
    enum verdict verdict;
    char reason[200];                   /* why not comparable; or what to know about the test */
};

struct comparison {
    struct comparison_rule rule;
    struct fingerprints fingerprints;
    int paired;                         /* replications share their draws */
    char pairing[200];                  /* and how that is known */
    int headline_tests, other_tests;    /* the two families that p is corrected in */
    int count;
    struct compared *list;              /* rows of A in order, its metrics in order; then what only B has */
    int verdicts[VERDICT_COUNT];
};

/* Fills c, which comparison_free gives back. ERR_INPUT for a document with a row twice; name_a and name_b are the files
 * in its message. Metrics and their means are sound in what results_read or results_add_metric made. */
int comparison_make(const struct results *a, const char *name_a, const struct results *b, const char *name_b,
                    const struct comparison_rule *rule, struct comparison *c, struct error *e);
void comparison_free(struct comparison *c);
/* NULL if there is none. */
const struct compared *comparison_find(const struct comparison *c, const char *model, const char *metric);

/* How much worse, relative to base, the metric would have to be to be noticed four times in five; 0 where no t test was made. */
double comparison_power(const struct comparison *c, const struct compared *m);

#endif
