#include "control_hints.h"
#include "../datasets/features.h"
#include "../engine/control_mask.h"
#include "trajectory_file.h"
#include <stdlib.h>

/* Joints (length, J, 3) of normalised features, malloc'd. */
static int joints_of(const struct set *s, const float *x, int length, float **joints, struct error *e)
{
    const struct skeleton *skeleton = skeleton_of_features(s->nfeats);
    if (!skeleton || skeleton_joints(skeleton) != s->njoints)
        return error_set(e, ERR_INPUT, "%s: motion control needs the features of a known skeleton; this set has %d features",
                         s->path, s->nfeats);
    size_t nf = (size_t)s->nfeats, rows = (size_t)length;
    float *plain = malloc(rows * nf * sizeof *plain + 1);
    *joints = malloc(rows * (size_t)s->njoints * 3 * sizeof **joints + 1);
    if (!plain || !*joints) {
        free(plain);
        free(*joints);
        return error_memory(e, "a control signal");
    }
    for (size_t i = 0; i < rows * nf; i++) plain[i] = x[i] * s->std[i % nf] + s->mean[i % nf];
    joints_from_features(skeleton, plain, length, *joints);
    free(plain);
    return 0;
}

/* What a trajectory tells a window of `length` frames; beyond its end nothing is. */
static int told_hint(const struct set *s, const struct trajectory *t, int length, float *hint, unsigned char *mask, float *goal,
                     struct error *e)
{
    size_t count = (size_t)length * (size_t)s->njoints * 3;
    float *positions = malloc(count * sizeof *positions + 1);
    int rc = positions ? 0 : error_memory(e, "a control signal");
    if (!rc)
        rc = trajectory_on_clip(t, length, s->fps, s->njoints, (double)s->raw_mean[1], 1, positions, mask, e);
    if (!rc) rc = control_signal(positions, mask, s->raw_mean, s->raw_std, length, s->njoints, hint, e);
    for (size_t i = 0; goal && !rc && i < count; i++) goal[i] = positions[i];
    free(positions);
    return rc;
}

int control_hint(const struct set *s, const struct control_plan *p, int training, struct rng *r, const float *x,
                 int length, float *hint, unsigned char *mask, float *goal, struct error *e)
{
    float *joints;
    int J = s->njoints, rc;
    if (!training && p->told) return told_hint(s, p->told, length, hint, mask, goal, e);
    if (p->spatial && training) rc = control_mask_spatial_draw(r, p->joints, p->joint_count, length, J, mask, e);
    else if (p->spatial) rc = control_mask_spatial(r, p->joints, p->joint_count, p->density, length, J, mask, e);
    else if (training) rc = control_mask_temporal_draw(r, p->joints, p->joint_count, p->low, p->high, length, J, mask, e);
    else rc = control_mask_temporal(p->joints, p->joint_count, p->density, length, J, mask, e);
    if (rc || (rc = joints_of(s, x, length, &joints, e))) return rc;
    rc = control_signal(joints, mask, s->raw_mean, s->raw_std, length, J, hint, e);
    for (size_t i = 0; goal && i < (size_t)length * (size_t)J * 3; i++) goal[i] = mask[i / 3] ? joints[i] : 0;
    free(joints);
    return rc;
}

int control_reached(const struct set *s, const float *x, int length, const float *goal, const unsigned char *mask,
                    struct control_errors *errors, double *skating, struct error *e)
{
    float *joints;
    const struct skating_rule rule = s->njoints == 21 ? skating_rule_kit() : skating_rule_humanml3d();
    size_t count = (size_t)length * (size_t)s->njoints * 3;
    int rc = joints_of(s, x, length, &joints, e);
    if (rc) return rc;
    rc = skating_ratio(joints, length, s->njoints, &rule, skating, NULL, e);
    float *scaled = malloc(count * sizeof *scaled + 1);
    if (!rc && !scaled) rc = error_memory(e, "a control signal");
    for (size_t i = 0; i < count && !rc; i++) {      /* the set's unit of length to metres */
        joints[i] *= (float)rule.scale;
        scaled[i] = goal[i] * (float)rule.scale;
    }
    if (!rc) rc = control_errors(joints, scaled, mask, length, s->njoints, errors, NULL, e);
    free(scaled);
    free(joints);
    return rc;
}
