/* Conformance of the metrics: embeddings, control, reconstruction.
 *
 * Values computed in double (names ending in _f64, FID_exact_f64) are compared
 * tightly, those of float32 reference runs within float32 rounding. */
#include "verify.h"

#include "../metrics/control.h"
#include "../metrics/diversity.h"
#include "../metrics/frechet.h"
#include "../metrics/interval.h"
#include "../metrics/precision.h"
#include "../metrics/reconstruction.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = 300 };

static const double exact = 1e-12, tight = 1e-11, loose = 2e-5;

/* "GROUP/MEMBER" in a buffer of NAME_SIZE, or MEMBER of the root, "". */
static const char *join(char *buffer, const char *group, const char *member)
{
    snprintf(buffer, NAME_SIZE, "%.200s%s%.90s", group, *group ? "/" : "", member);
    return buffer;
}

/* Compares n values with the dataset GROUP/MEMBER, where the case has it. */
static int compare(struct verify *v, struct h5 *f, const char *group, const char *member,
                   const double *got, size_t n, double tolerance, struct error *e)
{
    char name[NAME_SIZE], shape[40];
    if (!h5_has(f, join(name, group, member)))
        return 0;
    double *want;
    size_t count;
    int status = h5_read_double(f, name, &want, &count, e);
    if (status)
        return status;
    if (count != n)
        status = error_set(e, ERR_INPUT, "%s: %s holds %zu values, %zu were computed", h5_path(f),
                           name, count, n);
    else {
        snprintf(shape, sizeof shape, "%zu", n);
        verify_array_double(v, name, shape, got, want, n, tolerance);
    }
    free(want);
    return status;
}

static int compare_value(struct verify *v, struct h5 *f, const char *group, const char *member,
                         double got, double tolerance, struct error *e)
{
    return compare(v, f, group, member, &got, 1, tolerance, e);
}

/* Reads a float dataset of the given rank; count of each dimension in dims. */
static int read_array(struct h5 *f, const char *group, const char *member, int rank, int dims[8],
                      float **data, struct error *e)
{
    char name[NAME_SIZE];
    int found;
    size_t count;
    join(name, group, member);
    int status = h5_shape(f, name, &found, dims, e);
    if (status)
        return status;
    if (found != rank)
        return error_set(e, ERR_INPUT, "%s: %s has %d dimensions instead of %d", h5_path(f), name,
                         found, rank);
    return h5_read_float(f, name, data, &count, e);
}

static int read_indices(struct h5 *f, const char *group, const char *member, int **out, int *count,
                        struct error *e)
{
    char name[NAME_SIZE];
    int32_t *data;
    size_t n;
    int status = h5_read_int(f, join(name, group, member), &data, &n, e);
    if (status)
        return status;
    *out = data;
    *count = (int)n;
    return 0;
}

/* One case of embeddings. */
struct embeddings {
    int n, dim;
    float *text, *gen, *gt;    /* (n, dim) */
};

/* The three values of R-Precision, exactly: GROUP/NAME and GROUP/NAME_f64. */
static int compare_tops(struct verify *v, struct h5 *f, const char *group, const char *member,
                        const struct precision *p, struct error *e)
{
    char wide[NAME_SIZE];
    snprintf(wide, sizeof wide, "%s_f64", member);
    int status = compare(v, f, group, member, p->top, PRECISION_TOPS, exact, e);
    return status ? status : compare(v, f, group, wide, p->top, PRECISION_TOPS, exact, e);
}

/* A value of a float32 reference and its _f64 companion. */
static int compare_both(struct verify *v, struct h5 *f, const char *group, const char *member,
                        double got, struct error *e)
{
    char wide[NAME_SIZE];
    snprintf(wide, sizeof wide, "%s_f64", member);
    int status = compare_value(v, f, group, member, got, loose, e);
    return status ? status : compare_value(v, f, group, wide, got, tight, e);
}

/* FID of the first `rows` rows, real motions first. The stored exact value of a
 * singular covariance carries the square roots of rounding errors where zeros
 * should be, about 1e-8 each, so it is met to that accuracy only. */
static int check_frechet(struct verify *v, struct h5 *f, const char *group,
                         const struct embeddings *m, int rows, struct error *e)
{
    struct frechet d;
    int status = frechet_distance(m->gt, rows, m->gen, rows, m->dim, &d, e);
    if (status)
        return status;
    double scale = fmax(1, d.distance);
    int singular = d.rank_x < m->dim || d.rank_y < m->dim;
    if (!(status = compare_value(v, f, group, "FID", d.distance, 1e-6 * scale, e)))
        status = compare_value(v, f, group, "FID_exact_f64", d.distance,
                               (singular ? 5e-8 : 1e-9) * scale, e);
    return status;
}

/* Replaces positions in a permutation by the rows they stand for. */
static int rows_of_positions(int *index, int count, const int *order, int n, struct error *e)
{
    for (int i = 0; i < count && order; i++) {
        if (index[i] < 0 || index[i] >= n)
            return error_set(e, ERR_INPUT, "position %d of %d rows", index[i], n);
        index[i] = order[index[i]];
    }
    return 0;
}

/* Diversity of the stored pairs, positions in `order` (n) or, if that is NULL,
 * rows of x (n, dim). */
static int check_diversity(struct verify *v, struct h5 *f, const char *group, const char *first,
                           const char *second, const char *member, const float *x, int n, int dim,
                           const int *order, struct error *e)
{
    char name[NAME_SIZE];
    if (!h5_has(f, join(name, group, first)))
        return 0;
    int *a = NULL, *b = NULL, na = 0, nb = 0, status;
    double value = 0;
    if ((status = read_indices(f, group, first, &a, &na, e)) ||
        (status = read_indices(f, group, second, &b, &nb, e)))
        ;
    else if (na != nb)
        status = error_set(e, ERR_INPUT, "%s: %s and %s differ in length", h5_path(f), first, second);
    else if (!(status = rows_of_positions(a, na, order, n, e)) &&
             !(status = rows_of_positions(b, nb, order, n, e)) &&
             !(status = diversity(x, n, dim, a, b, na, &value, e)))
        status = compare_both(v, f, group, member, value, e);
    free(a);
    free(b);
    return status;
}

/* The text-to-motion protocol: pools in the given order. */
static int check_t2m(struct verify *v, struct h5 *f, const char *group, const struct embeddings *m,
                     struct error *e)
{
    struct pools pools = {0};
    struct precision gen, gt;
    int status, rows;
    if ((status = pools_in_order(m->n, POOL_SIZE, &pools, e)) ||
        (status = r_precision(m->text, m->gen, m->n, m->dim, &pools, NULL, &gen, e)) ||
        (status = r_precision(m->text, m->gt, m->n, m->dim, &pools, NULL, &gt, e))) {
        pools_free(&pools);
        return status;
    }
    rows = pools.count * pools.size;
    pools_free(&pools);
    if ((status = compare_tops(v, f, group, "R_precision_gen", &gen, e)) ||
        (status = compare_tops(v, f, group, "R_precision_gt", &gt, e)) ||
        (status = compare_both(v, f, group, "MM_dist_gen", gen.mm_distance, e)) ||
        (status = compare_both(v, f, group, "MM_dist_gt", gt.mm_distance, e)) ||
        (status = check_frechet(v, f, group, m, rows, e)))
        return status;
    return check_diversity(v, f, group, "diversity_idx1", "diversity_idx2", "Diversity_gen", m->gen,
                           rows, m->dim, NULL, e);
}

/* The MotionLCM protocol: every item is shuffled by one permutation, then pools
 * are consecutive groups and Diversity's pairs are positions in it. */
static int check_motionlcm_order(struct verify *v, struct h5 *f, const char *group,
                                 const struct embeddings *m, const int *order, struct error *e)
{
    struct pools pools = {0};
    struct precision gen, gt;
    int status = pools_of_order(order, m->n, POOL_SIZE, &pools, e);
    if (!status && !(status = r_precision(m->text, m->gen, m->n, m->dim, &pools, NULL, &gen, e)))
        status = r_precision(m->text, m->gt, m->n, m->dim, &pools, NULL, &gt, e);
    pools_free(&pools);
    for (int k = 0; k < PRECISION_TOPS && !status; k++) {
        char member[60];
        snprintf(member, sizeof member, "R_precision_top_%d", k + 1);
        if ((status = compare_value(v, f, group, member, gen.top[k], 1e-6, e)))
            break;
        snprintf(member, sizeof member, "gt_R_precision_top_%d", k + 1);
        status = compare_value(v, f, group, member, gt.top[k], 1e-6, e);
    }
    if (status ||
        (status = compare(v, f, group, "R_precision_gen_f64", gen.top, PRECISION_TOPS, exact, e)) ||
        (status = compare(v, f, group, "R_precision_gt_f64", gt.top, PRECISION_TOPS, exact, e)) ||
        (status = compare_both(v, f, group, "Matching_score", gen.mm_distance, e)) ||
        (status = compare_both(v, f, group, "gt_Matching_score", gt.mm_distance, e)) ||
        (status = check_frechet(v, f, group, m, m->n, e)) ||
        (status = check_diversity(v, f, group, "diversity_gen_idx1", "diversity_gen_idx2",
                                  "Diversity", m->gen, m->n, m->dim, order, e)))
        return status;
    return check_diversity(v, f, group, "diversity_gt_idx1", "diversity_gt_idx2", "gt_Diversity",
                           m->gt, m->n, m->dim, order, e);
}

static int check_motionlcm(struct verify *v, struct h5 *f, const char *group,
                           const struct embeddings *m, struct error *e)
{
    int *order = NULL, n = 0, status = read_indices(f, group, "shuffle_idx", &order, &n, e);
    if (!status && n != m->n)
        status = error_set(e, ERR_INPUT, "%s: %s/shuffle_idx has %d entries for %d rows", h5_path(f),
                           group, n, m->n);
    if (!status)
        status = check_motionlcm_order(v, f, group, m, order, e);
    free(order);
    return status;
}

static int check_moments(struct verify *v, struct h5 *f, const char *group, const char *which,
                         const float *x, int n, int dim, struct error *e)
{
    char mean[40], covariance[40];
    struct gaussian g;
    snprintf(mean, sizeof mean, "mu_%s", which);
    snprintf(covariance, sizeof covariance, "cov_%s", which);
    int status = gaussian_fit(x, n, dim, &g, e);
    if (status)
        return status;
    size_t d = (size_t)dim;
    if (!(status = compare(v, f, group, mean, g.mean, d, tight, e)))
        status = compare(v, f, group, covariance, g.covariance, d * d, tight, e);
    gaussian_free(&g);
    return status;
}

static int check_embeddings(struct verify *v, struct h5 *f, const char *group, struct error *e)
{
    struct embeddings m = {0};
    char t2m[NAME_SIZE], motionlcm[NAME_SIZE], all[NAME_SIZE];
    int text[8], gen[8], gt[8], status;
    if ((status = read_array(f, group, "text", 2, text, &m.text, e)) ||
        (status = read_array(f, group, "gen", 2, gen, &m.gen, e)) ||
        (status = read_array(f, group, "gt", 2, gt, &m.gt, e)))
        goto done;
    if (text[0] != gen[0] || gt[0] != gen[0] || text[1] != gen[1] || gt[1] != gen[1]) {
        status = error_set(e, ERR_INPUT, "%s: %s: text, gen and gt differ in shape", h5_path(f), group);
        goto done;
    }
    m.n = gen[0];
    m.dim = gen[1];
    join(t2m, group, "t2m");
    join(motionlcm, group, "motionlcm");
    join(all, group, "all");
    if ((h5_has(f, t2m) && (status = check_t2m(v, f, t2m, &m, e))) ||
        (h5_has(f, motionlcm) && (status = check_motionlcm(v, f, motionlcm, &m, e))) ||
        !h5_has(f, all))
        goto done;
    if (!(status = check_frechet(v, f, all, &m, m.n, e)) &&
        !(status = check_moments(v, f, all, "gen", m.gen, m.n, m.dim, e)))
        status = check_moments(v, f, all, "gt", m.gt, m.n, m.dim, e);
done:
    free(m.text);
    free(m.gen);
    free(m.gt);
    return status;
}

static int check_multimodality(struct verify *v, struct h5 *f, const char *group, struct error *e)
{
    float *x = NULL;
    int dims[8], *a = NULL, *b = NULL, na = 0, nb = 0, status;
    double value;
    if ((status = read_array(f, group, "activation", 3, dims, &x, e)) ||
        (status = read_indices(f, group, "idx1", &a, &na, e)) ||
        (status = read_indices(f, group, "idx2", &b, &nb, e)))
        ;
    else if (na != nb)
        status = error_set(e, ERR_INPUT, "%s: %s: idx1 and idx2 differ in length", h5_path(f), group);
    else if (!(status = multimodality(x, dims[0], dims[1], dims[2], a, b, na, &value, e)))
        status = compare_both(v, f, group, "MultiModality", value, e);
    free(x);
    free(a);
    free(b);
    return status;
}

static int check_replication(struct verify *v, struct h5 *f, const char *group, struct error *e)
{
    char name[NAME_SIZE];
    int rank, dims[8];
    size_t count;
    double *values;
    int status = h5_shape(f, join(name, group, "values"), &rank, dims, e);
    if (status || (status = h5_read_double(f, name, &values, &count, e)))
        return status;
    int runs = dims[0], metrics = rank == 2 ? dims[1] : 1;
    double *one = calloc((size_t)runs, sizeof *one);
    double *mean = calloc((size_t)metrics, sizeof *mean), *ci95 = calloc((size_t)metrics, sizeof *ci95);
    if (!one || !mean || !ci95)
        status = error_memory(e, "replications");
    for (int k = 0; k < metrics && !status; k++) {
        struct interval interval;
        for (int i = 0; i < runs; i++)
            one[i] = values[i * metrics + k];
        status = interval_mean(one, runs, &interval, e);
        mean[k] = interval.mean;
        ci95[k] = interval.ci95;
    }
    if (!status && !(status = compare(v, f, group, "mean", mean, (size_t)metrics, tight, e)))
        status = compare(v, f, group, "conf_interval", ci95, (size_t)metrics, tight, e);
    free(values);
    free(one);
    free(mean);
    free(ci95);
    return status;
}

static int verify_metrics_embeddings(struct verify *v, struct h5 *f, struct error *e)
{
    char **groups, name[NAME_SIZE];
    int count, status = h5_names(f, "/", &groups, &count, e);
    if (status)
        return status;
    for (int i = 0; i < count && !status; i++) {
        if (!h5_is_group(f, groups[i]))
            continue;
        if (h5_has(f, join(name, groups[i], "gen")))
            status = check_embeddings(v, f, groups[i], e);
        else if (h5_has(f, join(name, groups[i], "activation")))
            status = check_multimodality(v, f, groups[i], e);
        else if (h5_has(f, join(name, groups[i], "values")))
            status = check_replication(v, f, groups[i], e);
        else
            status = error_set(e, ERR_INPUT, "%s: group %s is no case of embeddings, repeats or replications",
                               h5_path(f), groups[i]);
    }
    h5_names_free(groups, count);
    return status;
}

/* Inputs of a control case: joints and hints of B motions padded to T frames. */
struct control_case {
    int motions, frames, njoints;
    float *joints, *reference, *hint;    /* (B, T, J, 3) */
    unsigned char *mask;                 /* (B, T, J) */
    int *length;                         /* (B) */
    struct control_errors *errors;       /* (B) */
    double *distance;                    /* (B, T, J) */
};

static void control_free(struct control_case *c)
{
    free(c->joints);
    free(c->reference);
    free(c->hint);
    free(c->mask);
    free(c->length);
    free(c->errors);
    free(c->distance);
}

/* Runs control_errors on each motion. mask_values: (B, T, J, per), any non-zero
 * of `per` values marks the joint. */
static int control_run(struct control_case *c, const float *mask_values, int per, struct error *e)
{
    size_t cells = (size_t)c->motions * (size_t)c->frames * (size_t)c->njoints;
    c->mask = calloc(cells, 1);
    c->errors = calloc((size_t)c->motions, sizeof *c->errors);
    c->distance = calloc(cells, sizeof *c->distance);
    if (!c->mask || !c->errors || !c->distance)
        return error_memory(e, "a control case");
    for (size_t i = 0; i < cells * (size_t)per; i++)
        c->mask[i / (size_t)per] |= mask_values[i] != 0;
    int status = 0;
    for (int b = 0; b < c->motions && !status; b++) {
        long from = (long)b * c->frames * c->njoints;
        status = control_errors(c->joints + 3 * from, c->hint + 3 * from, c->mask + from, c->frames,
                                c->njoints, &c->errors[b], c->distance + from, e);
    }
    return status;
}

/* The five columns of a row: Traj. err. at both thresholds, Loc. err., Avg. err. */
static void columns(const struct control_errors *c, double out[5])
{
    out[0] = c->trajectory[0];
    out[1] = c->trajectory[1];
    out[2] = c->location[0];
    out[3] = c->location[1];
    out[4] = c->average;
}

/* Rows of all motions; `strict` 0: a motion fails if its mean error exceeds the threshold. */
static int compare_rows(struct verify *v, struct h5 *f, const char *group, const char *member,
                        const struct control_case *c, int strict, struct error *e)
{
    double *rows = calloc(5 * (size_t)c->motions, sizeof *rows);
    if (!rows)
        return error_memory(e, "control errors");
    for (int b = 0; b < c->motions; b++) {
        columns(&c->errors[b], rows + 5 * b);
        for (int t = 0; t < CONTROL_THRESHOLDS && !strict; t++)
            rows[5 * b + t] = c->errors[b].average > control_thresholds[t];
    }
    int status = compare(v, f, group, member, rows, 5 * (size_t)c->motions, 1e-6, e);
    free(rows);
    return status;
}

/* Skating ratio of each motion; length NULL: of all rows, padding included. */
static int skating_each(const struct control_case *c, const int *length,
                        const struct skating_rule *rule, double *each, double *mean, struct error *e)
{
    int status = 0;
    *mean = 0;
    for (int b = 0; b < c->motions && !status; b++) {
        int frames = length ? length[b] : c->frames;
        if (frames < 1 || frames > c->frames)
            return error_set(e, ERR_INPUT, "a motion of %d frames in %d rows", frames, c->frames);
        status = skating_ratio(c->joints + 3L * b * c->frames * c->njoints, frames, c->njoints, rule,
                               &each[b], NULL, e);
        *mean += each[b] / c->motions;
    }
    return status;
}

/* skate_vel_seqN: contact × averaged speed of motion N. */
static int compare_speed(struct verify *v, struct h5 *f, const struct control_case *c, int b,
                         struct error *e)
{
    char name[NAME_SIZE], member[40];
    snprintf(member, sizeof member, "skate_vel_seq%d", b);
    if (!h5_has(f, join(name, "motionlcm", member)))
        return 0;
    struct skating_rule rule = skating_rule_humanml3d();
    size_t count = 2 * (size_t)(c->length[b] - 1);
    double ratio, *speed = calloc(count, sizeof *speed);
    if (!speed)
        return error_memory(e, "the feet's speed");
    int status = skating_ratio(c->joints + 3L * b * c->frames * c->njoints, c->length[b], c->njoints,
                               &rule, &ratio, speed, e);
    if (!status)
        status = compare(v, f, "motionlcm", member, speed, count, 2e-5, e);
    free(speed);
    return status;
}

static int check_control_motionlcm(struct verify *v, struct h5 *f, const struct control_case *c,
                                   const struct control_errors *mean, double *ratios,
                                   struct error *e)
{
    const char *group = "motionlcm";
    struct skating_rule rule = skating_rule_humanml3d();
    size_t cells = (size_t)c->motions * (size_t)c->frames * (size_t)c->njoints;
    double skating;
    int status;
    if ((status = skating_each(c, c->length, &rule, ratios, &skating, e)) ||
        (status = compare_value(v, f, group, "Skating_Ratio", skating, 1e-6, e)) ||
        (status = compare(v, f, group, "per_sequence_skating_ratio", ratios, (size_t)c->motions, 1e-6, e)) ||
        (status = compare_value(v, f, group, "Control_L2_dist", mean->average, 1e-6, e)) ||
        (status = compare_value(v, f, group, "traj_fail_20cm", mean->trajectory[0], 1e-6, e)) ||
        (status = compare_value(v, f, group, "traj_fail_50cm", mean->trajectory[1], 1e-6, e)) ||
        (status = compare_value(v, f, group, "kps_fail_20cm", mean->location[0], 1e-6, e)) ||
        (status = compare_value(v, f, group, "kps_fail_50cm", mean->location[1], 1e-6, e)) ||
        (status = compare_value(v, f, group, "kps_mean_err_m", mean->average, 1e-6, e)) ||
        (status = compare_rows(v, f, group, "per_sequence_traj_err", c, 1, e)) ||
        (status = compare_rows(v, f, group, "per_sequence_traj_err_non_strict", c, 0, e)) ||
        (status = compare(v, f, group, "control_l2", c->distance, cells, 1e-6, e)))
        return status;
    for (int b = 0; b < c->motions && !status; b++)
        status = compare_speed(v, f, c, b, e);
    return status;
}

static int check_control_omnicontrol(struct verify *v, struct h5 *f, const struct control_case *c,
                                     const struct control_errors *mean, double *ratios,
                                     struct error *e)
{
    struct skating_rule rule = skating_rule_humanml3d();
    double skating, five[5];
    int status = skating_each(c, NULL, &rule, ratios, &skating, e);
    columns(mean, five);
    if (status || (status = compare_value(v, f, "omnicontrol", "Skating_Ratio", skating, 1e-6, e)) ||
        (status = compare_value(v, f, "omnicontrol", "Control_L2_dist", mean->average, 1e-6, e)))
        return status;
    return compare(v, f, "omnicontrol", "trajectory_errors", five, 5, 1e-6, e);
}

static int check_kit_skating(struct verify *v, struct h5 *f, struct error *e)
{
    struct control_case kit = {0};
    int dims[8], status = read_array(f, "kit", "joints", 4, dims, &kit.joints, e);
    if (status)
        return status;
    kit.motions = dims[0];
    kit.frames = dims[1];
    kit.njoints = dims[2];
    struct skating_rule rule = skating_rule_kit();
    rule.scale = 1;    /* these are metres already */
    double mean, *ratios = calloc((size_t)kit.motions, sizeof *ratios);
    if (!ratios)
        status = error_memory(e, "skating ratios");
    else if (!(status = skating_each(&kit, NULL, &rule, ratios, &mean, e)))
        status = compare(v, f, "kit", "skating_ratio", ratios, (size_t)kit.motions, 1e-6, e);
    free(ratios);
    control_free(&kit);
    return status;
}

/* recon/ and mld_mr/: joints against in/joints_reference without padding. */
static int check_reconstruction(struct verify *v, struct h5 *f, const struct control_case *c,
                                struct error *e)
{
    struct reconstruction r = {0};
    float *reference = NULL, *result = NULL;
    int dims[8] = {0}, other[8] = {0}, status = 0;
    if (h5_has(f, "recon/feats_ref") &&
        ((status = read_array(f, "recon", "feats_ref", 3, dims, &reference, e)) ||
         (status = read_array(f, "recon", "feats_rst", 3, other, &result, e))))
        goto done;
    if (reference && (dims[0] != c->motions || dims[1] != c->frames || other[0] != dims[0] ||
                      other[1] != dims[1] || other[2] != dims[2])) {
        status = error_set(e, ERR_INPUT, "%s: recon: features and joints differ in shape", h5_path(f));
        goto done;
    }
    for (int b = 0; b < c->motions && !status; b++) {
        long from = 3L * b * c->frames * c->njoints, at = (long)b * dims[1] * dims[2];
        status = reconstruction_add_joints(&r, c->joints + from, c->reference + from, c->length[b],
                                           c->njoints, e);
        if (!status && reference)
            status = reconstruction_add_features(&r, result + at, reference + at, c->length[b],
                                                 dims[2], e);
    }
    if (status)
        goto done;
    struct reconstruction_errors m = reconstruction_result(&r);
    if ((status = compare_value(v, f, "recon", "MPJPE", m.mpjpe, 1e-6, e)) ||
        (status = compare_value(v, f, "recon", "MPJPE_unaligned", m.mpjpe_unaligned, 1e-6, e)) ||
        (status = compare_value(v, f, "recon", "FeaError", m.fea_error, loose, e)) ||
        (status = compare_value(v, f, "mld_mr", "MPJPE_mm", 1000 * m.mpjpe, 1e-3, e)) ||
        (status = compare_value(v, f, "mld_mr", "PAMPJPE_mm", 1000 * m.pa_mpjpe, 1e-3, e)))
        goto done;
    status = compare_value(v, f, "mld_mr", "ACCEL_mm", 1000 * m.accel, 1e-3, e);
done:
    free(reference);
    free(result);
    return status;
}

static int verify_control_metrics(struct verify *v, struct h5 *f, struct error *e)
{
    struct control_case c = {0};
    struct control_errors mean;
    float *mask = NULL;
    double *ratios = NULL;
    int dims[8], other[8], count, status;
    if ((status = read_array(f, "in", "joints", 4, dims, &c.joints, e)) ||
        (status = read_array(f, "in", "hint_3d", 4, other, &c.hint, e)) ||
        (status = read_array(f, "in", "hint_mask", 4, other, &mask, e)) ||
        (status = read_array(f, "in", "joints_reference", 4, other, &c.reference, e)) ||
        (status = read_indices(f, "in", "lengths", &c.length, &count, e)))
        goto done;
    c.motions = dims[0];
    c.frames = dims[1];
    c.njoints = dims[2];
    if (memcmp(dims, other, 4 * sizeof *dims) || dims[3] != 3 || count != c.motions) {
        status = error_set(e, ERR_INPUT, "%s: the inputs differ in shape", h5_path(f));
        goto done;
    }
    for (int b = 0; b < count && !status; b++)
        if (c.length[b] < 2 || c.length[b] > c.frames)
            status = error_set(e, ERR_INPUT, "%s: in/lengths: %d of %d rows", h5_path(f),
                               c.length[b], c.frames);
    ratios = calloc((size_t)c.motions, sizeof *ratios);
    if (!status && !ratios)
        status = error_memory(e, "skating ratios");
    if (!status && !(status = control_run(&c, mask, 3, e)) &&
        !(status = control_errors_mean(c.errors, c.motions, &mean, e)) &&
        !(status = check_control_motionlcm(v, f, &c, &mean, ratios, e)) &&
        !(status = check_control_omnicontrol(v, f, &c, &mean, ratios, e)) &&
        !(status = check_reconstruction(v, f, &c, e)) && h5_has(f, "kit/joints"))
        status = check_kit_skating(v, f, e);
done:
    free(mask);
    free(ratios);
    control_free(&c);
    return status;
}

/* OmniControl's evaluation on motions without padding. */
static int verify_omnicontrol_metrics(struct verify *v, struct h5 *f, struct error *e)
{
    struct control_case c = {0};
    float *mask = NULL;
    double *ratios = NULL, *average = NULL, mean;
    int dims[8], hint[8], masked[8], status;
    if ((status = read_array(f, "", "joints", 4, dims, &c.joints, e)) ||
        (status = read_array(f, "", "hint", 4, hint, &c.hint, e)) ||
        (status = read_array(f, "", "mask", 3, masked, &mask, e)))
        goto done;
    c.motions = dims[0];
    c.frames = dims[1];
    c.njoints = dims[2];
    if (memcmp(dims, hint, 4 * sizeof *dims) || memcmp(dims, masked, 3 * sizeof *dims) || dims[3] != 3) {
        status = error_set(e, ERR_INPUT, "%s: the inputs differ in shape", h5_path(f));
        goto done;
    }
    struct skating_rule rule = skating_rule_humanml3d();
    ratios = calloc((size_t)c.motions, sizeof *ratios);
    average = calloc((size_t)c.motions, sizeof *average);
    if (!ratios || !average) {
        status = error_memory(e, "a control case");
        goto done;
    }
    if ((status = control_run(&c, mask, 1, e)) ||
        (status = skating_each(&c, NULL, &rule, ratios, &mean, e)))
        goto done;
    for (int b = 0; b < c.motions; b++)
        average[b] = c.errors[b].average;
    if (!(status = compare_rows(v, f, "", "trajectory_error", &c, 1, e)) &&
        !(status = compare(v, f, "", "control_l2_mean", average, (size_t)c.motions, 1e-6, e)))
        status = compare(v, f, "", "skating_ratio", ratios, (size_t)c.motions, 1e-6, e);
done:
    free(mask);
    free(ratios);
    free(average);
    control_free(&c);
    return status;
}

const struct verify_kind verify_kinds_metrics[] = {
    {"metrics_embeddings", verify_metrics_embeddings},
    {"control_metrics", verify_control_metrics},
    {"omnicontrol_metrics", verify_omnicontrol_metrics},
    {NULL, NULL},
};
