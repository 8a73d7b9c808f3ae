/* A jointed figure of 22 joints and fixed bone lengths: from a pose to the joints' places.
 *
 * World axes: y up, metres; a heading of 0 faces +z, angles in radians, left positive. The
 * figure is alike on both sides: bone lengths are HumanML3D's reference skeleton's, the mean
 * of left and right. */
#ifndef MLCM_FIGURE_H
#define MLCM_FIGURE_H

enum { FIGURE_JOINTS = 22, FIGURE_LEFT = 0, FIGURE_RIGHT = 1 };

/* A foot by its ball (the toe joint) and the heel above or below it. */
struct figure_foot {
    double ball[3];
    double heading;
    double pitch;                      /* of the foot: figure_flat on the floor, more with the heel up */
};

/* An arm hangs at 0, a little off the body. */
struct figure_arm {
    double raise;                      /* of the upper arm from hanging, 0 … pi */
    double aside;                      /* where to: 0 to the front, pi/2 to its own side */
    double twist;                      /* of the elbow's plane about the upper arm */
    double bend;                       /* of the elbow, 0 = straight */
};

struct figure_pose {
    double pelvis[3], heading, tilt, roll;   /* tilt: forward; roll: to the left */
    double bend, side, turn;                 /* of the trunk, from the pelvis to the neck: forward, left, left */
    double nod;                              /* of the head, forward */
    struct figure_arm arm[2];
    struct figure_foot foot[2];
};

/* Heights in metres of a ball of the foot and of the ankle above it while the foot is flat on
 * the floor; the pelvis' height with straight legs; the pitch of a flat foot. */
extern const double figure_ball_height, figure_stand, figure_flat;

/* A figure that stands at ease: hands hanging, feet flat and `stance` metres apart. */
struct figure_pose figure_standing(double stance);

/* joints (22, 3). The knees are bent so that the ankles are where the feet want them. Returns
 * how far a leg is stretched, 1 = straight: above 1 the foot could not be reached and the
 * ankle lies on the way to it. */
double figure_joints(const struct figure_pose *p, double *joints);

/* The greatest height of the pelvis at which both legs, stretched to `share` of their length,
 * still reach the feet. */
double figure_highest_pelvis(const struct figure_pose *p, double share);

/* joints (22, 3) at rest, for the bone lengths: the `reference` of features_from_joints. */
void figure_reference(double *joints);

/* 0 before `from`, 1 after `to`; between them the path of least jerk. */
double figure_ease(double t, double from, double to);

#endif
