#include "tokens.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

int token_list_add(struct token_list *l, int id, struct error *e)
{
    if (l->count == l->capacity) {
        if (l->capacity > INT_MAX / 2) return error_memory(e, "a list of tokens");
        int capacity = l->capacity ? 2 * l->capacity : 64;
        int *ids = realloc(l->ids, (size_t)capacity * sizeof *ids);
        if (!ids) return error_memory(e, "a list of tokens");
        l->ids = ids;
        l->capacity = capacity;
    }
    l->ids[l->count++] = id;
    return 0;
}

void token_list_free(struct token_list *l)
{
    free(l->ids);
    *l = (struct token_list){0};
}

int text_size_check(size_t size, struct error *e)
{
    if (size <= TEXT_LARGEST) return 0;
    return error_set(e, ERR_INPUT, "a text of %zu bytes; captions have at most %d, shorten it", size, TEXT_LARGEST);
}

const struct token_literal *token_literal_find(const struct token_literal *literals, int count, const char *text,
                                               size_t size, size_t *at)
{
    for (*at = 0; *at < size; ++*at) {
        const struct token_literal *best = NULL;
        size_t longest = 0;
        for (int i = 0; i < count; i++) {
            size_t n = strlen(literals[i].text);
            if (n > longest && n <= size - *at && !memcmp(text + *at, literals[i].text, n)) {
                best = &literals[i];
                longest = n;
            }
        }
        if (best) return best;
    }
    return NULL;
}
