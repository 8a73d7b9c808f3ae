#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int file_open_regular(const char *path, int *fd, size_t *size, struct error *e)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return error_set(e, ERR_INPUT, "%s: cannot open (%s); check the path", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return error_set(e, ERR_INPUT, "%s: is a folder where a file is expected; name a file in it", path);
    if (!S_ISREG(st.st_mode))
        return error_set(e, ERR_INPUT, "%s: is not a regular file; copy its contents to one", path);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0)
        return error_set(e, ERR_INPUT, "%s: cannot open (%s); check its permissions", path, strerror(errno));
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        return error_set(e, ERR_INPUT, "%s: changed while being opened; try again", path);
    }
    *size = (size_t)st.st_size;
    return 0;
}

/* Reads until `size` bytes or the end of the file; -1 on a read error. */
static ssize_t read_fully(int fd, char *out, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t part = size - done < (size_t)1 << 30 ? size - done : (size_t)1 << 30;
        ssize_t got = read(fd, out + done, part);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

int file_read(const char *path, size_t limit, char **out, size_t *size, struct error *e)
{
    int fd = -1;
    size_t want = 0;
    int rc = file_open_regular(path, &fd, &want, e);
    if (rc)
        return rc;
    if (want > limit) {
        close(fd);
        return error_set(e, ERR_INPUT, "%s: %zu bytes, more than the %zu allowed for this kind of file", path,
                         want, limit);
    }
    char *data = malloc(want + 1);
    if (data == NULL) {
        close(fd);
        return error_memory(e, path);
    }
    ssize_t got = read_fully(fd, data, want);
    close(fd);
    if (got < 0 || (size_t)got != want) {
        free(data);
        return error_set(e, ERR_INPUT, "%s: could not be read to its end; check the disk", path);
    }
    data[want] = '\0';
    *out = data;
    *size = want;
    return 0;
}

/* Puts where the symbolic link `path` (of `size` bytes) leads in its place, through further links. A link that leads to
 * nothing yet leads to a file to be made. */
static int follow_links(char *path, size_t size, struct error *e)
{
    char target[1024];
    for (int links = 0; links < 40; links++) {
        ssize_t n = readlink(path, target, sizeof target - 1);
        if (n < 0)                       /* no link, or nothing there */
            return 0;
        target[n] = '\0';
        char *slash = strrchr(path, '/');
        size_t folder = slash && target[0] != '/' ? (size_t)(slash + 1 - path) : 0;
        if (folder + (size_t)n >= size)
            break;
        memcpy(path + folder, target, (size_t)n + 1);
    }
    return error_set(e, ERR_USAGE, "%s: a symbolic link that leads too far or round in a circle; name a file to write", path);
}

/* Creates "PATH.tmp-<process>-<time>" exclusively; returns its descriptor. */
static int create_temporary(struct file_writer *w, const char *path, int *fd, struct error *e)
{
    memset(w, 0, sizeof *w);
    if (strlen(path) >= sizeof w->path || path[0] == '\0')
        return error_set(e, ERR_USAGE, "%.80s…: path is empty or longer than %zu bytes; use a shorter one",
                         path, sizeof w->path - 1);
    snprintf(w->path, sizeof w->path, "%s", path);
    struct stat st;
    int rc = follow_links(w->path, sizeof w->path, e);
    if (rc) {
        w->path[0] = '\0';
        return rc;
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        w->path[0] = '\0';
        return error_set(e, ERR_USAGE, "%s: is a folder; name a file to write", path);
    }
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {      /* a rename would take the place of a device or pipe */
        w->path[0] = '\0';
        return error_set(e, ERR_USAGE, "%s: is a device or pipe; name a file to write", path);
    }
    for (int attempt = 0; attempt < 100; attempt++) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(w->temporary, sizeof w->temporary, "%s.tmp-%ld-%lx", w->path, (long)getpid(),
                 (unsigned long)now.tv_nsec + (unsigned long)attempt);
        *fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (*fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    int why = errno;
    w->temporary[0] = '\0';
    return error_set(e, ERR_ENV, "%s: cannot write (%s); check that its folder exists and is writable", path,
                     strerror(why));
}

int file_begin(struct file_writer *w, const char *path, struct error *e)
{
    int fd = -1;
    int rc = create_temporary(w, path, &fd, e);
    if (rc)
        return rc;
    w->stream = fdopen(fd, "wb");
    if (w->stream == NULL) {
        close(fd);
        file_abandon(w);
        return error_memory(e, path);
    }
    return 0;
}

int file_begin_name(struct file_writer *w, const char *path, struct error *e)
{
    int fd = -1;
    int rc = create_temporary(w, path, &fd, e);
    if (rc == 0)
        close(fd);
    return rc;
}

/* Makes a rename durable; failure here costs durability, not correctness. */
static void sync_folder_of(const char *path)
{
    char folder[1024];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        slash[slash == folder] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

int file_commit(struct file_writer *w, struct error *e)
{
    int bad = 0;
    if (w->temporary[0] == '\0')
        return error_set(e, ERR_INTERNAL, "%s: commit without begin", w->path);
    if (w->stream) {
        bad = fflush(w->stream) != 0 || ferror(w->stream) || fsync(fileno(w->stream)) != 0;
        bad |= fclose(w->stream) != 0;
        w->stream = NULL;
    } else {
        int fd = open(w->temporary, O_RDONLY | O_CLOEXEC);
        bad = fd < 0 || fsync(fd) != 0;
        if (fd >= 0)
            close(fd);
    }
    int why = errno;
    if (!bad && rename(w->temporary, w->path) != 0) {
        why = errno;
        bad = 1;
    }
    if (bad) {
        file_abandon(w);
        return error_set(e, ERR_ENV, "%s: writing failed (%s); check the space on the disk", w->path,
                         strerror(why));
    }
    w->temporary[0] = '\0';
    sync_folder_of(w->path);
    return 0;
}

void file_abandon(struct file_writer *w)
{
    if (w->stream)
        fclose(w->stream);
    w->stream = NULL;
    if (w->temporary[0])
        unlink(w->temporary);
    w->temporary[0] = '\0';
}

int file_write(const char *path, const void *data, size_t size, struct error *e)
{
    struct file_writer w;
    int rc = file_begin(&w, path, e);
    if (rc)
        return rc;
    if (size > 0 && fwrite(data, 1, size, w.stream) != size) {
        int why = errno;
        file_abandon(&w);
        return error_set(e, ERR_ENV, "%s: writing failed (%s); check the space on the disk", path,
                         strerror(why));
    }
    return file_commit(&w, e);
}

int file_has_ending(const char *path, const char *ending)
{
    size_t n = strlen(path), k = strlen(ending);
    return n > k && !strcmp(path + n - k, ending);
}

/* Whether the descriptor's file is still the one of that name: who held the lock before may have removed it. */
static int still_named(int fd, const char *path)
{
    struct stat mine, named;
    return !fstat(fd, &mine) && !stat(path, &named) && mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

int file_lock(struct file_lock *l, const char *path, int wait, struct error *e)
{
    l->fd = -1;
    if ((size_t)snprintf(l->path, sizeof l->path, "%s", path) >= sizeof l->path)
        return error_set(e, ERR_USAGE, "%.60s…: the path is too long", path);
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666), rc;
        if (fd < 0)
            return error_set(e, ERR_ENV, "%s: cannot be made (%s); choose another folder", path, strerror(errno));
        do
            rc = flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
        while (rc && errno == EINTR);
        if (rc && errno == EWOULDBLOCK) {
            close(fd);
            return -1;
        }
        if (rc || still_named(fd, path)) {
            l->fd = fd;
            return 0;
        }
        close(fd);
    }
}

void file_unlock(struct file_lock *l)
{
    if (l->fd < 0)
        return;
    unlink(l->path);
    close(l->fd);
    l->fd = -1;
}

int file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

int64_t file_size(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return -1;
    return (int64_t)st.st_size;
}

int file_make_folder(const char *path, struct error *e)
{
    char part[1024];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return error_set(e, ERR_USAGE, "%.80s…: folder name is empty or longer than %zu bytes", path,
                         sizeof part - 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        struct stat st;
        int made = mkdir(part, 0777) == 0, why = errno;
        if (!made && stat(part, &st) == 0 && !S_ISDIR(st.st_mode))
            return error_set(e, ERR_ENV, "%s: is a file where a folder is to be; name another folder, or move the file away", part);
        if (!made && why != EEXIST)
            return error_set(e, ERR_ENV, "%s: cannot make the folder (%s); check %s", part, strerror(why),
                             why == ENOSPC || why == EDQUOT ? "the space on the disk" : "the permissions of the one that it is in");
    }
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return error_set(e, ERR_ENV, "%s: exists and is not a folder; choose another name", path);
    return 0;
}

/* The end of the k-th part of a path and further slashes: "a", "a/b"; the whole path's length after the last. */
static size_t next_part(const char *path, size_t at)
{
    while (path[at] == '/')
        at++;
    while (path[at] && path[at] != '/')
        at++;
    return at;
}

size_t file_folders_there(const char *path)
{
    char part[1024];
    size_t there = 0;
    for (size_t end = next_part(path, 0); end < sizeof part; end = next_part(path, end)) {
        struct stat st;
        memcpy(part, path, end);
        part[end] = '\0';
        if (stat(part, &st) != 0 || !S_ISDIR(st.st_mode))
            break;
        there = end;
        if (!path[end])
            break;
    }
    return there;
}

void file_remove_empty(const char *path, size_t there)
{
    char part[1024];
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return;
    for (size_t end = strlen(part); end > there; end--) {
        if (part[end] == '/')
            part[end] = '\0';
        else if (part[end])
            continue;
        if (part[end - 1] != '/' && rmdir(part) != 0 && errno != ENOENT)
            return;
    }
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(const char *folder, char ***names, int *count, struct error *e)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return error_set(e, ERR_INPUT, "%s: cannot list the folder (%s); check the path", folder,
                         strerror(errno));
    char **list = NULL;
    int n = 0, capacity = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        if (n == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            char **grown = realloc(list, (size_t)capacity * sizeof *grown);
            if (grown == NULL)
                goto memory;
            list = grown;
        }
        if ((list[n] = strdup(entry->d_name)) == NULL)
            goto memory;
        n++;
    }
    closedir(dir);
    if (n > 1)
        qsort(list, (size_t)n, sizeof *list, by_bytes);
    *names = list;
    *count = n;
    return 0;
memory:
    closedir(dir);
    file_list_free(list, n);
    return error_memory(e, folder);
}

void file_list_free(char **names, int count)
{
    for (int i = 0; names && i < count; i++)
        free(names[i]);
    free(names);
}

/* ---- SHA-256 ---- */

struct sha256 {
    EVP_MD_CTX *context; /* NULL after a failure; the text is then all zeros */
};

struct sha256 *sha256_new(void)
{
    struct sha256 *h = calloc(1, sizeof *h);
    if (h == NULL)
        return NULL;
    h->context = EVP_MD_CTX_new();
    if (h->context == NULL || EVP_DigestInit_ex(h->context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(h->context);
        free(h);
        return NULL;
    }
    return h;
}

void sha256_add(struct sha256 *h, const void *data, size_t size)
{
    if (h && h->context && size > 0 && EVP_DigestUpdate(h->context, data, size) != 1) {
        EVP_MD_CTX_free(h->context);
        h->context = NULL;
    }
}

int sha256_text(struct sha256 *h, char hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    unsigned int size = 0;
    int done = h && h->context && EVP_DigestFinal_ex(h->context, digest, &size) == 1;
    if (!done)
        memset(digest, 0, sizeof digest);
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (h)
        EVP_MD_CTX_free(h->context);
    free(h);
    return done ? 0 : ERR_INTERNAL;
}

int sha256_bytes(const void *data, size_t size, char hex[65])
{
    struct sha256 *h = sha256_new();
    sha256_add(h, data, size);
    return sha256_text(h, hex);
}

int sha256_file(const char *path, char hex[65], struct error *e)
{
    int fd = -1;
    size_t size = 0;
    int rc = file_open_regular(path, &fd, &size, e);
    if (rc)
        return rc;
    enum { PART = 1 << 16 };
    char *part = malloc(PART);
    struct sha256 *h = sha256_new();
    if (part == NULL || h == NULL) {
        free(part);
        if (h)
            sha256_text(h, hex);
        close(fd);
        return error_memory(e, path);
    }
    ssize_t got;
    while ((got = read_fully(fd, part, PART)) > 0)
        sha256_add(h, part, (size_t)got);
    rc = sha256_text(h, hex);
    free(part);
    close(fd);
    if (rc)
        return error_memory(e, path);
    if (got < 0)
        return error_set(e, ERR_INPUT, "%s: could not be read to its end; check the disk", path);
    return 0;
}
