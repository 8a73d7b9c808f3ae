#include "sweep_ranks.h"
#include "../engine/file.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A whole number of the environment, or -1. */
static int number(const char *name)
{
    const char *text = name ? getenv(name) : NULL;
    char *end;
    if (!text || !*text) return -1;
    long v = strtol(text, &end, 10);
    return *end || v < 0 || v > 1000000 ? -1 : (int)v;
}

/* Slurm's list of the tasks of each node, "4(x2),3": how many the node of that number has; -1 if it does not say. */
static int tasks_of_node(const char *list, int node)
{
    for (int nodes = 0; list && *list;) {
        char *end;
        long tasks = strtol(list, &end, 10), times = 1;
        if (!isdigit((unsigned char)*list) || tasks < 1 || tasks > 1000000) return -1;
        if (!strncmp(end, "(x", 2)) {
            list = end + 2;
            times = strtol(list, &end, 10);
            if (!isdigit((unsigned char)*list) || times < 1 || times > 1000000 || *end++ != ')') return -1;
        }
        if (*end && *end != ',') return -1;
        if (node - nodes < times) return (int)tasks;
        nodes += (int)times;
        if (nodes > 1000000) return -1;
        list = *end ? end + 1 : end;
    }
    return -1;
}

int sweep_ranks_find(struct sweep_ranks *r, struct error *e)
{
    static const struct { const char *rank, *size, *here; int nodes; } kinds[] = {     /* nodes: `here` is a list of them */
        {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", 0},
        {"PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", 0},
        {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_TASKS_PER_NODE", 1}};
    static const char *const jobs[] = {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid", "PMI_JOBID", "HYDI_CONTROL_FD", "SLURM_JOB_ID",
                                       "SLURM_STEP_ID"};
    char text[1000] = "";
    *r = (struct sweep_ranks){.size = 1, .here = 1};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && r->size == 1; i++) {
        int rank = number(kinds[i].rank), size = number(kinds[i].size), here = number(kinds[i].here);
        int node = number("SLURM_NODEID");
        if (here < 0 && kinds[i].nodes) here = tasks_of_node(getenv(kinds[i].here), node < 0 ? 0 : node);
        if (rank < 0 || size < 2) continue;
        if (rank >= size)
            return error_set(e, ERR_ENV, "%s is %d and %s %d; start the program anew through mpirun or srun", kinds[i].rank, rank,
                             kinds[i].size, size);
        *r = (struct sweep_ranks){.rank = rank, .size = size, .here = here > 0 ? here : 1};
    }
    if (r->size == 1) return 0;
    int any = 0;
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        const char *value = getenv(jobs[i]);
        size_t used = strlen(text);
        if (value) any = 1;
        snprintf(text + used, sizeof text - used, "%s=%.120s;", jobs[i], value ? value : "");
    }
    if (!any) snprintf(text, sizeof text, "parent %ld", (long)getppid());
    return sha256_bytes(text, strlen(text), r->job) ? error_memory(e, "a fingerprint") : 0;
}

static void report_path(const struct sweep_ranks *r, const struct sweep_options *o, int rank, char path[1200])
{
    snprintf(path, 1200, "%.1000s/rank-%.16s-%d.txt", o->out, r->job, rank);
}

int sweep_ranks_tell(const struct sweep_ranks *r, const struct sweep_options *o, const struct sweep_outcome *outcomes, int runs,
                     struct error *e)
{
    char path[1200];
    struct file_writer w;
    report_path(r, o, r->rank, path);
    int rc = file_begin(&w, path, e);
    if (rc) return rc;
    for (int k = r->rank; k < runs; k += r->size) fprintf(w.stream, "%d %d %s\n", k, (int)outcomes[k].state, outcomes[k].error);
    return file_commit(&w, e);
}

static int take_report(const char *path, struct sweep_outcome *outcomes, int runs, struct error *e)
{
    char *text, *at;
    size_t size;
    int rc = file_read(path, (size_t)64 << 20, &text, &size, e);
    if (rc) return rc;
    for (at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        int k, state, used = 0;
        if (sscanf(at, "%d %d %n", &k, &state, &used) < 2 || k < 0 || k >= runs || state < SWEEP_MISSING || state > SWEEP_FAILED) continue;
        outcomes[k].state = (enum sweep_state)state;
        snprintf(outcomes[k].error, sizeof outcomes[k].error, "%.*s", (int)strcspn(at + used, "\n"), at + used);
    }
    free(text);
    remove(path);
    return 0;
}

int sweep_ranks_gather(const struct sweep_ranks *r, const struct sweep_options *o, struct sweep_outcome *outcomes, int runs,
                       struct error *e)
{
    const struct timespec moment = {0, 200000000};
    int rc = 0;
    for (int rank = 1; rank < r->size && !rc; rank++) {
        char path[1200];
        report_path(r, o, rank, path);
        /* a process that dies is noticed by mpirun or srun, which ends the others */
        while (!file_exists(path)) nanosleep(&moment, NULL);
        rc = take_report(path, outcomes, runs, e);
    }
    return rc;
}
