#include "trajectory_file.h"
#include "../datasets/features.h"
#include "../engine/control_mask.h"
#include "../engine/file.h"
#include "arguments.h"
#include "json_read.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_POINTS = 100000, LONGEST_FILE = 16 << 20, MOST_JOINTS = 64 };
static const double farthest = 100;     /* metres from the origin */

/* --- one entry, wherever it comes from ------------------------------------------------ */

/* The skeleton's number of the joint called `name`, which may be a number. */
static int joint_number(const char *name, int njoints, int *joint, const char *where, struct error *e)
{
    const struct skeleton *s = skeleton_of_joints(njoints);
    const char *names[MOST_JOINTS + 1] = {NULL};
    int64_t number;
    if (parse_integer(name, &number)) {
        if (number >= 0 && number < njoints) {
            *joint = (int)number;
            return 0;
        }
        return error_set(e, ERR_INPUT, "%s: joint %.30s is unknown; the skeleton has joints 0 to %d", where, name, njoints - 1);
    }
    for (int i = 0; s && i < njoints && i < MOST_JOINTS; i++) {
        names[i] = skeleton_joint_name(s, i);
        if (!strcmp(names[i], name)) {
            *joint = i;
            return 0;
        }
    }
    const char *nearest = nearest_name(name, names);
    return error_set(e, ERR_INPUT, "%s: joint \"%.30s\" is unknown; use %s%s%s a number from 0 to %d", where, name,
                     nearest ? nearest : s ? "a name such as " : "", nearest ? " or" : s ? skeleton_joint_name(s, 0) : "",
                     nearest || !s ? "" : " or", njoints - 1);
}

static int check_point(const struct trajectory_point *p, const char *where, struct error *e)
{
    static const char *const axes[] = {"x", "y", "z"};
    if (!isfinite(p->at) || p->at < 0)
        return error_set(e, ERR_INPUT, "%s: the %s is %g; it is counted from 0, the clip's start", where,
                         p->by_frame ? "frame" : "time", p->at);
    if (p->by_frame && p->at > floor(p->at))
        return error_set(e, ERR_INPUT, "%s: frame %g is no whole number; give t in seconds instead", where, p->at);
    for (int k = 0; k < 3; k++)
        if (!isnan(p->position[k]) && !(fabs(p->position[k]) <= farthest))
            return error_set(e, ERR_INPUT, "%s: %s is %g; positions are in metres, within %g of the origin", where, axes[k],
                             p->position[k], farthest);
    return 0;
}

static int append(struct trajectory_point **list, int *count, const struct trajectory_point *p, const char *path, struct error *e)
{
    if (*count >= MOST_POINTS) return error_set(e, ERR_INPUT, "%s: more than %d points; give fewer", path, MOST_POINTS);
    if (!(*count & (*count - 1))) {     /* at 0, 1, 2, 4, 8 … */
        struct trajectory_point *more = realloc(*list, (size_t)(*count ? 2 * *count : 1) * sizeof *more);
        if (!more) return error_memory(e, "a trajectory");
        *list = more;
    }
    (*list)[(*count)++] = *p;
    return 0;
}

/* --- JSON -------------------------------------------------------------------------------- */

/* The number `name` of `object`, which is at `path` below `root`. A path walks a list from its start: only messages ask for it. */
static int number_of(const cJSON *root, const cJSON *object, const char *path, const char *name, double *v, double limit, struct error *e)
{
    char key[60];
    struct error ignored;
    if (!json_number(object, name, v, -limit, limit, &ignored)) return 0;
    snprintf(key, sizeof key, "%s.%s", path, name);
    return json_number(root, key, v, -limit, limit, e);
}

/* `object`: the element i of `list`. */
static int json_point(const cJSON *root, const cJSON *object, const char *list, int i, int waypoint, int njoints, struct trajectory *t,
                      struct error *e)
{
    static const char *const keys[] = {"t", "frame", "joint", "x", "y", "z", NULL};
    static const char *const waypoint_keys[] = {"t", "frame", "x", "y", "z", NULL};
    static const char *const axes[] = {"x", "y", "z"};
    struct trajectory_point p = {.position = {NAN, NAN, NAN}, .entry = i};
    struct error ignored;
    char where[1100], path[40], key[60], number[24];
    snprintf(path, sizeof path, "%s.%d", list, i);
    snprintf(where, sizeof where, "%s: %s", t->path, path);
    int rc = json_known_keys(object, "", waypoint ? waypoint_keys : keys, &ignored)
                 ? json_known_keys(root, path, waypoint ? waypoint_keys : keys, e) : 0;
    if (rc) return error_prefix(e, "%s", t->path);
    p.by_frame = json_has(object, "frame");
    if (p.by_frame == json_has(object, "t"))
        return error_set(e, ERR_INPUT, "%s: give either t, in seconds, or frame", where);
    rc = number_of(root, object, path, p.by_frame ? "frame" : "t", &p.at, 1e9, e);
    for (int k = 0; k < 3 && !rc; k++) {
        if (k == 1 && waypoint && !json_has(object, axes[k])) continue;
        rc = number_of(root, object, path, axes[k], &p.position[k], 1e300, e);
    }
    if (rc) return error_prefix(e, "%s", t->path);
    const cJSON *joint = cJSON_GetObjectItemCaseSensitive(object, "joint");
    if (!waypoint && cJSON_IsNumber(joint)) {
        snprintf(number, sizeof number, "%.12g", joint->valuedouble);
        rc = joint_number(number, njoints, &p.joint, where, e);
    } else if (!waypoint) {
        const char *name;
        snprintf(key, sizeof key, "%s.joint", path);
        rc = json_string(object, "joint", &name, &ignored) ? json_string(root, key, &name, e) : 0;
        if (rc) return error_prefix(e, "%s", t->path);
        rc = joint_number(name, njoints, &p.joint, where, e);
    }
    if (!rc) rc = check_point(&p, where, e);
    if (!rc) rc = waypoint ? append(&t->waypoints, &t->waypoint_count, &p, t->path, e)
                           : append(&t->points, &t->point_count, &p, t->path, e);
    return rc;
}

static int read_json(const char *path, int njoints, struct trajectory *t, struct error *e)
{
    static const char *const keys[] = {"points", "waypoints", "density", "description", NULL}, *const lists[] = {"points", "waypoints"};
    cJSON *root;
    const cJSON *list;
    int rc = json_read(path, &root, e);
    if (rc) return rc;
    rc = json_known_keys(root, "", keys, e);
    if (!rc && json_has(root, "density")) rc = json_number(root, "density", &t->density, -1e9, 1e9, e);
    if (rc) error_prefix(e, "%s", path);
    for (int k = 0; k < 2 && !rc; k++) {
        if (!json_has(root, lists[k])) continue;
        rc = json_array(root, lists[k], &list, 1, MOST_POINTS, e);
        if (rc) error_prefix(e, "%s", path);
        const cJSON *object = rc ? NULL : list->child;
        for (int i = 0; object && !rc; i++, object = object->next) rc = json_point(root, object, lists[k], i, k, njoints, t, e);
    }
    cJSON_Delete(root);
    return rc;
}

/* --- CSV --------------------------------------------------------------------------------- */

enum column { COLUMN_T, COLUMN_FRAME, COLUMN_JOINT, COLUMN_X, COLUMN_Y, COLUMN_Z, COLUMNS };
static const char *const column_names[COLUMNS + 1] = {"t", "frame", "joint", "x", "y", "z", NULL};

static char *trimmed(char *s)
{
    while (*s == ' ' || *s == '\t') s++;
    size_t n = strlen(s);
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t' || s[n - 1] == '\r')) s[--n] = 0;
    return s;
}

/* Cuts `line` at its commas. Returns the number of fields, at most `most` of which are kept. */
static int fields_of(char *line, char **fields, int most)
{
    int n = 0;
    for (char *p = line; p; n++) {
        char *end = strchr(p, ',');
        if (end) *end = 0;
        if (n < most) fields[n] = trimmed(p);
        p = end ? end + 1 : NULL;
    }
    return n;
}

/* column[i]: what field i is. */
static int read_header(char **fields, int count, enum column *column, int *has, const char *where, struct error *e)
{
    for (int i = 0; i < count; i++) {
        int k = 0;
        while (k < COLUMNS && strcmp(column_names[k], fields[i])) k++;
        if (k == COLUMNS)
            return error_set(e, ERR_INPUT, "%s: unknown column \"%.30s\"; the columns are t or frame, joint, x, y, z", where, fields[i]);
        if (has[k]) return error_set(e, ERR_INPUT, "%s: column %s is there twice; leave one out", where, fields[i]);
        has[k] = 1;
        column[i] = (enum column)k;
    }
    if (has[COLUMN_T] == has[COLUMN_FRAME] || !has[COLUMN_X] || !has[COLUMN_Z] || (has[COLUMN_JOINT] && !has[COLUMN_Y]))
        return error_set(e, ERR_INPUT, "%s: no header of a trajectory; begin with t,joint,x,y,z for points or t,x,z for waypoints", where);
    return 0;
}

static int read_row(char **fields, int count, const enum column *column, const int *has, int line, int njoints,
                    struct trajectory *t, const char *where, struct error *e)
{
    struct trajectory_point p = {.by_frame = has[COLUMN_FRAME], .position = {NAN, NAN, NAN}, .entry = line};
    int rc = 0, waypoint = !has[COLUMN_JOINT];
    for (int i = 0; i < count && !rc; i++) {
        enum column c = column[i];
        double *to = c <= COLUMN_FRAME ? &p.at : &p.position[c < COLUMN_X ? 0 : c - COLUMN_X];
        if (c == COLUMN_JOINT) rc = joint_number(fields[i], njoints, &p.joint, where, e);
        else if (c == COLUMN_Y && waypoint && !fields[i][0]) continue;
        else if (!parse_number(fields[i], to))
            rc = error_set(e, ERR_INPUT, "%s: %s is \"%.30s\"; give a finite number", where, column_names[c], fields[i]);
    }
    if (!rc) rc = check_point(&p, where, e);
    if (!rc) rc = waypoint ? append(&t->waypoints, &t->waypoint_count, &p, t->path, e)
                           : append(&t->points, &t->point_count, &p, t->path, e);
    return rc;
}

static int read_csv(const char *path, int njoints, struct trajectory *t, struct error *e)
{
    char *text, *fields[COLUMNS + 1], where[1100];
    size_t size;
    enum column column[COLUMNS] = {COLUMN_T};
    int has[COLUMNS] = {0}, wanted = 0, number = 0, rc = file_read(path, LONGEST_FILE, &text, &size, e);
    if (rc) return rc;
    if (strlen(text) != size) rc = error_set(e, ERR_INPUT, "%s: no text file; save the table as CSV", path);
    t->lines = 1;
    /* spreadsheets begin a file with a byte order mark */
    for (char *line = rc || strncmp(text, "\xef\xbb\xbf", 3) ? text : text + 3; line && !rc;) {
        char *next = strchr(line, '\n');
        if (next) *next++ = 0;
        number++;
        line = trimmed(line);
        if (*line && *line != '#') {
            snprintf(where, sizeof where, "%s: line %d", path, number);
            int count = fields_of(line, fields, COLUMNS);
            if (!wanted) {
                if (count > COLUMNS) count = COLUMNS;
                rc = read_header(fields, count, column, has, where, e);
                wanted = count;
            } else if (count != wanted) {
                rc = error_set(e, ERR_INPUT, "%s: %d fields under a header of %d; give each column a value", where, count, wanted);
            } else {
                rc = read_row(fields, count, column, has, number, njoints, t, where, e);
            }
        }
        line = next;
    }
    free(text);
    return rc;
}

int trajectory_read(const char *path, int njoints, struct trajectory *t, struct error *e)
{
    size_t n = strlen(path);
    *t = (struct trajectory){.density = 100};
    snprintf(t->path, sizeof t->path, "%.1000s", path);
    int csv = n > 4 && !strcasecmp(path + n - 4, ".csv"), rc = csv ? read_csv(path, njoints, t, e) : read_json(path, njoints, t, e);
    if (!rc && !t->point_count && !t->waypoint_count)
        rc = error_set(e, ERR_INPUT, "%s: no point and no waypoint; give at least one", path);
    if (rc) trajectory_free(t);
    return rc;
}

void trajectory_free(struct trajectory *t)
{
    free(t->points);
    free(t->waypoints);
    *t = (struct trajectory){0};
}

/* --- on a clip ---------------------------------------------------------------------------- */

/* What a message calls the point. */
static void place(const struct trajectory *t, const struct trajectory_point *p, int waypoint, char out[1100])
{
    if (t->lines) snprintf(out, 1100, "%s: line %d", t->path, p->entry);
    else snprintf(out, 1100, "%s: %s.%d", t->path, waypoint ? "waypoints" : "points", p->entry);
}

/* The nearest frame; a time at the clip's very end is its last frame. Beyond it: -1 with cut, else an error. */
static int frame_of(const struct trajectory *t, const struct trajectory_point *p, int waypoint, int frames, double fps, int cut,
                    int *frame, struct error *e)
{
    char where[1100];
    double at = p->by_frame ? p->at : p->at * fps;
    *frame = at <= frames ? (int)lround(at) : frames + 1;
    if (*frame >= frames && !p->by_frame && at <= frames) *frame = frames - 1;
    if (*frame < frames) return 0;
    *frame = -1;
    if (cut) return 0;
    place(t, p, waypoint, where);
    return p->by_frame ? error_set(e, ERR_INPUT, "%s: frame %.0f lies outside the clip of %d frames, 0 to %d; give a longer clip", where,
                                   p->at, frames, frames - 1)
                       : error_set(e, ERR_INPUT, "%s: time %g lies outside the clip of %d frames, %g seconds; give a longer clip", where,
                                   p->at, frames, frames / fps);
}

static int tell(const struct trajectory *t, const struct trajectory_point *p, int waypoint, int frame, const double position[3],
                int njoints, float *positions, unsigned char *mask, struct error *e)
{
    char where[1100];
    size_t key = (size_t)frame * (size_t)njoints + (size_t)p->joint;
    place(t, p, waypoint, where);
    if (p->joint >= njoints)
        return error_set(e, ERR_INPUT, "%s: joint %d is unknown; the skeleton has joints 0 to %d", where, p->joint, njoints - 1);
    if (mask[key]) return error_set(e, ERR_INPUT, "%s: joint %d is told twice at frame %d; leave one out", where, p->joint, frame);
    if (!frame && !p->joint && hypot(position[0], position[2]) > 0.05)
        return error_set(e, ERR_INPUT, "%s: the root starts at x %g, z %g; a clip starts at the origin, facing +z: move the trajectory",
                         where, position[0], position[2]);
    mask[key] = 1;
    for (int k = 0; k < 3; k++) positions[3 * key + (size_t)k] = (float)position[k];
    return 0;
}

struct knot {
    const struct trajectory_point *from;
    int frame;
    double position[3];
};

/* The curve between knots i and i + 1 at a frame: cubic Hermite; a knot's slope is that of the line
 * through its neighbours, so that a straight even path stays straight and even. */
static void curve(const struct knot *k, int count, int i, int frame, double out[3])
{
    const struct knot *a = &k[i], *b = &k[i + 1], *before = i ? a - 1 : a, *after = i + 2 < count ? b + 1 : b;
    double span = b->frame - a->frame, u = (frame - a->frame) / span, v = 1 - u;
    for (int c = 0; c < 3; c++) {
        double slope_a = (b->position[c] - before->position[c]) / (b->frame - before->frame) * span;
        double slope_b = (after->position[c] - a->position[c]) / (after->frame - a->frame) * span;
        out[c] = v * v * (1 + 2 * u) * a->position[c] + u * u * (1 + 2 * v) * b->position[c] + u * v * v * slope_a - u * u * v * slope_b;
    }
}

static int by_frame(const void *a, const void *b)
{
    const struct knot *x = a, *y = b;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

static int waypoints_on_clip(const struct trajectory *t, int frames, double fps, int njoints, double height, int cut,
                             float *positions, unsigned char *mask, struct error *e)
{
    struct knot *knots = malloc((size_t)t->waypoint_count * sizeof *knots + 1);
    char where[1100];
    int count = 0, told = 0, rc = knots ? 0 : error_memory(e, "a trajectory");
    for (int i = 0; i < t->waypoint_count && !rc; i++) {
        const struct trajectory_point *p = &t->waypoints[i];
        int frame;
        rc = frame_of(t, p, 1, frames, fps, cut, &frame, e);
        if (rc || frame < 0) continue;
        knots[count++] = (struct knot){p, frame, {p->position[0], isnan(p->position[1]) ? height : p->position[1], p->position[2]}};
    }
    if (!rc) qsort(knots, (size_t)count, sizeof *knots, by_frame);
    for (int i = 0; i + 1 < count && !rc; i++) {
        if (knots[i].frame != knots[i + 1].frame) continue;
        place(t, knots[i + 1].from, 1, where);
        rc = error_set(e, ERR_INPUT, "%s: two waypoints at frame %d; leave one out", where, knots[i].frame);
    }
    int span = !rc && count ? knots[count - 1].frame - knots[0].frame + 1 : 0;
    if (!rc && count) rc = control_density_frames(t->density, span, &told, e);
    if (rc && knots && !strncmp(e->text, "control: ", 9)) {
        char text[sizeof e->text];
        snprintf(text, sizeof text, "%s", e->text + 9);
        rc = error_set(e, ERR_INPUT, "%s: the waypoints' %.400s", t->path, text);
    }
    for (int n = 0, i = 0; n < told && !rc; n++) {
        double position[3];
        int frame = knots[0].frame + (told > 1 ? (int)((double)n * (span - 1) / (told - 1) + 0.5) : span - 1);
        while (i + 2 < count && frame > knots[i + 1].frame) i++;
        if (count > 1) curve(knots, count, i, frame, position);
        else memcpy(position, knots[0].position, sizeof position);
        rc = tell(t, knots[i].from, 1, frame, position, njoints, positions, mask, e);
    }
    free(knots);
    return rc;
}

int trajectory_on_clip(const struct trajectory *t, int frames, double fps, int njoints, double height, int cut,
                       float *positions, unsigned char *mask, struct error *e)
{
    size_t keys = (size_t)frames * (size_t)njoints;
    int rc = 0;
    memset(positions, 0, 3 * keys * sizeof *positions);
    memset(mask, 0, keys);
    for (int i = 0; i < t->point_count && !rc; i++) {
        int frame;
        rc = frame_of(t, &t->points[i], 0, frames, fps, cut, &frame, e);
        if (!rc && frame >= 0) rc = tell(t, &t->points[i], 0, frame, t->points[i].position, njoints, positions, mask, e);
    }
    if (!rc && t->waypoint_count) rc = waypoints_on_clip(t, frames, fps, njoints, height, cut, positions, mask, e);
    if (!rc && !control_keypoints(mask, frames, njoints))
        rc = error_set(e, ERR_INPUT, "%s: nothing is told within the %d frames of a clip; give earlier points", t->path, frames);
    return rc;
}
