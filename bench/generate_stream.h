/* mlcm generate with several texts or --stream: one motion after another, in one world. */
#ifndef MLCM_GENERATE_STREAM_H
#define MLCM_GENERATE_STREAM_H

#include "../engine/error.h"
#include "../engine/mlcm.h"

struct stream_request {
    struct mlcm_stream_options options;
    char **texts;             /* `count` of them; with `listening` more come from standard input, a line each */
    int count, listening;
    int quiet;                /* nothing on standard error */
    const char *out, *rows;   /* frame_format_of */
    const char *models;       /* their folder */
};

/* Writes the frames as they are made; says on standard error how segments are joined. */
int generate_stream(mlcm *m, const struct stream_request *r, struct error *e);

/* Each joint's parent, for a stream's bones; NULL for skeletons that are not known. */
const int *stream_parents(const mlcm *m);

#endif
