#include "text_layers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- batches --------------------------------------------------------------------------- */

int text_batch_check(const struct text_batch *x, int vocabulary, int positions, struct error *e)
{
    if (x->batch < 1 || x->frames < 1)
        return error_set(e, ERR_INTERNAL, "a text encoder was given %d texts of %d tokens", x->batch, x->frames);
    if (positions && x->frames > positions)
        return error_set(e, ERR_INPUT, "a text of %d tokens for an encoder of %d positions; shorten it", x->frames,
                         positions);
    for (int i = 0; i < x->batch * x->frames; i++)
        if (x->ids[i] < 0 || x->ids[i] >= vocabulary)
            return error_set(e, ERR_INPUT, "token %d for an encoder of %d tokens; use the tokenizer that belongs to it",
                             x->ids[i], vocabulary);
    return 0;
}

static const float *upload(struct tape *t, const struct text_batch *x, int as_mean)
{
    size_t frames = (size_t)x->frames, n = (size_t)x->batch * frames;
    float *host = malloc(n * sizeof *host);
    if (!host) {
        tape_error(t, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < n; i++) host[i] = !x->mask || x->mask[i] ? 1.0f : 0.0f;
    for (size_t b = 0; as_mean && b < (size_t)x->batch; b++) {
        float count = 0;
        for (size_t i = 0; i < frames; i++) count += host[b * frames + i];
        for (size_t i = 0; i < frames; i++) host[b * frames + i] /= count > 0 ? count : 1;
    }
    struct tensor *m = tape_constant(t, host, x->batch, x->frames);
    free(host);
    return m ? m->x : NULL;
}

const float *text_batch_mask(struct tape *t, const struct text_batch *x)
{
    int hidden = 0;
    for (int i = 0; x->mask && i < x->batch * x->frames; i++) hidden |= !x->mask[i];
    return hidden ? upload(t, x, 0) : NULL;
}

struct tensor *text_mean(struct tape *t, struct tensor *x, const struct text_batch *batch)
{
    const float *weight = x ? upload(t, batch, 1) : NULL;
    return weight ? op_sum_frames(t, x, batch->batch, weight) : NULL;
}

/* --- the stack --------------------------------------------------------------------------- */

static struct norm_layer add_norm(struct params *p, const char *name, int width, int with_bias)
{
    struct norm_layer l = {0};
    char full[160];
    if (with_bias) return norm_add(p, name, width);
    int length = snprintf(full, sizeof full, "%s.weight", name);
    if (length < 0 || (size_t)length >= sizeof full) {
        p->failed = 1;
        return l;
    }
    l.weight = params_add(p, INIT_ONE, 0, full, 1, width, 1, 1);
    return l;
}

int text_stack_add(struct params *p, struct text_stack *s, const struct text_stack_size *size, struct error *e)
{
    char name[160];
    if (size->layers < 1 || size->layers > TEXT_MOST_LAYERS || size->heads < 1 || size->width < 1 ||
        size->width > 4096 || size->inner < 1 || size->inner % size->heads || size->feed_forward < 1)
        return error_set(e, ERR_INPUT, "text encoder: %d layers of width %d (attention %d) with %d heads do not fit together; "
                                       "check the number of heads in its config.json",
                         size->layers, size->width, size->inner, size->heads);
    s->size = *size;
    for (int i = 0; i < size->layers; i++) {
        struct text_layer *l = &s->layer[i];
        *l = (struct text_layer){0};
#define NAME(text) (snprintf(name, sizeof name, "layer.%d." text, i), name)
        l->self.in_weight = params_add(p, INIT_UNIFORM, 1 / sqrtf((float)size->width), NAME("attention.in.weight"), 2, 3 * size->inner, size->width, 1);
        if (l->self.in_weight) l->self.in_weight->matrix = 1;
        if (size->biases)
            l->self.in_bias = params_add(p, INIT_ZERO, 0, NAME("attention.in.bias"), 1, 3 * size->inner, 1, 1);
        l->self.out = linear_add(p, NAME("attention.out"), size->inner, size->width, size->biases);
        l->feed = linear_add(p, NAME("feed"), size->width, size->feed_forward, size->biases);
        if (size->gated) l->gate = linear_add(p, NAME("gate"), size->width, size->feed_forward, size->biases);
        l->out = linear_add(p, NAME("out"), size->feed_forward, size->width, size->biases);
        l->norm[0] = add_norm(p, NAME("norm1"), size->width, !size->root_mean_square);
        l->norm[1] = add_norm(p, NAME("norm2"), size->width, !size->root_mean_square);
#undef NAME
    }
    return 0;
}

static struct tensor *whole(struct tape *t, struct param *p) { return p ? tape_param(t, p, 0, p->shape[0]) : NULL; }

struct tensor *text_norm(struct tape *t, const struct text_stack *s, const struct norm_layer *l, struct tensor *x,
                         struct tensor *r)
{
    if (s->size.root_mean_square) return op_rms_norm(t, r ? op_add(t, x, r) : x, whole(t, l->weight), s->size.eps);
    return op_add_layernorm(t, x, r, whole(t, l->weight), whole(t, l->bias), s->size.eps);
}

static struct tensor *attend(struct tape *t, const struct text_stack *s, const struct text_layer *l, struct tensor *x,
                             int batch, const float *mask, const struct attention_options *options)
{
    struct tensor *qkv = op_linear(t, x, whole(t, l->self.in_weight), whole(t, l->self.in_bias), ACT_NONE);
    return linear_run(t, &l->self.out, op_self_attention_with(t, qkv, batch, s->size.heads, mask, options), ACT_NONE);
}

static struct tensor *feed(struct tape *t, const struct text_stack *s, const struct text_layer *l, struct tensor *x)
{
    struct tensor *hidden = linear_run(t, &l->feed, x, s->size.activation);
    if (s->size.gated) hidden = op_multiply(t, hidden, linear_run(t, &l->gate, x, ACT_NONE));
    return linear_run(t, &l->out, hidden, ACT_NONE);
}

static struct tensor *layer_run(struct tape *t, const struct text_stack *s, const struct text_layer *l, struct tensor *x,
                                int batch, const float *mask, const struct attention_options *options)
{
    if (s->size.norm_first) {
        x = op_add(t, x, attend(t, s, l, text_norm(t, s, &l->norm[0], x, NULL), batch, mask, options));
        return op_add(t, x, feed(t, s, l, text_norm(t, s, &l->norm[1], x, NULL)));
    }
    x = text_norm(t, s, &l->norm[0], x, attend(t, s, l, x, batch, mask, options));
    return text_norm(t, s, &l->norm[1], x, feed(t, s, l, x));
}

struct tensor *text_stack_run(struct tape *t, const struct text_stack *s, struct tensor *x, int batch,
                              const float *mask, const struct attention_options *options, struct tensor **states)
{
    if (!x) return NULL;
    if (t->recording) {
        tape_error(t, "a published text encoder runs on a tape that does not record");
        return NULL;
    }
    struct tensor *kept = states ? NULL : tape_tensor(t, x->rows, x->cols);
    if (!states && !kept) return NULL;
    for (int i = 0; x && i < s->size.layers; i++) {
        struct arena_mark mark = arena_mark(&t->arena);
        x = layer_run(t, s, &s->layer[i], x, batch, mask, options);
        if (states) states[i] = x;
        else if (x) {
            t->device->copy(t->device, kept->x, x->x, (size_t)x->rows * (size_t)x->cols);
            arena_return(&t->arena, mark);
            x = kept;
        }
    }
    return x;
}

/* --- published names ----------------------------------------------------------------------- */

struct weight *text_layer_weight(const struct weights *w, const char *prefix, const struct text_names *n, int layer,
                                 const char *name, const char *suffix)
{
    char full[400];
    snprintf(full, sizeof full, "%s%s%d%s%s", prefix, n->layer, layer, name, suffix);
    return weights_find(w, full);
}

int text_layers_count(const struct weights *w, const char *prefix, const struct text_names *n)
{
    int count = 0;
    while (count <= TEXT_MOST_LAYERS && (text_layer_weight(w, prefix, n, count, n->norm[0], ".weight") ||
                                         text_layer_weight(w, prefix, n, count, n->norm[0], ".gamma")))
        count++;
    return count;
}

int text_fill(struct params *p, struct param *to, int row0, int rows, struct weights *w, const char *prefix,
              const char *name, int transposed, struct error *e)
{
    char full[400];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    struct weight *from = weights_find(w, full);
    if (!from)
        return error_set(e, ERR_INPUT, "%s: tensor %s is missing; use the whole checkpoint of this text encoder", w->path,
                         full);
    size_t cols = to->rank > 1 ? (size_t)to->shape[1] : 1, count = (size_t)rows * cols;
    int fits = from->rank == to->rank && from->shape[0] == (transposed ? (int)cols : rows) &&
               (to->rank < 2 || from->shape[1] == (transposed ? rows : (int)cols));
    if (!fits)
        return error_set(e, ERR_INPUT, "%s: tensor %s does not have the shape (%d,%d) that goes with the others; use "
                                       "another checkpoint",
                         w->path, full, transposed ? (int)cols : rows, transposed ? rows : (int)cols);
    const float *values = NULL;
    int rc = weight_values(w, from, &values, e);
    if (rc) return rc;
    float *turned = NULL;
    if (transposed) {
        turned = malloc(count * sizeof *turned);
        if (!turned) {
            weight_done(w, from);
            return error_memory(e, full);
        }
        for (size_t r = 0; r < (size_t)rows; r++)
            for (size_t c = 0; c < cols; c++) turned[r * cols + c] = values[c * (size_t)rows + r];
    }
    p->device->upload(p->device, to->x + (size_t)row0 * cols, turned ? turned : values, count);
    weight_done(w, from);
    free(turned);
    from->used = 1;
    return 0;
}

int text_fill_norm(struct params *p, const struct norm_layer *l, struct weights *w, const char *prefix,
                   const char *name, struct error *e)
{
    static const char *const suffixes[2][2] = {{".weight", ".bias"}, {".gamma", ".beta"}};
    char full[400];
    snprintf(full, sizeof full, "%s%s.gamma", prefix, name);
    const char *const *suffix = suffixes[weights_find(w, full) != NULL];
    snprintf(full, sizeof full, "%s%s", name, suffix[0]);
    int rc = text_fill(p, l->weight, 0, l->weight->shape[0], w, prefix, full, 0, e);
    if (rc || !l->bias) return rc;
    snprintf(full, sizeof full, "%s%s", name, suffix[1]);
    return text_fill(p, l->bias, 0, l->bias->shape[0], w, prefix, full, 0, e);
}

int text_stack_match(const struct weights *w, const char *prefix, const struct text_stack_size *size, struct error *e)
{
    double matrices = (double)size->width * (4.0 * size->inner + (size->gated ? 3.0 : 2.0) * size->feed_forward);
    size_t held = weights_total(w, prefix);
    if (size->layers * matrices > (double)held)
        return error_set(e, ERR_INPUT, "%s: %d layers of this text encoder need %.0f values each, the file holds %zu in all; its "
                                       "tensors do not belong together", w->path, size->layers, matrices, held);
    return 0;
}

struct loader {
    struct params *params;
    struct weights *weights;
    const char *prefix;
    const struct text_names *names;
    int layer, code;
    struct error *error;
};

/* Rows [row0, row0 + rows) of weight and bias (or NULL) from NAME + suffixes; errors are sticky. */
static void fill_pair(struct loader *f, struct param *weight, struct param *bias, int row0, int rows, const char *name,
                      const char *weight_suffix, const char *bias_suffix)
{
    char full[400];
    struct param *const to[2] = {weight, bias};
    const char *const suffix[2] = {weight_suffix, bias_suffix};
    for (int i = 0; i < 2 && !f->code && to[i]; i++) {
        snprintf(full, sizeof full, "%s%d%s%s", f->names->layer, f->layer, name, suffix[i]);
        f->code = text_fill(f->params, to[i], row0, rows, f->weights, f->prefix, full, 0, f->error);
    }
}

static void fill_linear(struct loader *f, const struct linear_layer *l, const char *name)
{
    if (l->weight) fill_pair(f, l->weight, l->bias, 0, l->weight->shape[0], name, ".weight", ".bias");
}

int text_stack_load(struct params *p, const struct text_stack *s, struct weights *w, const char *prefix,
                    const struct text_names *names, struct error *e)
{
    struct loader f = {p, w, prefix, names, 0, 0, e};
    int inner = s->size.inner;
    char full[400];
    for (; f.layer < s->size.layers && !f.code; f.layer++) {
        const struct text_layer *l = &s->layer[f.layer];
        const char *const parts[3] = {names->query, names->key, names->value};
        if (names->packed)
            fill_pair(&f, l->self.in_weight, l->self.in_bias, 0, 3 * inner, names->packed, "_weight", "_bias");
        for (int i = 0; i < 3 && !names->packed; i++)
            fill_pair(&f, l->self.in_weight, l->self.in_bias, i * inner, inner, parts[i], ".weight", ".bias");
        fill_linear(&f, &l->self.out, names->attention_out);
        fill_linear(&f, &l->feed, names->feed);
        fill_linear(&f, &l->gate, names->gate);
        fill_linear(&f, &l->out, names->out);
        for (int i = 0; i < 2 && !f.code; i++) {
            snprintf(full, sizeof full, "%s%d%s", names->layer, f.layer, names->norm[i]);
            f.code = text_fill_norm(p, &l->norm[i], w, prefix, full, e);
        }
    }
    if (f.code) return f.code;
    const char *left = NULL;
    snprintf(full, sizeof full, "%s%s", prefix, names->layer);
    if (weights_untaken(w, full, &left) > 0)
        return error_set(e, ERR_INPUT, "%s: tensor %s is not part of this text encoder; use a checkpoint of a kind that is "
                                       "read",
                         w->path, left);
    return 0;
}
