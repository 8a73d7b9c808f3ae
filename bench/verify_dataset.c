/* Conformance of the loader: word vectors, the item list, items, batches. */
#include "verify.h"
#include "../datasets/build.h"
#include "../datasets/words.h"
#include "../engine/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 1200, TEXT_SIZE = 4096 };

/* The folder NAME beside the case, or NAME with the case's suffix where that exists. */
static void side_folder(const struct verify *v, const char *kind, const char *name, char *path)
{
    const char *suffix = strlen(v->case_name) > strlen(kind) ? v->case_name + strlen(kind) : "";
    snprintf(path, PATH_SIZE, "%s/%s%s/.", v->folder, name, suffix);
    if (!file_exists(path))
        snprintf(path, PATH_SIZE, "%s/%s", v->folder, name);
    else
        path[strlen(path) - 2] = '\0';
}

static int wrong_size(struct error *e, struct h5 *f, const char *name, size_t have, size_t want)
{
    return error_set(e, ERR_INPUT, "%s: %s holds %zu values, not %zu", h5_path(f), name, have, want);
}

/* Compares floats with a dataset of the case. */
static int compare(struct verify *v, struct h5 *f, const char *name, const char *shape,
                   const float *got, size_t n, double tol, struct error *e)
{
    float *want = NULL;
    size_t have = 0;
    int rc = h5_read_float(f, name, &want, &have, e);
    if (!rc && have != n)
        rc = wrong_size(e, f, name, have, n);
    if (!rc)
        verify_array(v, name, shape, got, want, n, tol);
    free(want);
    return rc;
}

static int compare_ints(struct verify *v, struct h5 *f, const char *name, const int *got, int n,
                        struct error *e)
{
    int32_t *want = NULL;
    size_t have = 0;
    char shape[24];
    int rc = h5_read_int(f, name, &want, &have, e);
    snprintf(shape, sizeof shape, "%d", n);
    if (!rc && have != (size_t)n)
        rc = wrong_size(e, f, name, have, (size_t)n);
    if (!rc)
        verify_ints(v, name, shape, got, want, (size_t)n);
    free(want);
    return rc;
}

/* Encodes a sentence and compares embeddings, slots and length with a group. */
static int compare_sentence(struct verify *v, struct h5 *f, const char *group, const char *tokens,
                            const struct words *words, struct error *e)
{
    size_t wide = (size_t)WORDS_MAX_TOKENS * (size_t)words->dim;
    float *embeddings = malloc(wide * sizeof *embeddings), one_hot[WORDS_MAX_TOKENS * WORDS_POS];
    char name[160], shape[32];
    int64_t want = 0;
    int length = 0, want_length = 0;
    int rc = embeddings ? words_encode(words, tokens, embeddings, one_hot, &length, e)
                        : error_memory(e, "a conformance case");
    snprintf(name, sizeof name, "%s/word_embs", group);
    snprintf(shape, sizeof shape, "%dx%d", WORDS_MAX_TOKENS, words->dim);
    if (!rc) rc = compare(v, f, name, shape, embeddings, wide, 1e-6, e);
    snprintf(name, sizeof name, "%s/pos_onehot", group);
    if (!rc) rc = compare(v, f, name, "22x15", one_hot, WORDS_MAX_TOKENS * WORDS_POS, 0, e);
    if (!rc) rc = h5_attr_int(f, group, "sent_len", &want, e);
    snprintf(name, sizeof name, "%s/sent_len", group);
    want_length = (int)want;
    if (!rc) verify_ints(v, name, "1", &length, &want_length, 1);
    free(embeddings);
    return rc;
}

/* ---- word_vectorizer ---- */

/* Each token alone: the second row of its encoded sentence. */
static int verify_tokens(struct verify *v, struct h5 *f, const struct words *words, struct error *e)
{
    char **tokens = NULL, shape[32];
    int count = 0, sentence;
    size_t dim = (size_t)words->dim;
    int rc = h5_read_strings(f, "tokens", &tokens, &count, e);
    if (rc)
        return rc;
    size_t n = (size_t)count + 1;
    float *sentence_vectors = malloc(WORDS_MAX_TOKENS * dim * sizeof *sentence_vectors);
    float *vectors = malloc(n * dim * sizeof *vectors), *slots = malloc(n * WORDS_POS * sizeof *slots);
    int *known = malloc(n * sizeof *known);
    float one_hot[WORDS_MAX_TOKENS * WORDS_POS];
    if (!sentence_vectors || !vectors || !slots || !known)
        rc = error_memory(e, "a conformance case");
    for (int i = 0; !rc && i < count; i++) {
        rc = words_encode(words, tokens[i], sentence_vectors, one_hot, &sentence, e);
        if (rc)
            break;
        memcpy(vectors + (size_t)i * dim, sentence_vectors + dim, dim * sizeof *vectors);
        memcpy(slots + i * WORDS_POS, one_hot + WORDS_POS, WORDS_POS * sizeof *slots);
        known[i] = words_find(words, tokens[i], strcspn(tokens[i], "/")) >= 0;
    }
    snprintf(shape, sizeof shape, "%dx%d", count, words->dim);
    if (!rc) rc = compare(v, f, "word_vectors", shape, vectors, (size_t)count * dim, 1e-6, e);
    snprintf(shape, sizeof shape, "%dx%d", count, WORDS_POS);
    if (!rc) rc = compare(v, f, "pos_onehot", shape, slots, (size_t)count * WORDS_POS, 0, e);
    if (!rc && h5_has(f, "known")) rc = compare_ints(v, f, "known", known, count, e);
    free(sentence_vectors);
    free(vectors);
    free(slots);
    free(known);
    h5_names_free(tokens, count);
    return rc;
}

static int verify_word_vectorizer(struct verify *v, struct h5 *f, struct error *e)
{
    char folder[PATH_SIZE], **groups = NULL;
    int count = 0;
    struct words words;
    side_folder(v, "word_vectorizer", "glove_tiny", folder);
    int rc = words_read_folder(folder, &words, e);
    if (rc)
        return rc;
    rc = verify_tokens(v, f, &words, e);
    if (!rc)
        rc = h5_names(f, "/", &groups, &count, e);
    for (int i = 0; !rc && i < count; i++) {
        char name[200], sentence[TEXT_SIZE] = "", **tokens = NULL;
        int ntokens = 0;
        if (!h5_is_group(f, groups[i]))
            continue;
        snprintf(name, sizeof name, "%.100s/tokens", groups[i]);
        rc = h5_read_strings(f, name, &tokens, &ntokens, e);
        for (int k = 0; !rc && k < ntokens; k++) {
            size_t used = strlen(sentence);
            snprintf(sentence + used, sizeof sentence - used, "%s%s", k ? " " : "", tokens[k]);
        }
        if (!rc)
            rc = compare_sentence(v, f, groups[i], sentence, &words, e);
        h5_names_free(tokens, ntokens);
    }
    h5_names_free(groups, count);
    words_free(&words);
    return rc;
}

/* ---- dataset_loader ---- */

/* The item list in final order, as one reader's group has it. */
static int verify_list(struct verify *v, struct h5 *f, const char *group, const struct set *s,
                       const struct items *items, struct error *e)
{
    char name[80], **names = NULL;
    int count = 0, *lengths = malloc(3 * (size_t)items->count * sizeof *lengths);
    if (!lengths)
        return error_memory(e, "a conformance case");
    int *captions = lengths + items->count, *segment = captions + items->count, same = 1;
    snprintf(name, sizeof name, "%s/item_source_names", group);
    int rc = h5_read_strings(f, name, &names, &count, e);
    for (int i = 0; i < items->count; i++) {
        const struct item *it = &items->list[i];
        lengths[i] = it->length;
        captions[i] = it->ncaptions;
        segment[i] = it->captions[0]->from != 0.0 || it->captions[0]->to != 0.0;
        same &= i < count && strcmp(names[i], s->clips[it->clip].name) == 0;
    }
    if (!rc)
        verify_check(v, name, same && count == items->count);
    snprintf(name, sizeof name, "%s/item_lengths", group);
    if (!rc) rc = compare_ints(v, f, name, lengths, items->count, e);
    snprintf(name, sizeof name, "%s/item_n_captions", group);
    if (!rc) rc = compare_ints(v, f, name, captions, items->count, e);
    snprintf(name, sizeof name, "%s/item_is_segment", group);
    if (!rc) rc = compare_ints(v, f, name, segment, items->count, e);
    h5_names_free(names, count);
    free(lengths);
    return rc;
}

/* One access with its recorded random decisions. */
static int verify_item(struct verify *v, struct h5 *f, const char *group, const struct set *s,
                       const struct items *items, struct error *e)
{
    int64_t item = 0, choice = 0, start = 0, length = 0;
    char coin[16] = "", name[200], shape[32];
    int rc = h5_attr_int(f, group, "item", &item, e);
    if (!rc) rc = h5_attr_int(f, group, "caption_choice", &choice, e);
    if (!rc) rc = h5_attr_int(f, group, "start_index", &start, e);
    if (!rc) rc = h5_attr_int(f, group, "m_length", &length, e);
    if (!rc) rc = h5_attr_string(f, group, "coin", coin, sizeof coin, e);
    if (rc)
        return rc;
    if (item < 0 || item >= items->count)
        return error_set(e, ERR_INPUT, "%s: %s names item %d of %d", h5_path(f), group, (int)item,
                         items->count);
    const struct item *it = &items->list[item];
    struct draw d = {(int)item, (int)choice, it->start + (int)start,
                     draw_length(s, it, strcmp(coin, "double") == 0)};
    int want = (int)length;
    snprintf(name, sizeof name, "%s/m_length", group);
    verify_ints(v, name, "1", &d.length, &want, 1);
    if (d.length != want || choice < 0 || choice >= it->ncaptions || start < 0 ||
        start + d.length > it->length)
        return error_set(e, ERR_INPUT, "%s: %s lies outside its item", h5_path(f), group);
    size_t n = (size_t)d.length * (size_t)s->nfeats;
    float *motion = malloc(n * sizeof *motion);
    if (!motion)
        return error_memory(e, "a conformance case");
    draw_motion(s, items, &d, s->mean, s->std, motion);
    snprintf(name, sizeof name, "%s/motion", group);
    snprintf(shape, sizeof shape, "%dx%d", d.length, s->nfeats);
    rc = compare(v, f, name, shape, motion, n, 2e-6, e);
    free(motion);
    return rc ? rc : compare_sentence(v, f, group, it->captions[choice]->tokens, &s->words, e);
}

static int verify_items(struct verify *v, struct h5 *f, const struct set *s,
                        const struct items *items, struct error *e)
{
    char **names = NULL, group[160];
    int count = 0;
    int rc = h5_names(f, "items", &names, &count, e);
    for (int i = 0; !rc && i < count; i++) {
        snprintf(group, sizeof group, "items/%.100s", names[i]);
        rc = verify_item(v, f, group, s, items, e);
    }
    h5_names_free(names, count);
    return rc;
}

static int verify_batch(struct verify *v, struct h5 *f, const struct set *s,
                        const struct items *items, struct error *e)
{
    int32_t *sentence = NULL;
    size_t n = 0;
    int rc = h5_read_int(f, "collate/sent_lens_in_dataset_order", &sentence, &n, e);
    if (!rc && n != (size_t)items->count)
        rc = wrong_size(e, f, "collate/sent_lens_in_dataset_order", n, (size_t)items->count);
    int *order = malloc(2 * (n + 1) * sizeof *order), *lengths = order ? order + n : NULL;
    if (!rc && !order)
        rc = error_memory(e, "a conformance case");
    if (!rc) {
        sentence_order(sentence, (int)n, order);
        for (size_t i = 0; i < n; i++)
            lengths[i] = draw_length(s, &items->list[order[i]], 0);
        rc = compare_ints(v, f, "collate/order", order, (int)n, e);
    }
    if (!rc)
        rc = compare_ints(v, f, "collate/m_lengths_sorted", lengths, (int)n, e);
    free(order);
    free(sentence);
    return rc;
}

/* A number of the case, or the default where the case does not say. */
static int attribute(struct h5 *f, const char *name, int otherwise)
{
    int64_t value = 0;
    if (!h5_has_attr(f, "/", name) || h5_attr_int(f, "/", name, &value, NULL) != 0)
        return otherwise;
    return (int)value;
}

static int verify_dataset_loader(struct verify *v, struct h5 *f, struct error *e)
{
    char root[PATH_SIZE], glove[PATH_SIZE];
    struct set_builder *b = NULL;
    struct set s = {0};
    struct items items = {0};
    side_folder(v, "dataset_loader", "h3d_tiny", root);
    side_folder(v, "dataset_loader", "glove_tiny", glove);
    int rc = build_humanml3d(root, glove, 0, NULL, &b, e);
    if (!rc)
        rc = set_builder_finish(b, &s, e);
    if (rc)
        return rc;
    s.min_length = attribute(f, "min_len", s.min_length);
    s.max_length = attribute(f, "max_len_exclusive", s.max_length);
    s.unit = attribute(f, "unit_length", s.unit);
    if (h5_has_attr(f, "/", "fps"))
        rc = h5_attr_double(f, "/", "fps", &s.fps, e);
    if (!rc && (s.unit < 1 || s.min_length < s.unit || s.max_length < s.min_length || !(s.fps > 0 && s.fps < 1e4)))
        rc = error_set(e, ERR_INPUT, "%s: unit_length, min_len, max_len_exclusive or fps is out of range; write the case anew",
                       h5_path(f));
    if (!rc) rc = items_build(&s, "test", &items, e);
    if (!rc) rc = verify_list(v, f, "t2m", &s, &items, e);
    if (!rc) rc = verify_list(v, f, "motionlcm", &s, &items, e);
    if (!rc) rc = verify_items(v, f, &s, &items, e);
    if (!rc) rc = verify_batch(v, f, &s, &items, e);
    items_free(&items);
    set_free(&s);
    return rc;
}

const struct verify_kind verify_kinds_dataset[] = {
    {"dataset_loader", verify_dataset_loader}, {"word_vectorizer", verify_word_vectorizer}, {0}};
