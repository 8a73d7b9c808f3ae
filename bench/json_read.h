/* Strict reading of JSON files (RFC 8259), over cJSON.
 *
 * A document is refused where cJSON alone would let it pass: text after the
 * value, a byte order mark, duplicate keys, numbers such as 01 or 1e999,
 * control characters, NUL in a string, invalid UTF-8, deep nesting. The getters
 * take a path of keys with points between, such as "train.vae.steps", or
 * "models.0.name" into a list; their errors name this path, json_read's name
 * the file and the line. A caller puts the file's name before a getter's error
 * with error_prefix. All failures are ERR_INPUT. */
#ifndef MLCM_JSON_READ_H
#define MLCM_JSON_READ_H

#include "../engine/error.h"
#include <cJSON.h>
#include <stddef.h>

enum { JSON_LARGEST_FILE = 32 << 20, JSON_DEEPEST = 64 };

/* Reads the file at `path`; *out is freed by cJSON_Delete. */
int json_read(const char *path, cJSON **out, struct error *e);

/* The same from memory: `size` bytes at `text`; `name` stands for the file. */
int json_read_text(const char *name, const char *text, size_t size, cJSON **out, struct error *e);

/* The value at `path` below `object`, or NULL. An empty path is `object`. */
const cJSON *json_find(const cJSON *object, const char *path);
int json_has(const cJSON *object, const char *path);

/* Required values: each writes *v and returns 0, or leaves *v alone and reports
 * what is missing, of the wrong type or out of bounds (bounds inclusive). For a
 * value with a default: `if (json_has(o, path) && json_number(o, path, …))`. */
int json_number(const cJSON *object, const char *path, double *v, double low, double high,
                struct error *e);
int json_int(const cJSON *object, const char *path, int *v, int low, int high, struct error *e);
int json_bool(const cJSON *object, const char *path, int *v, struct error *e);
/* *v points into the tree. An empty string is refused. */
int json_string(const cJSON *object, const char *path, const char **v, struct error *e);
/* Whether a text holds a control character, which no name of a row, a file or a folder does. */
int json_control(const char *text);
/* A list of `least` to `most` elements. */
int json_array(const cJSON *object, const char *path, const cJSON **v, int least, int most,
               struct error *e);
int json_object(const cJSON *object, const char *path, const cJSON **v, struct error *e);
/* One of `choices` (NULL-terminated); *v is its index. */
int json_choice(const cJSON *object, const char *path, const char *const *choices, int *v,
                struct error *e);

/* Refuses a key of the object at `path` that is not among `names`
 * (NULL-terminated), with the nearest known one: a misspelt key is an error,
 * never a default. */
int json_known_keys(const cJSON *object, const char *path, const char *const *names,
                    struct error *e);

#endif
