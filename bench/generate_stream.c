#include "generate_stream.h"
#include "frame_writer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_LINE = 4000 };

/* The next line of standard input with a word in it, its end cut off; *line NULL: there is none. */
static int next_line(char **line, char *buffer, size_t *number, struct error *e)
{
    *line = NULL;
    while (fgets(buffer, LONGEST_LINE, stdin)) {
        size_t n = strlen(buffer);
        ++*number;
        if (n + 1 == LONGEST_LINE && buffer[n - 1] != '\n')
            return error_set(e, ERR_INPUT, "standard input: line %zu is longer than %d bytes; give one sentence a line", *number,
                             LONGEST_LINE - 2);
        while (n && (buffer[n - 1] == '\n' || buffer[n - 1] == '\r' || buffer[n - 1] == ' ')) buffer[--n] = 0;
        if (!n) continue;
        *line = buffer;
        return 0;
    }
    return 0;
}

/* Says what joins the segments, before the first frame. */
static void announce(const mlcm_stream *s, const struct stream_request *r)
{
    if (mlcm_stream_controlled(s))
        fprintf(stderr, "mlcm: segments of %d frames; each begins, told by the ControlNet, with the last %d of the one before, "
                        "cross-faded over them\n", mlcm_stream_frames(s), mlcm_stream_overlap(s));
    else
        fprintf(stderr, "mlcm: segments of %d frames, %s: plain clips laid over each other and cross-faded over %d frames\n",
                mlcm_stream_frames(s), r->options.plain ? "without the ControlNet as asked" : "no ControlNet beside the models",
                mlcm_stream_overlap(s));
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
    if (!rc) rc = e->code = mlcm_stream_open(&s, m, &r->options, e->text, sizeof e->text);
    if (!rc) {
        joints = malloc((size_t)mlcm_stream_most(s) * (size_t)mlcm_joints(m) * 3 * sizeof *joints);
        if (!joints) rc = error_memory(e, "the frames");
    }
    if (!rc) rc = frame_writer_open(&w, format, r->out, mlcm_joints(m), mlcm_fps(m), e);
    for (int i = 0; !rc; i++) {
        text = i < r->count ? r->texts[i] : NULL;
        if (!text && r->listening) rc = next_line(&text, buffer, &number, e);
        if (rc || !text) break;
        if (!i) announce(s, r);
        rc = e->code = mlcm_stream_next(s, text, joints, &made, e->text, sizeof e->text);
        if (!rc) rc = frame_writer_add(&w, text, joints, made, e);
    }
    if (!rc && !w.segments) rc = error_set(e, ERR_INPUT, "standard input: no text; give one sentence a line");
    if (!rc) {
        mlcm_stream_finish(s, joints, &made);
        rc = frame_writer_add(&w, NULL, joints, made, e);
    }
    if (!rc) rc = frame_writer_finish(&w, e);
    if (!rc)
        fprintf(stderr, "mlcm: %s: %d frames of %d joints at %g a second, %d segments, seed %llu\n",
                strcmp(r->out, "-") ? r->out : "standard output", w.frames, mlcm_joints(m), mlcm_fps(m), w.segments,
                (unsigned long long)r->options.generation.seed);
    frame_writer_close(&w);
    free(joints);
    free(buffer);
    mlcm_stream_close(s);
    return rc;
}
