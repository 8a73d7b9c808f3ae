/* The three networks of the evaluator. */
#include "evaluator.h"
#include "../engine/rng.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KERNEL = 4, STRIDE = 2, PAD = 1 };
static const float norm_eps = 1e-5f;

static struct param *named(struct params *p, enum init_rule rule, float scale, const char *prefix, const char *name,
                           int rank, int d0, int d1, int d2)
{
    char full[160];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    return params_add(p, rule, scale, full, rank, d0, d1, d2);
}

static float xavier(int in, int out) { return sqrtf(2.0f / (float)(in + out)); }

static struct linear_layer dense_add(struct params *p, const char *name, int in, int out)
{
    struct linear_layer l;
    l.weight = named(p, INIT_NORMAL, xavier(in, out), name, ".weight", 2, out, in, 1);
    l.bias = named(p, INIT_ZERO, 0, name, ".bias", 1, out, 1, 1);
    return l;
}

/* input -> h, two directions of h, head h, out width. */
static void gru_encoder_add(struct params *p, struct gru_encoder *g, int h, int out)
{
    static const char *const suffix[2] = {"", "_reverse"};
    float bound = 1.0f / sqrtf((float)h);
    for (int i = 0; i < 2; i++) {
        g->direction[i].weight_ih = named(p, INIT_UNIFORM, bound, "gru.weight_ih_l0", suffix[i], 2, 3 * h, h, 1);
        g->direction[i].weight_hh = named(p, INIT_UNIFORM, bound, "gru.weight_hh_l0", suffix[i], 2, 3 * h, h, 1);
        g->direction[i].bias_ih = named(p, INIT_UNIFORM, bound, "gru.bias_ih_l0", suffix[i], 1, 3 * h, 1, 1);
        g->direction[i].bias_hh = named(p, INIT_UNIFORM, bound, "gru.bias_hh_l0", suffix[i], 1, 3 * h, 1, 1);
    }
    g->head = dense_add(p, "output_net.0", 2 * h, h);
    g->norm = norm_add(p, "output_net.1", h);
    g->out = dense_add(p, "output_net.3", h, out);
}

int evaluator_add(struct evaluator *ev, struct device *d, const struct evaluator_size *size, struct error *e)
{
    memset(ev, 0, sizeof *ev);
    const int dims[] = {size->nfeats - 4,  size->movement_hidden, size->movement_latent, size->motion_hidden,
                        size->text_hidden, size->embedding,       size->word_width,      size->parts_of_speech};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++)
        if (dims[i] < 1 || dims[i] > 4096)
            return error_set(e, ERR_INPUT, "evaluator: a width of %d; every width lies in 1 … 4096 (features in 5 … 4100)",
                             dims[i]);
    ev->size = *size;
    ev->device = d;
    int in = size->nfeats - 4, hidden = size->movement_hidden, latent = size->movement_latent;

    struct params *p = &ev->movement;
    params_init(p, d);
    ev->movement_encoder.conv1_weight =
        params_add(p, INIT_NORMAL, xavier(in * KERNEL, hidden * KERNEL), "main.0.weight", 3, hidden, in, KERNEL);
    ev->movement_encoder.conv1_bias = params_add(p, INIT_ZERO, 0, "main.0.bias", 1, hidden, 1, 1);
    ev->movement_encoder.conv2_weight =
        params_add(p, INIT_NORMAL, xavier(hidden * KERNEL, latent * KERNEL), "main.3.weight", 3, latent, hidden, KERNEL);
    ev->movement_encoder.conv2_bias = params_add(p, INIT_ZERO, 0, "main.3.bias", 1, latent, 1, 1);
    ev->movement_encoder.out = dense_add(p, "out_net", latent, latent);

    p = &ev->motion;
    params_init(p, d);
    ev->motion_encoder.hidden = params_add(p, INIT_NORMAL, 1, "hidden", 3, 2, 1, size->motion_hidden);
    ev->motion_encoder.input = dense_add(p, "input_emb", latent, size->motion_hidden);
    gru_encoder_add(p, &ev->motion_encoder, size->motion_hidden, size->embedding);

    p = &ev->text;
    params_init(p, d);
    ev->text_encoder.hidden = params_add(p, INIT_NORMAL, 1, "hidden", 3, 2, 1, size->text_hidden);
    ev->part_of_speech = dense_add(p, "pos_emb", size->parts_of_speech, size->word_width);
    ev->text_encoder.input = dense_add(p, "input_emb", size->word_width, size->text_hidden);
    gru_encoder_add(p, &ev->text_encoder, size->text_hidden, size->embedding);

    return 0;
}

int evaluator_create(struct evaluator *ev, struct device *d, const struct evaluator_size *size, struct error *e)
{
    int rc = evaluator_add(ev, d, size, e);
    if (!rc) rc = params_allocate(&ev->movement, e);
    if (!rc) rc = params_allocate(&ev->motion, e);
    if (!rc) rc = params_allocate(&ev->text, e);
    if (rc) evaluator_free(ev);
    return rc;
}

void evaluator_free(struct evaluator *ev)
{
    params_free(&ev->movement);
    params_free(&ev->motion);
    params_free(&ev->text);
    memset(ev, 0, sizeof *ev);
}

int evaluator_initialise(struct evaluator *ev, uint64_t seed, struct error *e)
{
    /* Tensors of the same name in two networks start from different numbers. */
    int rc = params_initialise(&ev->movement, seed ^ rng_stream("evaluator/movement"), e);
    if (!rc) rc = params_initialise(&ev->motion, seed ^ rng_stream("evaluator/motion"), e);
    if (!rc) rc = params_initialise(&ev->text, seed ^ rng_stream("evaluator/text"), e);
    return rc;
}

/* --- forward ------------------------------------------------------------------ */

static struct tensor *drop(struct tape *t, struct tensor *x, struct tensor *const factor[2], int which)
{
    return factor ? op_multiply(t, x, factor[which]) : op_dropout(t, x);
}

struct tensor *evaluator_movement(struct tape *t, const struct evaluator *ev, struct tensor *x, int batch,
                                  struct tensor *const factor[2], struct evaluator_stages *stages)
{
    struct tensor *in = op_columns(t, x, 0, ev->size.nfeats - 4);
    struct tensor *a = op_conv1d(t, in, ev->movement_encoder.conv1_weight, ev->movement_encoder.conv1_bias, batch,
                                 STRIDE, PAD);
    struct tensor *y = op_activate(t, drop(t, a, factor, 0), ACT_LEAKY);
    struct tensor *b = op_conv1d(t, y, ev->movement_encoder.conv2_weight, ev->movement_encoder.conv2_bias, batch,
                                 STRIDE, PAD);
    y = linear_run(t, &ev->movement_encoder.out, op_activate(t, drop(t, b, factor, 1), ACT_LEAKY), ACT_NONE);
    if (stages) {
        stages->conv1 = a;
        stages->conv2 = b;
        stages->movement = y;
    }
    return y;
}

static struct tensor *whole(struct tape *t, struct param *p) { return p ? tape_param(t, p, 0, p->shape[0]) : NULL; }

static struct tensor *gru_encode(struct tape *t, const struct gru_encoder *g, struct tensor *x, const int *lengths,
                                 int batch, struct evaluator_stages *stages)
{
    x = linear_run(t, &g->input, x, ACT_NONE);
    if (!x) return NULL;
    if (batch <= 0 || x->rows % batch) {
        tape_error(t, "%d rows in a batch of %d", x->rows, batch);
        return NULL;
    }
    for (int b = 0; b < batch; b++)
        if (lengths[b] < 1 || lengths[b] > x->rows / batch) {
            tape_error(t, "a sequence of %d steps in a batch padded to %d", lengths[b], x->rows / batch);
            return NULL;
        }
    struct tensor *last[2], *sequence[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++)
        last[i] = op_gru(t, x, tape_param(t, g->hidden, i, 1), whole(t, g->direction[i].weight_ih),
                         whole(t, g->direction[i].weight_hh), whole(t, g->direction[i].bias_ih),
                         whole(t, g->direction[i].bias_hh), lengths, batch, i, stages ? &sequence[i] : NULL);
    if (stages) {
        stages->input = x;
        for (int i = 0; i < 2; i++) {
            stages->sequence[i] = sequence[i];
            stages->last[i] = last[i];
        }
    }
    struct tensor *y = op_linear_pair(t, last[0], last[1], whole(t, g->head.weight), whole(t, g->head.bias));
    y = op_add_layernorm(t, y, NULL, whole(t, g->norm.weight), whole(t, g->norm.bias), norm_eps);
    return linear_run(t, &g->out, op_activate(t, y, ACT_LEAKY), ACT_NONE);
}

struct tensor *evaluator_motion(struct tape *t, const struct evaluator *ev, struct tensor *movement,
                                const int *steps, int batch, struct evaluator_stages *stages)
{
    return gru_encode(t, &ev->motion_encoder, movement, steps, batch, stages);
}

struct tensor *evaluator_text(struct tape *t, const struct evaluator *ev, struct tensor *words,
                              struct tensor *speech, const int *tokens, int batch, struct evaluator_stages *stages)
{
    struct tensor *x = op_add(t, words, linear_run(t, &ev->part_of_speech, speech, ACT_NONE));
    return gru_encode(t, &ev->text_encoder, x, tokens, batch, stages);
}
