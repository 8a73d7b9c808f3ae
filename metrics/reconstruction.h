/* Reconstruction: how well an autoencoder gives a motion back.
 *
 *   MPJPE           mean joint error after subtracting each root, metres
 *   MPJPE_unaligned the same without subtracting
 *   PA-MPJPE        mean joint error after the best rotation, scale and
 *                   translation of each frame (Procrustes), metres
 *   ACCEL           mean |second difference of p - of r| over joints, metres a
 *                   frame², over the frames that have one
 *   FeaError        Frobenius norm of a clip's normalised feature difference,
 *                   summed over clips, divided by the number of frames
 * Direction: down. Sums over clips divided by the number of frames, so long
 * clips weigh more (MLD and MotionLCM). MLD prints the first four in mm.
 * Samples: any. Known bias: PA-MPJPE is blind to the root's path and facing. */
#ifndef MLCM_RECONSTRUCTION_H
#define MLCM_RECONSTRUCTION_H

#include "../engine/error.h"

/* Running sums over clips; start from {0}. */
struct reconstruction {
    long frames, sequences, accelerations, feature_frames;
    double aligned, unaligned, procrustes, acceleration, features;
};

/* Adds a clip: joints, reference (frames, njoints, 3), metres, without padding.
 * Errors: a non-finite position (frame and joint named). */
int reconstruction_add_joints(struct reconstruction *r, const float *joints, const float *reference,
                              int frames, int njoints, struct error *e);
/* Adds a clip's features, both normalised by the data set's statistics: (frames, nfeats). */
int reconstruction_add_features(struct reconstruction *r, const float *features,
                                const float *reference, int frames, int nfeats, struct error *e);

struct reconstruction_errors {
    double mpjpe, mpjpe_unaligned, pa_mpjpe, accel;   /* metres (a frame²) */
    double fea_error;
};
/* The quotients; a quantity without any frame is 0. */
struct reconstruction_errors reconstruction_result(const struct reconstruction *r);

/* Mean distance of the points a (n, 3) to b (n, 3) after the similarity
 * transformation of a that fits b best in least squares (Umeyama 1991); a
 * reflection is not allowed. */
int procrustes_error(const float *a, const float *b, int n, double *error, struct error *e);

#endif
