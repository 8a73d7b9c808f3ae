/* Sentences of the length and the words of motion captions, for measuring without a data set. */
#ifndef MLCM_SENTENCES_H
#define MLCM_SENTENCES_H

enum { SENTENCE_COUNT = 24 };

/* Number i, counted round: 8 to 15 words. */
const char *sentence(int i);

#endif
