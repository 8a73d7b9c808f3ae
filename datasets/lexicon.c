#include "lexicon.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The lexicon: for each part of speech the words, "surface" or "surface:lemma",
 * a space before and behind each. A word stands in one list only; other readings
 * are tagged in the phrase. */
static const struct {
    const char *pos, *words;
} lexicon[] = {
    {"VERB",
     " answer answers:answer backs:back bears:bear bend bending:bend bends:bend bent:bend bow bowing:bow bows:bow "
     "boxes:box brings:bring call calls:call changes:change come comes:come cry cups:cup cut curves:curve "
     "cuts:cut cutting:cut dances:dance dancing:dance dashes:dash does:do drifting:drift drifts:drift "
     "drops:drop facing:face fights:fight follows:follow gestures:gesture gives:give goes:go "
     "greet greets:greet guide guides:guide heads:head held:hold hits:hit holds:hold jabs:jab jog jogging:jog "
     "jogs:jog keeps:keep kick kicks:kick leads:lead leaning:lean leans:lean leaves:leave lifting:lift "
     "lifts:lift listens:listen looking:look lowered:lower lowering:lower lowers:lower makes:make "
     "moves:move moving:move performs:perform points:point practices:practice punch punches:punch "
     "puts:put races:race raised:raise raises:raise raising:raise responds:respond rests:rest "
     "reverses:reverse running:run runs:run rushes:rush say saying:say says:say shout shouts:shout show "
     "shows:show slashes:slash slashing:slash spinning:spin spins:spin spread sprinting:sprint "
     "sprints:sprint standing:stand stands:stand steps:step sticks:stick stooping:stoop stoops:stoop "
     "straightens:straighten stretches:stretch strikes:strike swinging:swing swings:swing takes:take "
     "throws:throw turning:turn turns:turn walking:walk walks:walk waves:wave waving:wave worn:wear "
     "yells:yell creeps:creep gets:get hops:hop jump jumping:jump jumps:jump marches:march marching:march "
     "rises:rise sit sits:sit sneaking:sneak sneaks:sneak squat squats:squat "},
    {"NOUN",
     " actor age air anger angle arcs:arc arm arms:arm bit body bully bye child chin confidence "
     "corner couple creature curve dance delinquent direction directions:direction drama ear elbows:elbow "
     "energy face farewell feet:foot figure fist foot frailty front gangster gesture giant goodbye grace "
     "greeting ground guard hand hands:hand head heart height hello hip human joy kid lady leg legs:leg "
     "line lot man manner mind moment monster mood mouth movement movements:movement pace palm "
     "palms:palm people:person performer person pride punk rage reverse rhythm run series shoulder "
     "side sides:side slant sorrow speed spirit spirits:spirit spot stage stance step stiffness strength "
     "street student swagger swing sword teenager thug time times:time turn vigor waist walk wave way "
     "weight world youth chair circle place fists:fist knees:knee seat soldier "},
    {"ADJ",
     " active afraid angry arrogant average better big boastful boxing bright cheerful childish "
     "childlike cocky depressed downward dramatic eight/ elderly energetic enormous exhausted feminine "
     "few fighting frail fresh full gentle graceful great happy heartbroken heavy huge important "
     "insecure inviting irritated large left lively low lumbering macho mad manly many masculine massive "
     "medium merry moderate musical narrow natural neutral normal old open ordinary other own plain "
     "pompous possible quick right round rude sad same scared several sharp showy slight slow small "
     "special straight strong theatrical thuggish tiny tired tough unsure upper usual wide whole "
     "womanly young youthful high higher clockwise counterclockwise deep quiet single "},
    {"ADV",
     " again ahead angrily apart away back backward barely boldly briskly casually cheerfully childishly "
     "close daintily deeply diagonally down elegantly energetically far fast first forward furiously "
     "gloomily gracefully halfway happily hardly haughtily heavily here joyfully just little loudly more "
     "nearly nervously normally once only playfully powerfully proudly quickly rapidly sadly shyly "
     "sideways slightly slowly soon still suddenly theatrically then there tiredly timidly together "
     "twice up very vigorously wearily youthfully almost "},
    {"ADP",
     " about above across along around at behind beside between by for from in like near next into of off on out "
     "over overhead through to toward with without onto "},
    {"DET", " a all an any another both every no some the their this "},
    {"PRON", " everyone it someone them they who "},
    {"NUM", " one two three four five six seven eight "},
    {"AUX", " is are would "},
    {"CCONJ", " and or "},
    {"SCONJ", " as before if than that until while "},
    {"PART", " not "},
};

/* Finds `word` in a list: returns its lemma ("" if none is given) and length, or NULL. */
static const char *in_list(const char *list, const char *word, size_t length, size_t *lemma)
{
    for (const char *p = list + 1; *p;) {
        size_t entry = strcspn(p, " "), surface = strcspn(p, ": ");
        if (surface == length && memcmp(p, word, length) == 0) {
            *lemma = entry > surface ? entry - surface - 1 : length;
            return entry > surface ? p + surface + 1 : p;
        }
        p += entry + 1;
    }
    return NULL;
}

enum { READINGS = sizeof lexicon / sizeof *lexicon, VERBS = 0 };

/* The reading of a word: its first part of speech, or `wanted`, which may be one
 * that the lexicon does not list for it and then shares the first one's lemma.
 * NULL: not in the lexicon at all. */
static const char *read_word(const char *word, size_t length, const char *wanted,
                             const char **lemma, size_t *lemma_length)
{
    const char *first = NULL;
    for (int k = 0; k < READINGS; k++) {
        size_t n;
        const char *found = in_list(lexicon[k].words, word, length, &n);
        int asked = wanted && strcmp(wanted, lexicon[k].pos) == 0;
        if (found && (!first || asked)) {
            first = lexicon[k].pos;
            *lemma = found;
            *lemma_length = n;
        }
        if (found && (asked || !wanted))
            break;
    }
    return first && wanted ? wanted : first;
}

/* An untagged verb in its base form. */
static int is_infinitive(const char *word)
{
    size_t length = strcspn(word, " /,"), lemma;
    return length > 0 && word[length] != '/' &&
           in_list(lexicon[VERBS].words, word, length, &lemma) && lemma == length;
}

struct writer {
    char *out;
    size_t size, used;
    int full;
};

static void put(struct writer *w, const char *text, size_t length)
{
    if (w->used + length + 1 > w->size) {
        w->full = 1;
        return;
    }
    memcpy(w->out + w->used, text, length);
    w->used += length;
    w->out[w->used] = '\0';
}

int caption_from_marked(const char *marked, char *text, size_t text_size, char *tokens,
                        size_t tokens_size, struct error *e)
{
    struct writer sentence = {text, text_size, 0, 0}, list = {tokens, tokens_size, 0, 0};
    int count = 0;
    text[0] = tokens[0] = '\0';
    for (const char *p = marked; *p;) {
        size_t whole = strcspn(p, " "), word = strcspn(p, " /,"), tag = 0;
        char wanted[8] = "";
        if (p[word] == '/') {
            tag = strcspn(p + word + 1, " ,");
            snprintf(wanted, sizeof wanted, "%.*s", (int)tag, p + word + 1);
        }
        int comma = p[whole - 1] == ',';
        const char *lemma = NULL;
        size_t lemma_length = 0;
        const char *pos = read_word(p, word, tag ? wanted : NULL, &lemma, &lemma_length);
        if (!pos) {
            error_set(e, ERR_INTERNAL, "the lexicon lacks the word \"%.*s\" of \"%s\"", (int)word, p,
                      marked);
            return -1;
        }
        const char *next = p + whole + (p[whole] == ' ');
        if (word == 2 && memcmp(p, "to", 2) == 0 && is_infinitive(next))
            pos = "PART";
        if (sentence.used > 0) {
            put(&sentence, " ", 1);
            put(&list, " ", 1);
        }
        put(&sentence, p, word);
        if (comma)
            put(&sentence, ",", 1);
        int inflected = strcmp(pos, "NOUN") == 0 || strcmp(pos, "VERB") == 0;
        put(&list, inflected ? lemma : p, inflected ? lemma_length : word);
        put(&list, "/", 1);
        put(&list, pos, strlen(pos));
        count++;
        p = next;
    }
    if (sentence.full || list.full) {
        error_set(e, ERR_INTERNAL, "no room for the caption \"%s\"", marked);
        return -1;
    }
    return count;
}

int tokens_of_text(const char *text, char *tokens, size_t size)
{
    struct writer list = {tokens, size, 0, 0};
    int count = 0;
    if (size == 0)
        return -1;
    tokens[0] = '\0';
    for (const char *p = text; *p;) {
        char word[64];
        size_t length = 0;
        for (; isalpha((unsigned char)*p) || *p == '-'; p++)
            if (*p != '-' && length < sizeof word)
                word[length++] = (char)tolower((unsigned char)*p);
        if (length == 0) {
            p += *p != '\0';
            continue;
        }
        size_t lemma_length = 0;
        const char *lemma = NULL, *pos = read_word(word, length, NULL, &lemma, &lemma_length);
        if (count++ > 0)
            put(&list, " ", 1);
        int inflected = pos && (strcmp(pos, "NOUN") == 0 || strcmp(pos, "VERB") == 0);
        if (inflected)
            put(&list, lemma, lemma_length);
        else
            put(&list, word, length);
        put(&list, "/", 1);
        put(&list, pos ? pos : "X", pos ? strlen(pos) : 1);
    }
    return list.full ? -1 : count;
}

/* ---- left and right ---- */

static const struct {
    const char *word, *mirrored;
} pairs[] = {
    {"left", "right"},       {"right", "left"},           {"lefts", "rights"},
    {"rights", "lefts"},     {"leftward", "rightward"},   {"rightward", "leftward"},
    {"leftwards", "rightwards"}, {"rightwards", "leftwards"}, {"lefty", "righty"},
    {"righty", "lefty"},     {"clockwise", "counterclockwise"}, {"counterclockwise", "clockwise"},
    {"anticlockwise", "clockwise"}};

int text_mirror(const char *in, char *out, size_t size)
{
    struct writer w = {out, size, 0, 0};
    if (size == 0)
        return -1;
    out[0] = '\0';
    for (const char *p = in; *p;) {
        size_t length = 0;
        while (isalpha((unsigned char)p[length]))
            length++;
        if (length == 0) {
            put(&w, p++, 1);
            continue;
        }
        const char *word = NULL;
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
            if (strlen(pairs[k].word) == length && strncasecmp(pairs[k].word, p, length) == 0)
                word = pairs[k].mirrored;
        if (word && isupper((unsigned char)*p)) {
            char first = (char)toupper((unsigned char)*word);
            put(&w, &first, 1);
            put(&w, word + 1, strlen(word) - 1);
        } else if (word) {
            put(&w, word, strlen(word));
        } else {
            put(&w, p, length);
        }
        p += length;
    }
    return w.full ? -1 : 0;
}
