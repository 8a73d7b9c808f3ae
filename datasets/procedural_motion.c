#include "procedural_motion.h"

#include <math.h>

enum { JOINTS = 22 };

/* Bone lengths of a middling adult. */
static const double thigh = 0.40, shin = 0.42, ankle_height = 0.08, upper_arm = 0.27, forearm = 0.25;

/* A figure at one instant: the frame it faces in. */
struct frame {
    double *joints;
    double root[3], sine, cosine;      /* of the heading */
};

/* Sets a joint from left, up, forward relative to the root. */
static void put(const struct frame *f, int joint, double left, double up, double forward)
{
    double *j = f->joints + 3 * joint;
    j[0] = f->root[0] + left * f->cosine + forward * f->sine;
    j[1] = f->root[1] + up;
    j[2] = f->root[2] - left * f->sine + forward * f->cosine;
}

/* 0 before `from`, 1 after `to`, a smooth step in between. */
static double ease(double t, double from, double to)
{
    double u = (t - from) / (to - from);
    if (u <= 0) return 0;
    if (u >= 1) return 1;
    return u * u * (3 - 2 * u);
}

/* Where an ankle is at a phase of its stride (two steps): `along` the travel from
 * under the hip in units of half a stride, `lift` from 0 to 1. The foot that carries
 * moves backward evenly, so that it stands still on the floor. */
static void stride(double phase, double *along, double *lift)
{
    double u = phase / (2 * M_PI);
    u -= floor(u);
    if (u < 0.5) {
        *along = 0.5 - 2 * u;
        *lift = 0;
    } else {
        double s = 2 * u - 1;
        *along = -0.5 + s * s * (3 - 2 * s);
        *lift = sin(M_PI * s);
    }
}

static void put_leg(const struct frame *f, int side, const struct procedural_motion *m, double phase,
                    double half_stride)
{
    double sign = side ? -1 : 1, along = 0, lift = 0;
    if (half_stride > 0)
        stride(phase + (side ? M_PI : 0), &along, &lift);
    double reach = 2 * half_stride * along * (m->speed < 0 ? -1 : 1);
    double hip_left = sign * 0.06, hip_up = -0.08;
    double left = sign * 0.5 * m->stance + reach * sin(m->drift), forward = reach * cos(m->drift);
    double up = ankle_height + 0.16 * lift * fmin(1, half_stride / 0.3) - f->root[1];
    /* Knee: two bones from hip to ankle, bent forward. */
    double dx = left - hip_left, dy = up - hip_up, dz = forward;
    double d = sqrt(dx * dx + dy * dy + dz * dz), longest = 0.999 * (thigh + shin);
    if (d > longest) {
        double shrink = longest / d;
        dx *= shrink, dy *= shrink, dz *= shrink, d = longest;
    }
    double a = (thigh * thigh - shin * shin + d * d) / (2 * d), out = sqrt(fmax(0, thigh * thigh - a * a));
    /* A direction at right angles to hip -> ankle, as far forward as possible. */
    double bx = -dx * dz, by = -dy * dz, bz = d * d - dz * dz, b = sqrt(bx * bx + by * by + bz * bz);
    if (b < 1e-9)
        b = 1;
    put(f, 1 + side, hip_left, hip_up, 0);
    put(f, 4 + side, hip_left + dx * a / d + out * bx / b, hip_up + dy * a / d + out * by / b,
        dz * a / d + out * bz / b);
    put(f, 7 + side, hip_left + dx, hip_up + dy, dz);
    put(f, 10 + side, hip_left + dx, hip_up + dy - 0.05 - 0.04 * lift, dz + 0.13);
}

/* The trunk leans by an angle about the hips: height above the root, forward of it. */
static void put_trunk(const struct frame *f, double lean, double head, double *shoulder_up,
                      double *shoulder_forward)
{
    static const struct {
        int joint;
        double left, up;
    } trunk[] = {{3, 0, 0.12}, {6, 0, 0.26}, {9, 0, 0.32}, {12, 0, 0.53}, {13, 0.07, 0.45}, {14, -0.07, 0.45}};
    double s = sin(lean), c = cos(lean);
    for (int k = 0; k < 6; k++)
        put(f, trunk[k].joint, trunk[k].left, trunk[k].up * c, trunk[k].up * s);
    put(f, 15, 0, 0.53 * c + 0.1 * cos(lean + head), 0.53 * s + 0.1 * sin(lean + head));
    *shoulder_up = 0.45 * c;
    *shoulder_forward = 0.45 * s;
}

/* An arm by the elevation of the upper arm from hanging, its swing forward, the bend
 * of the elbow and a sideways turn of the forearm. */
static void put_arm(const struct frame *f, int side, double up, double forward, double raise,
                    double swing, double bend, double wave)
{
    double sign = side ? -1 : 1, x = sign * 0.19;
    double out = sin(raise), down = cos(raise);
    double ex = x + sign * upper_arm * (0.12 + 0.3 * out) * 0.6, ey = up - upper_arm * down * cos(swing);
    double ez = forward + upper_arm * (down * sin(swing) + 0.7 * out);
    /* Hanging, the forearm bends forward; raised, it points up and waves sideways. */
    double angle = swing + bend, lifted = raise > 1.2 ? ease(raise, 1.2, 2.4) : 0;
    double wx = sign * 0.02 + (lifted > 0 ? sin(wave) : 0) * lifted;
    double wy = -(1 - lifted) * (down * cos(angle) + out * 0.2) + lifted * cos(wave);
    double wz = (1 - lifted) * (sin(angle) + 0.6 * out) + lifted * 0.1;
    double w = sqrt(wx * wx + wy * wy + wz * wz);
    if (w < 1e-9)
        w = 1;
    put(f, 16 + side, x, up, forward);
    put(f, 18 + side, ex, ey, ez);
    put(f, 20 + side, ex + forearm * wx / w, ey + forearm * wy / w, ez + forearm * wz / w);
}

void procedural_motion(const struct procedural_motion *m, int n, double fps, double *joints)
{
    double x = 0, z = 0, half_stride = m->step_rate > 0 ? 0.5 * fabs(m->speed) / m->step_rate : 0;
    double stand = 0.08 + thigh + shin + ankle_height - 0.03 - 0.35 * half_stride * half_stride;
    for (int t = 0; t < n; t++) {
        double share = n > 1 ? t / (double)(n - 1) : 0, time = t / fps;
        double heading = m->turn * ease(share, 0.33, 0.67);
        double phase = m->phase + M_PI * m->step_rate * time;
        double height = stand + m->bounce * cos(2 * phase);
        struct frame f = {joints + (long)t * JOINTS * 3, {x, height, z}, sin(heading), cos(heading)};
        double swing = m->arm_swing * sin(phase), shoulder_up, shoulder_forward;
        double up = ease(share, m->raise_start - 0.12, m->raise_start + 0.05) *
                    (1 - ease(share, m->raise_end - 0.05, m->raise_end + 0.12));
        double wave = up > 0.9 ? m->wave_width * sin(2 * M_PI * m->wave_rate * time) : 0;
        put(&f, 0, 0, 0, 0);
        put_trunk(&f, m->lean + m->bow * ease(share, 0.2, 0.5) * (1 - ease(share, 0.55, 0.85)), m->head,
                  &shoulder_up, &shoulder_forward);
        for (int side = 0; side < 2; side++) {
            put_leg(&f, side, m, phase, half_stride);
            double lifted = m->raise[side] > 0 ? up : 0;
            put_arm(&f, side, shoulder_up, shoulder_forward, m->raise[side] * lifted,
                    (side ? swing : -swing) * (1 - lifted), m->elbow * (1 - lifted), wave);
        }
        double direction = heading + m->drift;
        x += m->speed / fps * sin(direction);
        z += m->speed / fps * cos(direction);
    }
}
