/* Joint maps: a small table file, a line a target joint. */
#include "bvh.h"
#include "decimal.h"
#include "../engine/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The table of the Bandai Namco set is part of the program. */
__asm__(".section .rodata\n"
        "joint_map_bandai_begin: .incbin \"datasets/joint_maps/bandai.map\"\n"
        "joint_map_bandai_end:\n"
        ".previous\n");
extern const char bandai_begin[] __asm__("joint_map_bandai_begin");
extern const char bandai_end[] __asm__("joint_map_bandai_end");

struct span {
    const char *begin, *end;
};

static struct span trim(struct span s)
{
    while (s.begin < s.end && (*s.begin == ' ' || *s.begin == '\t'))
        s.begin++;
    while (s.begin < s.end && (s.end[-1] == ' ' || s.end[-1] == '\t'))
        s.end--;
    return s;
}

static size_t length_of(struct span s)
{
    return (size_t)(s.end - s.begin);
}

static int equals(struct span s, const char *text)
{
    return length_of(s) == strlen(text) && memcmp(s.begin, text, length_of(s)) == 0;
}

static const char *find(struct span s, char c)
{
    const char *at = s.begin < s.end ? memchr(s.begin, c, length_of(s)) : NULL;
    return at ? at : s.end;
}

static int read_terms(const char *path, int line, struct span text, struct joint_map *m, int j,
                      struct error *e)
{
    double total = 0.0;
    int n = 0;
    for (int last = 0; !last;) {
        const char *plus = find(text, '+');
        struct span term = trim((struct span){text.begin, plus});
        last = plus == text.end;
        text.begin = last ? text.end : plus + 1;

        double weight = 1.0;
        const char *star = find(term, '*');
        if (star < term.end) {
            const struct span number = trim((struct span){term.begin, star});
            if (decimal_read(number.begin, number.end, &weight) != number.end)
                return error_set(e, ERR_INPUT, "%s:%d: '%.*s' is not a weight", path, line,
                                 (int)fmin(40.0, (double)length_of(number)), number.begin);
            term = trim((struct span){star + 1, term.end});
        }
        if (length_of(term) == 0 || length_of(term) > BVH_MAX_NAME)
            return error_set(e, ERR_INPUT, "%s:%d: a term is weight*Joint with a name of 1 to %d "
                             "bytes", path, line, BVH_MAX_NAME);
        if (n == JOINT_MAP_TERMS)
            return error_set(e, ERR_INPUT, "%s:%d: more than %d terms", path, line, JOINT_MAP_TERMS);
        m->joint[j].weight[n] = weight;
        memcpy(m->joint[j].source[n], term.begin, length_of(term));
        m->joint[j].source[n][length_of(term)] = 0;
        total += weight;
        n++;
    }
    if (fabs(total - 1.0) > 1e-9)
        return error_set(e, ERR_INPUT, "%s:%d: the weights sum to %g; they must sum to 1", path,
                         line, total);
    m->joint[j].nterms = n;
    return 0;
}

static int read_rule(const char *path, int line, struct span rule, const struct skeleton *s,
                     struct joint_map *m, int *has_unit, struct error *e)
{
    const char *equal = find(rule, '=');
    if (equal == rule.end)
        return error_set(e, ERR_INPUT, "%s:%d: a rule is joint = weight*Joint + …", path, line);
    const struct span name = trim((struct span){rule.begin, equal});
    const struct span value = trim((struct span){equal + 1, rule.end});
    if (equals(name, "unit")) {
        if ((*has_unit)++ || decimal_read(value.begin, value.end, &m->unit) != value.end ||
            !(m->unit > 0.0))
            return error_set(e, ERR_INPUT, "%s:%d: unit must be given once, as a number > 0", path,
                             line);
        return 0;
    }
    int j = 0;
    while (j < m->njoints && !equals(name, skeleton_joint_name(s, j)))
        j++;
    if (j == m->njoints)
        return error_set(e, ERR_INPUT, "%s:%d: '%.*s' is not a joint of the skeleton", path, line,
                         (int)fmin(40.0, (double)length_of(name)), name.begin);
    if (m->joint[j].nterms)
        return error_set(e, ERR_INPUT, "%s:%d: joint %s is given twice", path, line,
                         skeleton_joint_name(s, j));
    return read_terms(path, line, value, m, j, e);
}

int joint_map_parse(const char *path, const char *text, size_t size, const struct skeleton *s,
                    struct joint_map *out, struct error *e)
{
    *out = (struct joint_map){.unit = 1.0, .njoints = skeleton_joints(s)};
    snprintf(out->path, sizeof out->path, "%s", path);
    struct span rest = {text, text + size};
    int has_unit = 0;
    for (int line = 1; rest.begin < rest.end; line++) {
        const char *end = find(rest, '\n');
        struct span rule = {rest.begin, end};
        rest.begin = end < rest.end ? end + 1 : end;
        rule.end = find(rule, '#');
        if (rule.begin < rule.end && rule.end[-1] == '\r')
            rule.end--;
        rule = trim(rule);
        if (length_of(rule) == 0)
            continue;
        if (memchr(rule.begin, 0, length_of(rule)))
            return error_set(e, ERR_INPUT, "%s:%d: a joint map is text; this line holds NUL", path,
                             line);
        const int rc = read_rule(path, line, rule, s, out, &has_unit, e);
        if (rc)
            return rc;
    }
    for (int j = 0; j < out->njoints; j++)
        if (!out->joint[j].nterms)
            return error_set(e, ERR_INPUT, "%s: joint %s has no rule; every joint of the skeleton "
                             "needs one", path, skeleton_joint_name(s, j));
    return 0;
}

int joint_map_read(const char *path, const struct skeleton *s, struct joint_map *out, struct error *e)
{
    char *text;
    size_t size;
    if (strcmp(path, "bandai") == 0)
        return joint_map_parse("bandai.map", bandai_begin, (size_t)(bandai_end - bandai_begin), s,
                               out, e);
    int rc = file_read(path, (size_t)1 << 20, &text, &size, e);
    if (rc)
        return rc;
    rc = joint_map_parse(path, text, size, s, out, e);
    free(text);
    return rc;
}
