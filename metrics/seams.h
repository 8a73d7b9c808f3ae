/* Seams of a motion that was joined from segments: is the jerk there what it is inside?
 *
 * Jerk: third difference over four frames, mean over the joints (physical.h). A seam is where a segment
 * begins, with the frames over which it was faded in; its jerk is the mean over all third differences that
 * touch one of these frames or, without any, pass the border. All others are inside.
 * Unit: m/s³; ratios to the median inside. Direction: a ratio near 1; below, the fade is smoother than the
 * motion. Bias: jerk inside is skewed, its mean above its median: a seam that is just like the inside has a
 * ratio a little above 1. */
#ifndef MLCM_SEAMS_H
#define MLCM_SEAMS_H

#include "../engine/error.h"

struct seams {
    int count;
    double inside;           /* median jerk inside segments */
    double inside_p99;       /* its 99th percentile */
    double median, worst;    /* of the seams' jerk */
    double peak;             /* the largest single third difference at a seam */
};

/* joints (frames, njoints, 3) metres; first (count): ascending frames at which segments after the first begin;
 * faded: frames of each fade, 0: a hard cut. each (count): NULL or receives the seams' jerk.
 * Errors: too few frames, a seam outside, a non-finite position, nothing left inside. */
int seam_jerk(const float *joints, int frames, int njoints, double fps, const int *first, int count, int faded,
              struct seams *out, double *each, struct error *e);

#endif
