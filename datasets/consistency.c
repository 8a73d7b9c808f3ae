#include "consistency.h"

#include "slots.h"

#include <string.h>

int caption_consistent(const char *slots_of_caption, const char *slots_of_clip)
{
    int asserted = 0;
    for (const char *p = slots_of_caption; *p;) {
        size_t entry = strcspn(p, ";"), key = strcspn(p, "=;");
        if (key >= entry || !slots_hold(slots_of_clip, p, key, p + key + 1, entry - key - 1))
            return 0;
        asserted++;
        p += entry;
        p += *p == ';';
    }
    return asserted > 0;
}
