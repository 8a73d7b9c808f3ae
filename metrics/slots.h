/* Consistency of captions with motions from what the captions assert.
 *
 * A caption asserts slots, "content=walk;style=old;pace=slow". It is true of a
 * motion if all of them are among the slots known of that motion: those of all
 * its own captions together. What no caption of a motion mentions counts as
 * not so, which makes a few true captions look false (under 1 % of R@1 on the
 * Bandai Namco set). */
#ifndef MLCM_SLOTS_H
#define MLCM_SLOTS_H

#include "pools.h"

/* Whether every "key=value" of `caption` is in `motion`; both separated by ';',
 * in any order. A caption that asserts nothing is true of nothing: 0. */
int slots_hold(const char *caption, const char *motion);

/* For struct consistency: pair i has the caption's slots caption[i], drawn for
 * this run, and the slots motion[i] of all captions of its clip, joined by ';'. */
struct slots {
    int n;
    const char *const *caption, *const *motion;   /* (n) each; not owned */
};
int consistency_from_slots(const void *slots, int text, int motion);

#endif
