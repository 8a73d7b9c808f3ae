/* The parts of procedural_motion.c: each fills the poses (frames) of its kinds of motion. The
 * heights of the pelvis are wishes, lowered afterwards to what the legs reach. */
#ifndef MLCM_PROCEDURAL_POSE_H
#define MLCM_PROCEDURAL_POSE_H

#include "figure.h"
#include "procedural_motion.h"

int procedural_gait(const struct procedural_motion *m, double fps, struct figure_pose *pose, struct error *e);
void procedural_action(const struct procedural_motion *m, double fps, struct figure_pose *pose);

#endif
