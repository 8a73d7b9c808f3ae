#include "config_file.h"
#include "file.h"
#include "unicode.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

int config_parse(const char *name, const char *text, size_t size, cJSON **out, struct error *e)
{
    const char *end = NULL;
    *out = NULL;
    if (!utf8_valid(text, size) || memchr(text, 0, size))
        return error_set(e, ERR_INPUT, "%s: is not UTF-8 text; fetch the file again", name);
    cJSON *tree = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    while (tree && end < text + size && strchr(" \t\r\n", *end)) end++;
    if (!tree || end < text + size || !(cJSON_IsObject(tree) || cJSON_IsArray(tree))) {
        cJSON_Delete(tree);
        return error_set(e, ERR_INPUT, "%s: is not one JSON object or list; fetch the file again", name);
    }
    *out = tree;
    return 0;
}

int config_read(const char *path, size_t limit, cJSON **out, struct error *e)
{
    char *text;
    size_t size;
    *out = NULL;
    int rc = file_read(path, limit, &text, &size, e);
    if (rc) return rc;
    rc = config_parse(path, text, size, out, e);
    free(text);
    return rc;
}

static const cJSON *member(const cJSON *o, const char *key)
{
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(o, key);
    return x && !cJSON_IsNull(x) ? x : NULL;
}

int config_number(const char *path, const cJSON *o, const char *key, double low, double high, double otherwise,
                  double *v, struct error *e)
{
    const cJSON *x = member(o, key);
    *v = otherwise;
    if (!x) return 0;
    if (!cJSON_IsNumber(x) || !(x->valuedouble >= low && x->valuedouble <= high))
        return error_set(e, ERR_INPUT, "%s: \"%s\" must be a number from %g to %g; correct it", path, key, low, high);
    *v = x->valuedouble;
    return 0;
}

int config_int(const char *path, const cJSON *o, const char *key, int low, int high, int otherwise, int *v,
               struct error *e)
{
    double value;
    int rc = config_number(path, o, key, low, high, otherwise, &value, e);
    if (!rc && value != floor(value))
        rc = error_set(e, ERR_INPUT, "%s: \"%s\" must be a whole number; correct it", path, key);
    *v = rc ? otherwise : (int)value;
    return rc;
}

int config_bool(const char *path, const cJSON *o, const char *key, int otherwise, int *v, struct error *e)
{
    const cJSON *x = member(o, key);
    *v = x ? cJSON_IsTrue(x) : otherwise;
    return !x || cJSON_IsBool(x)
               ? 0
               : error_set(e, ERR_INPUT, "%s: \"%s\" must be true or false; correct it", path, key);
}

int config_string(const char *path, const cJSON *o, const char *key, const char *otherwise, const char **v,
                  struct error *e)
{
    const cJSON *x = member(o, key);
    *v = x && cJSON_IsString(x) ? x->valuestring : otherwise;
    return !x || cJSON_IsString(x) ? 0
                                   : error_set(e, ERR_INPUT, "%s: \"%s\" must be a text; correct it", path, key);
}
