#include "control_mask.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const int control_pose_joints[CONTROL_POSE_JOINTS] = {0, 10, 11, 15, 20, 21};

static int check(const int *joints, int count, int frames, int njoints, struct error *e)
{
    if (frames < 1 || njoints < 1)
        return error_set(e, ERR_USAGE, "control: a motion of %d frames and %d joints; give it at least one of each",
                         frames, njoints);
    if (count < 1) return error_set(e, ERR_USAGE, "control: no joint to control; name at least one");
    for (int i = 0; i < count; i++)
        if (joints[i] < 0 || joints[i] >= njoints)
            return error_set(e, ERR_USAGE, "control: joint %d is unknown; the skeleton has joints 0 to %d", joints[i],
                             njoints - 1);
    return 0;
}

static void clear(unsigned char *mask, int frames, int njoints) { memset(mask, 0, (size_t)frames * (size_t)njoints); }

static void set(unsigned char *mask, int frame, int njoints, const int *joints, int count)
{
    for (int i = 0; i < count; i++) mask[(size_t)frame * (size_t)njoints + (size_t)joints[i]] = 1;
}

int control_mask_temporal(const int *joints, int count, double percent, int frames, int njoints, unsigned char *mask,
                          struct error *e)
{
    int rc = check(joints, count, frames, njoints, e);
    if (rc) return rc;
    if (!(percent > 0) || percent > 100)
        return error_set(e, ERR_USAGE, "control: %g percent of the frames; use more than 0 and at most 100", percent);
    int controlled = (int)(frames * percent / 100);
    if (controlled < 1)
        return error_set(e, ERR_USAGE, "control: %g percent of %d frames is no frame; use a larger share", percent, frames);
    clear(mask, frames, njoints);
    for (int i = 0; i < controlled; i++) set(mask, i, njoints, joints, count);
    return 0;
}

int control_mask_temporal_draw(struct rng *r, const int *joints, int count, double low, double high, int frames,
                               int njoints, unsigned char *mask, struct error *e)
{
    if (!(low <= high))
        return error_set(e, ERR_USAGE, "control: shares from %g to %g percent; give the smaller one first", low, high);
    return control_mask_temporal(joints, count, low + (high - low) * rng_uniform(r), frames, njoints, mask, e);
}

int control_density_frames(double density, int frames, int *count, struct error *e)
{
    if (!(density > 0) || !isfinite(density))
        return error_set(e, ERR_USAGE, "control: density %g is no part of a motion; use 1, 2 or 5 frames or a percentage above 0", density);
    int absolute = density <= 1 ? density >= 1 : density <= 2 ? density >= 2 : density >= 5 && density <= 5;
    double wanted = absolute ? density : frames * density / 100;
    if (wanted > frames)
        return error_set(e, ERR_USAGE, "control: density %g asks for more frames than the motion's %d; use a smaller one",
                         density, frames);
    if (wanted < 1)
        return error_set(e, ERR_USAGE, "control: density %g of %d frames is no frame; use a larger one", density, frames);
    *count = (int)wanted;
    return 0;
}

/* `chosen` distinct frames of the motion, all given joints at each. */
static int scatter(struct rng *r, int chosen, const int *joints, int count, int frames, int njoints, unsigned char *mask,
                   struct error *e)
{
    int *order = malloc(2 * (size_t)frames * sizeof *order);
    if (!order) return error_memory(e, "a control mask");
    rng_choose(r, order, chosen, frames, order + frames);
    clear(mask, frames, njoints);
    for (int i = 0; i < chosen; i++) set(mask, order[i], njoints, joints, count);
    free(order);
    return 0;
}

int control_mask_spatial(struct rng *r, const int *joints, int count, double density, int frames, int njoints,
                         unsigned char *mask, struct error *e)
{
    int chosen = 0, rc = check(joints, count, frames, njoints, e);
    if (!rc) rc = control_density_frames(density, frames, &chosen, e);
    return rc ? rc : scatter(r, chosen, joints, count, frames, njoints, mask, e);
}

int control_mask_spatial_draw(struct rng *r, const int *joints, int count, int frames, int njoints,
                              unsigned char *mask, struct error *e)
{
    int rc = check(joints, count, frames, njoints, e);
    if (rc) return rc;
    if (frames < 2) return error_set(e, ERR_USAGE, "control: a motion of one frame; spatial training needs 2 or more");
    int joint = joints[rng_below(r, (uint32_t)count)], chosen = 1 + (int)rng_below(r, (uint32_t)(frames - 1));
    return scatter(r, chosen, &joint, 1, frames, njoints, mask, e);
}

/* --- signals ------------------------------------------------------------------- */

static int check_scale(const float *mean, const float *std, int njoints, struct error *e)
{
    for (int i = 0; i < 3 * njoints; i++)
        if (!isfinite(mean[i]) || !isfinite(std[i]) || !(std[i] > 0))
            return error_set(e, ERR_INPUT, "control: joint %d has mean %g and deviation %g; both must be finite and the "
                                           "deviation positive: compute the statistics anew",
                             i / 3, (double)mean[i], (double)std[i]);
    return 0;
}

/* out = in·scale + shift where controlled, else 0; to_metres tells which way. */
static int convert(const float *in, const unsigned char *mask, const float *mean, const float *std, int frames,
                   int njoints, int to_metres, float *out, struct error *e)
{
    int rc = check_scale(mean, std, njoints, e);
    if (rc) return rc;
    for (int t = 0; t < frames; t++)
        for (int j = 0; j < njoints; j++)
            for (int k = 0; k < 3; k++) {
                size_t key = (size_t)t * (size_t)njoints + (size_t)j, at = 3 * key + (size_t)k;
                int c = 3 * j + k;
                if (mask[key] && !isfinite(in[at]))
                    return error_set(e, ERR_INPUT, "control: the trajectory of joint %d is not finite at frame %d; mend it "
                                                   "or leave the frame out of the mask", j, t);
                out[at] = !mask[key] ? 0 : to_metres ? in[at] * std[c] + mean[c] : (in[at] - mean[c]) / std[c];
            }
    return 0;
}

int control_signal(const float *positions, const unsigned char *mask, const float *mean, const float *std, int frames,
                   int njoints, float *signal, struct error *e)
{
    return convert(positions, mask, mean, std, frames, njoints, 0, signal, e);
}

int control_signal_metres(const float *signal, const unsigned char *mask, const float *mean, const float *std,
                          int frames, int njoints, float *metres, struct error *e)
{
    return convert(signal, mask, mean, std, frames, njoints, 1, metres, e);
}

int control_signal_check(const float *signal, const unsigned char *mask, int rows, int njoints, struct error *e)
{
    for (size_t key = 0; key < (size_t)rows * (size_t)njoints; key++)
        for (size_t k = 0; k < 3; k++) {
            int j = (int)(key % (size_t)njoints), row = (int)(key / (size_t)njoints);
            if (!isfinite(signal[3 * key + k]))
                return error_set(e, ERR_INPUT, "control: the signal of joint %d is not finite in row %d; build it with the "
                                               "mask that leaves such frames out", j, row);
            if (!mask[key] && signal[3 * key + k] != 0.0f)
                return error_set(e, ERR_INPUT, "control: joint %d is not controlled in row %d but has a signal; a signal is "
                                               "0 where the mask is", j, row);
        }
    return 0;
}

int control_keypoints(const unsigned char *mask, int rows, int njoints)
{
    int n = 0;
    for (size_t i = 0; i < (size_t)rows * (size_t)njoints; i++) n += mask[i] != 0;
    return n;
}
