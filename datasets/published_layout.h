/* The folders in which HumanML3D and KIT-ML are published, and writing a set into them. */
#ifndef MLCM_PUBLISHED_LAYOUT_H
#define MLCM_PUBLISHED_LAYOUT_H

#include "set.h"

/* Any but `data` may be NULL: then files of that kind are neither read nor written. */
struct published_folders {
    const char *data;                  /* new_joint_vecs, new_joints, texts, train.txt …, Mean.npy, Std.npy */
    const char *words;                 /* our_vab_data.npy, our_vab_words.pkl, our_vab_idx.pkl */
    const char *evaluator_statistics;  /* mean.npy, std.npy: Comp_v6_KLD01/meta, KIT-ML Comp_v6_KLD005/meta */
    const char *spatial_statistics;    /* Mean_raw.npy, Std_raw.npy of joint positions */
};

/* The file that marks a folder as made by set_write_synthetic: a set read from it is named "…-synthetic". */
#define PUBLISHED_SYNTHETIC_MARK "SYNTHETIC.txt"

/* Writes the set: features, joints recovered from them, a text file a clip with a line
 * caption#tokens#from#to for each caption, the lists of names, statistics, word vectors. Clips that
 * the set left out for non-finite values stay in the list of the test clips, as they do in the
 * published one. Folders are made. Errors: a clip's name that is no plain file name. */
int set_write_published(const struct set *s, const struct published_folders *to, struct error *e);

/* A set of procedural motions in the published layout, to try programs on: `clips` motions, each with
 * its mirrored twin, named by six digits, some slowed so that lengths reach 190 frames, some captions
 * of a part of the clip, and one clip of non-finite values with its twin (007975, as in HumanML3D).
 * kit: 21 joints in millimetres at 12.5 frames a second. Values measured on it mean nothing. */
int set_write_synthetic(const struct published_folders *to, int kit, int clips, uint64_t seed, struct error *e);

#endif
