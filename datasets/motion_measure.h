/* What can be read off a motion's joints: paces, turns, hands, posture.
 *
 * Joints are SMPL's first 22 in metres, y up, before retargeting, so that heights
 * and distances are the actor's own. Every measure is a plain number; the words
 * that a number deserves are chosen elsewhere, with zones of silence between. */
#ifndef MLCM_MOTION_MEASURE_H
#define MLCM_MOTION_MEASURE_H

#include "../engine/error.h"

enum { HAND_LEFT, HAND_RIGHT };

struct motion_measure {
    double speed;          /* m/s: length of the smoothed root path over the time */
    double distance;       /* m: length of that path */
    double turn;           /* degrees from the first to the last heading, left positive */
    double turn_left, turn_right; /* degrees: furthest heading to either side of the first */
    double travel;         /* degrees from facing to the direction of travel, left positive;
                              0 when the body hardly travels */
    int steps;             /* swings of one ankle past the other along the heading,
                              one under way in the first frame counted */
    double pitch;          /* degrees: mean forward lean of pelvis -> neck */
    double pitch_max;      /* degrees: its 95th percentile */
    double head_pitch;     /* degrees: mean forward lean of neck -> head */
    double stance;         /* m: median distance of the ankles across the facing direction */
    double arm_swing;      /* m: range of the wrists along the heading, mean of both */
    double elbow;          /* degrees: mean angle at the elbows, 180 = straight */
    double hand_height[2]; /* m: highest wrist above the head joint */
    double hand_up[2];     /* s: time the wrist spends in the upper half of its rise */
    double waves[2];       /* to-and-fro swings of the forearm while the hand is up */
    double wave_width[2];  /* m: median distance between the ends of a swing */
    double wave_rate[2];   /* swings a second */
    double on_hip[2];      /* share of the time the hand rests on the hip, elbow out */
};

/* joints (n, 22, 3), n >= 4; fps > 0. Errors: too short, non-finite. */
int motion_measure(const double *joints, int n, double fps, struct motion_measure *out,
                   struct error *e);

#endif
