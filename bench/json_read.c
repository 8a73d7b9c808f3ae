#include "json_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/file.h"
#include "arguments.h"

static int line_of(const char *text, size_t at)
{
    int line = 1;
    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';
    return line;
}

/* The bytes of one UTF-8 character at p (p < end), or 0 if it is malformed:
 * overlong forms, surrogates and values past U+10FFFF are. */
static size_t utf8_length(const unsigned char *p, const unsigned char *end)
{
    size_t left = (size_t)(end - p);
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
               : (p[0] & 0xf0) == 0xe0        ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;
    if (!n || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* The bytes of a string from its opening quote to past the closing one, or 0
 * with the rule that it breaks. Escapes are left to cJSON, but for \u0000. */
static size_t string_length(const unsigned char *p, const unsigned char *end, const char **rule)
{
    const unsigned char *start = p++;
    while (p < end && *p != '"') {
        if (*p < 0x20) {
            *rule = "a string must not hold a control character; write \\n, \\t or \\u00XX";
            return 0;
        }
        if (*p == '\\') {
            if (end - p >= 6 && !memcmp(p, "\\u0000", 6)) {
                *rule = "a string must not hold \\u0000; remove it";
                return 0;
            }
            p += end - p >= 2 ? 2 : 1;
            continue;
        }
        size_t n = utf8_length(p, end);
        if (!n) {
            *rule = "the text must be UTF-8; convert the file";
            return 0;
        }
        p += n;
    }
    if (p >= end) {
        *rule = "a string lacks its closing quote; add it";
        return 0;
    }
    return (size_t)(p + 1 - start);
}

static size_t digits_length(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *start = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - start);
}

/* The bytes of a number of JSON's grammar: -? int frac? exp?; 0 if it is not. */
static size_t number_length(const unsigned char *p, const unsigned char *end)
{
    enum { LONGEST = 60 }; /* cJSON cuts longer ones */
    const unsigned char *start = p;
    p += p < end && *p == '-';
    size_t n = digits_length(p, end);
    if (!n || (n > 1 && *p == '0'))
        return 0;
    p += n;
    if (p < end && *p == '.') {
        p++;
        if (!(n = digits_length(p, end)))
            return 0;
        p += n;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-');
        if (!(n = digits_length(p, end)))
            return 0;
        p += n;
    }
    return p - start <= LONGEST ? (size_t)(p - start) : 0;
}

/* The part of the grammar on which cJSON is lenient: characters, numbers,
 * depth. Returns NULL, or the rule that is broken at *at. */
static const char *check_tokens(const char *text, size_t size, size_t *at)
{
    const unsigned char *p = (const unsigned char *)text, *start = p, *end = p + size;
    const char *rule = NULL;
    int depth = 0;
    *at = 0;
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        return "a byte order mark, which JSON does not know; save the file without one";
    while (p < end && !rule) {
        size_t n = 1;
        *at = (size_t)(p - start);
        if (*p == '"') {
            n = string_length(p, end, &rule);
        } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
            n = number_length(p, end);
            if (!n)
                rule = "not a number of JSON (such as 12, -0.5, 1e-4); write it so";
        } else if (*p == '{' || *p == '[') {
            if (++depth > JSON_DEEPEST)
                rule = "nested too deep (64 levels are allowed); flatten it";
        } else if (*p == '}' || *p == ']') {
            depth--;
        } else if (!memchr(" \t\r\n,:", *p, 6) && !(*p >= 'a' && *p <= 'z')) {
            rule = "a character that JSON does not know; the file must be plain JSON";
        }
        p += n;
    }
    return rule;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Duplicate keys and numbers that overflowed, in the whole tree; its depth is
 * bounded by check_tokens. */
static int check_tree(const char *name, const cJSON *node, struct error *e)
{
    if (cJSON_IsNumber(node) && !isfinite(node->valuedouble))
        return error_set(e, ERR_INPUT, "%s: \"%.60s\": the number is too large; write a finite one", name,
                         node->string ? node->string : "a list's element");
    size_t count = 0;
    for (const cJSON *c = node->child; c; c = c->next)
        count++;
    if (cJSON_IsObject(node) && count > 1) {
        const char **keys = malloc(count * sizeof *keys);
        if (!keys)
            return error_memory(e, "the keys of a JSON object");
        size_t i = 0, twice = 0;
        for (const cJSON *c = node->child; c; c = c->next)
            keys[i++] = c->string;
        qsort(keys, count, sizeof *keys, by_text);
        for (i = 1; i < count && !twice; i++)
            if (!strcmp(keys[i - 1], keys[i]))
                twice = i;
        if (twice)
            error_set(e, ERR_INPUT, "%s: the key \"%.60s\" stands twice in one object; remove one", name,
                      keys[twice]);
        free(keys);
        if (twice)
            return ERR_INPUT;
    }
    for (const cJSON *c = node->child; c; c = c->next) {
        int code = check_tree(name, c, e);
        if (code)
            return code;
    }
    return 0;
}

int json_read_text(const char *name, const char *text, size_t size, cJSON **out, struct error *e)
{
    *out = NULL;
    if (size > JSON_LARGEST_FILE)
        return error_set(e, ERR_INPUT, "%s: larger than %d MiB; is this a JSON file of mlcm?", name,
                         JSON_LARGEST_FILE >> 20);
    size_t at = 0;
    const char *rule = check_tokens(text, size, &at);
    if (rule)
        return error_set(e, ERR_INPUT, "%s:%d: %s", name, line_of(text, at), rule);

    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    if (!tree) {
        at = end && end >= text && end <= text + size ? (size_t)(end - text) : 0;
        return error_set(e, ERR_INPUT, "%s:%d: not valid JSON here; look for a comma, a quote or a bracket",
                         name, line_of(text, at));
    }
    while (end < text + size && memchr(" \t\r\n", *end, 4))
        end++;
    int code = 0;
    if (end < text + size)
        code = error_set(e, ERR_INPUT, "%s:%d: text after the document; remove it", name,
                         line_of(text, (size_t)(end - text)));
    else
        code = check_tree(name, tree, e);
    if (code)
        cJSON_Delete(tree);
    else
        *out = tree;
    return code;
}

int json_read(const char *path, cJSON **out, struct error *e)
{
    char *text;
    size_t size;
    *out = NULL;
    int code = file_read(path, JSON_LARGEST_FILE, &text, &size, e);
    if (code)
        return code;
    code = json_read_text(path, text, size, out, e);
    free(text);
    return code;
}

const cJSON *json_find(const cJSON *object, const char *path)
{
    char key[128];
    while (object && *path) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = 0;
        int64_t index;
        if (cJSON_IsArray(object))
            object = parse_integer(key, &index) && index >= 0 && index <= INT32_MAX
                         ? cJSON_GetArrayItem(object, (int)index)
                         : NULL;
        else
            object = cJSON_GetObjectItemCaseSensitive(object, key);
        path += n + (path[n] == '.');
    }
    return object;
}

int json_has(const cJSON *object, const char *path)
{
    return json_find(object, path) != NULL;
}

/* The node at `path` if it is there and of the wanted type (cJSON_IsX). */
static int find_typed(const cJSON *object, const char *path, cJSON_bool (*is)(const cJSON *),
                      const char *wanted, const cJSON **node, struct error *e)
{
    *node = json_find(object, path);
    if (!*node)
        return error_set(e, ERR_INPUT, "\"%s\" is missing; add %s", path, wanted);
    if (!is(*node) && !*path)
        return error_set(e, ERR_INPUT, "the document must be %s", wanted);
    if (!is(*node))
        return error_set(e, ERR_INPUT, "\"%s\" must be %s", path, wanted);
    return 0;
}

int json_number(const cJSON *object, const char *path, double *v, double low, double high, struct error *e)
{
    const cJSON *node;
    int code = find_typed(object, path, cJSON_IsNumber, "a number", &node, e);
    if (code)
        return code;
    if (!(node->valuedouble >= low && node->valuedouble <= high))
        return error_set(e, ERR_INPUT, "\"%s\" is %g; it must be from %g to %g", path, node->valuedouble, low,
                         high);
    *v = node->valuedouble;
    return 0;
}

int json_int(const cJSON *object, const char *path, int *v, int low, int high, struct error *e)
{
    const cJSON *node;
    int code = find_typed(object, path, cJSON_IsNumber, "a whole number", &node, e);
    if (code)
        return code;
    double value = node->valuedouble;
    if (value != floor(value))
        return error_set(e, ERR_INPUT, "\"%s\" is %g; it must be a whole number", path, value);
    if (value < low || value > high)
        return error_set(e, ERR_INPUT, "\"%s\" is %.15g; it must be from %d to %d", path, value, low, high);
    *v = (int)value;
    return 0;
}

int json_bool(const cJSON *object, const char *path, int *v, struct error *e)
{
    const cJSON *node;
    int code = find_typed(object, path, cJSON_IsBool, "true or false", &node, e);
    if (!code)
        *v = cJSON_IsTrue(node) ? 1 : 0;
    return code;
}

int json_string(const cJSON *object, const char *path, const char **v, struct error *e)
{
    const cJSON *node;
    int code = find_typed(object, path, cJSON_IsString, "a text in quotes", &node, e);
    if (code)
        return code;
    if (!*node->valuestring)
        return error_set(e, ERR_INPUT, "\"%s\" is empty; give a text or leave it out", path);
    *v = node->valuestring;
    return 0;
}

int json_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return 1;
    return 0;
}

int json_array(const cJSON *object, const char *path, const cJSON **v, int least, int most, struct error *e)
{
    const cJSON *node;
    int code = find_typed(object, path, cJSON_IsArray, "a list in [ ]", &node, e);
    if (code)
        return code;
    int count = cJSON_GetArraySize(node);
    if (count < least || count > most)
        return error_set(e, ERR_INPUT, "\"%s\" has %d elements; it must have %d to %d", path, count, least,
                         most);
    *v = node;
    return 0;
}

int json_object(const cJSON *object, const char *path, const cJSON **v, struct error *e)
{
    const cJSON *node;
    int code = find_typed(object, path, cJSON_IsObject, "an object in { }", &node, e);
    if (!code)
        *v = node;
    return code;
}

int json_choice(const cJSON *object, const char *path, const char *const *choices, int *v, struct error *e)
{
    const char *text = NULL;
    int code = json_string(object, path, &text, e);
    if (code)
        return code;
    char all[200] = "";
    for (int i = 0; choices[i]; i++) {
        if (!strcmp(choices[i], text)) {
            *v = i;
            return 0;
        }
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "", choices[i]);
    }
    return error_set(e, ERR_INPUT, "\"%s\" is \"%.60s\"; it must be one of: %s", path, text, all);
}

int json_known_keys(const cJSON *object, const char *path, const char *const *names, struct error *e)
{
    const cJSON *node;
    int code = json_object(object, path, &node, e);
    if (code)
        return code;
    for (const cJSON *c = node->child; c; c = c->next) {
        int known = 0;
        for (int i = 0; names[i] && !known; i++)
            known = !strcmp(names[i], c->string);
        if (known)
            continue;
        const char *near = nearest_name(c->string, names), *point = *path ? "." : "";
        if (near)
            return error_set(e, ERR_INPUT, "\"%s%s%.60s\" is not a known key; did you mean \"%s\"?", path,
                             point, c->string, near);
        return error_set(e, ERR_INPUT, "\"%s%s%.60s\" is not a known key; remove it", path, point, c->string);
    }
    return 0;
}
