#include "sweep.h"
#include "../engine/file.h"
#include "json_read.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- setting fields of a document ------------------------------------------------------ */

/* Puts a copy of `value` at the path of keys, "lcm.ema" or "models.0.steps"; sections that lack are added. */
static int put_field(cJSON *document, const char *path, const cJSON *value, struct error *e)
{
    char key[80];
    cJSON *at = document;
    for (const char *from = path;;) {
        size_t length = strcspn(from, ".");
        if (!length || length >= sizeof key)
            return error_set(e, ERR_INPUT, "\"%.80s\" is no path of a field; write it as \"lcm.ema\"", path);
        snprintf(key, sizeof key, "%.*s", (int)length, from);
        int last = !from[length], index = -1;
        if (cJSON_IsArray(at)) {
            char *end;
            long number = strtol(key, &end, 10);
            if (*end || number < 0 || number >= cJSON_GetArraySize(at))
                return error_set(e, ERR_INPUT, "%s: the list has %d elements and no \"%s\"; give a number from 0", path,
                                 cJSON_GetArraySize(at), key);
            index = (int)number;
        } else if (!cJSON_IsObject(at)) {
            return error_set(e, ERR_INPUT, "%s: \"%s\" would be a field of a value that is no section", path, key);
        }
        if (last) {
            cJSON *copy = cJSON_Duplicate(value, 1);
            int put = copy && (index >= 0 ? cJSON_ReplaceItemInArray(at, index, copy)
                               : cJSON_GetObjectItemCaseSensitive(at, key)
                                   ? cJSON_ReplaceItemInObjectCaseSensitive(at, key, copy)
                                   : cJSON_AddItemToObject(at, key, copy));
            return put ? 0 : error_memory(e, "the sweep");
        }
        cJSON *next = index >= 0 ? cJSON_GetArrayItem(at, index) : cJSON_GetObjectItemCaseSensitive(at, key);
        if (!next && !(next = cJSON_AddObjectToObject(at, key))) return error_memory(e, "the sweep");
        at = next;
        from += length + 1;
    }
}

static int put_fields(cJSON *document, const cJSON *set, struct error *e)
{
    int rc = 0;
    for (const cJSON *field = set ? set->child : NULL; field && !rc; field = field->next)
        rc = put_field(document, field->string, field, e);
    return rc;
}

/* --- cells ------------------------------------------------------------------------------ */

static int add_cell(struct sweep *s, struct sweep_cell **out, struct error *e)
{
    if (s->cell_count >= SWEEP_CELLS)
        return error_set(e, ERR_INPUT, "more than %d cells; take values out of the axes, or make several sweeps", SWEEP_CELLS);
    struct sweep_cell *grown = realloc(s->cells, ((size_t)s->cell_count + 1) * sizeof *grown);
    if (!grown) return error_memory(e, "the sweep");
    s->cells = grown;
    *out = &grown[s->cell_count++];
    memset(*out, 0, sizeof **out);
    (*out)->set = cJSON_CreateObject();
    return (*out)->set ? 0 : error_memory(e, "the sweep");
}

static int take_name(const cJSON *o, const char *path, char *out, size_t size, struct error *e)
{
    const char *text;
    int rc = json_string(o, path, &text, e);
    if (rc) return rc;
    if (strlen(text) >= size)
        return error_set(e, ERR_INPUT, "%s is longer than %zu characters; shorten it", path, size - 1);
    if (json_control(text)) return error_set(e, ERR_INPUT, "%s holds a line break or another control character; take it out", path);
    snprintf(out, size, "%s", text);
    return 0;
}

/* One value of an axis of single fields: a number, a word or a list, as tables show it. */
static void value_text(const cJSON *value, char out[SWEEP_NAME])
{
    char *text = cJSON_PrintUnformatted(value);
    if (cJSON_IsString(value)) snprintf(out, SWEEP_NAME, "%s", value->valuestring);
    else snprintf(out, SWEEP_NAME, "%s", text ? text : "");
    free(text);
}

/* The k-th value of axis a, described and put into the cell. */
static int take_value(const cJSON *root, int a, int k, struct sweep_cell *cell, struct error *e)
{
    char path[60];
    snprintf(path, sizeof path, "axes.%d.field", a);
    if (json_has(root, path)) {
        const char *field;
        int rc = json_string(root, path, &field, e);
        if (rc) return rc;
        snprintf(path, sizeof path, "axes.%d.values.%d", a, k);
        const cJSON *value = json_find(root, path);
        value_text(value, cell->values[a]);
        cJSON *copy = cJSON_Duplicate(value, 1);
        if (cJSON_GetObjectItemCaseSensitive(cell->set, field)) {
            cJSON_Delete(copy);
            return error_set(e, ERR_INPUT, "%s: another axis sets %s too; give it to one axis alone", path, field);
        }
        return copy && cJSON_AddItemToObject(cell->set, field, copy) ? 0 : error_memory(e, "the sweep");
    }
    static const char *const keys[] = {"name", "set", NULL};
    const cJSON *set;
    char name[70], fields[70];
    snprintf(path, sizeof path, "axes.%d.values.%d", a, k);
    snprintf(name, sizeof name, "%s.name", path);
    snprintf(fields, sizeof fields, "%s.set", path);
    int rc = json_known_keys(root, path, keys, e);
    if (!rc) rc = take_name(root, name, cell->values[a], sizeof cell->values[a], e);
    if (!rc) rc = json_object(root, fields, &set, e);
    for (const cJSON *field = rc ? NULL : set->child; field && !rc; field = field->next) {
        cJSON *copy = cJSON_Duplicate(field, 1);
        if (cJSON_GetObjectItemCaseSensitive(cell->set, field->string)) {
            cJSON_Delete(copy);
            rc = error_set(e, ERR_INPUT, "%s: another axis sets %s too; give it to one axis alone", fields, field->string);
        } else if (!copy || !cJSON_AddItemToObject(cell->set, field->string, copy)) {
            rc = error_memory(e, "the sweep");
        }
    }
    return rc;
}

/* "EMA 0.5, w [2, 18]": axes of one field show their name, named values stand for themselves. */
static int name_cell(const struct sweep *s, const cJSON *root, struct sweep_cell *cell, struct error *e)
{
    char text[SWEEP_AXES * 2 * SWEEP_NAME] = "";
    for (int a = 0; a < s->axis_count; a++) {
        char path[40];
        size_t used = strlen(text);
        snprintf(path, sizeof path, "axes.%d.field", a);
        int single = json_has(root, path);
        snprintf(text + used, sizeof text - used, "%s%s%s%s", a ? ", " : "", single ? s->axes[a] : "", single ? " " : "", cell->values[a]);
    }
    if (strlen(text) >= sizeof cell->name)
        return error_set(e, ERR_INPUT, "cell \"%.100s\": its name is longer than %zu characters; give the axes short names",
                         text, sizeof cell->name - 1);
    snprintf(cell->name, sizeof cell->name, "%.*s", (int)sizeof cell->name - 1, text);
    return 0;
}

static int read_grid(struct sweep *s, const cJSON *root, struct error *e)
{
    static const char *const keys[] = {"name", "field", "values", NULL};
    const cJSON *axes, *values;
    int sizes[SWEEP_AXES], rc = json_array(root, "axes", &axes, 1, SWEEP_AXES, e);
    double cells = 1;
    s->axis_count = rc ? 0 : cJSON_GetArraySize(axes);
    for (int a = 0; a < s->axis_count && !rc; a++) {
        char path[40], field[60], list[60], name[60];
        const char *text;
        snprintf(path, sizeof path, "axes.%d", a);
        snprintf(field, sizeof field, "axes.%d.field", a);
        snprintf(list, sizeof list, "axes.%d.values", a);
        snprintf(name, sizeof name, "axes.%d.name", a);
        int single = json_has(root, field);
        rc = json_known_keys(root, path, keys, e);
        if (!rc && single) rc = json_string(root, field, &text, e);
        if (!rc && (json_has(root, name) || !single)) rc = take_name(root, name, s->axes[a], sizeof s->axes[a], e);
        else if (!rc) snprintf(s->axes[a], sizeof s->axes[a], "%.*s", SWEEP_NAME - 1, strrchr(text, '.') ? strrchr(text, '.') + 1 : text);
        if (!rc && (rc = json_array(root, list, &values, 0, 1 << 20, e)) == 0 && !(sizes[a] = cJSON_GetArraySize(values)))
            rc = error_set(e, ERR_INPUT, "%s is empty; give the axis a value, or leave it out", list);
        if (rc) break;
        cells *= sizes[a];
        s->numeric = s->axis_count == 1 && single;
        for (const cJSON *v = values->child; v; v = v->next) s->numeric &= cJSON_IsNumber(v) != 0;
    }
    if (!rc && cells > SWEEP_CELLS)
        rc = error_set(e, ERR_INPUT, "axes: %.0f cells, at most %d; take values out, or make several sweeps", cells, SWEEP_CELLS);
    for (int c = 0; c < (int)cells && !rc; c++) {
        struct sweep_cell *cell;
        rc = add_cell(s, &cell, e);
        for (int a = s->axis_count - 1, rest = c; a >= 0 && !rc; rest /= sizes[a--]) rc = take_value(root, a, rest % sizes[a], cell, e);
        if (!rc) rc = name_cell(s, root, cell, e);
    }
    return rc;
}

static int read_listed(struct sweep *s, const cJSON *root, struct error *e)
{
    static const char *const keys[] = {"name", "set", NULL};
    const cJSON *list, *set;
    int rc = json_array(root, "cells", &list, 0, 1 << 20, e), count = rc ? 0 : cJSON_GetArraySize(list);
    if (!rc && !count) rc = error_set(e, ERR_INPUT, "cells is empty; list a cell");
    s->axis_count = 1;
    snprintf(s->axes[0], sizeof s->axes[0], "cell");
    for (int c = 0; c < count && !rc; c++) {
        char path[40], name[50], fields[50];
        struct sweep_cell *cell;
        snprintf(path, sizeof path, "cells.%d", c);
        snprintf(name, sizeof name, "%s.name", path);
        snprintf(fields, sizeof fields, "%s.set", path);
        rc = add_cell(s, &cell, e);
        if (!rc) rc = json_known_keys(root, path, keys, e);
        if (!rc) rc = take_name(root, name, cell->name, sizeof cell->name, e);
        if (!rc) rc = json_object(root, fields, &set, e);
        if (rc) break;
        memcpy(cell->values[0], cell->name, sizeof cell->name);
        cJSON_Delete(cell->set);
        if (!(cell->set = cJSON_Duplicate(set, 1))) rc = error_memory(e, "the sweep");
    }
    return rc;
}

/* --- the rest of the file ----------------------------------------------------------------- */

static int read_seeds(struct sweep *s, const cJSON *root, struct error *e)
{
    static const char *const keys[] = {"field", "values", NULL};
    const cJSON *list;
    s->seed_count = 1;
    if (!json_has(root, "seeds")) return 0;
    int rc = json_known_keys(root, "seeds", keys, e);
    if (!rc) rc = take_name(root, "seeds.field", s->seed_field, sizeof s->seed_field, e);
    if (!rc) rc = json_array(root, "seeds.values", &list, 1, SWEEP_SEEDS, e);
    if (rc) return rc;
    s->seed_count = cJSON_GetArraySize(list);
    for (int i = 0; i < s->seed_count && !rc; i++) {
        char path[40];
        snprintf(path, sizeof path, "seeds.values.%d", i);
        rc = json_number(root, path, &s->seeds[i], 0, 9e15, e);
        if (!rc && floor(s->seeds[i]) != s->seeds[i])
            rc = error_set(e, ERR_INPUT, "%s is %g; a seed is a whole number", path, s->seeds[i]);
        for (int k = 0; k < i && !rc; k++)
            if (s->seeds[k] == s->seeds[i]) rc = error_set(e, ERR_INPUT, "seeds.values has %.0f twice; take one out", s->seeds[i]);
    }
    return rc;
}

static int read_metrics(struct sweep *s, const cJSON *root, struct error *e)
{
    static const char *const usual[] = {"R_precision_top_1", "R_precision_top_3", "FID", "MM_dist", "Diversity", "MultiModality"};
    const cJSON *list;
    if (!json_has(root, "metrics")) {
        for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) s->metrics[s->metric_count++] = metric_find(usual[i]);
        return 0;
    }
    int rc = json_array(root, "metrics", &list, 1, SWEEP_METRICS, e), count = rc ? 0 : cJSON_GetArraySize(list);
    for (int i = 0; i < count && !rc; i++) {
        char path[40];
        const char *name;
        snprintf(path, sizeof path, "metrics.%d", i);
        rc = json_string(root, path, &name, e);
        if (rc) break;
        s->metrics[i] = metric_find(name);
        s->metric_count++;
        s->times |= !strncmp(name, "AITS", 4);
        if (!s->metrics[i])
            rc = error_set(e, ERR_INPUT, "%s: there is no metric \"%.40s\"; use names as results documents have them, FID or "
                                         "R_precision_top_3", path, name);
    }
    return rc;
}

static int read_reference(struct sweep *s, const cJSON *root, struct error *e)
{
    const char *name;
    if (!json_has(root, "reference")) return 0;
    int rc = json_string(root, "reference", &name, e);
    if (rc) return rc;
    for (int c = 0; c < s->cell_count; c++)
        if (!strcmp(s->cells[c].name, name)) {
            s->reference = c;
            return 0;
        }
    return error_set(e, ERR_INPUT, "reference: there is no cell \"%.80s\"; the first is \"%s\"", name, s->cells[0].name);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* Sorts the keys of every object, so that equal documents are equal texts. */
static int sort_keys(cJSON *o, struct error *e)
{
    int count = cJSON_GetArraySize(o), rc = 0;
    for (cJSON *item = o->child; item && !rc; item = item->next) rc = sort_keys(item, e);
    if (rc || !cJSON_IsObject(o) || count < 2) return rc;
    cJSON **items = malloc((size_t)count * sizeof *items);
    if (!items) return error_memory(e, "the sweep");
    for (int i = 0; i < count; i++) items[i] = cJSON_DetachItemViaPointer(o, o->child);
    qsort(items, (size_t)count, sizeof *items, compare_keys);
    for (int i = 0; i < count; i++) cJSON_AddItemToObject(o, items[i]->string, items[i]);
    free(items);
    return 0;
}

/* The base with the fields that all cells share, then each cell's own; two must not be the same. */
static int resolve_cells(struct sweep *s, const cJSON *root, struct error *e)
{
    cJSON *base = NULL;
    const cJSON *set = NULL;
    char **texts = calloc((size_t)s->cell_count, sizeof *texts);
    int rc = texts ? experiment_document(s->base, &base, e) : error_memory(e, "the sweep");
    if (rc) {
        free(texts);
        return error_prefix(e, "base");
    }
    if (json_has(root, "set")) rc = json_object(root, "set", &set, e);
    if (!rc && (rc = put_fields(base, set, e))) error_prefix(e, "set");
    cJSON_DeleteItemFromObjectCaseSensitive(base, "description");
    for (int c = 0; c < s->cell_count && !rc; c++) {
        struct sweep_cell *cell = &s->cells[c];
        cell->document = cJSON_Duplicate(base, 1);
        if (!cell->document) rc = error_memory(e, "the sweep");
        if (!rc) rc = put_fields(cell->document, cell->set, e);
        if (!rc) rc = sort_keys(cell->document, e);
        if (!rc && !(texts[c] = cJSON_PrintUnformatted(cell->document))) rc = error_memory(e, "the sweep");
        for (int k = 0; k < c && !rc; k++) {
            if (!strcmp(s->cells[k].name, cell->name)) rc = error_set(e, ERR_INPUT, "there are two of this name; rename one");
            else if (!strcmp(texts[k], texts[c]))
                rc = error_set(e, ERR_INPUT, "is the same experiment as cell \"%s\"; take one out", s->cells[k].name);
        }
        struct experiment x;
        if (!rc && (rc = sweep_experiment(s, c * s->seed_count, &x, e)) == 0) experiment_free(&x);
        if (rc) error_prefix(e, "cell \"%s\"", cell->name);
    }
    for (int c = 0; c < s->cell_count; c++) free(texts[c]);
    free(texts);
    cJSON_Delete(base);
    return rc;
}

static int read_all(struct sweep *s, const cJSON *root, struct error *e)
{
    static const char *const keys[] = {"name", "description", "base", "set", "axes", "cells", "seeds", "metrics", "reference",
                                       "split", NULL};
    static const char *const splits[] = {"test", "val", NULL};
    char base[900];
    const char *slash = strrchr(s->path, '/');
    int split = 0, rc = 0, experiment = json_has(root, "models") && !json_has(root, "axes") && !json_has(root, "cells");
    if (experiment) rc = error_set(e, ERR_INPUT, "is an experiment and no sweep; use mlcm bench --config %s", s->path);
    if (!rc) rc = json_known_keys(root, "", keys, e);
    if (!rc) rc = take_name(root, "name", s->name, sizeof s->name, e);
    if (!rc && (strchr(s->name, '/') || s->name[0] == '.'))
        rc = error_set(e, ERR_INPUT, "name is \"%s\"; files are called so: leave out the / and a point at the front", s->name);
    if (!rc && json_has(root, "description")) rc = take_name(root, "description", s->description, sizeof s->description, e);
    if (!rc) rc = take_name(root, "base", base, sizeof base, e);
    if (!rc && json_has(root, "split")) rc = json_choice(root, "split", splits, &split, e);
    if (rc) return rc;
    snprintf(s->split, sizeof s->split, "%s", splits[split]);
    if (slash && base[0] != '/') snprintf(s->base, sizeof s->base, "%.*s/%s", (int)(slash - s->path), s->path, base);
    else snprintf(s->base, sizeof s->base, "%s", base);
    int grid = json_has(root, "axes");
    if (grid == json_has(root, "cells"))
        return error_set(e, ERR_INPUT, "%s; give either axes, for a grid, or cells, for a list", grid ? "there are axes and cells" : "there are no axes and no cells");
    rc = grid ? read_grid(s, root, e) : read_listed(s, root, e);
    if (!rc) rc = read_seeds(s, root, e);
    if (!rc && sweep_runs(s) > SWEEP_RUNS)
        rc = error_set(e, ERR_INPUT, "%d cells of %d seeds are more than %d runs; make several sweeps", s->cell_count, s->seed_count, SWEEP_RUNS);
    if (!rc) rc = read_metrics(s, root, e);
    if (!rc) rc = read_reference(s, root, e);
    return rc ? rc : resolve_cells(s, root, e);
}

int sweep_read(const char *path, struct sweep *s, struct error *e)
{
    cJSON *root;
    memset(s, 0, sizeof *s);
    if ((size_t)snprintf(s->path, sizeof s->path, "%s", path) >= sizeof s->path)
        return error_set(e, ERR_USAGE, "%.60s…: the path is too long", path);
    int rc = json_read(path, &root, e);
    if (rc) return rc;
    rc = read_all(s, root, e);
    cJSON_Delete(root);
    if (rc) {
        error_prefix(e, "%s", path);
        sweep_free(s);
    }
    return rc;
}

void sweep_free(struct sweep *s)
{
    for (int c = 0; c < s->cell_count; c++) {
        cJSON_Delete(s->cells[c].set);
        cJSON_Delete(s->cells[c].document);
    }
    free(s->cells);
    memset(s, 0, sizeof *s);
}

int sweep_runs(const struct sweep *s) { return s->cell_count * s->seed_count; }

struct sweep_label sweep_label(const struct sweep *s, int run)
{
    struct sweep_label l;
    const char *name = s->cells[run / s->seed_count].name;
    if (s->seed_field[0]) snprintf(l.text, sizeof l.text, "%s, seed %.0f", name, s->seeds[run % s->seed_count]);
    else snprintf(l.text, sizeof l.text, "%s", name);
    return l;
}

int sweep_experiment(const struct sweep *s, int run, struct experiment *x, struct error *e)
{
    int rc = 0;
    cJSON *document = cJSON_Duplicate(s->cells[run / s->seed_count].document, 1);
    cJSON *seed = cJSON_CreateNumber(s->seeds[run % s->seed_count]);
    if (!document || !seed) rc = error_memory(e, "the sweep");
    if (!rc && s->seed_field[0] && (rc = put_field(document, s->seed_field, seed, e))) error_prefix(e, "seeds.field");
    if (!rc) rc = sort_keys(document, e);
    cJSON_Delete(seed);
    if (rc) {
        cJSON_Delete(document);
        return rc;
    }
    return experiment_from(s->base, document, x, e);
}
