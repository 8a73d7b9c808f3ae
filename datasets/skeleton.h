/* The layout of a skeleton: what the motion representation needs to know of it. */
#ifndef MLCM_SKELETON_H
#define MLCM_SKELETON_H

#include "features.h"

enum { SKELETON_MAX_JOINTS = 22, SKELETON_CHAINS = 5, SKELETON_CHAIN_MAX = 6 };

struct skeleton {
    const char *name;
    int njoints, nfeatures;
    double fps;
    double contact_threshold;        /* squared displacement a frame, unit of the positions squared */
    const char *joint_name[SKELETON_MAX_JOINTS];
    int parent[SKELETON_MAX_JOINTS]; /* -1 for the root, joint 0 */
    double raw[SKELETON_MAX_JOINTS][3]; /* unit direction of a joint from its parent at rest */
    double length[SKELETON_MAX_JOINTS]; /* bone lengths of the reference skeleton; 0: not public */
    int chain[SKELETON_CHAINS][SKELETON_CHAIN_MAX], chain_length[SKELETON_CHAINS];
    int face[4];                     /* right hip, left hip, right shoulder, left shoulder */
    int feet[4];                     /* two of the left slot, two of the right slot */
    int leg[2];                      /* bones whose lengths set the scale of retargeting */
};

/* First channel of each block of a feature row, and the row's length. */
struct feature_layout {
    int height, local, rotation, velocity, contact, end;
};
struct feature_layout feature_layout_of(const struct skeleton *s);

/* 'l', 'r' or 'c': the side of the body that a joint is on, by its name. */
char skeleton_side(const struct skeleton *s, int joint);

/* The seven groups of the representation: group g is channels [bound[g], bound[g+1]). */
enum { FEATURE_GROUPS = 7 };
void feature_groups(const struct skeleton *s, int bound[FEATURE_GROUPS + 1]);

#endif
