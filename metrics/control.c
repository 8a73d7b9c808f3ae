#include "control.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double control_thresholds[CONTROL_THRESHOLDS] = {0.2, 0.5};

int control_errors(const float *joints, const float *hint, const unsigned char *mask, int frames,
                   int njoints, struct control_errors *out, double *distance, struct error *e)
{
    memset(out, 0, sizeof *out);
    long beyond[CONTROL_THRESHOLDS] = {0};
    double sum = 0;
    for (long i = 0; i < (long)frames * njoints; i++) {
        double error = 0;
        if (mask[i]) {
            for (long c = 3 * i; c < 3 * i + 3; c++) {
                double d = (double)joints[c] - (double)hint[c];
                error += d * d;
            }
            error = sqrt(error);
            if (!isfinite(error))
                return error_set(e, ERR_INPUT,
                                 "control: the position or the hint of joint %ld in frame %ld is "
                                 "not finite",
                                 i % njoints, i / njoints);
            out->keypoints++;
            sum += error;
            for (int t = 0; t < CONTROL_THRESHOLDS; t++)
                beyond[t] += error > control_thresholds[t];
        }
        if (distance)
            distance[i] = error;
    }
    if (!out->keypoints)
        return 0;
    out->average = sum / out->keypoints;
    for (int t = 0; t < CONTROL_THRESHOLDS; t++) {
        out->trajectory[t] = beyond[t] > 0;
        out->location[t] = (double)beyond[t] / out->keypoints;
    }
    return 0;
}

int control_errors_mean(const struct control_errors *each, int count, struct control_errors *out,
                        struct error *e)
{
    memset(out, 0, sizeof *out);
    for (int i = 0; i < count; i++) {
        if (!each[i].keypoints)
            continue;
        out->keypoints++;
        out->average += each[i].average;
        for (int t = 0; t < CONTROL_THRESHOLDS; t++) {
            out->trajectory[t] += each[i].trajectory[t];
            out->location[t] += each[i].location[t];
        }
    }
    if (!out->keypoints)
        return error_set(e, ERR_INPUT, "control: none of %d motions has a controlled keypoint",
                         count);
    out->average /= out->keypoints;
    for (int t = 0; t < CONTROL_THRESHOLDS; t++) {
        out->trajectory[t] /= out->keypoints;
        out->location[t] /= out->keypoints;
    }
    return 0;
}

struct skating_rule skating_rule_humanml3d(void)
{
    return (struct skating_rule){.feet = {10, 11}, .scale = 1, .fps = 20, .height = 0.05, .speed = 0.5};
}

struct skating_rule skating_rule_kit(void)
{
    return (struct skating_rule){
        .feet = {15, 20}, .scale = 0.001, .fps = 20, .height = 0.05, .speed = 0.5};
}

int skating_ratio(const float *joints, int frames, int njoints, const struct skating_rule *rule,
                  double *ratio, double *speed, struct error *e)
{
    if (frames < 2)
        return error_set(e, ERR_INPUT, "skating ratio: a motion of %d frames; 2 are needed", frames);
    for (int foot = 0; foot < 2; foot++)
        if (rule->feet[foot] < 0 || rule->feet[foot] >= njoints)
            return error_set(e, ERR_INPUT, "skating ratio: no joint %d among %d", rule->feet[foot],
                             njoints);
    int pairs = frames - 1;
    double *horizontal = malloc(2 * (size_t)pairs * sizeof *horizontal);   /* (pairs, 2) */
    if (!horizontal)
        return error_memory(e, "the feet's speed");
    const long stride = 3L * njoints;
    for (int t = 0; t < pairs; t++)
        for (int foot = 0; foot < 2; foot++) {
            const float *now = joints + t * stride + 3 * rule->feet[foot], *next = now + stride;
            double v = rule->fps * rule->scale *
                       hypot((double)next[0] - (double)now[0], (double)next[2] - (double)now[2]);
            if (!isfinite(v) || !isfinite(now[1]) || !isfinite(next[1])) {
                free(horizontal);
                return error_set(e, ERR_INPUT,
                                 "skating ratio: joint %d is not finite in frame %d or %d",
                                 rule->feet[foot], t, t + 1);
            }
            horizontal[2 * t + foot] = v;
        }
    int sliding = 0;
    for (int t = 0; t < pairs; t++) {
        int either = 0;
        for (int foot = 0; foot < 2; foot++) {
            const float *now = joints + t * stride + 3 * rule->feet[foot], *next = now + stride;
            double window = 0;
            for (int k = t - 2; k <= t + 2; k++)
                if (k >= 0 && k < pairs)
                    window += horizontal[2 * k + foot];
            window /= 5;
            int contact = (double)now[1] * rule->scale < rule->height &&
                          (double)next[1] * rule->scale < rule->height;
            either |= contact && horizontal[2 * t + foot] > rule->speed && window > rule->speed;
            if (speed)
                speed[2 * t + foot] = contact ? window : 0;
        }
        sliding += either;
    }
    free(horizontal);
    *ratio = (double)sliding / pairs;
    return 0;
}
