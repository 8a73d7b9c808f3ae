#include "counted_memory.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void __wrap_free(void *p);

/* One count for the program: the readers under test run on one thread. */
static struct {
    long allocations, until, times, failures;
    ptrdiff_t held, peak;
} memory;

void memory_begin(void)
{
    memory.allocations = 0;
    memory.held = memory.peak = 0;
}

long memory_allocations(void) { return memory.allocations; }
long memory_held(void) { return (long)memory.held; }
size_t memory_peak(void) { return (size_t)memory.peak; }
long memory_failures(void) { return memory.failures; }

void memory_fail(long n, long times)
{
    memory.until = n;
    memory.times = times;
    memory.failures = 0;
}

static int fails(void)
{
    memory.allocations++;
    if (memory.until == 0 || --memory.until > 0) return 0;
    memory.failures++;
    memory.until = memory.failures < memory.times;
    return 1;
}

static void *took(void *p)
{
    if (p) memory.held += (ptrdiff_t)malloc_usable_size(p);
    if (memory.held > memory.peak) memory.peak = memory.held;
    return p;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : took(__real_malloc(size)); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : took(__real_calloc(count, size)); }

void *__wrap_realloc(void *old, size_t size)
{
    if (fails()) return NULL;
    size_t before = old ? malloc_usable_size(old) : 0;
    void *p = __real_realloc(old, size);
    if (p) memory.held -= (ptrdiff_t)before;
    return took(p);
}

char *__wrap_strndup(const char *text, size_t size)
{
    size_t n = strnlen(text, size);
    char *copy = __wrap_malloc(n + 1);
    if (copy) {
        memcpy(copy, text, n);
        copy[n] = 0;
    }
    return copy;
}

char *__wrap_strdup(const char *text) { return __wrap_strndup(text, strlen(text)); }

void __wrap_free(void *p)
{
    if (p) memory.held -= (ptrdiff_t)malloc_usable_size(p);
    __real_free(p);
}
