/* A stream of motions, on top of the library's own interface. */
#include "mlcm.h"
#include "error.h"
#include "rng.h"
#include "stream_join.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct mlcm_stream {
    mlcm *m;
    struct mlcm_options generation;
    struct mlcm_control_training trained;
    int frames, controlled;
    uint64_t segment;
    double heading;                 /* of the first held frame, in the last clip's coordinates */
    struct stream_join join;
    float *features, *clip, *told;  /* (overlap + frames) rows each; told (rows, J, 3) */
    unsigned char *mask;            /* (rows, J) */
};

static int give(const struct error *e, char *error, size_t size)
{
    if (error && size) snprintf(error, size, "%s", e->text);
    return e->code;
}

int mlcm_stream_open(mlcm_stream **out, mlcm *m, const struct mlcm_stream_options *o, char *error, size_t error_size)
{
    static const struct mlcm_stream_options defaults = MLCM_STREAM_OPTIONS;
    struct error e = {0};
    struct mlcm_stream *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!o) o = &defaults;
    if (!s) {
        error_memory(&e, "a stream");
        return give(&e, error, error_size);
    }
    s->m = m;
    s->generation = o->generation;
    s->frames = o->frames ? o->frames : 60;
    s->controlled = !o->plain && mlcm_has_control(m, o->generation.teacher);
    int rc = 0, overlap = o->overlap, longest = mlcm_longest(m);
    if (s->controlled) rc = e.code = mlcm_control_training(m, o->generation.teacher, &s->trained, e.text, sizeof e.text);
    double part = s->controlled && !s->trained.scattered ? fmin(s->trained.share, 0.5) : 0.25;
    if (!overlap && s->frames > 0) overlap = (int)lround(fmax(1, s->frames * part / (1 - part)));
    if (!rc && (s->frames < 8 || overlap < 1 || overlap > s->frames || s->frames > longest - overlap))
        rc = error_set(&e, ERR_USAGE, "a stream with %d frames a segment and %d of overlap; give 8 or more, no more overlap than frames, "
                                      "and at most %d together", s->frames, overlap, longest);
    if (!rc) rc = stream_join_open(&s->join, mlcm_joints(m), overlap, &e);
    size_t rows = (size_t)(s->frames + overlap), J = (size_t)mlcm_joints(m);
    if (!rc) {
        s->features = malloc(rows * (size_t)mlcm_features(m) * sizeof *s->features);
        s->clip = malloc(rows * J * 3 * sizeof *s->clip);
        s->told = calloc(rows * J * 3, sizeof *s->told);
        s->mask = calloc(rows * J, 1);
        if (!s->features || !s->clip || !s->told || !s->mask) rc = error_memory(&e, "a stream");
    }
    if (rc) {
        mlcm_stream_close(s);
        return give(&e, error, error_size);
    }
    for (int i = 0; s->controlled && i < overlap; i++)
        for (int k = 0; k < s->trained.count; k++) s->mask[(size_t)i * J + (size_t)s->trained.joints[k]] = 1;
    *out = s;
    return 0;
}

void mlcm_stream_close(mlcm_stream *s)
{
    if (!s) return;
    stream_join_close(&s->join);
    free(s->features);
    free(s->clip);
    free(s->told);
    free(s->mask);
    free(s);
}

int mlcm_stream_controlled(const mlcm_stream *s) { return s->controlled; }
int mlcm_stream_frames(const mlcm_stream *s) { return s->frames; }
int mlcm_stream_overlap(const mlcm_stream *s) { return s->join.overlap; }
int mlcm_stream_most(const mlcm_stream *s) { return s->frames > s->join.overlap ? s->frames : s->join.overlap; }

/* The first segment's noise is that of mlcm_generate with the same seed. */
static uint64_t segment_seed(const struct mlcm_stream *s)
{
    uint32_t words[4];
    if (!s->segment) return s->generation.seed;
    rng_block(s->generation.seed, rng_stream("mlcm_stream"), s->segment, words);
    return (uint64_t)words[0] << 32 | words[1];
}

int mlcm_stream_next(mlcm_stream *s, const char *text, float *joints, int *made, char *error, size_t error_size)
{
    int first = s->join.clips == 0, told = s->controlled && !first, frames = s->frames + (first ? 0 : s->join.overlap);
    int wide = mlcm_features(s->m);
    struct mlcm_options o = s->generation;
    const struct mlcm_control control = {s->told, s->mask, 0};
    *made = 0;
    o.seed = segment_seed(s);
    if (told) {
        stream_join_hint(&s->join, s->heading, s->told);
        size_t keys = (size_t)s->join.overlap * (size_t)s->join.joints;
        for (size_t k = 0; k < keys; k++)
            if (!s->mask[k]) memset(s->told + 3 * k, 0, 3 * sizeof *s->told);
    }
    int rc = mlcm_generate_controlled(s->m, text, frames, &o, told ? &control : NULL, s->features, s->clip, error, error_size);
    if (rc) return rc;
    *made = stream_join_add(&s->join, s->clip, frames, joints);
    s->segment++;
    s->heading = 0;                 /* the representation's first channel is half the turn to the next frame */
    for (int i = 0; i < frames - s->join.overlap; i++) s->heading += 2 * (double)s->features[(size_t)i * (size_t)wide];
    return 0;
}

void mlcm_stream_finish(mlcm_stream *s, float *joints, int *made)
{
    *made = stream_join_finish(&s->join, joints);
}
