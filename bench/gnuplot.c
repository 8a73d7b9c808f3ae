#include "gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_ARGUMENTS = 9, NOT_FOUND = 127, SECONDS = 60 };

/* The child: nothing to read, complaints into the pipe. */
static void become_gnuplot(char *const *command, int complaints)
{
    int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0 ||
        dup2(complaints, STDERR_FILENO) < 0)
        _exit(NOT_FOUND - 1);
    signal(SIGALRM, SIG_DFL);
    alarm(SECONDS);
    execvp(command[0], command);
    _exit(NOT_FOUND);
}

/* Reads to the end of the pipe, keeping the beginning as text. */
static void read_complaints(int from, char *text, size_t size)
{
    size_t used = 0;
    char rest[512];
    for (;;) {
        ssize_t n = used + 1 < size ? read(from, text + used, size - 1 - used)
                                    : read(from, rest, sizeof rest);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if (used + 1 < size)
            used += (size_t)n;
    }
    text[used] = 0;
}

/* The line of gnuplot's complaint that says what is wrong: "file" line 3: … */
static const char *telling_line(char *text)
{
    char *line = strstr(text, "line ");
    if (!line)
        line = text + strspn(text, "\n \t^");
    line[strcspn(line, "\n")] = 0;
    return *line ? line : "no message";
}

int gnuplot_run(const char *script, const char *const *arguments, struct error *e)
{
    const char *command[5 + MOST_ARGUMENTS] = {"gnuplot", "-d", "-c", script};
    for (int i = 0; i < MOST_ARGUMENTS && arguments[i]; i++)
        command[4 + i] = arguments[i];
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return error_set(e, ERR_INTERNAL, "gnuplot: no pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0)
        become_gnuplot((char *const *)command, ends[1]);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return error_set(e, ERR_INTERNAL, "gnuplot: no process: %s", strerror(errno));
    }
    char text[2000];
    read_complaints(ends[0], text, sizeof text);
    close(ends[0]);
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return error_set(e, ERR_INTERNAL, "gnuplot: lost: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        return error_set(e, ERR_ENV, "gnuplot is not installed: figures need it (Debian: gnuplot-nox)");
    if (WIFSIGNALED(status))
        return error_set(e, ERR_INTERNAL, "gnuplot: %s: ended by signal %d", script, WTERMSIG(status));
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return error_set(e, ERR_INTERNAL, "gnuplot: %s: %s", script, telling_line(text));
    return 0;
}
