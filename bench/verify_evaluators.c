/* Conformance of the learned evaluator's networks, and the registry of its kinds of case. */
#include "verify_evaluator.h"

#include "../engine/file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Weight i of the k-th tensor: the formula of generated weights. */
static float formula(size_t i, uint32_t k, uint32_t base, float scale, int around_one)
{
    uint32_t n = (uint32_t)i, c = k + base + 1;
    uint32_t u = (n + 1) * 2654435761u + (n / 7) * 40503u * c + 12345u * c;
    u = (u ^ (u >> 15)) * 2246822519u;
    u ^= u >> 13;
    double v = (double)u / 4294967296.0 - 0.5;
    return (float)(around_one ? 1 + 0.2 * v : 3 * v / sqrt((double)scale));
}

static int generate(struct verify *v, struct h5 *f, struct params *p, const char *network, struct error *e)
{
    char name[NAME_SIZE], path[NAME_SIZE];
    double base;
    snprintf(name, sizeof name, "base_%s", network);
    int rc = array_attribute(f, "/", name, &base, e);
    for (int k = 0; k < p->count && !rc; k++) {
        struct param *t = p->items[k];
        int hidden = !strcmp(t->name, "hidden");
        float fan = t->rank == 1 || hidden ? 16.0f : (float)(t->shape[1] * t->shape[2]);
        float *x = malloc((t->count + 8) * sizeof *x);
        if (!x) return error_memory(e, t->name);
        double check[9] = {0};
        for (size_t i = 0; i < t->count; i++) {
            x[i] = formula(i, (uint32_t)k, (uint32_t)base, fan, !strcmp(t->name, "output_net.1.weight"));
            check[8] += (double)x[i];
        }
        for (size_t i = 0; i < 4 && t->count >= 4; i++) {
            check[i] = (double)x[i];
            check[4 + i] = (double)x[t->count - 4 + i];
        }
        p->device->upload(p->device, t->x, x, t->count);
        free(x);
        snprintf(path, sizeof path, "weights_check/%.60s/%.100s", network, t->name);
        rc = array_compare_double(v, f, path, check, 9, 1e-9, e);
    }
    return rc;
}

static int create_generated(struct verify *v, struct h5 *f, struct device *d, struct evaluator *ev, struct error *e)
{
    int m[8], w[8], s[8], o[8], rank, rc;
    if ((rc = h5_shape(f, "in/motions", &rank, m, e)) || (rc = h5_shape(f, "in/word_embs", &rank, w, e)) ||
        (rc = h5_shape(f, "in/pos_onehot", &rank, s, e)) || (rc = h5_shape(f, "out/motion_embedding", &rank, o, e)))
        return rc;
    /* Of the published sizes, those that the case's arrays do not show. */
    const struct evaluator_size size = {m[2], 512, 512, 1024, 512, o[1], w[2], s[2]};
    rc = evaluator_create(ev, d, &size, e);
    if (rc) return rc;
    if ((rc = generate(v, f, &ev->movement, "movement_encoder", e)) ||
        (rc = generate(v, f, &ev->motion, "motion_encoder", e)) || (rc = generate(v, f, &ev->text, "text_encoder", e)))
        evaluator_free(ev);
    return rc;
}

/* Motion embeddings of an array whose padding stands in it, in align order if order is given. */
static int check_motion(struct verify *v, struct h5 *f, const struct evaluator *ev, const float *motions, int n, int frames,
                        const int *lengths, const int *order, const char *name, struct error *e)
{
    const struct evaluator_padding given = {.rule = EVALUATOR_PADDING_GIVEN};
    size_t count = (size_t)n * (size_t)ev->size.embedding;
    float *y = malloc(2 * count * sizeof *y);
    if (!y) return error_memory(e, name);
    int rc = evaluator_embed_motion(ev, motions, n, frames, lengths, &given, y, e);
    if (!rc && order) {
        rows_permuted(y + count, y, order, n, ev->size.embedding);
        memcpy(y, y + count, count * sizeof *y);
    }
    if (!rc) rc = array_compare_both(v, f, name, y, count, EMBEDDING_TOLERANCE, e);
    free(y);
    return rc;
}

static int check_text(struct verify *v, struct h5 *f, const struct evaluator *ev, const struct pair_batch *p, const int *order,
                      struct error *e)
{
    size_t count = (size_t)p->n * (size_t)ev->size.embedding;
    float *y = malloc(2 * count * sizeof *y);
    if (!y) return error_memory(e, "text embeddings");
    int rc = evaluator_embed_text(ev, p->words, p->speech, p->n, p->tokens, p->cap_lens, y, e);
    if (!rc) rows_permuted(y + count, y, order, p->n, ev->size.embedding);
    if (!rc) rc = array_compare_both(v, f, "out/text_embedding", y + count, count, EMBEDDING_TOLERANCE, e);
    free(y);
    return rc;
}

/* The states of both directions side by side: (batch·steps, 2h). */
static int check_sequence(struct verify *v, struct h5 *f, const struct tape *t, struct tensor *const s[2], const char *name,
                          struct error *e)
{
    if (!s[0] || !s[1]) return error_set(e, ERR_INTERNAL, "%s was not computed", name);
    size_t rows = (size_t)s[0]->rows, h = (size_t)s[0]->cols;
    float *y = malloc(2 * rows * h * sizeof *y);
    if (!y) return error_memory(e, name);
    for (size_t i = 0; i < rows; i++)
        for (size_t k = 0; k < 2; k++) t->device->download(t->device, y + (2 * i + k) * h, s[k]->x + i * h, h);
    int rc = array_compare(v, f, name, y, 2 * rows * h, EMBEDDING_TOLERANCE, e);
    free(y);
    return rc;
}

static int check_tensor(struct verify *v, struct h5 *f, const struct tape *t, const struct tensor *x, const char *name,
                        int batch, struct error *e)
{
    if (!x) return error_set(e, ERR_INTERNAL, "%s was not computed", name);
    size_t count = (size_t)x->rows * (size_t)x->cols;
    float *y = batch ? channels_first(t, x, batch) : malloc(count * sizeof *y);
    if (!y) return error_memory(e, name);
    if (!batch) t->device->download(t->device, y, x->x, count);
    int rc = array_compare(v, f, name, y, count, EMBEDDING_TOLERANCE, e);
    free(y);
    return rc;
}

static int check_stages(struct verify *v, struct h5 *f, const struct evaluator *ev, struct device *d, const struct pair_batch *p,
                        const int *order, struct error *e)
{
    struct tape t;
    struct evaluator_stages s = {0};
    int rc, *steps = malloc((size_t)p->n * sizeof *steps);
    size_t row = (size_t)(p->frames * ev->size.nfeats);
    float *sorted = malloc((size_t)p->n * row * sizeof *sorted);
    if (!steps || !sorted) {
        free(steps);
        free(sorted);
        return error_memory(e, "stages");
    }
    tape_init(&t, d);
    tape_start(&t, 0, 0, 0, 0);
    evaluator_movement(&t, ev, tape_constant(&t, p->motions, p->n * p->frames, ev->size.nfeats), p->n, NULL, &s);
    if (!(rc = tape_failed(&t, e)) && !(rc = check_tensor(v, f, &t, s.conv1, "stages/conv1", p->n, e)) &&
        !(rc = check_tensor(v, f, &t, s.conv2, "stages/conv2", p->n, e)))
        rc = check_tensor(v, f, &t, s.movement, "stages/movement", 0, e);
    if (!rc) {
        for (int i = 0; i < p->n; i++) {
            steps[i] = p->m_lens[order[i]] / EVALUATOR_UNIT;
            memcpy(sorted + (size_t)i * row, p->motions + (size_t)order[i] * row, row * sizeof *sorted);
        }
        struct tensor *m = evaluator_movement(&t, ev, tape_constant(&t, sorted, p->n * p->frames, ev->size.nfeats), p->n, NULL, NULL);
        evaluator_motion(&t, ev, m, steps, p->n, &s);
        if (!(rc = tape_failed(&t, e)) && !(rc = check_tensor(v, f, &t, s.input, "stages/motion_input_emb_sorted", 0, e)) &&
            !(rc = check_tensor(v, f, &t, s.last[0], "stages/motion_gru_last_fwd_sorted", 0, e)) &&
            !(rc = check_tensor(v, f, &t, s.last[1], "stages/motion_gru_last_bwd_sorted", 0, e)))
            rc = check_sequence(v, f, &t, s.sequence, "stages/motion_gru_seq_sorted", e);
    }
    if (!rc) {
        evaluator_text(&t, ev, tape_constant(&t, p->words, p->n * p->tokens, ev->size.word_width),
                       tape_constant(&t, p->speech, p->n * p->tokens, ev->size.parts_of_speech), p->cap_lens, p->n, &s);
        if (!(rc = tape_failed(&t, e)) && !(rc = check_tensor(v, f, &t, s.input, "stages/text_input_emb", 0, e)) &&
            !(rc = check_tensor(v, f, &t, s.last[0], "stages/text_gru_last_fwd", 0, e)))
            rc = check_tensor(v, f, &t, s.last[1], "stages/text_gru_last_bwd", 0, e);
    }
    tape_free(&t);
    free(steps);
    free(sorted);
    return rc;
}

/* The effect of what follows a clip: rows of the generator's own, cut batches. */
static int check_padding(struct verify *v, struct h5 *f, const struct evaluator *ev, const struct pair_batch *p, const int *order,
                         struct error *e)
{
    float *garbage = NULL, *motions = NULL, *y = NULL;
    int32_t *subset = NULL;
    int dims[8], rc, *lengths = NULL;
    size_t count, row = (size_t)(p->frames * ev->size.nfeats), dim = (size_t)ev->size.embedding;
    if (!(rc = array_read(f, "padding/motions_garbage_tail", 3, dims, &garbage, e))) {
        if (dims[0] != p->n || dims[1] != p->frames || dims[2] != ev->size.nfeats)
            rc = error_set(e, ERR_INPUT, "%s: padding/motions_garbage_tail has another shape than in/motions", h5_path(f));
        else
            rc = check_motion(v, f, ev, garbage, p->n, p->frames, p->m_lens, order, "padding/motion_embedding_garbage_tail", e);
    }
    if (!rc) rc = h5_read_int(f, "padding/subset_indices", &subset, &count, e);
    int n = rc ? 0 : (int)count, *align = NULL;
    if (!rc) {
        motions = malloc(((size_t)n * row + 1) * sizeof *motions);
        y = malloc((2 * (size_t)n * dim + 1) * sizeof *y);
        lengths = malloc((2 * (size_t)n + 1) * sizeof *lengths);
        if (!motions || !y || !lengths) rc = error_memory(e, "padding");
        else align = lengths + n;
    }
    for (int i = 0; i < n && !rc; i++) {
        if (subset[i] < 0 || subset[i] >= p->n) rc = error_set(e, ERR_INPUT, "%s: subset_indices out of range", h5_path(f));
        else {
            memcpy(motions + (size_t)i * row, p->motions + (size_t)subset[i] * row, row * sizeof *motions);
            lengths[i] = p->m_lens[subset[i]];
        }
    }
    const struct evaluator_padding rules[2] = {{.rule = EVALUATOR_PADDING_FIXED, .frames = p->frames},
                                               {.rule = EVALUATOR_PADDING_BATCH, .batch = n}};
    static const char *const names[2] = {"padding/motion_embedding_subset_full_padding",
                                         "padding/motion_embedding_subset_truncated_to_batch_max"};
    for (int i = 0; i < 2 && !rc; i++) {
        rc = evaluator_embed_motion(ev, motions, n, p->frames, lengths, &rules[i], y, e);
        evaluator_order(lengths, n, align);
        if (!rc) rows_permuted(y + (size_t)n * dim, y, align, n, (int)dim);
        if (!rc) rc = array_compare(v, f, names[i], y + (size_t)n * dim, (size_t)n * dim, EMBEDDING_TOLERANCE, e);
    }
    free(garbage);
    free(subset);
    free(motions);
    free(y);
    free(lengths);
    return rc;
}

static int check_evaluator(struct verify *v, struct h5 *f, const struct evaluator *ev, struct device *d, int all,
                           struct error *e)
{
    struct pair_batch p;
    int *order = NULL;
    int rc = pair_batch_read(f, ev, "in/motions", "in/m_lens", &p, e);
    if (rc) return rc;
    rc = array_order(v, f, "out/align_idx", p.m_lens, p.n, p.n, p.n, &order, e);
    if (!rc) rc = check_motion(v, f, ev, p.motions, p.n, p.frames, p.m_lens, order, "out/motion_embedding", e);
    if (!rc) rc = check_text(v, f, ev, &p, order, e);
    if (!rc && all && h5_has(f, "stages")) rc = check_stages(v, f, ev, d, &p, order, e);
    if (!rc && all && h5_has(f, "padding")) rc = check_padding(v, f, ev, &p, order, e);
    free(order);
    pair_batch_free(&p);
    return rc;
}

static int run_evaluators(struct verify *v, struct h5 *f, struct error *e)
{
    static const char *const files[2] = {"", "_legacy"};
    struct device d;
    struct evaluator ev;
    int rc = device_open(&d, v->device, e), found = 0;
    if (rc) return rc;
    if (h5_has_attr(f, "/", "base_movement_encoder")) {
        rc = create_generated(v, f, &d, &ev, e);
        if (!rc) {
            rc = check_evaluator(v, f, &ev, &d, 1, e);
            evaluator_free(&ev);
        }
        device_close(&d);
        return rc;
    }
    for (int i = 0; i < 2 && !rc; i++) {
        char path[1100];
        snprintf(path, sizeof path, "%.800s/%.200s%s.ckpt", v->folder, v->case_name, files[i]);
        if (!file_exists(path)) continue;
        rc = evaluator_open(&ev, &d, path, e);
        if (rc) break;
        rc = check_evaluator(v, f, &ev, &d, !found++, e);
        evaluator_free(&ev);
    }
    if (!rc && !found)
        rc = error_set(e, ERR_INPUT, "%s: no %s.ckpt beside the case; put the checkpoint there", h5_path(f), v->case_name);
    device_close(&d);
    return rc;
}

const struct verify_kind verify_kinds_evaluators[] = {
    {"evaluators", run_evaluators},
    {"units_gru_conv", verify_units},
    {"evaluator_train_step", verify_matching_step},
    {"movement_autoencoder_step", verify_movement_autoencoder},
    {"eval_pipeline", verify_evaluation},
    {0},
};
