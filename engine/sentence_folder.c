/* Opening the folder of a published sentence encoder: which files it has, what they say. */
#include "config_file.h"
#include "file.h"
#include "sentence_encoder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_CONFIG = 4 << 20, MOST_MODULES = 16, LONGEST_T5 = 512 };

static int join(const char *folder, const char *name, char path[1200], struct error *e)
{
    if (snprintf(path, 1200, "%s%s%s", folder, *name ? "/" : "", name) < 1000) return 0;
    return error_set(e, ERR_INPUT, "%.80s…: the path is too long; move the folder", folder);
}

static int has(const char *folder, const char *name)
{
    char path[1200];
    return !join(folder, name, path, NULL) && file_size(path) >= 0;
}

/* The object in a configuration file; *tree is NULL if the file is not there. */
static int read_object(const char *folder, const char *name, char path[1200], cJSON **tree, struct error *e)
{
    *tree = NULL;
    int rc = join(folder, name, path, e);
    if (rc || file_size(path) < 0) return rc;
    rc = config_read(path, LARGEST_CONFIG, tree, e);
    if (rc || cJSON_IsObject(*tree)) return rc;
    cJSON_Delete(*tree);
    *tree = NULL;
    return error_set(e, ERR_INPUT, "%s: must be an object in { }; fetch the file again", path);
}

static int read_weights(const char *folder, struct weights *w, struct error *e)
{
    char path[1200];
    const char *name = has(folder, "pytorch_model.bin") ? "pytorch_model.bin" : "model.safetensors";
    if (!has(folder, name))
        return error_set(e, ERR_INPUT, "%s: holds neither pytorch_model.bin nor model.safetensors; fetch one of them (a model "
                                       "in several parts is not read)",
                         folder);
    int rc = join(folder, name, path, e);
    return rc ? rc : weights_read(path, w, e);
}

/* --- settings of the encoders ---------------------------------------------------------------- */

static int activation_of(const char *path, const char *name, enum activation *a, struct error *e)
{
    static const struct {
        const char *name;
        enum activation activation;
    } known[] = {{"gelu", ACT_GELU},           {"relu", ACT_RELU},   {"gelu_new", ACT_GELU_TANH},
                 {"quick_gelu", ACT_QUICK_GELU}, {"silu", ACT_SILU}, {"gelu_pytorch_tanh", ACT_GELU_TANH},
                 {"tanh", ACT_TANH}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i].name)) {
            *a = known[i].activation;
            return 0;
        }
    return error_set(e, ERR_INPUT, "%s: the activation \"%.40s\" is not known; use another model", path, name);
}

static int t5_settings(const char *path, const cJSON *o, struct t5_settings *s, struct error *e)
{
    double eps;
    const char *feed;
    int rc = config_number(path, o, "layer_norm_epsilon", 0, 1, 1e-6, &eps, e);
    if (!rc) rc = config_int(path, o, "relative_attention_max_distance", 2, 1 << 20, 128, &s->farthest, e);
    if (!rc) rc = config_string(path, o, "feed_forward_proj", "", &feed, e);
    s->eps = (float)eps;
    if (rc || !*feed) return rc;
    if (!strcmp(feed, "gated-gelu")) feed = "gelu_new"; /* as the published models mean it */
    return activation_of(path, strncmp(feed, "gated-", 6) ? feed : feed + 6, &s->activation, e);
}

static int bert_settings(const char *path, const cJSON *o, struct bert_settings *s, struct error *e)
{
    double eps;
    const char *act, *position;
    const char *heads = cJSON_GetObjectItemCaseSensitive(o, "n_heads") ? "n_heads" : "num_attention_heads";
    int rc = config_int(path, o, heads, 1, 1024, 0, &s->heads, e);
    if (!rc && !s->heads) rc = error_set(e, ERR_INPUT, "%s: lacks \"num_attention_heads\"; fetch the file again", path);
    if (!rc) rc = config_number(path, o, "layer_norm_eps", 0, 1, 1e-12, &eps, e);
    if (!rc) rc = config_string(path, o, "activation", NULL, &act, e);
    if (!rc && !act) rc = config_string(path, o, "hidden_act", "gelu", &act, e);
    if (!rc) rc = config_string(path, o, "position_embedding_type", "absolute", &position, e);
    if (!rc && strcmp(position, "absolute"))
        rc = error_set(e, ERR_INPUT, "%s: positions of the kind \"%.40s\" are not read; use a model with absolute ones", path,
                       position);
    if (rc) return rc;
    s->eps = (float)eps;
    return activation_of(path, act, &s->activation, e);
}

static int clip_settings(const char *path, const cJSON *o, struct clip_settings *s, struct error *e)
{
    double eps;
    const char *act;
    const cJSON *text = cJSON_GetObjectItemCaseSensitive(o, "text_config");
    if (cJSON_IsObject(text)) o = text;
    int rc = config_int(path, o, "num_attention_heads", 1, 1024, 0, &s->heads, e);
    if (!rc) rc = config_number(path, o, "layer_norm_eps", 0, 1, 1e-5, &eps, e);
    if (!rc) rc = config_string(path, o, "hidden_act", "quick_gelu", &act, e);
    if (rc) return rc;
    s->eps = (float)eps;
    return activation_of(path, act, &s->activation, e);
}

/* A vocabulary may be smaller than the table of an encoder, never larger. */
static int check_vocabulary(const struct weights *w, int rows, const char *path, int count, struct error *e)
{
    if (count <= rows) return 0;
    return error_set(e, ERR_INPUT, "%s: knows %d tokens, but the vocabulary %s has %d; use files of one model", w->path, rows,
                     path, count);
}

/* --- the transformer and its tokenizer --------------------------------------------------------- */

static int open_t5(const char *folder, const char *path, const cJSON *config, struct device *d, struct weights *w,
                   struct sentence_encoder *s, struct error *e)
{
    char file[1200];
    struct t5_settings settings = t5_settings_default();
    s->kind = SENTENCE_T5;
    s->longest = LONGEST_T5;
    int rc = config ? t5_settings(path, config, &settings, e) : 0;
    if (!rc) rc = join(folder, "spiece.model", file, e);
    if (!rc) rc = unigram_tokenizer_open(file, &s->tokenizer.unigram, e);
    if (!rc) rc = t5_encoder_load(&s->encoder.t5, d, w, "", &settings, e);
    if (rc) return rc;
    const struct sentencepiece_model *m = &s->tokenizer.unigram.model;
    rc = check_vocabulary(w, s->encoder.t5.vocabulary, m->path, m->count, e);
    s->token_width = s->encoder.t5.stack.size.width;
    int pad = sentencepiece_model_find(m, "<pad>", 5);
    s->padding = pad > 0 ? pad : 0;
    return rc;
}

/* A cased vocabulary would need another tokenizer. */
static int check_uncased(const char *folder, struct error *e)
{
    char path[1200];
    cJSON *tree;
    int lower = 1, rc = read_object(folder, "tokenizer_config.json", path, &tree, e);
    if (!rc && tree) rc = config_bool(path, tree, "do_lower_case", 1, &lower, e);
    cJSON_Delete(tree);
    if (!rc && !lower)
        rc = error_set(e, ERR_INPUT, "%s: a cased model; only uncased BERT models are read, use one of them", path);
    return rc;
}

static int open_bert(const char *folder, const char *path, const cJSON *config, struct device *d, struct weights *w,
                     struct sentence_encoder *s, struct error *e)
{
    char file[1200];
    struct bert_settings settings = bert_settings_default();
    s->kind = SENTENCE_BERT;
    int rc = config ? bert_settings(path, config, &settings, e)
                    : error_set(e, ERR_INPUT, "%s: is missing; fetch it, it tells the number of heads", path);
    if (!rc) rc = check_uncased(folder, e);
    if (!rc) rc = join(folder, "vocab.txt", file, e);
    if (!rc) rc = wordpiece_tokenizer_open(file, &s->tokenizer.wordpiece, e);
    if (!rc) rc = bert_encoder_load(&s->encoder.bert, d, w, "", &settings, e);
    if (rc) return rc;
    s->longest = s->encoder.bert.position_count;
    s->token_width = s->encoder.bert.stack.size.width;
    s->padding = s->tokenizer.wordpiece.padding;
    return check_vocabulary(w, s->encoder.bert.vocabulary, file, s->tokenizer.wordpiece.vocabulary.count, e);
}

static int load_clip(const struct clip_settings *settings, struct device *d, struct weights *w,
                     struct sentence_encoder *s, struct error *e)
{
    struct clip_text *x = &s->encoder.clip;
    int rc = clip_text_load(x, d, w, "", settings, e);
    if (rc) return rc;
    if (x->context < 2)
        return error_set(e, ERR_INPUT, "%s: a context of one token has no place for a text; use another model", w->path);
    s->longest = x->context;
    s->token_width = x->stack.size.width;
    return check_vocabulary(w, x->vocabulary, s->tokenizer.bpe.path, s->tokenizer.bpe.symbols.count, e);
}

static int open_clip(const char *folder, const char *path, const cJSON *config, struct device *d, struct weights *w,
                     struct sentence_encoder *s, struct error *e)
{
    char vocabulary[1200], merges[1200];
    struct clip_settings settings = clip_settings_default();
    s->kind = SENTENCE_CLIP;
    s->cleaning = CLIP_FAST;
    int rc = config ? clip_settings(path, config, &settings, e) : 0;
    if (!rc) rc = join(folder, "vocab.json", vocabulary, e);
    if (!rc) rc = join(folder, "merges.txt", merges, e);
    if (!rc) rc = bpe_tokenizer_open_hf(vocabulary, merges, &s->tokenizer.bpe, e);
    s->padding = s->tokenizer.bpe.end;
    return rc ? rc : load_clip(&settings, d, w, s, e);
}

static int open_transformer(const char *folder, struct device *d, struct sentence_encoder *s, struct error *e)
{
    char path[1200];
    cJSON *config;
    struct weights w = {0};
    int rc = read_object(folder, "config.json", path, &config, e);
    if (!rc) rc = read_weights(folder, &w, e);
    if (!rc && clip_text_found(&w, "")) rc = open_clip(folder, path, config, d, &w, s, e);
    else if (!rc && t5_encoder_found(&w, "")) rc = open_t5(folder, path, config, d, &w, s, e);
    else if (!rc && bert_encoder_found(&w, "")) rc = open_bert(folder, path, config, d, &w, s, e);
    else if (!rc) rc = error_set(e, ERR_INPUT, "%s: neither T5 nor BERT nor CLIP; use a text encoder of these kinds", w.path);
    weights_free(&w);
    cJSON_Delete(config);
    s->width = s->kind == SENTENCE_CLIP && s->encoder.clip.features ? s->encoder.clip.features : s->token_width;
    return rc;
}

/* --- sentence-transformers ----------------------------------------------------------------------- */

struct chain {
    const char *folder;
    int position;              /* 0 nothing read, 1 transformer, 2 pooling or dense, 3 normalised */
    struct weights dense[SENTENCE_MOST_DENSE];
};

static int read_longest(const char *folder, struct sentence_encoder *s, struct error *e)
{
    char path[1200];
    cJSON *tree;
    int longest = s->longest, rc = read_object(folder, "sentence_bert_config.json", path, &tree, e);
    if (!rc && tree) rc = config_int(path, tree, "max_seq_length", 3, 1 << 16, s->longest, &longest, e);
    cJSON_Delete(tree);
    if (longest < s->longest || s->kind == SENTENCE_T5) s->longest = longest;
    return rc;
}

static int read_pooling(const char *folder, struct sentence_encoder *s, struct error *e)
{
    static const char *const others[] = {"pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens",
                                         "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"};
    char path[1200];
    cJSON *tree;
    int mean = 0, other = 0, on, rc = read_object(folder, "config.json", path, &tree, e);
    if (!rc && !tree) rc = error_set(e, ERR_INPUT, "%s: is missing; fetch it, it tells how to pool", path);
    if (!rc) rc = config_bool(path, tree, "pooling_mode_mean_tokens", 0, &mean, e);
    if (!rc) rc = config_bool(path, tree, "pooling_mode_cls_token", 0, &s->first_token, e);
    for (size_t i = 0; i < sizeof others / sizeof *others && !rc; i++) {
        rc = config_bool(path, tree, others[i], 0, &on, e);
        other |= on;
    }
    cJSON_Delete(tree);
    if (!rc && (other || mean == s->first_token))
        rc = error_set(e, ERR_INPUT, "%s: only pooling by the mean or by the first token is read; use another model", path);
    return rc;
}

static int read_dense(const char *folder, struct sentence_encoder *s, struct weights *w, struct error *e)
{
    char path[1200];
    cJSON *tree;
    const char *act = NULL;
    struct sentence_dense *x = &s->dense[s->dense_count];
    int rc = read_object(folder, "config.json", path, &tree, e);
    if (!rc && !tree) rc = error_set(e, ERR_INPUT, "%s: is missing; fetch it, it tells the activation", path);
    if (!rc) rc = config_string(path, tree, "activation_function", "torch.nn.modules.activation.Tanh", &act, e);
    if (!rc) {
        const char *point = strrchr(act, '.');
        const char *name = point ? point + 1 : act;
        if (!strcmp(name, "Identity")) x->activation = ACT_NONE;
        else if (!strcmp(name, "Tanh")) x->activation = ACT_TANH;
        else if (!strcmp(name, "ReLU")) x->activation = ACT_RELU;
        else if (!strcmp(name, "GELU")) x->activation = ACT_GELU;
        else rc = error_set(e, ERR_INPUT, "%s: the activation %.60s is not known; use another model", path, act);
    }
    cJSON_Delete(tree);
    if (!rc) rc = read_weights(folder, w, e);
    if (rc) return rc;
    struct weight *matrix = weights_find(w, "linear.weight");
    if (!matrix || matrix->rank != 2 || matrix->shape[0] < 1 || matrix->shape[1] != s->width)
        return error_set(e, ERR_INPUT, "%s: needs a matrix linear.weight that takes vectors of width %d; use files of one model",
                         w->path, s->width);
    char name[32];
    snprintf(name, sizeof name, "dense.%d", s->dense_count);
    x->layer = linear_add(&s->params, name, s->width, matrix->shape[0], weights_find(w, "linear.bias") != NULL);
    s->width = matrix->shape[0];
    s->dense_count++;
    return 0;
}

static int read_module(struct chain *c, const cJSON *module, struct device *d, struct sentence_encoder *s,
                       struct error *e)
{
    char file[1200], folder[1200];
    const char *type, *path;
    int rc = join(c->folder, "modules.json", file, e);
    if (!rc) rc = config_string(file, module, "type", "", &type, e);
    if (!rc) rc = config_string(file, module, "path", "", &path, e);
    if (!rc && (*path == '/' || strstr(path, "..")))
        rc = error_set(e, ERR_INPUT, "%s: the path \"%.60s\" leaves the folder; correct it", file, path);
    if (!rc) rc = join(c->folder, path, folder, e);
    if (rc) return rc;
    const char *point = strrchr(type, '.'), *name = point ? point + 1 : type;
    int before = c->position;
    if (!strcmp(name, "Transformer") && before == 0) {
        c->position = 1;
        rc = open_transformer(folder, d, s, e);
        return rc ? rc : read_longest(folder, s, e);
    }
    if (!strcmp(name, "Pooling") && before == 1 && s->kind != SENTENCE_CLIP) {
        c->position = 2;
        return read_pooling(folder, s, e);
    }
    if (!strcmp(name, "Dense") && before == 2 && s->dense_count < SENTENCE_MOST_DENSE)
        return read_dense(folder, s, &c->dense[s->dense_count], e);
    if (!strcmp(name, "Normalize") && before == 2) {
        c->position = 3;
        s->unit_length = 1;
        return 0;
    }
    return error_set(e, ERR_INPUT, "%s: the module \"%.80s\" is not read at this place; a chain is Transformer, Pooling, "
                                   "Dense (up to %d), Normalize: use another model",
                     file, type, SENTENCE_MOST_DENSE);
}

static int fill_dense(struct chain *c, struct sentence_encoder *s, struct error *e)
{
    int rc = s->dense_count ? params_allocate(&s->params, e) : 0;
    for (int i = 0; i < s->dense_count && !rc; i++) {
        struct linear_layer *l = &s->dense[i].layer;
        rc = text_fill(&s->params, l->weight, 0, l->weight->shape[0], &c->dense[i], "", "linear.weight", 0, e);
        if (!rc && l->bias) rc = text_fill(&s->params, l->bias, 0, l->bias->shape[0], &c->dense[i], "", "linear.bias", 0, e);
    }
    return rc;
}

static int open_modules(const char *folder, struct device *d, struct sentence_encoder *s, struct error *e)
{
    char path[1200];
    cJSON *tree = NULL;
    struct chain c = {.folder = folder};
    int rc = join(folder, "modules.json", path, e);
    if (!rc) rc = config_read(path, LARGEST_CONFIG, &tree, e);
    if (!rc && (!cJSON_IsArray(tree) || cJSON_GetArraySize(tree) > MOST_MODULES))
        rc = error_set(e, ERR_INPUT, "%s: must be a list of at most %d modules; fetch the file again", path, MOST_MODULES);
    for (const cJSON *x = rc ? NULL : tree->child; x && !rc; x = x->next)
        rc = cJSON_IsObject(x) ? read_module(&c, x, d, s, e)
                               : error_set(e, ERR_INPUT, "%s: a module must be an object in { }; correct it", path);
    if (!rc && c.position < 2)
        rc = error_set(e, ERR_INPUT, "%s: lacks the modules Transformer and Pooling; fetch the file again", path);
    if (!rc) rc = fill_dense(&c, s, e);
    for (int i = 0; i < SENTENCE_MOST_DENSE; i++) weights_free(&c.dense[i]);
    cJSON_Delete(tree);
    return rc;
}

/* --- OpenAI's CLIP ----------------------------------------------------------------------------------- */

/* The one file NAME.pt of the folder. */
static int find_checkpoint(const char *folder, char path[1200], struct error *e)
{
    char **names;
    int count, found = 0, rc = file_list(folder, &names, &count, e);
    if (rc) return rc;
    for (int i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        if (n < 4 || strcmp(names[i] + n - 3, ".pt")) continue;
        found++;
        if (!rc) rc = join(folder, names[i], path, e);
    }
    file_list_free(names, count);
    if (!rc && found != 1)
        rc = error_set(e, ERR_INPUT, "%s: %d files *.pt beside CLIP's vocabulary; leave exactly one", folder, found);
    return rc;
}

static int open_openai(const char *folder, const char *vocabulary, struct device *d, struct sentence_encoder *s,
                       struct error *e)
{
    char path[1200], merges[1200];
    struct weights w = {0};
    struct clip_settings settings = clip_settings_default();
    s->kind = SENTENCE_CLIP;
    s->cleaning = CLIP_OPENAI;
    int rc = join(folder, vocabulary, merges, e);
    if (!rc) rc = find_checkpoint(folder, path, e);
    if (!rc) rc = bpe_tokenizer_open_openai(merges, &s->tokenizer.bpe, e);
    if (!rc) rc = weights_read(path, &w, e);
    if (!rc) rc = load_clip(&settings, d, &w, s, e);
    weights_free(&w);
    s->width = s->encoder.clip.features ? s->encoder.clip.features : s->token_width;
    return rc;
}

int sentence_encoder_open(const char *folder, struct device *d, struct sentence_encoder *s, struct error *e)
{
    static const char *const lists[] = {"bpe_simple_vocab_16e6.txt.gz", "bpe_simple_vocab_16e6.txt"};
    int rc;
    memset(s, 0, sizeof *s);
    params_init(&s->params, d);
    const char *list = has(folder, lists[0]) ? lists[0] : has(folder, lists[1]) ? lists[1] : NULL;
    if (has(folder, "modules.json")) rc = open_modules(folder, d, s, e);
    else if (has(folder, "config.json")) rc = open_transformer(folder, d, s, e);
    else if (list) rc = open_openai(folder, list, d, s, e);
    else
        rc = error_set(e, ERR_INPUT, "%s: no text encoder: it holds neither modules.json nor config.json nor %s; name the "
                                     "folder of a downloaded model",
                       folder, lists[0]);
    if (rc) sentence_encoder_free(s);
    return rc;
}
