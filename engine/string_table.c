#include "string_table.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *s, size_t size)
{
    uint64_t h = STRING_HASH;
    for (size_t i = 0; i < size; i++) h = string_hash_step(h, s[i]);
    return h;
}

static size_t first_slot(const struct string_table *t, uint64_t hash)
{
    return (size_t)(hash ^ hash >> 29) & (t->slot_count - 1);
}

static void put(struct string_table *t, int entry)
{
    const struct string_entry *x = &t->entries[entry];
    size_t slot = first_slot(t, hash_of(t->bytes + x->offset, x->size));
    while (t->slots[slot]) slot = (slot + 1) & (t->slot_count - 1);
    t->slots[slot] = entry + 1;
}

static int grow(struct string_table *t, size_t size, struct error *e)
{
    if (t->count == t->entry_capacity) {
        if (t->entry_capacity > INT_MAX / 4) return error_memory(e, "a vocabulary");
        int capacity = t->entry_capacity ? 2 * t->entry_capacity : 256;
        struct string_entry *entries = realloc(t->entries, (size_t)capacity * sizeof *entries);
        if (!entries) return error_memory(e, "a vocabulary");
        t->entries = entries;
        t->entry_capacity = capacity;
        int32_t *slots = calloc(2 * (size_t)capacity, sizeof *slots);
        if (!slots) return error_memory(e, "a vocabulary");
        free(t->slots);
        t->slots = slots;
        t->slot_count = 2 * (size_t)capacity;
        for (int i = 0; i < t->count; i++) put(t, i);
    }
    if (t->byte_capacity - t->used < size) {
        size_t capacity = t->byte_capacity ? t->byte_capacity : 4096;
        while (capacity - t->used < size) {
            if (capacity > SIZE_MAX / 2) return error_memory(e, "a vocabulary");
            capacity *= 2;
        }
        char *bytes = realloc(t->bytes, capacity);
        if (!bytes) return error_memory(e, "a vocabulary");
        t->bytes = bytes;
        t->byte_capacity = capacity;
    }
    return 0;
}

int string_table_add(struct string_table *t, const char *s, size_t size, int value, struct error *e)
{
    if (size > UINT32_MAX) return error_memory(e, "a vocabulary");
    int rc = grow(t, size, e);
    if (rc) return rc;
    t->entries[t->count] = (struct string_entry){t->used, (uint32_t)size, value};
    if (size) memcpy(t->bytes + t->used, s, size);
    t->used += size;
    put(t, t->count++);
    if (size > t->longest) t->longest = size;
    return 0;
}

void string_table_free(struct string_table *t)
{
    free(t->entries);
    free(t->bytes);
    free(t->slots);
    *t = (struct string_table){0};
}

int string_table_find_hashed(const struct string_table *t, uint64_t hash, const char *s, size_t size)
{
    if (!t->slot_count) return -1;
    for (size_t slot = first_slot(t, hash); t->slots[slot]; slot = (slot + 1) & (t->slot_count - 1)) {
        const struct string_entry *x = &t->entries[t->slots[slot] - 1];
        if (x->size == size && (!size || !memcmp(t->bytes + x->offset, s, size))) return x->value;
    }
    return -1;
}

int string_table_find(const struct string_table *t, const char *s, size_t size)
{
    return string_table_find_hashed(t, hash_of(s, size), s, size);
}
