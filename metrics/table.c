#include "table.h"

#include <math.h>
#include <string.h>

static const struct metric metrics[] = {
    {"R_precision_top_1", "R@1", "", DIRECTION_UP, 3, 0, "own motion nearest to its caption in a pool of 32"},
    {"R_precision_top_2", "R@2", "", DIRECTION_UP, 3, 0, "own motion among the 2 nearest"},
    {"R_precision_top_3", "R@3", "", DIRECTION_UP, 3, 0, "own motion among the 3 nearest"},
    {"R_precision_any_top_1", "R@1 any", "", DIRECTION_UP, 3, 0, "any motion that fits the caption nearest"},
    {"R_precision_any_top_2", "R@2 any", "", DIRECTION_UP, 3, 0, "any motion that fits among the 2 nearest"},
    {"R_precision_any_top_3", "R@3 any", "", DIRECTION_UP, 3, 0, "any motion that fits among the 3 nearest"},
    {"R_precision_distinct_top_1", "R@1 distinct", "", DIRECTION_UP, 3, 0, "top 1 in pools of different meanings"},
    {"R_precision_distinct_top_2", "R@2 distinct", "", DIRECTION_UP, 3, 0, "top 2 in pools of different meanings"},
    {"R_precision_distinct_top_3", "R@3 distinct", "", DIRECTION_UP, 3, 0, "top 3 in pools of different meanings"},
    {"FID", "FID", "", DIRECTION_DOWN, 3, 0, "Fréchet distance to the real motions' embeddings"},
    {"KID", "KID", "", DIRECTION_DOWN, 4, 0, "unbiased kernel distance to the real motions' embeddings"},
    {"MM_dist", "MM Dist", "", DIRECTION_DOWN, 3, 0, "mean distance of a caption to its motion"},
    {"Diversity", "Diversity", "", DIRECTION_NEAR_REAL, 3, 0, "mean distance of random pairs of motions"},
    {"MultiModality", "MModality", "", DIRECTION_UP, 3, 0, "mean distance of motions of one caption"},
    {"traj_fail_20cm", "Traj. err. 20 cm", "", DIRECTION_DOWN, 4, 0, "motions with a keypoint more than 20 cm off"},
    {"traj_fail_50cm", "Traj. err.", "", DIRECTION_DOWN, 4, 0, "motions with a keypoint more than 50 cm off"},
    {"kps_fail_20cm", "Loc. err. 20 cm", "", DIRECTION_DOWN, 4, 0, "keypoints more than 20 cm off"},
    {"kps_fail_50cm", "Loc. err.", "", DIRECTION_DOWN, 4, 0, "keypoints more than 50 cm off"},
    {"kps_mean_err", "Avg. err.", "m", DIRECTION_DOWN, 4, 0, "mean distance of keypoints to their hints"},
    {"skating_ratio", "Foot skating", "", DIRECTION_NEAR_REAL, 4, 0, "share of frames with a sliding foot"},
    {"jitter", "Jitter", "m/s³", DIRECTION_NEAR_REAL, 2, 0, "mean jerk of the joints"},
    {"foot_sliding", "Foot sliding", "m/s", DIRECTION_NEAR_REAL, 4, 0, "speed of feet on the floor"},
    {"floor_penetration", "Penetration", "m", DIRECTION_NEAR_REAL, 4, 0, "depth below the floor"},
    {"bone_variation", "Bone var.", "", DIRECTION_NEAR_REAL, 4, 0, "relative variation of bone lengths"},
    {"MPJPE", "MPJPE", "m", DIRECTION_DOWN, 4, 0, "root-aligned joint error of the reconstruction"},
    {"MPJPE_unaligned", "MPJPE unal.", "m", DIRECTION_DOWN, 4, 0, "joint error of the reconstruction"},
    {"PA_MPJPE", "PA-MPJPE", "m", DIRECTION_DOWN, 4, 0, "joint error after Procrustes alignment"},
    {"ACCEL", "ACCEL", "m/frame²", DIRECTION_DOWN, 5, 0, "error of the joints' accelerations"},
    {"FeaError", "FeaError", "", DIRECTION_DOWN, 4, 0, "error of the normalised features a frame"},
    {"AITS", "AITS", "s", DIRECTION_DOWN, 3, 1, "seconds a sentence, batch 1, caption to features"},
    {"AITS_without_text", "AITS w/o text", "s", DIRECTION_DOWN, 3, 1, "the same without the text encoder"},
    {"AITS_batch_32", "time / 32", "s", DIRECTION_DOWN, 3, 1, "seconds a sentence at batch 32, amortised"},
};

int metric_count(void)
{
    return (int)(sizeof metrics / sizeof metrics[0]);
}

const struct metric *metric_at(int i)
{
    return i >= 0 && i < metric_count() ? &metrics[i] : NULL;
}

const struct metric *metric_find(const char *name)
{
    for (int i = 0; i < metric_count(); i++)
        if (!strcmp(metrics[i].name, name))
            return &metrics[i];
    return NULL;
}

static const char *const direction_names[] = {"down", "up", "near real"};

const char *direction_name(enum direction d)
{
    return direction_names[d];
}

int direction_parse(const char *name, enum direction *d)
{
    for (int i = 0; i < 3; i++)
        if (!strcmp(direction_names[i], name)) {
            *d = (enum direction)i;
            return 0;
        }
    return -1;
}

int metric_better(enum direction d, double value, double other, double real)
{
    if (d == DIRECTION_UP)
        return value > other;
    if (d == DIRECTION_DOWN)
        return value < other;
    return fabs(value - real) < fabs(other - real);
}
