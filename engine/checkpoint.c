#include "checkpoint.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const card_names[] = {"vae_heads", "denoiser_heads", "text_heads", "generation", "points", "nfeats", "njoints"};

static int *card_field(struct checkpoint_card *c, int i)
{
    int *const fields[] = {&c->vae_heads, &c->denoiser_heads, &c->text_heads, &c->generation, &c->points, &c->nfeats, &c->njoints};
    return fields[i];
}
enum { CARD_FIELDS = 7 };

static int control_write(struct h5 *f, const struct checkpoint_card *card, struct error *e)
{
    const int positions[2] = {card->njoints, 3};
    int rc = h5_write_float(f, "statistics/raw_mean", 2, positions, card->raw_mean, e);
    if (!rc) rc = h5_write_float(f, "statistics/raw_std", 2, positions, card->raw_std, e);
    if (!rc) rc = h5_write_int(f, "control/joints", 1, &card->control_joint_count, card->control_joints, e);
    if (!rc) rc = h5_write_attr_string(f, "/", "base_fingerprint", card->base, e);
    if (!rc) rc = h5_write_attr_double(f, "/", "control_share", card->control_share, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "control_spatial", card->control_spatial, e);
    return rc;
}

static int card_write(struct h5 *f, const struct checkpoint_card *card, struct error *e)
{
    struct checkpoint_card copy = *card;
    int rc = h5_write_attr_double(f, "/", "guidance", card->guidance, e);
    if (!rc) rc = h5_write_attr_double(f, "/", "fps", card->fps, e);
    for (int i = 0; i < CARD_FIELDS && !rc; i++) rc = h5_write_attr_int(f, "/", card_names[i], *card_field(&copy, i), e);
    if (!rc && card->vae[0]) rc = h5_write_attr_string(f, "/", "vae_fingerprint", card->vae, e);
    if (!rc) rc = h5_write_float(f, "statistics/mean", 1, &card->nfeats, card->mean, e);
    if (!rc) rc = h5_write_float(f, "statistics/std", 1, &card->nfeats, card->std, e);
    if (!rc && card->raw_mean) rc = control_write(f, card, e);
    return rc;
}

static int control_read(struct h5 *f, const char *path, struct checkpoint_card *card, struct error *e)
{
    int32_t *joints = NULL;
    int64_t spatial = 0;
    size_t count = 0, raw[2] = {0};
    int rc = h5_read_float(f, "statistics/raw_mean", &card->raw_mean, &raw[0], e);
    if (!rc) rc = h5_read_float(f, "statistics/raw_std", &card->raw_std, &raw[1], e);
    if (!rc) rc = h5_read_int(f, "control/joints", &joints, &count, e);
    if (!rc) rc = h5_attr_string(f, "/", "base_fingerprint", card->base, sizeof card->base, e);
    if (!rc) rc = h5_attr_double(f, "/", "control_share", &card->control_share, e);
    if (!rc) rc = h5_attr_int(f, "/", "control_spatial", &spatial, e);
    int good = !rc && raw[0] == 3 * (size_t)card->njoints && raw[1] == raw[0] && count >= 1 && count <= CHECKPOINT_CONTROL_JOINTS &&
               card->control_share > 0 && card->control_share <= 100 && (spatial == 0 || spatial == 1);
    for (size_t i = 0; good && i < count; i++) {
        good = joints[i] >= 0 && joints[i] < card->njoints;
        card->control_joints[i] = joints[i];
    }
    for (size_t i = 0; good && i < raw[0]; i++) good = isfinite(card->raw_mean[i]) && card->raw_std[i] > 0 && isfinite(card->raw_std[i]);
    if (!rc && !good) rc = error_set(e, ERR_INPUT, "%s: the joints that it controls, or their statistics, are none; the file is damaged", path);
    card->control_joint_count = good ? (int)count : 0;
    card->control_spatial = (int)spatial;
    free(joints);
    return rc;
}

int checkpoint_card_read(const char *path, struct checkpoint_card *card, struct error *e)
{
    struct h5 *f;
    size_t n[2] = {0};
    *card = (struct checkpoint_card){0};
    int rc = h5_open(path, &f, e);
    if (rc) return rc;
    if (!h5_has_attr(f, "/", "denoiser_heads"))
        rc = error_set(e, ERR_INPUT, "%s: no generator's card; use an mld.h5 or lcm.h5 that mlcm train wrote", path);
    if (!rc) rc = h5_attr_double(f, "/", "guidance", &card->guidance, e);
    if (!rc) rc = h5_attr_double(f, "/", "fps", &card->fps, e);
    for (int i = 0; i < CARD_FIELDS && !rc; i++) {
        int64_t v = 0;
        rc = h5_attr_int(f, "/", card_names[i], &v, e);
        if (!rc && (v < 0 || v > 4096)) rc = error_set(e, ERR_INPUT, "%s: %s is %lld; the file is damaged", path, card_names[i], (long long)v);
        *card_field(card, i) = (int)v;
    }
    if (!rc && h5_has_attr(f, "/", "vae_fingerprint"))
        rc = h5_attr_string(f, "/", "vae_fingerprint", card->vae, sizeof card->vae, e);
    if (!rc) rc = h5_read_float(f, "statistics/mean", &card->mean, &n[0], e);
    if (!rc) rc = h5_read_float(f, "statistics/std", &card->std, &n[1], e);
    if (!rc && h5_has(f, "control/joints")) rc = control_read(f, path, card, e);
    h5_close(f);
    if (!rc && (n[0] != (size_t)card->nfeats || n[1] != n[0] || card->njoints < 2 || 4 + 3 * (card->njoints - 1) > card->nfeats))
        rc = error_set(e, ERR_INPUT, "%s: statistics of %zu values for %d features; the file is damaged", path, n[0], card->nfeats);
    if (rc) checkpoint_card_free(card);
    return rc;
}

void checkpoint_card_free(struct checkpoint_card *card)
{
    free(card->mean);
    free(card->std);
    free(card->raw_mean);
    free(card->raw_std);
    *card = (struct checkpoint_card){0};
}

int checkpoint_write(const char *path, const char *kind, const char *fingerprint, const char *note,
                     const struct checkpoint_part *parts, int count, const struct vocabulary *vocabulary,
                     const struct checkpoint_card *card, struct error *e)
{
    struct h5 *f;
    char name[400];
    int rc = h5_create(path, &f, e);
    if (rc) return rc;
    rc = h5_write_attr_string(f, "/", "kind", kind, e);
    if (!rc) rc = h5_write_attr_string(f, "/", "fingerprint", fingerprint, e);
    if (!rc) rc = h5_write_attr_string(f, "/", "note", note, e);
    if (!rc && card) rc = card_write(f, card, e);
    if (!rc && vocabulary) rc = h5_write_strings(f, "vocabulary", vocabulary->count, vocabulary->words, e);
    for (int i = 0; i < count && !rc; i++)
        for (int k = 0; k < parts[i].params->count && !rc; k++) {
            const struct param *p = parts[i].params->items[k];
            float *host = malloc(p->count * sizeof *host);
            if (!host) {
                rc = error_memory(e, p->name);
                break;
            }
            parts[i].params->device->download(parts[i].params->device, host, p->x, p->count);
            snprintf(name, sizeof name, "weights/%s%s", parts[i].prefix, p->name);
            rc = h5_write_float(f, name, p->rank, p->shape, host, e);
            free(host);
        }
    if (!rc) rc = h5_commit(f, e);
    else h5_close(f);
    return rc;
}

int checkpoint_fingerprint(const char *path, char *text, size_t size, struct error *e)
{
    struct h5 *f;
    int rc = h5_open(path, &f, e);
    if (rc) return rc;
    text[0] = 0;
    if (h5_has_attr(f, "/", "fingerprint")) rc = h5_attr_string(f, "/", "fingerprint", text, size, e);
    h5_close(f);
    return rc;
}

int checkpoint_vocabulary(const char *path, struct vocabulary *v, struct error *e)
{
    struct h5 *f;
    char **words = NULL;
    int count = 0, rc = h5_open(path, &f, e);
    if (rc) return rc;
    rc = h5_read_strings(f, "vocabulary", &words, &count, e);
    h5_close(f);
    if (rc) return rc;
    rc = vocabulary_copy(v, words, count, e);
    for (int i = 0; i < count; i++) free(words[i]);
    free(words);
    return rc;
}

/* --- packing ----------------------------------------------------------------------- */

static int copy_text(struct h5 *from, struct h5 *to, const char *attribute, struct error *e)
{
    char text[4096];
    int rc = h5_attr_string(from, "/", attribute, text, sizeof text, e);
    return rc ? rc : h5_write_attr_string(to, "/", attribute, text, e);
}

static int copy_rest(const char *from, struct h5 *to, struct error *e)
{
    static const char *const texts[] = {"kind", "fingerprint", "note"};
    struct vocabulary words = {0};
    struct checkpoint_card card = {0};
    struct h5 *f;
    int rc = h5_open(from, &f, e);
    if (rc) return rc;
    for (int i = 0; i < 3 && !rc; i++) rc = copy_text(f, to, texts[i], e);
    int has_words = h5_has(f, "vocabulary"), has_card = h5_has_attr(f, "/", "denoiser_heads");
    h5_close(f);
    if (!rc && has_words) rc = checkpoint_vocabulary(from, &words, e);
    if (!rc && has_words) rc = h5_write_strings(to, "vocabulary", words.count, words.words, e);
    if (!rc && has_card) rc = checkpoint_card_read(from, &card, e);
    if (!rc && has_card) rc = card_write(to, &card, e);
    vocabulary_free(&words);
    checkpoint_card_free(&card);
    return rc;
}

int checkpoint_pack(const char *from, const char *to, struct error *e)
{
    struct weights w;
    struct h5 *f;
    char name[400];
    int rc = weights_read(from, &w, e);
    if (rc) return rc;
    rc = h5_create(to, &f, e);
    if (!rc) {
        rc = copy_rest(from, f, e);
        for (int i = 0; i < w.count && !rc; i++) {
            snprintf(name, sizeof name, "weights/%s", w.items[i].name);
            const float *values = NULL;
            rc = weight_values(&w, &w.items[i], &values, e);
            if (!rc) rc = h5_write_half(f, name, w.items[i].rank, w.items[i].shape, values, e);
            weight_done(&w, &w.items[i]);
        }
        if (!rc) rc = h5_commit(f, e);
        else h5_close(f);
    }
    weights_free(&w);
    return rc;
}
