/* Gaits: the path of the pelvis first, then steps planted along it, then feet that go from
 * one step to the next. */
#include "procedural_pose.h"

#include <math.h>
#include <stdlib.h>

enum { GRID = 200 };                   /* points of the path a second */
static const double margin = 2;        /* seconds of path before and behind the clip */

/* What tells one gait from another. */
struct gait {
    double duty;                       /* share of the stride that a foot stands */
    double lower;                      /* of the pelvis, m */
    double bounce;                     /* of the pelvis over a step, m; lowest in the middle of a stance */
    double lift;                       /* of the foot in its swing, m */
    double heel;                       /* further pitch of the foot when it leaves the floor */
    double yaw, sway;                  /* of the pelvis: turning, sideways */
};

static const struct gait gaits[] = {
    [MOTION_WALK] = {0.58, 0.012, 0, 0.115, 0.55, 0.09, 0.018},
    [MOTION_RUN] = {0.37, 0.055, 0.028, 0.20, 0.75, 0.12, 0.008},
    [MOTION_SNEAK] = {0.62, 0.15, 0, 0.15, 0.35, 0.06, 0.030},
    [MOTION_MARCH] = {0.56, 0.012, 0, 0.27, 0.65, 0.05, 0.012},
};

struct path {
    double *x, *z, *heading;
    double from;                       /* time of the first point */
    int points;
};

static double along(const struct path *p, const double *values, double time)
{
    double at = (time - p->from) * GRID;
    int i = (int)fmin(fmax(floor(at), 0), p->points - 2);
    return values[i] + (at - i) * (values[i + 1] - values[i]);
}

static int path_make(const struct procedural_motion *m, double fps, struct path *p, struct error *e)
{
    double length = (m->frames - 1) / fps;
    p->from = -margin;
    p->points = (int)((length + 2 * margin) * GRID) + 2;
    p->x = malloc(3 * (size_t)p->points * sizeof *p->x);
    if (!p->x)
        return error_memory(e, "a path");
    p->z = p->x + p->points;
    p->heading = p->z + p->points;
    int zero = (int)(margin * GRID);
    double x = 0, z = 0;
    for (int i = 0; i < p->points; i++) {
        double time = p->from + (double)i / GRID;
        p->heading[i] = m->turn * (m->evenly ? time / length : figure_ease(time / length, 0.25, 0.8));
        p->x[i] = x;
        p->z[i] = z;
        x += m->speed / GRID * sin(p->heading[i] + m->direction);
        z += m->speed / GRID * cos(p->heading[i] + m->direction);
    }
    for (int i = 0; i < p->points; i++) {          /* over the origin at time 0 */
        double dx = p->x[zero], dz = p->z[zero];
        if (i == zero)
            continue;
        p->x[i] -= dx;
        p->z[i] -= dz;
    }
    p->x[zero] = p->z[zero] = 0;
    return 0;
}

/* The ball of a foot and its heading while it stands for the step whose middle is at `time`. */
static struct figure_foot step_at(const struct procedural_motion *m, const struct path *p, int side, double time)
{
    double sign = side ? -1 : 1, heading = along(p, p->heading, time);
    double behind = -0.05 * m->speed * cos(m->direction);
    double left = sign * 0.5 * m->stance, forward = behind + 0.13;
    struct figure_foot f = {.heading = heading + sign * 0.08, .pitch = figure_flat};
    f.ball[0] = along(p, p->x, time) + left * cos(heading) + forward * sin(heading);
    f.ball[1] = figure_ball_height;
    f.ball[2] = along(p, p->z, time) - left * sin(heading) + forward * cos(heading);
    return f;
}

/* A foot at a time: standing on one step, or on the way to the next. Steps of a side are a
 * stride apart; `first` is the middle of one of them. */
static struct figure_foot foot_at(const struct procedural_motion *m, const struct path *p, int side, double first,
                                  double time)
{
    const struct gait *g = &gaits[m->kind];
    double stride = 2 / m->step_rate, stance = g->duty * stride, swing = stride - stance;
    double middle = first + stride * floor((time - first + 0.5 * stance) / stride), since = time - middle;
    struct figure_foot a = step_at(m, p, side, middle), b = step_at(m, p, side, middle + stride);
    double off = 0.5 * stance, u = (since - off) / swing;
    double go = figure_ease(u, 0.08, 0.95), strength = fmin(1, m->speed / 1.1), forward = cos(m->direction);
    double heel = g->heel * strength * fmax(0.25, forward);
    for (int k = 0; k < 3; k++)
        a.ball[k] += go * (b.ball[k] - a.ball[k]);
    a.heading += go * (b.heading - a.heading);
    double up = figure_ease(u, 0, 0.28) * (1 - figure_ease(u, 0.62, 1));
    a.ball[1] += g->lift * (0.4 + 0.6 * strength) * up;
    a.pitch += heel * figure_ease(since, 0.2 * off, off + 0.2 * swing) * (1 - figure_ease(u, 0.2, 0.85));
    return a;
}

int procedural_gait(const struct procedural_motion *m, double fps, struct figure_pose *pose, struct error *e)
{
    const struct gait *g = &gaits[m->kind];
    struct path p;
    int rc = path_make(m, fps, &p, e);
    if (rc)
        return rc;
    double forward = cos(m->direction), strength = fmin(1.2, m->speed / 1.2);
    for (int t = 0; t < m->frames; t++) {
        double time = t / fps, cycle = M_PI * (time * m->step_rate - m->phase);   /* 0: the left foot's middle */
        double legs = sin(cycle) * forward, heading = along(&p, p.heading, time);
        double sway = g->sway * cos(cycle);
        struct figure_pose f = figure_standing(m->stance);
        f.heading = heading;
        f.pelvis[0] = along(&p, p.x, time) + sway * cos(heading);
        f.pelvis[1] = figure_stand - g->lower - g->bounce * cos(2 * cycle);
        f.pelvis[2] = along(&p, p.z, time) - sway * sin(heading);
        f.tilt = 0.3 * m->lean;
        f.roll = -0.03 * cos(cycle);
        f.bend = 0.7 * m->lean;
        f.side = 0.03 * cos(cycle);
        f.nod = m->nod;
        /* The pelvis goes with the legs, the shoulders against them. */
        double yaw = g->yaw * strength * legs;
        f.heading += yaw;
        f.turn = -1.8 * yaw;
        for (int side = 0; side < 2; side++) {
            double sign = side ? -1 : 1;
            f.foot[side] = foot_at(m, &p, side, (m->phase + side) / m->step_rate, time);
            f.arm[side].raise = 0.04 + sign * m->swing * legs + (m->kind == MOTION_SNEAK ? 0.45 : 0);
            f.arm[side].bend = m->elbow + 0.35 * m->swing * (1 + sign * legs);
            f.arm[side].twist = -0.15;
        }
        pose[t] = f;
    }
    free(p.x);
    return 0;
}
