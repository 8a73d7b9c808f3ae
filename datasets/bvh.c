#include "bvh.h"
#include "decimal.h"
#include "../engine/file.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Keeps every sum and product of forward kinematics finite. */
static const double LARGEST_VALUE = 1e12;

struct reader {
    const char *path, *at, *end;
    int line;
    struct bvh *out;
    int capacity;
    struct error *e;
};

static int fail(struct reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct reader *r, const char *fmt, ...)
{
    char rule[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(rule, sizeof rule, fmt, args);
    va_end(args);
    return error_set(r->e, ERR_INPUT, "%s:%d: %s", r->path, r->line, rule);
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int is_break(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && is_blank(*r->at))
        r->at++;
}

/* Steps over one line break: LF, CR LF or CR. */
static void skip_break(struct reader *r)
{
    if (r->at < r->end && *r->at == '\r') {
        r->at++;
        if (r->at < r->end && *r->at == '\n')
            r->at++;
    } else if (r->at < r->end) {
        r->at++;
    }
    r->line++;
}

static void skip_space(struct reader *r)
{
    for (;;) {
        skip_blanks(r);
        if (r->at == r->end || !is_break(*r->at))
            return;
        skip_break(r);
    }
}

/* A run of printable characters, at most 63 bytes; empty at the end of the text. */
struct token {
    char text[BVH_MAX_NAME + 1];
};

static int next_token(struct reader *r, struct token *t)
{
    size_t n = 0;
    skip_space(r);
    for (; r->at < r->end && !is_blank(*r->at) && !is_break(*r->at); r->at++) {
        if ((*r->at == '{' || *r->at == '}') && n > 0)
            break;
        if ((unsigned char)*r->at < 32 || *r->at == 127)
            return fail(r, "a control character is not text; this is not a BVH file");
        if (n == BVH_MAX_NAME)
            return fail(r, "a word is longer than %d bytes", BVH_MAX_NAME);
        t->text[n++] = *r->at;
        if (*r->at == '{' || *r->at == '}') {
            r->at++;
            break;
        }
    }
    t->text[n] = 0;
    return 0;
}

static int is_word(const struct token *t, const char *word)
{
    return strcasecmp(t->text, word) == 0;
}

static int expect(struct reader *r, const char *word)
{
    struct token t;
    const int rc = next_token(r, &t);
    if (rc)
        return rc;
    if (t.text[0] == 0)
        return fail(r, "the file ends where '%s' must stand; it is truncated", word);
    return is_word(&t, word) ? 0 : fail(r, "expected '%s', found '%s'", word, t.text);
}

static int next_number(struct reader *r, const char *what, double *v)
{
    struct token t;
    const int rc = next_token(r, &t);
    if (rc)
        return rc;
    const char *end = t.text + strlen(t.text);
    if (decimal_read(t.text, end, v) != end)
        return fail(r, "%s must be a finite number, found '%s'", what, t.text);
    if (fabs(*v) > LARGEST_VALUE)
        return fail(r, "%s is beyond +-%g", what, LARGEST_VALUE);
    return 0;
}

static int next_integer(struct reader *r, const char *what, int high, int *v)
{
    double d;
    const int rc = next_number(r, what, &d);
    if (rc)
        return rc;
    if (!(d >= 0.0 && d <= (double)high) || d != floor(d))
        return fail(r, "%s must be a whole number from 0 to %d, found %g", what, high, d);
    *v = (int)d;
    return 0;
}

/* A joint's name: the rest of the line up to '{', without blanks at its ends. */
static int read_name(struct reader *r, char name[BVH_MAX_NAME + 1])
{
    size_t n = 0, used = 0;
    skip_blanks(r);
    for (; r->at < r->end && !is_break(*r->at) && *r->at != '{'; r->at++) {
        if ((unsigned char)*r->at < 32 && *r->at != '\t')
            return fail(r, "a joint name holds a control character");
        if (n == BVH_MAX_NAME && !is_blank(*r->at))
            return fail(r, "a joint name is longer than %d bytes", BVH_MAX_NAME);
        if (n < BVH_MAX_NAME)
            name[n++] = *r->at;
        if (!is_blank(*r->at))
            used = n;
    }
    name[used] = 0;
    return used ? 0 : fail(r, "a joint has no name");
}

static int read_channels(struct reader *r, struct bvh_joint *j)
{
    static const char *const known[] = {"Xposition", "Yposition", "Zposition",
                                        "Xrotation", "Yrotation", "Zrotation"};
    int rc, seen = 0;
    if ((rc = next_integer(r, "the number of CHANNELS", 6, &j->nchannels)))
        return rc;
    for (int c = 0; c < j->nchannels; c++) {
        struct token t;
        int k = 0;
        if ((rc = next_token(r, &t)))
            return rc;
        while (k < 6 && !is_word(&t, known[k]))
            k++;
        if (k == 6)
            return fail(r, "joint %s: '%s' is not a channel (Xposition … Zrotation)", j->name, t.text);
        if (seen >> k & 1)
            return fail(r, "joint %s: channel %s is given twice", j->name, known[k]);
        seen |= 1 << k;
        j->channel[c] = (unsigned char)k;
    }
    j->first_value = r->out->nvalues;
    r->out->nvalues += j->nchannels;
    return 0;
}

static int add_joint(struct reader *r, int parent, int *index)
{
    struct bvh *b = r->out;
    struct bvh_joint joint = {.parent = parent};
    const int rc = read_name(r, joint.name);
    if (rc)
        return rc;
    if (bvh_find(b, joint.name) >= 0)
        return fail(r, "joint name '%s' is given twice", joint.name);
    if (b->njoints == BVH_MAX_JOINTS)
        return fail(r, "more than %d joints", BVH_MAX_JOINTS);
    if (b->njoints == r->capacity) {
        const int capacity = r->capacity ? 2 * r->capacity : 32;
        struct bvh_joint *more = realloc(b->joint, (size_t)capacity * sizeof *more);
        if (!more)
            return error_memory(r->e, "a BVH hierarchy");
        b->joint = more;
        r->capacity = capacity;
    }
    *index = b->njoints++;
    b->joint[*index] = joint;
    return 0;
}

static int read_end_site(struct reader *r)
{
    double ignored;
    int rc = expect(r, "Site");
    rc = rc ? rc : expect(r, "{");
    rc = rc ? rc : expect(r, "OFFSET");
    for (int i = 0; !rc && i < 3; i++)
        rc = next_number(r, "an End Site's OFFSET", &ignored);
    return rc ? rc : expect(r, "}");
}

/* One joint with all below it, without recursion: an open brace is a stack entry. */
static int read_hierarchy(struct reader *r)
{
    struct bvh *b = r->out;
    struct { int joint, line, has_offset, has_channels; } open[BVH_MAX_DEPTH];
    int depth = 0, rc = expect(r, "HIERARCHY");
    rc = rc ? rc : expect(r, "ROOT");
    for (int opening = 1; !rc;) {
        if (opening) {
            int index = 0;
            if (depth == BVH_MAX_DEPTH)
                return fail(r, "joints nest deeper than %d", BVH_MAX_DEPTH);
            if ((rc = add_joint(r, depth ? open[depth - 1].joint : -1, &index)))
                return rc;
            if ((rc = expect(r, "{")))
                return rc;
            open[depth].joint = index;
            open[depth].line = r->line;
            open[depth].has_offset = open[depth].has_channels = 0;
            depth++;
            opening = 0;
        }
        struct token t;
        if ((rc = next_token(r, &t)))
            return rc;
        struct bvh_joint *j = &b->joint[open[depth - 1].joint];
        if (is_word(&t, "OFFSET")) {
            if (open[depth - 1].has_offset++)
                return fail(r, "joint %s has two OFFSETs", j->name);
            for (int i = 0; !rc && i < 3; i++)
                rc = next_number(r, "an OFFSET", &j->offset[i]);
        } else if (is_word(&t, "CHANNELS")) {
            if (open[depth - 1].has_channels++)
                return fail(r, "joint %s has two CHANNELS lines", j->name);
            rc = read_channels(r, j);
        } else if (is_word(&t, "JOINT") || is_word(&t, "End") || is_word(&t, "}")) {
            if (!open[depth - 1].has_offset || !open[depth - 1].has_channels)
                return fail(r, "joint %s needs OFFSET and CHANNELS before '%s'", j->name, t.text);
            if (is_word(&t, "JOINT"))
                opening = 1;
            else if (is_word(&t, "End"))
                rc = read_end_site(r);
            else if (--depth == 0)
                return 0;
        } else if (t.text[0] == 0) {
            return fail(r, "the brace opened on line %d (joint %s) is never closed",
                        open[depth - 1].line, j->name);
        } else {
            return fail(r, "expected OFFSET, CHANNELS, JOINT, End Site or '}', found '%s'", t.text);
        }
    }
    return rc;
}

static int read_frame(struct reader *r, int frame, double *row)
{
    const int nvalues = r->out->nvalues;
    skip_space(r);
    if (r->at == r->end)
        return fail(r, "the file ends after %d of %d frames; it is truncated", frame,
                    r->out->nframes);
    for (int k = 0; k < nvalues; k++) {
        skip_blanks(r);
        if (r->at == r->end || is_break(*r->at))
            return fail(r, "frame %d has %d values, the channels need %d%s", frame, k, nvalues,
                        r->at == r->end ? "; the file is truncated" : "");
        const char *after = decimal_read(r->at, r->end, &row[k]);
        if (!after || (after < r->end && !is_blank(*after) && !is_break(*after)))
            return fail(r, "value %d of frame %d is not a finite number", k, frame);
        if (fabs(row[k]) > LARGEST_VALUE)
            return fail(r, "value %d of frame %d is beyond +-%g", k, frame, LARGEST_VALUE);
        r->at = after;
    }
    skip_blanks(r);
    if (r->at < r->end && !is_break(*r->at))
        return fail(r, "frame %d has more than the %d values of its channels", frame, nvalues);
    return 0;
}

static int read_motion(struct reader *r)
{
    struct bvh *b = r->out;
    int rc = expect(r, "MOTION");
    rc = rc ? rc : expect(r, "Frames:");
    rc = rc ? rc : next_integer(r, "the number of Frames", BVH_MAX_FRAMES, &b->nframes);
    rc = rc ? rc : expect(r, "Frame");
    rc = rc ? rc : expect(r, "Time:");
    rc = rc ? rc : next_number(r, "the Frame Time", &b->frame_time);
    if (rc)
        return rc;
    if (b->nframes < 1)
        return fail(r, "a motion needs at least 1 frame");
    if (!(b->frame_time >= 1e-5 && b->frame_time <= 10.0))
        return fail(r, "a Frame Time of %g s is outside 0.00001 … 10", b->frame_time);
    if (b->nvalues == 0)
        return fail(r, "no joint has a channel");
    const size_t count = (size_t)b->nframes * (size_t)b->nvalues;
    if (count > (size_t)(r->end - r->at) / 2 + 1)
        return fail(r, "%d frames of %d values are declared and %zu bytes remain; the file is "
                    "truncated", b->nframes, b->nvalues, (size_t)(r->end - r->at));
    b->values = malloc(count * sizeof *b->values);
    if (!b->values)
        return error_memory(r->e, "BVH frames");
    for (int t = 0; !rc && t < b->nframes; t++)
        rc = read_frame(r, t, b->values + (size_t)t * (size_t)b->nvalues);
    if (rc)
        return rc;
    skip_space(r);
    return r->at == r->end ? 0 : fail(r, "text follows the last of %d frames", b->nframes);
}

int bvh_parse(const char *path, const char *text, size_t size, struct bvh *out, struct error *e)
{
    *out = (struct bvh){0};
    snprintf(out->path, sizeof out->path, "%s", path);
    struct reader r = {.path = path, .at = text, .end = text + size, .line = 1, .out = out, .e = e};
    if (size > BVH_MAX_BYTES)
        return error_set(e, ERR_INPUT, "%s: larger than %d bytes; split it", path, BVH_MAX_BYTES);
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    int rc = read_hierarchy(&r);
    rc = rc ? rc : read_motion(&r);
    if (rc)
        bvh_free(out);
    return rc;
}

int bvh_read(const char *path, struct bvh *out, struct error *e)
{
    char *text;
    size_t size;
    *out = (struct bvh){0};
    int rc = file_read(path, BVH_MAX_BYTES, &text, &size, e);
    if (rc)
        return rc;
    rc = bvh_parse(path, text, size, out, e);
    free(text);
    return rc;
}

void bvh_free(struct bvh *b)
{
    free(b->joint);
    free(b->values);
    b->joint = NULL;
    b->values = NULL;
    b->njoints = b->nvalues = b->nframes = 0;
}

int bvh_find(const struct bvh *b, const char *name)
{
    for (int j = 0; j < b->njoints; j++)
        if (strcmp(b->joint[j].name, name) == 0)
            return j;
    return -1;
}
