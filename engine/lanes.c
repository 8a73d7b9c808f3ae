#include "lanes.h"
#include <omp.h>
#include <stdlib.h>
#include <string.h>

int lanes_create(struct lanes *l, struct device *d, struct error *e)
{
    *l = (struct lanes){.device = d};
    l->lane = calloc((size_t)d->threads, sizeof *l->lane);
    l->tape = calloc((size_t)d->threads, sizeof *l->tape);
    if (!l->lane || !l->tape) {
        lanes_free(l);
        return error_memory(e, "the lanes");
    }
    for (; l->count < d->threads; l->count++) {
        int rc = device_lane(d, &l->lane[l->count], e);
        if (rc) {
            lanes_free(l);
            return rc;
        }
        tape_init(&l->tape[l->count], &l->lane[l->count]);
    }
    return 0;
}

void lanes_free(struct lanes *l)
{
    for (int i = 0; i < l->count; i++) {
        tape_free(&l->tape[i]);
        device_close(&l->lane[i]);
    }
    free(l->lane);
    free(l->tape);
    memset(l, 0, sizeof *l);
}

int lanes_run(struct lanes *l, int jobs, lanes_job *run, void *context, struct error *e)
{
    int worst = jobs;
    struct error first = {0};
#pragma omp parallel for schedule(dynamic, 1) num_threads(l->count)
    for (int i = 0; i < jobs; i++) {
        struct tape *t = &l->tape[omp_get_thread_num()];
        struct error mine = {0};
        tape_start(t, 0, 0, 0, 0);
        int rc = run(context, t, i, &mine);
        if (!rc) rc = tape_failed(t, &mine);
        if (rc) {
#pragma omp critical(lanes_error)
            if (i < worst) {
                worst = i;
                first = mine;
            }
        }
    }
    if (worst == jobs) return 0;
    if (e) *e = first;
    return first.code;
}
