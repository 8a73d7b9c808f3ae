#include "foreign.h"

#include "../engine/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_CAPTIONS = 64 << 20, LARGEST_CAPTION = 1 << 16 };

/* --- captions that were said ---------------------------------------------------------------------- */

struct said {
    char *text;                /* the file, cut into pieces; owned */
    int count;
    struct said_line {
        const char *name, *caption;
    } *line;                   /* sorted by name */
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct said_line *)a)->name, ((const struct said_line *)b)->name);
}

static void said_free(struct said *s)
{
    free(s->text);
    free(s->line);
    memset(s, 0, sizeof *s);
}

/* Ends a caption at its first "#" and without the blanks around it; returns its beginning. */
static char *trimmed(char *text)
{
    text[strcspn(text, "#\r\n")] = 0;
    while (isspace((unsigned char)*text))
        text++;
    for (size_t n = strlen(text); n && isspace((unsigned char)text[n - 1]);)
        text[--n] = 0;
    return text;
}

static int said_read(const char *path, struct said *s, struct error *e)
{
    size_t size, lines = 1;
    int rc = file_read(path, LARGEST_CAPTIONS, &s->text, &size, e), number = 0;
    if (rc)
        return rc;
    if (memchr(s->text, 0, size))
        return error_set(e, ERR_INPUT, "%s: holds a NUL byte; captions are plain text", path);
    for (size_t i = 0; i < size; i++)
        lines += s->text[i] == '\n';
    s->line = calloc(lines, sizeof *s->line);
    if (!s->line)
        return error_memory(e, "captions");
    for (char *at = s->text, *next; at; at = next) {
        char *tab = strchr(at, '\t'), *end = strchr(at, '\n');
        next = end ? end + 1 : NULL;
        number++;
        if (end)
            *end = 0;
        if (!*trimmed(at) && !(tab && (!end || tab < end)))
            continue;
        if (!tab || (end && tab > end))
            return error_set(e, ERR_INPUT, "%s: line %d has no tab between name and caption", path, number);
        *tab = 0;
        char *caption = trimmed(tab + 1), *name = trimmed(at);
        if (!*caption || !*name)
            return error_set(e, ERR_INPUT, "%s: line %d lacks a %s", path, number, *name ? "caption" : "name");
        if (file_has_ending(name, ".npy"))
            name[strlen(name) - 4] = 0;
        s->line[s->count++] = (struct said_line){name, caption};
    }
    qsort(s->line, (size_t)s->count, sizeof *s->line, by_name);
    for (int i = 1; i < s->count; i++)
        if (!strcmp(s->line[i - 1].name, s->line[i].name))
            return error_set(e, ERR_INPUT, "%s: \"%.100s\" has two captions; leave one", path, s->line[i].name);
    return 0;
}

/* The caption of the first of these names that has one, malloc'd in *out, or NULL. */
static int caption_said(const struct said *said, const char *folder, const char *stem, const char *base, char **out, struct error *e)
{
    const char *names[] = {stem, base};
    *out = NULL;
    for (int i = 0; i < 2; i++) {
        struct said_line key = {names[i], NULL};
        const struct said_line *found = said->count ? bsearch(&key, said->line, (size_t)said->count, sizeof key, by_name) : NULL;
        if (found) {
            *out = strdup(found->caption);
            return *out ? 0 : error_memory(e, "captions");
        }
        char path[1400];
        snprintf(path, sizeof path, "%.1000s/%.200s.txt", folder, names[i]);
        if (!file_exists(path))
            continue;
        char *text;
        size_t size;
        int rc = file_read(path, LARGEST_CAPTION, &text, &size, e);
        if (rc)
            return rc;
        char *begin = trimmed(text);
        if (!*begin || strlen(text) > size) {
            free(text);
            return error_set(e, ERR_INPUT, "%s: its first line is no caption", path);
        }
        memmove(text, begin, strlen(begin) + 1);
        *out = text;
        return 0;
    }
    return 0;
}

/* --- names and captions of the set -------------------------------------------------------------------- */

static int find_clip(const struct set *s, const char *name)
{
    for (int c = 0; c < s->nclips; c++)
        if (!strcmp(s->clips[c].name, name))
            return c;
    return -1;
}

static int item_caption(const struct item *item, const char *text)
{
    for (int k = 0; k < item->ncaptions; k++)
        if (!strcmp(item->captions[k]->text, text))
            return k;
    return -1;
}

/* "NAME_12" -> NAME, 12. */
static int cut_repeat(const char *stem, char *base, size_t size, int *repeat)
{
    size_t n = strlen(stem), digits = 0;
    while (digits < n && isdigit((unsigned char)stem[n - 1 - digits]))
        digits++;
    if (!digits || digits > 6 || n < digits + 2 || stem[n - digits - 1] != '_')
        return 0;
    snprintf(base, size, "%.*s", (int)(n - digits - 1), stem);
    *repeat = atoi(stem + n - digits);
    return 1;
}

/* One file while folders are read. */
struct entry {
    char stem[200], base[200];
    int repeat, item, caption, index;
};

/* The item of a clip with this caption (NULL: the whole clip, or its first segment), and the caption's number. */
static int item_of_clip(const struct items *items, int clip, const char *caption, const struct set *s, int *k)
{
    int first = -1;
    *k = -1;
    for (int i = 0; i < items->count; i++) {
        const struct item *item = &items->list[i];
        if (item->clip != clip)
            continue;
        if (caption && (*k = item_caption(item, caption)) >= 0)
            return i;
        if (!caption && item->length == s->clips[clip].length)
            return i;
        first = first < 0 ? i : first;
    }
    return caption ? -1 : first;
}

/* An item anywhere with this caption, one not taken yet if there is. */
static int item_of_caption(const struct items *items, const char *caption, const unsigned char *taken, int *k)
{
    int any = -1, its = -1;
    for (int i = 0; i < items->count; i++) {
        int found = item_caption(&items->list[i], caption);
        if (found < 0)
            continue;
        if (!taken[i]) {
            *k = found;
            return i;
        }
        if (any < 0) {
            any = i;
            its = found;
        }
    }
    *k = its;
    return any;
}

/* The item of an earlier motion of the same base and caption: repeats belong together, though a caption may be of
 * several clips. */
static int item_of_base(const struct entry *x, int n, const char *base, const struct items *items, const char *caption, int *k)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(x[i].base, base) && (*k = item_caption(&items->list[x[i].item], caption)) >= 0)
            return x[i].item;
    return -1;
}

/* Which item and caption entry n of `entries` is of; those before it are placed. */
static int place(const struct set *s, const struct items *items, const char *split, const char *folder, const char *caption,
                 struct entry *entries, int n, unsigned char *taken, struct error *e)
{
    struct entry *x = &entries[n];
    char base[200];
    int repeat = 0, clip = find_clip(s, x->stem);
    snprintf(x->base, sizeof x->base, "%s", x->stem);
    x->repeat = 0;
    if (clip < 0 && cut_repeat(x->stem, base, sizeof base, &repeat)) {
        clip = find_clip(s, base);
        if (clip >= 0 || caption) {
            snprintf(x->base, sizeof x->base, "%s", base);
            x->repeat = repeat;
        }
    }
    if (clip >= 0) {
        x->item = item_of_clip(items, clip, caption, s, &x->caption);
        if (x->item < 0 && caption && item_of_clip(items, clip, NULL, s, &x->caption) >= 0)
            return error_set(e, ERR_INPUT, "%s/%s: \"%.80s\" is none of the captions of clip %s; the motion cannot be matched with it, leave the "
                             "caption out to take the clip's", folder, x->stem, caption, s->clips[clip].name);
        if (x->item < 0)
            return error_set(e, ERR_INPUT, "%s/%s: clip %s is no item of split %s (it is of %s, %d frames); choose the split with --split", folder,
                             x->stem, s->clips[clip].name, split, s->clips[clip].split, s->clips[clip].length);
    } else if (caption) {
        x->item = item_of_base(entries, n, x->base, items, caption, &x->caption);
        if (x->item < 0)
            x->item = item_of_caption(items, caption, taken, &x->caption);
        if (x->item < 0)
            return error_set(e, ERR_INPUT, "%s/%s: no clip of split %s has the caption \"%.80s\", so there is no real motion to compare with; "
                             "take captions of the split (mlcm bench --export writes them), or another with --split",
                             folder, x->stem, split, caption);
    } else
        return error_set(e, ERR_INPUT, "%s/%s: no clip of the set has this name, and there is no caption; write it to %s.txt or give --captions",
                         folder, x->stem, x->stem);
    taken[x->item] = 1;
    return 0;
}

static int by_item(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    int order = strcmp(x->base, y->base);
    if (order)
        return order;
    return x->repeat < y->repeat ? -1 : x->repeat > y->repeat;
}

/* Sorted entries become captions with their motions. */
static int gather(struct foreign *f, const struct entry *x, int n, struct error *e)
{
    f->caption = calloc((size_t)n + 1, sizeof *f->caption);
    f->file = calloc((size_t)n + 1, sizeof *f->file);
    if (!f->caption || !f->file)
        return error_memory(e, "a folder of motions");
    for (int i = 0; i < n; i++) {
        struct foreign_caption *c = f->captions ? &f->caption[f->captions - 1] : NULL;
        if (!c || c->item != x[i].item || strcmp(c->name, x[i].base)) {
            c = &f->caption[f->captions++];
            *c = (struct foreign_caption){.item = x[i].item, .caption = x[i].caption, .first = i};
            snprintf(c->name, sizeof c->name, "%s", x[i].base);
        } else if (x[i].repeat == x[i - 1].repeat)
            return error_set(e, ERR_INPUT, "%s: %s and %s are the same motion of one caption; leave one", f->folder, x[i - 1].stem, x[i].stem);
        else if (c->caption != x[i].caption)
            return error_set(e, ERR_INPUT, "%s: %s and %s are motions of one name with two captions; give them one", f->folder, x[i - 1].stem,
                             x[i].stem);
        c->repeats++;
        snprintf(f->file[i].stem, sizeof f->file[i].stem, "%s", x[i].stem);
        f->file[i].index = x[i].index;
    }
    f->files = n;
    return 0;
}

void foreign_free(struct foreign *f)
{
    mdm_results_close(f->mdm);
    free(f->caption);
    free(f->file);
    memset(f, 0, sizeof *f);
}

/* The files of a folder as entries. */
static int read_folder(struct foreign *f, const char *captions_file, char **names, int count, const struct set *s, const struct items *items,
                       const char *split, struct entry *x, int *n, unsigned char *taken, struct error *e)
{
    struct said said = {0};
    int rc = captions_file ? said_read(captions_file, &said, e) : 0;
    for (int i = 0; i < count && !rc; i++) {
        char *caption = NULL, base[200] = "";
        int ignored;
        if (!file_has_ending(names[i], ".npy") || (f->mdm && !strcmp(names[i], "results.npy")))
            continue;
        if (strlen(names[i]) - 4 >= sizeof x->stem) {
            rc = error_set(e, ERR_INPUT, "%s/%.60s…: a name of more than %zu bytes", f->folder, names[i], sizeof x->stem - 1);
            break;
        }
        snprintf(x[*n].stem, sizeof x->stem, "%.*s", (int)(strlen(names[i]) - 4), names[i]);
        x[*n].index = -1;
        cut_repeat(x[*n].stem, base, sizeof base, &ignored);
        rc = caption_said(&said, f->folder, x[*n].stem, *base ? base : x[*n].stem, &caption, e);
        if (!rc)
            rc = place(s, items, split, f->folder, caption, x, *n, taken, e);
        free(caption);
        ++*n;
    }
    said_free(&said);
    return rc;
}

static int read_results(const struct foreign *f, const struct set *s, const struct items *items, const char *split, struct entry *x, int *n,
                        unsigned char *taken, struct error *e)
{
    int rc = 0, samples = f->mdm ? mdm_results_samples(f->mdm) : 1;
    for (int i = 0; f->mdm && i < mdm_results_count(f->mdm) && !rc; i++) {
        snprintf(x[*n].stem, sizeof x->stem, "sample%d_%d", i % samples, i / samples);
        x[*n].index = i;
        rc = place(s, items, split, f->folder, mdm_results_caption(f->mdm, i), x, *n, taken, e);
        ++*n;
    }
    return rc;
}

int foreign_open(const char *folder, const char *captions_file, const struct set *s, const struct items *items, const char *split,
                 struct foreign *f, struct error *e)
{
    char **names = NULL, path[1400];
    int count = 0, n = 0, rc = 0, alone = file_has_ending(folder, ".npy") && file_size(folder) >= 0;
    memset(f, 0, sizeof *f);
    snprintf(f->folder, sizeof f->folder, "%.1000s", folder);
    snprintf(path, sizeof path, alone ? "%.1000s" : "%.1000s/results.npy", folder);
    if (alone || file_exists(path))
        rc = mdm_results_open(path, &f->mdm, e);
    if (!rc && !alone)
        rc = file_list(folder, &names, &count, e);
    size_t room = (size_t)count + (size_t)(f->mdm ? mdm_results_count(f->mdm) : 0) + 1;
    struct entry *x = calloc(room, sizeof *x);
    unsigned char *taken = calloc((size_t)items->count + 1, 1);
    if (!rc && (!x || !taken))
        rc = error_memory(e, "a folder of motions");
    if (!rc)
        rc = read_folder(f, captions_file, names, count, s, items, split, x, &n, taken, e);
    if (!rc)
        rc = read_results(f, s, items, split, x, &n, taken, e);
    if (!rc && !n)
        rc = error_set(e, ERR_INPUT, "%s: holds no .npy file; give a folder of motions", folder);
    if (!rc) {
        qsort(x, (size_t)n, sizeof *x, by_item);
        rc = gather(f, x, n, e);
    }
    if (names)
        file_list_free(names, count);
    free(x);
    free(taken);
    if (rc)
        foreign_free(f);
    return rc;
}

int foreign_read(const struct foreign *f, int k, const struct set *s, const struct foreign_rule *rule, float **features, int *rows,
                 struct foreign_look *look, struct error *e)
{
    char path[1400];
    struct npy a;
    int index = f->file[k].index;
    snprintf(path, sizeof path, index < 0 ? "%s/%s.npy" : "%s: %s", f->folder, f->file[k].stem);
    int rc = index < 0 ? npy_read(path, &a, e) : mdm_results_motion(f->mdm, index, &a, e);
    *features = NULL;
    if (rc)
        return rc;
    rc = foreign_features(path, &a, s, rule, features, rows, look, e);
    npy_free(&a);
    return rc;
}
