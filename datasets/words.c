#include "words.h"

#include "../engine/file.h"
#include "../engine/npy.h"
#include "../engine/pickle.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the hash: open addressing over row numbers ---- */

struct index {
    uint32_t mask;
    int slot[];            /* row + 1, 0 = empty */
};

static uint32_t hash_text(const char *text, size_t length)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h ^ (h >> 15);
}

int words_find(const struct words *w, const char *word, size_t length)
{
    const struct index *index = w->index;
    if (!index)
        return -1;
    for (uint32_t at = hash_text(word, length) & index->mask; index->slot[at];
         at = (at + 1) & index->mask) {
        const char *have = w->word[index->slot[at] - 1];
        if (strlen(have) == length && memcmp(have, word, length) == 0)
            return index->slot[at] - 1;
    }
    return -1;
}

static int build_index(struct words *w, struct error *e)
{
    size_t size = 16;
    while (size < 2 * (size_t)w->count + 2)
        size *= 2;
    struct index *index = calloc(1, sizeof *index + size * sizeof index->slot[0]);
    if (!index)
        return error_memory(e, "the vocabulary");
    index->mask = (uint32_t)(size - 1);
    w->index = index;
    for (int row = 0; row < w->count; row++) {
        size_t length = strlen(w->word[row]);
        if (length == 0)
            return error_set(e, ERR_INPUT, "vocabulary: word %d is empty", row);
        if (words_find(w, w->word[row], length) >= 0)
            return error_set(e, ERR_INPUT, "vocabulary: word \"%s\" appears twice", w->word[row]);
        uint32_t at = hash_text(w->word[row], length) & index->mask;
        while (index->slot[at])
            at = (at + 1) & index->mask;
        index->slot[at] = row + 1;
    }
    return 0;
}

void words_free(struct words *w)
{
    if (w->word)
        for (int i = 0; i < w->count; i++)
            free(w->word[i]);
    free(w->word);
    free(w->vector);
    free(w->index);
    *w = (struct words){0};
}

int words_make(struct words *w, int count, char *const *word, int dim, const float *vector,
               struct error *e)
{
    *w = (struct words){0};
    if (count < 1 || dim < 1 || count > 10000000 || dim > 65536)
        return error_set(e, ERR_INPUT, "vocabulary: %d words of width %d: both must be positive",
                         count, dim);
    w->word = calloc((size_t)count, sizeof *w->word);
    w->vector = malloc((size_t)count * (size_t)dim * sizeof *w->vector);
    if (!w->word || !w->vector) {
        words_free(w);
        return error_memory(e, "the vocabulary");
    }
    w->count = count;
    w->dim = dim;
    memcpy(w->vector, vector, (size_t)count * (size_t)dim * sizeof *w->vector);
    for (int i = 0; i < count; i++) {
        w->word[i] = strdup(word[i]);
        if (!w->word[i]) {
            words_free(w);
            return error_memory(e, "the vocabulary");
        }
    }
    int rc = build_index(w, e);
    if (rc)
        words_free(w);
    return rc;
}

/* ---- the published layout ---- */

struct named_row {
    const char *word;
    int row;
};

static int by_word(const void *a, const void *b)
{
    const struct named_row *x = a, *y = b;
    return strcmp(x->word, y->word);
}

/* The index file as an array sorted by word. */
static struct named_row *sorted_rows(char **word, const int *row, int count)
{
    struct named_row *sorted = calloc((size_t)count + 1, sizeof *sorted);
    if (!sorted)
        return NULL;
    for (int i = 0; i < count; i++)
        sorted[i] = (struct named_row){word[i], row[i]};
    qsort(sorted, (size_t)count, sizeof *sorted, by_word);
    return sorted;
}

int words_read_folder(const char *folder, struct words *w, struct error *e)
{
    char data_path[1200], words_path[1200], index_path[1200];
    snprintf(data_path, sizeof data_path, "%s/our_vab_data.npy", folder);
    snprintf(words_path, sizeof words_path, "%s/our_vab_words.pkl", folder);
    snprintf(index_path, sizeof index_path, "%s/our_vab_idx.pkl", folder);
    *w = (struct words){0};

    struct npy array = {0};
    char **list = NULL, **indexed = NULL;
    int *row = NULL, count = 0, nindexed = 0;
    struct named_row *rows = NULL;
    float *vector = NULL;
    int rc = npy_read(data_path, &array, e);
    if (!rc)
        rc = pickle_read_words(words_path, &list, &count, e);
    if (!rc)
        rc = pickle_read_word_index(index_path, &indexed, &row, &nindexed, e);
    if (!rc && array.rank != 2)
        rc = error_set(e, ERR_INPUT, "%s: has %d dimensions, word vectors have 2 (words, width)",
                       data_path, array.rank);
    if (!rc && count < 1)
        rc = error_set(e, ERR_INPUT, "%s: holds no word", words_path);
    if (!rc) {
        int dim = array.shape[1];
        rows = sorted_rows(indexed, row, nindexed);
        vector = malloc((size_t)count * (size_t)(dim > 0 ? dim : 1) * sizeof *vector);
        if (!vector || !rows)
            rc = error_memory(e, "word vectors");
        for (int i = 0; !rc && i < count; i++) {
            const struct named_row key = {list[i], 0};
            const struct named_row *at =
                bsearch(&key, rows, (size_t)nindexed, sizeof *rows, by_word);
            if (!at || at->row < 0 || at->row >= array.shape[0]) {
                rc = error_set(e, ERR_INPUT, "%s: no valid row for the word \"%s\" of %s",
                               index_path, list[i], words_path);
                break;
            }
            for (int d = 0; !rc && d < dim; d++) {
                double v = array.data[(size_t)at->row * (size_t)dim + (size_t)d];
                if (!(v - v == 0.0))
                    rc = error_set(e, ERR_INPUT, "%s: row %d (\"%s\") is not finite", data_path,
                                   at->row, list[i]);
                vector[(size_t)i * (size_t)dim + (size_t)d] = (float)v;
            }
        }
        if (!rc)
            rc = words_make(w, count, list, dim, vector, e);
        static const char *const needed[] = {"sos", "eos", "unk"};
        for (int k = 0; !rc && k < 3; k++)
            if (words_find(w, needed[k], 3) < 0) {
                words_free(w);
                rc = error_set(e, ERR_INPUT, "%s: lacks the word \"%s\"", words_path, needed[k]);
            }
    }
    free(vector);
    npy_free(&array);
    file_list_free(list, count);
    file_list_free(indexed, nindexed);
    free(row);
    free(rows);
    return rc;
}

/* ---- a vocabulary of our own ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int words_from_tokens(struct words *w, const char *const *tokens, int count, int dim,
                      uint64_t seed, struct error *e)
{
    *w = (struct words){0};
    size_t n = 3, total = 3;
    for (int i = 0; i < count; i++) {
        total++;
        for (const char *p = tokens[i]; *p; p++)
            total += *p == ' ';
    }
    if (total > INT_MAX || dim < 1 || dim > 65536)
        return error_set(e, ERR_INPUT, "vocabulary: too many tokens or a bad width");
    char **list = calloc(total, sizeof *list);
    float *vector = NULL;
    int rc = list ? 0 : error_memory(e, "the vocabulary");
    static const char *const first[] = {"sos", "eos", "unk"};
    for (int i = 0; !rc && i < 3; i++)
        if (!(list[i] = strdup(first[i])))
            rc = error_memory(e, "the vocabulary");
    for (int i = 0; !rc && i < count; i++)
        for (const char *p = tokens[i]; !rc && *p;) {
            size_t length = strcspn(p, " "), word = strcspn(p, "/ ");
            if (word > 0 && word < length && !(list[n++] = strndup(p, word)))
                rc = error_memory(e, "the vocabulary");
            p += length;
            p += *p == ' ';
        }
    if (!rc) {
        qsort(list + 3, n - 3, sizeof *list, by_text);
        size_t kept = 3;
        for (size_t i = 3; i < n; i++) {
            int again = strcmp(list[i], "sos") == 0 || strcmp(list[i], "eos") == 0 ||
                        strcmp(list[i], "unk") == 0 ||
                        (kept > 3 && strcmp(list[kept - 1], list[i]) == 0);
            if (again)
                free(list[i]);
            else
                list[kept++] = list[i];
            if (i >= kept)
                list[i] = NULL;
        }
        n = kept;
        vector = malloc(n * (size_t)dim * sizeof *vector);
        if (!vector)
            rc = error_memory(e, "word vectors");
    }
    for (size_t i = 0; !rc && i < n; i++)
        rng_fill_normal(seed, rng_stream(list[i]), 0, vector + i * (size_t)dim, (size_t)dim);
    if (!rc)
        rc = words_make(w, (int)n, list, dim, vector, e);
    if (list)
        for (size_t i = 0; i < total; i++)
            if (i < n)
                free(list[i]);
    free(list);
    free(vector);
    return rc;
}

/* ---- part-of-speech slots ---- */

static const char *const slot_names[WORDS_POS] = {
    "VERB", "NOUN", "DET", "ADP", "NUM", "AUX", "PRON", "ADJ", "ADV",
    "Loc_VIP", "Body_VIP", "Obj_VIP", "Act_VIP", "Desc_VIP", "OTHER"};

enum { SLOT_LOCATION = 9, SLOT_OTHER = 14 };

/* Words of special interest, in the order in which the lists are searched. */
static const char *const vip_lists[5] = {
    " left right clockwise counterclockwise anticlockwise forward back backward up down straight "
    "curve ",
    " arm chin foot feet face hand mouth leg waist eye knee shoulder thigh ",
    " stair dumbbell chair window floor car ball handrail baseball basketball ",
    " walk run swing pick bring kick put squat throw hop dance jump turn stumble stop sit lift "
    "lower raise wash stand kneel stroll rub bend balance flap jog shuffle lean rotate spin spread "
    "climb ",
    " slowly carefully fast careful slow quickly happy angry sad happily angrily sadly "};

const char *words_slot_name(int slot)
{
    return slot >= 0 && slot < WORDS_POS ? slot_names[slot] : "?";
}

static int in_list(const char *list, const char *word, size_t length)
{
    for (const char *p = list + 1; *p;) {
        size_t n = strcspn(p, " ");
        if (n == length && memcmp(p, word, n) == 0)
            return 1;
        p += n + 1;
    }
    return 0;
}

int words_slot(const char *word, size_t word_length, const char *tag, size_t tag_length)
{
    for (int k = 0; k < 5; k++)
        if (in_list(vip_lists[k], word, word_length))
            return SLOT_LOCATION + k;
    for (int k = 0; k < WORDS_POS; k++)
        if (strlen(slot_names[k]) == tag_length && memcmp(slot_names[k], tag, tag_length) == 0)
            return k;
    return SLOT_OTHER;
}

/* Row and slot of one token "word/POS". */
static int encode_token(const struct words *w, const char *token, size_t length, int unknown,
                        float *embedding, float *one_hot, struct error *e)
{
    const char *slash = memchr(token, '/', length);
    size_t word = slash ? (size_t)(slash - token) : 0;
    if (!slash || memchr(slash + 1, '/', length - word - 1))
        return error_set(e, ERR_INPUT, "token \"%.*s\" is not word/POS with one slash",
                         (int)(length > 80 ? 80 : length), token);
    int row = words_find(w, token, word), slot = SLOT_OTHER;
    if (row >= 0)
        slot = words_slot(token, word, slash + 1, length - word - 1);
    else
        row = unknown;
    memcpy(embedding, w->vector + (size_t)row * (size_t)w->dim, (size_t)w->dim * sizeof *embedding);
    one_hot[slot] = 1.0f;
    return 0;
}

int words_encode(const struct words *w, const char *tokens, float *embeddings, float *one_hot,
                 int *sent_len, struct error *e)
{
    int unknown = words_find(w, "unk", 3);
    if (unknown < 0)
        return error_set(e, ERR_INPUT, "vocabulary lacks \"unk\": build the set again");
    memset(one_hot, 0, (size_t)WORDS_MAX_TOKENS * WORDS_POS * sizeof *one_hot);
    int n = 0, rc = 0;
    size_t dim = (size_t)w->dim;
    rc = encode_token(w, "sos/OTHER", 9, unknown, embeddings, one_hot, e);
    n = 1;
    for (const char *p = tokens; !rc && *p && n < WORDS_MAX_TOKENS - 1; n++) {
        size_t length = strcspn(p, " ");
        rc = encode_token(w, p, length, unknown, embeddings + (size_t)n * dim,
                          one_hot + n * WORDS_POS, e);
        p += length;
        p += *p == ' ';
    }
    if (!rc)
        rc = encode_token(w, "eos/OTHER", 9, unknown, embeddings + (size_t)n * dim,
                          one_hot + n * WORDS_POS, e);
    *sent_len = ++n;
    for (; !rc && n < WORDS_MAX_TOKENS; n++)
        rc = encode_token(w, "unk/OTHER", 9, unknown, embeddings + (size_t)n * dim,
                          one_hot + n * WORDS_POS, e);
    return rc;
}
