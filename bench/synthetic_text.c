/* A sentence-T5 with random weights in the layout of the published folder. */
#include "synthetic_models.h"
#include "../engine/file.h"
#include "../engine/rng.h"
#include "../engine/torch_write.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct size {
    int layers, width, heads, head, feed_forward, tokens, out;
};

/* --- the vocabulary: a SentencePiece model, as a protobuf message --------------------------------- */

enum piece { NORMAL = 1, UNKNOWN = 2, CONTROL = 3 };

static void put_piece(FILE *out, const char *text, float score, enum piece type)
{
    size_t n = strlen(text);
    unsigned char bits[4];
    memcpy(bits, &score, 4);
    fputc(1 << 3 | 2, out);                         /* a piece, of so many bytes */
    fputc((int)(n + 9), out);
    fputc(1 << 3 | 2, out);                         /* its text */
    fputc((int)n, out);
    fwrite(text, 1, n, out);
    fputc(2 << 3 | 5, out);                         /* its score */
    fwrite(bits, 1, 4, out);
    fputc(3 << 3 | 0, out);                         /* its type */
    fputc((int)type, out);
}

static int write_vocabulary(const char *folder, struct error *e)
{
    static const char *const words[] = {
        "a", "person", "walks", "walk", "forward", "backward", "and", "then", "the", "with", "in", "to", "left", "right", "hand",
        "both", "hands", "turns", "slowly", "runs", "bows", "raises", "waves", "their", "up", "way", "is", "of", "while", "man",
        "stands", "jumps", "sits", "down", "arms", "leg", "legs", "head", "steps", "around"};
    char path[1400], text[40];
    struct file_writer w;
    snprintf(path, sizeof path, "%s/spiece.model", folder);
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    put_piece(w.stream, "<pad>", 0, CONTROL);
    put_piece(w.stream, "</s>", 0, CONTROL);
    put_piece(w.stream, "<unk>", 0, UNKNOWN);
    put_piece(w.stream, "\xe2\x96\x81", -3, NORMAL);           /* a word's start */
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        snprintf(text, sizeof text, "\xe2\x96\x81%s", words[i]);
        put_piece(w.stream, text, -4 - 0.05f * (float)i, NORMAL);
    }
    for (int c = '!'; c <= '~'; c++) {
        snprintf(text, sizeof text, "%c", c);
        put_piece(w.stream, text, -8 - 0.01f * (float)(c - '!'), NORMAL);
    }
    fwrite("\x12\x02\x18\x01", 1, 4, w.stream);                /* trained as unigram */
    return file_commit(&w, e);
}

/* --- tensors ----------------------------------------------------------------------------------------- */

static int add(struct weights *w, const char *name, int rows, int columns, double scale, uint64_t seed, struct error *e)
{
    struct weight *t;
    const int shape[2] = {rows, columns};
    int rc = weights_add(w, name, columns ? 2 : 1, shape, &t, e);
    if (rc) return rc;
    if (scale > 0) rng_fill_normal(seed, rng_stream(name), 0, t->data, t->count);
    for (size_t i = 0; i < t->count; i++) t->data[i] = scale > 0 ? t->data[i] * (float)scale : 1;
    return 0;
}

static int add_layer(struct weights *w, const struct size *s, int number, uint64_t seed, struct error *e)
{
    int inner = s->heads * s->head, rc = 0;
    double wide = 1 / sqrt(s->width);
    const struct {
        const char *name;
        int rows, columns;
        double scale;
    } parts[] = {
        {"layer.0.SelfAttention.q.weight", inner, s->width, wide / sqrt(s->head)},
        {"layer.0.SelfAttention.k.weight", inner, s->width, wide},
        {"layer.0.SelfAttention.v.weight", inner, s->width, wide},
        {"layer.0.SelfAttention.o.weight", s->width, inner, 1 / sqrt(inner)},
        {"layer.0.SelfAttention.relative_attention_bias.weight", 32, s->heads, 0.5},
        {"layer.0.layer_norm.weight", s->width, 0, 0},
        {"layer.1.DenseReluDense.wi.weight", s->feed_forward, s->width, wide},
        {"layer.1.DenseReluDense.wo.weight", s->width, s->feed_forward, 1 / sqrt(s->feed_forward)},
        {"layer.1.layer_norm.weight", s->width, 0, 0},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !rc; i++) {
        char name[120];
        if (number && strstr(parts[i].name, "relative")) continue;   /* the first layer's serves all */
        snprintf(name, sizeof name, "encoder.block.%d.%s", number, parts[i].name);
        rc = add(w, name, parts[i].rows, parts[i].columns, parts[i].scale, seed, e);
    }
    return rc;
}

static int write_weights(const char *folder, const struct size *s, uint64_t seed, struct error *e)
{
    static const struct torch_section whole = {"", ""};
    struct weights w = {0};
    char path[1400];
    int rc = add(&w, "shared.weight", s->tokens, s->width, 1, seed, e);
    for (int i = 0; i < s->layers && !rc; i++) rc = add_layer(&w, s, i, seed, e);
    if (!rc) rc = add(&w, "encoder.final_layer_norm.weight", s->width, 0, 0, seed, e);
    snprintf(path, sizeof path, "%s/pytorch_model.bin", folder);
    if (!rc) rc = torch_write(path, &w, &whole, 1, NULL, 0, 1, e);
    weights_free(&w);
    if (!rc) rc = add(&w, "linear.weight", s->out, s->width, 1 / sqrt(s->width), seed, e);
    snprintf(path, sizeof path, "%s/2_Dense/pytorch_model.bin", folder);
    if (!rc) rc = torch_write(path, &w, &whole, 1, NULL, 0, 0, e);
    weights_free(&w);
    return rc;
}

/* --- settings ------------------------------------------------------------------------------------------ */

static int write_text(const char *folder, const char *name, const char *text, struct error *e)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_write(path, text, strlen(text), e);
}

int synthetic_text_write(const char *folder, int large, int width, uint64_t seed, struct error *e)
{
    static const char *const parts[] = {"1_Pooling", "2_Dense", "3_Normalize"};
    const struct size s = large ? (struct size){24, 1024, 16, 64, 4096, 32128, width} : (struct size){2, 64, 4, 16, 128, 192, width};
    char path[1400], text[600];
    int rc = 0;
    for (int i = 0; i < 3 && !rc; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, parts[i]);
        rc = file_make_folder(path, e);
    }
    if (!rc) rc = write_text(folder, "modules.json",
                    "[{\"idx\": 0, \"name\": \"0\", \"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},\n"
                    " {\"idx\": 1, \"name\": \"1\", \"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"},\n"
                    " {\"idx\": 2, \"name\": \"2\", \"path\": \"2_Dense\", \"type\": \"sentence_transformers.models.Dense\"},\n"
                    " {\"idx\": 3, \"name\": \"3\", \"path\": \"3_Normalize\", \"type\": \"sentence_transformers.models.Normalize\"}]\n", e);
    snprintf(text, sizeof text,
             "{\"model_type\": \"t5\", \"d_model\": %d, \"num_layers\": %d, \"num_heads\": %d, \"d_kv\": %d, \"d_ff\": %d, "
             "\"vocab_size\": %d, \"layer_norm_epsilon\": 1e-06, \"feed_forward_proj\": \"relu\"}\n",
             s.width, s.layers, s.heads, s.head, s.feed_forward, s.tokens);
    if (!rc) rc = write_text(folder, "config.json", text, e);
    if (!rc) rc = write_text(folder, "sentence_bert_config.json", "{\"max_seq_length\": 256, \"do_lower_case\": false}\n", e);
    if (!rc) rc = write_text(folder, "1_Pooling/config.json",
                             "{\"word_embedding_dimension\": 768, \"pooling_mode_cls_token\": false, \"pooling_mode_mean_tokens\": true, "
                             "\"pooling_mode_max_tokens\": false, \"pooling_mode_mean_sqrt_len_tokens\": false}\n", e);
    snprintf(text, sizeof text, "{\"in_features\": %d, \"out_features\": %d, \"bias\": false, "
             "\"activation_function\": \"torch.nn.modules.linear.Identity\"}\n", s.width, s.out);
    if (!rc) rc = write_text(folder, "2_Dense/config.json", text, e);
    if (!rc) rc = write_vocabulary(folder, e);
    return rc ? rc : write_weights(folder, &s, seed, e);
}
