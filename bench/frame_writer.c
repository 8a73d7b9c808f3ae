#include "frame_writer.h"
#include "../datasets/skeleton.h"
#include "../engine/npy.h"
#include "strips.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int frame_format_of(const char *path, const char *rows, enum frame_format *format, struct error *e)
{
    static const char *const endings[] = {".npy", ".svg", ".bvh", ".h5", ".html", ".csv", ".jsonl"};
    int standard = path && !strcmp(path, "-");
    if (rows && !standard) return error_set(e, ERR_USAGE, "--rows %s: a file's ending says what it holds; leave it out", rows);
    for (int i = 0; i < FRAME_FORMATS; i++) {
        int fits = standard ? i >= FRAMES_CSV && !strcmp(rows ? rows : "jsonl", endings[i] + 1) : path && file_has_ending(path, endings[i]);
        if (!fits) continue;
        *format = (enum frame_format)i;
        return 0;
    }
    if (standard) return error_set(e, ERR_USAGE, "--rows %s: use csv or jsonl", rows);
    return error_set(e, ERR_USAGE, "%s%s: an output file is needed that ends in .npy, .svg, .bvh, .h5, .html, .csv or .jsonl, or -o - for rows on standard output",
                     path ? "-o " : "-o", path ? path : "");
}

static void csv_header(struct frame_writer *w)
{
    const struct skeleton *s = skeleton_of_joints(w->njoints);
    fputs("frame,t,segment", w->stream);
    for (int j = 0; j < w->njoints; j++)
        for (int c = 0; c < 3; c++) {
            if (s) fprintf(w->stream, ",%s_%c", skeleton_joint_name(s, j), "xyz"[c]);
            else fprintf(w->stream, ",joint%d_%c", j, "xyz"[c]);
        }
    fputc('\n', w->stream);
}

int frame_writer_open(struct frame_writer *w, enum frame_format format, const char *path, int njoints, double fps, struct error *e)
{
    *w = (struct frame_writer){.format = format, .path = path, .njoints = njoints, .fps = fps};
    if (format < FRAMES_CSV) return 0;
    if (!strcmp(path, "-")) {
        w->stream = stdout;
    } else {
        int rc = file_begin(&w->file, path, e);
        if (rc) return rc;
        w->stream = w->file.stream;
    }
    if (format == FRAMES_CSV) csv_header(w);
    return 0;
}

static void row(struct frame_writer *w, const float *joints, int frame)
{
    FILE *f = w->stream;
    double t = frame / w->fps;
    if (w->format == FRAMES_CSV) {
        fprintf(f, "%d,%.3f,%d", frame, t, w->segments - 1);
        for (int i = 0; i < 3 * w->njoints; i++) fprintf(f, ",%.4f", (double)joints[i]);
        fputc('\n', f);
        return;
    }
    fprintf(f, "{\"frame\":%d,\"t\":%.3f,\"segment\":%d,\"joints\":[", frame, t, w->segments - 1);
    for (int j = 0; j < w->njoints; j++)
        fprintf(f, "%s[%.4f,%.4f,%.4f]", j ? "," : "", (double)joints[3 * j], (double)joints[3 * j + 1], (double)joints[3 * j + 2]);
    fputs("]}\n", f);
}

static int begin_segment(struct frame_writer *w, const char *title, struct error *e)
{
    int *first = realloc(w->first, (size_t)(w->segments + 1) * sizeof *first);
    if (first) w->first = first;
    char **titles = realloc(w->titles, (size_t)(w->segments + 1) * sizeof *titles);
    if (titles) w->titles = titles;
    char *copy = strdup(title);
    if (!first || !titles || !copy) {
        free(copy);
        return error_memory(e, "the frames");
    }
    w->first[w->segments] = w->frames;
    w->titles[w->segments++] = copy;
    return 0;
}

int frame_writer_add(struct frame_writer *w, const char *title, const float *joints, int count, struct error *e)
{
    size_t size = (size_t)w->njoints * 3, n = (size_t)count * size;
    int rc = title ? begin_segment(w, title, e) : 0;
    for (size_t i = 0; i < n && !rc; i++)
        if (!isfinite(joints[i])) rc = error_set(e, ERR_INTERNAL, "frame %zu is not finite; train the model again", (size_t)w->frames + i / size);
    if (rc) return rc;
    if (w->stream) {
        for (int i = 0; i < count; i++) row(w, joints + (size_t)i * size, w->frames + i);
        if (fflush(w->stream) || ferror(w->stream))
            return error_set(e, ERR_ENV, "%s: cannot be written (%s); is the reader gone or the disk full?",
                             w->file.stream ? w->path : "standard output", strerror(errno));
    } else if (n) {
        float *more = realloc(w->joints, ((size_t)w->frames * size + n) * sizeof *more);
        if (!more) return error_memory(e, "the frames");
        memcpy(more + (size_t)w->frames * size, joints, n * sizeof *more);
        w->joints = more;
    }
    w->frames += count;
    return 0;
}

/* One strip a segment. */
static int write_strips(struct frame_writer *w, struct error *e)
{
    const struct skeleton *s = skeleton_of_joints(w->njoints);
    const float **joints = malloc((size_t)w->segments * sizeof *joints);
    int *frames = malloc((size_t)w->segments * sizeof *frames), rc = 0;
    if (!s) rc = error_set(e, ERR_INPUT, "no skeleton is known with the model's %d joints; write a .npy file", w->njoints);
    if (!joints || !frames) rc = error_memory(e, "the frames");
    for (int i = 0; i < w->segments && !rc; i++) {
        joints[i] = w->joints + (size_t)w->first[i] * (size_t)w->njoints * 3;
        frames[i] = (i + 1 < w->segments ? w->first[i + 1] : w->frames) - w->first[i];
    }
    if (!rc) rc = strip_write(w->path, joints, frames, (const char *const *)w->titles, w->segments, s, 12, e);
    free(joints);
    free(frames);
    return rc;
}

int frame_writer_finish(struct frame_writer *w, struct error *e)
{
    const int shape[3] = {w->frames, w->njoints, 3};
    if (w->format == FRAMES_NPY) return npy_write_float(w->path, 3, shape, w->joints, e);
    if (w->format == FRAMES_SVG) return write_strips(w, e);
    if (w->format < FRAMES_CSV) {
        struct motion_file m = w->about;
        m.text = w->segments ? w->titles[0] : "";
        m.frames = w->frames;
        m.njoints = w->njoints;
        m.fps = w->fps;
        m.joints = w->joints;
        m.segments = w->segments;
        m.first = w->first;
        m.titles = w->titles;
        return motion_file_write(w->path, &m, e);
    }
    if (!w->file.stream) return 0;
    w->stream = NULL;
    return file_commit(&w->file, e);
}

void frame_writer_close(struct frame_writer *w)
{
    if (w->stream && w->stream == w->file.stream) file_abandon(&w->file);
    for (int i = 0; i < w->segments; i++) free(w->titles[i]);
    free(w->titles);
    free(w->first);
    free(w->joints);
    *w = (struct frame_writer){0};
}
