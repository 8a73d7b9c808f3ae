/* Command lines: long options (--name value, --name=value), flags, a short
 * letter where an option has one (-o FILE, -oFILE), positional arguments.
 *
 * All state is the caller's. A verb declares a table whose rows point at its
 * own variables, initialised to the defaults, and calls arguments_parse:
 *
 *     const char *config = NULL, *json = NULL; int limit = 0, quiet = 0;
 *     const struct option_row options[] = {
 *         {.name = "config", .text = &config, .value = "E.json", .help = "the experiment"},
 *         {.name = "limit", .integer = &limit, .low = 1, .high = 1e6, .value = "N", .help = "…"},
 *         {.name = "quiet", .flag = &quiet, .help = "no progress"},
 *         {0}};
 *     const struct command_form form = {
 *         .example = "mlcm bench --config experiments/bandai.json",
 *         .usage = "mlcm bench --config E.json [--limit N]", .purpose = "…",
 *         .options = options, .least = 0, .most = 0};
 *     struct arguments a;
 *     if (arguments_parse(&form, argc, argv, &a, &e)) return command_fail(&e);
 *     if (a.help) { arguments_help(&form, stdout); return 0; }
 */
#ifndef MLCM_ARGUMENTS_H
#define MLCM_ARGUMENTS_H

#include "../engine/error.h"
#include <stdint.h>
#include <stdio.h>

/* One option. Exactly one of flag, text, integer, seed, number is set; it is
 * written only when the option is given, the last one winning. */
struct option_row {
    const char *name;     /* without the dashes */
    char letter;          /* 'o' for -o as well, or 0 */
    int *flag;            /* set to 1; takes no value */
    const char **text;    /* points into argv, never empty */
    int *integer;         /* decimal, within [low, high] */
    uint64_t *seed;       /* decimal, any unsigned 64-bit value; low and high unused */
    double *number;       /* finite, within [low, high] */
    double low, high;     /* both 0: no bounds */
    int *given;           /* set to 1 when the option is given; may be NULL */
    const char *value;    /* the value's name in the help: FILE, DIR, E.json, or "a|b": one of these; completion reads it */
    const char *help;     /* one line for the help */
};

/* What a verb's command line looks like. */
struct command_form {
    const char *example;              /* a command that works, first in the help */
    const char *usage;                /* "mlcm verify FILE.h5|DIR … [--quiet]" */
    const char *purpose;              /* what the verb does; may have several lines */
    const struct option_row *options; /* ends with {0}; NULL: none */
    int least, most;                  /* number of positional arguments; most < 0: any */
};

struct arguments {
    char **positional;    /* `count` pointers, inside the argv given (reordered) */
    int count;
    int help;             /* --help or -h was given; nothing else was checked */
};

/* Parses argv[1 .. argc-1]; argv[0] is the verb. "--" ends the options; a lone
 * "-" is positional. Reorders argv, allocates nothing. ERR_USAGE with one line
 * for an unknown option (with the nearest known one), a missing, unwanted or
 * bad value, too few or too many positional arguments. */
int arguments_parse(const struct command_form *form, int argc, char **argv,
                    struct arguments *a, struct error *e);

/* Prints the help: example, usage, purpose, options. */
void arguments_help(const struct command_form *form, FILE *out);

/* Strict numbers, the same in every locale: the whole text, no spaces, finite.
 * Return 1 and write *v if it is one, else return 0. */
int parse_integer(const char *text, int64_t *v);
int parse_seed(const char *text, uint64_t *v);
int parse_number(const char *text, double *v);

/* The name nearest to `word` among `names` (NULL-terminated) by edit distance,
 * or NULL if none is near enough to be a slip of the finger. */
const char *nearest_name(const char *word, const char *const *names);

#endif
