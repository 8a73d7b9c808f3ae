/* Biovision Hierarchy (.bvh) motion capture files: strict reader, resampling,
 * forward kinematics, and the mapping of any hierarchy to a skeleton's joints.
 *
 * Any hierarchy, channel order and frame rate. The reader depends on no locale
 * and refuses what it cannot read exactly: every error names the file, the line
 * and the rule. World positions are computed in double. */
#ifndef MLCM_BVH_H
#define MLCM_BVH_H

#include "features.h"
#include <stddef.h>

enum {
    BVH_MAX_DEPTH = 64,
    BVH_MAX_JOINTS = 1024,
    BVH_MAX_FRAMES = 1000000,
    BVH_MAX_NAME = 63,
    BVH_MAX_BYTES = 256 * 1024 * 1024
};

enum bvh_channel { BVH_X_POSITION, BVH_Y_POSITION, BVH_Z_POSITION,
                   BVH_X_ROTATION, BVH_Y_ROTATION, BVH_Z_ROTATION };

struct bvh_joint {
    char name[BVH_MAX_NAME + 1];
    int parent;                 /* -1 for the root; always lower than the joint's own index */
    double offset[3];           /* from the parent, file units */
    int nchannels;              /* 0 … 6 */
    unsigned char channel[6];   /* enum bvh_channel, in file order */
    int first_value;            /* column of channel[0] in a frame */
};

struct bvh {
    char path[1024];            /* for messages */
    int njoints;
    struct bvh_joint *joint;    /* in file order: parents before children */
    int nvalues;                /* channels of all joints: values a frame */
    int nframes;                /* >= 1 */
    double frame_time;          /* seconds, > 0 */
    double *values;             /* (nframes, nvalues): file units and degrees */
};

/* Parses `size` bytes of text (need not end with NUL). `path` is used in
 * messages only. On success the caller calls bvh_free. ERR_INPUT with
 * "path:line: rule" for malformed text. */
int bvh_parse(const char *path, const char *text, size_t size, struct bvh *out, struct error *e);
int bvh_read(const char *path, struct bvh *out, struct error *e);
void bvh_free(struct bvh *b);

/* Index of a joint by its exact name, or -1. */
int bvh_find(const struct bvh *b, const char *name);

/* Frames a second; a frame time within 1e-4 (relative) of 1/k s is taken as exactly 1/k. */
double bvh_rate(const struct bvh *b);

/* Number of frames after resampling n frames from `rate` to `target` frames a
 * second: floor((n-1) target/rate) + 1. */
int bvh_resampled_frames(int n, double rate, double target);

/* World positions (frames, njoints, 3) in file units, malloc'd to *positions.
 *
 * Local rotation = product of the joint's rotation channels in file order
 * (degrees, column vectors); local translation = OFFSET, replaced component by
 * component by the joint's position channels. target_rate 0 keeps the frames;
 * otherwise frame k is taken at source time k·rate/target: local rotations by
 * slerp along the shortest arc, local translations linearly. */
int bvh_positions(const struct bvh *b, double target_rate, double **positions, int *frames,
                  struct error *e);

/* Joint maps: each target joint is a linear blend of source joints.
 *
 * Text, one rule a line, '#' starts a comment:
 *     unit = 0.01                       (metres a file unit; default 1)
 *     pelvis = 0.55*Hips + 0.45*Spine   (a weight may be left out: 1)
 * Every joint of the skeleton appears exactly once; the weights of a joint sum
 * to 1; a joint has at most JOINT_MAP_TERMS terms. */
enum { JOINT_MAP_TERMS = 4, JOINT_MAP_JOINTS = 22 };

struct joint_map {
    char path[1024];            /* for messages */
    double unit;
    int njoints;
    struct {
        int nterms;
        double weight[JOINT_MAP_TERMS];
        char source[JOINT_MAP_TERMS][BVH_MAX_NAME + 1];
    } joint[JOINT_MAP_JOINTS];
};

int joint_map_parse(const char *path, const char *text, size_t size, const struct skeleton *s,
                    struct joint_map *out, struct error *e);
/* Reads a map file. "bandai" (no such file needed) is the map of the Bandai Namco
 * Research Motiondataset, datasets/joint_maps/bandai.map, built into the program. */
int joint_map_read(const char *path, const struct skeleton *s, struct joint_map *out, struct error *e);

/* The joints of a skeleton from a BVH file at `target_rate` (0: the file's own):
 * *joints (frames, J, 3) in metres, malloc'd; the caller frees. ERR_INPUT if the
 * hierarchy lacks a source joint of the map. */
int bvh_joints(const struct bvh *b, const struct joint_map *map, double target_rate,
               double **joints, int *frames, struct error *e);

#endif
