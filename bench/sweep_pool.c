#include "sweep_pool.h"
#include "../engine/file.h"
#include "chain.h"
#include "progress.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int sweep_cores(void)
{
    cpu_set_t set;
    if (!sched_getaffinity(0, sizeof set, &set) && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

/* prepare: what the run shares with others, not the run. */
static void log_path(const struct sweep_options *o, int run, int prepare, char path[1200])
{
    if (prepare) snprintf(path, 1200, "%.1000s/logs/prepare.txt", o->out);
    else snprintf(path, 1200, "%.1000s/logs/run_%04d.txt", o->out, run);
}

/* The child: nothing to read, all that it says into the log. */
static void become_run(char *const *command, int log, pid_t parent)
{
    int nothing = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    execv("/proc/self/exe", command);
    _exit(127);
}

static int start(const struct sweep_options *o, int run, int prepare, pid_t *child, struct error *e)
{
    char path[1200], number[16], threads[16], limit[16];
    int share = prepare ? o->threads * o->jobs : o->threads;
    snprintf(number, sizeof number, "%d", run);
    snprintf(threads, sizeof threads, "%d", share > 64 ? 64 : share);
    snprintf(limit, sizeof limit, "%d", o->limit);
    const char *words[] = {"mlcm", "sweep", "--config", o->config, prepare ? "--prepare" : "--run", number, "--cache", o->cache, "--out", o->out,
                           "--threads", threads, "--quiet", NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    const char *const more[][2] = {{"--limit", o->limit ? limit : NULL}, {"--device", o->device.device}, {"--gpu-math", o->device.math}};
    size_t used = 0;
    while (words[used]) used++;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        if (!more[i][1]) continue;
        words[used++] = more[i][0];
        words[used++] = more[i][1];
    }
    log_path(o, run, prepare, path);
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (log < 0) return error_set(e, ERR_ENV, "%s: cannot be written (%s); choose another --out", path, strerror(errno));
    pid_t parent = getpid();
    *child = fork();
    if (*child == 0) become_run((char *const *)words, log, parent);
    close(log);
    return *child < 0 ? error_set(e, ERR_ENV, "no process could be started (%s); use fewer --jobs", strerror(errno)) : 0;
}

/* The run's own line of error, or how it ended. */
static void take_error(const struct sweep_options *o, int run, int status, char out[600])
{
    char path[1200], *text = NULL, *line = NULL;
    size_t size;
    struct error ignored;
    log_path(o, run, 0, path);
    if (WIFSIGNALED(status)) snprintf(out, 600, "ended by signal %d", WTERMSIG(status));
    else snprintf(out, 600, "ended with exit code %d", WEXITSTATUS(status));
    if (WIFEXITED(status) && !file_read(path, (size_t)64 << 20, &text, &size, &ignored))
        for (char *at = text; (at = strstr(at, "mlcm: ")); at++)
            if (at == text || at[-1] == '\n') line = at;
    if (line) snprintf(out, 600, "%.*s", (int)strcspn(line + 6, "\n"), line + 6);
    free(text);
}

/* Whether it succeeds does not matter: what it left undone the runs do, and complain of. */
static int prepare_first(const struct sweep_options *o, int run, struct error *e)
{
    pid_t child = 0;
    int status, rc = start(o, run, 1, &child, e);
    while (!rc && waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return error_set(e, ERR_INTERNAL, "a process was lost (%s); start the sweep again", strerror(errno));
    return rc;
}

int sweep_pool(const struct sweep *s, const struct sweep_options *o, const struct sweep_place *places, const int *runs, int count,
               struct sweep_outcome *outcomes, struct error *e)
{
    struct progress bar;
    char folder[1100];
    int next = 0, busy = 0, done = 0, rc = 0;
    struct { pid_t child; int run; } *slots = calloc((size_t)o->jobs, sizeof *slots);
    if (!slots) return error_memory(e, "the sweep");
    snprintf(folder, sizeof folder, "%.1000s/logs", o->out);
    rc = file_make_folder(folder, e);
    for (int i = 0; i < count; i++) {
        outcomes[runs[i]].state = places[runs[i]].done ? SWEEP_DONE : SWEEP_MISSING;
        done += places[runs[i]].done;
        if (places[runs[i]].done) chain_leftovers(places[runs[i]].path);
    }
    while (next < count && places[runs[next]].done) next++;
    if (!rc && o->jobs > 1 && count - done > 1) {
        if (!o->quiet) fprintf(stderr, "mlcm: making what the runs share\n");
        rc = prepare_first(o, runs[next], e);
    }
    progress_start(&bar, "sweep", "runs", count, done, o->quiet);
    while (!rc || busy) {
        for (int k = 0; k < o->jobs && !rc; k++) {
            while (next < count && places[runs[next]].done) next++;
            if (slots[k].child || next == count) continue;
            slots[k].run = runs[next];
            rc = start(o, runs[next], 0, &slots[k].child, e);
            if (rc) slots[k].child = 0;
            else busy++, next++;
        }
        if (!busy) break;
        int status;
        pid_t child = waitpid(-1, &status, 0);
        if (child < 0 && errno == EINTR) continue;
        if (child < 0) {
            if (!rc) rc = error_set(e, ERR_INTERNAL, "a run was lost (%s); start the sweep again", strerror(errno));
            break;
        }
        for (int k = 0; k < o->jobs; k++) {
            if (slots[k].child != child) continue;
            struct sweep_outcome *out = &outcomes[slots[k].run];
            struct sweep_label label = sweep_label(s, slots[k].run);
            slots[k].child = 0;
            busy--;
            out->state = WIFEXITED(status) && !WEXITSTATUS(status) ? SWEEP_DONE : SWEEP_FAILED;
            if (out->state == SWEEP_FAILED) {
                take_error(o, slots[k].run, status, out->error);
                progress_clear(&bar);
                fprintf(stderr, "mlcm: run %d (%s) failed: %s\n", slots[k].run, label.text, out->error);
            }
            progress_update(&bar, ++done, label.text);
        }
    }
    progress_finish(&bar, done, NULL);
    free(slots);
    return rc;
}
