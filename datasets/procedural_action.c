/* Motions on the spot: jumps, squats, kicks, punches, waves, bows, sitting and standing up. */
#include "procedural_pose.h"

#include <math.h>

static const double at_ease = 0.012;   /* a standing figure's pelvis below straight legs, m */

/* Up from a to b, down again from c to d. */
static double bump(double t, double a, double b, double c, double d)
{
    return figure_ease(t, a, b) * (1 - figure_ease(t, c, d));
}

/* The shape of one repetition: its share from 0 to 1, and which it is. */
static double share_of(const struct procedural_motion *m, double time, int *which)
{
    double u = (time - m->start) / m->period;
    *which = (int)fmin(fmax(floor(u), 0), m->count - 1);
    return fmin(fmax(u - *which, 0), 1);
}

static enum procedural_side side_of(const struct procedural_motion *m, int which)
{
    return m->side == SIDE_BOTH ? (which % 2 ? SIDE_RIGHT : SIDE_LEFT) : m->side;
}

/* --- jumps ------------------------------------------------------------------------ */

static const double crouch = 0.24, landing = 0.20;

static double jump_height(const struct procedural_motion *m, double u)
{
    return -crouch * figure_ease(u, 0, 0.32) + (crouch + m->size) * figure_ease(u, 0.32, 0.57) -
           (m->size + landing) * figure_ease(u, 0.57, 0.82) + landing * figure_ease(u, 0.82, 1);
}

/* How far the balls of the feet are off the floor: 0 below the first height, then a smooth turn. */
static double off_floor(double height)
{
    const double from = 0.042, over = 0.05;
    double h = height - from;
    return 1.2 * (h <= 0 ? 0 : h < over ? 0.5 * h * h / over : h - 0.5 * over);
}

static void jump(const struct procedural_motion *m, double time, struct figure_pose *f)
{
    int which;
    double u = share_of(m, time, &which), height = jump_height(m, u), leave = 0.5, land = 0.5;
    while (off_floor(jump_height(m, leave)) > 0 && leave > 0.32) leave -= 0.002;
    for (land = 0.57; off_floor(jump_height(m, land)) > 0 && land < 0.82;) land += 0.002;
    double gone = which * m->travel, up = off_floor(height);
    double feet = gone + m->travel * figure_ease(u, leave, land);
    f->pelvis[1] += height;
    f->pelvis[2] = gone + m->travel * figure_ease(u, 0.28, 0.84) - 0.3 * fmax(0, -height) * 0.4;
    double low = bump(u, 0, 0.3, 0.36, 0.52), down = bump(u, 0.62, 0.8, 0.84, 1);
    f->tilt += 0.35 * low + 0.25 * down;
    f->bend += 0.45 * low + 0.30 * down;
    for (int side = 0; side < 2; side++) {
        f->foot[side].ball[1] += up;
        f->foot[side].ball[2] += feet;
        f->foot[side].pitch += 0.75 * figure_ease(height, -0.045, 0.065);
        f->arm[side].raise += -0.75 * low + 2.2 * bump(u, 0.34, 0.52, 0.6, 0.9);
        f->arm[side].aside = 0.25;
        f->arm[side].bend += 0.3 * low;
    }
}

/* --- kicks and punches ------------------------------------------------------------- */

static void foot_by_ankle(struct figure_foot *foot, double left, double up, double forward, double pitch)
{
    const double bone = 0.1464;
    foot->pitch = pitch;
    foot->ball[0] = left + bone * cos(pitch) * sin(foot->heading);
    foot->ball[1] = up - bone * sin(pitch);
    foot->ball[2] = forward + bone * cos(pitch) * cos(foot->heading);
}

static void kick(const struct procedural_motion *m, double time, struct figure_pose *f)
{
    int which, aside = m->kind == MOTION_SIDE_KICK;
    double u = share_of(m, time, &which);
    enum procedural_side side = side_of(m, which);
    double sign = side == SIDE_RIGHT ? -1 : 1, shift = bump(u, 0, 0.2, 0.8, 1);
    double lifted = bump(u, 0.12, 0.36, 0.62, 0.90), out = bump(u, 0.34, 0.52, 0.55, 0.72) * lifted;
    struct figure_foot *foot = &f->foot[side];
    double hip = 0.88, far = sqrt(0.75 * 0.75 - (hip - m->size) * (hip - m->size));
    double left = 0.5 * m->stance, forward = 0, up = figure_ball_height + 0.06, pitch = figure_flat;
    left += lifted * (aside ? 0.06 : -0.02) + out * (aside ? 0.88 * far - 0.1 : 0);
    forward += lifted * (aside ? 0.10 : 0.20) + out * (aside ? -0.06 : far - 0.24);
    up += lifted * 0.34 + out * (m->size - 0.42);
    pitch += 0.6 * bump(u, 0.2, 0.34, 0.36, 0.5) - 0.5 * out + 0.35 * bump(u, 0.6, 0.7, 0.72, 0.84);
    foot_by_ankle(foot, sign * left, up, forward, pitch);
    f->pelvis[0] -= sign * 0.07 * shift;
    f->roll -= sign * (aside ? 0.22 : 0.06) * out;
    f->side -= sign * (aside ? 0.30 : 0.02) * out;
    f->tilt -= aside ? 0 : 0.10 * out;
    f->bend += 0.10 * lifted - (aside ? 0 : 0.05 * out);
    for (int k = 0; k < 2; k++) {
        f->arm[k].raise += 0.45 * shift;
        f->arm[k].aside = aside ? 0.8 : 0.3;
        f->arm[k].bend += 1.0 * shift;
    }
}

static void punch(const struct procedural_motion *m, double time, struct figure_pose *f)
{
    int which;
    double u = share_of(m, time, &which);
    enum procedural_side side = side_of(m, which);
    double sign = side == SIDE_RIGHT ? -1 : 1, out = bump(u, 0.06, 0.42, 0.48, 0.94);
    f->pelvis[1] -= 0.06;
    f->bend += 0.08 + 0.10 * out;
    f->turn = -sign * 0.28 * out;
    for (int k = 0; k < 2; k++) {
        struct figure_arm *a = &f->arm[k];
        double go = k == (int)side ? out : 0;
        f->foot[k].ball[2] += k ? -0.14 : 0.16;
        a->raise = 0.55 + 0.95 * go;
        a->aside = 0.25 - 0.35 * go;
        a->bend = 2.15 - 1.95 * go;
        a->twist = -0.25 * (1 - go);
    }
}

/* --- the rest ---------------------------------------------------------------------- */

static void squat(const struct procedural_motion *m, double time, struct figure_pose *f)
{
    int which;
    double u = share_of(m, time, &which), down = bump(u, 0, 0.45, 0.52, 0.97), deep = m->size / 0.5;
    f->pelvis[1] -= m->size * down;
    f->pelvis[2] -= 0.17 * deep * down;
    f->tilt += 0.35 * deep * down;
    f->bend += 0.35 * deep * down;
    f->nod -= 0.3 * deep * down;
    for (int k = 0; k < 2; k++) {
        f->arm[k].raise += 1.75 * down;
        f->arm[k].bend -= 0.12 * down;
    }
}

static void wave(const struct procedural_motion *m, double time, struct figure_pose *f)
{
    double end = m->start + m->period, up = bump(time, m->start, m->start + 0.7, end - 0.7, end);
    double swinging = bump(time, m->start + 0.45, m->start + 0.8, end - 0.8, end - 0.45);
    double swing = swinging * sin(2 * M_PI * m->rate * (time - m->start));
    for (int k = 0; k < 2; k++) {
        if (m->side != SIDE_BOTH && k != (int)m->side)
            continue;
        struct figure_arm *a = &f->arm[k];
        a->raise += m->size * up;
        a->aside = 1.15 * up;
        a->bend += 0.75 * up + 0.42 * swing;
    }
}

static void bow(const struct procedural_motion *m, double time, struct figure_pose *f)
{
    int which;
    double u = share_of(m, time, &which), down = m->size * bump(u, 0, 0.4, 0.55, 0.97);
    f->tilt += 0.45 * down;
    f->bend += 0.55 * down;
    f->pelvis[2] -= 0.09 * down;
    f->nod += 0.2 * down;
    for (int k = 0; k < 2; k++)
        f->arm[k].raise += 0.22 * down;
}

/* Down onto a seat, from it, or both; period: of one way. */
static void sit(const struct procedural_motion *m, double time, struct figure_pose *f)
{
    double s = m->start, p = m->period, down, rising = 0;
    if (m->kind == MOTION_STAND_UP) {
        down = 1 - figure_ease(time, s, s + p);
        rising = bump(time, s - 0.1 * p, s + 0.4 * p, s + 0.5 * p, s + 1.05 * p);
    } else {
        down = figure_ease(time, s, s + p);
        rising = bump(time, s - 0.05 * p, s + 0.5 * p, s + 0.6 * p, s + 1.15 * p);
        if (m->kind == MOTION_SIT_AND_STAND) {
            double up = s + p + m->rate;           /* rate: seconds of sitting */
            down *= 1 - figure_ease(time, up, up + p);
            rising += bump(time, up - 0.1 * p, up + 0.4 * p, up + 0.5 * p, up + 1.05 * p);
        }
    }
    f->pelvis[1] -= m->size * down;
    f->pelvis[2] -= 0.40 * down;
    f->tilt += 0.30 * rising;
    f->bend += 0.40 * rising + 0.06 * down;
    for (int k = 0; k < 2; k++) {
        f->arm[k].raise += 0.50 * down + 0.25 * rising;
        f->arm[k].bend += 0.55 * down;
    }
}

void procedural_action(const struct procedural_motion *m, double fps, struct figure_pose *pose)
{
    static void (*const parts[MOTION_KINDS])(const struct procedural_motion *, double, struct figure_pose *) = {
        [MOTION_JUMP] = jump, [MOTION_SQUAT] = squat, [MOTION_KICK] = kick, [MOTION_SIDE_KICK] = kick,
        [MOTION_PUNCH] = punch, [MOTION_WAVE] = wave, [MOTION_BOW] = bow, [MOTION_SIT] = sit,
        [MOTION_STAND_UP] = sit, [MOTION_SIT_AND_STAND] = sit};
    for (int t = 0; t < m->frames; t++) {
        double time = t / fps, breath = sin(2 * M_PI * (0.3 * time + m->phase));
        struct figure_pose f = figure_standing(m->stance);
        f.pelvis[0] = 0.004 * breath;
        f.pelvis[1] -= at_ease;
        f.bend = m->lean + 0.012 * breath;
        f.nod = m->nod;
        for (int k = 0; k < 2; k++) {
            f.arm[k].raise = 0.06 + m->swing;
            f.arm[k].bend = m->elbow;
        }
        parts[m->kind](m, time, &f);
        pose[t] = f;
    }
}
