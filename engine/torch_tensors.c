#include "torch_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_LIMIT = 64, STEP_LIMIT = 1 << 21, TENSOR_LIMIT = 1 << 14, NAME_SIZE = 512 };

struct walk {
    torch_part_fn *find;
    void *context;
    struct weights *w;
    struct error *e;
    size_t budget; /* elements that may still be asked for */
    long steps;
    char name[NAME_SIZE];
};

/* ---- The walk ---- */

static int add_tensor(struct walk *s, const struct pickle_tensor *t)
{
    const char *name = s->name[0] ? s->name : "tensor";
    if (strncmp(name, "state_dict.", 11) == 0 && name[11])
        name += 11;
    if (s->w->count >= TENSOR_LIMIT)
        return error_set(s->e, ERR_INPUT, "%s: more than %d tensors", s->w->path, TENSOR_LIMIT);
    if (t->count > s->budget)
        return error_set(s->e, ERR_INPUT,
                         "%s: tensor '%s': the tensors together are far larger than the file", s->w->path,
                         name);
    s->budget -= t->count;
    struct weights_part *part = NULL;
    int rc = s->find(s->context, t->storage, &part, s->e);
    if (rc)
        return rc;
    struct tensor_view view = {.type = t->storage->type, .rank = t->rank, .count = t->count};
    view.bytes = part->bytes + (t->count ? (size_t)t->offset * t->storage->element : 0);
    memcpy(view.shape, t->shape, sizeof view.shape);
    memcpy(view.stride, t->stride, sizeof view.stride);
    return weights_add_view(s->w, name, &view, part, s->e);
}

/* Appends ".key" to the name; returns 0 when it does not fit. */
static int enter(struct walk *s, size_t length, const struct pickle_node *key, size_t position)
{
    char *at = s->name + length;
    size_t left = NAME_SIZE - length;
    const char *dot = length ? "." : "";
    int n = key == NULL               ? snprintf(at, left, "%s%zu", dot, position)
            : key->kind == PICKLE_INT ? snprintf(at, left, "%s%lld", dot, (long long)key->integer)
                                      : snprintf(at, left, "%s%s", dot, key->text);
    return n >= 0 && (size_t)n < left;
}

static int visit(struct walk *s, const struct pickle_node *node, size_t length, int depth);

static int visit_children(struct walk *s, const struct pickle_node *node, size_t length, int depth)
{
    int pairs = node->kind == PICKLE_DICT, rc = 0;
    for (size_t i = 0; rc == 0 && i + (size_t)pairs < node->count; i += 1 + (size_t)pairs) {
        const struct pickle_node *key = pairs ? node->items[i] : NULL;
        const struct pickle_node *value = node->items[i + (size_t)pairs];
        int leaf = value->kind != PICKLE_TENSOR && value->kind != PICKLE_DICT && value->kind != PICKLE_LIST &&
                   value->kind != PICKLE_TUPLE;
        if (++s->steps > STEP_LIMIT)
            return error_set(s->e, ERR_INPUT, "%s: its values refer to each other too often", s->w->path);
        if (leaf || (key && key->kind != PICKLE_TEXT && key->kind != PICKLE_INT))
            continue;
        if (!enter(s, length, key, i))
            return error_set(s->e, ERR_INPUT, "%s: a tensor name longer than %d bytes", s->w->path,
                             NAME_SIZE - 1);
        rc = visit(s, value, strlen(s->name), depth + 1);
        s->name[length] = '\0';
    }
    return rc;
}

static int visit(struct walk *s, const struct pickle_node *node, size_t length, int depth)
{
    if (depth > DEPTH_LIMIT)
        return error_set(s->e, ERR_INPUT, "%s: nested deeper than %d, or containing itself", s->w->path,
                         DEPTH_LIMIT);
    if (node->kind == PICKLE_TENSOR)
        return add_tensor(s, node->of.tensor);
    if (node->kind == PICKLE_DICT || node->kind == PICKLE_LIST || node->kind == PICKLE_TUPLE)
        return visit_children(s, node, length, depth);
    return 0;
}

/* "module.Class" of the opaque objects. */
static int note_opaque(const struct pickle *p, struct weights *w, struct error *e)
{
    char name[NAME_SIZE + 8];
    int rc = 0;
    for (int i = 0; rc == 0 && i < p->opaque_count; i++) {
        snprintf(name, sizeof name, "%s", p->opaque[i]);
        char *space = strchr(name, ' ');
        if (space)
            *space = '.';
        rc = weights_note_opaque(w, name, e);
    }
    return rc;
}

int torch_collect(const struct pickle *p, torch_part_fn *find, void *context, size_t file_size,
                  struct weights *w, struct error *e)
{
    struct walk s = {.find = find, .context = context, .w = w, .e = e};
    s.budget = 8 * file_size + (1 << 20);
    int rc = visit(&s, p->root, 0, 0);
    if (rc == 0 && w->count == 0)
        rc = error_set(e, ERR_INPUT, "%s: holds no tensors; is it a checkpoint?", w->path);
    return rc ? rc : note_opaque(p, w, e);
}
