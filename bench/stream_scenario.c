/* What the clock of `mlcm time --scenario stream` sees.
 *
 * Inside: from a segment's caption to the joint positions of its frames in the caller's memory: tokenizing, text
 * encoder, the last frames as a control signal, sampling, decoder, features to joints, laying over and cross-fade.
 * "First frame" is from opening the stream (models loaded) to the first segment in hand.
 * Outside: reading the models, a stream of 5 s before for warm-up, writing anything. The joints' jerk at the seams
 * is measured afterwards, and beside it that of a stream whose clips share one frame alone. */
#include "stream_scenario.h"
#include "generate_stream.h"
#include "../engine/clock.h"
#include "../engine/file.h"
#include "../engine/rng.h"
#include <cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The captions change with every segment. */
static const char *const captions[] = {
    "a person walks forward",
    "a person walks forward in a proud way",
    "a person waves with the right hand",
    "a person runs forward",
    "a person walks backward in a tired way",
    "a person punches",
    "a person walks and turns right",
    "a person bows",
    "a person dashes forward like a giant",
    "a person raises both hands",
};
enum { CAPTIONS = sizeof captions / sizeof *captions };

/* One stream's motion, and when each part of it was there. */
struct made {
    float *joints;
    int frames, segments, *first;   /* first frame of each segment after the first */
    double first_frame, wall, slowest, *seconds;   /* seconds: of each segment */
};

static void made_free(struct made *r)
{
    free(r->joints);
    free(r->first);
    free(r->seconds);
    *r = (struct made){0};
}

/* The order of the captions; the first stream has them as they stand. */
static void order_captions(uint64_t seed, int number, int order[CAPTIONS])
{
    struct rng r = rng_make(seed, rng_stream("stream/captions") + (uint64_t)number);
    for (int i = 0; i < CAPTIONS; i++) order[i] = i;
    if (number) rng_shuffle(&r, order, CAPTIONS);
}

static int make(mlcm *m, const struct mlcm_stream_options *o, const int order[CAPTIONS], double seconds, struct made *r,
                struct stream_figures *f, struct error *e)
{
    mlcm_stream *s = NULL;
    int made = 0, wanted = (int)ceil(seconds * mlcm_fps(m)), rc;
    size_t row = (size_t)mlcm_joints(m) * 3;
    *r = (struct made){0};
    double start = clock_seconds();
    rc = e->code = mlcm_stream_open(&s, m, o, e->text, sizeof e->text);
    if (rc) return rc;
    f->frames = mlcm_stream_frames(s);
    f->overlap = mlcm_stream_overlap(s);
    f->controlled = mlcm_stream_controlled(s);
    int segments = (wanted + f->frames - 1) / f->frames;
    r->joints = malloc((size_t)segments * (size_t)f->frames * row * sizeof *r->joints);
    r->first = malloc((size_t)segments * sizeof *r->first);
    r->seconds = malloc((size_t)segments * sizeof *r->seconds);
    if (!r->joints || !r->first || !r->seconds) rc = error_memory(e, "a stream");
    for (; r->segments < segments && !rc; r->segments++) {
        double at = clock_seconds();
        r->first[r->segments] = r->frames;
        rc = e->code = mlcm_stream_next(s, captions[order[r->segments % CAPTIONS]], r->joints + (size_t)r->frames * row, &made, e->text,
                                        sizeof e->text);
        if (rc) break;
        if (!r->segments) r->first_frame = clock_seconds() - start;
        r->seconds[r->segments] = clock_seconds() - at;
        r->slowest = fmax(r->slowest, r->seconds[r->segments]);
        r->frames += made;
    }
    if (!rc) {
        mlcm_stream_finish(s, r->joints + (size_t)r->frames * row, &made);
        r->frames += made;
    }
    r->wall = clock_seconds() - start;
    mlcm_stream_close(s);
    if (rc) made_free(r);
    return rc;
}

/* Ratios of a stream's seams appended to all; finds the worst. */
static int pool(const struct made *r, const mlcm *m, int overlap, const int order[CAPTIONS], double *ratios, struct pooled_seams *p,
                struct seams *seams, struct error *e)
{
    double *each = ratios + p->count, rate = r->frames / mlcm_fps(m) / r->wall;
    int count = r->segments - 1;
    int rc = seam_jerk(r->joints, r->frames, mlcm_joints(m), mlcm_fps(m), r->first + 1, count, overlap, seams, each, e);
    for (int k = 0; k < count && !rc; k++) {
        each[k] /= seams->inside > 0 ? seams->inside : 1;
        p->above += each[k] > 2;
        if (each[k] <= p->worst) continue;
        p->worst = each[k];
        p->before = captions[order[k % CAPTIONS]];
        p->after = captions[order[(k + 1) % CAPTIONS]];
    }
    p->slowest = p->count ? fmin(p->slowest, rate) : rate;
    p->count += count;
    return rc;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The other streams, with seeds and captions of their own. ratios has room for all seams and holds those of the first. */
static int more_streams(mlcm *m, const struct stream_scenario *s, struct mlcm_stream_options o, double *ratios, struct stream_figures *out,
                        struct error *e)
{
    struct made r = {0};
    struct stream_figures ignored;
    struct seams seams;
    struct pooled_seams *p = &out->pooled;
    int order[CAPTIONS], rc = 0;
    for (int i = 1; i < s->streams && !rc; i++) {
        order_captions(s->seed, i, order);
        o.generation.seed = s->seed + (uint64_t)i;
        rc = make(m, &o, order, s->seconds, &r, &ignored, e);
        if (!rc) rc = pool(&r, m, out->overlap, order, ratios, p, &seams, e);
        made_free(&r);
    }
    if (rc) return rc;
    qsort(ratios, (size_t)p->count, sizeof *ratios, ascending);
    p->median = ratios[p->count / 2];
    p->p90 = ratios[(int)(0.9 * (p->count - 1))];
    return 0;
}

int stream_scenario_run(const char *folder, const struct mlcm_parts *parts, const struct stream_scenario *s, struct stream_figures *out, float **joints,
                        int *made, struct error *e)
{
    mlcm *m = NULL;
    struct made r = {0};
    struct stream_figures ignored;
    struct seams cut = {0};
    struct mlcm_stream_options o = {.generation = MLCM_OPTIONS, .frames = s->frames, .overlap = s->overlap, .plain = s->plain,
                                    .tries = s->tries};
    int order[CAPTIONS];
    double *ratios = NULL;
    o.generation.seed = s->seed;
    order_captions(s->seed, 0, order);
    *out = (struct stream_figures){.threads = parts->threads};
    if (joints) *joints = NULL;
    double start = clock_seconds();
    int rc = e->code = mlcm_open_parts(&m, folder, parts, e->text, sizeof e->text);
    out->opening = clock_seconds() - start;
    if (rc) return rc;
    out->joints = mlcm_joints(m);
    o.parents = stream_parents(m);
    /* a few segments first, so that memory and the ControlNet are there */
    rc = make(m, &o, order, 5, &r, &ignored, e);
    made_free(&r);
    if (!rc) rc = make(m, &o, order, s->seconds, &r, out, e);
    if (!rc && r.segments < 2) rc = error_set(e, ERR_USAGE, "--seconds %g is one segment; give more for a seam", s->seconds);
    if (!rc) {
        size_t streams = (size_t)(s->streams > 1 ? s->streams : 1);
        ratios = malloc(streams * (size_t)r.segments * sizeof *ratios);
        rc = ratios ? pool(&r, m, out->overlap, order, ratios, &out->pooled, &out->seams, e) : error_memory(e, "the seams");
    }
    if (!rc) rc = latency_summary(r.seconds, r.segments, &out->segment, e);
    if (!rc) {
        out->first_frame = r.first_frame;
        out->wall = r.wall;
        out->slowest = r.slowest;
        out->segments = r.segments;
        out->motion = r.frames / mlcm_fps(m);
        if (joints) {
            *joints = r.joints;
            *made = r.frames;
            r.joints = NULL;
        }
    }
    made_free(&r);
    if (!rc) rc = more_streams(m, s, o, ratios, out, e);
    free(ratios);
    o.plain = o.overlap = o.tries = 1;
    if (!rc) rc = make(m, &o, order, s->seconds, &r, &ignored, e);
    if (!rc) rc = seam_jerk(r.joints, r.frames, mlcm_joints(m), mlcm_fps(m), r.first + 1, r.segments - 1, 1, &cut, NULL, e);
    out->cut = cut.worst / (cut.inside > 0 ? cut.inside : 1);
    made_free(&r);
    mlcm_close(m);
    if (rc && joints) {
        free(*joints);
        *joints = NULL;
    }
    return rc;
}

void stream_scenario_print(const struct stream_figures *f, FILE *out)
{
    const struct seams *j = &f->seams;
    double scale = j->inside > 0 ? 1 / j->inside : 0;
    fprintf(out, "%d segments of %d new frames, %d of overlap, %s\n", f->segments, f->frames, f->overlap,
            f->controlled ? "joined by the ControlNet" : "joined without the ControlNet");
    fprintf(out, "time to first frame       %8.2f ms, models loaded (%.2f s to load)\n", 1e3 * f->first_frame, f->opening);
    fprintf(out, "motion                    %8.2f s in %.3f s: %.1f motion seconds a wall second\n", f->motion, f->wall, f->motion / f->wall);
    fprintf(out, "slowest segment           %8.2f ms\n", 1e3 * f->slowest);
    fprintf(out, "jerk inside segments      %8.2f m/s3, median (99th percentile %.2f)\n", j->inside, j->inside_p99);
    fprintf(out, "jerk at seams             %8.2f m/s3, median: %.2f of that inside; worst seam %.2f: %.2f; largest frame %.2f: %.2f\n", j->median,
            j->median * scale, j->worst, j->worst * scale, j->peak, j->peak * scale);
    const struct pooled_seams *p = &f->pooled;
    fprintf(out, "all %d seams             %8.2f of the jerk inside, median; 90th percentile %.2f; worst %.2f; %d above 2\n", p->count, p->median,
            p->p90, p->worst, p->above);
    if (p->before) fprintf(out, "                          the worst: from \"%s\" to \"%s\"; slowest stream %.1f motion seconds a wall second\n",
                           p->before, p->after, p->slowest);
    fprintf(out, "with one shared frame     %8.2f of the jerk inside, at the worst seam\n", f->cut);
}

static int add_files(struct results *r, const char *folder, struct error *e)
{
    static const char *const names[] = {"vae.h5", "lcm.h5", "control.h5"};
    int rc = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && !rc; i++) {
        char path[1200], sha[65];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (!file_exists(path)) continue;
        rc = sha256_file(path, sha, e);
        if (!rc) rc = results_add_file(r, "model", path, sha, e);
    }
    return rc;
}

int stream_scenario_results(const struct stream_figures *f, const struct stream_scenario *s, const char *folder, struct results *r,
                            struct error *e)
{
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"segments", f->segments}, {"segment_frames", f->frames}, {"overlap_frames", f->overlap}, {"controlnet", f->controlled},
        {"seed", (double)s->seed}, {"opening_seconds", f->opening},
        {"first_frame_seconds", f->first_frame}, {"motion_seconds", f->motion}, {"wall_seconds", f->wall},
        {"motion_seconds_a_wall_second", f->motion / f->wall}, {"slowest_segment_seconds", f->slowest},
        {"jerk_inside_median", f->seams.inside}, {"jerk_inside_p99", f->seams.inside_p99}, {"jerk_seam_median", f->seams.median},
        {"jerk_seam_worst", f->seams.worst}, {"jerk_seam_largest_frame", f->seams.peak}, {"worst_seam_ratio", f->seams.worst / f->seams.inside},
        {"worst_seam_ratio_one_shared_frame", f->cut}, {"streams", s->streams > 1 ? s->streams : 1}, {"all_seams", f->pooled.count},
        {"all_seams_ratio_median", f->pooled.median}, {"all_seams_ratio_p90", f->pooled.p90},
        {"all_seams_ratio_worst", f->pooled.worst}, {"all_seams_above_2", f->pooled.above}};
    struct results_timing segment = {.batch = 1, .warmup = 1, .latency = f->segment}, first = segment;
    int rc = latency_summary(&f->first_frame, 1, &first.latency, e);
    const char *name = strrchr(folder, '/') && strrchr(folder, '/')[1] ? strrchr(folder, '/') + 1 : folder;
    snprintf(segment.model, sizeof segment.model, "%.90s", name);
    snprintf(segment.name, sizeof segment.name, "stream_segment");
    snprintf(segment.definition, sizeof segment.definition,
             "seconds from a segment's caption to its frames' joint positions, segments one after another in one stream; "
             "loading and a warm-up stream excluded");
    snprintf(first.model, sizeof first.model, "%s", segment.model);
    snprintf(first.name, sizeof first.name, "stream_first_frame");
    snprintf(first.definition, sizeof first.definition, "seconds from opening a stream, models loaded, to its first frames in hand");
    snprintf(r->data.name, sizeof r->data.name, "built-in captions");
    if (!rc) rc = results_add_timing(r, &segment, e);
    if (!rc) rc = results_add_timing(r, &first, e);
    if (!rc) rc = add_files(r, folder, e);
    cJSON *scenario = r->scenario = cJSON_CreateObject();
    int added = scenario && cJSON_AddStringToObject(scenario, "name", "stream");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) added = added && cJSON_AddNumberToObject(scenario, rows[i].name, rows[i].value);
    return rc || added ? rc : error_memory(e, "the figures");
}
