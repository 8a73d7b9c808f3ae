#include "slots.h"

#include <string.h>

/* Whether the `length` characters at `slot` are one whole slot of `list`. */
static int has_slot(const char *list, const char *slot, size_t length)
{
    while (*list) {
        size_t n = strcspn(list, ";");
        if (n == length && !memcmp(list, slot, n))
            return 1;
        list += n + (list[n] == ';');
    }
    return 0;
}

int slots_hold(const char *caption, const char *motion)
{
    int asserted = 0;
    while (*caption) {
        size_t n = strcspn(caption, ";");
        if (n && !has_slot(motion, caption, n))
            return 0;
        asserted += n > 0;
        caption += n + (caption[n] == ';');
    }
    return asserted > 0;
}

int consistency_from_slots(const void *slots, int text, int motion)
{
    const struct slots *s = slots;
    if (text < 0 || motion < 0 || text >= s->n || motion >= s->n)
        return 0;
    return slots_hold(s->caption[text], s->motion[motion]);
}
