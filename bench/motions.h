/* Motions to look at: a few captions, for each the real motion and those that models generated.
 *
 * `bench` writes them as OUT/motions.json, `report` and `generate -o OUT.html` put them into a page. The file:
 *
 *     {"schema": "mlcm-motions-1", "experiment": "…", "fps": 20, "joints": 22, "parents": [-1, 0, 0, …],
 *      "sides": "clrclr…", "head": 15,
 *      "clips": [{"caption": "…", "clip": "…", "frames": 96,
 *                 "segments": [{"frame": 0, "text": "…"}, …],
 *                 "hints": [[frame, joint, x, y, z], …],
 *                 "motions": [{"model": "Real", "real": true, "positions": "…"}, …]}]}
 *
 * Positions are whole millimetres, y up. "positions" is base64 of variable-length integers (seven bits a byte, the
 * lowest first, the high bit set on all but the last), each the zigzag code (2v, or -2v-1 below 0) of a coordinate
 * less the same coordinate one frame before; frame 0 is less 0; order (frame, joint, xyz). "segments" is there for
 * motions made of several texts, "hints" where joints were told where to be. */
#ifndef MLCM_MOTIONS_H
#define MLCM_MOTIONS_H

#include "../engine/error.h"
#include <stdio.h>

struct moving {
    char *model;
    int real;
    float *joints;               /* (frames, njoints, 3) metres */
};
struct moving_segment {
    int frame;                   /* its first */
    char *text;
};
struct moving_clip {
    char *caption, *clip;        /* clip: its name in the set, "" if none */
    int frames;
    int nmotions, nsegments;
    struct moving *motions;
    struct moving_segment *segments;
    float *goal;                 /* (frames, njoints, 3) metres, and … */
    unsigned char *mask;         /* … (frames, njoints), 1 where it is told; both NULL without control */
};
struct motions {
    char experiment[96];
    double fps;
    int njoints;                 /* of a known skeleton: 22 or 21 */
    int nclips;
    struct moving_clip *clips;
};

enum { MOTIONS_CLIPS = 200, MOTIONS_MODELS = 64, MOTIONS_FRAMES = 20000, MOTIONS_SEGMENTS = 1000 };

/* All memory is the struct's; motions_free also after an error. */
void motions_free(struct motions *m);
/* Opens a clip; *clip stays valid until the next one is opened. */
int motions_add_clip(struct motions *m, const char *caption, const char *name, int frames, struct moving_clip **clip,
                     struct error *e);
/* Copies joints (frames, njoints, 3), times `scale` (metres a unit). Errors: non-finite, beyond 1 km. */
int motions_add(const struct motions *m, struct moving_clip *clip, const char *model, int real, const float *joints,
                double scale, struct error *e);
int motions_add_segment(struct moving_clip *clip, int frame, const char *text, struct error *e);
/* Copies goal and mask; of a mask without a single point nothing is kept. */
int motions_add_hints(const struct motions *m, struct moving_clip *clip, const float *goal, const unsigned char *mask,
                      double scale, struct error *e);

/* The document as one line of JSON that may stand in a <script> element. */
int motions_print(const struct motions *m, FILE *out, struct error *e);
int motions_write(const struct motions *m, const char *path, struct error *e);
/* ERR_INPUT, naming file and place, for anything that motions_write would not have written. */
int motions_read(const char *path, struct motions *m, struct error *e);

#endif
