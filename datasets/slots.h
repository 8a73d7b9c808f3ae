/* Slots: what a caption asserts and what holds for a motion, as text.
 *
 * "key=value;key=value;…". In a motion's slots a value may be a list of
 * alternatives that all hold, "content=run,sprint"; the first is the main one. */
#ifndef MLCM_SLOTS_H
#define MLCM_SLOTS_H

#include <stddef.h>

/* Main value of a key: copies it to `value` and returns 1, or returns 0. */
int slots_value(const char *slots, const char *key, char *value, size_t size);
/* Whether key=value holds, value being any of the alternatives. */
int slots_hold(const char *slots, const char *key, size_t key_length, const char *value,
               size_t value_length);
/* Appends key=value, with a ';' before it if needed; -1 if there is no room. */
int slots_add(char *slots, size_t size, const char *key, const char *value);

#endif
