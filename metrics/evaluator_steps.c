/* The two training steps of the evaluator. */
#include "evaluator_train.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KERNEL = 4, STRIDE = 2, PAD = 1 };

/* --- the movement decoder ------------------------------------------------------- */

static float xavier(int in, int out) { return sqrtf(2.0f / (float)(in + out)); }

int movement_decoder_create(struct movement_decoder *md, struct device *d, const struct evaluator_size *size,
                            int hidden, struct error *e)
{
    memset(md, 0, sizeof *md);
    if (hidden < 1 || hidden > 4096) return error_set(e, ERR_INPUT, "movement decoder: a width of %d; use 1 … 4096", hidden);
    struct params *p = &md->params;
    int latent = size->movement_latent, out = size->nfeats;
    md->hidden = hidden;
    params_init(p, d);
    md->conv1_weight = params_add(p, INIT_NORMAL, xavier(latent * KERNEL, hidden * KERNEL), "main.0.weight", 3, latent,
                                  hidden, KERNEL);
    md->conv1_bias = params_add(p, INIT_ZERO, 0, "main.0.bias", 1, hidden, 1, 1);
    md->conv2_weight =
        params_add(p, INIT_NORMAL, xavier(hidden * KERNEL, out * KERNEL), "main.2.weight", 3, hidden, out, KERNEL);
    md->conv2_bias = params_add(p, INIT_ZERO, 0, "main.2.bias", 1, out, 1, 1);
    md->out.weight = params_add(p, INIT_NORMAL, xavier(out, out), "out_net.weight", 2, out, out, 1);
    md->out.bias = params_add(p, INIT_ZERO, 0, "out_net.bias", 1, out, 1, 1);
    int rc = params_allocate(p, e);
    if (rc) movement_decoder_free(md);
    return rc;
}

void movement_decoder_free(struct movement_decoder *md)
{
    params_free(&md->params);
    memset(md, 0, sizeof *md);
}

struct tensor *movement_decode(struct tape *t, const struct movement_decoder *md, struct tensor *movement, int batch)
{
    struct tensor *y = op_conv_transpose1d(t, movement, md->conv1_weight, md->conv1_bias, batch, STRIDE, PAD);
    y = op_conv_transpose1d(t, op_activate(t, y, ACT_LEAKY), md->conv2_weight, md->conv2_bias, batch, STRIDE, PAD);
    return linear_run(t, &md->out, op_activate(t, y, ACT_LEAKY), ACT_NONE);
}

/* --- stage one --------------------------------------------------------------------- */

/* Sequences [*first, *first + count) of piece p of `pieces`. */
static int piece_of(int size, int pieces, int p, int *first)
{
    *first = (int)((long)size * p / pieces);
    return (int)((long)size * (p + 1) / pieces) - *first;
}

struct autoencoder_run {
    const struct evaluator *ev;
    const struct movement_decoder *md;
    const struct autoencoder_batch *batch;
    int pieces;
};

/* A constant vector of row weights. */
static const float *row_weights(struct tape *t, int rows, float weight)
{
    struct tensor *w = tape_tensor(t, 1, rows);
    if (!w) return NULL;
    t->device->fill(t->device, w->x, weight, (size_t)rows);
    return w->x;
}

/* mean|x| of a piece weighing `share` of the batch; adds weight times that to the objective. */
static double mean_abs(struct tape *t, struct tensor *x, float share, float weight)
{
    if (!x) return 0;
    float each = share / (float)((size_t)x->rows * (size_t)x->cols);
    return weight > 0 ? op_abs(t, x, weight * each) / (double)weight : 0;
}

static double run_autoencoder(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    const struct autoencoder_run *r = context;
    const struct autoencoder_batch *b = r->batch;
    int first, count = piece_of(b->size, r->pieces, piece, &first), frames = b->frames, n = frames / EVALUATOR_UNIT;
    int nfeats = r->ev->size.nfeats, hidden = r->ev->size.movement_hidden, latent = r->ev->size.movement_latent;
    (void)step;
    if (!count) return 0;
    float share = (float)count / (float)b->size;
    size_t at = (size_t)first * (size_t)frames;
    struct tensor *x = tape_constant(t, b->motions + at * (size_t)nfeats, count * frames, nfeats), *factor[2] = {NULL, NULL};
    if (b->factor[0] && b->factor[1]) {
        factor[0] = tape_constant(t, b->factor[0] + at / 2 * (size_t)hidden, count * frames / 2, hidden);
        factor[1] = tape_constant(t, b->factor[1] + at / 4 * (size_t)latent, count * n, latent);
    }
    struct tensor *z = evaluator_movement(t, r->ev, x, count, factor[0] ? factor : NULL, NULL);
    struct tensor *y = movement_decode(t, r->md, z, count);
    if (!y) return 0;
    const float *weights = row_weights(t, y->rows, share / (float)((size_t)y->rows * (size_t)nfeats));
    if (!weights) return 0;
    terms[0] = op_loss(t, y, x, weights, LOSS_L1, 0);
    terms[1] = mean_abs(t, z, share, b->sparsity);
    if (n > 1)
        terms[2] = mean_abs(t, op_add(t, op_slice(t, z, count, 1, n - 1), op_scale(t, op_slice(t, z, count, 0, n - 1), -1)),
                            share, b->smoothness);
    struct device *d = t->device;
    if (b->latents) d->download(d, b->latents + at / 4 * (size_t)latent, z->x, (size_t)(count * n) * (size_t)latent);
    if (b->features)
        d->download(d, b->features + at * (size_t)nfeats, y->x, (size_t)(count * frames) * (size_t)nfeats);
    return terms[0] + (double)b->sparsity * terms[1] + (double)b->smoothness * terms[2];
}

int movement_autoencoder_step(struct trainer *t, const struct evaluator *ev, const struct movement_decoder *md,
                              const struct autoencoder_batch *batch, struct autoencoder_losses *losses,
                              struct error *e)
{
    if (batch->size < 1 || batch->frames < EVALUATOR_UNIT || batch->frames % EVALUATOR_UNIT)
        return error_set(e, ERR_INPUT, "movement autoencoder: %d snippets of %d frames; the frames must be a multiple of 4",
                         batch->size, batch->frames);
    struct autoencoder_run r = {ev, md, batch, t->config.accumulators};
    int rc = trainer_gradients(t, r.pieces, run_autoencoder, &r, e);
    if (!rc) rc = trainer_update(t, (double)t->config.rate, e);
    *losses = (struct autoencoder_losses){t->terms[0], t->terms[1], t->terms[2], t->loss};
    return rc;
}

/* --- stage two ---------------------------------------------------------------------- */

/* One piece: embeddings of consecutive pairs of the order, kept on its tape for the way back. */
struct matching_piece {
    int first, count;
    struct tensor *text, *motion;
};

/* Sequences order[0 … count-1] of x (·, stride rows, width), the first `rows` rows of each. lengths, if not NULL:
 * rows from lengths[order[i]] + 4 on are zeros, whatever x holds there; they are multiplied by gradients of 0. */
static struct tensor *gather(struct tape *t, const float *x, const int *order, const int *lengths, int count, int stride,
                             int rows, int width)
{
    struct tensor *y = tape_tensor(t, count * rows, width);
    size_t w = (size_t)width;
    if (!y) return NULL;
    y->constant = 1;
    for (int i = 0; i < count; i++) {
        int filled = lengths && lengths[order[i]] + EVALUATOR_UNIT < rows ? lengths[order[i]] + EVALUATOR_UNIT : rows;
        float *to = y->x + (size_t)i * (size_t)rows * w;
        t->device->upload(t->device, to, x + (size_t)order[i] * (size_t)stride * w, (size_t)filled * w);
        if (filled < rows) t->device->fill(t->device, to + (size_t)filled * w, 0, (size_t)(rows - filled) * w);
    }
    return y;
}

static void embed_piece(struct tape *t, const struct evaluator *ev, const struct matching_batch *b, const int *order,
                        struct matching_piece *p, int *scratch)
{
    int rows = 0, tokens = 0, *steps = scratch + p->first, *words = scratch + b->size + p->first;
    order += p->first;
    for (int i = 0; i < p->count; i++) {
        int length = b->lengths[order[i]];
        words[i] = b->sentence_lengths[order[i]];
        steps[i] = length / EVALUATOR_UNIT;
        if (length > rows) rows = length;
        if (words[i] > tokens) tokens = words[i];
    }
    rows = rows + 4 < b->frames ? rows + 4 : b->frames; 
    struct tensor *x = gather(t, b->motions, order, b->lengths, p->count, b->frames, rows, ev->size.nfeats);
    struct tensor *movement = evaluator_movement(t, ev, x, p->count, NULL, NULL);
    if (movement) movement->constant = 1;                 /* the movement encoder is frozen */
    p->motion = evaluator_motion(t, ev, movement, steps, p->count, NULL);
    p->text = evaluator_text(t, ev, gather(t, b->words, order, NULL, p->count, b->tokens, tokens, ev->size.word_width),
                             gather(t, b->speech, order, NULL, p->count, b->tokens, tokens, ev->size.parts_of_speech), words,
                             p->count, NULL);
}

static const double distance_offset = 1e-6;

double matching_distance(const float *x, const float *y, int dim)
{
    double square = 0;
    for (int i = 0; i < dim; i++) {
        double u = (double)x[i] - (double)y[i] + distance_offset;
        square += u * u;
    }
    return sqrt(square);
}

/* The objective and its derivatives, in double. text, motion (n, dim); dtext, dmotion written. */
static void matching_objective(const struct matching_batch *b, int dim, const float *text, const float *motion,
                               float *dtext, float *dmotion, struct matching_losses *losses)
{
    int n = b->size;
    size_t width = (size_t)dim;
    memset(dtext, 0, (size_t)n * width * sizeof *dtext);
    memset(dmotion, 0, (size_t)n * width * sizeof *dmotion);
    losses->positive = losses->negative = 0;
    for (int k = -1; k < b->nshifts; k++) {
        int shift = k < 0 ? 0 : b->shifts[k];
        double weight = 1.0 / (double)n / (k < 0 ? 1.0 : (double)b->nshifts);
        for (int i = 0; i < n; i++) {
            size_t at = (size_t)i * width, other = (size_t)((i + shift) % n) * width;
            double slope;   /* derivative of the loss by d, divided by d */
            double d = matching_distance(text + at, motion + other, dim), gap = (double)b->margin - d;
            if (k < 0) {
                losses->positive += weight * d * d;
                slope = 2 * weight;
            } else {
                if (gap <= 0 || d == 0) continue;
                losses->negative += weight * gap * gap;
                slope = -2 * weight * gap / d;
            }
            for (size_t j = 0; j < width; j++) {
                float u = (float)(slope * ((double)text[at + j] - (double)motion[other + j] + distance_offset));
                dtext[at + j] += u;
                dmotion[other + j] -= u;
            }
        }
    }
    losses->total = losses->positive + losses->negative;
}

static void seed_gradient(struct tape *t, struct tensor *x, const float *host)
{
    int add;
    float *g = x ? tape_grad(t, x, &add) : NULL;
    if (g) t->device->upload(t->device, g, host, (size_t)x->rows * (size_t)x->cols);
}

static int check_batch(const struct trainer *t, const struct evaluator *ev, const struct matching_batch *b,
                       struct error *e)
{
    if (t->sets != 2 || t->params[0] != &ev->text || t->params[1] != &ev->motion)
        return error_set(e, ERR_INTERNAL, "matching: the trainer must train text and motion encoder");
    if (b->size < 2 || b->nshifts < 0)
        return error_set(e, ERR_INPUT, "matching: a batch of %d pairs; it takes 2", b->size);
    for (int i = 0; i < b->nshifts; i++)
        if (b->shifts[i] < 0 || b->shifts[i] >= b->size)
            return error_set(e, ERR_INPUT, "matching: a shift of %d in a batch of %d", b->shifts[i], b->size);
    for (int i = 0; i < b->size && b->order; i++)
        if (b->order[i] < 0 || b->order[i] >= b->size)
            return error_set(e, ERR_INPUT, "matching: pair %d in the order of a batch of %d", b->order[i], b->size);
    for (int i = 0; i < b->size; i++)
        if (b->lengths[i] < EVALUATOR_UNIT || b->lengths[i] > b->frames || b->sentence_lengths[i] < 1 ||
            b->sentence_lengths[i] > b->tokens)
            return error_set(e, ERR_INPUT, "matching: pair %d has %d frames and %d words; a batch holds 4 … %d and 1 … %d", i,
                             b->lengths[i], b->sentence_lengths[i], b->frames, b->tokens);
    return 0;
}

static double sum_gradients(struct trainer *t, int set)
{
    struct device *d = t->device;
    size_t total = t->params[set]->total;
    for (int a = 1; a < t->config.accumulators; a++)
        d->combine(d, t->gradient[0][set], 1, t->gradient[0][set], 1, t->gradient[a][set], total);
    return sqrt(d->sum_squares(d, t->gradient[0][set], total));
}

int matching_step(struct trainer *t, const struct evaluator *ev, const struct matching_batch *b,
                  struct matching_losses *losses, struct error *e)
{
    int rc = check_batch(t, ev, b, e), pieces = t->config.accumulators, dim = ev->size.embedding;
    if (rc) return rc;
    size_t count = (size_t)b->size * (size_t)dim;
    struct matching_piece piece[TRAINER_ACCUMULATORS];
    int *order = malloc(3 * (size_t)b->size * sizeof *order);
    float *text = malloc(4 * count * sizeof *text);
    if (!order || !text) {
        free(order);
        free(text);
        return error_memory(e, "a matching step");
    }
    float *motion = text + count, *dtext = motion + count, *dmotion = dtext + count;
    if (b->order) memcpy(order, b->order, (size_t)b->size * sizeof *order);
    else evaluator_order(b->lengths, b->size, order);

#pragma omp parallel for schedule(dynamic, 1) num_threads(t->device->threads)
    for (int i = 0; i < pieces; i++) {
        struct tape *tape = &t->tape[i];
        struct device *d = tape->device;
        struct matching_piece *p = &piece[i];
        *p = (struct matching_piece){0};
        p->count = piece_of(b->size, pieces, i, &p->first);
        for (int s = 0; s < 2; s++) d->fill(d, t->gradient[i][s], 0, t->params[s]->total);
        tape_start(tape, 1, 0, 0, 0);
        if (p->count) embed_piece(tape, ev, b, order, p, order + b->size);
        if (!p->text || !p->motion) continue;
        d->download(d, text + (size_t)p->first * (size_t)dim, p->text->x, (size_t)p->count * (size_t)dim);
        d->download(d, motion + (size_t)p->first * (size_t)dim, p->motion->x, (size_t)p->count * (size_t)dim);
    }
    for (int i = 0; i < pieces && !rc; i++) rc = tape_failed(&t->tape[i], e);
    if (!rc) {
        matching_objective(b, dim, text, motion, dtext, dmotion, losses);
#pragma omp parallel for schedule(dynamic, 1) num_threads(t->device->threads)
        for (int i = 0; i < pieces; i++) {
            seed_gradient(&t->tape[i], piece[i].text, dtext + (size_t)piece[i].first * (size_t)dim);
            seed_gradient(&t->tape[i], piece[i].motion, dmotion + (size_t)piece[i].first * (size_t)dim);
            tape_backward(&t->tape[i]);
        }
        for (int i = 0; i < pieces && !rc; i++) rc = tape_failed(&t->tape[i], e);
    }
    if (!rc) {
        losses->norm_text = sum_gradients(t, 0);
        losses->norm_motion = sum_gradients(t, 1);
        if (!isfinite(losses->total) || !isfinite(losses->norm_text) || !isfinite(losses->norm_motion))
            rc = error_set(e, ERR_INTERNAL, "matching: loss %g, gradient norms %g and %g at step %lld; lower the learning rate",
                           losses->total, losses->norm_text, losses->norm_motion, (long long)t->step);
    }
    if (!rc) {
        const struct trainer_config *c = &t->config;
        const double norms[2] = {losses->norm_text, losses->norm_motion};
        t->step++;
        t->loss = losses->total;
        t->rate = (double)c->rate;
        for (int s = 0; s < 2; s++) {
            double scale = c->clip > 0 && (double)c->clip < norms[s] + 1e-6 ? (double)c->clip / (norms[s] + 1e-6) : 1.0;
            t->device->adamw(t->device, t->params[s]->x, t->moment1[s], t->moment2[s], t->gradient[0][s],
                             t->params[s]->total, (float)scale, c->rate, c->beta1, c->beta2, c->eps, c->weight_decay,
                             t->step);
        }
        if (b->text) memcpy(b->text, text, count * sizeof *text);
        if (b->motion) memcpy(b->motion, motion, count * sizeof *motion);
    }
    free(order);
    free(text);
    return rc;
}
