/* Evaluators from and to files. */
#include "evaluator.h"
#include "../engine/checkpoint.h"
#include <stdio.h>
#include <string.h>

/* Where the three networks lie: in the evaluator's own files, in checkpoints of generators. */
static const char *const prefixes[2][3] = {
    {"movement_encoder.", "motion_encoder.", "text_encoder."},
    {"t2m_moveencoder.", "t2m_motionencoder.", "t2m_textencoder."},
};

static const struct weight *tensor_of(const struct weights *w, const char *prefix, const char *key, int rank)
{
    char name[200];
    snprintf(name, sizeof name, "%s%s", prefix, key);
    const struct weight *t = weights_find(w, name);
    return t && t->rank == rank ? t : NULL;
}

static const char *const *find_prefixes(const struct weights *w)
{
    for (int i = 0; i < 2; i++)
        if (tensor_of(w, prefixes[i][0], "main.0.weight", 3)) return prefixes[i];
    return NULL;
}

int evaluator_size_from(const struct weights *w, struct evaluator_size *size, struct error *e)
{
    const char *const *prefix = find_prefixes(w);
    if (!prefix)
        return error_set(e, ERR_INPUT, "%s: no evaluator inside (tensor movement_encoder.main.0.weight is missing); use "
                                       "finest.tar or a file of `train evaluator`", w->path);
    const struct weight *conv1 = tensor_of(w, prefix[0], "main.0.weight", 3);
    const struct weight *conv2 = tensor_of(w, prefix[0], "main.3.weight", 3);
    const struct weight *motion = tensor_of(w, prefix[1], "input_emb.weight", 2);
    const struct weight *text = tensor_of(w, prefix[2], "input_emb.weight", 2);
    const struct weight *speech = tensor_of(w, prefix[2], "pos_emb.weight", 2);
    const struct weight *out = tensor_of(w, prefix[1], "output_net.3.weight", 2);
    if (!conv2 || !motion || !text || !speech || !out)
        return error_set(e, ERR_INPUT, "%s: an evaluator without all of its three networks; it needs movement, motion and "
                                       "text encoder", w->path);
    *size = (struct evaluator_size){.nfeats = conv1->shape[1] + 4,
                                    .movement_hidden = conv1->shape[0],
                                    .movement_latent = conv2->shape[0],
                                    .motion_hidden = motion->shape[0],
                                    .text_hidden = text->shape[0],
                                    .embedding = out->shape[0],
                                    .word_width = text->shape[1],
                                    .parts_of_speech = speech->shape[1]};
    struct evaluator expected;
    int rc = evaluator_add(&expected, NULL, size, e);
    if (rc) error_prefix(e, "%s", w->path);
    if (!rc) rc = params_match(&expected.movement, w, prefix[0], e);
    if (!rc) rc = params_match(&expected.motion, w, prefix[1], e);
    if (!rc) rc = params_match(&expected.text, w, prefix[2], e);
    evaluator_free(&expected);
    return rc;
}

int evaluator_load(struct evaluator *ev, struct weights *w, struct error *e)
{
    const char *const *prefix = find_prefixes(w);
    if (!prefix) prefix = prefixes[0];   /* params_load names what is missing */
    struct params *networks[3] = {&ev->movement, &ev->motion, &ev->text};
    for (int i = 0; i < 3; i++) {
        int rc = params_load(networks[i], w, prefix[i], e);
        if (rc) return rc;
    }
    memcpy(ev->sha256, w->sha256, sizeof ev->sha256);
    return 0;
}

int evaluator_open(struct evaluator *ev, struct device *d, const char *path, struct error *e)
{
    struct weights w;
    struct evaluator_size size;
    memset(ev, 0, sizeof *ev);
    int rc = weights_read(path, &w, e);
    if (rc) return rc;
    rc = evaluator_size_from(&w, &size, e);
    if (!rc && (rc = evaluator_create(ev, d, &size, e))) error_prefix(e, "%s", path);
    if (!rc && (rc = evaluator_load(ev, &w, e))) evaluator_free(ev);
    weights_free(&w);
    return rc;
}

int evaluator_save(const struct evaluator *ev, const char *path, const char *fingerprint, const char *note,
                   struct error *e)
{
    const struct checkpoint_part parts[3] = {
        {&ev->movement, prefixes[0][0]}, {&ev->motion, prefixes[0][1]}, {&ev->text, prefixes[0][2]}};
    return checkpoint_write(path, "evaluator", fingerprint, note, parts, 3, NULL, NULL, e);
}
