/* Which joints are told where to be, and the signal that tells them (paper 4.3; OmniControl, Xie et al. 2024).
 *
 * A mask is (frames, njoints) bytes, 1 where a joint is controlled; a signal is (frames, njoints, 3)
 * floats, 0 where nothing is controlled. Positions are global, in metres, or normalised joint by
 * joint: (p - mean)/std with mean and std (njoints, 3). Draws come from the caller's generator, so a
 * mask is a function of its seed, stream and position. */
#ifndef MLCM_CONTROL_MASK_H
#define MLCM_CONTROL_MASK_H

#include "error.h"
#include "rng.h"

/* The initial poses' joints: pelvis, feet, head, wrists of the 22-joint skeleton. */
enum { CONTROL_POSE_JOINTS = 6 };
extern const int control_pose_joints[CONTROL_POSE_JOINTS];   /* 0, 10, 11, 15, 20, 21 */

/* Initial poses: the first ⌊frames·percent/100⌋ frames of all `count` joints. Errors (ERR_USAGE): an
 * unknown joint, a percentage outside (0, 100], one that leaves no frame. */
int control_mask_temporal(const int *joints, int count, double percent, int frames, int njoints, unsigned char *mask,
                          struct error *e);
/* The same with a percentage drawn uniformly from [low, high]: the training mask. */
int control_mask_temporal_draw(struct rng *r, const int *joints, int count, double low, double high, int frames,
                               int njoints, unsigned char *mask, struct error *e);

/* Frames that a density of the protocol controls: 1, 2 and 5 are numbers of frames, other
 * densities percentages. Errors: a density that is not positive, controls no frame or more frames
 * than there are. */
int control_density_frames(double density, int frames, int *count, struct error *e);
/* Testing: all `count` joints at the same randomly chosen frames. */
int control_mask_spatial(struct rng *r, const int *joints, int count, double density, int frames, int njoints,
                         unsigned char *mask, struct error *e);
/* Training: one of the joints, at 1 … frames-1 randomly chosen frames (never all). frames >= 2. */
int control_mask_spatial_draw(struct rng *r, const int *joints, int count, int frames, int njoints,
                              unsigned char *mask, struct error *e);

/* signal = (positions - mean)/std where controlled, else 0. positions (frames, njoints, 3) in metres.
 * Errors (ERR_INPUT): a controlled position that is not finite, named; a std that is not positive. */
int control_signal(const float *positions, const unsigned char *mask, const float *mean, const float *std, int frames,
                   int njoints, float *signal, struct error *e);
/* The way back: metres = signal·std + mean where controlled, else 0. */
int control_signal_metres(const float *signal, const unsigned char *mask, const float *mean, const float *std,
                          int frames, int njoints, float *metres, struct error *e);
/* Errors (ERR_INPUT): a value of `rows` frames that is not finite, or not 0 where nothing is controlled. */
int control_signal_check(const float *signal, const unsigned char *mask, int rows, int njoints, struct error *e);
/* Number of controlled joints in a mask of `rows` frames. */
int control_keypoints(const unsigned char *mask, int rows, int njoints);

#endif
