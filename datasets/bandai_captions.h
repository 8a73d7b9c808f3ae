/* Captions of the Bandai Namco Research Motiondataset: from a clip's label and
 * measures to slots, from slots to sentences. */
#ifndef MLCM_BANDAI_CAPTIONS_H
#define MLCM_BANDAI_CAPTIONS_H

#include "../engine/error.h"
#include "../engine/rng.h"
#include "bandai_split.h"
#include "motion_measure.h"

enum { CAPTION_TEXT = 320, CAPTION_TOKENS = 640, CAPTION_SLOTS = 240, CAPTIONS_A_CLIP = 4 };

/* Everything that holds for a clip, by its label where only the label can tell
 * (style, kind of gesture) and by what is measured otherwise (side, direction,
 * pace, heights, posture). Between two words there is silence. -1: no room. */
int bandai_slots(const struct bandai_name *name, const struct motion_measure *m, char *slots,
                 size_t size);

struct bandai_caption {
    char text[CAPTION_TEXT], tokens[CAPTION_TOKENS], slots[CAPTION_SLOTS];
};

/* Writes CAPTIONS_A_CLIP captions for a clip's slots: the levels are style,
 * style and attribute, attribute, style. Each caption has at most 20 tokens and
 * asserts only slots of the clip; the content phrases of a clip differ. */
int bandai_captions(const char *slots, struct rng *r, struct bandai_caption *out, struct error *e);

#endif
