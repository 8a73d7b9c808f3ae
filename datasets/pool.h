/* A pool of memory that is freed as a whole: the strings and arrays of a set. */
#ifndef MLCM_POOL_H
#define MLCM_POOL_H

#include <stddef.h>

struct pool;

struct pool *pool_new(void);                       /* NULL when out of memory */
void pool_free(struct pool *p);                    /* NULL is allowed */
/* `size` bytes, aligned for any type, not cleared; NULL when out of memory. */
void *pool_get(struct pool *p, size_t size);
/* A copy of `length` bytes of text with a NUL behind; NULL when out of memory. */
char *pool_text_n(struct pool *p, const char *text, size_t length);
char *pool_text(struct pool *p, const char *text);
/* Takes over a malloc'd block; pool_free will free it. Returns 0, or -1 when out
 * of memory (the block is then still the caller's). */
int pool_adopt(struct pool *p, void *block);

#endif
