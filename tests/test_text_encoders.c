/* Published text encoders: what must hold of any weights, both layouts of CLIP, folders as they
 * are downloaded, damaged files, and the reference cases where they are. */
#include "../bench/verify.h"
#include "../engine/text_source.h"
#include "scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct device device;
static struct tape tape;

static int begin(void **state)
{
    struct error e;
    if (device_open_cpu(&device, 1, &e) || tape_init(&tape, &device)) return -1;
    return scratch_begin(state);
}

static int end(void **state)
{
    tape_free(&tape);
    device_close(&device);
    return scratch_end(state);
}

static void assert_refused(int rc, const struct error *e, const char *word)
{
    assert_int_equal(rc, ERR_INPUT);
    if (!strstr(e->text, word)) fail_msg("'%s' does not say '%s'", e->text, word);
}

/* --- weights made here --------------------------------------------------------------------- */

static uint32_t random_state;
static float random_value(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (float)(random_state >> 8) / 16777216.0f - 0.5f;
}

static struct weight *add(struct weights *w, const char *name, int rows, int cols)
{
    struct weight *x;
    struct error e;
    int shape[2] = {rows, cols};
    assert_int_equal(weights_add(w, name, cols ? 2 : 1, shape, &x, &e), 0);
    for (size_t i = 0; i < x->count; i++) x->data[i] = random_value();
    return x;
}

static void add_pair(struct weights *w, const char *name, int out, int in)
{
    char full[200];
    snprintf(full, sizeof full, "%s.weight", name);
    add(w, full, out, in);
    snprintf(full, sizeof full, "%s.bias", name);
    add(w, full, out, 0);
}

enum { TOKENS = 20, WIDTH = 8, HEADS = 2, FEED = 12, POSITIONS = 10 };

static struct weights t5_weights(int gated)
{
    struct weights w = {.path = "t5"};
    random_state = 5;
    add(&w, "shared.weight", TOKENS, WIDTH);
    add(&w, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", 8, HEADS);
    for (int i = 0; i < 2; i++) {
        char name[120];
#define T5(text, rows, cols) (snprintf(name, sizeof name, "encoder.block.%d." text ".weight", i), add(&w, name, rows, cols))
        T5("layer.0.SelfAttention.q", 2 * WIDTH, WIDTH); /* wider inside than outside */
        T5("layer.0.SelfAttention.k", 2 * WIDTH, WIDTH);
        T5("layer.0.SelfAttention.v", 2 * WIDTH, WIDTH);
        T5("layer.0.SelfAttention.o", WIDTH, 2 * WIDTH);
        T5("layer.0.layer_norm", WIDTH, 0);
        if (gated) {
            T5("layer.1.DenseReluDense.wi_0", FEED, WIDTH);
            T5("layer.1.DenseReluDense.wi_1", FEED, WIDTH);
        } else {
            T5("layer.1.DenseReluDense.wi", FEED, WIDTH);
        }
        T5("layer.1.DenseReluDense.wo", WIDTH, FEED);
        T5("layer.1.layer_norm", WIDTH, 0);
#undef T5
    }
    add(&w, "encoder.final_layer_norm.weight", WIDTH, 0);
    return w;
}

static struct weights bert_weights(void)
{
    struct weights w = {.path = "bert"};
    random_state = 7;
    add(&w, "bert.embeddings.word_embeddings.weight", TOKENS, WIDTH);
    add(&w, "bert.embeddings.position_embeddings.weight", POSITIONS, WIDTH);
    add(&w, "bert.embeddings.token_type_embeddings.weight", 2, WIDTH);
    add(&w, "bert.embeddings.LayerNorm.gamma", WIDTH, 0);
    add(&w, "bert.embeddings.LayerNorm.beta", WIDTH, 0);
    add_pair(&w, "bert.encoder.layer.0.attention.self.query", WIDTH, WIDTH);
    add_pair(&w, "bert.encoder.layer.0.attention.self.key", WIDTH, WIDTH);
    add_pair(&w, "bert.encoder.layer.0.attention.self.value", WIDTH, WIDTH);
    add_pair(&w, "bert.encoder.layer.0.attention.output.dense", WIDTH, WIDTH);
    add_pair(&w, "bert.encoder.layer.0.attention.output.LayerNorm", WIDTH, 0);
    add_pair(&w, "bert.encoder.layer.0.intermediate.dense", FEED, WIDTH);
    add_pair(&w, "bert.encoder.layer.0.output.dense", WIDTH, FEED);
    add_pair(&w, "bert.encoder.layer.0.output.LayerNorm", WIDTH, 0);
    return w;
}

/* The same numbers in both layouts. */
static struct weights clip_weights(int openai)
{
    struct weights w = {.path = "clip"};
    random_state = 9;
    add(&w, openai ? "clip.token_embedding.weight" : "clip.text_model.embeddings.token_embedding.weight", TOKENS, WIDTH);
    add(&w, openai ? "clip.positional_embedding" : "clip.text_model.embeddings.position_embedding.weight", POSITIONS, WIDTH);
    static const char *const names[2][8] = {
        {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "layer_norm1", "mlp.fc1", "mlp.fc2",
         "layer_norm2"},
        {"", "", "", "attn.out_proj", "ln_1", "mlp.c_fc", "mlp.c_proj", "ln_2"}};
    const char *layer = openai ? "clip.transformer.resblocks.0." : "clip.text_model.encoder.layers.0.";
    static const int shapes[8][2] = {{WIDTH, WIDTH}, {WIDTH, WIDTH}, {WIDTH, WIDTH}, {WIDTH, WIDTH},
                                     {WIDTH, 0},     {FEED, WIDTH},  {WIDTH, FEED},  {WIDTH, 0}};
    char name[120];
    struct weight *matrix = NULL, *bias = NULL;
    if (openai) {
        uint32_t kept = random_state;
        matrix = add(&w, "clip.transformer.resblocks.0.attn.in_proj_weight", 3 * WIDTH, WIDTH);
        size_t first = 0;
        bias = add(&w, "clip.transformer.resblocks.0.attn.in_proj_bias", 3 * WIDTH, 0);
        matrix = weights_find(&w, "clip.transformer.resblocks.0.attn.in_proj_weight"); /* the list may have moved */
        random_state = kept;
        for (; first < 3; first++) { /* in the order of the other layout */
            for (size_t i = 0; i < WIDTH * WIDTH; i++) matrix->data[first * WIDTH * WIDTH + i] = random_value();
            for (size_t i = 0; i < WIDTH; i++) bias->data[first * WIDTH + i] = random_value();
        }
    }
    for (int i = openai ? 3 : 0; i < 8; i++) {
        snprintf(name, sizeof name, "%s%s", layer, names[openai][i]);
        add_pair(&w, name, shapes[i][0], shapes[i][1]);
    }
    add_pair(&w, openai ? "clip.ln_final" : "clip.text_model.final_layer_norm", WIDTH, 0);
    float projection[6 * WIDTH];
    for (int i = 0; i < 6 * WIDTH; i++) projection[i] = random_value();
    struct weight *p = openai ? add(&w, "clip.text_projection", WIDTH, 6) : add(&w, "clip.text_projection.weight", 6, WIDTH);
    for (int r = 0; r < 6; r++)
        for (int c = 0; c < WIDTH; c++) p->data[openai ? c * 6 + r : r * WIDTH + c] = projection[r * WIDTH + c];
    add(&w, "clip.visual.proj", 3, 3); /* left alone */
    return w;
}

static void assert_near(const float *a, const float *b, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= tolerance)) fail_msg("value %zu: %g and %g", i, (double)a[i], (double)b[i]);
}

/* --- operations ------------------------------------------------------------------------------ */

static void norms_and_sums(void **state)
{
    (void)state;
    enum { ROWS = 6, COLS = 37 };
    float x[ROWS * COLS], w[COLS], weight[ROWS] = {0.5f, 0.5f, 0, 1, 0, 0};
    random_state = 1;
    for (int i = 0; i < ROWS * COLS; i++) x[i] = random_value();
    for (int i = 0; i < COLS; i++) w[i] = random_value();
    memset(x + 5 * COLS, 0, COLS * sizeof *x);
    tape_start(&tape, 0, 0, 0, 0);
    struct tensor *t = tape_constant(&tape, x, ROWS, COLS), *factors = tape_constant(&tape, weight, ROWS, 1);
    struct tensor *rms = op_rms_norm(&tape, t, tape_constant(&tape, w, 1, COLS), 1e-6f);
    struct tensor *unit = op_unit_rows(&tape, t, 1e-12f), *sum = op_sum_frames(&tape, t, 2, factors->x);
    assert_int_equal(tape_failed(&tape, NULL), 0);
    for (int r = 0; r < ROWS; r++) {
        double squares = 0;
        for (int c = 0; c < COLS; c++) squares += (double)x[r * COLS + c] * (double)x[r * COLS + c];
        for (int c = 0; c < COLS; c++) {
            double v = (double)x[r * COLS + c], length = sqrt(squares);
            assert_float_equal(rms->x[r * COLS + c], (float)(v * (double)w[c] / sqrt(squares / COLS + 1e-6)), 1e-6);
            assert_float_equal(unit->x[r * COLS + c], (float)(length > 0 ? v / length : 0), 1e-6);
        }
    }
    for (int c = 0; c < COLS; c++) {
        assert_float_equal(sum->x[c], (x[c] + x[COLS + c]) / 2, 1e-6);
        assert_float_equal(sum->x[COLS + c], x[3 * COLS + c], 0);
    }
    tape_start(&tape, 1, 0, 0, 0);
    assert_null(op_rms_norm(&tape, tape_constant(&tape, x, ROWS, COLS), tape_constant(&tape, w, 1, COLS), 1e-6f));
    assert_int_equal(tape_failed(&tape, NULL), ERR_INTERNAL);
}

/* Attention with a bias and the causal rule against sums in double precision. */
static void biased_causal_attention(void **state)
{
    (void)state;
    enum { BATCH = 2, N = 5, D = 6, H = 2, HEAD = D / H };
    float qkv[BATCH * N * 3 * D], bias[H * N * N];
    random_state = 3;
    for (size_t i = 0; i < sizeof qkv / sizeof *qkv; i++) qkv[i] = 3 * random_value();
    for (size_t i = 0; i < sizeof bias / sizeof *bias; i++) bias[i] = 3 * random_value();
    for (int kind = 0; kind < 4; kind++) {
        tape_start(&tape, 0, 0, 0, 0);
        struct tensor *b = tape_constant(&tape, bias, H * N, N);
        struct attention_options o = {kind & 1 ? b->x : NULL, kind >> 1, kind ? 0.8f : 0};
        struct tensor *y = op_self_attention_with(&tape, tape_constant(&tape, qkv, BATCH * N, 3 * D), BATCH, H, NULL, &o);
        assert_int_equal(tape_failed(&tape, NULL), 0);
        double scale = kind ? 0.8 : 1 / sqrt(HEAD);
        for (int s = 0; s < BATCH; s++)
            for (int h = 0; h < H; h++)
                for (int i = 0; i < N; i++) {
                    double out[HEAD] = {0}, total = 0;
                    for (int j = 0; j < (kind >> 1 ? i + 1 : N); j++) {
                        const float *q = qkv + ((size_t)(s * N + i) * 3 * D + (size_t)(h * HEAD));
                        const float *k = qkv + ((size_t)(s * N + j) * 3 * D + (size_t)(D + h * HEAD)), *v = k + D;
                        double score = kind & 1 ? (double)bias[(h * N + i) * N + j] : 0;
                        for (int c = 0; c < HEAD; c++) score += scale * (double)q[c] * (double)k[c];
                        total += exp(score);
                        for (int c = 0; c < HEAD; c++) out[c] += exp(score) * (double)v[c];
                    }
                    for (int c = 0; c < HEAD; c++)
                        assert_float_equal(y->x[(s * N + i) * D + h * HEAD + c], (float)(out[c] / total), 2e-6);
                }
    }
}

/* --- encoders --------------------------------------------------------------------------------- */

/* States of the first `n` rows, copied out. */
static void copy_rows(float *to, const struct tensor *x, int first, int n)
{
    assert_int_equal(tape_failed(&tape, NULL), 0);
    memcpy(to, x->x + (size_t)first * (size_t)x->cols, (size_t)n * (size_t)x->cols * sizeof *to);
}

static const int padded_ids[2 * 5] = {3, 4, 1, 0, 0, 5, 6, 7, 8, 1}, padded_mask[2 * 5] = {1, 1, 1, 0, 0, 1, 1, 1, 1, 1};

static void t5_ignores_padding(void **state)
{
    (void)state;
    for (int gated = 0; gated < 2; gated++) {
        struct weights w = t5_weights(gated);
        struct t5_encoder x;
        struct error e = {0};
        struct t5_settings settings = t5_settings_default();
        float alone[3 * WIDTH], padded[3 * WIDTH], mean[WIDTH];
        assert_int_equal(t5_encoder_load(&x, &device, &w, "", &settings, &e), 0);
        struct text_batch one = {1, 3, padded_ids, NULL}, both = {2, 5, padded_ids, padded_mask};
        tape_start(&tape, 0, 0, 0, 0);
        struct tensor *y = t5_encoder_run(&tape, &x, &one, NULL);
        copy_rows(alone, y, 0, 3);
        copy_rows(mean, text_mean(&tape, y, &one), 0, 1);
        y = t5_encoder_run(&tape, &x, &both, NULL);
        copy_rows(padded, y, 0, 3);
        assert_near(alone, padded, 3 * WIDTH, 2e-6);
        copy_rows(padded, text_mean(&tape, y, &both), 0, 1);
        assert_near(mean, padded, WIDTH, 2e-6);
        const int outside[1] = {TOKENS};
        struct text_batch wrong = {1, 1, outside, NULL};
        assert_null(t5_encoder_run(&tape, &x, &wrong, NULL));
        assert_refused(tape_failed(&tape, &e), &e, "tokenizer");
        t5_encoder_free(&x);
        weights_free(&w);
    }
}

static void t5_buckets(void **state)
{
    (void)state;
    static const int starts[8] = {8, 12, 16, 23, 32, 46, 64, 91}; /* first distance of buckets 8 … 15 */
    for (int r = 0; r < 400; r++) {
        int want = r < 8 ? r : 7;
        for (int i = 0; i < 8; i++) want += r >= starts[i];
        assert_int_equal(t5_bucket(-r, 32, 128), want);
        assert_int_equal(t5_bucket(r, 32, 128), r ? want + 16 : 0);
    }
}

static void bert_ignores_padding(void **state)
{
    (void)state;
    struct weights w = bert_weights();
    struct bert_encoder x;
    struct error e = {0};
    struct bert_settings settings = bert_settings_default();
    float alone[3 * WIDTH], padded[3 * WIDTH];
    assert_refused(bert_encoder_load(&x, &device, &w, "", &settings, &e), &e, "heads");
    settings.heads = HEADS;
    assert_int_equal(bert_encoder_load(&x, &device, &w, "", &settings, &e), 0);
    struct text_batch one = {1, 3, padded_ids, NULL}, both = {2, 5, padded_ids, padded_mask};
    tape_start(&tape, 0, 0, 0, 0);
    copy_rows(alone, bert_encoder_run(&tape, &x, &one, NULL, NULL, NULL), 0, 3);
    copy_rows(padded, bert_encoder_run(&tape, &x, &both, NULL, NULL, NULL), 0, 3);
    assert_near(alone, padded, 3 * WIDTH, 2e-6);
    static const int long_ids[POSITIONS + 1];
    struct text_batch longer = {1, POSITIONS + 1, long_ids, NULL};
    assert_null(bert_encoder_run(&tape, &x, &longer, NULL, NULL, NULL));
    assert_refused(tape_failed(&tape, &e), &e, "shorten");
    bert_encoder_free(&x);
    weights_free(&w);
}

static void clip_layouts_agree(void **state)
{
    (void)state;
    float feature[2][6], early[2][2 * WIDTH];
    for (int openai = 0; openai < 2; openai++) {
        struct weights w = clip_weights(openai);
        struct clip_text x;
        struct error e = {0};
        struct clip_settings settings = clip_settings_default();
        settings.heads = HEADS;
        if (clip_text_load(&x, &device, &w, "clip.", &settings, &e)) fail_msg("%s", e.text);
        int ids[2][6] = {{10, 3, 19, 0, 0, 0}, {10, 3, 19, 19, 19, 7}}; /* what follows the end does not matter */
        for (int i = 0; i < 2; i++) {
            struct text_batch batch = {1, 6, ids[i], NULL};
            tape_start(&tape, 0, 0, 0, 0);
            struct tensor *y = clip_text_run(&tape, &x, &batch, NULL, NULL);
            copy_rows(early[i], y, 0, 2);
            copy_rows(feature[i], clip_text_project(&tape, &x, clip_text_pool(&tape, y, &batch)), 0, 1);
        }
        assert_near(feature[0], feature[1], 6, 1e-6);
        static float hugging_face[6];
        if (!openai) memcpy(hugging_face, feature[0], sizeof hugging_face);
        else assert_near(hugging_face, feature[0], 6, 2e-6);
        ids[0][2] = 4; /* a later token is not seen from before */
        struct text_batch batch = {1, 6, ids[0], NULL};
        tape_start(&tape, 0, 0, 0, 0);
        copy_rows(early[1], clip_text_run(&tape, &x, &batch, NULL, NULL), 0, 2);
        assert_near(early[0], early[1], 2 * WIDTH, 1e-6);
        clip_text_free(&x);
        weights_free(&w);
    }
}

static void damaged_weights(void **state)
{
    (void)state;
    struct t5_settings settings = t5_settings_default();
    struct weights whole = t5_weights(1);
    int tensors = whole.count;
    weights_free(&whole);
    for (int i = 0; i < tensors; i++)
        for (int harm = 0; harm < 4; harm++) {
            struct weights w = t5_weights(1);
            struct t5_encoder x;
            struct error e = {0};
            if (harm == 0) w.items[i].name[0] = 'X';                          /* missing */
            else if (harm == 1) w.items[i].data[w.items[i].count - 1] = NAN;
            else if (harm == 2) w.items[i].shape[w.items[i].rank - 1]--;      /* (memory stays larger) */
            else add(&w, "encoder.block.1.layer.0.SelfAttention.extra.weight", 2, 2);
            if (harm == 2 && strstr(w.items[i].name, "attention_bias")) w.items[i].shape[1] = 3; /* 1 head would do */
            int rc = t5_encoder_load(&x, &device, &w, "", &settings, &e);
            if (rc != ERR_INPUT) fail_msg("%s, harm %d: code %d", w.items[i].name, harm, rc);
            assert_memory_equal(e.text, "t5: ", 4);
            weights_free(&w);
        }
}

/* --- safetensors ---------------------------------------------------------------------------------- */

static void write_safetensors(const char *path, const struct weights *w)
{
    struct text_buffer text = {0};
    struct error e;
    char line[400];
    size_t at = 0;
    for (int i = 0; i < w->count; i++) {
        const struct weight *x = &w->items[i];
        int n = snprintf(line, sizeof line, "%c\"%s\":{\"dtype\":\"F32\",\"shape\":[%d", i ? ',' : '{', x->name, x->shape[0]);
        if (x->rank > 1) n += snprintf(line + n, sizeof line - (size_t)n, ",%d", x->shape[1]);
        n += snprintf(line + n, sizeof line - (size_t)n, "],\"data_offsets\":[%zu,%zu]}", at, at + 4 * x->count);
        at += 4 * x->count;
        assert_int_equal(text_buffer_add(&text, line, (size_t)n, &e), 0);
    }
    assert_int_equal(text_buffer_add(&text, "}", 1, &e), 0);
    while (text.size % 8) assert_int_equal(text_buffer_add(&text, " ", 1, &e), 0);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    uint64_t size = text.size;
    fwrite(&size, 8, 1, f);
    fwrite(text.data, 1, text.size, f);
    for (int i = 0; i < w->count; i++) fwrite(w->items[i].data, 4, w->items[i].count, f);
    assert_int_equal(fclose(f), 0);
    text_buffer_free(&text);
}

static void safetensors_files(void **state)
{
    char path[512];
    struct weights w = t5_weights(0), r;
    struct error e = {0};
    scratch_path(*state, "a.safetensors", path);
    write_safetensors(path, &w);
    assert_int_equal(weights_read(path, &r, &e), 0);
    assert_int_equal(r.count, w.count);
    for (int i = 0; i < w.count; i++) {
        struct weight *x = weights_find(&r, w.items[i].name);
        assert_non_null(x);
        assert_int_equal(x->count, w.items[i].count);
        const float *values = NULL;
        assert_int_equal(weight_values(&r, x, &values, &e), 0);
        assert_memory_equal(values, w.items[i].data, x->count * sizeof(float));
    }
    weights_free(&r);
    weights_free(&w);
    static const char *const headers[] = {
        "{}", "[1]", "{\"a\":1}", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}",
        "{\"a\":{\"dtype\":\"C64\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[0.5],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999,99999999],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        unsigned char bytes[400] = {0};
        size_t n = strlen(headers[i]);
        bytes[0] = (unsigned char)n;
        memcpy(bytes + 8, headers[i], n);
        assert_int_equal(scratch_write(path, bytes, 8 + n + 4), 0);
        if (weights_read(path, &r, &e) != ERR_INPUT) fail_msg("header %zu was read", i);
    }
}

/* --- folders ----------------------------------------------------------------------------------------- */

/* Writes scratch folder's FILE. */
static void put(const struct scratch *s, const char *file, const char *text)
{
    char path[512];
    assert_int_equal(scratch_write(scratch_path(s, file, path), text, strlen(text)), 0);
}

static void sentence_folders(void **state)
{
    const struct scratch *s = *state;
    struct sentence_encoder x;
    struct error e = {0};
    char path[512], pooling[512];
    struct weights w = bert_weights();
    const char *const texts[3] = {"walk walk", NULL, "a walk, walk"};
    float all[3 * WIDTH], one[WIDTH], raw[WIDTH];
    write_safetensors(scratch_path(s, "model.safetensors", path), &w);
    put(s, "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nwalk\n,\n");
    assert_refused(sentence_encoder_open(s->folder, &device, &x, &e), &e, "config.json");
    put(s, "config.json", "{\"num_attention_heads\": 2, \"hidden_act\": \"gelu\"}");
    assert_int_equal(sentence_encoder_open(s->folder, &device, &x, &e), 0);
    assert_string_equal(sentence_encoder_name(&x), "BERT");
    assert_int_equal(x.width, WIDTH);
    assert_int_equal(sentence_encoder_encode(&x, &tape, texts, 3, all, &e), 0);
    assert_int_equal(sentence_encoder_encode(&x, &tape, texts, 1, raw, &e), 0);
    assert_near(all, raw, WIDTH, 2e-6); /* a sentence does not feel its neighbours */
    sentence_encoder_free(&x);

    scratch_path(s, "1_Pooling", pooling);
    assert_int_equal(file_make_folder(pooling, &e), 0);
    put(s, "1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}");
    put(s, "modules.json", "[{\"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},"
                           "{\"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"},"
                           "{\"path\": \"2_Normalize\", \"type\": \"sentence_transformers.models.Normalize\"}]");
    put(s, "sentence_bert_config.json", "{\"max_seq_length\": 5}");
    if (sentence_encoder_open(s->folder, &device, &x, &e)) fail_msg("%s", e.text);
    assert_int_equal(x.longest, 5);
    assert_int_equal(sentence_encoder_encode(&x, &tape, texts, 1, one, &e), 0);
    double squares = 0, product = 0, length = 0;
    for (int i = 0; i < WIDTH; i++) {
        squares += (double)one[i] * (double)one[i];
        product += (double)one[i] * (double)raw[i];
        length += (double)raw[i] * (double)raw[i];
    }
    assert_float_equal(squares, 1, 1e-6);
    assert_float_equal(product, sqrt(length), 1e-5);
    sentence_encoder_free(&x);

    /* with a dense layer before the normalisation */
    struct weights dense = {.path = "dense"};
    float want[3], short_one[3];
    assert_int_equal(file_make_folder(scratch_path(s, "2_Dense", path), &e), 0);
    const struct weight *matrix = add(&dense, "linear.weight", 3, WIDTH);
    write_safetensors(scratch_path(s, "2_Dense/model.safetensors", path), &dense);
    put(s, "2_Dense/config.json", "{\"activation_function\": \"torch.nn.modules.linear.Identity\"}");
    put(s, "modules.json", "[{\"path\": \"\", \"type\": \"a.Transformer\"}, {\"path\": \"1_Pooling\", \"type\": \"a.Pooling\"},"
                           "{\"path\": \"2_Dense\", \"type\": \"a.Dense\"}, {\"path\": \"\", \"type\": \"a.Normalize\"}]");
    if (sentence_encoder_open(s->folder, &device, &x, &e)) fail_msg("%s", e.text);
    assert_int_equal(x.width, 3);
    assert_int_equal(sentence_encoder_encode(&x, &tape, texts, 1, short_one, &e), 0);
    squares = 0;
    for (int r = 0; r < 3; r++) {
        double sum = 0;
        for (int c = 0; c < WIDTH; c++) sum += (double)matrix->data[r * WIDTH + c] * (double)raw[c];
        want[r] = (float)sum;
        squares += sum * sum;
    }
    for (int r = 0; r < 3; r++) want[r] /= (float)sqrt(squares);
    assert_near(short_one, want, 3, 1e-5);
    sentence_encoder_free(&x);
    weights_free(&dense);

    static const struct {
        const char *file, *text;
    } harms[] = {{"modules.json", "[]"},
                 {"modules.json", "{}"},
                 {"modules.json", "[{\"path\": \"../x\", \"type\": \"a.Transformer\"}]"},
                 {"modules.json", "[{\"path\": \"\", \"type\": \"a.Strange\"}]"},
                 {"1_Pooling/config.json", "{\"pooling_mode_max_tokens\": true}"},
                 {"1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": 1}"},
                 {"sentence_bert_config.json", "{\"max_seq_length\": -4}"},
                 {"config.json", "{\"num_attention_heads\": 3}"},
                 {"config.json", "{\"num_attention_heads\": 2, \"hidden_act\": \"mish\"}"},
                 {"config.json", "{\"num_attention_heads\": 2} trailing"},
                 {"tokenizer_config.json", "{\"do_lower_case\": false}"},
                 {"vocab.txt", "walk\n"},
                 {"2_Dense/config.json", "{\"activation_function\": \"torch.nn.Strange\"}"},
                 {"2_Dense/model.safetensors", "no weights"},
                 {"model.safetensors", "\x10"}};
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        char *kept = NULL;
        size_t size = 0;
        scratch_path(s, harms[i].file, path);
        if (file_exists(path)) assert_int_equal(file_read(path, 1 << 20, &kept, &size, &e), 0);
        put(s, harms[i].file, harms[i].text);
        int rc = sentence_encoder_open(s->folder, &device, &x, &e);
        if (rc != ERR_INPUT) fail_msg("harm %zu to %s: code %d", i, harms[i].file, rc);
        if (kept) assert_int_equal(scratch_write(path, kept, size), 0);
        else unlink(path);
        free(kept);
    }
    assert_int_equal(sentence_encoder_open(s->folder, &device, &x, &e), 0); /* all is mended again */
    sentence_encoder_free(&x);

    /* behind the interface: the width that the denoiser reads, the fingerprint of what is in the folder */
    struct text_source source;
    char before[65], after[65];
    assert_int_equal(text_source_open(&source, s->folder, &device, PRECISION_FP32, 768, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "width 3,"));
    assert_non_null(strstr(e.text, "768"));
    assert_int_equal(source.kind, TEXT_SOURCE_NONE);
    assert_int_equal(text_source_open(&source, s->folder, &device, PRECISION_BF16, 3, &e), 0);
    text_source_free(&source);
    assert_int_equal(text_folder_fingerprint(s->folder, before, &e), 0);
    put(s, "sentence_bert_config.json", "{\"max_seq_length\": 4}");
    assert_int_equal(text_folder_fingerprint(s->folder, after, &e), 0);
    assert_string_not_equal(before, after);
    weights_free(&w);
    static const char *const inside[] = {"1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors"};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) unlink(scratch_path(s, inside[i], path));
}

/* --- reference cases ----------------------------------------------------------------------------------- */

static void reference_cases(void **state)
{
    (void)state;
    static const char *const folder = "../shared/golden";
    int cases = 0;
    FILE *out = tmpfile();
    assert_non_null(out);
    for (const struct verify_kind *k = verify_kinds_text; k->kind; k++) {
        char path[600], name[100];
        snprintf(name, sizeof name, "%s_small", k->kind);
        snprintf(path, sizeof path, "%s/%s.h5", folder, name);
        if (!file_exists(path)) continue;
        struct verify v = {.case_name = name, .folder = folder, .quiet = 1, .out = out};
        struct h5 *f;
        struct error e = {0};
        assert_int_equal(h5_open(path, &f, &e), 0);
        if (k->run(&v, f, &e)) fail_msg("%s: %s", name, e.text);
        assert_int_equal(v.failed + v.marginal, 0);
        assert_true(v.passed > 5);
        h5_close(f);
        cases++;
    }
    fclose(out);
    if (!cases) {
        print_message("skip: %s not here\n", folder);
        skip();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_and_sums),     cmocka_unit_test(biased_causal_attention),
        cmocka_unit_test(t5_ignores_padding), cmocka_unit_test(t5_buckets),
        cmocka_unit_test(bert_ignores_padding), cmocka_unit_test(clip_layouts_agree),
        cmocka_unit_test(damaged_weights),    cmocka_unit_test(safetensors_files),
        cmocka_unit_test(sentence_folders),   cmocka_unit_test(reference_cases),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
