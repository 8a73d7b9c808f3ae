/* A table from byte strings to numbers, for vocabularies. */
#ifndef MLCM_STRING_TABLE_H
#define MLCM_STRING_TABLE_H

#include "error.h"
#include <stddef.h>
#include <stdint.h>

struct string_entry {
    size_t offset;             /* of its bytes in `bytes` */
    uint32_t size;
    int value;                 /* >= 0 */
};
/* Zero-initialise; free with string_table_free. Entries stay in the order of adding. */
struct string_table {
    struct string_entry *entries;
    int count, entry_capacity;
    char *bytes;
    size_t used, byte_capacity;
    int32_t *slots;            /* entry + 1, 0 = free; slot_count is a power of two */
    size_t slot_count;
    size_t longest;            /* bytes of the longest string */
};

/* Adds a string that is not there yet. */
int string_table_add(struct string_table *t, const char *s, size_t size, int value, struct error *e);
void string_table_free(struct string_table *t);
/* The value of a string, -1 if it is not there. */
int string_table_find(const struct string_table *t, const char *s, size_t size);

/* The same with the hash taken byte by byte, so that all prefixes of a text cost one pass:
 * start at STRING_HASH, step over each byte, find at any point. */
#define STRING_HASH UINT64_C(0xcbf29ce484222325)
static inline uint64_t string_hash_step(uint64_t hash, char byte)
{
    return (hash ^ (unsigned char)byte) * UINT64_C(0x100000001b3);
}
int string_table_find_hashed(const struct string_table *t, uint64_t hash, const char *s, size_t size);

#endif
