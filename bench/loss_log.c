#include "loss_log.h"
#include "../engine/file.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The k-th field of the row at `line`, as a number; 0 if it is none. */
static double field_of(const char *line, const char *end, int k)
{
    while (k-- > 0 && line && line < end) {
        line = memchr(line, ',', (size_t)(end - line));
        if (line) line++;
    }
    return line && line < end ? strtod(line, NULL) : 0;
}

int loss_log_open(const char *path, const char *header, int64_t step, int field, FILE **log, double *seconds, struct error *e)
{
    struct file_writer w;
    char *old = NULL;
    size_t size = 0;
    *log = NULL;
    *seconds = 0;
    int rc = step > 0 && file_exists(path) ? file_read(path, (size_t)64 << 20, &old, &size, e) : 0;
    if (!rc) rc = file_begin(&w, path, e);
    if (rc) {
        free(old);
        return rc;
    }
    fprintf(w.stream, "%s\n", header);
    const char *line = old ? strchr(old, '\n') : NULL;
    for (line = line ? line + 1 : NULL; line && *line;) {
        const char *end = strchr(line, '\n');
        if (!end || strtoll(line, NULL, 10) > step) break;
        fwrite(line, 1, (size_t)(end + 1 - line), w.stream);
        *seconds = field_of(line, end, field);
        line = end + 1;
    }
    free(old);
    rc = file_commit(&w, e);
    if (rc) return rc;
    *log = fopen(path, "a");
    return *log ? 0 : error_set(e, ERR_ENV, "%s: cannot be written (%s); choose another folder", path, strerror(errno));
}

static int not_written(const char *path, struct error *e)
{
    return error_set(e, ERR_ENV, "%s: rows of the log could not be written (%s); check the space on the disk", path, strerror(errno));
}

int loss_log_flush(FILE *log, const char *path, struct error *e)
{
    return fflush(log) || ferror(log) ? not_written(path, e) : 0;
}

int loss_log_close(FILE *log, const char *path, struct error *e)
{
    if (!log) return 0;
    int bad = ferror(log);
    bad |= fclose(log) != 0;
    return bad ? not_written(path, e) : 0;
}
