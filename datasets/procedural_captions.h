/* What is true of a procedural motion, and sentences that say it. */
#ifndef MLCM_PROCEDURAL_CAPTIONS_H
#define MLCM_PROCEDURAL_CAPTIONS_H

#include "../engine/error.h"
#include "../engine/rng.h"
#include "procedural_motion.h"

enum { PROCEDURAL_TEXT = 200, PROCEDURAL_TOKENS = 400, PROCEDURAL_SLOTS = 120, PROCEDURAL_CAPTIONS = 4 };

/* The slots of a motion, by its numbers: content; where it goes and turns; side, count; and, outside
 * zones of silence, pace, depth and height. -1: no room. */
int procedural_slots(const struct procedural_motion *m, char *slots, size_t size);

struct procedural_caption {
    char text[PROCEDURAL_TEXT], tokens[PROCEDURAL_TOKENS], slots[PROCEDURAL_SLOTS];
};

/* PROCEDURAL_CAPTIONS captions for slots, different as far as there are different ones, of at most 20
 * tokens. Each asserts content, direction, turn, side and count; every other one also pace, depth and height. */
int procedural_captions(const char *slots, struct rng *r, struct procedural_caption *out, struct error *e);

#endif
