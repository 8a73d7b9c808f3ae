#include "stage.h"
#include "../engine/clock.h"
#include "../engine/file.h"
#include "loss_log.h"
#include "progress.h"
#include <stdlib.h>
#include <string.h>

enum { LOG_ROWS = 400 };   /* about this many rows a run */

static int log_open(const struct stage *s, int64_t step, FILE **log, double *seconds, struct error *e)
{
    char header[400] = "step,loss";
    int fields = 2;
    for (int i = 0; i < 8 && s->terms[i]; i++, fields++) {
        size_t used = strlen(header);
        snprintf(header + used, sizeof header - used, ",%s", s->terms[i]);
    }
    size_t used = strlen(header);
    snprintf(header + used, sizeof header - used, ",norm,rate,seconds");
    return loss_log_open(s->log_path, header, step, fields + 2, log, seconds, e);
}

int stage_run(const struct stage *s, struct trainer *t, const struct feed_source *source, trainer_piece *piece,
              stage_after *after, struct error *e)
{
    struct progress bar;
    struct feed *feed = NULL;
    FILE *log = NULL;
    double before = 0;
    int rc = 0;
    if (file_exists(s->state_path)) rc = trainer_load(t, s->state_path, s->fingerprint, s->extra, s->extras, e);
    if (rc) return rc;
    rc = log_open(s, t->step, &log, &before, e);
    if (rc) return rc;
    rc = feed_open(&feed, source, t->device->apart, e);
    int64_t total = t->config.steps, every = total / LOG_ROWS + 1;
    double started = clock_seconds(), saved = started, mean = 0, terms[8] = {0};
    int64_t meant = 0;
    progress_start(&bar, s->name, "steps", (double)total, (double)t->step, s->quiet);
    while (t->step < total && !rc) {
        rc = feed_step(feed, t, piece, e);
        if (rc) break;
        if (after) after(source->context, t->step);
        mean += t->loss;
        for (int i = 0; i < 8; i++) terms[i] += t->terms[i];
        meant++;
        if (t->step % every == 0 || t->step == total) {
            char detail[80];
            double n = (double)meant;
            fprintf(log, "%lld,%.6g", (long long)t->step, mean / n);
            for (int i = 0; i < 8 && s->terms[i]; i++) fprintf(log, ",%.6g", terms[i] / n);
            fprintf(log, ",%.6g,%.6g,%.3f\n", t->norm, t->rate, before + clock_seconds() - started);
            snprintf(detail, sizeof detail, "loss %.5g", mean / n);
            progress_update(&bar, (double)t->step, detail);
            mean = 0;
            meant = 0;
            memset(terms, 0, sizeof terms);
        }
        int stop = s->stop_at && t->step >= s->stop_at;
        if (clock_seconds() - saved > s->save_every || stop) {
            rc = loss_log_flush(log, s->log_path, e);
            if (!rc) rc = trainer_save(t, s->state_path, s->fingerprint, s->extra, s->extras, e);
            saved = clock_seconds();
        }
        if (stop && !rc) rc = error_set(e, ERR_CHECK, "%s: stopped after step %lld as asked", s->name, (long long)t->step);
    }
    feed_close(feed);
    progress_finish(&bar, (double)t->step, NULL);
    struct error closing = {0};
    if (loss_log_close(log, s->log_path, rc ? &closing : e) && !rc) rc = ERR_ENV;
    return rc;
}
