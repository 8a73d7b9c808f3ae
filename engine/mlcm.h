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

/* Opens FOLDER/vae.h5 with FOLDER/lcm.h5 and, where it is there, FOLDER/mld.h5. threads 0: all cores. FOLDER
 * may also be that of MotionLCM's repository with its published files: experiments_t2m, deps/sentence-t5-large,
 * datasets/humanml3d/Mean.npy and Std.npy.
 * Returns 0, or an exit code of the program with a one-line message in `error`. */
int mlcm_open(mlcm **out, const char *folder, int threads, char *error, size_t error_size);
/* The same, with what is not in the folder. Models that were trained with a published text encoder read it
 * from text_encoder, the folder of the downloaded encoder; NULL: FOLDER/text_encoder. */
struct mlcm_parts {
    int threads;
    const char *text_encoder;
    const char *text_precision;   /* of its weights: "fp32", "bf16" or "int8"; NULL: "fp32" */
    const char *precision;        /* of all other weights, likewise */
    const char *device;           /* what computes: "cpu" or "cuda"; NULL: "cpu" */
    const char *gpu_math;         /* how a GPU multiplies matrices: "fp32", "tf32" or "bf16"; NULL: "fp32" */
    int generation;               /* of published files: 2 takes MotionLCM-V2, else the paper's own */
};
int mlcm_open_parts(mlcm **out, const char *folder, const struct mlcm_parts *parts, char *error, size_t error_size);
void mlcm_close(mlcm *m);

int mlcm_features(const mlcm *m);      /* width of a feature row, 263 */
int mlcm_joints(const mlcm *m);        /* 22 */
double mlcm_fps(const mlcm *m);        /* frames a second */
int mlcm_longest(const mlcm *m);       /* most frames of one motion */

/* One motion. features (frames, mlcm_features) in the representation's units, joints (frames,
 * mlcm_joints, 3) in metres, y up; either may be NULL; both are the caller's memory. o NULL: MLCM_OPTIONS. */
int mlcm_generate(mlcm *m, const char *text, int frames, const struct mlcm_options *o, float *features, float *joints,
                  char *error, size_t error_size);

/* --- motion control ------------------------------------------------------------------ */

/* Where joints shall be: positions (frames, mlcm_joints, 3) in metres, y up, the root of frame 0 over the
 * origin, facing +z; mask (frames, mlcm_joints), 1 where a position is told. */
struct mlcm_control {
    const float *positions;
    const unsigned char *mask;
    int tuning;          /* steps of latent tuning, about 100, instead of a ControlNet; 0: the ControlNet. One
                          * sampling step, not with the teacher */
};
/* As mlcm_generate, told by c. Reads FOLDER/control.h5 (control_mld.h5 for the teacher) when first needed. */
int mlcm_generate_controlled(mlcm *m, const char *text, int frames, const struct mlcm_options *o, const struct mlcm_control *c,
                             float *features, float *joints, char *error, size_t error_size);

/* 1 if the folder has a ControlNet for MotionLCM, or for the teacher. */
int mlcm_has_control(const mlcm *m, int teacher);
/* What the folder's ControlNet was trained to follow: these joints, in the first `share` of the frames. */
enum { MLCM_MOST_JOINTS = 22 };
struct mlcm_control_training {
    int joints[MLCM_MOST_JOINTS], count;
    double share;        /* 0 … 1 */
    int scattered;       /* 1: one joint in frames at random instead */
    double root_height;  /* mean height of the root in training, metres */
};
/* 0; or 3 with a message where there is no ControlNet or not one for these models. */
int mlcm_control_training(mlcm *m, int teacher, struct mlcm_control_training *out, char *error, size_t error_size);

/* --- a stream: motion after motion, in one world -------------------------------------- */

/*     mlcm_stream *s;
 *     struct mlcm_stream_options o = MLCM_STREAM_OPTIONS;
 *     if (mlcm_stream_open(&s, m, &o, error, sizeof error)) …
 *     float *joints = malloc(sizeof *joints * mlcm_stream_most(s) * mlcm_joints(m) * 3);
 *     while (text = …) { mlcm_stream_next(s, text, joints, &made, error, sizeof error); … }
 *     mlcm_stream_finish(s, joints, &made); … mlcm_stream_close(s);
 *
 * Each segment begins with the last `overlap` frames of the one before: the ControlNet is told the joints that it
 * was trained on, the new clip is laid over the old one (turned about the vertical and moved on the floor, least
 * squares), and goes on from the old one's positions and velocities: their differences fade over these frames. Where
 * such a seam is not calm, other noises are tried. Without a ControlNet clips are only laid over each other and led
 * over. The frames that segments share are held back until the next one comes. */
typedef struct mlcm_stream mlcm_stream;
struct mlcm_stream_options {
    struct mlcm_options generation;   /* seed: of the first segment; each has noise of its own */
    int frames;                       /* new frames a segment; 0: 60 */
    int overlap;                      /* frames that two segments share; 0: what the ControlNet was trained for, or a third */
    int plain;                        /* 1: no ControlNet, even where there is one */
    int tries;                        /* most noises tried for a segment after the first, until the jerk over the seam is at
                                       * most 1.5 times the median inside segments; else the calmest is taken; 0: 64 */
    const int *parents;               /* (mlcm_joints) of each joint, before it in order, -1: none; bones then keep their
                                       * lengths over seams; must outlive the stream. NULL: joints are led one by one */
};
#define MLCM_STREAM_OPTIONS { MLCM_OPTIONS, 0, 0, 0, 0, NULL }

/* m must outlive the stream. */
int mlcm_stream_open(mlcm_stream **out, mlcm *m, const struct mlcm_stream_options *o, char *error, size_t error_size);
void mlcm_stream_close(mlcm_stream *s);
int mlcm_stream_controlled(const mlcm_stream *s);   /* 1: segments are joined by a ControlNet */
int mlcm_stream_frames(const mlcm_stream *s);       /* new frames a segment */
int mlcm_stream_overlap(const mlcm_stream *s);      /* frames that two segments share */
int mlcm_stream_most(const mlcm_stream *s);         /* most frames that one call makes */
/* The next segment: joints (*made, mlcm_joints, 3) in the world's metres, the caller's memory. After an error
 * the stream goes on from where it was. */
int mlcm_stream_next(mlcm_stream *s, const char *text, float *joints, int *made, char *error, size_t error_size);
/* The frames that were held back; the stream begins anew afterwards. */
void mlcm_stream_finish(mlcm_stream *s, float *joints, int *made);

#ifdef __cplusplus
}
#endif
#endif
