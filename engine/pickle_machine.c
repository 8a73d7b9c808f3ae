#include "pickle_machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int machine_fail(struct machine *m, const char *fmt, ...)
{
    char rule[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(rule, sizeof rule, fmt, args);
    va_end(args);
    return error_set(m->e, ERR_INPUT, "%s: pickle refused at byte %td: %s", m->path, m->at - m->start, rule);
}

void *machine_take(struct machine *m, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (m->memory == NULL || m->memory->size - m->memory->used < size) {
        size_t capacity = size > 65536 ? size : 65536;
        struct machine_block *b = malloc(sizeof *b + capacity);
        if (b == NULL) {
            error_memory(m->e, m->path);
            return NULL;
        }
        b->next = m->memory;
        b->used = 0;
        b->size = capacity;
        m->memory = b;
    }
    void *out = m->memory->bytes + m->memory->used;
    m->memory->used += size;
    return out;
}

struct pickle_node *machine_make(struct machine *m, enum pickle_kind kind)
{
    if (++m->nodes > NODE_LIMIT) {
        machine_fail(m, "more than %d values", NODE_LIMIT);
        return NULL;
    }
    struct pickle_node *node = machine_take(m, sizeof *node);
    if (node) {
        memset(node, 0, sizeof *node);
        node->kind = kind;
    }
    return node;
}

const char *machine_text(struct machine *m, const unsigned char *bytes, size_t size)
{
    char *text = machine_take(m, size + 1);
    if (text) {
        memcpy(text, bytes, size);
        text[size] = '\0';
    }
    return text;
}

/* ---- The stack ---- */

int machine_push(struct machine *m, struct pickle_node *node)
{
    if (node == NULL)
        return ERR_INPUT; /* its maker has set the message */
    if (m->depth == m->depth_capacity) {
        size_t capacity = m->depth_capacity ? 2 * m->depth_capacity : 1024;
        if (capacity > STACK_LIMIT)
            return machine_fail(m, "stack deeper than %d", STACK_LIMIT);
        struct pickle_node **grown = realloc(m->stack, capacity * sizeof *grown);
        if (grown == NULL)
            return error_memory(m->e, m->path);
        m->stack = grown;
        m->depth_capacity = capacity;
    }
    m->stack[m->depth++] = node;
    return 0;
}

int machine_push_new(struct machine *m, enum pickle_kind kind, int64_t integer)
{
    struct pickle_node *node = machine_make(m, kind);
    if (node)
        node->integer = integer;
    return machine_push(m, node);
}

size_t machine_above_mark(const struct machine *m)
{
    return m->depth - (m->nmarks ? m->marks[m->nmarks - 1] : 0);
}

int machine_need(struct machine *m, size_t n)
{
    return machine_above_mark(m) < n ? machine_fail(m, "stack underflow") : 0;
}

int machine_append(struct machine *m, struct pickle_node *to, struct pickle_node *const *items, size_t n)
{
    if ((m->items += n) > ITEM_LIMIT)
        return machine_fail(m, "containers of more than %d items together", ITEM_LIMIT);
    if (to->capacity - to->count < n) {
        size_t capacity = to->count + n > 2 * to->capacity ? to->count + n : 2 * to->capacity;
        struct pickle_node **grown = machine_take(m, capacity * sizeof *grown);
        if (grown == NULL)
            return ERR_INTERNAL;
        if (to->count)
            memcpy(grown, to->items, to->count * sizeof *grown);
        to->items = grown;
        to->capacity = capacity;
    }
    if (n)
        memcpy(to->items + to->count, items, n * sizeof *items);
    to->count += n;
    return 0;
}

int machine_collect(struct machine *m, enum pickle_kind kind, size_t n)
{
    struct pickle_node *node = machine_make(m, kind);
    if (node == NULL)
        return ERR_INPUT;
    int rc = n ? machine_append(m, node, m->stack + m->depth - n, n) : 0;
    m->depth -= n;
    return rc ? rc : machine_push(m, node);
}

int machine_close_mark(struct machine *m, size_t *n)
{
    if (m->nmarks == 0)
        return machine_fail(m, "no mark on the stack");
    *n = machine_above_mark(m);
    m->nmarks--;
    return 0;
}

/* ---- Memo ---- */

int machine_memo_put(struct machine *m, uint64_t index)
{
    int rc = machine_need(m, 1);
    if (rc)
        return rc;
    if (index >= MEMO_LIMIT)
        return machine_fail(m, "memo index above %d", MEMO_LIMIT);
    if (index >= m->memo_capacity) {
        size_t capacity = m->memo_capacity ? m->memo_capacity : 256;
        while (capacity <= index)
            capacity *= 2;
        struct pickle_node **grown = realloc(m->memo, capacity * sizeof *grown);
        if (grown == NULL)
            return error_memory(m->e, m->path);
        memset(grown + m->memo_capacity, 0, (capacity - m->memo_capacity) * sizeof *grown);
        m->memo = grown;
        m->memo_capacity = capacity;
    }
    m->memo_count += m->memo[index] == NULL;
    m->memo[index] = m->stack[m->depth - 1];
    return 0;
}

int machine_memo_get(struct machine *m, uint64_t index)
{
    if (index >= m->memo_capacity || m->memo[index] == NULL)
        return machine_fail(m, "memo entry %llu was never written", (unsigned long long)index);
    return machine_push(m, m->memo[index]);
}
