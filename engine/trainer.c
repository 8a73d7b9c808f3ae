#include "trainer.h"
#include "h5.h"
#include "rng.h"
#include "schedule.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trainer_config trainer_defaults(void)
{
    return (struct trainer_config){.steps = 1000, .warmup = 100, .rate = 2e-4f, .clip = 1, .beta1 = 0.9f, .beta2 = 0.999f,
                                   .eps = 1e-8f, .dropout = 0.1f, .accumulators = 2, .seed = 1234};
}

int trainer_create(struct trainer *t, struct device *d, struct params *const *sets, int count,
                   const struct trainer_config *config, struct error *e)
{
    memset(t, 0, sizeof *t);
    if (count < 1 || count > TRAINER_SETS || config->accumulators < 1 || config->accumulators > TRAINER_ACCUMULATORS)
        return error_set(e, ERR_INTERNAL, "trainer: %d parameter sets, %d accumulators", count, config->accumulators);
    t->config = *config;
    t->device = d;
    t->sets = count;
    for (int s = 0; s < count; s++) {
        t->params[s] = sets[s];
        t->moment1[s] = d->alloc(d, sets[s]->total);
        t->moment2[s] = d->alloc(d, sets[s]->total);
        if (!t->moment1[s] || !t->moment2[s]) goto memory;
        d->fill(d, t->moment1[s], 0, sets[s]->total);
        d->fill(d, t->moment2[s], 0, sets[s]->total);
    }
    for (int a = 0; a < config->accumulators; a++) {
        if (device_lane(d, &t->lane[a], e)) goto memory;
        tape_init(&t->tape[a], &t->lane[a]);
        for (int s = 0; s < count; s++) {
            t->gradient[a][s] = d->alloc(d, sets[s]->total);
            if (!t->gradient[a][s]) goto memory;
            t->tape[a].trained[s] = sets[s];
            t->tape[a].gradient[s] = t->gradient[a][s];
        }
    }
    return 0;
memory:
    trainer_free(t);
    return error_memory(e, "the optimiser's state");
}

void trainer_free(struct trainer *t)
{
    for (int a = 0; a < TRAINER_ACCUMULATORS; a++) {
        if (t->lane[a].state) {
            tape_free(&t->tape[a]);
            device_close(&t->lane[a]);
        }
        for (int s = 0; s < TRAINER_SETS; s++)
            if (t->gradient[a][s]) t->device->release(t->device, t->gradient[a][s]);
    }
    for (int s = 0; s < TRAINER_SETS; s++) {
        if (t->moment1[s]) t->device->release(t->device, t->moment1[s]);
        if (t->moment2[s]) t->device->release(t->device, t->moment2[s]);
    }
    memset(t, 0, sizeof *t);
}

int trainer_gradients(struct trainer *t, int pieces, trainer_piece *run, void *context, struct error *e)
{
    int lanes = t->config.accumulators, failed = 0;
    double losses[TRAINER_ACCUMULATORS] = {0}, terms[TRAINER_ACCUMULATORS][8] = {{0}};
#pragma omp parallel for schedule(static, 1) num_threads(t->device->threads)
    for (int a = 0; a < lanes; a++) {
        struct tape *tape = &t->tape[a];
        struct device *d = tape->device;
        for (int s = 0; s < t->sets; s++) d->fill(d, t->gradient[a][s], 0, t->params[s]->total);
        for (int p = a; p < pieces; p += lanes) {
            double part[8] = {0};
            tape_start(tape, 1, t->config.dropout, t->config.seed,
                       rng_stream("dropout") + ((uint64_t)t->step << 24) + ((uint64_t)p << 12));
            losses[a] += run(context, tape, t->step, p, part);
            tape_backward(tape);
            for (int i = 0; i < 8; i++) terms[a][i] += part[i];
            if (tape_failed(tape, NULL)) break;
        }
    }
    for (int a = 0; a < lanes; a++)
        if (!failed) failed = tape_failed(&t->tape[a], e);
    if (failed) return failed;
    t->loss = 0;
    memset(t->terms, 0, sizeof t->terms);
    for (int a = 0; a < lanes; a++) {
        t->loss += losses[a];
        for (int i = 0; i < 8; i++) t->terms[i] += terms[a][i];
        if (a)
            for (int s = 0; s < t->sets; s++)
                t->device->combine(t->device, t->gradient[0][s], 1, t->gradient[0][s], 1, t->gradient[a][s], t->params[s]->total);
    }
    double squares = 0;
    for (int s = 0; s < t->sets; s++) squares += t->device->sum_squares(t->device, t->gradient[0][s], t->params[s]->total);
    t->norm = sqrt(squares);
    if (!isfinite(t->loss) || !isfinite(t->norm))
        return error_set(e, ERR_INTERNAL, "training: loss %g, gradient norm %g at step %lld; lower the learning rate",
                         t->loss, t->norm, (long long)t->step);
    return 0;
}

int trainer_update(struct trainer *t, double rate, struct error *e)
{
    (void)e;
    const struct trainer_config *c = &t->config;
    double scale = c->clip > 0 && (double)c->clip < t->norm + 1e-6 ? (double)c->clip / (t->norm + 1e-6) : 1.0;
    t->rate = rate;
    t->step++;
    for (int s = 0; s < t->sets; s++)
        t->device->adamw(t->device, t->params[s]->x, t->moment1[s], t->moment2[s], t->gradient[0][s], t->params[s]->total,
                         (float)scale, (float)rate, c->beta1, c->beta2, c->eps, c->weight_decay, t->step);
    return 0;
}

int trainer_step(struct trainer *t, int pieces, trainer_piece *run, void *context, struct error *e)
{
    int rc = trainer_gradients(t, pieces, run, context, e);
    if (rc) return rc;
    double factor = t->config.constant_rate ? 1.0 : learning_rate_factor(t->step, t->config.warmup, t->config.steps);
    return trainer_update(t, (double)t->config.rate * factor, e);
}

/* --- state files ----------------------------------------------------------------- */

static int put(const struct trainer *t, struct h5 *f, const char *name, const float *x, size_t count, struct error *e)
{
    float *host = malloc(count * sizeof *host);
    if (!host) return error_memory(e, name);
    t->device->download(t->device, host, x, count);
    int dims[1] = {(int)count};
    int rc = h5_write_float(f, name, 1, dims, host, e);
    free(host);
    return rc;
}

static int get(const struct trainer *t, struct h5 *f, const char *name, float *x, size_t count, struct error *e)
{
    float *host;
    size_t have;
    int rc = h5_read_float(f, name, &host, &have, e);
    if (rc) return rc;
    if (have == count) t->device->upload(t->device, x, host, count);
    else rc = error_set(e, ERR_INPUT, "%s: %s has %zu values, the run needs %zu; remove the file to start anew", h5_path(f),
                        name, have, count);
    free(host);
    return rc;
}

int trainer_save(const struct trainer *t, const char *path, const char *fingerprint, const struct trainer_extra *extra,
                 int extras, struct error *e)
{
    struct h5 *f;
    char name[80];
    int rc = h5_create(path, &f, e);
    if (rc) return rc;
    rc = h5_write_attr_string(f, "/", "kind", "training state", e);
    if (!rc) rc = h5_write_attr_string(f, "/", "fingerprint", fingerprint, e);
    if (!rc) rc = h5_write_attr_int(f, "/", "step", t->step, e);
    for (int s = 0; s < t->sets && !rc; s++) {
        snprintf(name, sizeof name, "weights%d", s);
        rc = put(t, f, name, t->params[s]->x, t->params[s]->total, e);
        snprintf(name, sizeof name, "moment1_%d", s);
        if (!rc) rc = put(t, f, name, t->moment1[s], t->params[s]->total, e);
        snprintf(name, sizeof name, "moment2_%d", s);
        if (!rc) rc = put(t, f, name, t->moment2[s], t->params[s]->total, e);
    }
    for (int i = 0; i < extras && !rc; i++) rc = put(t, f, extra[i].name, extra[i].x, extra[i].count, e);
    if (!rc) rc = h5_commit(f, e);
    else h5_close(f);
    return rc;
}

int trainer_load(struct trainer *t, const char *path, const char *fingerprint, const struct trainer_extra *extra,
                 int extras, struct error *e)
{
    struct h5 *f;
    char name[80], print[128];
    int64_t step;
    int rc = h5_open(path, &f, e);
    if (rc) return rc;
    rc = h5_attr_string(f, "/", "fingerprint", print, sizeof print, e);
    if (!rc && strcmp(print, fingerprint))
        rc = error_set(e, ERR_INPUT, "%s: this is the state of another run; remove it or choose another output folder", path);
    if (!rc) rc = h5_attr_int(f, "/", "step", &step, e);
    if (!rc && (step < 0 || step > t->config.steps))
        rc = error_set(e, ERR_INPUT, "%s: step %lld of a run of %lld; remove the file to start anew", path, (long long)step,
                       (long long)t->config.steps);
    for (int s = 0; s < t->sets && !rc; s++) {
        snprintf(name, sizeof name, "weights%d", s);
        rc = get(t, f, name, t->params[s]->x, t->params[s]->total, e);
        snprintf(name, sizeof name, "moment1_%d", s);
        if (!rc) rc = get(t, f, name, t->moment1[s], t->params[s]->total, e);
        snprintf(name, sizeof name, "moment2_%d", s);
        if (!rc) rc = get(t, f, name, t->moment2[s], t->params[s]->total, e);
    }
    for (int i = 0; i < extras && !rc; i++) rc = get(t, f, extra[i].name, extra[i].x, extra[i].count, e);
    if (!rc) t->step = step;
    h5_close(f);
    return rc;
}
