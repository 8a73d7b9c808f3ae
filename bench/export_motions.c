#include "export_motions.h"
#include "../engine/file.h"
#include "../engine/npy.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int export_folder(struct evaluation *ev, const char *folder, const char *row, struct error *e)
{
    char name[RESULTS_NAME];
    size_t n = 0;
    for (const char *p = row; *p && n + 1 < sizeof name; p++)
        if (isalnum((unsigned char)*p)) name[n++] = *p;
        else if (n && name[n - 1] != '_') name[n++] = '_';
    while (n && name[n - 1] == '_') n--;
    name[n] = 0;
    if (snprintf(ev->keep, sizeof ev->keep, "%s/%s", folder, name) >= (int)sizeof ev->keep)
        return error_set(e, ERR_USAGE, "%.200s: a folder's name that is too long", folder);
    int rc = file_make_folder(folder, e);
    return rc ? rc : file_make_folder(ev->keep, e);
}

/* A segment of a clip says where it begins. */
static void motion_name(const struct evaluation *ev, const struct draw *d, char *name, size_t size)
{
    const struct item *item = &ev->items.list[d->item];
    const struct clip *clip = &ev->chain->set.clips[item->clip];
    if (item->length == clip->length) snprintf(name, size, "%s", clip->name);
    else snprintf(name, size, "%s@%d", clip->name, item->start);
}

static int write_caption(const char *path, const struct caption *c, struct error *e)
{
    struct file_writer w;
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    fprintf(w.stream, "%s#%s#0.0#0.0\n", c->text, c->tokens);
    return file_commit(&w, e);
}

int export_motions(const struct evaluation *ev, const float *x, int first, int n, int frames, struct error *e)
{
    const struct set *s = &ev->chain->set;
    size_t nf = (size_t)s->nfeats;
    float *out = malloc((size_t)frames * nf * sizeof *out);
    char name[300], path[1400];
    int rc = out ? 0 : error_memory(e, "exported motions");
    for (int i = 0; i < n && !rc; i++) {
        const struct draw *d = &ev->draws[first + i];
        const float *in = x + (size_t)i * (size_t)frames * nf;
        const int shape[2] = {d->length, s->nfeats};
        for (int t = 0; t < d->length; t++)
            for (size_t f = 0; f < nf; f++) out[(size_t)t * nf + f] = in[(size_t)t * nf + f] * s->std[f] + s->mean[f];
        motion_name(ev, d, name, sizeof name);
        snprintf(path, sizeof path, "%s/%s.npy", ev->keep, name);
        rc = npy_write_float(path, 2, shape, out, e);
        snprintf(path, sizeof path, "%s/%s.txt", ev->keep, name);
        if (!rc) rc = write_caption(path, ev->items.list[d->item].captions[d->caption], e);
    }
    free(out);
    return rc;
}

int export_real(struct evaluation *ev, const char *folder, struct error *e)
{
    const struct set *s = &ev->chain->set;
    int rc = export_folder(ev, folder, "Real", e);
    for (int i = 0; i < ev->n && !rc; i++) {
        const struct draw *d = &ev->draws[i];
        float *x = malloc((size_t)d->length * (size_t)s->nfeats * sizeof *x);
        if (!x) return error_memory(e, "exported motions");
        draw_motion(s, &ev->items, d, s->mean, s->std, x);
        rc = export_motions(ev, x, i, 1, d->length, e);
        free(x);
    }
    *ev->keep = 0;
    return rc;
}
