#include "physical.h"

#include <math.h>
#include <string.h>

/* Length of joint j's third difference over frames t … t+3. */
static double third_difference(const float *joints, int njoints, int t, int j)
{
    const long stride = 3L * njoints;
    double square = 0;
    for (int c = 0; c < 3; c++) {
        const float *x = joints + t * stride + 3 * j + c;
        double third = ((double)x[3 * stride] - (double)x[0]) +
                       3 * ((double)x[stride] - (double)x[2 * stride]);
        square += third * third;
    }
    return sqrt(square);
}

void joint_jerk(const float *joints, int frames, int njoints, double fps, double *jerk)
{
    for (int t = 0; t + 3 < frames; t++) {
        double sum = 0;
        for (int j = 0; j < njoints; j++)
            sum += third_difference(joints, njoints, t, j);
        jerk[t] = sum * fps * fps * fps / njoints;
    }
}

static double jitter(const float *joints, int frames, int njoints, double fps)
{
    double sum = 0;
    for (int t = 0; t + 3 < frames; t++)
        for (int j = 0; j < njoints; j++)
            sum += third_difference(joints, njoints, t, j);
    return sum * fps * fps * fps / ((double)(frames - 3) * njoints);
}

static double foot_sliding(const float *joints, int frames, int njoints,
                           const struct physical_rule *rule, long *contacts)
{
    const long stride = 3L * njoints;
    const double height = rule->floor + rule->contact;
    double sum = 0;
    *contacts = 0;
    for (int t = 0; t + 1 < frames; t++)
        for (int k = 0; k < rule->nfeet; k++) {
            const float *now = joints + t * stride + 3 * rule->feet[k], *next = now + stride;
            if ((double)now[1] >= height || (double)next[1] >= height)
                continue;
            sum += rule->fps *
                   hypot((double)next[0] - (double)now[0], (double)next[2] - (double)now[2]);
            ++*contacts;
        }
    return *contacts ? sum / (double)*contacts : 0;
}

static double floor_penetration(const float *joints, int frames, int njoints, double floor_height)
{
    double sum = 0;
    for (int t = 0; t < frames; t++) {
        double deepest = 0;
        for (int j = 0; j < njoints; j++)
            deepest = fmax(deepest, floor_height - (double)joints[3 * ((long)t * njoints + j) + 1]);
        sum += deepest;
    }
    return sum / frames;
}

static double bone_variation(const float *joints, int frames, int njoints, const int *parents)
{
    double sum = 0;
    int bones = 0;
    for (int j = 0; j < njoints; j++) {
        if (parents[j] < 0)
            continue;
        double mean = 0, squares = 0;   /* Welford's running moments */
        for (int t = 0; t < frames; t++) {
            const float *a = joints + 3 * ((long)t * njoints + j);
            const float *b = joints + 3 * ((long)t * njoints + parents[j]);
            double length = sqrt(pow((double)a[0] - (double)b[0], 2) +
                                 pow((double)a[1] - (double)b[1], 2) +
                                 pow((double)a[2] - (double)b[2], 2));
            double delta = length - mean;
            mean += delta / (t + 1);
            squares += delta * (length - mean);
        }
        if (mean > 0)
            sum += sqrt(squares / frames) / mean;
        bones++;
    }
    return bones ? sum / bones : 0;
}

int physical_metrics(const float *joints, int frames, int njoints, const struct physical_rule *rule,
                     struct physical *out, struct error *e)
{
    memset(out, 0, sizeof *out);
    if (frames < 4 || njoints < 1)
        return error_set(e, ERR_INPUT,
                         "physical metrics: a motion of %d frames and %d joints; 4 frames are needed",
                         frames, njoints);
    for (long i = 0; i < 3L * frames * njoints; i++)
        if (!isfinite(joints[i]))
            return error_set(e, ERR_INPUT, "physical metrics: joint %ld of frame %ld is not finite",
                             i / 3 % njoints, i / 3 / njoints);
    for (int j = 0; j < njoints; j++)
        if (rule->parents[j] >= njoints)
            return error_set(e, ERR_INPUT, "physical metrics: joint %d has parent %d of %d joints",
                             j, rule->parents[j], njoints);
    for (int k = 0; k < rule->nfeet; k++)
        if (rule->feet[k] < 0 || rule->feet[k] >= njoints)
            return error_set(e, ERR_INPUT, "physical metrics: no joint %d among %d", rule->feet[k],
                             njoints);
    out->jitter = jitter(joints, frames, njoints, rule->fps);
    out->foot_sliding = foot_sliding(joints, frames, njoints, rule, &out->contacts);
    out->floor_penetration = floor_penetration(joints, frames, njoints, rule->floor);
    out->bone_variation = bone_variation(joints, frames, njoints, rule->parents);
    return 0;
}
