/* Progress of a long run, on standard error.
 *
 * On a terminal one line is drawn over and over: label, bar, count, rate, time
 * left. Elsewhere (a file, a pipe, TERM=dumb) a plain line is printed at most
 * every few seconds. NO_COLOR leaves colours out; quiet prints nothing. */
#ifndef MLCM_PROGRESS_H
#define MLCM_PROGRESS_H

#include <stddef.h>

struct progress {
    const char *label, *unit;   /* "vae", "steps"; the caller's, must outlive the run */
    double total, first;        /* of units; `first` were done before this start */
    double started, printed;    /* monotonic seconds */
    int mode;                   /* private: silent, plain lines or a bar */
    int colour;
};

/* `first`: units done before (a resumed run), so that the rate is of this run.
 * total <= 0: unknown, no bar and no time left. */
void progress_start(struct progress *p, const char *label, const char *unit, double total,
                    double first, int quiet);

/* Prints if enough time has passed. `detail` ("loss 0.123") may be NULL. Cheap
 * enough for an inner loop of milliseconds; one thread at a time. */
void progress_update(struct progress *p, double done, const char *detail);

/* The last state and the time taken, always printed (unless quiet), on a line
 * that stays. */
void progress_finish(struct progress *p, double done, const char *detail);

/* Takes an unfinished bar off the line, before something else is printed. */
void progress_clear(struct progress *p);

/* "45 s", "3:07 min", "2:05 h". Negative or not finite: "-". */
void progress_duration(double seconds, char *text, size_t size);

#endif
