/* Allocations of the code under test, counted, and made to fail. Programs link with
 * --wrap for malloc, calloc, realloc, strdup, strndup and free; the libraries we call
 * keep their own. */
#ifndef MLCM_TESTS_COUNTED_MEMORY_H
#define MLCM_TESTS_COUNTED_MEMORY_H

#include <stddef.h>

/* Starts counting anew. */
void memory_begin(void);
/* Since memory_begin: allocations, and the most bytes held at a time beyond those held then. */
long memory_allocations(void);
size_t memory_peak(void);
/* Bytes held now beyond those held then: 0 when everything was given back. */
long memory_held(void);
/* The n-th allocation from now on, and all that follow while `times` last, fail; n = 0: none. */
void memory_fail(long n, long times);
/* How many were made to fail since memory_fail. */
long memory_failures(void);

#endif
