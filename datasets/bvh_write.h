/* Joint positions as a BVH file with joint rotations, for animation programs.
 *
 * The file has the skeleton's joints by name, in a T-pose at rest (y up, facing +z, left at +x), constant offsets,
 * ZXY rotations, the root's position, metres. Positions do not say everything that such a file holds, so:
 *
 * - Each bone's length is its mean over the motion. Where several bones leave a joint (pelvis, upper spine), their
 *   directions at rest relative to each other are the motion's own means (generalised Procrustes analysis), since one
 *   rotation turns them all.
 * - The rotation of such a joint is the best fit to the bones that leave it (Horn 1987, unit quaternions). Any other
 *   joint turns its one bone by the shortest arc from its parent's orientation, so that limbs do not twist.
 * - A bone aims at the joint's position from where its own beginning came to lie: what differs in length at one bone
 *   is not carried on to the next.
 *
 * A motion with constant bones is met to the last printed digit; of any other one the fit's largest distance is told. */
#ifndef MLCM_BVH_WRITE_H
#define MLCM_BVH_WRITE_H

#include "features.h"

struct bvh_fit {
    double largest, mean;      /* distance of the file's joints from those given, metres */
    int frame, joint;          /* where it is largest */
    double stretch;            /* largest relative difference of a bone's length from its mean */
};

/* joints (frames, J, 3), frames >= 1, in metres; 1/fps is the frame time. Atomic. fit may be NULL.
 * Errors: non-finite positions, a bone of zero length, naming frame and joint; a file that cannot be written. */
int bvh_write(const char *path, const struct skeleton *s, const double *joints, int frames, double fps,
              struct bvh_fit *fit, struct error *e);

#endif
