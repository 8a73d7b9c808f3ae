/* mlcm time --scenario stream: a motion of changing captions, as fast as it can be made; what the clock sees: stream_scenario.c. */
#ifndef MLCM_STREAM_SCENARIO_H
#define MLCM_STREAM_SCENARIO_H

#include "../engine/mlcm.h"
#include "../metrics/seams.h"
#include "results.h"
#include <stdio.h>

struct stream_scenario {
    double seconds;               /* of motion wanted */
    int frames, overlap, plain, tries;   /* struct mlcm_stream_options; 0: its defaults */
    int streams;                  /* with seeds seed, seed + 1, …, all but the first with the captions in another order */
    uint64_t seed;
};
/* The seams of all streams: jerk over the median inside the same stream's segments. */
struct pooled_seams {
    int count, above;             /* above: those of more than 2 */
    double median, p90, worst;
    const char *before, *after;   /* the captions around the worst one */
    double slowest;               /* motion seconds a wall second, of the slowest stream */
};
struct stream_figures {
    double opening;               /* wall seconds to load the models */
    double first_frame;           /* wall seconds from the first caption to the first frame in hand, models loaded and warm */
    double motion, wall;          /* seconds of motion, and of wall time it took to make it */
    double slowest;               /* wall seconds of the slowest segment */
    int threads, controlled, segments, frames, overlap;
    int joints;                   /* of the models' skeleton */
    struct latency segment;       /* wall seconds of each segment */
    struct seams seams;           /* of the first stream, like all above */
    struct pooled_seams pooled;
    double cut;                   /* the worst seam's jerk over that inside where clips without the ControlNet share one frame alone */
};

/* Models of `folder`, opened with `parts`. joints, if not NULL, receives malloc'd (frames, J, 3), *made frames; NULL after an error. */
int stream_scenario_run(const char *folder, const struct mlcm_parts *parts, const struct stream_scenario *s, struct stream_figures *out,
                        float **joints, int *made, struct error *e);
void stream_scenario_print(const struct stream_figures *f, FILE *out);
/* Into a results document: the timings "stream_segment" and "stream_first_frame", the rest in r->scenario; the models' files. */
int stream_scenario_results(const struct stream_figures *f, const struct stream_scenario *s, const char *folder, struct results *r,
                            struct error *e);

#endif
