#include "safetensors.h"
#include "config_file.h"
#include "weights_source.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TENSORS = 1 << 14 };
static const uint64_t longest_header = 100u << 20;

static uint64_t header_size(const unsigned char *head)
{
    uint64_t n = 0;
    for (int i = 0; i < 8; i++) n |= (uint64_t)head[i] << (8 * i);
    return n;
}

int safetensors_begins(const char *head, size_t size)
{
    return size > 9 && head[8] == '{' && header_size((const unsigned char *)head) <= longest_header;
}

static int broken(const struct weights *w, const char *tensor, const char *rule, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: not a sound safetensors file: %s%.100s%s; fetch the file again", w->path,
                     tensor ? tensor : "", tensor ? ": " : "", rule);
}

static const struct {
    const char *name;
    enum tensor_type type;
    size_t element;
} types[] = {{"F32", TENSOR_FLOAT, 4},    {"F16", TENSOR_HALF, 2}, {"BF16", TENSOR_BFLOAT16, 2}, {"F64", TENSOR_DOUBLE, 8},
             {"I64", TENSOR_LONG, 8},     {"I32", TENSOR_INT, 4},  {"I16", TENSOR_SHORT, 2},     {"I8", TENSOR_CHAR, 1},
             {"U8", TENSOR_BYTE, 1},      {"BOOL", TENSOR_BOOL, 1}};

/* A whole number from 0 to `most`, or -1. */
static double whole(const cJSON *x, double most)
{
    return cJSON_IsNumber(x) && x->valuedouble >= 0 && x->valuedouble <= most && x->valuedouble == floor(x->valuedouble)
               ? x->valuedouble
               : -1;
}

struct place {
    size_t from, to;
};

static int add_tensor(const cJSON *x, const unsigned char *data, size_t size, struct weights *w, struct place *place,
                      struct error *e)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(x, "dtype");
    const cJSON *dims = cJSON_GetObjectItemCaseSensitive(x, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(x, "data_offsets");
    size_t kind = 0, count = 1;
    struct tensor_view view = {.count = 0};
    int rank = cJSON_IsArray(dims) ? cJSON_GetArraySize(dims) : -1;
    while (kind < sizeof types / sizeof *types &&
           !(cJSON_IsString(type) && !strcmp(type->valuestring, types[kind].name)))
        kind++;
    if (kind == sizeof types / sizeof *types) return broken(w, x->string, "a type that is not read", e);
    if (rank < 0 || rank > 8) return broken(w, x->string, "a shape that is no list of at most 8 numbers", e);
    view.rank = rank;
    for (int i = 0; i < rank; i++) {
        double d = whole(cJSON_GetArrayItem(dims, i), INT32_MAX);
        if (d < 0 || (d > 0 && count > size / (size_t)d)) return broken(w, x->string, "a shape that does not fit", e);
        view.shape[i] = (int)d;
        count *= (size_t)d;
    }
    double from = whole(cJSON_GetArrayItem(offsets, 0), (double)size);
    double to = whole(cJSON_GetArrayItem(offsets, 1), (double)size);
    if (from < 0 || to < from || cJSON_GetArraySize(offsets) != 2 ||
        (size_t)(to - from) / types[kind].element != count || (size_t)(to - from) % types[kind].element)
        return broken(w, x->string, "a place that does not fit its shape and the file", e);
    *place = (struct place){(size_t)from, (size_t)to};
    view.type = types[kind].type;
    view.bytes = data + (size_t)from;
    tensor_view_contiguous(&view);
    return weights_add_view(w, x->string, &view, NULL, e);
}

static int is_metadata(const cJSON *x)
{
    int sound = cJSON_IsObject(x);
    for (const cJSON *text = x->child; sound && text; text = text->next) sound = cJSON_IsString(text);
    return sound;
}

static int by_start(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    return x->from != y->from ? (x->from > y->from) - (x->from < y->from) : (x->to > y->to) - (x->to < y->to);
}

int safetensors_read(const unsigned char *data, size_t size, struct weights *w, struct error *e)
{
    cJSON *tree;
    uint64_t header = size < 8 ? 0 : header_size(data);
    if (!header || header > longest_header || header > size - 8) return broken(w, NULL, "its header is cut off", e);
    int rc = weights_source(w) ? 0 : error_memory(e, w->path);
    if (rc) return rc;
    rc = config_parse(w->path, (const char *)data + 8, (size_t)header, &tree, e);
    if (rc) return rc;
    const unsigned char *body = data + 8 + header;
    int metadata = 0;
    size_t left = size - 8 - (size_t)header, count = 0, total = (size_t)cJSON_GetArraySize(tree);
    struct place *places = malloc((total + 1) * sizeof *places);
    if (!places) rc = error_memory(e, w->path);
    else if (!cJSON_IsObject(tree) || total > MOST_TENSORS) rc = broken(w, NULL, "its header is no table of tensors", e);
    for (const cJSON *x = rc ? NULL : tree->child; x && !rc; x = x->next)
        if (!strcmp(x->string, "__metadata__")) {
            if (metadata++) rc = broken(w, NULL, "__metadata__ occurs twice", e);
            else if (!is_metadata(x)) rc = broken(w, NULL, "__metadata__ is no table of texts", e);
        }
        else rc = add_tensor(x, body, left, w, &places[count++], e);
    if (!rc && !count) rc = broken(w, NULL, "it holds no tensors", e);
    if (!rc) {
        size_t end = 0;
        qsort(places, count, sizeof *places, by_start);
        for (size_t i = 0; i < count && !rc; end = places[i++].to)
            if (places[i].from != end) rc = broken(w, NULL, "its tensors overlap or leave holes", e);
        if (!rc && end != left) rc = broken(w, NULL, "bytes follow its last tensor", e);
    }
    free(places);
    cJSON_Delete(tree);
    return rc;
}
