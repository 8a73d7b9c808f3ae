#include "feed.h"
#include <pthread.h>
#include <stdlib.h>

struct feed {
    struct feed_source source;
    int ahead;
    trainer_piece *run;          /* of the step under way */
    int64_t made[2];             /* the step whose batch lies in each slot, or -1 */
    int pieces[2], failed[2];
    /* the thread: makes the batch of `wanted` (-1: nothing to do), then says so by setting it to -1 */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t wanted;
    int stop;
};

static void make(struct feed *f, int64_t step)
{
    const struct feed_source *s = &f->source;
    int slot = feed_slot(step);
    f->pieces[slot] = s->prepare(s->context, step);
    f->failed[slot] = 0;
    for (int p = 0; f->ahead && s->fill && p < f->pieces[slot]; p++) f->failed[slot] |= s->fill(s->context, step, p);
    f->made[slot] = step;
}

static void *work(void *argument)
{
    struct feed *f = argument;
    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        if (f->wanted < 0) {
            pthread_cond_wait(&f->changed, &f->lock);
            continue;
        }
        int64_t step = f->wanted;
        pthread_mutex_unlock(&f->lock);
        make(f, step);
        pthread_mutex_lock(&f->lock);
        f->wanted = -1;
        pthread_cond_broadcast(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
    return NULL;
}

int feed_open(struct feed **out, const struct feed_source *source, int ahead, struct error *e)
{
    struct feed *f = *out = calloc(1, sizeof *f);
    if (!f) return error_memory(e, "the batches");
    *f = (struct feed){.source = *source, .ahead = ahead && !source->single, .made = {-1, -1}, .wanted = -1};
    if (!f->ahead) return 0;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    if (!pthread_create(&f->thread, NULL, work, f)) return 0;
    f->ahead = 0;                /* so it goes on without */
    return 0;
}

void feed_close(struct feed *f)
{
    if (!f) return;
    if (f->ahead) {
        pthread_mutex_lock(&f->lock);
        f->stop = 1;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
        pthread_join(f->thread, NULL);
        pthread_mutex_destroy(&f->lock);
        pthread_cond_destroy(&f->changed);
    }
    free(f);
}

static double run_piece(void *context, struct tape *t, int64_t step, int piece, double terms[8])
{
    struct feed *f = context;
    const struct feed_source *s = &f->source;
    if (!f->ahead && s->fill && s->fill(s->context, step, piece)) {
        tape_error(t, "out of memory");
        return 0;
    }
    return f->run(s->context, t, step, piece, terms);
}

int feed_step(struct feed *f, struct trainer *t, trainer_piece *run, struct error *e)
{
    int64_t step = t->step;
    int slot = feed_slot(step);
    f->run = run;
    if (f->ahead) {
        pthread_mutex_lock(&f->lock);
        while (f->wanted >= 0) pthread_cond_wait(&f->changed, &f->lock);
        pthread_mutex_unlock(&f->lock);
    }
    if (f->made[slot] != step) make(f, step);
    if (f->failed[slot]) return error_memory(e, "a batch");
    if (f->ahead && step + 1 < t->config.steps) {
        pthread_mutex_lock(&f->lock);
        f->wanted = step + 1;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
    }
    return trainer_step(t, f->pieces[slot], run_piece, f, e);
}
