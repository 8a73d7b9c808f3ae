/* Configuration files of published models: JSON objects, read with cJSON. */
#ifndef MLCM_CONFIG_FILE_H
#define MLCM_CONFIG_FILE_H

#include "error.h"
#include <cJSON.h>
#include <stddef.h>

/* Reads a JSON object or list; text after it or bytes that are not UTF-8 are refused.
 * *out is freed by cJSON_Delete. */
int config_read(const char *path, size_t limit, cJSON **out, struct error *e);

/* The same from memory; `name` stands for the file. */
int config_parse(const char *name, const char *text, size_t size, cJSON **out, struct error *e);

/* Members of an object; `path` names the file in messages. A member that is missing (or null)
 * gives `otherwise`; one of another type or out of the bounds is an error. */
int config_int(const char *path, const cJSON *o, const char *key, int low, int high, int otherwise, int *v,
               struct error *e);
int config_number(const char *path, const cJSON *o, const char *key, double low, double high, double otherwise,
                  double *v, struct error *e);
int config_bool(const char *path, const cJSON *o, const char *key, int otherwise, int *v, struct error *e);
/* *v points into the tree, or is `otherwise`. */
int config_string(const char *path, const cJSON *o, const char *key, const char *otherwise, const char **v,
                  struct error *e);

#endif
