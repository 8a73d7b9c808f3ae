/* Resampling and forward kinematics of BVH motion. */
#include "bvh.h"
#include "rotation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_POSITIONS = 1 << 27 };

/* A local or world transform. */
struct transform {
    double rotation[4], translation[3];
};

double bvh_rate(const struct bvh *b)
{
    const double rate = 1.0 / b->frame_time, whole = round(rate);
    return whole >= 1.0 && fabs(rate - whole) <= 1e-4 * whole ? whole : rate;
}

int bvh_resampled_frames(int n, double rate, double target)
{
    const double last = floor((double)(n - 1) * target / rate + 1e-9);
    return last >= (double)BVH_MAX_FRAMES ? -1 : (int)last + 1;
}

static struct transform local_transform(const struct bvh_joint *j, const double *frame)
{
    static const double axis[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    struct transform x;
    const double radian = acos(-1.0) / 180.0;
    quaternion_identity(x.rotation);
    memcpy(x.translation, j->offset, sizeof x.translation);
    for (int c = 0; c < j->nchannels; c++) {
        const double v = frame[j->first_value + c];
        if (j->channel[c] <= BVH_Z_POSITION) {
            x.translation[j->channel[c]] = v;
        } else {
            double turn[4];
            quaternion_about(axis[j->channel[c] - BVH_X_ROTATION], radian * v, turn);
            quaternion_multiply(x.rotation, turn, x.rotation);
        }
    }
    return x;
}

/* World transforms of all joints at source time `time`, in frames. */
static void pose(const struct bvh *b, double time, struct transform *world)
{
    const int last = b->nframes - 1;
    int before = (int)floor(time + 1e-9);
    before = before > last ? last : before;
    const double u = time - (double)before;
    const double *now = b->values + (size_t)before * (size_t)b->nvalues;
    for (int k = 0; k < b->njoints; k++) {
        const struct bvh_joint *j = &b->joint[k];
        struct transform x = local_transform(j, now);
        if (u > 1e-9 && before < last) {
            const struct transform y = local_transform(j, now + b->nvalues);
            quaternion_slerp(x.rotation, y.rotation, u, x.rotation);
            for (int i = 0; i < 3; i++)
                x.translation[i] += u * (y.translation[i] - x.translation[i]);
        }
        if (j->parent >= 0) {
            const struct transform *p = &world[j->parent];
            quaternion_rotate(p->rotation, x.translation, x.translation);
            for (int i = 0; i < 3; i++)
                x.translation[i] += p->translation[i];
            quaternion_multiply(p->rotation, x.rotation, x.rotation);
        }
        world[k] = x;
    }
}

/* Walks the resampled frames; `width` joints a frame are to be stored. */
struct walk {
    int frames;
    double step;               /* source frames between two output frames */
    struct transform *world;
    double *out;
};

static int walk_begin(const struct bvh *b, double target_rate, int width, struct walk *w,
                      struct error *e)
{
    const double rate = bvh_rate(b);
    *w = (struct walk){.frames = b->nframes, .step = 1.0};
    if (target_rate < 0.0 || !isfinite(target_rate))
        return error_set(e, ERR_USAGE, "%s: a rate of %g frames a second cannot be reached; use "
                         "0 < rate", b->path, target_rate);
    if (target_rate > 0.0) {
        w->frames = bvh_resampled_frames(b->nframes, rate, target_rate);
        w->step = rate / target_rate;
    }
    if (w->frames < 0 || (size_t)w->frames * (size_t)width * 3 > MAX_POSITIONS)
        return error_set(e, ERR_INPUT, "%s: the motion is too long (%d frames, %d joints); cut it",
                         b->path, b->nframes, width);
    w->world = malloc((size_t)b->njoints * sizeof *w->world);
    w->out = malloc((size_t)w->frames * (size_t)width * 3 * sizeof *w->out);
    if (!w->world || !w->out) {
        free(w->world);
        free(w->out);
        return error_memory(e, "BVH joint positions");
    }
    return 0;
}

int bvh_positions(const struct bvh *b, double target_rate, double **positions, int *frames,
                  struct error *e)
{
    struct walk w;
    const int rc = walk_begin(b, target_rate, b->njoints, &w, e);
    if (rc)
        return rc;
    for (int t = 0; t < w.frames; t++) {
        pose(b, (double)t * w.step, w.world);
        for (int k = 0; k < b->njoints; k++)
            memcpy(w.out + 3 * ((size_t)t * (size_t)b->njoints + (size_t)k),
                   w.world[k].translation, 3 * sizeof *w.out);
    }
    free(w.world);
    *positions = w.out;
    *frames = w.frames;
    return 0;
}

int bvh_joints(const struct bvh *b, const struct joint_map *map, double target_rate,
               double **joints, int *frames, struct error *e)
{
    int source[JOINT_MAP_JOINTS][JOINT_MAP_TERMS];
    for (int j = 0; j < map->njoints; j++)
        for (int k = 0; k < map->joint[j].nterms; k++)
            if ((source[j][k] = bvh_find(b, map->joint[j].source[k])) < 0)
                return error_set(e, ERR_INPUT, "%s: the hierarchy has no joint '%s', which the map "
                                 "%s needs; use another map", b->path, map->joint[j].source[k],
                                 map->path);
    struct walk w;
    const int rc = walk_begin(b, target_rate, map->njoints, &w, e);
    if (rc)
        return rc;
    for (int t = 0; t < w.frames; t++) {
        pose(b, (double)t * w.step, w.world);
        for (int j = 0; j < map->njoints; j++) {
            double *p = w.out + 3 * ((size_t)t * (size_t)map->njoints + (size_t)j);
            for (int i = 0; i < 3; i++) {
                double sum = 0.0;
                for (int k = 0; k < map->joint[j].nterms; k++)
                    sum += map->joint[j].weight[k] * w.world[source[j][k]].translation[i];
                p[i] = map->unit * sum;
            }
        }
    }
    free(w.world);
    *joints = w.out;
    *frames = w.frames;
    return 0;
}
