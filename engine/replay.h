/* Work that is done again and again with other data, as graphs of the device.
 *
 * A replay device stands before another one that keeps graphs (device.h: capture_begin). Work given to replay_run is
 * done as it is the first time, captured the second, and from then on it runs without its operations: only what
 * it uploads is put in place, and the graph is launched. Each wait for the device ends one graph and
 * begins the next, so that stages can be timed and results be fetched in between. Work that turns out to be another
 * than what was captured, by its operations, shapes or memory, is done as it is. On any other device replay_run
 * does the work and nothing else. */
#ifndef MLCM_REPLAY_H
#define MLCM_REPLAY_H

#include "device.h"

/* Wraps `base`, which the replay device owns from then on (also after an error); a base without graphs is handed on
 * as it is. Parameters may belong to the base or to the replay device: memory is the same. */
int replay_open(struct device *d, struct device *base, struct error *e);

/* Does the work. key names it: the same key, the same operations on the same shapes. The work may be done twice, so it
 * begins with tape_start, and only its last results count. */
typedef void replay_work(void *context);
void replay_run(struct device *d, uint64_t key, replay_work *work, void *context);

/* How often replay_run did the work as it is, captured it, and launched it. 0 on any other device. */
struct replay_counts {
    long plain, captured, launched;
};
struct replay_counts replay_counts(const struct device *d);

/* A key of text and numbers. */
uint64_t replay_key(const char *what, const void *numbers, size_t size);

#endif
