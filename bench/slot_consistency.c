#include "slot_consistency.h"

#include "../datasets/slots.h"

#include <string.h>

int slot_consistency(const void *pairs, int text, int motion)
{
    const struct slot_pairs *p = pairs;
    if (text < 0 || motion < 0 || text >= p->n || motion >= p->n)
        return 0;
    const char *asserted = p->caption[text];
    int slots = 0;
    while (*asserted) {
        size_t whole = strcspn(asserted, ";"), key = strcspn(asserted, "=;");
        if (whole) {
            if (key == whole || !slots_hold(p->motion[motion], asserted, key, asserted + key + 1,
                                            whole - key - 1))
                return 0;
            slots++;
        }
        asserted += whole + (asserted[whole] == ';');
    }
    return slots > 0;
}
