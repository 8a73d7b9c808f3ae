/* Which captions are true of which motions, from their slots: what R-Precision
 * needs to count any fitting motion, to draw class-distinct pools and to say
 * what a perfect reader could reach. */
#ifndef MLCM_SLOT_CONSISTENCY_H
#define MLCM_SLOT_CONSISTENCY_H

#include "../metrics/pools.h"

/* Pair i of an evaluation pass: caption[i], the slots that its caption asserts;
 * motion[i], the slots that hold for its motion, as the set stores them for the
 * clip or, lacking that, those of all its captions joined by ';'. Not owned. */
struct slot_pairs {
    int n;
    const char *const *caption, *const *motion;   /* (n) each */
};

/* For struct consistency, with a struct slot_pairs as context: every slot that
 * caption `text` asserts holds for motion `motion`. A caption that asserts
 * nothing is true of nothing but its own motion. */
int slot_consistency(const void *pairs, int text, int motion);

#endif
