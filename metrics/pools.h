/* Pools: the groups of matched text and motion pairs that R-Precision ranks in.
 *
 * How pairs are grouped changes the number, so a result names the rule:
 * one permutation of all pairs (MotionLCM and MLD, the default), the given
 * order (text-to-motion, MDM: loader batches), or pools without two pairs that
 * mean the same (class-distinct). */
#ifndef MLCM_POOLS_H
#define MLCM_POOLS_H

#include "../engine/error.h"
#include "../engine/rng.h"

enum { POOL_SIZE = 32 };   /* the field's */

struct pools {
    int size, count;
    int *item;             /* (count, size) rows of the embeddings; owned */
};

/* Whether the caption of pair `text` is true of the motion of pair `motion`.
 * A caption is always true of its own motion, whatever `holds` says. */
struct consistency {
    int (*holds)(const void *context, int text, int motion);
    const void *context;
};

/* A consistency held as a matrix: cell (n, n), row = text, column = motion. */
struct consistency_matrix {
    int n;
    const unsigned char *cell;
};
int consistency_from_matrix(const void *matrix, int text, int motion);

/* Rows 0 … size-1, size … 2 size-1, …; the incomplete last pool is dropped.
 * All three below: ERR_INPUT if not even one pool can be filled. */
int pools_in_order(int n, int size, struct pools *out, struct error *e);
/* The same groups of a permutation: order (n), each of 0 … n-1 once. */
int pools_of_order(const int *order, int n, int size, struct pools *out, struct error *e);
/* The same groups of a random permutation. */
int pools_permuted(int n, int size, struct rng *r, struct pools *out, struct error *e);

/* `count` pools in each of which no caption is true of another pair's motion.
 * Pairs used least often so far are taken first, in random order, so a pair may
 * be in several pools and a rare class is in more of them than a common one. */
int pools_distinct(int n, int size, int count, const struct consistency *c, struct rng *r,
                   struct pools *out, struct error *e);

void pools_free(struct pools *p);

#endif
