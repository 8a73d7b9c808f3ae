/* Frames of joints as they are made: rows on standard output at once, or a file written whole.
 *
 * JSON lines: {"frame":0,"t":0.000,"segment":0,"joints":[[x,y,z],…]} a frame. CSV: a header, then
 * frame,t,segment and x,y,z of each joint. Metres, y up. .npy: (frames, joints, 3). .svg: a strip of
 * poses a segment. .bvh, .h5, .html: see motion_file.h. */
#ifndef MLCM_FRAME_WRITER_H
#define MLCM_FRAME_WRITER_H

#include "../engine/error.h"
#include "../engine/file.h"
#include "motion_file.h"

/* From FRAMES_CSV on: rows that are written as they come. */
enum frame_format { FRAMES_NPY, FRAMES_SVG, FRAMES_BVH, FRAMES_H5, FRAMES_HTML, FRAMES_CSV, FRAMES_JSONL, FRAME_FORMATS };

struct frame_writer {
    enum frame_format format;
    const char *path;            /* "-": standard output */
    int njoints;
    double fps;
    FILE *stream;                /* of rows */
    struct file_writer file;     /* where it is a file's */
    int frames, segments;        /* written so far */
    float *joints;               /* (frames, njoints, 3), kept for files that are written whole */
    int *first;                  /* (segments) first frame of each */
    char **titles;               /* (segments) */
    struct motion_file about;    /* how it was made: models, system, seed, steps, guidance; for .h5 and .html */
};

/* The format by the path's ending, or for "-" by `rows`, "csv" or "jsonl". Errors (ERR_USAGE): an unknown one. */
int frame_format_of(const char *path, const char *rows, enum frame_format *format, struct error *e);
/* path and the titles given below stay the caller's. Free with frame_writer_close, which abandons a
 * file that is not finished. */
int frame_writer_open(struct frame_writer *w, enum frame_format format, const char *path, int njoints, double fps, struct error *e);
/* `count` further frames (count, njoints, 3). title: begins a new segment of that text; NULL: goes on with the last.
 * Rows on standard output are flushed. Errors: a non-finite position, a stream that cannot be written. */
int frame_writer_add(struct frame_writer *w, const char *title, const float *joints, int count, struct error *e);
int frame_writer_finish(struct frame_writer *w, struct error *e);
void frame_writer_close(struct frame_writer *w);

#endif
