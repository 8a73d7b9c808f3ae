/* Conformance of a whole evaluation: renormalise, embed, measure. */
#include "verify_evaluator.h"

#include "../metrics/diversity.h"
#include "../metrics/frechet.h"
#include "../metrics/precision.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything in dataset-normalised space, as generators give it. */
struct evaluation {
    struct evaluator ev;
    struct pair_batch gen, ref;
    float *mean, *std, *mean_eval, *std_eval, *padding;
    float *text, *emb_gen, *emb_ref;             /* (n, embedding) in the order of the input */
    int *order;                                  /* source row of each row in the order of the protocol */
    float *rows[3];                              /* text, gen, ref in that order */
};

static void evaluation_free(struct evaluation *c)
{
    pair_batch_free(&c->gen);
    pair_batch_free(&c->ref);
    free(c->mean);
    free(c->std);
    free(c->mean_eval);
    free(c->std_eval);
    free(c->padding);
    free(c->text);
    free(c->order);
    for (int i = 0; i < 3; i++) free(c->rows[i]);
    evaluator_free(&c->ev);
}

static int read_row(struct h5 *f, const char *name, int width, float **row, struct error *e)
{
    int dims[8];
    int rc = array_read(f, name, 1, dims, row, e);
    return rc || dims[0] == width ? rc : error_set(e, ERR_INPUT, "%s: %s has %d values instead of %d", h5_path(f), name, dims[0], width);
}

/* Reads the case and moves both sets of motions to evaluator space. */
static int evaluation_read(struct h5 *f, struct device *d, struct evaluation *c, struct error *e)
{
    int rc = group_evaluator(&c->ev, d, f, "weights", e), nf = c->ev.size.nfeats;
    if (rc) return rc;
    if ((rc = pair_batch_read(f, &c->ev, "in/gen_normalised", "in/lengths", &c->gen, e)) ||
        (rc = pair_batch_read(f, &c->ev, "in/ref_normalised", "in/lengths", &c->ref, e)) ||
        (rc = read_row(f, "in/mean", nf, &c->mean, e)) || (rc = read_row(f, "in/std", nf, &c->std, e)) ||
        (rc = read_row(f, "in/mean_eval", nf, &c->mean_eval, e)) || (rc = read_row(f, "in/std_eval", nf, &c->std_eval, e)))
        return rc;
    if (c->ref.n != c->gen.n || c->ref.frames != c->gen.frames)
        return error_set(e, ERR_INPUT, "%s: in/gen_normalised and in/ref_normalised differ in shape; write the case anew", h5_path(f));
    size_t n = (size_t)c->gen.n, dim = (size_t)c->ev.size.embedding;
    c->padding = calloc((size_t)nf, sizeof *c->padding);
    c->text = malloc(3 * n * dim * sizeof *c->text);
    for (int i = 0; i < 3; i++) c->rows[i] = malloc(n * dim * sizeof *c->rows[i]);
    if (!c->padding || !c->text || !c->rows[0] || !c->rows[1] || !c->rows[2])
        return error_memory(e, "an evaluation");
    c->emb_gen = c->text + n * dim;
    c->emb_ref = c->emb_gen + n * dim;
    struct pair_batch *sides[2] = {&c->gen, &c->ref};
    for (int i = 0; i < 2; i++)
        evaluator_renormalise(sides[i]->motions, sides[i]->motions, n * (size_t)sides[i]->frames, nf, c->mean, c->std,
                              c->mean_eval, c->std_eval);
    evaluator_renormalise(c->padding, c->padding, 1, nf, c->mean, c->std, c->mean_eval, c->std_eval);
    return evaluator_embed_text(&c->ev, c->gen.words, c->gen.speech, c->gen.n, c->gen.tokens, c->gen.cap_lens, c->text, e);
}

/* Embeds both sets by a padding rule and orders the rows: within batches of `batch`, longest first. */
static int embed(struct verify *v, struct h5 *f, struct evaluation *c, const struct evaluator_padding *rule, int batch,
                 int used, const char *group, struct error *e)
{
    char name[NAME_SIZE];
    int n = c->gen.n, dim = c->ev.size.embedding;
    int rc = evaluator_embed_motion(&c->ev, c->gen.motions, n, c->gen.frames, c->gen.m_lens, rule, c->emb_gen, e);
    if (!rc) rc = evaluator_embed_motion(&c->ev, c->ref.motions, n, c->ref.frames, c->ref.m_lens, rule, c->emb_ref, e);
    free(c->order);
    c->order = NULL;
    if (!rc) rc = array_order(v, f, array_name(name, group, "row_source_index"), c->gen.m_lens, n, batch, used, &c->order, e);
    const float *from[3] = {c->text, c->emb_gen, c->emb_ref};
    static const char *const names[3] = {"emb_text", "emb_gen", "emb_gt"};
    for (int i = 0; i < 3 && !rc; i++) {
        rows_permuted(c->rows[i], from[i], c->order, used, dim);
        rc = array_compare(v, f, array_name(name, group, names[i]), c->rows[i], (size_t)used * (size_t)dim, EMBEDDING_TOLERANCE, e);
    }
    return rc;
}

/* Diversity of the stored positions in a permutation of x's rows. */
static int check_diversity(struct verify *v, struct h5 *f, const float *x, int n, int dim, const int *shuffle,
                           const char *which, const char *member, struct error *e)
{
    char name[NAME_SIZE], first[60], second[60];
    int rank, dims[8], *a = NULL, *b = NULL;
    double value = 0;
    snprintf(first, sizeof first, "motionlcm/diversity_%s_idx1", which);
    snprintf(second, sizeof second, "motionlcm/diversity_%s_idx2", which);
    int rc = h5_shape(f, first, &rank, dims, e);
    if (!rc) rc = array_ints(f, first, dims[0], &a, e);
    if (!rc) rc = array_ints(f, second, dims[0], &b, e);
    for (int i = 0; i < dims[0] && !rc; i++) {
        if (a[i] < 0 || a[i] >= n || b[i] < 0 || b[i] >= n) rc = error_set(e, ERR_INPUT, "%s: %s: an index out of range", h5_path(f), first);
        else {
            a[i] = shuffle[a[i]];
            b[i] = shuffle[b[i]];
        }
    }
    if (!rc) rc = diversity(x, n, dim, a, b, dims[0], &value, e);
    if (!rc) rc = array_compare_double(v, f, array_name(name, "motionlcm", member), &value, 1, 2 * SINGLE_TOLERANCE, e);
    free(a);
    free(b);
    return rc;
}

static int check_frechet(struct verify *v, struct h5 *f, const struct evaluation *c, int n, const char *group,
                         struct error *e)
{
    struct frechet d;
    char name[NAME_SIZE];
    int rc = frechet_distance(c->rows[2], n, c->rows[1], n, c->ev.size.embedding, &d, e);
    return rc ? rc : array_compare_double(v, f, array_name(name, group, "FID"), &d.distance, 1, SINGLE_TOLERANCE, e);
}

/* R-Precision of both sets with given pools. */
static int measure(const struct evaluation *c, int n, const struct pools *pools, struct precision *gen,
                   struct precision *ref, struct error *e)
{
    int rc = r_precision(c->rows[0], c->rows[1], n, c->ev.size.embedding, pools, NULL, gen, e);
    return rc ? rc : r_precision(c->rows[0], c->rows[2], n, c->ev.size.embedding, pools, NULL, ref, e);
}

/* MotionLCM: batches of 32 padded to their longest with renormalised zeros, pools of a permutation of everything. */
static int check_motionlcm(struct verify *v, struct h5 *f, struct evaluation *c, int batch, struct error *e)
{
    int n = c->gen.n, *shuffle = NULL;
    char name[NAME_SIZE];
    struct pools pools = {0};
    struct precision gen, ref;
    const struct evaluator_padding rule = {EVALUATOR_PADDING_BATCH, batch, 0, c->padding};
    int rc = embed(v, f, c, &rule, batch, n, "motionlcm", e);
    if (!rc) rc = array_ints(f, "motionlcm/shuffle_idx", n, &shuffle, e);
    if (!rc) rc = pools_of_order(shuffle, n, POOL_SIZE, &pools, e);
    if (!rc) rc = measure(c, n, &pools, &gen, &ref, e);
    for (int k = 0; k < PRECISION_TOPS && !rc; k++) {
        snprintf(name, sizeof name, "motionlcm/R_precision_top_%d", k + 1);
        rc = array_compare_double(v, f, name, &gen.top[k], 1, 1e-6, e);
        snprintf(name, sizeof name, "motionlcm/gt_R_precision_top_%d", k + 1);
        if (!rc) rc = array_compare_double(v, f, name, &ref.top[k], 1, 1e-6, e);
    }
    if (!rc && !(rc = array_compare_value(v, f, "motionlcm", "Matching_score", gen.mm_distance, e)) &&
        !(rc = array_compare_value(v, f, "motionlcm", "gt_Matching_score", ref.mm_distance, e)) &&
        !(rc = check_frechet(v, f, c, n, "motionlcm", e)) &&
        !(rc = check_diversity(v, f, c->rows[1], n, c->ev.size.embedding, shuffle, "gen", "Diversity", e)))
        rc = check_diversity(v, f, c->rows[2], n, c->ev.size.embedding, shuffle, "gt", "gt_Diversity", e);
    pools_free(&pools);
    free(shuffle);
    return rc;
}

/* Text-to-motion: every clip padded with zeros in evaluator space, full batches are the pools. */
static int check_t2m(struct verify *v, struct h5 *f, struct evaluation *c, int batch, int longest, struct error *e)
{
    double wide;
    struct pools pools = {0};
    struct precision gen, ref;
    const struct evaluator_padding rule = {EVALUATOR_PADDING_FIXED, 0, longest, NULL};
    int used = c->gen.n / batch * batch, rc = array_attribute(f, "t2m", "n_used", &wide, e);
    if (!rc && (int)wide != used)
        rc = error_set(e, ERR_INPUT, "%s: t2m uses %g rows, full batches of %d hold %d", h5_path(f), wide, batch, used);
    if (!rc) rc = embed(v, f, c, &rule, batch, used, "t2m", e);
    if (!rc) rc = pools_in_order(used, POOL_SIZE, &pools, e);
    if (!rc) rc = measure(c, used, &pools, &gen, &ref, e);
    pools_free(&pools);
    if (!rc && !(rc = array_compare_double(v, f, "t2m/R_precision_gen", gen.top, PRECISION_TOPS, 1e-12, e)) &&
        !(rc = array_compare_double(v, f, "t2m/R_precision_gt", ref.top, PRECISION_TOPS, 1e-12, e)) &&
        !(rc = array_compare_value(v, f, "t2m", "MM_dist_gen", gen.mm_distance, e)) &&
        !(rc = array_compare_value(v, f, "t2m", "MM_dist_gt", ref.mm_distance, e)))
        rc = check_frechet(v, f, c, used, "t2m", e);
    return rc;
}

int verify_evaluation(struct verify *v, struct h5 *f, struct error *e)
{
    struct device d;
    struct evaluation c = {0};
    double batch, longest;
    int rc = device_open(&d, v->device, e);
    if (rc) return rc;
    rc = array_attribute(f, "/", "batch_size", &batch, e);
    if (!rc) rc = array_attribute(f, "/", "max_motion_length", &longest, e);
    if (!rc && (batch < 1 || batch > 1e6 || longest < 4 || longest > 1e6))
        rc = error_set(e, ERR_INPUT, "%s: batch_size or max_motion_length is out of range", h5_path(f));
    if (!rc) rc = evaluation_read(f, &d, &c, e);
    if (!rc && h5_has(f, "motionlcm")) rc = check_motionlcm(v, f, &c, (int)batch, e);
    if (!rc && h5_has(f, "t2m")) rc = check_t2m(v, f, &c, (int)batch, (int)longest, e);
    evaluation_free(&c);
    device_close(&d);
    return rc;
}
