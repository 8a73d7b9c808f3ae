#include "sweep_slurm.h"
#include "../engine/file.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A word of a shell, whatever it holds. */
static void put_word(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++)
        if (*text == '\'') fputs("'\\''", out);
        else fputc(*text, out);
    fputc('\'', out);
}

/* Directives are no shell: names there keep to plain characters. */
static void plain_name(const char *name, char out[80])
{
    size_t i = 0;
    for (; name[i] && i < 79; i++) out[i] = isalnum((unsigned char)name[i]) || strchr("_-.", name[i]) ? name[i] : '_';
    out[i] = 0;
}

static int write_script(const struct sweep *s, const struct sweep_options *o, const char *path, int cells, struct error *e)
{
    char program[1024], name[80];
    struct file_writer w;
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) return error_set(e, ERR_INTERNAL, "/proc/self/exe: cannot be read; is /proc there?");
    program[n] = 0;
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    plain_name(s->name, name);
    fprintf(w.stream, "#!/bin/sh\n# %s: written by mlcm sweep --slurm\n", cells ? "a task a cell" : "the table, once the cells have ended");
    fprintf(w.stream, "#SBATCH --job-name=%s%s\n", name, cells ? "" : "_table");
    if (cells) {
        fprintf(w.stream, "#SBATCH --array=0-%d", s->cell_count - 1);
        if (o->jobs > 1) fprintf(w.stream, "%%%d", o->jobs);
        fputc('\n', w.stream);
    }
    fprintf(w.stream, "#SBATCH --ntasks=1\n#SBATCH --cpus-per-task=%d\n", cells && o->threads ? o->threads : 1);
    /* relative to the folder that the job was submitted from */
    fprintf(w.stream, "#SBATCH --output=%s\nexport OMP_WAIT_POLICY=passive\nexec ", cells ? "slurm-%x-%a.txt" : "slurm-%x.txt");
    put_word(w.stream, program);
    fputs(" sweep --config ", w.stream);
    put_word(w.stream, o->config);
    fputs(" --cache ", w.stream);
    put_word(w.stream, o->cache);
    fputs(" --out ", w.stream);
    put_word(w.stream, o->out);
    if (o->limit) fprintf(w.stream, " --limit %d", o->limit);
    if (o->device.device) fprintf(w.stream, " --device %s", o->device.device);
    if (o->device.math) fprintf(w.stream, " --gpu-math %s", o->device.math);
    if (cells) fprintf(w.stream, " --threads %d --jobs 1 --cell \"$SLURM_ARRAY_TASK_ID\"\n", o->threads ? o->threads : 1);
    else fputs(" --collect\n", w.stream);
    return file_commit(&w, e);
}

/* Runs sbatch with the words and takes the first word that it prints: the job's number. */
static int submit(const char *const *words, char job[64], struct error *e)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return error_set(e, ERR_INTERNAL, "sbatch: no pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        if (dup2(ends[1], STDOUT_FILENO) < 0) _exit(126);
        execvp(words[0], (char *const *)words);
        _exit(127);
    }
    close(ends[1]);
    size_t used = 0;
    for (ssize_t n; child > 0 && used < 63 && (n = read(ends[0], job + used, 63 - used)) != 0;) {
        if (n > 0) used += (size_t)n;
        else if (errno != EINTR) break;
    }
    job[used] = 0;
    close(ends[0]);
    if (child < 0) return error_set(e, ERR_ENV, "sbatch: no process: %s", strerror(errno));
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return error_set(e, ERR_INTERNAL, "sbatch: lost: %s", strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return error_set(e, ERR_ENV, "sbatch is not installed here; submit on a machine of the cluster, or use --dry-run");
    job[strspn(job, "0123456789")] = 0;        /* "1234;cluster" */
    if (!WIFEXITED(status) || WEXITSTATUS(status) || !job[0])
        return error_set(e, ERR_ENV, "sbatch refused the job; its complaint is above");
    return 0;
}

int sweep_slurm(const struct sweep *s, const struct sweep_options *o, int dry, struct error *e)
{
    char cells[1100], table[1100], job[64] = "", after[100], second[64] = "";
    if (strchr(o->config, '\n') || strchr(o->out, '\n') || strchr(o->cache, '\n'))
        return error_set(e, ERR_USAGE, "a path with a line break cannot go into a job's script; rename it");
    snprintf(cells, sizeof cells, "%.1000s/cells.sbatch", o->out);
    snprintf(table, sizeof table, "%.1000s/table.sbatch", o->out);
    int rc = file_make_folder(o->out, e);
    if (!rc) rc = write_script(s, o, cells, 1, e);
    if (!rc) rc = write_script(s, o, table, 0, e);
    if (rc) return rc;
    if (dry) {
        printf("sbatch --parsable %s\nsbatch --parsable --dependency=afterany:JOB %s\n", cells, table);
        return 0;
    }
    const char *const first_words[] = {"sbatch", "--parsable", cells, NULL};
    rc = submit(first_words, job, e);
    if (rc) return rc;
    snprintf(after, sizeof after, "--dependency=afterany:%s", job);
    const char *const second_words[] = {"sbatch", "--parsable", after, table, NULL};
    rc = submit(second_words, second, e);
    if (rc) return error_prefix(e, "the cells are job %s, the table's job was not taken", job);
    printf("job %s: %d cells, a task each (%s)\njob %s: the table, after them (%s)\n", job, s->cell_count, cells, second, table);
    return 0;
}
