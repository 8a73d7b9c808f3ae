#include "pickle.h"
#include "file.h"
#include "pickle_names.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STACK_LIMIT = 1 << 16,
    MARK_LIMIT = 1 << 12,
    MEMO_LIMIT = 1 << 22,
    OPCODE_LIMIT = 1 << 25,
    NODE_LIMIT = 1 << 21,
    ITEM_LIMIT = 1 << 24,
    TEXT_LIMIT = 1 << 20,
    NAME_LIMIT = 256
};

/* ---- Memory: everything of one pickle is freed together. ---- */

struct block {
    struct block *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

struct machine {
    const char *path;
    const unsigned char *start, *at, *end;
    struct error *e;
    struct block *memory;
    struct pickle_node **stack, **memo;
    size_t depth, depth_capacity, memo_capacity, memo_count;
    size_t marks[MARK_LIMIT];
    int nmarks;
    size_t nodes, items;
};

static int fail(struct machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fail(struct machine *m, const char *fmt, ...)
{
    char rule[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(rule, sizeof rule, fmt, args);
    va_end(args);
    return error_set(m->e, ERR_INPUT, "%s: pickle refused at byte %td: %s", m->path, m->at - m->start, rule);
}

static void *take(struct machine *m, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (m->memory == NULL || m->memory->size - m->memory->used < size) {
        size_t capacity = size > 65536 ? size : 65536;
        struct block *b = malloc(sizeof *b + capacity);
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

static struct pickle_node *make(struct machine *m, enum pickle_kind kind)
{
    if (++m->nodes > NODE_LIMIT) {
        fail(m, "more than %d values", NODE_LIMIT);
        return NULL;
    }
    struct pickle_node *node = take(m, sizeof *node);
    if (node) {
        memset(node, 0, sizeof *node);
        node->kind = kind;
    }
    return node;
}

static const char *copy_text(struct machine *m, const unsigned char *bytes, size_t size)
{
    char *text = take(m, size + 1);
    if (text) {
        memcpy(text, bytes, size);
        text[size] = '\0';
    }
    return text;
}

/* ---- The stack. Values below the newest mark cannot be popped. ---- */

static int push(struct machine *m, struct pickle_node *node)
{
    if (node == NULL)
        return ERR_INPUT; /* its maker has set the message */
    if (m->depth == m->depth_capacity) {
        size_t capacity = m->depth_capacity ? 2 * m->depth_capacity : 1024;
        if (capacity > STACK_LIMIT)
            return fail(m, "stack deeper than %d", STACK_LIMIT);
        struct pickle_node **grown = realloc(m->stack, capacity * sizeof *grown);
        if (grown == NULL)
            return error_memory(m->e, m->path);
        m->stack = grown;
        m->depth_capacity = capacity;
    }
    m->stack[m->depth++] = node;
    return 0;
}

static int push_new(struct machine *m, enum pickle_kind kind, int64_t integer)
{
    struct pickle_node *node = make(m, kind);
    if (node)
        node->integer = integer;
    return push(m, node);
}

static size_t above_mark(const struct machine *m)
{
    return m->depth - (m->nmarks ? m->marks[m->nmarks - 1] : 0);
}

static int need(struct machine *m, size_t n)
{
    return above_mark(m) < n ? fail(m, "stack underflow") : 0;
}

static int append(struct machine *m, struct pickle_node *to, struct pickle_node *const *items, size_t n)
{
    if ((m->items += n) > ITEM_LIMIT)
        return fail(m, "containers of more than %d items together", ITEM_LIMIT);
    if (to->capacity - to->count < n) {
        size_t capacity = to->count + n > 2 * to->capacity ? to->count + n : 2 * to->capacity;
        struct pickle_node **grown = take(m, capacity * sizeof *grown);
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

/* Replaces the top n values by a sequence of them. */
static int collect(struct machine *m, enum pickle_kind kind, size_t n)
{
    struct pickle_node *node = make(m, kind);
    if (node == NULL)
        return ERR_INPUT;
    int rc = append(m, node, m->stack + m->depth - n, n);
    m->depth -= n;
    return rc ? rc : push(m, node);
}

/* The number of values above the newest mark, which is taken away. */
static int close_mark(struct machine *m, size_t *n)
{
    if (m->nmarks == 0)
        return fail(m, "no mark on the stack");
    *n = above_mark(m);
    m->nmarks--;
    return 0;
}

/* ---- Reading arguments ---- */

static int bytes_left(struct machine *m, uint64_t n)
{
    return (uint64_t)(m->end - m->at) < n ? fail(m, "the file ends inside an opcode") : 0;
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
    if (rc == 0 && n > TEXT_LIMIT)
        rc = fail(m, "a text of %llu bytes, more than %d", (unsigned long long)n, TEXT_LIMIT);
    if (rc == 0)
        rc = bytes_left(m, n);
    if (rc == 0 && kind == PICKLE_TEXT && memchr(m->at, 0, (size_t)n))
        rc = fail(m, "a text with a NUL inside");
    if (rc)
        return rc;
    struct pickle_node *node = make(m, kind);
    if (node == NULL || (node->text = copy_text(m, m->at, (size_t)n)) == NULL)
        return ERR_INPUT;
    node->size = (size_t)n;
    m->at += n;
    return push(m, node);
}

/* LONG1 and LONG4: a two's-complement integer of any length. */
static int push_long(struct machine *m, int size)
{
    uint64_t n = 0;
    int rc = unsigned_argument(m, size, &n);
    if (rc == 0 && n > 255)
        rc = fail(m, "an integer of negative or absurd length");
    if (rc == 0)
        rc = bytes_left(m, n);
    if (rc)
        return rc;
    struct pickle_node *node = make(m, n <= 8 ? PICKLE_INT : PICKLE_BYTES);
    if (node == NULL)
        return ERR_INPUT;
    if (n <= 8) {
        uint64_t value = n > 0 && m->at[n - 1] & 0x80 ? ~(uint64_t)0 : 0;
        for (uint64_t i = n; i-- > 0;)
            value = value << 8 | m->at[i];
        node->integer = (int64_t)value;
    } else if ((node->text = copy_text(m, m->at, (size_t)n)) == NULL) {
        return ERR_INPUT;
    }
    node->size = (size_t)n;
    m->at += n;
    return push(m, node);
}

static int push_float(struct machine *m)
{
    int rc = bytes_left(m, 8);
    if (rc)
        return rc;
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | *m->at++;
    struct pickle_node *node = make(m, PICKLE_FLOAT);
    if (node)
        memcpy(&node->real, &bits, sizeof bits);
    return push(m, node);
}

/* ---- Memo ---- */

static int memo_put(struct machine *m, uint64_t index)
{
    int rc = need(m, 1);
    if (rc)
        return rc;
    if (index >= MEMO_LIMIT)
        return fail(m, "memo index above %d", MEMO_LIMIT);
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

static int memo_get(struct machine *m, uint64_t index)
{
    if (index >= m->memo_capacity || m->memo[index] == NULL)
        return fail(m, "memo entry %llu was never written", (unsigned long long)index);
    return push(m, m->memo[index]);
}

/* ---- Names ---- */

static int push_global(struct machine *m, const char *module, const char *name)
{
    char full[2 * NAME_LIMIT + 2];
    snprintf(full, sizeof full, "%s %s", module, name);
    if (pickle_name_role(full) == NAME_UNKNOWN)
        return fail(m,
                    "it names '%.120s.%.120s', which is not a plain tensor type; re-save the bare state_dict "
                    "with torch.save",
                    module, name);
    struct pickle_node *node = make(m, PICKLE_GLOBAL);
    if (node)
        node->text = copy_text(m, (const unsigned char *)full, strlen(full));
    return node && node->text == NULL ? ERR_INPUT : push(m, node);
}

static int line_argument(struct machine *m, char out[NAME_LIMIT])
{
    const unsigned char *newline = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (newline == NULL || newline - m->at >= NAME_LIMIT || memchr(m->at, 0, (size_t)(newline - m->at)))
        return fail(m, "a name that does not end, or longer than %d bytes", NAME_LIMIT - 1);
    memcpy(out, m->at, (size_t)(newline - m->at));
    out[newline - m->at] = '\0';
    m->at = newline + 1;
    return 0;
}

static int op_global(struct machine *m)
{
    char module[NAME_LIMIT], name[NAME_LIMIT];
    int rc = line_argument(m, module);
    if (rc == 0)
        rc = line_argument(m, name);
    return rc ? rc : push_global(m, module, name);
}

static int op_stack_global(struct machine *m)
{
    int rc = need(m, 2);
    if (rc)
        return rc;
    const struct pickle_node *module = m->stack[m->depth - 2], *name = m->stack[m->depth - 1];
    if (module->kind != PICKLE_TEXT || name->kind != PICKLE_TEXT || module->size >= NAME_LIMIT ||
        name->size >= NAME_LIMIT)
        return fail(m, "a name that is not made of two short texts");
    m->depth -= 2;
    return push_global(m, module->text, name->text);
}

/* ---- What the known names build ---- */

static int is_integer(const struct pickle_node *node)
{
    return node->kind == PICKLE_INT;
}

/* ("storage", type, key, location, count[, None]) becomes a storage. */
static int op_persistent_id(struct machine *m)
{
    int rc = need(m, 1);
    if (rc)
        return rc;
    const struct pickle_node *id = m->stack[--m->depth];
    struct pickle_node *const *part = id->items;
    const struct pickle_type *type = NULL;
    if (id->kind == PICKLE_TUPLE && (id->count == 5 || (id->count == 6 && part[5]->kind == PICKLE_NONE)) &&
        part[0]->kind == PICKLE_TEXT && strcmp(part[0]->text, "storage") == 0 &&
        part[1]->kind == PICKLE_GLOBAL && part[2]->kind == PICKLE_TEXT && is_integer(part[4]))
        type = pickle_storage_type(part[1]->text);
    if (type == NULL)
        return fail(m, "a persistent id that does not describe a plain storage");
    if (part[4]->integer < 0 || part[4]->integer > (int64_t)1 << 48 || part[2]->size == 0 ||
        part[2]->size > 64)
        return fail(m, "a storage with an impossible key or element count");
    struct pickle_storage *storage = take(m, sizeof *storage);
    struct pickle_node *node = make(m, PICKLE_STORAGE);
    if (storage == NULL || node == NULL)
        return ERR_INPUT;
    *storage = (struct pickle_storage){type->type, type->element, part[2]->text, part[4]->integer};
    node->of.storage = storage;
    return push(m, node);
}

/* (storage, offset, size, stride, …) becomes a tensor whose every index is
 * inside the storage. */
static int rebuild_tensor(struct machine *m, const struct pickle_node *args, struct pickle_node **out)
{
    struct pickle_node *const *a = args->items;
    if (args->count < 4 || args->count > 7 || a[0]->kind != PICKLE_STORAGE || !is_integer(a[1]) ||
        a[2]->kind != PICKLE_TUPLE || a[3]->kind != PICKLE_TUPLE || a[2]->count != a[3]->count)
        return fail(m, "a tensor with malformed arguments");
    if (a[2]->count > 8)
        return fail(m, "a tensor of more than 8 dimensions");
    struct pickle_tensor *t = take(m, sizeof *t);
    struct pickle_node *node = make(m, PICKLE_TENSOR);
    if (t == NULL || node == NULL)
        return ERR_INPUT;
    memset(t, 0, sizeof *t);
    t->storage = a[0]->of.storage;
    t->offset = a[1]->integer;
    t->rank = (int)a[2]->count;
    const int64_t held = t->storage->count;
    int64_t count = 1, last = t->offset;
    int outside = t->offset < 0, empty = 0;
    for (int i = 0; i < t->rank; i++) {
        const struct pickle_node *size = a[2]->items[i], *stride = a[3]->items[i];
        if (!is_integer(size) || !is_integer(stride) || size->integer < 0 || size->integer > INT_MAX ||
            stride->integer < 0)
            return fail(m, "a tensor with a negative or absurd size or stride");
        t->shape[i] = (int)size->integer;
        t->stride[i] = stride->integer;
        int64_t reach;
        empty |= size->integer == 0;
        if (size->integer > 0)
            outside |= __builtin_mul_overflow(size->integer - 1, stride->integer, &reach) ||
                       __builtin_add_overflow(last, reach, &last) ||
                       __builtin_mul_overflow(count, size->integer, &count);
    }
    if (!empty && (outside || last >= held || count > held))
        return fail(m, "a tensor that reaches outside its storage of %lld elements", (long long)held);
    t->count = empty ? 0 : (size_t)count;
    node->of.tensor = t;
    *out = node;
    return 0;
}

/* OrderedDict() or OrderedDict([[key, value], …]). */
static int ordered_dict(struct machine *m, const struct pickle_node *args, struct pickle_node **out)
{
    struct pickle_node *node = make(m, PICKLE_DICT);
    if (node == NULL)
        return ERR_INPUT;
    *out = node;
    if (args->count == 0)
        return 0;
    const struct pickle_node *pairs = args->items[0];
    if (args->count != 1 || (pairs->kind != PICKLE_LIST && pairs->kind != PICKLE_TUPLE))
        return fail(m, "an OrderedDict with malformed arguments");
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pickle_node *pair = pairs->items[i];
        if ((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->count != 2)
            return fail(m, "an OrderedDict with malformed arguments");
        int rc = append(m, node, pair->items, 2);
        if (rc)
            return rc;
    }
    return 0;
}

/* REDUCE and NEWOBJ: a known name applied to a tuple. */
static int op_apply(struct machine *m)
{
    int rc = need(m, 2);
    if (rc)
        return rc;
    const struct pickle_node *name = m->stack[m->depth - 2], *args = m->stack[m->depth - 1];
    struct pickle_node *out = NULL;
    if (name->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return fail(m, "something that is not a known name is called");
    switch (pickle_name_role(name->text)) {
    case NAME_ORDERED_DICT:
        rc = ordered_dict(m, args, &out);
        break;
    case NAME_TENSOR:
        rc = rebuild_tensor(m, args, &out);
        break;
    case NAME_PARAMETER:
        if (args->count < 1 || args->items[0]->kind != PICKLE_TENSOR)
            rc = fail(m, "a parameter that does not wrap a tensor");
        else
            out = args->items[0];
        break;
    case NAME_FIRST_ARGUMENT:
        if (args->count < 1)
            rc = fail(m, "a wrapper without a value");
        else
            out = args->items[0];
        break;
    case NAME_MODULE:
        if ((out = make(m, PICKLE_DICT)) == NULL)
            rc = ERR_INPUT;
        else
            out->module = 1;
        break;
    case NAME_OPAQUE:
        if ((out = make(m, PICKLE_OPAQUE)) == NULL)
            rc = ERR_INPUT;
        break;
    default:
        rc = fail(m, "'%.200s' is called", name->text);
    }
    m->depth -= 2;
    return rc ? rc : push(m, out);
}

/* BUILD: attributes of an OrderedDict are ignored, of a module kept. */
static int op_build(struct machine *m)
{
    int rc = need(m, 2);
    if (rc)
        return rc;
    const struct pickle_node *state = m->stack[--m->depth];
    struct pickle_node *object = m->stack[m->depth - 1];
    if (object->kind == PICKLE_DICT && object->module && state->kind == PICKLE_DICT)
        return append(m, object, state->items, state->count);
    if (object->kind == PICKLE_DICT || object->kind == PICKLE_OPAQUE)
        return 0;
    return fail(m, "attributes set on something that is not a dictionary");
}

/* The top n values go into the container below them. */
static int add_items(struct machine *m, enum pickle_kind kind, size_t n)
{
    if (m->depth - n < 1 + (m->nmarks ? m->marks[m->nmarks - 1] : 0))
        return fail(m, "stack underflow");
    struct pickle_node *to = m->stack[m->depth - n - 1];
    if (to->kind != kind || (kind == PICKLE_DICT && n % 2))
        return fail(m, "items added to something that is not a %s",
                    kind == PICKLE_DICT ? "dictionary" : "list");
    int rc = append(m, to, m->stack + m->depth - n, n);
    m->depth -= n;
    return rc;
}

static int dict_of_top(struct machine *m, size_t n)
{
    if (n % 2)
        return fail(m, "a dictionary of an odd number of items");
    return collect(m, PICKLE_DICT, n);
}

/* ---- The loop ---- */

static int step_value(struct machine *m, int op)
{
    uint64_t v = 0;
    int rc;
    switch (op) {
    case 'N':
        return push_new(m, PICKLE_NONE, 0);
    case 0x88:
        return push_new(m, PICKLE_BOOL, 1);
    case 0x89:
        return push_new(m, PICKLE_BOOL, 0);
    case 'J':
        rc = unsigned_argument(m, 4, &v);
        return rc ? rc : push_new(m, PICKLE_INT, (int32_t)v);
    case 'K':
        rc = unsigned_argument(m, 1, &v);
        return rc ? rc : push_new(m, PICKLE_INT, (int64_t)v);
    case 'M':
        rc = unsigned_argument(m, 2, &v);
        return rc ? rc : push_new(m, PICKLE_INT, (int64_t)v);
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
        return op >= 0x20 && op < 0x7f ? fail(m, "opcode '%c' is not allowed", op)
                                       : fail(m, "opcode 0x%02x is not allowed", (unsigned int)op);
    }
}

static int step_container(struct machine *m, int op)
{
    size_t n = 0;
    uint64_t v = 0;
    int rc = 0;
    switch (op) {
    case ']':
        return collect(m, PICKLE_LIST, 0);
    case ')':
        return collect(m, PICKLE_TUPLE, 0);
    case '}':
        return collect(m, PICKLE_DICT, 0);
    case 0x85:
    case 0x86:
    case 0x87:
        n = (size_t)(op - 0x84);
        rc = need(m, n);
        return rc ? rc : collect(m, PICKLE_TUPLE, n);
    case 't':
        rc = close_mark(m, &n);
        return rc ? rc : collect(m, PICKLE_TUPLE, n);
    case 'l':
        rc = close_mark(m, &n);
        return rc ? rc : collect(m, PICKLE_LIST, n);
    case 'd':
        rc = close_mark(m, &n);
        return rc ? rc : dict_of_top(m, n);
    case 'e':
        rc = close_mark(m, &n);
        return rc ? rc : add_items(m, PICKLE_LIST, n);
    case 'u':
        rc = close_mark(m, &n);
        return rc ? rc : add_items(m, PICKLE_DICT, n);
    case 'a':
        rc = need(m, 2);
        return rc ? rc : add_items(m, PICKLE_LIST, 1);
    case 's':
        rc = need(m, 3);
        return rc ? rc : add_items(m, PICKLE_DICT, 2);
    case '0':
        rc = need(m, 1);
        m->depth -= rc == 0;
        return rc;
    case '1':
        rc = close_mark(m, &n);
        m->depth -= rc == 0 ? n : 0;
        return rc;
    case '2':
        rc = need(m, 1);
        return rc ? rc : push(m, m->stack[m->depth - 1]);
    case '(':
        if (m->nmarks == MARK_LIMIT)
            return fail(m, "more than %d open marks", MARK_LIMIT);
        m->marks[m->nmarks++] = m->depth;
        return 0;
    case 'q':
        rc = unsigned_argument(m, 1, &v);
        return rc ? rc : memo_put(m, v);
    case 'r':
        rc = unsigned_argument(m, 4, &v);
        return rc ? rc : memo_put(m, v);
    case 0x94:
        return memo_put(m, m->memo_count);
    case 'h':
        rc = unsigned_argument(m, 1, &v);
        return rc ? rc : memo_get(m, v);
    case 'j':
        rc = unsigned_argument(m, 4, &v);
        return rc ? rc : memo_get(m, v);
    case 'c':
        return op_global(m);
    case 0x93:
        return op_stack_global(m);
    case 'R':
    case 0x81:
        return op_apply(m);
    case 'b':
        return op_build(m);
    case 'Q':
        return op_persistent_id(m);
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
        return fail(m, "it does not begin with a protocol number of at least 2");
    m->at++;
    rc = unsigned_argument(m, 1, &version);
    if (rc == 0 && (version < 2 || version > 5))
        rc = fail(m, "protocol %d; only 2 to 5 are known", (int)version);
    for (long steps = 0; rc == 0; steps++) {
        if (m->at == m->end)
            return fail(m, "the file ends before STOP");
        if (steps == OPCODE_LIMIT)
            return fail(m, "more than %d opcodes", OPCODE_LIMIT);
        int op = *m->at++;
        if (op == '.')
            return m->depth == 1 && m->nmarks == 0 ? 0
                                                   : fail(m, "STOP with %zu values on the stack", m->depth);
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
    }
    out->memory = m->memory;
    free(m->stack);
    free(m->memo);
    free(m);
    return rc && e ? e->code : rc;
}

void pickle_free(struct pickle *p)
{
    for (struct block *b = p->memory, *next; b; b = next) {
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
