#include "precision.h"
#include <stddef.h>
#include <string.h>

const char *const precision_names[] = {"fp32", "bf16", "int8", NULL};

int precision_find(const char *name)
{
    for (int i = 0; precision_names[i]; i++)
        if (!strcmp(name, precision_names[i])) return i;
    return -1;
}
