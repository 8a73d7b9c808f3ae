#include "pickle.h"
#include "pickle_machine.h"

#include <stdlib.h>
#include <string.h>

/* ---- Reading arguments ---- */

static int bytes_left(struct machine *m, uint64_t n)
{
    return (uint64_t)(m->end - m->at) < n ? machine_fail(m, "the file ends inside an opcode") : 0;
}

static int unsigned_argument(struct machine *m, int size, uint64_t *v)
{
    int rc = bytes_left(m, (uint64_t)size);
    *v = 0;
    for (int i = 0; rc == 0 && i < size; i++)
        *v |= (uint64_t)m->at[i] << (8 * i);
    if (rc == 0)
        m->at += size;
    return rc;
}

/* A length of `size` bytes and then that many bytes: text or raw. */
static int push_text(struct machine *m, enum pickle_kind kind, int size)
{
    uint64_t n = 0;
    int rc = unsigned_argument(m, size, &n);
    if (rc == 0 && n > TEXT_LIMIT && (kind == PICKLE_TEXT || n > (uint64_t)(m->end - m->at)))
        rc = machine_fail(m, "a text of %llu bytes, more than %d", (unsigned long long)n, TEXT_LIMIT);
    if (rc == 0)
        rc = bytes_left(m, n);
    if (rc)
        return rc;
    if (kind == PICKLE_TEXT && memchr(m->at, 0, (size_t)n))
        kind = PICKLE_BYTES; /* NumPy's scalars hide their bytes in such texts */
    struct pickle_node *node = machine_make(m, kind);
    if (node == NULL)
        return ERR_INPUT;
    node->text = n > TEXT_LIMIT ? (const char *)m->at : machine_text(m, m->at, (size_t)n);
    if (node->text == NULL)
        return ERR_INPUT;
    node->size = (size_t)n;
    m->at += n;
    return machine_push(m, node);
}

/* LONG1 and LONG4: a two's-complement integer of any length. */
static int push_long(struct machine *m, int size)
{
    uint64_t n = 0;
    int rc = unsigned_argument(m, size, &n);
    if (rc == 0 && n > 255)
        rc = machine_fail(m, "an integer of negative or absurd length");
    if (rc == 0)
        rc = bytes_left(m, n);
    if (rc)
        return rc;
    struct pickle_node *node = machine_make(m, n <= 8 ? PICKLE_INT : PICKLE_BYTES);
    if (node == NULL)
        return ERR_INPUT;
    if (n <= 8) {
        uint64_t value = n > 0 && m->at[n - 1] & 0x80 ? ~(uint64_t)0 : 0;
        for (uint64_t i = n; i-- > 0;)
            value = value << 8 | m->at[i];
        node->integer = (int64_t)value;
    } else if ((node->text = machine_text(m, m->at, (size_t)n)) == NULL) {
        return ERR_INPUT;
    }
    node->size = (size_t)n;
    m->at += n;
    return machine_push(m, node);
}

static int push_float(struct machine *m)
{
    int rc = bytes_left(m, 8);
    if (rc)
        return rc;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | *m->at++;
    struct pickle_node *node = machine_make(m, PICKLE_FLOAT);
    if (node)
        memcpy(&node->real, &bits, sizeof bits);
    return machine_push(m, node);
}

/* ---- Containers ---- */

/* The top n values go into the container below them. */
static int add_items(struct machine *m, enum pickle_kind kind, size_t n)
{
    if (m->depth - n < 1 + (m->nmarks ? m->marks[m->nmarks - 1] : 0))
        return machine_fail(m, "stack underflow");
    struct pickle_node *to = m->stack[m->depth - n - 1];
    if (to->kind == PICKLE_OPAQUE) { /* its contents are not kept */
        m->depth -= n;
        return 0;
    }
    if (to->kind != kind || (kind == PICKLE_DICT && n % 2))
        return machine_fail(m, "items added to something that is not a %s",
                    kind == PICKLE_DICT ? "dictionary" : "list");
    int rc = machine_append(m, to, m->stack + m->depth - n, n);
    m->depth -= n;
    return rc;
}

static int dict_of_top(struct machine *m, size_t n)
{
    if (n % 2)
        return machine_fail(m, "a dictionary of an odd number of items");
    return machine_collect(m, PICKLE_DICT, n);
}

/* ---- The loop ---- */

static int step_value(struct machine *m, int op)
{
    uint64_t v = 0;
    int rc;
    switch (op) {
    case 'N':
        return machine_push_new(m, PICKLE_NONE, 0);
    case 0x88:
        return machine_push_new(m, PICKLE_BOOL, 1);
    case 0x89:
        return machine_push_new(m, PICKLE_BOOL, 0);
    case 'J':
        rc = unsigned_argument(m, 4, &v);
        return rc ? rc : machine_push_new(m, PICKLE_INT, (int32_t)v);
    case 'K':
        rc = unsigned_argument(m, 1, &v);
        return rc ? rc : machine_push_new(m, PICKLE_INT, (int64_t)v);
    case 'M':
        rc = unsigned_argument(m, 2, &v);
        return rc ? rc : machine_push_new(m, PICKLE_INT, (int64_t)v);
    case 0x8a:
        return push_long(m, 1);
    case 0x8b:
        return push_long(m, 4);
    case 'G':
        return push_float(m);
    case 'U':
    case 0x8c:
        return push_text(m, PICKLE_TEXT, 1);
    case 'T':
    case 'X':
        return push_text(m, PICKLE_TEXT, 4);
    case 0x8d:
        return push_text(m, PICKLE_TEXT, 8);
    case 'B':
        return push_text(m, PICKLE_BYTES, 4);
    case 'C':
        return push_text(m, PICKLE_BYTES, 1);
    case 0x8e:
        return push_text(m, PICKLE_BYTES, 8);
    default:
        m->at--;
        return op >= 0x20 && op < 0x7f ? machine_fail(m, "opcode '%c' is not allowed", op)
                                       : machine_fail(m, "opcode 0x%02x is not allowed", (unsigned int)op);
    }
}

static int step_container(struct machine *m, int op)
{
    size_t n = 0;
    uint64_t v = 0;
    int rc = 0;
    switch (op) {
    case ']':
        return machine_collect(m, PICKLE_LIST, 0);
    case ')':
        return machine_collect(m, PICKLE_TUPLE, 0);
    case '}':
        return machine_collect(m, PICKLE_DICT, 0);
    case 0x85:
    case 0x86:
    case 0x87:
        n = (size_t)(op - 0x84);
        rc = machine_need(m, n);
        return rc ? rc : machine_collect(m, PICKLE_TUPLE, n);
    case 't':
        rc = machine_close_mark(m, &n);
        return rc ? rc : machine_collect(m, PICKLE_TUPLE, n);
    case 'l':
        rc = machine_close_mark(m, &n);
        return rc ? rc : machine_collect(m, PICKLE_LIST, n);
    case 'd':
        rc = machine_close_mark(m, &n);
        return rc ? rc : dict_of_top(m, n);
    case 'e':
        rc = machine_close_mark(m, &n);
        return rc ? rc : add_items(m, PICKLE_LIST, n);
    case 'u':
        rc = machine_close_mark(m, &n);
        return rc ? rc : add_items(m, PICKLE_DICT, n);
    case 'a':
        rc = machine_need(m, 2);
        return rc ? rc : add_items(m, PICKLE_LIST, 1);
    case 's':
        rc = machine_need(m, 3);
        return rc ? rc : add_items(m, PICKLE_DICT, 2);
    case '0':
        rc = machine_need(m, 1);
        m->depth -= rc == 0;
        return rc;
    case '1':
        rc = machine_close_mark(m, &n);
        m->depth -= rc == 0 ? n : 0;
        return rc;
    case '2':
        rc = machine_need(m, 1);
        return rc ? rc : machine_push(m, m->stack[m->depth - 1]);
    case '(':
        if (m->nmarks == MARK_LIMIT)
            return machine_fail(m, "more than %d open marks", MARK_LIMIT);
        m->marks[m->nmarks++] = m->depth;
        return 0;
    case 'q':
        rc = unsigned_argument(m, 1, &v);
        return rc ? rc : machine_memo_put(m, v);
    case 'r':
        rc = unsigned_argument(m, 4, &v);
        return rc ? rc : machine_memo_put(m, v);
    case 0x94:
        return machine_memo_put(m, m->memo_count);
    case 'h':
        rc = unsigned_argument(m, 1, &v);
        return rc ? rc : machine_memo_get(m, v);
    case 'j':
        rc = unsigned_argument(m, 4, &v);
        return rc ? rc : machine_memo_get(m, v);
    case 'c':
        return machine_global(m);
    case 0x93:
        return machine_stack_global(m);
    case 'R':
    case 0x81:
        return machine_apply(m);
    case 'b':
        return machine_build(m);
    case 'Q':
        return machine_persistent_id(m);
    case 0x95:
        rc = unsigned_argument(m, 8, &v);
        return rc ? rc : bytes_left(m, v);
    default:
        return step_value(m, op);
    }
}

static int run(struct machine *m)
{
    int rc = 0;
    uint64_t version = 0;
    if (m->at == m->end || *m->at != 0x80)
        return machine_fail(m, "it does not begin with a protocol number of at least 2");
    m->at++;
    rc = unsigned_argument(m, 1, &version);
    if (rc == 0 && (version < 2 || version > 5))
        rc = machine_fail(m, "protocol %d; only 2 to 5 are known", (int)version);
    for (long steps = 0; rc == 0; steps++) {
        if (m->at == m->end)
            return machine_fail(m, "the file ends before STOP");
        if (steps == OPCODE_LIMIT)
            return machine_fail(m, "more than %d opcodes", OPCODE_LIMIT);
        int op = *m->at++;
        if (op == '.')
            return m->depth == 1 && m->nmarks == 0 ? 0
                                                   : machine_fail(m, "STOP with %zu values on the stack", m->depth);
        rc = step_container(m, op);
    }
    return rc;
}

int pickle_parse(const char *path, const void *data, size_t size, struct pickle *out, size_t *consumed,
                 struct error *e)
{
    memset(out, 0, sizeof *out);
    struct machine *m = calloc(1, sizeof *m);
    if (m == NULL)
        return error_memory(e, path);
    m->path = path;
    m->start = m->at = data;
    m->end = m->start + size;
    m->e = e;
    int rc = run(m);
    if (rc == 0) {
        out->root = m->stack[0];
        *consumed = (size_t)(m->at - m->start);
        size_t bytes = (size_t)m->nopaque * sizeof *m->opaque;
        const char **names = machine_take(m, bytes + 1);
        if (names == NULL)
            rc = ERR_INTERNAL;
        else
            memcpy(names, m->opaque, bytes);
        out->opaque = names;
        out->opaque_count = names ? m->nopaque : 0;
    }
    out->memory = m->memory;
    free(m->stack);
    free(m->memo);
    free(m);
    return rc && e ? e->code : rc;
}

void pickle_free(struct pickle *p)
{
    for (struct machine_block *b = p->memory, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    memset(p, 0, sizeof *p);
}

const struct pickle_node *pickle_get(const struct pickle_node *dict, const char *key)
{
    for (size_t i = 0; dict->kind == PICKLE_DICT && i + 1 < dict->count; i += 2)
        if (dict->items[i]->kind == PICKLE_TEXT && strcmp(dict->items[i]->text, key) == 0)
            return dict->items[i + 1];
    return NULL;
}
