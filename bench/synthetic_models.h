/* Checkpoints with random weights in the published layout and container: for trying the way from the
 * published files to a table where those files are not. What they generate means nothing. */
#ifndef MLCM_SYNTHETIC_MODELS_H
#define MLCM_SYNTHETIC_MODELS_H

#include "../engine/device.h"

struct synthetic_models {
    int kit;                  /* 251 features and 21 joints, else 263 and 22 */
    int tiny;                 /* small networks for tests, else the published sizes */
    int large_text;           /* a sentence encoder of sentence-T5-large's size (670 MB), else a small one */
    uint64_t seed;
};

/* Below root, named as in MotionLCM's repository: experiments_recons, experiments_t2m,
 * experiments_control (HumanML3D only: V1 and V2 with all published tensors), the evaluator
 * deps/t2m/t2m|kit/text_mot_match/model/finest.tar, and deps/sentence-t5-large. The weights depend on
 * the seed and on their names alone, so that files of one generation share their VAE. */
int synthetic_models_write(const char *root, const struct synthetic_models *m, struct device *d, struct error *e);

/* The sentence encoder alone: modules.json and what it names, with a SentencePiece model of letters and
 * common words. width: of a sentence's vector. */
int synthetic_text_write(const char *folder, int large, int width, uint64_t seed, struct error *e);

#endif
