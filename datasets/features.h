/* The HumanML3D / KIT-ML motion representation, both ways.
 *
 * Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text".
 * World axes: y up; positions in metres (HumanML3D) or millimetres (KIT-ML).
 * A feature row: root angular velocity (half angle), root linear velocity x and z,
 * root height, local positions, 6D rotations, local velocities, foot contacts. */
#ifndef MLCM_FEATURES_H
#define MLCM_FEATURES_H

#include "../engine/error.h"

struct skeleton;                       /* layout: joints, parents, chains, raw directions, feet … */
const struct skeleton *skeleton_humanml3d(void);   /* 22 joints, 263 features, metres */
const struct skeleton *skeleton_kit(void);         /* 21 joints, 251 features, millimetres */
/* The skeleton with so many joints or features, or NULL. */
const struct skeleton *skeleton_of_joints(int njoints);
const struct skeleton *skeleton_of_features(int nfeatures);
int skeleton_joints(const struct skeleton *s);
int skeleton_features(const struct skeleton *s);
const char *skeleton_joint_name(const struct skeleton *s, int joint);
int skeleton_parent(const struct skeleton *s, int joint);      /* -1 for the root */

/* joints (J, 3): the reference skeleton at rest, for its bone lengths. Returns -1
 * where they are not public (KIT-ML). */
int skeleton_reference(const struct skeleton *s, double *joints);

/* joints (n, J, 3) of n >= 2 frames -> features (n-1, F).
 * reference (J, 3): a frame of the reference skeleton, for its bone lengths; NULL:
 * skeleton_reference, or where there is none the motion's own first frame.
 * Errors: non-finite input, a bone of zero length, naming the frame. */
int features_from_joints(const struct skeleton *s, const double *joints, int n,
                         const double *reference, float *features, struct error *e);

/* features (n, F), not normalised -> joints (n, J, 3), by recover_from_ric. */
void joints_from_features(const struct skeleton *s, const float *features, int n, float *joints);

/* Mirrors joints in place: negates x, swaps sides; J is 22 or 52 (SMPL+H: also the hands). */
void joints_mirror(double *joints, int n, int njoints);

/* The stages of features_from_joints, in its order. */

/* offsets (J, 3) = bone lengths of one frame (J, 3) times the raw directions. */
void skeleton_offsets(const struct skeleton *s, const double *frame, double *offsets);

/* Inverse kinematics: joints (n, J, 3) -> local rotations (n, J, 4) as quaternions
 * (w, x, y, z). The facing direction adds the hip line and subtracts the shoulder
 * line, the root rotation of frame 0 is the identity, and arm chains start from the
 * root rotation: as in the published data. `smooth`: the facing direction is
 * filtered by a Gaussian of 20 frames. */
int skeleton_inverse(const struct skeleton *s, const double *joints, int n, int smooth,
                     double *local, struct error *e);

/* Forward kinematics: local (n, J, 4), root (n, 3), offsets (J, 3) -> joints (n, J, 3). */
void skeleton_forward(const struct skeleton *s, const double *local, const double *root,
                      const double *offsets, int n, double *joints);

/* The motion on the reference skeleton: out (n, J, 3). Root path scaled by leg length. */
int joints_retarget(const struct skeleton *s, const double *joints, int n, const double *reference,
                    double *out, struct error *e);

/* Floor at y = 0, root of frame 0 over the origin, frame 0 facing +z: in place. */
int joints_canonical(const struct skeleton *s, double *joints, int n, struct error *e);

/* Canonical joints (n, J, 3) -> features (n-1, F). A foot is in contact if its
 * squared displacement to the next frame is below `contact_threshold`; 0 takes the
 * skeleton's own. */
int features_from_canonical(const struct skeleton *s, const double *joints, int n,
                            double contact_threshold, float *features, struct error *e);

/* The stages of recovery: root rotation (n, 4) and position (n, 3) from features (n, F). */
void root_from_features(const struct skeleton *s, const float *features, int n,
                        double *rotation, double *position);

/* Joints (n, J, 3) from the 6D rotations by forward kinematics with offsets (J, 3).
 * Not identical to joints_from_features; for looking at, not for measuring. */
int joints_from_rotations(const struct skeleton *s, const float *features, int n,
                          const double *offsets, float *joints, struct error *e);

#endif
