#include "foreign_motion.h"

#include "../datasets/features.h"
#include "../datasets/skeleton.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FRAMES = 100000 };

static int check_finite(const char *name, const struct npy *a, struct error *e)
{
    size_t row = a->rank && a->shape[0] ? a->count / (size_t)a->shape[0] : 1;
    for (size_t i = 0; i < a->count; i++)
        if (!isfinite(a->data[i]) || fabs(a->data[i]) > 1e30)
            return error_set(e, ERR_INPUT, "%s: value %zu of row %zu is not finite; repair or leave out the motion", name, i % row,
                             i / row);
    return 0;
}

/* --- joints ------------------------------------------------------------------------------------ */

static double distance(const double *a, const double *b)
{
    return sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2]));
}

/* Bones tell the unit and whether joints are in another order: their sum beside the reference skeleton's. */
static int check_bones(const char *name, const struct skeleton *s, const double *joints, struct error *e)
{
    double reference[3 * SKELETON_MAX_JOINTS], sum = 0, wanted = 0;
    for (int j = 1; j < s->njoints; j++)
        sum += distance(joints + 3 * j, joints + 3 * s->parent[j]);
    if (skeleton_reference(s, reference))
        wanted = 5000;         /* KIT-ML, whose reference is not public: a person, in millimetres */
    else
        for (int j = 1; j < s->njoints; j++)
            wanted += distance(reference + 3 * j, reference + 3 * s->parent[j]);
    if (sum > wanted / 2.5 && sum < wanted * 2.5)
        return 0;
    return error_set(e, ERR_INPUT, "%s: its bones add up to %.3g, a person's to about %.3g; give %s, and the joints in the order of %s", name,
                     sum, wanted, wanted > 100 ? "millimetres" : "metres", s->name);
}

/* (T, J, 3) or (J, 3, T) -> (T + 1, J, 3), the last frame still to be filled. */
static double *ordered(const struct npy *a, int J, int *frames)
{
    int last = a->shape[1] == 3 && a->shape[0] == J;
    size_t T = (size_t)(last ? a->shape[2] : a->shape[0]), row = (size_t)J * 3;
    double *x = malloc((T + 1) * row * sizeof *x);
    *frames = (int)T;
    for (size_t t = 0; x && t < T; t++)
        for (size_t k = 0; k < row; k++)
            x[t * row + k] = last ? a->data[k * T + t] : a->data[t * row + k];
    return x;
}

/* Linear, to the set's frame rate; *joints grows or shrinks. */
static int resample(double **joints, int *frames, size_t row, double from, double to, struct error *e)
{
    int n = (int)floor((*frames - 1) * to / from + 1e-9) + 1;
    double *x = malloc(((size_t)n + 1) * row * sizeof *x);
    if (!x)
        return error_memory(e, "a motion");
    for (int t = 0; t < n; t++) {
        double at = fmin(t * from / to, *frames - 1);
        int k = (int)at < *frames - 1 ? (int)at : *frames - 2;
        const double *a = *joints + (size_t)k * row, w = at - k;
        for (size_t i = 0; i < row; i++)
            x[(size_t)t * row + i] = (1 - w) * a[i] + w * a[row + i];
    }
    free(*joints);
    *joints = x;
    *frames = n;
    return 0;
}

/* Whether the feet lie below the head, over the whole motion. */
static int is_upright(const struct skeleton *s, const double *joints, int frames)
{
    double up[3] = {0};
    int head = s->chain[2][s->chain_length[2] - 1];
    for (int t = 0; t < frames; t++)
        for (int i = 0; i < 3; i++) {
            const double *x = joints + (size_t)t * (size_t)s->njoints * 3;
            up[i] += x[3 * head + i] - (x[3 * s->feet[0] + i] + x[3 * s->feet[2] + i]) / 2;
        }
    return up[1] > 0.5 * sqrt(up[0] * up[0] + up[1] * up[1] + up[2] * up[2]);
}

static int from_joints(const char *name, const struct npy *a, const struct skeleton *s, const struct set *set,
                       const struct foreign_rule *rule, float **features, int *rows, struct foreign_look *look, struct error *e)
{
    size_t row = (size_t)s->njoints * 3;
    int n = 0, rc = 0;
    double *x = ordered(a, s->njoints, &n);
    if (!x)
        return error_memory(e, "a motion");
    if (n < 2)
        rc = error_set(e, ERR_INPUT, "%s: %d frame; a motion has at least %d", name, n, set->unit);
    if (!rc)
        rc = check_bones(name, s, x, e);
    if (!rc && rule->fps > 0 && fabs(rule->fps - set->fps) > 1e-6)
        rc = resample(&x, &n, row, rule->fps, set->fps, e);
    if (!rc && n < 2)
        rc = error_set(e, ERR_INPUT, "%s: too short at %g frames a second", name, set->fps);
    *features = rc ? NULL : malloc((size_t)n * (size_t)set->nfeats * sizeof **features);
    if (!rc && !*features)
        rc = error_memory(e, "a motion");
    if (!rc) {
        for (size_t k = 0; k < row; k++)
            x[(size_t)n * row + k] = 2 * x[(size_t)(n - 1) * row + k] - x[(size_t)(n - 2) * row + k];
        look->joints++;
        look->lying += !is_upright(s, x, n);
        rc = features_from_joints(s, x, n + 1, NULL, *features, e);
        if (rc)
            error_prefix(e, "%s", name);
    }
    *rows = n;
    free(x);
    return rc;
}

/* --- both ---------------------------------------------------------------------------------------- */

static int from_features(const char *name, const struct npy *a, const struct set *s, const struct foreign_rule *rule, float **features,
                         int *rows, struct error *e)
{
    if (rule->fps > 0 && fabs(rule->fps - s->fps) > 1e-6)
        return error_set(e, ERR_INPUT, "%s: features are bound to %g frames a second; for others give joints", name, s->fps);
    *rows = a->shape[0];
    *features = malloc((a->count + 1) * sizeof **features);
    if (!*features)
        return error_memory(e, "a motion");
    for (size_t i = 0; i < a->count; i++) {
        size_t f = i % (size_t)s->nfeats;
        (*features)[i] = (float)(rule->normalised ? a->data[i] * (double)s->std[f] + (double)s->mean[f] : a->data[i]);
    }
    return 0;
}

static int wrong_shape(const char *name, const struct npy *a, const struct set *s, struct error *e)
{
    char shape[100] = "";
    for (int i = 0; i < a->rank; i++)
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%s%d", i ? ", " : "", a->shape[i]);
    return error_set(e, ERR_INPUT, "%s: shape (%s) is no motion of this set: features (frames, %d), joints (frames, %d, 3) or (%d, 3, frames)",
                     name, shape, s->nfeats, s->njoints, s->njoints);
}

int foreign_features(const char *name, const struct npy *a, const struct set *s, const struct foreign_rule *rule, float **features,
                     int *rows, struct foreign_look *look, struct error *e)
{
    const struct skeleton *skeleton = skeleton_of_features(s->nfeats);
    int J = s->njoints, rc;
    *features = NULL;
    *rows = 0;
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] > MOST_FRAMES)
            return error_set(e, ERR_INPUT, "%s: %d frames; more than %d are no motion", name, a->shape[i], MOST_FRAMES);
    int joints = a->rank == 3 && ((a->shape[1] == J && a->shape[2] == 3) || (a->shape[0] == J && a->shape[1] == 3));
    if (!(a->rank == 2 && a->shape[1] == s->nfeats) && !(joints && skeleton))
        return wrong_shape(name, a, s, e);
    rc = check_finite(name, a, e);
    if (!rc)
        rc = joints ? from_joints(name, a, skeleton, s, rule, features, rows, look, e)
                    : from_features(name, a, s, rule, features, rows, e);
    if (!rc && *rows < s->unit)
        rc = error_set(e, ERR_INPUT, "%s: %d frames; the evaluator needs at least %d", name, *rows, s->unit);
    if (!rc && *rows >= s->max_length)
        rc = error_set(e, ERR_INPUT, "%s: %d frames; motions of this set have fewer than %d, cut it%s", name, *rows, s->max_length,
                       joints ? " or say its frame rate with --fps" : "");
    if (rc) {
        free(*features);
        *features = NULL;
        return rc;
    }
    *rows -= *rows % s->unit;
    double height = 0;
    for (int t = 0; t < *rows; t++)
        height += (double)(*features)[(size_t)t * (size_t)s->nfeats + 3] / *rows;
    look->motions++;
    look->height += height;
    return 0;
}

int foreign_plausible(const struct foreign_look *look, const struct set *s, struct error *e)
{
    double height = look->motions ? look->height / look->motions : 0, usual = s->nfeats > 3 ? (double)s->mean[3] : 0;
    if (2 * look->lying > look->joints)
        return error_set(e, ERR_INPUT, "in %d of %d motions the head is not above the feet; y must be up, turn the joints", look->lying,
                         look->joints);
    if (skeleton_of_features(s->nfeats) && usual > 0 && (height < usual / 4 || height > usual * 4))
        return error_set(e, ERR_INPUT, "the root is at a height of %.3g on average, in the set of %.3g; if the features are normalised by the "
                         "set's statistics, give --normalised", height, usual);
    return 0;
}
