/* Batches on their way to a trainer: made when they are needed, or one step ahead by a thread of their own, which keeps
 * a GPU at work. What a batch holds is a function of (seed, step), so both ways give the same. */
#ifndef MLCM_FEED_H
#define MLCM_FEED_H

#include "../engine/trainer.h"

/* A batch lies in one of two slots of the context: that of a step is feed_slot(step). */
struct feed_source {
    int (*prepare)(void *context, int64_t step);                  /* draws the batch; the number of its pieces */
    int (*fill)(void *context, int64_t step, int piece);          /* a piece's host arrays; not 0: out of memory. NULL: none */
    void *context;
    int single;                       /* 1: the context has room for one batch alone: never ahead */
};
static inline int feed_slot(int64_t step) { return (int)(step & 1); }

struct feed;
/* ahead: 1 = the batch of the next step is made while the trainer works on this one. context must outlive the feed. */
int feed_open(struct feed **out, const struct feed_source *source, int ahead, struct error *e);
/* One optimiser step on the batch of t->step; `run` gets the source's context, its piece filled. */
int feed_step(struct feed *f, struct trainer *t, trainer_piece *run, struct error *e);
/* Waits for the thread; NULL is let pass. */
void feed_close(struct feed *f);

#endif
