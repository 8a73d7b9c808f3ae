/* Motions of a jointed figure, computed from a few numbers: gaits, jumps, squats, kicks, punches,
 * waves, bows, sitting down and standing up. For machines without recordings, and for tests.
 *
 * Feet that stand do not move, no joint is below the floor, bones keep their lengths, and the
 * pelvis is never higher than both legs can reach. */
#ifndef MLCM_PROCEDURAL_MOTION_H
#define MLCM_PROCEDURAL_MOTION_H

#include "../engine/error.h"

enum procedural_kind {
    MOTION_WALK, MOTION_RUN, MOTION_SNEAK, MOTION_MARCH,   /* gaits */
    MOTION_JUMP, MOTION_SQUAT, MOTION_KICK, MOTION_SIDE_KICK, MOTION_PUNCH, MOTION_WAVE, MOTION_BOW,
    MOTION_SIT, MOTION_STAND_UP, MOTION_SIT_AND_STAND,
    MOTION_KINDS
};

enum procedural_side { SIDE_LEFT, SIDE_RIGHT, SIDE_BOTH };

/* Angles in radians, left positive; lengths in metres; times in seconds. */
struct procedural_motion {
    enum procedural_kind kind;
    int frames;
    /* gaits */
    double speed, direction;       /* of travel, from facing: 0 forward, pi/2 to the left, pi backward */
    double turn;                   /* of the heading, from the first frame to the last */
    int evenly;                    /* 1: all along, a circle; 0: in the middle of the clip */
    double step_rate, phase;       /* steps a second; 0 … 2, where in the stride the clip begins, in steps */
    /* actions */
    int count;                     /* how often */
    enum procedural_side side;     /* of the leg or the hands; both: in turn, waving together */
    double size;                   /* height of a jump, depth of a squat, height of a kick's ankle (m); angle of a bow */
    double travel;                 /* of a jump, forward */
    double start, period;          /* the first begins; one follows the other. Sitting: period of going down or up */
    double rate;                   /* of waving: swings to and fro a second */
    /* posture */
    double stance;                 /* distance of the feet */
    double lean, nod;              /* of the trunk and the head, forward */
    double swing, elbow;           /* of the arms in a gait: amplitude; bend of the elbows */
};

/* joints (frames, 22, 3) in metres, y up, the floor at y = 0, starting over the origin and facing +z.
 * Errors: no memory; ERR_INTERNAL where a leg cannot reach its foot (a stride too long for the speed). */
int procedural_motion(const struct procedural_motion *m, double fps, double *joints, struct error *e);

#endif
