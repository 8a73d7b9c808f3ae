#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message is one line of printable text; bytes above 127 (UTF-8) stay. */
static void make_one_line(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = ' ';
}

int error_set(struct error *e, int code, const char *fmt, ...)
{
    if (e == NULL)
        return code;
    va_list args;
    va_start(args, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    e->code = code;
    make_one_line(e->text);
    return code;
}

int error_prefix(struct error *e, const char *fmt, ...)
{
    if (e == NULL)
        return ERR_INTERNAL;
    char old[sizeof e->text];
    memcpy(old, e->text, sizeof old);
    va_list args;
    va_start(args, fmt);
    int used = vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    if (used >= 0 && (size_t)used < sizeof e->text)
        snprintf(e->text + used, sizeof e->text - (size_t)used, ": %s", old);
    make_one_line(e->text);
    return e->code;
}

int error_memory(struct error *e, const char *what)
{
    return error_set(e, ERR_INTERNAL, "%s: out of memory; close other programs or use a smaller input", what);
}
