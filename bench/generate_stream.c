#include "generate_stream.h"
#include "../datasets/skeleton.h"
#include "frame_writer.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_LINE = 4000 };

/* The next line of standard input with a word in it, its end cut off; *line NULL: there is none. */
static int next_line(char **line, char *buffer, size_t *number, struct error *e)
{
    int c = 0;
    *line = NULL;
    while (c != EOF) {
        size_t n = 0;
        ++*number;
        for (c = getchar(); c != EOF && c != '\n' && c && n < LONGEST_LINE - 1; c = getchar()) buffer[n++] = (char)c;
        if (c && c != EOF && c != '\n')
            return error_set(e, ERR_INPUT, "standard input: line %zu is longer than %d bytes; give one sentence a line", *number,
                             LONGEST_LINE - 1);
        if (!c) return error_set(e, ERR_INPUT, "standard input: line %zu holds a NUL byte; give plain text", *number);
        if (ferror(stdin)) return error_set(e, ERR_ENV, "standard input: cannot be read; give a file or a pipe of text");
        while (n && strchr("\r\t ", buffer[n - 1])) n--;
        buffer[n] = 0;
        char *text = *number == 1 && !strncmp(buffer, "\xef\xbb\xbf", 3) ? buffer + 3 : buffer;
        if (!*text) continue;
        *line = text;
        return 0;
    }
    return 0;
}

/* Says what joins the segments, before the first frame. */
static void announce(const mlcm_stream *s, const struct stream_request *r)
{
    if (mlcm_stream_controlled(s))
        fprintf(stderr, "mlcm: segments of %d frames; each begins, told by the ControlNet, with the last %d of the one before\n",
                mlcm_stream_frames(s), mlcm_stream_overlap(s));
    else
        fprintf(stderr, "mlcm: segments of %d frames, %s: plain clips laid over each other, led over within %d frames\n",
                mlcm_stream_frames(s), r->options.plain ? "without the ControlNet as asked" : "no ControlNet beside the models",
                mlcm_stream_overlap(s));
}

const int *stream_parents(const mlcm *m)
{
    const struct skeleton *skeleton = skeleton_of_joints(mlcm_joints(m));
    return skeleton ? skeleton->parent : NULL;
}

int generate_stream(mlcm *m, const struct stream_request *r, struct error *e)
{
    enum frame_format format;
    struct frame_writer w = {0};
    mlcm_stream *s = NULL;
    float *joints = NULL;
    char *buffer = malloc(LONGEST_LINE), *text;
    size_t number = 0;
    int made, rc = buffer ? 0 : error_memory(e, "a line");
    if (!rc) rc = frame_format_of(r->out, r->rows, &format, e);
    struct mlcm_stream_options options = r->options;
    options.parents = stream_parents(m);
    if (!rc) rc = e->code = mlcm_stream_open(&s, m, &options, e->text, sizeof e->text);
    if (!rc) {
        joints = malloc((size_t)mlcm_stream_most(s) * (size_t)mlcm_joints(m) * 3 * sizeof *joints);
        if (!joints) rc = error_memory(e, "the frames");
    }
    if (!strcmp(r->out, "-")) signal(SIGPIPE, SIG_IGN);     /* a reader that goes is an error like another */
    if (!rc) rc = frame_writer_open(&w, format, r->out, mlcm_joints(m), mlcm_fps(m), e);
    const struct mlcm_options *o = &r->options.generation;
    w.about = (struct motion_file){.models = r->models, .system = o->teacher ? "MLD" : "MotionLCM", .seed = o->seed,
                                   .steps = o->steps ? o->steps : o->teacher ? 50 : 1, .guidance = o->guidance};
    for (int i = 0; !rc; i++) {
        text = i < r->count ? r->texts[i] : NULL;
        if (!text && r->listening) rc = next_line(&text, buffer, &number, e);
        if (rc || !text) break;
        if (!i && !r->quiet) announce(s, r);
        rc = e->code = mlcm_stream_next(s, text, joints, &made, e->text, sizeof e->text);
        if (!rc) rc = frame_writer_add(&w, text, joints, made, e);
    }
    if (!rc && !w.segments) rc = error_set(e, ERR_INPUT, "standard input: no text; give one sentence a line");
    if (!rc) {
        mlcm_stream_finish(s, joints, &made);
        rc = frame_writer_add(&w, NULL, joints, made, e);
    }
    if (!rc) rc = frame_writer_finish(&w, e);
    if (!rc && !r->quiet)
        fprintf(stderr, "mlcm: %s: %d frames of %d joints at %g a second, %d segments, seed %llu\n",
                strcmp(r->out, "-") ? r->out : "standard output", w.frames, mlcm_joints(m), mlcm_fps(m), w.segments,
                (unsigned long long)r->options.generation.seed);
    frame_writer_close(&w);
    free(joints);
    free(buffer);
    mlcm_stream_close(s);
    return rc;
}
