/* Per-channel statistics of motion features and of joint positions. */
#ifndef MLCM_STATISTICS_H
#define MLCM_STATISTICS_H

#include "features.h"
#include <stddef.h>
#include <stdint.h>

/* Sums over rows, kept in double about the first row (no cancellation). */
struct statistics {
    int nchannels;
    uint64_t rows;             /* rows added */
    int clips, skipped;        /* clips added, clips left out for non-finite values */
    double *shift, *sum, *sum2;/* (nchannels) */
};

int statistics_begin(struct statistics *s, int nchannels, struct error *e);
void statistics_free(struct statistics *s);

/* Adds a clip: rows (n, nchannels). A clip with any non-finite value is left out
 * whole and counted in `skipped`. Returns 1 if it was added, 0 if left out. */
int statistics_add(struct statistics *s, const float *rows, int n);

/* mean, std (nchannels): per channel, population standard deviation (divisor
 * rows). ERR_INPUT if nothing was added. */
int statistics_exact(const struct statistics *s, double *mean, double *std, struct error *e);

/* The published Mean.npy and Std.npy: mean, std (F) with the standard deviation
 * replaced by its average within each group of the representation: root angular
 * velocity, root linear velocity, root height, local positions, rotations,
 * velocities, foot contacts. */
int statistics_features(const struct statistics *s, const struct skeleton *skel,
                        float *mean, float *std, struct error *e);

/* The evaluators' standard deviation: out (F) = std with the root groups
 * (channels 0 … 3) and the contacts divided by `bias` `times` times. The published
 * evaluators use bias 5 twice, i.e. 25. in and out may be the same. */
void statistics_feat_bias(const struct skeleton *skel, const float *std, double bias, int times,
                          float *out);
void statistics_feat_bias_double(const struct skeleton *skel, const double *std, double bias,
                                 int times, double *out);

/* Spatial statistics of control hints: begin with nchannels = 3 J, add each clip
 * by statistics_add_joints (features (n, F) -> global joints by recovery), read
 * with statistics_spatial into raw_mean, raw_std (J, 3), per joint and coordinate.
 * statistics_add_joints returns 1 added, 0 left out, -1 out of memory. */
int statistics_add_joints(struct statistics *s, const struct skeleton *skel, const float *features,
                          int n);
int statistics_spatial(const struct statistics *s, float *raw_mean, float *raw_std, struct error *e);

#endif
