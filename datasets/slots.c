#include "slots.h"

#include <stdio.h>
#include <string.h>

/* The value list of a key, or NULL. */
static const char *find(const char *slots, const char *key, size_t key_length, size_t *length)
{
    for (const char *p = slots; *p;) {
        size_t entry = strcspn(p, ";");
        if (entry > key_length && memcmp(p, key, key_length) == 0 && p[key_length] == '=') {
            *length = entry - key_length - 1;
            return p + key_length + 1;
        }
        p += entry;
        p += *p == ';';
    }
    return NULL;
}

int slots_value(const char *slots, const char *key, char *value, size_t size)
{
    size_t length;
    const char *list = find(slots, key, strlen(key), &length);
    if (!list)
        return 0;
    size_t first = strcspn(list, ",;");
    if (first >= size)
        return 0;
    memcpy(value, list, first);
    value[first] = '\0';
    return 1;
}

int slots_hold(const char *slots, const char *key, size_t key_length, const char *value,
               size_t value_length)
{
    size_t length;
    const char *list = find(slots, key, key_length, &length);
    for (const char *p = list; list && p < list + length;) {
        size_t one = strcspn(p, ",;");
        if (one == value_length && memcmp(p, value, one) == 0)
            return 1;
        p += one + 1;
    }
    return 0;
}

int slots_add(char *slots, size_t size, const char *key, const char *value)
{
    size_t used = strlen(slots);
    int n = snprintf(slots + used, size - used, "%s%s=%s", used ? ";" : "", key, value);
    if (n < 0 || (size_t)n >= size - used) {
        slots[used] = '\0';
        return -1;
    }
    return 0;
}
