#include "figure.h"

#include "rotation.h"
#include "skeleton.h"

#include <math.h>
#include <string.h>

enum {
    PELVIS, LEFT_HIP, RIGHT_HIP, SPINE1, LEFT_KNEE, RIGHT_KNEE, SPINE2, LEFT_ANKLE, RIGHT_ANKLE, SPINE3,
    LEFT_BALL, RIGHT_BALL, NECK, LEFT_COLLAR, RIGHT_COLLAR, HEAD, LEFT_SHOULDER, RIGHT_SHOULDER,
    LEFT_ELBOW, RIGHT_ELBOW, LEFT_WRIST, RIGHT_WRIST
};

/* Bone lengths from the parent, metres: the means of both sides of skeleton.c. */
static const double length[FIGURE_JOINTS] = {
    0, 0.1065, 0.1065, 0.1316, 0.3920, 0.3920, 0.1432, 0.4290, 0.4290, 0.0574, 0.1464, 0.1464, 0.2194,
    0.1404, 0.1404, 0.1030, 0.1273, 0.1273, 0.2600, 0.2600, 0.2679, 0.2679};

/* Directions of the bones that do not bend, of the left side: left, up, forward. */
static const double hip_direction[3] = {0.545, -0.838, 0.0}, collar_direction[3] = {0.62, 0.78, -0.08},
                    shoulder_direction[3] = {0.97, 0.22, -0.10};

static const double arm_spread = 0.14;             /* of a hanging arm from the trunk's line */

const double figure_ball_height = 0.02, figure_stand = 0.9903, figure_flat = 0.4223;

/* An orthonormal frame: left, up, forward of a part of the body. */
struct frame {
    double left[3], up[3], forward[3];
};

static void mix(double a, const double *x, double b, const double *y, double *out)
{
    for (int k = 0; k < 3; k++)
        out[k] = a * x[k] + b * y[k];
}

/* Turns a frame about its own up (to the left), left (forward) or forward axis (to the left). */
static struct frame turned(const struct frame *f, double angle)
{
    struct frame g = *f;
    mix(cos(angle), f->left, -sin(angle), f->forward, g.left);
    mix(cos(angle), f->forward, sin(angle), f->left, g.forward);
    return g;
}

static struct frame leaned(const struct frame *f, double angle)
{
    struct frame g = *f;
    mix(cos(angle), f->up, sin(angle), f->forward, g.up);
    mix(cos(angle), f->forward, -sin(angle), f->up, g.forward);
    return g;
}

static struct frame tilted(const struct frame *f, double angle)
{
    struct frame g = *f;
    mix(cos(angle), f->up, sin(angle), f->left, g.up);
    mix(cos(angle), f->left, -sin(angle), f->up, g.left);
    return g;
}

/* child = parent + bone · direction (left, up, forward of the frame, any length). */
static void put(double *joints, int child, int parent, double bone, const struct frame *f, double left,
                double up, double forward)
{
    double scale = bone / sqrt(left * left + up * up + forward * forward);
    for (int k = 0; k < 3; k++)
        joints[3 * child + k] = joints[3 * parent + k] +
                                scale * (left * f->left[k] + up * f->up[k] + forward * f->forward[k]);
}

static void put_along(double *joints, int child, int parent, double bone, const double direction[3])
{
    for (int k = 0; k < 3; k++)
        joints[3 * child + k] = joints[3 * parent + k] + bone * direction[k];
}

static struct frame pelvis_frame(const struct figure_pose *p)
{
    const struct frame world = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    struct frame a = turned(&world, p->heading), b = leaned(&a, p->tilt);
    return tilted(&b, p->roll);
}

static void hip_place(const struct figure_pose *p, const struct frame *f, int side, double hip[3])
{
    double joints[6];
    memcpy(joints, p->pelvis, sizeof p->pelvis);
    put(joints, 1, 0, length[LEFT_HIP], f, (side ? -1 : 1) * hip_direction[0], hip_direction[1], hip_direction[2]);
    memcpy(hip, joints + 3, 3 * sizeof *hip);
}

static void ankle_place(const struct figure_foot *foot, double ankle[3])
{
    ankle[0] = foot->ball[0] - length[LEFT_BALL] * cos(foot->pitch) * sin(foot->heading);
    ankle[1] = foot->ball[1] + length[LEFT_BALL] * sin(foot->pitch);
    ankle[2] = foot->ball[2] - length[LEFT_BALL] * cos(foot->pitch) * cos(foot->heading);
}

/* The trunk as a curve: a third, two thirds, all of its bend along the spine. */
static struct frame trunk_frame(const struct figure_pose *p, const struct frame *pelvis, double share)
{
    struct frame a = turned(pelvis, share * p->turn), b = leaned(&a, share * p->bend);
    return tilted(&b, share * p->side);
}

static void put_arm(double *joints, int side, const struct frame *chest, const struct figure_arm *a)
{
    double sign = side ? -1 : 1, axis[3], upper[3], lower[3], onward[3], across[3];
    struct frame f = tilted(chest, -sign * arm_spread);
    for (int k = 0; k < 3; k++)                    /* where the arm is raised to */
        axis[k] = cos(a->aside) * f.forward[k] + sin(a->aside) * sign * f.left[k];
    mix(-cos(a->raise), f.up, sin(a->raise), axis, upper);
    mix(sin(a->raise), f.up, cos(a->raise), axis, onward);
    vector_cross(upper, onward, across);
    for (int k = 0; k < 3; k++)
        lower[k] = cos(a->bend) * upper[k] +
                   sin(a->bend) * (cos(a->twist) * onward[k] + sign * sin(a->twist) * across[k]);
    put_along(joints, LEFT_ELBOW + side, LEFT_SHOULDER + side, length[LEFT_ELBOW], upper);
    put_along(joints, LEFT_WRIST + side, LEFT_ELBOW + side, length[LEFT_WRIST], lower);
}

/* Two bones from the hip to the ankle, the knee's axis across the leg's own heading. */
static double put_leg(const struct figure_pose *p, const struct frame *f, int side, double *joints)
{
    const struct figure_foot *foot = &p->foot[side];
    double *hip = joints + 3 * (LEFT_HIP + side), *knee = joints + 3 * (LEFT_KNEE + side);
    double *ankle = joints + 3 * (LEFT_ANKLE + side), *ball = joints + 3 * (LEFT_BALL + side);
    double direction[3], forward[3], wanted[3];
    hip_place(p, f, side, hip);
    ankle_place(foot, wanted);
    mix(1, wanted, -1, hip, direction);
    const double thigh = length[LEFT_KNEE], shin = length[LEFT_ANKLE];
    double d = vector_normalise(direction), stretch = d / (thigh + shin);
    d = fmin(d, 0.9999 * (thigh + shin));
    double heading = p->heading + 0.5 * remainder(foot->heading - p->heading, 2 * M_PI);
    const double axis[3] = {cos(heading), 0, -sin(heading)};
    vector_cross(direction, axis, forward);
    vector_normalise(forward);
    double a = (thigh * thigh - shin * shin + d * d) / (2 * d), out = sqrt(fmax(0, thigh * thigh - a * a));
    for (int k = 0; k < 3; k++) {
        knee[k] = hip[k] + a * direction[k] + out * forward[k];
        ankle[k] = hip[k] + d * direction[k];
        ball[k] = ankle[k] + foot->ball[k] - wanted[k];
    }
    return stretch;
}

double figure_joints(const struct figure_pose *p, double *joints)
{
    struct frame pelvis = pelvis_frame(p), f;
    memcpy(joints, p->pelvis, sizeof p->pelvis);
    f = trunk_frame(p, &pelvis, 1.0 / 3);
    put_along(joints, SPINE1, PELVIS, length[SPINE1], f.up);
    f = trunk_frame(p, &pelvis, 2.0 / 3);
    put_along(joints, SPINE2, SPINE1, length[SPINE2], f.up);
    f = trunk_frame(p, &pelvis, 1);
    put_along(joints, SPINE3, SPINE2, length[SPINE3], f.up);
    put_along(joints, NECK, SPINE3, length[NECK], f.up);
    struct frame head = leaned(&f, p->nod);
    put(joints, HEAD, NECK, length[HEAD], &head, 0, 0.93, 0.37);
    double stretch = 0;
    for (int side = 0; side < 2; side++) {
        double sign = side ? -1 : 1;
        put(joints, LEFT_COLLAR + side, SPINE3, length[LEFT_COLLAR], &f, sign * collar_direction[0], collar_direction[1],
            collar_direction[2]);
        put(joints, LEFT_SHOULDER + side, LEFT_COLLAR + side, length[LEFT_SHOULDER], &f, sign * shoulder_direction[0],
            shoulder_direction[1], shoulder_direction[2]);
        put_arm(joints, side, &f, &p->arm[side]);
        stretch = fmax(stretch, put_leg(p, &pelvis, side, joints));
    }
    return stretch;
}

double figure_highest_pelvis(const struct figure_pose *p, double share)
{
    struct frame f = pelvis_frame(p);
    double highest = HUGE_VAL, reach = share * (length[LEFT_KNEE] + length[LEFT_ANKLE]);
    for (int side = 0; side < 2; side++) {
        double hip[3], ankle[3];
        hip_place(p, &f, side, hip);
        ankle_place(&p->foot[side], ankle);
        double dx = hip[0] - ankle[0], dz = hip[2] - ankle[2], up = sqrt(fmax(0, reach * reach - dx * dx - dz * dz));
        highest = fmin(highest, p->pelvis[1] + ankle[1] + up - hip[1]);
    }
    return highest;
}

struct figure_pose figure_standing(double stance)
{
    struct figure_pose p = {.pelvis = {0, figure_stand, 0}};
    double along = length[LEFT_BALL] * cos(figure_flat);
    for (int side = 0; side < 2; side++) {
        double sign = side ? -1 : 1;
        p.foot[side] = (struct figure_foot){{sign * 0.5 * stance + along * sin(sign * 0.1), figure_ball_height,
                                             along * cos(0.1)}, sign * 0.1, figure_flat};
        p.arm[side] = (struct figure_arm){.raise = 0.05, .bend = 0.25, .twist = 0};
    }
    return p;
}

void figure_reference(double *joints)
{
    const struct skeleton *s = skeleton_humanml3d();
    memset(joints, 0, 3 * sizeof *joints);
    for (int j = 1; j < FIGURE_JOINTS; j++)
        for (int k = 0; k < 3; k++)
            joints[3 * j + k] = joints[3 * s->parent[j] + k] + length[j] * s->raw[j][k];
}

double figure_ease(double t, double from, double to)
{
    double u = (t - from) / (to - from);
    if (u <= 0) return 0;
    if (u >= 1) return 1;
    return u * u * u * (10 + u * (6 * u - 15));
}
