/* Embeddings of many clips and captions: pieces of a batch on the device's lanes. */
#include "evaluator.h"
#include "../engine/lanes.h"
#include <math.h>
#include <stdlib.h>

/* Sequences a piece: fixed, so that results do not depend on the number of threads. */
enum { PIECE = 32 };

/* A run of consecutive sequences that is embedded at once, padded to `rows`. */
struct piece {
    int first, count, rows;
};

/* Embeds a piece on a tape; NULL (with the tape's error) on failure. */
typedef struct tensor *piece_run(const void *context, struct tape *t, const struct piece *p);

struct piece_jobs {
    const struct evaluator *ev;
    const struct piece *pieces;
    piece_run *run;
    const void *context;
    float *out;
};

static int run_piece(void *context, struct tape *t, int job, struct error *e)
{
    const struct piece_jobs *j = context;
    const struct piece *p = &j->pieces[job];
    size_t dim = (size_t)j->ev->size.embedding;
    const struct tensor *y = j->run(j->context, t, p);
    if (tape_failed(t, e)) return error_prefix(e, "evaluator");
    if (!y) return error_set(e, ERR_INTERNAL, "evaluator: a piece has no result");
    t->device->download(t->device, j->out + (size_t)p->first * dim, y->x, (size_t)p->count * dim);
    return 0;
}

static int run_pieces(const struct evaluator *ev, const struct piece *pieces, int count, piece_run *run,
                      const void *context, float *out, struct error *e)
{
    struct piece_jobs jobs = {ev, pieces, run, context, out};
    struct lanes lanes;
    int rc = lanes_create(&lanes, ev->device, e);
    if (rc) return rc;
    rc = lanes_run(&lanes, count, run_piece, &jobs, e);
    lanes_free(&lanes);
    size_t dim = (size_t)ev->size.embedding, values = dim * (size_t)(pieces[count - 1].first + pieces[count - 1].count);
    for (size_t i = 0; !rc && i < values; i++)
        if (!isfinite(out[i]))
            rc = error_set(e, ERR_INTERNAL, "evaluator: the embedding of sequence %zu is not finite; check the motion or "
                                            "caption and the evaluator's statistics", i / dim);
    return rc;
}

static int longest(const int *lengths, int n)
{
    int most = 0;
    for (int i = 0; i < n; i++)
        if (lengths[i] > most) most = lengths[i];
    return most;
}

static int check_lengths(const int *lengths, int n, int least, int most, const char *what, struct error *e)
{
    for (int i = 0; i < n; i++)
        if (lengths[i] < least || lengths[i] > most)
            return error_set(e, ERR_INPUT, "evaluator: %s %d has length %d; it takes %d … %d", what, i, lengths[i], least,
                             most);
    return 0;
}

/* --- motions -------------------------------------------------------------------- */

struct motions {
    const struct evaluator *ev;
    const float *x;
    int frames;
    const int *lengths;
    const struct evaluator_padding *padding;
};

static struct tensor *run_motions(const void *context, struct tape *t, const struct piece *p)
{
    const struct motions *m = context;
    struct device *d = t->device;
    size_t width = (size_t)m->ev->size.nfeats, rows = (size_t)p->rows;
    struct tensor *x = tape_tensor(t, p->count * p->rows, m->ev->size.nfeats);
    int *steps = malloc((size_t)p->count * sizeof *steps);
    const struct tensor *row = m->padding->row ? tape_constant(t, m->padding->row, 1, m->ev->size.nfeats) : NULL;
    if (!x || !steps || (m->padding->row && !row)) {
        free(steps);
        tape_error(t, "out of memory");
        return NULL;
    }
    for (int i = 0; i < p->count; i++) {
        int at = p->first + i, length = m->lengths[at];
        size_t own = m->padding->rule == EVALUATOR_PADDING_GIVEN ? rows : (size_t)length;
        if (own > rows) own = rows;
        float *to = x->x + (size_t)i * rows * width;
        steps[i] = length / EVALUATOR_UNIT;
        d->upload(d, to, m->x + (size_t)at * (size_t)m->frames * width, own * width);
        if (own == rows) continue;
        if (row) d->blocks(d, to + own * width, width, row->x, 0, (int)(rows - own), width, 0);
        else d->fill(d, to + own * width, 0, (rows - own) * width);
    }
    struct tensor *y = evaluator_movement(t, m->ev, x, p->count, NULL, NULL);
    y = evaluator_motion(t, m->ev, y, steps, p->count, NULL);
    free(steps);
    return y;
}

int evaluator_embed_motion(const struct evaluator *ev, const float *motions, int n, int frames, const int *lengths,
                           const struct evaluator_padding *padding, float *out, struct error *e)
{
    if (n <= 0) return 0;
    int rc = check_lengths(lengths, n, EVALUATOR_UNIT, frames, "motion", e);
    if (rc) return rc;
    int group = padding->rule == EVALUATOR_PADDING_BATCH ? padding->batch : n, count = 0;
    if (group < 1) return error_set(e, ERR_USAGE, "evaluator: a batch of %d clips; use 32", group);
    if (padding->rule == EVALUATOR_PADDING_FIXED && longest(lengths, n) > padding->frames)
        return error_set(e, ERR_INPUT, "evaluator: a clip of %d frames, all are padded to %d; raise the padded length",
                         longest(lengths, n), padding->frames);
    struct piece *pieces = malloc(((size_t)n / PIECE + (size_t)n / (size_t)group + 2) * sizeof *pieces);
    if (!pieces) return error_memory(e, "the evaluator's pieces");
    for (int first = 0; first < n; first += group) {
        int members = n - first < group ? n - first : group;
        int padded = padding->rule == EVALUATOR_PADDING_BATCH   ? longest(lengths + first, members)
                     : padding->rule == EVALUATOR_PADDING_FIXED ? padding->frames
                                                                : frames;
        for (int at = 0; at < members; at += PIECE) {
            int sequences = members - at < PIECE ? members - at : PIECE;
            /* Rows further than four beyond a clip are never read by its movement vectors. */
            int rows = longest(lengths + first + at, sequences) + 4;
            pieces[count++] = (struct piece){first + at, sequences, rows < padded ? rows : padded};
        }
    }
    const struct motions m = {ev, motions, frames, lengths, padding};
    rc = run_pieces(ev, pieces, count, run_motions, &m, out, e);
    free(pieces);
    return rc;
}

/* --- captions --------------------------------------------------------------------- */

struct captions {
    const struct evaluator *ev;
    const float *words, *speech;
    int tokens;
    const int *lengths;
};

/* The first `rows` rows of `count` sequences of `stride` rows. */
static struct tensor *cut(struct tape *t, const float *x, int count, int stride, int rows, int width)
{
    struct tensor *y = tape_tensor(t, count * rows, width);
    size_t w = (size_t)width;
    for (int i = 0; y && i < count; i++)
        t->device->upload(t->device, y->x + (size_t)i * (size_t)rows * w, x + (size_t)i * (size_t)stride * w,
                          (size_t)rows * w);
    return y;
}

static struct tensor *run_captions(const void *context, struct tape *t, const struct piece *p)
{
    const struct captions *c = context;
    const struct evaluator_size *size = &c->ev->size;
    size_t from = (size_t)p->first * (size_t)c->tokens;
    struct tensor *words =
        cut(t, c->words + from * (size_t)size->word_width, p->count, c->tokens, p->rows, size->word_width);
    struct tensor *speech =
        cut(t, c->speech + from * (size_t)size->parts_of_speech, p->count, c->tokens, p->rows, size->parts_of_speech);
    return evaluator_text(t, c->ev, words, speech, c->lengths + p->first, p->count, NULL);
}

int evaluator_embed_text(const struct evaluator *ev, const float *words, const float *speech, int n, int tokens,
                         const int *lengths, float *out, struct error *e)
{
    if (n <= 0) return 0;
    int rc = check_lengths(lengths, n, 1, tokens, "caption", e), count = 0;
    if (rc) return rc;
    struct piece *pieces = malloc(((size_t)n / PIECE + 1) * sizeof *pieces);
    if (!pieces) return error_memory(e, "the evaluator's pieces");
    for (int at = 0; at < n; at += PIECE) {
        int sequences = n - at < PIECE ? n - at : PIECE;
        pieces[count++] = (struct piece){at, sequences, longest(lengths + at, sequences)};
    }
    const struct captions c = {ev, words, speech, tokens, lengths};
    rc = run_pieces(ev, pieces, count, run_captions, &c, out, e);
    free(pieces);
    return rc;
}

/* --- small parts --------------------------------------------------------------------- */

void evaluator_renormalise(float *out, const float *x, size_t n, int nfeats, const float *mean, const float *std,
                           const float *mean_eval, const float *std_eval)
{
    size_t width = (size_t)nfeats;
#pragma omp parallel for if (n > 4096)
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < width; j++)
            out[i * width + j] = (x[i * width + j] * std[j] + mean[j] - mean_eval[j]) / std_eval[j];
}

void evaluator_order(const int *lengths, int n, int *order)
{
    for (int i = 0; i < n; i++) {        /* insertion: batches are small */
        int at = i;
        while (at > 0 && lengths[order[at - 1]] <= lengths[i]) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}
