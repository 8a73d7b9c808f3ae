#include "torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORAGE_LIMIT = 1 << 17 };

struct block {
    const char *key;
    size_t element;
    int64_t count;
    struct weights_part part;
};

struct stream {
    const unsigned char *data;
    size_t size, at;
    const char *path;
    struct block *blocks; /* sorted by key */
    size_t nblocks;
    struct weights_part *parts; /* of the list of tensors, in the order of blocks */
};

static int bad(const struct stream *s, const char *rule, struct error *e)
{
    return error_set(e, ERR_INPUT, "%s: not a usable PyTorch stream: %s", s->path, rule);
}

static int next_pickle(struct stream *s, struct pickle *p, struct error *e)
{
    size_t consumed = 0;
    int rc = pickle_parse(s->path, s->data + s->at, s->size - s->at, p, &consumed, e);
    if (rc == 0)
        s->at += consumed;
    return rc;
}

/* Magic number, protocol 1001, and a description of the writing machine. */
static int read_preamble(struct stream *s, struct error *e)
{
    static const unsigned char magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    struct pickle p;
    int rc = next_pickle(s, &p, e);
    if (rc == 0 &&
        (p.root->kind != PICKLE_BYTES || p.root->size != 10 || memcmp(p.root->text, magic, 10) != 0))
        rc = bad(s, "the first pickle is not PyTorch's magic number; is it some other pickle?", e);
    pickle_free(&p);
    if (rc)
        return rc;
    rc = next_pickle(s, &p, e);
    if (rc == 0 && (p.root->kind != PICKLE_INT || p.root->integer != 1001))
        rc = bad(s, "its protocol is not 1001", e);
    pickle_free(&p);
    if (rc)
        return rc;
    rc = next_pickle(s, &p, e);
    if (rc == 0) {
        const struct pickle_node *little = pickle_get(p.root, "little_endian");
        if (little == NULL || little->kind != PICKLE_BOOL || !little->integer)
            rc = bad(s, "big-endian tensors; save on a little-endian machine", e);
    }
    pickle_free(&p);
    return rc;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct block *)a)->key, ((const struct block *)b)->key);
}

static struct block *find_block(const struct stream *s, const char *key)
{
    struct block wanted = {.key = key};
    return s->nblocks ? bsearch(&wanted, s->blocks, s->nblocks, sizeof wanted, by_key) : NULL;
}

/* ---- The element size of each storage is known from the object only. ---- */

struct sizes {
    struct stream *s;
    int depth;
    long steps;
};

static int note_sizes(struct sizes *z, const struct pickle_node *node, struct error *e)
{
    if (++z->steps > 1 << 21 || z->depth > 64)
        return bad(z->s, "its values refer to each other too often or too deeply", e);
    if (node->kind == PICKLE_TENSOR) {
        const struct pickle_storage *storage = node->of.tensor->storage;
        struct block *block = find_block(z->s, storage->key);
        if (block == NULL)
            return error_set(e, ERR_INPUT, "%s: storage '%s' is not in the list of storages", z->s->path,
                             storage->key);
        if (block->element && (block->element != storage->element || block->count != storage->count))
            return error_set(e, ERR_INPUT, "%s: storage '%s' is used with two types or sizes", z->s->path,
                             storage->key);
        block->element = storage->element;
        block->count = storage->count;
        return 0;
    }
    int rc = 0;
    z->depth++;
    for (size_t i = 0; rc == 0 && i < node->count; i++)
        rc = note_sizes(z, node->items[i], e);
    z->depth--;
    return rc;
}

/* The blocks follow each other in the order of the list of keys. */
static int locate_blocks(struct stream *s, const struct pickle_node *keys, struct error *e)
{
    for (size_t i = 0; i < keys->count; i++) {
        struct block *block = find_block(s, keys->items[i]->text);
        if (s->size - s->at < 8)
            return bad(s, "it ends before its last storage; fetch the file again", e);
        uint64_t count = 0;
        for (size_t k = 8; k-- > 0;)
            count = count << 8 | s->data[s->at + k];
        s->at += 8;
        if (block->element == 0)
            return error_set(e, ERR_INPUT, "%s: storage '%s' belongs to no tensor, so its size is unknown",
                             s->path, block->key);
        if (count != (uint64_t)block->count || count > (s->size - s->at) / block->element)
            return error_set(e, ERR_INPUT, "%s: storage '%s' is shorter or longer than the pickle says",
                             s->path, block->key);
        block->part = (struct weights_part){.bytes = s->data + s->at, .size = (size_t)count * block->element};
        s->at += (size_t)count * block->element;
    }
    return s->at == s->size ? 0 : bad(s, "bytes after the last storage", e);
}

static int read_keys(struct stream *s, const struct pickle_node *keys, struct error *e)
{
    if (keys->kind != PICKLE_LIST || keys->count > STORAGE_LIMIT)
        return bad(s, "the list of storages is malformed", e);
    if ((s->blocks = calloc(keys->count + 1, sizeof *s->blocks)) == NULL)
        return error_memory(e, s->path);
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->items[i]->kind != PICKLE_TEXT)
            return bad(s, "the list of storages is malformed", e);
        s->blocks[i].key = keys->items[i]->text;
    }
    s->nblocks = keys->count;
    if (s->nblocks)
        qsort(s->blocks, s->nblocks, sizeof *s->blocks, by_key);
    for (size_t i = 1; i < s->nblocks; i++)
        if (strcmp(s->blocks[i - 1].key, s->blocks[i].key) == 0)
            return bad(s, "a storage is listed twice", e);
    return 0;
}

static int storage_part(void *context, const struct pickle_storage *storage, struct weights_part **part,
                        struct error *e)
{
    const struct stream *s = context;
    const struct block *block = find_block(s, storage->key);
    if (block == NULL || block->part.bytes == NULL)
        return bad(s, "a storage is missing", e);
    *part = &s->parts[block - s->blocks];
    **part = block->part;
    return 0;
}

int torch_read_legacy(const unsigned char *data, size_t size, struct weights *w, struct error *e)
{
    struct stream s = {.data = data, .size = size, .path = w->path};
    struct pickle object = {0}, keys = {0};
    int rc = read_preamble(&s, e);
    if (rc == 0)
        rc = next_pickle(&s, &object, e);
    if (rc == 0)
        rc = next_pickle(&s, &keys, e);
    if (rc == 0)
        rc = read_keys(&s, keys.root, e);
    struct sizes z = {.s = &s};
    if (rc == 0)
        rc = note_sizes(&z, object.root, e);
    if (rc == 0)
        rc = locate_blocks(&s, keys.root, e);
    struct weights_source *source = weights_source(w);
    if (rc == 0 && (source == NULL || (source->parts = calloc(s.nblocks + 1, sizeof *source->parts)) == NULL))
        rc = error_memory(e, w->path);
    if (rc == 0)
        s.parts = source->parts;
    if (rc == 0)
        rc = torch_collect(&object, storage_part, &s, size, w, e);
    free(s.blocks);
    pickle_free(&object);
    pickle_free(&keys);
    return rc;
}
