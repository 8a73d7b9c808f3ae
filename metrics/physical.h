/* Physical metrics: what an eye would object to in one motion, without any
 * reference. y is up; positions are metres. All: direction down, or rather near
 * the value of real motions, which is not 0 and is always printed beside them.
 * Samples: a clip. Bias: none known, but all depend on how joints are obtained
 * from features, so compare only values of one pipeline. */
#ifndef MLCM_PHYSICAL_H
#define MLCM_PHYSICAL_H

#include "../engine/error.h"

struct physical_rule {
    const int *feet;       /* joints that touch the floor */
    int nfeet;
    const int *parents;    /* (njoints), -1 at the root */
    double fps;
    double floor;          /* height of the floor, metres */
    double contact;        /* a foot below floor + contact touches, metres; 0.05 */
};

struct physical {
    double jitter;             /* mean |third difference| · fps³, m/s³ (jerk) */
    double foot_sliding;       /* mean horizontal speed of touching feet, m/s */
    double floor_penetration;  /* mean depth of the deepest joint below the floor, m */
    double bone_variation;     /* mean over bones of std / mean of its length */
    long contacts;             /* foot contacts behind foot_sliding; 0: it is 0 too */
};

/* joints (frames, njoints, 3), frames >= 4.
 * Errors: a non-finite position (frame and joint named), a parent out of range. */
int physical_metrics(const float *joints, int frames, int njoints, const struct physical_rule *rule,
                     struct physical *out, struct error *e);

/* jerk (frames - 3): the mean over the joints of |third difference| · fps³ over frames t … t+3, m/s³; its mean
 * over t is the jitter. joints (frames, njoints, 3), finite. */
void joint_jerk(const float *joints, int frames, int njoints, double fps, double *jerk);

#endif
