/* Joining clips into one motion: each clip's first `overlap` frames show what the last ones of the clip
 * before show. It is laid over them, turned about the vertical and moved on the floor so that the squared
 * distance of the joints is least (frame i of n weighs 1 - i/n).
 *
 * From the first shared frame on the new clip is what is shown. Each joint begins where the old clip goes on and
 * with its velocity: the difference of both clips there is added to the new one, and fades, that of the positions
 * over the overlap, that of the velocities over its half, by quintics that end with no offset, velocity or
 * acceleration. Joints led one by one would make bones longer or shorter: with the joints' parents known, each bone
 * keeps the direction that it gets so and goes from the old clip's length to the new one's by the same quintics. */
#ifndef MLCM_STREAM_JOIN_H
#define MLCM_STREAM_JOIN_H

#include "error.h"

struct stream_join {
    int joints, overlap;
    const int *parents;           /* (joints), or NULL */
    int clips;                    /* laid since the beginning */
    double cosine, sine, x, z;    /* the last clip's place: (px, pz) -> (c·px - s·pz + x, s·px + c·pz + z) */
    float *held;                  /* (overlap, joints, 3) the last clip's end in the world */
    float *trial;                 /* (3 + overlap + 3, joints, 3): the last three frames given out; then a seam that is tried */
    double *moved;                /* (joints, 3) a frame whose bones are set */
};

/* parents (joints): of each joint, before it in order, -1 for a root; it must outlive s. NULL: bones are not kept.
 * Free with stream_join_close; safe on a zeroed struct. */
int stream_join_open(struct stream_join *s, int joints, const int *parents, int overlap, struct error *e);
void stream_join_close(struct stream_join *s);

/* The next clip (frames, joints, 3), metres, y up, in coordinates of its own; frames >= overlap, and for all but
 * the first 2·overlap. out receives frames - overlap rows in the world, which is the first clip's coordinates;
 * returns their number. The last `overlap` frames are held for the next clip. */
int stream_join_add(struct stream_join *s, const float *clip, int frames, float *out);
/* The third difference over four frames (4, joints, 3) at `fps`: its length, mean over the joints, m/s³. */
double stream_jerk(const float *frames, int joints, double fps);
/* That of a seam: the mean over all third differences that touch the fade, m/s³, if `clip` were laid next;
 * nothing changes. frames >= overlap + 3; a clip was laid before. */
double stream_join_jerk(struct stream_join *s, const float *clip, double fps);
/* Gives the held frames to out and begins anew; returns their number, 0 where nothing was laid. */
int stream_join_finish(struct stream_join *s, float *out);

/* The held frames as the next clip shall begin: the first root over the origin, `heading` turned to +z.
 * heading: of the held frames' first, an angle in the last clip's coordinates, by which
 * (0, 1) on the floor becomes (-sin, cos). out (overlap, joints, 3). */
void stream_join_hint(const struct stream_join *s, double heading, float *out);

#endif
