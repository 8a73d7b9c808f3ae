#include "pool.h"

#include <stdlib.h>
#include <string.h>

enum { POOL_CHUNK = 1 << 16, POOL_ALIGN = 16 };

struct block {
    struct block *next;
    void *data;
};

struct pool {
    struct block *blocks;
    unsigned char *free_from;
    size_t free_bytes;
};

struct pool *pool_new(void)
{
    return calloc(1, sizeof(struct pool));
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    struct block *b = p->blocks;
    while (b) {
        struct block *next = b->next;
        free(b->data);
        free(b);
        b = next;
    }
    free(p);
}

int pool_adopt(struct pool *p, void *data)
{
    struct block *b = malloc(sizeof *b);
    if (!b)
        return -1;
    b->data = data;
    b->next = p->blocks;
    p->blocks = b;
    return 0;
}

void *pool_get(struct pool *p, size_t size)
{
    if (size > (size_t)-1 - POOL_CHUNK)
        return NULL;
    size = (size + POOL_ALIGN - 1) & ~(size_t)(POOL_ALIGN - 1);
    if (size > p->free_bytes) {
        size_t chunk = size > POOL_CHUNK / 4 ? size : POOL_CHUNK;
        unsigned char *data = malloc(chunk ? chunk : 1);
        if (!data || pool_adopt(p, data) != 0) {
            free(data);
            return NULL;
        }
        if (chunk == size)
            return data;
        p->free_from = data;
        p->free_bytes = chunk;
    }
    void *out = p->free_from;
    p->free_from += size;
    p->free_bytes -= size;
    return out;
}

char *pool_text_n(struct pool *p, const char *text, size_t length)
{
    char *copy = pool_get(p, length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *pool_text(struct pool *p, const char *text)
{
    return pool_text_n(p, text, strlen(text));
}
