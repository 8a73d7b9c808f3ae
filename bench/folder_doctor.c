/* mlcm data doctor FOLDER: published files before anything is built of them. */
#include "data_doctor.h"

#include "../datasets/published_layout.h"
#include "../datasets/text_lines.h"
#include "../engine/file.h"
#include "../engine/npy.h"
#include "command.h"
#include "published.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct findings {
    const char *folder;
    int kit, failed, passed;
};

static void tell(struct findings *f, int ok, const char *what, const char *mend)
{
    printf("  %s  %s%s%s\n", ok ? "pass" : "FAIL", what, ok ? "" : "; mend: ", ok ? "" : mend);
    *(ok ? &f->passed : &f->failed) += 1;
}

static int is_folder(const char *folder, const char *name)
{
    char path[1400];
    snprintf(path, sizeof path, "%.1000s/%.300s/.", folder, name);
    return file_exists(path);
}

static int is_file(const char *folder, const char *name)
{
    char path[1400];
    snprintf(path, sizeof path, "%.1000s/%.300s", folder, name);
    return file_size(path) >= 0;
}

/* ---- a data folder ---- */

struct split_count {
    int named, motions, texts, non_finite, misshapen, usable;
    char example[80], nan_names[120];
};

/* Looks at one named clip: 0 or an error that ends the examination. */
static void examine_clip(const struct findings *f, const char *name, struct split_count *n)
{
    char path[1400];
    struct npy a;
    struct error ignored;
    int features = f->kit ? 251 : 263, least = f->kit ? 24 : 40;
    snprintf(path, sizeof path, "%.1000s/texts/%.200s.txt", f->folder, name);
    n->texts += file_size(path) > 0;
    snprintf(path, sizeof path, "%.1000s/new_joint_vecs/%.200s.npy", f->folder, name);
    if (file_size(path) < 0) {
        if (!n->example[0]) snprintf(n->example, sizeof n->example, "%.79s", name);
        return;
    }
    n->motions++;
    if (npy_read(path, &a, &ignored)) {
        n->misshapen++;
        return;
    }
    int ok = a.rank == 2 && a.shape[1] == features, finite = 1;
    for (size_t i = 0; i < a.count && finite; i++) finite = isfinite(a.data[i]);
    n->misshapen += !ok;
    n->usable += ok && finite && a.shape[0] >= least && a.shape[0] < 200;
    if (!finite) {
        size_t used = strlen(n->nan_names);
        snprintf(n->nan_names + used, sizeof n->nan_names - used, " %.20s", name);
        n->non_finite++;
    }
    npy_free(&a);
}

static void examine_split(struct findings *f, const char *split, int known)
{
    char path[1400], what[500], **names;
    struct split_count n = {0};
    struct error e;
    snprintf(path, sizeof path, "%.1000s/%s.txt", f->folder, split);
    if (names_read(path, &names, &n.named, &e)) {
        tell(f, 0, e.text, f->kit ? "copy it from the KIT-ML archive" : "copy it from HumanML3D's repository, folder HumanML3D");
        return;
    }
    for (int i = 0; i < n.named; i++) examine_clip(f, names[i], &n);
    file_list_free(names, n.named);
    printf("  %-5s  %6d names, %6d motions, %6d texts, %6d of a usable length\n", split, n.named, n.motions, n.texts, n.usable);
    if (known) {
        snprintf(what, sizeof what, "%s.txt has %d names of the published %d", split, n.named, known);
        tell(f, n.named == known, what, "take the list of HumanML3D's repository");
    }
    snprintf(what, sizeof what, "%s: %d motions lack%s%s", split, n.named - n.motions, *n.example ? ", for instance " : "", n.example);
    tell(f, n.motions == n.named, what, f->kit ? "unpack the whole KIT-ML archive" : "run all of HumanML3D's notebooks to their ends; "
         "a part of AMASS may be missing");
    snprintf(what, sizeof what, "%s: %d texts lack", split, n.named - n.texts);
    tell(f, n.texts == n.named, what, "unpack texts.zip beside new_joint_vecs");
    snprintf(what, sizeof what, "%s: %d files are no arrays of (frames, %d)", split, n.misshapen, f->kit ? 251 : 263);
    tell(f, n.misshapen == 0, what, "make these clips again; KIT-ML has 251 features, HumanML3D 263");
    if (n.non_finite) printf("  note  %s: non-finite clips, left out when the set is read:%s\n", split, n.nan_names);
}

static void examine_statistics(struct findings *f, const char *name)
{
    char path[1400], what[700];
    struct npy a;
    struct error e;
    size_t features = f->kit ? 251 : 263;
    snprintf(path, sizeof path, "%.1000s/%s", f->folder, name);
    if (npy_read(path, &a, &e)) {
        tell(f, 0, e.text, "copy it from the repository; without it the statistics are computed from the clips");
        return;
    }
    int deviation = !strcmp(name, "Std.npy"), ok = a.count == features, bad = 0;
    for (size_t i = 0; i < a.count; i++) bad += !isfinite(a.data[i]) || (deviation && a.data[i] <= 0);
    snprintf(what, sizeof what, "%s holds %zu values, %d of them not finite%s", name, a.count, bad, deviation ? " or not positive" : "");
    tell(f, ok && !bad, what, ok ? "copy it again" : "it belongs to another set");
    npy_free(&a);
}

static void examine_data(struct findings *f)
{
    printf("%s: %s%s\n", f->folder, f->kit ? "KIT-ML, 251 features" : "HumanML3D, 263 features",
           is_file(f->folder, PUBLISHED_SYNTHETIC_MARK) ? ", synthetic" : "");
    int published = !f->kit && !is_file(f->folder, PUBLISHED_SYNTHETIC_MARK);
    tell(f, is_folder(f->folder, "new_joint_vecs"), "folder new_joint_vecs", "motion features: HumanML3D's notebooks make them from AMASS");
    tell(f, is_folder(f->folder, "texts"), "folder texts", "captions: unpack texts.zip of HumanML3D's repository here");
    examine_statistics(f, "Mean.npy");
    examine_statistics(f, "Std.npy");
    examine_split(f, "train", published ? 23384 : 0);
    examine_split(f, "val", published ? 1460 : 0);
    examine_split(f, "test", published ? 4384 : 0);
}

/* 21 or 22 joints: told by the statistics, else by the folder's name. */
static int looks_like_kit(const char *folder)
{
    char path[1400];
    struct npy a;
    struct error ignored;
    const char *slash = strrchr(folder, '/');
    snprintf(path, sizeof path, "%.1000s/Mean.npy", folder);
    if (npy_read(path, &a, &ignored)) return strstr(slash ? slash : folder, "kit") || strstr(slash ? slash : folder, "KIT");
    int kit = a.count == 251;
    npy_free(&a);
    return kit;
}

/* ---- the root ---- */

static void add_known_checkpoints(struct published *p)
{
    static const char *const known[][2] = {
        {"motionlcm_v1", "experiments_t2m/motionlcm_humanml/motionlcm_humanml_v1.ckpt"},
        {"mld_v1", "experiments_t2m/mld_humanml/mld_humanml_v1.ckpt"},
        {"vae_v2", "experiments_recons/vae_humanml/vae_humanml.ckpt"},
        {"mld_v2", "experiments_t2m/mld_humanml/mld_humanml.ckpt"},
        {"motionlcm_v2", "experiments_t2m/motionlcm_humanml/motionlcm_humanml.ckpt"},
        {"control_v1", "experiments_control/temporal/motionlcm_humanml/motionlcm_humanml_t_v1.ckpt"},
        {"control_v2", "experiments_control/temporal/motionlcm_humanml/motionlcm_humanml_t.ckpt"},
        {"pelvis_v2", "experiments_control/spatial/motionlcm_humanml/motionlcm_humanml_s_pelvis.ckpt"},
        {"joints_v2", "experiments_control/spatial/motionlcm_humanml/motionlcm_humanml_s_all.ckpt"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct published_checkpoint *c = &p->checkpoints[p->count++];
        snprintf(c->name, sizeof c->name, "%s", known[i][0]);
        snprintf(c->path, sizeof c->path, "%s", known[i][1]);
        c->used = 1;
        c->required = i < 2;
    }
}

static int examine_root(const char *root, int kit, struct findings *f, struct error *e)
{
    struct published p;
    struct published_file *files;
    char data[1400];
    int count;
    published_defaults(&p, kit);
    snprintf(p.root, sizeof p.root, "%s", root);
    if (!kit) add_known_checkpoints(&p);
    int rc = published_look(&p, &files, &count, e);
    if (rc) return rc;
    printf("%s: ", kit ? "KIT-ML" : "HumanML3D");
    int missing = published_print(&p, files, count, stdout);
    for (int i = 0; i < count; i++) f->passed += files[i].state == 0;
    f->failed += missing;
    free(files);
    published_path(&p, p.part[PUBLISHED_DATA], data);
    if (!is_folder(data, "new_joint_vecs")) return 0;
    f->folder = data;
    f->kit = kit;
    examine_data(f);
    return 0;
}

int folder_doctor(const char *folder)
{
    struct error e = {0};
    struct findings f = {.folder = folder};
    int root = is_folder(folder, "datasets") || is_folder(folder, "deps") || is_folder(folder, "experiments_t2m"), rc = 0;
    if (root) {
        int kit = is_folder(folder, "datasets/kit") || is_folder(folder, "deps/t2m/kit/text_mot_match");
        if (!kit || is_folder(folder, "datasets/humanml3d")) rc = examine_root(folder, 0, &f, &e);
        if (!rc && is_folder(folder, "datasets/kit")) rc = examine_root(folder, 1, &f, &e);
    } else if (is_folder(folder, "new_joint_vecs") || is_folder(folder, "texts") || is_file(folder, "Mean.npy")) {
        f.kit = looks_like_kit(folder);
        examine_data(&f);
    } else {
        rc = error_set(&e, ERR_INPUT, "%s: neither a data folder (new_joint_vecs, texts, train.txt, Mean.npy …) nor a folder with "
                       "datasets and deps as in MotionLCM's repository; name one of these", folder);
    }
    if (rc) return command_fail(&e);
    printf("%d passed, %d failed\n", f.passed, f.failed);
    return f.failed ? ERR_CHECK : 0;
}
