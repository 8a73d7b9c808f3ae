#include "text_lines.h"

#include "../engine/file.h"
#include "../engine/unicode.h"
#include "lexicon.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_LIMIT = 64 << 20, TOKENS_SIZE = 4096, LONGEST_NAME = 200 };

/* The next line of a text that is cut up in place, blanks at both ends dropped;
 * NULL at the end. */
static char *next_line(char **at)
{
    char *line = *at;
    if (!*line)
        return NULL;
    size_t length = strcspn(line, "\n");
    *at = line + length + (line[length] == '\n');
    line[length] = '\0';
    while (isspace((unsigned char)*line))
        line++;
    length = strlen(line);
    while (length > 0 && isspace((unsigned char)line[length - 1]))
        line[--length] = '\0';
    return line;
}

/* The lines below are C strings: a NUL would hide what follows it. */
static int read_text(const char *path, char **text, size_t *size, struct error *e)
{
    int rc = file_read(path, TEXT_LIMIT, text, size, e);
    if (rc)
        return rc;
    if (utf8_valid(*text, *size) && !memchr(*text, 0, *size))
        return 0;
    rc = error_set(e, ERR_INPUT, "%s: %s", path,
                   memchr(*text, 0, *size) ? "holds a NUL byte and is no text; fetch it again" : "is not UTF-8; convert it");
    free(*text);
    *text = NULL;
    return rc;
}

static int is_name(const char *line)
{
    if (strlen(line) > LONGEST_NAME || *line == '.' || strchr(line, '/'))
        return 0;
    while (*line && (unsigned char)*line >= 0x20 && *line != 0x7f)
        line++;
    return *line == '\0';
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A clip that is listed twice would count twice in every measure. */
static int check_distinct(const char *path, char *const *names, int count, struct error *e)
{
    int rc = 0;
    char **sorted = malloc(((size_t)count + 1) * sizeof *sorted);
    if (!sorted)
        return error_memory(e, path);
    if (count)
        memcpy(sorted, names, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_text);
    for (int i = 1; i < count && !rc; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            rc = error_set(e, ERR_INPUT, "%s: \"%s\" is listed twice; remove one", path, sorted[i]);
    free(sorted);
    return rc;
}

int names_read(const char *path, char ***names, int *count, struct error *e)
{
    char *text = NULL, *at, *line;
    size_t size = 0;
    *names = NULL;
    *count = 0;
    int rc = read_text(path, &text, &size, e);
    if (rc)
        return rc;
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    char **list = calloc(lines, sizeof *list);
    if (!list)
        rc = error_memory(e, path);
    for (at = text; !rc && (line = next_line(&at)) != NULL;) {
        if (!*line)
            continue;
        if (!is_name(line))
            rc = error_set(e, ERR_INPUT, "%s: \"%.60s\" is not a clip name", path, line);
        else if (!(list[*count] = strdup(line)))
            rc = error_memory(e, path);
        else
            ++*count;
    }
    free(text);
    if (!rc)
        rc = check_distinct(path, list, *count, e);
    if (rc) {
        file_list_free(list, *count);
        *count = 0;
        return rc;
    }
    *names = list;
    return 0;
}

/* Seconds; "nan" is 0. Returns 0 if the text is not a number. */
static int read_seconds(const char *text, double *v)
{
    char *end;
    if (!*text)
        return 0;
    *v = strtod(text, &end);
    while (isspace((unsigned char)*end))
        end++;
    if (isnan(*v))
        *v = 0;
    return *end == '\0' && isfinite(*v);
}

/* Cuts a line at '#' into at least four fields; more are ignored. */
static int split_line(char *line, char *field[4])
{
    for (int k = 0; k < 4; k++) {
        field[k] = line;
        size_t length = strcspn(line, "#");
        int last = line[length] == '\0';
        line[length] = '\0';
        if (last)
            return k == 3;
        line += length + 1;
    }
    return 1;
}

struct line {
    char *field[4];
    double from, to;
};

int captions_read(const char *path, int plain, struct set_builder *b, int *malformed,
                  struct error *e)
{
    char *text = NULL, *at, *one;
    size_t size = 0, capacity = 1;
    *malformed = 0;
    int rc = read_text(path, &text, &size, e);
    if (rc)
        return rc;
    for (size_t i = 0; i < size; i++)
        capacity += text[i] == '\n';
    struct line *lines = calloc(capacity, sizeof *lines);
    if (!lines) {
        free(text);
        return error_memory(e, path);
    }
    int count = 0;
    for (at = text; (one = next_line(&at)) != NULL; count++) {
        struct line *l = &lines[count];
        if (plain && !strchr(one, '#'))
            l->field[0] = one;
        else if (!split_line(one, l->field) || !read_seconds(l->field[2], &l->from) ||
            !read_seconds(l->field[3], &l->to)) {
            *malformed = count + 1;
            break;
        }
    }
    if (count == 0 && !*malformed)
        rc = error_set(e, ERR_INPUT, "%s: holds no caption; write one a line, or remove the file", path);
    for (int i = 0; !rc && i < count; i++) {
        const struct line *l = &lines[i];
        char tokens[TOKENS_SIZE];
        if (!l->field[1]) {
            if (!*l->field[0])
                continue;
            if (tokens_of_text(l->field[0], tokens, sizeof tokens) < 0)
                rc = error_set(e, ERR_INPUT, "%s: line %d is too long", path, i + 1);
            else
                rc = set_builder_caption(b, l->field[0], tokens, "", 0, 0, e);
            continue;
        }
        int whole = l->from == 0.0 && l->to == 0.0;
        if (!*malformed || !whole)
            rc = set_builder_caption(b, l->field[0], l->field[1], "", l->from, l->to, e);
    }
    free(lines);
    free(text);
    return rc;
}
