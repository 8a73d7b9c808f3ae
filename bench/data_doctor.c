#include "data_doctor.h"

#include "../datasets/consistency.h"
#include "../datasets/features.h"
#include "../datasets/set.h"
#include "../datasets/words.h"
#include "../engine/file.h"
#include "../metrics/control.h"
#include "../metrics/physical.h"
#include "arguments.h"
#include "command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The examination so far. */
struct report {
    const struct set *set;
    int passed, failed;
};

static void check(struct report *r, int ok, const char *what, const char *mend)
{
    printf("  %s  %s%s%s\n", ok ? "pass" : "FAIL", what, ok ? "" : "; mend: ", ok ? "" : mend);
    if (ok)
        r->passed++;
    else
        r->failed++;
}

/* ---- counts and lengths ---- */

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static void print_split(const struct set *s, const char *split, int *lengths)
{
    int n = 0, usable = 0;
    long captions = 0, frames = 0;
    for (int c = 0; c < s->nclips; c++) {
        const struct clip *clip = &s->clips[c];
        if (strcmp(clip->split, split) != 0)
            continue;
        lengths[n++] = clip->length;
        captions += clip->ncaptions;
        frames += clip->length;
        usable += clip->length >= s->min_length && clip->length < s->max_length;
    }
    if (n == 0)
        return;
    qsort(lengths, (size_t)n, sizeof *lengths, by_number);
    printf("  %-5s  %6d clips  %8ld frames  %7ld captions  lengths %d / %d / %d (least, median, "
           "most), %d of them usable\n",
           split, n, frames, captions, lengths[0], lengths[n / 2], lengths[n - 1], usable);
}

static void print_contents(const struct set *s)
{
    static const char *const splits[] = {"train", "val", "test", "none"};
    int *lengths = malloc((size_t)s->nclips * sizeof *lengths);
    printf("%s: set \"%s\", %d features, %d joints, %g frames a second, lengths %d <= n < %d\n",
           s->path, s->name, s->nfeats, s->njoints, s->fps, s->min_length, s->max_length);
    printf("  sha256 %s\n  mean and std %s\n", s->sha256, s->statistics_sha256);
    printf("  source clips %d, words %d of width %d\n", s->noriginal, s->words.count, s->words.dim);
    for (size_t k = 0; lengths && k < sizeof splits / sizeof *splits; k++)
        print_split(s, splits[k], lengths);
    free(lengths);
    printf("  left out for non-finite values: %d%s", s->nnan, s->nnan ? ":" : "");
    for (int i = 0; i < s->nnan && i < 20; i++)
        printf(" %s", s->nan_names[i]);
    printf("%s\n", s->nnan > 20 ? " …" : "");
}

/* ---- leakage ---- */

/* The recording a clip comes from: its name without the mirror's M and the part. */
static void source_name(const char *name, char *out, size_t size)
{
    if (name[0] == 'M')
        name++;
    const char *part = strstr(name, "-part");
    snprintf(out, size, "%.*s", part ? (int)(part - name) : (int)strlen(name), name);
}

struct named {
    char source[96];
    int clip;
};

static int by_source(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->source, y->source);
    return order ? order : by_number(&x->clip, &y->clip);
}

static void check_leakage(struct report *r)
{
    const struct set *s = r->set;
    struct named *list = malloc((size_t)s->nclips * sizeof *list);
    char what[240] = "no recording, part or mirrored twin is in two splits";
    int ok = list != NULL, twice = 0;
    for (int c = 0; ok && c < s->nclips; c++) {
        source_name(s->clips[c].name, list[c].source, sizeof list[c].source);
        list[c].clip = c;
    }
    if (ok)
        qsort(list, (size_t)s->nclips, sizeof *list, by_source);
    for (int i = 1; ok && i < s->nclips; i++) {
        const struct clip *a = &s->clips[list[i - 1].clip], *b = &s->clips[list[i].clip];
        if (strcmp(list[i - 1].source, list[i].source) != 0)
            continue;
        twice += strcmp(a->name, b->name) == 0;
        if (strcmp(a->split, b->split) != 0) {
            snprintf(what, sizeof what, "%.60s is in %s, %.60s in %s", a->name, a->split, b->name, b->split);
            ok = 0;
        }
    }
    free(list);
    check(r, ok, what, "correct the split files and build the set again");
    check(r, twice == 0, "every clip name is used once", "remove doubled names from the split files");
}

/* ---- values ---- */

static void check_statistics(struct report *r)
{
    const struct set *s = r->set;
    double worst_mean = 0, worst_std = 0;
    size_t n = (size_t)s->nfeats;
    double *sum = calloc(2 * n, sizeof *sum);
    long rows = 0;
    for (int c = 0; sum && c < s->nclips; c++) {
        const float *x = s->clips[c].features;
        rows += s->clips[c].length;
        for (int t = 0; t < s->clips[c].length; t++)
            for (size_t f = 0; f < n; f++, x++) {
                double z = (*x - (double)s->mean[f]) / s->std[f];
                sum[f] += z;
                sum[n + f] += z * z;
            }
    }
    for (size_t f = 0; sum && f < n; f++) {
        worst_mean = fmax(worst_mean, fabs(sum[f] / (double)rows));
        worst_std = fmax(worst_std, sum[n + f] / (double)rows);
    }
    free(sum);
    char what[160];
    snprintf(what, sizeof what, "normalised features: largest |channel mean| %.3f, largest variance %.2f",
             worst_mean, worst_std);
    /* Within a group the standard deviations are averaged, so single channels exceed 1. */
    /* A handful of clips need not have the statistics of the whole set. */
    check(r, s->nclips < 100 || (worst_mean < 0.5 && worst_std < 100), what,
          "Mean.npy and Std.npy belong to other data: compute them from these clips");
    if (!skeleton_of_features(s->nfeats))
        return;
    double bias = s->std[0] / (double)s->std_eval[0];
    snprintf(what, sizeof what, "evaluator's std is the generators' divided by %.1f at the root", bias);
    check(r, bias > 20 && bias < 30, what, "take the evaluators' own mean.npy and std.npy (factor 25)");
}

/* The joints of the first clip of each split must look like a body on the floor. */
static void check_bodies(struct report *r)
{
    const struct set *s = r->set;
    const struct skeleton *skeleton = skeleton_of_features(s->nfeats);
    if (!skeleton)
        return;
    double unit = s->njoints == 22 ? 1.0 : 1000.0, lowest = HUGE_VAL, highest = -HUGE_VAL;
    double longest = 0;
    int stride = s->nclips / 200 + 1;
    for (int c = 0; c < s->nclips; c += stride) {
        const struct clip *clip = &s->clips[c];
        size_t n = (size_t)clip->length * (size_t)s->njoints * 3;
        float *joints = malloc(n * sizeof *joints);
        if (!joints)
            break;
        joints_from_features(skeleton, clip->features, clip->length, joints);
        for (size_t i = 0; i < n; i += 3) {
            lowest = fmin(lowest, joints[i + 1] / unit);
            highest = fmax(highest, joints[i + 1] / unit);
            longest = fmax(longest, hypot(joints[i], joints[i + 2]) / unit);
        }
        free(joints);
    }
    char what[160];
    snprintf(what, sizeof what, "recovered joints: heights %.2f … %.2f m, furthest %.1f m from the start",
             lowest, highest, longest);
    check(r, lowest > -0.3 && highest < 4.0 && longest < 60, what,
          "the features are of another layout or unit");
}

/* What an eye would object to, averaged over the clips: nothing is checked, the values say what a set is like. */
static void print_plausibility(const struct set *s)
{
    const struct skeleton *skeleton = skeleton_of_features(s->nfeats);
    if (!skeleton)
        return;
    const struct skating_rule skating = s->njoints == 22 ? skating_rule_humanml3d() : skating_rule_kit();
    int parents[64], measured = 0, failed = 0;
    for (int j = 0; j < s->njoints && j < 64; j++)
        parents[j] = skeleton_parent(skeleton, j);
    const struct physical_rule rule = {skating.feet, 2, parents, s->fps, 0, 0.05};
    double sum[5] = {0};
    for (int c = 0; c < s->nclips && !failed; c++) {
        const struct clip *clip = &s->clips[c];
        size_t n = (size_t)clip->length * (size_t)s->njoints * 3;
        float *joints = clip->length < 4 ? NULL : malloc(n * sizeof *joints);
        struct physical p;
        struct error ignored = {0};
        double ratio;
        if (!joints)
            continue;
        joints_from_features(skeleton, clip->features, clip->length, joints);
        for (size_t i = 0; i < n; i++)
            joints[i] *= (float)skating.scale;
        struct skating_rule metres = skating;
        metres.scale = 1;
        failed = physical_metrics(joints, clip->length, s->njoints, &rule, &p, &ignored) ||
                 skating_ratio(joints, clip->length, s->njoints, &metres, &ratio, NULL, &ignored);
        free(joints);
        if (failed)
            break;
        const double values[5] = {ratio, p.foot_sliding, p.floor_penetration, p.bone_variation, p.jitter};
        for (int k = 0; k < 5; k++)
            sum[k] += values[k];
        measured++;
    }
    if (measured && !failed)
        printf("  plausibility, means over %d clips: foot skating ratio %.4f, sliding of touching feet %.4f m/s, floor\n"
               "  penetration %.5f m, variation of bone lengths %.6f, jerk %.1f m/s3\n",
               measured, sum[0] / measured, sum[1] / measured, sum[2] / measured, sum[3] / measured, sum[4] / measured);
}

/* Facts of the published sets, by name. */
static void check_known(struct report *r)
{
    const struct set *s = r->set;
    static const struct {
        const char *name;
        int source, train, val, test;   /* clips; 0: not checked */
    } known[] = {{"bandai", 3076, 4628, 510, 1032},
                 {"humanml3d", 29228, 23384, 1460, 4384}};
    /* mean and std of the HumanML3D repository */
    static const char published[] = "5b3bdbaea2e2334b525e4d1e3b1cde4a888b2ebadb57a6109381a0446d8e840e";
    int count[3] = {0, 0, 0};
    static const char *const splits[] = {"train", "val", "test"};
    for (int c = 0; c < s->nclips; c++)
        for (int k = 0; k < 3; k++)
            count[k] += strcmp(s->clips[c].split, splits[k]) == 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, s->name) != 0)
            continue;
        int missing = known[i].train + known[i].val + known[i].test - count[0] - count[1] - count[2];
        char what[200];
        snprintf(what, sizeof what, "%d + %d + %d clips of %d + %d + %d known, source %d of %d",
                 count[0], count[1], count[2], known[i].train, known[i].val, known[i].test,
                 s->noriginal, known[i].source);
        check(r, missing == s->nnan && s->noriginal == known[i].source, what,
              "the raw data are not complete: compare the checksums of the download");
        if (strcmp(s->name, "humanml3d") == 0)
            printf("  note  mean and std are %s\n", strcmp(s->statistics_sha256, published) == 0
                   ? "those of the HumanML3D repository" : "not those of the HumanML3D repository");
    }
}

/* ---- captions ---- */

static void check_captions(struct report *r)
{
    const struct set *s = r->set;
    long captions = 0, unknown = 0, tokens = 0, bare = 0, slotted = 0, wrong = 0;
    char what[200];
    if (s->words.count == 0) {
        check(r, 0, "no word vectors", "build again with --glove, the folder of our_vab_data.npy");
        return;
    }
    int unk = words_find(&s->words, "unk", 3);
    for (int c = 0; c < s->nclips; c++) {
        bare += s->clips[c].ncaptions == 0;
        for (int k = 0; k < s->clips[c].ncaptions; k++) {
            const struct caption *caption = &s->clips[c].captions[k];
            captions++;
            for (const char *p = caption->tokens; *p;) {
                size_t word = strcspn(p, "/ "), whole = strcspn(p, " ");
                int row = words_find(&s->words, p, word);
                unknown += row < 0 || row == unk;
                tokens++;
                p += whole;
                p += *p == ' ';
            }
            if (*caption->slots && *s->clips[c].slots) {
                slotted++;
                wrong += !caption_consistent(caption->slots, s->clips[c].slots);
            }
        }
    }
    snprintf(what, sizeof what, "%ld captions, %ld of %d clips without one", captions, bare, s->nclips);
    check(r, captions > 0 && bare == 0, what, "put NAME.txt for these clips into the texts folder");
    double share = tokens ? (double)unknown / (double)tokens : 0;
    snprintf(what, sizeof what, "%.2f %% of %ld tokens are not in the vocabulary", 100 * share, tokens);
    check(r, share < 0.03, what, "the vocabulary belongs to other captions: give the right --glove folder");
    if (slotted) {
        snprintf(what, sizeof what, "%ld of %ld captions contradict their own clip", wrong, slotted);
        check(r, wrong == 0, what, "build the set again with this version");
    }
}

int data_doctor(int argc, char **argv)
{
    struct error e = {0};
    const struct command_form form = {
        .example = "mlcm data doctor build/bandai.h5",
        .usage = "mlcm data doctor SET.h5|FOLDER",
        .purpose = "Examines a packed set: counts, lengths, non-finite clips, hashes of the statistics,\n"
                   "known values, leakage between splits, and how to mend what is wrong. Of a folder in the\n"
                   "layout of HumanML3D, KIT-ML or MotionLCM's repository: what is there, what lacks, where it\n"
                   "comes from and where it goes.",
        .least = 1, .most = 1};
    struct arguments a;
    if (arguments_parse(&form, argc, argv, &a, &e))
        return command_fail(&e);
    if (a.help) {
        arguments_help(&form, stdout);
        return 0;
    }
    struct set set;
    char inside[1400];
    snprintf(inside, sizeof inside, "%.1390s/.", a.positional[0]);
    if (file_exists(inside))
        return folder_doctor(a.positional[0]);
    if (set_read(a.positional[0], &set, &e))
        return command_fail(&e);
    struct report r = {&set, 0, 0};
    print_contents(&set);
    print_plausibility(&set);
    check_known(&r);
    check_leakage(&r);
    check_statistics(&r);
    check_bodies(&r);
    check_captions(&r);
    printf("%d passed, %d failed\n", r.passed, r.failed);
    set_free(&set);
    return r.failed ? ERR_CHECK : 0;
}
