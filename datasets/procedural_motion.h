/* Motions of a jointed stick figure, computed from a few numbers: walking, running,
 * turning, bowing, raising and waving hands. For fresh machines and tests. */
#ifndef MLCM_PROCEDURAL_MOTION_H
#define MLCM_PROCEDURAL_MOTION_H

/* Angles in radians, lengths in metres, times in seconds. */
struct procedural_motion {
    /* path */
    double speed;              /* along the facing direction; negative: backward */
    double drift;              /* direction of travel from facing, left positive */
    double turn;               /* total, left positive, in the middle third of the clip */
    double step_rate;          /* steps a second */
    /* posture */
    double lean, head, stance; /* forward lean, forward lean of the head, distance of the feet */
    double arm_swing;          /* amplitude at the shoulder */
    double elbow;              /* bend at the elbow, 0 = straight */
    double bounce;             /* amplitude of the root's height */
    double bow;                /* largest further lean, in the middle of the clip */
    /* hands: left, right */
    double raise[2];           /* shoulder angle of the raised arm from hanging, 0: not raised */
    double raise_start, raise_end; /* share of the clip at which hands go up and come down */
    double wave_rate, wave_width;  /* swings a second and angle of the forearm while up */
    double phase;              /* of the gait, 0 … 2 pi */
};

/* joints (n, 22, 3) in metres, y up, starting at the origin and facing +z; feet on
 * the floor are planted while they carry the figure. */
void procedural_motion(const struct procedural_motion *m, int n, double fps, double *joints);

#endif
