#include "progress.h"
#include "../engine/clock.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SILENT, PLAIN, BAR };
enum { BAR_CELLS = 24, LINE_SIZE = 240 };

static const double seconds_between_lines = 5.0, seconds_between_bars = 0.1;

void progress_duration(double seconds, char *text, size_t size)
{
    if (!(seconds >= 0) || !isfinite(seconds) || seconds > 1e8) {
        snprintf(text, size, "-");
    } else if (seconds < 59.5) {
        snprintf(text, size, "%.0f s", seconds);
    } else if (seconds < 3599.5) {
        int whole = (int)lround(seconds);
        snprintf(text, size, "%d:%02d min", whole / 60, whole % 60);
    } else {
        int minutes = (int)lround(seconds / 60);
        snprintf(text, size, "%d:%02d h", minutes / 60, minutes % 60);
    }
}

void progress_start(struct progress *p, const char *label, const char *unit, double total, double first,
                    int quiet)
{
    const char *terminal = getenv("TERM"), *no_color = getenv("NO_COLOR");
    int dumb = !terminal || !*terminal || !strcmp(terminal, "dumb");
    *p = (struct progress){.label = label, .unit = unit, .total = total, .first = first};
    p->started = clock_seconds();
    p->mode = quiet ? SILENT : isatty(STDERR_FILENO) && !dumb ? BAR : PLAIN;
    p->colour = !(no_color && *no_color);
    /* The first plain line comes soon: a sign of life. */
    p->printed = p->started - (p->mode == PLAIN ? seconds_between_lines - 1 : 0);
}

/* Appends to a line, cutting what does not fit. */
__attribute__((format(printf, 2, 3))) static void append(char line[LINE_SIZE], const char *fmt, ...)
{
    size_t used = strlen(line);
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(line + used, LINE_SIZE - used, fmt, arguments);
    va_end(arguments);
}

/* "vae  120/400 steps  3.1/s  1:30 min left  loss 0.12" */
static void compose(const struct progress *p, double done, const char *detail, double time, int finished,
                    char line[LINE_SIZE])
{
    char span[32];
    double taken = time - p->started, rate = taken > 0 ? (done - p->first) / taken : 0;
    line[0] = 0;
    append(line, "%s  %.0f", p->label, done);
    if (p->total > 0)
        append(line, "/%.0f", p->total);
    append(line, " %s", p->unit);
    if (rate >= 1)
        append(line, "  %.3g/s", rate);
    else if (rate > 0)
        append(line, "  %.3g s each", 1 / rate);
    if (finished) {
        progress_duration(taken, span, sizeof span);
        append(line, "  took %s", span);
    } else if (p->total > 0 && rate > 0) {
        progress_duration((p->total - done) / rate, span, sizeof span);
        append(line, "  %s left", span);
    }
    if (detail && *detail)
        append(line, "  %s", detail);
}

static void draw_bar(const struct progress *p, double done, const char *line)
{
    struct winsize window = {0};
    int columns = 80, cells = 0;
    if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &window) && window.ws_col > 0)
        columns = window.ws_col;
    fputs("\r\033[K", stderr);
    if (p->total > 0 && columns > BAR_CELLS + 40) {
        double share = done / p->total;
        cells = (int)(BAR_CELLS * (share < 0 ? 0 : share > 1 ? 1 : share));
        fprintf(stderr, "%s", p->colour ? "\033[32m" : "");
        for (int i = 0; i < BAR_CELLS; i++)
            fputc(i < cells ? '#' : '.', stderr);
        fprintf(stderr, "%s ", p->colour ? "\033[0m" : "");
        columns -= BAR_CELLS + 1;
    }
    fprintf(stderr, "%.*s", columns - 1, line);
    fflush(stderr);
}

void progress_update(struct progress *p, double done, const char *detail)
{
    if (p->mode == SILENT)
        return;
    double time = clock_seconds();
    if (time - p->printed < (p->mode == BAR ? seconds_between_bars : seconds_between_lines))
        return;
    p->printed = time;
    char line[LINE_SIZE];
    compose(p, done, detail, time, 0, line);
    if (p->mode == BAR)
        draw_bar(p, done, line);
    else
        fprintf(stderr, "%s\n", line);
}

void progress_clear(struct progress *p)
{
    if (p->mode == BAR) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
}

void progress_finish(struct progress *p, double done, const char *detail)
{
    if (p->mode == SILENT)
        return;
    char line[LINE_SIZE];
    compose(p, done, detail, clock_seconds(), 1, line);
    progress_clear(p);
    fprintf(stderr, "%s\n", line);
    p->mode = SILENT;
}
