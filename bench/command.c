#include "command.h"

#include <stdio.h>

int command_fail(const struct error *e)
{
    fflush(stdout); /* what was already said comes before the error */
    fprintf(stderr, "mlcm: %s\n", e->text[0] ? e->text : "failed without a message");
    return e->code ? e->code : ERR_INTERNAL;
}
