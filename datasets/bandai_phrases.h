/* The phrases that captions of the Bandai Namco Research Motiondataset are composed of.
 *
 * A sentence is subject + content phrase + direct attributes + manner + trailing
 * attributes. In a content phrase "<v>" marks where a manner adverb may stand, "<A>"
 * where direct attributes stand if not behind it, "<D>" is the side, and "<it>" in an
 * attribute is the hand or the hands. Words may carry a
 * tag ("bow/NOUN", see lexicon.h). */
#ifndef MLCM_BANDAI_PHRASES_H
#define MLCM_BANDAI_PHRASES_H

enum { PHRASES_MAX = 12 };

struct phrase_list {
    const char *key;                   /* content, style, or "key=value" of an attribute */
    const char *phrase[PHRASES_MAX];   /* ends with NULL or the array's end */
    int trailing;                      /* attributes: after the manner */
};

/* The subjects, NULL at the end; the first is the commonest. */
extern const char *const phrase_subjects[];
/* Content phrases by content; manner phrases by style, where a phrase that starts
 * with '*' is a single adverb; attribute phrases by "key=value", or "at key=value"
 * where a place and not an aim is meant (waving, not raising). Each ends with {0}. */
extern const struct phrase_list phrase_contents[];
extern const struct phrase_list phrase_manners[];
extern const struct phrase_list phrase_attributes[];

const struct phrase_list *phrases_find(const struct phrase_list *lists, const char *key);
int phrases_count(const struct phrase_list *list);

#endif
