#include "skeleton.h"

#include <string.h>

/* SMPL's first 22 joints; bone lengths of HumanML3D's reference skeleton (clip 000021, frame 0). */
static const struct skeleton humanml3d = {
    .name = "humanml3d",
    .njoints = 22,
    .nfeatures = 263,
    .fps = 20.0,
    .contact_threshold = 0.002,
    .joint_name = {"pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee",
                   "spine2", "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot",
                   "neck", "left_collar", "right_collar", "head", "left_shoulder",
                   "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"},
    .parent = {-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19},
    .raw = {{0, 0, 0},  {1, 0, 0},  {-1, 0, 0}, {0, 1, 0},  {0, -1, 0}, {0, -1, 0},
            {0, 1, 0},  {0, -1, 0}, {0, -1, 0}, {0, 1, 0},  {0, 0, 1},  {0, 0, 1},
            {0, 1, 0},  {1, 0, 0},  {-1, 0, 0}, {0, 0, 1},  {0, -1, 0}, {0, -1, 0},
            {0, -1, 0}, {0, -1, 0}, {0, -1, 0}, {0, -1, 0}},
    .length = {0.0,        0.10307397, 0.10988337, 0.13156824, 0.39362320, 0.39018823,
               0.14319021, 0.43243308, 0.42564334, 0.05736474, 0.14338182, 0.14941907,
               0.21936005, 0.13748677, 0.14338283, 0.10303922, 0.13161405, 0.12298438,
               0.25684000, 0.26309174, 0.26601172, 0.26987640},
    .chain = {{0, 2, 5, 8, 11}, {0, 1, 4, 7, 10}, {0, 3, 6, 9, 12, 15},
              {9, 14, 17, 19, 21}, {9, 13, 16, 18, 20}},
    .chain_length = {5, 5, 6, 5, 5},
    .face = {2, 1, 17, 16},
    .feet = {7, 10, 8, 11},
    .leg = {5, 8},
};

/* The feet slots are swapped with respect to anatomy in the published data; so they are here. */
static const struct skeleton kit = {
    .name = "kit",
    .njoints = 21,
    .nfeatures = 251,
    .fps = 12.5,
    .contact_threshold = 0.05,
    .joint_name = {"root", "BP", "BT", "BLN", "BUN", "LS", "LE", "LW", "RS", "RE", "RW",
                   "LH", "LK", "LA", "LMrot", "LF", "RH", "RK", "RA", "RMrot", "RF"},
    .parent = {-1, 0, 1, 2, 3, 3, 5, 6, 3, 8, 9, 0, 11, 12, 13, 14, 0, 16, 17, 18, 19},
    .raw = {{0, 0, 0},  {0, 1, 0},  {0, 1, 0},  {0, 1, 0}, {0, 1, 0}, {1, 0, 0},  {0, -1, 0},
            {0, -1, 0}, {-1, 0, 0}, {0, -1, 0}, {0, -1, 0}, {1, 0, 0}, {0, -1, 0}, {0, -1, 0},
            {0, 0, 1},  {0, 0, 1},  {-1, 0, 0}, {0, -1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, 1}},
    .chain = {{0, 11, 12, 13, 14, 15}, {0, 16, 17, 18, 19, 20}, {0, 1, 2, 3, 4},
              {3, 5, 6, 7}, {3, 8, 9, 10}},
    .chain_length = {6, 6, 5, 4, 4},
    .face = {11, 16, 5, 8},
    .feet = {19, 20, 14, 15},
    .leg = {17, 18},
};

const struct skeleton *skeleton_humanml3d(void)
{
    return &humanml3d;
}

const struct skeleton *skeleton_kit(void)
{
    return &kit;
}

const struct skeleton *skeleton_of_joints(int njoints)
{
    return njoints == humanml3d.njoints ? &humanml3d : njoints == kit.njoints ? &kit : NULL;
}

const struct skeleton *skeleton_of_features(int nfeatures)
{
    return nfeatures == humanml3d.nfeatures ? &humanml3d : nfeatures == kit.nfeatures ? &kit : NULL;
}

int skeleton_joints(const struct skeleton *s)
{
    return s->njoints;
}

int skeleton_features(const struct skeleton *s)
{
    return s->nfeatures;
}

const char *skeleton_joint_name(const struct skeleton *s, int joint)
{
    return s->joint_name[joint];
}

int skeleton_parent(const struct skeleton *s, int joint)
{
    return s->parent[joint];
}

char skeleton_side(const struct skeleton *s, int joint)
{
    const char *name = s->joint_name[joint];
    if (s == &kit)
        return *name == 'L' ? 'l' : *name == 'R' ? 'r' : 'c';
    return !strncmp(name, "left", 4) ? 'l' : !strncmp(name, "right", 5) ? 'r' : 'c';
}

int skeleton_reference(const struct skeleton *s, double *joints)
{
    memset(joints, 0, 3 * sizeof *joints);
    for (int j = 1; j < s->njoints; j++) {
        if (s->length[j] <= 0.0)
            return -1;
        for (int i = 0; i < 3; i++)
            joints[3 * j + i] = joints[3 * s->parent[j] + i] + s->length[j] * s->raw[j][i];
    }
    return 0;
}

struct feature_layout feature_layout_of(const struct skeleton *s)
{
    const int others = s->njoints - 1;
    struct feature_layout f;
    f.height = 3;
    f.local = 4;
    f.rotation = f.local + 3 * others;
    f.velocity = f.rotation + 6 * others;
    f.contact = f.velocity + 3 * s->njoints;
    f.end = f.contact + 4;
    return f;
}

void feature_groups(const struct skeleton *s, int bound[FEATURE_GROUPS + 1])
{
    const struct feature_layout f = feature_layout_of(s);
    const int at[FEATURE_GROUPS + 1] = {0, 1, f.height, f.local, f.rotation, f.velocity,
                                        f.contact, f.end};
    memcpy(bound, at, sizeof at);
}
