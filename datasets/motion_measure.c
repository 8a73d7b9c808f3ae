#include "motion_measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PELVIS = 0, LEFT_HIP = 1, RIGHT_HIP = 2, LEFT_ANKLE = 7, RIGHT_ANKLE = 8, NECK = 12, HEAD = 15,
    LEFT_SHOULDER = 16, RIGHT_SHOULDER = 17, LEFT_ELBOW = 18, RIGHT_ELBOW = 19, LEFT_WRIST = 20,
    RIGHT_WRIST = 21, JOINTS = 22
};

static const double degrees = 57.29577951308232;

/* The motion with its per-frame facing direction; curves are scratch of length n. */
struct view {
    const double *joints;
    int n;
    double fps;
    double *heading;       /* (n) radians, unwrapped, left positive, smoothed */
    double *path;          /* (n, 2) smoothed x, z of the root */
    double *curve, *scratch;
};

static const double *at(const struct view *v, int frame, int joint)
{
    return v->joints + ((size_t)frame * JOINTS + (size_t)joint) * 3;
}

/* Mean over a window of `half` frames to both sides, shortened at the ends. */
static void smooth(const double *in, double *out, int n, int stride, int half)
{
    for (int t = 0; t < n; t++) {
        int reach = half;
        if (t < reach)
            reach = t;
        if (n - 1 - t < reach)
            reach = n - 1 - t;
        double sum = 0;
        for (int k = t - reach; k <= t + reach; k++)
            sum += in[(size_t)k * (size_t)stride];
        out[(size_t)t * (size_t)stride] = sum / (2 * reach + 1);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The share-quantile of n values; sorts them. */
static double quantile(double *values, int n, double share)
{
    if (n == 0)
        return 0;
    qsort(values, (size_t)n, sizeof *values, by_value);
    return values[(int)(share * (n - 1) + 0.5)];
}

/* Turning points of a curve that are at least `least` apart in value: their
 * number, and the distances between neighbours (up to n) in `spans`. */
static int turning_points(const double *curve, int n, double least, double *spans, int *nspans)
{
    double low = curve[0], high = curve[0], last = 0;
    int direction = 0, count = 0;
    *nspans = 0;
    for (int t = 1; t < n; t++) {
        double y = curve[t];
        if (y > high) high = y;
        if (y < low) low = y;
        int turned = 0;
        double point = 0;
        if (direction >= 0 && high - y > least) {
            turned = 1, point = high, direction = -1;
        } else if (direction <= 0 && y - low > least) {
            turned = 1, point = low, direction = 1;
        }
        if (turned) {
            if (count > 0)
                spans[(*nspans)++] = fabs(point - last);
            last = point;
            count++;
            low = high = y;
        }
    }
    return count;
}

/* Facing direction: across = left minus right of hips and shoulders; forward = across x up. */
static void find_headings(struct view *v)
{
    double previous = 0;
    for (int t = 0; t < v->n; t++) {
        const double *lh = at(v, t, LEFT_HIP), *rh = at(v, t, RIGHT_HIP);
        const double *ls = at(v, t, LEFT_SHOULDER), *rs = at(v, t, RIGHT_SHOULDER);
        double x = lh[0] - rh[0] + ls[0] - rs[0], z = lh[2] - rh[2] + ls[2] - rs[2];
        double angle = atan2(-z, x);   /* forward = (-z, 0, x); heading 0 = +Z, left (+X) positive */
        while (angle - previous > M_PI) angle -= 2 * M_PI;
        while (angle - previous < -M_PI) angle += 2 * M_PI;
        v->scratch[t] = previous = angle;
    }
    int half = (int)(0.4 * v->fps);
    smooth(v->scratch, v->heading, v->n, 1, half);
    for (int t = 0; t < v->n; t++) {
        v->curve[2 * t] = at(v, t, PELVIS)[0];
        v->curve[2 * t + 1] = at(v, t, PELVIS)[2];
    }
    smooth(v->curve, v->path, v->n, 2, half);
    smooth(v->curve + 1, v->path + 1, v->n, 2, half);
}

static double mean_of(const double *values, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += values[i];
    return sum / n;
}

static void measure_path(struct view *v, struct motion_measure *m)
{
    int n = v->n, edge = n / 8 < 6 ? n / 8 + 1 : 6;
    for (int t = 1; t < n; t++)
        m->distance += hypot(v->path[2 * t] - v->path[2 * t - 2], v->path[2 * t + 1] - v->path[2 * t - 1]);
    m->speed = m->distance * v->fps / (n - 1);

    double first = mean_of(v->heading, edge), last = mean_of(v->heading + n - edge, edge);
    m->turn = (last - first) * degrees;
    for (int t = 0; t < n; t++) {
        double off = (v->heading[t] - first) * degrees;
        if (off > m->turn_left) m->turn_left = off;
        if (-off > m->turn_right) m->turn_right = -off;
    }
    double forward = 0, left = 0;
    for (int t = 1; t < n; t++) {
        double dx = v->path[2 * t] - v->path[2 * t - 2], dz = v->path[2 * t + 1] - v->path[2 * t - 1];
        double c = cos(v->heading[t]), s = sin(v->heading[t]);
        forward += dx * s + dz * c;
        left += dx * c - dz * s;
    }
    m->travel = hypot(forward, left) > 0.5 ? atan2(left, forward) * degrees : 0;

    int nspans;
    for (int t = 0; t < n; t++) {
        const double *l = at(v, t, LEFT_ANKLE), *r = at(v, t, RIGHT_ANKLE);
        double c = cos(v->heading[t]), s = sin(v->heading[t]);
        v->curve[t] = (l[0] - r[0]) * s + (l[2] - r[2]) * c;
    }
    m->steps = m->distance > 0.5 ? turning_points(v->curve, n, 0.15, v->scratch, &nspans) : 0;

    for (int t = 0; t < n; t++) {
        const double *l = at(v, t, LEFT_ANKLE), *r = at(v, t, RIGHT_ANKLE);
        double c = cos(v->heading[t]), s = sin(v->heading[t]);
        v->scratch[t] = (l[0] - r[0]) * c - (l[2] - r[2]) * s;
    }
    m->stance = quantile(v->scratch, n, 0.5);
}

/* Forward lean of the bone a -> b in degrees, along the heading. */
static double lean(const struct view *v, int t, int a, int b)
{
    const double *p = at(v, t, a), *q = at(v, t, b);
    double forward = (q[0] - p[0]) * sin(v->heading[t]) + (q[2] - p[2]) * cos(v->heading[t]);
    return atan2(forward, q[1] - p[1]) * degrees;
}

static double angle_between(const double *a, const double *joint, const double *b)
{
    double dot = 0, aa = 0, bb = 0;
    for (int k = 0; k < 3; k++) {
        double x = a[k] - joint[k], y = b[k] - joint[k];
        dot += x * y, aa += x * x, bb += y * y;
    }
    double c = aa > 0 && bb > 0 ? dot / sqrt(aa * bb) : 1;
    return acos(c > 1 ? 1 : c < -1 ? -1 : c) * degrees;
}

static void measure_posture(struct view *v, struct motion_measure *m)
{
    int n = v->n;
    for (int t = 0; t < n; t++) {
        v->scratch[t] = lean(v, t, PELVIS, NECK);
        m->pitch += v->scratch[t] / n;
        m->head_pitch += lean(v, t, NECK, HEAD) / n;
        m->elbow += (angle_between(at(v, t, LEFT_SHOULDER), at(v, t, LEFT_ELBOW), at(v, t, LEFT_WRIST)) +
                     angle_between(at(v, t, RIGHT_SHOULDER), at(v, t, RIGHT_ELBOW), at(v, t, RIGHT_WRIST))) /
                    (2 * n);
    }
    m->pitch_max = quantile(v->scratch, n, 0.95);
    for (int side = 0; side < 2; side++) {
        for (int t = 0; t < n; t++) {
            const double *wrist = at(v, t, LEFT_WRIST + side), *root = at(v, t, PELVIS);
            v->scratch[t] = (wrist[0] - root[0]) * sin(v->heading[t]) +
                            (wrist[2] - root[2]) * cos(v->heading[t]);
        }
        double low = quantile(v->scratch, n, 0.05);        /* sorts */
        m->arm_swing += 0.5 * (v->scratch[(int)(0.95 * (n - 1) + 0.5)] - low);
    }
}

static void measure_hand(struct view *v, int side, struct motion_measure *m)
{
    int n = v->n, up = 0, best = 0, nspans = 0;
    double low = HUGE_VAL, high = -HUGE_VAL, hip = 0;
    int shoulder = LEFT_SHOULDER + side, elbow = LEFT_ELBOW + side, wrist = LEFT_WRIST + side;
    m->hand_height[side] = -HUGE_VAL;
    for (int t = 0; t < n; t++) {
        double y = at(v, t, wrist)[1], above = y - at(v, t, HEAD)[1];
        if (y < low) low = y;
        if (y > high) high = y;
        if (above > m->hand_height[side]) m->hand_height[side] = above;
        /* On the hip: the wrist close to its hip, the elbow well bent and outside the wrist. */
        const double *h = at(v, t, LEFT_HIP + side), *w = at(v, t, wrist), *el = at(v, t, elbow);
        double c = cos(v->heading[t]), s = sin(v->heading[t]), sign = side == HAND_LEFT ? 1 : -1;
        double out = sign * ((el[0] - w[0]) * c - (el[2] - w[2]) * s);
        double far = hypot(hypot(w[0] - h[0], w[1] - h[1]), w[2] - h[2]);
        if (far < 0.26 && out > 0.06 && angle_between(at(v, t, shoulder), el, w) < 130)
            hip++;
    }
    m->on_hip[side] = hip / n;
    double half = 0.5 * (low + high);
    for (int t = 0; t < n; t++)
        up += at(v, t, wrist)[1] > half;
    m->hand_up[side] = high - low > 0.25 ? up / v->fps : 0;

    /* Waving: the forearm's sideways swing in the longest stretch with the hand raised. */
    int first = 0;
    for (int t = 0, run = 0; t <= n; t++) {
        int raised = t < n && at(v, t, wrist)[1] > at(v, t, shoulder)[1] - 0.1;
        run = raised ? run + 1 : 0;
        if (run > best) {
            best = run;
            first = t - run + 1;
        }
    }
    if (best < 4)
        return;
    for (int t = 0; t < best; t++) {
        const double *w = at(v, first + t, wrist), *sh = at(v, first + t, shoulder);
        double c = cos(v->heading[first + t]), s = sin(v->heading[first + t]);
        v->curve[t] = (w[0] - sh[0]) * c - (w[2] - sh[2]) * s;
    }
    int count = turning_points(v->curve, best, 0.03, v->scratch, &nspans);
    m->waves[side] = 0.5 * count;
    m->wave_width[side] = quantile(v->scratch, nspans, 0.5);
    m->wave_rate[side] = 0.5 * count * v->fps / best;
}

int motion_measure(const double *joints, int n, double fps, struct motion_measure *out,
                   struct error *e)
{
    memset(out, 0, sizeof *out);
    if (n < 4 || !(fps > 0))
        return error_set(e, ERR_INPUT, "measures need at least 4 frames, not %d", n);
    for (size_t i = 0; i < (size_t)n * JOINTS * 3; i++)
        if (!isfinite(joints[i]))
            return error_set(e, ERR_INPUT, "frame %d, joint %d is not finite",
                             (int)(i / (JOINTS * 3)), (int)(i / 3 % JOINTS));
    double *memory = malloc((size_t)n * 6 * sizeof *memory);
    if (!memory)
        return error_memory(e, "measures");
    struct view v = {joints, n, fps, memory, memory + n, memory + 3 * n, memory + 5 * n};
    find_headings(&v);
    measure_path(&v, out);
    measure_posture(&v, out);
    measure_hand(&v, HAND_LEFT, out);
    measure_hand(&v, HAND_RIGHT, out);
    free(memory);
    return 0;
}
