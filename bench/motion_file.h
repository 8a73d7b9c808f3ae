/* A finished motion as a file for other programs, by the name's ending:
 *
 *   .bvh   joint rotations on a skeleton of constant bones (datasets/bvh_write.h); how far its joints are from the
 *          motion's is said on standard error
 *   .h5    datasets joints (frames, J, 3) in metres and, of one text, features (frames, F); of several texts, texts and
 *          first_frames; attributes caption, system, seed, steps, guidance (where it was given), fps and the SHA-256 of
 *          each model file; with control: told (frames, J, 3) and told_mask (frames, J)
 *   .html  a page of its own in which the skeleton moves */
#ifndef MLCM_MOTION_FILE_H
#define MLCM_MOTION_FILE_H

#include "../engine/error.h"
#include <stdint.h>

/* What was made, and how. All pointers are the caller's. */
struct motion_file {
    const char *text;                /* the caption; of several texts the first */
    int frames, njoints, nfeatures;
    double fps;
    const float *joints;             /* (frames, njoints, 3) in metres */
    const float *features;           /* (frames, nfeatures), or NULL */
    int segments;                    /* of several texts: how many … */
    const int *first;                /* … (segments) their first frames */
    char *const *titles;             /* … (segments) and the texts; 0 and NULL for one text */
    const float *goal;               /* (frames, njoints, 3) where joints were told to be, and … */
    const unsigned char *mask;       /* … (frames, njoints) which; NULL without control */
    const char *models, *system;     /* folder of the models; "MotionLCM" */
    uint64_t seed;
    int steps;
    double guidance;                 /* 0: the model's own */
};

/* Whether the name ends in .bvh, .h5 or .html. */
int motion_file_known(const char *path);
int motion_file_write(const char *path, const struct motion_file *m, struct error *e);

/* The part for .bvh alone: joints (frames, J, 3) times scale (metres a unit). Says on standard error how near the file is. */
int motion_file_bvh(const char *path, const float *joints, int frames, int njoints, double fps, double scale, struct error *e);

#endif
