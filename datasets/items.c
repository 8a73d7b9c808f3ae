#include "set.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Row of a time in seconds: truncated toward zero, negative counted from the end,
 * clipped to [0, n]. */
static int row_at(double seconds, double fps, int n)
{
    double at = trunc(seconds * fps);
    if (at < 0)
        at += n;
    return at < 0 ? 0 : at > n ? n : (int)at;
}

static int of_split(const struct clip *c, const char *split)
{
    if (strcmp(split, "all") == 0)
        return strcmp(c->split, "none") != 0;
    if (strcmp(split, "train_val") == 0)
        return strcmp(c->split, "train") == 0 || strcmp(c->split, "val") == 0;
    return strcmp(c->split, split) == 0;
}

static int whole_clip(const struct caption *c)
{
    return c->from == 0.0 && c->to == 0.0;
}

/* qsort is not stable: the order of insertion breaks ties. */
struct keyed {
    struct item item;
    int order;
};

static int by_length(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    if (x->item.length != y->item.length)
        return x->item.length < y->item.length ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

int items_build(const struct set *s, const char *split, struct items *out, struct error *e)
{
    *out = (struct items){0};
    size_t clips = 0, captions = 0;
    for (int c = 0; c < s->nclips; c++)
        if (of_split(&s->clips[c], split)) {
            clips++;
            captions += (size_t)s->clips[c].ncaptions;
        }
    if (clips == 0)
        return error_set(e, ERR_INPUT, "%s: the split \"%s\" is empty", s->path, split);

    struct keyed *sorted = malloc((captions + 1) * sizeof *sorted);
    const struct caption **pointers = malloc((captions + 1) * sizeof *pointers);
    if (!sorted || !pointers) {
        free(sorted);
        free(pointers);
        return error_memory(e, "the item list");
    }
    int count = 0;
    size_t used = 0;
    for (int c = 0; c < s->nclips; c++) {
        const struct clip *clip = &s->clips[c];
        if (!of_split(clip, split) || clip->length < s->min_length ||
            clip->length >= s->max_length)
            continue;
        for (int k = 0; k < clip->ncaptions; k++) {
            const struct caption *caption = &clip->captions[k];
            if (whole_clip(caption))
                continue;
            int start = row_at(caption->from, s->fps, clip->length);
            int length = row_at(caption->to, s->fps, clip->length) - start;
            if (length < s->min_length || length >= s->max_length)
                continue;
            pointers[used] = caption;
            sorted[count] = (struct keyed){{c, start, length, 1, pointers + used}, count};
            used++;
            count++;
        }
        struct item whole = {c, 0, clip->length, 0, pointers + used};
        for (int k = 0; k < clip->ncaptions; k++)
            if (whole_clip(&clip->captions[k])) {
                pointers[used++] = &clip->captions[k];
                whole.ncaptions++;
            }
        if (whole.ncaptions > 0) {
            sorted[count] = (struct keyed){whole, count};
            count++;
        }
    }
    if (count == 0) {
        free(sorted);
        free(pointers);
        return error_set(e, ERR_INPUT, "%s: no clip of the split \"%s\" has a caption and %d <= length < %d",
                         s->path, split, s->min_length, s->max_length);
    }
    qsort(sorted, (size_t)count, sizeof *sorted, by_length);
    out->list = malloc((size_t)count * sizeof *out->list);
    if (!out->list) {
        free(sorted);
        free(pointers);
        return error_memory(e, "the item list");
    }
    for (int i = 0; i < count; i++)
        out->list[i] = sorted[i].item;
    free(sorted);
    out->count = count;
    out->memory = pointers;
    return 0;
}

void items_free(struct items *it)
{
    free(it->list);
    free(it->memory);
    *it = (struct items){0};
}

int draw_length(const struct set *s, const struct item *item, int shorter)
{
    int units = item->length / s->unit;
    return (units - (shorter && units > 1)) * s->unit;
}

struct draw item_draw(const struct set *s, const struct items *it, int item, struct rng *r)
{
    const struct item *from = &it->list[item];
    struct draw d = {.item = item};
    d.caption = (int)rng_below(r, (uint32_t)from->ncaptions);
    d.length = draw_length(s, from, rng_below(r, 3) == 2);
    d.start = from->start + (int)rng_below(r, (uint32_t)(from->length - d.length + 1));
    return d;
}

void draw_motion(const struct set *s, const struct items *it, const struct draw *d,
                 const float *mean, const float *std, float *out)
{
    const struct clip *clip = &s->clips[it->list[d->item].clip];
    size_t nfeats = (size_t)s->nfeats;
    const float *in = clip->features + (size_t)d->start * nfeats;
    for (int t = 0; t < d->length; t++)
        for (size_t f = 0; f < nfeats; f++, in++, out++)
            *out = (*in - mean[f]) / std[f];
}

void sentence_order(const int *sent_len, int n, int *order)
{
    int placed = 0, longest = 0;
    for (int i = 0; i < n; i++)
        if (sent_len[i] > longest)
            longest = sent_len[i];
    for (int length = longest; placed < n && length > INT_MIN; length--)
        for (int i = 0; i < n; i++)
            if (sent_len[i] == length)
                order[placed++] = i;
}
