#include "mapping.h"
#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const size_t give_back_after = (size_t)1 << 20;

int mapping_open(struct mapping *m, const char *path, size_t limit, struct error *e)
{
    struct stat st;
    *m = (struct mapping){.fd = -1};
    int rc = file_open_regular(path, &m->fd, &m->size, e);
    if (rc) {
        m->fd = -1;
        return rc;
    }
    if (m->size > limit)
        rc = error_set(e, ERR_INPUT, "%s: %zu bytes, more than the %zu allowed for this kind of file", path, m->size,
                       limit);
    else if (fstat(m->fd, &st) != 0 || (size_t)st.st_size != m->size)
        rc = error_set(e, ERR_INPUT, "%s: changed while being opened; try again", path);
    if (rc == 0 && m->size > 0) {
        void *data = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, m->fd, 0);
        if (data == MAP_FAILED)
            rc = error_set(e, ERR_ENV, "%s: cannot be mapped (%s); check the memory limits", path, strerror(errno));
        else
            m->data = data;
    }
    if (rc)
        mapping_close(m);
    else
        m->changed = st.st_mtim;
    return rc;
}

void mapping_close(struct mapping *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->size);
    if (m->fd >= 0)
        close(m->fd);
    *m = (struct mapping){.fd = -1};
}

int mapping_unchanged(const struct mapping *m, const char *path, struct error *e)
{
    struct stat st;
    if (fstat(m->fd, &st) == 0 && (size_t)st.st_size == m->size && st.st_mtim.tv_sec == m->changed.tv_sec &&
        st.st_mtim.tv_nsec == m->changed.tv_nsec)
        return 0;
    return error_set(e, ERR_INPUT, "%s: changed while being read; replace files by renaming, then try again", path);
}

void mapping_give_back(struct mapping *m)
{
    if (m->data)
        (void)madvise((void *)(uintptr_t)m->data, m->size, MADV_DONTNEED); /* a failure costs memory alone */
    m->touched = 0;
}

void mapping_touched(struct mapping *m, size_t bytes)
{
    m->touched += bytes;
    if (m->touched >= give_back_after)
        mapping_give_back(m);
}

int mapping_sha256(const struct mapping *m, const char *path, char hex[65], struct error *e)
{
    enum { PART = 1 << 18 };
    char *part = malloc(PART);
    struct sha256 *h = sha256_new();
    size_t at = 0;
    int rc = part && h ? 0 : error_memory(e, path);
    while (rc == 0 && at < m->size) {
        ssize_t got = pread(m->fd, part, m->size - at < PART ? m->size - at : PART, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            rc = error_set(e, ERR_INPUT, "%s: could not be read to its end; check the disk", path);
            break;
        }
        sha256_add(h, part, (size_t)got);
        at += (size_t)got;
    }
    if (h && sha256_text(h, hex) && rc == 0)
        rc = error_memory(e, path);
    free(part);
    return rc ? rc : mapping_unchanged(m, path, e);
}
