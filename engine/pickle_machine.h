/* The stack machine of pickle.h: its memory, stack and memo. Private to the pickle reader.
 *
 * Everything that can grow is bounded. Functions that return a pointer return NULL, and functions
 * that return int an error code, after they have set the message. */
#ifndef MLCM_PICKLE_MACHINE_H
#define MLCM_PICKLE_MACHINE_H

#include "pickle.h"

enum {
    STACK_LIMIT = 1 << 16,
    MARK_LIMIT = 1 << 12,
    MEMO_LIMIT = 1 << 22,
    OPCODE_LIMIT = 1 << 25,
    NODE_LIMIT = 1 << 21,
    ITEM_LIMIT = 1 << 24,
    TEXT_LIMIT = 1 << 20,
    NAME_LIMIT = 256,
    OPAQUE_LIMIT = 256 /* distinct names of opaque objects */
};

struct machine_block {
    struct machine_block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct machine {
    const char *path;
    const unsigned char *start, *at, *end;
    struct error *e;
    struct machine_block *memory; /* everything of one pickle is freed together */
    struct pickle_node **stack, **memo;
    size_t depth, depth_capacity, memo_capacity, memo_count;
    size_t marks[MARK_LIMIT];
    int nmarks;
    size_t nodes, items;
    const char *opaque[OPAQUE_LIMIT];
    int nopaque;
};

/* Sets the message, with the place; returns its code. */
int machine_fail(struct machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Memory that lives as long as the pickle. */
void *machine_take(struct machine *m, size_t size);
struct pickle_node *machine_make(struct machine *m, enum pickle_kind kind);
const char *machine_text(struct machine *m, const unsigned char *bytes, size_t size);

/* The stack. Values below the newest mark cannot be popped. */
int machine_push(struct machine *m, struct pickle_node *node);
int machine_push_new(struct machine *m, enum pickle_kind kind, int64_t integer);
size_t machine_above_mark(const struct machine *m);
/* Fails unless n values lie above the newest mark. */
int machine_need(struct machine *m, size_t n);
/* Appends to a container. */
int machine_append(struct machine *m, struct pickle_node *to, struct pickle_node *const *items, size_t n);
/* Replaces the top n values by a sequence of them. */
int machine_collect(struct machine *m, enum pickle_kind kind, size_t n);
/* The number of values above the newest mark, which is taken away. */
int machine_close_mark(struct machine *m, size_t *n);

int machine_memo_put(struct machine *m, uint64_t index);
int machine_memo_get(struct machine *m, uint64_t index);

/* Opcodes that name or make objects: GLOBAL, STACK_GLOBAL, BINPERSID, REDUCE and NEWOBJ, BUILD. */
int machine_global(struct machine *m);
int machine_stack_global(struct machine *m);
int machine_persistent_id(struct machine *m);
int machine_apply(struct machine *m);
int machine_build(struct machine *m);

#endif
