#include "motion_file.h"
#include "../datasets/bvh_write.h"
#include "../engine/file.h"
#include "../engine/h5.h"
#include "report/page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int motion_file_known(const char *path)
{
    return file_has_ending(path, ".bvh") || file_has_ending(path, ".h5") || file_has_ending(path, ".html");
}

int motion_file_bvh(const char *path, const float *joints, int frames, int njoints, double fps, double scale, struct error *e)
{
    const struct skeleton *s = skeleton_of_joints(njoints);
    if (!s) return error_set(e, ERR_INPUT, "%s: no skeleton is known with %d joints; write a .npy file", path, njoints);
    size_t n = (size_t)frames * (size_t)njoints * 3;
    double *metres = malloc(n * sizeof *metres + 1);
    if (!metres) return error_memory(e, "joints");
    for (size_t i = 0; i < n; i++) metres[i] = (double)joints[i] * scale;
    struct bvh_fit fit;
    int rc = bvh_write(path, s, metres, frames, fps, &fit, e);
    free(metres);
    if (rc) return rc;
    if (fit.largest < 1e-4) fprintf(stderr, "mlcm: %s: the motion's joints to %.1g m\n", path, fit.largest < 1e-6 ? 1e-6 : fit.largest);
    else
        fprintf(stderr, "mlcm: %s: the motion's bones vary by up to %.1f %%; laid on constant ones its joints are %.1f cm off on average, "
                        "%.1f cm at most (%s, frame %d)\n", path, 100 * fit.stretch, 100 * fit.mean, 100 * fit.largest,
                skeleton_joint_name(s, fit.joint), fit.frame);
    return 0;
}

/* The SHA-256 of every model file of the folder as an attribute. */
static int write_fingerprints(struct h5 *f, const char *folder, struct error *e)
{
    static const char *const names[] = {"vae", "lcm", "mld", "control", "control_mld"};
    char path[1200], attribute[40], hash[65];
    int rc = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !rc; i++) {
        snprintf(path, sizeof path, "%.1100s/%s.h5", folder, names[i]);
        snprintf(attribute, sizeof attribute, "%s_sha256", names[i]);
        if (!file_exists(path)) continue;
        rc = sha256_file(path, hash, e);
        if (!rc) rc = h5_write_attr_string(f, "/", attribute, hash, e);
    }
    return rc;
}

static int write_told(struct h5 *f, const struct motion_file *m, struct error *e)
{
    const int shape[3] = {m->frames, m->njoints, 3};
    size_t keys = (size_t)m->frames * (size_t)m->njoints;
    int32_t *mask = malloc(keys * sizeof *mask);
    if (!mask) return error_memory(e, "the told positions");
    for (size_t i = 0; i < keys; i++) mask[i] = m->mask[i] != 0;
    int rc = h5_write_float(f, "told", 3, shape, m->goal, e);
    if (!rc) rc = h5_write_int(f, "told_mask", 2, shape, mask, e);
    free(mask);
    return rc;
}

static int write_h5(const char *path, const struct motion_file *m, struct error *e)
{
    const int joints[3] = {m->frames, m->njoints, 3}, features[2] = {m->frames, m->nfeatures}, list[1] = {m->segments};
    struct h5 *f;
    int rc = h5_create(path, &f, e);
    if (rc) return rc;
    rc = h5_write_float(f, "joints", 3, joints, m->joints, e);
    if (!rc && m->features) rc = h5_write_float(f, "features", 2, features, m->features, e);
    if (!rc && m->segments) rc = h5_write_strings(f, "texts", m->segments, m->titles, e);
    if (!rc && m->segments) rc = h5_write_int(f, "first_frames", 1, list, m->first, e);
    if (!rc && m->mask) rc = write_told(f, m, e);
    const struct { const char *name, *value; } words[] = {{"kind", "motion"}, {"caption", m->text}, {"system", m->system}};
    for (size_t i = 0; i < sizeof words / sizeof words[0] && !rc; i++) rc = h5_write_attr_string(f, "/", words[i].name, words[i].value, e);
    char seed[24];                       /* a seed may not fit a signed number */
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)m->seed);
    if (!rc) rc = h5_write_attr_string(f, "/", "seed", seed, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "steps", m->steps, e);
    if (!rc && m->guidance > 0) rc = h5_write_attr_double(f, "/", "guidance", m->guidance, e);
    if (!rc) rc = h5_write_attr_double(f, "/", "fps", m->fps, e);
    if (!rc) rc = write_fingerprints(f, m->models, e);
    if (!rc) return h5_commit(f, e);
    h5_close(f);
    return rc;
}

static int write_page(const char *path, const struct motion_file *m, struct error *e)
{
    struct motions shown = {.fps = m->fps, .njoints = m->njoints};
    struct moving_clip *clip;
    char title[300], note[600], name[80];
    if (m->frames > MOTIONS_FRAMES)
        return error_set(e, ERR_USAGE, "%s: %d frames are too many for a page, %d at most; write a .npy file", path, m->frames, MOTIONS_FRAMES);
    snprintf(name, sizeof name, "%s, %d step%s", m->system, m->steps, m->steps == 1 ? "" : "s");
    if (m->segments > 1) snprintf(title, sizeof title, "One motion from %d texts", m->segments);
    else snprintf(title, sizeof title, "%s", m->text);
    snprintf(note, sizeof note, "%s, seed %llu; models: %s", name, (unsigned long long)m->seed, m->models);
    int rc = motions_add_clip(&shown, m->text, "", m->frames, &clip, e);
    if (!rc) rc = motions_add(&shown, clip, name, 0, m->joints, 1, e);
    for (int i = 0; i < m->segments && !rc; i++) rc = motions_add_segment(clip, m->first[i], m->titles[i], e);
    if (!rc && m->mask) rc = motions_add_hints(&shown, clip, m->goal, m->mask, 1, e);
    if (!rc) rc = page_motions(&shown, title, note, path, e);
    motions_free(&shown);
    return rc;
}

int motion_file_write(const char *path, const struct motion_file *m, struct error *e)
{
    if (file_has_ending(path, ".bvh")) return motion_file_bvh(path, m->joints, m->frames, m->njoints, m->fps, 1, e);
    if (file_has_ending(path, ".h5")) return write_h5(path, m, e);
    return write_page(path, m, e);
}
