#include "arguments.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 40 };

/* Edit distance with transpositions of neighbours ("verfiy" is 1 from
 * "verify"); words longer than LONGEST_NAME count as far away. */
static int edit_distance(const char *a, const char *b)
{
    int d[LONGEST_NAME + 1][LONGEST_NAME + 1];
    size_t la = strlen(a), lb = strlen(b);
    if (la > LONGEST_NAME || lb > LONGEST_NAME)
        return LONGEST_NAME;
    for (size_t i = 0; i <= la; i++)
        d[i][0] = (int)i;
    for (size_t j = 0; j <= lb; j++)
        d[0][j] = (int)j;
    for (size_t i = 1; i <= la; i++)
        for (size_t j = 1; j <= lb; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[la][lb];
}

const char *nearest_name(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    int smallest = 0;
    for (; *names; names++) {
        int far = edit_distance(word, *names);
        if (!nearest || far < smallest) {
            nearest = *names;
            smallest = far;
        }
    }
    /* A third of the word may be wrong, and at most three letters. */
    int allowed = (int)strlen(word) / 3 + 1;
    return nearest && smallest <= (allowed < 3 ? allowed : 3) ? nearest : NULL;
}

int parse_integer(const char *text, int64_t *v)
{
    const char *digits = text + (*text == '-');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return 0;
    errno = 0;
    long long parsed = strtoll(text, NULL, 10);
    if (errno)
        return 0;
    *v = parsed;
    return 1;
}

int parse_seed(const char *text, uint64_t *v)
{
    if (!*text || strspn(text, "0123456789") != strlen(text))
        return 0;
    errno = 0;
    unsigned long long parsed = strtoull(text, NULL, 10);
    if (errno)
        return 0;
    *v = parsed;
    return 1;
}

int parse_number(const char *text, double *v)
{
    /* Only decimal notation: strtod alone would take "nan", "inf", "0x1p3". The
     * program never calls setlocale, so the decimal sign is always a point. */
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return 0;
    char *end;
    double parsed = strtod(text, &end);
    if (end == text || *end || !isfinite(parsed))
        return 0;
    *v = parsed;
    return 1;
}

static const struct option_row *find_long(const struct option_row *rows, const char *name, size_t n)
{
    for (; rows && rows->name; rows++)
        if (strlen(rows->name) == n && !memcmp(rows->name, name, n))
            return rows;
    return NULL;
}

static const struct option_row *find_letter(const struct option_row *rows, char letter)
{
    for (; rows && rows->name; rows++)
        if (rows->letter && rows->letter == letter)
            return rows;
    return NULL;
}

static int unknown_option(const struct command_form *form, const char *verb, const char *given, size_t n,
                          struct error *e)
{
    enum { MOST = 64 };
    const char *names[MOST + 1];
    int count = 0;
    for (const struct option_row *o = form->options; o && o->name && count < MOST; o++)
        names[count++] = o->name;
    names[count] = NULL;
    char word[LONGEST_NAME + 2];
    snprintf(word, sizeof word, "%.*s", (int)(n < LONGEST_NAME ? n : LONGEST_NAME), given);
    const char *near = nearest_name(word, names);
    if (near)
        return error_set(e, ERR_USAGE, "%s: unknown option --%s; did you mean --%s?", verb, word, near);
    return error_set(e, ERR_USAGE, "%s: unknown option --%s; see mlcm %s --help", verb, word, verb);
}

static int outside(const struct option_row *o, double v)
{
    return (o->low != 0 || o->high != 0) && (v < o->low || v > o->high);
}

/* Stores the value (NULL for a flag) in the variable that the row points at. */
static int store(const struct option_row *o, const char *verb, const char *value, struct error *e)
{
    int64_t integer = 0;
    double number = 0;
    if (o->flag) {
        *o->flag = 1;
    } else if (o->text) {
        if (!*value)
            return error_set(e, ERR_USAGE, "%s: --%s: the value is empty; give %s", verb, o->name,
                             o->value ? o->value : "a text");
        *o->text = value;
    } else if (o->integer) {
        if (!parse_integer(value, &integer) || integer < INT32_MIN || integer > INT32_MAX)
            return error_set(e, ERR_USAGE, "%s: --%s: \"%.60s\" is not a whole number", verb, o->name, value);
        if (outside(o, (double)integer))
            return error_set(e, ERR_USAGE, "%s: --%s: %lld is not between %.0f and %.0f", verb, o->name,
                             (long long)integer, o->low, o->high);
        *o->integer = (int)integer;
    } else if (o->seed) {
        if (!parse_seed(value, o->seed))
            return error_set(e, ERR_USAGE, "%s: --%s: \"%.60s\" is not a whole number from 0 to 2^64-1", verb,
                             o->name, value);
    } else if (o->number) {
        if (!parse_number(value, &number))
            return error_set(e, ERR_USAGE, "%s: --%s: \"%.60s\" is not a finite number", verb, o->name,
                             value);
        if (outside(o, number))
            return error_set(e, ERR_USAGE, "%s: --%s: %g is not between %g and %g", verb, o->name, number,
                             o->low, o->high);
        *o->number = number;
    }
    if (o->given)
        *o->given = 1;
    return 0;
}

/* One option at argv[*at]; moves *at over a value in a word of its own. */
static int parse_option(const struct command_form *form, int argc, char **argv, int *at, struct error *e)
{
    const char *verb = argv[0], *word = argv[*at], *value = NULL;
    const struct option_row *o;
    if (word[1] == '-') {
        const char *name = word + 2, *equals = strchr(name, '=');
        size_t n = equals ? (size_t)(equals - name) : strlen(name);
        o = find_long(form->options, name, n);
        if (!o)
            return unknown_option(form, verb, name, n, e);
        value = equals ? equals + 1 : NULL;
    } else {
        o = find_letter(form->options, word[1]);
        if (!o)
            return error_set(e, ERR_USAGE, "%s: unknown option %.40s; see mlcm %s --help", verb, word, verb);
        value = word[2] ? word + 2 : NULL;
    }
    if (o->flag) {
        if (value)
            return error_set(e, ERR_USAGE, "%s: --%s takes no value", verb, o->name);
    } else if (!value) {
        if (*at + 1 >= argc || !strncmp(argv[*at + 1], "--", 2))
            return error_set(e, ERR_USAGE, "%s: --%s needs a value: %s", verb, o->name,
                             o->value ? o->value : "VALUE");
        value = argv[++*at];
    }
    return store(o, verb, value, e);
}

int arguments_parse(const struct command_form *form, int argc, char **argv, struct arguments *a,
                    struct error *e)
{
    *a = (struct arguments){.positional = argv + (argc > 0)};
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            a->help = 1;
            return 0;
        }
    int only_positional = 0;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (only_positional || word[0] != '-' || !word[1]) {
            a->positional[a->count++] = word; /* never ahead of i: a->count < i */
        } else if (!strcmp(word, "--")) {
            only_positional = 1;
        } else {
            int code = parse_option(form, argc, argv, &i, e);
            if (code)
                return code;
        }
    }
    if (a->count < form->least)
        return error_set(e, ERR_USAGE, "%s: something is missing; usage: %s", argv[0], form->usage);
    if (form->most >= 0 && a->count > form->most)
        return error_set(e, ERR_USAGE, "%s: \"%.60s\" is one argument too many; usage: %s", argv[0],
                         a->positional[form->most], form->usage);
    return 0;
}

void arguments_help(const struct command_form *form, FILE *out)
{
    fprintf(out, "example: %s\n\nusage:   %s\n", form->example, form->usage);
    if (form->purpose)
        fprintf(out, "\n%s\n", form->purpose);
    if (form->options && form->options->name)
        fprintf(out, "\noptions:\n");
    for (const struct option_row *o = form->options; o && o->name; o++) {
        char left[80], letter[8] = "";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->flag ? "" : " ",
                 o->flag    ? ""
                 : o->value ? o->value
                            : "VALUE");
        if (strlen(left) > 26) fprintf(out, "  %s\n%29s%s\n", left, "", o->help ? o->help : "");
        else fprintf(out, "  %-26s %s\n", left, o->help ? o->help : "");
    }
    fprintf(out, "  %-26s %s\n", "-h, --help", "this text");
}
