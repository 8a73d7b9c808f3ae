#include "host.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The value of the first "model name" line of /proc/cpuinfo. */
static void cpu_name(char *name, size_t size)
{
    snprintf(name, size, "unknown");
    FILE *f = fopen("/proc/cpuinfo", "r");
    if (!f)
        return;
    char line[512];
    while (fgets(line, sizeof line, f)) {
        char *value = strchr(line, ':');
        if (strncmp(line, "model name", 10) || !value)
            continue;
        value += 1 + strspn(value + 1, " \t");
        value[strcspn(value, "\n")] = 0;
        for (char *c = value; *c; c++)
            if (*c < ' ' || *c > '~')
                *c = '?';
        if (*value)
            snprintf(name, size, "%.*s", (int)size - 1, value);
        break;
    }
    fclose(f);
}

void host_describe(struct host *h)
{
    memset(h, 0, sizeof *h);
    cpu_name(h->cpu, sizeof h->cpu);
    struct utsname u;
    if (uname(&u) == 0)
        snprintf(h->system, sizeof h->system, "%.40s %.50s %.30s", u.sysname, u.release, u.machine);
    else
        snprintf(h->system, sizeof h->system, "unknown");
    h->threads = (int)sysconf(_SC_NPROCESSORS_ONLN);
    h->threads_used = omp_get_max_threads();
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        h->memory_gib = (double)pages * (double)page / (1024.0 * 1024 * 1024);
    snprintf(h->gpu, sizeof h->gpu, "none");
}
