#include "shown_clips.h"
#include "../datasets/skeleton.h"
#include "../metrics/control.h"
#include <stdlib.h>

/* Real motion, signal and every model's motion of one window. */
static int show(struct chain *c, struct loaded *l, const struct shown *w, double scale, struct motions *m, struct moving_clip *clip,
                struct error *e)
{
    const struct set *s = &c->set;
    const struct skeleton *k = skeleton_of_joints(s->njoints);
    size_t keys = (size_t)w->draw->length * (size_t)s->njoints;
    float *joints = malloc(3 * keys * sizeof *joints);
    unsigned char *mask = malloc(keys);
    const struct clip *source = &s->clips[w->items->list[w->draw->item].clip];
    int rc = joints && mask ? 0 : error_memory(e, "the clips to look at");
    if (!rc) {
        joints_from_features(k, source->features + (size_t)w->draw->start * (size_t)s->nfeats, w->draw->length, joints);
        rc = motions_add(m, clip, "Real", 1, joints, scale, e);
    }
    for (int i = 0; i < c->x->model_count && clip->nmotions < MOTIONS_MODELS && !rc; i++) {
        float *features = NULL;
        if (!l->systems[i].kind->sampled) continue;
        rc = generate_shown(&c->lanes, w, &l->systems[i], &features, e);
        if (rc) break;
        joints_from_features(k, features, w->draw->length, joints);
        free(features);
        rc = motions_add(m, clip, c->x->models[i].name, 0, joints, scale, e);
    }
    if (!rc && w->control) rc = shown_signal(w, joints, mask, e);
    if (!rc && w->control) rc = motions_add_hints(m, clip, joints, mask, scale, e);
    free(joints);
    free(mask);
    return rc;
}

int shown_clips(struct chain *c, struct loaded *l, int count, struct motions *m, struct error *e)
{
    const struct set *s = &c->set;
    const struct skeleton *k = skeleton_of_joints(s->njoints);
    struct items test;
    *m = (struct motions){.njoints = s->njoints, .fps = s->fps};
    snprintf(m->experiment, sizeof m->experiment, "%s", c->x->name);
    if (!k || k->nfeatures != s->nfeats)
        return error_set(e, ERR_INPUT, "%s: no skeleton is known with %d joints and %d features; use --strips 0", s->path,
                         s->njoints, s->nfeats);
    double scale = s->njoints == 21 ? skating_rule_kit().scale : 1;
    int rc = items_build(s, "test", &test, e);
    if (rc) return rc;
    struct rng r = rng_make(c->x->seed, rng_stream("strips"));
    for (int i = 0; i < count && !rc && test.count; i++) {
        /* one item of each part of the split: short gestures first, long walks last */
        int item = (int)(((double)i + rng_uniform(&r)) * test.count / count);
        struct draw d = item_draw(s, &test, item, &r);
        const struct item *it = &test.list[item];
        const struct shown w = {.set = s, .items = &test, .draw = &d, .text = it->captions[d.caption]->text,
                                .control = c->x->control.given ? &c->x->control : NULL, .seed = c->x->seed};
        struct moving_clip *clip;
        rc = motions_add_clip(m, w.text, s->clips[it->clip].name, d.length, &clip, e);
        if (!rc) rc = show(c, l, &w, scale, m, clip, e);
    }
    items_free(&test);
    return rc;
}
