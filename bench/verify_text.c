/* Conformance of the published text encoders: T5, CLIP in both layouts, BERT and DistilBERT. */
#include "../engine/bert_encoder.h"
#include "../engine/clip_text.h"
#include "../engine/t5_encoder.h"
#include "verify_case.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double forward = 2e-5; /* times the largest reference value of the array */
static const float unit_floor = 1e-12f;

/* Compares a tensor with dataset FOLDER/NAME (or NAME). */
static void compare(struct verify_case *c, const char *folder, const char *name, const char *label,
                    const struct tensor *x)
{
    char path[200];
    float *want;
    size_t count, n = x ? (size_t)x->rows * (size_t)x->cols : 0;
    double largest = 0;
    snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", name);
    float *got = case_memory(c, n);
    case_fetch(c, x, got, n);
    if (c->code || case_note(c, h5_read_float(c->file, path, &want, &count, c->error))) return;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)want[i]));
    free(want);
    case_compare_absolute(c, path, label, got, n, forward * largest);
}

/* The batch of FOLDER: its token numbers and, where there is one, its mask. */
static struct text_batch read_batch(struct verify_case *c, const char *folder, const char *ids, const char *mask)
{
    char path[200];
    int dims[2] = {0};
    struct text_batch x = {0};
    snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", ids);
    x.ids = case_ints(c, path, 2, dims);
    snprintf(path, sizeof path, "%s%s%s", folder, *folder ? "/" : "", mask ? mask : "");
    if (mask) x.mask = case_ints(c, path, 2, dims);
    x.batch = dims[0];
    x.frames = dims[1];
    return x;
}

/* A checkpoint beside the case: BEFORE + its name + AFTER + ".ckpt". */
static int read_weights(struct verify_case *c, const char *before, const char *after, struct weights *w)
{
    char path[1200];
    memset(w, 0, sizeof *w);
    snprintf(path, sizeof path, "%s/%s%s%s.ckpt", c->verify->folder, before, c->verify->case_name, after);
    return c->code ? c->code : case_note(c, weights_read(path, w, c->error));
}

/* The output of layer 0, kept with those of all layers. */
struct states {
    struct tensor *layer[TEXT_MOST_LAYERS];
};

/* --- T5 -------------------------------------------------------------------------------------- */

static void check_buckets(struct verify_case *c, const struct t5_encoder *x)
{
    int dims[1] = {0}, bias_dims[4] = {1, x->stack.size.heads, 0, 0};
    const int *relative = case_ints(c, "bucket/relative_position", 1, dims);
    int *got = relative ? (int *)case_memory(c, (size_t)dims[0]) : NULL;
    for (int i = 0; got && i < dims[0]; i++) got[i] = t5_bucket(relative[i], x->buckets, x->farthest);
    if (got) case_compare_ints(c, "bucket/bucket", got, (size_t)dims[0]);
    const float *want = case_floats(c, "bucket/position_bias_short", 4, bias_dims);
    float *bias = want ? t5_position_bias(x, bias_dims[2]) : NULL;
    size_t n = (size_t)bias_dims[2];
    if (bias) case_compare_absolute(c, "bucket/position_bias_short", NULL, bias, (size_t)bias_dims[1] * n * n, 0);
    free(bias);
}

static void check_t5(struct verify_case *c, const struct t5_encoder *x, struct tensor *dense, const char *folder)
{
    struct states s = {{NULL}};
    struct text_batch batch = read_batch(c, folder, "input_ids", "attention_mask");
    if (c->code) return;
    struct tensor *last = t5_encoder_run(&c->tape, x, &batch, s.layer);
    struct tensor *pooled = text_mean(&c->tape, last, &batch);
    struct tensor *wide = op_linear(&c->tape, pooled, dense, NULL, ACT_NONE);
    compare(c, folder, "block0_out", NULL, s.layer[0]);
    compare(c, folder, "last_hidden_state", NULL, last);
    compare(c, folder, "pooled", NULL, pooled);
    compare(c, folder, "dense", NULL, wide);
    compare(c, folder, "sentence_embedding", NULL, op_unit_rows(&c->tape, wide, unit_floor));
    /* once more as sentences are encoded, without keeping each layer's output */
    compare(c, folder, "last_hidden_state", "last_hidden_state (memory reused)",
            t5_encoder_run(&c->tape, x, &batch, NULL));
}

static int t5(struct verify *v, struct h5 *f, struct error *e)
{
    struct verify_case c;
    struct t5_encoder x = {0};
    struct weights w = {0};
    struct t5_settings settings = t5_settings_default();
    if (!case_open(&c, v, f, 1, e) && !read_weights(&c, "", "_2_Dense", &w)) {
        settings.eps = (float)case_number(&c, "layer_norm_eps", 1e-6);
        settings.farthest = case_int(&c, "max_distance", 128);
        struct weight *matrix = weights_find(&w, "linear.weight");
        const float *values = NULL;
        if (!matrix || matrix->rank != 2)
            case_note(&c, error_set(e, ERR_INPUT, "%s: holds no matrix linear.weight; write the case anew", w.path));
        else if (!case_note(&c, weight_values(&w, matrix, &values, e)) &&
                 !case_note(&c, t5_encoder_load(&x, &c.device, &c.weights, "", &settings, e))) {
            struct tensor *dense = tape_constant(&c.tape, values, matrix->shape[0], matrix->shape[1]);
            check_buckets(&c, &x);
            case_pack(&c, &x.params);
            check_t5(&c, &x, dense, "short");
            check_t5(&c, &x, dense, "long");
        }
    }
    t5_encoder_free(&x);
    weights_free(&w);
    return case_close(&c);
}

/* --- CLIP ------------------------------------------------------------------------------------ */

static void check_clip(struct verify_case *c, const struct clip_text *x, int is_openai, const char *padding)
{
    struct states s = {{NULL}};
    char ids[40], last_name[60], label[80];
    const char *layout = is_openai ? "OpenAI" : "Hugging Face";
    snprintf(ids, sizeof ids, "input_ids_%s", padding);
    snprintf(last_name, sizeof last_name, "last_hidden_state_%s", padding);
    struct text_batch batch = read_batch(c, "", ids, NULL);
    struct tensor *embedded = NULL;
    if (c->code) return;
    struct tensor *last = clip_text_run(&c->tape, x, &batch, &embedded, s.layer);
    struct tensor *pooled = clip_text_pool(&c->tape, last, &batch);
    const char *features = is_openai ? "text_features_openai" : "text_features";
#define LABEL(name) (snprintf(label, sizeof label, "%s (%s, %s)", name, layout, padding), label)
    if (!strcmp(padding, "eotpad")) {
        compare(c, "", "embeddings", LABEL("embeddings"), embedded);
        compare(c, "", "block0_out", LABEL("block0_out"), s.layer[0]);
    }
    compare(c, "", last_name, LABEL("last_hidden_state"), last);
    compare(c, "", "pooled_eotpad", LABEL("pooled"), pooled);
    compare(c, "", features, LABEL("text_features"), clip_text_project(&c->tape, x, pooled));
#undef LABEL
}

static int clip(struct verify *v, struct h5 *f, struct error *e)
{
    struct verify_case c;
    case_open(&c, v, f, 0, e);
    for (int is_openai = 0; is_openai < 2 && !c.code; is_openai++) {
        struct clip_text x = {0};
        struct weights w;
        struct clip_settings settings = clip_settings_default();
        settings.heads = case_int(&c, "heads", 0);
        settings.eps = (float)case_number(&c, "layer_norm_eps", 1e-5);
        if (!read_weights(&c, "", is_openai ? "_openai" : "_hf", &w) &&
            !case_note(&c, clip_text_load(&x, &c.device, &w, "", &settings, e))) {
            case_pack(&c, &x.params);
            check_clip(&c, &x, is_openai, "eotpad");
            check_clip(&c, &x, is_openai, "zeropad");
        }
        clip_text_free(&x);
        weights_free(&w);
    }
    return case_close(&c);
}

/* --- BERT ------------------------------------------------------------------------------------ */

static int bert(struct verify *v, struct h5 *f, struct error *e)
{
    struct verify_case c;
    case_open(&c, v, f, 0, e);
    for (int distilled = 0; distilled < 2 && !c.code; distilled++) {
        struct bert_encoder x = {0};
        struct states s = {{NULL}};
        struct tensor *embedded = NULL;
        struct weights w;
        struct bert_settings settings = bert_settings_default();
        settings.heads = case_int(&c, "heads", 0);
        settings.eps = (float)case_number(&c, "layer_norm_eps", 1e-12);
        struct text_batch batch = read_batch(&c, "", "input_ids", "attention_mask");
        int dims[2] = {batch.batch, batch.frames};
        const int *types = case_ints(&c, "token_type_ids", 2, dims);
        if (!read_weights(&c, distilled ? "distil" : "", "", &w) &&
            !case_note(&c, bert_encoder_load(&x, &c.device, &w, "", &settings, e))) {
            case_pack(&c, &x.params);
            struct tensor *last = bert_encoder_run(&c.tape, &x, &batch, distilled ? NULL : types, &embedded, s.layer);
            if (distilled) compare(&c, "", "distilbert_last_hidden_state", NULL, last);
            else {
                struct tensor *mean = text_mean(&c.tape, last, &batch);
                compare(&c, "", "embeddings_out", NULL, embedded);
                compare(&c, "", "layer0_out", NULL, s.layer[0]);
                compare(&c, "", "last_hidden_state", NULL, last);
                compare(&c, "", "pooler_output", NULL, bert_encoder_pool(&c.tape, &x, last, batch.batch));
                compare(&c, "", "mean_pooled", NULL, mean);
                compare(&c, "", "sentence_embedding", NULL, op_unit_rows(&c.tape, mean, unit_floor));
            }
        }
        bert_encoder_free(&x);
        weights_free(&w);
    }
    return case_close(&c);
}

const struct verify_kind verify_kinds_text[] = {
    {"t5_encoder", t5}, {"t5_gated", t5}, {"clip_text", clip}, {"bert", bert}, {NULL, NULL}};
