#include "stream_join.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int stream_join_open(struct stream_join *s, int joints, const int *parents, int overlap, struct error *e)
{
    *s = (struct stream_join){.joints = joints, .parents = parents, .overlap = overlap, .cosine = 1};
    if (joints < 1 || overlap < 1)
        return error_set(e, ERR_USAGE, "a stream of %d joints with %d frames of overlap; give at least one of each", joints, overlap);
    for (int j = 0; j < joints && parents; j++)
        if (parents[j] < -1 || parents[j] >= j)
            return error_set(e, ERR_USAGE, "a stream whose joint %d has the parent %d; parents come before their children, -1 is none", j,
                             parents[j]);
    size_t row = (size_t)joints * 3;
    s->held = malloc((size_t)overlap * row * sizeof *s->held);
    s->trial = malloc(((size_t)overlap + 6) * row * sizeof *s->trial);
    s->moved = malloc(row * sizeof *s->moved);
    return s->held && s->trial && s->moved ? 0 : error_memory(e, "a stream");
}

void stream_join_close(struct stream_join *s)
{
    free(s->held);
    free(s->trial);
    free(s->moved);
    *s = (struct stream_join){0};
}

/* Of frame i of the overlap, when the clip is laid: the first count most, since there the motion goes over. */
static double weight_of(const struct stream_join *s, int i)
{
    return 1 - (double)i / s->overlap;
}

/* The turn and move that lay the clip's beginning over the held frames. */
static void lay(struct stream_join *s, const float *clip)
{
    double weight = 0, a[2] = {0}, b[2] = {0}, cross = 0, dot = 0;
    size_t row = (size_t)s->joints * 3;
    for (int i = 0; i < s->overlap; i++) {
        double w = weight_of(s, i);
        for (size_t k = (size_t)i * row; k < (size_t)(i + 1) * row; k += 3) {
            weight += w;
            a[0] += w * (double)s->held[k];
            a[1] += w * (double)s->held[k + 2];
            b[0] += w * (double)clip[k];
            b[1] += w * (double)clip[k + 2];
        }
    }
    for (int c = 0; c < 2; c++) {
        a[c] /= weight;
        b[c] /= weight;
    }
    for (int i = 0; i < s->overlap; i++) {
        double w = weight_of(s, i);
        for (size_t k = (size_t)i * row; k < (size_t)(i + 1) * row; k += 3) {
            double px = (double)s->held[k] - a[0], pz = (double)s->held[k + 2] - a[1];
            double qx = (double)clip[k] - b[0], qz = (double)clip[k + 2] - b[1];
            cross += w * (qx * pz - qz * px);
            dot += w * (qx * px + qz * pz);
        }
    }
    double length = hypot(cross, dot);
    s->cosine = length > 0 ? dot / length : 1;
    s->sine = length > 0 ? cross / length : 0;
    s->x = a[0] - (s->cosine * b[0] - s->sine * b[1]);
    s->z = a[1] - (s->sine * b[0] + s->cosine * b[1]);
}

static void place(const struct stream_join *s, const float *p, double out[3])
{
    out[0] = s->cosine * (double)p[0] - s->sine * (double)p[2] + s->x;
    out[1] = (double)p[1];
    out[2] = s->sine * (double)p[0] + s->cosine * (double)p[2] + s->z;
}

/* What is left at frame i of n of an offset that begins with `offset` and grows by `growth` a frame: quintics that end
 * with no offset, velocity or acceleration. The growth has half the time, lest it carry limbs far. */
static double fading(int i, int n, double offset, double growth)
{
    int m = (n + 1) / 2;
    double u = (double)i / n, u3 = u * u * u, v = i < m ? (double)i / m : 1, v3 = v * v * v;
    return offset * (1 - u3 * (10 + u * (6 * u - 15))) + growth * m * (v - v3 * (6 + v * (3 * v - 8)));
}

static double length_of(const float *row, int joint, int parent)
{
    double sum = 0;
    for (int c = 0; c < 3; c++) {
        double d = (double)row[3 * joint + c] - (double)row[3 * parent + c];
        sum += d * d;
    }
    return sqrt(sum);
}

/* Sets the bones of row i, whose joints were led one by one, to lengths between the old clip's and the new one's. */
static void keep_bones(const struct stream_join *s, const float *clip, int i, int faded, float *out)
{
    size_t row = (size_t)s->joints * 3;
    double *moved = s->moved;
    for (int j = 0; j < s->joints; j++) {
        int p = s->parents[j];
        for (int c = 0; c < 3; c++) moved[3 * j + c] = (double)out[3 * j + c];
        double is = p < 0 ? 0 : length_of(out, j, p);
        if (!(is > 1e-6)) continue;      /* a root, or a bone without direction */
        double own = length_of(clip + (size_t)i * row, j, p);
        double offset = length_of(s->held, j, p) - length_of(clip, j, p);
        double wanted = own + fading(i, faded, offset, 0);
        for (int c = 0; c < 3; c++)
            moved[3 * j + c] = moved[3 * p + c] + ((double)out[3 * j + c] - (double)out[3 * p + c]) * wanted / is;
    }
    for (size_t k = 0; k < row; k++) out[k] = (float)moved[k];
}

/* Row i of a clip that is laid, its first `faded` rows led out of the held frames. */
static void lay_row(const struct stream_join *s, const float *clip, int i, int faded, float *out)
{
    size_t row = (size_t)s->joints * 3;
    for (size_t k = 0; k < row; k += 3) {
        double p[3], first[3], second[3];
        place(s, clip + (size_t)i * row + k, p);
        if (i < faded) {
            place(s, clip + k, first);
            place(s, clip + (faded > 1 ? row : 0) + k, second);
        }
        for (size_t c = 0; c < 3; c++) {
            double more = 0;
            if (i < faded) {
                double offset = (double)s->held[k + c] - first[c], next = (double)s->held[(faded > 1 ? row : 0) + k + c] - second[c];
                more = fading(i, faded, offset, next - offset);
            }
            out[k + c] = (float)(p[c] + more);
        }
    }
    if (i < faded && s->parents) keep_bones(s, clip, i, faded, out);
}

double stream_jerk(const float *frames, int joints, double fps)
{
    size_t row = (size_t)joints * 3;
    double sum = 0;
    for (size_t k = 0; k < row; k += 3) {
        double squares = 0;
        for (size_t c = k; c < k + 3; c++) {
            double d = (double)frames[3 * row + c] - 3 * (double)frames[2 * row + c] + 3 * (double)frames[row + c] - (double)frames[c];
            squares += d * d;
        }
        sum += sqrt(squares);
    }
    return sum * fps * fps * fps / joints;
}

double stream_join_jerk(struct stream_join *s, const float *clip, double fps)
{
    struct stream_join trial = *s;
    size_t row = (size_t)s->joints * 3;
    double sum = 0;
    lay(&trial, clip);
    for (int i = 0; i < s->overlap + 3; i++) lay_row(&trial, clip, i, i < s->overlap ? s->overlap : 0, s->trial + (size_t)(3 + i) * row);
    for (int t = 0; t < s->overlap + 3; t++) sum += stream_jerk(s->trial + (size_t)t * row, s->joints, fps);
    return sum / (s->overlap + 3);
}

int stream_join_add(struct stream_join *s, const float *clip, int frames, float *out)
{
    size_t row = (size_t)s->joints * 3;
    int made = frames - s->overlap, faded = s->clips ? s->overlap : 0;
    if (s->clips) lay(s, clip);
    s->clips++;
    for (int i = 0; i < made; i++) lay_row(s, clip, i, faded, out + (size_t)i * row);
    for (int i = 0; i < s->overlap; i++) {
        double p[3];
        for (size_t k = 0; k < row; k += 3) {
            place(s, clip + (size_t)(made + i) * row + k, p);
            for (size_t c = 0; c < 3; c++) s->held[(size_t)i * row + k + c] = (float)p[c];
        }
    }
    for (int i = 0; i < 3; i++) {        /* of a short clip, its first frame again; all of it may be held */
        int from = made - 3 + i > 0 ? made - 3 + i : 0;
        memcpy(s->trial + (size_t)i * row, made ? out + (size_t)from * row : s->held, row * sizeof *out);
    }
    return made;
}

int stream_join_finish(struct stream_join *s, float *out)
{
    int made = s->clips ? s->overlap : 0;
    memcpy(out, s->held, (size_t)made * (size_t)s->joints * 3 * sizeof *out);
    s->clips = 0;
    s->cosine = 1;
    s->sine = s->x = s->z = 0;
    return made;
}

void stream_join_hint(const struct stream_join *s, double heading, float *out)
{
    /* the world's heading: the clip's turn and then its own */
    double c = s->cosine * cos(heading) - s->sine * sin(heading), n = s->sine * cos(heading) + s->cosine * sin(heading);
    double x0 = (double)s->held[0], z0 = (double)s->held[2];
    for (size_t k = 0; k < (size_t)s->overlap * (size_t)s->joints * 3; k += 3) {
        double x = (double)s->held[k] - x0, z = (double)s->held[k + 2] - z0;
        out[k] = (float)(c * x + n * z);
        out[k + 1] = s->held[k + 1];
        out[k + 2] = (float)(c * z - n * x);
    }
}
