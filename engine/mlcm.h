/* mlcm: text to motion, for programs that embed it.
 *
 *     char error[600];
 *     mlcm *m;
 *     if (mlcm_open(&m, "results/weights/bandai_small", 0, error, sizeof error)) …
 *     float joints[120 * 22 * 3];
 *     struct mlcm_options o = MLCM_OPTIONS;
 *     if (mlcm_generate(m, "a person walks slowly", 120, &o, NULL, joints, error, sizeof error)) …
 *     mlcm_close(m);
 *
 * Link with -lmlcm and the libraries of `pkg-config --libs openblas hdf5 libcjson libcrypto libutf8proc zlib`, -lm -fopenmp.
 * A model is used by one thread at a time; several models may be open at once. */
#ifndef MLCM_H
#define MLCM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlcm mlcm;

struct mlcm_options {
    uint64_t seed;       /* of the noise: the same seed gives the same motion */
    int steps;           /* sampling steps, up to 1000; 0: 1 for MotionLCM, 50 for MLD */
    double guidance;     /* scale, up to 100; 0: the model's own */
    int teacher;         /* 1: the MLD teacher (mld.h5) instead of MotionLCM (lcm.h5) */
};
#define MLCM_OPTIONS { 1234, 0, 0, 0 }

/* Opens FOLDER/vae.h5 with FOLDER/lcm.h5 and, where it is there, FOLDER/mld.h5. threads 0: all cores.
 * Returns 0, or an exit code of the program with a one-line message in `error`. */
int mlcm_open(mlcm **out, const char *folder, int threads, char *error, size_t error_size);
void mlcm_close(mlcm *m);

int mlcm_features(const mlcm *m);      /* width of a feature row, 263 */
int mlcm_joints(const mlcm *m);        /* 22 */
double mlcm_fps(const mlcm *m);        /* frames a second */
int mlcm_longest(const mlcm *m);       /* most frames of one motion */

/* One motion. features (frames, mlcm_features) in the representation's units, joints (frames,
 * mlcm_joints, 3) in metres, y up; either may be NULL; both are the caller's memory. o NULL: MLCM_OPTIONS. */
int mlcm_generate(mlcm *m, const char *text, int frames, const struct mlcm_options *o, float *features, float *joints,
                  char *error, size_t error_size);

#ifdef __cplusplus
}
#endif
#endif
