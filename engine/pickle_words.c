/* The vocabulary files: a list of strings, a dictionary string -> int. */
#include "file.h"
#include "pickle.h"
#include "unicode.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const size_t file_limit = (size_t)1 << 28;

static int read_pickle(const char *path, struct pickle *p, struct error *e)
{
    char *data = NULL;
    size_t size = 0, consumed = 0;
    memset(p, 0, sizeof *p);
    int rc = file_read(path, file_limit, &data, &size, e);
    if (rc)
        return rc;
    rc = pickle_parse(path, data, size, p, &consumed, e);
    free(data);
    if (rc == 0 && consumed != size)
        rc = error_set(e, ERR_INPUT, "%s: bytes after the end of the pickle; fetch the file again", path);
    if (rc)
        pickle_free(p);
    return rc;
}

static int is_word(const struct pickle_node *node)
{
    return node->kind == PICKLE_TEXT && utf8_valid(node->text, node->size);
}

int pickle_read_words(const char *path, char ***words, int *count, struct error *e)
{
    struct pickle p;
    int rc = read_pickle(path, &p, e);
    if (rc)
        return rc;
    const struct pickle_node *list = p.root;
    char **out = NULL;
    int n = 0;
    if (list->kind != PICKLE_LIST || list->count > INT_MAX)
        rc = error_set(e, ERR_INPUT, "%s: holds no list; a list of words is expected", path);
    else if ((out = calloc(list->count + 1, sizeof *out)) == NULL)
        rc = error_memory(e, path);
    for (size_t i = 0; rc == 0 && i < list->count; i++) {
        if (!is_word(list->items[i]))
            rc = error_set(e, ERR_INPUT, "%s: entry %zu is not a word in UTF-8", path, i);
        else if ((out[n] = strdup(list->items[i]->text)) == NULL)
            rc = error_memory(e, path);
        else
            n++;
    }
    pickle_free(&p);
    if (rc) {
        file_list_free(out, n);
        return rc;
    }
    *words = out;
    *count = n;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Fails when a word occurs twice; `sorted` is scratch of n pointers. */
static int check_distinct(const char *path, char **words, char **sorted, int n, struct error *e)
{
    memcpy(sorted, words, (size_t)n * sizeof *sorted);
    if (n > 1)
        qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int i = 1; i < n; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return error_set(e, ERR_INPUT, "%s: the word '%s' occurs twice; keep one row for it", path,
                             sorted[i]);
    return 0;
}

int pickle_read_word_index(const char *path, char ***words, int **rows, int *count, struct error *e)
{
    struct pickle p;
    int rc = read_pickle(path, &p, e);
    if (rc)
        return rc;
    const struct pickle_node *dict = p.root;
    char **out = NULL, **sorted = NULL;
    int *numbers = NULL, n = 0;
    if (dict->kind != PICKLE_DICT) {
        rc = error_set(e, ERR_INPUT, "%s: holds no dictionary; words with their rows are expected", path);
    } else {
        out = calloc(dict->count / 2 + 1, sizeof *out);
        sorted = calloc(dict->count / 2 + 1, sizeof *sorted);
        numbers = calloc(dict->count / 2 + 1, sizeof *numbers);
        if (out == NULL || numbers == NULL || sorted == NULL)
            rc = error_memory(e, path);
    }
    for (size_t i = 0; rc == 0 && i + 1 < dict->count; i += 2) {
        const struct pickle_node *key = dict->items[i], *row = dict->items[i + 1];
        if (!is_word(key) || row->kind != PICKLE_INT || row->integer < 0 ||
            row->integer > INT_MAX) {
            rc = error_set(e, ERR_INPUT, "%s: entry %zu is not a word with a row number", path, i / 2);
        } else if ((out[n] = strdup(key->text)) == NULL) {
            rc = error_memory(e, path);
        } else {
            numbers[n++] = (int)row->integer;
        }
    }
    pickle_free(&p);
    if (rc == 0)
        rc = check_distinct(path, out, sorted, n, e);
    free(sorted);
    if (rc) {
        file_list_free(out, n);
        free(numbers);
        return rc;
    }
    *words = out;
    *rows = numbers;
    *count = n;
    return 0;
}
