#include "bandai_split.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bandai_parse_name(const char *name, struct bandai_name *out)
{
    int used = 0;
    memset(out, 0, sizeof *out);
    if (sscanf(name, "dataset-%1d_%31[a-z-]_%23[a-z-]_%3d%n", &out->dataset, out->content,
               out->style, &out->id, &used) != 4)
        return 0;
    return name[used] == '\0' && (out->dataset == 1 || out->dataset == 2) && out->id > 0;
}

/* ---- dataset 2: takes ---- */

enum { STYLES = 7, TAKES = 4 };

static const struct {
    const char *style;
    int held_out;              /* the take that is val and test */
} held[STYLES] = {{"active", 1},    {"elderly", 2}, {"exhausted", 3}, {"feminine", 4},
                  {"masculine", 1}, {"normal", 2},  {"youthful", 3}};

/* Last clip number of each take, styles in the order above. Where one recording
 * ends is seen from planted feet that jump (gestures), clip lengths and direction
 * (walk, run); for turns the numbers are cut into quarters. */
static const struct {
    const char *content;
    int last[STYLES][TAKES];
} takes[] = {
    {"raise-up-both-hands", {{29, 54, 78, 102}, {10, 20, 29, 39}, {11, 21, 31, 40}, {18, 32, 46, 60}, {17, 30, 44, 58}, {20, 40, 58, 74}, {18, 33, 47, 61}}},
    {"raise-up-left-hand", {{30, 56, 80, 104}, {11, 21, 32, 42}, {12, 22, 31, 41}, {22, 36, 51, 65}, {15, 28, 41, 54}, {20, 40, 59, 76}, {18, 33, 49, 62}}},
    {"raise-up-right-hand", {{27, 52, 76, 100}, {11, 22, 32, 42}, {10, 20, 30, 40}, {21, 36, 51, 65}, {13, 26, 38, 51}, {23, 43, 62, 79}, {17, 31, 47, 60}}},
    {"run", {{14, 29, 44, 59}, {6, 13, 20, 28}, {8, 18, 30, 41}, {11, 22, 34, 45}, {13, 24, 35, 47}, {15, 27, 40, 52}, {12, 23, 34, 45}}},
    {"walk", {{8, 16, 24, 32}, {4, 8, 13, 17}, {5, 11, 17, 23}, {6, 13, 20, 27}, {7, 13, 19, 25}, {6, 12, 18, 24}, {7, 13, 20, 27}}},
    {"walk-turn-left", {{11, 21, 31, 41}, {8, 16, 24, 31}, {10, 20, 30, 39}, {8, 16, 24, 31}, {8, 15, 23, 30}, {8, 15, 23, 34}, {8, 15, 23, 30}}},
    {"walk-turn-right", {{11, 21, 31, 41}, {8, 15, 23, 30}, {10, 19, 28, 37}, {8, 16, 24, 31}, {8, 15, 23, 30}, {8, 16, 24, 35}, {8, 15, 23, 30}}},
    {"wave-both-hands", {{8, 17, 26, 35}, {7, 15, 22, 29}, {7, 15, 23, 31}, {7, 13, 20, 27}, {7, 14, 21, 28}, {7, 14, 22, 30}, {6, 13, 21, 28}}},
    {"wave-left-hand", {{8, 18, 27, 36}, {7, 14, 21, 28}, {7, 15, 22, 30}, {7, 13, 20, 27}, {7, 14, 21, 28}, {8, 16, 23, 31}, {7, 14, 22, 29}}},
    {"wave-right-hand", {{8, 16, 25, 34}, {7, 14, 21, 28}, {7, 15, 23, 31}, {7, 14, 21, 28}, {7, 14, 21, 28}, {8, 16, 23, 30}, {7, 14, 22, 29}}},
};

static int style_index(const char *style)
{
    for (int s = 0; s < STYLES; s++)
        if (strcmp(held[s].style, style) == 0)
            return s;
    return -1;
}

static const int *take_ends(const struct bandai_name *n)
{
    int style = style_index(n->style);
    if (n->dataset != 2 || style < 0)
        return NULL;
    for (size_t c = 0; c < sizeof takes / sizeof *takes; c++)
        if (strcmp(takes[c].content, n->content) == 0)
            return takes[c].last[style];
    return NULL;
}

int bandai_take(const struct bandai_name *n)
{
    const int *last = take_ends(n);
    for (int t = 0; last && t < TAKES; t++)
        if (n->id <= last[t])
            return t + 1;
    return 0;
}

/* Clips that share frames with earlier clips of their class. */
static int is_recut(const struct bandai_name *n)
{
    if (n->dataset != 2 || strcmp(n->style, "normal") != 0)
        return 0;
    return (strcmp(n->content, "walk-turn-left") == 0 && n->id >= 31 && n->id <= 34) ||
           (strcmp(n->content, "walk-turn-right") == 0 && n->id >= 32 && n->id <= 35);
}

/* ---- dataset 1 ---- */

static const struct {
    const char *content, *test, *val;   /* styles, each with a space before and behind */
} single[] = {
    {"bow", " giant ", " masculinity not-confident "},
    {"bye", " musical not-confident proud ", ""},
    {"byebye", " angry childish chimpira feminine ", " masculinity "},
    {"dash", " active not-confident ", ""},
    {"guide", " feminine musical normal ", " not-confident "},
    {"run", " angry childish proud ", ""},
    {"walk-left", " angry chimpira giant normal sad ", ""},
    {"walk-right", " angry chimpira giant normal sad ", ""},
};

static int in_list(const char *list, const char *word)
{
    char spaced[32];
    snprintf(spaced, sizeof spaced, " %s ", word);
    return strstr(list, spaced) != NULL;
}

static const char *split_of_dataset_1(const struct bandai_name *n)
{
    if (strcmp(n->content, "walk") == 0) {
        if (n->id == 1)
            return "train";
        return in_list(" old proud ", n->style) ? "val" : "test";
    }
    for (size_t c = 0; c < sizeof single / sizeof *single; c++)
        if (strcmp(single[c].content, n->content) == 0)
            return in_list(single[c].test, n->style) ? "test"
                   : in_list(single[c].val, n->style) ? "val" : "train";
    return "train";
}

const char *bandai_split(const struct bandai_name *n)
{
    if (is_recut(n))
        return NULL;
    if (n->dataset == 1)
        return split_of_dataset_1(n);
    int take = bandai_take(n), style = style_index(n->style);
    if (take == 0 || style < 0 || take != held[style].held_out)
        return "train";
    const int *last = take_ends(n);
    int first = take == 1 ? 1 : last[take - 2] + 1, count = last[take - 1] - first + 1;
    int nval = (2 * count + 3) / 6;     /* a third, rounded */
    return n->id - first < nval ? "val" : "test";
}
