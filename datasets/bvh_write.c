#include "bvh_write.h"
#include "../engine/file.h"
#include "rotation.h"
#include "skeleton.h"

#include <gsl/gsl_eigen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PROCRUSTES_ROUNDS = 20 };

static const double shortest_bone = 1e-4, farthest = 1e5;   /* metres */

struct fitting {
    const struct skeleton *s;
    const double *joints;                         /* (frames, J, 3), as given */
    int frames;
    int children[SKELETON_MAX_JOINTS];            /* bones that leave a joint */
    double length[SKELETON_MAX_JOINTS];           /* of the bone that ends at it */
    double offset[SKELETON_MAX_JOINTS][3];        /* of the file */
    double (*local)[4];                           /* (frames, J) rotations */
};

static const double *at(const struct fitting *f, int frame, int joint)
{
    return f->joints + 3 * ((size_t)frame * (size_t)f->s->njoints + (size_t)joint);
}

static void subtract(const double a[3], const double b[3], double out[3])
{
    for (int i = 0; i < 3; i++)
        out[i] = a[i] - b[i];
}

/* Directions at rest: the skeleton's own, but arms to the sides and the head upright. */
static void rest_direction(const struct skeleton *s, int joint, double out[3])
{
    memcpy(out, s->raw[joint], 3 * sizeof *out);
    for (int c = 3; c < SKELETON_CHAINS; c++)
        for (int k = 1; k < s->chain_length[c]; k++)
            if (s->chain[c][k] == joint) {
                out[0] = skeleton_side(s, joint) == 'l' ? 1.0 : -1.0;
                out[1] = out[2] = 0.0;
            }
    if (s->chain[2][s->chain_length[2] - 1] == joint) {
        out[0] = out[2] = 0.0;
        out[1] = 1.0;
    }
}

static int measure_bones(struct fitting *f, struct bvh_fit *fit, struct error *e)
{
    const int J = f->s->njoints;
    for (size_t i = 0; i < (size_t)f->frames * (size_t)J * 3; i++)
        if (!(fabs(f->joints[i]) < farthest))
            return error_set(e, ERR_INPUT, "frame %zu, joint %s: not a finite position; mend the motion",
                             i / (3 * (size_t)J), f->s->joint_name[i / 3 % (size_t)J]);
    for (int j = 1; j < J; j++) {
        const int p = f->s->parent[j];
        double bone[3], least = INFINITY, most = 0.0;
        f->children[p]++;
        for (int t = 0; t < f->frames; t++) {
            subtract(at(f, t, j), at(f, t, p), bone);
            const double length = vector_normalise(bone);
            least = fmin(least, length);
            most = fmax(most, length);
            f->length[j] += length / f->frames;
        }
        if (f->length[j] < shortest_bone)
            return error_set(e, ERR_INPUT, "the bone from %s to %s has no length; this is no motion of a skeleton",
                             f->s->joint_name[p], f->s->joint_name[j]);
        fit->stretch = fmax(fit->stretch, fmax(most, 2.0 * f->length[j] - least) / f->length[j] - 1.0);
    }
    return 0;
}

/* The rotation that takes `from` nearest to `to` (count, 3), least squares. Horn: the eigenvector of the largest
 * eigenvalue of a symmetric matrix. */
static void best_rotation(const double (*from)[3], const double (*to)[3], int count, gsl_eigen_symmv_workspace *w,
                          double out[4])
{
    double s[3][3] = {{0}}, n[16], values[4], vectors[16];
    for (int c = 0; c < count; c++)
        for (int i = 0; i < 3; i++)
            for (int k = 0; k < 3; k++)
                s[i][k] += from[c][i] * to[c][k];
    const double upper[4][4] = {
        {s[0][0] + s[1][1] + s[2][2], s[1][2] - s[2][1], s[2][0] - s[0][2], s[0][1] - s[1][0]},
        {0, s[0][0] - s[1][1] - s[2][2], s[0][1] + s[1][0], s[2][0] + s[0][2]},
        {0, 0, -s[0][0] + s[1][1] - s[2][2], s[1][2] + s[2][1]},
        {0, 0, 0, -s[0][0] - s[1][1] + s[2][2]}};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 4; k++)
            n[4 * i + k] = i <= k ? upper[i][k] : upper[k][i];
    gsl_matrix_view matrix = gsl_matrix_view_array(n, 4, 4), eigen = gsl_matrix_view_array(vectors, 4, 4);
    gsl_vector_view value = gsl_vector_view_array(values, 4);
    gsl_eigen_symmv(&matrix.matrix, &value.vector, &eigen.matrix, w);
    int best = 0;
    for (int i = 1; i < 4; i++)
        if (values[i] > values[best])
            best = i;
    for (int i = 0; i < 4; i++)
        out[i] = vectors[4 * i + best];
}

/* Offsets of the bones that leave joint p: their mean shape over the motion, turned to the skeleton's rest. */
static void rest_shape(struct fitting *f, int p, gsl_eigen_symmv_workspace *w)
{
    double shape[SKELETON_MAX_JOINTS][3], sum[SKELETON_MAX_JOINTS][3], now[SKELETON_MAX_JOINTS][3], q[4], v[3];
    int child[SKELETON_MAX_JOINTS], count = 0;
    for (int j = 1; j < f->s->njoints; j++)
        if (f->s->parent[j] == p)
            child[count++] = j;
    for (int c = 0; c < count; c++)
        subtract(at(f, 0, child[c]), at(f, 0, p), shape[c]);
    for (int round = 0; round < PROCRUSTES_ROUNDS; round++) {
        memset(sum, 0, sizeof sum);
        for (int t = 0; t < f->frames; t++) {
            for (int c = 0; c < count; c++)
                subtract(at(f, t, child[c]), at(f, t, p), now[c]);
            best_rotation(now, shape, count, w, q);
            for (int c = 0; c < count; c++) {
                quaternion_rotate(q, now[c], v);
                for (int i = 0; i < 3; i++)
                    sum[c][i] += v[i];
            }
        }
        double change = 0.0;
        for (int c = 0; c < count; c++) {
            const double length = vector_normalise(sum[c]);
            for (int i = 0; i < 3 && length > 0.0; i++) {
                const double mean = f->length[child[c]] * sum[c][i];
                change = fmax(change, fabs(mean - shape[c][i]));
                shape[c][i] = mean;
            }
        }
        if (change < 1e-12)
            break;
    }
    for (int c = 0; c < count; c++) {
        rest_direction(f->s, child[c], now[c]);
        for (int i = 0; i < 3; i++)
            now[c][i] *= f->length[child[c]];
    }
    best_rotation(shape, now, count, w, q);
    for (int c = 0; c < count; c++)
        quaternion_rotate(q, shape[c], f->offset[child[c]]);
}

static void make_rest(struct fitting *f, gsl_eigen_symmv_workspace *w)
{
    for (int j = 1; j < f->s->njoints; j++) {
        rest_direction(f->s, j, f->offset[j]);
        for (int i = 0; i < 3; i++)
            f->offset[j][i] *= f->length[j];
    }
    for (int p = 0; p < f->s->njoints; p++)
        if (f->children[p] > 1)
            rest_shape(f, p, w);
}

/* Rotations of one frame and where its joints come to lie (J, 3). */
static void fit_frame(struct fitting *f, int t, gsl_eigen_symmv_workspace *w, double (*placed)[3])
{
    const struct skeleton *s = f->s;
    double world[SKELETON_MAX_JOINTS][4], rest[SKELETON_MAX_JOINTS][3], goal[SKELETON_MAX_JOINTS][3], inverse[4];
    double (*local)[4] = f->local + (size_t)t * (size_t)s->njoints;
    memcpy(placed[0], at(f, t, 0), sizeof placed[0]);
    for (int p = 0; p < s->njoints; p++) {         /* parents come before children */
        double parent[4] = {1, 0, 0, 0};
        int count = 0;
        if (s->parent[p] >= 0)
            memcpy(parent, world[s->parent[p]], sizeof parent);
        quaternion_inverse(parent, inverse);
        for (int j = p + 1; j < s->njoints; j++) {
            if (s->parent[j] != p)
                continue;
            memcpy(rest[count], f->offset[j], sizeof rest[count]);
            subtract(at(f, t, j), placed[p], goal[count]);
            quaternion_rotate(inverse, goal[count], goal[count]);
            count++;
        }
        quaternion_identity(local[p]);
        if (count > 1)
            best_rotation(rest, goal, count, w, local[p]);
        else if (count == 1)
            (void)quaternion_between(rest[0], goal[0], local[p]);   /* a bone of no length keeps its direction */
        quaternion_multiply(parent, local[p], world[p]);
        for (int j = p + 1; j < s->njoints; j++) {
            if (s->parent[j] != p)
                continue;
            quaternion_rotate(world[p], f->offset[j], placed[j]);
            for (int i = 0; i < 3; i++)
                placed[j][i] += placed[p][i];
        }
    }
}

static void fit_frames(struct fitting *f, gsl_eigen_symmv_workspace *w, struct bvh_fit *fit)
{
    const int J = f->s->njoints;
    double placed[SKELETON_MAX_JOINTS][3], d[3];
    for (int t = 0; t < f->frames; t++) {
        fit_frame(f, t, w, placed);
        for (int j = 0; j < J; j++) {
            subtract(placed[j], at(f, t, j), d);
            const double distance = sqrt(vector_dot(d, d));
            fit->mean += distance / ((double)f->frames * J);
            if (distance > fit->largest) {
                fit->largest = distance;
                fit->frame = t;
                fit->joint = j;
            }
        }
    }
}

/* --- the file -------------------------------------------------------------------------------- */

static void put_offset(FILE *out, const double v[3])
{
    fprintf(out, "OFFSET %.7f %.7f %.7f\n", v[0], v[1], v[2]);
}

static void put_joint(const struct fitting *f, int j, int depth, FILE *out)
{
    fprintf(out, "%*s%s %s\n%*s{\n%*s", 2 * depth, "", j ? "JOINT" : "ROOT", f->s->joint_name[j], 2 * depth, "", 2 * depth + 2, "");
    put_offset(out, f->offset[j]);
    fprintf(out, "%*sCHANNELS %s\n", 2 * depth + 2, "",
            j ? "3 Zrotation Xrotation Yrotation" : "6 Xposition Yposition Zposition Zrotation Xrotation Yrotation");
    for (int c = j + 1; c < f->s->njoints; c++)
        if (f->s->parent[c] == j)
            put_joint(f, c, depth + 1, out);
    if (!f->children[j]) {                          /* a hand, a toe, the crown: half the bone that leads there */
        double end[3];
        for (int i = 0; i < 3; i++)
            end[i] = 0.5 * f->offset[j][i];
        fprintf(out, "%*sEnd Site\n%*s{\n%*s", 2 * depth + 2, "", 2 * depth + 2, "", 2 * depth + 4, "");
        put_offset(out, end);
        fprintf(out, "%*s}\n", 2 * depth + 2, "");
    }
    fprintf(out, "%*s}\n", 2 * depth, "");
}

/* `angle` plus whole turns, nearest to `before`; degrees. */
static double unwound(double angle, double before)
{
    return angle + 360.0 * round((before - angle) / 360.0);
}

/* Angles (z, x, y) in degrees with q = Rz Rx Ry. Of the two triples that make q, each by whole turns, the one nearer
 * to the frame before (`angles` on entry): curves without jumps. */
static void euler_zxy(const double q[4], double angles[3])
{
    const double degree = 180.0 / acos(-1.0);
    double m[9], first[3], second[3], d1 = 0.0, d2 = 0.0;
    quaternion_to_matrix(q, m);
    first[1] = degree * atan2(m[7], hypot(m[6], m[8]));
    first[2] = degree * atan2(-m[6], m[8]);
    first[0] = degree * atan2(-m[1], m[4]);
    if (fabs(m[7]) > 1.0 - 1e-14) {                 /* x is a quarter turn: z and y turn about one axis; y stays */
        first[2] = angles[2];
        first[0] = degree * atan2(m[3], m[0]) - (m[7] > 0.0 ? angles[2] : -angles[2]);
    }
    const double other[3] = {first[0] + 180.0, 180.0 - first[1], first[2] + 180.0};
    for (int i = 0; i < 3; i++) {
        first[i] = unwound(first[i], angles[i]);
        second[i] = unwound(other[i], angles[i]);
        d1 += fabs(first[i] - angles[i]);
        d2 += fabs(second[i] - angles[i]);
    }
    memcpy(angles, d2 < d1 ? second : first, sizeof first);
}

static void put_motion(const struct fitting *f, double fps, FILE *out)
{
    const int J = f->s->njoints;
    double angles[SKELETON_MAX_JOINTS][3] = {{0}};
    fprintf(out, "MOTION\nFrames: %d\nFrame Time: %.9g\n", f->frames, 1.0 / fps);
    /* Values stand in the order of the hierarchy: depth first. */
    int order[SKELETON_MAX_JOINTS], stack[SKELETON_MAX_JOINTS] = {0}, depth = 1, count = 0;
    while (depth) {
        const int j = stack[--depth];
        order[count++] = j;
        for (int c = J - 1; c > j; c--)
            if (f->s->parent[c] == j)
                stack[depth++] = c;
    }
    for (int t = 0; t < f->frames; t++) {
        const double *root = at(f, t, 0);
        fprintf(out, "%.7f %.7f %.7f", root[0], root[1], root[2]);
        for (int k = 0; k < count; k++) {
            double *a = angles[order[k]];
            euler_zxy(f->local[(size_t)t * (size_t)J + (size_t)order[k]], a);
            fprintf(out, " %.6f %.6f %.6f", a[0], a[1], a[2]);
        }
        fputc('\n', out);
    }
}

static int write_file(const struct fitting *f, const char *path, double fps, struct error *e)
{
    struct file_writer w;
    const int rc = file_begin(&w, path, e);
    if (rc)
        return rc;
    fputs("HIERARCHY\n", w.stream);
    put_joint(f, 0, 0, w.stream);
    put_motion(f, fps, w.stream);
    return file_commit(&w, e);
}

int bvh_write(const char *path, const struct skeleton *s, const double *joints, int frames, double fps,
              struct bvh_fit *fit, struct error *e)
{
    struct fitting f = {.s = s, .joints = joints, .frames = frames};
    struct bvh_fit told = {0};
    if (frames < 1 || !(fps > 0.0) || !isfinite(fps))
        return error_set(e, ERR_INPUT, "%s: %d frames at %g a second are no motion", path, frames, fps);
    int rc = measure_bones(&f, &told, e);
    if (rc)
        return error_prefix(e, "%s", path);
    gsl_eigen_symmv_workspace *w = gsl_eigen_symmv_alloc(4);
    f.local = malloc((size_t)frames * (size_t)s->njoints * sizeof *f.local);
    if (!w || !f.local) {
        rc = error_memory(e, "joint rotations");
    } else {
        make_rest(&f, w);
        fit_frames(&f, w, &told);
        rc = write_file(&f, path, fps, e);
    }
    if (w)
        gsl_eigen_symmv_free(w);
    free(f.local);
    if (!rc && fit)
        *fit = told;
    return rc;
}
