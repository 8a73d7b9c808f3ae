#include "random_models.h"
#include "../engine/file.h"
#include "sentences.h"
#include "text_deviation.h"
#include <stdio.h>
#include <string.h>

static int random_denoiser(struct denoiser *d, struct chain *c, int guidance, struct error *e)
{
    struct denoiser_size size = c->x->denoiser;
    if (!guidance) size.guidance_width = 0;
    int rc = denoiser_create(d, &c->device, &size, e);
    return rc ? rc : params_initialise(&d->params, c->x->seed + 1, e);
}

static int random_own(struct text_source *s, struct chain *c, struct error *e)
{
    const char *captions[2 * SENTENCE_COUNT];        /* twice: rare words are left out of a vocabulary */
    struct vocabulary words = {0};
    struct text_encoder_size size = c->x->text;
    for (int i = 0; i < 2 * SENTENCE_COUNT; i++) captions[i] = sentence(i);
    int rc = vocabulary_from(&words, captions, 2 * SENTENCE_COUNT, e);
    size.words = words.count + 2;
    if (!rc) rc = text_source_own(s, &c->device, &size, &words, e);
    vocabulary_free(&words);
    return rc ? rc : params_initialise(&s->own.params, c->x->seed + 2, e);
}

/* Published or random, in the experiment's precision. */
static int open_text(struct text_source *s, struct chain *c, struct text_deviation *deviation, struct error *e)
{
    const struct experiment *x = c->x;
    enum weight_precision precision = (enum weight_precision)x->text_precision;
    int rc;
    if (x->text_folder[0]) {
        rc = text_source_open(s, x->text_folder, &c->device, PRECISION_FP32, x->text.text_width, e);
    } else if (x->text_random) {
        struct sentence_random_size size = sentence_t5_large();
        const char *tokenizer = file_exists(x->text_tokenizer) ? x->text_tokenizer : NULL;
        size.width = x->text.text_width;
        rc = sentence_encoder_random(&s->published, &c->device, &size, tokenizer, x->seed, e);
        if (!rc) s->kind = TEXT_SOURCE_PUBLISHED;
    } else {
        return random_own(s, c, e);
    }
    return rc ? rc : text_deviation_pack(&s->published, precision, deviation, e);
}

int random_models_open(struct loaded *l, struct chain *c, struct experiment *x, struct text_deviation *deviation,
                       struct error *e)
{
    int lcm = 0, mld = 0;
    memset(l, 0, sizeof *l);
    memset(deviation, 0, sizeof *deviation);
    int rc = chain_open_bare(c, x, e);
    if (rc) return rc;
    l->set = &c->set;
    l->chain = c;
    for (int i = 0; i < x->model_count && !rc; i++) {
        const struct model_entry *m = &x->models[i];
        rc = loaded_system(l, x, m, &l->systems[i], e);
        if (rc || !l->systems[i].kind->sampled) continue;
        if (l->systems[i].kind == &system_mld) mld = 1;
        else if (l->systems[i].kind == &system_motionlcm) lcm = 1;
        else
            rc = error_set(e, ERR_INPUT, "%s: model '%s': %s cannot be timed with random weights; leave it out, or time it trained",
                           x->path, m->name, m->system);
    }
    if (!rc) rc = vae_create(&l->vae, &c->device, &x->vae, e);
    if (!rc) rc = params_initialise(&l->vae.params, x->seed, e);
    if (!rc && lcm) rc = random_denoiser(&l->lcm, c, 1, e);
    if (!rc && mld) rc = random_denoiser(&l->mld, c, 0, e);
    if (!rc) rc = open_text(&l->text, c, deviation, e);
    if (!rc) rc = loaded_pack(l, x, e);
    if (rc) {
        loaded_close(l);
        chain_close(c);
    }
    return rc;
}

const char *random_models_text(const struct loaded *l, const struct experiment *x, char text[120])
{
    if (l->text.kind == TEXT_SOURCE_OWN) snprintf(text, 120, "our own small encoder, random weights");
    else if (x->text_folder[0])
        snprintf(text, 120, "%s of width %d from a folder, %s", sentence_encoder_name(&l->text.published), text_source_width(&l->text),
                 precision_names[l->text.published.precision]);
    else
        snprintf(text, 120, "sentence-T5-large, random weights, %s, %s", precision_names[l->text.published.precision],
                 l->text.published.tokenizer.unigram.model.count ? "SentencePiece vocabulary" : "no vocabulary: a token a word");
    return text;
}
