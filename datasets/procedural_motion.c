#include "procedural_motion.h"

#include "procedural_pose.h"

#include <math.h>
#include <stdlib.h>

/* Legs stretch to this share of their length; beyond the limit a foot would leave its place. */
static const double stretch = 0.992, limit = 0.9995;

enum { SMOOTH = 3 };                   /* frames to either side over which the pelvis is lowered */

/* Lowers the pelvis where the legs do not reach: by the greatest excess of the frames around,
 * smoothed, so that it is lowered by at least its own excess. */
static void settle(const struct procedural_motion *m, struct figure_pose *pose, double *excess, double *greatest)
{
    static const double weight[SMOOTH + 1] = {20, 15, 6, 1};
    int n = m->frames;
    for (int t = 0; t < n; t++)
        excess[t] = fmax(0, pose[t].pelvis[1] - figure_highest_pelvis(&pose[t], stretch));
    for (int t = 0; t < n; t++) {
        greatest[t] = 0;
        for (int k = -SMOOTH; k <= SMOOTH; k++)
            if (t + k >= 0 && t + k < n)
                greatest[t] = fmax(greatest[t], excess[t + k]);
    }
    for (int t = 0; t < n; t++) {
        double sum = 0, weights = 0;
        for (int k = -SMOOTH; k <= SMOOTH; k++)
            if (t + k >= 0 && t + k < n) {
                sum += weight[abs(k)] * greatest[t + k];
                weights += weight[abs(k)];
            }
        pose[t].pelvis[1] -= sum / weights;
    }
}

int procedural_motion(const struct procedural_motion *m, double fps, double *joints, struct error *e)
{
    size_t n = (size_t)m->frames;
    struct figure_pose *pose = malloc(n * sizeof *pose);
    double *excess = malloc(2 * n * sizeof *excess);
    int rc = pose && excess ? 0 : error_memory(e, "a motion");
    if (!rc && m->kind <= MOTION_MARCH)
        rc = procedural_gait(m, fps, pose, e);
    else if (!rc)
        procedural_action(m, fps, pose);
    if (!rc)
        settle(m, pose, excess, excess + n);
    for (int t = 0; t < m->frames && !rc; t++) {
        double stretched = figure_joints(&pose[t], joints + (size_t)t * FIGURE_JOINTS * 3);
        if (!(stretched < limit))
            rc = error_set(e, ERR_INTERNAL, "frame %d: a leg is stretched to %.3f of its length", t, stretched);
    }
    free(pose);
    free(excess);
    return rc;
}
