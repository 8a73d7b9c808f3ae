/* What the clock of `mlcm time --scenario single|batch`, and of a table's AITS, sees.
 *
 * Inside: from the caption string to the decoded motion features on the device with its queue empty: tokenizing,
 * text encoder, trajectory encoder where the model is controlled, noise and every sampling step, decoder.
 * Outside: reading models and data, the control signal, warm-up runs (time_warmup), writing anything. Nothing of an
 * earlier sentence is reused: no cache of embeddings.
 *   single  one sentence at a time; stages end where the device is synchronised. AITS_without_text is the same runs
 *           less the text encoder's stage.
 *   batch   32 sentences at once, each motion of its own length; the time of all divided by 32. */
#include "timing.h"
#include "../engine/clock.h"
#include "../engine/replay.h"
#include "control_hints.h"
#include "../metrics/latency.h"
#include "progress.h"
#include "sentences.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[3] = {"AITS", "AITS_without_text", "AITS_batch_32"};
static const char *const definitions[3] = {
    "seconds a sentence at batch 1 from the caption string to the decoded motion features; loading and warm-up excluded, "
    "device synchronised, no embedding cache",
    "AITS less the text encoder's share",
    "seconds of a batch of 32 sentences from caption strings to decoded features, divided by 32"};

/* One sentence, or a batch; may be done twice (replay.h). */
struct work {
    struct tape *tape;
    const struct system *system;
    const struct system_request *request;
    struct stage_clock *clock;
};

static void generate(void *context)
{
    struct work *w = context;
    memset(w->clock, 0, sizeof *w->clock);
    tape_start(w->tape, 0, 0, 0, 0);
    w->system->kind->generate(w->tape, w->system, w->request, w->clock);
}

/* One run over `batch` sentences; its stages go to clock. */
static int run(struct tape *t, const struct chain *c, const struct timing_plan *plan, const struct system *s, int number, int batch,
               double *seconds, struct stage_clock *clock, struct error *e)
{
    const struct items *items = plan->items;
    const char *texts[32];
    int lengths[32], frames = items ? 0 : plan->frames, rc = 0;
    uint64_t sample[32];
    struct draw draws[32];
    struct rng r = rng_make(c->x->seed, rng_stream("timing") ^ (uint64_t)number ^ ((uint64_t)batch << 32));
    for (int i = 0; i < batch && !items; i++) {
        texts[i] = sentence(number + i);
        lengths[i] = frames;
        sample[i] = (uint64_t)i;
    }
    for (int i = 0; i < batch && items; i++) {
        struct draw d = item_draw(&c->set, items, (int)rng_below(&r, (uint32_t)items->count), &r);
        texts[i] = items->list[d.item].captions[d.caption]->text;
        lengths[i] = d.length;
        frames = d.length > frames ? d.length : frames;
        sample[i] = (uint64_t)i;
        draws[i] = d;
    }
    struct system_request q = {.texts = texts, .lengths = lengths, .batch = batch, .frames = frames, .seed = c->x->seed,
                               .stream = (uint64_t)number, .sample = sample};
    size_t keys = (size_t)frames * (size_t)c->set.njoints;
    float *hint = NULL, *x = NULL;
    unsigned char *mask = NULL;
    if (s->kind->controlled && items) {             /* the signal is data: it is made before the clock starts */
        hint = calloc((size_t)batch * keys * 3, sizeof *hint);
        mask = calloc((size_t)batch * keys, 1);
        x = malloc((size_t)frames * (size_t)c->set.nfeats * sizeof *x);
        if (!hint || !mask || !x) rc = error_memory(e, "the timing");
        for (int i = 0; i < batch && !rc; i++) {
            draw_motion(&c->set, items, &draws[i], c->set.mean, c->set.std, x);
            rc = control_hint(&c->set, &c->x->control, 0, &r, x, lengths[i], hint + (size_t)i * keys * 3,
                              mask + (size_t)i * keys, NULL, e);
        }
        q.hint = hint;
        q.mask = mask;
    }
    if (!rc) {
        struct work w = {t, s, &q, clock};
        const uint64_t shape[3] = {(uint64_t)(uintptr_t)s, (uint64_t)batch, (uint64_t)frames};
        double start = clock_seconds();
        if (s->kind != &system_motionlcm_tuning) replay_run(t->device, replay_key("timing", shape, sizeof shape), generate, &w);
        else generate(&w);                  /* latent tuning waits for its losses */
        t->device->synchronise(t->device);
        *seconds = clock_seconds() - start;
        rc = tape_failed(t, e);
    }
    free(hint);
    free(mask);
    free(x);
    return rc;
}

int timing_measure(struct chain *c, const struct timing_plan *plan, const struct system *s, const char *model,
                   struct results *r, double mean_seconds[3], double *runs_seconds, struct error *e)
{
    struct tape t;
    const struct experiment *x = c->x;
    int runs = x->time_runs, rc = 0, done = 0;
    double *times[3];
    struct progress bar;
    struct stage_clock sum[2] = {{0}}, clock;
    tape_init(&t, &c->device);
    for (int k = 0; k < 3; k++) times[k] = malloc((size_t)runs * sizeof *times[k]);
    if (!times[0] || !times[1] || !times[2]) rc = error_memory(e, "the timing");
    for (int k = 0; k < 3; k++) mean_seconds[k] = 0;
    progress_start(&bar, model, "runs", (plan->single + plan->batch) * (runs + x->time_warmup), 0, plan->quiet);
    for (int big = 0; big < 2 && !rc; big++) {
        int batch = big ? 32 : 1;
        if (!(big ? plan->batch : plan->single)) continue;
        for (int i = -x->time_warmup; i < runs && !rc; i++) {
            double seconds;
            memset(&clock, 0, sizeof clock);
            rc = run(&t, c, plan, s, i, batch, &seconds, &clock, e);
            progress_update(&bar, ++done, NULL);
            if (i < 0 || rc) continue;
            if (big) times[2][i] = seconds / batch;
            else {
                times[0][i] = seconds;
                times[1][i] = seconds - clock.text;
            }
            sum[big].text += clock.text / batch;
            sum[big].trajectory += clock.trajectory / batch;
            sum[big].denoise += clock.denoise / batch;
            sum[big].decode += clock.decode / batch;
        }
    }
    progress_clear(&bar);
    for (int k = 0; k < 3 && !rc; k++) {
        if (!(k == 2 ? plan->batch : plan->single)) continue;
        struct results_timing row = {.batch = k == 2 ? 32 : 1, .warmup = x->time_warmup,
                                     .text = k == 1 ? 0 : sum[k == 2].text / runs, .trajectory = sum[k == 2].trajectory / runs,
                                     .denoise = sum[k == 2].denoise / runs,
                                     .decode = sum[k == 2].decode / runs};
        snprintf(row.model, sizeof row.model, "%s", model);
        snprintf(row.name, sizeof row.name, "%s", names[k]);
        snprintf(row.definition, sizeof row.definition, "%s", definitions[k]);
        rc = latency_summary(times[k], runs, &row.latency, e);
        mean_seconds[k] = row.latency.mean;
        if (!rc) rc = results_add_timing(r, &row, e);
    }
    if (!rc && runs_seconds && plan->single) memcpy(runs_seconds, times[0], (size_t)runs * sizeof *runs_seconds);
    for (int k = 0; k < 3; k++) free(times[k]);
    tape_free(&t);
    return rc;
}
