/* A trajectory that a person gives: where joints shall be, and when.
 *
 * JSON:  {"points":    [{"t": 0.5, "joint": "left_wrist", "x": 0.3, "y": 1.4, "z": 0.2}, …],
 *         "waypoints": [{"t": 0, "x": 0, "z": 0}, {"t": 3, "x": 0.4, "z": 2.5}, …],
 *         "density": 25}
 * CSV:   a header, then rows of points: t,joint,x,y,z — or, without the columns joint and y, of
 *        waypoints: t,x,z. Empty lines and lines that begin with # are left out.
 *
 * "frame" may stand for "t" (seconds). A joint is a name of the skeleton or its number. Metres, y up;
 * the root starts at the origin, facing +z. Waypoints are the root's path on the floor: a smooth curve
 * through them (cubic Hermite, slopes of the neighbouring waypoints) of which `density` of the frames
 * between the first and the last are told, evenly spread: 1, 2, 5 frames or a percentage, 100 if not
 * given. A waypoint may have a height "y"; without any the caller's height is taken. */
#ifndef MLCM_TRAJECTORY_FILE_H
#define MLCM_TRAJECTORY_FILE_H

#include "../engine/error.h"

struct trajectory_point {
    double at;               /* seconds, or a frame's number */
    int by_frame;            /* 1: `at` is a frame's number */
    int joint;
    double position[3];      /* metres; a waypoint without a height has NAN in [1] */
    int entry;               /* for messages: the line of a CSV file, the number in a JSON list */
};
struct trajectory {
    char path[1024];
    int lines;               /* 1: entries are lines (CSV) */
    struct trajectory_point *points, *waypoints;
    int point_count, waypoint_count;
    double density;
};

/* By the name's ending: .csv, else JSON. Free with trajectory_free; after an error there is nothing
 * to free. Errors (ERR_INPUT, one line with the file and the line or entry): an unknown joint or key,
 * a value that is no finite number or beyond 100 m, no point at all. */
int trajectory_read(const char *path, int njoints, struct trajectory *t, struct error *e);
void trajectory_free(struct trajectory *t);

/* The trajectory on a clip: positions (frames, njoints, 3) in metres, 0 where nothing is told; mask
 * (frames, njoints), 1 where it is. cut 1: what lies beyond the clip's end is left out, as long as
 * something is left; 0: it is an error. Errors (ERR_INPUT): a point outside the clip, a joint told twice
 * at one frame, a root that does not start at the origin, a density above the length. */
int trajectory_on_clip(const struct trajectory *t, int frames, double fps, int njoints, double height, int cut,
                       float *positions, unsigned char *mask, struct error *e);

#endif
