/* Control: does a motion pass where it was told to, and do its feet slide.
 *
 * Over the controlled keypoints (frame, joint) of one motion, e = |p - hint|:
 *   Traj. err.: 1 if any e exceeds the threshold, else 0
 *   Loc. err.:  share of keypoints whose e exceeds it
 *   Avg. err.:  mean e, in metres ("Control L2 dist" is the same quantity)
 * (OmniControl, Xie et al. 2024; MotionLCM uses the 50 cm columns.)
 * Direction: down. A set's value is the mean over motions, each weighing the
 * same. Samples: 1024 motions in the field. Bias: Traj. err. grows with the
 * number of keypoints, so results compare only at one density of hints. */
#ifndef MLCM_CONTROL_H
#define MLCM_CONTROL_H

#include "../engine/error.h"

enum { CONTROL_THRESHOLDS = 2 };
extern const double control_thresholds[CONTROL_THRESHOLDS];   /* 0.2 and 0.5 m */

struct control_errors {
    int keypoints;                            /* of a set: motions that had any */
    double trajectory[CONTROL_THRESHOLDS];    /* Traj. err. at each threshold */
    double location[CONTROL_THRESHOLDS];      /* Loc. err. */
    double average;                           /* Avg. err., metres */
};

/* One motion. joints, hint (frames, njoints, 3) in metres; mask (frames,
 * njoints), non-zero where controlled; distance (frames, njoints), NULL or the
 * errors with 0 where not controlled. Without any keypoint all results are 0
 * and keypoints says so. Errors: a non-finite controlled position (named). */
int control_errors(const float *joints, const float *hint, const unsigned char *mask, int frames,
                   int njoints, struct control_errors *out, double *distance, struct error *e);

/* Mean over the motions that have keypoints; ERR_INPUT if none has. */
int control_errors_mean(const struct control_errors *each, int count, struct control_errors *out,
                        struct error *e);

/* Foot skating ratio: share of frame pairs in which a foot slides. A foot slides
 * if its height is below 5 cm in both frames and its horizontal speed exceeds
 * 0.5 m/s, at the pair and averaged over a centred window of five pairs with
 * zeros outside (always divided by 5). Direction: down; real motions have 0.05
 * to 0.075, not 0. Published conventions: MotionLCM measures a motion's own
 * frames, OmniControl all 196 padded rows; pass the rows that shall count.
 * Both take 20 frames a second, for KIT-ML (12.5) as well. */
struct skating_rule {
    int feet[2];           /* joints: 10, 11 of 22; 15, 20 of KIT-ML's 21 */
    double scale;          /* metres a unit: 1, KIT-ML 0.001 */
    double fps;            /* 20 */
    double height;         /* metres, 0.05 */
    double speed;          /* metres a second, 0.5 */
};
struct skating_rule skating_rule_humanml3d(void);
struct skating_rule skating_rule_kit(void);

/* joints (frames, njoints, 3), frames >= 2, y up. speed (frames-1, 2): NULL, or
 * receives the averaged speed of each foot where in contact, else 0. */
int skating_ratio(const float *joints, int frames, int njoints, const struct skating_rule *rule,
                  double *ratio, double *speed, struct error *e);

#endif
