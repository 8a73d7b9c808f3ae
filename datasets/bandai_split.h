/* File names and splits of the Bandai Namco Research Motiondataset. */
#ifndef MLCM_BANDAI_SPLIT_H
#define MLCM_BANDAI_SPLIT_H

/* "dataset-2_walk-turn-left_active_001" taken apart. */
struct bandai_name {
    int dataset;               /* 1 or 2 */
    char content[32];          /* "walk-turn-left" */
    char style[24];            /* "active" */
    int id;
};

/* Returns 1 if `name` (without ".bvh") has that form, else 0. */
int bandai_parse_name(const char *name, struct bandai_name *out);

/* Take of a clip of dataset 2: 1 … 4, or 0 (dataset 1, or not of a known class).
 * A take is one uninterrupted recording; clips of a take resemble each other. */
int bandai_take(const struct bandai_name *n);

/* "train", "val", "test", or NULL for a clip that is left out because it re-cuts
 * frames of another clip.
 *
 * Dataset 2: of each style one take is held out for all contents; its first third
 * is val, the rest test. Dataset 1: the second walks of each style and some styles
 * of the other contents are held out; contents with one style stay in train. */
const char *bandai_split(const struct bandai_name *n);

#endif
