/* A stream of motions, on top of the library's own interface. */
#include "mlcm.h"
#include "error.h"
#include "rng.h"
#include "stream_join.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INSIDE = 1024 };
static const double calm = 1.5;     /* a seam of at most so many times the median jerk inside needs no other noise */

struct mlcm_stream {
    mlcm *m;
    struct mlcm_options generation;
    struct mlcm_control_training trained;
    int frames, controlled;
    uint64_t segment;
    double heading;                 /* of the first held frame, in the last clip's coordinates */
    struct stream_join join;
    int tries, inside;              /* inside: jerks kept in `jerk` */
    double jerk[INSIDE];            /* of the last frames inside segments, a ring; m/s³ */
    float *features, *clip;         /* (overlap + frames) rows each, of the best try so far and of another one */
    float *features_tried, *clip_tried;
    float *told;                    /* (rows, J, 3) */
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
    s->tries = o->tries ? o->tries : 64;
    s->controlled = !o->plain && mlcm_has_control(m, o->generation.teacher);
    int rc = 0, overlap = o->overlap, longest = mlcm_longest(m);
    if (s->controlled) rc = e.code = mlcm_control_training(m, o->generation.teacher, &s->trained, e.text, sizeof e.text);
    double part = s->controlled && !s->trained.scattered ? fmin(s->trained.share, 0.5) : 0.25;
    if (!overlap && s->frames > 0) overlap = (int)lround(fmax(1, s->frames * part / (1 - part)));
    if (!rc && (s->tries < 1 || s->tries > 1000))
        rc = error_set(&e, ERR_USAGE, "a stream with %d tries a segment; give 1 to 1000", s->tries);
    if (!rc && (s->frames < 8 || overlap < 1 || overlap > s->frames || s->frames > longest - overlap))
        rc = error_set(&e, ERR_USAGE, "a stream with %d frames a segment and %d of overlap; give 8 or more, no more overlap than frames, "
                                      "and at most %d together", s->frames, overlap, longest);
    if (!rc) rc = stream_join_open(&s->join, mlcm_joints(m), o->parents, overlap, &e);
    size_t rows = (size_t)(s->frames + overlap), J = (size_t)mlcm_joints(m);
    if (!rc) {
        size_t wide = (size_t)mlcm_features(m);
        s->features = malloc(rows * wide * sizeof *s->features);
        s->features_tried = malloc(rows * wide * sizeof *s->features);
        s->clip = malloc(rows * J * 3 * sizeof *s->clip);
        s->clip_tried = malloc(rows * J * 3 * sizeof *s->clip);
        s->told = calloc(rows * J * 3, sizeof *s->told);
        s->mask = calloc(rows * J, 1);
        if (!s->features || !s->features_tried || !s->clip || !s->clip_tried || !s->told || !s->mask) rc = error_memory(&e, "a stream");
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
    free(s->features_tried);
    free(s->clip_tried);
    free(s->told);
    free(s->mask);
    free(s);
}

int mlcm_stream_controlled(const mlcm_stream *s) { return s->controlled; }
int mlcm_stream_frames(const mlcm_stream *s) { return s->frames; }
int mlcm_stream_overlap(const mlcm_stream *s) { return s->join.overlap; }
int mlcm_stream_most(const mlcm_stream *s) { return s->frames > s->join.overlap ? s->frames : s->join.overlap; }

/* The first segment's noise is that of mlcm_generate with the same seed. */
static uint64_t segment_seed(const struct mlcm_stream *s, int attempt)
{
    uint32_t words[4];
    if (!s->segment) return s->generation.seed;
    rng_block(s->generation.seed, rng_stream("mlcm_stream") + (uint64_t)attempt, s->segment, words);
    return (uint64_t)words[0] << 32 | words[1];
}

static void swap(float **a, float **b)
{
    float *keep = *a;
    *a = *b;
    *b = keep;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median jerk inside the segments so far, as far as it is kept. */
static double median_inside(const mlcm_stream *s)
{
    double sorted[INSIDE];
    int n = s->inside < INSIDE ? s->inside : INSIDE;
    memcpy(sorted, s->jerk, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    return n ? sorted[n / 2] : HUGE_VAL;
}

/* Keeps the jerk of the clip's rows [from, to), which are shown as they are. */
static void remember_inside(mlcm_stream *s, int from, int to)
{
    int J = mlcm_joints(s->m);
    double fps = mlcm_fps(s->m);
    for (int t = from; t + 3 < to; t++)
        s->jerk[s->inside++ % INSIDE] = stream_jerk(s->clip + (size_t)t * (size_t)J * 3, J, fps);
}

/* Makes the segment with one noise after another until its seam is calm; s->clip and s->features are those of the calmest. */
static int make_clip(mlcm_stream *s, const char *text, int frames, char *error, size_t error_size)
{
    int told = s->controlled && s->join.clips, tries = s->join.clips ? s->tries : 1, rc = 0;
    struct mlcm_options o = s->generation;
    const struct mlcm_control control = {s->told, s->mask, 0};
    double least = HUGE_VAL, enough = calm * median_inside(s);
    for (int i = 0; i < tries && !(i && least <= enough) && !rc; i++) {
        o.seed = segment_seed(s, i);
        rc = mlcm_generate_controlled(s->m, text, frames, &o, told ? &control : NULL, s->features_tried, s->clip_tried, error, error_size);
        if (rc) break;
        double jerk = tries > 1 ? stream_join_jerk(&s->join, s->clip_tried, mlcm_fps(s->m)) : 0;
        if (i && jerk >= least) continue;
        least = jerk;
        swap(&s->features, &s->features_tried);
        swap(&s->clip, &s->clip_tried);
    }
    return rc;
}

int mlcm_stream_next(mlcm_stream *s, const char *text, float *joints, int *made, char *error, size_t error_size)
{
    int first = s->join.clips == 0, frames = s->frames + (first ? 0 : s->join.overlap), wide = mlcm_features(s->m);
    *made = 0;
    if (s->controlled && !first) {
        stream_join_hint(&s->join, s->heading, s->told);
        size_t keys = (size_t)s->join.overlap * (size_t)s->join.joints;
        for (size_t k = 0; k < keys; k++)
            if (!s->mask[k]) memset(s->told + 3 * k, 0, 3 * sizeof *s->told);
    }
    int rc = make_clip(s, text, frames, error, error_size);
    if (rc) return rc;
    *made = stream_join_add(&s->join, s->clip, frames, joints);
    remember_inside(s, first ? 0 : s->join.overlap, frames - s->join.overlap);
    s->segment++;
    s->heading = 0;                 /* the representation's first channel is half the turn to the next frame */
    for (int i = 0; i < frames - s->join.overlap; i++) s->heading += 2 * (double)s->features[(size_t)i * (size_t)wide];
    return 0;
}

void mlcm_stream_finish(mlcm_stream *s, float *joints, int *made)
{
    *made = stream_join_finish(&s->join, joints);
}
