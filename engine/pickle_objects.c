/* What the known names build. Nothing is called: a name stands for a rule of this file. */
#include "pickle_machine.h"
#include "pickle_names.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const int64_t COUNT_LIMIT = (int64_t)1 << 40; /* elements of one tensor */

/* ---- Names ---- */

/* Keeps the name for whoever lists what a file holds; beyond the limit names are passed over. */
static void note_opaque(struct machine *m, const char *full)
{
    for (int i = 0; i < m->nopaque; i++)
        if (strcmp(m->opaque[i], full) == 0)
            return;
    if (m->nopaque < OPAQUE_LIMIT)
        m->opaque[m->nopaque++] = full;
}

static int push_global(struct machine *m, const char *module, const char *name)
{
    char full[2 * NAME_LIMIT + 2];
    snprintf(full, sizeof full, "%s %s", module, name);
    enum name_role role = pickle_name_role(full);
    if (role == NAME_UNKNOWN && strcmp(module, "torch") == 0 && strstr(name, "Storage"))
        return machine_fail(m, "it holds elements of type '%.120s', which are not read; convert them to float before saving",
                            name);
    if (role == NAME_UNKNOWN)
        return machine_fail(m,
                    "it names '%.120s.%.120s', which is not a plain tensor type; re-save the bare state_dict "
                    "with torch.save",
                    module, name);
    struct pickle_node *node = machine_make(m, PICKLE_GLOBAL);
    if (node == NULL || (node->text = machine_text(m, (const unsigned char *)full, strlen(full))) == NULL)
        return ERR_INPUT;
    if (role == NAME_BOOKKEEPING)
        note_opaque(m, node->text);
    return machine_push(m, node);
}

static int line_argument(struct machine *m, char out[NAME_LIMIT])
{
    const unsigned char *newline = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (newline == NULL || newline - m->at >= NAME_LIMIT || memchr(m->at, 0, (size_t)(newline - m->at)))
        return machine_fail(m, "a name that does not end, or longer than %d bytes", NAME_LIMIT - 1);
    memcpy(out, m->at, (size_t)(newline - m->at));
    out[newline - m->at] = '\0';
    m->at = newline + 1;
    return 0;
}

int machine_global(struct machine *m)
{
    char module[NAME_LIMIT], name[NAME_LIMIT];
    int rc = line_argument(m, module);
    if (rc == 0)
        rc = line_argument(m, name);
    return rc ? rc : push_global(m, module, name);
}

int machine_stack_global(struct machine *m)
{
    int rc = machine_need(m, 2);
    if (rc)
        return rc;
    const struct pickle_node *module = m->stack[m->depth - 2], *name = m->stack[m->depth - 1];
    if (module->kind != PICKLE_TEXT || name->kind != PICKLE_TEXT || module->size >= NAME_LIMIT ||
        name->size >= NAME_LIMIT)
        return machine_fail(m, "a name that is not made of two short texts");
    m->depth -= 2;
    return push_global(m, module->text, name->text);
}

/* ---- What the known names build ---- */

static int is_integer(const struct pickle_node *node)
{
    return node->kind == PICKLE_INT;
}

/* ("storage", type, key, location, count[, None]) becomes a storage. */
int machine_persistent_id(struct machine *m)
{
    int rc = machine_need(m, 1);
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
        return machine_fail(m, "a persistent id that does not describe a plain storage");
    if (part[4]->integer < 0 || part[4]->integer > (int64_t)1 << 48 || part[2]->size == 0 ||
        part[2]->size > 64)
        return machine_fail(m, "a storage with an impossible key or element count");
    struct pickle_storage *storage = machine_take(m, sizeof *storage);
    struct pickle_node *node = machine_make(m, PICKLE_STORAGE);
    if (storage == NULL || node == NULL)
        return ERR_INPUT;
    *storage = (struct pickle_storage){type->type, type->element, part[2]->text, part[4]->integer};
    node->of.storage = storage;
    return machine_push(m, node);
}

/* (storage, offset, size, stride, …) becomes a tensor whose every index is
 * inside the storage. */
static int rebuild_tensor(struct machine *m, const struct pickle_node *args, struct pickle_node **out)
{
    struct pickle_node *const *a = args->items;
    if (args->count < 4 || args->count > 7 || a[0]->kind != PICKLE_STORAGE || !is_integer(a[1]) ||
        a[2]->kind != PICKLE_TUPLE || a[3]->kind != PICKLE_TUPLE || a[2]->count != a[3]->count)
        return machine_fail(m, "a tensor with malformed arguments");
    if (a[2]->count > 8)
        return machine_fail(m, "a tensor of more than 8 dimensions");
    struct pickle_tensor *t = machine_take(m, sizeof *t);
    struct pickle_node *node = machine_make(m, PICKLE_TENSOR);
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
            return machine_fail(m, "a tensor with a negative or absurd size or stride");
        t->shape[i] = (int)size->integer;
        t->stride[i] = size->integer > 1 ? stride->integer : 0;
        int64_t reach;
        empty |= size->integer == 0;
        if (size->integer > 0)
            outside |= __builtin_mul_overflow(size->integer - 1, stride->integer, &reach) ||
                       __builtin_add_overflow(last, reach, &last) ||
                       __builtin_mul_overflow(count, size->integer, &count);
    }
    if (!empty && (outside || last >= held || count > COUNT_LIMIT))
        return machine_fail(m, "a tensor that reaches outside its storage of %lld elements", (long long)held);
    t->count = empty ? 0 : (size_t)count;
    node->of.tensor = t;
    *out = node;
    return 0;
}

/* OrderedDict() or OrderedDict([[key, value], …]). */
static int ordered_dict(struct machine *m, const struct pickle_node *args, struct pickle_node **out)
{
    struct pickle_node *node = machine_make(m, PICKLE_DICT);
    if (node == NULL)
        return ERR_INPUT;
    *out = node;
    if (args->count == 0)
        return 0;
    const struct pickle_node *pairs = args->items[0];
    if (args->count != 1 || (pairs->kind != PICKLE_LIST && pairs->kind != PICKLE_TUPLE))
        return machine_fail(m, "an OrderedDict with malformed arguments");
    for (size_t i = 0; i < pairs->count; i++) {
        const struct pickle_node *pair = pairs->items[i];
        if ((pair->kind != PICKLE_LIST && pair->kind != PICKLE_TUPLE) || pair->count != 2)
            return machine_fail(m, "an OrderedDict with malformed arguments");
        int rc = machine_append(m, node, pair->items, 2);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- NumPy arrays: dtype("f4", …) and _reconstruct(…), which BUILD fills ---- */

static int begin_numpy(struct machine *m, const char *name, const struct pickle_node *args, struct pickle_node *out)
{
    if (strcmp(name, "numpy dtype") == 0 && args->count >= 1 && args->items[0]->kind == PICKLE_TEXT && args->items[0]->size < 6)
        out->text = args->items[0]->text;
    if (strcmp(name, "numpy.core.multiarray _reconstruct") == 0 || strcmp(name, "numpy._core.multiarray _reconstruct") == 0) {
        if ((out->of.array = machine_take(m, sizeof *out->of.array)) == NULL)
            return ERR_INPUT;
        memset(out->of.array, 0, sizeof *out->of.array);
    }
    return 0;
}

/* The state of an array: (version, shape, dtype, Fortran order, bytes or list). What is otherwise stays unknown. */
static void fill_array(struct pickle_array *a, const struct pickle_node *state)
{
    struct pickle_node *const *s = state->items;
    if (state->kind != PICKLE_TUPLE || state->count != 5 || s[1]->kind != PICKLE_TUPLE || s[1]->count > 8 || s[2]->kind != PICKLE_OPAQUE ||
        !s[2]->text || s[3]->kind != PICKLE_BOOL || s[3]->integer)
        return;
    struct pickle_array made = {.known = 1, .rank = (int)s[1]->count};
    size_t count = 1;
    for (int i = 0; i < made.rank; i++) {
        int64_t n = is_integer(s[1]->items[i]) ? s[1]->items[i]->integer : -1;
        if (n < 0 || n > INT_MAX || __builtin_mul_overflow(count, (size_t)n, &count))
            return;
        made.shape[i] = (int)n;
    }
    char order = s[2]->integer ? (char)s[2]->integer : '<';
    snprintf(made.type, sizeof made.type, "%c%.5s", order, s[2]->text);
    if (s[4]->kind == PICKLE_LIST && s[2]->text[0] == 'O' && s[4]->count == count) {
        made.list = s[4];
    } else if (s[4]->kind == PICKLE_BYTES && (s[2]->text[0] == 'f' || s[2]->text[0] == 'i') && s[2]->text[1] >= '1' &&
               s[2]->text[1] <= '8' && s[2]->text[2] == 0) {
        size_t size;
        if (__builtin_mul_overflow(count, (size_t)(s[2]->text[1] - '0'), &size) || size != s[4]->size)
            return;
        made.bytes = (const unsigned char *)s[4]->text;
        made.size = size;
    } else
        return;
    *a = made;
}

static void build_numpy(struct pickle_node *object, const struct pickle_node *state)
{
    if (object->of.array)
        fill_array(object->of.array, state);
    else if (object->text && state->kind == PICKLE_TUPLE && state->count >= 2 && state->items[1]->kind == PICKLE_TEXT &&
             state->items[1]->size == 1)
        object->integer = state->items[1]->text[0];      /* the byte order of a dtype */
}

/* REDUCE and NEWOBJ: a known name applied to a tuple. */
int machine_apply(struct machine *m)
{
    int rc = machine_need(m, 2);
    if (rc)
        return rc;
    const struct pickle_node *name = m->stack[m->depth - 2], *args = m->stack[m->depth - 1];
    struct pickle_node *out = NULL;
    if (name->kind != PICKLE_GLOBAL || args->kind != PICKLE_TUPLE)
        return machine_fail(m, "something that is not a known name is called");
    enum name_role role = pickle_name_role(name->text);
    if (role == NAME_TYPED_TENSOR) { /* (rule, class, arguments, state): the rule decides */
        if (args->count < 3 || args->items[0]->kind != PICKLE_GLOBAL || args->items[2]->kind != PICKLE_TUPLE)
            return machine_fail(m, "a tensor of a class with malformed arguments");
        name = args->items[0];
        args = args->items[2];
        role = pickle_name_role(name->text);
        if (role != NAME_TENSOR && role != NAME_PARAMETER)
            return machine_fail(m, "a tensor of a class made by '%.200s'", name->text);
    }
    switch (role) {
    case NAME_ORDERED_DICT:
        rc = ordered_dict(m, args, &out);
        break;
    case NAME_TENSOR:
        rc = rebuild_tensor(m, args, &out);
        break;
    case NAME_PARAMETER:
        if (args->count < 1 || args->items[0]->kind != PICKLE_TENSOR)
            rc = machine_fail(m, "a parameter that does not wrap a tensor");
        else
            out = args->items[0];
        break;
    case NAME_FIRST_ARGUMENT:
        if (args->count < 1)
            rc = machine_fail(m, "a wrapper without a value");
        else
            out = args->items[0];
        break;
    case NAME_MODULE:
        if ((out = machine_make(m, PICKLE_DICT)) == NULL)
            rc = ERR_INPUT;
        else
            out->module = 1;
        break;
    case NAME_DICT:
        if ((out = machine_make(m, PICKLE_DICT)) == NULL)
            rc = ERR_INPUT;
        break;
    case NAME_OPAQUE:
    case NAME_BOOKKEEPING:
        if ((out = machine_make(m, PICKLE_OPAQUE)) == NULL)
            rc = ERR_INPUT;
        else
            rc = begin_numpy(m, name->text, args, out);
        break;
    default:
        rc = machine_fail(m, "'%.200s' is called", name->text);
    }
    m->depth -= 2;
    return rc ? rc : machine_push(m, out);
}

/* BUILD: attributes of an OrderedDict are ignored, of a module kept. */
int machine_build(struct machine *m)
{
    int rc = machine_need(m, 2);
    if (rc)
        return rc;
    const struct pickle_node *state = m->stack[--m->depth];
    struct pickle_node *object = m->stack[m->depth - 1];
    if (object->kind == PICKLE_DICT && object->module && state->kind == PICKLE_DICT)
        return machine_append(m, object, state->items, state->count);
    if (object->kind == PICKLE_OPAQUE)
        build_numpy(object, state);
    if (object->kind == PICKLE_DICT || object->kind == PICKLE_OPAQUE)
        return 0;
    return machine_fail(m, "attributes set on something that is not a dictionary");
}
