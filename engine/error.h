/* Errors that return to the caller.
 *
 * Every fallible function returns 0 on success or one of the codes below, and
 * then `e` holds one line: the file, the rule it breaks, the mend. The codes
 * are the program's exit codes; only main() calls exit. */
#ifndef MLCM_ERROR_H
#define MLCM_ERROR_H

enum {
    ERR_CHECK = 1,    /* a check or a gate failed */
    ERR_USAGE = 2,    /* wrong usage */
    ERR_INPUT = 3,    /* a bad input file */
    ERR_ENV = 4,      /* something missing in the environment */
    ERR_INTERNAL = 5  /* a numerical or internal failure, out of memory */
};

struct error {
    int code;
    char text[600];
};

/* Records the message and returns `code`, so that `return error_set(e, …)` is
 * the whole error path. `e` may be NULL. Newlines and control characters are
 * replaced: a message is always one line. */
int error_set(struct error *e, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the message already recorded; returns its code. */
int error_prefix(struct error *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Out of memory, the one message that is always the same. */
int error_memory(struct error *e, const char *what);

#endif
