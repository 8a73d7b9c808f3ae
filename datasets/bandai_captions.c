#include "bandai_captions.h"

#include "bandai_phrases.h"
#include "lexicon.h"
#include "slots.h"

#include <stdio.h>
#include <string.h>

enum { TOKENS_MAX = 20, ATTRIBUTES_MAX = 16, TRIES = 60 };

/* Attributes that say how the action goes, before those that say how it looks. */
static const char *const action_keys[] = {"pace", "height", "hold", "depth", "count", "tempo",
                                          "size", "steps", "other", NULL};
static const char *const look_keys[] = {"lean", "head", "stance", "elbows", "swing", NULL};

struct attribute {
    const char *key;
    char value[24];
    const struct phrase_list *phrases;
};

/* What there is to say about one clip. */
struct matter {
    char content[40], style[24], dir[8];
    const struct phrase_list *contents, *manners;   /* manners NULL: a content of one style */
    int both;                                       /* the hands are two */
    struct attribute action[ATTRIBUTES_MAX], look[ATTRIBUTES_MAX];
    int nactions, nlooks;
};

static int is_place(const char *content)
{
    return strstr(content, "wave") != NULL || strncmp(content, "bye", 3) == 0;
}

static int collect(const char *slots, const char *content, const char *const *keys,
                   struct attribute *out)
{
    int n = 0;
    for (; *keys && n < ATTRIBUTES_MAX; keys++) {
        struct attribute a = {.key = *keys};
        char key[64];
        if (!slots_value(slots, *keys, a.value, sizeof a.value))
            continue;
        snprintf(key, sizeof key, "at %s=%s", *keys, a.value);
        if (is_place(content))
            a.phrases = phrases_find(phrase_attributes, key);
        if (!a.phrases)
            a.phrases = phrases_find(phrase_attributes, key + 3);
        if (a.phrases)
            out[n++] = a;
    }
    return n;
}

static int read_matter(const char *slots, struct matter *m, struct error *e)
{
    memset(m, 0, sizeof *m);
    if (!slots_value(slots, "content", m->content, sizeof m->content) ||
        !slots_value(slots, "style", m->style, sizeof m->style))
        return error_set(e, ERR_INTERNAL, "slots \"%s\" lack content or style", slots);
    slots_value(slots, "dir", m->dir, sizeof m->dir);
    m->contents = phrases_find(phrase_contents, m->content);
    m->manners = phrases_find(phrase_manners, m->style);
    if (!m->contents || !m->manners)
        return error_set(e, ERR_INTERNAL, "no phrases for \"%s\"", slots);
    static const char *const plain[] = {"respond", "call-001", "call-002", "punch", "kick",
                                        "slash-001", "slash-002", "dance", NULL};
    for (int i = 0; plain[i]; i++)
        if (strcmp(plain[i], m->content) == 0)
            m->manners = NULL;
    m->both = strstr(slots, "content=") && m->content[strcspn(m->content, "2")] == '2';
    if (m->manners) {
        m->nactions = collect(slots, m->content, action_keys, m->action);
        m->nlooks = collect(slots, m->content, look_keys, m->look);
    }
    return 0;
}

static const char *pick(const struct phrase_list *list, struct rng *r)
{
    return list->phrase[rng_below(r, (uint32_t)phrases_count(list))];
}

/* One attribute, of the action more often than of the look. */
static const struct attribute *pick_attribute(const struct matter *m, struct rng *r)
{
    int looks = m->nlooks > 0 && (m->nactions == 0 || rng_below(r, 10) < 3);
    if (looks)
        return &m->look[rng_below(r, (uint32_t)m->nlooks)];
    return m->nactions > 0 ? &m->action[rng_below(r, (uint32_t)m->nactions)] : NULL;
}

struct sentence {
    char marked[CAPTION_TEXT];
    size_t used;
    int full;
};

static void say(struct sentence *s, const char *text, size_t length)
{
    if (s->used + length + 1 > sizeof s->marked) {
        s->full = 1;
        return;
    }
    memcpy(s->marked + s->used, text, length);
    s->used += length;
    s->marked[s->used] = '\0';
}

/* What stands at the marks of a phrase. */
struct filling {
    const char *dir, *it, *adverb, *attributes;   /* "" where there is nothing */
};

/* A phrase with its marks filled in, after a space. A mark that stays empty takes
 * the space behind it along. */
static void say_phrase(struct sentence *s, const char *phrase, const struct filling *f)
{
    const struct {
        const char *mark, *text;
    } marks[] = {{"<D>", f->dir}, {"<it>", f->it}, {"<v>", f->adverb}, {"<A>", f->attributes}};
    say(s, " ", 1);
    while (*phrase) {
        size_t plain = strcspn(phrase, "<");
        say(s, phrase, plain);
        phrase += plain;
        if (!*phrase)
            break;
        const char *text = NULL;
        for (size_t k = 0; k < sizeof marks / sizeof *marks && !text; k++)
            if (strncmp(phrase, marks[k].mark, strlen(marks[k].mark)) == 0) {
                text = marks[k].text;
                phrase += strlen(marks[k].mark);
            }
        if (!text)
            text = "", phrase++;
        say(s, text, strlen(text));
        if (!*text && *phrase == ' ')
            phrase++;
        else if (text == f->adverb)
            say(s, " ", *text != '\0');
    }
    while (s->used > 0 && s->marked[s->used - 1] == ' ')
        s->marked[--s->used] = '\0';
}

/* "a person" half of the time; nobody meets "someone" twice in a sentence. */
static const char *pick_subject(const char *content, struct rng *r)
{
    uint32_t n = 0;
    while (phrase_subjects[n])
        n++;
    const char *subject = rng_below(r, 2) ? phrase_subjects[0] : phrase_subjects[rng_below(r, n)];
    return strstr(content, subject) ? phrase_subjects[0] : subject;
}

/* Attributes that are direct (trailing 0) or trailing (1), one after the other. */
static void say_attributes(struct sentence *s, const struct attribute *const attribute[2],
                           int trailing, const struct filling *f, struct rng *r)
{
    for (int k = 0; k < 2; k++)
        if (attribute[k] && attribute[k]->phrases->trailing == trailing)
            say_phrase(s, pick(attribute[k]->phrases, r), f);
}

/* One sentence. `manner` may be NULL; attributes may be NULL. */
static void compose(const struct matter *m, const char *content, const char *manner,
                    const struct attribute *const attribute[2], struct rng *r, struct sentence *s)
{
    struct sentence direct = {.used = 0};
    struct filling f = {m->dir, m->both ? "them" : "it", "", ""};
    const char *subject = pick_subject(content, r);
    s->used = 0;
    s->full = 0;
    say(s, subject, strlen(subject));
    say_attributes(&direct, attribute, 0, &f, r);
    int inside = strstr(content, "<A>") != NULL;
    int adverb = manner && *manner == '*', early = adverb && strstr(content, "<v>") && rng_below(r, 2);
    if (adverb)
        manner++;
    if (early)
        f.adverb = manner;
    if (inside && direct.used > 0)
        f.attributes = direct.marked + 1;      /* without its first space */
    say_phrase(s, content, &f);
    f.adverb = "";
    if (!inside)
        say(s, direct.marked, direct.used);
    if (manner && !early)
        say_phrase(s, manner, &f);
    say_attributes(s, attribute, 1, &f, r);
    s->full |= direct.full;
}

static int write_slots(const struct matter *m, int styled, const struct attribute *const attribute[2],
                       char *slots, size_t size)
{
    int failed = 0;
    slots[0] = '\0';
    failed |= slots_add(slots, size, "content", m->content);
    if (*m->dir)
        failed |= slots_add(slots, size, "dir", m->dir);
    for (int k = 0; k < 2; k++)
        if (attribute[k])
            failed |= slots_add(slots, size, attribute[k]->key, attribute[k]->value);
    if (styled)
        failed |= slots_add(slots, size, "style", m->style);
    return failed;
}

/* Whether two attributes can stand in one sentence. */
static int compatible(const struct attribute *a, const struct attribute *b)
{
    return a && b && a != b && strcmp(a->key, b->key) != 0 &&
           !(a->phrases->trailing && b->phrases->trailing);
}

static int one_caption(const struct matter *m, int styled, int attributes, const char *content,
                       const char *manner, struct rng *r, struct bandai_caption *out, struct error *e)
{
    for (int attempt = 0; attempt < TRIES; attempt++) {
        const struct attribute *chosen[2] = {NULL, NULL};
        if (attributes) {
            chosen[0] = pick_attribute(m, r);
            const struct attribute *second = pick_attribute(m, r);
            if (attributes > 1 && attempt < TRIES / 2 && rng_below(r, 5) < 2 &&
                compatible(chosen[0], second))
                chosen[1] = second;
        }
        if (attempt > TRIES / 2 && attempt % 2)
            content = pick(m->contents, r);    /* too long: another one */
        struct sentence s;
        compose(m, content, styled ? manner : NULL, chosen, r, &s);
        if (s.full || write_slots(m, styled, chosen, out->slots, sizeof out->slots))
            return error_set(e, ERR_INTERNAL, "a caption for %s is too long", m->content);
        int n = caption_from_marked(s.marked, out->text, sizeof out->text, out->tokens,
                                    sizeof out->tokens, e);
        if (n < 0)
            return ERR_INTERNAL;
        if (n <= TOKENS_MAX)
            return 0;
    }
    return error_set(e, ERR_INTERNAL, "no caption of at most %d words for %s", TOKENS_MAX, m->content);
}

/* A random order of 0 … n-1. */
static void shuffled(int *order, int n, struct rng *r)
{
    for (int i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(r, order, n);
}

int bandai_captions(const char *slots, struct rng *r, struct bandai_caption *out, struct error *e)
{
    struct matter m;
    int rc = read_matter(slots, &m, e);
    if (rc)
        return rc;
    int contents[PHRASES_MAX], manners[PHRASES_MAX] = {0};
    int ncontents = phrases_count(m.contents), nmanners = m.manners ? phrases_count(m.manners) : 0;
    shuffled(contents, ncontents, r);
    shuffled(manners, nmanners, r);
    /* Levels: style, style and attribute, attribute, style. */
    static const struct {
        int styled, attributes;
    } level[CAPTIONS_A_CLIP] = {{1, 0}, {1, 1}, {0, 2}, {1, 0}};
    for (int k = 0; !rc && k < CAPTIONS_A_CLIP; k++) {
        const char *content = m.contents->phrase[contents[k % ncontents]];
        const char *manner = nmanners ? m.manners->phrase[manners[k % nmanners]] : NULL;
        rc = one_caption(&m, manner && level[k].styled, level[k].attributes, content, manner, r,
                         &out[k], e);
    }
    return rc;
}
